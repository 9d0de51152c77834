"""Evidence packs: what a ledger says about one matter, in a folder that verifies alone.

Each entry lies there as it was sealed, with a proof file of its own under one checkpoint, the keys, and a signed list
of the files. The pack shows that these entries are in the ledger; that there are no others about the matter, only the
whole ledger shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bedrail.core.errors import Corrupt, NotFound
from bedrail.core.values import Value
from bedrail.ledger.bundle import Cosigned
from bedrail.ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, parse_note, parse_vkey, vkey
from bedrail.ledger.cosignature import CosignerKey, Verifiers, cosigned_at, parse_cosigner_key
from bedrail.ledger.folders import FolderWriter, about_files, read_file
from bedrail.ledger.merkle import verify_consistency
from bedrail.ledger.proof import EntryProof, LogKeys, check_proof, format_proof, parse_proof
from bedrail.ledger.publisher import Publisher

STATEMENT = "bedrail evidence pack v1"
"""First line of a pack's manifest."""

_NOTE = """This folder is an evidence pack about {about}.

  entries/INDEX.json         the facts, byte for byte as they were sealed; INDEX is the place in the ledger
  proofs/INDEX.tlog-proof    that the entry is in the ledger (https://c2sp.org/tlog-proof), each with its entry inside
  checkpoint                 the signed size and root that all proofs lead to (https://c2sp.org/tlog-checkpoint)
  key.vkey, second.vkey      the ledger's verifier keys (Ed25519, ML-DSA-44): compare them with those given to you
  cosigned/, witness.vkeys   earlier checkpoints that witnesses signed, each with a proof that `checkpoint` extends it
  files.sha256, manifest     every file of this folder, and the ledger's signature on that list

There is no patient data in it: subjects are keyed pseudonyms, and values rest elsewhere under encryption.

To verify it, either of these; neither needs the ledger or a network:
  bedrail ledger pack --check . --key KEY
  ledger-verify pack . KEY                   (tools/ledger-verify: Go, its standard library, none of our code)
"""


class Pack(Value, frozen=True, kw_only=True):
    """A verified pack: the checkpoint behind it, its entries by index, and who cosigned when (POSIX seconds)."""

    checkpoint: Checkpoint
    entries: Mapping[int, bytes]
    cosigned: tuple[tuple[str, int, int], ...]
    """(cosigner, seconds, size of the checkpoint it signed)."""


def write_pack(
    folder: Path,
    about: str,
    entries: Mapping[int, bytes],
    head: bytes,
    public_key: bytes,
    publisher: Publisher,
    proofs: tuple[Callable[[int, int], list[bytes]], Callable[[int, int], list[bytes]]],
    cosigned: Cosigned | None = None,
) -> Path:
    """Write a pack to an empty or new folder; returns the folder.

    `proofs` makes inclusion proofs (index, size) and consistency proofs (old, new). Raises `Invalid` when the folder is
    not empty, `Unavailable` when it cannot be written.
    """
    writer = FolderWriter(folder)
    note = publisher.published(head)
    checkpoint = parse_checkpoint(parse_note(note).text)
    inclusion, consistency = proofs
    writer.write("README.txt", _NOTE.format(about=about).encode())
    writer.write("key.vkey", f"{vkey(checkpoint.origin, public_key)}\n".encode())
    for line in publisher.vkeys(checkpoint.origin):
        writer.write("second.vkey", f"{line}\n".encode())
    for index, entry in sorted(entries.items()):
        path = tuple(inclusion(index, checkpoint.size))
        writer.write(f"entries/{index}.json", entry)
        writer.write(
            f"proofs/{index}.tlog-proof", format_proof(EntryProof(index=index, path=path, note=note, entry=entry))
        )
    if cosigned is not None and cosigned.notes:
        writer.write("witness.vkeys", "".join(f"{line}\n" for line in cosigned.witnesses).encode())
        for size, seen in sorted(cosigned.notes.items()):
            writer.write(f"cosigned/{size}", seen)
            path = tuple(consistency(size, checkpoint.size)) if size else ()
            writer.write(f"cosigned/{size}.consistency", b"".join(path))
    writer.write("checkpoint", note)
    writer.seal(publisher, STATEMENT, checkpoint.origin, public_key)
    return writer.folder


def check_pack(folder: Path, verifiers: Verifiers, *, keys: LogKeys | None = None) -> Pack:
    """Verify a pack from its folder alone; raises `Corrupt` with what does not hold, `NotFound` when it is no pack.

    `keys` are the ledger's keys known from elsewhere, and its own post-quantum one among them must be enclosed; without
    them the enclosed ones are believed.
    """
    folder = Path(folder)
    name, enclosed = parse_vkey(read_file(folder / "key.vkey").decode(errors="replace"))
    own_second = _second(folder)
    pinned = None if keys is None else next((each for each in keys.cosigners if each.name == name), None)
    if (keys is not None and keys.public_key != enclosed) or (pinned is not None and pinned != own_second):
        raise Corrupt("The pack's keys are not the pinned ones.", remedy="It is another ledger's, or it was made up.")
    verify = verifiers["ed25519"]
    for each in about_files(folder, name, enclosed, verify, STATEMENT):
        raise Corrupt(f"The pack was changed: {each.where} {each.what}.", remedy="Ask for it again.")
    own = LogKeys(name=name, public_key=enclosed, cosigners=() if own_second is None else (own_second,))
    note = read_file(folder / "checkpoint")
    checkpoint = open_checkpoint(note, name, enclosed, verify)
    entries: dict[int, bytes] = {}
    for path in sorted((folder / "proofs").iterdir()):
        proof = parse_proof(read_file(path))
        entry = read_file(folder / "entries" / f"{proof.index}.json")
        proven = check_proof(proof, own, verify, verifiers, entry=entry)
        if proof.note != note or path.name != f"{proof.index}.tlog-proof" or proof.entry != entry:
            raise Corrupt(f"{path.name} does not belong to this pack.", remedy="Ask for it again.")
        entries[proven.index] = entry
    if len(entries) != len(list((folder / "entries").iterdir())):
        raise Corrupt("An entry of the pack has no proof.", remedy="Ask for it again.")
    return Pack(checkpoint=checkpoint, entries=entries, cosigned=_cosigned(folder, own, checkpoint, verifiers))


def _second(folder: Path) -> CosignerKey | None:
    try:
        return parse_cosigner_key(read_file(folder / "second.vkey").decode(errors="replace"))
    except NotFound:
        return None


def _cosigned(
    folder: Path, keys: LogKeys, checkpoint: Checkpoint, verifiers: Verifiers
) -> tuple[tuple[str, int, int], ...]:
    """Every cosigned checkpoint must be the ledger's own, older than this one, and extended by it."""
    found: list[tuple[str, int, int]] = []
    if not (folder / "cosigned").is_dir():
        return ()
    lines = read_file(folder / "witness.vkeys").decode(errors="replace").splitlines()
    witnesses: Sequence[CosignerKey] = [parse_cosigner_key(line) for line in lines]
    for path in sorted((folder / "cosigned").iterdir()):
        if path.suffix == ".consistency":
            continue
        note = read_file(path)
        seen = open_checkpoint(note, keys.name, keys.public_key, verifiers["ed25519"])
        steps = read_file(path.with_name(f"{path.name}.consistency"))
        proof = [steps[at : at + 32] for at in range(0, len(steps), 32)]
        if not verify_consistency(seen.size, checkpoint.size, seen.root, checkpoint.root, proof):
            raise Corrupt(f"The checkpoint does not extend the one cosigned at {seen.size}.", remedy="Two histories.")
        times = [(each.name, cosigned_at(note, each, verifiers)) for each in witnesses]
        found += [(name, at, seen.size) for name, at in times if at is not None]
        if all(at is None for _, at in times):
            raise Corrupt(f"No known witness signed cosigned/{path.name}.", remedy="Ask for the pack again.")
    return tuple(found)
