"""Tampering, always on copies, by a script that stands for an insider with the database in hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from bedrail.cli.demo.stage import Stage
from bedrail.core.errors import Unavailable

DEEDS = (
    ("entry", "edits an entry", "edited-entry"),
    ("tail", "deletes the tail", "deleted-tail"),
    ("chain", "rewrites the whole chain with another key", "foreign-key"),
    ("view", "changes a row of a view behind the system's back", "view"),
)


def vandalise(script: Path, home: Path, deed: str, *more: str) -> str:
    """Let the insider do one deed in `home`; returns what the script says it did."""
    command = [sys.executable, str(script), str(home), deed, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own script)
    if done.returncode != 0:
        raise Unavailable(f"the tampering script failed: {done.stderr.strip()[-200:]}")
    return done.stdout.strip()


def tampered_copies(stage: Stage, script: Path, bundle: Path, key: str) -> None:
    """Each deed on a copy of its own: found, and named. Then the bundle in an empty folder, without any home."""
    found = {}
    for deed, words, kind in DEEDS:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "home"
            shutil.copytree(stage.home, copy)
            stage.say(f"On a copy, somebody {words}: {vandalise(script, copy, deed)}")
            honest, stage.home = stage.home, copy
            try:
                told = stage.run("ledger", "verify", "--key", key, expect=1, lines=4)
            finally:
                stage.home = honest
            found[deed] = kind in told.text
            stage.check(f"found and named: {kind}", found[deed])
    stage.figures["tampering found"] = found
    with tempfile.TemporaryDirectory() as empty:
        shutil.copytree(bundle, Path(empty) / "bundle")
        command = [sys.executable, "-m", "bedrail", "ledger", "verify", "--bundle", "bundle", "--key", key]
        click.secho(f"  $ cd {empty}; bedrail ledger verify --bundle bundle --key {key[:8]}...", fg="green")
        done = subprocess.run(command, cwd=empty, capture_output=True, text=True, check=False)  # noqa: S603
        stage.say(f"  {done.stdout.strip()}")
        stage.check("the bundle verifies in an empty folder, with no home", done.returncode == 0)
