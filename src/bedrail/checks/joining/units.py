"""Units of analysis: of several scores of one encounter or subject, one row remains."""

from __future__ import annotations

import numpy as np

from bedrail.checks.joining.timing import Aggregate


def chosen(keys: np.ndarray, time: np.ndarray, score: np.ndarray, outcome: np.ndarray, rule: Aggregate) -> np.ndarray:
    """Rows, in the order of the table, that stand for their unit, one for each of `keys` (n,).

    `first` and `last` are by `time`, with that prediction's own outcome. `max` is the highest score; where the event
    happened, the highest among predictions whose window holds it, as no other could have been right about it (the
    same rule as `event_score` of seismometer 0.5). Ties go to the earlier row.
    """
    import pandas as pd

    codes, _ = pd.factorize(keys.astype(object))
    place = np.arange(len(codes))
    order = {
        "first": (place, time, codes),
        "last": (place, -time, codes),
        "max": (place, time, -score, -outcome.astype(np.int64), codes),
    }[rule]
    sorted_rows = np.lexsort(order)
    leads = np.ones(len(codes), dtype=bool)
    leads[1:] = codes[sorted_rows][1:] != codes[sorted_rows][:-1]
    return np.sort(sorted_rows[leads])
