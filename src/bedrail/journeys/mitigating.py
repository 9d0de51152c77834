"""Make a candidate fairer: another candidate beside it, and what the change gives to whom, at whose expense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.events import Actor
from bedrail.core.values import Evidence, Value
from bedrail.governance.views import CandidateView
from bedrail.journeys.admission import Progress, admit_candidate, quiet, write_report
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part
from bedrail.journeys.delivery import find_candidate, load_candidate
from bedrail.journeys.examination import assess_rows, load_model, record_evidence
from bedrail.models.mitigation.values import BEFORE, METHODS, NOTIONS, Method, Mitigation, Notion
from bedrail.models.package import package_from
from bedrail.models.values import Lineage, Package

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.mitigation import Change, Versions
    from bedrail.governance.usecase import Charter

MEASURE_OF: dict[Notion, str] = {
    "equal-opportunity": "sensitivity",
    "equalised-odds": "sensitivity",
    "alert-parity": "alert-rate",
}
DRAWS = 2_000


class Mitigated(Value, frozen=True, kw_only=True):
    """The new candidate by digest and name, the one before it, the signed evidence, and where its page lies."""

    candidate: str
    name: str
    before: str
    evidence: Evidence
    page: str


def mitigate(
    ctx: Context,
    person: str,
    use_case: str,
    candidate: str,
    method: Method,
    attribute: str,
    *,
    notion: Notion = "equal-opportunity",
    strength: float = 1.0,
    name: str = "",
    seed: int = 0,
    progress: Progress = quiet,
) -> Mitigated:
    """Admit a mitigated version of a candidate, with its lineage, and compare both on the validation patients.

    The comparison is recorded as evidence `mitigation` of the new candidate: every measure before and after, overall
    and by group, with paired intervals. The holdout stays closed, and nothing is adopted: the new candidate is
    examined, approved and deployed like any other. Raises `Invalid` for an attribute, method or strength that does not
    fit.
    """
    from bedrail.checks.mitigation_page import mitigation_page

    actor = ctx.require(person, "candidate.train")
    ctx.require(person, "candidate.examine")
    charter, chosen = ctx.charter(use_case), find_candidate(ctx.use_case(use_case), candidate)
    wanted = _wanted(charter, chosen, method, attribute, notion, strength)
    package, model = package_from(load_candidate(ctx, chosen.candidate))
    called = name or f"{chosen.name}-{method}"[:64]
    made, model = _made(ctx, actor, use_case, package, model, wanted, called, progress)
    digest = admit_candidate(ctx, person, use_case, made, model, origin=f"{method} of {chosen.name} by {attribute}")
    progress("comparing both on the validation patients")
    answer, found = _compared(ctx, actor, use_case, chosen, digest, wanted, seed)
    dataset = ctx.use_case(use_case).dataset
    (signed,) = record_evidence(
        ctx, actor, [answer], use_case=use_case, candidate=digest, dataset=dataset.dataset if dataset else ""
    )
    page = mitigation_page(f"{use_case}: {called}", chosen.name, called, wanted, signed, found)
    path = write_report(ctx, use_case, f"{called}-mitigation.html", page)
    return Mitigated(candidate=digest, name=called, before=chosen.candidate, evidence=signed, page=str(path))


def _wanted(
    charter: Charter, chosen: CandidateView, method: Method, attribute: str, notion: Notion, strength: float
) -> Mitigation:
    if method not in METHODS:
        raise Invalid(f"there is no method `{method}`.", path="--method", remedy=f"Use one of: {', '.join(METHODS)}.")
    if notion not in NOTIONS:
        raise Invalid(f"there is no notion `{notion}`.", path="--notion", remedy=f"Use one of: {', '.join(NOTIONS)}.")
    if attribute not in charter.data.groups:
        there = ", ".join(charter.data.groups) or "none"
        raise Invalid(f"`{attribute}` is no group column.", path="--attribute", remedy=f"The use case has: {there}.")
    if not 0.0 < strength <= 1.0:
        raise Invalid("must lie above 0 and not above 1.", path="--strength", remedy="Use 1 for the whole method.")
    return Mitigation(
        method=method,
        attribute=attribute,
        of=chosen.candidate,
        notion=notion,
        strength=strength,
        threshold=charter.decision.threshold,
    )


def _made(
    ctx: Context,
    actor: Actor,
    use_case: str,
    package: Package,
    model: bytes,
    wanted: Mitigation,
    name: str,
    progress: Progress,
) -> tuple[Package, bytes]:
    """Trained again under the mitigation, or the same model with its scores read by group."""
    from bedrail.models.mitigation.candidates import mitigated
    from bedrail.models.recipes import RECIPES
    from bedrail.models.train import train

    charter, lineage = ctx.charter(use_case), package.lineage
    why = f"mitigation of {package.name} by {wanted.attribute}"[:100]
    calibration = read_part(ctx, use_case, "calibration", reader=actor, reason=why)
    if wanted.method not in BEFORE:
        progress("reading the scores by group")
        outcome = calibration[charter.data.outcome].to_numpy(dtype=float)
        X = package.contract.encoder().table(calibration)
        renamed = msgspec.structs.replace(package, name=name)
        return mitigated(renamed, model, wanted, X, outcome, calibration), model
    if lineage.recipe not in RECIPES:
        raise Invalid(
            f"{package.name} was not trained here, so it cannot be trained otherwise.",
            path="--method",
            remedy="Use recalibrate or thresholds, or train a candidate by recipe.",
        )
    known = RECIPES[lineage.recipe].settings
    return train(
        lineage.recipe,
        read_part(ctx, use_case, "train", reader=actor, reason=why),
        calibration,
        package.contract,
        charter.data.outcome,
        name=name,
        seed=lineage.seed or 0,
        subject=charter.data.subject,
        settings={key: value for key, value in lineage.parameters.items() if key in known},
        calibration=package.calibration.method,
        confidence=package.uncertainty.confidence,
        mitigation=wanted,
        lineage=_lineage(ctx, use_case, package),
        progress=lambda what, _: progress(what),
    )


def _lineage(ctx: Context, use_case: str, package: Package) -> Lineage:
    dataset = ctx.use_case(use_case).dataset
    assert dataset is not None
    return msgspec.structs.replace(package.lineage, dataset=dataset.dataset, split=dataset.split, code="")


def _compared(
    ctx: Context, actor: Actor, use_case: str, before: CandidateView, after: str, wanted: Mitigation, seed: int
) -> tuple[Evidence, tuple[Change, ...]]:
    from bedrail.checks.mitigation import changes, evidence_of, gap

    charter = ctx.charter(use_case)
    why = f"comparing {before.name} before and after {wanted.method}"[:100]
    rows = read_part(ctx, use_case, "validation", reader=actor, reason=why)
    numbers = next(found for tier, found in ctx.policy().requirements.items() if tier == ctx.use_case(use_case).tier)
    versions = _versions(ctx, charter, rows, before.candidate, after, wanted)
    rng = np.random.default_rng([seed, 5])
    found = changes(versions, min_group=numbers.min_group, confidence=numbers.confidence, draws=DRAWS, rng=rng)
    measure = MEASURE_OF[wanted.notion]
    spread = gap(versions, measure, min_group=numbers.min_group, confidence=numbers.confidence, draws=DRAWS, rng=rng)
    return evidence_of(found, spread, notion=measure), (*found, spread)


def _versions(
    ctx: Context, charter: Charter, rows: pd.DataFrame, before: str, after: str, wanted: Mitigation
) -> Versions:
    import pandas as pd

    from bedrail.checks import mitigation as comparing

    codes, levels = pd.factorize(rows[wanted.attribute], sort=True)
    alerts = [assess_rows(load_model(ctx, each), rows).risk >= wanted.threshold for each in (before, after)]
    return comparing.Versions(
        outcome=rows[charter.data.outcome].to_numpy(dtype=float),
        before=alerts[0],
        after=alerts[1],
        group=np.asarray(codes, dtype=np.int64),
        names=tuple(f"{wanted.attribute}={level}" for level in levels),
        clusters=np.asarray(pd.factorize(rows[charter.data.subject])[0], dtype=np.int64),
        threshold=wanted.threshold,
    )
