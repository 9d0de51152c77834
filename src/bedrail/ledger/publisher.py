"""Publishing: what leaves the house bears the ledger's second, post-quantum signature beside the first.

Each commit is sealed with Ed25519 alone (`ledger/append.py`), since an ML-DSA-44 signature costs a millisecond and
2.4 kB. Whatever others will hold (the anchor, an export, a proof) is signed with both keys: whoever had a quantum
computer could forge the first line, not the second.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import msgspec

from bedrail.core.errors import NotFound
from bedrail.core.ports import Anchor, Signer
from bedrail.ledger.checkpoint import DASH, key_hash, parse_checkpoint, parse_note
from bedrail.ledger.cosignature import CosignerKey, cosign, with_signatures


class Publisher:
    """Adds the second signature to checkpoints, and signs statements that belong to an export."""

    def __init__(
        self,
        signer: Signer,
        second: Callable[[], Signer | None],
        now: Callable[[], int],
        signers: Callable[[], Sequence[Signer]] | None = None,
    ) -> None:
        """`second` gives the ML-DSA-44 key, or None while the home has none; `now` is POSIX seconds.

        `signers` finds the house's other ledger keys, for what was signed with one of them.
        """
        self._signer = signer
        self._signers = signers or (lambda: (signer,))
        self._second = second
        self._now = now
        self._last: tuple[bytes, bytes] = (b"", b"")

    @property
    def second_key(self) -> CosignerKey | None:
        """The second key as others know it, or None while there is none."""
        second = self._second()
        if second is None:
            return None
        return CosignerKey(name=second.name, algorithm="ml-dsa-44", public_key=second.public_key)

    def second_named(self, origin: str = "") -> CosignerKey | None:
        """The second key under the name of a shard: in what it signs, name and origin are the same."""
        key = self.second_key
        return key if key is None or origin in ("", key.name) else msgspec.structs.replace(key, name=origin)

    def vkeys(self, origin: str = "") -> tuple[str, ...]:
        """The verifier key lines of the second key, if there is one; the first is `checkpoint.vkey`."""
        key = self.second_named(origin)
        return () if key is None else (key.vkey(),)

    def published(self, note: bytes) -> bytes:
        """The checkpoint note with the second signature; the note itself when there is no second key.

        The same checkpoint is signed once, so that asking again gives the same bytes.
        """
        before, after = self._last
        second = self._second()
        if not note or second is None:
            return note
        if note != before:
            parsed = parse_note(note)
            checkpoint = parse_checkpoint(parsed.text)
            key = self.second_named(checkpoint.origin)
            if key is None:
                return note
            if any(each.name == key.name and each.key_hash == key.key_id for each in parsed.signatures):
                return note
            line = cosign(checkpoint, key, self._now(), second.sign)
            after = with_signatures(note, [line])
            self._last = (note, after)
        return after

    def can_sign_as(self, key: bytes) -> bool:
        """Whether the private half of this Ed25519 key is here."""
        return self._signer_of(key) is not None

    def _signer_of(self, key: bytes) -> Signer | None:
        ours = (self._signer, *self._signers())
        return next((each for each in ours if key in (b"", each.public_key)), None)

    def statement(self, text: str, origin: str = "", key: bytes = b"") -> bytes:
        """`text` as a note signed by the ledger's Ed25519 key, under the name of the shard that it is about.

        `key` is the public half of that shard's key, where it may be another one than at the start. The first line of
        the text holds a space, as no origin does. Raises `NotFound` for a key that is no longer here.
        """
        name = origin or self._signer.name
        signer = self._signer_of(key)
        if signer is None:
            raise NotFound("The key of this shard is not here.", remedy="Export the whole ledger instead.")
        signature = key_hash(name, signer.public_key) + signer.sign(text.encode())
        return f"{text}\n{DASH}{name} {base64.b64encode(signature).decode()}\n".encode()


class PublishedAnchor:
    """`core.ports.Anchor`: the anchored checkpoint is a published one."""

    def __init__(self, anchor: Anchor, publisher: Publisher) -> None:
        """Around the anchor that stores it."""
        self._anchor = anchor
        self._publisher = publisher

    def read(self) -> bytes | None:
        """The last anchored checkpoint note, or None before the first."""
        return self._anchor.read()

    def write(self, checkpoint: bytes) -> None:
        """Replace it atomically, with the second signature."""
        self._anchor.write(self._publisher.published(checkpoint))

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        """Replace `standing`, with the second signature; False when something else stands there."""
        return self._anchor.swap(standing, self._publisher.published(checkpoint))
