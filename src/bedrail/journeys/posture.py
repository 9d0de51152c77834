"""What the ledger says about the safety of this installation; and an unsafe start, put on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bedrail.core.events import ServedUnsafely, decode
from bedrail.governance.abuse import SUSPEND
from bedrail.governance.accounts import SIGNED_IN
from bedrail.governance.moments import epoch
from bedrail.governance.posture import Finding, House, Serving, Severity
from bedrail.governance.posture_house import TOKEN_DAYS
from bedrail.governance.sessions import POWERFUL
from bedrail.governance.views import Registry
from bedrail.journeys.access_review import access_posture
from bedrail.journeys.context import Context
from bedrail.journeys.retention import overdue

DAY = 86_400.0
SECOND_FACTORS = ("totp", "passkey", "oidc")
_SEVERITIES: dict[str, Severity] = {"unsafe": "warning", "note": "note"}
_BACKUP, _POLICY = b'"action":"ledger.backed-up"', b'"action":"policy.adopted"'


def look_at_house(ctx: Context, witnessed_at: float | None) -> House:
    """People, tokens, witnesses, backups, policy and deployments, as the registry has them now.

    `witnessed_at` is when the witnesses' quorum last cosigned (epoch seconds), None when it never did.
    """
    registry, now = ctx.refresh(), ctx.clock.now().timestamp()
    backed_up, adopted = _last(ctx, _BACKUP), _last(ctx, _POLICY)
    live = [token for token in registry.tokens.values() if token.expires_epoch > now]
    long_lived = ((t.client, int((t.expires_epoch - now) / DAY)) for t in live)
    return House(
        owners=len(registry.holders("owner")),
        believed=registry.identity.local != SIGNED_IN,
        single_factor=tuple(_single_factor(registry)),
        both_hands=tuple(
            sorted(p.person for p in registry.people.values() if {"data-scientist", "privacy-officer"} <= p.roles)
        ),
        long_lived=tuple((client, days) for client, days in long_lived if days >= TOKEN_DAYS),
        expired_tokens=len(registry.tokens) - len(live),
        witnesses=bool(registry.continuity.witnesses),
        witnessed_days=None if witnessed_at is None else (now - witnessed_at) / DAY,
        backup_days=None if backed_up is None else (now - backed_up) / DAY,
        policy_days=0.0 if adopted is None else (now - adopted) / DAY,
        serving=tuple(_serving(registry, now)),
        unsafe_starts=len(registry.unsafe),
        suspected=tuple((f.use_case, f.detector, f.taken == SUSPEND) for f in registry.abuse.standing()),
        ownerless=sum(1 for view in registry.catalogue.live() if not view.owner),
        unconfirmed=sum(1 for view in registry.catalogue.live() if view.unconfirmed),
        overdue_disposals=overdue(ctx),
        access=tuple(
            Finding(check="access", severity=_SEVERITIES[said["state"]], what=said["what"], mend=said["mend"])
            for said in access_posture(ctx)
            if said["state"] in _SEVERITIES
        ),
    )


def record_unsafe_start(ctx: Context, person: str, findings: Sequence[Finding], host: str, port: int) -> None:
    """Put on record that somebody starts a server although these are dangerous; raises `Refused` for other roles."""
    actor = ctx.require(person, "server.start-unsafely")
    ctx.append(actor, "security", ServedUnsafely(findings=tuple(f.check for f in findings), host=host, port=port))


def _single_factor(registry: Registry) -> list[str]:
    """Powerful people whose account holds nothing but a password."""
    return sorted(
        person.person
        for person in registry.people.values()
        if (account := registry.identity.accounts.get(person.person)) is not None
        and account.enabled
        and not POWERFUL.isdisjoint(person.roles)
        and not account.of_kind(*SECOND_FACTORS)
    )


def _serving(registry: Registry, now: float) -> list[Serving]:
    found = []
    for view in registry.use_cases.values():
        deployment = view.deployment
        if deployment is not None and not deployment.halted:
            left = (deployment.until_epoch - now) / DAY if deployment.until else 0.0
            refused = registry.refused_artifacts.get(deployment.candidate, "")
            found.append(Serving(use_case=view.id, stage=deployment.stage, days_left=left, refused=refused))
    return found


def _last(ctx: Context, mark: bytes) -> float | None:
    """When a fact of this action was last recorded, in epoch seconds."""
    at = None
    for _, data in ctx.tape.registry_entries(0):
        if mark in data:
            at = decode(data).at
    return None if at is None else epoch(datetime.fromisoformat(at).isoformat())
