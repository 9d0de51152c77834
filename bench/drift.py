"""Drift of 1,000,000 x 50: ours against scipy and NannyML in one run, in CPU seconds and in passes over memory.

Run: OMP_NUM_THREADS=1 .venv/bin/python bench/drift.py [--rows 1000000] [--no-nannyml] [--json FILE]

NannyML runs in an environment of its own (bench/.venv-nannyml, made at first run from PyPI, with statsmodels, which it
needs and does not ask for; its usage reporting is switched off). If it cannot be installed or run, the output says so.
scipy sees `--peer-columns` columns and is scaled to all of them. A pass over memory is one np.max of the same matrix.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from bedrail.monitoring import Grid, distances, histogram

HERE = Path(__file__).parent
PEER = HERE / ".venv-nannyml"
COLUMNS = 50
_NANNYML = """
import sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd, nannyml as nml
folder, rows = sys.argv[1], int(sys.argv[2])
ref, now = (pd.DataFrame(np.load(f"{folder}/{n}.npy", mmap_mode="r")[:rows]) for n in ("reference", "current"))
ref.columns = now.columns = [f"f{j}" for j in range(ref.shape[1])]
calc = nml.UnivariateDriftCalculator(column_names=list(ref.columns), chunk_number=1,
    continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"])
start = time.process_time()
calc.fit(ref)
fitted = time.process_time()
calc.calculate(now)
print("RESULT", fitted - start, time.process_time() - fitted)
"""


def matrices(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Reference and current: normal, skewed and counted columns in turn, slightly drifted."""
    out = []
    for seed, shift in ((0, 0.0), (1, 0.05)):
        rng = np.random.default_rng(seed)
        X = np.empty((rows, COLUMNS), dtype=np.float32)
        for j in range(COLUMNS):
            kind = j % 3
            X[:, j] = rng.normal(shift, 1, rows) if kind == 0 else rng.exponential(1 + shift, rows)
            if kind == 2:
                X[:, j] = np.floor(X[:, j] * 5)
        out.append(X)
    return out[0], out[1]


def cpu(work, repeats: int = 5) -> float:
    """The median CPU seconds of `work`."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return float(np.median(times))


def scipy_seconds(reference: np.ndarray, current: np.ndarray, columns: int) -> tuple[float, np.ndarray]:
    """(CPU seconds scaled to all columns, exact KS of the columns seen)."""
    from scipy.stats import ks_2samp, wasserstein_distance

    start = time.process_time()
    exact = []
    for j in range(columns):
        a, b = reference[:, j].astype(float), current[:, j].astype(float)
        exact.append(ks_2samp(a, b, method="asymp").statistic)
        wasserstein_distance(a, b)
    return (time.process_time() - start) * COLUMNS / columns, np.array(exact)


def nannyml_seconds(reference: np.ndarray, current: np.ndarray, folder: Path, peer: Path) -> tuple[float, float] | str:
    """(fit, calculate) CPU seconds, or why there are none."""
    quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
    python = peer / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(peer)], check=True, capture_output=True)
            install = [str(python), "-m", "pip", "install", "-q", "nannyml", "statsmodels"]
            subprocess.run(install, check=True, capture_output=True, timeout=900)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "reference.npy", reference)
        np.save(folder / "current.npy", current)
        command = [str(python), "-c", _NANNYML, str(folder), str(len(current))]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900, env=quiet)
        words = next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).split()
        return float(words[1]), float(words[2])
    except subprocess.CalledProcessError as error:
        text = error.stderr if isinstance(error.stderr, str) else (error.stderr or b"").decode()
        return (text.strip().splitlines() or ["it failed without a word"])[-1]
    except (OSError, StopIteration, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        for name in ("reference", "current"):
            (folder / f"{name}.npy").unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer-columns", type=int, default=6)
    parser.add_argument("--no-nannyml", action="store_true")
    parser.add_argument("--peer", type=Path, default=PEER, help="an environment that has, or shall have, NannyML")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    reference, current = matrices(args.rows)
    grid = Grid.fit(reference, [f"f{j}" for j in range(COLUMNS)])
    held = grid.count(reference)
    one_pass = cpu(current.max)
    ours = cpu(lambda: distances(held, grid.count(current)))
    exact_seconds, exact = scipy_seconds(reference, current, args.peer_columns)
    error = float(np.abs(distances(held, grid.count(current)).ks[: args.peer_columns] - exact).max())
    out: dict = {
        "rows": args.rows, "columns": COLUMNS, "compiled": histogram._histogram is not None,
        "pass_seconds": one_pass, "ours_seconds": ours, "ours_passes": ours / one_pass,
        "largest_ks_error": error, "scipy_seconds": exact_seconds, "scipy_ratio": exact_seconds / ours,
    }  # fmt: skip
    print(
        f"{args.rows} x {COLUMNS} float32, CPU seconds, one thread; kernel {'compiled' if out['compiled'] else 'numpy'}"
    )
    print(f"one pass (np.max)            {one_pass:.4f}")
    print(f"ours: KS W1 PSI JS missing   {ours:.4f}   {out['ours_passes']:.2f} passes; KS error {error:.1e}")
    print(f"scipy: KS W1 ({args.peer_columns} columns, scaled) {exact_seconds:.2f}   {out['scipy_ratio']:.0f} x ours")
    if not args.no_nannyml:
        peer = nannyml_seconds(reference, current, HERE / "out", args.peer)
        if isinstance(peer, str):
            out["nannyml"] = f"not run: {peer}"
            print(f"NannyML                      did not run: {peer}")
        else:
            out |= {"nannyml_fit_seconds": peer[0], "nannyml_seconds": peer[1], "nannyml_ratio": peer[1] / ours}
            print(f"NannyML: KS JS W1            {peer[1]:.2f}   {peer[1] / ours:.0f} x ours (fit {peer[0]:.2f} apart)")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(out, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
