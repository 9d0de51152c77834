"""Many opinions about the same text become one: sorted spans that do not overlap, with all that any of them covered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from bedrail.privacy.text.values import Candidate

_start = attrgetter("start")


class Group(NamedTuple):
    """Candidates that overlap one another, by where they start, and what remains of them; None while unknown."""

    start: int
    end: int
    members: list[Candidate]
    kept: Sequence[Candidate] | None


def fuse(text: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best candidate keeps its whole stretch; of the others remains what it leaves and holds a letter.

    Better is more confident, then longer. So the union of what was found stays masked, whatever the label is.
    A candidate without label protects its stretch from all that is less confident.
    """
    return remaining(grouped(text, candidates))


def grouped(text: str, candidates: Iterable[Candidate]) -> list[Group]:
    """The candidates in groups that do not overlap, sorted."""
    groups: list[Group] = []
    beside: list[Candidate] = []
    end = 0
    for one in sorted(candidates, key=_start):
        if one.start < end:
            beside.append(one)
            end = max(end, one.end)
            continue
        if beside:
            groups.append(_settled(text, beside, end))
        beside, end = [one], one.end
    if beside:
        groups.append(_settled(text, beside, end))
    return groups


def remaining(groups: Iterable[Group]) -> list[Candidate]:
    """What the groups leave, but for what only protects."""
    return [one for group in groups for one in group.kept or () if one.label]


def joined(text: str, groups: Sequence[Group], more: Sequence[Candidate]) -> list[Group]:
    """The same as grouping all anew, with `more` behind the others; only groups that overlap something new change."""
    out: list[Group] = []
    for group in sorted((*groups, *(Group(one.start, one.end, [one], None) for one in more)), key=_start):
        if not out or group.start >= out[-1].end:
            out.append(group)
        else:
            before = out.pop()
            members = sorted(before.members + group.members, key=_start)
            out.append(Group(before.start, max(before.end, group.end), members, None))
    return [each if each.kept is not None else _settled(text, each.members, each.end) for each in out]


def _settled(text: str, beside: list[Candidate], end: int) -> Group:
    return Group(beside[0].start, end, beside, _shared(text, beside, end))


def _shared(text: str, beside: list[Candidate], end: int) -> Sequence[Candidate]:
    """What remains of candidates that overlap, sorted by where they start; `end` is where the last of them ends."""
    best = beside[0]
    begin = best.start
    for one in beside:
        sure = best.confidence
        if one.confidence > sure or (one.confidence == sure and one.end - one.start > best.end - best.start):
            best = one
    if best.start == begin and best.end == end and text[begin].isalnum() and text[end - 1].isalnum():
        return (best,)
    taken = []
    covered = bytearray(end - begin)
    for one in sorted(beside, key=_rank):
        first, last = one.start - begin, one.end - begin
        for piece in _free(covered, first, last):
            start, stop = _trimmed(text, begin + piece[0], begin + piece[1])
            if start < stop:
                taken.append(Candidate(start, stop, one.label, one.confidence, one.source))
        covered[first:last] = b"\x01" * (last - first)
    return sorted(taken, key=_start)


def _rank(one: Candidate) -> tuple[float, int, int]:
    return -one.confidence, one.start - one.end, one.start


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
