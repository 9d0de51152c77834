"""The ledger's guards around a home: where its anchor lies, and who publishes its checkpoints to witnesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.errors import Corrupt, Invalid, Refused
from bedrail.core.ports import Tape
from bedrail.journeys.context import Context
from bedrail.keys.files import KeyFolder
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.shards import shards_of, signing_key
from bedrail.stores.anchor import FileAnchor
from bedrail.stores.chosen import is_home, open_store
from bedrail.stores.cosigned import CosignedStore
from bedrail.stores.durable import write_durably

if TYPE_CHECKING:
    from bedrail.journeys.publishing import Publishing
    from bedrail.ledger.bundle import Cosigned
    from bedrail.ledger.report import VerificationReport

ANCHOR = "anchor/checkpoint"
PLACE = "anchor/place"
RENEWED = ".renewed-anchor"
COSIGNED = "cosigned.sqlite"


@dataclass(frozen=True, slots=True)
class Anchored:
    """What the rollback guard of a home holds, and where; `note` is empty and `size` -1 when there is nothing."""

    place: Path
    size: int
    note: str


def place_anchor(home: Path, place: Path) -> None:
    """Let the anchor of a new home lie elsewhere, best on another disk; raises `Invalid` when it cannot."""
    if not place.is_absolute() or not place.parent.is_dir() or place.exists():
        raise Invalid(
            "the anchor cannot lie there.",
            path="--anchor",
            remedy="Give a new file's absolute path in a folder that is there.",
        )
    write_durably(home / PLACE, f"{place}\n".encode())


def anchor_place(home: Path) -> Path:
    """Where the anchor lies: in the home, or where `bedrail init --anchor` said."""
    try:
        return Path((home / PLACE).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return home / ANCHOR


def anchor_of(home: Path) -> Anchored:
    """The anchor of a home, also when the home refuses to open."""
    _require_keys(home)
    place = anchor_place(home)
    note = FileAnchor(place).read()
    return Anchored(place, -1 if note is None else checkpoint_in(note).size, (note or b"").decode())


def renew_anchor(
    home: Path,
    verify: Callable[[], VerificationReport],
    store: Callable[[], Tape],
    assembled: Callable[[str], Context],
    person: str,
    reason: str,
) -> int:
    """Begin a new anchor where the old one is lost for good, after verifying everything; returns the size it stands at.

    It is on record. `assembled` opens the home with the anchor of that name. Raises `Refused` while there is an anchor,
    `Corrupt` when anything but the anchor is amiss.
    """
    place = anchor_place(home)
    if FileAnchor(place).read() is not None:
        raise Refused("There is an anchor.", remedy="A ledger that contradicts it is restored: bedrail restore.")
    amiss = [each for each in verify().differences if each.kind != "missing-anchor"]
    if amiss:
        raise Corrupt(
            f"{amiss[0].where}: {amiss[0].what}.", remedy="bedrail ledger verify names all; restore a backup."
        )
    head = store().head()
    scratch = home / RENEWED
    try:
        FileAnchor(scratch).write(head.checkpoint)
        context = assembled(RENEWED)
        from bedrail.journeys.publishing import record_renewal

        record_renewal(context, person, reason, head.size)
        context.ledger.close()
        FileAnchor(place).write(scratch.read_bytes())
    finally:
        scratch.unlink(missing_ok=True)
        scratch.with_name(f".{RENEWED}.lock").unlink(missing_ok=True)
    return head.size


def require_not_lost(home: Path) -> None:
    """A home whose database is gone is not made anew: its anchor remembers what was there. Raises `Corrupt`."""
    if (home / "keys").is_dir() and not is_home(home) and (size := anchor_of(home).size) > 0:
        raise Corrupt(
            f"{home} has lost its ledger: its anchor says {size} entries.",
            remedy="Put the database back, or a backup, into this folder: bedrail restore.",
        )


def log_of(home: Path) -> tuple[str, bytes]:
    """Present origin and public key of a home's ledger, also when the home refuses to open."""
    _require_keys(home)
    keys, store = KeyFolder(home / "keys").open(), open_store(home)
    try:
        return origins_of(store, keys.origin)[-1], key_of(store, keys)
    finally:
        store.close()


def key_of(tape: Tape, keys: KeyFolder) -> bytes:
    """Which of a home's ledger keys signed its newest checkpoint; the newest key where that cannot be told."""
    known = [signer.public_key for signer in keys.signers()]
    try:
        note = tape.head().checkpoint
        return (signing_key(note, known) if note else None) or known[0]
    except Corrupt:
        return known[0]


def origins_of(tape: Tape, first: str) -> tuple[str, ...]:
    """The names that a ledger has had, shard by shard, as far as its head can be read."""
    try:
        return tuple(shard.origin for shard in shards_of(tape, tape.head(), first))
    except Corrupt:
        return (first,)


def cosigned_of(home: Path) -> dict[int, bytes]:
    """The checkpoints of a home that witnesses signed, by size; also when the home refuses to open."""
    kept = CosignedStore(home / COSIGNED)
    try:
        return kept.notes(log_of(home)[0])
    finally:
        kept.close()


def _require_keys(home: Path) -> None:
    if not (home / "keys").is_dir():
        raise Invalid(f"{home} is no Bedrail home.", path="--home", remedy="bedrail init makes one.")


def publishing_of(ctx: Context, policy: Callable[[], str]) -> Publishing:
    """What sends checkpoints to witnesses; `policy` gives the digest of the witness policy in force."""
    from bedrail.journeys.publishing import Publishing
    from bedrail.wire.witness import ask_witness

    return Publishing(
        tape=ctx.tape,
        ledger=ctx.ledger,
        clock=ctx.clock,
        artifacts=ctx.artifacts,
        kept=CosignedStore(ctx.home / COSIGNED),
        ask=ask_witness,
        published=ctx.publisher.published,
        verifiers=VERIFIERS,
        policy=policy,
        accepted_loss=lambda: ctx.refresh().continuity.accepted_loss,
    )


def gather_cosigned(ctx: Context) -> None:
    """Let exports of this context carry what witnesses signed."""
    kept = CosignedStore(ctx.home / COSIGNED)

    def cosigned() -> Cosigned | None:
        from bedrail.journeys.publishing import gathered

        return gathered(ctx, kept)

    ctx.cosigned = cosigned
