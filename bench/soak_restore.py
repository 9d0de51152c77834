"""Backup and restore of a long ledger on either store: the same root, and how long a hospital would be without it.

    python bench/soak_restore.py [--count 1000000] [--seed 1]

A home of `--count` decisions with sealed records is backed up, restored into SQLite and into PostgreSQL, and verified
whole; roots and sizes must agree, and a backup with one flipped bit must be refused. The time for 10,000,000 entries is
extrapolated from the measured one, since every step is linear in them; `--count 10000000` needs 80 GB of disk.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ledger_load import decision
from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bedrail.app import App, create_home, open_home, restore_home, verify_home
from bedrail.core.errors import Corrupt
from bedrail.journeys import upkeep

BATCH = 1000
GOAL = 10_000_000


def filled(home: Path, count: int) -> App:
    """A home with so many decisions."""
    app = create_home(home, "soak.example/restore")
    upkeep.open_installation(app.context, app.origin, "olivia", app.public_names())
    progress = Progress("entries", count)
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        app.context.ledger.append([decision(number, number, app.context.vault) for number in numbers])  # type: ignore[arg-type]
        progress.step(len(numbers))
    return app


def drill(folder: Path, count: int, address: str) -> dict[str, Any]:
    """Fill, back up, restore into both stores; seconds of each, and whether everything agrees."""
    app = filled(folder / "home", count)
    start = time.monotonic()
    manifest = app.back_up("olivia", folder / "backup", keys=True, told=lambda _: None)
    backup = time.monotonic() - start
    newest = folder / "newest"
    newest.write_bytes(app.store.head().checkpoint)
    app.close()
    shutil.rmtree(folder / "home")
    seconds, right = {}, True
    for store, into in (("sqlite", ""), ("postgres", address)):
        start = time.monotonic()
        told = restore_home(folder / "backup", folder / store, anchor=newest, store=into)
        seconds[store] = time.monotonic() - start
        right = right and (told.size, told.root, told.lost) == (manifest.size, manifest.root, "")
        open_home(folder / store).close()
        amiss = [each for each in verify_home(folder / store, None).differences if each.kind != "replay"]
        right = right and not amiss
        shutil.rmtree(folder / store)
    return {
        "right": right and _refuses_a_flipped_bit(folder, newest),
        "entries": manifest.size,
        "backup_bytes": sum(each.stat().st_size for each in (folder / "backup").rglob("*") if each.is_file()),
        "backup_seconds": round(backup, 1),
        "restore_seconds": {store: round(value, 1) for store, value in seconds.items()},
        "minutes_for_ten_million": {
            "backup": round(backup * GOAL / manifest.size / 60, 1),
            **{f"restore_{store}": round(value * GOAL / manifest.size / 60, 1) for store, value in seconds.items()},
        },
        "extrapolated": manifest.size < GOAL,
    }


def _refuses_a_flipped_bit(folder: Path, newest: Path) -> bool:
    ledger = folder / "backup" / "ledger.sqlite"
    with ledger.open("r+b") as file:
        file.seek(ledger.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    try:
        restore_home(folder / "backup", folder / "flipped", anchor=newest)
    except Corrupt:
        return True
    return False


def main() -> int:
    asked = options(__doc__, count=1_000_000)
    from postgres_server import own_server

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="restore-")))
        database = stack.enter_context(own_server(shared_buffers="256MB", max_wal_size="4GB"))
        figures = drill(folder, asked.count, database.address())
    return report("restore", figures.pop("right"), **figures)


if __name__ == "__main__":
    raise SystemExit(main())
