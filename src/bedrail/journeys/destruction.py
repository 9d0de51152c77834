"""Certificates of destruction of assets that rest elsewhere: what their owner says, signed here, checked by anybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from bedrail.core.errors import Corrupt, Invalid, Refused
from bedrail.core.events.catalogue import DisposalProved
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.journeys.cataloguing import live_asset
from bedrail.journeys.context import Context
from bedrail.journeys.disposal import SignedCertificate
from bedrail.journeys.retention import check_words

HEADER = b"bedrail-destruction/1\n"


class Destruction(Value, frozen=True, kw_only=True):
    """A certificate of destruction of an asset that rests elsewhere: what its owner says, and what a scan found."""

    origin: str
    asset: str
    name: str
    kind: str
    location: str
    basis: str
    kept: str
    due: str
    method: str
    owner: str
    proof: str
    checked: str
    plan: str
    certified_at: str


def prove(ctx: Context, person: str, asset: str, *, method: str, proof: bytes) -> tuple[str, bytes]:
    """The owner says how an outside asset was disposed of, with a paper that shows it; returns the signed certificate.

    Of the paper only the SHA-256 digest is kept: it may name patients. The certificate says whether a scan missed the
    asset since. Raises `Refused` for others than the owner (or the privacy officer), while a hold stands, and while the
    file is still there.
    """
    actor = ctx.require(person, "retention.prove")
    view = live_asset(ctx, asset)
    if person != view.owner and "privacy-officer" not in ctx.registry.people[person].roles:
        raise Refused(
            f"{view.owner or 'nobody yet'} answers for this asset.", remedy="Ask them, or the privacy officer."
        )
    if view.hold:
        raise Refused("a legal hold stands on this asset.", remedy="It must be kept.", reasons=(view.hold,))
    if view.inside:
        raise Invalid("it rests in this home.", path="asset", remedy="Its keys are destroyed by: bedrail retention run")
    if not proof:
        raise Invalid("the paper is empty.", path="--paper", remedy="Give the contractor's or system's own record.")
    place = Path(view.location.partition("#")[0])
    if view.location.startswith("/") and "*" not in view.location and "#" not in view.location and place.exists():
        raise Refused("it is still there.", remedy="Dispose of it, scan its place again, then prove it.")
    kept = view.retention
    certificate = Destruction(
        origin=ctx.ledger.origin,
        asset=view.asset,
        name=view.name,
        kind=view.kind,
        location=view.location,
        basis=kept.basis if kept else "",
        kept=f"{kept.keep} from {kept.event} {kept.since}".strip() if kept else "",
        due=view.asked_until,
        method=check_words(method, "--method"),
        owner=person,
        proof=hashlib.sha256(proof).hexdigest(),
        checked=f"a scan did not find it on {view.missing_since[:10]}" if view.missing_since else "not by a scan",
        plan=ctx.registry.catalogue.plan,
        certified_at=ctx.clock.now().isoformat(timespec="seconds"),
    )
    data = msgspec.json.encode(certificate, order="sorted")
    stored = msgspec.json.encode(
        SignedCertificate(
            certificate=msgspec.Raw(data),
            key=ctx.signer.public_key.hex(),
            signature=ctx.signer.sign(HEADER + data).hex(),
        )
    )
    fact = DisposalProved(
        asset=view.asset,
        certificate=ctx.artifacts.put(stored),
        method=certificate.method,
        owner=person,
        proof=certificate.proof,
    )
    ctx.append(actor, "privacy", fact, known=ctx.registry.seen)
    return fact.certificate, stored


def verify_destruction(data: bytes, verify: Verifier, key: bytes | None = None) -> Destruction:
    """The certificate, once its signature is valid under `key` (or the enclosed one); raises `Corrupt`."""
    try:
        signed = msgspec.json.decode(data, type=SignedCertificate)
        public, signature = bytes.fromhex(signed.key), bytes.fromhex(signed.signature)
        certificate = msgspec.json.decode(signed.certificate, type=Destruction)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt("This is no certificate of destruction.", remedy="Ask for it again.") from error
    if key is not None and key != public:
        raise Corrupt("The certificate was signed by another key.", remedy="Compare the keys on another way.")
    if not verify(public, HEADER + bytes(signed.certificate), signature):
        raise Corrupt("The certificate was changed: its signature does not hold.", remedy="Ask for it again.")
    return certificate


def readable(certificate: Destruction) -> str:
    """The certificate as a page of text."""
    lines = [
        "Certificate of destruction",
        f"Issued by {certificate.origin}, {certificate.certified_at}",
        "",
        f"Asset: {certificate.name} ({certificate.kind}), {certificate.location}",
        f"Kept: {certificate.kept or 'no rule'}; basis: {certificate.basis or 'none'}",
        f"Destroyed by: {certificate.owner}, {certificate.method}",
        f"Paper that shows it, SHA-256: {certificate.proof}",
        f"Checked: {certificate.checked}",
        f"Approved plan: {certificate.plan or 'none'}",
    ]
    return "\n".join(lines) + "\n"
