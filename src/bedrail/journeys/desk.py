"""The bedside's desk: the ports of one process, and the one way in which it seals and appends."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events import Actor, Entry, Fact, encode
from bedrail.core.ports import Clock, Draft, Ids, Pseudonyms, Records, SealedRecord, Vault
from bedrail.core.queries import Decisions
from bedrail.governance.values import TokenView
from bedrail.governance.views import Registry
from bedrail.journeys.serving import Serving
from bedrail.ledger.append import Receipt

CARE = "care"
SYSTEM = Actor(auth="internal", id="bedrail", kind="system")
VENDOR_THREADS = 8


@dataclass(slots=True)
class Desk:
    """Every outside thing the bedside needs, as a port.

    `commit` makes one draft durable (`GroupCommit.commit`, or a plain ledger wrapped); `serving` holds the registry
    and the loaded models; `node` names this process in the ledger. `tally` counts replies by use case, kind and
    guard, for the metrics.
    """

    clock: Clock
    ids: Ids
    vault: Vault
    pseudonyms: Pseudonyms
    serving: Serving
    views: Decisions
    records: Records
    commit: Callable[[Draft], Awaitable[Receipt]]
    node: str
    tally: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _vendors: Executor | None = None

    @property
    def registry(self) -> Registry:
        """The registry as of the last refresh."""
        return self.serving.registry

    def admit(self, token: str, use_case: str | None = None) -> TokenView:
        """The live token, good for `use_case` when one is named.

        Raises `Refused` (first reason `token` when it opens nothing, `scope` when it opens another use case) and
        `NotFound` for an unknown use case; the token is looked at first, so strangers learn nothing.
        """
        view = self.registry.tokens.get(hashlib.sha256(token.encode()).hexdigest()) if token else None
        if view is None:
            raise Refused(
                "the token is not known here.", remedy="Ask for one: bedrail token issue.", reasons=("token",)
            )
        if self.clock.now().timestamp() >= view.expires_epoch:
            raise Refused("the token has expired.", remedy="Ask for a new one.", reasons=("token",))
        if use_case is not None and view.use_case != use_case:
            if use_case not in self.registry.use_cases:
                raise NotFound(
                    "there is no such use case.", path="use_case", remedy=f"This token is for {view.use_case}."
                )
            raise Refused(
                "the token is for another use case.", remedy=f"It is for {view.use_case}.", reasons=("scope",)
            )
        return view

    async def append(
        self, actor: Actor, fact: Fact, *, purpose: str = CARE, record: SealedRecord | None = None, entry: str = ""
    ) -> Receipt:
        """Make one fact durable, with its sealed record in the same commit; raises `Unavailable`."""
        return await self.commit(self.draft(actor, fact, self.clock.now(), purpose, record, entry))

    def draft(
        self, actor: Actor, fact: Fact, now: datetime, purpose: str, record: SealedRecord | None, entry: str = ""
    ) -> Draft:
        """The ledger entry of a fact, ready to append."""
        made = Entry(
            actor=actor,
            at=now.isoformat() if now.microsecond else now.isoformat(timespec="microseconds"),
            fact=fact,
            id=entry or self.ids.new(),
            node=self.node,
            purpose=purpose,
        )
        return Draft(entry=made, data=encode(made), records=() if record is None else (record,))

    def seal(self, record_id: str, subject: str, kind: str, plaintext: bytes) -> tuple[SealedRecord, str]:
        """The sealed record, and the SHA-256 of its ciphertext that the fact carries; raises `Unavailable`."""
        sealed = self.vault.seal(record_id=record_id, subject=subject, kind=kind, purpose=CARE, plaintext=plaintext)
        return sealed, hashlib.sha256(sealed.ciphertext).hexdigest()

    def vendors(self) -> Executor:
        """Threads that wait for remote models, apart from all others: a hanging vendor stops nobody else."""
        if self._vendors is None:
            self._vendors = ThreadPoolExecutor(VENDOR_THREADS, thread_name_prefix="bedrail-vendor")
        return self._vendors

    def close(self) -> None:
        """Let go of the vendor threads."""
        if self._vendors is not None:
            self._vendors.shutdown(wait=False, cancel_futures=True)
            self._vendors = None
