"""Standing the bedside up: from the desk at which all journeys work to the one that answers requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from threading import Lock

from bedrail.core.events import decode
from bedrail.core.ports import Draft
from bedrail.governance.usecase import Charter, parse_charter
from bedrail.governance.views import Registry
from bedrail.journeys.bedside import Bedside
from bedrail.journeys.context import Context
from bedrail.journeys.packages import check_signature, open_files
from bedrail.journeys.serving import Serving
from bedrail.journeys.watchman import Watchman
from bedrail.ledger.append import Receipt
from bedrail.models.predict import LoadedModel


def stand(
    ctx: Context, commit: Callable[[Draft], Awaitable[Receipt]], changed: Callable[[], object], *, node: str = ""
) -> Bedside:
    """A bedside over this context's ports, with a registry of its own that it follows by itself.

    `commit` is the group commit of this process; `changed` a cheap probe for commits by anybody
    (`SqliteStore.data_version`).
    """
    serving = Serving(
        tape=ctx.tape,
        registry=Registry(),
        changed=changed,
        load_charter=lambda digest: _charter(ctx, digest),
        load_model=_Models(ctx).load,
        monotonic=ctx.clock.monotonic,
    )
    bedside = Bedside(
        clock=ctx.clock,
        ids=ctx.ids,
        vault=ctx.vault,
        pseudonyms=ctx.pseudonyms,
        serving=serving,
        views=ctx.views,
        records=ctx.records,
        commit=commit,
        node=node or ctx.node,
    )
    serving.refused = bedside.refused
    serving.wall = lambda: ctx.clock.now().timestamp()
    serving.watchman = Watchman(ctx.stops, lambda actor, fact: bedside.append(actor, fact, purpose="safety"))
    return bedside


def _charter(ctx: Context, digest: str) -> Charter:
    return parse_charter(ctx.artifacts.get(digest).decode())


class _Models:
    """Loads candidates: every byte against the manifest, the manifest's digest against the signature over it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._registry = Registry()
        self._one_at_a_time = Lock()

    def load(self, candidate: str) -> LoadedModel:
        """Raises `Corrupt` for anything but the admitted bytes, `Refused` or `Unavailable` when there are none."""
        ctx = self._ctx
        with self._one_at_a_time:
            for index, data in ctx.tape.registry_entries(self._registry.seen):
                self._registry.apply(index, decode(data))
            check_signature(ctx, self._registry, candidate)
            return open_files(ctx, ctx.artifacts.read_tree(candidate))
