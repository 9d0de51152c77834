"""Consent by purpose: choices before defaults, refusals first, waivers for what is missing only."""

from __future__ import annotations

import pytest

from bedrail.core.errors import Invalid
from bedrail.core.events import Actor, ConsentChanged, ConsentRecorded, ConsentRulesAdopted, Entry
from bedrail.data.consent import (
    DECISIONS,
    PURPOSES,
    Choice,
    apply_consent,
    governing,
    parse_jurisdictions,
    ruling,
    shipped_jurisdictions,
)
from bedrail.governance.views import Registry

NOW = 1_800_000_000.0


def choice(decision: str, purpose: str = "training", use_case: str = "*", **more: float) -> Choice:
    return Choice(
        subject="s",
        purpose=purpose,  # type: ignore[arg-type]
        use_case=use_case,
        decision=decision,  # type: ignore[arg-type]
        at="2026-11-22",
        by="priya",
        basis="form",
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("default", "waiver", "allowed"),
    [
        ("permitted", "", True),
        ("opt-out", "", True),
        ("opt-in", "", False),
        ("opt-in", "IRB 7", False),
        ("waiver", "", False),
        ("waiver", "IRB 7", True),
        ("", "", False),
        ("no such word", "IRB 7", False),
    ],
)
def test_without_a_choice_the_default_decides_and_an_unknown_one_means_no(
    default: str, waiver: str, allowed: bool
) -> None:
    """A waiver helps where the rules know waivers, and nowhere else."""
    assert ruling((), default, "training", "any", NOW, waiver=waiver).allowed is allowed


@pytest.mark.parametrize("default", ["permitted", "opt-out", "opt-in", "waiver"])
@pytest.mark.parametrize("decision", DECISIONS)
def test_a_choice_goes_before_every_default_and_waiver(default: str, decision: str) -> None:
    """Permitted is used; denied and revoked are not, whatever a board waived."""
    said = ruling([choice(decision)], default, "training", "any", NOW, waiver="IRB 7")
    assert said.allowed is (decision == "permitted")
    assert decision in said.why


def test_a_refusal_for_all_uses_is_not_undone_by_a_permission_for_one() -> None:
    """Of the last choices for this use and for all, a refusal goes first; the way back is said where it was refused."""
    said = [choice("denied"), choice("permitted", use_case="one")]
    assert not ruling(said, "permitted", "training", "one", NOW).allowed
    assert ruling([*said, choice("permitted")], "opt-in", "training", "one", NOW).allowed
    assert not ruling(
        [choice("denied", use_case="one"), choice("permitted")], "permitted", "training", "one", NOW
    ).allowed
    assert ruling([choice("denied", use_case="one")], "opt-out", "training", "two", NOW).allowed


def test_purposes_are_decided_apart_and_choices_begin_and_end() -> None:
    """A refusal of research says nothing of care; a choice outside its time says nothing at all."""
    assert governing([choice("denied", purpose="research")], "care", "any", NOW) is None
    past, future = choice("permitted", ends=NOW), choice("denied", starts=NOW + 1)
    assert governing([past, future], "training", "any", NOW) is None
    assert governing([past, future], "training", "any", NOW - 1) == past
    assert governing([past, future], "training", "any", NOW + 1) == future


def test_rows_of_people_without_consent_are_counted_and_left_out() -> None:
    """Rows and people are counted apart; the order of rows is kept."""
    subjects = ["a", "b", "a", "c"]
    done = apply_consent(subjects, {"a": [choice("denied")]}, "opt-out", purpose="training", use_case="any", now=NOW)
    assert (done.keep, done.rows, done.people) == ((False, True, False, True), 2, 1)
    asked = apply_consent(subjects, {"b": [choice("permitted")]}, "opt-in", purpose="training", use_case="any", now=NOW)
    assert (asked.keep, asked.rows, asked.people) == ((False, True, False, False), 3, 2)


def test_the_shipped_rules_name_their_source_and_say_something_for_every_purpose() -> None:
    """HIPAA lets care go on without consent and research not; GDPR asks before training; strict asks for everything."""
    rules = shipped_jurisdictions()
    assert all(len(each.source) > 10 and set(each.defaults()) == set(PURPOSES) for each in rules.values())
    assert (rules["us-hipaa"].care, rules["us-hipaa"].research) == ("permitted", "waiver")
    assert rules["eu-gdpr"].training == "opt-in"
    assert set(rules["strict"].defaults().values()) == {"opt-in"}


@pytest.mark.parametrize(
    "text",
    ["[x", "[x]\ntitle = 'a'", '[x]\ntitle="a"\nsource="b"\ncare="maybe"\nquality="opt-in"\nresearch="opt-in"\n'
     'training="opt-in"\nsharing="opt-in"'],
)  # fmt: skip
def test_rules_that_cannot_be_understood_are_refused(text: str) -> None:
    """Broken TOML, missing purposes and words that mean nothing."""
    with pytest.raises(Invalid):
        parse_jurisdictions(text)


def _registry(*facts: object) -> Registry:
    registry = Registry()
    for index, fact in enumerate(facts):
        actor = Actor(auth="local", id="priya", kind="person")
        entry = Entry(
            actor=actor, at="2026-11-22T00:00:00+00:00", fact=fact, id=str(index), node="n", purpose="care"  # type: ignore[arg-type]
        )  # fmt: skip
        registry.apply(index, entry)
    return registry


def test_the_bedside_asks_the_same_choices() -> None:
    """The opt-out is a choice about care, kept with its recorder; under opt-in whoever said nothing is not served."""
    out = ConsentChanged(subject="s", use_case="*", opted_out=True)
    registry = _registry(out)
    assert registry.opted_out_of("s", "any", NOW)
    assert not registry.opted_out_of("t", "any", NOW)
    assert registry.consents.choices["s"][0].by == "priya"
    strict = ConsentRulesAdopted(name="strict", defaults=shipped_jurisdictions()["strict"].defaults(), rules="")
    yes = ConsentRecorded(
        subject="t", purpose="care", use_case="*", choice="permitted", starts="", ends="2030-01-01", basis="", source=""
    )
    research = ConsentRecorded(
        subject="u", purpose="research", use_case="*", choice="permitted", starts="", ends="", basis="", source=""
    )
    registry = _registry(strict, yes, research)
    assert not registry.opted_out_of("t", "any", NOW)
    assert registry.opted_out_of("t", "any", 4e9), "the permission ran out"
    assert registry.opted_out_of("u", "any", NOW), "research is not care"
    assert registry.opted_out_of("nobody-asked", "any", NOW)
