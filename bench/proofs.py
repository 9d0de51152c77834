"""Proofs on a long ledger: milliseconds of an inclusion and of a consistency proof, cold and warm, each one checked.

python bench/proofs.py [--entries 1000000] [--proofs 2000] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ledger_load import ORIGIN, decision, home

from bedrail.core.ports import Draft
from bedrail.keys import verify_ed25519
from bedrail.ledger import open_checkpoint
from bedrail.ledger.merkle import verify_consistency, verify_inclusion
from bedrail.ledger.prover import Prover

TARGET_MS = 1.0


def _timed(work: Callable[[int], object], arguments: list[int]) -> list[float]:
    taken = []
    for argument in arguments:
        start = time.perf_counter()
        work(argument)
        taken.append(1000 * (time.perf_counter() - start))
    return sorted(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--proofs", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = home(Path(name))
        for start in range(0, options.entries, options.batch):
            drafts = [
                decision(number, number, made.vault)
                for number in range(start, min(start + options.batch, options.entries))
            ]
            # Proofs do not look at sealed records, and without them a million entries fit on a small disk.
            made.ledger.append([Draft(entry=each.entry, data=each.data) for each in drafts])
        made.ledger.close()
        signed = open_checkpoint(made.store.head().checkpoint, ORIGIN, made.signer.public_key, verify_ed25519)
        size, draw = signed.size, random.Random(1)
        prover = Prover(made.store.leaves)
        start_cold = time.perf_counter()
        prover.inclusion(size // 2, size)
        cold = time.perf_counter() - start_cold
        chosen = [draw.randrange(size) for _ in range(options.proofs)]
        inclusion = _timed(lambda index: prover.inclusion(index, size), chosen)
        consistency = _timed(lambda old: prover.consistency(old + 1, size), chosen)
        for index in chosen[:200]:
            (leaf,) = made.store.leaves(index, index + 1)
            assert verify_inclusion(leaf, index, size, prover.inclusion(index, size), signed.root)
            old = index + 1
            assert verify_consistency(old, size, prover.root(old), signed.root, prover.consistency(old, size))
        made.store.close()
    report = {
        "load": os.getloadavg()[0],
        "entries": size,
        "cold_s": cold,
        "inclusion_ms_p50": inclusion[len(inclusion) // 2],
        "inclusion_ms_p99": inclusion[len(inclusion) * 99 // 100],
        "consistency_ms_p50": consistency[len(consistency) // 2],
        "consistency_ms_p99": consistency[len(consistency) * 99 // 100],
    }
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"load {report['load']:.1f}; {size} entries; the first proof, which reads all leaves: {cold:.2f} s")
    for kind in ("inclusion", "consistency"):
        p50, p99 = report[f"{kind}_ms_p50"], report[f"{kind}_ms_p99"]
        print(f"{kind:12s} p50 {p50:.3f} ms, p99 {p99:.3f} ms (target {TARGET_MS} ms)")


if __name__ == "__main__":
    main()
