"""Validation on sites left out, on real data of several hospitals, beside the scores that there are already.

UCI heart disease by hospital; eICU demo by hospital (20 parts of whole hospitals) and by region beside APACHE IVa;
PhysioNet 2012 by kind of ICU beside SAPS-I and SOFA; SUPPORT by disease group beside SUPPORT's own two-month survival.

    nice python bench/external.py --data /path/to/clinical [--recipe logistic] [--only heart,eicu]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bedrail.core.values import Evidence
from bedrail.journeys.validating import Plan, leave_sites_out

Case = tuple[str, pd.DataFrame, Plan]


def heart(data: Path, recipe: str) -> list[Case]:
    """Any narrowing of a coronary artery, four hospitals."""
    frame = pd.read_csv(data / "heart_disease_uci_4sites.csv")
    frame["disease"] = (frame.pop("num") > 0).astype(int)
    frame.loc[frame["chol"] == 0, "chol"] = np.nan
    return [("UCI heart disease by hospital", frame, Plan(outcome="disease", by="site", recipe=recipe))]


def eicu(data: Path, recipe: str) -> list[Case]:
    """Hospital mortality from the inputs of APACHE, beside APACHE IVa's own prediction."""
    folder = data / "eicu_demo"
    stays = pd.read_csv(folder / "patient.csv.gz")
    result = pd.read_csv(folder / "apachepatientresult.csv.gz")
    result = result[(result["apacheversion"] == "IVa") & (result["predictedhospitalmortality"].astype(float) >= 0)]
    inputs = pd.read_csv(folder / "apacheapsvar.csv.gz").drop(columns="apacheapsvarid").replace(-1, np.nan)
    hospitals = pd.read_csv(folder / "hospital.csv.gz")[["hospitalid", "region"]]
    frame = stays[["patientunitstayid", "uniquepid", "hospitalid", "age", "gender"]].merge(
        inputs, on="patientunitstayid"
    )
    kept = ["patientunitstayid", "predictedhospitalmortality", "actualhospitalmortality"]
    frame = frame.merge(result[kept], on="patientunitstayid").merge(hospitals, on="hospitalid")
    frame["age"] = pd.to_numeric(frame["age"].astype(str).str.replace("> 89", "90"), errors="coerce")
    frame["died"] = (frame.pop("actualhospitalmortality") == "EXPIRED").astype(int)
    frame["apache-iva"] = frame.pop("predictedhospitalmortality").astype(float)
    frame["region"] = frame["region"].fillna("unknown")
    features = tuple(name for name in (*inputs.columns, "age", "gender") if name != "patientunitstayid")
    common = {
        "outcome": "died",
        "subject": "uniquepid",
        "features": features,
        "scores": ("apache-iva",),
        "recipe": recipe,
    }
    return [
        ("eICU demo by hospital", frame, Plan(by="hospitalid", **common)),
        ("eICU demo by region", frame, Plan(by="region", **common)),
    ]


def physionet(data: Path, recipe: str) -> list[Case]:
    """Death in hospital from first-day means of eleven measurements, by kind of ICU, set a and b together."""
    wanted = ["HR", "SysABP", "Temp", "GCS", "BUN", "WBC", "HCO3", "Na", "K", "Urine", "PaO2"]
    frames = []
    for letter in "ab":
        stays = pd.read_csv(data / "physionet2012" / f"stays_{letter}.csv.gz").replace(-1, np.nan)
        series = pd.read_parquet(data / "physionet2012" / f"series_{letter}.parquet")
        first = series[(series["minute"] <= 1440) & series["parameter"].isin(wanted)]
        means = first.pivot_table(index="record_id", columns="parameter", values="value", aggfunc="mean")
        key = next(name for name in stays.columns if name.lower().replace("_", "") == "recordid")
        frames.append(stays.rename(columns={key: "record_id"}).merge(means.reset_index(), on="record_id"))
    frame = pd.concat(frames, ignore_index=True)
    frame["icu"] = frame["ICUType"].map({1: "coronary", 2: "cardiac surgery", 3: "medical", 4: "surgical"})
    frame["died"] = frame["In-hospital_death"].astype(int)
    plan = Plan(outcome="died", by="icu", features=(*wanted, "Age"), points=("SAPS-I", "SOFA"), recipe=recipe)
    return [("PhysioNet 2012 by kind of ICU", frame, plan)]


def support(data: Path, recipe: str) -> list[Case]:
    """Death within 60 days from the first days' physiology, by disease group, beside SUPPORT's own model."""
    frame = pd.read_csv(data / "support2.csv.gz")
    frame = frame[frame["surv2m"].notna()].reset_index(drop=True)
    frame["dead60"] = ((frame["death"] == 1) & (frame["d.time"] <= 60)).astype(int)
    frame["support-model"] = 1 - frame["surv2m"]
    features = (
        "age",
        "num.co",
        "scoma",
        "meanbp",
        "wblc",
        "hrt",
        "resp",
        "temp",
        "pafi",
        "alb",
        "bili",
        "crea",
        "sod",
        "ph",
    )
    plan = Plan(outcome="dead60", by="dzgroup", features=features, scores=("support-model",), recipe=recipe)
    return [("SUPPORT by disease group", frame, plan)]


CASES: dict[str, Callable[[Path, str], list[Case]]] = {
    "heart": heart, "eicu": eicu, "physionet": physionet, "support": support,
}  # fmt: skip


def told(title: str, evidence: Evidence, rows: int, seconds: float) -> None:
    """The pooled figures, the comparators, and how many parts passed."""
    print(f"\n{title}: {rows:,} rows, {evidence.verdict.value}, {seconds:.1f} s of CPU")
    parts = [f for f in evidence.findings if f.check.endswith(".auroc")]
    shown = [f.estimate for f in parts if f.estimate is not None]
    print(f"  parts with an AUROC of their own: {len(shown)} of {len(parts)}, {min(shown):.3f} to {max(shown):.3f}")
    for finding in evidence.findings:
        name = finding.check.removeprefix("external-validation.")
        if finding.estimate is not None and (finding.group.endswith("=*") or finding.group == "overall"):
            low, high = finding.low or 0.0, finding.high or 0.0
            print(f"  {name:42} {finding.estimate:8.3f} ({low:.3f} to {high:.3f})  {finding.verdict.value}")
        if name == "auroc-pooled":
            print(f"      {finding.reason}")


def main() -> int:
    """Run every data set that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BEDRAIL_DATA", "")))
    parser.add_argument("--recipe", default="logistic")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for name in [word for word in options.only.split(",") if word] or list(CASES):
        for title, frame, plan in CASES[name](options.data, options.recipe):
            start = time.process_time()
            evidence = leave_sites_out(frame, plan)
            told(title, evidence, len(frame), time.process_time() - start)
    return 0


if __name__ == "__main__":
    sys.exit(main())
