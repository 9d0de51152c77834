"""What a person's look at some notes says about all of them: the leak rate with its upper bound."""

from __future__ import annotations

from collections.abc import Sequence

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

CONFIDENCE = 0.95


class LeakRate(Value, frozen=True, kw_only=True):
    """Of `notes` reviewed, `leaking` held something; with `confidence`, fewer than `most` of all notes do."""

    notes: int
    leaking: int
    most: float
    confidence: float

    def said(self) -> str:
        """As a privacy officer writes it down."""
        percent = f"{100 * self.most:.2f}".rstrip("0").rstrip(".")
        return (
            f"{self.leaking} leaks in {self.notes} notes: at most {percent} % at {100 * self.confidence:g} % confidence"
        )


def leak_rate(leaking: int, notes: int, confidence: float = CONFIDENCE) -> LeakRate:
    """The one-sided upper bound of Clopper and Pearson (Biometrika 26, 1934): exact, whatever the rate.

    Holds for notes drawn at random from all; raises `Invalid` when the numbers cannot be.
    """
    if not 0 <= leaking <= notes or notes < 1 or not 0 < confidence < 1:
        raise Invalid(
            "these are no counts of notes.", path="leaking", remedy="0 <= leaking <= notes, at least one note."
        )
    from scipy.special import betaincinv  # scipy.stats takes a second to load

    most = 1.0 if leaking == notes else float(betaincinv(leaking + 1, notes - leaking, confidence))
    return LeakRate(notes=notes, leaking=leaking, most=most, confidence=confidence)


def drawn(notes: int, count: int, seed: int) -> list[int]:
    """The places of `count` of `notes` notes, drawn at random without repeats, in order; the same for a seed."""
    if count >= notes:
        return list(range(notes))
    import numpy as np  # notes are read without it

    return sorted(int(at) for at in np.random.default_rng(seed).choice(notes, size=count, replace=False))


def riskiest(risks: Sequence[float], count: int) -> list[int]:
    """The places of the notes of the highest risk, in order: to find leaks, not to count them."""
    return sorted(sorted(range(len(risks)), key=lambda at: (-risks[at], at))[:count])
