"""Power cuts, simulated: what a real process wrote is recorded call by call, and replayed with un-synced parts missing.

`record` runs `power_work.py` under strace; the log gives every write, truncation, sync, creation, rename and removal
with its bytes, and every acknowledgement, in order. `Disk` replays it as the weakest disk that POSIX allows: until a
file is synced, each of its sectors may have reached the platter or not, whole or torn, in any order, its size too;
until a folder is synced, each creation, rename and removal in it may be lost on its own. `cut` makes one such disk, and
`wrong_after` opens it with the real store and says what is wrong. The method is that of Pillai and others, "All File
Systems Are Not Created Equal" (OSDI 2014), with a random subset in place of their abstract persistence models.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import power_work

SECTOR = 512
CALLS = (
    "openat,close,write,pwrite64,writev,pwritev,lseek,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,"
    "unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,sendfile,copy_file_range,dup,dup2,dup3,fcntl"
)
LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)")
UNFINISHED = re.compile(r"^(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")


@dataclass
class Call:
    """One system call that did something: its name, its arguments as text, what it returned."""

    name: str
    arguments: list[str]
    returned: int


def record(folder: Path, seed: int, *weaker: str) -> list[Call]:
    """Run the work in `folder` under strace; raises RuntimeError when it failed. See `power_work` for `weaker`."""
    log = folder / "strace.log"
    home = folder / "home"
    home.mkdir()
    work = [sys.executable, power_work.__file__, str(home), str(seed), *weaker]
    command = [
        "strace",
        "-f",
        "-qq",
        "-xx",
        "-s",
        "4000000",
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
        "-o",
        str(log),
    ]
    tests, source = Path(__file__).parent, Path(__file__).parents[1] / "src"
    environment = {**os.environ, "PYTHONPATH": f"{source}:{tests}:{tests.parent / 'bench'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *work], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    calls = list(_calls(log, str(home)))
    shutil.rmtree(home)
    log.unlink()
    return calls


def _calls(log: Path, home: str) -> Iterator[Call]:
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for raw in lines:
            line = raw.rstrip("\n")
            if found := UNFINISHED.match(line):
                begun[found[1]] = found[2]
                continue
            if found := RESUMED.match(line):
                line = f"{found[1]} {begun.pop(found[1])}{found[2]}"
            if (found := LINE.match(line)) and found[4] not in ("?", "-1"):
                yield Call(found[2], _arguments(found[3]), int(found[4]))


def _arguments(text: str) -> list[str]:
    """The arguments; with -xx no text holds a comma or a bracket of its own."""
    return [part.strip() for part in text.split(", ")]


def _bytes(argument: str) -> bytes:
    return bytes.fromhex(argument.strip('"').replace("\\x", ""))


@dataclass
class File:
    """One file: what is on the platter for certain, and what was done to it since its last sync, in order."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes) of a write; (size, None) of a truncation."""

    def sync(self) -> None:
        """All of it is on the platter."""
        self.durable, self.pending = self.whole(), []

    def whole(self) -> bytearray:
        """The file as the process sees it."""
        data = bytearray(self.durable)
        for offset, written in self.pending:
            _apply(data, offset, written)
        return data

    def survivor(self, chance: random.Random) -> bytearray:
        """The file after a cut: of what was not synced, some sectors, some torn."""
        data = bytearray(self.durable)
        share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for offset, written in self.pending:
            if written is None:
                if chance.random() < share:
                    _apply(data, offset, None)
                continue
            for start in range(0, len(written), SECTOR - offset % SECTOR or SECTOR):
                sector = written[start : start + SECTOR]
                if chance.random() < share:
                    torn = chance.random() < 0.05
                    _apply(data, offset + start, sector[: chance.randrange(len(sector) + 1)] if torn else sector)
                elif chance.random() < 0.3:  # the size reached the platter, the bytes did not
                    end = offset + start + len(sector)
                    data.extend(bytes(max(0, end - len(data))))
        return data


def _apply(data: bytearray, offset: int, written: bytes | None) -> None:
    if written is None:
        del data[offset:]
        data.extend(bytes(offset - len(data)))
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(written)] = written


class Disk:
    """The disk behind the recorded process; `acknowledged` is what it has told the world so far."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.names: dict[str, File | None] = {}
        """As the process sees it: file by path; None for a folder."""

        self.certain: dict[str, File | None] = {}
        self.changes: dict[str, list[tuple[str, str, File | None]]] = {}
        """By folder, what was done to names in it since its last sync: (`add` or `remove`, path, what)."""

        self.open: dict[int, tuple[str, File | None]] = {}
        self.at: dict[int, int] = {}
        self.acknowledged: list[str] = []
        self._said = ""

    def do(self, call: Call) -> bool:
        """Carry out one call; True when it changed anything that a cut could touch."""
        step = getattr(self, f"_{call.name}", None)
        return bool(step(call)) if step is not None else False

    def _inside(self, argument: str) -> str | None:
        path = os.path.normpath(_bytes(argument).decode())
        return path if path.startswith(self.root + "/") or path == self.root else None

    def _openat(self, call: Call) -> bool:
        path, flags, handle = self._inside(call.arguments[1]), call.arguments[2], call.returned
        self.open.pop(handle, None)
        if path is None:
            return False
        known = path in self.names
        if not known and "O_CREAT" in flags:
            self._name("add", path, File())
        found = self.names.get(path)
        self.open[handle], self.at[handle] = (path, found), 0
        if found is not None and "O_TRUNC" in flags and known:
            found.pending.append((0, None))
        if found is not None and "O_APPEND" in flags:
            self.at[handle] = len(found.whole())
        return not known

    def _close(self, call: Call) -> bool:
        self.open.pop(int(call.arguments[0]), None)
        return False

    def _write(self, call: Call) -> bool:
        handle = int(call.arguments[0])
        data = _bytes(call.arguments[1])[: call.returned]
        if handle == 1:
            self._said += data.decode()
            *lines, self._said = self._said.split("\n")
            self.acknowledged += lines
            return False
        return self._put(handle, self.at.get(handle, 0), data, moves=True)

    def _pwrite64(self, call: Call) -> bool:
        return self._put(int(call.arguments[0]), int(call.arguments[3]), _bytes(call.arguments[1])[: call.returned])

    def _put(self, handle: int, offset: int, data: bytes, *, moves: bool = False) -> bool:
        _, found = self.open.get(handle, ("", None))
        if found is None:
            return False
        found.pending.append((offset, data))
        if moves:
            self.at[handle] = offset + len(data)
        return True

    def _lseek(self, call: Call) -> bool:
        self.at[int(call.arguments[0])] = call.returned
        return False

    def _ftruncate(self, call: Call) -> bool:
        _, found = self.open.get(int(call.arguments[0]), ("", None))
        if found is None:
            return False
        found.pending.append((int(call.arguments[1]), None))
        return True

    def _fsync(self, call: Call) -> bool:
        path, found = self.open.get(int(call.arguments[0]), ("", None))
        if found is not None:
            found.sync()
        elif path:
            for what, name, file in self.changes.pop(path, []):
                _rename_in(self.certain, what, name, file)
        return bool(path)

    _fdatasync = _fsync

    def _name(self, what: str, path: str, file: File | None) -> None:
        _rename_in(self.names, what, path, file)
        self.changes.setdefault(str(PurePosixPath(path).parent), []).append((what, path, file))

    def _rename(self, call: Call) -> bool:
        old, new = (self._inside(each) for each in _paths(call))
        if old is None or new is None:
            return False
        file = self.names.get(old)
        self._name("remove", old, file)
        self._name("add", new, file)
        if file is None:
            self._move_inside(old + "/", new + "/")
        return True

    def _move_inside(self, old: str, new: str) -> None:
        """What was certain inside a folder stays so wherever its own name, the only one in doubt, is found."""
        for path, file in [each for each in self.certain.items() if each[0].startswith(old)]:
            self.certain[new + path[len(old) :]] = file
        for path in [each for each in self.names if each.startswith(old)]:
            self.names[new + path[len(old) :]] = self.names.pop(path)
        for folder in [each for each in self.changes if (each + "/").startswith(old)]:
            moved = [(what, new + path[len(old) :], file) for what, path, file in self.changes.pop(folder)]
            self.changes[(new + folder[len(old) :]).rstrip("/")] = moved

    _renameat = _renameat2 = _rename

    def _unlink(self, call: Call) -> bool:
        path = self._inside(_paths(call)[0])
        if path is None:
            return False
        self._name("remove", path, self.names.get(path))
        return True

    _unlinkat = _rmdir = _unlink

    def _mkdir(self, call: Call) -> bool:
        path = self._inside(_paths(call)[0])
        if path is None:
            return False
        self._name("add", path, None)
        return True

    _mkdirat = _mkdir

    def _unknown(self, call: Call) -> bool:
        handles = [int(each) for each in call.arguments[:2] if each.isdigit()]
        inside = any(self.open.get(handle) for handle in handles)
        if inside or any(self._inside(each) for each in call.arguments if each.startswith('"')):
            raise NotImplementedError(f"{call.name} is not simulated")
        return False

    _writev = _pwritev = _fallocate = _link = _linkat = _symlink = _symlinkat = _unknown
    _sendfile = _copy_file_range = _dup = _dup2 = _dup3 = _unknown

    def cut(self, chance: random.Random, onto: Path) -> None:
        """Write into `onto` what might be found after a cut now."""
        names = dict(self.certain)
        share = chance.choice((0.0, 0.3, 0.7, 1.0))
        for changes in self.changes.values():
            for what, path, file in changes:
                if chance.random() < share:
                    _rename_in(names, what, path, file)
        folders = {self.root}
        for path, file in sorted(names.items()):
            if str(PurePosixPath(path).parent) not in folders:
                continue  # its folder did not survive
            place = onto / path[len(self.root) + 1 :]
            if file is None:
                folders.add(path)
                place.mkdir(mode=0o700)
            else:
                place.write_bytes(file.survivor(chance))
                place.chmod(0o600)


def _rename_in(names: dict[str, File | None], what: str, path: str, file: File | None) -> None:
    if what == "add":
        names[path] = file
    elif names.get(path) is file:
        names.pop(path, None)


def _paths(call: Call) -> list[str]:
    return [each for each in call.arguments if each.startswith('"')]


def cuts(calls: list[Call], root: str, count: int, seed: int, folder: Path) -> Iterator[tuple[int, list[str]]]:
    """So many cuts at random moments of the recorded work, in order: (number of the call, what is wrong after)."""
    chance = random.Random(seed)
    measure = Disk(root)
    moments = [number for number, call in enumerate(calls) if measure.do(call)]
    begun = next(n for n, call in enumerate(calls) if call.name == "write" and _bytes(call.arguments[1]) == b"ready\n")
    moments = [number for number in moments if number > begun]
    chosen = sorted(chance.choice(moments) for _ in range(count))
    disk, done = Disk(root), 0
    for number in chosen:
        while done <= number:
            disk.do(calls[done])
            done += 1
        onto = folder / "cut"
        onto.mkdir()
        disk.cut(chance, onto)
        try:
            yield number, power_work.wrong_after(onto, disk.acknowledged)
        finally:
            shutil.rmtree(onto)
