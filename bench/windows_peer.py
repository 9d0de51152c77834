"""Our windows beside seismometer's `merge_windowed_event` (forward): the same label wherever both give one.

    python3.11 -m venv /tmp/peers-windows && /tmp/peers-windows/bin/pip install seismometer
    PYTHONPATH=src .venv/bin/python bench/windows_peer.py --peer /tmp/peers-windows/bin/python

The peer labels the tables written by us in its own process. Prints how many predictions agree, and what becomes of
those that we leave out (made after the event, event within the gap). Exits 1 when a label differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

PEER = """
import sys
import pandas as pd
from seismometer.data.pandas_helpers import merge_windowed_event
folder, gap, horizon = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
p = pd.read_csv(folder + "/p.csv", parse_dates=["time"])
e = pd.read_csv(folder + "/e.csv", parse_dates=["Time"])
m = merge_windowed_event(p, "time", e, "x", ["subject"], min_leadtime_hrs=gap, window_hrs=horizon - gap)
m.sort_values("row")[["row", "x_Value"]].to_csv(folder + "/out.csv", index=False)
"""


def tables(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """200 patients with up to 30 hourly scores; half of them have the event once."""
    rng = np.random.default_rng(seed)
    rows = [(f"s{i}", hour) for i in range(200) for hour in range(int(rng.integers(2, 30)))]
    p = pd.DataFrame(rows, columns=["subject", "hour"])
    p["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(p.pop("hour"), unit="h")
    p["score"], p["row"] = rng.random(len(p)), np.arange(len(p))
    who = rng.choice(200, 100, replace=False)
    e = pd.DataFrame({"subject": [f"s{i}" for i in who], "event": "x", "value": 1})
    e["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 35, 100), unit="h")
    return p, e


def main() -> int:
    """One line for each pair of gap and horizon."""
    from bedrail.checks.joining.reading import read_events, read_predictions
    from bedrail.checks.joining.timing import Timing
    from bedrail.checks.joining.windows import match

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="A Python with seismometer.")
    options = parser.parse_args()
    differ = 0
    for seed, (gap, horizon) in enumerate(((0, 6), (0, 24), (2, 12), (1, 8))):
        p, e = tables(seed)
        given = read_predictions(p)
        timing = Timing(gap=f"{gap}h" if gap else "", horizon=f"{horizon}h")
        found, _ = match(given, read_events(e, "x", given, ignore_unknown=False)[0], timing)
        with tempfile.TemporaryDirectory() as folder:
            p.to_csv(Path(folder) / "p.csv", index=False)
            e.rename(columns={"time": "Time", "event": "Type", "value": "Value"}).to_csv(
                Path(folder) / "e.csv", index=False
            )
            command = [options.peer, "-c", PEER, folder, str(gap), str(horizon)]
            subprocess.run(command, check=True, capture_output=True)
            theirs = pd.read_csv(Path(folder) / "out.csv")["x_Value"].to_numpy()
        known = found.known
        wrong = int((theirs[known] != found.outcome[known]).sum())
        differ += wrong
        late = f"after the event {int(found.after.sum())} (theirs 1 in {int(theirs[found.after].sum())})"
        soon = f"within the gap {int(found.early.sum())} (theirs 1 in {int(theirs[found.early].sum())})"
        labels = f"{int(known.sum())} labels, {wrong} differ"
        print(f"gap {gap} h, horizon {horizon} h: {labels}; left out by us: {late}, {soon}", flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
