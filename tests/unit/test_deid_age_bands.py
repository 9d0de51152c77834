"""Ages that come as bands already."""

from __future__ import annotations

import pytest

from bedrail.privacy.release.cells import top_coded


@pytest.mark.parametrize(
    ("band", "becomes"),
    [
        ("[70-80)", "[70-80)"),
        ("[80-90)", "[80-90)"),
        ("[90-100)", "90+"),
        ("65 to 74 years", "65 to 74 years"),
        ("90-94", "90+"),
        ("80-90", ""),
        ("[80-90]", ""),
        ("85-94", ""),
        ("74-65", ""),
        ("12-1985", ""),
        ("03-12", ""),
    ],
)
def test_a_band_below_ninety_stays_and_one_above_is_one_group(band: str, becomes: str) -> None:
    """A band that reaches over 89 without beginning there goes (45 CFR 164.514(b)(2)(i)(C))."""
    assert top_coded(90)(band) == (becomes, becomes == "")
