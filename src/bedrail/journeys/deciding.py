"""One request for a decision on its way: read, guard, score, explain, seal, append, reply.

Append before answer: no record, no card. Whatever is unexpected (an exception in the model, too little time, a ledger
that cannot write) ends in the visible fallback "no decision: use clinical judgement". Nothing of a request is logged,
and no error repeats a value.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct, structs

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.events import Actor
from bedrail.core.events.bedside import DecisionAnswered, DecisionFellBack
from bedrail.core.ports import SealedRecord
from bedrail.decisions.decide import Answered, answered, credible, fallback, fallback_record, reply, shown
from bedrail.decisions.guards import BEFORE_INPUTS, Case, FallBack, before_inputs, on_inputs
from bedrail.decisions.request import check_groups, read_request
from bedrail.decisions.values import Answer, Fallback, Withheld, to_bytes
from bedrail.governance.values import TokenView
from bedrail.journeys.desk import CARE, Desk
from bedrail.journeys.serving import Ready, Station
from bedrail.ledger.append import Receipt
from bedrail.models.predict import Matrix
from bedrail.models.values import Assessment

CRASHED = "The model failed while answering."
OUT_OF_REACH = "The model is out of reach."
LATE = "The model did not answer within its time budget."
REPLACED = FallBack("deployment", "Another version serves since the request came in.")
SLOW_SHARE = 0.25
"""Share of the time budget beyond which a model is asked in a thread: on the loop it would hold up everybody."""

QUICK_AGAIN = 100
"""Quick answers after which a slow model is asked on the loop again: some are slow for some patients only."""

RECORD_SECONDS = 0.25
"""To put a fallback on record when the time budget is used up: so much later the caller has it, on record or not."""

UNSEALABLE = FallBack("unexpected", "The record cannot be sealed: its keys are out of reach.")
UNFOLLOWED = FallBack("deployment", "The ledger cannot be followed.")

_UNSEALED = frozenset(each.name for each in BEFORE_INPUTS) - {"model"} | {"unexpected"}
"""Doubts that need no look at the inputs: nothing of the patient is kept for them."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A request that could not be read, recorded as a fallback: the caller's mistake, with path and remedy."""

    error: Invalid
    fallback: Fallback


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """The ledger cannot write, so there is no answer; not recorded, and the fallback is said all the same."""

    fallback: Fallback


Said = tuple[Matrix, Assessment, Matrix | None]
"""The encoded row (k,), what the model says about it, and the contribution of each feature."""

Reply = Answer | Withheld | Fallback | NotUnderstood | Unrecorded


_NOT_LOOKED_UP = Ready()


class Work(Struct, eq=False):
    """One request on its way."""

    bedside: Desk
    view: TokenView
    station: Station
    decision: str
    now: datetime
    started: float
    subject: str = ""
    case: Case | None = None
    seen: int = 0
    ready: Ready = _NOT_LOOKED_UP

    async def run(self, body: bytes) -> Reply:
        """The reply, after its record is durable."""
        try:
            with self.bedside.steps as steps:
                followed = self.bedside.serving.followed()
                case = self._ask(body)
                await steps.begin()
                said = self._judge(case) if followed else UNFOLLOWED
                if said is not None:
                    await steps.next()
                    result = self._worded(case, said)
                    await steps.next()
            if said is None:
                result = await self._wait()
        except Invalid as error:
            return await self.not_understood(error)
        except Exception:  # noqa: BLE001 (unknown means closed)
            result = FallBack("unexpected", "Something unexpected happened.")
        return await (self._answer(result) if isinstance(result, Answered) else self._fall_back(result))

    def _ask(self, body: bytes) -> Case:
        """The case of a request; raises `Invalid` for one that cannot be read."""
        bedside, station, use_case = self.bedside, self.station, self.view.use_case
        request = read_request(body)
        if request.groups:
            check_groups(request, station.terms.groups)
        self.subject = bedside.pseudonyms.pseudonym(request.subject)
        deployment, self.seen = station.view.deployment, bedside.registry.seen
        if deployment is not None:
            self.ready = bedside.serving.ready(deployment.candidate)
        self.case = Case(
            use_case=use_case,
            now=self.now,
            deployment=deployment,
            terms=station.terms,
            opted_out=bedside.registry.opted_out_of(self.subject, use_case, self.now.timestamp()),
            subject=self.subject,
            request=request,
            model_fault=self.ready.fault,
        )
        return self.case

    def _judge(self, case: Case) -> Said | FallBack | None:
        """What the model says, or the first doubt; None when something has to be waited for."""
        if self.ready.loading is not None:
            return None
        case.model_fault = self.ready.fault  # loading may have ended since the case was made
        doubt = before_inputs(case)
        if isinstance(doubt, FallBack):
            return doubt
        ready = self.ready
        assert ready.intake is not None
        case.contract = ready.intake.contract
        case.inputs = ready.intake.read(case.request.features, case.request.at, self.now)
        doubt = on_inputs(case)
        if isinstance(doubt, FallBack):
            return doubt
        return None if ready.remote or ready.slow else self._weigh(case)

    async def _wait(self) -> Answered | FallBack:
        """What could not be answered at once: a model still being loaded, or a vendor's."""
        case, ready = self.case, self.ready
        assert case is not None
        if ready.loading is not None:
            await asyncio.wait({ready.loading}, timeout=self._left())
            if ready.model is None:
                return FallBack("model", ready.fault)
            case.model_fault = ready.fault
            said = self._judge(case)
            if said is not None:
                return self._overtaken(case) or self._worded(case, said)
        try:
            assert ready.model is not None
            vector = self._vector(case)
            threads = self.bedside.vendors() if ready.remote else self.bedside.slow_models()
            asked = asyncio.get_running_loop().run_in_executor(threads, self._ask_model, vector)
            assessment, contributions = await asyncio.wait_for(asked, self._left())
            return self._overtaken(case) or self._answered(case, vector, assessment, contributions)
        except TimeoutError:
            return FallBack("budget", LATE)
        except Exception as error:  # noqa: BLE001 (whatever a vendor does, the clinician gets the fallback)
            return _failed(error)

    def _weigh(self, case: Case) -> Said | FallBack:
        try:
            vector = self._vector(case)
            return vector, *self._ask_model(vector)
        except Exception as error:  # noqa: BLE001 (whatever a model does, the clinician gets the fallback)
            return _failed(error)

    def _worded(self, case: Case, said: Said | FallBack) -> Answered | FallBack:
        """The record of what was said; a doubt remains one."""
        if isinstance(said, FallBack):
            return said
        try:
            return self._answered(case, *said)
        except Exception as error:  # noqa: BLE001 (as above: what it said may be what cannot be worded)
            return _failed(error)

    def _ask_model(self, vector: Matrix) -> tuple[Assessment, Matrix | None]:
        """What the model says, and why (a vendor's does not tell); notes whether it was slow."""
        ready, monotonic = self.ready, self.bedside.clock.monotonic
        assert ready.model is not None
        began = monotonic()
        assessment = ready.model.assess(vector)
        contributions = None if ready.remote else ready.model.contributions(vector)
        slow = monotonic() - began > self.station.terms.budget_ms / 1000.0 * SLOW_SHARE
        ready.slow = QUICK_AGAIN if slow else max(0, ready.slow - 1)
        return assessment, contributions

    def _vector(self, case: Case) -> Matrix:
        assert self.ready.encoder is not None
        assert case.inputs is not None
        return self.ready.encoder.row(case.inputs.values)

    def _answered(
        self, case: Case, vector: Matrix, assessment: Assessment, contributions: Matrix | None
    ) -> Answered | FallBack:
        case.assessment = credible(assessment)
        if self._left() <= 0.0:
            return FallBack("budget", LATE)
        model = self.ready.model
        assert model is not None
        return answered(
            case,
            decision=self.decision,
            model=model.package.name,
            package=model.package.model_sha256,
            policy=self.bedside.registry.policy,
            vector=vector,
            contributions=contributions,
        )

    def _overtaken(self, case: Case) -> FallBack | None:
        """What was recorded since the request came in that forbids its answer: a halt, another version, an opt-out."""
        deployment, registry = self.station.view.deployment, self.bedside.registry
        if deployment is case.deployment and registry.seen == self.seen:
            return None
        if deployment is None or case.deployment is None or deployment.candidate != case.deployment.candidate:
            return REPLACED
        now = self.bedside.clock.now()
        opted_out = registry.opted_out_of(self.subject, case.use_case, now.timestamp())
        doubt = before_inputs(structs.replace(case, deployment=deployment, opted_out=opted_out, now=now))
        return doubt if isinstance(doubt, FallBack) else None

    def _left(self) -> float:
        """Seconds of the time budget that are left."""
        return self.started + self.station.terms.budget_ms / 1000.0 - self.bedside.clock.monotonic()

    async def _answer(self, answer: Answered) -> Reply:
        """Seal and append, then reply."""
        bedside, record = self.bedside, answer.record
        try:
            sealed, digest = bedside.seal(self.decision, self.subject, "decision", to_bytes(record))
        except Exception:  # noqa: BLE001 (whatever keeps the keys away, the clinician gets the fallback)
            return await self._fall_back(UNSEALABLE)
        try:
            fact = DecisionAnswered(
                decision=self.decision,
                use_case=record.use_case,
                candidate=record.candidate,
                stage=record.stage,
                subject=self.subject,
                site=self._site(),
                mode=record.terms.mode if record.stage == "shadow" else record.routing,
                shown=shown(record),
                record=digest,
                policy=record.policy,
            )
            draft = bedside.draft(self._actor(), fact, self.now, CARE, sealed, self.decision)
            receipt = await bedside.deadlines.within(self._left(), bedside.commit(draft))
        except Exception:  # noqa: BLE001 (whatever keeps it from being recorded in time, nothing is shown)
            return self._out()
        assert self.case is not None
        doubt = self._overtaken(self.case)
        if doubt is not None and fact.shown:
            bedside.not_shown(self.decision, record.use_case, doubt.reason)
            bedside.tally[record.use_case, "fallback", doubt.guard] += 1
            return fallback(self.decision, doubt, self.station.terms.fallback, receipt)
        made = reply(answer, receipt)
        bedside.tally[record.use_case, made.kind, ""] += 1
        return made

    async def _fall_back(self, doubt: FallBack) -> Reply:
        """Record the fallback, with the request sealed when the doubt was about it, then say it."""
        bedside, case, policy = self.bedside, self.case, self.bedside.registry.policy
        try:
            sealed, digest = None, ""
            if case is not None and doubt.guard not in _UNSEALED:
                plaintext = to_bytes(fallback_record(case, doubt, decision=self.decision, policy=policy))
                with suppress(Exception):  # without its keys, the fallback is recorded and the request is not kept
                    sealed, digest = bedside.seal(self.decision, self.subject, "decision", plaintext)
            receipt = await self._append_fallback(doubt, sealed, digest)
        except Exception:  # noqa: BLE001 (whatever keeps it from being recorded, nothing is shown)
            return self._out()
        bedside.tally[self.view.use_case, "fallback", doubt.guard] += 1
        return fallback(self.decision, doubt, self.station.terms.fallback, receipt)

    async def not_understood(self, error: Invalid) -> NotUnderstood | Unrecorded:
        """Record that a request could not be read, keeping nothing of it, then say where and how to mend it."""
        doubt = FallBack("request", "The request could not be read.")
        try:
            receipt = await self._append_fallback(doubt, None, "")
        except Exception:  # noqa: BLE001 (whatever keeps it from being recorded, nothing is shown)
            return self._out()
        self.bedside.tally[self.view.use_case, "fallback", doubt.guard] += 1
        return NotUnderstood(error, fallback(self.decision, doubt, self.station.terms.fallback, receipt))

    async def _append_fallback(self, doubt: FallBack, sealed: SealedRecord | None, digest: str) -> Receipt:
        bedside, deployment = self.bedside, self.station.view.deployment
        fact = DecisionFellBack(
            decision=self.decision,
            use_case=self.view.use_case,
            candidate=deployment.candidate if deployment else "",
            stage=deployment.stage if deployment else "",
            subject=self.subject,
            site=self._site(),
            guard=doubt.guard,
            reason=doubt.reason,
            record=digest,
            policy=bedside.registry.policy,
        )
        draft = bedside.draft(self._actor(), fact, self.now, CARE, sealed, self.decision)
        return await bedside.deadlines.within(max(self._left(), RECORD_SECONDS), bedside.commit(draft))

    def _site(self) -> str:
        """The site for the fact: only one that a deployment of this use case named, now or before, or a person's role.

        Where all sites are in scope the caller may write anything there, even a name; the sealed record has it.
        """
        site = "" if self.case is None else self.case.request.site
        named = site in self.bedside.registry.access.sites or any(
            site in each.sites for each in self.station.view.history
        )
        return site if named else ""

    def _actor(self) -> Actor:
        return Actor(auth="bearer", id=self.view.token, kind="token")

    def _out(self) -> Unrecorded:
        doubt = FallBack("ledger", "The decision could not be recorded, so it is not shown.")
        self.bedside.tally[self.view.use_case, "unrecorded", doubt.guard] += 1
        return Unrecorded(fallback(self.decision, doubt, self.station.terms.fallback, None))


def _failed(error: Exception) -> FallBack:
    return FallBack("model", OUT_OF_REACH if isinstance(error, Unavailable) else CRASHED)
