"""How often a whole examination may fail a model without fault: one budget, shared over the checks beforehand."""

from __future__ import annotations

from collections.abc import Collection

from bedrail.checks.requirements import Requirements

SHARES: dict[str, tuple[str, ...]] = {
    "calibration": ("calibration_alpha",),
    "subgroups": ("group_alpha",),
    "fairness": ("family_alpha",),
    "parity": ("side_alpha",),
    "error-costs": ("side_alpha",),
    "label-choice": ("side_alpha",),
    "sites": ("side_alpha",),
    "uncertainty": ("coverage_alpha",),
    "shift": ("shift_alpha", "side_alpha"),
    "slices": ("slice_alpha",),
}
"""The checks that ask whether nothing is wrong (no gap, O/E of 1, the promised coverage), and what each may spend.

The others hold a figure against a bound, or count what must not be there. They fail a model that lies exactly at its
bound in at most half of 1 - `confidence` of examinations each, and one that keeps it clearly next to never.
"""


def budget(requirements: Requirements, checks: Collection[str] | None = None) -> float:
    """The chance, at most, that any of `checks` (all by default) fails an exactly fair, well calibrated model.

    The sum of their shares, by Bonferroni's inequality, whatever the dependence between checks that look at the same
    outcomes. Shares are fixed before the data are seen (weighted Bonferroni; Rosenthal and Rubin 1983, Psychological
    Bulletin 94:540), so a check's verdict does not depend on which others were asked. Holm's step-down (1979) or any
    closed test built of these would fail exactly the same examinations: its first step is this one.
    """
    asked = SHARES if checks is None else [name for name in SHARES if name in checks]
    return sum((float(getattr(requirements, field)) for name in asked for field in SHARES[name]), 0.0)
