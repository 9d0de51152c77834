"""What the quality rules say about public clinical data sets, as figures to hold against what is known of them.

python bench/data_quality.py --data FOLDER        # the folder `clinical`, or its parent; default BEDRAIL_DATA
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bedrail.data.read import read_table
from bedrail.data.table_check import check_tables

LONG = {"series_a.parquet": ("parameter", "value"), "series_b.parquet": ("parameter", "value")}
SKIPPED = ("codebook", "README", "IDs_mapping", "index.csv")


def main() -> None:
    """Check every table below the folder and print what is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BEDRAIL_DATA", ".")))
    parser.add_argument("--only", default="", help="Tables whose path holds this.")
    given = parser.parse_args()
    folder = given.data / "clinical" if (given.data / "clinical").is_dir() else given.data
    for path in sorted(p for kind in ("*.csv", "*.csv.gz", "*.parquet") for p in folder.rglob(kind)):
        name = str(path.relative_to(folder))
        if given.only not in name or any(word in name for word in SKIPPED):
            continue
        frame = read_table(path)
        began = time.process_time()
        report = check_tables({name: frame}, long=LONG.get(path.name))[name]
        took = time.process_time() - began
        pace = len(frame) / max(took, 1e-9)
        print(f"\n{name}: {len(frame)} x {len(frame.columns)}, {took:.1f} CPU-s, {pace:,.0f} rows/s")
        for f in report.broken("block") + report.broken("warn"):
            if f.rule != "completeness":
                print(f"  {f.rule:<11} {f.column:<26} {f.reason}")


if __name__ == "__main__":
    main()
