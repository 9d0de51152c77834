"""The ledger's second key: made with a home, brought to an older one, and not to be taken away again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bedrail.app import create_home
from bedrail.journeys.upkeep import open_installation
from small_home import told

ORIGIN = "old.hospital.example/ledger"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A home as an earlier version made it: one ledger key, and facts that name no other."""
    home = tmp_path / "home"
    create_home(home, ORIGIN).close()
    (home / "keys" / "ledger-mldsa.key").unlink()
    shutil.rmtree(home / "anchor", ignore_errors=True)
    for path in home.glob("ledger.sqlite*"):
        path.unlink()
    app = create_home(home, ORIGIN)
    open_installation(app.context, ORIGIN, "olivia", app.public_names())
    app.close()
    return home


def _verified(*arguments: str, home: Path | None = None) -> dict[str, object]:
    report: dict[str, object] = json.loads(told("ledger", "verify", *arguments, "--json", home=home).out)
    return report


def test_an_older_home_goes_on_with_one_signature_until_told(old: Path, tmp_path: Path) -> None:
    """Verified before and after; the fact names the key, the next checkpoint that leaves bears two lines."""
    before = _verified(home=old)
    assert (before["ok"], before["level"]) == (True, "L4"), before
    assert len(told("ledger", "keys", home=old).out.splitlines()) == 1
    assert told("--as", "nobody", "ledger", "add-key", home=old).code == 1
    done = told("--as", "olivia", "ledger", "add-key", home=old)
    assert done.code == 0, done
    assert told("--as", "olivia", "ledger", "add-key", home=old).code == 1
    keys = told("ledger", "keys", home=old).out
    assert len(keys.splitlines()) == 2
    assert keys.splitlines()[1] in done.out
    after = _verified(home=old)
    assert (after["ok"], after["level"]) == (True, "L4"), after
    assert told("--as", "olivia", "ledger", "export", str(tmp_path / "bundle"), home=old).code == 0
    (tmp_path / "keys").write_text(keys)
    handed = _verified("--bundle", str(tmp_path / "bundle"), "--key", str(tmp_path / "keys"))
    assert (handed["ok"], handed["level"]) == (True, "L4"), handed


def test_a_second_key_that_the_facts_name_cannot_be_taken_from_a_home(tmp_path: Path) -> None:
    """Neither by deleting it together with its signature, nor by putting another in its place."""
    home = tmp_path / "home"
    assert told("init", "--owner", "olivia", "--origin", ORIGIN, home=home).code == 0
    assert _verified(home=home)["level"] == "L4"
    anchor = home / "anchor" / "checkpoint"
    lines = anchor.read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    (home / "keys" / "ledger-mldsa.key").unlink()
    anchor.write_bytes(b"".join(lines[:5]))
    report = _verified(home=home)
    assert report["ok"] is False
    assert "second" in json.dumps(report["differences"])
