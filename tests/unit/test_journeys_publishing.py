"""The publisher against a witness in the same process: what it learns, keeps, tells, and when it beats."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt, Unavailable
from bedrail.journeys.publishing import BEAT_SECONDS, Publishing
from bedrail.journeys.witnessing import WitnessDesk
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger import Ledger
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.quorum import parse_policy_file, witnessed
from bedrail.ledger.witness import SIZE_TYPE, Submission
from bedrail.stores.cosigned import CosignedStore
from bedrail.stores.witness import WitnessMemory
from ledger_parts import ORIGIN, home, person, signer


@dataclass
class Clock:
    """A clock that the test moves."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    looks: int = 0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        self.looks += 1
        return self.at.timestamp()


@dataclass
class Witness:
    """A witness without HTTP; counts what it is asked, can be out, and can say anything."""

    folder: Path
    number: int
    clock: Clock
    asked: list[int] = field(default_factory=list)
    out: bool = False
    says: tuple[int, str, bytes] | None = None

    def __post_init__(self) -> None:
        key = signer(50 + self.number, f"w{self.number}.example")
        self.key = CosignerKey(name=key.name, algorithm="ed25519", public_key=key.public_key)
        self.memory = WitnessMemory.create(self.folder / f"w{self.number}.sqlite")
        self.memory.trust(ORIGIN, signer().public_key)
        self.desk = WitnessDesk(self.memory, {self.key: key}, VERIFIERS, self.clock)

    def answer(self, method: str, body: bytes) -> tuple[int, str, bytes]:
        if self.out:
            raise Unavailable("The witness does not answer.")
        if self.says is not None:
            return self.says
        if method == "GET":
            held = self.memory.latest(ORIGIN)
            return (404, "text/plain", b"") if held is None else (200, "text/plain", held)
        self.asked.append(int(body.split(b"\n")[0].split()[1]))
        judged, lines = self.desk.add_checkpoint(body)
        if judged.size is not None:
            return judged.status, SIZE_TYPE, f"{judged.size}\n".encode()
        return judged.status, "text/plain", lines.encode()


class House:
    """A ledger with two witnesses, of which both are asked for."""

    def __init__(self, folder: Path, quorum: str = "all") -> None:
        self.made = home(folder)
        self.clock = Clock()
        self.witnesses = [Witness(folder, number, self.clock) for number in range(2)]
        lines = [f"witness w{each.number} {each.key.vkey()} http://w{each.number}\n" for each in self.witnesses]
        self.policy = "".join(lines) + f"group g {quorum} w0 w1\nquorum g\n"
        self.kept = CosignedStore(folder / "cosigned.sqlite")
        self.digest = "d"
        self.publishing = self.publisher(self.made.ledger)

    def publisher(self, ledger: Ledger) -> Publishing:
        """A publisher that knows nothing yet, as in a new process."""
        return Publishing(
            tape=ledger._tape,
            ledger=ledger,
            clock=self.clock,
            artifacts=self,  # type: ignore[arg-type]
            kept=self.kept,
            ask=self.ask,
            published=lambda note: note,
            verifiers=VERIFIERS,
            policy=lambda: self.digest,
        )

    def get(self, digest: str) -> bytes:
        return self.policy.encode()

    def ask(self, method: str, url: str, body: bytes) -> tuple[int, str, bytes]:
        return self.witnesses[int(url[len("http://w")])].answer(method, body)

    def grow(self, count: int = 1) -> None:
        self.made.ledger.append([person(number) for number in range(count)])

    def close(self) -> None:
        self.made.close()
        self.kept.close()
        for each in self.witnesses:
            each.memory.close()


def test_both_cosign_and_the_next_time_they_are_asked_from_where_they_are(tmp_path: Path) -> None:
    """From nothing, then with a proof; what is kept has the quorum under the policy."""
    house = House(tmp_path)
    for count in (3, 4):
        house.grow(count)
        done = house.publishing.publish()
        assert done is not None
        assert (done.met, done.cosigned, done.troubles) == (True, ("w0", "w1"), {})
    assert house.witnesses[0].asked == [0, 3]
    kept = house.kept.newest(ORIGIN)
    assert kept is not None
    assert kept[1] == 7
    assert witnessed(kept[2], parse_policy_file(house.policy.encode()), VERIFIERS, log=house.publishing._log()).met
    house.close()


def test_a_publisher_that_forgot_learns_from_409(tmp_path: Path) -> None:
    """A new process asks from nothing, is told the size, and sends the proof."""
    house = House(tmp_path)
    house.grow(3)
    house.publishing.publish()
    house.grow(5)
    again = house.publisher(house.made.ledger).publish()
    assert again is not None
    assert again.met
    assert house.witnesses[0].asked == [0, 0, 3]
    house.close()


def test_a_witness_that_is_out_is_told_and_the_other_one_counts(tmp_path: Path) -> None:
    """The quorum is not met, the one cosignature is kept, and what had the quorum stays the newest that has it."""
    house = House(tmp_path)
    house.grow(3)
    house.publishing.publish()
    house.witnesses[1].out = True
    house.grow()
    done = house.publishing.publish()
    assert done is not None
    assert (done.met, done.cosigned) == (False, ("w0",))
    assert done.troubles == {"w1": "The witness does not answer."}
    assert [each[1] for met in (True, False) if (each := house.kept.newest(ORIGIN, met=met))] == [3, 4]
    assert house.publishing.gauges()["ledger_witnesses_in_trouble"] == 1
    house.close()


@pytest.mark.parametrize(
    "says",
    [
        (200, "text/plain", b""),
        (200, "text/plain", b"nonsense"),
        (200, "text/plain", "\u2014 w0.example AAAA\n".encode()),
        (409, SIZE_TYPE, b"9" * 30),
        (409, SIZE_TYPE, b"-1\n"),
        (409, SIZE_TYPE, b"999999\n"),
        (409, "text/plain", b"0\n"),
        (422, "text/plain", b""),
        (403, "text/plain", b""),
        (500, "text/html", b"<p>"),
    ],
)
def test_whatever_a_witness_says_it_stops_nobody(tmp_path: Path, says: tuple[int, str, bytes]) -> None:
    """Its word alone is a trouble of that witness; the ledger signs on."""
    house = House(tmp_path, quorum="any")
    house.witnesses[0].says = says
    house.grow(3)
    done = house.publishing.publish()
    assert done is not None
    assert done.met
    assert "w0" not in done.cosigned
    house.grow()
    house.close()


def test_a_witness_that_can_prove_more_stops_the_signing_and_becomes_the_anchor(tmp_path: Path) -> None:
    """A larger tree under our key: this process refuses, and so does every later opening."""
    house = House(tmp_path)
    house.grow(3)
    ahead = home(_folder(tmp_path))
    ahead.ledger.append([person(number) for number in range(9)])
    note = ahead.store.head().checkpoint
    house.witnesses[0].desk.add_checkpoint(Submission(old=0, proof=(), note=note).body())
    done = house.publishing.publish()
    assert done is not None
    assert "Rollback detected" in done.troubles["w0"]
    with pytest.raises(Corrupt, match="Rollback detected"):
        house.grow()
    held = house.made.anchor.read()
    assert held is not None
    assert checkpoint_in(held).size == 9
    with pytest.raises(Corrupt, match="its anchor says 9"):
        home(tmp_path)
    house.close()
    ahead.close()


def test_an_accepted_loss_is_no_news(tmp_path: Path) -> None:
    """What a witness holds of entries that a restore gave up, on record, does not stop the ledger."""
    house = House(tmp_path)
    house.grow(3)
    ahead = home(_folder(tmp_path))
    ahead.ledger.append([person(number) for number in range(9)])
    house.witnesses[0].desk.add_checkpoint(Submission(old=0, proof=(), note=ahead.store.head().checkpoint).body())
    house.publishing.accepted_loss = lambda: 9
    done = house.publishing.publish()
    assert done is not None
    assert "more than these 3" in done.troubles["w0"]
    house.grow()
    house.close()
    ahead.close()


def test_without_a_policy_nothing_is_sent(tmp_path: Path) -> None:
    """No witnesses, no questions."""
    house = House(tmp_path)
    house.digest = ""
    house.grow()
    assert house.publishing.publish() is None
    assert house.publishing.standing() is None
    assert house.witnesses[0].asked == []
    house.close()


async def _followed(house: House, seconds: int, each_second: Callable[[int], None]) -> list[int]:
    """Follow for so many seconds of the test's clock; when it beat."""
    beats: list[int] = []
    start, second = house.clock.at, 0

    async def beat() -> None:
        beats.append(second)
        house.grow()

    task = asyncio.create_task(house.publishing.follow(beat, every=0))
    for second in range(seconds):
        house.clock.at = start + timedelta(seconds=second)
        each_second(second)
        looked = house.clock.looks
        while house.clock.looks < looked + 2:  # a whole round has begun after the clock was set
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return beats


def _folder(base: Path) -> Path:
    made = base / "ahead"
    made.mkdir()
    return made


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_ledger_beats_and_is_published_every_minute(tmp_path: Path, quiet: bool) -> None:
    """After fifty seconds without an entry, and not while entries come by themselves; the newest is always sent."""
    house = House(tmp_path)
    house.grow()
    beats = asyncio.run(_followed(house, 125, lambda second: None if quiet or second % 20 else house.grow()))
    assert len(beats) == (2 if quiet else 0)
    assert all(after - before >= BEAT_SECONDS for before, after in itertools.pairwise(beats))
    newest = house.kept.newest(ORIGIN)
    assert newest is not None
    assert newest[1] >= house.made.store.head().size - 1
    house.close()
