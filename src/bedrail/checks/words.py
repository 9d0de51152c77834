"""Numbers, groups and measures in the words of a committee."""

from __future__ import annotations

from math import isinf, isnan

from bedrail.core.values import Finding, Verdict

SHOWN_WORD = "Shown, not judged"
VERDICT_WORDS = {
    Verdict.PASS: "Passes",
    Verdict.FAIL: "Fails",
    Verdict.MISSING: "Not shown",
}
ABBREVIATIONS = {word: word.upper() for word in ("auroc", "auprc", "auc", "ppv", "npv", "mae", "rmse", "r2", "f1")}
REQUIRED_SENTENCES = {
    Verdict.PASS: "All required evidence passes.",
    Verdict.FAIL: "Required evidence fails.",
    Verdict.MISSING: "Required evidence is missing: the data cannot show what is asked. This is not a pass.",
}
EVIDENCE_SENTENCES = {
    Verdict.PASS: "All of the evidence passes.",
    Verdict.FAIL: "Some of the evidence fails.",
    Verdict.MISSING: "Some of the evidence is missing: the data cannot show what is asked. This is not a pass.",
}
"""Where no policy chose among the checks, so that nothing passes over one that fails."""


def finding_word(finding: Finding) -> str:
    """`Passes`, `Fails`, `Not shown`, or that it is shown and nobody judges it."""
    return VERDICT_WORDS[finding.verdict] if finding.judged else SHOWN_WORD


def finding_class(finding: Finding) -> str:
    """The mark on a page: the verdict, or `shown`."""
    return finding.verdict.value if finding.judged else "shown"


def number(value: float | None) -> str:
    """Three significant places as people read them: `0.862`, `12.3`, `1,240`; a dash for None."""
    if value is None or isnan(value):
        return "–"
    if isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    text = f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"
    return text.replace("-", "−")


def percent(value: float | None) -> str:
    """`84.2%`; a dash for None."""
    return "–" if value is None or isnan(value) else f"{value * 100:.1f}%".replace("-", "−")


def plain_group(group: str) -> str:
    """`race=Black & gender=Female` as `race: Black, gender: Female`; `overall` as `All patients`.

    `race=*` is a finding about all groups of a column together.
    """
    if group == "overall":
        return "All patients"
    group = group.replace("=*", "=all groups")
    return ", ".join(part.replace("=", ": ", 1) for part in group.split(" & "))


def plain_measure(check: str) -> str:
    """The measure at the end of a finding's name: `calibration.observed-to-expected` is `Observed to expected`."""
    words = check.rpartition(".")[2].replace("-", " ").replace("_", " ").split(" ")
    told = " ".join(ABBREVIATIONS.get(word, word) for word in words)
    return told[:1].upper() + told[1:]
