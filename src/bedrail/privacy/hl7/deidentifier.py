"""HL7 v2 messages in, the same messages out with every field treated by its rule; structure and separators stay."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir.narrative import clean_markup
from bedrail.privacy.hl7.dates import treated
from bedrail.privacy.hl7.glue import refuse_glued
from bedrail.privacy.hl7.message import Marks, Segment, decoded, joined, segments_of
from bedrail.privacy.hl7.people import FORBIDDEN_IDS, known_in, subject_of
from bedrail.privacy.hl7.rules import FieldRules, read_profile, standard
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.values import Known
from bedrail.privacy.wording import Wording, known_pattern
from bedrail.privacy.zip3 import zip3

NULL = '""'
"""Says "delete what you have" in HL7 v2 (2.5.3 of chapter 2): no value, and kept."""
_SAID = {
    "redact": "emptied", "id": "replaced by a code", "facility": "replaced by a short code",
    "control": "replaced by a short code", "text": "free text treated", "code": "free text treated",
    "zip3": "three digits of a ZIP code",
    "value": "treated by its type", "number": "emptied", "keep": "emptied: a known identifier",
}  # fmt: skip
_DATE_TYPES = frozenset({"DT", "DTM", "TS"})
"""Counted where a date is treated, since dates also stand inside other types."""
_CODES = frozenset({"id", "facility", "control"})
"""Counted one by one where they are given out, so that a second look can tell codes that are not the run's."""
_DATES = {"year": "year alone", "shift": "shifted", "keep": "dates kept"}
"""What a manifest says was done; evidence reads "shift" in it."""
_AGE_CODES = frozenset({"30525-0", "21612-7", "29553-5", "30972-4", "21611-9", "63900-5"})
"""LOINC codes whose values are ages in years."""
_READABLE = {"plain": "text/plain", "text": "text/plain", "html": "text/html"}
_ED = (
    {"ap", "application", "au", "audio", "ft", "im", "image", "multipart", "ns", "sd", "si", "text", "tx", "video"},
    {"basic", "dicom", "fax", "gif", "html", "jot", "jpeg", "jpg", "octet-stream", "pdf", "pict", "plain", "png"}
    | {"postscript", "rtf", "sgml", "tiff", "txt", "word", "xml", "x-hl7-cda-level-one"},
    {"a", "hex", "base64"},
)
"""Tables 0191, 0291 and 0299 (type, subtype, encoding): anything else in their place is not believed."""
_KEPT = re.compile(r"[^\s@]{1,40}|[^\W\d_](?:[^\W\d_]|[ .,'()/-]){0,39}")
_FORMED = re.compile(
    r"://|\bwww\.|(?<![\w.-])(?:\d{3}-\d{2}-\d{4}|(?:\+?1[-.])?(?:\(\d{3}\)|\d{3}[-.])[-.]?\d{3}[-.]\d{4}"
    r"|(?!0*[012]\.)\d{1,3}(?:\.\d{1,3}){3})(?![\w.-])"
)
"""Addresses, social security and telephone numbers, IPv4 (which OIDs are not: they begin with 0, 1 or 2)."""
_TEXT_TYPES = frozenset({"TX", "FT", "ST"})
_HEADERS = ("MSH", "BHS", "FHS")
_FIRST = frozenset({*_HEADERS, "BTS", "FTS"})


class _Column(NamedTuple):
    """A field of a segment: what it is called, its datatype, its own action, what is done, why, whether it counts."""

    place: str
    kind: str
    action: str
    done: str
    rule: str
    counted: bool


class Deidentifier:
    """One set of rules and one key for many messages. Not shared between threads."""

    def __init__(self, rules: FieldRules, keyed: Keyed, *, this_year: int, words: Wording | None = None) -> None:
        """Without `words`, free text is emptied. `this_year` tells ages over 89."""
        self.rules, self._keyed, self._year, self._words = rules, keyed, this_year, words
        self._segments, self._types = standard()
        self._counts: dict[tuple[str, str, str], int] = {}
        self._subject, self._days = "", 0
        self._known: tuple[Known, ...] = ()
        self._guard: re.Pattern[str] | None = None
        self._place, self._rule = "", ""
        self._columns: dict[tuple[str, int], _Column] = {}
        self._choices: dict[tuple[str, int, str], tuple[str, str]] = {}
        self._actions: dict[str, Callable[[str, Marks], str]] = {
            "keep": self._keep, "redact": self._redact, "id": self._id, "facility": self._facility,
            "control": self._control, "date": self._date, "text": self._text, "code": self._code, "zip3": self._zip3,
            "data": self._redact, "value": self._redact, "number": self._number,
            "town": self._town,
        }  # fmt: skip

    def message(self, data: bytes) -> bytes:
        """One message (or the headers of a batch) as it lies in a file. Raises `Invalid` with the place, no content."""
        text, charset = decoded(data)
        segments = segments_of(text)
        if segments and segments[0].name not in _FIRST:
            remedy = "A message begins with MSH: fetch it again from there; --on-error skip leaves such parts out."
            raise Invalid("it begins with no header.", path="segment 1", remedy=remedy)
        refuse_glued(segments)
        if segments and segments[0].name == "MSH" and not "".join(segments[0].fields[9:10]).strip():
            remedy = "Fetch the message again: it may be cut off; --on-error skip leaves such messages out."
            raise Invalid("the message has no type.", path="MSH-9", remedy=remedy)
        self._known = known_in(segments)
        self._guard = known_pattern(self._known)
        self._turn_to(next((subject_of(each) for each in segments if each.name == "PID"), ""))
        for segment in segments:
            if segment.name == "PID":
                self._turn_to(subject_of(segment))
            self._segment(segment)
        return joined(segments).encode(charset, "replace")

    def counts(self) -> list[tuple[str, str, str, int]]:
        """(place, action, rule, how often) since the last call; places such as PID-5."""
        found = [(*key, count) for key, count in sorted(self._counts.items())]
        self._counts.clear()
        return found

    def _turn_to(self, subject: str) -> None:
        """Another patient, or the first; what stands before the first PID is of that one too."""
        self._subject = subject
        self._days = self._keyed.shift_days(subject) if self.rules.dates == "shift" else 0

    def _segment(self, segment: Segment) -> None:
        kinds, rules = self._segments.get(segment.name, ()), self.rules.segments.get(segment.name, {})
        known = bool(kinds or rules)
        if not known:
            self._count(
                segment.name[:1] + "** segment" if segment.name[0] == "Z" else segment.name, "emptied", "unknown"
            )
            segment.fields[1:] = [""] * (len(segment.fields) > 1)
            return
        fields, marks = segment.fields, segment.marks
        value_type = fields[2].strip() if segment.name == "OBX" and len(fields) > 2 else ""
        for number in range(3 if segment.name in _HEADERS else 1, len(fields)):
            field = fields[number]
            if not field or field == NULL:
                continue
            column = self._column(segment.name, number, kinds, rules)
            self._place, self._rule = column.place, column.rule
            if column.action == "value":
                new = self._value(field, value_type, segment)
            elif column.action == "redact" and NULL not in field:
                new = ""  # as component by component
            else:
                new = self._field(field, column.kind, column.action, marks)
            if column.counted and new != field:
                self._count(column.place, column.done, column.rule)
            fields[number] = new

    def _column(self, name: str, number: int, kinds: Sequence[str], rules: Mapping[int, str]) -> _Column:
        """What is done with field `number` of segment `name`; remembered for the fields of the standard."""
        found = self._columns.get((name, number))
        if found is None:
            action, kind = rules.get(number, ""), kinds[number - 1] if number <= len(kinds) else "-"
            done = action or self.rules.types.get(kind, "by component")
            rule = "by field" if number in rules else f"by datatype {kind}" if kind != "-" else "not in the standard"
            counted = done not in _CODES and (bool(action) or kind not in _DATE_TYPES)
            found = _Column(f"{name}-{number}", kind, action, done, rule, counted)
            if number <= len(kinds):
                self._columns[name, number] = found
        return found

    def _count(self, place: str, action: str, rule: str) -> None:
        key = (place, _SAID.get(action, action) if action != "date" else _DATES[self.rules.dates], rule)
        self._counts[key] = self._counts.get(key, 0) + 1

    def _field(self, field: str, kind: str, action: str, marks: Marks) -> str:
        if kind in _TEXT_TYPES and (action or self.rules.types.get(kind)) == "text":
            return self._flowing(field, marks)
        done = [self._repetition(each, kind, action, marks) for each in field.split(marks.repetition)]
        return marks.repetition.join(done).rstrip(marks.repetition)

    def _flowing(self, field: str, marks: Marks) -> str:
        """Free text, its repetitions read as lines of one text; separators that a sender forgot to escape stay."""
        lines = field.split(marks.repetition)
        whole = self._clean("\n".join(marks.unescaped(line).replace("\n", "\v") for line in lines))
        done = [marks.escaped(line.replace("\v", "\n")) for line in whole.split("\n")]
        return (marks.repetition if len(done) == len(lines) else " ").join(done)

    def _repetition(self, text: str, kind: str, action: str, marks: Marks) -> str:
        if not text or text == NULL:
            return text
        parts = text.split(marks.component)
        if kind in ("CX", "CK") and len(parts) > 4 and parts[4].strip().upper() in FORBIDDEN_IDS:
            return ""
        if kind == "ED" and not action:
            return self._encapsulated(parts, marks)
        done = [self._component(part, kind, at, action, marks) for at, part in enumerate(parts, start=1)]
        return marks.component.join(done).rstrip(marks.component)

    def _component(self, text: str, kind: str, at: int, action: str, marks: Marks) -> str:
        """One component of a field of type `kind`; subcomponents by their own types."""
        if not text or text == NULL:
            return text
        chosen, inner = self._chosen(kind, at, action)
        if chosen == "redact":
            return ""
        if not marks.subcomponent or marks.subcomponent not in text:
            return self._one(text, chosen, marks)
        pieces = text.split(marks.subcomponent)
        if inner not in self._types:
            done = [self._one(piece, chosen, marks) for piece in pieces]
            return marks.subcomponent.join(done).rstrip(marks.subcomponent)
        done = [
            self._one(piece, chosen if chosen in ("redact", "facility") else self._chosen(inner, number, "")[0], marks)
            for number, piece in enumerate(pieces, start=1)
        ]
        return marks.subcomponent.join(done).rstrip(marks.subcomponent)

    def _chosen(self, kind: str, at: int, action: str) -> tuple[str, str]:
        """(action, datatype) for component `at` of a datatype."""
        found = self._choices.get((kind, at, action))
        if found is None:
            found = self._choices[kind, at, action] = self._choose(kind, at, action)
        return found

    def _choose(self, kind: str, at: int, action: str) -> tuple[str, str]:
        composite = self._types.get(kind)
        inner = composite[at - 1] if composite and at <= len(composite) else "-"
        if action:
            return action, inner
        if kind in self.rules.types:
            return self.rules.types[kind], inner
        parts = self.rules.parts.get(kind)
        if parts is not None:
            return parts.get(at, "redact"), inner
        if inner in self.rules.parts:  # a composite inside: its first component's rule, for senders without the rest
            return self.rules.parts[inner].get(1, "redact"), inner
        if inner in self.rules.types:
            return self.rules.types[inner], inner
        first = self._types.get(inner, ("-",))[0]
        return self.rules.types.get(first, "redact"), inner

    def _one(self, text: str, action: str, marks: Marks) -> str:
        if not text or text == NULL:
            return text
        if marks.escape not in text:
            new = self._actions[action](text, marks)
            return text if new == text else marks.escaped(new)
        return marks.escaped(self._actions[action](marks.unescaped(text), marks))

    def _value(self, field: str, value_type: str, segment: Segment) -> str:
        """OBX-5 by what OBX-2 says it is; without a type that is known, nothing stays."""
        marks = segment.marks
        code = segment.fields[3].split(marks.component)[0] if len(segment.fields) > 3 else ""
        if value_type in ("NM", "SN") and code in _AGE_CODES:
            return self._field(self._age(field), value_type, "", marks)
        if value_type in self._types or value_type in self.rules.types:
            return self._field(field, value_type, "", marks)
        return ""

    @staticmethod
    def _age(field: str) -> str:
        """An age of 90 or more becomes 90 (45 CFR 164.514(b)(2)(i)(C))."""
        numbers = re.findall(r"\d+(?:\.\d+)?", field)
        return "90" if any(Decimal(each) >= 90 for each in numbers) else field

    def _encapsulated(self, parts: list[str], marks: Marks) -> str:
        """ED: text is read and cleaned, whatever else is removed with its data; the type is still told."""
        head = [marks.unescaped(part).strip() for part in (parts + [""] * 5)[:5]]
        kept = ["", *(part if part.lower() in allowed else "" for part, allowed in zip(head[1:4], _ED, strict=True))]
        data = self._read(head[2] or head[1], head[3], parts[4] if len(parts) > 4 else "", marks)
        return marks.component.join([*kept, data]).rstrip(marks.component)

    def _read(self, subtype: str, encoding: str, data: str, marks: Marks) -> str:
        kind = _READABLE.get(subtype.lower().removeprefix("text/").removeprefix("x-hl7-"), "")
        if not kind or not data:
            return ""
        packed = encoding.lower() == "base64"
        try:
            raw = base64.b64decode("".join(data.split()), validate=True).decode() if packed else marks.unescaped(data)
        except (binascii.Error, ValueError):
            return ""
        clean = clean_markup(raw, self._clean) if kind == "text/html" else self._clean(raw)
        return base64.b64encode(clean.encode()).decode() if packed else marks.escaped(clean)

    def _clean(self, text: str) -> str:
        if self._words is None or self.rules.text == "redact":
            return "\n" * text.count("\n")
        return self._words.clean(text, self._subject, self._known)

    def _keep(self, text: str, marks: Marks) -> str:
        """One word, or the name of a place; whatever else stands there is text in the wrong place."""
        if not _KEPT.fullmatch(text):
            return self._text(text, marks)
        return "" if _FORMED.search(text) or (self._guard is not None and self._guard.search(text)) else text

    def _town(self, text: str, _: Marks) -> str:
        return text

    def _number(self, text: str, marks: Marks) -> str:
        """A number, and nothing else, that is not one of the patient's own."""
        try:
            Decimal(text.strip())
        except InvalidOperation:
            return ""
        return self._keep(text.strip(), marks)

    def _redact(self, _: str, __: Marks) -> str:
        return ""

    def _code(self, text: str, marks: Marks) -> str:
        """A code has no spaces; whatever has some is text in the wrong place."""
        return self._keep(text, marks) if " " not in text else self._text(text, marks)

    def _text(self, text: str, _: Marks) -> str:
        return self._clean(text).strip("\n")

    def _id(self, text: str, _: Marks) -> str:
        self._count(self._place, "id", self._rule)
        return self._keyed.pseudonym("subject", text.strip())

    def _facility(self, text: str, _: Marks) -> str:
        """Short, since namespaces are: the same system has the same name in every message."""
        self._count(self._place, "facility", self._rule)
        return self._keyed.pseudonym("facility", text.strip())[:16]

    def _control(self, text: str, _: Marks) -> str:
        """20 characters, as MSH-10 may have: an acknowledgement still finds its message."""
        self._count(self._place, "control", self._rule)
        return self._keyed.pseudonym("message", text.strip())[:20]

    def _date(self, text: str, _: Marks) -> str:
        self._count(self._place, "date", "by datatype")
        return treated(text, self.rules.dates, self._days, self._year)

    def _zip3(self, text: str, _: Marks) -> str:
        return zip3(text)


def deidentify(
    message: str | bytes,
    keyed: Keyed,
    *,
    this_year: int,
    profile: str | FieldRules = "safe-harbor",
    words: Wording | None = None,
) -> str:
    """One message, de-identified. `profile` is a shipped one, or `FieldRules`. Raises `Invalid` with the place."""
    rules = read_profile(profile) if isinstance(profile, str) else profile
    if isinstance(message, str):
        message = message.encode("utf-8", "surrogatepass")
    if message.lstrip(b"\x0b\xef\xbb\xbf\r\n ")[:3] not in (b"MSH", b"BHS", b"FHS"):
        raise Invalid("it begins with no header.", path="segment 1", remedy="A message begins with MSH.")
    made = Deidentifier(rules, keyed, this_year=this_year, words=words).message(message)
    return decoded(made)[0]
