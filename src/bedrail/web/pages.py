"""The read-only page of the house: use cases, gates, candidates, evidence, alarms and the ledger's head.

It shows nothing about patients and takes no input but its address; scripts are forbidden by its own policy.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.core.errors import BedrailError, NotFound
from bedrail.core.ports import Head
from bedrail.governance.gate import Closed, Gate, judge
from bedrail.governance.policy import Policy
from bedrail.governance.stages import STAGES
from bedrail.governance.values import AlarmView, CandidateView, EvidenceView, UseCaseView
from bedrail.governance.views import Registry
from bedrail.journeys.context import Context

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
KEPT_SECONDS = 1.0
"""The first page is worked out once for all who look within as long."""
MOST_CANDIDATES = 20
MOST_ALARMS = 50
"""The first page shows the latest; the commands have them all."""

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\Z")
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json", ".md": "text/plain; charset=utf-8"}


class House(Protocol):
    """What the pages ask for; nothing of it is about a single patient."""

    @property
    def origin(self) -> str:
        """The ledger's name."""
        ...

    def registry(self) -> Registry:
        """The registry, fresh."""
        ...

    def policy(self) -> Policy | None:
        """The policy in force, or None when it cannot be read."""
        ...

    def head(self) -> Head:
        """The ledger's head."""
        ...

    def counts(self, use_case: str) -> Mapping[str, int]:
        """Decisions, responses and outcomes of a use case, counted."""
        ...

    def now(self) -> datetime:
        """The present moment."""
        ...

    def reports(self, use_case: str) -> Sequence[str]:
        """File names of the use case's reports, sorted."""
        ...

    def report(self, use_case: str, name: str) -> bytes:
        """One report; raises `NotFound`."""
        ...


class ContextHouse:
    """The `House` behind a context; it folds a registry of its own."""

    __slots__ = ("_ctx", "_registry", "origin")

    def __init__(self, ctx: Context, origin: str) -> None:
        self._ctx = ctx
        self._registry = Registry()
        self.origin = origin

    def registry(self) -> Registry:
        """Folded up to the last committed fact."""
        from bedrail.core.events import decode

        for index, data in self._ctx.tape.registry_entries(self._registry.seen):
            self._registry.apply(index, decode(data))
        return self._registry

    def policy(self) -> Policy | None:
        """Parsed from its artifact."""
        from bedrail.governance.policy import parse_policy

        try:
            return parse_policy(self._ctx.artifacts.get(self.registry().policy).decode())
        except BedrailError:
            return None

    def head(self) -> Head:
        """As the tape has it."""
        return self._ctx.tape.head()

    def counts(self, use_case: str) -> Mapping[str, int]:
        """From the SQL views."""
        return self._ctx.views.counts(use_case)

    def now(self) -> datetime:
        """By the context's clock."""
        return self._ctx.clock.now()

    def reports(self, use_case: str) -> Sequence[str]:
        """What lies in HOME/reports/USE_CASE."""
        folder = self._ctx.home / "reports" / use_case
        names = (path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else ()
        return sorted(name for name in names if _NAME.match(name) and _suffix(name) in _TYPES)

    def report(self, use_case: str, name: str) -> bytes:
        """Only names that `reports` lists can be read."""
        if use_case not in self.registry().use_cases or name not in self.reports(use_case):
            raise NotFound("there is no such report.", path="url", remedy="The first page lists what there is.")
        return (self._ctx.home / "reports" / use_case / name).read_bytes()


@dataclass(frozen=True, slots=True)
class GateLine:
    """One stage's gate for the candidate admitted last."""

    stage: str
    open: bool
    until: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CasePage:
    """What the page shows of one use case: the latest, and how many earlier ones it leaves out."""

    view: UseCaseView
    candidates: tuple[CandidateView, ...]
    evidence: tuple[EvidenceView, ...]
    alarms: tuple[AlarmView, ...]
    gates: tuple[GateLine, ...]
    counts: Mapping[str, int]
    reports: Sequence[str]


def routes(house: House) -> list[Route]:
    """The pages' routes."""

    first = _Front(house)

    async def front(_: Request) -> Response:
        return Response(await first.page(), 200, HEADERS, _TYPES[".html"])

    async def catalogue(_: Request) -> Response:
        async with first.turn:
            html = await asyncio.to_thread(_catalogue_html, house)
        return Response(html, 200, HEADERS, _TYPES[".html"])

    async def report(request: Request) -> Response:
        name = request.path_params["name"]
        async with first.turn:
            data = await asyncio.to_thread(house.report, request.path_params["use_case"], name)
        return Response(data, 200, HEADERS, _TYPES[_suffix(name)])

    return [
        Route("/", front),
        Route("/catalogue", catalogue),
        Route("/reports/{use_case}/{name}", report),
    ]


class _Front:
    """The first page, worked out off the loop, which has decisions to answer.

    Whoever asks the house has the `turn`: its registry is folded and read by one thread at a time.
    """

    __slots__ = ("_house", "_html", "_made_at", "turn")

    def __init__(self, house: House) -> None:
        self._house = house
        self._html = ""
        self._made_at = float("-inf")
        self.turn = asyncio.Lock()

    async def page(self) -> str:
        """At most `KEPT_SECONDS` old."""
        loop = asyncio.get_running_loop()
        async with self.turn:
            if loop.time() - self._made_at >= KEPT_SECONDS:
                self._html = await asyncio.to_thread(_front_html, self._house)
                self._made_at = loop.time()
            return self._html


def _front_html(house: House) -> str:
    cases = [case_page(house, view) for view in house.registry().use_cases.values()]
    head = house.head()
    root = head.checkpoint.decode("utf-8", "replace").split("\n")[2:3]
    page = _templates().get_template("house.html")
    return page.render(origin=house.origin, cases=cases, size=head.size, root="".join(root), head=head)


def _catalogue_html(house: House) -> str:
    assets = list(house.registry().catalogue.assets.values())
    return _templates().get_template("catalogue.html").render(origin=house.origin, assets=assets)


def case_page(house: House, view: UseCaseView) -> CasePage:
    """Everything about one use case, its gates judged now."""
    policy = house.policy()
    gates: tuple[GateLine, ...] = ()
    if policy is not None:
        gates = tuple(_line(judge(policy, house.registry(), view.id, None, stage, house.now())) for stage in STAGES)
    candidates = _latest(view)
    shown = {candidate.candidate for candidate in candidates}
    evidence = (each for each in view.evidence.values() if not each.candidate or each.candidate in shown)
    return CasePage(
        view,
        candidates,
        tuple(sorted(evidence, key=lambda each: each.verdict == "pass")),
        tuple(reversed(view.alarms[-MOST_ALARMS:])),
        gates,
        house.counts(view.id),
        house.reports(view.id),
    )


def _latest(view: UseCaseView) -> tuple[CandidateView, ...]:
    """The one that serves, and those admitted last."""
    latest = list(view.candidates.values())[-MOST_CANDIDATES:]
    serving = view.candidates.get(view.deployment.candidate) if view.deployment else None
    return tuple(latest if serving is None or serving in latest else [serving, *latest])


def _line(gate: Gate) -> GateLine:
    if isinstance(gate, Closed):
        return GateLine(gate.stage, False, "", tuple(f"{each.message} ({each.who})" for each in gate.reasons))
    return GateLine(gate.stage, True, gate.until, ())


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2].lower()


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("bedrail.web"), autoescape=True, undefined=StrictUndefined)
