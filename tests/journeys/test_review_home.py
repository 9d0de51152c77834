"""A home whose making was cut short can be finished; a home that is one is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.app import create_home, open_home
from bedrail.core.errors import Corrupt, Refused
from bedrail.journeys.upkeep import open_installation
from bedrail.keys import KeyFolder

ORIGIN = "hospital.example/ledger"


@pytest.mark.parametrize("reached", ["keys", "store"])
def test_making_a_home_can_be_finished_after_a_kill(tmp_path: Path, reached: str) -> None:
    """Killed after the keys, or after the store but before the first fact: the same command goes on."""
    home = tmp_path / "home"
    if reached == "keys":
        KeyFolder(home / "keys").create(ORIGIN)
    else:
        create_home(home, ORIGIN).close()
    key = KeyFolder(home / "keys").open().public_key("ledger")
    app = create_home(home, ORIGIN)
    open_installation(app.context, app.origin, "olivia", app.public_names())
    app.close()
    opened = open_home(home)
    assert opened.public_key == key
    assert set(opened.context.registry.people) == {"olivia"}
    opened.close()


def test_a_home_with_facts_is_not_made_again(tmp_path: Path) -> None:
    """Nor one of another name, nor one whose ledger was lost."""
    home = tmp_path / "home"
    create_home(home, ORIGIN).close()
    with pytest.raises(Refused, match="already"):
        create_home(home, "other.example/ledger")
    app = create_home(home, ORIGIN)
    open_installation(app.context, app.origin, "olivia", app.public_names())
    app.close()
    with pytest.raises(Refused, match="already"):
        create_home(home, ORIGIN)
    (home / "ledger.sqlite").unlink()
    with pytest.raises(Corrupt, match="its anchor says"):
        create_home(home, ORIGIN)
    assert home.stat().st_mode & 0o077 == 0
