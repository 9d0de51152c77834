"""De-identified tables keep no identifier in another column, and invent no age."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bedrail.data.roles import DataRoles
from bedrail.privacy.tables import deidentify_table

ROLES = DataRoles(subject="patient", encounter="encounter", time="order", outcome="event")


def _table(**changes: object) -> pd.DataFrame:
    columns = {
        "patient": [70001, 70002, 70001],
        "encounter": [9100310, 9100127, 9100555],
        "order": [9100310, 9100127, 9100555],
        "event": [0, 1, 0],
        "age": [95.0, np.nan, 60.0],
    }
    return pd.DataFrame(columns | changes)


def test_encounter_ids_that_stand_for_the_time_do_not_survive_as_the_time() -> None:
    """Only their order is kept, and the manifest says so."""
    out, treatments = deidentify_table(_table(), ROLES, ["age"], lambda text: f"p{hash(text)}")
    assert out["order"].tolist() == [2.0, 1.0, 3.0]
    assert "rank in order of time" in {each.action for each in treatments if each.column == "order"}


def test_a_real_time_is_kept() -> None:
    """Timestamps are no identifiers."""
    times = pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-03"])
    out, _ = deidentify_table(_table(order=times), ROLES, ["age"], lambda text: f"p{hash(text)}")
    assert out["order"].tolist() == list(times)


def test_an_unknown_age_is_not_taken_for_an_old_one() -> None:
    """Top-coding at 90 leaves missing ages missing."""
    out, _ = deidentify_table(_table(), ROLES, ["age"], lambda text: f"p{hash(text)}")
    assert out["age"].isna().tolist() == [False, True, False]
    assert out["age"].dropna().tolist() == [90.0, 60.0]
