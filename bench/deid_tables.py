"""Tables: optimal k-anonymity, all measures and risks, Safe Harbor throughput; pycanon and anjana in the same run.

Run: OMP_NUM_THREADS=1 .venv/bin/python bench/deid_tables.py [--rows 1000000] [--peer-rows 100000] [--anjana-rows 10000]
     [--no-peers] [--json FILE]

pycanon and anjana run in an environment of their own (bench/.venv-tables, made at first run from PyPI). Each sees the
same table as we do, at a size that it can bear; where we say "the same values", they were compared in this run, and
exit code 1 says that they differ. All times are CPU seconds of one core. The table is synthetic: eight
quasi-identifiers of which 99 % of rows are alone, a lattice of 8,640 nodes, k = 5, at most 2 % of rows left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.release import deidentify_csv, measure
from bedrail.privacy.release import hierarchies as build
from bedrail.privacy.release.coding import coded
from bedrail.privacy.release.lattice import Lattice
from bedrail.privacy.release.loss import MEASURES, losses
from bedrail.privacy.release.optimum import search
from bedrail.privacy.release.uniqueness import population_uniqueness

HERE = Path(__file__).parent
PEER = HERE / ".venv-tables"
QUASI = ["age", "sex", "race", "zip", "marital", "edu", "month", "payer"]
_PYCANON = """
import sys, time, json, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from pycanon import anonymity as a
table = pd.read_csv(sys.argv[1], dtype={"zip": str, "month": str})
quasi = sys.argv[2].split(",")
found, times = {}, {}
for name, work in {
    "k": lambda: a.k_anonymity(table, quasi),
    "l": lambda: a.l_diversity(table, quasi, ["dx"]),
    "entropy l": lambda: a.entropy_l_diversity(table, quasi, ["dx"]),
    "t": lambda: a.t_closeness(table, quasi, ["dx"]),
    "t of a number": lambda: a.t_closeness(table, quasi, ["cost"]),
    "alpha": lambda: a.alpha_k_anonymity(table, quasi, ["dx"])[0],
    "beta": lambda: a.basic_beta_likeness(table, quasi, ["dx"]),
}.items():
    start = time.process_time()
    found[name] = float(work())
    times[name] = time.process_time() - start
print("RESULT", json.dumps([found, times]))
"""
_ANJANA = """
import sys, time, json, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from anjana.anonymity import k_anonymity
table = pd.read_csv(sys.argv[1], dtype=str)
trees = {name: {int(level): pd.Series(labels).values for level, labels in levels.items()}
         for name, levels in json.load(open(sys.argv[2])).items()}
start = time.process_time()
out = k_anonymity(table, [], list(trees), 5, 2, trees)
print("RESULT", json.dumps([len(out), time.process_time() - start]))
"""


def synthetic(rows: int, seed: int = 1) -> pd.DataFrame:
    """The table; see above."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.clip(rng.normal(52, 20, rows), 0, 89).astype(int),
            "sex": rng.choice(["M", "F"], rows),
            "race": rng.choice(list("ABCDE"), rows, p=[0.6, 0.15, 0.12, 0.08, 0.05]),
            "zip": [f"{code:05d}" for code in rng.choice(rng.integers(501, 99950, 2000), rows)],
            "marital": rng.choice(list("smdwxy"), rows),
            "edu": rng.integers(0, 16, rows),
            "month": [f"{month:02d}" for month in rng.integers(1, 13, rows)],
            "payer": rng.choice(list("abcd"), rows),
            "dx": rng.choice([f"I{number}" for number in range(60)], rows),
            "cost": rng.integers(0, 1000, rows),
        }
    )


def grown(columns: list) -> list[build.Hierarchy]:
    """5 x 2 x 3 x 6 x 2 x 3 x 4 x 2 levels."""
    values = {each.name: each.values for each in columns}
    return [
        build.intervals("age", values["age"], widths=[5, 10, 20]),
        build.suppressing("sex", values["sex"]),
        build.tree("race", values["race"], [{"X": ["B", "C"], "Y": ["D", "E"]}]),
        build.masking("zip", values["zip"]),
        build.suppressing("marital", values["marital"]),
        build.intervals("edu", values["edu"], widths=[4]),
        build.intervals("month", values["month"], widths=[3, 6], origin=1),
        build.suppressing("payer", values["payer"]),
    ]


def optimum(table: pd.DataFrame, measure_name: str) -> dict:
    """CPU seconds from the frame to the certified optimum."""
    start = time.process_time()
    columns = [coded(table[name], name) for name in QUASI]
    trees = grown(columns)
    counts = [np.bincount(each.codes, minlength=len(each.values)) for each in columns]
    lattice = Lattice([each.codes for each in columns], trees, [])
    found = search(lattice, losses(measure_name, trees, counts, [1.0] * 8), k=5, most_suppressed=int(0.02 * len(table)))
    return {
        "cpu": time.process_time() - start, "levels": found.levels, "suppressed": found.suppressed,
        "loss": found.loss, "checked": found.checked, "nodes": found.nodes,
    }  # fmt: skip


def all_measures(table: pd.DataFrame, quasi: list[str]) -> tuple[dict, float]:
    """Every measure and risk at once, and its CPU seconds."""
    start = time.process_time()
    found = measure(table, quasi, ["dx", "cost"], sampling=0.1)
    spent = time.process_time() - start
    dx, cost = found.sensitive
    return {
        "k": found.risks.k, "l": dx.l_distinct, "entropy l": int(dx.l_entropy), "t": dx.t_equal,
        "t of a number": cost.t_ordered, "alpha": dx.alpha, "beta": dx.beta,
    }, spent  # fmt: skip


def peer_python() -> Path | None:
    """The peers' interpreter; None when they cannot be installed."""
    python = PEER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        wanted = ["pycanon==1.3.5", "anjana==1.2.3"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=False)
    found = subprocess.run([python, "-c", "import pycanon, anjana"], capture_output=True, check=False)
    return python if found.returncode == 0 else None


def ask(python: Path, code: str, *words: str) -> list | None:
    """What a peer says, or None."""
    done = subprocess.run([python, "-c", code, *words], capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(said[0].removeprefix("RESULT ")) if said else None


def against_pycanon(python: Path, folder: Path, rows: int, say) -> bool:
    """The same values, and how much CPU each took."""
    same = True
    for quasi, size in ((["sex", "race", "edu"], rows), (QUASI, rows // 50)):  # all rows alone: more it cannot bear
        table = synthetic(size)
        table.to_csv(folder / "table.csv", index=False)
        ours, spent = all_measures(table, quasi)
        answer = ask(python, _PYCANON, str(folder / "table.csv"), ",".join(quasi))
        if answer is None:
            say("pycanon: could not be run")
            continue
        theirs, times = answer
        for name, value in theirs.items():
            close = abs(value - ours[name]) <= 1e-6 * max(1.0, abs(value))
            same &= close
            say(f"  {name}: pycanon {value:.6g}, ours {ours[name]:.6g}{'' if close else '  DIFFERENT'}")
        total = sum(times.values())
        parts = ", ".join(f"{n} {t:.2f}" for n, t in times.items())
        say(
            f"{size:,} rows, {len(quasi)} columns: ours, everything {spent:.3f}; pycanon {total:.2f} ({parts}): "
            f"{total / spent:.0f}x"
        )
    return same


def against_anjana(python: Path, folder: Path, rows: int, say) -> None:
    """One greedy generalisation of theirs against our optimum."""
    table = synthetic(rows)
    table[QUASI].astype(str).to_csv(folder / "anjana.csv", index=False)
    columns = [coded(table[name].astype(str), name) for name in QUASI]
    trees = grown(columns)
    levels = {
        each.name: {level: [tree.labels[level][group] for group in tree.groups[level]] for level in range(tree.height)}
        for each, tree in zip(columns, trees, strict=True)
    }
    (folder / "trees.json").write_text(json.dumps(levels))
    ours = optimum(table, "loss")
    answer = ask(python, _ANJANA, str(folder / "anjana.csv"), str(folder / "trees.json"))
    if answer is None:
        say("anjana: could not be run")
        return
    say(
        f"anjana, {rows:,} rows: {answer[1]:.1f} (greedy, {answer[0]:,} rows left); ours {ours['cpu']:.2f}: "
        f"{answer[1] / ours['cpu']:.0f}x"
    )


def bias(say) -> None:
    """Population uniqueness: estimates against the truth over populations of three shapes."""
    rng = np.random.default_rng(1)
    people = 20_000
    shapes = {
        "heavy tail": np.minimum(rng.zipf(1.5, people), 10**7),
        "lognormal": np.floor(rng.lognormal(6, 1.5, people)).astype(int),
        "age x zip x sex": rng.integers(0, 90, people) * 1000
        + rng.choice(400, people, p=rng.dirichlet(np.full(400, 0.3))) * 2
        + rng.integers(0, 2, people),
    }
    for name, keys in shapes.items():
        truth = (np.unique(keys, return_counts=True)[1] == 1).sum() / people
        for fraction in (0.02, 0.1, 0.3, 0.7):
            found = {"pitman": [], "snb": [], "zayatz": [], "rule": []}
            held = 0
            for _ in range(20):
                sizes = np.unique(keys[rng.random(people) < fraction], return_counts=True)[1]
                made = population_uniqueness(sizes, fraction)
                for each in made.models:
                    found[each.model].append(np.nan if each.share is None else each.share)
                found["rule"].append(made.answer.share)
            for _ in range(4):
                sizes = np.unique(keys[rng.random(people) < fraction], return_counts=True)[1]
                answer = population_uniqueness(sizes, fraction, rng=rng).answer
                held += answer.low is not None and answer.low <= truth <= answer.high
            said = ", ".join(f"{model} {np.nanmean(values):.3f}" for model, values in found.items())
            say(f"  {name}, sampled {fraction:g}: truth {truth:.3f}; {said}; interval of the rule holds it {held} of 4")


def throughput(folder: Path, rows: int, say) -> None:
    """Safe Harbor over a CSV file, one process."""
    table = synthetic(rows)
    table.insert(0, "patient_id", np.arange(rows) // 3 + 100_000)
    table["name"] = "Ann Quill"
    table["admit_date"] = "2020-03-04"
    table["email"] = "ann@example.org"
    path = folder / "wide.csv"
    table.to_csv(path, index=False)
    start = time.process_time()
    deidentify_csv(path, folder / "out.csv", None, HmacDigest(b"bench" * 8), newest=2026, mode=None)
    spent = time.process_time() - start
    say(
        f"Safe Harbor, {rows:,} rows x {table.shape[1]}: {spent:.1f} ({rows / spent:,.0f} rows/s, "
        f"{path.stat().st_size / spent / 1e6:.1f} MB/s)"
    )


def main() -> int:
    """Everything in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer-rows", type=int, default=100_000)
    parser.add_argument("--anjana-rows", type=int, default=10_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    said: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        said.append(line)

    good = True
    for rows, target in ((100_000, 2.0), (given.rows, 6.0)):
        table = synthetic(rows)
        for name in MEASURES:
            found = optimum(table, name)
            cpu, levels, lost = f"{found['cpu']:.2f}", found["levels"], f"{found['suppressed']:,}"
            say(f"optimum, {rows:,} rows, {name}: {cpu} CPU-s (target {target:g}), {levels}, {lost} rows left out,")
            say(f"  {found['checked']:,} of {found['nodes']:,} nodes counted")
        _, spent = all_measures(table, QUASI)
        say(f"k, l, t and all risks, {rows:,} rows, two sensitive columns: {spent:.2f} CPU-s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        throughput(folder, min(given.rows, 200_000), say)
        python = None if given.no_peers else peer_python()
        if python is not None:
            good = against_pycanon(python, folder, given.peer_rows, say)
            against_anjana(python, folder, given.anjana_rows, say)
        elif not given.no_peers:
            say("the peers could not be installed")
    say("population uniqueness:")
    bias(say)
    if given.json:
        given.json.write_text(json.dumps(said, indent=2))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
