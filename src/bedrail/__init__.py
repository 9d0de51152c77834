"""Bedrail: govern clinical AI from evidence to the bedside and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.checks.report import Report
    from bedrail.checks.requirements import Requirements
    from bedrail.core.errors import Invalid
    from bedrail.notebook import examine
    from bedrail.notebook_tables import examine_tables

__all__ = ["Invalid", "Report", "Requirements", "examine", "examine_tables"]

_HOMES = {
    "Invalid": "bedrail.core.errors",
    "Report": "bedrail.checks.report",
    "Requirements": "bedrail.checks.requirements",
    "examine": "bedrail.notebook",
    "examine_tables": "bedrail.notebook_tables",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that `import bedrail` costs nothing (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bedrail' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
