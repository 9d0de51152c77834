"""Notes that repeat themselves, as copied-forward ones do."""

from __future__ import annotations

import pytest

import bedrail.privacy.text.detect
from bedrail.privacy.text import load
from bedrail.privacy.text.fusion import Group, grouped, joined
from bedrail.privacy.text.values import Candidate


def test_a_number_that_a_note_repeats_costs_no_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mention is proposed by its rule and once by the search for repeats, however often the note repeats it."""
    proposed: list[int] = []

    def counted(text: str, candidates: list[Candidate]) -> list[Group]:
        proposed.append(len(candidates))
        return grouped(text, candidates)

    def added(text: str, groups: list[Group], more: list[Candidate]) -> list[Group]:
        proposed.append(len(more))
        return joined(text, groups, more)

    monkeypatch.setattr(bedrail.privacy.text.detect, "grouped", counted)
    monkeypatch.setattr(bedrail.privacy.text.detect, "joined", added)
    assert len(load("en", "rules").detect("MRN 1234567 seen. " * 300)) == 300
    assert sum(proposed) <= 4 * 300
