"""What is known about a candidate when its card is made: charter, package, policy, data, signed evidence, facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.checks.cards.values import Measure, Part, Source
from bedrail.core.errors import NotFound
from bedrail.core.events import Actor, DatasetBuilt
from bedrail.core.values import Evidence, Finding
from bedrail.data.datasheet import Answer as SheetAnswer
from bedrail.data.profile import SMALLEST_CELL
from bedrail.governance.approvals import evidence_on
from bedrail.governance.policy import Policy
from bedrail.governance.usecase import Charter
from bedrail.governance.views import CandidateView, DatasetView, UseCaseView
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import stored, told
from bedrail.journeys.datasets import built_facts
from bedrail.journeys.datasheets import last_answers
from bedrail.journeys.delivery import load_candidate
from bedrail.journeys.examination import read_evidence
from bedrail.models.package import package_from
from bedrail.models.values import Package

if TYPE_CHECKING:
    import pandas as pd

CHECK = "model-card"
"""The name of a card's own evidence; it stands in no card."""

_PARTS: dict[str, Part] = {
    **dict.fromkeys(("discrimination", "calibration", "thresholds", "net-benefit", "baseline"), "usefulness"),
    **dict.fromkeys(("fairness", "subgroups"), "fairness"),
}


EXTERNAL = "external-validation"
"""Evidence of its own section: its figures are of other patients than those of the three parts."""


def part_of(check: str) -> Part | None:
    """To which of a card's three parts a check belongs; what is not known by name tells of safety."""
    return None if check == EXTERNAL else _PARTS.get(check, "safety")


@dataclass(frozen=True, slots=True)
class Trained:
    """What the training part holds, counted; groups of fewer than eleven rows are not shown."""

    rows: int
    people: int
    outcomes: int
    first: str
    last: str
    groups: tuple[tuple[str, tuple[tuple[str, int], ...], int], ...]
    ranges: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """One piece of evidence with the digest of its signed artifact."""

    digest: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class CardGround:
    """Everything that the automatic items are read from; nothing else may be."""

    view: UseCaseView
    candidate: CandidateView
    charter: Charter
    package: Package
    policy: Policy
    evidence: tuple[Known, ...]
    dataset: DatasetView | None
    built: DatasetBuilt | None
    paper: dict[str, Any]
    trained: Trained | None
    sheet: dict[str, SheetAnswer]
    consent_rules: str
    origin: str

    @property
    def version(self) -> str:
        """Which of the use case's candidates this is, and its digest."""
        return f"{list(self.view.candidates).index(self.candidate.candidate) + 1} ({self.candidate.candidate[:12]})"

    def about(self, check: str) -> Known | None:
        """The evidence of this check, if there is any."""
        return next((known for known in self.evidence if known.evidence.check == check), None)

    def sources(self, part: Part) -> tuple[Source, ...]:
        """The evidence of one part."""
        return tuple(source_of(known) for known in self.evidence if part_of(known.evidence.check) == part)


def source_of(known: Known) -> Source:
    """Evidence as a source."""
    return Source(kind="evidence", name=known.evidence.check, digest=known.digest)


def gather(ctx: Context, actor: Actor, use_case: str, candidate: CandidateView, *, train: bool = True) -> CardGround:
    """Read and check everything; the training part, if asked for, is read on record.

    Raises `Corrupt` for bytes that were changed.
    """
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    package, _ = package_from(load_candidate(ctx, candidate.candidate))
    dataset = view.datasets.get(candidate.dataset)
    paper: dict[str, Any] = {} if dataset is None else msgspec.json.decode(ctx.artifacts.get(dataset.profile))
    return CardGround(
        view=view,
        candidate=candidate,
        charter=charter,
        package=package,
        policy=ctx.policy(),
        evidence=known_evidence(ctx, view, candidate.candidate),
        dataset=dataset,
        built=built_facts(ctx, use_case).get(candidate.dataset),
        paper=paper,
        trained=None if dataset is None or not train else _trained(ctx, actor, use_case, charter, dataset),
        sheet=last_answers(ctx, use_case),
        consent_rules=ctx.refresh().consents.rules,
        origin=ctx.ledger.origin,
    )


def known_evidence(ctx: Context, view: UseCaseView, candidate: str) -> tuple[Known, ...]:
    """The newest evidence about a candidate by check, signatures checked; in the order in which it was recorded."""
    checks = dict.fromkeys(check for about, check in view.evidence if about in (candidate, "") and check != CHECK)
    found = [evidence_on(view, candidate, check) for check in checks]
    return tuple(Known(each.evidence, read_evidence(ctx, each.evidence)) for each in found if each is not None)


def measures_of(ground: CardGround) -> tuple[Measure, ...]:
    """Every figure of the evidence as it stands there: all patients together, and by group in the part on fairness."""
    numbers = next((each for tier, each in ground.policy.requirements.items() if tier == ground.view.tier), None)
    level = numbers.confidence if numbers else None
    return tuple(
        _measure(known, finding, level, part)
        for known in ground.evidence
        if (part := part_of(known.evidence.check)) is not None
        for finding in known.evidence.findings
        if finding.estimate is not None
        and abs(finding.estimate) < float("inf")
        and (finding.group == "overall" or part == "fairness")
    )


def _measure(known: Known, finding: Finding, level: float | None, part: Part) -> Measure:
    from bedrail.checks.words import plain_measure

    assert finding.estimate is not None
    bounded = all(bound is not None and abs(bound) < float("inf") for bound in (finding.low, finding.high))
    gap = finding.check.startswith("fairness.")
    return Measure(
        part=part,
        check=finding.check,
        label=f"{plain_measure(finding.check)}{', group less rest' if gap else ''}",
        group=finding.group,
        estimate=finding.estimate,
        low=finding.low if bounded else None,
        high=finding.high if bounded else None,
        n=finding.n,
        level=level if bounded else None,
        verdict=str(finding.verdict),
        digest=known.digest,
    )


def _trained(ctx: Context, actor: Actor, use_case: str, charter: Charter, dataset: DatasetView) -> Trained | None:
    """Counted from the stored table, on record; None when its key was destroyed or it was never split."""
    if not dataset.split:
        return None
    try:
        frame, labels = stored(ctx, dataset)
    except NotFound:
        return None
    rows = frame[(labels == "train").to_numpy()]
    read = told(use_case, dataset.dataset, list(rows.columns), len(rows), "train", "making the model card")
    ctx.append(actor, "governance", read)
    plan = charter.data
    numbers = [f.name for f in charter.features if f.kind == "numeric" and f.name in rows.columns]
    return Trained(
        rows=len(rows),
        people=int(rows[plan.subject].nunique()) if plan.subject in rows.columns else 0,
        outcomes=int((rows[plan.outcome] == 1).sum()) if plan.outcome in rows.columns else 0,
        first=str(rows[plan.time].min()) if len(rows) and plan.time in rows.columns else "",
        last=str(rows[plan.time].max()) if len(rows) and plan.time in rows.columns else "",
        groups=tuple(_group(rows, name) for name in plan.groups if name in rows.columns),
        ranges=tuple(_range(rows, name) for name in numbers if rows[name].notna().sum() >= SMALLEST_CELL),
    )


def _group(rows: pd.DataFrame, name: str) -> tuple[str, tuple[tuple[str, int], ...], int]:
    counts = rows[name].astype(str).where(rows[name].notna(), "missing").value_counts()
    shown = tuple((str(level), int(count)) for level, count in counts.items() if count >= SMALLEST_CELL)
    return name, shown, int((counts < SMALLEST_CELL).sum())


def _range(rows: pd.DataFrame, name: str) -> tuple[str, float, float]:
    """The 1st and 99th percentile: extremes could point to a person."""
    low, high = rows[name].quantile([0.01, 0.99])
    return name, float(low), float(high)
