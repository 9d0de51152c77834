"""The shipped policy, tier by tier, and what the linter refuses."""

from __future__ import annotations

import hashlib
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from bedrail.checks.values import Requirements
from bedrail.core.errors import Invalid
from bedrail.core.values import TIERS
from bedrail.governance.actions import action_for, strongest
from bedrail.governance.permissions import ACTIONS
from bedrail.governance.policy import CHECKS, MONITORS, alternatives, default_policy, default_policy_text, parse_policy
from bedrail.governance.stages import STAGES

DATA = Path(__file__).parents[1] / "data" / "governance"
POLICY = default_policy()
TEXT = default_policy_text()
ALL = set(CHECKS)


@pytest.mark.parametrize(
    "tier,stage,approvers,days,checks",
    [
        ("low", "shadow", 0, 730, 1),
        ("low", "pilot", 1, 730, 5),
        ("low", "canary", 1, 730, 7),
        ("low", "general", 1, 730, 7),
        ("medium", "shadow", 0, 365, 1),
        ("medium", "pilot", 2, 365, 11),
        ("medium", "canary", 2, 365, 11),
        ("medium", "general", 2, 365, 11),
        ("high", "shadow", 1, 182, 2),
        ("high", "pilot", 4, 182, 12),
        ("high", "canary", 4, 182, 14),
        ("high", "general", 4, 182, 14),
    ],
)
def test_what_each_tier_asks(tier: str, stage: str, approvers: int, days: int, checks: int) -> None:
    """Approvers, lifetimes and checks per tier and stage are those of the tiering table."""
    rules, rule = POLICY.tier(tier), POLICY.stage(tier, stage)
    assert rules is not None
    assert rule is not None
    assert (len(rule.approvals), rules.validity_days, len(rule.checks)) == (approvers, days, checks)


def test_every_tier_has_every_stage_and_every_visible_stage_an_approver() -> None:
    """Nothing is shown to a clinician without somebody's approval."""
    for tier in TIERS:
        for stage in STAGES:
            rule = POLICY.stage(tier, stage)
            assert rule is not None
            assert rule.approvals or stage == "shadow"
            for place in rule.approvals:
                assert set(alternatives(place)) <= ACTIONS["approval.give"]


def test_a_higher_tier_never_asks_less() -> None:
    """Checks, number of approvals, lifetime and action on alarms only tighten from tier to tier."""
    severity = ["notify", "retreat", "halt"]
    for lower, higher in pairwise(TIERS):
        below, above = POLICY.tiers[lower], POLICY.tiers[higher]
        assert above.validity_days <= below.validity_days
        for stage in STAGES:
            assert set(above.stages[stage].checks) >= set(below.stages[stage].checks)
            assert len(above.stages[stage].approvals) >= len(below.stages[stage].approvals)
        for monitor in MONITORS:
            less, more = action_for(POLICY, lower, monitor), action_for(POLICY, higher, monitor)
            assert severity.index(more) >= severity.index(less)
        assert POLICY.requirements[higher].min_auroc >= POLICY.requirements[lower].min_auroc


@pytest.mark.parametrize(
    "tier,monitor,action",
    [
        ("medium", "units", "retreat"),
        ("medium", "input-drift", "retreat"),
        ("medium", "input-drift:age", "retreat"),
        ("medium", "output-drift", "retreat"),
        ("medium", "missingness", "retreat"),
        ("medium", "outcome-rate", "retreat"),
        ("medium", "sensitivity", "halt"),
        ("medium", "sentinels", "halt"),
        ("medium", "never heard of", "retreat"),
        *(("high", monitor, "halt") for monitor in MONITORS),
        ("high", "never heard of", "halt"),
        ("no such tier", "units", "halt"),
    ],
)
def test_what_happens_on_an_alarm(tier: str, monitor: str, action: str) -> None:
    """The tier's word goes before the policy's, and a monitor that nobody named is not let run on."""
    assert action_for(POLICY, tier, monitor) == action


def test_the_strongest_of_several_actions_is_taken() -> None:
    """Halt beats retreat beats notify; a word that is no action is invalid."""
    assert strongest(["notify", "halt", "retreat"]) == "halt"
    assert strongest(["notify", "retreat"]) == "retreat"
    assert strongest([]) == "notify"
    with pytest.raises(Invalid):
        strongest(["stop"])


def test_the_digest_is_that_of_the_bytes() -> None:
    """Text and bytes give the same digest: the SHA-256 of the UTF-8 bytes."""
    assert POLICY.digest == hashlib.sha256(TEXT.encode()).hexdigest() == parse_policy(TEXT.encode()).digest
    assert parse_policy(TEXT + "\n").digest != POLICY.digest


def test_the_linter_knows_the_checks_that_exist() -> None:
    """Every check that a policy may name is in the catalogue (data quality is answered by the data room)."""
    from bedrail.checks.catalogue import CHECKS as CATALOGUE

    assert set(CATALOGUE) <= ALL - {"data-quality"}


def test_requirements_not_stated_keep_their_defaults() -> None:
    """A tier without numbers gets the checks' defaults; stated numbers overrule them."""
    policy = parse_policy(TEXT.replace("[requirements.high]\nmin_auroc = 0.70\nmin_group_auroc = 0.65\n", ""))
    assert policy.requirements["high"] == Requirements()
    assert POLICY.requirements["high"].min_auroc == 0.70
    assert POLICY.canary_share("medium") == 100
    assert POLICY.share_limit("medium", "nowhere") == 0


BROKEN = {case["claim"]: case for case in tomllib.loads((DATA / "malformed_policies.toml").read_text("utf-8"))["case"]}


def blamed_line(text: str, blamed: str) -> int:
    """The line on which the blamed text begins."""
    return text[: text.index(blamed)].count("\n") + 1


@pytest.mark.parametrize("claim", BROKEN)
def test_a_malformed_policy_is_invalid_at_its_line(claim: str) -> None:
    """Each malformed policy gives `Invalid` with `policy.toml:LINE key` and a remedy."""
    case = BROKEN[claim]
    old, new, blamed = case["old"], case["new"], case["blamed"]
    assert old in TEXT, claim
    text = TEXT.replace(old, new, 1)
    with pytest.raises(Invalid) as caught:
        parse_policy(text)
    where, _, named = caught.value.path.partition(" ")
    assert where.startswith("policy.toml:")
    if blamed:
        assert where == f"policy.toml:{blamed_line(text, blamed)}", str(caught.value)
    assert case["key"] in named
    assert case["remedy"] in caught.value.remedy
    assert caught.value.message.endswith(".")
