"""Leftovers: what an output holds that Table E.1-1 would have removed; nothing of the walk is trusted here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from io import BytesIO

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from bedrail.core.errors import Refused
from bedrail.privacy.dicom.encoding import (
    DOCUMENT,
    DUMMIES,
    MINIMAL_PDF,
    PATIENT_ID,
    names_a_class,
    standard_uid,
    text_of,
    vr_in_dictionary,
)
from bedrail.privacy.dicom.overlays import KEPT, is_overlay
from bedrail.privacy.dicom.prose import found_in, pattern_of
from bedrail.privacy.dicom.table import Rules, rules_of, safe_private
from bedrail.privacy.dicom.values import Leftover, Profile
from bedrail.privacy.dicom.writing import items_of, text_value, value_bytes

_OURS = re.compile(r"2\.25\.\d{1,39}")
_PSEUDONYM = re.compile(rb"[0-9a-f]{32}")
_DATE = re.compile(rb"\d{8}")
_OWN = frozenset({0x00020012, 0x00020013, 0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303})
_BULK = 0x7FE00008, 0x7FE00009, 0x7FE00010


def leftovers(
    out: bytes, profile: Profile, *, known: Collection[str] = (), uids: Mapping[str, str] | None = None
) -> list[Leftover]:
    """What is wrong with one output file, read anew from its bytes.

    `known` are values and `uids` UIDs (and what stands for them) of the original: searched in all bytes, pixels too.
    Without them the attributes alone are judged. Raises whatever pydicom raises for bytes that are no DICOM.
    """
    dataset = pydicom.dcmread(BytesIO(out))
    rules = rules_of(profile)
    found = list(_judge(dataset, rules, text_value(dataset, 0x00080016), 0))
    found += _recorded(dataset, profile)
    meta = dataset.file_meta
    instance = text_value(dataset, 0x00080018)
    if instance and text_value(meta, 0x00020003) != instance:
        found.append(Leftover(place="(0002,0003)", problem="differs from the data set"))
    found += [_at(tag, "in the file meta information") for tag, _ in meta.items() if tag & 0xFFFF not in _META]
    if out[:128].strip(b"\x00"):
        found.append(Leftover(place="preamble", problem="holds something"))
    return found + _searched(dataset, out, known, uids or {})


_META = frozenset({0x0000, 0x0001, 0x0002, 0x0003, 0x0010, 0x0012, 0x0013})


def refuse(found: list[Leftover]) -> None:
    """Raises `Refused` naming the tags (never values) when an output has leftovers: it may not be written."""
    if found:
        said = ", ".join(sorted({f"{each.place} {each.problem}" for each in found})[:5])
        raise Refused(
            f"the audit found leftovers: {said}.", remedy="The file was not written; report it, with these tags."
        )


def _at(element: DataElement | int, problem: str) -> Leftover:
    tag = int(element.tag if isinstance(element, DataElement) else element)
    return Leftover(place=f"({tag >> 16:04X},{tag & 0xFFFF:04X})", problem=problem)


def _judge(dataset: Dataset, rules: Rules, sop_class: str, parent: int) -> Iterator[Leftover]:
    actions = rules.inside(sop_class, parent)
    for tag, element in dataset.items():
        group = tag >> 16
        if group & 1:
            if not _safe(dataset, tag, rules.profile):
                yield _at(tag, "private")
            continue
        if 0x5000 <= group <= 0x50FF or is_overlay(tag):
            if parent or not (is_overlay(tag) and rules.clean_graphics and tag & 0xFFFF in KEPT):
                yield _at(tag, "curve or overlay")
            continue
        vr = vr_in_dictionary(tag)
        if not vr:
            yield _at(tag, "unknown to the standard")
        elif vr == "SQ":
            yield from _judge_sequence(dataset, tag, rules, sop_class, actions.get(tag, ""))
        elif tag not in _OWN:
            problem = _problem(tag, vr, actions.get(tag, ""), value_bytes(element, dataset), rules)
            if problem:
                yield _at(tag, problem)


def _judge_sequence(dataset: Dataset, tag: int, rules: Rules, sop_class: str, action: str) -> Iterator[Leftover]:
    items = items_of(dataset, tag)
    if tag in _OWN:
        return
    if action == "X" or (action == "Z" and len(items)):
        yield _at(tag, "sequence not removed")
    for item in items:
        yield from _judge_dummy(item) if action == "D" else _judge(item, rules, sop_class, int(tag))


def _judge_dummy(item: Dataset) -> Iterator[Leftover]:
    for tag, element in item.items():
        vr = vr_in_dictionary(tag)
        if vr == "SQ":
            for nested in items_of(item, tag):
                yield from _judge_dummy(nested)
        elif vr == "UI":
            if not _harmless_uids(tag, value_bytes(element, item)):
                yield _at(tag, "UID not replaced")
        elif vr not in ("CS", "US", "UL", "SS", "SL", "FL", "FD") and not _blank(vr, value_bytes(element, item)):
            yield _at(tag, "no dummy")


def _problem(tag: int, vr: str, action: str, data: bytes, rules: Rules) -> str:
    """What is wrong with one attribute, or ""."""
    if action == "X":
        return "not removed"
    if vr == "UI" and action != "K":
        retained = rules.profile.retain_uids and not action
        return "" if retained or _harmless_uids(tag, data) else "UID not replaced"
    if action in ("Z", "D"):
        return "" if _stands_for_nobody(tag, vr, data) else "not replaced"
    if not action and vr in ("PN", "AE") and data.strip():
        return "not emptied"
    dated = vr in ("DA", "DT") and action in ("", "C") and data.strip(b" \x00")
    if dated and not (rules.profile.retain_full_dates or rules.profile.retain_modified_dates):
        return "date not removed"
    return ""


def _stands_for_nobody(tag: int, vr: str, data: bytes) -> bool:
    if tag == PATIENT_ID and _PSEUDONYM.fullmatch(data.strip()):
        return True
    if tag == DOCUMENT:
        return data.strip(b" \n\x00") in (b"", MINIMAL_PDF.strip())
    return _blank(vr, data)


def _blank(vr: str, data: bytes) -> bool:
    return not data.strip(b" \x00") or data == DUMMIES.get(vr) or data.strip() == DUMMIES.get(vr, b"").strip()


def _harmless_uids(tag: int, data: bytes) -> bool:
    """Whether every UID is a new one of ours, or one of the standard's, or names a class."""
    if names_a_class(tag):
        return True
    values = [value.strip(" \x00") for value in text_of(data).split("\\")]
    return all(not value or standard_uid(value) or _OURS.fullmatch(value) for value in values)


def _safe(dataset: Dataset, tag: int, profile: Profile) -> bool:
    if not profile.retain_safe_private:
        return False
    group, element = tag >> 16, tag & 0xFFFF
    creator_tag = tag if 0x10 <= element <= 0xFF else (group << 16) | (element >> 8)
    creator = str(dataset[creator_tag].value).strip().upper() if creator_tag in dataset else ""
    if creator_tag == tag:
        return any(name == creator and at == group for name, at, _ in safe_private())
    return (creator, group, element & 0xFF) in safe_private()


def _recorded(dataset: Dataset, profile: Profile) -> list[Leftover]:
    found = []
    if text_value(dataset, 0x00120062) != "YES":
        found.append(Leftover(place="(0012,0062)", problem="not YES"))
    codes = {text_value(item, 0x00080100) for item in dataset.get("DeidentificationMethodCodeSequence") or ()}
    if "113100" not in codes:
        found.append(Leftover(place="(0012,0064)", problem="without the profile"))
    dates = "UNMODIFIED" if profile.retain_full_dates else "MODIFIED" if profile.retain_modified_dates else "REMOVED"
    if text_value(dataset, 0x00280303) != dates:
        found.append(Leftover(place="(0028,0303)", problem="does not say what was done to dates"))
    return found


def beside_pixels(out: bytes) -> bytes:
    """A file without its pixels; all of it where it cannot be read."""
    try:
        return _divided(pydicom.dcmread(BytesIO(out)), out)[1]
    except Exception:  # noqa: BLE001 (bytes that pydicom cannot read; its message may quote them)
        return out


def _divided(dataset: Dataset, out: bytes) -> tuple[bytes, bytes]:
    """The pixels, and all else."""
    bulk = b"".join(value_bytes(dataset.get_item(tag), dataset) for tag in _BULK if tag in dataset)
    return bulk, out.replace(bulk, b"") if len(bulk) > 64 else out


def _searched(dataset: Dataset, out: bytes, known: Collection[str], uids: Mapping[str, str]) -> list[Leftover]:
    """Original values and UIDs in all bytes: whole words in attributes, long values anywhere, pixels too."""
    bulk, rest = _divided(dataset, out)
    found = []
    pattern = pattern_of(found_in(known, rest))
    if pattern is not None and pattern.search(text_of(rest)):
        found.append(Leftover(place="attributes", problem="hold a value of the original"))
    if len(bulk) > 64 and any(value.encode("utf-8", "replace") in bulk for value in known if len(value) > 6):
        found.append(Leftover(place="pixels", problem="hold a value of the original"))
    for uid, new in uids.items():
        data = uid.encode("ascii", "replace")
        if uid == new or len(uid) <= 8 or data not in out:
            continue
        if re.search(rb"(?<![0-9.])" + re.escape(data) + rb"(?![0-9.])", out):
            found.append(Leftover(place="attributes", problem="hold a UID of the original"))
            break
    return found
