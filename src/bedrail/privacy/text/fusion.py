"""Many opinions about the same text become one: sorted spans that do not overlap, with all that any of them covered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from bedrail.privacy.text.values import Candidate


def fuse(text: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best candidate keeps its whole stretch; of the others remains what it leaves and holds a letter.

    Better is more confident, then longer. So the union of what was found stays masked, whatever the label is.
    A candidate without label protects its stretch from all that is less confident.
    """
    taken: list[Candidate] = []
    covered = bytearray(len(text))
    free = covered.find
    ranked = [(-one.confidence, one.start - one.end, one.start, at, one) for at, one in enumerate(candidates)]
    ranked.sort()
    for _, _, first, _, one in ranked:
        last = one.end
        if free(1, first, last) < 0 and text[first].isalnum() and text[last - 1].isalnum():
            taken.append(one)
        elif free(0, first, last) < 0:
            continue
        else:
            for piece in _free(covered, first, last):
                start, end = _trimmed(text, *piece)
                if start < end:
                    taken.append(Candidate(start, end, one.label, one.confidence, one.source))
        covered[first:last] = b"\x01" * (last - first)
    taken.sort(key=lambda c: c.start)
    return [c for c in taken if c.label]


def beyond(found: Sequence[Candidate], more: Sequence[Candidate]) -> list[Candidate]:
    """Those of `more` that would change what was fused: the others lie inside something as sure, and leave nothing."""
    starts = [one.start for one in found]
    kept = []
    for one in more:
        at = bisect_right(starts, one.start) - 1
        if at < 0 or found[at].end < one.end or found[at].confidence < one.confidence:
            kept.append(one)
    return kept


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
