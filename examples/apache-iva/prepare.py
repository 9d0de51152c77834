"""Make predictions.csv and events.csv from the eICU demo: APACHE IVa hospital mortality, one row per ICU stay.

    python examples/apache-iva/prepare.py OUT_FOLDER

APACHE IVa is a commercial score in daily use; its predictions stand in the table `apachepatientresult` as the units'
own software computed them. A stay without a prediction (`-1`) is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parent / "data"
PREDICTED_AT = 1440
"""APACHE looks at the first day of the unit stay: the prediction is dated 24 h after unit admission."""

AGE_BANDS = {"18-44": (0, 45), "45-64": (45, 65), "65-79": (65, 80), "80+": (80, 200)}


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """(predictions, events). Times are minutes from unit admission.

    The outcome is dated at discharge from hospital, or at the prediction where discharge came within the first day.
    """
    results = pd.read_csv(DATA / "apachepatientresult.csv.gz")
    results = results[(results["apacheversion"] == "IVa") & (results["predictedhospitalmortality"] != -1)]
    patients = pd.read_csv(DATA / "patient.csv.gz", dtype={"age": "string"})
    hospitals = pd.read_csv(DATA / "hospital.csv.gz")
    stays = results.merge(patients, on="patientunitstayid", validate="one_to_one")
    stays = stays.merge(hospitals, on="hospitalid", how="left", validate="many_to_one")
    stays = stays.sort_values("patientunitstayid")
    predictions = pd.DataFrame(
        {
            "subject": stays["uniquepid"],
            "encounter": stays["patientunitstayid"],
            "time": PREDICTED_AT,
            "score": stays["predictedhospitalmortality"],
            "site": stays["hospitalid"],
            "ethnicity": stays["ethnicity"],
            "gender": stays["gender"],
            "age_band": stays["age"].map(age_band),
            "region": stays["region"],
        }
    )
    events = pd.DataFrame(
        {
            "subject": stays["uniquepid"],
            "encounter": stays["patientunitstayid"],
            "time": stays["hospitaldischargeoffset"].clip(lower=PREDICTED_AT),
            "event": "hospital death",
            "value": (stays["actualhospitalmortality"] == "EXPIRED").astype(int),
        }
    )
    return predictions, events


def age_band(age: str) -> str | None:
    """The band of an age as eICU writes it; everyone older than 89 is `> 89`, and 80+ holds them all."""
    if pd.isna(age):
        return None
    years = 90 if age.strip() == "> 89" else int(age)
    return next(name for name, (low, high) in AGE_BANDS.items() if low <= years < high)


def main(folder: Path) -> None:
    """Write both tables into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions, events = tables()
    predictions.to_csv(folder / "predictions.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
