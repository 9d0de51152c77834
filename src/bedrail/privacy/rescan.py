"""A second look at an output: is it what the manifest says, and does anything in it still look like an identifier?

In FHIR the addresses of code systems, profiles and documents are none. Nor are pseudonyms of the run; without its key a
pseudonym is known by form and place alone: in a column that the manifest says was given them, or as a whole value of
FHIR or HL7 v2, never inside of prose, and never more of them than the run gave out.
The look is by rules, for identifiers that have a form of their own; names and places it cannot tell from others' words.
Where a run put surrogates, those look like identifiers too, and nothing is said about that label.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from bedrail.core.errors import NOT_JSON, Corrupt, Invalid
from bedrail.core.values import Value
from bedrail.privacy.evidence import STRUCTURED, Scanner
from bedrail.privacy.fhir.elements import typed_texts
from bedrail.privacy.fhir.files import Document, source_of
from bedrail.privacy.partial import file_digest
from bedrail.privacy.sources import Files, Lines, Messages, Rows, decoded, split_rows, text_lines
from bedrail.privacy.values import Manifest

_LOOKALIKES = ("surrogate", "pseudonym", "shift", "kept", "replaced")
_CODED = frozenset({"uri", "canonical", "code", "oid", "id"})
"""FHIR datatypes whose addresses name code systems, profiles and documents, never people."""
_OURS = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9A-Za-z])"
    r"|\b(?:urn:oid:)?2\.25\.\d{20,39}\b"
)
"""A pseudonym, as `Keyed.pseudonym` writes it, or written as a UUID or a UID."""
_GIVEN_OUT = ("pseudonym", "by a code", "by codes", "hash")
_COUNTED = 2
"""Said of a place whose pseudonyms the manifest counts one by one."""
_SPACES = frozenset({"uri", "canonical", "oid"})
"""FHIR datatypes of which some are registered under UUIDs, and no run's."""
_DELIMITERS = ",;\t|"
_PIECES = re.compile(r"([~^&])")
_PROSE = re.compile(r"\s")
_NAMESPACE = re.compile(r'\bxmlns(?::\w+)?="[^"]*"')


class Verified(Value, frozen=True, kw_only=True):
    """What a verification found: whether the files are the manifest's; how many places in how many stretches of text
    look like identifiers, by label; which labels nothing can be said about; how many values were `taken` for pseudonyms
    of the run. Those beyond what it gave out are told as `UNIQUE_ID`."""

    same_files: bool
    looked_at: int
    found: dict[str, int]
    untold: tuple[str, ...]
    taken: int = 0

    @property
    def sound(self) -> bool:
        """Nothing is wrong, as far as can be told."""
        return self.same_files and not self.found


def read_manifest(path: Path) -> Manifest:
    """A manifest as a run wrote it; raises `Invalid`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise Invalid("there is no such file.", path=str(path), remedy="OUT.manifest.json lies beside OUT.") from None
    except NOT_JSON:
        raise Invalid("this is no manifest.", path=str(path), remedy="Give OUT.manifest.json of the run.") from None


def verify_output(manifest: Manifest, out: Path, scanner: Scanner) -> Verified:
    """Compare `out` (a file or folder) with the digests of the manifest, and look through it again.

    DICOM is compared by digests alone: `bedrail deid dicom-audit` looks through it. Raises `Invalid`, `Unavailable`.
    """
    if not out.exists():
        raise Invalid("there is no such file or folder.", path=str(out), remedy="Name the output of the run.")
    files = Files(out).paths()
    same = Counter(file_digest(path) for path in files) == Counter(manifest.outputs)
    untold = {each.place for each in manifest.handled if any(word in each.action for word in _LOOKALIKES)}
    codes = [each for each in manifest.handled if any(word in each.action for word in _GIVEN_OUT)]
    looked, taken, strange, found = 0, 0, -sum(each.count for each in codes), Counter[str]()
    for text, silent, may in _texts(manifest, files, {each.place for each in codes}):
        looked += 1
        plain, ours = _without_ours(text) if may else (text, 0)
        taken += ours
        strange += ours if may == _COUNTED else 0
        for span in scanner.detect(plain):
            if span.label in STRUCTURED and span.label not in untold and span.label not in silent:
                found[span.label] += 1
    if strange > 0:
        found["UNIQUE_ID"] = strange
    return Verified(
        same_files=same, looked_at=looked, found=dict(sorted(found.items())),
        untold=tuple(sorted(untold & STRUCTURED)), taken=taken,
    )  # fmt: skip


def _without_ours(text: str) -> tuple[str, int]:
    """The text without what has the form of a pseudonym, and how many; what stands in prose stays."""
    pieces = [_OURS.subn(" ", piece) if not _PROSE.search(piece) else (piece, 0) for piece in _PIECES.split(text)]
    return "".join(piece for piece, _ in pieces), sum(count for _, count in pieces)


def require_same(manifest: Manifest, out: Path) -> None:
    """That the files are those of the manifest; raises `Corrupt`."""
    if Counter(file_digest(path) for path in Files(out).paths()) != Counter(manifest.outputs):
        raise Corrupt("the files are not those of the manifest.", remedy="Name the output of that run, unchanged.")


def _texts(manifest: Manifest, files: Iterable[Path], coded: set[str]) -> Iterator[tuple[str, frozenset[str], int]]:
    """Each stretch of text, with the labels that mean nothing there; 1 where it may be a pseudonym of the run, 2 where
    the manifest counts it, too."""
    medium, counted = manifest.medium, _COUNTED if manifest.codes_counted else 1
    for path in files:
        if medium == "fhir":
            for text, silent, kind in _resources(path):
                yield text, silent, bool(coded) + (kind not in _SPACES if coded else 0)
        elif medium == "table":
            yield from ((text, frozenset(), 2 * (name in coded)) for text, name in _cells(path, coded))
        elif medium == "hl7":
            yield from ((text, frozenset(), counted * bool(coded)) for text in _segments(path))
        elif medium == "text":  # of which surrogates alone are given out, that have the form of what stood there
            yield from ((text, frozenset(), 0) for text in _notes(path))


def _notes(path: Path) -> Iterator[str]:
    for chunk in Lines(path).chunks():
        for _, line in text_lines(chunk):
            yield from _leaves(_parsed(decoded(line), path), skip=frozenset({"id", "spans"}))


def _resources(path: Path) -> Iterator[tuple[str, frozenset[str], str]]:
    source = source_of(path)
    for chunk in source.chunks():
        lines = [chunk.data] if isinstance(source, Document) else [line for _, line in text_lines(chunk)]
        for line in lines:
            for text, kind in typed_texts(_parsed(decoded(line), path)):
                plain = _NAMESPACE.sub("", text) if kind == "xhtml" else text
                yield plain, _silent(text, kind), kind


def _silent(text: str, kind: str) -> frozenset[str]:
    """The labels that a string of a FHIR datatype cannot bear: a bare number among codes is a code (SNOMED CT)."""
    if kind not in _CODED:
        return frozenset()
    bare = text.isdigit() if kind == "code" else text.startswith("urn:")
    return frozenset({"URL", "ACCOUNT", "MRN"}) if bare else frozenset({"URL"})


def _cells(path: Path, coded: set[str]) -> Iterator[tuple[str, str]]:
    """Each cell and its column's name; of several delimiters that which divides the header into the most names told."""
    first = next(Rows(path).chunks(), None)
    head = decoded(first.head) if first is not None else ""
    by = max(_DELIMITERS, key=lambda each: len(coded.intersection(_fields(head, each))))
    names = _fields(head, by)
    for chunk in Rows(path, delimiter=by).chunks():
        for _, row in split_rows(chunk.data, by):
            yield from zip_longest(_fields(decoded(row), by), names, fillvalue="")


def _fields(row: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), [])


def _segments(path: Path) -> Iterator[str]:
    for chunk in Messages(path).chunks():
        for line in decoded(chunk.data).replace("\n", "\r").split("\r"):
            if not line.startswith(("MSH", "FHS", "BHS")):
                yield from (field for field in line.split("|")[1:] if field)


def _parsed(text: str, path: Path) -> Any:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON:
        raise Invalid("not JSON.", path=str(path), remedy="Name the output of the run.") from None


def _leaves(value: Any, skip: frozenset[str]) -> Iterator[str]:
    """The strings in a value, but for those under the names to skip."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in skip:
                yield from _leaves(inner, skip)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, skip)
