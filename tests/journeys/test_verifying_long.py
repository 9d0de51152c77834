"""Verification of a long ledger tells how far it has come, and finds the same whether anybody listens or not."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from bedrail.app import verify_exported, verify_home
from bedrail.journeys.proving import export_whole
from reception_house import house


def test_whoever_listens_hears_every_stage_up_to_its_end(tmp_path: Path) -> None:
    """Of a home and of a bundle; hashing counts up to the size, in order."""
    made = house(tmp_path)
    made.join("dr-lee")
    export_whole(made.app.context, "olivia", tmp_path / "bundle", lambda *_: None)
    made.app.close()
    for folder, verify, between in ((made.app.home, verify_home, 1), (tmp_path / "bundle", verify_exported, 0)):
        heard: list[tuple[str, int, int]] = []
        report = verify(folder, told=lambda *said, heard=heard: heard.append(said))
        assert (report.ok, report.level) == (True, "L4")
        assert report == verify(folder)
        hashed = [(done, of) for what, done, of in heard if what == "entries hashed"]
        assert hashed == sorted(hashed)
        assert hashed[-1] == (report.size, report.size)
        assert [what for what, _, _ in heard].count("views and records") == between
        assert heard[-1] == ("entries replayed", 0, report.size)


@pytest.mark.slow
def test_at_a_terminal_a_bar_is_shown_and_in_a_pipe_none(tmp_path: Path) -> None:
    """On standard error, so that what is printed stays the same."""
    made = house(tmp_path)
    made.app.close()
    command = [sys.executable, "-m", "bedrail", "--home", str(made.app.home), "ledger", "verify"]
    quiet = subprocess.run(command, capture_output=True, check=False)
    above, below = pty.openpty()
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=below, check=False)
    os.close(below)
    shown = os.read(above, 65536)
    os.close(above)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    assert (ran.returncode, ran.stdout) == (0, quiet.stdout)
    assert b"Entries replayed" in shown
