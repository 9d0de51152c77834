"""Patients whom a model has met are found however the other file writes their numbers, and few of them stay untold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bedrail.checks.requirements import Requirements
from bedrail.core.errors import Refused
from bedrail.core.values import Verdict
from bedrail.journeys import patients_met as asked
from bedrail.keys.pseudonyms import HmacPseudonyms

NAMES = HmacPseudonyms(bytes(range(32)))
CTX: Any = SimpleNamespace(pseudonyms=NAMES)


@pytest.mark.parametrize("kept", ["1001", "001001", "0000001001"])
@pytest.mark.parametrize("written", [1001, 1001.0, "1001", " 1001 ", "1001.0", "001001", np.int64(1001)])
def test_a_number_is_one_patients_however_it_is_written(written: object, kept: str) -> None:
    """Whole, with a point, with spaces or zeros, here or there; another number is not found."""
    assert asked._is_known(CTX, written, frozenset({NAMES.pseudonym(kept)}))
    assert not asked._is_known(CTX, written, frozenset({NAMES.pseudonym(f"{kept}0")}))


@pytest.mark.parametrize("count", [1, 5, 10])
def test_how_many_of_few_patients_were_met_cannot_be_counted(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Whoever holds the table sees eleven patients fewer, be it one that was met or ten; met ones are among them."""
    table = pd.Series(np.repeat(np.arange(100), 2))
    known = frozenset(NAMES.pseudonym(str(at)) for at in range(count))
    monkeypatch.setattr(asked, "_learnt_from", lambda *_: known)
    candidate: Any = SimpleNamespace(name="r3")
    given: Any = (CTX, SimpleNamespace(), "use", candidate)
    found = asked.patients_met(*given, table, Requirements(), leave_out=True)
    assert table[found.keep].nunique() == 89
    assert not table[found.keep].isin(range(count)).any()
    assert (found.finding.verdict, found.finding.n, found.finding.estimate) == (Verdict.PASS, None, None)
    assert "100" not in found.finding.reason
    assert str(count) not in found.finding.reason.replace("11", "").replace("r3", "")
    with pytest.raises(Refused, match="Fewer than 11 patients"):
        asked.patients_met(*given, table, Requirements())
    with pytest.raises(Refused, match="Fewer than 11 patients"):
        asked.patients_met(*given, table[table < 11], Requirements(), leave_out=True)
