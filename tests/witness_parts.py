"""A log with a fixed key, a witness as a process of its own, and HTTP to it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from bedrail.app import create_witness
from bedrail.keys import Ed25519Signer
from bedrail.ledger import Checkpoint, sign_checkpoint, vkey
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.merkle import consistency_proof, leaf_hash, root_of
from bedrail.ledger.witness import Submission
from ledger_parts import ORIGIN, signer


@dataclass
class Log:
    """A log whose entries are numbers, with a word for the branch; signs whatever it is asked to."""

    origin: str = ORIGIN
    seed: int = 7
    leaves: list[bytes] = field(default_factory=list)

    def grow(self, count: int, branch: str = "a") -> Log:
        """So many entries more, of this branch."""
        self.leaves += [leaf_hash(f"{branch}{number}".encode()) for number in range(len(self.leaves), count)]
        return self

    def forked(self, at: int, branch: str) -> Log:
        """Another log with the same key that agrees up to `at`."""
        return Log(self.origin, self.seed, self.leaves[:at]).grow(len(self.leaves), branch)

    @property
    def signer(self) -> Ed25519Signer:
        """The log's key."""
        return signer(self.seed, self.origin)

    @property
    def vkey(self) -> str:
        """Its verifier key."""
        return vkey(self.origin, self.signer.public_key)

    def checkpoint(self, size: int) -> Checkpoint:
        """What it says at this size."""
        return Checkpoint(origin=self.origin, size=size, root=root_of(self.leaves[:size]))

    def note(self, size: int) -> bytes:
        """That, signed."""
        return sign_checkpoint(self.checkpoint(size), self.signer)

    def submission(self, old: int, new: int) -> Submission:
        """The sound request to go from `old` to `new`."""
        proof = consistency_proof(self.leaves, old, new) if old else []
        return Submission(old=old, proof=tuple(proof), note=self.note(new))


@dataclass
class WitnessProcess:
    """A running witness."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The submission prefix."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, str, bytes]:
        """Status, content type, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.headers.get("content-type", ""), response.read()
        finally:
            connection.close()

    def add(self, body: bytes | Submission) -> tuple[int, str, bytes]:
        """POST /add-checkpoint."""
        return self.ask("POST", "/add-checkpoint", body if isinstance(body, bytes) else body.body())

    def latest(self, origin: str = ORIGIN) -> bytes:
        """What it shows monitors."""
        return self.ask("GET", f"/checkpoint/{sha256(origin.encode()).hexdigest()}")[2]


def made_witness(
    folder: Path, logs: Sequence[Log], *, name: str = "w.example/1", post_quantum: bool = False
) -> tuple[CosignerKey, ...]:
    """A witness's folder that trusts these logs; returns its keys."""
    made = create_witness(folder, name, post_quantum=post_quantum)
    for log in logs:
        made.memory.trust(log.origin, log.signer.public_key)
    keys = made.cosigners()
    made.close()
    return keys


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_witness(
    folder: Path, *, module: Sequence[str] = ("-m", "bedrail.web.witness"), port: int = 0
) -> Iterator[WitnessProcess]:
    """The witness as a process; ended with SIGTERM."""
    port = port or free_port()
    command = [sys.executable, *module, "--folder", str(folder), "--port", str(port)]
    with (folder.parent / f"{folder.name}.log").open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    running = WitnessProcess(folder, port, process)
    try:
        for _ in range(600):
            assert process.poll() is None, (folder.parent / f"{folder.name}.log").read_text()
            try:
                running.ask("GET", "/")
                break
            except OSError:
                time.sleep(0.05)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
