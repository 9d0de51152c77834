"""Access over time, on a real home: leavers, tokens, emergencies, reviews, findings; each step a fact."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bedrail.app import open_home
from bedrail.core.errors import BedrailError, Invalid, NotFound, Refused
from bedrail.core.events import Entry, PersonAdded, action_of, decode
from bedrail.core.ports import Draft
from bedrail.governance.access import GLASS
from bedrail.governance.permissions import ACTIONS, BY_GLASS
from bedrail.governance.policy import default_policy_text
from bedrail.journeys import upkeep
from bedrail.journeys.access_review import (
    access_posture,
    certify,
    close_review,
    open_campaign,
    revoke_item,
    start_review,
)
from bedrail.journeys.breaking_glass import break_glass, done_under, end_glass, review_glass
from bedrail.journeys.delivery import halt
from bedrail.journeys.findings import answer_finding, close_finding, file_finding, return_finding
from bedrail.journeys.leaving import hand_over_token, issue_token, leave, live_token, rotate_token
from bedrail.keys import new_token
from bedrail.ledger.append import Receipt
from bedrail.web.server import Standing
from bedside_house import USE_CASE, SmallHouse, served, small_house, usual
from recorded import acts_on_record
from small_home import Later

REASON = "the lead is not in reach and the risks are wrong"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """People in every role, the shipped policy, one use case, and a clock that can be moved on."""
    made = small_house(tmp_path)
    ctx = made.app.context
    for person, role in (
        ("olivia", "owner"), ("priya", "privacy-officer"), ("sec", "security-officer"), ("rob", "release-engineer"),
        ("rita", "release-engineer"), ("ada", "auditor"), ("ben", "auditor"), ("lead", "clinical-lead"),
    ):  # fmt: skip
        made.append(PersonAdded(person=person, name=person, roles=(role,)))
    ctx.clock = Later(made.app)
    upkeep.adopt_policy(ctx, "olivia", default_policy_text())
    yield made
    made.app.close()


def wait(house: SmallHouse, **time: float) -> None:
    """Time goes by."""
    house.app.context.clock.by += timedelta(**time)  # type: ignore[attr-defined]


def entries(house: SmallHouse) -> list[Entry]:
    """Every entry of the ledger."""
    return [decode(data) for _, data in house.app.context.tape.entries()]


def actions(house: SmallHouse, since: int = 0) -> list[str]:
    """Names of the facts from an index on."""
    return [action_of(entry) for entry in entries(house)[since:]]


def size(house: SmallHouse) -> int:
    return acts_on_record(house.app)


def issue(house: SmallHouse, person: str = "rob", **more: object) -> tuple[str, str]:
    """(secret, id) of a new token."""
    secret, digest = new_token()
    fact = issue_token(house.app.context, person, USE_CASE, "ehr", digest, **more)  # type: ignore[arg-type]
    return secret, fact.token


# --- leavers and tokens


def test_a_leaver_holds_nothing_and_their_tokens_end(house: SmallHouse) -> None:
    """One commit: no role, no live token of theirs; other people's tokens stay."""
    ctx = house.app.context
    _, own = issue(house)
    _, other = issue(house, "rob", owner="rita")
    left = leave(ctx, "olivia", "rob", "end of contract")
    assert [each.split()[0] for each in left.revoked] == [own]
    assert "rob" not in ctx.registry.people
    assert {view.token for view in ctx.registry.tokens.values()} >= {other}
    assert own not in {view.token for view in ctx.registry.tokens.values()}
    with pytest.raises(Refused, match="works here"):
        halt(ctx, "rob", USE_CASE, "x")
    with pytest.raises(NotFound):
        leave(ctx, "olivia", "rob", "again")


def test_tokens_that_are_handed_over_live_a_week_and_can_be_rotated(house: SmallHouse) -> None:
    """Whoever left may have seen them: they end soon, unless the new owner makes new ones before."""
    ctx = house.app.context
    secret, own = issue(house, valid_for=timedelta(days=90))
    left = leave(ctx, "olivia", "rob", "end of contract", hand_over="rita")
    assert [each.split()[0] for each in left.handed_over] == [own]
    view = live_token(ctx, own)
    assert view.owner == "rita"
    assert timedelta(days=6) < timedelta(seconds=view.expires_epoch - ctx.clock.now().timestamp()) <= timedelta(days=7)
    _, digest = new_token()
    new = rotate_token(ctx, "rita", own, digest, overlap=timedelta(hours=1))
    assert (new.owner, new.replaces, new.client) == ("rita", own, "ehr")
    assert live_token(ctx, own).expires_epoch - ctx.clock.now().timestamp() <= 3600
    assert secret not in str([data for _, data in ctx.tape.entries()])


def test_the_only_owner_does_not_leave(house: SmallHouse) -> None:
    """There would be nobody to let anybody in again."""
    ctx = house.app.context
    leave(ctx, "olivia", "dr-adams", "the founding owner goes")
    before = size(house)
    with pytest.raises(Refused, match="only owner"):
        leave(ctx, "sec", "olivia", "mistake")
    assert size(house) == before


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"valid_for": timedelta(days=366)}, "--days"),
        ({"valid_for": timedelta(0)}, "--days"),
        ({"valid_for": timedelta.max}, "--days"),
        ({"actions": ()}, "--can"),
        ({"actions": ("decide", "everything")}, "--can"),
        ({"owner": "mallory"}, "--owner"),
    ],
)
def test_tokens_without_an_end_a_use_or_an_owner_are_not_issued(
    house: SmallHouse, more: dict[str, object], path: str
) -> None:
    """A year at most, for something, and somebody answers for it."""
    before = size(house)
    with pytest.raises(Invalid) as error:
        issue(house, **more)
    assert (error.value.path, size(house)) == (path, before)


def test_a_token_lives_ninety_days_unless_asked_otherwise(house: SmallHouse) -> None:
    """The usual life, and the scope and owner on record."""
    _, token = issue(house, actions=("read", "decide"))
    view = live_token(house.app.context, token)
    days = (view.expires_epoch - house.app.context.clock.now().timestamp()) / 86_400
    assert 89.9 < days <= 90
    assert (view.actions, view.owner) == (frozenset({"decide", "read"}), "rob")
    handed = hand_over_token(house.app.context, "sec", token, "rita")
    assert handed.owner == live_token(house.app.context, token).owner == "rita"


# --- break-glass


def test_the_glass_gives_an_hour_tells_the_officers_and_tags_what_needed_it(house: SmallHouse) -> None:
    """A clinician stops a use case in an emergency: permitted for the hour, on record as such, told at once."""
    ctx = house.app.context
    with pytest.raises(Refused, match="not permitted"):
        halt(ctx, "dr-lee", USE_CASE, "wrong")
    broken = break_glass(ctx, "dr-lee", "clinical-lead", REASON)
    assert broken.told == ("priya", "sec")
    (notice,) = (ctx.home / "outbox").glob("*.json")
    assert json.loads(notice.read_text())["about"] == broken.grant
    assert REASON in notice.read_text()
    assert actions(house)[-2:] == ["glass.broken", "notice.given"]
    halt(ctx, "dr-lee", USE_CASE, "wrong")
    assert entries(house)[-1].actor.auth == f"{GLASS}{broken.grant}"
    assert [done.action for done in done_under(ctx, broken.grant)] == ["deployment.halted"]
    wait(house, minutes=61)
    with pytest.raises(Refused, match="not permitted"):
        halt(ctx, "dr-lee", USE_CASE, "again")


@pytest.mark.slow
def test_responses_at_the_bedside_stand_among_what_was_done(tmp_path: Path) -> None:
    """They are too many for the registry: read from SQL by person and time, and only those that needed the grant."""
    made = small_house(tmp_path)
    made.append(PersonAdded(person="rob", name="rob", roles=("release-engineer",)))
    broken = break_glass(made.app.context, "rob", "clinician", REASON)
    with served(made) as client:
        asked = [client.decide(usual()).json["decision"] for _ in range(2)]
        for person, decision in (("rob", asked[0]), ("dr-lee", asked[1])):
            body = {"response": "confirmed", "person": person, "reason": "no-objection"}
            assert client.ask("POST", f"/api/v1/decisions/{decision}/responses", body).status == 201
    with closing(open_home(tmp_path / "home")) as app:
        halt(app.context, "rob", USE_CASE, "enough")
        done = done_under(app.context, broken.grant)
        assert [(act.action, act.about) for act in done] == [("decision.responded", asked[0])]
        end_glass(app.context, "rob")


def test_the_next_breaking_waits_for_another_persons_review(house: SmallHouse) -> None:
    """Also after the hour; nobody reviews their own, nobody reviews twice, and the doctor names what waits."""
    ctx = house.app.context
    broken = break_glass(ctx, "priya", "clinical-lead", REASON)
    assert broken.told == ("sec",)
    end_glass(ctx, "priya")
    before = size(house)
    for attempt in (
        lambda: break_glass(ctx, "priya", "clinical-lead", REASON),
        lambda: review_glass(ctx, "priya", broken.grant, "justified", "mine"),
        lambda: halt(ctx, "ada", USE_CASE, "auditors do not"),
        lambda: review_glass(ctx, "dr-lee", broken.grant, "justified", "no officer"),
    ):
        with pytest.raises(Refused):
            attempt()
    assert size(house) == before
    assert any("broke the glass" in found["what"] and found["state"] == "note" for found in access_posture(ctx))
    wait(house, days=4)
    assert any("broke the glass" in found["what"] and found["state"] == "unsafe" for found in access_posture(ctx))
    review_glass(ctx, "sec", broken.grant, "not-justified", "the lead was in reach")
    with pytest.raises(Refused, match="already"):
        review_glass(ctx, "olivia", broken.grant, "justified", "twice")
    break_glass(ctx, "priya", "clinical-lead", REASON)


@pytest.mark.parametrize("role", ["owner", "auditor", "security-officer", "data-scientist", "nothing"])
def test_no_emergency_gives_power_over_people_and_keys(house: SmallHouse, role: str) -> None:
    """Roles that decide who may do what are not taken, whatever the reason; nor is one held already."""
    before = size(house)
    with pytest.raises(Invalid):
        break_glass(house.app.context, "dr-lee", role, REASON)
    with pytest.raises(Refused, match="already"):
        break_glass(house.app.context, "dr-lee", "clinician", REASON)
    with pytest.raises(Invalid, match="say why"):
        break_glass(house.app.context, "dr-lee", "clinical-lead", "because")
    with pytest.raises(Refused, match="not permitted"):
        break_glass(house.app.context, "ada", "clinical-lead", REASON)
    assert size(house) == before


def test_under_glass_every_action_is_permitted_or_not_as_the_table_says(house: SmallHouse) -> None:
    """Exactly what the role may and an emergency needs; each cell asked."""
    ctx = house.app.context
    break_glass(ctx, "dr-lee", "clinical-lead", REASON)
    for action, roles in ACTIONS.items():
        may = "clinician" in roles or ("clinical-lead" in roles and action in BY_GLASS)
        try:
            actor = ctx.require("dr-lee", action)
        except Refused:
            assert not may, action
        else:
            assert may, action
            assert actor.auth.startswith(GLASS) == ("clinician" not in roles)


# --- access reviews


def test_a_review_lists_everything_and_nobody_certifies_their_own(house: SmallHouse) -> None:
    """Roles and tokens, each to be spoken for by somebody else; what is revoked is gone at once."""
    ctx = house.app.context
    _, token = issue(house)
    fact = start_review(ctx, "olivia", ctx.clock.now() + timedelta(days=14))
    assert {"rob/release-engineer", f"token:{token}", "olivia/owner"} <= set(fact.items)
    with pytest.raises(Refused, match="still open"):
        start_review(ctx, "olivia", ctx.clock.now() + timedelta(days=14))
    for own in ("olivia", "olivia/owner"):
        with pytest.raises(Refused, match="your own"):
            certify(ctx, "olivia", "", [own])
    hand_over_token(ctx, "sec", token, "sec")
    with pytest.raises(Refused, match="your own"):
        certify(ctx, "sec", "", [f"token:{token}"])
    assert certify(ctx, "olivia", "", ["rob", f"token:{token}"]) == ("rob/release-engineer", f"token:{token}")
    revoke_item(ctx, "olivia", "", "rita/release-engineer", "moved on")
    revoke_item(ctx, "olivia", "", f"token:{token}", "not needed")
    assert "release-engineer" not in ctx.registry.people["rita"].roles
    with pytest.raises(NotFound):
        live_token(ctx, token)
    with pytest.raises(Refused, match="was revoked"):
        certify(ctx, "olivia", "", ["rita"])
    with pytest.raises(NotFound):
        certify(ctx, "olivia", "", ["mallory"])
    with pytest.raises(Refused, match="not permitted"):
        certify(ctx, "rob", "", ["dr-lee"])


def test_what_nobody_certified_is_named_by_the_doctor_and_may_be_suspended(house: SmallHouse) -> None:
    """Where the policy suspends: after the due date the role does not count, until somebody certifies it."""
    ctx = house.app.context
    upkeep.adopt_policy(ctx, "olivia", default_policy_text().replace('uncertified = "list"', 'uncertified = "suspend"'))
    start_review(ctx, "olivia", ctx.clock.now() + timedelta(days=14))
    certify(ctx, "olivia", "", ["sec", "priya"])
    ctx.require("rob", "deployment.move")
    wait(house, days=15)
    with pytest.raises(Refused, match="not permitted"):
        ctx.require("rob", "deployment.move")
    assert any("nobody certified" in found["what"] and found["state"] == "unsafe" for found in access_posture(ctx))
    certify(ctx, "sec", "", ["rob"])
    ctx.require("rob", "deployment.move")
    ctx.require("olivia", "person.add")  # the role of owner is listed, never suspended
    left, _ = close_review(ctx, "olivia", "")
    assert "rita/release-engineer" in left
    assert not ctx.registry.people["rita"].roles
    assert "owner" in ctx.registry.people["olivia"].roles
    with pytest.raises(NotFound):
        open_campaign(ctx)


def test_a_review_is_closed_when_all_is_said_or_its_time_is_up(house: SmallHouse) -> None:
    """Not before; and where the policy only lists, nothing is taken away."""
    ctx = house.app.context
    start_review(ctx, "olivia", ctx.clock.now() + timedelta(days=14))
    with pytest.raises(Refused, match="not certified"):
        close_review(ctx, "olivia", "")
    wait(house, days=15)
    ctx.require("rob", "deployment.move")
    left, followed = close_review(ctx, "olivia", "")
    assert "rob/release-engineer" in left
    assert followed == ()
    ctx.require("rob", "deployment.move")


# --- findings


def test_a_blocking_finding_moves_what_serves_and_only_an_auditor_accepts_the_answer(house: SmallHouse) -> None:
    """Filed: back to shadow in the same commit. Answered by its owner, returned, answered again, accepted."""
    ctx = house.app.context
    due = ctx.clock.now().date()
    fact, followed = file_finding(
        ctx, "ada", severity="blocking", title="No halt drill", owner="lead", due=due, use_case=USE_CASE
    )
    assert followed == (f"{USE_CASE} is back in shadow: audit finding {fact.finding}.",)
    assert ctx.use_case(USE_CASE).deployment.stage == "shadow"  # type: ignore[union-attr]
    before = size(house)
    for attempt in (
        lambda: close_finding(ctx, "ada", fact.finding, "unanswered"),
        lambda: answer_finding(ctx, "rob", fact.finding, "not mine"),
        lambda: answer_finding(ctx, "ada", fact.finding, "auditors do not"),
        lambda: close_finding(ctx, "lead", fact.finding, "my own"),
    ):
        with pytest.raises(Refused):
            attempt()
    assert size(house) == before
    answer_finding(ctx, "lead", fact.finding, "drilled")
    return_finding(ctx, "ben", fact.finding, "of another use case")
    answer_finding(ctx, "olivia", fact.finding, "drilled here too")
    assert ctx.registry.findings.blocking(USE_CASE)
    close_finding(ctx, "ada", fact.finding, "record seen")
    assert not ctx.registry.findings.blocking(USE_CASE)
    with pytest.raises(Refused, match="it is closed"):
        answer_finding(ctx, "lead", fact.finding, "late")


@pytest.mark.parametrize("changes", [
    {"severity": "odd"}, {"title": ""}, {"owner": "mallory"}, {"owner": "ada"}, {"use_case": "nowhere"},
])  # fmt: skip
def test_a_finding_that_says_nothing_useful_is_not_filed(house: SmallHouse, changes: dict[str, str]) -> None:
    """Severity, words, an owner who is somebody else, a use case that exists."""
    before = size(house)
    given = {"severity": "note", "title": "A note", "owner": "lead", "due": house.app.context.clock.now().date()}
    with pytest.raises(BedrailError):
        file_finding(house.app.context, "ada", **(given | changes))  # type: ignore[arg-type]
    assert size(house) == before


def test_people_who_lost_a_role_are_named_with_what_follows(house: SmallHouse) -> None:
    """A role that is taken away is said; nobody approved in this house's facts, so nothing that serves changes."""
    said = upkeep.add_person(house.app.context, "olivia", "lead", "lead", ("clinician",))
    assert said == ("lead no longer holds: clinical-lead.",)
    assert house.app.context.registry.access.lost.keys() == {("lead", "clinical-lead")}


# --- sessions and uses


def test_a_leavers_session_opens_nothing_from_the_next_request_on(house: SmallHouse) -> None:
    """Whoever is signed in when they leave is a stranger at once; so is their session after they come back."""
    ctx = house.app.context
    reception = house.app.reception("http://localhost:8080")
    signed = reception.begin("rob", "local", mfa=False, door="web", device="test")
    principal = reception.recognise(signed.token)
    assert principal is not None
    assert principal.roles == {"release-engineer"}
    other = reception.begin("rob", "local", mfa=False, door="web", device="another")
    leave(ctx, "olivia", "rob", "end of contract")
    assert reception.recognise(signed.token) is None
    upkeep.add_person(ctx, "olivia", "rob", "rob", ("release-engineer",))
    assert reception.recognise(other.token) is None


def test_the_day_of_last_use_is_noted_once(house: SmallHouse) -> None:
    """However often it is used on a day: one fact, and the token's line shows the day."""
    ctx = house.app.context
    secret, token = issue(house)

    async def use(times: int) -> None:
        standing = Standing(house.app)
        standing.bedside.serving.refresh()
        for _ in range(times):
            standing.bedside.admit(secret, USE_CASE)
        await standing.bedside.note_uses()
        await standing.group.close()

    for times in (3, 2):
        asyncio.run(use(times))
    ctx.refresh()
    assert actions(house).count("token.used") == 1
    assert live_token(ctx, token).used_day == ctx.clock.now().date().isoformat()
    wait(house, days=1)
    asyncio.run(use(1))
    assert actions(house).count("token.used") == 2


def test_a_note_that_was_given_up_and_still_came_on_record_is_not_told_twice(house: SmallHouse) -> None:
    """The caller is gone, as at a timeout, while the ledger is slow: the next note waits for the first."""
    secret, _ = issue(house)

    async def story() -> None:
        standing = Standing(house.app)
        desk, slow = standing.bedside, asyncio.Event()
        desk.serving.refresh()
        commit = desk.commit

        async def late(draft: Draft) -> Receipt:
            durable = asyncio.ensure_future(commit(draft))  # goes on without its caller, as group commit does
            await slow.wait()
            return await durable

        desk.commit = late
        view = desk.admit(secret, USE_CASE)
        while not desk.hold_up(view, 0.0):
            pass
        for note in (desk.note_uses, desk.note_throttling):
            given_up, again = asyncio.create_task(note()), asyncio.create_task(note())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            given_up.cancel()
            slow.set()
            await again
            await note()
            slow.clear()
        await standing.group.close()

    asyncio.run(story())
    assert [actions(house).count(name) for name in ("token.used", "abuse.throttled")] == [1, 1]
