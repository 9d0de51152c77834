"""What killed test runs leave behind."""

from __future__ import annotations

import os
from pathlib import Path

import throwaway


def test_only_what_is_old_and_whose_process_is_gone_is_swept(tmp_path: Path) -> None:
    """The living, the recent, other names and links stay."""
    gone = 2**22 + 1  # Linux gives no higher process id than 2**22
    names = [f"bedrail-postgres-{gone}-a", f"bedrail-postgres-{os.getpid()}-a", "bedrail-postgres-a", "other-a-1-a"]
    for name in names:
        (tmp_path / name / "data").mkdir(parents=True)
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / f"bedrail-softhsm-{gone}-b").mkdir()
    (tmp_path / f"bedrail-softhsm-{gone}-c").symlink_to(tmp_path)
    throwaway.sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names[1:], f"bedrail-softhsm-{gone}-b", f"bedrail-softhsm-{gone}-c"}
