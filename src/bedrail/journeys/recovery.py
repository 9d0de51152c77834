"""Backup and restore: a home as it was at one moment, proven whole, and proven complete or accepted as not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest
from pathlib import Path

import msgspec

from bedrail.core.errors import NOT_JSON, Corrupt, Invalid, Refused
from bedrail.core.events import BackupTaken, LedgerRestored, decode
from bedrail.core.ports import Anchor, Tape, Verifier
from bedrail.core.values import Value
from bedrail.governance.access import authorise
from bedrail.governance.orders import ORDER
from bedrail.governance.views import Registry
from bedrail.journeys.context import Context, Views
from bedrail.journeys.upkeep import verify_house
from bedrail.ledger.checkpoint import Checkpoint
from bedrail.ledger.merkle import CompactRange
from bedrail.ledger.shards import open_sealed, signing_key

LEDGER = "ledger.sqlite"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"

_LEFT_OUT = ("anchor", "keys", "store.toml", LEDGER)
"""Not copied as files: the anchor must not come back with the database, the ledger is copied by its store."""

_PASSING = ("-wal", "-shm", "-journal", ".lock", ".sock", ".pid")
_UNFINISHED = (".writing-", ".keys-", ".new-", ".restoring")


class Manifest(Value, frozen=True, kw_only=True):
    """What a backup holds: SHA-256 of every file by POSIX path, and the signed checkpoint of its ledger."""

    origin: str
    made_at: str
    keys: bool
    size: int
    root: str
    checkpoint: str
    files: dict[str, str]


def back_up(
    ctx: Context,
    person: str,
    folder: Path,
    *,
    copy_ledger: Callable[[Path], None],
    copied_head: Callable[[Path], bytes],
    copy_database: Callable[[Path, Path], None],
    keys: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Copy the home into an empty folder while it goes on serving; that it was taken is on record before it leaves.

    `copy_ledger` writes the store at one moment into a file, `copied_head` reads the signed checkpoint in that file,
    `copy_database` copies another SQLite file of the home. Artifacts are copied after the ledger, so that every one
    that a fact names is there. Keys stay at home unless asked for: whoever has both can read everything.
    """
    actor = ctx.require(person, "backup.take")
    if keys and actor.auth.startswith(ORDER):
        raise Refused("no timer takes the keys away.", remedy="A person who is signed in: bedrail backup --with-keys")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    ctx.append(actor, "governance", BackupTaken(size=ctx.ledger.head().size, keys=keys))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    told("ledger")
    copy_ledger(folder / LEDGER)
    note = copied_head(folder / LEDGER)
    told("files")
    for path in sorted(_files(ctx.home, keys=keys)):
        _copy_file(ctx.home / path, folder / path, copy_database)
    told("digests")
    checkpoint = open_sealed(note, ctx.public_key, ctx.verify)
    manifest = Manifest(
        origin=ctx.ledger.first_origin,
        made_at=ctx.clock.now().isoformat(timespec="seconds"),
        keys=keys,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        checkpoint=note.decode(),
        files={path.as_posix(): _digest(folder / path) for path in sorted(_all(folder))},
    )
    data = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1)
    (folder / MANIFEST).write_bytes(data)
    (folder / SIGNATURE).write_text(ctx.signer.sign(data).hex() + "\n", encoding="ascii")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest, once every file is there, none more, each with its digest; raises `Invalid` or `Corrupt`."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise Invalid(
            "holds no backup.", path=str(folder), remedy="Name the folder given to bedrail backup."
        ) from error
    except NOT_JSON as error:
        raise Corrupt("The backup's manifest cannot be read.", remedy="Use another backup.") from error
    there = {path.as_posix() for path in _all(folder)} - {MANIFEST, SIGNATURE}
    for name in sorted(there ^ set(manifest.files)):
        raise Corrupt(f"The backup's {name} is {'not in the manifest' if name in there else 'missing'}.", remedy=_OTHER)
    for name, digest in manifest.files.items():
        if _digest(folder / name) != digest:
            raise Corrupt(f"The backup's {name} is not what was written.", remedy=_OTHER)
    return manifest


def require_signed(folder: Path, origin: str, public_key: bytes, verify: Verifier) -> str:
    """That these keys' home made this backup; returns the manifest's digest. Raises `Corrupt`."""
    data = (folder / MANIFEST).read_bytes()
    try:
        signature = bytes.fromhex((folder / SIGNATURE).read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        signature = b""
    if not verify(public_key, data, signature) or msgspec.json.decode(data, type=Manifest).origin != origin:
        raise Corrupt("The backup was not made by the home of these keys.", remedy="Name the keys that belong to it.")
    return _digest(folder / MANIFEST)


def require_restorer(tape: Tape, person: str, now: float) -> None:
    """That the restored facts let this person (the first owner by default) restore: before anything is put in place.

    Raises `Refused`.
    """
    known = Registry()
    for index, data in tape.registry_entries(0):
        known.apply(index, decode(data))
    authorise(known, person or next(iter(known.holders("owner")), ""), "backup.restore", now)


def put_files(folder: Path, home: Path, manifest: Manifest) -> None:
    """Copy every file of the backup but ledger and keys into the home; those that are there already stay."""
    for name in manifest.files:
        if name != LEDGER and not name.startswith("keys/") and not (home / name).exists():
            _copy_file(folder / name, home / name, None)


def what_is_lost(restored: Tape, newest: Checkpoint | None) -> tuple[int, int]:
    """(size, newest) when signed entries from `size` to `newest - 1` are missing, (size, size) when none is.

    `newest` is the newest checkpoint of this ledger that is known from outside the backup. One that is no larger must
    be a prefix of what was restored: `Corrupt` otherwise, since then one of the two is of another history.
    """
    size = restored.head().size
    if newest is None:
        return size, 0
    if newest.size > size:
        return size, newest.size
    tree = CompactRange()
    for start in range(0, newest.size, _LEAVES):
        tree.extend(restored.leaves(start, min(start + _LEAVES, newest.size)))
    if tree.root() != newest.root:
        raise Corrupt(
            f"The backup and the checkpoint of {newest.size} entries are of different histories.",
            remedy="Keep both, and ask whoever holds the witness or the receipts.",
        )
    return size, size


def require_complete(size: int, newest: int, reason: str) -> None:
    """Raise `Refused` unless nothing signed is missing, or somebody accepts, with a reason, that it is."""
    if newest == size or reason.strip():
        return
    if newest == 0:
        raise Refused(
            "Whether signed entries are missing cannot be told: no checkpoint from outside the backup was found.",
            remedy="Name the newest one (--anchor FILE), or accept the loss: --accept-loss REASON.",
        )
    raise Refused(
        f"{newest - size} signed entries are missing: {size} to {newest - 1}.",
        remedy="Restore a newer backup, or accept the loss: --accept-loss REASON.",
    )


def prove(
    manifest: Manifest,
    tape: Tape,
    views: Views,
    newest: bytes | None,
    own: Anchor,
    public_keys: Sequence[bytes],
    verify: Verifier,
    accept_loss: str,
) -> tuple[int, int]:
    """(size, newest known size) of a store that was filled from a backup, once it is proven whole.

    `newest` is the newest signed checkpoint from outside the backup, `own` an anchor that holds the backup's own one.
    Raises `Refused` for a loss that nobody accepts, `Corrupt` for a backup whose ledger, views or records differ from
    what its own signed checkpoint covers.
    """
    known = None if newest is None else open_sealed(newest, _signing(newest, public_keys), verify)
    size, upto = what_is_lost(tape, known)
    require_complete(size, upto, accept_loss)
    signed = _signing(manifest.checkpoint.encode(), public_keys)
    report = verify_house(tape, views, own, manifest.origin, signed, verify)
    if not report.ok or report.root != manifest.root:
        count = len(report.differences)
        raise Corrupt(f"The backup's ledger is not whole ({count} differences).", remedy="Use another backup.")
    return size, upto


def record_restore(ctx: Context, person: str, backup: str, size: int, newest: int, reason: str) -> None:
    """Put on record that, and from what, the home was restored, and what was lost by it."""
    actor = ctx.named(person, "backup.restore")
    ctx.append(
        actor,
        "governance",
        LedgerRestored(backup=backup, size=size, newest=newest, reason=reason.strip() if newest != size else ""),
    )


def _signing(note: bytes, public_keys: Sequence[bytes]) -> bytes:
    """With which of the home's ledger keys this was signed."""
    found = signing_key(note, public_keys)
    if found is None:
        raise Corrupt(
            "It was signed by a key that this home does not hold.",
            remedy="Use a backup from after the change of key, or the keys that belong to this one: --keys FOLDER.",
        )
    return found


_LEAVES = 65_536
"""Leaf hashes in memory at once."""

_OTHER = "Use another backup: this one was damaged or changed."


def _files(home: Path, *, keys: bool) -> Iterator[Path]:
    for path in _all(home):
        kept = path.parts[0] not in _LEFT_OUT or (keys and path.parts[0] == "keys")
        if kept and not path.name.endswith(_PASSING) and not any(part.startswith(_UNFINISHED) for part in path.parts):
            yield path


def _all(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder)


def _copy_file(source: Path, target: Path, copy_database: Callable[[Path, Path], None] | None) -> None:
    """With its mode, and its folder's; a file that is gone meanwhile was a passing one."""
    if not target.parent.exists():
        target.parent.mkdir(parents=True, mode=0o700)
    try:
        if copy_database is not None and source.suffix == ".sqlite":
            copy_database(source, target)
        else:
            shutil.copy2(source, target, follow_symlinks=False)
        shutil.copystat(source.parent, target.parent)
    except FileNotFoundError:
        return


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
