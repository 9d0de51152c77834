"""Who may approve, for how long, and when again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import Objected
from bedrail.governance.approvals import check_approval, fill, ground_for
from bedrail.governance.policy import CHECKS
from governance_story import (
    CANDIDATE,
    CASE,
    POLICY,
    Told,
    admitted,
    answered,
    approved,
    ask,
    codes,
    day,
    opened,
    registry_of,
    story,
)

ASIDE = {"PersonAdded", "PolicyAdopted", "UseCaseOpened", "DatasetAdmitted", "CandidateAdmitted", "EvidenceRecorded"}
EXAMINED: list[Told] = [(at, fact) for at, fact in story() if type(fact).__name__ in ASIDE]
AGAIN: list[Told] = [(20.0, answered(check)) for check in CHECKS if check != "data-quality"]


def may(
    told: list[Told], role: str, person: str, stage: str = "pilot", at: float = 30.0, valid_for: timedelta | None = None
) -> datetime:
    """The expiry of the approval that this person may give on that day."""
    registry = registry_of(told)
    view = registry.use_cases[CASE]
    return check_approval(
        POLICY,
        registry,
        view,
        view.candidates[CANDIDATE],
        person=person,
        role=role,
        stage=stage,
        now=day(at),
        valid_for=valid_for,
    )


def test_an_approval_lasts_as_long_as_the_policy_allows() -> None:
    """Without a wish the policy's lifetime; a shorter wish is granted."""
    assert may(EXAMINED, "clinical-lead", "dr-adams") == day(30 + 365)
    assert may(EXAMINED, "security-officer", "s-diaz", valid_for=timedelta(days=3)) == day(33)
    assert may(EXAMINED, "clinical-lead", "dr-adams", valid_for=timedelta(seconds=2)) == day(30) + timedelta(seconds=2)


@pytest.mark.parametrize("lifetime", [timedelta(days=366), timedelta(0), timedelta(days=-1)])
def test_a_lifetime_beyond_the_policy_is_invalid(lifetime: timedelta) -> None:
    """Longer than the policy, or not positive, is the caller's mistake."""
    with pytest.raises(Invalid, match="365"):
        may(EXAMINED, "clinical-lead", "dr-adams", valid_for=lifetime)


def told_of(what: str) -> list[Told]:
    """Facts for the table of refusals."""
    objected = Objected(
        use_case=CASE, candidate=CANDIDATE, stage="pilot", role="clinical-lead", person="dr-baker", reason="r"
    )
    more: dict[str, list[Told]] = {
        "plain": [],
        "own work": [],
        "approved": [(6.0, approved("clinical-lead", "dr-adams", expires=25))],
        "approved as privacy officer": [(6.0, approved("privacy-officer", "both"))],
        "objected after approval expired": [(6.0, approved("clinical-lead", "dr-adams", expires=25)), (10, objected)],
    }
    own = what == "own work"
    examined = [(at, admitted(author="dr-adams") if own and fact == admitted() else fact) for at, fact in EXAMINED]
    return [*examined, *more[what]]


@pytest.mark.parametrize(
    "what,role,person,stage,says",
    [
        ("plain", "clinical-lead", "p-chen", "pilot", "does not hold"),
        ("plain", "clinical-lead", "mallory", "pilot", "does not hold"),
        ("plain", "owner", "o-evans", "pilot", "does not ask for an approval by owner"),
        ("plain", "clinical-lead", "dr-adams", "shadow", "asks for no approvals"),
        ("own work", "clinical-lead", "dr-adams", "pilot", "made boosting and may not approve it"),
        ("approved", "clinical-lead", "dr-adams", "pilot", "needs fresh evidence"),
        ("approved", "clinical-lead", "dr-baker", "pilot", "needs fresh evidence"),
        ("approved as privacy officer", "clinical-lead", "both", "pilot", "has approved as privacy-officer already"),
    ],
)
def test_what_is_refused(what: str, role: str, person: str, stage: str, says: str) -> None:
    """Each refusal says why and what to do instead."""
    with pytest.raises(Refused, match=says) as caught:
        may(told_of(what), role, person, stage)
    assert caught.value.remedy


def test_a_stage_that_does_not_exist_is_invalid() -> None:
    """A slip in the stage is not a refusal."""
    with pytest.raises(Invalid):
        may(EXAMINED, "clinical-lead", "dr-adams", "everywhere")


def test_a_tier_without_the_stage_is_refused() -> None:
    """What the policy does not speak of cannot be approved."""
    with pytest.raises(Refused, match="no stage pilot"):
        may([*EXAMINED, (2.5, opened("extreme"))], "clinical-lead", "dr-adams")


def test_nothing_examined_is_nothing_to_approve() -> None:
    """An approval rests on evidence about this candidate and on admitted data."""
    for missing in ("EvidenceRecorded", "DatasetAdmitted"):
        told = [(at, fact) for at, fact in EXAMINED if type(fact).__name__ != missing]
        with pytest.raises(Refused, match="Nothing was examined"):
            may(told, "clinical-lead", "dr-adams")


def test_a_renewal_needs_evidence_gathered_since() -> None:
    """After fresh answers to every check the same role may approve again, for the full lifetime."""
    told = [*told_of("approved"), *AGAIN]
    assert may(told, "clinical-lead", "dr-adams") == day(395)
    with pytest.raises(Refused, match="fresh evidence"):
        may([each for each in told if each is not AGAIN[0]], "clinical-lead", "dr-adams")


def test_a_higher_stage_is_no_renewal() -> None:
    """Whoever approved for shadow or pilot may go on to approve for general."""
    told = [*EXAMINED, (6.0, approved("clinical-lead", "dr-adams", "pilot"))]
    assert may(told, "clinical-lead", "dr-adams", "general") == day(395)


def test_an_objection_may_be_taken_back_without_lasting_longer() -> None:
    """Taking back one's objection needs no new evidence, and keeps the earlier expiry."""
    objected = Objected(
        use_case=CASE, candidate=CANDIDATE, stage="pilot", role="clinical-lead", person="dr-adams", reason="r"
    )
    told = [*EXAMINED, (6.0, approved("clinical-lead", "dr-adams", expires=200)), (10.0, objected)]
    assert may(told, "clinical-lead", "dr-adams") == day(200)


def test_an_objection_in_a_role_that_no_place_asks_for_can_be_taken_back() -> None:
    """Otherwise the gate would stay closed for ever."""
    objected = Objected(use_case=CASE, candidate=CANDIDATE, stage="pilot", role="owner", person="o-evans", reason="r")
    assert may([*EXAMINED, (10.0, objected)], "owner", "o-evans") == day(395)
    taken_back = (31.0, approved("owner", "o-evans", "pilot"))
    assert "objection-stands" in codes(ask([*story(), (10.0, objected)]))
    assert codes(ask([*story(), (10.0, objected), taken_back])) == []


def test_places_are_filled_by_as_many_people_as_possible() -> None:
    """Who fits only one place is not pushed out by who fits both; the latest expiry that fills most is found."""
    told = [
        *EXAMINED,
        (6.0, approved("clinical-lead", "both", expires=250)),
        (6.0, approved("privacy-officer", "both", expires=250)),
        (6.0, approved("clinical-lead", "dr-adams", expires=40)),
        (6.0, approved("clinical-lead", "dr-baker", expires=90)),
    ]
    view = registry_of(told).use_cases[CASE]
    ground = ground_for(POLICY, view, view.candidates[CANDIDATE], "pilot")
    filled = fill(("clinical-lead", "privacy-officer|security-officer"), view.approvals, ground)
    assert [a.person if a else None for _, a in filled.places] == ["dr-baker", "both"]
    assert filled.until == day(90).timestamp()
    alone = fill(("privacy-officer", "security-officer"), view.approvals, ground)
    assert [a.person if a else None for _, a in alone.places] == ["both", None]
    assert fill((), view.approvals, ground).until == float("inf")
