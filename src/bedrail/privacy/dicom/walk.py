"""One walk through a data set and all its sequences: each attribute gets the action of Table E.1-1 where it stands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from bedrail.privacy.dicom.dates import moved
from bedrail.privacy.dicom.encoding import (
    DATES,
    DOCUMENT,
    DUMMIES,
    MINIMAL_PDF,
    PATIENT_ID,
    PROSE,
    STANDARD_ADDRESS,
    WORDS,
    legal,
    names_a_class,
    put,
    standard_uid,
    text_of,
    vr_in_dictionary,
)
from bedrail.privacy.dicom.overlays import is_overlay
from bedrail.privacy.dicom.prose import (
    GIVEAWAY_IN_BYTES,
    cleaned,
    found_in,
    gives_away,
    holds_prose,
    pattern_of,
    telling,
)
from bedrail.privacy.dicom.table import Rules, safe_private
from bedrail.privacy.dicom.writing import PIXELS, items_of, text_value, value_bytes
from bedrail.privacy.keyed import Keyed

AGE = 0x00101010
TIMEZONE = 0x00080201
SEQUENCE_OF_CONTENT = 0x0040A730
CODES = frozenset({0x00080100, 0x00080102, 0x00080103, 0x00080104, 0x00080119, 0x00080120, 0x0008010E})
"""Code value, scheme, version, meaning: of a vocabulary, so long numbers are no giveaway there."""
TECHNICAL = frozenset({0x20100010, 0x00187008, 0x00660032, 0x00080115})
"""Prose that describes technique; still searched for known values."""
IDENTIFYING = frozenset({"PN", "LO", "SH", "UC", "AE", "UI"})
BULK = frozenset({"OB", "OW", "UN"})
STRUCTURAL = frozenset({"CS", "US", "UL", "SS", "SL", "FL", "FD"})
"""Of these a dummy item keeps the values: they say how it is built."""
DEEPEST = 32
"""Sequences nested deeper than this are cut off: no IOD has them."""


def _of_standards(tag: int, data: bytes) -> bool:
    """Whether this is a standards body's own address, in the place of a code."""
    return tag in CODES and STANDARD_ADDRESS.fullmatch(text_of(data).strip(" \x00")) is not None


class Walk:
    """De-identifies the attributes of one instance in place, and remembers what it took out, to look for it after."""

    def __init__(self, rules: Rules, keyed: Keyed, dataset: Dataset) -> None:
        """Reads who it is about; changes nothing yet."""
        self.rules, self._keyed = rules, keyed
        self.profile = rules.profile
        self.sop_class = text_value(dataset, 0x00080016)
        self.subject = text_value(dataset, PATIENT_ID)
        self.days = keyed.shift_days(self.subject or text_value(dataset, 0x0020000D))
        self.implicit = bool(dataset.original_encoding[0])
        self.counts: dict[tuple[str, str, str], int] = {}
        self.uids: dict[str, str] = {}
        self.known: set[str] = set()
        self.names: set[str] = set()
        self._kept: list[tuple[Dataset, int, str, bytes]] = []
        self._prose: list[tuple[Dataset, int, str]] = []
        self._removing = False
        self._actions: dict[str, Callable[[Dataset, int, str, bytes], None]] = {
            "X": self._remove, "Z": self._empty, "D": self._replace, "U": self._map, "K": self._keep, "C": self._clean,
        }  # fmt: skip

    def run(self, dataset: Dataset) -> None:
        """The whole instance; then what was kept is searched for what was taken out."""
        self._walk(dataset, 0, 0)
        for holder, tag, vr in self._prose:
            self._clean_prose(holder, tag, vr)
        taken = self.known | {uid for uid in self.replaced_uids() if len(uid) > 8}
        pattern = pattern_of(found_in(taken, b"\x00".join(data for *_, data in self._kept)))
        if pattern is not None:
            self._scrub(pattern.search)

    def uid(self, value: str) -> str:
        """The UID that stands for this one everywhere in the project; those of the standard stand for themselves."""
        text = value.strip(" \x00")
        if not text or standard_uid(text):
            return text
        new = self.uids.get(text)
        if new is None:
            new = self.uids[text] = self._keyed.uid(text)
        return new

    def replaced_uids(self) -> dict[str, str]:
        """UIDs that may not be in the output -> what stands for them; none where UIDs are retained."""
        return {} if self.profile.retain_uids else {uid: new for uid, new in self.uids.items() if uid != new}

    def _walk(self, dataset: Dataset, parent: int, depth: int) -> None:
        actions = self.rules.inside(self.sop_class, parent)
        for tag, element in list(dataset.items()):
            group = tag >> 16
            if group & 1:
                self._private(dataset, tag)
                continue
            vr = self._vr(tag, element)
            if not vr or group < 4 or not tag & 0xFFFF or 0x5000 <= group <= 0x50FF or depth > DEEPEST:
                self._drop(dataset, tag, "unknown" if not vr else "E.1-1")
                continue
            if is_overlay(tag) or (parent and tag == PIXELS):
                if parent or not self.rules.clean_graphics:  # else they were cleaned before
                    self._drop(dataset, tag, "E.1-1")
                continue
            if vr == "SQ":
                self._sequence(dataset, tag, actions.get(tag, ""), depth)
                continue
            action = actions.get(tag, "")
            try:
                data = value_bytes(element, dataset)
            except Exception:  # noqa: BLE001 (a value that cannot even be written again)
                self._drop(dataset, tag, "illegal")
                continue
            if action:
                self._actions[action](dataset, tag, vr, data)
            else:
                self._unlisted(dataset, tag, vr, data)

    def _vr(self, tag: int, element: object) -> str:
        """By the file where that is possible, else by the dictionary; "" for what the standard does not know."""
        known, said = vr_in_dictionary(tag), str(getattr(element, "VR", "") or "")
        return said if known and (said in DUMMIES or said in ("UI", "SQ")) else known

    def _count(self, tag: int, action: str, rule: str = "E.1-1") -> None:
        key = (f"({tag >> 16:04X},{tag & 0xFFFF:04X})", action, rule)
        self.counts[key] = self.counts.get(key, 0) + 1

    def _drop(self, dataset: Dataset, tag: int, rule: str) -> None:
        del dataset[tag]
        self._count(tag, "X", rule)

    def _remember(self, tag: int, vr: str, data: bytes) -> None:
        if not data:
            return
        if vr == "DA" and not (self.profile.retain_full_dates or self.profile.retain_modified_dates):
            self.known.update(telling(text_of(data), vr))
        elif vr in IDENTIFYING and (tag not in self.rules.descriptors or vr == "PN"):
            if vr == "UI":
                self.uid(text_of(data).split("\\")[0])
            else:
                told = telling(text_of(data), vr)
                self.known.update(told)
                self.names.update(told if vr == "PN" else ())

    def _remove(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        self._remember(tag, vr, data)
        self._drop(dataset, tag, "E.1-1")

    def _empty(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        self._remember(tag, vr, data)
        value = b""
        if tag == PATIENT_ID and data.strip(b" \x00"):
            subject = self.subject or text_of(data).strip(" \x00")
            value = self._keyed.pseudonym("subject", subject).encode()
        put(dataset, tag, vr, value)
        self._count(tag, "Z")

    def _replace(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        if tag == PATIENT_ID:
            self._empty(dataset, tag, vr, data)
            return
        self._remember(tag, vr, data)
        if vr == "UI":
            self._map(dataset, tag, vr, data)
            return
        dummy = DUMMIES.get(vr, b"")
        if tag == DOCUMENT:
            dummy = MINIMAL_PDF if text_value(dataset, 0x00420012).lower() == "application/pdf" else b" \n"
        put(dataset, tag, vr, dummy)
        self._count(tag, "D")

    def _map(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        if vr != "UI":  # a damaged file: it should be one
            put(dataset, tag, "UI", b"")
            self._count(tag, "Z", "illegal value")
            return
        put(dataset, tag, vr, "\\".join(self.uid(each) for each in text_of(data).split("\\")).encode("ascii"))
        self._count(tag, "U")

    def _keep(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        if not legal(vr, data) or (vr == "CS" and gives_away(data, tag)):
            self._blank_illegal(dataset, tag, vr)
            return
        if tag == AGE and data[:3].isdigit() and data[3:4] == b"Y" and int(data[:3]) > 89:
            data = b"090Y"  # 45 CFR 164.514(b)(2)(i)(C): all ages over 89 are one category
        put(dataset, tag, vr, data)
        if vr not in ("UI", "DA", "DT", "TM"):
            self._kept.append((dataset, tag, vr, data))
        self._count(tag, "K")

    def _clean(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        if vr in DATES:
            new = moved(vr, data, self.days) if legal(vr, data) else None
            if new is None:
                put(dataset, tag, vr, DUMMIES[vr])
            else:
                put(dataset, tag, vr, new)
            self._count(tag, "C", "E.3.6")
        elif tag == TIMEZONE and legal("DS", data):
            self._count(tag, "K", "E.3.6")
        elif vr in WORDS or vr in PROSE:
            self._prose.append((dataset, tag, vr))
        else:  # nothing of it can be cleaned: what the Basic Profile asks for is the next safe thing
            self._replace(dataset, tag, vr, data)

    def _unlisted(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        if not data or tag == PIXELS:
            return
        if vr in PROSE:
            if tag in TECHNICAL or tag in CODES:
                self._kept.append((dataset, tag, vr, data))
            else:
                self._prose.append((dataset, tag, vr))
        elif vr == "UI":
            self._unlisted_uid(dataset, tag, data)
        elif vr in ("PN", "AE") or (vr == "UR" and not _of_standards(tag, data)):
            self._remember(tag, vr, data)
            put(dataset, tag, vr, b"")
            self._count(tag, "Z", "beyond E.1-1")
        elif vr in DATES:
            self._unlisted_date(dataset, tag, vr, data)
        elif not legal(vr, data) or (vr == "CS" and gives_away(data, tag)):
            self._blank_illegal(dataset, tag, vr)
        elif vr in WORDS and holds_prose(tag):
            self._prose.append((dataset, tag, vr))
        elif (vr in WORDS and tag not in CODES and gives_away(data, tag)) or (
            vr == "OB" and GIVEAWAY_IN_BYTES.search(data)
        ):
            put(dataset, tag, vr, DUMMIES[vr])
            self._count(tag, "D", "beyond E.1-1")
        elif vr in WORDS or vr in BULK or vr in ("CS", "UR") or (vr in ("DS", "IS") and len(data) > 5):
            self._kept.append((dataset, tag, vr, data))

    def _unlisted_uid(self, dataset: Dataset, tag: int, data: bytes) -> None:
        if names_a_class(tag) and legal("UI", data):
            self._kept.append((dataset, tag, "UI", data))
        elif not self.profile.retain_uids or not legal("UI", data):
            self._map(dataset, tag, "UI", data)

    def _unlisted_date(self, dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
        if self.profile.retain_full_dates and legal(vr, data):
            return
        new = moved(vr, data, self.days) if self.profile.retain_modified_dates and legal(vr, data) else None
        put(dataset, tag, vr, new or b"")
        self._count(tag, "C" if new else "Z", "beyond E.1-1")

    def _blank_illegal(self, dataset: Dataset, tag: int, vr: str) -> None:
        put(dataset, tag, vr, b"")
        self._count(tag, "Z", "illegal value")

    def _sequence(self, dataset: Dataset, tag: int, action: str, depth: int) -> None:
        try:
            items = dataset[tag].value
            assert isinstance(items, Sequence)
        except Exception:  # noqa: BLE001 (bytes that are no sequence: whatever they hold goes)
            self._drop(dataset, tag, "illegal")
            return
        if action in ("X", "Z"):
            self._harvest(items, depth)
            if action == "X":
                self._drop(dataset, tag, "E.1-1")
            else:
                dataset[tag] = DataElement(BaseTag(tag), "SQ", [])
                self._count(tag, "Z")
        elif action == "D" or (action == "C" and tag == SEQUENCE_OF_CONTENT):
            self._harvest(items, depth)
            if action == "C":
                from bedrail.privacy.dicom.content import clean_content

                clean_content(self, items)
            else:
                del items[1:]
                self._hollow(items, depth)
            self._count(tag, action)
        else:
            for item in items:
                self._walk(item, int(tag), depth + 1)

    def walk_item(self, item: Dataset, parent: int) -> None:
        """The attributes of one item, for what is cleaned by rules of its own."""
        self._walk(item, parent, 1)

    def prose_later(self, dataset: Dataset, tag: int, vr: str) -> None:
        """Clean this text when all is known that was taken out."""
        self._prose.append((dataset, tag, vr))

    def _harvest(self, items: Sequence, depth: int) -> None:
        """Names and numbers in what is taken out whole, so that they are found elsewhere too."""
        if depth > DEEPEST:
            return
        for item in items:
            for tag, element in list(item.items()):
                vr = self._vr(tag, element) if not tag >> 16 & 1 else ""
                with suppress(Exception):  # it is removed anyway
                    if vr == "SQ":
                        self._harvest(item[tag].value, depth + 1)
                    elif vr == "PN" or (vr in IDENTIFYING and self.rules.listed.get(tag, "K") not in "KC"):
                        self._remember(tag, vr, value_bytes(element, item))

    def _hollow(self, items: Sequence, depth: int) -> None:
        """Dummy content (action D for a sequence): the structure stays, words, dates and identifiers do not."""
        for item in items:
            for tag, element in list(item.items()):
                vr = self._vr(tag, element) if not tag >> 16 & 1 else ""
                if not vr or depth > DEEPEST:
                    del item[tag]
                elif vr == "SQ":
                    nested = items_of(item, tag)
                    del nested[1:]
                    self._hollow(nested, depth + 1)
                elif vr == "UI":
                    put(item, tag, vr, self.uid(text_value(item, tag).split("\\")[0]).encode("ascii"))
                elif vr not in STRUCTURAL or not legal(vr, value_bytes(element, item)):
                    put(item, tag, vr, DUMMIES.get(vr, b""))

    def _private(self, dataset: Dataset, tag: int) -> None:
        if self.profile.retain_safe_private and self._safe(dataset, tag):
            return
        del dataset[tag]
        self._count((tag >> 16 << 16) | 0xFFFF, "X", "private")

    def _safe(self, dataset: Dataset, tag: int) -> bool:
        group, element = tag >> 16, tag & 0xFFFF
        if 0x10 <= element <= 0xFF:  # a private creator: stays when it is one that has safe attributes
            creator = text_value(dataset, tag).upper()
            return any(name == creator and at == group for name, at, _ in safe_private())
        creator = text_value(dataset, (group << 16) | (element >> 8)).upper()
        vr = safe_private().get((creator, group, element & 0xFF), "")
        if vr in ("", "SQ", "UI", "PN", "DA", "DT", "TM", "UN"):
            return False
        data = value_bytes(dataset.get_item(tag), dataset)
        if not legal(vr, data) or (vr in WORDS | PROSE and gives_away(data)):
            return False
        if vr in WORDS | PROSE | {"CS"}:
            self._kept.append((dataset, tag, vr, data))
        self._count((group << 16) | 0xFFFF, "K", "E.3.10-1")
        return True

    def _clean_prose(self, dataset: Dataset, tag: int, vr: str) -> None:
        if tag not in dataset:
            return
        try:
            value = dataset[tag].value or ""
            text = "\\".join(value) if isinstance(value, MultiValue) else str(value)
            dataset[tag].value = cleaned(text, vr, self.known, self.profile.language)
            self._kept.append((dataset, tag, vr, value_bytes(dataset[tag], dataset)))
        except Exception:  # noqa: BLE001 (what cannot be read as text is not kept as text)
            put(dataset, tag, vr, DUMMIES[vr])
        self._count(tag, "C", "E.3.5")

    def _scrub(self, search: Callable[[str], object]) -> None:
        for dataset, tag, vr, data in self._kept:
            if tag in dataset and search(text_of(data)):
                put(dataset, tag, vr, b"" if vr in ("CS", "UI", "DS", "IS") else DUMMIES.get(vr, b""))
                self._count(tag, "D", "known value")
