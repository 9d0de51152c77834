"""docs/asvs.md: whole, in step with its data, and nothing called met that nothing shows."""

from __future__ import annotations

from collections import Counter

import pytest

import asvs
from bedrail.governance.passwords import CONTEXT

ROWS = asvs.requirements()


def test_every_requirement_of_level_1_and_2_stands_once_at_its_level() -> None:
    """70 and 183 of them, as the standard lists them; those of level 3 are of level 3."""
    levels = asvs.levels()
    assert Counter(levels.values()) == {1: 70, 2: 183, 3: 92}
    assert {each.id: each.level for each in ROWS if each.level < 3} == {
        name: level for name, level in levels.items() if level < 3
    }
    assert all(levels[each.id] == each.level for each in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_answer_is_whole(row: asvs.Requirement) -> None:
    """Met with a proof that is there; less than met with what lacks; not applicable with why; never anything else."""
    assert row.need
    assert row.status in asvs.STATUSES
    assert bool(row.lacks) == (row.status in ("partly", "not met"))
    assert bool(row.why) == (row.status == "n/a")
    if row.status in ("met", "partly"):
        assert row.how
        assert row.proof
    for proof in row.proof:
        assert asvs.proof_holds(proof), proof
    assert "|" not in row.need + row.how + row.lacks + row.why


def test_a_proof_that_is_not_there_would_be_found() -> None:
    """A test, a module, a file."""
    assert not asvs.proof_holds("tests/architecture/test_asvs.py::test_nothing_of_this_name")
    assert not asvs.proof_holds("bedrail.web.nothing")
    assert not asvs.proof_holds("docs/nothing.md")


def test_the_page_is_made_from_its_data() -> None:
    """Renew it with `python tests/asvs.py > docs/asvs.md`."""
    assert asvs.PAGE.read_text(encoding="utf-8") == asvs.page(ROWS)


def test_the_words_about_us_stand_on_the_page_of_signing_in() -> None:
    """ASVS 5.0 6.1.2."""
    text = " ".join((asvs.ROOT / "docs" / "sign-in.md").read_text(encoding="utf-8").split())
    assert f"The words about us are {', '.join(CONTEXT)}." in text
