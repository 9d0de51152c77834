"""The commands that gates and refusals name are commands that the command line takes."""

from __future__ import annotations

import shlex

import click
import pytest

from bedrail.cli import cli, hoisted
from bedrail.governance import commands

NAMED = [
    commands.open_use_case(),
    commands.adopt_policy(),
    commands.admit_data("readmission-30d"),
    commands.show_deidentification("3f5a91c2d4e6f708"),
    commands.train("readmission-30d"),
    commands.examine("readmission-30d", "boosting"),
    commands.approve("readmission-30d", "boosting", "clinical-lead", "pilot", "dr-adams"),
    commands.add_person("clinical-lead"),
    commands.deploy("readmission-30d", "boosting", "shadow"),
    commands.watch("readmission-30d"),
    commands.answer_finding("01JX", "dr-adams"),
    commands.close_finding("01JX"),
]


@pytest.mark.parametrize("line", NAMED)
def test_a_named_command_parses(line: str) -> None:
    """Sub-command, arguments and options are all known to the command line."""
    words = hoisted(shlex.split(line)[1:])
    if words[0] == "--as":
        words = words[2:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
    parsed = command.make_context(command.name, list(words), parent=context)
    assert parsed.args == []


def test_every_command_is_tried() -> None:
    """A command added to the table is added here."""
    assert len(NAMED) == sum(
        1 for found in vars(commands).values() if getattr(found, "__module__", "") == commands.__name__
    )
