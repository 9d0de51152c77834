"""validate external: what its page says of the table that was asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedrail.data.digest import table_digest
from bedrail.data.read import read_table
from small_home import told


@pytest.mark.slow
def test_the_page_says_what_was_asked_of_which_table(tmp_path: Path) -> None:
    """Its rows, outcome, sites, recipe, score and digest; it once said `0, of 0 patients`."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=900)
    table, page = tmp_path / "stays.csv", tmp_path / "page.html"
    pd.DataFrame(
        {
            "ward": rng.choice(["a", "b", "c"], 900),
            "x": x,
            "old": 0.3,
            "died": (rng.random(900) < 1 / (1 + np.exp(1 - x))).astype(int),
        }
    ).to_csv(table, index=False)
    words = ("validate", "external", str(table), "--outcome", "died", "--by", "ward", "--score", "old")
    ran = told(*words, "--html", str(page))
    assert ran.code in (0, 1), ran.err
    text = page.read_text()
    assert "900 rows in the table" in text
    assert "0, of 0 patients" not in text
    for said in ("died", "ward", "logistic", "old", table_digest(read_table(table)), "Made"):
        assert f">{said}<" in text, said
