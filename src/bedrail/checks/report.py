"""One examination, several audiences: a dataframe, JSON, the full appendix, and one page for the committee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.checks.curves import Curves, curves
from bedrail.checks.outcomes.pictures import Picture
from bedrail.checks.outcomes.requirements import OutcomeRequirements
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.values import Evidence, Finding, Value, Verdict, worst

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "bedrail-report/1"
COLUMNS = ("check", "group", "verdict", "estimate", "low", "high", "n", "smallest_gap", "reason", "judged")


class Signature(Value, frozen=True, kw_only=True):
    """Who stood in for what, when (ISO 8601), and the digest that the signature is bound to."""

    role: str
    person: str
    at: str
    digest: str = ""


class Context(Value, frozen=True, kw_only=True):
    """What a report says beside the evidence: whom and what was asked, the numbers of the cohort, who made it.

    `asked` are (label, words) lines for the head of the report; `required` names the checks that count for the
    verdict (None: all). `digests` maps a thing's name (predictions, policy, model) to its SHA-256. For outcomes that
    are not yes or no (`outcome_type`), `counts` and `sentence` are told in words, `pictures` are drawn, and
    `outcome_requirements` stand in the place of `requirements`.
    """

    title: str = "Examination of a score"
    asked: tuple[tuple[str, str], ...] = ()
    n: int = 0
    patients: int = 0
    outcomes: int = 0
    mean_score: float | None = None
    threshold: float | None = None
    threshold_given: bool = False
    required: tuple[str, ...] | None = None
    requirements: Requirements | None = None
    curves: Curves | None = None
    notes: tuple[str, ...] = ()
    digests: dict[str, str] = {}  # noqa: RUF012 (msgspec copies it)
    made_at: str = ""
    made_by: str = ""
    code: str = ""
    signatures: tuple[Signature, ...] = ()
    outcome_type: str = "binary"
    outcome_requirements: OutcomeRequirements | None = None
    counts: str = ""
    sentence: str = ""
    pictures: tuple[Picture, ...] = ()


def context_of(cohort: Cohort, requirements: Requirements, **more: Any) -> Context:
    """The context of a cohort: its counts, threshold and curves; `more` are further fields of `Context`."""
    return Context(
        n=cohort.n,
        patients=cohort.patients,
        outcomes=int(cohort.outcome.sum()),
        mean_score=float(cohort.score.mean()) if cohort.n else None,
        threshold=cohort.cut,
        threshold_given=cohort.threshold is not None,
        requirements=requirements,
        curves=curves(cohort, requirements.confidence),
        **more,
    )


@dataclass(frozen=True, slots=True)
class Report:
    """Evidence and its context; everything shown is derived from these two, so stored evidence reads the same."""

    evidence: tuple[Evidence, ...]
    context: Context = Context()  # noqa: RUF009 (frozen)

    @property
    def required(self) -> tuple[str, ...]:
        """The checks that count for the verdict."""
        if self.context.required is None:
            return tuple(one.check for one in self.evidence)
        return self.context.required

    @property
    def absent(self) -> tuple[str, ...]:
        """Required checks of which there is no evidence at all."""
        there = {one.check for one in self.evidence}
        return tuple(name for name in self.required if name not in there)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among required evidence; required evidence that is not there is missing."""
        counted = tuple(one.verdict for one in self.evidence if one.check in self.required)
        return worst(counted + (Verdict.MISSING,) * len(self.absent))

    @property
    def findings(self) -> pd.DataFrame:
        """Every finding as a row: check, group, verdict, estimate, low, high, n, smallest_gap, reason, judged.

        `verdict` is text (pass, fail, missing), and `judged` False where it passes because no requirement judges it;
        a number that does not exist is missing (NaN, <NA> for n).
        """
        import pandas as pd

        rows = [_row(finding) for one in self.evidence for finding in one.findings]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        kinds = dict.fromkeys(("estimate", "low", "high", "smallest_gap"), "float64")
        return frame.astype({**kinds, "n": "Int64"})

    @property
    def curves(self) -> pd.DataFrame:
        """The numbers behind every drawing, as rows: curve, x, y, low, high, n."""
        from bedrail.checks.frames import curves_frame

        return curves_frame(self.context)

    @property
    def groups(self) -> pd.DataFrame:
        """A row for each group, a column for each measure, and what fails there."""
        from bedrail.checks.frames import groups_frame

        return groups_frame(self)

    @property
    def settings(self) -> pd.DataFrame:
        """What the figures rest on, as rows: counts, threshold, required numbers, digests."""
        from bedrail.checks.frames import settings_frame

        return settings_frame(self.context)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, in the layout described in docs/day-one.md."""
        context = self.context
        binary = context.outcome_type == "binary"
        return {
            "format": FORMAT,
            "outcome_type": context.outcome_type,
            "verdict": self.verdict.value,
            "title": context.title,
            "n": context.n,
            "patients": context.patients,
            "outcomes": context.outcomes,
            "observed_rate": context.outcomes / context.n if context.n and binary else None,
            "mean_score": _finite(context.mean_score),
            "threshold": _finite(context.threshold),
            "required": list(self.required),
            "absent": list(self.absent),
            "evidence": [self._evidence(one) for one in self.evidence],
            "findings": [_row(finding) for one in self.evidence for finding in one.findings],
            "asked": [list(line) for line in context.asked],
            "notes": list(context.notes),
            "digests": dict(context.digests),
            "requirements": msgspec.to_builtins(context.requirements or context.outcome_requirements),
            "curves": msgspec.to_builtins(context.curves),
            **({} if binary else {"counts": context.counts, "pictures": msgspec.to_builtins(context.pictures)}),
            "made_at": context.made_at,
            "made_by": context.made_by,
            "code": context.code,
            "signatures": msgspec.to_builtins(context.signatures),
        }

    def _evidence(self, one: Evidence) -> dict[str, Any]:
        return {
            "check": one.check,
            "title": title_of(one.check),
            "required": one.check in self.required,
            "verdict": one.verdict.value,
            "reason": one.reason,
            "spent": one.spent,
            "findings": [_row(finding) for finding in one.findings],
            "bound_to": {
                name: getattr(one, name)
                for name in ("use_case", "candidate", "dataset", "policy")
                if getattr(one, name)
            },
        }

    def to_json(self) -> str:
        """The report as JSON text; infinite and undefined numbers are null."""
        return msgspec.json.format(msgspec.json.encode(self.as_dict()), indent=2).decode()

    def to_html(self) -> str:
        """The full appendix as one HTML page without outside references: every number, plots, methods."""
        from bedrail.checks.appendix import appendix_page

        return appendix_page(self)

    def fairness_html(self) -> str:
        """The page on fairness: what cannot hold together here and why, which notions hold, who pays for errors."""
        from bedrail.checks.equity.page import fairness_page

        return fairness_page(self)

    def committee_html(self) -> str:
        """The summary for the committee: one A4 page."""
        from bedrail.checks.committee import committee_page

        return committee_page(self)

    def to_pdf(self) -> bytes:
        """Summary and appendix as tagged PDF (PDF/UA-1); `Unavailable` without the extra `pdf`."""
        from bedrail.checks.pdf_report import report_pdf

        return report_pdf(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, the figures that matter, calibration; all styles stay inside."""
        from bedrail.checks.committee import notebook_view

        return notebook_view(self)

    def __repr__(self) -> str:
        counted = ", ".join(f"{one.check} {one.verdict.value}" for one in self.evidence)
        return f"<Report {self.verdict.value}: n={self.context.n}; {counted}>"


def title_of(check: str) -> str:
    """The question that a check asks, or its name when the catalogue does not know it."""
    from bedrail.checks.catalogue import CHECKS

    known = CHECKS.get(check)
    return known.title if known is not None else EXTRA_TITLES.get(check) or outcome_title(check)


def outcome_title(check: str) -> str:
    """The question that is asked of an outcome that is not yes or no, or the name."""
    from bedrail.checks.outcomes.catalogue import TITLES

    return TITLES.get(check, check)


EXTRA_TITLES: Mapping[str, str] = {
    "external-validation": "Does it hold where it was not made, and beat what there is already?",
    "representativeness": "Are the data like the population to be served, and what would the score do there?",
    "follow-up": "Is the outcome known for nearly all predictions?",
    "mitigation": "Who gains by the mitigation, and who pays for it?",
    "explanations": "Can the reasons given for a risk be trusted?",
    "membership-inference": "Could somebody who asks the model tell who was in its training data?",
    "attribute-inference": "Does the answer betray a hidden attribute beyond what the other inputs tell?",
}


def _row(finding: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(finding, name) for name in COLUMNS}
    row["verdict"] = finding.verdict.value
    for name in ("estimate", "low", "high", "smallest_gap"):
        row[name] = _finite(row[name])
    return row


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None
