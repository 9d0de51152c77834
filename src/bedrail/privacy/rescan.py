"""A second look at an output: is it what the manifest says, and does anything in it still look like an identifier?

Pseudonyms of the run, and in FHIR the addresses of code systems, profiles and documents, are none.
The look is by rules, for identifiers that have a form of their own; names and places it cannot tell from others' words.
Where a run put surrogates, those look like identifiers too, and nothing is said about that label.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
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
_GIVEN_OUT = ("pseudonym", "code", "hash", "surrogate")
_NAMESPACE = re.compile(r'\bxmlns(?::\w+)?="[^"]*"')


class Verified(Value, frozen=True, kw_only=True):
    """What a verification found: whether the files are the manifest's; how many places in how many stretches of text
    look like identifiers, by label; which labels nothing can be said about."""

    same_files: bool
    looked_at: int
    found: dict[str, int]
    untold: tuple[str, ...]

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
    coded = any(word in each.action for each in manifest.handled for word in _GIVEN_OUT)
    looked, found = 0, Counter[str]()
    for text, silent in _texts(manifest.medium, files):
        looked += 1
        for span in scanner.detect(_OURS.sub(" ", text) if coded else text):
            if span.label in STRUCTURED and span.label not in untold and span.label not in silent:
                found[span.label] += 1
    return Verified(
        same_files=same, looked_at=looked, found=dict(sorted(found.items())),
        untold=tuple(sorted(untold & STRUCTURED)),
    )  # fmt: skip


def require_same(manifest: Manifest, out: Path) -> None:
    """That the files are those of the manifest; raises `Corrupt`."""
    if Counter(file_digest(path) for path in Files(out).paths()) != Counter(manifest.outputs):
        raise Corrupt("the files are not those of the manifest.", remedy="Name the output of that run, unchanged.")


def _texts(medium: str, files: Iterable[Path]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each stretch of text, with the labels that mean nothing there."""
    readers = {"text": _notes, "table": _cells, "hl7": _segments}
    for path in files:
        if medium == "fhir":
            yield from _resources(path)
        elif medium in readers:
            yield from ((text, frozenset()) for text in readers[medium](path))


def _notes(path: Path) -> Iterator[str]:
    for chunk in Lines(path).chunks():
        for _, line in text_lines(chunk):
            yield from _leaves(_parsed(decoded(line), path), skip=frozenset({"id", "spans"}))


def _resources(path: Path) -> Iterator[tuple[str, frozenset[str]]]:
    source = source_of(path)
    for chunk in source.chunks():
        lines = [chunk.data] if isinstance(source, Document) else [line for _, line in text_lines(chunk)]
        for line in lines:
            for text, kind in typed_texts(_parsed(decoded(line), path)):
                plain = _NAMESPACE.sub("", text) if kind == "xhtml" else text
                yield plain, _silent(text, kind)


def _silent(text: str, kind: str) -> frozenset[str]:
    """The labels that a string of a FHIR datatype cannot bear: a bare number among codes is a code (SNOMED CT)."""
    if kind not in _CODED:
        return frozenset()
    bare = text.isdigit() if kind == "code" else text.startswith("urn:")
    return frozenset({"URL", "ACCOUNT", "MRN"}) if bare else frozenset({"URL"})


def _cells(path: Path) -> Iterator[str]:
    for chunk in Rows(path).chunks():
        for _, row in split_rows(chunk.data):
            yield from next(csv.reader(io.StringIO(decoded(row), newline="")), [])


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
