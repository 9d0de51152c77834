"""The page of a mitigation: before and after, who gains and who pays."""

from __future__ import annotations

import msgspec

from bedrail.checks.mitigation import MEASURES, Change, word_of
from bedrail.checks.pages import render, safe
from bedrail.checks.plots import forest_plot
from bedrail.core.values import Evidence
from bedrail.models.mitigation.values import TITLES, Mitigation


def mitigation_page(
    title: str, before: str, after: str, mitigation: Mitigation, evidence: Evidence, found: tuple[Change, ...]
) -> str:
    """One printable HTML page without outside references: the verdict, a picture of costs by group, every number."""
    groups = list(dict.fromkeys(change.group for change in found))
    table = {(change.group, change.measure): change for change in found}
    cost = [
        msgspec.structs.replace(finding, reason=word_of(table[finding.group, "cost"]))
        for finding in evidence.findings
        if finding.check == "mitigation.cost"
    ]
    told = "Change of the cost of errors per 1,000 patients, in missed cases"
    rows = [
        (group, [_cell(table.get((group, measure))) for measure in MEASURES], _word(table.get((group, "cost"))))
        for group in groups
    ]
    return render(
        "mitigation.html",
        title=title,
        before=before,
        after=after,
        mitigation=mitigation,
        what=TITLES[mitigation.method],
        evidence=evidence,
        drawing=safe(forest_plot(cost, "costs", title=told, reference=0.0)),
        measures=MEASURES,
        rows=rows,
    )


def _word(change: Change | None) -> str:
    return "" if change is None else word_of(change)


def _cell(change: Change | None) -> dict[str, str]:
    if change is None or change.before is None or change.after is None:
        return {"values": "-", "limits": ""}
    limits = "" if change.low is None or change.high is None else f"{change.low:+.3g} to {change.high:+.3g}"
    return {"values": f"{change.before:.3g} → {change.after:.3g}", "limits": limits}
