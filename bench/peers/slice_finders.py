"""SliceLine and DivExplorer on a binned table, in their own environment: their first five slices (bench/slices.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

FIRST = 5


def main() -> None:
    """`slice_finders.py WHICH FOLDER STATEMENTS`: reads in.parquet, writes out.json."""
    which, folder, statements = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    table = pd.read_parquet(folder / "in.parquet")
    errors = table[[c for c in table.columns if c.startswith("_")]]
    frame = table.drop(columns=errors.columns).astype(str)
    rules: list[dict[str, str]] = []
    if which.startswith("sliceline"):
        from sliceline.slicefinder import Slicefinder

        finder = Slicefinder(alpha=0.95, k=FIRST, max_l=statements, min_sup=int(0.02 * len(frame)), verbose=False)
        finder.fit(frame, errors["_loss" if which.endswith("loss") else "_excess"].to_numpy())
        for row in finder.top_slices_:
            rules.append({c: str(v) for c, v in zip(frame.columns, row, strict=True) if v is not None})
    else:
        from functools import partial

        from divexplorer import DivergenceExplorer, divexplorer

        # as many statements as the others: 0.2.6 has no option for what its miner can do
        divexplorer.fpgrowth_cm = partial(divexplorer.fpgrowth_cm, max_len=statements)
        found = DivergenceExplorer(frame.assign(wrong=errors["_wrong"])).get_pattern_divergence(
            min_support=0.02, quantitative_outcomes=["wrong"], show_coincise=False
        )
        strong = found[found["wrong_t"].abs() > 1.96].sort_values("wrong_div", ascending=False).head(FIRST)
        for items in strong["itemset"]:
            rules.append(dict(str(item).split("=", 1) for item in items))
    (folder / "out.json").write_text(json.dumps(rules))


if __name__ == "__main__":
    main()
