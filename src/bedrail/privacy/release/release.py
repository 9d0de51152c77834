"""Release a table by a policy: the plan, the search when there are targets, the run, and the proof."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.errors import Invalid
from bedrail.core.ports import KeyedDigest
from bedrail.core.values import Value
from bedrail.data.profile import SMALLEST_CELL
from bedrail.privacy.release.coding import Coded, coded, word
from bedrail.privacy.release.plan import plan
from bedrail.privacy.release.proof import proof_of
from bedrail.privacy.release.recoding import Solution, recode
from bedrail.privacy.release.rescan import Rescan
from bedrail.privacy.release.safe_harbor import safe_harbor
from bedrail.privacy.release.values import Column, Policy, Proof
from bedrail.privacy.release.work import Desk, Recoding, TableWork, read_rows
from bedrail.privacy.sources import Rows
from bedrail.privacy.streaming import OnError, Progress, Run, Tally, quiet, run
from bedrail.privacy.text.detect import load
from bedrail.privacy.text.values import Mode
from bedrail.privacy.values import Handled

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 5_000
"""So many rows are looked at to recognise columns; every cell is looked at again when it is written."""

DELIMITERS = (",", ";", "\t", "|")


class Released(Value, frozen=True, kw_only=True):
    """What a run over a file came to: the run itself with its manifest, the proof, and how targets were reached."""

    run: Run
    proof: Proof
    solution: Solution | None = None


class Head(Value, frozen=True, kw_only=True):
    """The beginning of a CSV file: its delimiter, its header and some rows."""

    delimiter: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_head(path: Path, *, delimiter: str = "") -> Head:
    """Delimiter, header and a sample; raises `Invalid` with the line for what is no CSV table in UTF-8."""
    chosen = delimiter or _sniffed(path)
    chunk = next(iter(Rows(path, delimiter=chosen).chunks()), None)
    if chunk is None:
        raise Invalid("the file is empty.", path=str(path), remedy="It needs a header line and rows.")
    try:
        head = chunk.head.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("the header is not UTF-8.", path=f"{path}:1", remedy="Convert the file, as with iconv.") from None
    if "\r" in head.rstrip("\r\n"):
        raise Invalid("lines end with CR alone.", path=f"{path}:1", remedy="Convert them: tr '\\r' '\\n'.")
    header = next(csv.reader(io.StringIO(head, newline=""), delimiter=chosen), [])
    rows = read_rows(chunk, len(header), chosen, Tally("skip"))[:SAMPLE]
    return Head(delimiter=chosen, header=tuple(header), rows=tuple(tuple(row) for row in rows))


def _sniffed(path: Path) -> str:
    try:
        with path.open("rb") as file:
            line = file.readline(1_000_000).decode("utf-8", "replace")
    except FileNotFoundError:
        raise Invalid("there is no such file.", path=str(path), remedy="Name another.") from None
    return max(DELIMITERS, key=lambda sign: (line.count(sign), -DELIMITERS.index(sign)))


def deidentify_csv(
    source: Path,
    out: Path | None,
    policy: Policy | None,
    digest: KeyedDigest,
    *,
    newest: int,
    language: str = "en",
    mode: Mode | None = "full",
    delimiter: str = "",
    project: str = "",
    key_check: str = "",
    jobs: int = 1,
    on_error: OnError = "stop",
    resume: bool = True,
    told: Callable[[Progress], None] = quiet,
) -> Released:
    """De-identify a CSV file of any size into another; `out` None is a dry run, `policy` None the shipped Safe Harbor.

    `digest` is the project's key, `newest` the year of today; without a `mode` free text is left empty. With targets or
    generalised columns the quasi-identifiers (only those) are held in memory. Raises as `privacy.streaming.run`,
    `plan`, `recode` do; a cell that fails its rule is emptied or masked, and counted.
    """
    head = read_head(source, delimiter=delimiter)
    sample = list(zip(*head.rows, strict=True))
    policy = policy or safe_harbor(head.header, sample, load(language, mode) if mode else None)
    places = plan(head.header, policy, file=str(source))
    work = TableWork(
        digest=digest, policy=policy, places=places, newest=newest, delimiter=head.delimiter,
        language=language, mode=mode, common=common_words(sample),
    )  # fmt: skip
    solution = None
    if needs_search(policy):
        recoding, solution = _recoded(work, _chunks_of(source, work))
        work = replace(work, recoding=recoding)
    done = run(
        Rows(source, delimiter=head.delimiter), out, work, medium="table", profile=work.profile(), project=project,
        key_check=key_check, jobs=jobs, on_error=on_error, resume=resume, told=told,
    )  # fmt: skip
    again = Rescan(work)
    if out is not None:
        for rows in _rows_of(out, head.delimiter, sum(place.stays for place in places)):
            again.look(rows)
    return Released(run=done, proof=proof_of(work, done.manifest.handled, again.left, solution), solution=solution)


def deidentify_frame(
    frame: pd.DataFrame,
    policy: Policy | None,
    digest: KeyedDigest,
    *,
    newest: int,
    language: str = "en",
    mode: Mode | None = "full",
) -> tuple[pd.DataFrame, Proof, Solution | None]:
    """As `deidentify_csv`, from a pandas frame to another: columns that are not changed keep their type, all others are
    text. The input is not changed."""
    import pandas as pd

    header = [str(name) for name in frame.columns]
    columns = [[word(value) for value in frame.iloc[:, at].tolist()] for at in range(len(header))]
    sample = [column[:SAMPLE] for column in columns]
    policy = policy or safe_harbor(header, sample, load(language, mode) if mode else None)
    places = plan(header, policy)
    work = TableWork(
        digest=digest, policy=policy, places=places, newest=newest, language=language, mode=mode,
        common=common_words(sample),
    )  # fmt: skip
    rows = [list(row) for row in zip(*columns, strict=True)]
    solution = None
    if needs_search(policy):
        recoding, solution = _recoded(work, [rows])
        work = replace(work, recoding=recoding)
    tally = Tally("skip")
    keep = [True] * len(rows)
    desk = Desk(work)
    made = desk.rows(rows, tally, keep)
    out = pd.DataFrame(index=frame.index[keep])
    stays = [place for place in places if place.stays]
    new = list(zip(*made, strict=True)) or [()] * len(stays)
    for place, values in zip(stays, new, strict=True):
        before = [value for value, kept in zip(columns[place.number], keep, strict=True) if kept]
        same = list(values) == before
        out[place.shown] = (
            frame.iloc[:, place.number][keep]
            if same
            else pd.Series(values, index=out.index, dtype="str").replace("", pd.NA)
        )
    again = Rescan(work)
    again.look(made)
    return out, proof_of(work, _handled(tally), again.left, solution), solution


def common_words(sample: Sequence[Sequence[str]]) -> dict[int, frozenset[str]]:
    """By column, the values that at least `SMALLEST_CELL` rows of a sample share."""
    return {
        at: frozenset(value for value, count in Counter(column).items() if count >= SMALLEST_CELL)
        for at, column in enumerate(sample)
    }


def _handled(tally: Tally) -> list[Handled]:
    return [Handled(place=p, action=a, rule=r, count=count) for (p, a, r), count in tally.counts.items()]


def needs_search(policy: Policy) -> bool:
    """Whether a policy needs the whole table before its first row can be written."""
    return policy.targets is not None or any(each.treatment == "generalise" for each in policy.columns.values())


def _recoded(work: TableWork, parts: Iterable[list[list[str]]]) -> tuple[Recoding, Solution]:
    """A first pass over the quasi-identifiers and sensitive columns alone, then the search."""
    import pandas as pd

    policy = work.policy
    wanted = (*policy.quasi, *policy.sensitive)
    aside = Column(role="direct", method="drop")
    narrow = replace(work, places=tuple(p if p.name in wanted else replace(p, column=aside) for p in work.places))
    desk, found = Desk(narrow), []
    for rows in parts:
        found += desk.rows(rows, Tally("skip"))
    stays = [place for place in narrow.places if place.stays]
    table: dict[str, Coded] = {}
    for at, place in enumerate(stays):
        table[place.name] = coded(pd.Series([row[at] for row in found], dtype="str"), place.name)
    quasi: list[Coded] = [table[name] for name in policy.quasi]
    places = [next(place.number for place in work.places if place.name == each.name) for each in quasi]
    return recode(policy, quasi, [table[name] for name in policy.sensitive], places)


def _chunks_of(source: Path, work: TableWork) -> Iterable[list[list[str]]]:
    """All rows that can be read; the run itself tells of those that cannot."""
    for chunk in Rows(source, delimiter=work.delimiter).chunks():
        yield read_rows(chunk, len(work.places), work.delimiter, Tally("skip"))


def _rows_of(path: Path, delimiter: str, columns: int) -> Iterable[Sequence[Sequence[str]]]:
    for chunk in Rows(path, delimiter=delimiter).chunks():
        yield read_rows(chunk, columns, delimiter, Tally("skip"))
