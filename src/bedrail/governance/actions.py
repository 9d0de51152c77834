"""What a policy does by itself when a monitor raises its alarm."""

from __future__ import annotations

from collections.abc import Iterable

from bedrail.core.errors import Invalid
from bedrail.governance.rules import Action, Policy

SEVERITY: dict[str, int] = {"notify": 0, "retreat": 1, "halt": 2}
SENTINELS = "sentinels"


def action_for(policy: Policy, tier: str, monitor: str) -> Action:
    """The action on this monitor's alarm: the tier's word before the policy's, a named monitor before `other`.

    A monitor may carry a part after a colon (`input-drift:age`); the rule for its name applies. A tier without rules
    halts: what nobody thought of is not let run on.
    """
    name = monitor.partition(":")[0]
    rules = policy.tier(tier)
    if rules is None:
        return "halt"
    for table, key in ((rules.alarms, name), (policy.alarms, name), (rules.alarms, "other"), (policy.alarms, "other")):
        if key in table:
            return table[key]
    return "halt"


def strongest(actions: Iterable[str]) -> Action:
    """Halt before retreat before notify; `notify` of nothing at all. Raises `Invalid` for a word that is no action."""
    found: Action = "notify"
    for action in actions:
        if action not in SEVERITY:
            raise Invalid(f"{action!r} is no action.", path="action", remedy="Actions are: notify, retreat, halt.")
        if SEVERITY[action] > SEVERITY[found]:
            found = "halt" if action == "halt" else "retreat"
    return found
