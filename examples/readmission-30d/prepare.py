"""From the public file to the encounter table of this use case.

Reads the 101,766 encounters, leaves out stays that cannot be followed by a readmission (death, hospice), and derives
the features that usecase.toml declares. Encounter ids rise with time and stand in for it. The file names no hospital,
so `site` is simulated: patients are dealt to four sites by their number. Run by Bedrail when the data is admitted, and
by hand: `python prepare.py data/diabetic_data.csv.gz table.parquet`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

NO_READMISSION_POSSIBLE = [11, 13, 14, 19, 20, 21]
SITES = ["north", "east", "south", "west"]
ADMISSION_TYPE = {1: "emergency", 7: "emergency", 2: "urgent", 3: "elective"}
DISCHARGE = {1: "home", 6: "home health", 8: "home health"} | dict.fromkeys(
    [2, 3, 4, 5, 10, 15, 22, 23, 24, 27, 28, 29, 30], "facility"
)
SOURCE = (
    {7: "emergency room"}
    | dict.fromkeys([1, 2, 3], "referral")
    | dict.fromkeys([4, 5, 6, 10, 18, 22, 25, 26], "transfer")
)
A1C = {"None": "not measured", "Norm": "normal", ">7": ">7 %", ">8": ">8 %"}
PAYERS = {
    "MC": "Medicare",
    "MD": "Medicaid",
    "SP": "self-pay",
    "HM": "private",
    "BC": "private",
    "UN": "private",
    "CP": "private",
}
# ICD-9 chapters as grouped by Strack et al. 2014, table 2.
CHAPTERS = [
    (390, 459, "circulatory"), (785, 785, "circulatory"), (460, 519, "respiratory"), (786, 786, "respiratory"),
    (520, 579, "digestive"), (787, 787, "digestive"), (800, 999, "injury"), (710, 739, "musculoskeletal"),
    (580, 629, "genitourinary"), (788, 788, "genitourinary"), (140, 239, "neoplasms"),
]  # fmt: skip


def chapter(code: object) -> str:
    """The chapter of an ICD-9 code; 250.xx is diabetes, V and E codes and missing ones are `other`."""
    text = str(code)
    if text.startswith("250"):
        return "diabetes"
    try:
        number = int(float(text))
    except ValueError:
        return "other"
    return next((name for low, high, name in CHAPTERS if low <= number <= high), "other")


def age_band(band: str) -> str:
    """Ten-year bands joined where they are thin."""
    start = int(band[1:].split("-", maxsplit=1)[0])
    if start < 40:
        return "under 40"
    return "80 and over" if start >= 80 else f"{start}-{start + 9}"


def prepare(source: Path) -> pd.DataFrame:
    """The encounter table, ordered by encounter id, adults only."""
    raw = pd.read_csv(source, keep_default_na=False, na_values=["?"], low_memory=False)
    raw = raw[~raw["discharge_disposition_id"].isin(NO_READMISSION_POSSIBLE)].sort_values("encounter_id")
    start = raw["age"].str.extract(r"\[(\d+)-")[0].astype(int)
    raw, start = raw[start >= 20], start[start >= 20]
    return pd.DataFrame(
        {
            "patient": raw["patient_nbr"],
            "encounter": raw["encounter_id"],
            "encounter_order": raw["encounter_id"],
            "site": raw["patient_nbr"].map(lambda number: SITES[number % 4]),
            "race": raw["race"].fillna("unknown"),
            "gender": raw["gender"].replace({"Unknown/Invalid": "unknown"}),
            "age_band": raw["age"].map(age_band),
            "payer": raw["payer_code"].map(
                lambda code: PAYERS.get(code, "other") if isinstance(code, str) else "unknown"
            ),
            "readmitted_30d": (raw["readmitted"] == "<30").astype(int),
            "age": start + 5.0,
            "time_in_hospital": raw["time_in_hospital"].astype(float),
            "num_lab_procedures": raw["num_lab_procedures"].astype(float),
            "num_procedures": raw["num_procedures"].astype(float),
            "num_medications": raw["num_medications"].astype(float),
            "number_outpatient": raw["number_outpatient"].astype(float),
            "number_emergency": raw["number_emergency"].astype(float),
            "number_inpatient": raw["number_inpatient"].astype(float),
            "number_diagnoses": raw["number_diagnoses"].astype(float),
            "admission_type": raw["admission_type_id"].map(ADMISSION_TYPE).fillna("other"),
            "discharge_to": raw["discharge_disposition_id"].map(DISCHARGE).fillna("other"),
            "admission_source": raw["admission_source_id"].map(SOURCE).fillna("other"),
            "primary_diagnosis": raw["diag_1"].map(chapter),
            "a1c_result": raw["A1Cresult"].map(A1C),
            "insulin": raw["insulin"].str.lower(),
            "medication_change": raw["change"].map({"Ch": "yes", "No": "no"}),
            "diabetes_medication": raw["diabetesMed"].str.lower(),
        }
    ).reset_index(drop=True)


if __name__ == "__main__":
    prepare(Path(sys.argv[1])).to_parquet(sys.argv[2])
