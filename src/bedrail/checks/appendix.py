"""The full appendix: every number of every finding in tables, the drawings, what was required, and the methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.checks.budget import budget
from bedrail.checks.committee import facts, headline, not_counted, number_of_confidence, reasons, verdict_sentence
from bedrail.checks.methods import METHODS
from bedrail.checks.pages import render, safe
from bedrail.checks.plots import calibration_plot, decision_plot, estimate_words, forest_plot, roc_plot
from bedrail.checks.words import (
    VERDICT_WORDS,
    finding_class,
    finding_word,
    number,
    plain_group,
    plain_measure,
)
from bedrail.core.values import Evidence, Finding

if TYPE_CHECKING:
    from bedrail.checks.report import Report

MOST_FOREST_ROWS = 60


def appendix_page(report: Report) -> str:
    """One HTML page; nothing is loaded from elsewhere, so it can be archived and opened offline."""
    from bedrail.checks.report import title_of

    sections = [_section(one, at, title_of(one.check), report) for at, one in enumerate(report.evidence)]
    return render(
        "appendix.html",
        report=report,
        context=report.context,
        verdict=report.verdict.value,
        word=VERDICT_WORDS[report.verdict],
        sentence=verdict_sentence(report),
        headline=headline(report),
        facts=facts(report),
        reasons=reasons(report),
        not_counted=not_counted(report),
        confidence=number_of_confidence(report),
        sections=sections,
        drawings=_drawings(report),
        bins=report.context.curves.calibration if report.context.curves else (),
        requirements=requirement_lines(report),
        budget=_budget(report),
        number=number,
    )


def _budget(report: Report) -> float | None:
    """What these checks may spend together on failing a model without fault; None for other outcomes' checks."""
    asked = report.context.requirements
    return None if asked is None else budget(asked, [one.check for one in report.evidence])


def _section(one: Evidence, at: int, title: str, report: Report) -> dict[str, Any]:
    by_measure: dict[str, list[Finding]] = {}
    for finding in one.findings:
        by_measure.setdefault(finding.check, []).append(finding)
    measures = [
        _measure(name, findings, f"forest-{at}-{k}", reference(report, name))
        for k, (name, findings) in enumerate(by_measure.items())
    ]
    return {
        "check": one.check,
        "title": title,
        "verdict": one.verdict.value,
        "word": VERDICT_WORDS[one.verdict],
        "reason": one.reason,
        "required": one.check in report.required,
        "measures": measures,
        "methods": METHODS.get(one.check),
    }


def reference(report: Report, name: str) -> float | None:
    """Where the dashed line of a forest stands: no gap for fairness, else all patients together."""
    if name.startswith("fairness."):
        return 0.0
    measure = name.rpartition(".")[2]
    return next(
        (
            finding.estimate
            for one in report.evidence
            for finding in one.findings
            if finding.group == "overall" and finding.check.rpartition(".")[2] == measure
        ),
        None,
    )


def _measure(name: str, findings: list[Finding], key: str, reference: float | None) -> dict[str, Any]:
    title = plain_measure(name)
    drawn = findings[:MOST_FOREST_ROWS]
    several = sum(each.estimate is not None for each in drawn) > 1
    return {
        "name": name,
        "title": title,
        "forest": safe(forest_plot(drawn, key, title=title, reference=reference)) if several else "",
        "left_out": max(0, len(findings) - MOST_FOREST_ROWS) if several else 0,
        "rows": [_row(each) for each in findings],
    }


def _row(finding: Finding) -> dict[str, str]:
    return {
        "group": plain_group(finding.group),
        "verdict": finding_class(finding),
        "word": finding_word(finding),
        "estimate": number(finding.estimate),
        "low": number(finding.low),
        "high": number(finding.high),
        "n": "–" if finding.n is None else f"{finding.n:,}",
        "smallest_gap": number(finding.smallest_gap),
        "reason": finding.reason,
    }


def _drawings(report: Report) -> list[object]:
    shown = report.context.curves
    if report.context.pictures:
        from bedrail.checks.outcomes.drawings import drawn as drawn_of

        return [safe(each) for each in drawn_of(report.context.pictures, "plot", threshold=report.context.threshold)]
    if shown is None:
        return []
    drawn = (
        calibration_plot(shown, "calibration"),
        roc_plot(shown, "roc", area=area_words(report)),
        decision_plot(shown, "decision", threshold=report.context.threshold),
    )
    return [safe(each) for each in drawn if each]


def area_words(report: Report) -> str:
    """`AUROC 0.862 (0.831 to 0.893), n 2,520`, or nothing when there is none."""
    for one in report.evidence:
        for finding in one.findings:
            if finding.check == "discrimination.auroc" and finding.group == "overall" and finding.estimate is not None:
                return f"AUROC {estimate_words(finding)}, n {report.context.n:,}"
    return ""


def requirement_lines(report: Report) -> list[tuple[str, str]]:
    """The numbers that were required, as (name, value) in words."""
    asked = report.context.requirements or report.context.outcome_requirements
    if asked is None:
        return []
    told = msgspec.to_builtins(asked)
    return [(name.replace("_", " "), _setting(value)) for name, value in told.items()]


def _setting(value: object) -> str:
    if value is None:
        return "not asked"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " to ".join(str(each) for each in value) if len(value) == 2 else ", ".join(str(each) for each in value)
    return str(value)
