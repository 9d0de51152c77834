"""Keeping the house: opening it, its people and policy, verifying it, and exporting proof for outsiders."""

from __future__ import annotations

import re
from collections.abc import Callable

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import InstallationOpened, PersonAdded, PolicyAdopted, TokenRevoked
from bedrail.core.ports import Anchor, Tape, Verifier
from bedrail.governance.consequences import Consequence, after_adoption
from bedrail.governance.custody import require_apart
from bedrail.governance.permissions import ROLES
from bedrail.governance.policy import Policy, default_policy_text, parse_policy
from bedrail.journeys.context import SYSTEM, Context, Views
from bedrail.journeys.moving_ground import append_whole, of_lost_roles, told
from bedrail.journeys.refusals import duties
from bedrail.journeys.verifying import about_second_key, with_replay
from bedrail.ledger.cosignature import Verifiers
from bedrail.ledger.hashing import Parallel
from bedrail.ledger.report import Level, VerificationReport
from bedrail.ledger.verify import Beside, verify_ledger

PERSON_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")
"""What people are called in facts, commands and pages: no spaces, no control characters, nothing like an option."""


def check_person_id(person: str, path: str) -> None:
    """That people can be called so; raises `Invalid`."""
    if not PERSON_ID.match(person):
        remedy = "Use 1 to 64 letters, digits, `.`, `_`, `@` or `-`, such as dr-adams; the name goes to --name."
        raise Invalid("this cannot be the id of a person.", path=path, remedy=remedy)


def open_installation(ctx: Context, origin: str, owner: str, keys: tuple[str, ...]) -> None:
    """The first facts of a home: its name, its owner, its public keys, and the shipped policy."""
    check_person_id(owner, "--owner")
    policy = default_policy_text()
    digest = ctx.artifacts.put(policy.encode())
    ctx.append(
        SYSTEM,
        "governance",
        InstallationOpened(origin=origin, owner=owner, keys=keys),
        PersonAdded(person=owner, name=owner, roles=("owner",)),
        PolicyAdopted(policy=digest, name=parse_policy(policy).name),
    )


def add_person(
    ctx: Context, person: str, new: str, name: str, roles: tuple[str, ...], sites: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Let somebody act here in these roles, or change the roles they hold; with `sites`, for decisions of those only.

    Roles taken away move what rests on approvals given in them, as the policy says; returns both in words.
    """
    actor = ctx.require(person, "person.add")
    check_person_id(new, "person")
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Invalid(
            f"`{unknown[0] if unknown else ''}` is no role.", path="--role", remedy=f"Roles are: {', '.join(ROLES)}."
        )
    with duties(ctx, person, "person.add"):
        require_apart(roles)
    if "owner" not in roles and ctx.registry.holders("owner") == (new,):
        raise Refused(f"{new} is the only owner.", remedy="Make somebody else an owner first: nobody could after this.")
    known = ctx.registry.people.get(new)
    lost = [(new, role) for role in (known.roles if known is not None else ()) if role not in roles]
    fact = PersonAdded(person=new, name=name, roles=roles, sites=sites)
    why = f"{new}, who approved it, lost the role"
    followed = told(append_whole(ctx, actor, "governance", (fact,), lambda: of_lost_roles(ctx, lost, why)))
    gone = ", ".join(sorted(role for _, role in lost))
    return (f"{new} no longer holds: {gone}.", *followed) if gone else followed


def adopt_policy(ctx: Context, person: str, text: str) -> str:
    """Lint and adopt a policy; evidence and approvals bound to the former one no longer open gates.

    What serves goes, in the same commit, as the new policy's `[on] policy` says; what it no longer allows, at once.
    """
    actor = ctx.require(person, "policy.adopt")
    policy = parse_policy(text)
    digest = ctx.artifacts.put(text.encode())
    if digest == ctx.refresh().policy:
        raise Refused("this policy is in force already.")
    fact = PolicyAdopted(policy=digest, name=policy.name, withheld=tuple(sorted(policy.withheld)))
    append_whole(ctx, actor, "governance", (fact,), lambda: _of_adoption(ctx, policy))
    return digest


def _of_adoption(ctx: Context, policy: Policy) -> list[Consequence]:
    now, why = ctx.clock.now().timestamp(), f"the policy {policy.name} {policy.version} was adopted"
    return [found for view in ctx.registry.use_cases.values() for found in after_adoption(policy, view, why, now)]


def revoke_token(ctx: Context, person: str, token: str, reason: str) -> None:
    """End a bearer token by its id; running servers refuse it within the refresh interval. Raises `NotFound`."""
    actor = ctx.require(person, "token.revoke")
    live = {view.token: view.client for view in ctx.registry.tokens.values()}
    if token not in live:
        there = ", ".join(f"{name} ({client})" for name, client in live.items()) or "none"
        raise NotFound("there is no live token of this id.", path="token", remedy=f"Live are: {there}.")
    ctx.append(actor, "security", TokenRevoked(token=token, reason=reason))


def verify_house(
    tape: Tape,
    views: Views,
    anchor: Anchor,
    origin: str,
    public_key: bytes,
    verify: Verifier,
    *,
    beside: Beside = Beside(),  # noqa: B008 (frozen)
    verifiers: Verifiers | None = None,
    level: Level = "L4",
    policy_text: Callable[[str], bytes | None] | None = None,
    parallel: Parallel | None = None,
) -> VerificationReport:
    """Recompute the tree and signatures, fold every view again, check every sealed record, replay what the facts mean.

    Each difference is named. `policy_text` gives a policy by its digest; without it nothing is replayed. It takes ports
    rather than a context, since a home whose ledger is damaged does not open for anything else.
    """
    report = verify_ledger(
        tape, anchor, origin, public_key, verify, beside=beside, verifiers=verifiers, level=level, parallel=parallel
    )
    if level < "L4":
        return report
    if parallel is not None and parallel.told is not None:
        parallel.told("views and records", 0, 0)
    report = report.joined("view", views.rebuild_differences())
    report = report.joined("record", views.record_differences())
    if policy_text is None:
        return report
    if report.level == "L3":
        report = report.with_differences(about_second_key(tape, report.size, beside.key, "keys"))
    return with_replay(report, tape, policy_text, None if parallel is None else parallel.told)
