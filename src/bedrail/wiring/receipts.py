"""Holding a ledger to the receipts that it gave, as an audit bundle or a server shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bedrail.core.errors import NOT_JSON, Corrupt, Invalid
from bedrail.core.events import decode
from bedrail.keys.signing import VERIFIERS, verify_ed25519
from bedrail.ledger.bundle import BundleTape, cosigned_in
from bedrail.ledger.cosignature import cosigned_at, parse_cosigner_key
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.proof import LogKeys
from bedrail.ledger.receipts import Kept, hold, parse_receipts, silences
from bedrail.wire.log_view import HttpView
from bedrail.wiring.clock import SystemClock


class _BundleView:
    """`ledger.receipts.View` of a bundle."""

    def __init__(self, folder: Path) -> None:
        self.tape = BundleTape(folder)
        self.checkpoint = self.tape.head().checkpoint

    def leaves(self, start: int, stop: int) -> list[bytes]:
        return self.tape.leaves(start, stop)

    def entry_id(self, index: int) -> str:
        """The id of an entry, empty where it cannot be read."""
        for _, data in self.tape.entries(index, index + 1):
            try:
                return decode(data).id
            except NOT_JSON:
                return ""
        return ""

    def moments(self) -> Iterator[str]:
        """When each entry was made, by its own word."""
        for _, data in self.tape.entries():
            yield decode(data).at


def hold_to_receipts(
    receipts: Path,
    bundle: Path | None,
    url: str,
    pinned: LogKeys | None,
    *,
    as_of: float | None,
    max_silence: int | None,
    former: Sequence[bytes] = (),
) -> Kept:
    """Hold a bundle, or the server at this address, to the receipts in a file; no home is opened.

    Without pinned keys a bundle's own are believed; a server's must be pinned. `former` are the ledger's keys before
    the present one, which signed older receipts. Raises `Invalid` and `Corrupt`.
    """
    with receipts.open("rb") as lines:
        promises = parse_receipts(lines, str(receipts))
    if bundle is None:
        if pinned is None:
            raise Invalid("a server's key must be known.", path="--key", remedy="Give the one of `bedrail init`.")
        as_of = SystemClock().now().timestamp() if as_of is None else as_of
        view = HttpView(url)
        origin = checkpoint_in(view.checkpoint).origin
        return hold(promises, view, origin, pinned.public_key, verify_ed25519, as_of=as_of, former=former)
    origin, key, _ = cosigned_in(bundle)
    shown = _BundleView(bundle)
    key = key if pinned is None else pinned.public_key
    as_of = _taken(bundle, shown.checkpoint) if as_of is None else as_of
    found = hold(promises, shown, origin, key, verify_ed25519, as_of=as_of, former=former, entry_id=shown.entry_id)
    if max_silence is None:
        return found
    return msgspec.structs.replace(found, broken=(*found.broken, *silences(shown.moments(), max_silence, as_of)))


def _taken(bundle: Path, note: bytes) -> float | None:
    """When the bundle was taken: the time in the ledger's second signature, which is made at export."""
    second = bundle / "second.vkey"
    if not second.is_file():
        return None
    try:
        at = cosigned_at(note, parse_cosigner_key(second.read_text(encoding="utf-8")), VERIFIERS)
    except Corrupt:
        return None
    return None if at is None else float(at)
