"""Whom a message is about, and what it says of them: for codes, offsets and free text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bedrail.privacy.hl7.message import Marks, Segment
from bedrail.privacy.hl7.rules import standard
from bedrail.privacy.text.values import Known

FORBIDDEN_IDS = frozenset({"SS", "DL", "PPN", "TAX", "NNUSA", "MC", "MA", "PI-SS"})
"""Types of identifiers (HL7 table 0203) that do not become codes but go: their numbers are the state's, not ours."""

_NAMED = {"XPN": (1, 2, 3), "XCN": (2, 3, 4), "PN": (1, 2, 3), "CN": (2, 3, 4)}
_PLAIN = {
    "PID": {19: "SSN", 23: "GEO"}, "NK1": {37: "SSN"}, "GT1": {12: "SSN"}, "IN1": {36: "HEALTH_PLAN", 8: "HEALTH_PLAN"},
    "IN2": {2: "SSN", 6: "HEALTH_PLAN", 8: "HEALTH_PLAN"},
}  # fmt: skip
_ABOUT = ("PID", "NK1", "GT1", "IN1", "IN2", "MRG", "PD1")


def subject_of(pid: Segment) -> str:
    """The patient's identifier: PID-3 of type MR, else the first of PID-3, PID-2 or PID-4."""
    first = ""
    for number in (3, 2, 4):
        field = pid.fields[number] if number < len(pid.fields) else ""
        for repetition in field.split(pid.marks.repetition):
            parts = repetition.split(pid.marks.component)
            value = pid.marks.unescaped(parts[0]).strip()
            if not value or value == '""':
                continue
            if len(parts) > 4 and parts[4].strip() == "MR":
                return value
            first = first or value
    return first


def known_in(segments: Sequence[Segment]) -> tuple[Known, ...]:
    """Names, identifiers, addresses and numbers of the patient and their people, in the order of the message."""
    found: dict[Known, None] = {}
    for segment in segments:
        if segment.name in _ABOUT:
            found.update(dict.fromkeys(_of(segment)))
    return tuple(found)


def _of(segment: Segment) -> Iterator[Known]:
    kinds, marks = standard()[0].get(segment.name, ()), segment.marks
    for number, kind in enumerate(kinds, start=1):
        if number >= len(segment.fields) or not segment.fields[number]:
            continue
        label = _PLAIN.get(segment.name, {}).get(number)
        for repetition in segment.fields[number].split(marks.repetition):
            parts = [marks.unescaped(_first_of(part, marks)).strip() for part in repetition.split(marks.component)]
            if label:
                yield from _told(label, parts[:1])
            elif kind in _NAMED:
                yield from _told("NAME", [parts[n - 1] for n in _NAMED[kind] if n <= len(parts)])
            elif kind in ("CX", "DLN"):
                yield from _told("MRN" if kind == "CX" else "LICENSE", parts[:1])
            elif kind in ("XAD", "AD"):
                yield from _told("GEO", parts[:3])
            elif kind == "XTN":
                yield from _told("PHONE", [parts[n] for n in (0, 3, 11) if n < len(parts)])


def _first_of(component: str, marks: Marks) -> str:
    """Its first subcomponent; a header may announce no sign for them."""
    return component.partition(marks.subcomponent)[0] if marks.subcomponent else component


def _told(label: str, values: Sequence[str]) -> Iterator[Known]:
    for value in values:
        if len(value) > 1 and value != '""':
            yield Known(label=label, text=value)
