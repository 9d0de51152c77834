"""The work on a CSV table: chunks of rows in, de-identified rows out, for the harness of all media."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from operator import ne

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.ports import KeyedDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.release import cells, scan
from bedrail.privacy.release.cells import Memory
from bedrail.privacy.release.plan import Place
from bedrail.privacy.release.recognise import is_harmless_number
from bedrail.privacy.release.values import Policy
from bedrail.privacy.sources import Chunk, split_rows
from bedrail.privacy.streaming import Handle, Tally
from bedrail.privacy.text.detect import load
from bedrail.privacy.text.transform import Finding, TextRules
from bedrail.privacy.text.values import Known, Mode

MASKED = "masked besides"
LEFT, SAME, OUT = "emptied at the second look", "as it was", "released"
SUPPRESSED = "left out to reach the targets"


@dataclass(frozen=True, slots=True)
class Recoding:
    """What a search decided: for each quasi-identifier the label of each value, or for combinations as a whole.

    `columns` are places in the input; `labels[column][value]` for full-domain generalisation. `whole` maps a
    combination of values to one of labels (multidimensional). `suppressed` are combinations of labels left out.
    """

    columns: tuple[int, ...] = ()
    labels: tuple[Mapping[str, str], ...] = ()
    whole: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    suppressed: frozenset[tuple[str, ...]] = frozenset()

    def of(self, values: tuple[str, ...]) -> tuple[str, ...] | None:
        """The labels for a combination of (treated) values, or None when the row is left out."""
        if self.whole:
            return self.whole.get(values)
        made = tuple(labels[value] for labels, value in zip(self.labels, values, strict=True))
        return None if made in self.suppressed else made

    def digest(self) -> str:
        """Of everything that it decides."""
        parts = (
            self.columns,
            [sorted(each.items()) for each in self.labels],
            sorted(self.whole.items()),
            sorted(self.suppressed),
        )
        return sha256(msgspec.msgpack.encode(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class TableWork:
    """`privacy.streaming.Work` over rows of a CSV file whose header gave `places`.

    `newest` is the year of today. Without a `mode`, free text is not read but left empty. `common` are words that many
    rows of a sample share, by column.
    """

    digest: KeyedDigest
    policy: Policy
    places: tuple[Place, ...]
    newest: int
    delimiter: str = ","
    language: str = "en"
    mode: Mode | None = "full"
    recoding: Recoding | None = None
    header: bool = True
    common: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def open(self) -> Handle:
        """Loads the detector, once in each process, when a column needs one."""
        desk = Desk(self)

        def handle(chunk: Chunk, tally: Tally) -> bytes:
            made = io.StringIO()
            writer = csv.writer(made, delimiter=self.delimiter, lineterminator="\n")
            if chunk.number == 0 and self.header:
                writer.writerow([place.shown for place in self.places if place.stays])
            rows = read_rows(chunk, len(self.places), self.delimiter, tally)
            writer.writerows(desk.rows(rows, tally))
            tally.done(len(rows))
            return made.getvalue().encode("utf-8", "surrogatepass")

        return handle

    def profile(self) -> str:
        """The digest of everything but the key that decides the output."""
        recoding = self.recoding.digest() if self.recoding else ""
        names = [(place.name, place.shown, place.column) for place in self.places]
        parts = (
            self.policy,
            names,
            self.newest,
            self.delimiter,
            self.language,
            self.mode,
            recoding,
            version("bedrail"),
        )
        return sha256(msgspec.json.encode(parts)).hexdigest()


def read_rows(chunk: Chunk, columns: int, delimiter: str, tally: Tally) -> list[list[str]]:
    """The rows of a chunk; those that are no row of this table fail by the number of their line."""
    try:
        text = chunk.data.decode("utf-8")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
        if all(len(row) == columns for row in rows) and not (b'"' in chunk.data and _torn(rows)):
            return rows
    except (UnicodeDecodeError, csv.Error):
        pass
    return _one_by_one(chunk, columns, delimiter, tally)


def _torn(rows: list[list[str]]) -> bool:
    """Whether a cell is so long that a quote was probably never closed."""
    return any(len(cell) > 100_000 for row in rows for cell in row)


def _one_by_one(chunk: Chunk, columns: int, delimiter: str, tally: Tally) -> list[list[str]]:
    rows: list[list[str]] = []
    for before, data in split_rows(chunk.data, delimiter, columns):
        if not data.strip():
            continue
        try:
            # more than one where a line ends with CR alone
            text = io.StringIO(data.decode("utf-8"), newline="")
            found = [row for row in csv.reader(text, delimiter=delimiter, strict=True) if row]
            wrong = next((row for row in found if len(row) != columns), None)
            if wrong is not None:
                remedy = (
                    "Quote fields that hold delimiters, quotes or line ends; or leave the row out: --on-error skip."
                )
                raise Invalid(f"the row has {len(wrong)} fields, the header {columns}.", remedy=remedy)
        except UnicodeDecodeError as error:
            remedy = "Convert the file, for example with iconv; or leave the row out: --on-error skip."
            tally.fail(chunk.first + before, Invalid(f"byte {error.start + 1} of the row is not UTF-8.", remedy=remedy))
            continue
        except csv.Error:
            remedy = "Look at its quotes; or leave the row out: --on-error skip."
            tally.fail(chunk.first + before, Invalid("the row is not CSV.", remedy=remedy))
            continue
        except Invalid as error:
            tally.fail(chunk.first + before, error)
            continue
        rows += found
    return rows


class Desk:
    """Every column's method, ready to work on rows."""

    def __init__(self, work: TableWork) -> None:
        self._work = work
        self._keyed = Keyed(work.digest)
        methods = {place.column.treatment for place in work.places}
        guard = any(place.column.treatment == "keep" and place.column.guard for place in work.places)
        self._detector: Finding | None = load(work.language, work.mode) if work.mode and "mask" in methods else None
        self._words: Finding | None = load(work.language, "rules") if work.mode and guard else None
        self._names: Finding | None = load(work.language, work.mode) if work.mode and guard else None
        self._rules = TextRules(
            method="generalise", profile="safe-harbor", language=work.language, newest_year=work.newest
        )
        subjects = [place.number for place in work.places if place.column.part == "subject"]
        self._subject = subjects[0] if subjects else None
        self._known = [place for place in work.places if place.known_as]
        self._stay = [place for place in work.places if place.stays]
        self._memories = {place.number: self._memory(place) for place in self._stay}
        self._notes = cells.remembering(
            lambda text: cells.free_text(text, self._detector, self._keyed, self._rules, ())
        )
        self._days: dict[tuple[str, bool], int] = {}

    def rows(self, rows: Sequence[list[str]], tally: Tally, stayed: list[bool] | None = None) -> list[tuple[str, ...]]:
        """The rows as they go out; what was done is told to `tally`, and which rows stay written into `stayed`."""
        if not rows:
            return []
        columns = list(zip(*rows, strict=True))
        for place in self._work.places:
            if not place.stays:
                full = sum(map(bool, columns[place.number]))
                tally.handled(place.shown, place.action, place.rule, full)
        made: dict[int, list[str]] = {}
        masked: dict[int, int] = {}
        for place in self._stay:
            made[place.number], masked[place.number] = self._column(place, columns)
        keep = self._recoded(made, len(rows)) if self._work.recoding else None
        for place in self._stay:
            self._count(place, columns[place.number], made[place.number], masked[place.number], tally)
        for place in self._stay:
            self._look_again(place, made[place.number], tally)
        out = list(zip(*(made[place.number] for place in self._stay), strict=True))
        if keep is not None:
            if stayed is not None:
                stayed[:] = keep
            out = [row for row, stays in zip(out, keep, strict=True) if stays]
            tally.handled("(rows)", SUPPRESSED, "45 CFR 164.514(b)(1)", len(rows) - len(out))
        tally.handled("(rows)", OUT, self._work.policy.name, len(out))
        return out

    def _column(self, place: Place, columns: list[tuple[str, ...]]) -> tuple[list[str], int]:
        """The column as it goes out, and in how many cells something was masked besides its own rule."""
        values = columns[place.number]
        method = place.column.treatment
        if method == "mask":
            pairs = [self._text(columns, place.number, row) for row in range(len(values))]
        elif method == "shift":
            pairs = [self._moved(place, value, columns, row) for row, value in enumerate(values)]
        else:
            memory = self._memories[place.number]
            known = {value: memory(value) for value in set(values)}
            hit = {value for value, (_, masked) in known.items() if masked}
            return [known[value][0] for value in values], sum(1 for value in values if value in hit) if hit else 0
        masked = 0 if method == "mask" else sum(1 for pair in pairs if pair[1])
        return [pair[0] for pair in pairs], masked

    def _count(self, place: Place, before: Sequence[str], after: Sequence[str], masked: int, tally: Tally) -> None:
        """Tell what was done to a column: by its rule, besides it, and how many cells stand as they were."""
        full = sum(map(bool, before))
        changed = sum(map(ne, before, after))
        kept = place.column.treatment == "keep"
        tally.handled(place.shown, place.action, place.rule, full - masked if kept else max(0, changed - masked))
        if full > changed and not kept:
            tally.handled(place.shown, SAME, place.rule, full - changed)
        if masked:
            tally.handled(place.shown, MASKED, place.rule, masked)

    def _memory(self, place: Place) -> Memory:
        column, policy = place.column, self._work.policy
        subject = "subject" if column.part == "subject" else f"column {place.name}"
        makers: dict[str, Callable[[], Memory]] = {
            "top-code": lambda: cells.top_coded(policy.oldest),
            "year": lambda: cells.year_only(self._work.newest, policy.oldest),
            "zip3": lambda: cells.prefix(strict=policy.strict_zip),
            "pseudonym": lambda: cells.pseudonym(self._keyed, subject),
            "hash": lambda: cells.pseudonym(self._keyed, f"hash {place.name}"),
        }
        if column.treatment == "keep" and column.guard:
            return cells.guarded(self._words, self._names, self._work.common.get(place.number, ()))
        return makers.get(column.treatment, _as_it_is)()

    def _text(self, columns: list[tuple[str, ...]], number: int, row: int) -> tuple[str, bool]:
        value = columns[number][row]
        if not value.strip():
            return value, False
        known = [
            Known(label=place.known_as, text=columns[place.number][row].strip())
            for place in self._known
            if len(columns[place.number][row].strip()) >= 3
        ]
        if not cells.mentioned(value, known):  # then nothing but the text decides
            return self._notes(value)
        return cells.free_text(value, self._detector, self._keyed, self._rules, known)

    def _moved(self, place: Place, value: str, columns: list[tuple[str, ...]], row: int) -> tuple[str, bool]:
        subject = columns[self._subject][row].strip() if self._subject is not None else ""
        days: int | None = None
        if subject:
            key = (subject, place.column.keep_weekday)
            if key not in self._days:
                self._days[key] = self._keyed.shift_days(subject, keep_weekday=place.column.keep_weekday)
            days = self._days[key]
        return cells.moved(value, days, day_first=place.column.day_first)

    def _recoded(self, made: dict[int, list[str]], rows: int) -> list[bool]:
        """Put the labels in place; which rows stay."""
        recoding = self._work.recoding
        assert recoding is not None
        keep: list[bool] = []
        columns = [made[number] for number in recoding.columns]
        for row in range(rows):
            labels = recoding.of(tuple(column[row] for column in columns))
            keep.append(labels is not None)
            for column, label in zip(columns, labels or ("",) * len(columns), strict=True):
                column[row] = label
        return keep

    def _look_again(self, place: Place, made: list[str], tally: Tally) -> None:
        """A second look at what goes out, by form alone: what is found is counted, and emptied."""
        if place.column.treatment in ("pseudonym", "hash", "shift", "generalise") or not place.column.guard:
            return
        method = place.column.treatment
        bad = {value for value in set(made) if value and _is_left(value, method)}
        if bad:
            hit = [row for row, value in enumerate(made) if value in bad]
            for row in hit:
                made[row] = ""
            tally.handled(place.shown, LEFT, place.rule, len(hit))


def _as_it_is() -> Memory:
    return cells.remembering(lambda value: (value.strip(), False))


def _is_left(value: str, method: str) -> bool:
    if method == "keep" and is_harmless_number(value):
        return False
    if method in ("year", "zip3", "top-code"):
        return len(value) > 16
    return bool(scan.label_of(value))
