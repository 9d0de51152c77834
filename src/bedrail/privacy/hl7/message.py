"""One HL7 v2 message as text: its separators, segments and escapes, in such a way that it can be put together again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from bedrail.core.errors import Invalid

_HEADERS = ("MSH", "BHS", "FHS")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_FRAME = "\x0b\x1c"
_REMEDY = "A line break in text is written \\.br\\; --on-error skip leaves such messages out."
_ESCAPED = re.compile(r"[FSTREHNPL]|X[0-9A-Fa-f]*|\.[a-z]{2}[^\\]{0,20}|Z[^\\]{0,40}|[CM][0-9A-Fa-f]{4,6}")
_CHARSETS = {
    "": "", "ASCII": "ascii", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UNICODE": "utf-8", "8859/1": "latin-1",
    **{f"8859/{n}": f"iso8859-{n}" for n in range(2, 16) if n != 12},
    "GB 18030-2000": "gb18030", "ISO IR87": "iso2022_jp",
    "KS X 1001": "euc_kr", "BIG-5": "big5",
}  # fmt: skip
"""HL7 table 0211; MSH-18 may repeat: the first is the one that counts here."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The separators that a header announces (2.5.4 of chapter 2); `truncation` came with 2.7."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    def unescaped(self, text: str) -> str:
        """Plain text: separators, hexadecimal bytes and line breaks as they are meant; highlighting is left out."""
        if self.escape not in text or not self.escape:
            return text
        pieces = text.split(self.escape)
        out, at = [pieces[0]], 1
        while at < len(pieces):
            code = pieces[at]
            if at + 1 < len(pieces) and (code == "" or _ESCAPED.fullmatch(code)):
                out.append(self._meant(code))
                out.append(pieces[at + 1])
                at += 2
            else:  # a lone escape sign is a sign like others
                out.append(self.escape + code)
                at += 1
        return "".join(out)

    def _meant(self, code: str) -> str:
        plain = {"F": self.field, "S": self.component, "T": self.subcomponent, "R": self.repetition, "E": self.escape}
        if code in plain:
            return plain[code]
        if code == "":
            return self.escape
        if code.startswith("X"):
            try:
                raw = bytes.fromhex(code[1:])
            except ValueError:
                return ""
            try:
                return raw.decode()
            except UnicodeDecodeError:
                return raw.decode("latin-1")
        return "\n" if code.startswith((".br", ".sp", ".ce")) else ""

    def escaped(self, text: str) -> str:
        """Text as a field may hold it."""
        return text if text.isalnum() else text.translate(self._escapes)

    @cached_property
    def _escapes(self) -> dict[int, str | None]:
        """What is written for separators, line breaks and control characters."""
        signs = ((self.escape, "E"), (self.field, "F"), (self.component, "S"), (self.subcomponent, "T"))
        table: dict[int, str | None] = dict.fromkeys((*range(32), 127))
        table[10] = f"{self.escape}.br{self.escape}"
        for sign, code in (*signs, (self.repetition, "R")):
            if sign:
                table[ord(sign)] = f"{self.escape}{code}{self.escape}"
        return table


@dataclass
class Segment:
    """One segment: `fields[0]` is its name, `fields[n]` field n (MSH-1 is the separator); `end` its line end."""

    fields: list[str]
    end: str
    marks: Marks
    before: str = ""

    @property
    def name(self) -> str:
        """Such as PID."""
        return self.fields[0]


def marks_of(text: str, before: Marks) -> Marks:
    """The separators of a header segment; raises `Invalid` when it announces none."""
    if text[:3] not in _HEADERS:
        return before
    field = text[3:4]
    signs = text[4:].split(field, 1)[0] if field else ""
    if not field or field.isalnum() or len(signs) < 2 or any(s.isalnum() or s.isspace() for s in signs):
        raise Invalid("the header announces no separators.", path=f"{text[:3]}-2", remedy="MSH|^~\\& begins a message.")
    if len({field, *signs}) <= len(signs):
        raise Invalid("two separators are the same.", path=f"{text[:3]}-2", remedy="MSH|^~\\& begins a message.")
    padded = [*signs, "", "", ""]
    return Marks(
        field=field,
        component=padded[0],
        repetition=padded[1],
        escape=padded[2],
        subcomponent=padded[3],
        truncation=padded[4],
    )


def segments_of(text: str) -> list[Segment]:
    """The segments of one message, or of batch headers; raises `Invalid` with the number of the segment."""
    pieces = re.split(r"(\r\n|\r|\n(?=[A-Z][A-Z0-9]{2}(?:[^A-Za-z0-9\s]|[\r\n]|$))|\n(?=[\s\x1c]*$))", text)
    marks, number = Marks(), 0
    made: list[Segment] = []
    for at in range(0, len(pieces), 2):
        line, end = pieces[at], pieces[at + 1] if at + 1 < len(pieces) else ""
        bare = line.lstrip(_FRAME + "\ufeff \t")
        ahead = "".join(sign for sign in line[: len(line) - len(bare)] if sign in _FRAME)
        if not bare.strip():
            if made:
                made[-1].end += ahead + end
            continue
        number += 1
        frame = "".join(sign for sign in bare if sign == "\x1c")
        bare = bare.replace("\x1c", "")
        if not _SEGMENT.match(bare) or (len(bare) > 3 and bare[3].isalnum()):
            raise Invalid("it is no segment.", path=f"segment {number}", remedy=_REMEDY)
        marks = marks_of(bare, marks)
        if bare[3:4] not in ("", marks.field):  # a trailer without its header, or no segment at all
            if bare[:3] not in ("BTS", "FTS"):
                raise Invalid("it is no segment.", path=f"segment {number}", remedy=_REMEDY)
            marks = Marks(field=bare[3])
        fields = bare.split(marks.field)
        if bare[:3] in _HEADERS:
            fields.insert(1, marks.field)
        made.append(Segment(fields=fields, end=frame + end, marks=marks, before=ahead))
    return made


def joined(segments: list[Segment]) -> str:
    """The message again."""
    out = []
    for segment in segments:
        fields = segment.fields
        if segment.name in _HEADERS:
            fields = [fields[0], *fields[2:]]
        out.append(segment.before + segment.marks.field.join(fields) + segment.end)
    return "".join(out)


def decoded(data: bytes) -> tuple[str, str]:
    """(text, character set): as MSH-18 says, else UTF-8, else ISO 8859-1. Raises `Invalid` when it is not so."""
    head = re.search(rb"MSH(.)[^\r\n]*", data)
    said = ""
    if head:
        fields = head[0].split(head[1])
        said = fields[17].decode("ascii", "replace") if len(fields) > 17 else ""
        said = re.split(r"[~^]", said)[0].strip().upper()
    known = _CHARSETS.get(said)
    try:
        if known:
            try:
                return data.decode(known), known
            except UnicodeDecodeError:
                if known != "ascii":
                    raise
        return data.decode(), "utf-8"
    except UnicodeDecodeError as error:
        if known:
            where = f"byte {error.start + 1}"
            remedy = "Correct MSH-18, or convert the file."
            raise Invalid(f"not in the character set that MSH-18 says ({known}).", path=where, remedy=remedy) from None
        return data.decode("latin-1"), "latin-1"
