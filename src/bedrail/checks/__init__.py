"""Pre-deployment questions: one decorated function is one piece of evidence about a cohort of predictions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.checks.asking import examine
    from bedrail.checks.catalogue import CHECKS, Check, check
    from bedrail.checks.requirements import Requirements
    from bedrail.checks.values import Cohort, Probe

_FACE = {
    "CHECKS": "catalogue",
    "Check": "catalogue",
    "Cohort": "values",
    "Probe": "values",
    "Requirements": "requirements",
    "check": "catalogue",
    "examine": "asking",
}

__all__ = ["CHECKS", "Check", "Cohort", "Probe", "Requirements", "check", "examine"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: whoever reads a policy does not load the checks (no module here bears a face's name)."""
    if name not in _FACE:
        raise AttributeError(name)
    return getattr(import_module(f"bedrail.checks.{_FACE[name]}"), name)
