"""The replay names what no standing order could have opened, and each order that nobody could have given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from test_replay import CASE, EHR, SYSTEM, Story, person, story, until

from bedrail.core.events import Actor, Fact, PersonAdded
from bedrail.core.events.abuse import AbuseLooked
from bedrail.core.events.access import AccessCertified, AccessRevoked, PersonLeft, ReviewStarted
from bedrail.core.events.catalogue import DisposalPlanned, RetentionRun
from bedrail.core.events.custody import DisposalCompleted, DisposalOrdered, KeyRotated
from bedrail.core.events.identity import AccountReset
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.core.events.recovery import BackupTaken

__all__ = ["story"]

BACKUP = BackupTaken(size=9, keys=False)
SHRED = DisposalOrdered(dataset="", keys=("k",), reason="retention", subject="s" * 32)
RUN = RetentionRun(asked=0, destroyed=1, held=0, left=0, plan="p" * 64, report="r" * 64)


def given(story: Story, order: str = "O1", who: str = "rob", *acts: str, days: float = 90) -> OrderGiven:
    return OrderGiven(
        order=order, person=who, acts=acts or ("backup.take",), sha256=f"{order:0>64}", expires=until(story, days),
        reason="nightly backup on srv-1",
    )  # fmt: skip


def timer(who: str = "rob", order: str = "O1") -> Actor:
    return Actor(auth=f"order:{order}", id=who, kind="person")


def named(story: Story) -> list[tuple[int, str]]:
    lines = [line.removeprefix("entry ").split(": ", 1) for line in story.named()]
    return [(int(index), what) for index, what in lines]


def test_what_a_timer_did_by_the_rules_is_not_named(story: Story) -> None:
    """Backups, a disposal that ends after the order did, and orders taken back by their giver and by an officer."""
    story.tell(person("rob"), given(story))
    story.tell(timer(), BACKUP)
    story.tell(person("pia"), given(story, "O2", "pia", "abuse.look", "retention.run"))
    story.tell(person("olivia"), DisposalPlanned(approver="olivia", items=1, plan="p" * 64, until="2026-04-01"))
    story.tell(timer("pia", "O2"), AbuseLooked(use_case=CASE, token="T1", decisions=50, last=9))
    story.tell(timer("pia", "O2"), SHRED)
    story.tell(person("pia"), OrderRevoked(order="O2", reason="the timer is gone"))
    story.tell(timer("pia", "O2"), RUN, after=600)
    story.tell(person("olivia"), OrderRevoked(order="O1", reason="srv-1 was replaced"))
    story.tell(timer(), BACKUP, after=2)
    assert named(story) == []


ENDS: dict[str, tuple[Fact, ...]] = {
    "revoked": (OrderRevoked(order="O1", reason="gone"),),
    "role": (PersonAdded(person="rob", name="rob", roles=("auditor",)),),
    "role and back": (
        PersonAdded(person="rob", name="rob", roles=("auditor",)),
        PersonAdded(person="rob", name="rob", roles=("release-engineer",)),
    ),
    "left": (PersonLeft(person="rob", reason="moved"),),
    "reset": (AccountReset(person="rob", reason="stolen"),),
    "review of the role": (AccessRevoked(review="R", item="rob/release-engineer", reviewer="olivia", reason="gone"),),
    "review of the order": (AccessRevoked(review="R", item="order:O1", reviewer="olivia", reason="gone"),),
    "given again": (OrderRevoked(order="O1", reason="gone"),),
}


@pytest.mark.parametrize("end", [*ENDS, "time"])
def test_an_act_after_the_orders_end_is_named(story: Story, end: str) -> None:
    """However it ended, whatever came back since, and though somebody wrote the order once more."""
    story.tell(person("rob"), given(story))
    story.tell(timer(), BACKUP)
    for fact in ENDS.get(end, ()):
        story.tell(person("olivia"), fact)
    wrong = []
    if end == "given again":
        wrong.append(story.tell(person("rob"), given(story)))
    story.at += timedelta(days=91 if end == "time" else 0)
    wrong.append(story.tell(timer(), BACKUP))
    assert [index for index, _ in named(story)] == wrong
    assert named(story)[-1][1] == "was done when the standing order O1 had ended"


def test_an_act_under_an_order_that_nobody_certified_in_time_is_named(story: Story) -> None:
    """Where the policy suspends it; once certified it counts again."""
    story.tell(person("rob"), given(story))
    items, due = ("order:O1",), until(story, 1)
    story.tell(person("olivia"), ReviewStarted(review="R", due=due, items=items, overdue="suspend"))
    story.tell(timer(), BACKUP)
    wrong = story.tell(timer(), BACKUP, after=86_500)
    story.tell(person("ana"), AccessCertified(review="R", items=items, reviewer="ana"))
    story.tell(timer(), BACKUP)
    assert [index for index, _ in named(story)] == [wrong]


def test_a_run_that_goes_on_past_a_reviews_due_moment_is_not_named(story: Story) -> None:
    """It was looked at when it began; what begins afterwards under a role that nobody certified is named."""
    story.tell(person("pia"), given(story, "O2", "pia", "retention.run"))
    items = ("pia/privacy-officer",)
    story.tell(person("olivia"), ReviewStarted(review="R", due=until(story, 1), items=items, overdue="suspend"))
    story.tell(timer("pia", "O2"), SHRED, after=86_338)
    story.tell(timer("pia", "O2"), SHRED, after=4)
    wrapped = KeyRotated(epoch="E2", keys=9, provider="", version="")
    disposed = DisposalCompleted(certificate="c" * 64, dataset="", epoch="E1", subject="s" * 32)
    for fact in (wrapped, disposed, RUN):
        story.tell(timer("pia", "O2"), fact, after=600)
    wrong = story.tell(timer("pia", "O2"), SHRED)
    ((index, what),) = named(story)
    assert index == wrong
    assert "pia was not permitted to" in what


def test_acts_that_no_order_opened_are_named(story: Story) -> None:
    """Of nobody's order, another's, for another act, with the keys, by people's acts, and long after its end."""
    story.tell(person("rob"), given(story))
    story.tell(person("pia"), given(story, "O2", "pia", "retention.run", days=1))
    wrong = {
        story.tell(timer(order="O9"), BACKUP): "which nobody gave",
        story.tell(timer("olivia"), BACKUP): "olivia acted under a standing order of rob",
        story.tell(timer(), SHRED): "not what the standing order O1 was good for",
        story.tell(timer(), BackupTaken(size=9, keys=True)): "not what the standing order O1 was good for",
        story.tell(timer(), PersonAdded(person="eve", name="Eve", roles=("owner",))): "not what the standing order O1",
        story.tell(timer("pia", "O2"), BACKUP): "not what the standing order O2 was good for",
        story.tell(timer("pia", "O2"), SHRED, after=86_400): "had ended",
        story.tell(timer("pia", "O2"), RUN, after=86_400): "had ended",
    }
    found = named(story)
    assert [index for index, _ in found] == [*wrong]
    for (_, what), expected in zip(found, wrong.values(), strict=True):
        assert expected in what


def test_orders_that_nobody_could_have_given_are_named(story: Story) -> None:
    """In another's name, without the role for the act or what belongs to it, for ever, for what no timer does; and
    whoever takes back what is not theirs."""
    acts: list[tuple[Actor, Fact, str]] = [
        (person("olivia"), given(story), "in the name of rob"),
        (person("lee"), given(story, "O1", "lee", "monitoring.look"), "lee was not permitted"),
        (person("rob"), given(story, "O2", "rob", "retention.run"), "rob was not permitted to: `keys."),
        (person("rob"), given(story, "O3", "rob", "approval.give"), "never left to a timer"),
        (person("rob"), given(story, "O4", days=400), "gives a standing order until"),
        (person("rob"), given(story, "O5", days=-1), "gives a standing order until"),
        (SYSTEM, given(story, "O6"), "is for people to do"),
        (EHR, given(story, "O7"), "is for people to do"),
        (EHR, BACKUP, "is for people to do"),
        (person("sam"), BACKUP, "sam was not permitted"),
        (person("sam"), OrderRevoked(order="O2", reason="not mine"), "sam was not permitted"),
        (person("olivia"), OrderRevoked(order="O0", reason="none"), "which nobody gave"),
    ]
    expected = [(story.tell(actor, fact), what) for actor, fact, what in acts]
    found = named(story)
    assert [index for index, _ in found] == [index for index, _ in expected]
    for (_, what), (_, wanted) in zip(found, expected, strict=True):
        assert wanted in what
