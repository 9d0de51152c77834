"""One request for a decision on its way: read, guard, score, explain, seal, append, reply.

Append before answer: no record, no card. Whatever is unexpected (an exception in the model, too little time, a ledger
that cannot write) ends in the visible fallback "no decision: use clinical judgement". Nothing of a request is logged,
and no error repeats a value.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.events import Actor
from bedrail.core.events.bedside import DecisionAnswered, DecisionFellBack
from bedrail.core.ports import SealedRecord
from bedrail.decisions.decide import answered, credible, fallback, fallback_record, reply, shown
from bedrail.decisions.guards import BEFORE_INPUTS, PROCEED, Case, FallBack, before_inputs, on_inputs
from bedrail.decisions.request import Request, check_groups, read_request
from bedrail.decisions.values import Answer, AnswerRecord, Fallback, Withheld, to_bytes
from bedrail.governance.values import TokenView
from bedrail.journeys.desk import CARE, Desk
from bedrail.journeys.serving import Ready, Station
from bedrail.ledger.append import Receipt

CRASHED = "The model failed while answering."
LATE = "The model did not answer within its time budget."

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


Reply = Answer | Withheld | Fallback | NotUnderstood | Unrecorded


@dataclass(slots=True)
class Work:
    """One request on its way."""

    bedside: Desk
    view: TokenView
    station: Station
    decision: str
    now: datetime
    started: float
    subject: str = ""
    case: Case | None = None

    async def run(self, body: bytes) -> Reply:
        """The reply, after its record is durable."""
        try:
            result = await self._judge(body)
        except Invalid as error:
            return await self.not_understood(error)
        except Exception:  # noqa: BLE001 (unknown means closed)
            result = FallBack("unexpected", "Something unexpected happened.")
        return await (self._answer(result) if isinstance(result, AnswerRecord) else self._fall_back(result))

    async def _judge(self, body: bytes) -> AnswerRecord | FallBack:
        """The record of an answer, or the first doubt; raises `Invalid` for a request that cannot be read."""
        request = read_request(body)
        check_groups(request, self.station.terms.groups)
        case = await self._case(request)
        doubt = before_inputs(case)
        if doubt is not PROCEED:
            assert isinstance(doubt, FallBack)
            return doubt
        ready = self._ready()
        assert ready.intake is not None
        case.contract = ready.intake.contract
        case.inputs = ready.intake.read(request.features, request.at, self.now)
        try:
            return await self._weigh(case, ready)
        except TimeoutError:
            return FallBack("budget", LATE)
        except Exception as error:  # noqa: BLE001 (whatever a model does, the clinician gets the fallback)
            return FallBack("model", CRASHED if not isinstance(error, Unavailable) else "The model is out of reach.")

    async def _case(self, request: Request) -> Case:
        bedside, station = self.bedside, self.station
        use_case = self.view.use_case
        self.subject = bedside.pseudonyms.pseudonym(request.subject)
        deployment = station.view.deployment
        fault = ""
        if deployment is not None:
            ready = bedside.serving.ready(deployment.candidate)
            if ready.loading is not None:
                await asyncio.wait({ready.loading}, timeout=self._left())
            fault = ready.fault
        self.case = Case(
            use_case=use_case,
            now=self.now,
            deployment=deployment,
            terms=station.terms,
            opted_out=bedside.registry.opted_out_of(self.subject, use_case),
            subject=self.subject,
            request=request,
            model_fault=fault,
        )
        return self.case

    def _ready(self) -> Ready:
        assert self.case is not None
        assert self.case.deployment is not None
        return self.bedside.serving.ready(self.case.deployment.candidate)

    async def _weigh(self, case: Case, ready: Ready) -> AnswerRecord | FallBack:
        doubt = on_inputs(case)
        if isinstance(doubt, FallBack):
            return doubt
        model, encoder = ready.model, ready.encoder
        assert model is not None
        assert encoder is not None
        assert case.inputs is not None
        vector = encoder.row(case.inputs.values)
        if ready.remote:
            ask = asyncio.get_running_loop().run_in_executor(self.bedside.vendors(), model.assess, vector)
            case.assessment = credible(await asyncio.wait_for(ask, self._left()))
            contributions = None
        else:
            case.assessment = credible(model.assess(vector))
            contributions = model.contributions(vector)
        if self._left() <= 0.0:
            return FallBack("budget", LATE)
        return answered(
            case,
            decision=self.decision,
            model=model.package.name,
            package=model.package.model_sha256,
            policy=self.bedside.registry.policy,
            vector=vector,
            contributions=contributions,
        )

    def _left(self) -> float:
        """Seconds of the time budget that are left."""
        return self.started + self.station.terms.budget_ms / 1000.0 - self.bedside.clock.monotonic()

    async def _answer(self, record: AnswerRecord) -> Reply:
        """Seal and append, then reply."""
        bedside = self.bedside
        try:
            sealed, digest = bedside.seal(self.decision, self.subject, "decision", to_bytes(record))
            fact = DecisionAnswered(
                decision=self.decision,
                use_case=record.use_case,
                candidate=record.candidate,
                stage=record.stage,
                subject=self.subject,
                site=self._site(),
                mode=record.routing,
                shown=shown(record),
                record=digest,
                policy=record.policy,
            )
            receipt = await bedside.commit(bedside.draft(self._actor(), fact, self.now, CARE, sealed, self.decision))
        except Exception:  # noqa: BLE001 (whatever keeps it from being recorded, nothing is shown)
            return self._out()
        made = reply(record, receipt)
        bedside.tally[record.use_case, made.kind, ""] += 1
        return made

    async def _fall_back(self, doubt: FallBack) -> Reply:
        """Record the fallback, with the request sealed when the doubt was about it, then say it."""
        bedside, case, policy = self.bedside, self.case, self.bedside.registry.policy
        try:
            sealed, digest = None, ""
            if case is not None and doubt.guard not in _UNSEALED:
                plaintext = to_bytes(fallback_record(case, doubt, decision=self.decision, policy=policy))
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
        return await bedside.commit(bedside.draft(self._actor(), fact, self.now, CARE, sealed, self.decision))

    def _site(self) -> str:
        """The site for the fact: only one that the deployment names, or any well-formed one where all are in scope."""
        if self.case is None or self.case.deployment is None:
            return ""
        sites, site = self.case.deployment.sites, self.case.request.site
        return site if not sites or site in sites else ""

    def _actor(self) -> Actor:
        return Actor(auth="bearer", id=self.view.token, kind="token")

    def _out(self) -> Unrecorded:
        doubt = FallBack("ledger", "The decision could not be recorded, so it is not shown.")
        self.bedside.tally[self.view.use_case, "unrecorded", doubt.guard] += 1
        return Unrecorded(fallback(self.decision, doubt, self.station.terms.fallback, None))
