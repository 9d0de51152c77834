"""A folder, whatever lies in it: files are recognised, brought together to assets, and read one asset after another."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bedrail.core.errors import Invalid
from bedrail.data.catalogue import Kind
from bedrail.data.sampling import SAMPLED, AssetKey, Batch, Flow
from bedrail.data.sources import dicom, fhir, hl7, tables
from bedrail.data.sources.tables import Columns, Unreadable

MANY = 8
"""So many files with one header are parts of one asset, whatever they are called."""

MOST_DICOM = 5_000
"""Headers read of one folder; which ones, the seed decides."""

_TABLES = (".csv", ".tsv", ".parquet", ".pq")
_TEXTS = (".txt", ".text", ".md", ".rtf", ".note")
_PART = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,}|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file with its sort (`csv`, `parquet`, `jsonl`, `fhir`, `hl7`, `dicom`, `text`) and, for tables, its header."""

    path: Path
    sort: str
    header: tuple[str, ...] = ()


def folder_flows(root: Path, *, seed: int, kind: Kind | None = None) -> tuple[list[Flow], list[str]]:
    """What is to be read below `root` (a folder or one file), and what was met and cannot be.

    `kind` says what tables are, when they are not of the EHR. Links out of the folder are not followed. Raises
    `Invalid` when there is nothing.
    """
    if not root.exists():
        raise Invalid("there is no such file or folder.", path=str(root), remedy="Check the path.")
    root = root.resolve()
    found: list[_Found] = []
    skipped: Counter[str] = Counter()
    for path in _walk(root):
        try:
            seen = _recognised(path)
        except Unreadable as error:
            skipped[error.why] += 1
            continue
        if seen is None:
            skipped[f"not read: {path.suffix.lower() or 'no suffix'}"] += 1
        else:
            found.append(seen)
    flows = [*_table_flows(root, found, seed, kind or "ehr-table"), *_other_flows(root, found, seed, kind)]
    notes = [f"{why} ({count})" for why, count in sorted(skipped.items())]
    if not flows:
        raise Invalid(
            "nothing here can be read.", path=str(root), remedy="; ".join(notes) or "The folder holds no files."
        )
    return flows, notes


def _walk(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _recognised(path: Path) -> _Found | None:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(_TABLES):
        if name.endswith((".parquet", ".pq")):
            return _Found(path, "parquet", tables.parquet_header(path))
        return _Found(path, "csv", tables.csv_header(path)[0])
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _json(path, name)
    if name.endswith((".hl7", ".er7", ".mllp")):
        return _Found(path, "hl7")
    if name.endswith(_TEXTS):
        return _Found(path, "hl7" if _begins(path, b"MSH|") else "text")
    return _Found(path, "dicom") if dicom.is_dicom(path) else None


def _begins(path: Path, mark: bytes) -> bool:
    with tables.open_bytes(path) as file:
        head: bytes = file.read(16)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\x0b\r\n").startswith(mark)


def _json(path: Path, name: str) -> _Found:
    """FHIR when the beginning says so; else lines of objects with the header of the first one."""
    with tables.open_bytes(path) as file:
        try:
            head: bytes = file.read(65_536)
        except (OSError, EOFError) as error:
            raise Unreadable("the file is cut short or not gzip") from error
    if b'"resourceType"' in head:
        return _Found(path, "fhir")
    if name.endswith(".json"):
        return _Found(path, "json")
    first = next(iter(tables.json_lines(path, [])), None)
    if first is None:
        raise Unreadable("no lines of JSON objects")
    return _Found(path, "jsonl", tuple(sorted({where for where, _ in tables.leaves(first)})))


def _table_flows(root: Path, found: Sequence[_Found], seed: int, kind: Kind) -> Iterator[Flow]:
    for name, files in sorted(_together(root, [each for each in found if each.header]).items()):
        sort = files[0].sort
        key = AssetKey(name=name, kind=_kind_of(files[0], kind), location=location(root, name))
        yield Flow(
            label=name,
            read=_rows(key, files, sort, seed),
            keys=(key,),
            fingerprint=fingerprint([each.path for each in files]),
        )


def _kind_of(found: _Found, kind: Kind) -> Kind:
    """Lines of JSON with a text are notes; so are no others, whatever they say."""
    return "notes" if found.sort == "jsonl" and {"text", "note", "note_text", "body"} & set(found.header) else kind


def location(root: Path, name: str) -> str:
    """Where an asset rests: the folder scanned and what it is called below it."""
    return str(root) if root.is_file() or not name else f"{root}/{name}"


def _together(root: Path, found: Sequence[_Found]) -> dict[str, list[_Found]]:
    """Files that are parts of one asset: one header, and names that differ in numbers only; or very many of one header.

    Names of parts are never kept: they may be patients'.
    """
    by_header: dict[tuple[str, tuple[str, ...]], list[_Found]] = {}
    for each in found:
        by_header.setdefault((each.sort, each.header), []).append(each)
    assets: dict[str, list[_Found]] = {}
    for files in by_header.values():
        names = [_below(root, each.path) for each in files]
        if len(files) >= MANY:
            assets.setdefault(_common(names), []).extend(files)
            continue
        patterns: dict[str, list[_Found]] = {}
        for name, each in zip(names, files, strict=True):
            patterns.setdefault(_PART.sub("*", name), []).append(each)
        for pattern, parts in patterns.items():
            alone = _below(root, parts[0].path) if len(parts) == 1 else pattern
            assets.setdefault(alone, []).extend(parts)
    return assets


def _prefix(names: Sequence[str]) -> str:
    low, high = min(names), max(names)
    same = next((at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))
    return low[:same]


def _below(root: Path, path: Path) -> str:
    return path.name if root.is_file() else path.relative_to(root).as_posix()


def _common(names: Sequence[str]) -> str:
    """What the names begin and end with, whole words only, and `*` between."""
    if len({name.rpartition("/")[2] for name in names}) == 1:
        return "*/" + names[0].rpartition("/")[2]
    begin, end = _prefix(names), _prefix([name[::-1] for name in names])[::-1]
    begin = begin[: max(begin.rfind(mark) for mark in "/_-.") + 1]
    dot = end.find(".")
    return f"{begin}*{end[dot:] if dot >= 0 else ''}"


def fingerprint(paths: Sequence[Path]) -> str:
    """Changes when a file is added, taken away, or written to; says nothing about names."""
    said = hashlib.sha256()
    for path in sorted(paths):
        about = path.stat()
        said.update(f"{path}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return said.hexdigest()[:32]


def _rows(key: AssetKey, files: Sequence[_Found], sort: str, seed: int) -> Callable[[int, list[str]], Iterator[Batch]]:
    def read(limit: int, notes: list[str]) -> Iterator[Batch]:
        for each in files:
            try:
                for rows, columns in _table(each.path, sort, limit, seed, notes):
                    yield Batch(asset=key, rows=rows, columns=columns)
            except Unreadable as error:
                notes.append(error.why)

    return read


def _table(path: Path, sort: str, limit: int, seed: int, notes: list[str]) -> Iterator[tuple[int, Columns]]:
    if sort == "csv":
        return tables.csv_batches(path, limit, notes)
    if sort == "parquet":
        return tables.parquet_batches(path, limit, seed, notes)
    return tables.rows_of(tables.json_lines(path, notes), limit)


def _other_flows(root: Path, found: Sequence[_Found], seed: int, kind: Kind | None) -> Iterator[Flow]:
    by_sort: dict[str, list[Path]] = {}
    for each in found:
        if not each.header:
            by_sort.setdefault(each.sort, []).append(each.path)
    for sort, paths in sorted(by_sort.items()):
        yield Flow(label=f"{sort} files", read=_reader(sort, paths, root, seed, kind), fingerprint=fingerprint(paths))


def _reader(
    sort: str, paths: Sequence[Path], root: Path, seed: int, kind: Kind | None
) -> Callable[[int, list[str]], Iterator[Batch]]:
    place = str(root)

    def read(limit: int, notes: list[str]) -> Iterator[Batch]:
        if sort == "fhir":
            resources = (each for path in paths for each in fhir.file_resources(path, notes))
            yield from fhir.batches(resources, place, limit)
        elif sort == "hl7":
            messages = (each for path in paths for each in hl7.messages_in(path, notes))
            yield from hl7.batches(messages, place, limit, notes)
        elif sort == "dicom":
            chosen = _some(paths, min(limit, MOST_DICOM), seed)
            if len(chosen) < len(paths):
                notes += [f"{len(chosen)} of {len(paths)} files were read", SAMPLED]
            yield from dicom.batches(chosen, place, limit, notes)
        elif sort == "text":
            yield from _texts(_some(paths, limit, seed), root)
        else:
            yield from _objects(paths, root, kind or "ehr-table", limit, notes)

    return read


def _some(paths: Sequence[Path], most: int, seed: int) -> list[Path]:
    if len(paths) <= most:
        return list(paths)
    import numpy as np

    chosen = np.random.default_rng(seed).choice(len(paths), size=most, replace=False)
    return [paths[int(each)] for each in sorted(chosen)]


def _texts(paths: Sequence[Path], root: Path) -> Iterator[Batch]:
    key = AssetKey(name="text files", kind="notes", location=f"{root}#text" if root.is_dir() else str(root))
    for path in paths:
        with tables.open_text(path) as file:
            yield Batch(asset=key, rows=1, columns={"text": [file.read(100_000)]})


def _objects(paths: Sequence[Path], root: Path, kind: Kind, limit: int, notes: list[str]) -> Iterator[Batch]:
    """Plain JSON files: lists of objects, or one object each."""
    import msgspec

    key = AssetKey(name="JSON files", kind=kind, location=f"{root}#json" if root.is_dir() else str(root))
    for path in paths:
        try:
            with tables.open_bytes(path) as file:
                data = file.read(fhir.MOST_BYTES + 1)
            made = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf")) if len(data) <= fhir.MOST_BYTES else None
        except (msgspec.DecodeError, UnicodeDecodeError, OSError, EOFError):
            notes.append("a JSON file is cut short or no JSON")
            continue
        objects = made if isinstance(made, list) else [made]
        for rows, columns in tables.rows_of((each for each in objects if isinstance(each, dict)), limit):
            yield Batch(asset=key, rows=rows, columns=columns)
