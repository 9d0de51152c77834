"""`examine` on every data set with an outcome: out-of-fold scores, groups, patients, sites; no crash, honest verdicts.

    OMP_NUM_THREADS=1 nice python bench/every_dataset.py --data /path/to/clinical [--most 20000]

The model is scikit-learn's HistGradientBoosting, five folds split by patient; larger sets are sampled to `--most` rows
(whole patients). Prints a table of verdicts; exits 1 when any set crashes or none is found. Length of stay, survival
and classes are asked by the same report where a set has them.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bedrail as br

Case = dict[str, Any]


def banded(age: pd.Series) -> pd.Series:
    """Ages in four bands; unreadable ones (`> 89`) are the oldest."""
    years = pd.to_numeric(age.astype(str).str.extract(r"(\d+)")[0], errors="coerce")
    return pd.cut(years, [-1, 44, 64, 79, 200], labels=["18-44", "45-64", "65-79", "80+"]).astype(str)


def diabetes(data: Path) -> Iterator[Case]:
    """Readmission within 30 days, 101,766 encounters of 71,518 patients; LR, groups by race, gender, age."""
    (path,) = list((data / "diabetes130").glob("*diabetic*")) or list((data / "diabetes130").glob("*.csv*"))[:1]
    frame = (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=False, na_values="?")
    )
    frame = frame[~frame["discharge_disposition_id"].astype(int).isin([11, 13, 14, 19, 20, 21])]
    yield {
        "name": "diabetes130: readmitted within 30 days",
        "outcome": frame["readmitted"].eq("<30").astype(int),
        "inputs": frame.drop(columns=["readmitted", "encounter_id", "patient_nbr"]),
        "subject": frame["patient_nbr"],
        "groups": frame[["race", "gender", "age"]],
    }
    yield {
        "name": "diabetes130: <30, >30, no (classes)",
        "outcome": frame["readmitted"],
        "inputs": frame.drop(columns=["readmitted", "encounter_id", "patient_nbr"]),
        "subject": frame["patient_nbr"],
        "groups": frame[["race", "gender", "age"]],
        "kind": "multiclass",
    }


def heart(data: Path) -> Iterator[Case]:
    """Heart disease in four hospitals."""
    frame = pd.read_csv(data / "heart_disease_uci_4sites.csv")
    site = next(
        name
        for name in frame.columns
        if frame[name].nunique() == 4 and "s" in name and name not in ("ca", "thal", "slope")
    )
    yield {
        "name": "heart disease, 4 hospitals",
        "outcome": frame["num"].gt(0).astype(int),
        "inputs": frame.drop(columns=["num", site]),
        "site": frame[site],
        "groups": pd.DataFrame({"sex": frame["sex"], "age_band": banded(frame["age"])}),
    }


def physionet(data: Path) -> Iterator[Case]:
    """Hospital death in intensive care, and length of stay; SAPS-I beside it in the text of the data's README."""
    folder = data / "physionet2012"
    paths = sorted(folder.glob("stays*"))
    frames = [pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path) for path in paths]
    frame = pd.concat(frames, ignore_index=True)
    known = ["SAPS-I", "SOFA", "Age", "Gender", "Height", "ICUType", "Weight"]
    inputs = frame[[name for name in known if name in frame]].replace(-1, np.nan)
    groups = pd.DataFrame({"gender": frame["Gender"], "age_band": banded(frame["Age"]), "unit": frame["ICUType"]})
    yield {
        "name": "PhysioNet 2012: death in hospital",
        "outcome": frame["In-hospital_death"],
        "inputs": inputs,
        "groups": groups,
    }
    stay = frame["Length_of_stay"]
    yield {
        "name": "PhysioNet 2012: length of stay (number)",
        "outcome": stay[stay >= 0],
        "inputs": inputs[stay >= 0],
        "groups": groups[stay >= 0],
        "kind": "regression",
    }


def eicu(data: Path) -> Iterator[Case]:
    """APACHE IVa as it ran in 186 hospitals: the score is the vendor's, nothing is trained."""
    folder = data / "eicu_demo"

    def read(name: str) -> pd.DataFrame:
        (path,) = list(folder.glob(f"{name}.*"))[:1]
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"age": "string"})

    results = read("apachepatientresult")
    results = results[(results["apacheversion"] == "IVa") & (pd.to_numeric(results["predictedhospitalmortality"]) >= 0)]
    frame = results.merge(read("patient"), on="patientunitstayid")
    groups = pd.DataFrame(
        {"gender": frame["gender"], "ethnicity": frame["ethnicity"], "age_band": banded(frame["age"])}
    )
    yield {
        "name": "eICU demo: APACHE IVa, hospital death",
        "outcome": frame["actualhospitalmortality"].eq("EXPIRED").astype(int),
        "score": pd.to_numeric(frame["predictedhospitalmortality"]).to_numpy(float),
        "subject": frame["uniquepid"],
        "site": frame["hospitalid"],
        "groups": groups,
    }


def mimic(data: Path) -> Iterator[Case]:
    """129 admissions: too few for a model, which is what the verdicts should say."""
    (path,) = list((data / "mimic3_demo").glob("admissions.*"))[:1]
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    frame.columns = frame.columns.str.lower()
    yield {
        "name": "MIMIC-III demo: hospital death",
        "outcome": frame["hospital_expire_flag"],
        "inputs": frame[["admission_type", "admission_location", "insurance"]],
        "subject": frame["subject_id"],
        "groups": frame[["insurance", "ethnicity"]],
    }


def support(data: Path) -> Iterator[Case]:
    """SUPPORT2: death in hospital beside its own model."""
    frame = pd.read_csv(data / "support2.csv.gz")
    late = [
        "death",
        "d.time",
        "slos",
        "charges",
        "totcst",
        "totmcst",
        "avtisst",
        "sfdm2",
        "dnr",
        "dnrday",
        "aps",
        "sps",
    ]
    own = ["surv2m", "surv6m", "prg2m", "prg6m", "hospdead"]
    yield {
        "name": "SUPPORT2: death in hospital",
        "outcome": frame["hospdead"],
        "inputs": frame.drop(columns=[name for name in (*late, *own) if name in frame]),
        "groups": pd.DataFrame({"sex": frame["sex"], "race": frame["race"], "age_band": banded(frame["age"].round())}),
    }


def brfss(data: Path) -> Iterator[Case]:
    """Diabetes by interview."""
    frame = pd.read_csv(data / "brfss2015_diabetes.csv.gz")
    groups = frame[["Sex", "Age", "Income"]].astype(int)
    yield {
        "name": "BRFSS 2015: diabetes",
        "outcome": frame["Diabetes_binary"],
        "inputs": frame.drop(columns="Diabetes_binary"),
        "groups": groups,
    }


def chop(data: Path) -> Iterator[Case]:
    """A positive COVID-19 test."""
    frame = pd.read_csv(data / "chop_covid_testing.csv.gz")
    frame = frame[frame["result"].isin(["positive", "negative"])]
    names = [
        name for name in ("subject_id", "result", "fake_first_name", "fake_last_name", "ct_result") if name in frame
    ]
    groups = frame[[name for name in ("gender", "demo_group", "payor_group") if name in frame]]
    yield {
        "name": "CHOP: COVID-19 test positive",
        "outcome": frame["result"].eq("positive").astype(int),
        "inputs": frame.drop(columns=names),
        "subject": frame.get("subject_id"),
        "groups": groups,
    }


def thiopurine(data: Path) -> Iterator[Case]:
    """Active disease by laboratory values; no groups but age."""
    frame = pd.read_csv(data / "thiomon_labs.csv.gz")
    yield {
        "name": "Thiopurine: active disease",
        "outcome": frame["active"],
        "inputs": frame.drop(columns="active"),
        "groups": pd.DataFrame({"age_band": banded(frame["days_of_life"] // 365)}),
    }


def nhefs(data: Path) -> Iterator[Case]:
    """Death within the follow-up of NHEFS."""
    frame = pd.read_csv(data / "nhefs.csv.gz")
    late = ["death", "yrdth", "modth", "dadth", "seqn", "qsmk", "wt82", "wt82_71"]
    groups = pd.DataFrame({"sex": frame["sex"], "race": frame["race"], "age_band": banded(frame["age"])})
    yield {
        "name": "NHEFS: death",
        "outcome": frame["death"],
        "inputs": frame.drop(columns=[name for name in late if name in frame]),
        "groups": groups,
    }


def survival(data: Path) -> Iterator[Case]:
    """Time to death after a heart attack, and to recurrence of breast cancer."""
    for path in sorted((data / "survival").glob("*")):
        if path.suffix not in (".csv", ".gz", ".parquet"):
            continue
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        time_name = next((name for name in ("outcome_lenfol", "lenfol", "outcome_time", "time") if name in frame), None)
        event_name = next((name for name in ("outcome_fstat", "fstat", "outcome_cens", "cens") if name in frame), None)
        if time_name is None or event_name is None:
            continue
        event = frame[event_name].astype(str).str.lower().isin(["1", "1.0", "true"]).astype(int)
        yield {
            "name": f"{path.name.partition('.')[0]}: time to event (survival)",
            "outcome": frame[time_name],
            "event": event,
            "inputs": frame.drop(columns=[time_name, event_name]),
            "groups": pd.DataFrame({"age_band": banded(frame["age"].round())}),
            "kind": "survival",
        }


SETS: tuple[Callable[[Path], Iterator[Case]], ...] = (
    diabetes, heart, physionet, eicu, mimic, support, brfss, chop, thiopurine, nhefs, survival,
)  # fmt: skip


def numeric(inputs: pd.DataFrame) -> pd.DataFrame:
    """Every column as numbers, words by their code."""
    coded = {
        name: pd.factorize(inputs[name])[0] if not pd.api.types.is_numeric_dtype(inputs[name]) else inputs[name]
        for name in inputs
    }
    return pd.DataFrame(coded, index=inputs.index).astype(float)


def out_of_fold(case: Case, kind: str) -> np.ndarray:
    """Scores of rows by models that saw no row of their patient."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.model_selection import GroupKFold

    x, y = numeric(case["inputs"]).to_numpy(), np.asarray(case["outcome"])
    if kind == "survival":
        horizon = float(np.median(y))
        y = ((y <= horizon) & (np.asarray(case["event"]) == 1)).astype(int)
    subject = case.get("subject")
    folds = GroupKFold(5).split(x, groups=np.arange(len(x)) if subject is None else pd.factorize(subject)[0])
    shape = (len(x), len(np.unique(y))) if kind == "multiclass" else (len(x),)
    scores = np.zeros(shape)
    for train, test in folds:
        if kind == "regression":
            scores[test] = (
                HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(x[train], y[train]).predict(x[test])
            )
            continue
        told = (
            HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(x[train], y[train]).predict_proba(x[test])
        )
        scores[test] = told if kind == "multiclass" else told[:, 1]
    return scores


def sampled(case: Case, most: int) -> Case:
    """At most about `most` rows, whole patients, with a fresh index."""
    n = len(case["outcome"])
    subject = pd.factorize(case["subject"])[0] if case.get("subject") is not None else np.arange(n)
    share = min(1.0, most / n)
    kept = np.random.default_rng(1).random(int(subject.max()) + 1)[subject] < share
    parts = ("outcome", "inputs", "subject", "site", "groups", "event", "score")
    return {
        k: (pd.Series(v)[kept] if isinstance(v, np.ndarray) else v[kept]).reset_index(drop=True)
        if k in parts and v is not None
        else v
        for k, v in case.items()
    }


def examined(case: Case) -> Any:
    """The report of one case."""
    kind = case.get("kind", "binary")
    score = case["score"] if case.get("score") is not None else out_of_fold(case, kind)
    shared: dict[str, Any] = {"groups": case["groups"], "subject": case.get("subject"), "title": case["name"]}
    if kind == "binary":
        return br.examine(case["outcome"], score, site=case.get("site"), **shared)
    if kind == "multiclass":
        return br.examine(case["outcome"], score, classes=sorted(case["outcome"].unique()), outcome_type=kind, **shared)
    if kind == "survival":
        horizon = float(np.median(case["outcome"]))
        return br.examine(case["outcome"], score, event=case["event"], horizons=[horizon], outcome_type=kind, **shared)
    return br.examine(case["outcome"], score, outcome_type=kind, **shared)


def main() -> int:
    """Exit 1 when a set crashes or nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--most", type=int, default=20_000)
    parser.add_argument("--only", default="", help="Names of sets, such as heart,eicu.")
    options = parser.parse_args()
    crashed, done = [], 0
    print("| data set | rows | events | verdict | passes | fails | missing | of which required and missing | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for made in SETS:
        if options.only and made.__name__ not in options.only.split(","):
            continue
        try:
            for case in made(options.data):
                start = time.process_time()
                report = examined(sampled(case, options.most))
                report.to_json(), report.to_html(), report.committee_html(), report._repr_html_(), report.curves
                by = {v: [e.check for e in report.evidence if e.verdict == v] for v in ("pass", "fail", "missing")}
                owed = [name for name in by["missing"] if name in report.required]
                events = report.context.outcomes
                print(
                    f"| {case['name']} | {report.context.n:,} | {events:,} | {report.verdict} | {len(by['pass'])} | "
                    f"{', '.join(by['fail']) or '-'} | {len(by['missing'])} | {', '.join(owed) or '-'} | "
                    f"{time.process_time() - start:.0f} |",
                    flush=True,
                )
                done += 1
        except Exception:
            crashed.append(made.__name__)
            print(f"| {made.__name__} | CRASHED: {traceback.format_exc().splitlines()[-1]} |", flush=True)
            traceback.print_exc()
    print(f"{done} examinations, crashed: {', '.join(crashed) or 'none'}")
    return 1 if crashed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
