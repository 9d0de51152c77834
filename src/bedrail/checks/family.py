"""Families of checks, and how a check is described on paper: claim, formula, source, when not to trust it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """What is computed and how the verdict is reached (`text`); `sources` are the papers.

    `family` is a key of `FAMILIES`, `claim` what a pass lets one say, `formula` the estimators in symbols, `distrust`
    when not to trust it, `functions` the estimators by their dotted names. A method without family, claim, formula
    and distrust is unfinished: a test names it, and its page waits.
    """

    text: str
    sources: tuple[str, ...]
    claim: str = ""
    formula: str = ""
    distrust: str = ""
    family: str = ""
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """A family of checks: the title of its page docs/checks/NAME.md and the sentence under it."""

    title: str
    text: str


FAMILIES: dict[str, Family] = {
    "estimates": Family(
        "Estimates for outcomes of two classes",
        "How well a score ranks, how true its risks are, and what acting on it brings: each number with an interval "
        "that takes the rows of one patient together.",
    ),
    "groups": Family("Groups", "What holds for all patients, asked again of every group and between groups."),
    "uncertainty": Family(
        "Uncertainty", "Whether the model's own statements about how sure it is are true, for all and for every group."
    ),
    "time": Family("Time", "Whether the outcome was waited for, and whether the alert comes in time."),
    "elsewhere": Family(
        "Elsewhere and later", "Whether it holds at other sites, in other years, and for those it is to serve."
    ),
    "traps": Family("Traps", "Whether the figures could be better than the model is."),
    "robustness": Family("Robustness", "What the model does with inputs as they really arrive."),
    "outcomes": Family("Other outcomes", "Several classes, quantities, and time to an event."),
    "scenarios": Family("Scenarios", "Cases that clinicians write down, with what should happen."),
    "explanations": Family("Explanations", "Whether what is said about a risk is what made the risk."),
    "cards": Family("Cards", "Whether the papers of a model agree with its evidence."),
    "attacks": Family("Attacks", "What a model gives away of the patients it was trained on."),
}
