"""What a policy says about people: permissions it withholds, and who answers for a step."""

from __future__ import annotations

from bedrail.core.toml_lines import Located, suggest
from bedrail.governance.permissions import ACTIONS, ROLES, UNWITHHOLDABLE, may
from bedrail.governance.raci import STEPS, may_answer


def withheld(toml: Located) -> frozenset[str]:
    """The table `[withhold]`, action -> roles, as `action:role` pairs.

    A policy takes away and never gives; somebody must be left for each action. Raises `Invalid` with the line.
    """
    taken: set[str] = set()
    for action, roles in toml.table(("withhold",), required=False).items():
        at = ("withhold", action)
        if action not in ACTIONS:
            raise toml.invalid(at, f"There is no action {action!r}.", suggest(action, tuple(ACTIONS)))
        if action in UNWITHHOLDABLE:
            raise toml.invalid(at, f"`{action}` cannot be withheld.", "Remove this line.")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise toml.invalid(at, "This is no list of roles.", 'Write a list such as ["clinical-lead"].')
        for index, role in enumerate(roles):
            if role not in ROLES:
                raise toml.invalid((*at, index), f"There is no role {role!r}.", suggest(role, tuple(ROLES)))
            taken.add(f"{action}:{role}")
        if not may(action, frozenset(taken)):
            raise toml.invalid(at, f"Nobody would be left for `{action}`.", "Leave one role that may.")
    return frozenset(taken)


def accountable(toml: Located, taken: frozenset[str]) -> dict[str, str]:
    """The table `[accountable]`, step -> role; the role must be able to answer. Raises `Invalid` with the line."""
    known = {step.name: step for step in STEPS}
    answering: dict[str, str] = {}
    for name, role in toml.table(("accountable",), required=False).items():
        at = ("accountable", name)
        if name not in known:
            raise toml.invalid(at, f"There is no step {name!r}.", suggest(name, tuple(known)))
        able = may_answer(known[name], taken)
        if role not in able:
            raise toml.invalid(at, f"{role!r} cannot answer for it.", f"One of: {', '.join(able)}.")
        answering[name] = role
    for step in STEPS:
        role = answering.get(step.name, step.accountable)
        if role not in may_answer(step, taken):
            message = f"{role} answers for the step {step.name!r} and may not act."
            raise toml.invalid(("withhold",), message, f'Name another in [accountable]: "{step.name}" = "...".')
    return answering
