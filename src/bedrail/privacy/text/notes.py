"""Notes in lines of JSON: each with its id, its text, its patient and what the record tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bedrail.core.errors import Invalid
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.detect import load
from bedrail.privacy.text.transform import TextRules, deidentify_text
from bedrail.privacy.text.values import Known, Mode
from bedrail.privacy.values import LABELS, Span


class Note(msgspec.Struct, frozen=True):
    """A line of the input. `patient` (or `subject`) ties the notes of one patient together; without it, none are tied.

    `known` are identifiers that the structured record tells: {"NAME": ["Ann Lee"], "MRN": "1234567"}, or a list of
    {"label", "text"}. Other fields are passed over.
    """

    id: str | int
    text: str
    patient: str | int | None = None
    subject: str | int | None = None
    known: dict[str, str | list[str] | None] | list[Known] | None = None


def subject_of(note: Note) -> str:
    """The patient of a note; a note of nobody known is tied to no other."""
    for given in (note.patient, note.subject):
        if given not in (None, ""):
            return str(given)
    return f"note\0{note.id}"


def known_of(note: Note) -> tuple[Known, ...]:
    """What the record tells, checked; raises `Invalid` for a label that there is not."""
    if not note.known:
        return ()
    if isinstance(note.known, list):
        found = note.known
    else:
        found = [Known(label=label, text=text) for label, given in note.known.items() for text in _listed(given)]
    if any(one.label not in LABELS for one in found):
        raise Invalid(
            "known values have a label that there is not.", path="known", remedy=f"One of {', '.join(LABELS)}."
        )
    return tuple(one for one in found if one.text.strip())


def _listed(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given


_note = msgspec.json.Decoder(Note)


def read_note(line: str | bytes) -> Note:
    """One line as a note; raises `Invalid` saying what is wrong with it, never what stands in it."""
    try:
        note = _note.decode(line)
    except msgspec.ValidationError as error:
        raise Invalid(_said(error), remedy='A line is {"id": "...", "text": "..."}.') from None
    except RecursionError:
        raise Invalid("this line is nested too deep.", remedy="Leave out the fields that are not needed.") from None
    except (msgspec.DecodeError, UnicodeError):
        raise Invalid(
            "this line is not JSON, or is cut off.",
            remedy='Write one whole {"id": "...", "text": "..."} a line, in UTF-8.',
        ) from None
    return note


def _said(error: msgspec.ValidationError) -> str:
    """What does not fit, without the name of a field that nobody asked for (it may be a value)."""
    said = str(error)
    for field in ("id", "text", "patient", "subject", "known"):
        if f"`{field}`" in said or f"$.{field}" in said:
            return f"the field `{field}` is missing or is not what it should be."
    return "this line is no object with an id and a text."


def read_notes(path: Path) -> Iterator[tuple[int, Note]]:
    """The notes of a file with their line numbers; empty lines are passed over. Raises `Invalid` with file and line."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, read_note(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            except Invalid as error:
                raise Invalid(error.message, path=f"{path}:{number}", remedy=error.remedy) from None


def deidentify(
    texts: Iterable[str],
    keyed: Keyed,
    *,
    subjects: Sequence[str] | None = None,
    known: Sequence[Sequence[Known] | Mapping[str, str]] | None = None,
    rules: TextRules | None = None,
    mode: Mode = "full",
) -> list[tuple[str, list[Span]]]:
    """Each text without its identifiers, with the spans where they were, in order.

    `subjects` names the patient of each text: texts of one patient share surrogates and date shift, texts without one
    share nothing. `known` are identifiers that the record tells, for each text. `rules` say what is done;
    `mode` is `full` or the quicker `rules`. Raises `Invalid` when the lists are not of one length.

    Example:
        >>> from bedrail.app import DeidDesk
        >>> from bedrail.privacy.keyed import Keyed
        >>> keyed = Keyed(DeidDesk.run_key("study", Path("study.key")).digest)
        >>> [(text, spans)] = deidentify(["Seen by Dr. Ann Lee on 3/4/21."], keyed, subjects=["patient 7"])
    """
    given, asked = list(texts), rules or TextRules()
    for name, more in (("subjects", subjects), ("known", known)):
        if more is not None and len(more) != len(given):
            raise Invalid("there must be one for each text.", path=name, remedy="Give lists of one length.")
    detector = load(asked.language, mode)
    made = []
    for at, text in enumerate(given):
        told: Any = known[at] if known is not None else ()
        facts = tuple(Known(label=k, text=v) for k, v in told.items()) if isinstance(told, Mapping) else tuple(told)
        subject = subjects[at] if subjects is not None else f"note\0{at}"
        made.append(deidentify_text(text, detector, keyed, subject, asked, facts))
    return made
