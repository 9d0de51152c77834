"""Which threats apply, and how each stands."""

from __future__ import annotations

import pytest

from bedrail.governance.posture import Finding
from bedrail.governance.threats import CONDITIONS, STATES, counted, standings, threats


def found(check: str) -> Finding:
    return Finding(check=check, severity="warning", what=f"{check} is wrong", mend="Mend it.")


def test_a_threat_applies_where_its_condition_holds_and_only_there() -> None:
    """Each condition brings its own threats, `always` those of everybody."""
    for condition in CONDITIONS:
        here = {each.id for each in standings({condition}, ())}
        assert here == {name for name, each in threats().items() if each.applies == condition}
        assert here


def test_nothing_is_open_here_where_nothing_was_found() -> None:
    """Then each is answered, or has its known gap."""
    for each in standings(CONDITIONS, ()):
        assert each.state == ("known gap" if each.gap else "answered")
        assert not each.missing


@pytest.mark.parametrize("check", sorted({check for each in threats().values() for check in each.rests_on}))
def test_what_the_posture_check_finds_opens_what_rests_on_it_and_nothing_else(check: str) -> None:
    """And says what is missing, with what mends it."""
    opened = {each.id for each in standings(CONDITIONS, [found(check)]) if each.state == "open here"}
    assert opened == {name for name, each in threats().items() if check in each.rests_on}
    for each in standings(CONDITIONS, [found(check)]):
        assert (f"{check} is wrong. Mend it." in each.missing) == (each.id in opened)


def test_the_open_ones_come_first_and_are_counted() -> None:
    """Open here, then known gaps, then answered."""
    here = standings(CONDITIONS, [found("witness"), found("nothing-of-ours")])
    order = [STATES.index(each.state) for each in here]
    assert order == sorted(order)
    assert sum(counted(here).values()) == len(here) == len(threats())
    assert counted(here)["open here"] == sum("witness" in each.rests_on for each in threats().values())
