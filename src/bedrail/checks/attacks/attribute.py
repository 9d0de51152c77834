"""Does the model's answer betray a hidden attribute beyond what the other inputs tell anyway?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.attacks.membership import within
from bedrail.checks.comparison import auroc_difference
from bedrail.checks.discrimination import auroc
from bedrail.checks.intervals import quantile
from bedrail.checks.question import rule
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Evidence, Finding, Verdict

CHECK = "attribute-inference"


@dataclass(frozen=True, slots=True)
class Guessed:
    """Guesses of one attribute for n rows: `truth` (n,) of level numbers, `attack` and `imputation` (n, levels).

    `patient` (n,) numbers the patients from 0.
    """

    levels: tuple[str, ...]
    truth: Ints
    attack: Floats
    imputation: Floats
    patient: Ints


def attribute_evidence(
    guesses: Mapping[str, tuple[Guessed, Guessed]], requirements: Requirements, unasked: Mapping[str, str] | None = None
) -> Evidence:
    """Evidence `attribute-inference` from guesses of each attribute for (training patients, other patients).

    `gain` is the AUROC with which each level is told by an attacker who sees the model's answer, less that of one who
    does not (imputation): the advantage that the model gives away. `training-excess` is the gain among training
    patients less that among others: what the model gives away because it saw them. Each fails when its whole interval,
    at a confidence shared over all of them, lies above `max_attribute_gain`. `unasked` says by attribute why not.
    """
    # Of two levels the second is the first again, seen from the other side.
    pairs = [(name, k) for name, (inside, _) in guesses.items() for k in range(_own(len(inside.levels)))]
    shared = 1 - (1 - requirements.confidence) / max(1, 3 * len(pairs))
    findings = [finding for name, k in pairs for finding in _level(name, k, guesses[name], shared, requirements)]
    for name, why in (unasked or {}).items():
        findings.append(Finding(check=f"{CHECK}.gain", group=f"attribute={name}", verdict=Verdict.MISSING, reason=why))
    told = tuple(findings) or (
        Finding(check=f"{CHECK}.gain", verdict=Verdict.MISSING, reason="No attribute was named that could be guessed."),
    )
    none = Cohort(outcome=np.zeros(0), score=np.zeros(0))
    verdict, reason = rule(none, requirements, told)
    return Evidence(check=CHECK, verdict=verdict, reason=reason, findings=told)


def _own(levels: int) -> int:
    return 1 if levels == 2 else levels


def _level(
    name: str, k: int, pair: tuple[Guessed, Guessed], confidence: float, requirements: Requirements
) -> list[Finding]:
    level = f"{name}={pair[0].levels[k]}"
    bound, found, findings = requirements.max_attribute_gain, [], []
    for who, guess in zip(("training", "others"), pair, strict=True):
        here = (guess.truth == k).astype(np.float64)
        size = int(min(here.sum(), len(here) - here.sum()))
        gap = None
        if size >= requirements.min_group:
            gap = auroc_difference(here, guess.attack[:, k], guess.imputation[:, k], guess.patient, confidence)
        found.append(gap)
        alone = auroc(here, guess.imputation[:, k]) if gap is not None else None
        told = f" beyond the {alone.estimate:.3f} of the other inputs alone" if alone is not None else ""
        findings.append(_finding("gain", f"{level} & patients={who}", gap, bound, len(here), told))
    inside, outside = found
    excess = None
    if inside is not None and outside is not None:
        middle, error = inside[0] - outside[0], sqrt(inside[3] ** 2 + outside[3] ** 2)
        half = quantile(confidence) * error
        excess = (middle, middle - half, middle + half, error)
    findings.append(_finding("training-excess", level, excess, bound, len(pair[0].truth) + len(pair[1].truth), ""))
    return findings


def _finding(
    name: str, group: str, gap: tuple[float, float, float, float] | None, bound: float, n: int, told: str
) -> Finding:
    check = f"{CHECK}.{name}"
    if gap is None:
        reason = "Too few patients with, or without, this level."
        return Finding(check=check, group=group, verdict=Verdict.MISSING, reason=reason)
    estimate, low, high, _ = gap
    verdict = within(low, high, bound)
    what = "The model's answer adds" if name == "gain" else "Having been in training adds"
    reason = f"{what} {estimate:+.3f} AUROC to guessing {group.partition(' & ')[0]}{told}; {bound:g} is allowed." + (
        " Whether it keeps within that cannot be told." if verdict is Verdict.MISSING else ""
    )
    return Finding(check=check, group=group, verdict=verdict, estimate=estimate, low=low, high=high, n=n, reason=reason)
