"""A home whose making was cut short can be finished; a home that is one is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.app import create_home, open_home
from bedrail.core.errors import Corrupt, NotFound, Refused
from bedrail.core.events import TokenIssued
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.upkeep import add_person, open_installation, revoke_token
from bedrail.keys import KeyFolder

ORIGIN = "hospital.example/ledger"
EVER = "2099-01-01T00:00:00+00:00"


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


def test_the_last_owner_cannot_step_down(tmp_path: Path) -> None:
    """Otherwise nobody could ever add people or change the policy again."""
    app = create_home(tmp_path / "home", ORIGIN)
    ctx = app.context
    open_installation(ctx, app.origin, "olivia", app.public_names())
    with pytest.raises(Refused, match="only owner"):
        add_person(ctx, "olivia", "olivia", "Olivia", ("auditor",))
    add_person(ctx, "olivia", "otto", "Otto", ("owner",))
    add_person(ctx, "olivia", "olivia", "Olivia", ("auditor",))
    assert ctx.registry.holders("owner") == ("otto",)
    app.close()


def test_a_token_can_be_ended(tmp_path: Path) -> None:
    """By its id, by those who may, once."""
    app = create_home(tmp_path / "home", ORIGIN)
    ctx = app.context
    open_installation(ctx, app.origin, "olivia", app.public_names())
    ctx.append(SYSTEM, "security", TokenIssued(token="T1", use_case="a", sha256="f" * 64, client="ehr", expires=EVER))
    add_person(ctx, "olivia", "ada", "Ada", ("auditor",))
    with pytest.raises(Refused):
        revoke_token(ctx, "ada", "T1", "lost")
    with pytest.raises(NotFound, match="no live token"):
        revoke_token(ctx, "olivia", "T2", "lost")
    revoke_token(ctx, "olivia", "T1", "lost")
    assert ctx.registry.tokens == {}
    with pytest.raises(NotFound):
        revoke_token(ctx, "olivia", "T1", "lost")
    app.close()
