"""Who may do what: one table, action by role; whatever does not stand in it is denied.

After the responsibility table of the control catalogue (AZ-1 deny by default, GOV-4 separation of duties, GOV-12 the
auditor reads all and changes nothing). Stopping takes one person; starting takes the full gate.
"""

from __future__ import annotations

from collections.abc import Iterable

from bedrail.core.errors import Refused

ROLES: dict[str, str] = {
    "owner": "answers for the installation: people, policy, sponsorship",
    "clinical-lead": "answers for a use case at the bedside",
    "data-scientist": "prepares data, trains and examines candidates",
    "privacy-officer": "answers for patients' data and their choices",
    "security-officer": "answers for keys, tokens and suppliers' security",
    "release-engineer": "deploys, rolls back, runs the servers",
    "auditor": "reads everything, changes nothing",
    "clinician": "uses the answers, confirms or overrides them",
    "vendor-manager": "brings in suppliers' models and holds them to their contract",
}

_EVERYONE = frozenset(ROLES)
_APPROVERS = frozenset({"owner", "clinical-lead", "privacy-officer", "security-officer"})
_STOPPERS = _APPROVERS | {"data-scientist", "release-engineer"}

ACTIONS: dict[str, frozenset[str]] = {
    "person.add": frozenset({"owner"}),
    "policy.adopt": frozenset({"owner"}),
    "use-case.open": frozenset({"owner", "clinical-lead"}),
    "data.admit": frozenset({"data-scientist", "privacy-officer"}),
    "candidate.train": frozenset({"data-scientist", "vendor-manager"}),
    "candidate.import": frozenset({"data-scientist", "vendor-manager"}),
    "candidate.examine": frozenset({"data-scientist", "vendor-manager"}),
    "approval.give": _APPROVERS,
    "approval.object": _APPROVERS,
    "deployment.move": frozenset({"release-engineer"}),
    "deployment.halt": _STOPPERS,
    "deployment.roll-back": frozenset({"release-engineer", "clinical-lead"}),
    "token.issue": frozenset({"release-engineer", "security-officer"}),
    "token.revoke": frozenset({"release-engineer", "security-officer", "privacy-officer", "owner"}),
    "decision.respond": frozenset({"clinician", "clinical-lead"}),
    "decision.read": frozenset({"clinician", "clinical-lead", "privacy-officer", "auditor"}),
    "outcome.observe": frozenset({"clinician", "data-scientist", "release-engineer"}),
    "consent.change": frozenset({"clinician", "clinical-lead", "privacy-officer"}),
    "sentinels.record": frozenset({"data-scientist", "vendor-manager"}),
    "monitoring.look": frozenset({"owner", "data-scientist", "clinical-lead", "release-engineer", "vendor-manager"}),
    "ledger.export": frozenset({"auditor", "owner", "privacy-officer", "security-officer"}),
    "ledger.verify": _EVERYONE,
    "registry.read": _EVERYONE,
    "gate.ask": _EVERYONE,
}


def permitted(roles: Iterable[str], action: str) -> bool:
    """Whether one of these roles may do this; an action that is not in the table is nobody's."""
    return not ACTIONS.get(action, frozenset()).isdisjoint(roles)


def require(roles: Iterable[str], action: str) -> None:
    """Raise `Refused`, naming the roles that may, unless one of `roles` permits the action."""
    held = frozenset(roles)
    if permitted(held, action):
        return
    may = sorted(ACTIONS.get(action, frozenset()))
    raise Refused(
        f"`{action}` is not permitted to {', '.join(sorted(held)) or 'a person without a role'}.",
        remedy=f"It is for: {', '.join(may)}." if may else "There is no such action.",
    )
