"""Nonces never repeat: so many records sealed under one data key, by threads, every nonce and ciphertext compared.

    python bench/soak_nonces.py [--count 1000000] [--seconds 0]

Prints one line of JSON: how many were sealed, how many nonces were distinct. Exit code 1 when two were the same. With
96 random bits the chance of that in a million is 6e-18; what this would find is a generator that is stuck, shared
between threads without care, or seeded alike.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from soaking import Progress, options, report

from bedrail.keys import AesVault

THREADS, SHARE = 4, 50_000


def nonces(vault: AesVault, count: int) -> list[bytes]:
    """The nonces of so many records of one subject."""
    found = []
    for number in range(count):
        record = vault.seal(record_id=str(number), subject="s", kind="decision", purpose="care", plaintext=b"")
        found.append(record.ciphertext[1:13])
    return found


def soak(count: int, seconds: float = 0.0) -> dict[str, int]:
    """Seal from several threads at once, and in a second vault under the same key, as another process would."""
    progress = Progress("nonces", count, seconds)
    vaults, found, sealed = [AesVault(b"k" * 32), AesVault(b"k" * 32)], set[bytes](), 0
    with ThreadPoolExecutor(THREADS) as pool:
        while sealed < count and not progress.over:
            share = min(SHARE, -(-(count - sealed) // THREADS))
            for part in pool.map(lambda place, share=share: nonces(vaults[place % 2], share), range(THREADS)):
                found.update(part)
                sealed += len(part)
            progress.step(share * THREADS)
    return {"sealed": sealed, "distinct_nonces": len(found)}


def main() -> None:
    given = options(__doc__, count=1_000_000)
    found = soak(given.count, given.seconds)
    sys.exit(report("nonces", found["sealed"] == found["distinct_nonces"], **found))


if __name__ == "__main__":
    main()
