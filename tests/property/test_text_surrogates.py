"""Surrogates of any words: always there, never the original, the same for one patient, others for other projects."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.people import folded
from bedrail.privacy.text.residual import residue
from bedrail.privacy.text.risk import note_risk
from bedrail.privacy.text.surrogates import Surrogates
from bedrail.privacy.text.transform import TextRules, replaced, separate
from bedrail.privacy.values import LABELS, Span

GIVEN = [
    "John",
    "Mary",
    "Adaeze",
    "Hiroshi",
    "Piotr",
    "Fatima",
    "Wei",
    "José",
    "Günther",
    "Nguyen",
    "Priya",
    "Anna",
    "James",
    "Thomas",
    "Olga",
    "Kwame",
]
LAST = [
    "Smith",
    "Okonkwo",
    "Tanaka",
    "Kowalski",
    "Khoury",
    "Zhang",
    "García",
    "Müller",
    "Tran",
    "Sharma",
    "Rossi",
    "Silva",
    "Novák",
    "O'Brien",
]

any_text = st.text(min_size=0, max_size=40)
labels = st.sampled_from(LABELS)


@given(label=labels, text=any_text, seed=st.integers(0, 2**32))
def test_any_words_get_a_surrogate_or_a_mask(label: str, text: str, seed: int) -> None:
    """No text breaks it; what it gives is the same each time."""
    keyed = Keyed(HmacDigest(seed.to_bytes(32, "big")))
    made = Surrogates(keyed, "p", originals=[(label, text)]).of(label, text)
    assert made is None or isinstance(made, str)
    assert made == Surrogates(keyed, "p", originals=[(label, text)]).of(label, text)
    if made is None:
        assert label in ("DATE", "AGE90")


@given(
    label=st.sampled_from([label for label in LABELS if label not in ("DATE", "AGE90")]),
    text=st.text(st.sampled_from("abcXYZ012789 -./@:_é"), min_size=3, max_size=30),
)
def test_no_surrogate_is_its_original(label: str, text: str) -> None:
    """Words with letters or digits never come back as they were."""
    made = Surrogates(Keyed(HmacDigest(b"k" * 32)), "p", originals=[(label, text)]).of(label, text)
    if any(sign.isalnum() and sign.isascii() for sign in text):
        assert made != text


@given(text=st.text(max_size=120), data=st.data())
def test_any_spans_of_any_text_can_be_handled(text: str, data: st.DataObject) -> None:
    """What is outside the spans stays, sign for sign, in every method and profile; the risk is a probability."""
    bounds = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), labels), max_size=6))
    spans = separate([Span(start=a, end=b, label=label, confidence=0.9) for a, b, label in bounds if a < b])
    rules = TextRules(
        method=data.draw(st.sampled_from(["mask", "generalise", "surrogate"])),
        profile=data.draw(st.sampled_from(["expert", "safe-harbor", "limited"])),
        language=data.draw(st.sampled_from(["en", "es", "de"])),
    )
    made = replaced(text, spans, Keyed(HmacDigest(b"k" * 32)), "p", rules)
    gaps, at = [], 0
    for span in spans:
        gaps.append(text[at : span.start])
        at = span.end
    gaps.append(text[at:])
    here = 0
    for gap in gaps:
        here = made.index(gap, here) + len(gap)
    assert made.startswith(gaps[0])
    assert made.endswith(gaps[-1])
    assert 0 <= note_risk(text, spans).probability <= 1
    assert all(0 <= one.start < one.end <= len(text) for one in residue(text, spans))


def test_one_person_is_one_person_in_every_way_of_writing_over_all_notes_of_a_patient() -> None:
    """300 patients: full name, name behind a comma, capitals, initial and HL7 form agree part by part."""
    for seed in range(300):
        rng = random.Random(seed)
        first, last = rng.choice(GIVEN), rng.choice(LAST)
        of = Surrogates(Keyed(HmacDigest(seed.to_bytes(32, "big"))), f"p{seed % 7}").of
        new_first, new_last = str(of("NAME", f"{first} {last}")).split(" ")
        assert of("NAME", f"{last}, {first}") == f"{new_last}, {new_first}"
        assert of("NAME", f"{last.upper()}^{first.upper()}") == f"{new_last.upper()}^{new_first.upper()}"
        assert of("NAME", f"Dr. {last}") == f"Dr. {new_last}"
        assert str(of("NAME", f"{first[0]}. {last}")) == f"{folded(new_first)[0].upper()}. {new_last}"
        assert {folded(new_first), folded(new_last)}.isdisjoint({folded(first), folded(last)})


def test_projects_cannot_be_linked_by_surrogates() -> None:
    """Over 300 names, two projects agree as often as chance has it, which is nearly never."""
    one, other = (Keyed(HmacDigest(key * 32)) for key in (b"1", b"2"))
    names = [f"{first} {last}" for first in GIVEN for last in LAST]
    same = sum(Surrogates(one, name).of("NAME", name) == Surrogates(other, name).of("NAME", name) for name in names)
    assert same <= 2


def test_people_of_one_note_stay_apart() -> None:
    """As many names in the output as went in, and none of them is another's true one."""
    for seed in range(100):
        rng = random.Random(seed)
        names = [f"{first} {last}" for first, last in zip(rng.sample(GIVEN, 8), rng.sample(LAST, 8), strict=True)]
        made = Surrogates(Keyed(HmacDigest(seed.to_bytes(32, "big"))), "p", originals=[("NAME", n) for n in names])
        new = {str(made.of("NAME", name)) for name in names}
        assert len(new) == len(names)
        parts = {folded(part) for name in new for part in name.split()}
        assert parts.isdisjoint({folded(part) for name in names for part in name.split()})
