"""The long proofs run, in small: `make soak` finds scripts that work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"

SMALL = {
    "drills": ("--count", "3"),
    "hostile": ("--count", "60", "--generated", "0", "--patients", "50"),
    "identifiers": ("--count", "120"),
    "fuzz": ("--count", "500", "--only", "tile"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_long_proof_runs_in_small(name: str, tmp_path: Path) -> None:
    """One line of JSON that says what was done and that it was right."""
    command = [sys.executable, str(BENCH / f"soak_{name}.py"), *SMALL[name]]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    said = json.loads(done.stdout.splitlines()[-1])
    if name == "hostile":  # so few requests say nothing about memory
        assert said["wrong"] == []
    else:
        assert (said["right"], done.returncode) == (True, 0), done.stdout
