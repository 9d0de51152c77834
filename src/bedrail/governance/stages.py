"""The stages of a deployment and every move between them, as one table.

shadow (computed, never shown) -> pilot (some sites) -> canary (a share of patients) -> general. No stage is skipped
going up (SRV-3 of the control catalogue); going down is always free; a halted use case starts again in shadow, through
the full gate, or returns to an earlier approved version (SRV-4, SRV-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bedrail.core.errors import Invalid, Refused
from bedrail.governance.values import UseCaseView

Stage = Literal["shadow", "pilot", "canary", "general"]
State = Literal["none", "shadow", "pilot", "canary", "general", "halted"]
Move = Literal["to shadow", "to pilot", "to canary", "to general", "retreat", "halt", "roll back"]

STAGES: tuple[Stage, ...] = ("shadow", "pilot", "canary", "general")
STATES: tuple[State, ...] = ("none", *STAGES, "halted")
MOVES: tuple[Move, ...] = ("to shadow", "to pilot", "to canary", "to general", "retreat", "halt", "roll back")
VISIBLE: frozenset[str] = frozenset({"pilot", "canary", "general"})
"""Stages whose answers a clinician sees."""


@dataclass(frozen=True, slots=True)
class Goes:
    """The move is possible and leads to `to`; `gated` when only an open gate lets it happen."""

    to: State | Literal["earlier"]
    gated: bool


@dataclass(frozen=True, slots=True)
class Stays:
    """The move is not possible, because `reason`; `first` is the stage that comes first, where there is one."""

    reason: str
    first: Stage | None = None


def _up(first: Stage) -> Stays:
    return Stays(f"a stage would be skipped: {first} comes first", first)


_RESTART = Stays("a halted use case starts again in shadow", "shadow")
_NOTHING = Stays("nothing of this candidate is deployed")

TABLE: dict[tuple[State, Move], Goes | Stays] = {
    ("none", "to shadow"): Goes("shadow", gated=True),
    ("none", "to pilot"): _up("shadow"),
    ("none", "to canary"): _up("shadow"),
    ("none", "to general"): _up("shadow"),
    ("none", "retreat"): _NOTHING,
    ("none", "halt"): _NOTHING,
    ("none", "roll back"): _NOTHING,
    ("shadow", "to shadow"): Goes("shadow", gated=True),
    ("shadow", "to pilot"): Goes("pilot", gated=True),
    ("shadow", "to canary"): _up("pilot"),
    ("shadow", "to general"): _up("pilot"),
    ("shadow", "retreat"): Stays("it is in shadow already"),
    ("shadow", "halt"): Goes("halted", gated=False),
    ("shadow", "roll back"): Goes("earlier", gated=True),
    ("pilot", "to shadow"): Goes("shadow", gated=True),
    ("pilot", "to pilot"): Goes("pilot", gated=True),
    ("pilot", "to canary"): Goes("canary", gated=True),
    ("pilot", "to general"): _up("canary"),
    ("pilot", "retreat"): Goes("shadow", gated=False),
    ("pilot", "halt"): Goes("halted", gated=False),
    ("pilot", "roll back"): Goes("earlier", gated=True),
    ("canary", "to shadow"): Goes("shadow", gated=True),
    ("canary", "to pilot"): Goes("pilot", gated=True),
    ("canary", "to canary"): Goes("canary", gated=True),
    ("canary", "to general"): Goes("general", gated=True),
    ("canary", "retreat"): Goes("shadow", gated=False),
    ("canary", "halt"): Goes("halted", gated=False),
    ("canary", "roll back"): Goes("earlier", gated=True),
    ("general", "to shadow"): Goes("shadow", gated=True),
    ("general", "to pilot"): Goes("pilot", gated=True),
    ("general", "to canary"): Goes("canary", gated=True),
    ("general", "to general"): Goes("general", gated=True),
    ("general", "retreat"): Goes("shadow", gated=False),
    ("general", "halt"): Goes("halted", gated=False),
    ("general", "roll back"): Goes("earlier", gated=True),
    ("halted", "to shadow"): Goes("shadow", gated=True),
    ("halted", "to pilot"): _RESTART,
    ("halted", "to canary"): _RESTART,
    ("halted", "to general"): _RESTART,
    ("halted", "retreat"): Stays("nothing is answered while it is halted"),
    ("halted", "halt"): Stays("it is halted already"),
    ("halted", "roll back"): Goes("earlier", gated=True),
}


def parse_stage(named: str) -> Stage:
    """The stage of that name; raises `Invalid`."""
    for stage in STAGES:
        if stage == named:
            return stage
    raise Invalid(f"There is no stage {named!r}.", path="stage", remedy=f"Stages are: {', '.join(STAGES)}.")


def state_of(view: UseCaseView, candidate: str) -> State:
    """Where this candidate stands: its stage while it serves, `halted` after a stop, `none` when it does not serve."""
    deployment = view.deployment
    if deployment is None or deployment.candidate != candidate:
        return "none"
    return "halted" if deployment.halted else parse_stage(deployment.stage)


def answer(state: State, move: Move) -> Goes | Stays:
    """What the table says; it answers every pair."""
    return TABLE[state, move]


def move_to(stage: Stage) -> Move:
    """The move whose aim is this stage."""
    moves: dict[Stage, Move] = {
        "shadow": "to shadow",
        "pilot": "to pilot",
        "canary": "to canary",
        "general": "to general",
    }
    return moves[stage]


def check_move(current: str, stage: str) -> Goes:
    """That a candidate now at state `current` may be moved to `stage`; raises `Refused` for a skipped stage."""
    target = parse_stage(stage)
    states = {str(state): state for state in STATES}
    if current not in states:
        raise Invalid(f"There is no state {current!r}.", path="stage", remedy=f"States are: {', '.join(STATES)}.")
    found = answer(states[current], move_to(target))
    if isinstance(found, Stays):
        first = found.first or "shadow"
        raise Refused(f"From {current} to {target}: {found.reason}.", remedy=f"Deploy to {first} first.")
    return found


def at_least(stage: str, floor: str) -> bool:
    """Whether `stage` is `floor` or a later one; a name that is no stage is neither."""
    return stage in STAGES and floor in STAGES and _place(stage) >= _place(floor)


def before(stage: Stage) -> Stage | None:
    """The stage that comes before, None for shadow."""
    place = _place(stage)
    return STAGES[place - 1] if place else None


def _place(stage: str) -> int:
    return [str(s) for s in STAGES].index(stage)


def mermaid() -> str:
    """The table as a Mermaid state diagram; a star marks moves that only an open gate permits."""
    lines = ["stateDiagram-v2", "    [*] --> none"]
    edges: dict[tuple[str, str], list[str]] = {}
    for (state, move), found in TABLE.items():
        if isinstance(found, Goes):
            edges.setdefault((state, found.to), []).append(f"{move}{' *' if found.gated else ''}")
    lines += [f"    {state} --> {to}: {', '.join(moves)}" for (state, to), moves in edges.items()]
    return "\n".join(lines)


def stages_page() -> str:
    """The documentation page `docs/stages.md`, drawn from the table."""
    head = "| from | " + " | ".join(MOVES) + " |"
    rule = "|---" * (len(MOVES) + 1) + "|"
    rows = []
    for state in STATES:
        cells = []
        for move in MOVES:
            found = answer(state, move)
            cells.append(f"**{found.to}**{' *' if found.gated else ''}" if isinstance(found, Goes) else found.reason)
        rows.append(f"| {state} | " + " | ".join(cells) + " |")
    return "\n".join(
        [
            "# Stages of a deployment",
            "",
            "Drawn from the table in `bedrail/governance/stages.py`; a test keeps this page in step with it.",
            "`*` marks moves that only an open gate permits. `earlier` is the stage that the earlier version held.",
            "A candidate that does not serve is `none`, also after another candidate took its place.",
            "",
            "```mermaid",
            mermaid(),
            "```",
            "",
            head,
            rule,
            *rows,
            "",
        ]
    )
