"""A candidate leaves the house with its papers, and whoever receives it checks all of them without the house.

package/        the stored files, exactly       model.sig, model.pem   OpenSSF model signature and its public key
manifest.json   SHA-256 of each by path         bom.cdx.json           CycloneDX 1.6 bill of materials
manifest.note   C2SP note: the candidate is     bom.dsse.json          the same as a signed in-toto statement
                the SHA-256 of manifest.json    lineage/               in-toto statements in DSSE envelopes
key.vkey        key of note and statements      second.sig, .vkey      ML-DSA-44 over what the note says, and its key
card/           pages of the newest model card, where one was made; the lineage says their SHA-256
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bedrail.core.errors import NOT_JSON, Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import CandidateExported
from bedrail.core.ports import Signer, Verifier
from bedrail.core.values import Evidence, Value
from bedrail.governance.approvals import evidence_on
from bedrail.governance.views import CandidateView, UseCaseView
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate, load_candidate
from bedrail.journeys.examination import read_evidence
from bedrail.journeys.lineage import SUFFIX, key_id, read_lineage, write_lineage
from bedrail.journeys.packages import package_statement
from bedrail.journeys.papers import card_pages
from bedrail.ledger.checkpoint import NoteSignature, key_hash, open_note, parse_vkey, signature_line, vkey
from bedrail.ledger.cosignature import CosignerKey, Verifiers, parse_cosigner_key
from bedrail.models.bom import DataPart, Purpose, model_bom
from bedrail.models.package import package_from
from bedrail.models.statements import (
    Check,
    Resource,
    Statement,
    as_written,
    open_sealed,
    read_model_signature,
    seal,
    sign_model,
)

PACKAGE, MANIFEST, NOTE, KEY = "package", "manifest.json", "manifest.note", "key.vkey"
SIGNATURE, PEM, LINEAGE, BOM, SIGNED_BOM = "model.sig", "model.pem", "lineage", "bom.cdx.json", "bom.dsse.json"
CARD = "card"
SECOND, SECOND_KEY = "second.sig", "second.vkey"
PARTS = frozenset({PACKAGE, MANIFEST, NOTE, KEY, SIGNATURE, PEM, LINEAGE, BOM, SIGNED_BOM, SECOND, SECOND_KEY, CARD})
BOM_TYPE = "https://cyclonedx.org/bom"

ModelVerifier = Callable[[bytes, bytes, bytes], bool]
"""(public key in PEM, message, DER signature) -> whether it is valid ECDSA."""

Reader = Callable[[Path, Mapping[str, str]], dict[str, bytes]]
"""(folder, SHA-256 by path) -> the files, when the folder holds exactly these; raises `Invalid` naming what differs."""


class PackageSigning(Protocol):
    """The key that signs for the OpenSSF tool."""

    @property
    def public_pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA with the curve's hash, in DER."""
        ...


class Handed(Value, frozen=True, kw_only=True):
    """What a received folder was found to be.

    `pinned` is False where the enclosed keys had to be believed; `post_quantum` is whether a second signature, by
    ML-DSA-44, holds as well. `pages` are those of the model card that came along.
    """

    candidate: str
    files: tuple[str, ...]
    statements: int
    origin: str
    pinned: bool
    post_quantum: bool
    pages: tuple[str, ...] = ()


def export_candidate(
    ctx: Context,
    person: str,
    use_case: str,
    candidate: str,
    folder: Path,
    key: PackageSigning,
    second: Signer | None = None,
) -> CandidateView:
    """Write package, signatures, lineage and bill of materials into a new folder; that it left is on record first.

    `second` is the installation's ML-DSA-44 key, where it has one. Raises `Refused` for a folder that holds something,
    `Corrupt` when package or facts are not the recorded ones.
    """
    actor = ctx.require(person, "candidate.export")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    view = ctx.use_case(use_case)
    chosen = find_candidate(view, candidate)
    files = load_candidate(ctx, chosen.candidate)
    digests = digests_of(files)
    signature = sign_model(chosen.name, digests, key.sign, key.public_pem)
    left = CandidateExported(
        candidate=chosen.candidate,
        key=sha256(key.public_pem).hexdigest(),
        signature=ctx.artifacts.put(signature),
        use_case=use_case,
    )
    ctx.append(actor, "governance", left)
    for name, data in files.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / MANIFEST).write_bytes(_manifest(digests))
    (folder / NOTE).write_bytes(package_note(ctx, chosen))
    (folder / KEY).write_text(vkey(ctx.signer.name, ctx.signer.public_key) + "\n", encoding="utf-8")
    if second is not None:
        public = CosignerKey(name=second.name, algorithm="ml-dsa-44", public_key=second.public_key)
        (folder / SECOND).write_bytes(second.sign(package_statement(chosen.candidate)))
        (folder / SECOND_KEY).write_text(public.vkey() + "\n", encoding="utf-8")
    (folder / SIGNATURE).write_bytes(signature)
    (folder / PEM).write_bytes(key.public_pem)
    bom = candidate_bom(ctx, use_case, chosen)
    about = Resource(name=chosen.name, digest={"sha256": chosen.candidate})
    said = Statement(subject=(about,), predicate_type=BOM_TYPE, predicate=bom)
    (folder / BOM).write_bytes(as_json(bom))
    (folder / SIGNED_BOM).write_bytes(seal(said, ctx.signer.sign, key_id(ctx.signer.public_key)))
    write_lineage(ctx, use_case, chosen, folder / LINEAGE)
    for name, page in card_pages(ctx, chosen.candidate).items():
        (folder / CARD).mkdir(exist_ok=True)
        (folder / CARD / name).write_bytes(page)
    return chosen


def package_note(ctx: Context, candidate: CandidateView) -> bytes:
    """The signature of admission as a C2SP signed note, which is what `package_statement` was signed as."""
    signature = bytes.fromhex(candidate.signature)
    line = signature_line(NoteSignature(ctx.signer.name, key_hash(ctx.signer.name, ctx.signer.public_key), signature))
    return package_statement(candidate.candidate) + b"\n" + line.encode()


def candidate_bom(ctx: Context, use_case: str, candidate: CandidateView) -> dict[str, Any]:
    """The CycloneDX 1.6 bill of materials of a candidate, from its package, charter and signed evidence."""
    view, charter = ctx.use_case(use_case), ctx.charter(use_case).use_case
    files = load_candidate(ctx, candidate.candidate)
    package, _ = package_from(files)
    return model_bom(
        candidate.candidate,
        package,
        Purpose(
            title=charter.title,
            intended_use=charter.intended_use,
            population=charter.population,
            owner=charter.owner,
            out_of_scope=charter.out_of_scope,
        ),
        files=digests_of(files),
        evidence=_evidence(ctx, view, candidate),
        data=_data(view, candidate),
        made_at=ctx.clock.now().isoformat(timespec="seconds"),
        version=version("bedrail"),
    )


def verify_handed(
    folder: Path,
    read: Reader,
    verifiers: Verifiers,
    verify_model: ModelVerifier,
    *,
    key: bytes | None = None,
    model_key: bytes | None = None,
    second_key: bytes | None = None,
) -> Handed:
    """Check a folder that `export_candidate` wrote, from its files alone.

    Every file of the package and no other thing, the manifest, the note over its digest, the OpenSSF signature over the
    same files, every statement of the lineage. `key` (32 bytes), `model_key` (PEM) and `second_key` (ML-DSA-44, 1,312
    bytes) pin what the enclosed keys must be; with `second_key` the second signature must be there. Raises `Corrupt`
    naming the first difference, `NotFound` or `Invalid` for what is no such folder.
    """
    verify = verifiers["ed25519"]
    strays = sorted({path.name for path in folder.iterdir()} - PARTS) if folder.is_dir() else []
    if strays:
        raise _differs(f"{strays[0]} (added)")
    try:
        name, enclosed = parse_vkey(_part(folder, KEY).decode())
        said = open_note(_part(folder, NOTE), name, enclosed, verify)
    except UnicodeDecodeError as error:
        raise _differs(KEY) from error
    if key is not None and key != enclosed:
        raise Corrupt("the folder was signed by another key than the pinned one.", remedy="Ask the sender.")
    manifest = _part(folder, MANIFEST)
    candidate = sha256(manifest).hexdigest()
    if said.encode() != package_statement(candidate):
        raise _differs(MANIFEST)
    try:
        digests = msgspec.json.decode(manifest, type=dict[str, str])
        files = read(folder / PACKAGE, digests)
    except Invalid as error:
        raise _differs(f"{PACKAGE}/{error.path}") from error
    pem = model_key or _part(folder, PEM)
    if not as_written(_part(folder, SIGNATURE)):
        raise _differs(SIGNATURE)
    signed = read_model_signature(_part(folder, SIGNATURE), lambda m, s: verify_model(pem, m, s), pem)
    if signed != digests or (model_key is not None and model_key != _part(folder, PEM)):
        raise _differs(f"{SIGNATURE} or {PEM}")
    _check_bom(folder, candidate, lambda m, s: verify(enclosed, m, s))
    pages = _check_card(folder, candidate, enclosed, verify)
    return Handed(
        candidate=candidate,
        files=tuple(files),
        statements=_lineage(folder / LINEAGE, candidate, enclosed, verify),
        origin=name.removesuffix("/evidence"),
        pinned=key is not None and model_key is not None,
        pages=pages,
        post_quantum=_second_holds(folder, candidate, verifiers["ml-dsa-44"], second_key),
    )


def verify_signed(folder: Path, signature: Path, read: Reader, verify_model: ModelVerifier, pem: bytes) -> list[str]:
    """Check any folder against an OpenSSF signature made with a key; returns the files. Nothing else may be in it.

    Stricter than the tool that signed: `.git`, empty folders, links of either kind and execute bits are differences.
    """
    digests = read_model_signature(_bytes(signature), lambda m, s: verify_model(pem, m, s), pem)
    try:
        inside = signature.resolve().relative_to(folder.resolve()).as_posix()
        digests[inside] = sha256(_bytes(signature)).hexdigest()  # the tool's own habit: model.sig beside the model
    except ValueError:
        pass
    try:
        return list(read(folder, digests))
    except Invalid as error:
        raise _differs(error.path) from error


def as_json(value: Any) -> bytes:
    """Indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 in hex of each file by path."""
    return {name: sha256(data).hexdigest() for name, data in files.items()}


def _manifest(digests: dict[str, str]) -> bytes:
    """The very bytes that the store keeps: their SHA-256 is the candidate."""
    return msgspec.json.encode(digests, order="sorted")


def _evidence(ctx: Context, view: UseCaseView, candidate: CandidateView) -> list[Evidence]:
    checks = sorted({check for _, check in view.evidence})
    found = [evidence_on(view, candidate.candidate, check) for check in checks]
    return [read_evidence(ctx, each.evidence) for each in found if each is not None]


def _data(view: UseCaseView, candidate: CandidateView) -> DataPart | None:
    known = view.datasets.get(candidate.dataset)
    if known is None:
        return None
    return DataPart(
        dataset=known.dataset,
        sha256=known.artifact,
        rows=known.rows,
        columns=known.columns,
        counts=dict(known.counts),
    )


def _second_holds(folder: Path, candidate: str, verify: Verifier, pinned: bytes | None) -> bool:
    """Whether there is a second signature; raises `Corrupt` for a false one, or none though its key is pinned."""
    there = [(folder / name).exists() for name in (SECOND, SECOND_KEY)]
    if not any(there) and pinned is None:
        return False
    try:
        key = parse_cosigner_key(_part(folder, SECOND_KEY).decode())
        signature = _part(folder, SECOND)
    except (UnicodeDecodeError, NotFound) as error:
        raise _differs(f"{SECOND} or {SECOND_KEY}") from error
    if key.algorithm != "ml-dsa-44" or (pinned is not None and pinned != key.public_key):
        raise Corrupt("the second signature is by another key than the pinned one.", remedy="Ask the sender.")
    if not verify(key.public_key, package_statement(candidate), signature):
        raise _differs(SECOND)
    return True


def _check_bom(folder: Path, candidate: str, check: Check) -> None:
    said = open_sealed(_part(folder, SIGNED_BOM), check)
    about = [resource.digest for resource in said.subject]
    if said.predicate_type != BOM_TYPE or about != [{"sha256": candidate}]:
        raise _differs(SIGNED_BOM)
    try:
        same = msgspec.json.decode(_part(folder, BOM)) == said.predicate
    except NOT_JSON:
        same = False
    if not same:
        raise _differs(BOM)


def _lineage(folder: Path, candidate: str, key: bytes, verify: Verifier) -> int:
    files = {path.name: _bytes(path) for path in sorted(folder.iterdir())} if folder.is_dir() else {}
    if strays := [name for name in files if not name.endswith(SUFFIX)]:
        raise _differs(f"{LINEAGE}/{strays[0]} (added)")
    return len(read_lineage(files, candidate, key, verify))


def _check_card(folder: Path, candidate: str, key: bytes, verify: Verifier) -> tuple[str, ...]:
    """The pages of the card that came along: each as the newest `card.made` of the lineage says, by its SHA-256."""
    files = {path.name: _bytes(path) for path in sorted((folder / CARD).iterdir())} if (folder / CARD).is_dir() else {}
    if not files:
        return ()
    sealed = {path.name: _bytes(path) for path in sorted((folder / LINEAGE).iterdir())}
    told = [s for s in read_lineage(sealed, candidate, key, verify) if s.predicate_type.endswith("/card.made/v1")]
    papers = told[-1].predicate["fact"]["papers"] if told else {}
    for name, data in files.items():
        if papers.get(name) != sha256(data).hexdigest():
            raise _differs(f"{CARD}/{name}")
    return tuple(files)


def _part(folder: Path, name: str) -> bytes:
    return _bytes(folder / name)


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise _differs(f"{path.name} (no plain file)")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no {path.name}.", path=str(path.parent), remedy="Name an exported folder.") from error


def _differs(what: str) -> Corrupt:
    return Corrupt(f"the folder is not the signed one: {what}.", remedy="Do not use it; ask the sender for it again.")
