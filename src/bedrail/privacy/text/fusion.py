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
    covered = bytearray(len(text))
    free = covered.find
    for one in sorted(candidates, key=lambda c: (-c.confidence, c.start - c.end, c.start)):
        whole = free(1, one.start, one.end) < 0
        if whole and text[one.start].isalnum() and text[one.end - 1].isalnum():
            taken.append(one)
            covered[one.start : one.end] = b"\x01" * (one.end - one.start)
            continue
        for piece in _free(covered, one.start, one.end):
            start, end = _trimmed(text, *piece)
            if start < end:
                taken.append(Candidate(start, end, one.label, one.confidence, one.source))
        covered[one.start : one.end] = b"\x01" * (one.end - one.start)
    taken.sort(key=lambda c: c.start)
    return [c for c in taken if c.label]


def _free(covered: bytearray, start: int, end: int) -> list[tuple[int, int]]:
    """The stretches of start..end that nothing covers yet."""
    out = []
    while start < end:
        if covered[start]:
            start = covered.find(0, start, end)
            if start < 0:
                break
        stop = covered.find(1, start, end)
        stop = end if stop < 0 else stop
        out.append((start, stop))
        start = stop
    return out


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    return start, end
