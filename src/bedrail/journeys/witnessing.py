"""The witness's one deed: look at a checkpoint, remember it durably, cosign it; or say why not.

It knows nothing of any home: it has a memory, keys and a clock of its own, and usually another owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bedrail.core.errors import Invalid
from bedrail.core.ports import Clock, Signer
from bedrail.ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note, signature_line
from bedrail.ledger.cosignature import CosignerKey, Verifiers, cosign
from bedrail.ledger.witness import Judged, judge, merged, parse_submission, signed_by


class Memory(Protocol):
    """What a witness remembers."""

    def keys(self, origin: str) -> list[bytes]:
        """The public keys that may sign for this origin."""
        ...

    def latest(self, origin: str) -> bytes | None:
        """The latest cosigned checkpoint."""
        ...

    def turn(self, origin: str) -> AbstractContextManager[tuple[bytes | None, Callable[[int, bytes], None]]]:
        """The latest note and how to replace it, under a lock; durable when the context ends."""
        ...

    def keep_evidence(self, origin: str, at: int, held: bytes, submitted: bytes) -> None:
        """Keep a contradiction."""
        ...


@dataclass(frozen=True, slots=True)
class WitnessDesk:
    """One witness: memory, keys, clock."""

    memory: Memory
    signers: Mapping[CosignerKey, Signer]
    verifiers: Verifiers
    clock: Clock

    def add_checkpoint(self, body: bytes) -> tuple[Judged, str]:
        """The verdict on an `add-checkpoint` body, and the cosignature lines when it is 200.

        The new checkpoint is durable before this returns. Raises `Unavailable` when the memory cannot be written; then
        nothing was cosigned.
        """
        try:
            submission, note, checkpoint = parse_submission(body)
        except Invalid as error:
            return Judged(status=400, why=error.message), ""
        keys = self.memory.keys(checkpoint.origin)
        if not keys:
            return Judged(status=404, why="the log is not known here"), ""
        if not signed_by(note, checkpoint.origin, keys, self.verifiers["ed25519"]):
            return Judged(status=403, why="no trusted key of the log signed this"), ""
        with self.memory.turn(checkpoint.origin) as (held, keep):
            latest = None if held is None else parse_checkpoint(parse_note(held).text)
            judged = judge(submission, checkpoint, latest)
            if judged.status == 200:
                at = int(self.clock.now().timestamp())
                lines = [cosign(checkpoint, key, at, each.sign) for key, each in self.signers.items()]
                keep(checkpoint.size, merged(submission.note, lines))
        if judged.status != 200:
            self._remember_misdeed(judged, checkpoint, held, body)
            return judged, ""
        return judged, "".join(map(signature_line, lines))

    def _remember_misdeed(self, judged: Judged, checkpoint: Checkpoint, held: bytes | None, body: bytes) -> None:
        if judged.misbehaved and held is not None:
            self.memory.keep_evidence(checkpoint.origin, int(self.clock.now().timestamp()), held, body)
