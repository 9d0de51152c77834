"""How well identifiers were found, against gold spans: what leaked, what was masked without need, and how sure that is.

Scored without regard to labels, since what matters is whether an identifier is still there: an entity is found when
every letter and digit of it is covered by the union of the spans. `neutral` stretches (an age below 90, a year, a
state, a time) are not identifiers under Safe Harbor but often masked: a span that lies wholly in them is no false
alarm, though what it masks counts as text removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt

from bedrail.core.values import Value
from bedrail.privacy.values import LABELS, Span


class Note(Value, frozen=True, kw_only=True):
    """One note with its gold: spans as (start, end, label, kinds), an origin among the kinds with @ in front."""

    id: str
    text: str
    spans: tuple[tuple[int, int, str, tuple[str, ...]], ...]
    neutral: tuple[tuple[int, int], ...] = ()


class Share(Value, frozen=True, kw_only=True):
    """`hit` of `of`, with the 95 % interval of Wilson (1927)."""

    hit: int
    of: int
    rate: float
    low: float
    high: float


class Score(Value, frozen=True, kw_only=True):
    """All figures of one corpus.

    `full`: entities wholly masked; `touched`: at least in part; `characters`: letters and digits of identifiers masked;
    `over`: letters and digits of the rest masked; `precision`: spans that touch an identifier, of those that are not
    wholly neutral; `clean`: notes with identifiers and no leak; `disturbed`: notes without identifiers that got a span.
    `labels`, `kinds` (label:sub) and `origins`: full, of each.
    """

    notes: int
    full: Share
    touched: Share
    characters: Share
    over: Share
    precision: Share
    f1: float
    clean: Share
    disturbed: Share
    labels: dict[str, Share]
    kinds: dict[str, Share]
    origins: dict[str, Share]

    @property
    def origin_gap(self) -> float | None:
        """Best less worst recall between origins of names; None with fewer than two."""
        rates = [s.rate for s in self.origins.values()]
        return max(rates) - min(rates) if len(rates) > 1 else None


class Missed(Value, frozen=True, kw_only=True):
    """An identifier that leaked, by place: never its text."""

    note: str
    start: int
    end: int
    label: str


def share(hit: int, of: int) -> Share:
    """`hit` of `of` with Wilson's interval; 0 of 0 is a rate of 0 that nobody knows anything about."""
    if not of:
        return Share(hit=0, of=0, rate=0.0, low=0.0, high=1.0)
    z = 1.959964
    p = hit / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return Share(hit=hit, of=of, rate=p, low=max(0.0, middle - half), high=min(1.0, middle + half))


class Tally:
    """Adds note after note; bounded memory, whatever the corpus."""

    def __init__(self) -> None:
        self._sum: Counter[str] = Counter()
        self._hit: Counter[tuple[str, str]] = Counter()
        self._of: Counter[tuple[str, str]] = Counter()

    def add(self, note: Note, found: Sequence[Span]) -> list[Missed]:
        """Count one note; what leaked in it."""
        text = note.text
        letters = [c.isalnum() for c in text]
        covered, gold, neutral = (
            _marked(len(text), stretches)
            for stretches in (
                ((s.start, s.end) for s in found),
                ((s, e) for s, e, _, _ in note.spans),
                note.neutral,
            )
        )
        missed = self._entities(note, letters, covered)
        total = self._sum
        for at, letter in enumerate(letters):
            if letter:
                side = "phi" if gold[at] else "rest"
                total[side] += 1
                total[side + " masked"] += covered[at]
        disturbed = self._precision(found, letters, gold, neutral)
        total["notes"] += 1
        if note.spans:
            total["with"] += 1
            total["clean"] += not missed
        else:
            total["without"] += 1
            total["disturbed"] += disturbed
        return missed

    def _entities(self, note: Note, letters: list[bool], covered: bytearray) -> list[Missed]:
        missed = []
        for start, end, label, kinds in note.spans:
            places = [i for i in range(start, end) if letters[i]] or [start]
            masked = sum(covered[i] for i in places)
            full = masked == len(places)
            self._sum["entities"] += 1
            self._sum["full"] += full
            self._sum["touched"] += masked > 0
            for key in (
                ("label", label),
                *(("kind", k) if not k.startswith("@") else ("origin", k[1:]) for k in kinds),
            ):
                name = (key[0], key[1] if key[0] != "kind" else f"{label}:{key[1]}")
                self._of[name] += 1
                self._hit[name] += full
            if not full:
                missed.append(Missed(note=note.id, start=start, end=end, label=label))
        return missed

    def _precision(self, found: Sequence[Span], letters: list[bool], gold: bytearray, neutral: bytearray) -> bool:
        disturbed = False
        for span in found:
            stretch = range(max(0, span.start), min(len(letters), span.end))
            if any(gold[i] for i in stretch):
                self._sum["right"] += 1
                self._sum["judged"] += 1
            elif not all(neutral[i] or not letters[i] for i in stretch):
                self._sum["judged"] += 1
                disturbed = True
        return disturbed

    def score(self) -> Score:
        """The figures so far."""
        t = self._sum
        full, precision = share(t["full"], t["entities"]), share(t["right"], t["judged"])
        both = full.rate + precision.rate
        return Score(
            notes=t["notes"],
            full=full,
            touched=share(t["touched"], t["entities"]),
            characters=share(t["phi masked"], t["phi"]),
            over=share(t["rest masked"], t["rest"]),
            precision=precision,
            f1=2 * full.rate * precision.rate / both if both else 0.0,
            clean=share(t["clean"], t["with"]),
            disturbed=share(t["disturbed"], t["without"]),
            labels={label: self._share("label", label) for label in LABELS if self._of["label", label]},
            kinds=self._shares("kind"),
            origins=self._shares("origin"),
        )

    def _share(self, what: str, name: str) -> Share:
        return share(self._hit[what, name], self._of[what, name])

    def _shares(self, what: str) -> dict[str, Share]:
        return {name: self._share(what, name) for kind, name in sorted(self._of) if kind == what}


def _marked(length: int, stretches: Iterable[tuple[int, int]]) -> bytearray:
    out = bytearray(length)
    for first, last in stretches:
        start, end = max(0, first), min(length, last)
        if start < end:
            out[start:end] = b"\x01" * (end - start)
    return out
