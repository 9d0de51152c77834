"""The matrix: every role at every door in every state of a deployment, from the tables that the doors obey."""

from __future__ import annotations

import html
from collections.abc import Iterator

from bedrail.core.values import Value
from bedrail.governance.doors import CLI, HTTP, ONLY, PUBLIC, Permit, command_permit, states_for
from bedrail.governance.permissions import ROLES, permitted
from bedrail.governance.stages import STATES


class Cell(Value, frozen=True, kw_only=True):
    """One role at one door: whether its role opens it, in which states there is something to do, and what else must
    hold."""

    role: str
    open: bool
    states: tuple[str, ...]
    only: tuple[str, ...]


class Line(Value, frozen=True, kw_only=True):
    """One door: `METHOD /path` or `bedrail command`, what opens it, what it does, and a cell for each role."""

    door: str
    key: str
    action: str
    token: str
    cells: tuple[Cell, ...]


def matrix(withheld: frozenset[str] = frozenset()) -> tuple[Line, ...]:
    """Every door, as a policy that withholds these permissions leaves it."""
    return tuple(_line(door, permit, withheld) for door, permit in _doors())


def _doors() -> Iterator[tuple[str, Permit]]:
    yield from HTTP.items()
    for command in CLI:
        permit = command_permit(command)
        assert permit is not None
        yield f"bedrail {command}", permit


def _line(door: str, permit: Permit, withheld: frozenset[str]) -> Line:
    cells = tuple(_cell(role, permit, withheld) for role in ROLES)
    return Line(door=door, key=permit.key, action=permit.action, token=permit.token, cells=cells)


def _cell(role: str, permit: Permit, withheld: frozenset[str]) -> Cell:
    """A token door that names no person asks no role: the token's scope is all."""
    asks_role = permit.action != PUBLIC and (permit.key != "token" or permit.person)
    is_open = not asks_role or permitted((role,), permit.action, withheld)
    states = states_for(permit.action) if is_open else ()
    return Cell(role=role, open=is_open, states=states, only=ONLY.get(permit.action, ()) if is_open else ())


def signs(line: Line) -> tuple[str, ...]:
    """A sign for each role: `yes`, `if` (more must hold, or not in every state), `-`, or `token` (no role is asked)."""
    if line.key == "token" and all(cell.open for cell in line.cells):
        return ("token",) * len(line.cells)
    return tuple(
        "-" if not cell.open else "if" if cell.only or len(cell.states) < len(STATES) else "yes" for cell in line.cells
    )


def asks(line: Line) -> str:
    """What the door asks, in words: the token's scope, the action, and what else must hold."""
    said = [f"token: {line.token}"] if line.token else []
    said += [line.action]
    said += ONLY.get(line.action, ())
    states = states_for(line.action)
    if len(states) < len(STATES):
        said.append(f"when {', '.join(states)}")
    return "; ".join(said)


def opened_by(line: Line) -> str:
    """The roles that open it, in words: `everybody`, `whoever has such a token`, or their names."""
    if line.key == "token" and all(cell.open for cell in line.cells):
        return "whoever has such a token"
    if line.action == PUBLIC:
        return "everybody"
    return ", ".join(cell.role for cell in line.cells if cell.open)


def matrix_table(lines: tuple[Line, ...]) -> str:
    """As Markdown."""
    rows = ["| door | asks | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 2) + "|"]
    for line in lines:
        rows.append(f"| `{line.door.removeprefix('bedrail ')}` | {asks(line)} | " + " | ".join(signs(line)) + " |")
    return "\n".join(rows)


def matrix_html(lines: tuple[Line, ...]) -> str:
    """As one page that needs nothing else."""
    head = "".join(f"<th>{html.escape(word)}</th>" for word in ("door", "asks", *ROLES))
    body = "".join(
        f"<tr><td><code>{html.escape(line.door)}</code></td><td>{html.escape(asks(line))}</td>"
        + "".join(f'<td class="{sign}">{sign}</td>' for sign in signs(line))
        + "</tr>\n"
        for line in lines
    )
    style = (
        "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #999}"
        "td.yes{background:#d7f0d7}td.if{background:#f6efc8}"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Who may do what</title>'
        f"<style>{style}</style></head><body><h1>Who may do what</h1>"
        "<p><b>yes</b>: the role opens it; <b>if</b>: what stands under <i>asks</i> must hold too; "
        "<b>token</b>: no role is asked, the token's scope is all; <b>-</b>: denied.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></body></html>\n"
    )


def matrix_page() -> str:
    """The documentation page `docs/access-matrix.md`."""
    return "\n".join(
        [
            "# Who may do what, door by door",
            "",
            "Drawn from the tables that the doors obey (`bedrail/governance/permissions.py` and `doors.py` beside it);",
            "a test keeps this page in step, and every cell is asserted by really calling the door. **yes**: the role",
            "opens it; **if**: what stands under *asks* must hold too; **token**: no role is asked, the token's scope",
            "is all; **-**: denied. What is not here is shut. The rules behind it: [access.md](access.md).",
            "",
            matrix_table(matrix()),
            "",
        ]
    )
