"""Journey 2, the bedside's face: decide, respond, observe, consent; each is one durable fact before it is said."""

from __future__ import annotations

from dataclasses import dataclass

from bedrail.core.errors import Invalid
from bedrail.core.events.oversight import ArtifactRefused
from bedrail.decisions.decide import fallback, rerun
from bedrail.decisions.guards import FallBack
from bedrail.governance.values import TokenView
from bedrail.journeys import responding
from bedrail.journeys.deciding import NotUnderstood, Reply, Unrecorded, Work
from bedrail.journeys.desk import SYSTEM, Desk
from bedrail.journeys.responding import DecisionState, Opened, Waiting
from bedrail.ledger.append import Receipt
from bedrail.models.predict import LoadedModel

__all__ = ["Bedside", "NotUnderstood", "Reply", "Unrecorded", "rerun"]


@dataclass(slots=True)
class Bedside(Desk):
    """The bedside of one process, on the ports of its desk."""

    async def decide(self, token: str, use_case: str, body: bytes) -> Reply:
        """Answer one request, or fall back, after the record is durable; see `admit` for what is raised."""
        started = self.clock.monotonic()
        view = self.admit(token, use_case)
        return await self.decide_for(view, body, started)

    async def decide_for(self, view: TokenView, body: bytes, started: float) -> Reply:
        """As `decide`, for a token already admitted; `started` is when the request came in (monotonic seconds)."""
        now, decision = self.clock.now(), self.ids.new()
        station = self.serving.stations.get(view.use_case)
        if station is None:
            self.tally[view.use_case, "unrecorded", "deployment"] += 1
            return Unrecorded(fallback(decision, FallBack("deployment", "The charter cannot be read."), "", None))
        return await Work(self, view, station, decision, now, started).run(body)

    async def turn_away(self, view: TokenView, error: Invalid) -> NotUnderstood | Unrecorded:
        """Record that an admitted caller sent what was not even read, as a fallback."""
        now, decision = self.clock.now(), self.ids.new()
        station = self.serving.stations.get(view.use_case)
        if station is None:
            self.tally[view.use_case, "unrecorded", "deployment"] += 1
            return Unrecorded(fallback(decision, FallBack("deployment", "The charter cannot be read."), "", None))
        return await Work(self, view, station, decision, now, self.clock.monotonic()).not_understood(error)

    async def refused(self, candidate: str, reason: str) -> None:
        """Put on record that stored model bytes were not the approved ones; raises `Unavailable`."""
        if candidate in self.registry.refused_artifacts:
            return
        fact = ArtifactRefused(digest=candidate, kind="package", reason=reason)
        await self.append(SYSTEM, fact, purpose="security")
        self.serving.refresh()

    async def respond(
        self,
        decision: str,
        use_case: str,
        response: str,
        person: str,
        reason: str,
        note: str = "",
        *,
        token: str = "",
    ) -> Receipt:
        """Record what a clinician did with an answer; see `responding.respond`."""
        return await responding.respond(self, decision, use_case, response, person, reason, note, token=token)

    async def observe_outcome(self, decision: str, use_case: str, value: int, *, token: str = "") -> Receipt:
        """Record the outcome (1 or 0) of a decided encounter; see `responding.observe`."""
        return await responding.observe(self, decision, use_case, value, token=token)

    async def set_consent(self, subject: str, use_case: str, opted_out: bool, *, token: str = "") -> Receipt:
        """Record an opt-out from AI support, or the way back; in force here when this returns."""
        return await responding.set_consent(self, subject, use_case, opted_out, token=token)

    async def open_held(self, decision: str, use_case: str, person: str, *, token: str = "") -> Opened:
        """What a reviewer has to see of a held answer; the reading is recorded first."""
        return await responding.open_held(self, decision, use_case, person, token=token)

    def state(self, decision: str, use_case: str) -> DecisionState:
        """What happened to a decision, without patient data; raises `NotFound`."""
        return responding.state(self, decision, use_case)

    def reviews(self, use_case: str) -> tuple[Waiting, ...]:
        """Held answers that nobody has looked at, oldest first, without patient data."""
        return responding.reviews(self, use_case)

    @staticmethod
    def rerun(plaintext: bytes, model: LoadedModel) -> bytes:
        """The sealed record made anew by `model` from its own stored inputs; equal bytes, or something changed."""
        return rerun(plaintext, model)
