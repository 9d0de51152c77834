"""Corrections make the detector better on the other notes of the same project, and keep no words."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from bedrail.core.errors import Invalid
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text import load
from bedrail.privacy.text.corrections import Corrections, Mark, Reviewed, rate_of, read_corrections
from bedrail.privacy.text.lexicon import Learned, learn, read_lexicon
from bedrail.privacy.values import Span

KEYED = Keyed(HmacDigest(b"p" * 32))
CORPUS = Path(__file__).parent.parent / "data" / "deid_text" / "outis_base_150.jsonl"


def reviewed(row: dict, spans: list[Span]) -> Reviewed:
    """What a reviewer who knows the gold says about found spans."""
    gold = {Mark(start=each["start"], end=each["end"], label=each["label"]) for each in row["spans"]}
    found = {Mark(start=span.start, end=span.end, label=span.label) for span in spans}
    accepted, rejected, added = (tuple(sorted(marks)) for marks in (gold & found, found - gold, gold - found))
    return Reviewed(id=row["id"], accepted=accepted, rejected=rejected, added=added)


def measured(rows: list[dict], detector: object) -> tuple[float, float]:
    """The share of gold spans wholly found, and of other signs taken for identifiers."""
    whole = gold = over = other = 0
    for row in rows:
        text, found, real = row["text"], set(), set()
        for span in detector.detect(text):  # type: ignore[attr-defined]
            found.update(range(span.start, span.end))
        for each in row["spans"]:
            places = set(range(each["start"], each["end"]))
            real |= places
            whole += all(at in found for at in places if text[at].isalnum())
            gold += 1
        over += len(found - real)
        other += len(text) - len(real)
    return whole / gold, over / other


@pytest.mark.slow
def test_learning_from_corrections_finds_more_in_the_notes_that_nobody_reviewed() -> None:
    """Half of the notes reviewed: in the other half more is found and less is taken away for nothing."""
    rows = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    seen, rest = rows[:75], rows[75:]
    detector = load("en", "rules")
    lexicon = learn([(row["text"], reviewed(row, detector.detect(row["text"]))) for row in seen], KEYED)
    before, after = measured(rest, detector), measured(rest, Learned(detector, lexicon, KEYED))
    assert after[0] > before[0] + 0.1
    assert after[1] <= before[1]


def learned(text: str, *added: tuple[str, str], rejected: tuple[tuple[str, str], ...] = ()) -> object:
    def mark(label: str, words: str) -> Mark:
        return Mark(start=text.index(words), end=text.index(words) + len(words), label=label)

    review = Reviewed(id=1, added=tuple(mark(*one) for one in added), rejected=tuple(mark(*one) for one in rejected))
    return learn([(text, review)], KEYED)


def test_a_lexicon_holds_no_words() -> None:
    """Digests, labels, counts and shapes of numbers."""
    made = learned("Quorra Zyx-Brandt, file QZ-48151", ("NAME", "Quorra Zyx-Brandt"), ("MRN", "QZ-48151"))
    data = msgspec.json.encode(made).lower()
    assert not any(word in data for word in (b"quorra", b"zyx", b"brandt", b"48151", b"qz"))
    assert read_lexicon(msgspec.json.encode(made), "x") == made


def found(text: str, lexicon: object) -> list[tuple[str, str]]:
    class Blind:
        def detect(self, text: str, known: object = ()) -> list[Span]:
            return []

    spans = Learned(Blind(), lexicon, KEYED).detect(text)  # type: ignore[arg-type]
    return [(span.label, text[span.start : span.end]) for span in spans]


def test_names_parts_of_names_and_formats_of_numbers_are_found_again() -> None:
    """In capitals, as a part, and another number of the same format; not the same word written small."""
    lexicon = learned("Quorra Zyxbrandt, file QZ-48151", ("NAME", "Quorra Zyxbrandt"), ("MRN", "QZ-48151"))
    assert found("seen by ZYXBRANDT, file AB-77120", lexicon) == [("NAME", "ZYXBRANDT"), ("MRN", "AB-77120")]
    assert found("a quorra of friends", lexicon) == []


def test_words_that_are_mostly_no_names_are_not_learned() -> None:
    """May is a name once and a month thrice."""
    lexicon = learned("May Quillfeather came. May be well. May it be. In May again.", ("NAME", "May Quillfeather"))
    assert found("In May and with Quillfeather", lexicon) == [("NAME", "Quillfeather")]


def test_what_was_rejected_is_not_found_again() -> None:
    """An eponym that the detector takes for a name."""

    class Eager:
        def detect(self, text: str, known: object = ()) -> list[Span]:
            return [Span(start=0, end=9, label="NAME", confidence=0.9)]

    text = "Parkinson tremor"
    lexicon = learned(text, rejected=(("NAME", "Parkinson"),))
    assert Learned(Eager(), lexicon, KEYED).detect(text) == []  # type: ignore[arg-type]


def test_lessons_add_up_and_belong_to_one_key() -> None:
    """A second review is joined to the first; another key's lexicon is refused."""
    first = learned("Quorra Zyxbrandt", ("NAME", "Quorra Zyxbrandt"))
    text = "Ottoline Quux"
    both = learn([(text, Reviewed(id=2, added=(Mark(start=0, end=13, label="NAME"),)))], KEYED, first)  # type: ignore[arg-type]
    assert found("Quorra Zyxbrandt met Ottoline Quux", both) == [
        ("NAME", "Quorra Zyxbrandt"),
        ("NAME", "Ottoline Quux"),
    ]
    with pytest.raises(Invalid):
        Learned(load("en", "rules"), both, Keyed(HmacDigest(b"q" * 32)))


def test_corrections_hold_no_words_and_are_checked() -> None:
    """Places and labels; what is wrong with a file is said without its content."""
    made = Corrections(picked="random", of=9, notes=(Reviewed(id="n", added=(Mark(start=1, end=5, label="NAME"),)),))
    assert read_corrections(msgspec.json.encode(made), "c.json") == made
    for wrong in (
        b"{",
        b'{"format": "Hartwell"}',
        b'{"picked":"all","of":1,"notes":[{"id":1,"added":[{"start":5,"end":2,"label":"NAME"}]}]}',
    ):
        with pytest.raises(Invalid) as raised:
            read_corrections(wrong, "c.json")
        assert "Hartwell" not in str(raised.value)


def test_only_a_random_pick_speaks_for_the_other_notes() -> None:
    """Missed words count as a leak, a changed label does not; the riskiest notes allow no rate."""
    missed = Reviewed(id=1, added=(Mark(start=0, end=5, label="NAME"),))
    relabelled = Reviewed(
        id=2, rejected=(Mark(start=0, end=5, label="GEO"),), added=(Mark(start=0, end=5, label="NAME"),)
    )
    rate = rate_of(Corrections(picked="random", of=100, notes=(missed, relabelled, Reviewed(id=3))))
    assert (rate.leaking, rate.notes) == (1, 3)
    with pytest.raises(Invalid):
        rate_of(Corrections(picked="riskiest", of=100, notes=(missed,)))
