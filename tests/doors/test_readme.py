"""The README keeps its word: every command in it runs, in order, on the real data that ships with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
EXPECTED = re.compile(r"^(?P<command>bedrail .*?)\s+# exit code (?P<code>\d)$")


def blocks() -> list[tuple[str, str]]:
    """(language, text) of the fenced blocks, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def runnable() -> list[tuple[str, str]]:
    """The blocks without their `make` words: what those do is installing, or this very test."""
    left = []
    for language, text in blocks():
        lines = [re.sub(r"^make \w+(?: && |\s+#.*$|$)", "", line) for line in text.splitlines()]
        if any(lines):
            left.append((language, "\n".join(lines)))
    return left


def script(port: int) -> str:
    """All blocks as one bash script that stops at the first command that does not end as the README says."""
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for language, text in runnable():
        if language == "python":
            parts.append(f"python -W error - <<'PYTHON'\n{text}\nPYTHON")
            continue
        for line in text.replace("8080", str(port)).splitlines():
            told = EXPECTED.match(line)
            parts.append(f"code=0; {told['command']} || code=$?; [ $code = {told['code']} ]" if told else line)
    return "\n".join(parts)


def installed(folder: Path) -> None:
    """What `make install` leaves behind, with this interpreter: commands in .venv/bin, and `activate`."""
    commands = folder / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name, words in (("python", ""), ("bedrail", " -m bedrail")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (commands / name).chmod(0o755)
    (commands / "activate").write_text(f'PATH="{commands}:$PATH"\n')


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(text: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of a bash script; whatever it started is ended with it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BEDRAIL_")}
    process = subprocess.Popen(
        ["bash", "-c", text],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += "\n(stopped after 400 seconds)"
    return process.returncode, output


@pytest.mark.slow
def test_every_command_of_the_readme_runs_in_order(tmp_path: Path) -> None:
    """Install to ledger, day one, notebook: all end with the exit codes that are stated, and say what is claimed."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    installed(tmp_path)
    code, output = run(script(free_port()), tmp_path)
    assert code == 0, output[-4000:]
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["kind"] == "answer"
    assert {"risk", "low", "high", "reasons", "card", "receipt"} <= set(answer)
    assert "same bytes" in output
    assert "Nothing differs." in output
    report = json.loads((tmp_path / "report.json").read_text())
    calibration = next(each for each in report["evidence"] if each["check"] == "calibration")
    assert "over-predicts" in calibration["reason"]


def test_every_make_word_of_the_readme_is_a_target() -> None:
    """`make demo` and `make test` are promised, and every `make WORD` is in the Makefile."""
    words = re.findall(r"\bmake (\w+)", "\n".join(text for _, text in blocks()))
    targets = set(re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= set(words)
    assert set(words) <= targets


def test_every_block_of_the_readme_is_run() -> None:
    """No block hides behind a language that the test above would leave out, and none is empty of commands."""
    languages = {language for language, _ in blocks()}
    assert languages == {"bash"}
    text = "\n".join(text for _, text in runnable())
    for word in ("init", "use-case open", "data admit", "train", "examine", "approve", "gate", "deploy", "serve",
                 "curl", "watch", "trace", "ledger verify", "deid text"):  # fmt: skip
        assert word in text, word
    for line in README.read_text(encoding="utf-8").splitlines():
        if "# exit code" in line:
            assert EXPECTED.match(line), line
