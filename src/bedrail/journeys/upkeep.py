"""Keeping the house: opening it, its people and policy, verifying it, and exporting proof for outsiders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import InstallationOpened, PersonAdded, PolicyAdopted
from bedrail.governance.permissions import ROLES
from bedrail.governance.policy import default_policy_text, parse_policy
from bedrail.journeys.context import SYSTEM, Context
from bedrail.ledger.verify import Difference, verify_ledger


def open_installation(ctx: Context, origin: str, owner: str, keys: tuple[str, ...]) -> None:
    """The first facts of a home: its name, its owner, its public keys, and the shipped policy."""
    policy = default_policy_text()
    digest = ctx.artifacts.put(policy.encode())
    ctx.append(
        SYSTEM,
        "governance",
        InstallationOpened(origin=origin, owner=owner, keys=keys),
        PersonAdded(person=owner, name=owner, roles=("owner",)),
        PolicyAdopted(policy=digest, name=parse_policy(policy).name),
    )


def add_person(ctx: Context, person: str, new: str, name: str, roles: tuple[str, ...]) -> None:
    """Let somebody act here in these roles, or change the roles they hold."""
    actor = ctx.require(person, "person.add")
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Invalid(
            f"`{unknown[0] if unknown else ''}` is no role.", path="--role", remedy=f"Roles are: {', '.join(ROLES)}."
        )
    ctx.append(actor, "governance", PersonAdded(person=new, name=name, roles=roles))


def adopt_policy(ctx: Context, person: str, text: str) -> str:
    """Lint and adopt a policy; evidence and approvals bound to the former one no longer open gates."""
    actor = ctx.require(person, "policy.adopt")
    policy = parse_policy(text)
    digest = ctx.artifacts.put(text.encode())
    if digest == ctx.refresh().policy:
        raise Refused("this policy is in force already.")
    ctx.append(actor, "governance", PolicyAdopted(policy=digest, name=policy.name))
    return digest


@dataclass(frozen=True, slots=True)
class HouseVerification:
    """The ledger's own verification and every view and record that does not follow from it."""

    size: int
    root: str
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify_house(ctx: Context, origin: str, public_key: bytes) -> HouseVerification:
    """Recompute the tree and signatures, fold every view again, check every sealed record; name each difference."""
    report = verify_ledger(ctx.tape, ctx.ledger.anchor, origin, public_key, ctx.verify)
    differences = list(report.differences)
    if not any(d.kind in {"entry", "undecodable"} for d in differences):
        differences += [Difference(kind="view", where="views", what=text) for text in ctx.views.rebuild_differences()]
    differences += [Difference(kind="record", where="records", what=text) for text in ctx.views.record_differences()]
    return HouseVerification(size=report.size, root=report.root, differences=tuple(differences))


def export_bundle(ctx: Context, person: str, folder: Path) -> Path:
    """Write an audit bundle that verifies with no access to this home."""
    from bedrail.ledger.bundle import export_bundle as write

    ctx.require(person, "ledger.export")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    write(ctx.tape, folder, ctx.ledger.origin, ctx.ledger.signer.public_key)
    return folder
