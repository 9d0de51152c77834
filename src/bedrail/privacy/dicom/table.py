"""PS3.15 Tables E.1-1, E.3.4-1 and E.3.10-1 as data: which action each attribute gets under which options."""

from __future__ import annotations

import csv
import re
from functools import cache, lru_cache
from importlib.resources import files

from bedrail.core.values import Value
from bedrail.privacy.dicom.values import LETTERS, Profile

_FOLDER = "data"

BEYOND: dict[int, str] = {
    0x00041130: "Z",  # File-set ID
    0x00041141: "X",  # File-set Descriptor File ID
    0x00041500: "Z",  # Referenced File ID: folders and files may be named after a patient, and are renamed
    0x00080116: "X",  # Coding Scheme Responsible Organization
    0x00080401: "X",  # Inventory Purpose
    0x00080407: "X",  # Stored Instance Base URI
    0x00080408: "X",  # Folder Access URI
    0x00080409: "X",  # File Access URI
    0x0008040B: "X",  # Filename in Container
    0x00081190: "X",  # Retrieve URL
    0x00100033: "X",  # Patient's Birth Date in Alternative Calendar
    0x00100034: "X",  # Patient's Death Date in Alternative Calendar
    0x00100217: "X",  # Strain Source
    0x00102294: "X",  # Breed Registration Number Sequence
    0x00102295: "X",  # Breed Registration Number
    0x00140100: "X",  # Component Welder IDs
    0x00181801: "X",  # Time Source
    0x00181803: "X",  # NTP Source Address
    0x00287FE0: "X",  # Pixel Data Provider URL
    0x00400031: "X",  # Local Namespace Entity ID
    0x00400032: "X",  # Universal Entity ID
    0x00404073: "X",  # Storage URL
    0x0040E001: "X",  # HL7 Instance Identifier
    0x0040E010: "X",  # Retrieve URI
    0x0040E011: "X",  # Retrieve Location UID
    0x0040E030: "X",  # Repository Unique ID
    0x0040E031: "X",  # Home Community ID
    0x00420010: "Z",  # Document Title
    0x00720008: "X",  # Hanging Protocol Creator
    0x0074100A: "X",  # Contact URI
    0x0074100C: "X",  # Contact Display Name
    0x00880130: "X",  # Storage Media File-set ID
    0x21000160: "X",  # Owner ID
    0x30020020: "Z",  # Radiation Machine Name
}
"""Attributes that Table E.1-1 does not list and that may name a person, a place or a machine: handled all the same."""

DEVICE = {0x30020020}
"""Of these, what the Retain Device Identity option keeps."""


class Row(Value, frozen=True, kw_only=True):
    """One attribute (or `xx` pattern, or `private`): its action in the Basic Profile, and by option letter."""

    tag: str
    basic: str
    options: str
    name: str

    def action(self, letters: str) -> str:
        """Under the options in force: cleaning beats keeping, keeping beats the Basic Profile."""
        codes = {code for letter, code in zip(self.options[::2], self.options[1::2], strict=True) if letter in letters}
        return "C" if "C" in codes else "K" if "K" in codes else self.basic


def _rows(name: str) -> list[dict[str, str]]:
    lines = (files(__package__) / _FOLDER / name).read_text("utf-8").splitlines()
    return list(csv.DictReader(lines[1:]))


@cache
def edition() -> str:
    """Which edition of the standard the tables are of, and how they were made."""
    return (files(__package__) / _FOLDER / "annex_e.csv").read_text("utf-8").split("\n", 1)[0].removeprefix("# ")


@cache
def table_bytes() -> bytes:
    """All tables as they are, for digests."""
    names = ("annex_e.csv", "content_items.csv", "safe_private.csv", "sop_classes.txt", "types.csv")
    return b"\x00".join((files(__package__) / _FOLDER / name).read_bytes() for name in names) + repr(BEYOND).encode()


@cache
def annex_e() -> tuple[Row, ...]:
    """Table E.1-1, row by row."""
    return tuple(Row(**row) for row in _rows("annex_e.csv"))


@cache
def _types() -> dict[tuple[int, int], dict[str, str]]:
    """(tag, parent sequence or 0) -> SOP class -> 1 or 2, for attributes with a combined action (PS3.3)."""
    classes = (files(__package__) / _FOLDER / "sop_classes.txt").read_text().split()
    found: dict[tuple[int, int], dict[str, str]] = {}
    for row in _rows("types.csv"):
        mask = int(row["classes"], 16)
        of = found.setdefault((int(row["tag"], 16), int(row["inside"] or "0", 16)), {})
        of.update({uid: row["type"] for at, uid in enumerate(classes) if mask >> at & 1})
    return found


def resolved(action: str, kind: str) -> str:
    """A combined action by the type of the attribute where it stands (PS3.15 E.1.1): 1, 2, or "" for 3 and unknown.

    Unknown is taken for 3: the first of the combined actions removes the most, and so is the safer one.
    """
    choices = action.rstrip("*").split("/")
    if kind == "1" and choices[-1] in ("D", "U"):
        return choices[-1]
    if kind in ("1", "2") and "Z" in choices:
        return "Z"
    return choices[-1] if kind == "2" and choices == ["X", "D"] else choices[0]


class Rules:
    """What a profile does to each attribute, by SOP class and place."""

    def __init__(self, profile: Profile) -> None:
        """The action of every attribute under the options of `profile`."""
        letters = profile.letters()
        self.profile = profile
        self.listed: dict[int, str] = {}
        self.clean_graphics = "G" in letters
        for row in annex_e():
            if "x" not in row.tag and row.tag != "private":
                self.listed[int(row.tag, 16)] = row.action(letters)
        for tag, action in BEYOND.items():
            keep = tag in DEVICE and "D" in letters
            self.listed.setdefault(tag, "K" if keep else action)
        self.descriptors = frozenset(
            int(row.tag, 16) for row in annex_e() if "x" not in row.tag and set(row.options[::2]) & set("TSG")
        )
        self._made: dict[tuple[str, int], dict[int, str]] = {}
        self._combined = {tag: action for tag, action in self.listed.items() if "/" in action}

    def inside(self, sop_class: str, parent: int) -> dict[int, str]:
        """Tag -> one action, for attributes of an IOD at the top (`parent` 0) or in items of the sequence `parent`."""
        made = self._made.get((sop_class, parent))
        if made is None:
            made = dict(self.listed)
            for tag, action in self._combined.items():
                made[tag] = resolved(action, _types().get((tag, parent), {}).get(sop_class, ""))
            if len(self._made) < 4096:  # SOP classes are the file's word: do not keep them without end
                self._made[sop_class, parent] = made
        return made


@lru_cache(maxsize=64)
def rules_of(profile: Profile) -> Rules:
    """Made once for a profile."""
    return Rules(profile)


@cache
def safe_private() -> dict[tuple[str, int, int], str]:
    """(creator, group, element without block) -> VR: private attributes known to be safe (Table E.3.10-1)."""
    found = {}
    for row in _rows("safe_private.csv"):
        group, element = row["tag"][:4], row["tag"][4:]
        if re.fullmatch(r"[0-9a-f]{4}", group) and re.fullmatch(r"xx[0-9a-f]{2}", element):
            found[row["creator"].strip().upper(), int(group, 16), int(element[2:], 16)] = row["vr"]
    return found


@cache
def content_items() -> dict[tuple[str, str, str], Row]:
    """(scheme, code, value type) -> what is done to a content item of a structured report (Table E.3.4-1)."""
    return {
        (row["scheme"], row["code"], row["kind"]): Row(
            tag="", basic=row["basic"], options=row["options"], name=row["meaning"]
        )
        for row in _rows("content_items.csv")
    }


def letters_of(profile: Profile) -> str:
    """The options in force, as letters of the tables."""
    return "".join(LETTERS[name] for name in profile.options())
