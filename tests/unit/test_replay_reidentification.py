"""The replay names each re-identification that the record before it forbids, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bedrail.core.events import (
    Actor,
    Entry,
    Fact,
    PersonAdded,
    ReidentificationApproved,
    ReidentificationDenied,
    ReidentificationOpened,
    ReidentificationRequested,
    encode,
)
from bedrail.governance.replay import replay

START = datetime(2026, 3, 1, tzinfo=UTC)
Told = list[tuple[str, Fact]]
ROLES = {
    "lee": "clinician", "max": "clinician", "petra": "privacy-officer", "paul": "privacy-officer",
    "pia": "pseudonym-custodian",
}  # fmt: skip
PEOPLE: Told = [
    ("olivia", PersonAdded(person=person, name=person, roles=(role,))) for person, role in ROLES.items()
]  # fmt: skip
ASKED = ReidentificationRequested(
    basis="vital interests", expires="2026-03-05T00:00:00+00:00", project="p", pseudonyms=("a" * 32,), purpose="why",
    request="R",
)  # fmt: skip
OPENED = ReidentificationOpened(by="escrow", found=1, request="R")


def approved(role: str) -> ReidentificationApproved:
    return ReidentificationApproved(request="R", role=role)


WHOLE: Told = [
    ("lee", ASKED),
    ("petra", approved("privacy-officer")),
    ("pia", approved("pseudonym-custodian")),
    ("lee", OPENED),
]


def named(told: Told, *, days: float = 0) -> list[str]:
    """What a replay names; the last fact comes so many days later."""
    entries = []
    for index, (person, fact) in enumerate([*PEOPLE, *told]):
        late = days if index == len(PEOPLE) + len(told) - 1 else 0
        at = START + timedelta(minutes=index, days=late)
        actor = Actor(auth="session", id=person, kind="person")
        entry = Entry(actor=actor, at=at.isoformat(timespec="microseconds"), fact=fact, id=f"E{index:025d}", node="n",
                      purpose="privacy")  # fmt: skip
        entries.append((index, encode(entry)))
    found = replay(iter(entries), lambda _: None).found
    return [line for line in found if "re-identify" in line]


BENT: dict[str, Callable[[Told], Told]] = {
    "one approval alone": lambda told: [told[0], told[1], told[3]],
    "none": lambda told: [told[0], told[3]],
    "opened twice": lambda told: [*told, told[3]],
    "opened by somebody else": lambda told: [*told[:3], ("max", OPENED)],
    "denied before": lambda told: [
        *told[:3], ("paul", ReidentificationDenied(reason="no basis", request="R")), told[3]
    ],
    "approved twice in one role": lambda told: [told[0], told[1], ("paul", approved("privacy-officer")), told[3]],
    "approved in a role not held": lambda told: [*told[:2], ("paul", approved("pseudonym-custodian")), told[3]],
    "of a request nobody made": lambda told: told[1:],
}  # fmt: skip


def test_a_request_that_kept_the_rules_is_not_named() -> None:
    """Asked, approved by two others, opened in time."""
    assert named(WHOLE) == []


@pytest.mark.parametrize("bend", BENT)
def test_what_could_not_have_happened_is_named(bend: str) -> None:
    """Whoever writes a ledger by hand cannot make a re-identification look approved."""
    assert named(BENT[bend](WHOLE))


def test_an_expired_request_is_not_opened() -> None:
    """Days after its end, the opening is named."""
    assert named(WHOLE, days=9)


def test_nobody_approves_their_own_request() -> None:
    """A privacy officer who asked is named as their own approver."""
    assert named([("petra", ASKED), *WHOLE[1:3]])
