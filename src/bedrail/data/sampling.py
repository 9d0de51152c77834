"""Looking through data of any size with little memory: a seeded sample of each field's values, and types from them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, log
from typing import TYPE_CHECKING

from bedrail.data.catalogue import Kind

if TYPE_CHECKING:
    import numpy as np

CAPACITY = 200
"""Values kept of each field: a share of 2 % is then seen with probability .98."""

MOST_WORDS = 2_000
WORD = 200
"""Besides the sample, up to 2,000 different texts of at most 200 characters: one rare code may disclose."""

LONGEST = 4_000
"""Characters kept of a value."""

SAMPLED = "a sample of its rows was read"
"""What a reader notes that did not read everything."""

MOST_FIELDS = 20_000
"""Fields of one asset; more than that is keys of a map taken for fields."""


@dataclass(frozen=True, slots=True)
class AssetKey:
    """Which asset a batch belongs to."""

    name: str
    kind: Kind
    location: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one asset, by field; a missing value is None or an empty text."""

    asset: AssetKey
    rows: int
    columns: Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Flow:
    """Something that is read from beginning to end: mostly one asset, sometimes several mixed with one another.

    `read(limit, notes)` yields batches, of about `limit` rows at most; it appends to `notes` what it could not read.
    `fingerprint` changes when what would be read changes; empty where nobody can tell without reading.
    """

    label: str
    read: Callable[[int, list[str]], Iterator[Batch]]
    keys: tuple[AssetKey, ...] = ()
    fingerprint: str = ""


class Reservoir:
    """A uniform sample of at most `capacity` values of a stream (Li 1994, Algorithm L): what is skipped costs nothing.

    The same seed and stream give the same sample.
    """

    __slots__ = ("_capacity", "_next", "_rng", "_w", "_words", "seen", "values")

    def __init__(self, capacity: int, rng: np.random.Generator) -> None:
        self._capacity, self._rng = capacity, rng
        self._w, self._next = 1.0, 0
        self._words: set[str] = set()
        self.seen = 0
        self.values: list[str] = []

    @property
    def words(self) -> list[str]:
        """The different values that were seen, as far as they were kept, in a fixed order."""
        return sorted(self._words.union(self.values))

    def add(self, values: Sequence[object]) -> None:
        """Offer the next values of the stream, none of them missing."""
        at, end = 0, len(values)
        if len(self._words) < MOST_WORDS:
            self._words.update([value for value in values if isinstance(value, str) and len(value) <= WORD])
        while at < end and len(self.values) < self._capacity:
            self.values.append(text_of(values[at]))
            at += 1
            if len(self.values) == self._capacity:
                self._next = self.seen + at - 1
                self._skip()
        while self._next - self.seen < end and len(self.values) == self._capacity:
            self.values[int(self._rng.integers(self._capacity))] = text_of(values[self._next - self.seen])
            self._skip()
        self.seen += end

    def _skip(self) -> None:
        self._w *= (1.0 - self._rng.random()) ** (1.0 / self._capacity)
        self._next += floor(log(1.0 - self._rng.random()) / log(1.0 - min(self._w, 1.0 - 1e-12))) + 1


def text_of(value: object) -> str:
    """A value as the detectors see it."""
    if isinstance(value, bytes):
        return "<bytes>"
    return str(value)[:LONGEST]


@dataclass(slots=True)
class Survey:
    """What was seen of one asset: rows, and a reservoir for each field. Lives in memory only."""

    asset: AssetKey
    seed: int
    rows: int = 0
    cut: bool = False
    fields: dict[str, Reservoir] = field(default_factory=dict)

    def add(self, batch: Batch, capacity: int) -> None:
        """Take a batch in."""
        import numpy as np

        self.rows += batch.rows
        for name, values in batch.columns.items():
            kept = self.fields.get(name)
            if kept is None:
                if len(self.fields) >= MOST_FIELDS:
                    continue
                rng = np.random.default_rng([self.seed, zlib.crc32(f"{self.asset.location}\n{name}".encode())])
                kept = self.fields[name] = Reservoir(capacity, rng)
            kept.add([value for value in values if value is not None and value != ""])


def survey(
    flow: Flow, *, seed: int, capacity: int = CAPACITY, limit: int = 200_000, told: Callable[[int], None] | None = None
) -> tuple[list[Survey], list[str]]:
    """Read a flow, at most about `limit` rows of each asset; returns what was seen and what could not be read."""
    seen: dict[AssetKey, Survey] = {}
    notes: list[str] = []
    for batch in flow.read(limit, notes):
        found = seen.get(batch.asset)
        if found is None:
            found = seen[batch.asset] = Survey(batch.asset, seed)
        if found.rows >= limit:
            found.cut = True
            continue
        found.add(batch, capacity)
        found.cut = found.cut or found.rows >= limit
        if told is not None:
            told(batch.rows)
    return list(seen.values()), notes


_INTEGER = re.compile(r"[+-]?\d{1,18}\Z")
_NUMBER = re.compile(r"[<>]?\s?[+-]?(\d+([.,]\d+)?|\.\d+)([eE][+-]?\d+)?\Z")
_DATE = re.compile(
    r"(\d{4}-\d{1,2}(-\d{1,2})?|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})|(19|20)\d{6})\Z"
)
_MOMENT = re.compile(
    r"(\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}.*|\d{1,2}[./-]\d{1,2}[./-]\d{2,4} \d{1,2}:\d{2}.*"
    r"|(19|20)\d{10}(\d\d)?(\.\d+)?([+-]\d{4})?)\Z"
)
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\Z")
_TRUTH = frozenset({"true", "false", "yes", "no", "y", "n", "0", "1", "t", "f", "ja", "nein", "sí", "si"})

_SHAPES: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("boolean", lambda text: text.lower() in _TRUTH),
    ("date", _DATE.match),
    ("datetime", _MOMENT.match),
    ("time", _TIME.match),
    ("integer", _INTEGER.match),
    ("number", _NUMBER.match),
)
MISSING_WORDS = frozenset({"?", "na", "n/a", "nan", "null", "none", "unknown", "-1", "."})


def present(values: Iterable[str]) -> list[str]:
    """The values that say something."""
    return [text for value in values if (text := value.strip()) and text.lower() not in MISSING_WORDS]


def type_of(values: Sequence[str]) -> str:
    """`empty`, `boolean`, `date`, `datetime`, `time`, `integer`, `number`, `code`, `words` or `free-text`.

    19 of 20 values must agree on a narrow type. Free text runs on: by the median, over 40 characters and 6 words.
    """
    said = present(values)
    if not said:
        return "empty"
    for name, fits in _SHAPES:
        if sum(fits(text) is not None and bool(fits(text)) for text in said) >= 0.95 * len(said):
            if name == "boolean" and len({text.lower() for text in said}) < 2 and said[0] in "01":
                return "integer"
            return name
    lengths = sorted((len(text), len(text.split())) for text in said)
    middle = lengths[len(lengths) // 2]
    longest = lengths[int(0.9 * (len(lengths) - 1))]
    if (middle[0] > 40 and middle[1] > 6) or (longest[0] > 120 and longest[1] > 15):
        return "free-text"
    plain = sum(1 for text in said if re.fullmatch(r"[A-Z0-9][A-Z0-9./_^-]{0,15}", text))
    return "code" if plain >= 0.9 * len(said) else "words"
