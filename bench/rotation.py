"""Rotation of the key-encryption key: seconds to wrap N data keys anew while decisions are written and read.

    python bench/rotation.py [--keys 1000000] [--provider file] [--writers 2] [--readers 2] [--json]

Fills a home's table of data keys (real, wrapped ones), then runs `rotate_kek` in a process of its own while this
process goes on appending sealed records and opening earlier ones through the same store. Reports the seconds of the
rotation, keys a second, reads and writes meanwhile with their slowest, and every one that failed. Target: 1,000,000
data keys in at most 60 s with no failed read.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bedrail.app import App, create_home, open_home
from bedrail.core.errors import BedrailError
from bedrail.core.events import InstallationOpened, PersonAdded
from bedrail.core.ports import WrappedKey
from bedrail.journeys.context import SYSTEM
from bedrail.keys.vault import AesVault, wrap_data_key

TARGET_SECONDS = 60.0

ROTATE = """
import json, sys, time
from pathlib import Path
from bedrail.app import open_home
from bedrail.journeys.custody import rotate_kek
app = open_home(Path(sys.argv[1]), busy_seconds=60.0)
start, cpu = time.perf_counter(), time.process_time()
done = rotate_kek(app.context, app.key_desk(), "kim")
print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "keys": done.keys}))
app.close()
"""


def fill(app: App, keys: int) -> None:
    """So many wrapped data keys, as that many patients would leave behind."""
    epochs = app.key_desk().epochs
    name, cipher = epochs.current()  # type: ignore[attr-defined]
    sql = "INSERT INTO subject_keys (subject, key_id, kek, wrapped) VALUES (?, ?, ?, ?)"
    for start in range(0, keys, 50_000):
        rows = []
        for _ in range(min(50_000, keys - start)):
            key = WrappedKey(key_id=os.urandom(16).hex(), subject=os.urandom(16).hex(), kek=name, wrapped=b"")
            made = wrap_data_key(key, os.urandom(32), cipher)
            rows.append((made.subject, made.key_id, made.kek, made.wrapped))
        app.store._write(sql, rows)


class Traffic:
    """Threads that append sealed records and open earlier ones, until told to stop."""

    def __init__(self, home: Path, writers: int, readers: int) -> None:
        self._home, self._stop = home, threading.Event()
        self.failed: list[str] = []
        self.reads: list[float] = []
        self.writes: list[float] = []
        self._written: list[str] = []
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(writers)]
        self._threads += [threading.Thread(target=self._read) for _ in range(readers)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        while not self._written:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, writer: int) -> None:
        app, number = open_home(self._home, busy_seconds=60.0), 0
        while not self._stop.is_set():
            number += 1
            name, start = f"w{writer}-{number}", time.perf_counter()
            try:
                record = app.context.vault.seal(
                    record_id=name, subject=os.urandom(16).hex(), kind="decision", purpose="care", plaintext=b"x" * 900
                )
                app.context.append(SYSTEM, "care", _fact(), records=(record,))
            except BedrailError as error:
                self.failed.append(f"write: {error}")
            self.writes.append(time.perf_counter() - start)
            self._written.append(name)
            time.sleep(0.005)
        app.close()

    def _read(self) -> None:
        app = open_home(self._home, busy_seconds=60.0)
        assert isinstance(app.context.vault, AesVault)
        while not self._stop.is_set():
            wanted, start = self._written[-20:], time.perf_counter()
            try:
                found = sum(1 for _ in app.context.opened("decision", wanted))
                if found != len(wanted):
                    self.failed.append(f"read: {len(wanted) - found} of {len(wanted)} records missing")
            except BedrailError as error:
                self.failed.append(f"read: {error}")
            self.reads.append(time.perf_counter() - start)
            time.sleep(0.005)
        app.close()


def _fact() -> PersonAdded:
    return PersonAdded(person="kim", name="Kim", roles=("key-custodian",))


def measure(keys: int, writers: int, readers: int) -> dict[str, object]:
    """One run in a throw-away home."""
    with tempfile.TemporaryDirectory(prefix="bedrail-rotation-") as folder:
        home = Path(folder) / "home"
        app = create_home(home, "bench.example/rotation")
        app.context.append(SYSTEM, "governance", InstallationOpened(origin="x", owner="o", keys=()), _fact())
        fill(app, keys)
        app.close()
        with Traffic(home, writers, readers) as traffic:
            done = subprocess.run([sys.executable, "-c", ROTATE, str(home)], capture_output=True, text=True, check=True)
        told = json.loads(done.stdout)
        return {
            "keys": told["keys"],
            "seconds": round(told["seconds"], 2),
            "cpu_seconds": round(told["cpu"], 2),
            "keys_per_second": round(told["keys"] / told["seconds"]),
            "reads": len(traffic.reads),
            "slowest_read_ms": round(max(traffic.reads) * 1e3, 1),
            "writes": len(traffic.writes),
            "slowest_write_ms": round(max(traffic.writes) * 1e3, 1),
            "failed": len(traffic.failed),
            "first_failure": (traffic.failed or [""])[0],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.keys, given.writers, given.readers)
    if given.json:
        print(json.dumps(found))
    else:
        print(f"target: 1,000,000 data keys in at most {TARGET_SECONDS:.0f} s, no failed read")
        for name, value in found.items():
            print(f"{name:>18}: {value}")
    slow = given.keys >= 1_000_000 and float(str(found["seconds"])) > TARGET_SECONDS
    sys.exit(1 if found["failed"] or slow else 0)


if __name__ == "__main__":
    main()
