"""Every route and every command says what it asks, and nothing else does: what is untagged is shut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from starlette.routing import Mount, Route

from bedrail.cli import cli
from bedrail.core.errors import Refused
from bedrail.governance.doors import CLI, HTTP, command_permit
from bedrail.governance.permissions import ACTIONS, ROLES, require
from bedrail.governance.values import TOKEN_ACTIONS
from bedrail.web.permits import Untagged, doors, guarded, permit_of
from bedrail.web.server import Standing, build
from bedside_house import small_house

HOUSE = Path(__file__).resolve().parents[2] / "src" / "bedrail"
DECISION = "POST /api/v1/use-cases/{use_case}/decisions"
"""Answered before the framework; see `decisions_route.is_decision`."""


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command of the tree that does something, as `token issue`."""
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    if command.invoke_without_command:
        yield " ".join(path)
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def test_every_route_that_is_really_built_is_tagged_and_no_other(tmp_path: Path) -> None:
    """The application as `web.server.build` makes it has the tagged routes, and all of them."""
    house = small_house(tmp_path)
    try:
        built = build(Standing(house.app))
        served = {door for route in built.rest.routes for door in doors(route)}  # type: ignore[attr-defined]
    finally:
        house.app.close()
    assert served | {DECISION} == set(HTTP)
    assert DECISION not in served


def test_a_route_nobody_spoke_of_keeps_the_server_from_being_built() -> None:
    """An untagged path, an untagged method, a mounted application: each is refused when the server is put together."""

    async def endpoint(request: object) -> None:
        raise AssertionError

    for route in (Route("/new", endpoint), Route("/healthz", endpoint, methods=["POST"]), Mount("/more", routes=[])):
        with pytest.raises(Untagged):
            guarded([route], None)  # type: ignore[arg-type]
    with pytest.raises(Untagged, match=r"governance/doors\.py"):
        permit_of("GET /new")


def test_every_command_is_tagged_and_no_other() -> None:
    """The tags are those of the click tree: say in bedrail/governance/doors.py (CLI) what a new command asks."""
    assert set(commands()) == set(CLI)


def test_a_command_nobody_spoke_of_does_not_open_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deny by default holds when the command runs, not only in this test."""
    from small_home import told

    house = small_house(tmp_path)
    house.app.close()
    untagged = {command: said for command, said in CLI.items() if command != "status"}
    monkeypatch.setattr("bedrail.governance.doors.CLI", untagged)  # the table itself keeps its order for other tests
    ran = told("--as", "dr-adams", "status", home=house.app.home)
    assert (ran.code, "nobody has said what `bedrail status` asks" in ran.err) == (1, True)


def test_tags_speak_of_what_there_is() -> None:
    """Actions are in the table of permissions, tokens are good for something known, and public doors say why."""
    for door, permit in HTTP.items():
        if permit.key == "public":
            assert len(permit.why) > 10, door
        elif permit.key == "token":
            assert permit.token in TOKEN_ACTIONS, door
            assert not permit.person or permit.action in ACTIONS, door
        else:
            assert permit.action in ACTIONS, door
    for command in CLI:
        permit = command_permit(command)
        assert permit is not None
        assert permit.action in ACTIONS or len(permit.why) > 10, command


def test_journeys_ask_only_for_actions_that_exist() -> None:
    """A slip in an action would deny everybody."""
    for path in HOUSE.rglob("*.py"):
        for action in re.findall(r"(?:require|authorise)\([\w., ]*\"([a-z-]+\.[a-z-]+)\"", path.read_text()):
            assert action in ACTIONS, f"{path.name}: {action}"


def test_every_action_is_asked_somewhere() -> None:
    """An action that nothing asks for would be a permission without a door."""
    asked = {permit.action for permit in HTTP.values()} | set(CLI.values())
    text = "".join(path.read_text() for path in HOUSE.rglob("*.py") if path.name not in {"permissions.py", "raci.py"})
    assert not [action for action in ACTIONS if action not in asked and f'"{action}"' not in text]
    with pytest.raises(Refused, match="no such action"):
        require(ROLES, "decision.ask")
