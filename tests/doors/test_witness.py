"""A real witness process, asked over HTTP: every MUST of https://c2sp.org/tlog-witness."""

from __future__ import annotations

import base64
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

import pytest

from bedrail.app import open_witness
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger import Checkpoint, sign_checkpoint
from bedrail.ledger.checkpoint import parse_checkpoint, parse_note
from bedrail.ledger.cosignature import CosignerKey, cosigned_at
from bedrail.ledger.witness import Submission, accept_answer
from witness_parts import Log, WitnessProcess, made_witness, running_witness

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from soak_witness import soak
from soaking import Progress

SIZE = "text/x.tlog.size"


class House:
    """One witness for the tests of this file; each test has a log of its own."""

    def __init__(self, witness: WitnessProcess, keys: tuple[CosignerKey, ...], logs: Iterator[Log]) -> None:
        self.witness, self.keys, self._logs = witness, keys, logs

    def log(self, size: int = 40) -> Log:
        """A log that was never cosigned."""
        return next(self._logs).grow(size)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A witness with both kinds of keys that trusts forty logs."""
    folder = tmp_path_factory.mktemp("witness") / "w"
    logs = [Log(f"log-{number}.example") for number in range(40)]
    keys = made_witness(folder, logs, post_quantum=True)
    with running_witness(folder) as witness:
        yield House(witness, keys, iter(logs))


def test_a_first_checkpoint_and_its_extension_are_cosigned(house: House) -> None:
    """200, with one valid cosignature line for each key, and the time of now; the proof leads from old to new."""
    log = house.log()
    before = int(datetime.now(UTC).timestamp())
    for old, new in ((0, 3), (3, 3), (3, 17), (17, 40)):
        submission = log.submission(old, new)
        status, _, body = house.witness.add(submission)
        assert status == 200, body
        lines = body.decode().splitlines(keepends=True)
        assert len(lines) == len(house.keys) == 2
        assert all(line.startswith("\u2014 ") and line.endswith("\n") for line in lines)
        found = accept_answer(submission.note, body, house.keys, VERIFIERS)
        assert len(found) == 2
        assert all(
            before <= int.from_bytes(each.signature[:8], "big") <= datetime.now(UTC).timestamp() for each in found
        )
    assert parse_checkpoint(parse_note(house.witness.latest(log.origin)).text) == log.checkpoint(40)


def test_an_unknown_origin_is_404(house: House) -> None:
    """A log that the witness does not trust."""
    assert house.witness.add(Log("stranger.example").grow(3).submission(0, 3))[0] == 404


def test_a_checkpoint_that_no_trusted_key_signed_is_403(house: House) -> None:
    """Another key under the log's name; a signature over other bytes; and nothing is remembered."""
    log = house.log()
    assert house.witness.add(Log(log.origin, 9).grow(3).submission(0, 3))[0] == 403
    signed = log.note(3).partition(b"\n\n")
    forged = log.note(4).partition(b"\n\n")[0] + b"\n\n" + signed[2]
    assert house.witness.add(Submission(old=0, proof=(), note=forged))[0] == 403
    assert house.witness.add(log.submission(0, 5))[0] == 200


def test_signatures_of_unknown_keys_are_passed_over(house: House) -> None:
    """Further lines, before and after the log's own, change nothing."""
    log = house.log()
    text, _, line = log.note(3).partition(b"\n\n")
    other = Log("other.example", 3).grow(3).note(3).partition(b"\n\n")[2]
    assert house.witness.add(b"old 0\n\n" + text + b"\n\n" + other + line + other)[0] == 200


def test_an_old_size_above_the_new_one_is_400(house: House) -> None:
    """Whatever the witness remembers."""
    log = house.log()
    assert house.witness.add(Submission(old=5, proof=(), note=log.note(4)))[0] == 400


def test_an_old_size_that_is_not_the_latest_is_409_with_the_latest(house: House) -> None:
    """The body is the size and a newline, of type text/x.tlog.size; zero before the first."""
    log = house.log()
    assert house.witness.add(log.submission(2, 4)) == (409, SIZE, b"0\n")
    assert house.witness.add(log.submission(0, 7))[0] == 200
    assert house.witness.add(log.submission(0, 9)) == (409, SIZE, b"7\n")
    assert house.witness.add(log.submission(5, 9)) == (409, SIZE, b"7\n")
    assert house.witness.add(log.submission(0, 5)) == (409, SIZE, b"7\n")


def test_another_tree_of_the_same_size_is_409_and_kept_as_evidence(house: House) -> None:
    """The first fork is remembered with both sides signed by the log; the standing checkpoint stays."""
    log = house.log()
    assert house.witness.add(log.submission(0, 20))[0] == 200
    fork = log.forked(12, "b")
    status, kind, body = house.witness.add(Submission(old=20, proof=(), note=fork.note(20)))
    assert (status, kind, body) == (409, SIZE, b"20\n")
    opened = open_witness(house.witness.folder)
    held, refused = next((e[2], e[3]) for e in opened.memory.evidence() if e[0] == log.origin)
    opened.close()
    assert parse_checkpoint(parse_note(held).text) == log.checkpoint(20)
    assert refused.endswith(fork.note(20))


def test_a_proof_that_does_not_hold_is_422_and_nothing_is_remembered(house: House) -> None:
    """A fork's proof, a proof too many or too few, a swapped one, a proof from nothing, a proof between equal sizes."""
    log = house.log()
    assert house.witness.add(log.submission(0, 9))[0] == 200
    sound = log.submission(9, 21)
    fork = log.forked(5, "b").submission(9, 21)
    wrong = [
        fork,
        Submission(old=9, proof=sound.proof[:-1], note=sound.note),
        Submission(old=9, proof=(*sound.proof, sound.proof[0]), note=sound.note),
        Submission(old=9, proof=(sound.proof[1], sound.proof[0], *sound.proof[2:]), note=sound.note),
        Submission(old=9, proof=(), note=sound.note),
        Submission(old=9, proof=(sound.proof[0],), note=log.note(9)),
    ]
    assert [house.witness.add(each)[0] for each in wrong] == [422] * len(wrong)
    assert house.witness.add(sound)[0] == 200
    fresh = house.log()
    assert house.witness.add(Submission(old=0, proof=(sound.proof[0],), note=fresh.note(3)))[0] == 422


def test_an_empty_tree_has_the_one_empty_root(house: House) -> None:
    """Size 0 is cosigned with SHA-256 of nothing, and with no other root."""
    log = house.log()
    odd = sign_checkpoint(Checkpoint(origin=log.origin, size=0, root=bytes(32)), log.signer)
    assert house.witness.add(Submission(old=0, proof=(), note=odd)) == (409, SIZE, b"0\n")
    assert house.witness.add(log.submission(0, 0))[0] == 200
    assert house.witness.add(log.submission(0, 6))[0] == 200


def test_a_malformed_body_is_400(house: House) -> None:
    """Each part of the format, broken once."""
    log = house.log()
    note = log.note(3)
    line = base64.b64encode(bytes(32))
    bodies = [
        b"",
        note,
        b"old 0\n" + note,
        b"old 00\n\n" + note,
        b"old -1\n\n" + note,
        b"old  0\n\n" + note,
        b"old 0 \n\n" + note,
        b"Old 0\n\n" + note,
        b"old 0\r\n\r\n" + note,
        b"old \xd9\xa0\n\n" + note,
        b"old 99999999999999999999\n\n" + note,
        b"old 0\n\n\n" + note,
        b"old 3\nnotbase64!\n\n" + note,
        b"old 3\n" + line[:-1] + b"\n\n" + note,
        b"old 3\n" + base64.b64encode(bytes(31)) + b"\n\n" + note,
        b"old 3\n" + (line + b"\n") * 64 + b"\n" + note,
        b"old 0\n\n" + note[:-1],
        b"old 0\n\n" + note.partition(b"\n\n")[0] + b"\n",
        b"old 0\n\n" + note.replace(b"\n3\n", b"\n03\n"),
    ]
    assert [house.witness.add(body)[0] for body in bodies] == [400] * len(bodies)
    assert house.witness.add(b"old 3\n" + (line + b"\n") * 63 + b"\n" + note)[0] == 409
    assert house.witness.add(b"old 0\n\n" + note)[0] == 200


def test_only_post_adds_and_a_body_has_a_limit(house: House) -> None:
    """405 for GET, 413 for more than a note can hold, 404 elsewhere."""
    assert house.witness.ask("GET", "/add-checkpoint")[0] == 405
    assert house.witness.add(b"old 0\n" + b"A" * 1_100_000)[0] == 413
    assert house.witness.ask("GET", "/checkpoint/" + "0" * 64)[0] == 404


def test_of_many_requests_with_one_old_size_exactly_one_tree_wins(house: House) -> None:
    """Sixteen forks at once from the same size: one is cosigned, and the latest view is that one."""
    log = house.log()
    assert house.witness.add(log.submission(0, 8))[0] == 200
    branches = [log.forked(8, f"branch{number}-") for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda each: house.witness.add(each.submission(8, 30))[0], branches))
    assert sorted(set(statuses)) == [200, 409]
    assert statuses.count(200) == 1
    winner = branches[statuses.index(200)]
    assert parse_checkpoint(parse_note(house.witness.latest(log.origin)).text) == winner.checkpoint(30)


DIES = """
import os, sys
from bedrail.web import witness

class Dying(witness.WitnessApplication):
    async def __call__(self, scope, receive, send):
        async def stop(message):
            if message["type"] == "http.response.start" and scope["path"] == "/add-checkpoint":
                os.kill(os.getpid(), 9)
            await send(message)
        await super().__call__(scope, receive, stop)

witness.WitnessApplication = Dying
witness.main()
"""


@pytest.mark.slow
def test_a_witness_killed_between_remembering_and_answering_does_no_harm(tmp_path: Path) -> None:
    """It remembers; the log learns the size from 409 and gets its cosignature; a fork from the old size gets none."""
    log = Log().grow(30)
    (key,) = made_witness(tmp_path / "w", [log])
    with running_witness(tmp_path / "w") as witness:
        assert witness.add(log.submission(0, 10))[0] == 200
    script = tmp_path / "dies.py"
    script.write_text(DIES)
    with running_witness(tmp_path / "w", module=(str(script),)) as witness:
        with pytest.raises((OSError, HTTPException)):
            witness.add(log.submission(10, 20))
        assert witness.process.wait(15) == -signal.SIGKILL
    with running_witness(tmp_path / "w") as witness:
        assert witness.add(log.forked(10, "b").submission(10, 20)) == (409, SIZE, b"20\n")
        status, _, body = witness.add(log.submission(20, 20))
        assert status == 200
        (line,) = accept_answer(log.note(20), body, [key], VERIFIERS)
        assert cosigned_at(witness.latest(), key, VERIFIERS) == int.from_bytes(line.signature[:8], "big")


def test_a_witness_that_lost_its_memory_does_not_start(tmp_path: Path) -> None:
    """Without it any fork would be cosigned."""
    import subprocess

    made_witness(tmp_path / "w", [Log()])
    for file in (tmp_path / "w").glob("witness.sqlite*"):
        file.unlink()
    command = [sys.executable, "-m", "bedrail", "witness", "serve", str(tmp_path / "w")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "memory" in done.stderr
    assert not (tmp_path / "w" / "witness.sqlite").exists()


@pytest.mark.slow
def test_a_witness_killed_under_load_cosigned_one_history() -> None:
    """Three kills at random moments; `bench/soak_witness.py` does two hundred."""
    wrong, figures = soak(3, 1, Progress("kills", 3))
    assert wrong == []
    assert figures["answers_200"] > 0
