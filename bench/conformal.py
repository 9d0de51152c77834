"""Is coverage within groups inside its theoretical band? On every clinical data set with an outcome.

    nice .venv/bin/python bench/conformal.py --data /path/to/clinical

Each data set: one row a patient; a gradient-boosted model on half of the patients. The other half is split 100 times
into calibration and test, sets at 90 %. For each category (a group, or a group and class) the share of splits is counted
in which its coverage lies in the 95 % beta-binomial band of exchangeable patients: under the theory 95 % or more, so a
category is outside when so few would be a chance of 0.03 % (5 % shared over some 150 categories; under 86 of 100). Ties
only add coverage. Split conformal prediction without groups stands beside it, held against the same bands.
"""

# ruff: noqa: E501
from __future__ import annotations

import argparse
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

from bedrail.checks.estimates.measures import estimate
from bedrail.checks.values import Cohort
from bedrail.core.errors import Invalid
from bedrail.models.mondrian import coverage_band, fit_mondrian

ALPHA = 0.1
SMALLEST = 20
SPLITS = 100
NOISE = 0.0003
Loaded = tuple[pd.DataFrame, np.ndarray, dict[str, pd.Series]]


def bands(age: pd.Series) -> pd.Series:
    """Ages in three bands."""
    return pd.cut(pd.to_numeric(age, errors="coerce"), [-1, 50, 70, 200], labels=["<50", "50-70", ">70"]).astype(str)


def diabetes(data: Path) -> Loaded:
    file = data / "diabetes130" / "diabetic_data.csv.gz"
    d = pd.read_csv(file, keep_default_na=False, na_values="?", low_memory=False)
    d = d[~d["discharge_disposition_id"].isin([11, 13, 14, 19, 20, 21])].drop_duplicates("patient_nbr")
    groups = {"race": d["race"].astype(str), "gender": d["gender"].astype(str)}
    leaks = ["encounter_id", "patient_nbr", "readmitted"]
    return d.drop(columns=leaks), (d["readmitted"] == "<30").to_numpy(), groups


def heart(data: Path) -> Loaded:
    d = pd.read_csv(data / "heart_disease_uci_4sites.csv")
    site = next(name for name in d.columns if name.lower() in ("site", "hospital", "location", "dataset"))
    groups = {"sex": d["sex"].astype(str), site: d[site].astype(str)}
    return d.drop(columns=["num"]), (d["num"] > 0).to_numpy(), groups


def physionet(data: Path) -> Loaded:
    folder = data / "physionet2012"
    stays = pd.concat([pd.read_csv(folder / f"stays_{x}.csv.gz") for x in "ab"])
    series = pd.concat([pd.read_parquet(folder / f"series_{x}.parquet") for x in "ab"])
    parameter, value = series.columns[2], series.columns[3]
    wide = series[series[value] != -1].pivot_table(index=series.columns[0], columns=parameter, values=value)
    key = next(name for name in stays.columns if name.lower() == series.columns[0].lower() or name == "RecordID")
    d = stays.merge(wide, left_on=key, right_index=True, how="left", suffixes=("", "_mean"))
    groups = {"gender": d["Gender"].astype(str), "unit": d["ICUType"].astype(str), "age": bands(d["Age"])}
    y = (d["In-hospital_death"] == 1).to_numpy()
    return d.drop(columns=[key, "In-hospital_death", "Length_of_stay", "Survival"]), y, groups


def eicu(data: Path) -> Loaded:
    folder = data / "eicu_demo"
    d = pd.read_csv(folder / "apachepatientresult.csv.gz").query("apacheversion == 'IVa'")
    d = d.merge(pd.read_csv(folder / "patient.csv.gz"), on="patientunitstayid", suffixes=("", "_p"))
    d = d.merge(pd.read_csv(folder / "apacheapsvar.csv.gz"), on="patientunitstayid", suffixes=("", "_a"))
    d = d.drop_duplicates("uniquepid")
    y = (d["actualhospitalmortality"] == "EXPIRED").to_numpy()
    groups = {"gender": d["gender"].astype(str), "ethnicity": d["ethnicity"].astype(str)}
    kept = [*pd.read_csv(folder / "apacheapsvar.csv.gz", nrows=1).columns[2:], "predictedhospitalmortality"]
    return d[[name for name in kept if name in d.columns]], y, groups


def support(data: Path) -> Loaded:
    d = pd.read_csv(data / "support2.csv.gz")
    leaks = (
        "death hospdead d.time slos charges totcst totmcst avtisst sfdm2 dnr dnrday aps sps surv2m surv6m prg2m prg6m"
    )
    groups = {"sex": d["sex"].astype(str), "race": d["race"].astype(str), "age": bands(d["age"])}
    x = d.drop(columns=[name for name in leaks.split() if name in d.columns])
    return x, (d["hospdead"] == 1).to_numpy(), groups


def brfss(data: Path) -> Loaded:
    d = pd.read_csv(data / "brfss2015_diabetes.csv.gz")
    groups = {name.lower(): d[name].astype(str) for name in ("Sex", "Education", "Income")}
    return d.drop(columns=["Diabetes_binary"]), (d["Diabetes_binary"] == 1).to_numpy(), groups


def chop(data: Path) -> Loaded:
    d = pd.read_csv(data / "chop_covid_testing.csv.gz")
    d = d[d["result"].isin(["positive", "negative"])].drop_duplicates("subject_id")
    leaks = ["subject_id", "fake_first_name", "fake_last_name", "result", "ct_value", "ct_result", "row_id", "test_id"]
    groups = {"gender": d["gender"].astype(str), "payor": d["payor_group"].astype(str)}
    return d.drop(columns=[n for n in leaks if n in d]), (d["result"] == "positive").to_numpy(), groups


def thiomon(data: Path) -> Loaded:
    d = pd.read_csv(data / "thiomon_labs.csv.gz")
    age = pd.qcut(d["days_of_life"], 3, labels=["young", "middle", "old"]).astype(str)
    return d.drop(columns=[n for n in ("active", "remission") if n in d]), (d["active"] == 1).to_numpy(), {"age": age}


def whas(data: Path) -> Loaded:
    d = pd.read_csv(data / "survival" / "whas500.csv.gz")
    outcome = [name for name in d.columns if name.startswith("outcome")]
    y = d["outcome_fstat"].astype(str).isin(["1", "1.0", "True"]).to_numpy()
    return d.drop(columns=outcome), y, {"gender": d["gender"].astype(str)}


def gbsg(data: Path) -> Loaded:
    d = pd.read_csv(data / "survival" / "gbsg2.csv.gz")
    outcome = [name for name in d.columns if name.startswith("outcome")]
    y = d["outcome_cens"].astype(str).isin(["1", "1.0", "True"]).to_numpy()
    return d.drop(columns=outcome), y, {"horTh": d["horTh"].astype(str)}


def nhefs(data: Path) -> Loaded:
    d = pd.read_csv(data / "nhefs.csv.gz")
    leaks = ["death", "yrdth", "modth", "dadth", "seqn"]
    groups = {"race": d["race"].astype(str), "sex": d["sex"].astype(str)}
    return d.drop(columns=[n for n in leaks if n in d]), (d["death"] == 1).to_numpy(), groups


def mimic(data: Path) -> Loaded:
    folder = data / "mimic3_demo"
    d = pd.read_csv(folder / "admissions.csv.gz").drop_duplicates("subject_id")
    d = d.merge(pd.read_csv(folder / "patients.csv.gz"), on="subject_id", suffixes=("", "_p"))
    x = d[["admission_type", "admission_location", "insurance", "gender"]]
    return x, (d["hospital_expire_flag"] == 1).to_numpy(), {"gender": d["gender"].astype(str)}


SETS: dict[str, Callable[[Path], Loaded]] = {
    "diabetes 130": diabetes, "heart disease, 4 sites": heart, "PhysioNet 2012": physionet, "eICU demo": eicu,
    "SUPPORT2": support, "BRFSS 2015": brfss, "CHOP COVID-19": chop, "thiopurine labs": thiomon, "WHAS500": whas,
    "GBSG2": gbsg, "NHEFS": nhefs, "MIMIC-III demo": mimic,
}  # fmt: skip


def scored(x: pd.DataFrame, y: np.ndarray, train: np.ndarray, seed: int) -> np.ndarray:
    """Risks of a gradient-boosted model fitted on `train`; levels of words as codes."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    codes = x.apply(lambda c: c if c.dtype.kind in "iufb" else pd.Categorical(c).codes).astype(float)
    model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.08, random_state=seed)
    return model.fit(codes.to_numpy()[train], y[train]).predict_proba(codes.to_numpy())[:, 1]


def categories(g: np.ndarray, y: np.ndarray, by_class: bool) -> list[tuple[str, int]]:
    """(group, class or -1) with enough patients to look at."""
    found = [(level, outcome) for level in np.unique(g) for outcome in ((0, 1) if by_class else (-1,))]
    return [(level, o) for level, o in found if ((g == level) & ((y == o) | (o == -1))).sum() >= 2 * SMALLEST]


def look(name: str, loaded: Loaded, splits: int) -> None:
    """Print one data set: its categories, how many keep to their band, and each that does not."""
    x, y, groups = loaded
    seed = zlib.crc32(name.encode())
    rng = np.random.default_rng(seed)
    train, rest = np.split(rng.permutation(len(y)), [len(y) // 2])
    score = scored(x.reset_index(drop=True), y, train, seed % 2**31)[rest]
    pulled = y[rest]
    area = estimate("auroc", Cohort(outcome=pulled.astype(float), score=score))
    shown = "–" if area is None else f"{area.estimate:.3f} ({area.low:.3f} to {area.high:.3f})"
    print(f"{name}: {len(y):,} patients, {y.mean():.1%} with the outcome, AUROC {shown}", flush=True)
    labels = {column: each.reset_index(drop=True).to_numpy().astype(str)[rest] for column, each in groups.items()}
    for word, grouped, by_class in (
        ("by group", True, False),
        ("by group and class", True, True),
        ("without groups", False, False),
    ):
        inside: dict[str, list[bool]] = {}
        covered: dict[str, list[float]] = {}
        for _ in range(splits):
            cal, test = (
                np.split(rng.permutation(len(rest)), 2)
                if len(rest) % 2 == 0
                else np.split(rng.permutation(len(rest))[1:], 2)
            )
            for column, g in labels.items():
                fitted = fit_mondrian(
                    score[cal], pulled[cal].astype(int), g[cal] if grouped else None, by_class=by_class
                )
                p = fitted.p_values(score[test], g[test] if grouped else None)
                own = np.where(pulled[test], p[:, 1], p[:, 0]) > ALPHA
                for level, outcome in categories(g, pulled, by_class):
                    rows = (g[test] == level) & ((pulled[test] == outcome) | (outcome == -1))
                    m = int(((g[cal] == level) & ((pulled[cal] == outcome) | (outcome == -1))).sum())
                    low, high = coverage_band(m, int(rows.sum()), ALPHA, 0.95)
                    key = f"{column}={level}" + ("" if outcome < 0 else f", class {outcome}")
                    inside.setdefault(key, []).append(bool(low <= own[rows].mean() <= high))
                    covered.setdefault(key, []).append(float(own[rows].mean()))
        off = [key for key, kept in inside.items() if sum(kept) < binom.ppf(NOISE, splits, 0.95)]
        mean = [float(np.mean(each)) for each in covered.values()]
        rest_of = "".join(
            f"; {key}: {np.mean(inside[key]):.0%} of splits, mean coverage {np.mean(covered[key]):.1%}" for key in off
        )
        span = f"mean coverage {min(mean):.1%} to {max(mean):.1%}" if mean else "no category"
        print(
            f"  {word}: {len(inside) - len(off)} of {len(inside)} categories within their band, {span}{rest_of}",
            flush=True,
        )


def main() -> None:
    """All data sets, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("BEDRAIL_DATA"))
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    if args.data is None:
        parser.error("say where the data are: --data or BEDRAIL_DATA")
    for name, load in SETS.items():
        if not args.only or name in args.only:
            try:
                look(name, load(Path(args.data)), args.splits)
            except (KeyError, StopIteration, FileNotFoundError, Invalid) as error:
                print(f"{name}: not looked at ({type(error).__name__}: {error})")


if __name__ == "__main__":
    main()
