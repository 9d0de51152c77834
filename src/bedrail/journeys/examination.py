"""Gather signed evidence about candidates on the locked holdout, and write it for two audiences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.errors import Corrupt
from bedrail.core.events import Actor, EvidenceRecorded
from bedrail.core.values import Evidence, Verdict
from bedrail.governance.views import CandidateView, UseCaseView
from bedrail.journeys.admission import Progress, quiet, write_report
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part
from bedrail.journeys.delivery import find_candidate, load_candidate
from bedrail.journeys.holdout import made_from_others, open_holdout, spare_holdout
from bedrail.journeys.packages import open_files
from bedrail.models.predict import LoadedModel
from bedrail.models.values import Assessments

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.report import Report
    from bedrail.checks.values import Cohort
    from bedrail.governance.usecase import Charter

CODE = f"bedrail/{version('bedrail')}"
MISSING_CELL = "missing"
MOST_ASKED_REMOTELY = 5_000
"""Rows that one check may ask of a vendor's model over HTTP."""


def evidence_statement(evidence: bytes) -> bytes:
    """The bytes that are signed for evidence: a header for the purpose, then the evidence itself."""
    return b"bedrail-evidence/1\n" + evidence


class SignedEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence as stored: its exact bytes, the signature over them, and the public key (both hex)."""

    evidence: msgspec.Raw
    key: str
    signature: str


def record_evidence(
    ctx: Context,
    actor: Actor,
    answers: Sequence[Evidence],
    *,
    use_case: str,
    candidate: str,
    dataset: str,
) -> tuple[Evidence, ...]:
    """Bind answers to digests, sign each, store it, and append one fact per check; all in one commit."""
    bound, facts = [], []
    policy = ctx.refresh().policy
    for answer in answers:
        evidence, digest = signed_evidence(ctx, actor, answer, use_case=use_case, candidate=candidate, dataset=dataset)
        bound.append(evidence)
        facts.append(
            EvidenceRecorded(
                evidence=digest,
                check=answer.check,
                verdict=str(answer.verdict),
                reason=answer.reason,
                use_case=use_case,
                candidate=candidate,
                dataset=dataset,
                policy=policy,
            )
        )
    if facts:
        ctx.append(actor, "governance", *facts)
    return tuple(bound)


def signed_evidence(
    ctx: Context, actor: Actor, answer: Evidence, *, use_case: str = "", candidate: str = "", dataset: str = ""
) -> tuple[Evidence, str]:
    """An answer bound to digests, signed and stored: the evidence, and the digest of its artifact."""
    evidence = msgspec.structs.replace(
        answer,
        use_case=use_case,
        candidate=candidate,
        dataset=dataset,
        policy=ctx.refresh().policy,
        made_at=ctx.clock.now().isoformat(timespec="seconds"),
        made_by=actor.id,
        code=CODE,
    )
    data = msgspec.json.encode(evidence, order="sorted")
    signed = SignedEvidence(
        evidence=msgspec.Raw(data),
        key=ctx.signer.public_key.hex(),
        signature=ctx.signer.sign(evidence_statement(data)).hex(),
    )
    return evidence, ctx.artifacts.put(msgspec.json.encode(signed))


def read_evidence(ctx: Context, digest: str) -> Evidence:
    """Evidence by digest, its signature checked against our own key; raises `Corrupt` otherwise."""
    signed = msgspec.json.decode(ctx.artifacts.get(digest), type=SignedEvidence)
    data = bytes(signed.evidence)
    ours = ctx.signer.public_key
    if signed.key != ours.hex() or not ctx.verify(ours, evidence_statement(data), bytes.fromhex(signed.signature)):
        raise Corrupt("the evidence was not signed by this installation.", remedy="Examine the candidate again.")
    return _with_what_is_judged(msgspec.json.decode(data, type=Evidence))


def _with_what_is_judged(evidence: Evidence) -> Evidence:
    """Evidence of before `Finding.judged` said by its words, or by the name of the arithmetic, what nobody judges."""
    return msgspec.structs.replace(
        evidence,
        findings=tuple(
            msgspec.structs.replace(one, judged=False)
            if one.judged
            and one.verdict is Verdict.PASS
            and (one.check in _ARITHMETIC or one.reason.startswith("For information") or _SHOWN in one.reason)
            else one
            for one in evidence.findings
        ),
    )


_SHOWN = "hown, not judged"
_ARITHMETIC = frozenset(
    {
        "trade-offs.ppv-if-error-rates-equal",
        "trade-offs.sensitivity-if-ppv-and-specificity-equal",
        "trade-offs.specificity-if-ppv-and-sensitivity-equal",
        "trade-offs.balance-if-calibrated",
    }
)


def load_model(ctx: Context, digest: str) -> LoadedModel:
    """The candidate ready to predict: bytes and signature checked; a vendor's answers come over HTTP."""
    return open_files(ctx, load_candidate(ctx, digest))


def examine_candidates(
    ctx: Context,
    person: str,
    use_case: str,
    names: Sequence[str] = (),
    *,
    baseline: str = "",
    progress: Progress = quiet,
) -> dict[str, Report]:
    """Answer every check of the policy for these candidates (all, when none is named); returns reports by name.

    The baseline for comparison is the candidate so named, or the first linear one. Patients that one of them was made
    from, in an earlier dataset, are left out of the holdout for all alike.
    """
    actor = ctx.require(person, "candidate.examine")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    candidates = [find_candidate(view, name) for name in names] or list(view.candidates.values())
    if not candidates:
        find_candidate(view)
    comparator = find_candidate(view, baseline) if baseline else _first_linear(view)
    everybody = [*candidates, *([comparator] if comparator is not None and comparator not in candidates else [])]
    met = made_from_others(ctx, actor, use_case, everybody)
    rows = open_holdout(ctx, actor, use_case, candidates, "pre-deployment examination")
    rows = spare_holdout(ctx, actor, use_case, rows, everybody, met)
    train = read_part(ctx, use_case, "train", reader=actor, reason="whether patients of the holdout were in training")
    trained = train[charter.data.subject].tolist()
    reference = assess_rows(load_model(ctx, comparator.candidate), rows).risk if comparator else None
    reports = {}
    for candidate in candidates:
        progress(f"examining {candidate.name}")
        own = comparator is not None and comparator.candidate == candidate.candidate
        learnt_from = list(met[candidate.candidate]) if candidate.candidate in met else trained
        model = load_model(ctx, candidate.candidate)
        cohort = build_cohort(charter, model, rows, learnt_from, None if own else reference)
        reports[candidate.name] = _examine_one(ctx, actor, use_case, candidate, cohort, progress)
    return reports


def _first_linear(view: UseCaseView) -> CandidateView | None:
    """Made from the present data where there is one: another may have met the holdout's patients."""
    linear = [c for c in view.candidates.values() if c.kind == "linear"]
    now = view.dataset.dataset if view.dataset else ""
    return next((c for c in linear if c.dataset == now), linear[0] if linear else None)


def assess_rows(model: LoadedModel, rows: pd.DataFrame) -> Assessments:
    """What the model says about each row of a table of inputs."""
    return model.assess_many(model.encoder.table(rows))


def build_cohort(
    charter: Charter, model: LoadedModel, rows: pd.DataFrame, trained: list[str], baseline: np.ndarray | None
) -> Cohort:
    """The holdout as the checks see it: calibrated risks, intervals, conformal p-values, groups, and a probe."""
    from bedrail.checks.values import Cohort, Probe

    roles = charter.roles()
    said = assess_rows(model, rows)
    inputs = rows[[f.name for f in charter.features]]
    return Cohort(
        outcome=rows[roles.outcome].to_numpy(dtype=float),
        score=said.risk,
        groups=rows[list(roles.groups)],
        intersections=roles.intersections,
        subject=rows[roles.subject].to_numpy(),
        time=rows[roles.time].to_numpy(),
        site=rows[roles.site].to_numpy() if roles.site else None,
        baseline=baseline,
        threshold=charter.decision.threshold,
        interval=np.column_stack([said.low, said.high]),
        p_values=said.p_values,
        inputs=inputs,
        training_subjects=trained,
        probe=Probe(
            score=lambda frame: assess_rows(model, frame).risk,
            inputs=inputs,
            contract=model.package.contract,
            assess=lambda frame: assess_rows(model, frame),
            rules=charter.data.rules,
            most_asked=MOST_ASKED_REMOTELY if model.package.kind == "remote" else None,
        ),
    )


def _steps(progress: Progress) -> Callable[[str, int, int], None]:
    def say(title: str, done: int, total: int) -> None:
        if title:
            progress(f"{done + 1}/{total} {title}")

    return say


def _examine_one(
    ctx: Context, actor: Actor, use_case: str, candidate: CandidateView, cohort: Cohort, progress: Progress
) -> Report:
    from bedrail.checks.asking import examine
    from bedrail.checks.report import Report, context_of

    view, policy = ctx.use_case(use_case), ctx.policy()
    dataset = view.dataset.dataset if view.dataset else ""
    requirements = next(numbers for tier, numbers in policy.requirements.items() if tier == view.tier)
    answers = examine(cohort, requirements, progress=_steps(progress))
    evidence = record_evidence(ctx, actor, answers, use_case=use_case, candidate=candidate.candidate, dataset=dataset)
    context = context_of(
        cohort,
        requirements,
        title=f"{view.title}: {candidate.name}",
        asked=(("Use case", use_case), ("Candidate", candidate.name), ("Tier", view.tier)),
        digests={"model": candidate.candidate, "data": dataset, "policy": ctx.registry.policy},
        made_at=evidence[0].made_at,
        made_by=actor.id,
        code=CODE,
    )
    report = Report(evidence, context)
    for name, text in (
        ("committee.html", report.committee_html()),
        ("fairness.html", report.fairness_html()),
        ("appendix.html", report.to_html()),
        ("evidence.json", report.to_json()),
    ):
        write_report(ctx, use_case, f"{candidate.name}-{name}", text)
    return report
