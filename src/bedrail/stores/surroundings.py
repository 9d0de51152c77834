"""What surrounds a home: disks, file modes, the process, the clock; looked at, never changed."""

from __future__ import annotations

import ctypes
import os
import resource
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.governance.posture import Disk, Machine
from bedrail.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from bedrail.stores.chosen import Store

MOUNTS = Path("/proc/self/mountinfo")
FIPS = Path("/proc/sys/crypto/fips_enabled")
_TIME_ERROR = 5
_LOOK_INTO = ("keys", "anchor", "identity", "tls", "stops")
"""Folders whose every file is looked at; of the rest only the databases and settings at the top."""


def look_at_machine(
    home: Path, anchor: Path, store: Store, *, now: datetime, openssl: str, series: tuple[int, int], hybrid: bool
) -> Machine:
    """The machine as this process finds it; `now` is UTC. What the platform does not tell counts as no fault."""
    last = _last_entry(store)
    return Machine(
        home=str(home),
        ledger=disk_of(home),
        anchor=disk_of(anchor),
        store="sqlite" if isinstance(store, SqliteStore) else "postgres",
        durability=store.durability() if isinstance(store, SqliteStore) else {},
        database_link=_database_link(store),
        indexes=store.missing_indexes(),
        loose=tuple(_loose(home)),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        core_dumps=resource.getrlimit(resource.RLIMIT_CORE)[0] != 0,
        environment=tuple(sorted(name for name, value in os.environ.items() if value)),
        behind=0.0 if last is None else max(0.0, (last - now).total_seconds()),
        synchronised=_synchronised(),
        openssl=openssl,
        openssl_series=series,
        hybrid=hybrid,
        fips=FIPS.exists() and FIPS.read_text(encoding="ascii").strip() == "1",
    )


def _database_link(store: Store) -> str:
    if isinstance(store, SqliteStore):
        return ""
    from bedrail.stores.postgres_connections import unverified_link

    return unverified_link(store.address)


def disk_of(path: Path, mounts: Path = MOUNTS) -> Disk:
    """The disk on which a path is, or will be; its kind is empty where the platform does not tell."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    room = os.statvfs(there)
    return Disk(
        path=str(path),
        kind=_kind(there.resolve(), mounts),
        device=there.stat().st_dev,
        free=room.f_bavail * room.f_frsize,
        size=room.f_blocks * room.f_frsize,
    )


def _kind(path: Path, mounts: Path) -> str:
    """The file system's type by the longest mount point above the path (proc(5), mountinfo)."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, types = left.split(" "), right.split(" ")
        if len(fields) < 5 or not types[0]:
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        if Path(point) in (path, *path.parents) and len(point) >= len(best):
            best, kind = point, types[0]
    return kind


def _loose(home: Path) -> Iterator[str]:
    """Paths that others may read or write, the home first; what lies in a private home counts too: it may be moved."""
    below = [path for name in _LOOK_INTO for path in sorted((home / name).rglob("*"))]
    top = [path for path in sorted(home.glob("*")) if path.suffix in (".sqlite", ".toml") or path.name in _LOOK_INTO]
    for path in (home, *top, *below):
        try:
            mode = path.lstat().st_mode
        except OSError:  # gone meanwhile: a database's write-ahead log comes and goes
            continue
        public = path.suffix in (".pem", ".pub", ".vkey") and stat.S_IMODE(mode) & 0o022 == 0
        if stat.S_IMODE(mode) & 0o077 and not stat.S_ISLNK(mode) and not public and not _harmless(home, path, mode):
            yield str(path)


def _harmless(home: Path, path: Path, mode: int) -> bool:
    """A folder that others may enter, in a home that they may not, or the anchor, which is there to be copied."""
    shut = stat.S_IMODE(home.stat().st_mode) & 0o077 == 0
    anchored = path == home / "anchor" or home / "anchor" in path.parents
    return shut and stat.S_IMODE(mode) & 0o022 == 0 and ((stat.S_ISDIR(mode) and path.name != "keys") or anchored)


def _last_entry(store: Store) -> datetime | None:
    import msgspec

    size = store.head().size
    for _, data in store.entries(size - 1, size) if size else ():
        return datetime.fromisoformat(msgspec.json.decode(data)["at"])
    return None


def _synchronised() -> bool | None:
    """Whether the kernel's clock is disciplined (adjtimex(2) with nothing to set); None where it does not say."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    state = int(adjtimex(ctypes.create_string_buffer(256)))
    return None if state < 0 else state != _TIME_ERROR
