"""Where files of HL7 v2 were joined without a line end: a header or another segment stands inside of a segment.

Read as they are, its fields would be taken for further ones of that segment, and treated by the wrong rules. HL7 v2
announces nothing of the kind, so it is told by form: a field ends in the name of a segment, and what follows is what
such a segment begins with. Words that end so ("LIPID", a hospital called MSH) are no sign by themselves.
"""

from __future__ import annotations

import re

from bedrail.core.errors import Invalid
from bedrail.privacy.hl7.message import Segment

_HEADERS = ("MSH", "BHS", "FHS")
_SIGNS = re.compile(r"([^A-Za-z0-9\s])(?!\1)[^A-Za-z0-9\s]")
"""How the separators that a header announces begin: two that differ."""
_FOREIGN = re.compile(r"(?:MSH|BHS|FHS)([^A-Za-z0-9\s])(?:(?!\1)[^A-Za-z0-9\s]){3,5}(?:\1|\Z)")
"""A header whose separator is not that of the segment around it."""
_PERSON = r"[^|]*\|[^|]*[A-Za-z][^|]*\^[^|]*"
_SHAPES = {
    "PID": re.compile(
        r"\d{0,4}\|[^|]*\|(?:[^|]*\^[^|]*\^[^|^]*\^[^|]*\|"
        + _PERSON  # the identifier with its authority, and a name
        + r"|[^|]+\|"
        + _PERSON
        + r"\|[^|]*\|\d{8}"  # or any, and a name and a birth date
        + r"|[^|]+\|[^|]*\|[^|]*[A-Za-z][^|]*\|[^|]*\|\d{8}\d*\|[AFMNOU]?(?:\||\Z))"
    ),
    "PV1": re.compile(r"\d{0,4}\|[A-Z]{1,2}(?:\||\Z)"),
    "NK1": re.compile(r"\d{0,4}\|[^|]*[A-Za-z][^|]*\^[^|]*(?:\||\Z)"),
    "GT1": re.compile(r"\d{1,4}\|[^|]*\|[^|]*[A-Za-z]"),
    "IN1": re.compile(r"\d{0,4}\|(?:[^|]+\|[^|]+|[^|]*\^)"),
    "OBX": re.compile(r"\d{0,4}\|[A-Z]{2,3}\|"),
    "OBR": re.compile(r"\d{0,4}\|[^|]*\|[^|]*\|[^|]+"),
    "ORC": re.compile(r"[A-Z]{2}\|"),
    "EVN": re.compile(r"(?:[A-Z]\d\d)?\|\d{8}"),
    "AL1": re.compile(r"\d{1,4}\|[^|]*\|[^|]*[A-Za-z]"),
    "DG1": re.compile(r"\d{1,4}\|[^|]*\|[^|]*[A-Za-z\d]"),
    "NTE": re.compile(r"\d{1,4}\|[LPO]\|[^|]"),
    "TXA": re.compile(r"\d{0,4}\|[A-Z]{2}(?:\||\^|\Z)"),
    "MRG": re.compile(r"[^|]+\^[^|]*\^[^|^]*\^|[^|]*\|[^|]*\|[^|]*\d"),
}
"""How segments that tell of people begin, behind their name and its separator, with | and ^ for separators."""
_ALONE = {"PID": re.compile(r"\d{0,4}\|[^|]*\|[^|]+\|" + _PERSON), "NTE": re.compile(r"\d{0,4}\|[LPO]?\|[^|]")}
"""Enough where the name of the segment is no part of a longer word."""


def refuse_glued(segments: list[Segment]) -> None:
    """Raises `Invalid` with the number of the segment that another stands inside of, without its content."""
    for number, segment in enumerate(segments, start=1):
        if _header_in(segment):
            remedy = "Join files of messages with line ends: for f in *.hl7; do cat $f; echo; done"
            raise Invalid("a second header stands inside it.", path=f"segment {number}", remedy=remedy)
        if _segment_in(segment):
            remedy = (
                "Each segment ends with a line end: fetch the message again; --on-error skip leaves such parts out."
            )
            raise Invalid("another segment stands inside it.", path=f"segment {number}", remedy=remedy)


def _header_in(segment: Segment) -> bool:
    fields = segment.fields
    for at, field in enumerate(fields[1:], start=1):
        if "SH" not in field and "HS" not in field:
            continue
        if _FOREIGN.search(field):
            return True
        if field.endswith(_HEADERS) and at + 1 < len(fields) and _SIGNS.match(fields[at + 1]):
            return True
    return False


def _segment_in(segment: Segment) -> bool:
    marks, fields = segment.marks, segment.fields
    for at, field in enumerate(fields[1:-1], start=1):
        if not field:
            continue
        shape = _SHAPES.get(field[-3:])
        coded = segment.name == "OBX" and at == 3  # a code, and behind it mostly a number: "PIN1|1"
        if shape is None or (coded and field[-3:] != "PID"):
            continue
        behind = "|".join(fields[at + 1 : at + 10])
        if marks.component not in ("", "^"):
            behind = behind.replace("^", " ").replace(marks.component, "^")
        alone = None if coded or field[-4:-3].isupper() else _ALONE.get(field[-3:])
        if shape.match(behind) or (alone and alone.match(behind)):
            return True
    return False
