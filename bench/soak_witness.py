"""Kill -9 a witness under load, again and again: everything that it ever cosigned must be one growing history.

    python bench/soak_witness.py [--count 200] [--seconds 0] [--seed 1]

Four askers send checkpoints of one log to a real witness process: three extend it, one tries forks that part before
where the witness stands. The process is killed at a random moment and started again on the same folder. Nothing but the
one history may have been cosigned, and what the witness remembers after each kill must be no smaller than what it had
answered. Exit code 1 when anything is wrong.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from http.client import HTTPException
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from soaking import Progress, options, report

from bedrail.ledger import Checkpoint, sign_checkpoint
from bedrail.ledger.checkpoint import parse_checkpoint, parse_note
from bedrail.ledger.prover import Prover
from bedrail.ledger.witness import SIZE_TYPE, Submission
from witness_parts import Log, WitnessProcess, made_witness, running_witness

MOST = 4000
ASKERS = 4


class Asking:
    """The askers, until told to stop; what was answered 200 stays in `cosigned` as (size, root)."""

    def __init__(self, witness: WitnessProcess, log: Log, seed: int) -> None:
        self.cosigned: list[tuple[int, bytes]] = []
        self.statuses: dict[int, int] = {}
        self._witness, self._log, self._stop = witness, log, threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(number, random.Random(seed * ASKERS + number)))
            for number in range(ASKERS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait for the askers."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int, chance: random.Random) -> None:
        old = 0
        while not self._stop.is_set():
            new = min(MOST, old + chance.randint(0, 3))
            fork = number == 0 and old > 0
            log = self._log.forked(chance.randrange(old), f"fork {chance.random()}") if fork else self._log
            prover = Prover(lambda start, stop, log=log: log.leaves[start:stop])
            proof = tuple(prover.consistency(old, new)) if 0 < old < new else ()
            checkpoint = Checkpoint(origin=log.origin, size=new, root=prover.root(new))
            sent = Submission(old=old, proof=proof, note=sign_checkpoint(checkpoint, log.signer))
            try:
                status, kind, body = self._witness.add(sent)
            except (OSError, HTTPException):
                return  # killed
            with self._lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.cosigned.append((new, checkpoint.root))
            if status == 200:
                old = new
            elif status == 409 and kind == SIZE_TYPE:
                old = min(MOST, int(body))


def soak(count: int, seed: int, progress: Progress) -> tuple[list[str], dict[str, int]]:
    """(what is wrong, figures) after so many kills."""
    chance, wrong = random.Random(seed), []
    cosigned: dict[int, set[bytes]] = {0: set()}
    statuses: dict[int, int] = {}
    remembered = 0
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name) / "w", Log().grow(MOST)
        made_witness(folder, [log])
        for kill in range(count):
            if progress.over:
                break
            with running_witness(folder) as witness:
                held = witness.latest()
                size = parse_checkpoint(parse_note(held).text).size if held.startswith(log.origin.encode()) else 0
                if size < remembered:
                    wrong.append(f"kill {kill}: it remembers {size}, but had answered {remembered}")
                asking = Asking(witness, log, seed * 1000 + kill)
                time.sleep(chance.uniform(0.02, 0.4))
                witness.process.kill()
                witness.process.wait()
                asking.stop()
            for each, root in asking.cosigned:
                cosigned.setdefault(each, set()).add(root)
                remembered = max(remembered, each)
            for status, times in asking.statuses.items():
                statuses[status] = statuses.get(status, 0) + times
            progress.step()
        wrong += not_of(log, cosigned)
    figures = {f"answers_{status}": times for status, times in sorted(statuses.items())}
    return wrong, {"cosigned": sum(map(len, cosigned.values())), "largest": remembered, **figures}


def not_of(log: Log, cosigned: dict[int, set[bytes]]) -> list[str]:
    """Sizes at which anything but the one history was cosigned."""
    prover = Prover(lambda start, stop: log.leaves[start:stop])
    return [f"a fork of {size} entries was cosigned" for size, roots in cosigned.items() if roots - {prover.root(size)}]


def main() -> int:
    """Run it."""
    asked = options(__doc__, count=200)
    progress = Progress("kills", asked.count, asked.seconds)
    wrong, figures = soak(asked.count, asked.seed, progress)
    return report("witness", not wrong and progress.done > 0, kills=progress.done, **figures, wrong=wrong[:20])


if __name__ == "__main__":
    raise SystemExit(main())
