"""Other outcomes on the real data sets: classes, numbers and times, what each check says, and the CPU it takes.

Every model here is a plain one, fitted on half of the patients and examined on the other half: the point is whether
the examination runs and what it finds, not the model. The folder of data sets is named with --data or BEDRAIL_DATA.

    nice python bench/outcomes.py --data FOLDER
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import bedrail as br

warnings.simplefilter("ignore")


def halves(patient: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(n,) whether a row is for fitting, whether for examining; whole patients."""
    names = np.unique(patient)
    fitting = np.random.default_rng(seed).permutation(len(names)) < len(names) // 2
    rows = np.isin(patient, names[fitting])
    return rows, ~rows


def boosting(frame: pd.DataFrame, target: pd.Series, rows: np.ndarray, kind: str):  # type: ignore[no-untyped-def]
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    made = {"class": HistGradientBoostingClassifier, "number": HistGradientBoostingRegressor}[kind]
    return made(max_iter=60, random_state=0).fit(frame[rows], target[rows])


def coded(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.apply(lambda c: c if c.dtype.kind in "if" else c.astype("category").cat.codes.astype(float))


def diabetes(data: Path) -> br.Report:
    table = pd.read_csv(
        data / "diabetes130" / "diabetic_data.csv.gz", keep_default_na=False, na_values="?", low_memory=False
    )
    table = table[~table.discharge_disposition_id.isin([11, 13, 14, 19, 20, 21])].reset_index(drop=True)
    inputs = coded(table.drop(columns=["encounter_id", "patient_nbr", "readmitted", "weight"]))
    fit, rest = halves(table.patient_nbr.to_numpy())
    model = boosting(inputs, table.readmitted, fit, "class")
    return br.examine(
        table.readmitted[rest],
        pd.DataFrame(model.predict_proba(inputs[rest]), columns=model.classes_),
        groups=table.loc[rest, ["race", "gender"]],
        subject=table.patient_nbr[rest],
        outcome_type="multiclass",
        order=["NO", ">30", "<30"],
    )


def heart(data: Path) -> br.Report:
    table = pd.read_csv(data / "heart_disease_uci_4sites.csv")
    inputs = coded(table.drop(columns=["num", "site"]))
    fit, rest = halves(np.arange(len(table)))
    model = boosting(inputs, table.num, fit, "class")
    return br.examine(
        table.num[rest],
        model.predict_proba(inputs[rest]),
        groups=table.loc[rest, ["site", "sex"]],
        order=[0, 1, 2, 3, 4],
        outcome_type="multiclass",
    )


def physionet(data: Path) -> br.Report:
    a, b = (pd.read_csv(data / "physionet2012" / f"stays_{part}.csv.gz") for part in "ab")
    names = ["SAPS-I", "SOFA", "Age", "Gender", "Height", "ICUType", "Weight"]
    a, b = (t[t.Length_of_stay >= 0].reset_index(drop=True) for t in (a, b))
    every = np.ones(len(a), dtype=bool)
    model = boosting(a[names], a.Length_of_stay, every, "number")
    said = model.predict(b[names])
    left = np.abs(a.Length_of_stay - model.predict(a[names]))
    half = float(np.quantile(left, 0.9))
    return br.examine(
        b.Length_of_stay,
        said,
        interval=np.column_stack((np.maximum(0, said - half), said + half)),
        groups=b[["Gender", "ICUType"]],
        outcome_type="regression",
        unit="days",
        requirements={"tolerance": 3.0},
    )


def eicu(data: Path) -> br.Report:
    result = pd.read_csv(data / "eicu_demo" / "apachepatientresult.csv.gz")
    patient = pd.read_csv(data / "eicu_demo" / "patient.csv.gz")
    table = result[result.apacheversion == "IVa"].merge(patient, on="patientunitstayid")
    table = table[(table.predictediculos > 0) & table.actualiculos.notna()]
    return br.examine(
        table.actualiculos,
        table.predictediculos,
        groups=table[["gender", "ethnicity"]],
        subject=table.uniquepid,
        outcome_type="regression",
        unit="days",
        requirements={"tolerance": 2.0},
    )


def cox(
    table: pd.DataFrame, time_: str, event: str, inputs: list[str], at: list[float], rows: np.ndarray
) -> np.ndarray:
    """(n, h) risks of a penalised Cox model fitted on `rows`, gaps filled with the median."""
    from lifelines import CoxPHFitter

    frame = coded(table[inputs])
    frame = (frame.fillna(frame.median()) - frame.mean()) / (frame.std() + 1e-9)
    whole = frame.assign(time_=table[time_].to_numpy(), event_=table[event].to_numpy().astype(int))
    model = CoxPHFitter(penalizer=0.05).fit(whole[rows], "time_", "event_")
    return 1 - model.predict_survival_function(whole, times=at).T.to_numpy()


def support(data: Path) -> br.Report:
    """The SUPPORT model's own two- and six-month survival estimates against death in time."""
    table = pd.read_csv(data / "support2.csv.gz")
    table = table[table.surv2m.notna() & table.surv6m.notna()]
    risks = np.maximum.accumulate(1 - table[["surv2m", "surv6m"]].to_numpy(), axis=1)
    return br.examine(
        table["d.time"],
        risks,
        event=table.death,
        horizons=[60, 180],
        groups=table[["sex", "race"]],
        competing="none",
        unit="days",
        outcome_type="survival",
    )


def support_hospital(data: Path, ignored: bool = False) -> br.Report:
    """Death in the hospital, from which discharge alive is the competing event; Cox takes discharge for a censoring."""
    table = pd.read_csv(data / "support2.csv.gz")
    table = table[table.slos > 0].reset_index(drop=True)
    inputs = ["age", "sex", "dzgroup", "num.co", "meanbp", "hrt", "resp", "temp", "crea", "sod", "scoma"]
    fit, rest = halves(np.arange(len(table)))
    risks = cox(table, "slos", "hospdead", inputs, [7.0, 14.0, 28.0], fit)
    return br.examine(
        table.slos[rest],
        risks[rest],
        event=np.where(table.hospdead[rest] == 1, 1, 2),
        horizons=[7, 14, 28],
        groups=table.loc[rest, ["sex", "race"]],
        competing="ignored" if ignored else None,
        unit="days",
        outcome_type="survival",
    )


def whas(data: Path) -> br.Report:
    table = pd.read_csv(data / "survival" / "whas500.csv.gz")
    fit, rest = halves(np.arange(len(table)))
    inputs = ["age", "bmi", "chf", "hr", "diasbp", "sho", "miord", "gender"]
    risks = cox(table, "outcome_lenfol", "outcome_fstat", inputs, [90.0, 365.0, 1000.0], fit)
    return br.examine(
        table.outcome_lenfol[rest],
        risks[rest],
        event=table.outcome_fstat[rest],
        horizons=[90, 365, 1000],
        groups=table.loc[rest, ["gender"]].astype(str),
        competing="none",
        unit="days",
    )


def gbsg(data: Path) -> br.Report:
    table = pd.read_csv(data / "survival" / "gbsg2.csv.gz")
    fit, rest = halves(np.arange(len(table)))
    inputs = ["age", "horTh", "menostat", "pnodes", "progrec", "estrec", "tgrade", "tsize"]
    risks = cox(table, "outcome_time", "outcome_cens", inputs, [365.0, 1000.0, 1800.0], fit)
    return br.examine(
        table.outcome_time[rest],
        risks[rest],
        event=table.outcome_cens[rest],
        horizons=[365, 1000, 1800],
        groups=table.loc[rest, ["menostat", "horTh"]],
        unit="days",
    )


RUNS = {
    "diabetes130, readmission NO / >30 / <30": diabetes,
    "heart, num 0 to 4": heart,
    "PhysioNet 2012, length of stay, set a to set b": physionet,
    "eICU, APACHE IVa's predicted ICU stay": eicu,
    "SUPPORT2, the SUPPORT model's 2 and 6 months": support,
    "SUPPORT2, death in hospital, discharge competing": support_hospital,
    "SUPPORT2, the same, competing ignored as asked": lambda data: support_hospital(data, ignored=True),
    "WHAS500": whas,
    "GBSG2, competing deaths unsaid": gbsg,
}
SHOWN = (
    *("macro-auroc", "pairwise-auroc", "quadratic-kappa", "accuracy", "brier-skill", "mae", "r2", "bias", "slope"),
    *("within-tolerance", "coverage", "concordance", "uno-c", "auc", "observed-to-expected", "overstatement"),
    *("predictions-ignore-them", "integrated-brier-skill"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BEDRAIL_DATA", "")))
    given = parser.parse_args()
    for name, make in RUNS.items():
        began = time.process_time()
        report = make(given.data)
        print(
            f"\n{name}: {report.verdict}, n {report.context.n:,}, "
            f"{time.process_time() - began:.1f} CPU s with the model"
        )
        for one in report.evidence:
            print(f"  {one.verdict:8}{one.check}: {one.reason[:130]}")
        rows = report.findings
        rows = rows[(rows.group == "overall") & rows.check.str.replace(r".*\.|-at-.*", "", regex=True).isin(SHOWN)]
        for each in rows.itertuples():
            print(f"      {each.check}: {each.estimate:.3f} ({each.low:.3f} to {each.high:.3f}) {each.verdict}")
        report.to_html()
        report.to_json()
    return 0


if __name__ == "__main__":
    sys.exit(main())
