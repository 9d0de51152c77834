"""Scenario suites: kept with a use case, run on the decision path of the bedside at every change, on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from bedrail.checks.scenarios.drafting import Usual, edge_cases, template
from bedrail.checks.scenarios.reading import read_suite
from bedrail.checks.scenarios.running import evidence_of, run_suite
from bedrail.checks.scenarios.values import Ask, Patient, Ran, Said, Sent, Suite
from bedrail.core.errors import BedrailError, Invalid, NotFound
from bedrail.core.events import Actor
from bedrail.core.events.scenarios import ScenariosKept
from bedrail.core.values import Evidence, Verdict
from bedrail.decisions.decide import Then, credible, routing
from bedrail.decisions.guards import Case, FallBack, on_inputs
from bedrail.decisions.request import Intake, Request
from bedrail.governance.views import CandidateView
from bedrail.journeys.admission import Progress, quiet, write_report
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import load_model, record_evidence
from bedrail.journeys.serving import terms

if TYPE_CHECKING:
    from bedrail.decisions.values import Terms
    from bedrail.governance.usecase import Charter
    from bedrail.models.predict import LoadedModel

FILE = "scenarios.toml"
CHECK = "scenarios"
_CRASHED = Said(kind="no decision", guard="model", reason="The model failed while answering.")


def bedside(charter: Charter, model: LoadedModel, now: datetime) -> Ask:
    """What the bedside would say of a patient at `now`: reading, guards on the inputs, model, guards after it, routing.

    As `journeys.deciding`, without what belongs to a deployment and a person (stage, stop, share, consent), and nothing
    is recorded. A model that fails answers as there: no decision.
    """
    contract, said = model.package.contract, terms(charter)
    intake = Intake(contract)

    def ask(patient: Patient) -> Said:
        features = {name: _sent(each, now) for name, each in patient.values.items() if each.value is not None}
        request = Request(subject="-", at=now, features=msgspec.Raw(msgspec.json.encode(features)))
        case = Case(
            use_case=charter.use_case.id,
            now=now,
            deployment=Then("", "general", "", float("inf")),
            terms=said,
            opted_out=False,
            subject="-",
            request=request,
            contract=contract,
        )
        case.inputs = intake.read(request.features, now, now)
        doubt = on_inputs(case)
        if isinstance(doubt, FallBack):
            return Said(kind="no decision", guard=doubt.guard, reason=doubt.reason)
        try:
            case.assessment = credible(model.assess(model.encoder.row(case.inputs.values)))
        except Exception:  # noqa: BLE001 (whatever a model does, the bedside shows the fallback)
            return _CRASHED
        return _answer(case, said)

    return ask


def _answer(case: Case, said: Terms) -> Said:
    way, found = routing(case), case.assessment
    if isinstance(way, FallBack) or found is None:
        doubt = way if isinstance(way, FallBack) else FallBack("model", _CRASHED.reason)
        return Said(kind="no decision", guard=doubt.guard, reason=doubt.reason)
    return Said(
        kind="review" if way[0] == "review" else "answer",
        risk=found.risk,
        low=found.low,
        high=found.high,
        alert=found.risk >= said.threshold,
        reason=way[1],
    )


def _sent(each: Sent, now: datetime) -> object:
    if not each.unit and not each.hours_ago:
        return each.value
    at = (now - timedelta(hours=each.hours_ago)).isoformat()
    return {"value": each.value, "at": at} | ({"unit": each.unit} if each.unit else {})


def keep_scenarios(
    ctx: Context, person: str, use_case: str, source: bytes, *, progress: Progress = quiet
) -> dict[str, Ran]:
    """Bind a suite to the use case by its digest, and run it on every candidate there is; returns the runs by name.

    The suite belongs to the use case as its charter does. Raises `Invalid` when the suite does not pass the linter.
    """
    actor = ctx.require(person, "use-case.open")
    suite = read_for(ctx.charter(use_case), source)
    kept = ctx.artifacts.put(source)
    fact = ScenariosKept(use_case=use_case, suite=kept, title=suite.title[:200], vignettes=len(suite.cases))
    ctx.append(actor, "governance", fact)
    candidates = tuple(ctx.use_case(use_case).candidates.values())
    return run_on_record(ctx, actor, use_case, candidates, progress=progress)


def read_for(charter: Charter, source: bytes | str, *, name: str = FILE) -> Suite:
    """The suite for that use case; raises `Invalid`, also when it names another use case."""
    suite = read_suite(source, charter.contract(), name=name)
    if suite.use_case != charter.use_case.id:
        remedy = f'Write use_case = "{charter.use_case.id}", or name the other use case.'
        raise Invalid(f"This suite is for `{suite.use_case}`.", path=f"{name} use_case", remedy=remedy)
    return suite


def kept_suite(ctx: Context, use_case: str) -> bytes:
    """The bytes of the suite that the use case keeps; raises `NotFound` when it keeps none."""
    digest = ctx.use_case(use_case).suite
    if not digest:
        remedy = f"bedrail scenarios new {use_case} --out {FILE}; fill it in; bedrail scenarios keep {use_case} {FILE}"
        raise NotFound("this use case keeps no scenarios.", path=use_case, remedy=remedy)
    return ctx.artifacts.get(digest)


def try_scenarios(ctx: Context, person: str, use_case: str, source: bytes, candidate: str = "") -> Ran:
    """Run a file on a candidate without keeping or recording anything."""
    ctx.require(person, "candidate.examine")
    charter = ctx.charter(use_case)
    chosen = find_candidate(ctx.use_case(use_case), candidate)
    return _run(ctx, charter, read_for(charter, source), chosen)


def run_scenarios(
    ctx: Context, person: str, use_case: str, names: Sequence[str] = (), *, progress: Progress = quiet
) -> dict[str, Ran]:
    """Run the kept suite on candidates (all, when none is named); evidence `scenarios`, pages among the reports."""
    actor = ctx.require(person, "candidate.examine")
    view = ctx.use_case(use_case)
    candidates = [find_candidate(view, name) for name in names] or list(view.candidates.values())
    if not candidates:
        find_candidate(view)
    kept_suite(ctx, use_case)
    return run_on_record(ctx, actor, use_case, candidates, progress=progress)


def run_on_record(
    ctx: Context, actor: Actor, use_case: str, candidates: Sequence[CandidateView], *, progress: Progress = quiet
) -> dict[str, Ran]:
    """The kept suite on these candidates, recorded as evidence; a model that cannot be opened gives `missing`.

    Asks for no permission: what was permitted (keeping a suite, admitting a candidate) brings the run with it.
    """
    from bedrail.checks.scenarios.papers import as_json, as_junit, as_page

    charter, view = ctx.charter(use_case), ctx.use_case(use_case)
    dataset = view.dataset.dataset if view.dataset else ""
    ran: dict[str, Ran] = {}
    for candidate in candidates:
        progress(f"running the scenarios on {candidate.name}")
        try:
            one = _run(ctx, charter, read_for(charter, kept_suite(ctx, use_case)), candidate)
            answer = evidence_of(one)
        except BedrailError as error:  # the charter moved on, or the model's bytes or endpoint are out of reach
            answer = Evidence(check=CHECK, verdict=Verdict.MISSING, reason=f"Not run: {error.message}", findings=())
            one = None
        record_evidence(ctx, actor, [answer], use_case=use_case, candidate=candidate.candidate, dataset=dataset)
        if one is not None:
            ran[candidate.name] = one
            for name, text in (("html", as_page(one)), ("json", as_json(one)), ("xml", as_junit(one))):
                write_report(ctx, use_case, f"{candidate.name}-scenarios.{name}", text)
    return ran


def _run(ctx: Context, charter: Charter, suite: Suite, candidate: CandidateView) -> Ran:
    model = load_model(ctx, candidate.candidate)
    ask = bedside(charter, model, ctx.clock.now())
    return run_suite(suite, ask, candidate=candidate.candidate, threshold=charter.decision.threshold)


def new_scenarios(charter: Charter, model: LoadedModel | None = None, *, edges: bool = False) -> str:
    """A file to fill in, or with `edges` the edge cases that follow from the contract; usual values from the model."""
    contract = model.package.contract if model is not None else charter.contract()
    usual = usual_values(model)
    if edges:
        return edge_cases(contract, use_case=charter.use_case.id, usual=usual)
    title = f"Vignettes: {charter.use_case.title}"
    return template(contract, use_case=charter.use_case.id, title=title, usual=usual)


def usual_values(model: LoadedModel | None) -> Usual:
    """The 5th, 50th and 95th percentile of each number among the training patients, as the package keeps them."""
    distance = model.package.ood if model is not None else None
    if distance is None:
        return {}
    at = [
        min(range(len(distance.levels)), key=lambda k: abs(distance.levels[k] - level)) for level in (0.05, 0.5, 0.95)
    ]
    return {
        name: (grid[at[0]], grid[at[1]], grid[at[2]])
        for name, grid in zip(distance.names, distance.percentiles, strict=True)
    }
