"""Statements that other tools read: in-toto statements in DSSE envelopes, and OpenSSF model signatures.

in-toto Attestation Framework v1 (Statement, ResourceDescriptor), DSSE 1.0 (PAE, envelope), OpenSSF Model Signing v1.0
(a Sigstore bundle 0.3 whose envelope holds a statement with every file's digest). Pure: signing and checking come in as
functions. Why these few lines are ours: ADR 0011.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from bedrail.core.errors import NOT_JSON, Corrupt, Invalid

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"
MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

Sign = Callable[[bytes], bytes]
Check = Callable[[bytes, bytes], bool]
"""(message, signature) -> whether it is by the key that is expected."""


class Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ResourceDescriptor: a name and its digests by algorithm."""

    name: str
    digest: dict[str, str] = {}
    uri: str = ""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """An in-toto statement v1: what is said (`predicate`, of a type) about which subjects."""

    type_: str = msgspec.field(name="_type", default=STATEMENT)
    subject: tuple[Resource, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


class _Signature(msgspec.Struct, frozen=True, kw_only=True):
    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A DSSE envelope; payload and signatures are base64."""

    payload: str
    payload_type: str = msgspec.field(name="payloadType", default=PAYLOAD)
    signatures: tuple[_Signature, ...]


class _PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    hint: str | None = None


class _Material(msgspec.Struct, frozen=True, kw_only=True):
    public_key: _PublicKey = msgspec.field(name="publicKey")
    tlog_entries: tuple[Any, ...] = msgspec.field(name="tlogEntries", default=())


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A Sigstore bundle over a key: what `model_signing sign key` writes and reads."""

    media_type: str = msgspec.field(name="mediaType")
    verification_material: _Material = msgspec.field(name="verificationMaterial")
    dsse_envelope: Envelope = msgspec.field(name="dsseEnvelope")


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(statement: Statement, sign: Sign, key_id: str) -> bytes:
    """The statement in a signed envelope, as JSON; the same statement gives the same payload."""
    return _written(_envelope(statement, sign, key_id))


def open_sealed(data: bytes, check: Check) -> Statement:
    """The statement of an envelope signed by the expected key.

    Nothing may stand in it beside what `seal` writes. One valid signature suffices (DSSE asks for a threshold; ours is
    one key). Raises `Corrupt` when none is valid or the payload is no statement.
    """
    try:
        envelope = msgspec.json.decode(data, type=Envelope)
    except NOT_JSON as error:
        raise Corrupt("this is no DSSE envelope.", remedy="Fetch it again.") from error
    if data != _written(envelope):
        raise Corrupt("the envelope is not as it was written.", remedy="Fetch it again.")
    return _opened(envelope, check)


def _written(envelope: Envelope) -> bytes:
    return msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n"


def model_statement(name: str, digests: Mapping[str, str]) -> Statement:
    """What OpenSSF model signing says of a folder: each file's SHA-256, and one digest over all, in order of paths."""
    ordered = sorted(digests, key=PurePosixPath)
    root = hashlib.sha256(b"".join(bytes.fromhex(digests[path]) for path in ordered)).hexdigest()
    return Statement(
        subject=(Resource(name=name, digest={"sha256": root}),),
        predicate_type=MODEL_SIGNATURE,
        predicate={
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [{"name": path, "algorithm": "sha256", "digest": digests[path]} for path in ordered],
        },
    )


def sign_model(name: str, digests: Mapping[str, str], sign: Sign, public_pem: bytes) -> bytes:
    """A `model.sig` that the OpenSSF tool verifies; `sign` is ECDSA over a NIST curve with the curve's hash, in DER."""
    bundle = Bundle(
        media_type=BUNDLE,
        verification_material=_Material(public_key=_PublicKey(hint=hashlib.sha256(public_pem).hexdigest())),
        dsse_envelope=_envelope(model_statement(name, digests), sign, ""),
    )
    return msgspec.json.encode(bundle)


def as_written(signature: bytes) -> bool:
    """Whether a `model.sig` is, byte for byte, what `sign_model` writes; spaces and names that nobody signed are room
    for changes, which the standard tool leaves."""
    try:
        return signature == msgspec.json.encode(msgspec.json.decode(signature, type=Bundle))
    except NOT_JSON:
        return False


def read_model_signature(data: bytes, check: Check, public_pem: bytes) -> dict[str, str]:
    """The SHA-256 of every signed file by path, from a `model.sig` by this key.

    Stricter than the tool: ignored paths and links are refused, since what is ignored is not signed. Raises `Corrupt`
    for a signature that is not by the key or contradicts itself, `Invalid` for a method other than whole files.
    """
    try:
        bundle = msgspec.json.decode(data, type=Bundle)
    except NOT_JSON as error:
        raise Corrupt("this is no OpenSSF model signature made with a key.", remedy="Fetch it again.") from error
    hint = bundle.verification_material.public_key.hint
    if bundle.media_type != BUNDLE or (hint and hint != hashlib.sha256(public_pem).hexdigest()):
        raise Corrupt("the model signature names another key or form.", remedy="Ask the sender for their public key.")
    statement = _opened(bundle.dsse_envelope, check)
    if statement.predicate_type != MODEL_SIGNATURE or len(statement.subject) != 1:
        raise Corrupt("the signed statement is not about a model.", remedy="Fetch it again.")
    digests = _resources(statement.predicate)
    if statement.subject[0].digest != model_statement("", digests).subject[0].digest:
        raise Corrupt("the model signature contradicts itself.", remedy="Fetch it again.")
    return digests


class _Listed(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    algorithm: str
    digest: str


class _How(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    hash_type: str
    allow_symlinks: bool
    ignore_paths: tuple[str, ...] = ()


class _Predicate(msgspec.Struct, frozen=True, kw_only=True):
    serialization: _How
    resources: tuple[_Listed, ...]


def _resources(predicate: dict[str, Any]) -> dict[str, str]:
    try:
        said = msgspec.convert(predicate, _Predicate)
    except msgspec.ValidationError as error:
        raise Corrupt("the signed statement lists no files.", remedy="Fetch it again.") from error
    how = said.serialization
    if (how.method, how.hash_type, how.allow_symlinks) != ("files", "sha256", False):
        remedy = "Sign whole files with SHA-256 and without links."
        raise Invalid("this way of signing a model is not accepted.", path="serialization", remedy=remedy)
    if kept := [path for path in how.ignore_paths if not path.startswith(".git")]:
        raise Invalid("paths were left out of the signature.", path=kept[0], remedy="Sign the whole folder.")
    digests = {each.name: each.digest for each in said.resources}
    if len(digests) != len(said.resources) or any(each.algorithm != "sha256" for each in said.resources):
        raise Corrupt("the signed statement lists a file twice.", remedy="Fetch it again.")
    try:
        whole = all(len(bytes.fromhex(digest)) == 32 for digest in digests.values())
    except ValueError:
        whole = False
    if not whole:
        raise Corrupt("the signed statement holds a digest that is none.", remedy="Fetch it again.")
    return digests


def _envelope(statement: Statement, sign: Sign, key_id: str) -> Envelope:
    payload = msgspec.json.encode(statement, order="deterministic")
    return Envelope(
        payload=base64.b64encode(payload).decode(),
        signatures=(_Signature(sig=base64.b64encode(sign(pae(PAYLOAD, payload))).decode(), keyid=key_id),),
    )


def _decoded(text: str) -> bytes:
    """Base64 as it is written, and no other text that means the same bytes (RFC 4648 3.5); raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical")
    return data


def _opened(envelope: Envelope, check: Check) -> Statement:
    try:
        payload = _decoded(envelope.payload)
        signatures: Sequence[bytes] = [_decoded(each.sig) for each in envelope.signatures]
    except (binascii.Error, ValueError) as error:
        raise Corrupt("the envelope is not base64.", remedy="Fetch it again.") from error
    message = pae(envelope.payload_type, payload)
    if envelope.payload_type != PAYLOAD or not any(check(message, signature) for signature in signatures):
        raise Corrupt("the statement was not signed by the expected key.", remedy="Do not rely on it.")
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except NOT_JSON as error:
        raise Corrupt("the signed payload is no in-toto statement.", remedy="Fetch it again.") from error
    if statement.type_ != STATEMENT:
        raise Corrupt("the signed payload is no in-toto statement.", remedy="Fetch it again.")
    return statement
