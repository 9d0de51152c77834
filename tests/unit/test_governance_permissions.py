"""Deny by default: one table says who may do what."""

from __future__ import annotations

from itertools import product

import pytest

from bedrail.core.errors import Refused
from bedrail.governance.permissions import ACTIONS, BY_GLASS, READS, ROLES, UNWITHHOLDABLE, may, permitted, require
from bedrail.governance.sessions import STEP_UP

WRITES = set(ACTIONS) - READS


def test_the_table_speaks_only_of_roles_that_exist() -> None:
    """A slip in a role would quietly deny."""
    for roles in ACTIONS.values():
        assert roles
        assert roles <= set(ROLES)


def test_what_is_not_in_the_table_is_denied() -> None:
    """Unknown actions, unknown roles and no role at all may do nothing."""
    for action in ("", "everything", "deployment"):
        assert not permitted(ROLES, action)
    for action in ACTIONS:
        assert not permitted((), action)
        assert not permitted(("root",), action)


def test_the_auditor_changes_nothing_but_files_findings() -> None:
    """GOV-12: read all, write nothing else; and nobody else files findings."""
    assert [action for action in WRITES if permitted(("auditor",), action)] == ["finding.file"]
    assert may("finding.file") == ("auditor",)
    assert permitted(("auditor",), "decision.read")
    assert permitted(("auditor",), "ledger.export")


def test_who_makes_candidates_gives_no_approvals_and_deploys_nothing() -> None:
    """GOV-4: making, approving and deploying are in different hands."""
    for role in ROLES:
        hands = [permitted((role,), a) for a in ("candidate.train", "approval.give", "deployment.move")]
        assert sum(hands) <= 1, role


def test_more_people_may_stop_than_may_start() -> None:
    """Stopping is open to whoever approves, makes or deploys."""
    assert ACTIONS["deployment.halt"] > ACTIONS["deployment.move"] | ACTIONS["approval.give"]


def test_any_of_several_roles_suffices() -> None:
    """Roles add up; no role takes a permission away."""
    for first, second in product(ROLES, ROLES):
        for action in ACTIONS:
            assert permitted((first, second), action) == (permitted((first,), action) or permitted((second,), action))


def test_a_refusal_names_the_roles_that_may() -> None:
    """The person learns whom to ask."""
    require(["release-engineer"], "deployment.move")
    with pytest.raises(Refused, match="release-engineer"):
        require(["clinician"], "deployment.move")
    with pytest.raises(Refused, match="without a role"):
        require([], "deployment.move")
    with pytest.raises(Refused, match="no such action"):
        require(ROLES, "deployment.teleport")


def test_a_policy_takes_away_and_never_gives() -> None:
    """What is withheld is refused, and the refusal names who is left; other roles and actions keep what they had."""
    withheld = frozenset({"deployment.roll-back:clinical-lead", "deployment.move:auditor"})
    assert not permitted(("clinical-lead",), "deployment.roll-back", withheld)
    for role, action in product(ROLES, ACTIONS):
        left = permitted((role,), action) and f"{action}:{role}" not in withheld
        assert permitted((role,), action, withheld) == left
    with pytest.raises(Refused, match=r"not permitted.*for: release-engineer\.$"):
        require(["clinical-lead"], "deployment.roll-back", withheld)


def test_an_emergency_gives_no_power_over_others() -> None:
    """Break-glass never approves, adopts, adds people, issues tokens, reviews access or takes the ledger away."""
    assert set(ACTIONS) >= BY_GLASS
    for action in BY_GLASS:
        assert action.split(".")[0] not in {"approval", "policy", "person", "break-glass", "account", "key", "finding"}
    assert not BY_GLASS & {"token.issue", "access.review", "access.certify", "ledger.export", "data.admit"}
    assert set(ACTIONS) >= UNWITHHOLDABLE


_WORDS = """
    abuse.look access.review candidate.examine candidate.import candidate.train card.make card.write catalogue.confirm
    catalogue.own catalogue.retire catalogue.scan consent.change data.admit data.read decision.respond deid.project
    deid.run finding.answer keys.check ledger.anchor monitoring.look outcome.observe pseudonym.find retention.prove
    sentinels.record server.run use-case.open
"""
EVERYDAY = frozenset(_WORDS.split())
"""What a gate, another person or another act still stands behind; `ledger.anchor` and `backup.restore` are done where
nobody can sign in, since the home does not open."""

_WORDS = """
    approval.object deployment.halt finding.file order.revoke order.revoke-of-others session.end token.revoke
"""
STOPPING = frozenset(_WORDS.split())


def test_of_every_act_it_is_said_whether_it_asks_for_a_fresh_proof() -> None:
    """A new action is thought about; none that stops anything waits, and nobody is asked anew for looking."""
    assert STEP_UP | EVERYDAY | STOPPING | {"backup.restore"} == WRITES
    assert not STEP_UP & (EVERYDAY | STOPPING | READS)
