"""Publishing: the newest checkpoint goes to the witnesses, and comes back with their cosignatures.

It runs beside decisions and never holds them up: a witness that is out is told in the state, the metrics and `doctor`,
and tried again. What a witness can prove against this ledger (a larger or another tree, signed by our own key) is not
passed over: the ledger then refuses to sign anything more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol

from bedrail.core.errors import BedrailError, Corrupt, Invalid, Refused, Unavailable
from bedrail.core.events.continuity import AnchorRenewed, WitnessesAdopted
from bedrail.core.ports import Artifacts, Clock, Head, Tape
from bedrail.core.values import Value
from bedrail.journeys.context import Context
from bedrail.ledger.append import Ledger
from bedrail.ledger.bundle import Cosigned
from bedrail.ledger.checkpoint import Checkpoint, NoteSignature, open_checkpoint
from bedrail.ledger.cosignature import CosignerKey, Verifiers
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.prover import Prover
from bedrail.ledger.quorum import LogKey, Witness, WitnessPolicy, parse_policy_file, witnessed
from bedrail.ledger.shards import shards_of
from bedrail.ledger.witness import SIZE_TYPE, Submission, accept_answer, merged

EVERY_SECONDS = 1.0
"""At most so often, and only when something was appended."""

AT_LEAST_SECONDS = 60.0
"""So often a checkpoint is sent whatever happened: witnesses say with the time that nothing newer was shown to them."""

BEAT_SECONDS = 50.0
"""After so long without any entry a heartbeat is appended."""

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


class WitnessStanding(Value, frozen=True, kw_only=True):
    """One witness: what it cosigned last, by its own clock."""

    name: str
    url: str
    size: int
    at: str


class Standing(Value, frozen=True, kw_only=True):
    """How the watch over the ledger stands: the largest size with a quorum, of how many entries there are."""

    quorum: str
    met: bool
    size: int
    head: int
    witnesses: tuple[WitnessStanding, ...]


@dataclass(slots=True)
class Publishing:
    """The publisher of one process.

    `policy` gives the digest of the witness policy in force, empty for none; `accepted_loss` the size up to which lost
    entries were accepted at a restore, on record: a witness that still holds these is no news.
    """

    tape: Tape
    ledger: Ledger
    clock: Clock
    artifacts: Artifacts
    kept: Kept
    ask: Ask
    published: Callable[[bytes], bytes]
    verifiers: Verifiers
    policy: Callable[[], str]
    accepted_loss: Callable[[], int] = lambda: 0
    last: Published | None = None
    _prover: Prover | None = None
    _sizes: dict[tuple[str, str], int] = field(default_factory=dict)
    _read: tuple[str, WitnessPolicy | None] = ("", None)
    _closed: str = ""

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
        self._close_former(policy, head, checkpoint.origin)
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

    def _close_former(self, policy: WitnessPolicy, head: Head, origin: str) -> None:
        """Let the witnesses cosign the end of the shard before this one, once: nothing shorter passes for it any more.

        Without it, whoever puts a home back to before the border would be watched under the former name only.
        """
        if self._closed == origin:
            return
        former = shards_of(self.tape, head, self.ledger.first_origin)[-2:-1]
        for final in (shard.final.encode() for shard in former):
            note, checkpoint = self.published(final), checkpoint_in(final)
            lines: list[NoteSignature] = []
            for witness in policy.witnesses:
                try:
                    lines += self._ask_one(witness, policy, note, checkpoint) if witness.url else []
                except Unavailable:
                    return  # asked again at the next round
                except Refused:
                    continue  # it does not know that name, and has nothing of it that could be cut short
            if lines:
                at = int(self.clock.now().timestamp())
                self.kept.keep(checkpoint.origin, at, checkpoint.size, merged(note, lines), met=False)
        self._closed = origin

    def _key_under(self, origin: str) -> bytes:
        """With which key the shard of this name is signed."""
        shards = shards_of(self.tape, self.tape.head(), self.ledger.first_origin)
        told = next((shard.key for shard in shards if shard.origin == origin), "")
        return bytes.fromhex(told) if told else self.ledger.public_key

    def _log(self) -> LogKey:
        return LogKey(origin=self.ledger.origin, public_key=self.ledger.public_key)

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
                theirs = open_checkpoint(held, origin, self._key_under(origin), self.verifiers["ed25519"])
                if theirs.size > self.accepted_loss():
                    self.ledger.compare(held, f"witness {witness.name}")
        except Corrupt as error:
            if self.ledger.refusal:
                raise Refused(self.ledger.refusal) from error
        except BedrailError:
            return  # it has no such page, or does not answer: nothing is proven

    def _proofs(self) -> Prover:
        if self._prover is None:
            self._prover = Prover(self.tape.leaves)
        return self._prover

    async def follow(self, beat: Callable[[], Awaitable[object]], every: float = EVERY_SECONDS) -> None:
        """Publish until cancelled: soon after something was appended, and at least once a minute.

        A ledger to which nobody appended for most of a minute gets a heartbeat, so that silence is a sign.
        """
        sent, sent_at = b"", float("-inf")
        seen, seen_at = b"", self.clock.monotonic()
        while True:
            now = self.clock.monotonic()
            try:
                standing = await asyncio.to_thread(self._settled)
                if standing != seen:
                    seen, seen_at = standing, now
                elif now - seen_at >= BEAT_SECONDS:
                    seen_at = now
                    await beat()
                if standing != sent or now - sent_at >= AT_LEAST_SECONDS:
                    sent, sent_at = standing, now
                    await asyncio.to_thread(self.publish)
            except Exception as error:  # noqa: BLE001 (decisions go on; the state shows the trouble)
                what = error.message if isinstance(error, BedrailError) else type(error).__name__
                self.last = Published(size=0, met=False, cosigned=(), troubles={"publishing": what})
            await asyncio.sleep(every)

    def _settled(self) -> bytes:
        """The newest checkpoint, after the anchor has caught up with it."""
        self.ledger.settle_anchor()
        return self.tape.head().checkpoint

    def standing(self) -> Standing | None:
        """What each witness cosigned last, from what is kept; None without a policy."""
        policy = self.witnesses()
        if policy is None:
            return None
        told: dict[str, tuple[int, int]] = {}
        best = 0
        for size, note in sorted(self.kept.notes(self.ledger.origin).items()):
            found = witnessed(note, policy, self.verifiers, log=self._log())
            told |= {name: (size, at) for name, at in found.times.items()}
            best = size if found.met else best
        head = self.tape.head()
        return Standing(
            quorum=policy.quorum,
            met=policy.met_by(()) or best > 0,
            size=best,
            head=head.size,
            witnesses=tuple(
                WitnessStanding(
                    name=each.name,
                    url=each.url,
                    size=told.get(each.name, (0, 0))[0],
                    at=datetime.fromtimestamp(told[each.name][1], UTC).isoformat() if each.name in told else "",
                )
                for each in policy.witnesses
            ),
        )

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


def gathered(ctx: Context, kept: Kept) -> Cosigned | None:
    """What witnesses signed, for whoever exports: the kept checkpoints and the keys of the policy in force."""
    notes, digest = kept.notes(ctx.ledger.origin), ctx.refresh().continuity.witnesses
    if not notes or not digest:
        return None
    policy = parse_policy_file(ctx.artifacts.get(digest))
    return Cosigned(notes=notes, witnesses=tuple(witness.key.vkey() for witness in policy.witnesses))


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


def record_renewal(ctx: Context, person: str, reason: str, size: int) -> None:
    """Put on record that the anchor was lost and begun anew at this size."""
    actor = ctx.named(person, "ledger.anchor")
    ctx.append(actor, "security", AnchorRenewed(reason=reason, size=size))


def _size(body: bytes) -> int | None:
    text = body.decode("ascii", errors="replace").removesuffix("\n")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
