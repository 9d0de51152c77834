"""A run of de-identification killed at any moment leaves the old output or the new, and goes on to the same bytes."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from planted import Planted, search, seen_in

NOTES = 600

SCRIPT = """
import sys
from pathlib import Path
from bedrail.keys.project_keys import file_key
from bedrail.privacy.sources import Lines
from bedrail.privacy.streaming import run
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.text.work import NoteWork

if __name__ == "__main__":
    source, out, key, jobs = sys.argv[1:]
    work = NoteWork(file_key(Path(key), "study"), TextRules(method="mask"), mode="rules")
    done = run(
        Lines(Path(source), chunk_bytes=4096), Path(out), work, medium="text", profile=work.profile(), project="study",
        key_check="k", jobs=int(jobs),
    )
    print(done.manifest)
"""


def notes(folder: Path, planted: Planted) -> Path:
    """Notes of patients, each with identifiers that nobody else has."""
    path = folder / "notes.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(NOTES):
            text = (
                f"Seen today, MRN: {planted.new()}; call (555) 201-{number + 1000}, mail {planted.new()}@example.org."
            )
            file.write(json.dumps({"id": f"n{number}", "patient": f"p{number % 40}", "text": text}) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path, jobs: int) -> None:
    """Killed (SIGKILL) after it has written something more, several times: the old output stands until the new one is
    whole, nothing beside it holds an identifier, no process is left, and the last run ends as an uninterrupted one."""
    planted = Planted(jobs)
    source, whole, out = notes(tmp_path, planted), tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    script = tmp_path / "deidentify.py"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(source)]
    expected = subprocess.run(
        [*words, str(whole), str(tmp_path / "k"), "1"], capture_output=True, check=True, text=True
    ).stdout  # fmt: skip
    out.write_text("the old output")
    partial, chance, kills, said = tmp_path / ".out.jsonl.bedrail-partial", random.Random(jobs), 0, b""
    for _ in range(3):
        before = partial.stat().st_size if partial.exists() else 0
        run = subprocess.Popen(
            [*words, str(out), str(tmp_path / "k"), str(jobs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while run.poll() is None and (not partial.exists() or partial.stat().st_size <= before):
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        run.kill()
        said += b"".join(run.communicate())
        kills += run.returncode == -signal.SIGKILL
        assert out.read_bytes() in (b"the old output", whole.read_bytes())
        assert _gone(run.pid)
    last = subprocess.run(
        [*words, str(out), str(tmp_path / "k"), str(jobs)], capture_output=True, check=True, text=True
    )  # fmt: skip
    assert kills >= 1
    assert out.read_bytes() == whole.read_bytes()
    assert last.stdout == expected
    assert not list(tmp_path.glob(".*bedrail*"))
    source.unlink()
    assert search(tmp_path, planted)[1] == []
    assert seen_in(said + last.stderr.encode() + expected.encode(), planted) == []


def _gone(parent: int) -> bool:
    """Whether the processes that the killed one had spawned end by themselves, soon."""
    for _ in range(400):
        if not _children(parent):
            return True
        time.sleep(0.05)
    return False


def _children(parent: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, status = (folder / "cmdline").read_bytes(), (folder / "status").read_text()
        except OSError:
            continue
        if b"spawn_main" in words and f"parent_pid={parent},".encode() in words and "State:\tZ" not in status:
            found.append(folder.name)
    return found
