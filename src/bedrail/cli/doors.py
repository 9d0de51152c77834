"""What every command shares: the opened home, the person who acts, tables, JSON, and errors as exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.core.errors import BedrailError, Invalid, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from bedrail.app import App
    from bedrail.journeys.context import Context
    from bedrail.journeys.reception import Reception

EXIT_CODES: tuple[tuple[type[BedrailError], int], ...] = (
    (NotFound, 2),
    (Invalid, 2),
    (Refused, 1),
    (Unavailable, 3),
)
"""1: a rule says no; 2: the input is wrong; 3: a part of the system is out or its bytes are not the approved ones."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@dataclass(slots=True)
class CliState:
    """The home and person as given on the command line, and the home once opened."""

    home: Path | None
    person: str | None
    opened: list[App] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The home: option, BEDRAIL_HOME, or ./bedrail-home."""
        from bedrail.app import environment_default

        return (self.home or Path(environment_default("BEDRAIL_HOME", "bedrail-home"))).resolve()

    def app(self, *, busy_seconds: float = 5.0) -> App:
        """The opened home, closed again when the command ends; waits so long for others who hold the database."""
        if not self.opened:
            from bedrail.app import open_home

            app = open_home(self.folder, busy_seconds=busy_seconds)
            app.context.door = "cli"
            self.opened.append(app)
            click.get_current_context().call_on_close(self.close)
            self._ask(click.get_current_context().command_path.partition(" ")[2])
        return self.opened[0]

    def _ask(self, command: str) -> None:
        """No command works on a home before its tag says what it asks, and the acting person may do that."""
        from bedrail.governance.doors import command_permit

        permit = command_permit(command)
        if permit is None:
            remedy = "Its tag belongs in bedrail/governance/doors.py (CLI)."
            raise Refused(f"nobody has said what `bedrail {command}` asks.", remedy=remedy)
        if permit.key == "command" and command != "halt":  # that asks by itself: a home that says no may be a home out
            self.context().require(self.actor(), permit.action)

    def close(self) -> None:
        """Close what was opened."""
        while self.opened:
            self.opened.pop().close()

    def context(self) -> Context:
        """The journeys' context of the opened home, for whoever is signed in at this terminal."""
        app = self.app()
        if app.context.principal is None:
            app.context.principal = app.terminal_principal(orders=not self._without_order())
        return app.context

    def _without_order(self) -> bool:
        """Whether this command stops something: no timer's order does that, and none that is left over hinders it."""
        from bedrail.app import order_named

        command = click.get_current_context()
        name = command.command_path.partition(" ")[2]
        stops = name == "halt" or (name == "deploy" and command.params.get("stage") == "shadow")
        if stops and (named := order_named()):
            click.echo(f"Warning: {named} is set and ignored: a stop is a person's own act.", err=True)
        return stops

    def reception(self) -> Reception:
        """Where people sign in."""
        return self.app().reception(context=self.context())

    def actor(self) -> str:
        """Who acts: --as, BEDRAIL_ACTOR, whoever is signed in, or the owner when nobody is named."""
        from bedrail.app import environment_default

        named = self.person or environment_default("BEDRAIL_ACTOR")
        signed = self.context().principal
        if not named and signed is not None:
            return signed.person
        return named or next(iter(self.context().refresh().holders("owner")), "")


pass_state = click.make_pass_decorator(CliState)


def report_error(error: BedrailError) -> int:
    """Print what is wrong, where, and what to do, on standard error; returns the exit code."""
    path = getattr(error, "path", "")
    word = {Refused: "Refused", NotFound: "Not found", Invalid: "Invalid"}.get(type(error), type(error).__name__)
    click.secho(f"{word}: ", fg="red", bold=True, nl=False, err=True)
    click.echo(plain(f"{path}: {error.message}" if path else error.message), err=True)
    for reason in (each for each in getattr(error, "reasons", ()) if " " in each):  # others are words for doors
        click.echo(plain(f"  - {reason}"), err=True)
    if error.remedy:
        click.echo(f"  What to do: {error.remedy}", err=True)
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 3)


def show_json(value: Any) -> None:
    """Print a value as indented JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table as wide as the terminal, or unwrapped into a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 400, highlight=False)
    table = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False, box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(str(cell))) for cell in row))
    console.print(table)


def plain(text: str) -> str:
    """The text without what a terminal would obey: escape sequences, and signs that turn the direction of writing."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def progress_lines(prefix: str = "") -> Callable[[str], None]:
    """A progress callback that writes one line a step to standard error."""

    def say(step: str) -> None:
        click.echo(f"  {prefix}{step}", err=True)

    return say


def cores() -> int:
    """The cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
