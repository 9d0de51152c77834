"""Disposal by destroying keys: ordered, carried out, and certified, copies in backups included (ADR 0010)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bedrail.core.custody import SEALED, owner_of
from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.core.events import (
    Actor,
    BackupTaken,
    DisposalCompleted,
    DisposalOrdered,
    EpochDestroyed,
    KeyRotated,
    decode,
)
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.governance.custody import Order
from bedrail.journeys.context import Context
from bedrail.journeys.custody import FILE, KeyDesk, Told, check_target, retire_former, rewrap_all, untold

HEADER = b"bedrail-disposal/1\n"
PURGE_ATTEMPTS = 20

REMAINS = (
    "The ciphertext of the records and files, which no key opens any more, and the facts of the ledger, which hold no"
    " patient data.",
    "Models, evidence, profiles and reports that were made from the data before: parameters and aggregates (a column's"
    " smallest and largest value among them), no rows.",
    "Blocks of the disk that held a destroyed key file, until they are overwritten (NIST SP 800-88).",
)


class Certificate(Value, frozen=True, kw_only=True):
    """What was destroyed: counts and names of keys, no identifier but the pseudonym. `origin` names the ledger."""

    origin: str
    subject: str
    dataset: str
    reason: str
    ordered_at: str
    completed_at: str
    completed_by: str
    records: dict[str, int]
    sealed_files: int
    plain_files_removed: int
    data_keys_destroyed: int
    epochs_destroyed: dict[str, str]
    data_keys_rewrapped: int
    log_purged: bool
    backups_with_keys: tuple[str, ...]
    remains: tuple[str, ...]


class SignedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as stored: its exact bytes, the signature over them, and the public key (both hex)."""

    certificate: msgspec.Raw
    key: str
    signature: str


class Issued(Value, frozen=True, kw_only=True):
    """A certificate, the artifact that it is, and its bytes."""

    certificate: Certificate
    digest: str
    data: bytes


def shred(ctx: Context, desk: KeyDesk, person: str, *, subject: str = "", dataset: str = "", reason: str) -> Order:
    """Order a disposal and destroy the data keys at once; `complete` makes the copies in backups worthless too.

    From here on nobody reads the records in this home, on whatever server. Raises `Refused` while a hold stands, and
    `NotFound` when there is nothing to destroy. Repeating it after an interruption goes on where it stopped.
    """  # fmt: skip
    actor = ctx.require(person, "keys.shred")
    owner = check_target(ctx, subject, dataset)
    if not reason.strip():
        raise Invalid("say why.", path="--reason", remedy='Such as --reason "erasure asked for"; no names.')
    known = ctx.registry.seen
    ctx.registry.custody.require_free(subject, dataset)
    ctx.registry.catalogue.require_free(dataset)
    if (subject, dataset) not in ctx.registry.custody.ordered:
        keys = tuple(desk.rows.key_ids(owner))
        if not keys and not (dataset and _plain_files(ctx, dataset)):
            raise NotFound(
                "no data key is here for it: nothing was kept, or it was destroyed before.",
                path="--subject or --dataset",
                remedy="Check the pseudonym or digest.",
            )
        order = DisposalOrdered(dataset=dataset, keys=keys, reason=reason.strip(), subject=subject)
        ctx.append(actor, "privacy", order, known=known)
    desk.rows.destroy_keys(owner)
    desk.epochs.give_notice()
    return ctx.registry.custody.ordered[subject, dataset]


def complete(ctx: Context, desk: KeyDesk, person: str, *, told: Told = untold) -> list[Issued]:
    """Finish every ordered disposal: all other data keys under a new epoch, the former epochs destroyed, certificates.

    A backup of the database holds data keys wrapped under a former epoch; with that gone they open nowhere. It also
    makes older backups unreadable as a whole, so take a new one afterwards. Raises `NotFound` when none is open.
    """
    actor = ctx.require(person, "keys.complete-disposal")
    orders = list(ctx.registry.custody.ordered.values())
    if not orders:
        raise NotFound("no disposal is open.", path="disposal", remedy="They are ordered by: bedrail keys shred")
    removed = {order: _remove_plain(ctx, order.dataset) for order in orders}
    for order in orders:
        if _left(desk, order):  # it was cut short before its keys were destroyed
            desk.rows.destroy_keys(_owner(order))
    epoch, rewrapped = _new_epoch(ctx, desk, actor, orders, told)
    destroyed: dict[str, str] = {}
    for name in retire_former(desk):
        destroyed[name] = desk.epochs.destroy(name)
        ctx.append(actor, "security", EpochDestroyed(epoch=name, provider=destroyed[name]))
    purged = _purged(desk)
    issued = [
        _certified(ctx, desk, actor, order, destroyed, rewrapped, purged=purged, removed=removed[order])
        for order in orders
    ]
    for order, one in zip(orders, issued, strict=True):
        fact = DisposalCompleted(certificate=one.digest, dataset=order.dataset, epoch=epoch, subject=order.subject)
        ctx.append(actor, "privacy", fact)
    return issued


def _new_epoch(ctx: Context, desk: KeyDesk, actor: Actor, orders: Sequence[Order], told: Told) -> tuple[str, int]:
    """An epoch younger than every order, with all data keys under it; one made before an interruption counts."""
    newest = {epoch.name: epoch for epoch in desk.epochs.listed()}.get(desk.epochs.newest())
    if newest is None or newest.created <= max(order.at for order in orders):
        provider = newest.provider if newest else FILE
        newest = desk.epochs.make(provider, ctx.clock.now().isoformat(timespec="microseconds"), renew=True)
    moved = rewrap_all(desk, told)
    fact = KeyRotated(epoch=newest.name, keys=moved, provider=newest.provider, version=newest.version)
    ctx.append(actor, "security", fact)
    return newest.name, moved


def _purged(desk: KeyDesk) -> bool:
    """Whether the database's log was emptied: readers of an old state are waited for, some seconds long."""
    for _ in range(PURGE_ATTEMPTS):
        if desk.rows.purge_log():
            return True
        desk.pause(0.25)
    return False


def _certified(
    ctx: Context,
    desk: KeyDesk,
    actor: Actor,
    order: Order,
    destroyed: dict[str, str],
    rewrapped: int,
    *,
    purged: bool,
    removed: int,
) -> Issued:
    if _left(desk, order):
        raise Corrupt("Data keys that were to be destroyed are still there.", remedy="bedrail keys complete-disposal")
    certificate = Certificate(
        origin=ctx.ledger.origin,
        subject=order.subject,
        dataset=order.dataset,
        reason=order.reason,
        ordered_at=order.at,
        completed_at=ctx.clock.now().isoformat(timespec="seconds"),
        completed_by=actor.id,
        records=desk.rows.holdings(_owner(order), order.keys),
        sealed_files=len(_files(ctx, order.dataset)) - len(_plain_files(ctx, order.dataset)) - removed,
        plain_files_removed=removed,
        data_keys_destroyed=len(order.keys),
        epochs_destroyed=destroyed,
        data_keys_rewrapped=rewrapped,
        log_purged=purged,
        backups_with_keys=_backups_with_keys(ctx),
        remains=REMAINS,
    )
    data = msgspec.json.encode(certificate, order="sorted")
    signed = SignedCertificate(
        certificate=msgspec.Raw(data),
        key=ctx.signer.public_key.hex(),
        signature=ctx.signer.sign(HEADER + data).hex(),
    )
    stored = msgspec.json.encode(signed)
    return Issued(certificate=certificate, digest=ctx.artifacts.put(stored), data=stored)


def verify_certificate(data: bytes, verify: Verifier, key: bytes | None = None) -> Certificate:
    """The certificate, once its signature is valid under `key` (or the enclosed one); raises `Corrupt`."""
    try:
        signed = msgspec.json.decode(data, type=SignedCertificate)
        public, signature = bytes.fromhex(signed.key), bytes.fromhex(signed.signature)
        certificate = msgspec.json.decode(signed.certificate, type=Certificate)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt("This is no disposal certificate.", remedy="Ask for it again.") from error
    if key is not None and key != public:
        raise Corrupt("The certificate was signed by another key.", remedy="Compare the keys on another way.")
    if not verify(public, HEADER + bytes(signed.certificate), signature):
        raise Corrupt("The certificate was changed: its signature does not hold.", remedy="Ask for it again.")
    return certificate


def readable(certificate: Certificate) -> str:
    """The certificate as a page of text."""
    whose = f"patient, by pseudonym {certificate.subject}" if certificate.subject else f"dataset {certificate.dataset}"
    kinds = ", ".join(f"{count} of kind {kind}" for kind, count in certificate.records.items()) or "none"
    epochs = [f"  {name}: destroyed; the provider's key version: {said}" for name, said in _items(certificate)]
    backups = [f"  {at}: destroy this backup, it can still be opened" for at in certificate.backups_with_keys]
    lines = [
        "Certificate of disposal",
        f"Issued by {certificate.origin}, {certificate.completed_at}, by {certificate.completed_by}",
        "",
        f"Whose data: {whose}",
        f"Reason: {certificate.reason}",
        f"Ordered {certificate.ordered_at}",
        "",
        f"Records that no key opens any more: {kinds}",
        f"Sealed files that no key opens any more: {certificate.sealed_files}",
        f"Unsealed files of an earlier version, overwritten and removed: {certificate.plain_files_removed}",
        f"Data keys destroyed: {certificate.data_keys_destroyed}; left: none",
        "Keys under which copies in backups were wrapped:",
        *(epochs or ["  none"]),
        f"Data keys of others, brought under a new key: {certificate.data_keys_rewrapped}",
        f"The database's log was emptied: {'yes' if certificate.log_purged else 'no; nothing in it opens'}",
        "Backups that were taken together with the keys, which only their owner can destroy:",
        *(backups or ["  none on record"]),
        "",
        "What remains:",
        *(f"  - {each}" for each in certificate.remains),
    ]
    return "\n".join(lines) + "\n"


def _items(certificate: Certificate) -> list[tuple[str, str]]:
    return list(certificate.epochs_destroyed.items())


def _backups_with_keys(ctx: Context) -> tuple[str, ...]:
    """When backups were taken that hold the keys too: only those open anything now, and they must be destroyed."""
    entries = (decode(data) for _, data in ctx.tape.registry_entries(0))
    return tuple(entry.at[:19] for entry in entries if isinstance(entry.fact, BackupTaken) and entry.fact.keys)


def _files(ctx: Context, dataset: str) -> list[str]:
    """The artifacts with rows of a dataset: its table in each use case, and the sentinel questions from it."""
    found: list[str] = []
    for case in ctx.registry.use_cases.values():
        view = case.datasets.get(dataset)
        if view is None:
            continue
        found.append(view.artifact)
        found += [
            digest
            for candidate, digest in case.sentinels.items()
            if candidate in case.candidates and case.candidates[candidate].dataset == dataset
        ]
    return sorted(set(found))


def _plain_files(ctx: Context, dataset: str) -> list[str]:
    """Those of them that an earlier version left unsealed."""
    plain = []
    for digest in _files(ctx, dataset):
        try:
            data = ctx.artifacts.get(digest)
        except (NotFound, Unavailable):
            continue
        if not data.startswith(SEALED):
            plain.append(digest)
    return plain


def _remove_plain(ctx: Context, dataset: str) -> int:
    digests = _plain_files(ctx, dataset) if dataset else []
    for digest in digests:
        ctx.artifacts.destroy(digest)
    return len(digests)


def _owner(order: Order) -> str:
    return owner_of(order.dataset) if order.dataset else order.subject


def _left(desk: KeyDesk, order: Order) -> set[str]:
    """Data keys named in the order that are still stored; one made since, for new care, is none of them."""
    return set(order.keys) & set(desk.rows.key_ids(_owner(order)))
