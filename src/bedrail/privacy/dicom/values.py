"""The nouns of DICOM: the options of PS3.15 Annex E, and what was done to one instance."""

from __future__ import annotations

import hashlib
from typing import Literal

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

Pixels = Literal["auto", "never", "always", "remove"]
"""`auto` looks for text in pixels of every kind that is known to hold some; `never` leaves pixels alone; `always` looks
in all; `remove` blackens the pixels of those kinds instead of looking."""

LETTERS = {
    "retain_safe_private": "V",
    "retain_uids": "U",
    "retain_device_id": "D",
    "retain_institution_id": "I",
    "retain_patient_characteristics": "P",
    "retain_full_dates": "F",
    "retain_modified_dates": "M",
    "clean_descriptors": "T",
    "clean_structured_content": "S",
    "clean_graphics": "G",
}
"""The options as the columns of Table E.1-1 name them in data/annex_e.csv."""

CODES = {
    "basic": ("113100", "Basic Application Confidentiality Profile"),
    "pixels": ("113101", "Clean Pixel Data Option"),
    "clean_graphics": ("113103", "Clean Graphics Option"),
    "clean_structured_content": ("113104", "Clean Structured Content Option"),
    "clean_descriptors": ("113105", "Clean Descriptors Option"),
    "retain_full_dates": ("113106", "Retain Longitudinal Temporal Information With Full Dates Option"),
    "retain_modified_dates": ("113107", "Retain Longitudinal Temporal Information With Modified Dates Option"),
    "retain_patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
    "retain_device_id": ("113109", "Retain Device Identity Option"),
    "retain_uids": ("113110", "Retain UIDs Option"),
    "retain_safe_private": ("113111", "Retain Safe Private Option"),
    "retain_institution_id": ("113112", "Retain Institution Identity Option"),
}
"""CID 7050 De-identification Method (PS3.16), scheme DCM: written into (0012,0064)."""


class Profile(Value, frozen=True, kw_only=True):
    """The Basic Application Level Confidentiality Profile with the options of PS3.15 E.3 that are asked for."""

    retain_safe_private: bool = False
    retain_uids: bool = False
    retain_device_id: bool = False
    retain_institution_id: bool = False
    retain_patient_characteristics: bool = False
    retain_full_dates: bool = False
    retain_modified_dates: bool = False
    clean_descriptors: bool = False
    clean_structured_content: bool = False
    clean_graphics: bool = False
    pixels: Pixels = "auto"
    language: str = "en"

    def __post_init__(self) -> None:
        """Raises `Invalid` for the one pair of options that excludes itself."""
        if self.retain_full_dates and self.retain_modified_dates:
            raise Invalid(
                "full and modified dates cannot both be retained.", path="retain_full_dates", remedy="Choose one."
            )

    def options(self) -> tuple[str, ...]:
        """The names of the options in force, in the order of Table E.1-1."""
        return tuple(name for name in LETTERS if getattr(self, name))

    def letters(self) -> str:
        """The columns in force."""
        return "".join(LETTERS[name] for name in self.options())

    def digest(self, tables: bytes) -> str:
        """SHA-256 in hex of all that decides the output: options, pixel rule and the tables in force."""
        said = "\n".join((*self.options(), self.pixels, self.language))
        return hashlib.sha256(said.encode() + b"\x00" + tables).hexdigest()


class Leftover(Value, frozen=True, kw_only=True):
    """Something that an audit found in an output: the tag (or place), and what is wrong; never a value."""

    place: str
    problem: str


class Treated(Value, frozen=True, kw_only=True):
    """One instance, de-identified: bytes fit to be written, under which name, and what was done how often.

    `counts` maps (place, action, rule) to how often; `notes` are plain words for the person who runs it, such as what
    was not done; `cut` says where the file was cut off; none holds a value.
    """

    data: bytes
    name: str
    counts: dict[tuple[str, str, str], int]
    notes: tuple[str, ...] = ()
    cut: str = ""
