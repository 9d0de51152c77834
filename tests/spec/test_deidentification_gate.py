"""What the gate asks about de-identification, as a table: each row bends the evidence in a story that opens it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.core.events import DeidentificationJudged
from bedrail.governance.gate import Closed, Open
from bedrail.governance.policy import default_policy_text, parse_policy
from governance_story import Told, ask, codes, day, deidentified, story

WITHOUT: list[Told] = [(at, f) for at, f in story() if not isinstance(f, DeidentificationJudged)]

ROWS: dict[str, tuple[list[Told], list[str]]] = {
    "judged and passed": (story(), []),
    "nothing on record": (WITHOUT, ["deidentification-missing"]),
    "of other data": ([*WITHOUT, (5, deidentified(digest="3" * 64))], ["deidentification-missing"]),
    "failed": ([*story(), (5.5, deidentified("fail"))], ["deidentification-failed"]),
    "could not be told": ([*story(), (5.5, deidentified("missing"))], ["deidentification-untold"]),
    "a word nobody knows": ([*story(), (5.5, deidentified("fine"))], ["deidentification-untold"]),
    "failed, and judged again": ([*story(), (5.5, deidentified("fail")), (6, deidentified())], []),
    "an expert's end is over": (
        [*story(), (5.5, deidentified(until=day(99).isoformat()))],
        ["deidentification-expired"],
    ),
    "an expert's end is to come": ([*story(), (5.5, deidentified(until=day(101).isoformat()))], []),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_gate_asks_how_the_data_was_de_identified(row: str) -> None:
    """Open only with evidence about this very data that passed and has not ended."""
    told, expected = ROWS[row]
    assert codes(ask(told)) == expected


def test_what_fails_is_mended_by_looking_at_it_first_and_not_by_admitting_it_again() -> None:
    """A failed file is de-identified or judged again; evidence that is merely over needs the admission alone."""
    gate = ask([*story(), (5.5, deidentified("fail"))])
    assert isinstance(gate, Closed)
    shown, _, rest = gate.reasons[0].how.partition(" says ")
    assert shown.startswith("bedrail deid evidence show ")
    assert "bedrail data admit" in rest
    assert isinstance(missing := ask(WITHOUT), Closed)
    assert missing.reasons[0].how.startswith("bedrail data admit")


def test_de_identification_is_looked_at_again_in_time() -> None:
    """Its evidence lasts as many days as the policy says, bounds the gate, and is not asked of a tier unnamed."""
    text = default_policy_text()
    brief = parse_policy(text.replace("medium = 365, high = 365 }", "medium = 30, high = 30 }"))
    gate = ask(story(policy=brief), at=34, policy=brief)
    assert isinstance(gate, Open)
    assert gate.until_epoch == day(35).timestamp()
    assert codes(ask(story(policy=brief), at=36, policy=brief)) == ["deidentification-expired"]
    silent = parse_policy(text.replace("days = { low = 730, medium = 365, high = 365 }", "days = { high = 365 }"))
    told = [(at, f) for at, f in story(policy=silent) if not isinstance(f, DeidentificationJudged)]
    assert isinstance(ask(told, policy=silent), Open)


def test_an_experts_end_bounds_the_gate() -> None:
    """A gate never stands longer than the determination that it rests on."""
    gate = ask([*story(), (5.5, deidentified(until=day(120).isoformat()))])
    assert isinstance(gate, Open)
    assert gate.until_epoch == day(120).timestamp()


def test_the_examples_hospital_asks_for_it_as_the_shipped_policy_does() -> None:
    """Who starts from the example's policy is asked for evidence of de-identification, for as many days."""
    example = Path(__file__).parents[2] / "examples" / "policies" / "hospital.toml"
    assert parse_policy(example.read_bytes()).deidentification == parse_policy(default_policy_text()).deidentification
