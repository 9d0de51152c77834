"""Many opinions about the same text become one: sorted spans that do not overlap, with all that any of them covered."""

from __future__ import annotations

from collections.abc import Iterable

from bedrail.privacy.text.values import Candidate


def fuse(text: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best candidate keeps its whole stretch; of the others remains what it leaves and holds a letter.

    Better is more confident, then longer. So the union of what was found stays masked, whatever the label is.
    A candidate without label protects its stretch from all that is less confident.
    """
    taken: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: (-c.confidence, c.start - c.end, c.start)):
        pieces = [(one.start, one.end)]
        for other in taken:
            if other.start < one.end and one.start < other.end:
                pieces = [p for piece in pieces for p in _without(piece, other)]
                if not pieces:
                    break
        for piece in pieces:
            start, end = _trimmed(text, *piece)
            if start < end:
                taken.append(Candidate(start, end, one.label, one.confidence, one.source))
    return sorted((c for c in taken if c.label), key=lambda c: c.start)


def _without(piece: tuple[int, int], other: Candidate) -> list[tuple[int, int]]:
    start, end = piece
    if other.end <= start or end <= other.start:
        return [piece]
    return [p for p in ((start, other.start), (other.end, end)) if p[0] < p[1]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    return start, end
