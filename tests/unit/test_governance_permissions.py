"""Deny by default: one table says who may do what."""

from __future__ import annotations

from itertools import product

import pytest

from bedrail.core.errors import Refused
from bedrail.governance.permissions import ACTIONS, ROLES, permitted, require

WRITES = set(ACTIONS) - {"decision.read", "ledger.export", "ledger.verify", "registry.read", "gate.ask"}


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


def test_the_auditor_changes_nothing() -> None:
    """GOV-12: read all, write nothing."""
    assert not [action for action in WRITES if permitted(("auditor",), action)]
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
