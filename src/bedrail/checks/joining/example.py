"""Two made-up tables for a first look: hourly sepsis scores of ward patients, sepsis, antibiotics and deaths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PATIENTS = 2_500
COMMAND = (
    "bedrail examine --predictions predictions.csv --events events.csv --event sepsis --unit encounter "
    "--gap 1h --horizon 24h --intervention antibiotics --html appendix.html --committee summary.html"
)
SITES = ("north", "south", "west")


def example_tables(patients: int = PATIENTS, seed: int = 20) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(predictions, events): a stay or two for each patient, a score every four hours, times as on a hospital's clock.

    Nobody in it exists. The score is honest but for patients over 80, whom it rates too low: something to find.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    stays = rng.permutation(np.concatenate([np.arange(patients), rng.choice(patients, patients // 5, replace=False)]))
    age = rng.choice(["18-64", "65-79", "80+"], patients, p=[0.45, 0.35, 0.2])
    sex = rng.choice(["female", "male"], patients)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        np.sort(rng.integers(0, 300 * 24 * 60, len(stays))), unit="min"
    )
    hours = np.clip(rng.gamma(2.0, 24.0, len(stays)), 8, 240)
    lean = rng.normal(size=len(stays))
    septic = rng.random(len(stays)) < 1 / (1 + np.exp(2.6 - 1.3 * lean))
    onset = np.where(septic, rng.uniform(6, np.maximum(hours, 7)), np.nan)
    rows, happened = [], []
    for stay, patient in enumerate(stays):
        subject, encounter = f"P{patient:05d}", f"S{stay:05d}"
        last = min(hours[stay], onset[stay] + 6) if septic[stay] else hours[stay]
        for hour in np.arange(2.0, last, 4.0):
            near = max(0.0, 1 - (onset[stay] - hour) / 18) if septic[stay] else 0.0
            logit = -4.4 + 0.9 * lean[stay] + 3.0 * min(near, 1.0) + 0.6 * rng.normal()
            logit -= 1.2 * (age[patient] == "80+")
            when = start[stay] + pd.Timedelta(minutes=int(hour * 60))
            rows.append((subject, encounter, when, round(float(1 / (1 + np.exp(-logit))), 4), patient))
        if septic[stay]:
            happened.append((subject, encounter, start[stay] + pd.Timedelta(minutes=int(onset[stay] * 60)), "sepsis"))
        if rng.random() < (0.8 if septic[stay] else 0.08):
            hour = onset[stay] + rng.normal(1, 3) if septic[stay] else rng.uniform(4, hours[stay])
            given = start[stay] + pd.Timedelta(minutes=int(max(hour, 1) * 60))
            happened.append((subject, encounter, given, "antibiotics"))
    predictions = pd.DataFrame(rows, columns=["subject", "encounter", "time", "score", "patient"])
    patient = predictions.pop("patient").to_numpy()
    predictions["site"] = np.array(SITES)[patient % 3]
    predictions["sex"], predictions["age_band"] = sex[patient], age[patient]
    events = pd.DataFrame(happened, columns=["subject", "encounter", "time", "event"]).assign(value=1)
    for frame in (predictions, events):
        frame["time"] = frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    return predictions, events
