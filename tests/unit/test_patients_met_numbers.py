"""A patient whom a model has met is found however the other file writes the number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bedrail.journeys.patients_met import _is_known
from bedrail.keys.pseudonyms import HmacPseudonyms


@pytest.mark.parametrize("written", [1001, 1001.0, "1001", " 1001 ", "1001.0", "001001"])
def test_a_number_is_one_patients_however_it_is_written(written: object) -> None:
    """Whole, with a point, with spaces or with the zeros that another file lost; another number is not found."""
    names = HmacPseudonyms(bytes(range(32)))
    ctx: Any = SimpleNamespace(pseudonyms=names)
    assert _is_known(ctx, written, frozenset({names.pseudonym("1001")}))
    assert not _is_known(ctx, written, frozenset({names.pseudonym("10010")}))
