"""What the bedside holds in memory between requests: the registry as of a moment ago, and the models ready to answer.

A running server follows the ledger: whatever another process appended (a halt, a new stage, a revoked token, an
opt-out) is in force here within the refresh interval, without a restart and without a file to reload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bedrail.core.errors import BedrailError, Corrupt, Unavailable
from bedrail.core.events import decode
from bedrail.core.ports import Tape
from bedrail.decisions.pace import Turnstile, following
from bedrail.decisions.request import Intake
from bedrail.decisions.values import Terms
from bedrail.governance.usecase import Charter
from bedrail.governance.views import Registry, UseCaseView
from bedrail.journeys.watchman import Watchman
from bedrail.models.contract import Encoder
from bedrail.models.predict import LoadedModel

REFRESH_SECONDS = 0.05
RETRY_SECONDS = 2.0
LATE_SECONDS = 2 * REFRESH_SECONDS
"""A look as old as this is late: the next request looks first."""

STALE_SECONDS = 1.0
"""Whoever has not seen the ledger for as long does not know of a halt: nothing is answered."""

CLOCK_SECONDS = 60.0
"""Set back further than this, a clock can no longer tell whether an approval or a token has run out."""

CLOCK_BACK = "The clock was set back."
LOADING = "The model is being loaded."
REFUSED = "The stored model is not the approved one."
OUT = "The model cannot be loaded."


@dataclass(slots=True)
class Ready:
    """One candidate's place at the bedside: loading, ready to answer, or at fault.

    A model that took too much of a time budget is asked in a thread, where it can be given up on: for as many quick
    answers as `slow` says.
    """

    fault: str = LOADING
    model: LoadedModel | None = None
    intake: Intake | None = None
    encoder: Encoder | None = None
    remote: bool = False
    slow: int = 0
    retry_at: float = 0.0
    loading: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """One use case at the bedside; `view` is the registry's live view."""

    view: UseCaseView
    charter: str
    terms: Terms
    turnstile: Turnstile
    following: Turnstile
    """Of what follows upon decisions, apart: neither holds the other up."""


@dataclass(slots=True)
class Serving:
    """Follows the ledger and keeps the deployed candidates loaded.

    `changed` is a cheap probe whose value differs when anything was committed. `load_model` gives the model behind
    a candidate's digest after checking every byte: it raises `Corrupt` for bytes that are not the approved ones and
    `Unavailable` when they cannot be had. `refused` is told of the former, to put it on record.
    """

    tape: Tape
    registry: Registry
    changed: Callable[[], object]
    load_charter: Callable[[str], Charter]
    load_model: Callable[[str], LoadedModel]
    monotonic: Callable[[], float]
    refused: Callable[[str, str], Awaitable[None]] | None = None
    wall: Callable[[], float] | None = None
    """Seconds of the day's clock, to notice when it is set back while this process serves."""

    watchman: Watchman | None = None
    """Sees emergency stops that stand without the ledger."""

    stations: dict[str, Station] = field(default_factory=dict)
    models: dict[str, Ready] = field(default_factory=dict)
    trouble: str = ""
    _seen: object = None
    _fresh_at: float = float("-inf")
    _tried_at: float = float("-inf")
    _ahead: float = float("-inf")

    def refresh(self) -> None:
        """Enforce standing stops, and fold what was appended since the last look; cheap when nothing was.

        Raises `Unavailable` when the ledger cannot be read; the stops are in force all the same.
        """
        if self.watchman is None:
            self._fold()
            return
        self.watchman.look()
        try:
            self._fold()
        finally:
            self.watchman.enforce(self.registry)

    def _fold(self) -> None:
        self._check_clock()
        now = self.changed()
        if now != self._seen or not self.stations:
            for index, data in self.tape.registry_entries(self.registry.seen):
                self.registry.apply(index, decode(data))
            self._seen = now if self._restation() else None
        self._fresh_at = self.monotonic()

    def _check_clock(self) -> None:
        """A step forward makes approvals and inputs too old by itself; a step back would make them young again."""
        if self.wall is None:
            return
        ahead = self.wall() - self.monotonic()
        self._ahead = max(self._ahead, ahead)
        if ahead < self._ahead - CLOCK_SECONDS:
            raise Unavailable(CLOCK_BACK, remedy="Set it right, or restart the server if it is right now.")

    def followed(self) -> bool:
        """Whether the registry is as of a moment ago; a late one is looked at once more before anything is answered.

        A loop that was busy for a while has not had its look yet, and what was committed meanwhile counts. A look that
        fails is not repeated by every request: one each `REFRESH_SECONDS`, and for `STALE_SECONDS` the last one stands.
        """
        now = self.monotonic()
        if now - self._fresh_at <= LATE_SECONDS:
            return True
        if now - self._tried_at >= REFRESH_SECONDS and self._look():
            return True
        return now - self._fresh_at <= STALE_SECONDS

    async def follow(self, every: float = REFRESH_SECONDS) -> None:
        """Refresh until cancelled; a failing look is tried again, and said by `trouble` meanwhile."""
        while True:
            if self._look() and self.watchman is not None:
                self.watchman.start_recording(self.registry)
            self._start_loading()
            await asyncio.sleep(every)

    def _look(self) -> bool:
        try:
            self.refresh()
            self.trouble = ""
        except Exception as error:  # noqa: BLE001 (the watch must not die; readiness shows the trouble)
            self.trouble = error.message if isinstance(error, BedrailError) else type(error).__name__
            self._tried_at = self.monotonic()
            return False
        return True

    async def settle(self) -> None:
        """Refresh, and wait until every deployed candidate is loaded or refused."""
        self.refresh()
        self._start_loading()
        loads = [ready.loading for ready in self.models.values() if ready.loading is not None]
        if loads:
            await asyncio.gather(*loads, return_exceptions=True)

    @property
    def settled(self) -> bool:
        """Whether the registry is fresh and no deployed candidate is still being loaded."""
        return not self.trouble and all(ready.loading is None for ready in self.models.values())

    def ready(self, candidate: str) -> Ready:
        """The candidate's place; a refused one stays at fault even when an older copy is in memory."""
        place = self.models.get(candidate)
        if candidate in self.registry.refused_artifacts:
            return Ready(fault=REFUSED)
        if place is None:
            place = self.models[candidate] = Ready()
            self._start_loading()
        return place

    def _restation(self) -> bool:
        """False when a charter could not be read: then that use case has no station, and the next look tries again."""
        complete = True
        for use_case, view in self.registry.use_cases.items():
            station = self.stations.get(use_case)
            if station is None or station.charter != view.charter:
                self.stations.pop(use_case, None)
                try:
                    charter = self.load_charter(view.charter)
                    paces = Turnstile(charter.limits), Turnstile(following(charter.limits))
                    self.stations[use_case] = Station(view, view.charter, terms(charter), *paces)
                except BedrailError:
                    complete = False
        serving = {v.deployment.candidate for v in self.registry.use_cases.values() if v.deployment is not None}
        for candidate in serving:
            self.models.setdefault(candidate, Ready())
        return complete

    def _start_loading(self) -> None:
        for candidate, place in self.models.items():
            waits = place.model is None and place.loading is None and self.monotonic() >= place.retry_at
            if waits and candidate not in self.registry.refused_artifacts:
                place.loading = asyncio.get_running_loop().create_task(self._load(candidate, place))

    async def _load(self, candidate: str, place: Ready) -> None:
        """Load off the loop, so that answering goes on meanwhile."""
        try:
            model = await asyncio.to_thread(self.load_model, candidate)
            contract = model.package.contract
            place.intake, place.encoder = Intake(contract), contract.encoder()
            place.remote = model.package.kind == "remote"
            place.model, place.fault = model, ""
        except Corrupt as error:
            place.fault, place.retry_at = REFUSED, float("inf")
            if self.refused is not None:
                await self._tell(candidate, error)
        except Exception as error:  # noqa: BLE001 (whatever a loader does, the bedside falls back and tries again)
            place.fault = OUT if isinstance(error, BedrailError) else f"{OUT[:-1]} ({type(error).__name__})."
            place.retry_at = self.monotonic() + RETRY_SECONDS
        finally:
            place.loading = None

    async def _tell(self, candidate: str, error: Corrupt) -> None:
        assert self.refused is not None
        try:
            await self.refused(candidate, error.message)
        except Unavailable as trouble:
            self.trouble = trouble.message


def terms(charter: Charter) -> Terms:
    """What the charter says about deciding."""
    return Terms(
        title=charter.use_case.title,
        threshold=charter.decision.threshold,
        suggestion=charter.decision.suggestion,
        fallback=charter.use_case.fallback,
        mode=charter.decision.mode,
        max_interval_width=charter.decision.max_interval_width,
        budget_ms=charter.decision.budget_ms,
        groups=charter.data.groups,
    )
