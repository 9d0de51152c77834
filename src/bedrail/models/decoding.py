"""Back from encoded rows to a table of inputs, to ask a model that takes tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.models.contract import Contract, Matrix

if TYPE_CHECKING:
    import pandas as pd

UNSEEN = "a level never seen"


def frame_of(contract: Contract, rows: Matrix) -> pd.DataFrame:
    """Encoded rows (n, k) as a table with one column per feature; a block without a level is a word never seen."""
    import pandas as pd

    table: dict[str, Any] = {}
    for feature, (start, stop) in zip(contract.features, contract.spans, strict=True):
        if feature.kind == "numeric":
            table[feature.name] = rows[:, start]
            continue
        block = rows[:, start:stop]
        words = np.array([*feature.levels, UNSEEN], dtype=object)
        filled = np.nan_to_num(block)
        told = words[np.where(filled.max(axis=1) > 0, filled.argmax(axis=1), stop - start)]
        told[np.isnan(block).any(axis=1)] = None
        table[feature.name] = told
    return pd.DataFrame(table)


def with_levels(contract: Contract, rows: Matrix) -> Matrix:
    """The rows with one level set in the block of every category, in turn."""
    found = rows.copy()
    every = np.arange(len(rows))
    for feature, (start, stop) in zip(contract.features, contract.spans, strict=True):
        if feature.kind == "categorical":
            found[:, start:stop] = ((every * (2 * start + 7919)) % (stop - start))[:, None] == np.arange(stop - start)
    return found
