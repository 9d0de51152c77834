"""Every single bit of a ledger, flipped: each one must be found, with both signatures required.

A bundle of `--count` entries is made, and every bit of every file in it is flipped in turn. Each flip is put to the
very check that decides on that file, and every `--whole-every`-th to a whole `verify_bundle`. Prints one line of JSON;
exit code 1 when one was missed.

python bench/soak_bitflips.py [--count 300] [--whole-every 2003] [--seconds 0]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from soaking import options, report

from bedrail.core.errors import BedrailError
from bedrail.core.events import Actor, Entry, encode
from bedrail.core.events.bedside import DecisionFellBack
from bedrail.core.ports import Draft
from bedrail.keys.signing import VERIFIERS, Ed25519Signer, MlDsa44Signer, verify_ed25519
from bedrail.ledger import Ledger, export_bundle, open_checkpoint, verify_bundle
from bedrail.ledger.checkpoint import open_note, parse_vkey
from bedrail.ledger.cosignature import CosignerKey, cosigned_at, parse_cosigner_key
from bedrail.ledger.merkle import leaf_hash
from bedrail.ledger.publisher import Publisher
from bedrail.ledger.tiles import unpack_entries
from bedrail.stores import FileAnchor, SqliteStore

ORIGIN = "soak.example/ledger"
SIGNER = Ed25519Signer.from_seed(ORIGIN, b"1" * 32)
SECOND = MlDsa44Signer.from_seed(ORIGIN, b"2" * 32)
KEY = CosignerKey(name=ORIGIN, algorithm="ml-dsa-44", public_key=SECOND.public_key)


def decision(number: int) -> Draft:
    """An entry such as the bedside writes most of."""
    fact = DecisionFellBack(
        decision=f"D{number:025d}", use_case="falls-7d", candidate="c" * 64, stage="general", subject=f"{number:032x}",
        site="north", guard="inputs", reason="age is missing", record="", policy="a" * 64,
    )  # fmt: skip
    actor = Actor(auth="bearer", id="ehr", kind="token")
    at = "2026-01-01T00:00:00.000000+00:00"
    entry = Entry(actor=actor, at=at, fact=fact, id=f"E{number:025d}", node="node-1", purpose="care")
    return Draft(entry=entry, data=encode(entry))


def bundle_of(folder: Path, entries: int) -> Path:
    """A bundle with both signatures, some kept checkpoints and an artifact."""
    store = SqliteStore(folder / "ledger.db")
    ledger = Ledger(store, SIGNER, ORIGIN, FileAnchor(folder / "anchor"))
    for start in range(0, entries, 16):
        ledger.append([decision(number) for number in range(start, min(start + 16, entries))])
    publisher = Publisher(SIGNER, lambda: SECOND, lambda: 1_790_000_000)
    policy = b"name = 'soak'\n"
    made = export_bundle(
        store, folder / "bundle", ORIGIN, SIGNER.public_key, publisher, {sha256(policy).hexdigest(): policy}
    )
    ledger.close()
    store.close()
    return made


def flipped(data: bytes, bit: int) -> bytes:
    """The same bytes but for one bit."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def refuses(check: Callable[[bytes], object]) -> Callable[[bytes], bool]:
    """A check that raises, as one that says whether it found something."""

    def found(data: bytes) -> bool:
        try:
            check(data)
        except BedrailError:
            return True
        return False

    return found


def _checkpoint(note: bytes) -> None:
    open_checkpoint(note, ORIGIN, SIGNER.public_key, verify_ed25519)
    if cosigned_at(note, KEY, VERIFIERS) is None:
        raise BedrailError("the second signature is missing")


def checks_of(folder: Path) -> dict[str, Callable[[bytes], bool]]:
    """For each file that has one, the check that decides on its bytes; the others are decided by their digest."""
    return {
        "checkpoint": refuses(_checkpoint),
        "key.vkey": refuses(lambda data: parse_vkey(data.decode(errors="replace"))),
        "second.vkey": refuses(lambda data: parse_cosigner_key(data.decode(errors="replace"))),
        "manifest": refuses(lambda data: open_note(data, ORIGIN, SIGNER.public_key, verify_ed25519)),
    } | {
        path.relative_to(folder).as_posix(): refuses(
            lambda data: open_checkpoint(data, ORIGIN, SIGNER.public_key, verify_ed25519)
        )
        for path in (folder / "checkpoints").glob("*")
    }


def entry_flips(folder: Path, path: Path) -> dict[int, bool]:
    """For every bit of a bundle of entries, whether the leaf hashes in the tile beside it tell the difference."""
    data = path.read_bytes()
    tile = (folder / "tile/0" / path.relative_to(folder / "tile/entries")).read_bytes()
    leaves = [tile[at : at + 32] for at in range(0, len(tile), 32)]

    def differ(changed: bytes) -> bool:
        try:
            return [leaf_hash(entry) for entry in unpack_entries(changed)] != leaves
        except BedrailError:
            return True

    found, at = {}, 0
    for entry, leaf in zip(unpack_entries(data), leaves, strict=True):
        for bit in range(8 * at, 8 * at + 16):
            found[bit] = differ(flipped(data, bit))
        at += 2
        for bit in range(8 * len(entry)):
            found[8 * at + bit] = leaf_hash(flipped(entry, bit)) != leaf
        at += len(entry)
    return found


def whole(folder: Path, path: Path, data: bytes) -> bool:
    """Whether a whole verification finds this file changed; the file is put back."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        return not verify_bundle(folder, VERIFIERS, key=SIGNER.public_key, second=KEY).ok
    except BedrailError:
        return True
    finally:
        path.write_bytes(before)


def soak(entries: int, whole_every: int, seconds: float = 0.0) -> dict[str, float]:
    """Flip every bit; `missed` must be 0. With `seconds`, stop after so long (`flips` tells how far it came)."""
    start, flips, wholes, missed = time.monotonic(), 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = bundle_of(Path(name), entries)
        assert verify_bundle(folder, VERIFIERS, key=SIGNER.public_key, second=KEY).ok
        checks = checks_of(folder)
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            data, label = path.read_bytes(), path.relative_to(folder).as_posix()
            if label.startswith("tile/entries/"):
                decided = entry_flips(folder, path)
            else:
                digest, check = sha256(data).digest(), checks.get(label)
                decided = {
                    bit: (check(changed) if check else sha256(changed).digest() != digest)
                    for bit, changed in ((bit, flipped(data, bit)) for bit in range(8 * len(data)))
                }
            for bit in range(8 * len(data)):
                flips += 1
                found = decided[bit]
                if flips % whole_every == 0:
                    wholes += 1
                    found = whole(folder, path, flipped(data, bit)) and found
                missed += not found
            if seconds and time.monotonic() - start > seconds:
                break
        assert verify_bundle(folder, VERIFIERS, key=SIGNER.public_key, second=KEY).ok
    return {"entries": entries, "flips": flips, "whole": wholes, "missed": missed, "seconds": time.monotonic() - start}


if __name__ == "__main__":
    asked = options(__doc__, count=300, whole_every=2003)
    result = soak(asked.count, asked.whole_every, asked.seconds)
    sys.exit(report("bitflips", not result["missed"], **result))
