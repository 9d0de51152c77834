"""Scores of detection: counted by letters and whole entities, with intervals, and the same as counting by hand."""

# ruff: noqa: E501 (rows of data read better on one line)
from __future__ import annotations

import random
from pathlib import Path

import pytest
from scipy.stats import binomtest

from bedrail.core.errors import Invalid
from bedrail.privacy.text.corpora import read_corpus
from bedrail.privacy.text.scoring import Note, Tally, share
from bedrail.privacy.values import Span


def found(*places: tuple[int, int]) -> list[Span]:
    """Spans of these places."""
    return [Span(start=s, end=e, label="NAME", confidence=1.0) for s, e in places]


NOTE = Note(
    id="n", text="Ann Lee, aged 94, seen 2020 by Bo.",
    spans=((0, 7, "NAME", ("PATIENT", "@anglo")), (14, 16, "AGE90", ()), (31, 33, "NAME", ("PROVIDER", "@nordic"))),
    neutral=((23, 27),),
)  # fmt: skip


def test_an_entity_counts_only_when_all_its_letters_are_covered() -> None:
    """A space left open is no leak, a letter is; what leaked is told by place."""
    tally = Tally()
    missed = tally.add(NOTE, found((0, 3), (4, 7), (14, 15), (31, 33)))
    assert [(m.start, m.end, m.label) for m in missed] == [(14, 16, "AGE90")]
    score = tally.score()
    assert (score.full.hit, score.full.of, score.touched.hit) == (2, 3, 3)
    assert score.clean.hit == 0
    assert score.labels["NAME"].rate == 1.0
    assert score.labels["AGE90"].rate == 0.0
    assert score.kinds["NAME:PATIENT"].rate == 1.0
    assert set(score.origins) == {"anglo", "nordic"}
    assert score.origin_gap == 0.0


def test_neutral_stretches_are_no_false_alarms_but_removed_text() -> None:
    """A masked year lowers no precision and counts in what was removed."""
    tally = Tally()
    tally.add(NOTE, found((0, 7), (14, 16), (23, 27), (31, 33)))
    score = tally.score()
    assert score.precision.rate == 1.0
    assert score.over.hit == 4
    assert score.clean.rate == 1.0


def test_a_note_without_identifiers_is_disturbed_by_any_span_that_is_not_neutral() -> None:
    """Two notes without identifiers: one masked in a neutral place, one in prose."""
    tally = Tally()
    for text, neutral, place in (("seen in 2020", ((8, 12),), (8, 12)), ("Foley in place", (), (0, 5))):
        tally.add(Note(id="x", text=text, spans=(), neutral=neutral), found(place))
    assert (tally.score().disturbed.hit, tally.score().disturbed.of) == (1, 2)


def test_intervals_are_wilsons() -> None:
    """As scipy computes them."""
    for hit, of in ((0, 10), (10, 10), (97, 100), (1, 3)):
        exact = binomtest(hit, of).proportion_ci(method="wilson")
        assert share(hit, of).low == pytest.approx(exact.low, abs=1e-6)
        assert share(hit, of).high == pytest.approx(exact.high, abs=1e-6)


def test_figures_are_those_of_sets_of_places() -> None:
    """Full recall, characters and over-masking, computed the slow way with sets, on random notes."""
    rng = random.Random(5)
    tally = Tally()
    full = entities = phi = phi_masked = rest = rest_masked = 0
    for n in range(60):
        text = "".join(rng.choice("ab 1.,") for _ in range(60))
        gold = sorted(rng.sample(range(60), 6))
        spans = tuple((s, e, "MRN", ()) for s, e in zip(gold[::2], gold[1::2], strict=True))
        cuts = sorted(rng.sample(range(60), 4))
        places = [(cuts[0], cuts[1]), (cuts[2], cuts[3])]
        tally.add(Note(id=str(n), text=text, spans=spans), found(*places))
        covered = {i for s, e in places for i in range(s, e)}
        inside = {i for s, e, _, _ in spans for i in range(s, e)}
        letters = {i for i, c in enumerate(text) if c.isalnum()}
        for s, e, _, _ in spans:
            wanted = letters & set(range(s, e)) or {s}
            entities += 1
            full += wanted <= covered
        phi += len(letters & inside)
        phi_masked += len(letters & inside & covered)
        rest += len(letters - inside)
        rest_masked += len((letters - inside) & covered)
    score = tally.score()
    assert (score.full.hit, score.full.of) == (full, entities)
    assert (score.characters.hit, score.characters.of) == (phi_masked, phi)
    assert (score.over.hit, score.over.of) == (rest_masked, rest)


@pytest.mark.parametrize(
    "line",
    [
        b"not json", b'{"id":"a"}', b'{"text":"Ann","spans":[{"start":0,"end":9,"label":"NAME"}]}', b'{"text":"\xff","spans":[]}',
        b'{"text":"Ann","spans":[{"start":2,"end":1,"label":"NAME"}]}', b'{"text":"Ann","spans":[{"start":0,"end":3,"label":"WHO"}]}',
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_number_without_its_content(tmp_path: Path, line: bytes) -> None:
    """Invalid says which line of which file, and repeats nothing of it."""
    corpus = tmp_path / "c.jsonl"
    corpus.write_bytes(b'{"id":"1","text":"ok","spans":[]}\n\n' + line + b"\n")
    with pytest.raises(Invalid) as caught:
        list(read_corpus(corpus))
    assert "c.jsonl:3" in str(caught.value)
    assert "Ann" not in str(caught.value)
