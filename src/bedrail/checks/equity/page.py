"""The page on fairness: which notions hold, which cannot hold together here and why, and who pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bedrail.checks.pages import render, safe
from bedrail.checks.plots import estimate_words, forest_plot
from bedrail.checks.words import finding_class, finding_word, number, plain_group, plain_measure
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.report import Report

FORCED = (
    ("ppv-if-error-rates-equal", "PPV, if sensitivity and specificity were equal"),
    ("sensitivity-if-ppv-and-specificity-equal", "Sensitivity, if PPV and specificity were equal"),
    ("specificity-if-ppv-and-sensitivity-equal", "Specificity, if PPV and sensitivity were equal"),
    ("balance-if-calibrated", "Mean risk of those with the outcome, if risks were true and that of the others equal"),
)
MOST_ROWS = 40


def fairness_page(report: Report) -> str:
    """One HTML page for a board, from the evidence `trade-offs`, `parity` and `error-costs`; opens offline."""
    forced = _of(report, "trade-offs")
    return render(
        "fairness.html",
        title=report.context.title,
        summary=board_words(forced),
        forced=any(_weight(f)[0] for f in forced if f.check == "trade-offs.ppv-if-error-rates-equal"),
        tables=[_table(forced, measure, label, at) for at, (measure, label) in enumerate(FORCED)],
        demands=[_row(f) for f in forced if f.check == "trade-offs.demand" and f.estimate is not None],
        notions=[_row(f) for f in _of(report, "parity")],
        costs=[
            _plot(_of(report, "error-costs"), f"error-costs.{what}", key, reference)
            for what, key, reference in (("burden", "burden", 1.0), ("missed", "missed", None), ("total", "cost", None))
        ],
        labels=[_row(f) for f in _of(report, "label-choice") if f.estimate is not None],
        confidence=f"{(report.context.requirements.confidence if report.context.requirements else 0.95) * 100:g}%",
    )


def board_words(forced: Sequence[Finding]) -> list[str]:
    """What cannot hold together, in a sentence for each column: the group where most would surely have to differ."""
    told: list[str] = []
    columns: dict[str, Finding] = {}
    for finding in forced:
        if finding.check != "trade-offs.ppv-if-error-rates-equal" or finding.estimate is None:
            continue
        column = finding.group.partition("=")[0]
        best = columns.get(column)
        if best is None or _weight(finding) > _weight(best):
            columns[column] = finding
    for column, finding in columns.items():
        low, high = finding.low or 0.0, finding.high or 0.0
        if low <= 0.0 <= high:
            told.append(
                f"By {column}, these patients do not show that the outcome is more common in one group than in "
                "another, so that nothing is seen to force equal error rates and equal PPV apart."
            )
            continue
        told.append(
            f"By {column}, they cannot hold together. {finding.reason} The data put that difference between "
            f"{abs(low) * 100:.1f} and {abs(high) * 100:.1f} of 100 alerts."
            if low > 0
            else f"By {column}, they cannot hold together. {finding.reason} The data put that difference between "
            f"{abs(high) * 100:.1f} and {abs(low) * 100:.1f} of 100 alerts."
        )
    return told


def _weight(finding: Finding) -> tuple[bool, float]:
    """A difference that is sure outweighs a larger one that may be chance: a tiny group must not hide the others."""
    sure = (finding.low or 0.0) > 0 or (finding.high or 0.0) < 0
    return sure, abs(finding.estimate or 0.0)


def _of(report: Report, check: str) -> list[Finding]:
    return [finding for one in report.evidence if one.check == check for finding in one.findings]


def _row(finding: Finding) -> dict[str, str]:
    return {
        "measure": plain_measure(finding.check),
        "group": plain_group(finding.group),
        "estimate": estimate_words(finding),
        "n": "–" if finding.n is None else f"{finding.n:,}",
        "smallest": number(finding.smallest_gap),
        "word": finding_word(finding),
        "verdict": finding_class(finding),
        "reason": finding.reason,
    }


def _table(forced: Sequence[Finding], measure: str, label: str, at: int) -> dict[str, object]:
    rows = [f for f in forced if f.check == f"trade-offs.{measure}" and f.estimate is not None]
    return {
        "label": label,
        "plot": safe(forest_plot(rows[:MOST_ROWS], f"forced-{at}", title=label, reference=0.0)) if rows else "",
        "rows": [_row(f) for f in rows],
    }


def _plot(findings: Sequence[Finding], name: str, key: str, reference: float | None) -> dict[str, object]:
    rows = [f for f in findings if f.check == name and f.estimate is not None]
    failing = sum(f.verdict is Verdict.FAIL for f in rows)
    return {
        "label": plain_measure(name),
        "plot": safe(forest_plot(rows[:MOST_ROWS], key, title=plain_measure(name), reference=reference))
        if rows
        else "",
        "rows": [_row(f) for f in rows],
        "failing": failing,
    }
