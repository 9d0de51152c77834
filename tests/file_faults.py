"""A fault at every file call of appending and publishing: errors and kills injected by strace into a real process.

    python tests/file_faults.py HOME        the work itself, under faults

`places` runs the work once and lists every system call on files that it makes after `ready`; `struck` runs it again on
a fresh copy of the home with one call failing (EIO, ENOSPC, EINTR) or the process killed at it, and says what is wrong.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from ledger_load import decision, home

import power_work
from bedrail.core.errors import BedrailError
from bedrail.core.ports import Stop
from bedrail.stores.artifacts import FileArtifacts
from bedrail.stores.stops import FileStops

CALLS = (
    *("openat", "close", "read", "pread64", "write", "pwrite64", "lseek", "ftruncate", "fsync", "fdatasync", "rename"),
    *("unlink", "rmdir", "mkdir", "newfstatat", "fstat", "fcntl", "getdents64", "chmod", "fchmod", "mmap", "flock"),
)
CHANGING = {"write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename", "unlink", "mkdir"}
ERRORS = ("EIO", "ENOSPC", "EINTR")
KILL = "kill"
TESTS = Path(__file__).parent
LINE = re.compile(r"^\d+ +(\w+)\((.*)")


def work(folder: Path) -> None:
    """Append, put artifacts, anchor, stop, publish; every promise is one line, every refusal another."""
    made = home(folder)
    made.ledger._anchor_seconds = 0.0
    drafts = [decision(f"work-{n}", n, made.vault) for n in range(6)]
    artifacts, stops = FileArtifacts(folder / "artifacts"), FileStops(folder / "stops")
    power_work.say("ready")

    def append(first: int, last: int) -> str:
        receipts = made.ledger.append(drafts[first:last])
        return "\n".join(f"fact {each.index} {each.leaf}" for each in receipts)

    def stop() -> str:
        stops.put(Stop(name="all@work", target="*", person="rob", reason="drill"))
        return "stop all@work"

    steps = (
        lambda: append(0, 1),
        lambda: append(1, 4),
        lambda: f"artifact {artifacts.put(b'a paper' * 200)}",
        stop,
        lambda: append(4, 5),
        lambda: (made.store.purge_log(), "ready")[1],
        lambda: append(5, 6),
        lambda: made.ledger.close() or "ready",
        lambda: made.store.close() or "ready",
    )
    for step in steps:
        try:
            power_work.say(step())
        except (BedrailError, OSError) as error:
            power_work.say(f"refused {type(error).__name__}")
        except Exception as error:
            power_work.say(f"bug {type(error).__name__}")
    power_work.say("end")


def prepared(folder: Path) -> Path:
    """A home with some facts in it, to be copied for each run."""
    place = folder / "prepared"
    made = home(place)
    made.ledger.append([decision(f"before-{n}", n, made.vault) for n in range(5)])
    made.ledger.close()
    made.store.close()
    return place


def run(place: Path, *strace: str) -> list[str]:
    """The work on this home under strace; what it said."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PYTHONPATH": f"{TESTS.parent / 'src'}:{TESTS}:{TESTS.parent / 'bench'}",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = ["strace", "-f", "-qq", *strace, sys.executable, __file__, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    return done.stdout.splitlines()


def places(folder: Path, ready: Path) -> list[tuple[str, int]]:
    """(system call, its how-manieth) of every call that the work makes on files after it is ready."""
    place, log = folder / "counted", folder / "calls.log"
    shutil.copytree(ready, place)
    said = run(place, "-s", "8", "-e", f"trace={','.join(CALLS)}", "-o", str(log))
    assert said[-1] == "end", said
    found: list[tuple[str, int]] = []
    counted: Counter[str] = Counter()
    begun = False
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        name, rest = match[1], match[2]
        counted[name] += 1
        own = name == "write" and rest.startswith("1,")
        if own and '"ready' in rest:
            begun = True
        elif own and '"end' in rest:
            break
        elif begun and not own and not (name == "mmap" and "MAP_ANONYMOUS" in rest):
            found.append((name, counted[name]))
    shutil.rmtree(place)
    return found


def struck(folder: Path, ready: Path, call: str, number: int, fault: str) -> list[str]:
    """What is wrong after the work ran with this call failing so; empty when nothing is."""
    place = folder / "struck"
    shutil.copytree(ready, place)
    how = "signal=SIGKILL" if fault == KILL else f"error={fault}"
    try:
        said = run(place, "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{how}:when={number}")
        wrong = [each for each in said if each.startswith("bug")]
        if fault != KILL and said[-1:] != ["end"]:
            wrong.append(f"the process ended: {said[-1:]}")
        promises = [each for each in said if each.startswith(("fact", "artifact", "tree", "stop"))]
        return wrong + power_work.wrong_after(place, promises)
    except subprocess.TimeoutExpired:
        return ["the process hung"]
    finally:
        shutil.rmtree(place)


def every(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Every fault there is: (system call, its how-manieth, what happens to it)."""
    for call, number in places(folder, folder / "prepared"):
        for fault in (*ERRORS, KILL):
            yield call, number, fault


if __name__ == "__main__":
    work(Path(sys.argv[1]))
