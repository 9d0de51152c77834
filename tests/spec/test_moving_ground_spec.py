"""What becomes of a version that serves when its ground moves, as a table: the policy's word, and what follows."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from bedrail.core.events import DeploymentHalted, DeploymentLimited, DeploymentMoved, PersonAdded, PersonLeft
from bedrail.governance.consequences import Consequence, after_adoption, after_finding, after_loss, after_objection
from bedrail.governance.moments import epoch
from bedrail.governance.policy import Policy, default_policy_text, parse_policy
from bedrail.governance.rules import OnRule, Response
from bedrail.governance.views import Registry
from governance_story import CANDIDATE, CASE, OTHER, POLICY, Told, approved, ask, day, moved, registry_of, story

NOW = day(100).timestamp()


def served(stage: str = "pilot", *more: Told) -> Registry:
    """The story, with the candidate serving at that stage until day 300."""
    return registry_of([*story(stage), (99.0, moved(stage)), *more])


def policy_with(**on: object) -> Policy:
    """The default policy with these words in the medium tier's `[on]`."""
    tier = POLICY.tiers["medium"]
    changed = msgspec.structs.replace(tier, on=msgspec.structs.replace(OnRule(), **on))
    return msgspec.structs.replace(POLICY, tiers={**POLICY.tiers, "medium": changed})


def word(found: list[Consequence]) -> str:
    """What follows, in the policy's words."""
    if not found:
        return "continue"
    (fact,) = found
    if isinstance(fact, DeploymentLimited):
        return "limit"
    if isinstance(fact, DeploymentMoved):
        assert (fact.to_stage, fact.candidate) == ("shadow", CANDIDATE)
        return "retreat"
    assert isinstance(fact, DeploymentHalted)
    return "halt"


RESPONSES: tuple[Response, ...] = ("continue", "limit", "retreat", "halt")


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("stage", ["pilot", "canary", "general"])
def test_each_cause_has_the_consequence_that_the_policy_says(response: Response, stage: str) -> None:
    """Objection, new policy and blocking finding: each by its own word, in every stage that clinicians see."""
    view = served(stage).use_cases[CASE]
    policy = policy_with(objection=response, policy=response, finding=response)
    assert word(after_finding(policy, view, "finding", NOW)) == response
    assert word(after_objection(policy, view, CANDIDATE, stage, "objection")) == (
        "continue" if response == "limit" else response
    )
    assert view.deployment is not None
    small = replace(view.deployment, share=100, sites=frozenset({"north"}))
    view.deployment = small
    assert word(after_adoption(policy, view, "policy", NOW)) == response


def test_the_shipped_policy_retreats_on_objections_and_halts_in_the_high_tier() -> None:
    """What a hospital gets without saying anything; a policy of before `[on]` was thought of gets the same."""
    assert (POLICY.on("medium").objection, POLICY.on("medium").finding) == ("retreat", "retreat")
    assert (POLICY.on("high").objection, POLICY.on("high").finding) == ("halt", "halt")
    silent = default_policy_text().replace("[on]", "[ignored]").split("[ignored]")
    without = parse_policy(silent[0] + silent[1].split("grace_days = 30", 1)[1])
    assert without.on("medium") == OnRule()
    assert without.on("nowhere").objection == "halt"


@pytest.mark.parametrize(
    ("candidate", "stage", "touched"),
    [(CANDIDATE, "pilot", True), (CANDIDATE, "shadow", True), (CANDIDATE, "general", False), (OTHER, "pilot", False)],
)
def test_an_objection_touches_the_version_and_stage_that_it_speaks_of(
    candidate: str, stage: str, touched: bool
) -> None:
    """One to a later stage or another version leaves what serves."""
    view = served("pilot").use_cases[CASE]
    assert bool(after_objection(POLICY, view, candidate, stage, "no")) == touched


def test_what_a_new_policy_no_longer_allows_is_left_at_once() -> None:
    """No such stage, a larger share or no named sites: back to shadow whatever `[on]` says; no such tier: a halt."""
    view = served("canary").use_cases[CASE]
    policy = policy_with(policy="continue")
    assert word(after_adoption(policy, view, "policy", NOW)) == "retreat"  # it serves all, and a canary at most a tenth
    assert view.deployment is not None
    view.deployment = replace(view.deployment, share=100)
    assert word(after_adoption(policy, view, "policy", NOW)) == "continue"
    tier = policy.tiers["medium"]
    fewer = {stage: rule for stage, rule in tier.stages.items() if stage in ("shadow", "pilot")}
    stricter = msgspec.structs.replace(tier, stages=fewer)
    assert word(after_adoption(_with_tier(policy, stricter), view, "policy", NOW)) == "retreat"
    others = msgspec.structs.replace(policy, tiers={"low": policy.tiers["low"]})
    assert word(after_adoption(others, view, "policy", NOW)) == "halt"


def _with_tier(policy: Policy, tier: object) -> Policy:
    return msgspec.structs.replace(policy, tiers={**policy.tiers, "medium": tier})


def lost_by(
    registry: Registry, policy: Policy, person: str = "dr-adams", role: str = "clinical-lead"
) -> list[Consequence]:
    """What follows when this person loses this role on day 100."""
    view = registry.use_cases[CASE]
    return after_loss(policy, view, registry.access.lost, {(person, role): NOW}, f"{person} left", NOW)


@pytest.mark.parametrize("response", RESPONSES)
def test_a_lost_role_touches_what_rests_on_its_approval(response: Response) -> None:
    """`limit` leaves the days of grace, and the gate agrees; `retreat` and `halt` act at once."""
    policy = policy_with(role_lost=response, grace_days=10)
    found = lost_by(served("pilot"), policy)
    assert word(found) == response
    if response == "limit":
        assert isinstance(found[0], DeploymentLimited)
        assert epoch(found[0].until) == day(110).timestamp()


def test_a_lost_role_touches_nothing_where_another_approval_fills_the_place() -> None:
    """A colleague in the same role approved too, for as long."""
    registry = served("pilot", (6.0, approved("clinical-lead", "dr-baker")))
    assert lost_by(registry, policy_with(role_lost="halt")) == []
    shorter = served("pilot", (6.0, approved("clinical-lead", "dr-baker", expires=150)))
    (fact,) = lost_by(shorter, policy_with(role_lost="halt"))
    assert isinstance(fact, DeploymentLimited)
    assert epoch(fact.until) == day(150).timestamp()
    assert lost_by(served("pilot"), POLICY, "d-fox", "data-scientist") == []


def test_nothing_follows_where_nothing_is_shown() -> None:
    """In shadow there is nothing to retreat from; halted stays halted; what ends sooner anyway keeps its end."""
    registry = served("shadow")
    view = registry.use_cases[CASE]
    policy = policy_with(objection="retreat", finding="retreat")
    assert after_objection(policy, view, CANDIDATE, "shadow", "no") == []
    assert after_finding(policy, view, "finding", NOW) == []
    halted = served("pilot", (99.5, DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="x"))).use_cases[CASE]
    for found in (
        after_objection(policy, halted, CANDIDATE, "pilot", "no"),
        after_finding(policy, halted, "finding", NOW),
        after_adoption(policy, halted, "policy", NOW),
    ):
        assert found == []
    brief = registry_of([*story("pilot"), (99.0, moved("pilot", until=101))]).use_cases[CASE]
    assert after_finding(policy_with(finding="limit"), brief, "finding", NOW) == []


@pytest.mark.parametrize(
    "gone", [PersonLeft(person="dr-adams", reason="x"), PersonAdded(person="dr-adams", name="x", roles=("clinician",))]
)
def test_the_gate_and_what_serves_end_together(gone: PersonLeft | PersonAdded) -> None:
    """After the loss the gate is open no longer than `limit` leaves what serves."""
    gate = ask([*story("pilot"), (99.9, gone)])
    registry = registry_of([*story("pilot"), (99.0, moved("pilot"))])
    view = registry.use_cases[CASE]
    at = day(99.9).timestamp()
    (fact,) = after_loss(POLICY, view, {}, {("dr-adams", "clinical-lead"): at}, "left", at)
    assert isinstance(fact, DeploymentLimited)
    assert gate.until_epoch == epoch(fact.until)  # type: ignore[union-attr]


def test_a_nearer_end_is_folded_and_a_later_one_is_not() -> None:
    """The deployment's end moves nearer only, and its history gets no new line."""
    limited = DeploymentLimited(use_case=CASE, candidate=CANDIDATE, until=day(120).isoformat(), reason="x")
    view = served("pilot", (99.5, limited)).use_cases[CASE]
    assert view.deployment is not None
    assert view.deployment.until_epoch == day(120).timestamp()
    lines = len(view.history)
    later = msgspec.structs.replace(limited, until=day(200).isoformat())
    other = msgspec.structs.replace(limited, candidate=OTHER, until=day(101).isoformat())
    view = served("pilot", (99.5, limited), (99.6, later), (99.7, other)).use_cases[CASE]
    assert view.deployment is not None
    assert (view.deployment.until_epoch, len(view.history)) == (day(120).timestamp(), lines)
