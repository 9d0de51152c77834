"""What a reviewer said about found spans: places and labels only, so that a file of corrections holds no words."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.core.values import Value
from bedrail.privacy.text.sampling import CONFIDENCE, LeakRate, leak_rate
from bedrail.privacy.values import LABELS, Span

FORMAT = "bedrail-corrections/1"

Picked = Literal["all", "random", "riskiest", "chosen"]
"""How the notes were picked: only of `all` and `random` ones can be told what holds for the others."""


class Mark(Value, frozen=True, kw_only=True, order=True):
    """A place of a note as it came, in code points, and what stands there."""

    start: int
    end: int
    label: str


class Reviewed(Value, frozen=True, kw_only=True):
    """One note that a person has read whole: which spans are right, which are not, and what was missed.

    A label that was changed is a rejected mark and an added one at the same place.
    """

    id: str | int
    accepted: tuple[Mark, ...] = ()
    rejected: tuple[Mark, ...] = ()
    added: tuple[Mark, ...] = ()

    def final(self) -> tuple[Mark, ...]:
        """What truly are identifiers in this note, in order."""
        return tuple(sorted({*self.accepted, *self.added}))

    def leaked(self) -> bool:
        """Whether anything stood in the output that should not: an added mark that no found span covered."""
        found = [(mark.start, mark.end) for mark in (*self.accepted, *self.rejected)]
        return any(not _covered(mark, found) for mark in self.added)


class Corrections(Value, frozen=True, kw_only=True):
    """The review of some of `of` notes; `seed` is that of a random pick."""

    format: Literal["bedrail-corrections/1"] = "bedrail-corrections/1"
    picked: Picked
    of: int
    seed: int = 0
    notes: tuple[Reviewed, ...] = ()


def _covered(mark: Mark, found: list[tuple[int, int]]) -> bool:
    at = mark.start
    for start, end in sorted(found):
        if start <= at < end:
            at = end
    return at >= mark.end


def read_corrections(data: bytes, path: str) -> Corrections:
    """The corrections in a file; raises `Invalid` saying what is wrong with it."""
    try:
        found = msgspec.json.decode(data, type=Corrections)
    except NOT_JSON as error:  # its message may hold values: only the place is told
        place = re.search(r"at `(\$[\w.\[\]]*)`", str(error))
        where = f" (at {place[1]})" if place else ""
        remedy = "Make one with `bedrail deid review`."
        raise Invalid(f"this is no file of corrections{where}.", path=path, remedy=remedy) from None
    for note in found.notes:
        for mark in (*note.accepted, *note.rejected, *note.added):
            if mark.label not in LABELS or not 0 <= mark.start < mark.end:
                raise Invalid("a mark has no such label or place.", path=path, remedy=f"Labels: {', '.join(LABELS)}.")
    return found


def rate_of(corrections: Corrections, confidence: float = CONFIDENCE) -> LeakRate:
    """What the review says about all notes; raises `Invalid` where the pick allows no such word."""
    if corrections.picked not in ("all", "random"):
        raise Invalid(
            f"the notes were picked as {corrections.picked}: their rate says nothing about the others.",
            path="picked", remedy="Review a random sample: bedrail deid review --sample 300.",
        )  # fmt: skip
    return leak_rate(sum(note.leaked() for note in corrections.notes), len(corrections.notes), confidence)


def marks(spans: list[Span]) -> tuple[Mark, ...]:
    """Found spans as marks."""
    return tuple(Mark(start=span.start, end=span.end, label=span.label) for span in spans)
