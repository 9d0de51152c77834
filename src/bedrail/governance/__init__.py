"""Rules as data: use cases, policies, stages, permissions, approvals, and the gate that judges by them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.governance.approvals import check_approval
    from bedrail.governance.formats import format_gate
    from bedrail.governance.gate import Closed, Gate, Open, judge
    from bedrail.governance.policy import Policy, default_policy, parse_policy
    from bedrail.governance.usecase import Charter, load_charter, parse_charter
    from bedrail.governance.views import Registry

_FACE = {
    "Charter": "usecase",
    "Closed": "gate",
    "Gate": "gate",
    "Open": "gate",
    "Policy": "policy",
    "Registry": "views",
    "check_approval": "approvals",
    "default_policy": "policy",
    "format_gate": "formats",
    "judge": "gate",
    "load_charter": "usecase",
    "parse_charter": "usecase",
    "parse_policy": "policy",
}

__all__ = [
    "Charter",
    "Closed",
    "Gate",
    "Open",
    "Policy",
    "Registry",
    "check_approval",
    "default_policy",
    "format_gate",
    "judge",
    "load_charter",
    "parse_charter",
    "parse_policy",
]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: whoever needs only the registry does not load the checks."""
    if name not in _FACE:
        raise AttributeError(name)
    return getattr(import_module(f"bedrail.governance.{_FACE[name]}"), name)
