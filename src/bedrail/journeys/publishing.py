"""Publishing: the newest checkpoint goes to the witnesses, and comes back with their cosignatures.

It runs beside decisions and never holds them up: a witness that is out is told in the state, the metrics and `doctor`,
and tried again. What a witness can prove against this ledger (a larger or another tree, signed by our own key) is not
passed over: the ledger then refuses to sign anything more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from bedrail.core.errors import BedrailError, Corrupt, Invalid, Refused
from bedrail.core.events.continuity import WitnessesAdopted
from bedrail.core.ports import Artifacts, Clock, Tape
from bedrail.core.values import Value
from bedrail.journeys.context import Context
from bedrail.ledger.append import Ledger
from bedrail.ledger.checkpoint import Checkpoint, NoteSignature, open_checkpoint
from bedrail.ledger.cosignature import CosignerKey, Verifiers
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.prover import Prover
from bedrail.ledger.quorum import LogKey, Witness, WitnessPolicy, parse_policy_file, witnessed
from bedrail.ledger.witness import SIZE_TYPE, Submission, accept_answer, merged

EVERY_SECONDS = 1.0
"""At most so often, and only when something was appended."""

AT_LEAST_SECONDS = 60.0
"""So often a checkpoint is sent whatever happened: witnesses say with the time that nothing newer was shown to them."""

TRIES = 3
MOST_AT_ONCE = 8

Ask = Callable[[str, str, bytes], tuple[int, str, bytes]]
"""(method, url, body) -> (status, content type, body); raises `Unavailable`."""


class Kept(Protocol):
    """Where cosigned checkpoints rest."""

    def keep(self, origin: str, at: int, size: int, note: bytes, *, met: bool) -> None:
        """Keep one."""
        ...

    def newest(self, origin: str, *, met: bool = True) -> tuple[int, int, bytes] | None:
        """(POSIX seconds, size, note) of the largest one."""
        ...

    def notes(self, origin: str) -> Mapping[int, bytes]:
        """Every kept one by size."""
        ...


class Published(Value, frozen=True, kw_only=True):
    """One round: the checkpoint's size, who cosigned it, who did not and why, and whether the quorum is met."""

    size: int
    met: bool
    cosigned: tuple[str, ...]
    troubles: dict[str, str]


@dataclass(slots=True)
class Publishing:
    """The publisher of one process. `policy` gives the digest of the witness policy in force, empty for none."""

    tape: Tape
    ledger: Ledger
    public_key: bytes
    clock: Clock
    artifacts: Artifacts
    kept: Kept
    ask: Ask
    published: Callable[[bytes], bytes]
    verifiers: Verifiers
    policy: Callable[[], str]
    last: Published | None = None
    _prover: Prover | None = None
    _sizes: dict[tuple[str, str], int] = field(default_factory=dict)
    _read: tuple[str, WitnessPolicy | None] = ("", None)

    def witnesses(self) -> WitnessPolicy | None:
        """The policy in force, or None; raises `Corrupt` or `NotFound` when its file is not the adopted one."""
        digest = self.policy()
        if digest != self._read[0]:
            self._read = (digest, parse_policy_file(self.artifacts.get(digest)) if digest else None)
        return self._read[1]

    def publish(self) -> Published | None:
        """Send the newest checkpoint to every witness that has a URL and keep what came back; None without a policy.

        Blocks for as long as witnesses take (bounded), so it is called on a thread of its own.
        """
        policy, head = self.witnesses(), self.tape.head()
        if policy is None or not head.checkpoint:
            return None
        note, checkpoint = self.published(head.checkpoint), checkpoint_in(head.checkpoint)
        reachable = [witness for witness in policy.witnesses if witness.url]
        troubles: dict[str, str] = {}
        lines: list[NoteSignature] = []
        with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="bedrail-witness") as pool:
            for witness, asked in [(w, pool.submit(self._ask_one, w, policy, note, checkpoint)) for w in reachable]:
                try:
                    lines += asked.result()
                except BedrailError as error:
                    troubles[witness.name] = error.message
        found = witnessed(merged(note, lines), policy, self.verifiers, log=self._log())
        if lines:
            at = int(self.clock.now().timestamp())
            self.kept.keep(checkpoint.origin, at, checkpoint.size, merged(note, lines), met=found.met)
        cosigned = tuple(sorted(found.times))
        self.last = Published(size=checkpoint.size, met=found.met, cosigned=cosigned, troubles=troubles)
        return self.last

    def _log(self) -> LogKey:
        return LogKey(origin=self.ledger.origin, public_key=self.public_key)

    def _ask_one(
        self, witness: Witness, policy: WitnessPolicy, note: bytes, checkpoint: Checkpoint
    ) -> list[NoteSignature]:
        """This witness's cosignatures; raises `Refused` or `Unavailable` saying why there are none."""
        url = f"{witness.url.rstrip('/')}/add-checkpoint"
        place = (witness.name, checkpoint.origin)
        keys: list[CosignerKey] = [w.key for w in policy.witnesses if w.url == witness.url]
        old = self._sizes.get(place, 0)
        for _ in range(TRIES):
            proof = tuple(self._proofs().consistency(old, checkpoint.size)) if 0 < old < checkpoint.size else ()
            status, kind, body = self.ask("POST", url, Submission(old=old, proof=proof, note=note).body())
            if status == 200:
                self._sizes[place] = checkpoint.size
                return [
                    each for each in accept_answer(note, body, keys, self.verifiers) if each.name == witness.key.name
                ]
            theirs = _size(body) if status == 409 and kind == SIZE_TYPE else None
            if theirs is None or theirs == old:
                self._compare(witness, checkpoint.origin)
                raise Refused(_REFUSALS.get(status, f"It answered with status {status}."))
            if theirs > checkpoint.size:
                self._compare(witness, checkpoint.origin)
                raise Refused(f"It has cosigned {theirs} entries already, more than these {checkpoint.size}.")
            old = theirs
        raise Refused("It was asked by somebody else all the time.")

    def _compare(self, witness: Witness, origin: str) -> None:
        """Look at what the witness holds: a tree that our key signed and that this ledger does not continue is proof.

        A witness's word alone stops nobody; our own signature under another history does.
        """
        try:
            path = f"{witness.url.rstrip('/')}/checkpoint/{sha256(origin.encode()).hexdigest()}"
            status, _, held = self.ask("GET", path, b"")
            if status == 200:
                theirs = open_checkpoint(held, origin, self.public_key, self.verifiers["ed25519"])
                self.ledger.compare(theirs, f"witness {witness.name}")
        except Corrupt as error:
            if self.ledger.refusal:
                raise Refused(self.ledger.refusal) from error
        except BedrailError:
            return  # it has no such page, or does not answer: nothing is proven

    def _proofs(self) -> Prover:
        if self._prover is None:
            self._prover = Prover(self.tape.leaves)
        return self._prover

    async def follow(self, changed: Callable[[], object], every: float = EVERY_SECONDS) -> None:
        """Publish until cancelled: soon after something was appended, and at least once a minute."""
        seen: object = None
        sent_at = float("-inf")
        while True:
            now = self.clock.monotonic()
            try:
                await asyncio.to_thread(self.ledger.settle_anchor)
                standing = await asyncio.to_thread(changed)
                if standing != seen or now - sent_at >= AT_LEAST_SECONDS:
                    sent_at = now
                    if await asyncio.to_thread(self.publish) is not None:
                        seen = standing
            except Exception as error:  # noqa: BLE001 (decisions go on; the state shows the trouble)
                what = error.message if isinstance(error, BedrailError) else type(error).__name__
                self.last = Published(size=0, met=False, cosigned=(), troubles={"publishing": what})
            await asyncio.sleep(every)

    def gauges(self) -> dict[str, float]:
        """For the metrics: size and age of the newest checkpoint with a quorum, and witnesses in trouble."""
        newest = self.kept.newest(self.ledger.origin)
        told = {"ledger_witnesses_in_trouble": float(len(self.last.troubles) if self.last else 0)}
        if newest is not None:
            told["ledger_witnessed_size"] = float(newest[1])
            told["ledger_witnessed_age_seconds"] = max(0.0, self.clock.now().timestamp() - newest[0])
        return told


_REFUSALS = {
    400: "It could not read the request.",
    403: "It does not trust the ledger's key.",
    404: "It does not know this ledger.",
    409: "It holds another tree of the same size: FORK.",
    422: "The ledger does not continue what it cosigned: FORK or ROLLBACK.",
}


def adopt_witnesses(ctx: Context, person: str, text: bytes, path: str) -> str:
    """Adopt a witness policy: checkpoints go to its witnesses from now on. Raises `Invalid` with the line, `Refused`.

    Its logs, when it names any, must include this ledger. Returns the file's digest.
    """
    actor = ctx.require(person, "ledger.witnesses")
    policy = parse_policy_file(text, path)
    ours = LogKey(origin=ctx.ledger.origin, public_key=ctx.public_key)
    if policy.logs and not any((log.origin, log.public_key) == (ours.origin, ours.public_key) for log in policy.logs):
        raise Invalid("this policy is for other logs.", path=path, remedy=f"Add the log line of {ours.origin}.")
    digest = ctx.artifacts.put(text)
    if digest == ctx.refresh().continuity.witnesses:
        raise Refused("these witnesses watch already.")
    ctx.append(actor, "security", WitnessesAdopted(policy=digest))
    return digest


def _size(body: bytes) -> int | None:
    text = body.decode("ascii", errors="replace").removesuffix("\n")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
