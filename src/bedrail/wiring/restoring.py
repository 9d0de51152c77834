"""A home put back from a backup: keys, store and anchor found, filled and proven before it is a home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bedrail.core.errors import Invalid, Refused
from bedrail.journeys import recovery
from bedrail.journeys.context import Context
from bedrail.keys.files import KeyFolder, verify_ed25519
from bedrail.stores import copies
from bedrail.stores.anchor import FileAnchor
from bedrail.stores.chosen import is_home
from bedrail.wiring.clock import SystemClock
from bedrail.wiring.continuity import anchor_place

KEYS = "keys"
SCRATCH = ".restoring"
SCRATCH_ANCHOR = f"{SCRATCH}/checkpoint"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: the size and root of its ledger, and which entries are lost, if any are."""

    size: int
    root: str
    lost: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to restore from, and into what: a folder of keys, the newest known checkpoint, a PostgreSQL address.

    Without them: the backup's keys or the home's own, the home's own anchor, SQLite.
    """

    keys: Path | None = None
    anchor: Path | None = None
    store: str = ""


def restore_home(
    folder: Path,
    home: Path,
    sources: Sources,
    assembled: Callable[[str], Context],
    *,
    person: str,
    accept_loss: str,
    told: Callable[[str], None],
) -> Restored:
    """Put a home back from a backup; `assembled` opens it with the anchor of that name.

    Raises `Refused` over a home that is there, for a person who may not, or when signed entries are missing and nobody
    says why to go on; `Corrupt` for a backup that is damaged, of another history, or of another home than the keys.
    """
    if is_home(home):
        raise Refused(f"{home} is a home already.", remedy="Restore into a new folder, and keep the old one.")
    for path, option in ((sources.keys, "--keys"), (sources.anchor, "--anchor")):
        if path is not None and not path.exists():
            raise Invalid(f"{path} is not there.", path=option, remedy="Check the path.")
    told("digests")
    manifest = recovery.read_manifest(folder)
    source = _keys(folder, home, sources.keys, manifest)
    keys = KeyFolder(source).open()
    backup = recovery.require_signed(folder, keys.origin, keys.public_key("evidence"), verify_ed25519)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(home / SCRATCH, ignore_errors=True)
    if source != home / KEYS:
        shutil.copytree(source, home / SCRATCH / KEYS)
        (home / SCRATCH / KEYS).rename(home / KEYS)  # half a set of keys is never seen
    place = anchor_place(home)
    newest = FileAnchor(sources.anchor or place).read()
    own = FileAnchor(home / SCRATCH_ANCHOR)
    try:
        own.write(manifest.checkpoint.encode())
        told("ledger, verifying")
        with copies.arriving(folder / recovery.LEDGER, home, sources.store) as arrived:
            public_keys = [signer.public_key for signer in keys.signers()]
            size, known = recovery.prove(
                manifest, arrived, arrived, newest, own, public_keys, verify_ed25519, accept_loss
            )
            recovery.require_restorer(arrived, person, SystemClock().now().timestamp())
            told("files")
            recovery.put_files(folder, home, manifest)
        # Beside the old anchor a shortened ledger does not open: it stays until the loss is on record.
        context = assembled(SCRATCH_ANCHOR)
        recovery.record_restore(context, person, backup, size, known, accept_loss)
        context.ledger.close()
        _replace_anchor(place, home / SCRATCH_ANCHOR)
    finally:
        shutil.rmtree(home / SCRATCH, ignore_errors=True)
    lost = f"entries {size} to {known - 1}" if known > size else "" if known else "unknown, no outside checkpoint"
    return Restored(size, manifest.root, lost)


def _replace_anchor(place: Path, new: Path) -> None:
    """The former anchor stays beside the new one: it is the evidence of what was lost."""
    former = FileAnchor(place).read()
    if former is not None:
        FileAnchor(place.with_name(f"{place.name}.before-restore")).write(former)
    FileAnchor(place).write(new.read_bytes())


def _keys(folder: Path, home: Path, keys: Path | None, manifest: recovery.Manifest) -> Path:
    """The folder of keys to use; one that is in the home already is never replaced, nor silently preferred."""
    own = home / KEYS
    source = keys if keys is not None else folder / KEYS if manifest.keys and not own.exists() else own
    if not (source / "origin").is_file():
        what = "that is no folder of keys." if keys is not None else "the backup holds no keys."
        raise Invalid(what, path="--keys", remedy="Name the copy of the home's keys folder.")
    if source != own and own.exists():
        if _same(source, own):
            return own
        raise Refused(f"{own} is there, with other keys.", remedy="Leave out --keys to use it, or move it away.")
    return source


def _same(one: Path, other: Path) -> bool:
    """Whether two folders of keys are the same, byte for byte."""
    held = [
        {each.relative_to(at): each.read_bytes() for each in at.rglob("*") if each.is_file()} for at in (one, other)
    ]
    return held[0] == held[1]
