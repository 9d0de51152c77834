"""DICOM folders: the attributes of each file's header, never its pixels; an asset for each modality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bedrail.data.sampling import AssetKey, Batch

AT_ONCE = 100
DEEPEST = 4
"""Nested sequences that are looked into."""

_BURNED_IN = frozenset({"US", "SC", "ES", "XA", "RF", "OT", "XC", "GM", "SM", "OP"})
"""Modalities whose pictures often carry text (PS3.15 Annex E, Clean Pixel Data)."""


def is_dicom(path: Path) -> bool:
    """Whether the file has DICOM's preamble, or is called .dcm."""
    if path.name.lower().endswith((".dcm", ".dicom")):
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def batches(paths: Iterable[Path], place: str, limit: int, notes: list[str]) -> Iterator[Batch]:
    """Headers by modality, each an asset `place#CT`; fields are named with their value representation, `Name|VR`."""
    waiting: dict[str, list[list[tuple[str, object]]]] = {}
    read = wrong = 0
    burned: set[str] = set()
    for path in paths:
        if read >= limit:
            break
        found = _attributes(path)
        if found is None:
            wrong += 1
            continue
        read += 1
        modality, attributes = found
        if modality in _BURNED_IN:
            burned.add(modality)
        queue = waiting.setdefault(modality, [])
        queue.append(attributes)
        if len(queue) >= AT_ONCE:
            yield _batch(modality, queue, place)
            waiting[modality] = []
    for modality, queue in waiting.items():
        if queue:
            yield _batch(modality, queue, place)
    if burned:
        notes.append(f"pictures of {', '.join(sorted(burned))} often carry text: look into the pixels")
    if wrong:
        notes.append(f"{wrong} files cannot be read as DICOM")


def _attributes(path: Path) -> tuple[str, list[tuple[str, object]]] | None:
    import pydicom

    with _silent():
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True, force=False)
            if "SOPClassUID" not in data and "DirectoryRecordSequence" not in data:
                return None
            found = [*_elements(data, "", 0), *_elements(data.file_meta, "", 0)]
            modality = str(data.get("Modality", "") or "other")[:8]
        except Exception:  # noqa: BLE001 (a damaged file may break pydicom anywhere, and its words repeat values)
            return None
    return modality if modality.isalnum() else "other", found


@contextmanager
def _silent() -> Iterator[None]:
    """pydicom's warnings and log repeat values and paths: nobody hears them."""
    import logging
    import warnings

    from pydicom import config

    before = config.logger.level
    config.logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.logger.setLevel(before)


def _elements(data: Any, path: str, depth: int) -> Iterator[tuple[str, object]]:
    for element in data:
        name = path + (element.keyword or _private(element))
        if element.VR == "SQ":
            if depth < DEEPEST:
                for item in element.value or ():
                    yield from _elements(item, f"{name}.", depth + 1)
            continue
        value = element.value
        if value is None or value == "":
            continue
        if isinstance(value, bytes | bytearray):
            yield f"{name}|{element.VR}", b""
            continue
        many = list(value) if element.VM > 1 else [value]
        for each in many[:20]:
            yield f"{name}|{element.VR}", str(each)


def _private(element: Any) -> str:
    """A private attribute by its group and the low byte of its number; its creator says what it means."""
    creator = str(getattr(element, "private_creator", "") or "")[:40]
    return f"({element.tag.group:04x},xx{element.tag.element & 0xFF:02x}) {creator}".strip()


def _batch(modality: str, headers: list[list[tuple[str, object]]], place: str) -> Batch:
    columns: dict[str, list[object]] = {}
    for header in headers:
        for name, value in header:
            columns.setdefault(name, []).append(value)
    key = AssetKey(name=f"{modality} images", kind="imaging", location=f"{place}#{modality}")
    return Batch(asset=key, rows=len(headers), columns=columns)
