"""A fault at a file call leaves no inconsistent state; `bench/soak_file_faults.py` strikes at every one of them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import file_faults

STRIKES = 10


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_fault_at_any_file_call_leaves_nothing_half_done(tmp_path: Path) -> None:
    """Errors and kills at some of the calls that write, sync, rename and remove: all promises hold, work goes on."""
    ready = file_faults.prepared(tmp_path)
    strikes = [each for each in file_faults.every(tmp_path) if each[0] in file_faults.CHANGING]
    assert len(strikes) > 100
    for call, number, fault in random.Random(3).sample(strikes, STRIKES):
        assert file_faults.struck(tmp_path, ready, call, number, fault) == [], (call, number, fault)
