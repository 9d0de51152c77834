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
    "auditor": "reads everything, changes nothing, files findings",
    "clinician": "uses the answers, confirms or overrides them",
    "vendor-manager": "brings in suppliers' models and holds them to their contract",
    "key-custodian": "keeps the keys that data keys are wrapped under: rotates, never reads data",
    "pseudonym-custodian": "keeps the key of pseudonyms, apart from the data keys",
}

_EVERYONE = frozenset(ROLES)
_APPROVERS = frozenset({"owner", "clinical-lead", "privacy-officer", "security-officer"})
_STOPPERS = _APPROVERS | {"data-scientist", "release-engineer"}
_INSIDE = _EVERYONE - {"auditor"}
_ORDERING = _INSIDE - {"clinician", "key-custodian", "pseudonym-custodian"}

ACTIONS: dict[str, frozenset[str]] = {
    "person.add": frozenset({"owner"}),
    "person.leave": frozenset({"owner", "security-officer"}),
    "policy.adopt": frozenset({"owner"}),
    "use-case.open": frozenset({"owner", "clinical-lead"}),
    "data.admit": frozenset({"data-scientist", "privacy-officer"}),
    "catalogue.scan": frozenset({"owner", "data-scientist", "privacy-officer"}),
    "catalogue.own": frozenset({"owner", "privacy-officer"}),
    "catalogue.confirm": frozenset({"clinical-lead", "privacy-officer"}),
    "catalogue.retire": frozenset({"owner", "privacy-officer"}),
    "retention.read": frozenset({"owner", "clinical-lead", "privacy-officer", "auditor"}),
    "retention.rule": frozenset({"owner", "privacy-officer"}),
    "retention.approve": frozenset({"owner", "clinical-lead"}),
    "retention.run": frozenset({"privacy-officer"}),
    "retention.prove": _INSIDE,
    "candidate.train": frozenset({"data-scientist", "vendor-manager"}),
    "candidate.import": frozenset({"data-scientist", "vendor-manager"}),
    "candidate.examine": frozenset({"data-scientist", "vendor-manager"}),
    "candidate.export": frozenset({"owner", "data-scientist", "release-engineer", "security-officer", "auditor"}),
    "card.make": frozenset({"owner", "clinical-lead", "data-scientist", "vendor-manager"}),
    "card.write": frozenset({"owner", "clinical-lead", "data-scientist", "privacy-officer", "vendor-manager"}),
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
    "consent.read": frozenset({"clinician", "clinical-lead", "privacy-officer", "auditor"}),
    "consent.rule": frozenset({"owner", "privacy-officer"}),
    "data.read": frozenset({"data-scientist", "privacy-officer"}),
    "data.people": frozenset({"privacy-officer", "auditor"}),
    "sentinels.record": frozenset({"data-scientist", "vendor-manager"}),
    "monitoring.look": frozenset({"owner", "data-scientist", "clinical-lead", "release-engineer", "vendor-manager"}),
    "account.manage": frozenset({"owner", "security-officer"}),
    "session.end": frozenset({"owner", "security-officer"}),
    "sign-in.rule": frozenset({"owner", "security-officer"}),
    "access.read": frozenset({"owner", "privacy-officer", "security-officer", "auditor"}),
    "access.review": frozenset({"owner", "security-officer"}),
    "access.certify": _APPROVERS,
    "break-glass.open": _INSIDE - {"vendor-manager"},
    "break-glass.review": frozenset({"owner", "privacy-officer", "security-officer"}),
    "finding.file": frozenset({"auditor"}),
    "finding.answer": _INSIDE,
    "abuse.look": frozenset({"owner", "privacy-officer", "release-engineer", "security-officer"}),
    "abuse.lift": frozenset({"security-officer"}),
    "server.run": frozenset({"owner", "release-engineer"}),
    "keys.read": frozenset(
        {"owner", "privacy-officer", "security-officer", "key-custodian", "pseudonym-custodian", "auditor"}
    ),
    "keys.check": frozenset({"security-officer", "key-custodian", "pseudonym-custodian", "release-engineer"}),
    "keys.rotate": frozenset({"key-custodian"}),
    "keys.move-pseudonyms": frozenset({"pseudonym-custodian"}),
    "keys.hold": frozenset({"owner", "privacy-officer"}),
    "keys.shred": frozenset({"privacy-officer"}),
    "keys.complete-disposal": frozenset({"key-custodian", "privacy-officer"}),
    "pseudonym.find": frozenset({"privacy-officer", "pseudonym-custodian"}),
    "deid.run": frozenset({"data-scientist", "privacy-officer"}),
    "deid.project": frozenset({"privacy-officer", "pseudonym-custodian"}),
    "deid.judge": frozenset({"privacy-officer"}),
    "deid.retire": frozenset({"privacy-officer"}),
    "deid.read": frozenset({"owner", "data-scientist", "privacy-officer", "pseudonym-custodian", "auditor"}),
    "reidentification.request": frozenset({"clinical-lead", "clinician", "data-scientist", "privacy-officer"}),
    "reidentification.approve": frozenset({"privacy-officer", "pseudonym-custodian"}),
    "ledger.export": frozenset({"auditor", "owner", "privacy-officer", "security-officer"}),
    "order.give": _ORDERING,
    "order.revoke": _ORDERING,
    "order.revoke-of-others": frozenset({"owner", "privacy-officer", "release-engineer", "security-officer"}),
    "egress.change": frozenset({"owner", "security-officer"}),
    "server.start-unsafely": frozenset({"owner", "security-officer"}),
    "backup.take": frozenset({"owner", "release-engineer", "security-officer"}),
    "backup.restore": frozenset({"owner", "release-engineer"}),
    "ledger.witnesses": frozenset({"owner", "security-officer"}),
    "ledger.anchor": frozenset({"owner", "security-officer"}),
    "ledger.add-key": frozenset({"owner", "security-officer"}),
    "ledger.shard": frozenset({"owner"}),
    "ledger.prune": frozenset({"privacy-officer"}),
    "ledger.search": frozenset({"auditor", "owner", "privacy-officer", "security-officer"}),
    "ledger.search-patient": frozenset({"auditor", "privacy-officer"}),
    "ledger.verify": _EVERYONE,
    "registry.read": _EVERYONE,
    "gate.ask": _EVERYONE,
}


READS: frozenset[str] = frozenset(
    {
        "access.read",
        "candidate.export",
        "consent.read",
        "data.people",
        "decision.read",
        "deid.read",
        "gate.ask",
        "keys.read",
        "ledger.export",
        "ledger.search",
        "ledger.search-patient",
        "ledger.verify",
        "registry.read",
        "retention.read",
    }
)
"""Actions that change nothing but the record of who looked."""

BY_GLASS: frozenset[str] = READS - {"candidate.export", "ledger.export"} | {
    "consent.change",
    "decision.respond",
    "deployment.halt",
    "deployment.move",
    "deployment.roll-back",
    "monitoring.look",
    "outcome.observe",
    "token.revoke",
}
"""What an emergency role is good for: looking, answering, stopping, moving through the gate. Never approving, never
saying who may do what, never taking the ledger away."""

UNWITHHOLDABLE: frozenset[str] = frozenset(
    {"deployment.halt", "finding.file", "gate.ask", "ledger.verify", "person.add", "policy.adopt", "registry.read"}
)
"""What no policy may take from anybody: stopping, auditing, looking, and the way back from a mistaken policy."""


def permitted(roles: Iterable[str], action: str, withheld: frozenset[str] = frozenset()) -> bool:
    """Whether one of these roles may do this; an action that is not in the table is nobody's.

    `withheld` (as `action:role`) is what the policy in force takes away; a policy never gives.
    """
    may = ACTIONS.get(action, frozenset())
    return any(role in may and f"{action}:{role}" not in withheld for role in roles)


def may(action: str, withheld: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The roles that may do this, sorted."""
    return tuple(sorted(role for role in ACTIONS.get(action, ()) if f"{action}:{role}" not in withheld))


def require(roles: Iterable[str], action: str, withheld: frozenset[str] = frozenset()) -> None:
    """Raise `Refused`, naming the roles that may, unless one of `roles` permits the action."""
    held = frozenset(roles)
    if not permitted(held, action, withheld):
        raise refusal(held, action, withheld)


def refusal(roles: Iterable[str], action: str, withheld: frozenset[str] = frozenset()) -> Refused:
    """What somebody in these roles is told; the first reason, `permission`, is for programs."""
    able = ", ".join(may(action, withheld))
    return Refused(
        f"`{action}` is not permitted to {', '.join(sorted(roles)) or 'a person without a role'}.",
        remedy=f"It is for: {able}." if able else "There is no such action.",
    )
