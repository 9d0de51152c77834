"""Values as DICOM writes them: what is legal for a value representation, and what stands for a removed value."""

from __future__ import annotations

import re
from functools import cache

from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

REMOVED = "REMOVED"
PATIENT_ID = 0x00100020
DOCUMENT = 0x00420011
MINIMAL_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
"""One empty page: what stands for an encapsulated PDF."""

NUMBERS = {
    "US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8, "AT": 4, "OW": 1, "OF": 1, "OD": 1,
    "OL": 1, "OV": 1, "OB": 1,
}  # fmt: skip
"""Value representations of numbers and bulk data, with the bytes of one value (PS3.5 6.2)."""

WORDS = {"LO", "SH"}
STANDARD_ADDRESS = re.compile(
    r"(?i)urn:oid:[\d.]+|urn:(?:iso|ietf|dicom)[:\w.-]*|https?://(?:[\w-]+\.)*(?:nema\.org|hl7\.org|loinc\.org|snomed\.(?:info|org)"
    r"|nlm\.nih\.gov|radlex\.org|ihe\.net|who\.int|unitsofmeasure\.org)(?:/[\w./-]*)?"
)
"""Of a standards body: a coding scheme's own address; any other may lead to a patient."""
PROSE = {"ST", "LT", "UT", "UC"}
DATES = {"DA", "DT", "TM"}

DUMMIES = {
    "AE": b"REMOVED ", "AS": b"000D", "CS": b"REMOVED ", "DA": b"19000101", "DS": b"0 ", "DT": b"19000101000000",
    "IS": b"0 ", "LO": b"REMOVED ", "LT": b"REMOVED ", "PN": b"REMOVED ", "SH": b"REMOVED ", "ST": b"REMOVED ",
    "TM": b"000000", "UC": b"REMOVED ", "UT": b"REMOVED ", "UR": b"urn:removed ", "OB": b"\x00\x00",
    "OW": b"\x00\x00", "US": b"\x00\x00", "SS": b"\x00\x00", "UL": bytes(4), "SL": bytes(4), "FL": bytes(4),
    "FD": bytes(8), "AT": bytes(4), "UV": bytes(8), "SV": bytes(8), "OF": bytes(4), "OD": bytes(8), "OL": bytes(4),
    "OV": bytes(8),
}  # fmt: skip
"""What stands for a value where one must stand (action D): the same for everybody."""

_LEGAL = {
    "CS": re.compile(rb"[A-Z0-9 _\\\x00]*"),
    "DS": re.compile(rb"[-+0-9eE. \\\x00]*"),
    "IS": re.compile(rb"[-+0-9 \\\x00]*"),
    "AS": re.compile(rb"(\d{3}[DWMY])?(\\\d{3}[DWMY])*[ \x00]*"),
    "UI": re.compile(rb"[0-9.\\]*[ \x00]*"),
    "DA": re.compile(rb"(\d{8}|\d{4}\.\d\d\.\d\d)?(\\\d{8})*[ \x00]*"),
    "TM": re.compile(rb"[0-9.:]{0,16}(\\[0-9.:]{0,16})*[ \x00]*"),
    "DT": re.compile(rb"(\d{4,14}(\.\d{1,6})?([+-]\d{4})?)?(\\\d{4,14}(\.\d{1,6})?([+-]\d{4})?)*[ \x00]*"),
}  # fmt: skip

_NO_NUMBER = re.compile(rb"\d *[-+]|\.\d*\.|\d +[\d.]|[-+]{2}|\d{17}")
"""Signs that are legal in numbers and make none: telephone numbers, dates, versions. Searched in linear time."""

_CLASS = re.compile(r"(SOPClassUID|TransferSyntaxUID|SOPClasses\w*|CodingSchemeUID|ContextUID|MappingResourceUID)$")


@cache
def vr_in_dictionary(tag: int) -> str:
    """The value representation of a standard attribute; "" when the standard knows none."""
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return ""
    return vr.split(" or ", maxsplit=1)[0]


@cache
def names_a_class(tag: int) -> bool:
    """Whether an attribute of UIDs speaks of classes and codes, which identify nobody."""
    from pydicom.datadict import keyword_for_tag

    return bool(_CLASS.search(keyword_for_tag(tag)))


def legal(vr: str, data: bytes) -> bool:
    """Whether bytes are a value of this representation; text and bulk data always are."""
    size = NUMBERS.get(vr)
    if size is not None:
        return len(data) % size == 0
    rule = _LEGAL.get(vr)
    if rule is not None and not rule.fullmatch(data):
        return False
    return vr not in ("DS", "IS") or _NO_NUMBER.search(data) is None


def standard_uid(uid: str) -> bool:
    """Whether a UID is one of the standard's own: SOP classes, transfer syntaxes, well-known frames and instances."""
    return uid in UID_dictionary


def put(dataset: Dataset, tag: int, vr: str, data: bytes) -> None:
    """Set an attribute to bytes as they are written, padded to an even length."""
    if len(data) % 2:
        data += b"\x00" if vr in ("UI", "OB", "UN") else b" "
    key = BaseTag(tag)
    implicit, little = dataset.original_encoding
    dataset[key] = RawDataElement(key, vr, len(data), data, 0, bool(implicit), little is not False, True)


def text_of(data: bytes) -> str:
    """Bytes of a text value as characters to compare, whatever the character set; never fails."""
    return data.decode("utf-8") if data.isascii() else data.decode("latin-1")
