"""The checks there are, in the order they are asked and read."""

from __future__ import annotations

from bedrail.checks.calibration import calibration
from bedrail.checks.discrimination import discrimination
from bedrail.checks.question import Check, check

__all__ = ["CHECKS", "Check", "check"]

CHECKS: dict[str, Check] = {found.name: found for found in (discrimination, calibration)}
