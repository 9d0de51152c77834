"""A person's reading of notes: what was found in each, what they say about it, and the corrections that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.core.values import Value
from bedrail.privacy.text.corrections import Corrections, Mark, Picked, Reviewed
from bedrail.privacy.text.notes import read_notes
from bedrail.privacy.text.sampling import drawn, riskiest


class Found(Value, frozen=True, kw_only=True):
    """A span as the output has it."""

    start: int
    end: int
    label: str
    confidence: float = 1.0


class Output(msgspec.Struct, frozen=True):
    """A line of what `bedrail deid text` wrote."""

    id: str | int
    text: str
    spans: list[Found]
    risk: float = 0.0


class Shown(Value, frozen=True, kw_only=True):
    """A note before its reviewer: as it came, as it went out, and what was found."""

    id: str | int
    original: str
    written: str
    spans: tuple[Found, ...]
    risk: float


def read_output(path: Path) -> list[Output]:
    """The lines of an output; raises `Invalid` with the line."""
    made, decode = [], msgspec.json.Decoder(Output).decode
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    made.append(decode(line))
                except NOT_JSON:
                    remedy = "Name a file that `bedrail deid text` wrote."
                    raise Invalid("this is no de-identified note.", path=f"{path}:{number}", remedy=remedy) from None
    return made


def picked(outputs: Sequence[Output], *, sample: int = 0, seed: int = 1, risky: int = 0) -> tuple[Picked, list[Output]]:
    """The notes to be read: all, some drawn at random, or the riskiest."""
    if sample:
        return "random", [outputs[at] for at in drawn(len(outputs), sample, seed)]
    if risky:
        return "riskiest", [outputs[at] for at in riskiest([one.risk for one in outputs], risky)]
    return "all", list(outputs)


def shown(outputs: Iterable[Output], notes: Path) -> list[Shown]:
    """The outputs with their notes as they came; raises `Invalid` where a note is missing or another one."""
    wanted = {one.id: one for one in outputs}
    texts = {note.id: note.text for _, note in read_notes(notes) if note.id in wanted}
    made = []
    for one in wanted.values():
        text = texts.get(one.id)
        if text is None or any(span.end > len(text) or span.start >= span.end for span in one.spans):
            raise Invalid(
                "the notes are not those that the output was made of.", path=str(notes),
                remedy="Name the input of that very run (with its own ids).",
            )  # fmt: skip
        made.append(Shown(id=one.id, original=text, written=one.text, spans=tuple(one.spans), risk=one.risk))
    return made


class Reading:
    """One note while it is read: marks are taken away, added and named anew until its reviewer is done."""

    def __init__(self, note: Shown, earlier: Reviewed | None = None) -> None:
        """`earlier` is what was said of it before."""
        self.note = note
        self._found = [Mark(start=s.start, end=s.end, label=s.label) for s in note.spans]
        self.rejected: set[Mark] = set(earlier.rejected) & set(self._found) if earlier else set()
        self.added: set[Mark] = set(earlier.added) if earlier else set()

    @property
    def found(self) -> Sequence[Mark]:
        """What the run found."""
        return self._found

    def marks(self) -> list[tuple[Mark, float | None]]:
        """Every mark that stands now, in order, with the confidence of found ones and None for those of a person."""
        kept = [
            (mark, span.confidence)
            for mark, span in zip(self._found, self.note.spans, strict=True)
            if mark not in self.rejected
        ]
        return sorted([*kept, *((mark, None) for mark in self.added)], key=lambda one: one[0])

    def reject(self, number: int) -> None:
        """Mark `number` (from 1, in the order of `marks`) is no identifier."""
        mark = self._numbered(number)
        if mark in self.added:
            self.added.discard(mark)
        else:
            self.rejected.add(mark)

    def relabel(self, number: int, label: str) -> None:
        """Mark `number` is one of another kind."""
        mark = self._numbered(number)
        if mark.label != label:
            self.reject(number)
            self._add(mark.start, mark.end, label)

    def mark(self, words: str, label: str) -> int:
        """Every place of these words that no mark covers yet becomes one; how many there were."""
        at, count = self.note.original.find(words) if words else -1, 0
        while at >= 0:
            count += self._add(at, at + len(words), label)
            at = self.note.original.find(words, at + len(words))
        return count

    def undo(self) -> None:
        """As the run left it."""
        self.rejected.clear()
        self.added.clear()

    def done(self) -> Reviewed:
        """What was said of the note."""
        return Reviewed(
            id=self.note.id,
            accepted=tuple(mark for mark in self._found if mark not in self.rejected),
            rejected=tuple(sorted(self.rejected)),
            added=tuple(sorted(self.added)),
        )

    def _add(self, start: int, end: int, label: str) -> bool:
        mark = Mark(start=start, end=end, label=label)
        if mark in self.rejected:
            self.rejected.discard(mark)
            return True
        if any(other.start <= start and end <= other.end for other, _ in self.marks()):
            return False
        self.added.add(mark)
        return True

    def _numbered(self, number: int) -> Mark:
        standing = self.marks()
        if not 1 <= number <= len(standing):
            raise Invalid("there is no mark of that number.", path=str(number), remedy="The numbers stand in the text.")
        return standing[number - 1][0]


def joined(
    before: Corrections | None, now: Mapping[str | int, Reviewed], how: Picked, of: int, seed: int
) -> Corrections:
    """The corrections of this sitting put to those of earlier ones; how notes were picked must be the same."""
    if before is not None and (before.picked, before.of, before.seed) != (how, of, seed):
        raise Invalid(
            "these corrections are of notes that were picked in another way.", path="--corrections",
            remedy="Go on as that review began, or write to a new file.",
        )  # fmt: skip
    known = {one.id: one for one in before.notes} if before else {}
    return Corrections(picked=how, of=of, seed=seed, notes=tuple({**known, **now}.values()))
