"""The governed journey of de-identification: projects with keys of their own, runs on record, keys destroyed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from bedrail.core.custody import ProjectKeys
from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import BackupTaken, DataDeidentified, ProjectForgotten, ProjectOpened, ProjectRetired, decode
from bedrail.core.ports import KeyedDigest, Verifier
from bedrail.core.values import Value
from bedrail.governance.deidentification import ProjectView
from bedrail.journeys.context import Context
from bedrail.privacy.values import Manifest

HEADER = b"bedrail-project-disposal/1\n"
MOST_OUTPUTS = 500
"""A fact names so many files by digest; a larger folder by one digest of all of theirs."""

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}\Z")

REMAINS = (
    "The files that were de-identified under this key, wherever they went: their pseudonyms, surrogates and shifted"
    " dates can no longer be made again, nor be linked to anybody by this key.",
    "What whoever de-identified still holds beside: source data, and lists that they made themselves.",
    "Answers to requests that were opened before; the record says who asked for which pseudonyms, and why.",
)


class ProjectCertificate(Value, frozen=True, kw_only=True):
    """What became of a project's keys. `origin` names the ledger; `provider` says what became of its key versions."""

    origin: str
    project: str
    reason: str
    ordered_at: str
    completed_at: str
    completed_by: str
    provider: str
    escrow: bool
    runs: int
    backups_with_keys: tuple[str, ...]
    remains: tuple[str, ...]


class SignedProjectCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as stored: its exact bytes, the signature over them, and the public key (both hex)."""

    certificate: msgspec.Raw
    key: str
    signature: str


def add_project(
    ctx: Context, keys: ProjectKeys, kept: Sequence[str], person: str, name: str, *, provider: str, escrow: str
) -> ProjectView:
    """Begin a project with a key of its own, kept by `provider`; `escrow` names the provider of the escrow's key.

    `kept` are the providers of data keys, which a project's key may not rest with: who keeps the data keys must not
    re-identify. Raises `Refused`, `Invalid`, `NotFound` for an unknown provider, `Unavailable`.
    """
    actor = ctx.require(person, "deid.project")
    if not _NAME.match(name):
        raise Invalid("this names no project.", path="NAME", remedy="Small letters, digits and dashes, at most 63.")
    projects = ctx.registry.deidentification.projects
    if name in projects:
        raise Refused(f"there is a project `{name}` already.", remedy="Names are used once, also of retired projects.")
    for given in (provider, escrow):
        if given and given != "file" and given in kept:
            raise Refused(f"`{given}` keeps the data keys.", remedy="Name a provider of its own in keys.toml.")
    known = ctx.registry.seen
    keys.make(name, provider, escrow, ctx.clock.now().isoformat(timespec="seconds"))
    ctx.append(actor, "privacy", ProjectOpened(escrow=escrow, project=name, provider=provider), known=known)
    return ctx.registry.deidentification.projects[name]


def list_projects(ctx: Context, person: str) -> list[ProjectView]:
    """Every project, the retired ones too; raises `Refused`."""
    ctx.require(person, "deid.read")
    return list(ctx.registry.deidentification.projects.values())


def project_key(ctx: Context, keys: ProjectKeys, person: str, name: str) -> KeyedDigest:
    """What a project decides by, for a run by this person; raises `Refused`, `NotFound`, `Unavailable`."""
    ctx.require(person, "deid.run")
    ctx.registry.deidentification.project(name)
    return keys.digest(name)


def record_run(ctx: Context, person: str, manifest: Manifest) -> str:
    """Store the manifest and record the run; returns the manifest's digest. Raises `Refused`."""
    actor = ctx.require(person, "deid.run")
    digest = ctx.artifacts.put(msgspec.json.encode(manifest))
    fact = DataDeidentified(
        failed=manifest.failed,
        manifest=digest,
        medium=manifest.medium,
        outputs=bound_outputs(manifest.outputs),
        profile=manifest.profile,
        project=manifest.project,
        records=manifest.records,
    )
    ctx.append(actor, "privacy", fact)
    return digest


def bound_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """The digests as a fact holds them: one by one, or one of all in their order."""
    if len(outputs) <= MOST_OUTPUTS:
        return tuple(outputs)
    return (hashlib.sha256("\n".join(outputs).encode()).hexdigest(),)


def retire_project(
    ctx: Context, keys: ProjectKeys, person: str, name: str, reason: str
) -> tuple[ProjectCertificate, bytes]:
    """Destroy a project's key and escrow for ever; returns the certificate and its signed bytes.

    From the order on no run can use the project, and no request be opened. An interrupted one is finished by repeating
    it. Raises `Refused` without permission, `NotFound`, `Unavailable` when the provider is out.
    """
    actor = ctx.require(person, "deid.retire")
    if not reason.strip():
        raise Invalid("say why.", path="--reason", remedy='Such as --reason "study ended"; no names.')
    view = ctx.registry.deidentification.projects.get(name)
    if view is None or view.certificate:
        raise NotFound("there is no such project, or it is forgotten.", path="NAME", remedy="bedrail deid project list")
    if not view.retired:
        ctx.append(actor, "privacy", ProjectRetired(project=name, reason=reason.strip()), known=ctx.registry.seen)
        view = ctx.registry.deidentification.projects[name]
    at = ctx.clock.now().isoformat(timespec="seconds")
    said = keys.destroy(name, at)
    certificate = ProjectCertificate(
        origin=ctx.ledger.origin,
        project=name,
        reason=view.reason,
        ordered_at=view.retired[:19],
        completed_at=at,
        completed_by=actor.id,
        provider=said,
        escrow=bool(view.escrow),
        runs=view.runs,
        backups_with_keys=_backups_with_keys(ctx),
        remains=REMAINS,
    )
    data = msgspec.json.encode(certificate, order="sorted")
    signed = msgspec.json.encode(
        SignedProjectCertificate(
            certificate=msgspec.Raw(data),
            key=ctx.signer.public_key.hex(),
            signature=ctx.signer.sign(HEADER + data).hex(),
        )
    )
    ctx.append(actor, "privacy", ProjectForgotten(certificate=ctx.artifacts.put(signed), project=name))
    return certificate, signed


def verify_project_certificate(data: bytes, verify: Verifier, key: bytes | None = None) -> ProjectCertificate:
    """The certificate, once its signature is valid under `key` (or the enclosed one); raises `Corrupt`."""
    try:
        signed = msgspec.json.decode(data, type=SignedProjectCertificate)
        public, signature = bytes.fromhex(signed.key), bytes.fromhex(signed.signature)
        certificate = msgspec.json.decode(signed.certificate, type=ProjectCertificate)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt("This is no certificate of a project.", remedy="Ask for it again.") from error
    if key is not None and key != public:
        raise Corrupt("The certificate was signed by another key.", remedy="Compare the keys on another way.")
    if not verify(public, HEADER + bytes(signed.certificate), signature):
        raise Corrupt("The certificate was changed: its signature does not hold.", remedy="Ask for it again.")
    return certificate


def readable(certificate: ProjectCertificate) -> str:
    """The certificate as a page of text."""
    backups = [f"  {at}: destroy this backup, it still holds the key" for at in certificate.backups_with_keys]
    lines = [
        "Certificate: the key of a de-identification project was destroyed",
        f"Issued by {certificate.origin}, {certificate.completed_at}, by {certificate.completed_by}",
        "",
        f"Project: {certificate.project}; {certificate.runs} runs on record",
        f"Reason: {certificate.reason}",
        f"Ordered {certificate.ordered_at}",
        "",
        f"The key's custodian: {certificate.provider}",
        f"Escrow of who is behind the pseudonyms: {'destroyed' if certificate.escrow else 'none was kept'}",
        "Backups that were taken together with the keys, which only their owner can destroy:",
        *(backups or ["  none on record"]),
        "",
        "What remains:",
        *(f"  - {each}" for each in certificate.remains),
    ]
    return "\n".join(lines) + "\n"


def _backups_with_keys(ctx: Context) -> tuple[str, ...]:
    entries = (decode(data) for _, data in ctx.tape.registry_entries(0))
    return tuple(entry.at[:19] for entry in entries if isinstance(entry.fact, BackupTaken) and entry.fact.keys)
