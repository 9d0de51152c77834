"""Standing orders in access reviews and at the doctor, and what separate duties forbid on record, on a real home."""

from __future__ import annotations

from datetime import timedelta

import pytest
from test_access import REASON, house, wait

from bedrail.core.errors import Refused
from bedrail.core.events import Actor, BackupTaken
from bedrail.core.events.access import PersonLeft
from bedrail.core.events.identity import AccountReset
from bedrail.governance.duties import DUTIES
from bedrail.governance.policy import default_policy_text
from bedrail.governance.sessions import Principal
from bedrail.journeys import upkeep
from bedrail.journeys.access_review import (
    about,
    access_posture,
    certify,
    close_review,
    of_the_only_reviewer,
    revoke_item,
    start_review,
)
from bedrail.journeys.breaking_glass import break_glass, review_glass
from bedrail.journeys.findings import answer_finding, close_finding, file_finding
from bedrail.journeys.orders import give_order, revoke_order
from bedrail.keys import new_token
from bedside_house import SmallHouse
from small_home import told

__all__ = ["house"]


def order_of(house: SmallHouse, *acts: str, days: int = 365) -> str:
    """A standing order given by rob."""
    ctx, given = house.app.context, timedelta(days=days)
    return give_order(ctx, "rob", acts, new_token()[1], valid_for=given, reason="nightly, timer on srv-1").order


def test_a_reviewer_keeps_or_ends_a_standing_order(house: SmallHouse) -> None:
    """What is ended opens nothing; what nobody spoke for in time is suspended, and taken away with the review."""
    ctx = house.app.context
    upkeep.adopt_policy(ctx, "olivia", default_policy_text().replace('uncertified = "list"', 'uncertified = "suspend"'))
    kept, ended, late = (order_of(house, "backup.take") for _ in range(3))
    review = start_review(ctx, "sec", ctx.clock.now() + timedelta(days=10))
    assert {f"order:{order}" for order in (kept, ended, late)} <= set(review.items)
    assert about(ctx.registry, f"order:{kept}").startswith("rob: backup.take until ")
    certify(ctx, "sec", "", ["rob", f"order:{kept}"])
    revoke_item(ctx, "olivia", "", f"order:{ended}", "srv-1 was replaced")
    assert ctx.registry.orders.orders[ended].revoked == "by an access review"
    wait(house, days=11)
    for order in (kept, late):
        ctx.principal = Principal(person="rob", auth=f"order:{order}", auth_time=0.0, kind="token", session=order)
        if order == kept:
            assert ctx.require("rob", "backup.take").auth == f"order:{kept}"
        else:
            with pytest.raises(Refused, match="nobody certified this standing order"):
                ctx.require("rob", "backup.take")
    ctx.principal = None
    certify(ctx, "olivia", "", ["sec"])
    close_review(ctx, "sec", "")
    assert [bool(ctx.registry.orders.orders[order].revoked) for order in (kept, ended, late)] == [False, True, True]


def test_what_separate_duties_forbid_is_among_refused_acts_by_its_rule(house: SmallHouse) -> None:
    """Each once, of whoever tried; a role that permits the act does not make it anybody's."""
    ctx = house.app.context
    upkeep.add_person(ctx, "olivia", "kim", "Kim", ("auditor", "security-officer"))
    start_review(ctx, "olivia", ctx.clock.now() + timedelta(days=10))
    glass = break_glass(ctx, "priya", "clinical-lead", REASON)
    due = ctx.clock.now().date() + timedelta(days=9)
    finding, _ = file_finding(ctx, "ada", severity="note", title="No drill", owner="kim", due=due)
    answer_finding(ctx, "kim", finding.finding, "it was drilled today")
    acts = {
        "own-access": lambda: certify(ctx, "sec", "", ["sec"]),
        "own-emergency": lambda: review_glass(ctx, "priya", glass.grant, "justified", "it was needed"),
        "kept-apart": lambda: upkeep.add_person(ctx, "olivia", "max", "Max", ("key-custodian", "data-scientist")),
        "own-answer": lambda: close_finding(ctx, "kim", finding.finding, "all is well"),
    }
    for rule, act in acts.items():
        with pytest.raises(Refused) as error:
            act()
        assert error.value.reasons[0] == rule
    known = ctx.refresh().refused.acts
    assert {(who, why) for _, who, _, _, why in known} == {
        ("sec", "own-access"), ("priya", "own-emergency"), ("olivia", "kept-apart"), ("kim", "own-answer"),
    }  # fmt: skip
    assert set(DUTIES) >= set(acts)


def test_an_emergency_role_leaves_nothing_to_a_timer(house: SmallHouse) -> None:
    """Whoever may look for an hour gives no order to look for a year."""
    ctx = house.app.context
    break_glass(ctx, "sec", "clinical-lead", REASON)
    ctx.require("sec", "monitoring.look")
    with pytest.raises(Refused, match="in an emergency only"):
        give_order(ctx, "sec", ("monitoring.look",), new_token()[1], valid_for=timedelta(days=9), reason="watching all")
    assert not ctx.refresh().orders.orders


def test_nobody_certifies_an_order_that_they_gave(house: SmallHouse) -> None:
    """Though their role lets them certify."""
    ctx = house.app.context
    fact = give_order(
        ctx, "sec", ("abuse.look",), new_token()[1], valid_for=timedelta(days=9), reason="nightly, timer on srv-1"
    )
    start_review(ctx, "olivia", ctx.clock.now() + timedelta(days=10))
    with pytest.raises(Refused, match="is your own"):
        certify(ctx, "sec", "", [f"order:{fact.order}"])
    certify(ctx, "olivia", "", [f"order:{fact.order}"])


def test_a_review_that_starts_with_one_reviewer_says_what_nobody_can_certify(house: SmallHouse) -> None:
    """Their own role, and the order that they gave, which is suspended at the due day; no word with two reviewers."""
    ctx = house.app.context
    upkeep.adopt_policy(ctx, "olivia", default_policy_text().replace('uncertified = "list"', 'uncertified = "suspend"'))
    given = give_order(
        ctx, "sec", ("abuse.look",), new_token()[1], valid_for=timedelta(days=9), reason="nightly, timer on srv-1"
    )
    items = ("sec/security-officer", f"order:{given.order}", "rob/release-engineer")
    assert of_the_only_reviewer(ctx, items) == ()
    others = [person for person in ctx.refresh().people if person not in ("sec", "rob")]
    house.append(*(PersonLeft(person=person, reason="moved") for person in others))
    ctx.refresh()
    assert of_the_only_reviewer(ctx, items) == items[:2]
    day = (ctx.clock.now() + timedelta(days=5)).date().isoformat()
    ran = told("--as", "sec", "access", "review", "start", "--due", day, home=house.app.home)
    assert (ran.code, items[0] in ran.err, items[1] in ran.err, items[2] in ran.err) == (0, True, True, False)
    assert "from then on they do not count" in ran.err


def test_the_doctor_names_orders_that_end_and_timers_that_do_not_run(house: SmallHouse) -> None:
    """Two weeks before and after the end, unless another goes on; a week without a backup; revoked ones are done."""
    ctx = house.app.context
    order = order_of(house, "backup.take", days=60)

    def named() -> list[str]:
        return [each["what"] for each in access_posture(ctx) if "standing order" in each["what"]]

    assert named() == []
    wait(house, days=9)
    assert [f"nothing was done under the standing order {order}" in what for what in named()] == [True]
    ctx.append(Actor(auth=f"order:{order}", id="rob", kind="person"), "governance", BackupTaken(size=9, keys=False))
    assert named() == []
    wait(house, days=40)
    assert [" ends on " in what for what in named()] == [True, False]
    wait(house, days=12)
    assert [" ended on " in what for what in named()] == [True]
    again = order_of(house, "backup.take", "monitoring.look", days=60)
    assert named() == []
    revoke_order(ctx, "rob", again, "srv-1 was replaced")
    wait(house, days=20)
    assert named() == []


def test_the_doctor_names_orders_that_ended_with_what_their_giver_lost_and_suspended_ones(house: SmallHouse) -> None:
    """A role taken, a leaver, an account reset, nobody's certificate: for two weeks, unless another goes on; not one
    that its giver, an officer or a reviewer ended by name."""
    ctx = house.app.context
    upkeep.adopt_policy(ctx, "olivia", default_policy_text().replace('uncertified = "list"', 'uncertified = "suspend"'))

    def named() -> list[str]:
        said = [each["what"] for each in access_posture(ctx) if "the standing order" not in each["what"]]
        return [what.removeprefix("standing order ") for what in said if "standing order" in what]

    def taken() -> list[tuple[str, str]]:
        return [(what.partition(" ")[0], what.rpartition(": ")[2]) for what in named()]

    lost, meant = order_of(house, "backup.take"), order_of(house, "backup.take", "monitoring.look")
    revoke_order(ctx, "olivia", meant, "srv-1 was replaced")
    assert named() == []
    upkeep.add_person(ctx, "olivia", "rob", "Rob", ("auditor",))
    assert taken() == [(lost, "a role ended")]
    assert " ended on " in named()[0]
    upkeep.add_person(ctx, "olivia", "rob", "Rob", ("release-engineer",))
    again = order_of(house, "backup.take")
    assert named() == []
    house.append(AccountReset(person="rob", reason="stolen"))
    assert taken() == [(again, "account reset")]
    wait(house, days=15)
    assert named() == []
    third, fourth, fifth = (order_of(house, "backup.take") for _ in range(3))
    start_review(ctx, "sec", ctx.clock.now() + timedelta(days=1))
    revoke_item(ctx, "olivia", "", f"order:{third}", "srv-1 was replaced")
    certify(ctx, "olivia", "", ["rob", "sec", f"order:{fourth}"])
    wait(house, days=2)
    assert taken() == [(fifth, "nobody certified it in time")]
    revoke_order(ctx, "rob", fourth, "one is enough")
    close_review(ctx, "sec", "")
    assert taken() == [(fifth, "by an access review")]
    last = order_of(house, "backup.take")
    house.append(PersonLeft(person="rob", reason="moved"))
    assert taken() == [(last, "left")]
