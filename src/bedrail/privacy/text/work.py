"""The work on a file of notes: one line in, one line out, for the harness of all media."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from bedrail.core.ports import KeyedDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.detect import load
from bedrail.privacy.text.lexicon import Learned, Lexicon
from bedrail.privacy.text.notes import known_of, read_note, subject_of
from bedrail.privacy.text.risk import NoteRisk, band, note_risk
from bedrail.privacy.text.transform import Finding, TextRules, deidentify_text
from bedrail.privacy.text.values import Mode
from bedrail.privacy.treating import Handle, Tally, each_line
from bedrail.privacy.values import LABELS, Span

RULES = dict(zip(LABELS, "ABCCDEFGHIJKLMNOPQR", strict=True))
"""Which letter of 45 CFR 164.514(b)(2)(i) asks for each label."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class NoteWork:
    """`privacy.streaming.Work` over lines of notes; see `Note` for the input.

    Each line out is {"id", "text", "spans": [{"start", "end", "label", "confidence"}], "risk"} and the fields
    of `keep` as they came: whoever names a field answers for what stands in it.
    """

    digest: KeyedDigest
    rules: TextRules
    mode: Mode = "full"
    keep: tuple[str, ...] = ()
    pseudonymous_ids: bool = False
    lexicon: Lexicon | None = None

    def open(self) -> Handle:
        """Loads the detector, once in each process."""
        keyed = Keyed(self.digest)
        detector: Finding = load(self.rules.language, self.mode)
        if self.lexicon is not None:
            detector = Learned(detector, self.lexicon, keyed)

        def handle(line: str, _number: int, tally: Tally) -> str | None:
            if not line.strip():
                return None
            note = read_note(line)
            text, spans = deidentify_text(note.text, detector, keyed, subject_of(note), self.rules, known_of(note))
            risk = note_risk(note.text, spans, self.mode)
            _count(tally, self.rules, spans, risk)
            shown = keyed.pseudonym("note", str(note.id)) if self.pseudonymous_ids else note.id
            row: dict[str, Any] = {"id": shown, "text": text, "spans": [_row(span) for span in spans]}
            row["risk"] = round(risk.probability, 4)
            if self.keep:
                whole = msgspec.json.decode(line)
                row.update((name, whole[name]) for name in self.keep if name in whole and name not in row)
            return _encode(row).decode()

        return each_line(handle)

    def profile(self) -> str:
        """The digest of everything but the key that decides the output: options, lists, models and version."""
        parts = (self.rules, self.mode, self.keep, self.pseudonymous_ids, self.lexicon, version("bedrail"), shipped())
        return sha256(_encode(parts)).hexdigest()


@cache
def shipped() -> str:
    """The digest of the word lists and models that are installed."""
    digest, folder = sha256(), Path(__file__).parent / "data"
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


LEFT = "left standing"
"""The place under which signs and risks are counted in the manifest: they are no treatment."""

PER_NOTE = 1000
"""Expected leaks are counted in thousandths, since a manifest counts in whole numbers."""


def _count(tally: Tally, rules: TextRules, spans: list[Span], risk: NoteRisk) -> None:
    """What was done, and what may be left, for the manifest."""
    for label in {span.label for span in spans}:
        count = sum(span.label == label for span in spans)
        tally.handled(label, action_of(rules, label), f"45 CFR 164.514(b)(2)(i)({RULES[label]})", count)
    tally.handled(LEFT, band(risk.probability), "notes")
    tally.handled(LEFT, "notes expected to hold a leak", f"in 1/{PER_NOTE}", round(risk.probability * PER_NOTE))
    for one in risk.signs:
        tally.handled(LEFT, f"sign: {one.sign}", "residual scan")


def _row(span: Span) -> dict[str, object]:
    return {"start": span.start, "end": span.end, "label": span.label, "confidence": round(span.confidence, 4)}


def action_of(rules: TextRules, label: str) -> str:
    """What the rules do to a label, in words for the manifest."""
    if rules.profile == "limited" and label in ("DATE", "AGE90"):
        return "kept (limited data set)"
    if rules.method == "mask":
        return "masked"
    if label == "AGE90":
        return "90+"
    if label == "DATE":
        year = rules.method == "generalise" or rules.profile == "safe-harbor"
        return "year only" if year else "shifted"
    if rules.method == "generalise":
        return "generalised" if label == "GEO" else "masked"
    return "surrogate"


def repeated_ids(path: Path) -> frozenset[int]:
    """The lines whose id an earlier line has; what cannot be read is left to the run, which says so."""
    seen: set[int] = set()
    found = set()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                one = hash(_id.decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).id)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                continue
            if one in seen:
                found.add(number)
            seen.add(one)
    return frozenset(found)


class _Id(msgspec.Struct):
    id: str | int


_id = msgspec.json.Decoder(_Id)
