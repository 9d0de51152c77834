"""The harness of de-identification: bounded, ordered, whole or not at all, resumable, and silent about content."""

from __future__ import annotations

import csv
import io
import json
from hashlib import sha256
from pathlib import Path

import pytest

from bedrail.core.errors import Busy, Invalid, Unavailable
from bedrail.privacy.partial import Partial
from bedrail.privacy.sources import Chunk, Files, Lines, Messages, Rows, decoded, split_messages, split_rows
from bedrail.privacy.streaming import Handle, Run, Tally, each_file, each_line, run
from bedrail.privacy.values import Handled


class Shouting:
    """A medium that writes lines in capitals; one that says `bad` fails, one that says `power cut` ends the world."""

    def open(self) -> Handle:
        return each_line(self._line)

    def _line(self, text: str, number: int, tally: Tally) -> str | None:
        if "power cut" in text:
            raise Unavailable("The power is out.")
        if "bad" in text:
            raise Invalid("this is bad.", remedy="Make it good.")
        if "bug" in text:
            raise ValueError(text)
        tally.handled("text", "shouted", "house rule", text.count("a"))
        return text.upper()


class Copying:
    """A medium of files: each is written under its number."""

    def open(self) -> Handle:
        return each_file(self._file)

    def _file(self, path: Path, number: int, tally: Tally) -> None:
        data = path.read_bytes()
        if b"bad" in data:
            raise Invalid("this is bad.")
        tally.handled("name", "replaced", "house rule")
        tally.write(f"{number:03}.txt", data.upper())


def shout(source: Path, out: Path | None, **options: object) -> Run:
    settings = {"medium": "text", "profile": "p", **options}
    return run(Lines(source, chunk_bytes=64), out, Shouting(), **settings)  # type: ignore[arg-type]


def beside(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.iterdir() if path.name.startswith("."))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("".join(f"note {number} about a patient\n" for number in range(100)))
    return path


def test_lines_come_out_in_order_with_counts_and_digests(notes: Path, tmp_path: Path) -> None:
    """The output holds every line in order; the manifest counts them and names both files by their digests."""
    done = shout(notes, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == notes.read_text().upper()
    assert done.manifest.inputs == (sha256(notes.read_bytes()).hexdigest(),)
    assert done.manifest.outputs == (sha256((tmp_path / "out.txt").read_bytes()).hexdigest(),)
    assert (done.manifest.records, done.manifest.failed) == (100, 0)
    assert done.manifest.handled == (Handled(place="text", action="shouted", rule="house rule", count=300),)
    assert beside(tmp_path / "out.txt") == []
    assert (tmp_path / "out.txt").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(notes: Path, tmp_path: Path) -> None:
    """Two processes give the bytes and the manifest of one."""
    one, two = shout(notes, tmp_path / "one.txt"), shout(notes, tmp_path / "two.txt", jobs=2)
    assert (tmp_path / "one.txt").read_bytes() == (tmp_path / "two.txt").read_bytes()
    assert one.manifest == two.manifest


def test_a_bad_record_stops_the_run_with_its_place_and_nothing_is_left(notes: Path, tmp_path: Path) -> None:
    """The line is named, its content is not, and neither an output nor a temporary file stays."""
    notes.write_text(notes.read_text() + "secret bad thing\n")
    with pytest.raises(Invalid) as caught:
        shout(notes, tmp_path / "out.txt")
    assert caught.value.path == f"{notes}:101"
    assert "secret" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def test_bad_records_are_left_out_on_request_and_listed(notes: Path, tmp_path: Path) -> None:
    """With skip, all others are written, and each failure has its place; an unexpected error tells no content."""
    notes.write_text("good\nbad\n\nsecret bug\r\ngood\n")
    done = shout(notes, tmp_path / "out.txt", on_error="skip")
    assert (tmp_path / "out.txt").read_text() == "GOOD\nGOOD\n"
    assert [(each.number, each.remedy) for each in done.failures] == [(2, "Make it good."), (4, "")]
    assert [each.place for each in done.failures] == [f"{notes}:2", f"{notes}:4"]
    assert "ValueError at test_privacy_streaming.py" in done.failures[1].message
    assert "secret" not in str(done)
    assert (done.manifest.records, done.manifest.failed) == (2, 2)


def test_a_dry_run_writes_nothing(notes: Path, tmp_path: Path) -> None:
    """Without an output, the counts are those of a run, and the folder stays as it was."""
    dry, wet = shout(notes, None), shout(notes, tmp_path / "out.txt")
    assert dry.manifest.handled == wet.manifest.handled
    assert dry.manifest.outputs == ()


def interrupted(notes: Path, out: Path, at: int, **options: object) -> None:
    """A run that is cut short in line `at`; the input is whole again afterwards, its digest up to there the same."""
    whole = notes.read_text()
    lines = whole.splitlines(keepends=True)
    notes.write_text("".join(lines[:at]) + "power cut\n")
    with pytest.raises(Unavailable):
        shout(notes, out, **options)
    notes.write_text(whole)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(notes: Path, tmp_path: Path) -> None:
    """What was finished is not done again, and the manifest is that of an uninterrupted run."""
    whole = shout(notes, tmp_path / "whole.txt")
    interrupted(notes, tmp_path / "out.txt", 60)
    assert beside(tmp_path / "out.txt") == [".out.txt.bedrail-journal", ".out.txt.bedrail-partial"]
    done = shout(notes, tmp_path / "out.txt")
    assert done.resumed > 40
    assert done.manifest == whole.manifest
    assert (tmp_path / "out.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()
    assert beside(tmp_path / "out.txt") == []


@pytest.mark.parametrize("change", ["input", "profile", "project", "key", "no resume"])
def test_under_another_input_profile_or_key_it_starts_over(notes: Path, tmp_path: Path, change: str) -> None:
    """Nothing of an interrupted run is taken over that another input, profile, project or key had made."""
    interrupted(notes, tmp_path / "out.txt", 60)
    options: dict[str, object] = {
        "profile": {"profile": "q"}, "project": {"project": "q"}, "key": {"key_check": "q"},
        "no resume": {"resume": False}, "input": {},
    }[change]  # fmt: skip
    if change == "input":
        notes.write_text(notes.read_text().replace("note 0", "Note 0"))
    done = shout(notes, tmp_path / "out.txt", **options)
    assert done.resumed == 0
    assert (tmp_path / "out.txt").read_text() == notes.read_text().upper()


@pytest.mark.parametrize("damage", ["torn output", "changed output", "torn journal", "no output", "no journal"])
def test_a_damaged_partial_output_is_not_built_upon(notes: Path, tmp_path: Path, damage: str) -> None:
    """After a power cut, whatever of output and journal does not fit together is done again."""
    interrupted(notes, tmp_path / "out.txt", 60)
    partial, journal = tmp_path / ".out.txt.bedrail-partial", tmp_path / ".out.txt.bedrail-journal"
    data = partial.read_bytes()
    if damage == "torn output":
        partial.write_bytes(data[:-10])
    elif damage == "changed output":
        partial.write_bytes(data[:200] + b"?" + data[201:])
    elif damage == "torn journal":
        journal.write_bytes(journal.read_bytes()[:-30])
    else:
        (partial if damage == "no output" else journal).unlink()
    shout(notes, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == notes.read_text().upper()


def test_two_runs_do_not_write_one_output(notes: Path, tmp_path: Path) -> None:
    """Whoever comes second is told so."""
    with Partial(tmp_path / "out.txt", "file", "x", resume=True), pytest.raises(Busy):
        shout(notes, tmp_path / "out.txt")


def test_an_old_output_stands_until_the_new_one_is_whole(notes: Path, tmp_path: Path) -> None:
    """A failed run leaves the file of the last one as it was."""
    (tmp_path / "out.txt").write_text("old")
    interrupted(notes, tmp_path / "out.txt", 60)
    assert (tmp_path / "out.txt").read_text() == "old"


def test_the_input_is_never_the_output(notes: Path) -> None:
    """Naming one file for both is refused before anything happens."""
    with pytest.raises(Invalid, match="the input"):
        shout(notes, notes)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("größe\n".encode("latin-1"), ":1"),
        ("a\n".encode("utf-16"), ":1"),
        (b"a\nb\x00c\n", ":2"),
        (b"ok\n\xff\n", ":2"),
    ],
)
def test_other_encodings_are_refused_with_their_place(tmp_path: Path, data: bytes, place: str) -> None:
    """What is not UTF-8 is named by file and line, with a remedy."""
    path = tmp_path / "in.txt"
    path.write_bytes(data)
    with pytest.raises(Invalid) as caught:
        shout(path, tmp_path / "out.txt")
    assert caught.value.path == f"{path}{place}"
    assert "iconv" in caught.value.remedy


def test_a_byte_order_mark_and_mixed_line_ends_are_read(tmp_path: Path) -> None:
    """A mark before the text, CR LF beside LF and a last line without end make no difference."""
    path = tmp_path / "in.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n\nc")
    shout(path, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == b"A\nB\nC\n"


def chunks_of(source: Rows) -> list[Chunk]:
    return list(source.chunks())


def rows_of(path: Path, chunk_bytes: int) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row by way of small chunks."""
    found = []
    for chunk in Rows(path, chunk_bytes=chunk_bytes).chunks():
        columns = len(next(csv.reader([decoded(chunk.head)])))
        for before, row in split_rows(chunk.data, columns=columns):
            found.append((chunk.first + before, next(csv.reader(io.StringIO(decoded(row), newline="")))))
    return found


@pytest.mark.parametrize("chunk_bytes", [1, 7, 30, 10_000])
def test_rows_are_cut_where_csv_ends_them(tmp_path: Path, chunk_bytes: int) -> None:
    """Quoted line ends, doubled quotes, quotes within a field and empty ones: rows are as the csv module reads them."""
    rows = [["a", "b"], ["1", "two\nlines"], ['say "hi"', ""], ["", '"'], ["x,y", "\r\n"], ["3", "z"]]
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with path.open("a") as file:
        file.write('5" tall,plain\nlast,row')
    assert [cells for _, cells in rows_of(path, chunk_bytes)] == [*rows[1:], ['5" tall', "plain"], ["last", "row"]]


@pytest.mark.parametrize("chunk_bytes", [16, 10_000])
def test_a_quote_that_never_closes_spoils_its_own_row_only(tmp_path: Path, chunk_bytes: int) -> None:
    """The torn row is one bad row with its line; those behind it are read."""
    path = tmp_path / "in.csv"
    path.write_text('a,b\n1,2\n3,"torn\n5,6\n7,"quoted, well"\n9,10\n')
    found = rows_of(path, chunk_bytes)
    assert [(line, cells) for line, cells in found if line != 3] == [
        (2, ["1", "2"]), (4, ["5", "6"]), (5, ["7", "quoted, well"]), (6, ["9", "10"]),
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("chunk_bytes", [5, 10_000])
def test_messages_are_cut_before_their_headers(tmp_path: Path, end: str, chunk_bytes: int) -> None:
    """Each message is whole, whatever ends its segments, with or without MLLP bytes."""
    messages = [f"MSH|^~\\&|A|{number}{end}PID|1||MSH-like{end}" for number in range(5)]
    path = tmp_path / "feed.hl7"
    path.write_bytes("".join(messages).encode())
    found = [part for chunk in Messages(path, chunk_bytes=chunk_bytes).chunks() for part in split_messages(chunk.data)]
    assert [part.decode() for part in found] == messages
    path.write_bytes("".join(f"\x0b{each}\x1c\r" for each in messages).encode())
    source = Messages(path, chunk_bytes=chunk_bytes)
    chunks = list(source.chunks())
    found = [part for chunk in chunks for part in split_messages(chunk.data)]
    assert [part.count(b"PID") for part in found if part.strip(b"\x0b")] == [1] * 5
    assert source.digests() == (sha256(path.read_bytes()).hexdigest(),)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Files come in the order of names, under names the handler gives; a failure leaves no folder and tells no name."""
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    for name in ("smith.txt", "sub/jones.txt", "adams.txt"):
        (folder / name).write_text(f"about {name}")
    done = run(Files(folder), out, Copying(), medium="dicom", profile="p")
    assert sorted(path.name for path in out.iterdir()) == ["001.txt", "002.txt", "003.txt"]
    assert len(done.manifest.inputs) == len(done.manifest.outputs) == 3
    (folder / "smith.txt").write_text("bad")
    with pytest.raises(Invalid) as caught:
        run(Files(folder), tmp_path / "other", Copying(), medium="dicom", profile="p")
    assert "file 2" in caught.value.path
    assert "smith" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    skipped = run(Files(folder), tmp_path / "other", Copying(), medium="dicom", profile="p", on_error="skip")
    assert (skipped.manifest.records, skipped.manifest.failed) == (2, 1)


def test_journals_hold_no_content(notes: Path, tmp_path: Path) -> None:
    """What lies beside an interrupted output tells digests and counts."""
    interrupted(notes, tmp_path / "out.txt", 60)
    for line in (tmp_path / ".out.txt.bedrail-journal").read_text().splitlines()[1:]:
        assert set(json.loads(line)) == {"read", "written", "output", "outcome"}
        assert "patient" not in line.lower()


def test_an_interrupted_folder_goes_on_and_holds_nothing_that_failed(tmp_path: Path) -> None:
    """Finished files are not done again; a file that is damaged meanwhile is; what no chunk answers for is removed."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"about {number}")
    run(Files(folder), tmp_path / "whole", Copying(), medium="dicom", profile="p")
    with pytest.raises(Unavailable):
        run(Files(folder), out, Stumbling(), medium="dicom", profile="p")
    partial = tmp_path / ".out.bedrail-partial"
    assert len(list(partial.iterdir())) == 4
    (partial / "002.txt").write_text("damaged")
    (partial / "stray.txt").write_text("of a chunk that failed in the end")
    done = run(Files(folder), out, Copying(), medium="dicom", profile="p")
    assert done.resumed == 1
    assert len(done.manifest.inputs) == len(done.manifest.outputs) == 6
    found = {path.name: path.read_bytes() for path in out.iterdir()}
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    with pytest.raises(Invalid, match="there already"):
        run(Files(folder), out, Copying(), medium="dicom", profile="p")


class Stumbling(Copying):
    """As `Copying`, until the disk is full."""

    def _file(self, path: Path, number: int, tally: Tally) -> None:
        if number == 5:
            tally.write("n" * 300, b"")  # as with a full disk, the operating system says no
        super()._file(path, number, tally)
