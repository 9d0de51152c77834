"""Append before answer: what was acknowledged survives kill -9 under load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_no_acknowledged_fact_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    """Six kills at random moments on one home; ledger, views and sealed records verify after each."""
    command = [sys.executable, str(ROOT / "bench" / "crash.py"), "--kills", "6", "--seed", "3", "--json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["kills"] == 6
    assert report["entries"] >= report["acknowledged"] > 100
