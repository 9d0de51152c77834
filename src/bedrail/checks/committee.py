"""What a committee reads on one page: the verdict, what was asked, the few figures that matter, and why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrail.checks.pages import render, safe
from bedrail.checks.plots import calibration_plot, estimate_words
from bedrail.checks.words import (
    EVIDENCE_SENTENCES,
    REQUIRED_SENTENCES,
    VERDICT_WORDS,
    finding_word,
    number,
    percent,
    plain_group,
    plain_measure,
)
from bedrail.core.values import Evidence, Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.report import Report

MOST_FIGURES = 8
MOST_REASONS = 5
LONGEST_REASON = 150

Show = Callable[[float | None], str]

MEASURES: dict[str, tuple[str, str, Show]] = {
    "discrimination.auroc": ("AUROC: tells patients apart", "0.5 is chance, 1 is perfect", number),
    "calibration.observed-to-expected": ("Observed over predicted", "1 is right; below 1 over-predicts", number),
    "calibration.slope": ("Calibration slope", "1 is right; below 1 too extreme", number),
    "thresholds.sensitivity": ("Sensitivity", "share alerted of those with the outcome", percent),
    "thresholds.ppv": ("Positive predictive value", "share of alerts with the outcome", percent),
    "thresholds.alert-rate": ("Alerts", "share at or above the threshold", percent),
    "net-benefit.over-none": ("Net benefit", "true alerts per patient, less false ones", number),
    "baseline.auroc-difference": ("AUROC gained over the comparator", "0 is no gain", number),
}
"""Figures in the order in which a committee reads them, each with how to read it and how to write it."""

GAPS: dict[str, tuple[str, Show]] = {
    "fairness.sensitivity": ("sensitivity", percent),
    "fairness.specificity": ("specificity", percent),
    "fairness.ppv": ("PPV", percent),
    "fairness.calibration": ("observed/predicted", number),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table of figures."""

    label: str
    reading: str
    value: str
    verdict: Verdict
    word: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a piece of evidence does not pass, in plain words."""

    verdict: Verdict
    word: str
    question: str
    text: str


def figures(report: Report) -> tuple[Figure, ...]:
    """Five to eight figures with intervals where the evidence has them; the worst group gap comes last."""
    if report.context.outcome_type != "binary":
        from bedrail.checks.outcomes.reporting import chosen_figures

        return tuple(_figure(*each) for each in chosen_figures(report)[:MOST_FIGURES])
    overall = {f.check: f for one in report.evidence for f in one.findings if f.group == "overall"}
    chosen = [
        _figure(overall[name], label, reading, show)
        for name, (label, reading, show) in MEASURES.items()
        if name in overall and overall[name].estimate is not None
    ]
    gap = widest_gap([f for one in report.evidence if one.check == "fairness" for f in one.findings])
    chosen = chosen[: MOST_FIGURES - (gap is not None)]
    if gap is not None:
        measure, show = GAPS.get(gap.check, (plain_measure(gap.check), number))
        label = f"Widest gap: {measure}"
        chosen.append(_figure(gap, label, f"{plain_group(gap.group)}, less the rest", show))
    return tuple(chosen)


def widest_gap(findings: Sequence[Finding]) -> Finding | None:
    """The group difference to look at first: failing before others, then the largest."""
    told = [f for f in findings if f.estimate is not None and f.group != "overall"]
    if not told:
        return None
    return max(told, key=lambda f: (f.verdict is Verdict.FAIL, abs(f.estimate or 0.0)))


def _figure(finding: Finding, label: str, reading: str, show: Show) -> Figure:
    return Figure(
        label=label,
        reading=reading,
        value=estimate_words(finding, show),
        verdict=finding.verdict,
        word=finding_word(finding),
    )


def reasons(report: Report) -> tuple[Reason, ...]:
    """Each required piece of evidence that fails or is missing, failures first."""
    from bedrail.checks.report import title_of

    found = [
        _reason(one, title_of(one.check))
        for one in report.evidence
        if one.check in report.required and one.verdict is not Verdict.PASS
    ]
    for name in report.absent:
        word = VERDICT_WORDS[Verdict.MISSING]
        found.append(Reason(Verdict.MISSING, word, title_of(name), "This required check has not been made."))
    return tuple(sorted(found, key=lambda each: each.verdict is not Verdict.FAIL))


def _reason(one: Evidence, question: str) -> Reason:
    groups = {f.group for f in one.findings if f.verdict is one.verdict and f.group != "overall"}
    where = f" Groups concerned: {len(groups)}." if len(groups) > 1 else ""
    return Reason(one.verdict, VERDICT_WORDS[one.verdict], question, shortened(one.reason, LONGEST_REASON) + where)


def shortened(text: str, most: int) -> str:
    """At most `most` characters, cut between words: the page has room for so much, the appendix has the rest."""
    return text if len(text) <= most else text[: most - 2].rsplit(" ", 1)[0] + " …"


def verdict_sentence(report: Report) -> str:
    """The verdict in words: of all the evidence, or of what is required where that is not all of it."""
    chosen = bool(report.absent) or any(one.check not in report.required for one in report.evidence)
    return (REQUIRED_SENTENCES if chosen else EVIDENCE_SENTENCES)[report.verdict]


def headline(report: Report) -> str:
    """The one sentence on prediction against outcome that everyone should leave with."""
    context = report.context
    if context.outcome_type != "binary":
        return context.sentence
    if not context.n or context.mean_score is None:
        return ""
    observed = context.outcomes / context.n
    plain = f"Mean predicted risk {context.mean_score:.1%}, observed {observed:.1%}."
    for one in report.evidence:
        for finding in one.findings:
            if finding.check == "calibration.observed-to-expected" and finding.group == "overall":
                if finding.high is not None and finding.high < 1:
                    return f"The score over-predicts. {plain}"
                if finding.low is not None and finding.low > 1:
                    return f"The score under-predicts. {plain}"
    return plain


def facts(report: Report) -> list[tuple[str, str]]:
    """What was asked and of whom, as lines of label and words."""
    context = report.context
    lines = list(context.asked)
    if context.outcome_type != "binary":
        lines.append(("Outcome type", context.outcome_type))
    if context.counts:
        return [*lines, ("Predictions", context.counts)]
    lines.append(
        ("Predictions", f"{context.n:,}, of {context.patients:,} patients; {context.outcomes:,} with the outcome")
    )
    if context.threshold is not None:
        how = "as given" if context.threshold_given else "none was given; the observed rate stands in"
        lines.append(("Alert threshold", f"risk of {context.threshold:.1%} ({how})"))
    return lines


def not_counted(report: Report) -> str:
    """Checks that were made, do not pass and are not required: named, so that nobody takes them for granted."""
    names = [
        one.check for one in report.evidence if one.check not in report.required and one.verdict is not Verdict.PASS
    ]
    return ", ".join(names)


def _shared(report: Report) -> dict[str, object]:
    why = reasons(report)
    return {
        "report": report,
        "context": report.context,
        "verdict": report.verdict.value,
        "word": VERDICT_WORDS[report.verdict],
        "sentence": verdict_sentence(report),
        "headline": headline(report),
        "figures": figures(report),
        "reasons": why[:MOST_REASONS],
        "more_reasons": max(0, len(why) - MOST_REASONS),
        "facts": facts(report),
        "not_counted": not_counted(report),
        "confidence": number_of_confidence(report),
    }


def number_of_confidence(report: Report) -> str:
    """`95%`, as the requirements say."""
    asked = report.context.requirements or report.context.outcome_requirements
    level = asked.confidence if asked else 0.95
    return f"{level * 100:g}%"


def main_drawing(report: Report, key: str, width: int) -> str:
    """Prediction against outcome, as one drawing; nothing when there is none."""
    if report.context.pictures:
        from bedrail.checks.outcomes.drawings import summary

        return summary(report.context.pictures, key)
    return calibration_plot(report.context.curves, key, width=width) if report.context.curves else ""


def committee_page(report: Report) -> str:
    """One A4 page of HTML with all styles and drawings inside."""
    drawing = main_drawing(report, "committee-calibration", 300)
    return render("committee.html", drawing=safe(drawing), shortened=shortened, **_shared(report))


def notebook_view(report: Report) -> str:
    """A fragment for notebooks, with its styles scoped to itself."""
    drawing = main_drawing(report, "notebook-calibration", 320)
    return render("notebook.html", drawing=safe(drawing), **_shared(report))
