"""Day one without integration: a table of predictions and a table of events become outcomes beside scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.cells import HORIZON_UNITS, Place, horizon_length, labels, levels, nested, probabilities
from bedrail.checks.joining.reading import (
    EVENT_COLUMNS,
    EVENT_OPTIONS,
    PREDICTION_COLUMNS,
    PREDICTION_OPTIONS,
    Events,
    Predictions,
    read_events,
    read_predictions,
    refuse_absent,
    refuse_unknown_names,
    renamed,
)
from bedrail.checks.joining.timing import Timing
from bedrail.checks.joining.units import chosen
from bedrail.checks.joining.windows import Matched, between, lengths, match
from bedrail.checks.values import Bools, Warnings
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

GUESSED_LEVELS = 20
"""Without named groups, other columns of up to this many different values are taken as groups."""
LEADS = {"timestamp": ("1h", "6h", "24h"), "number": ()}
"""Lead times to give the sensitivity at when nobody asks for others."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions whose outcome is known, one row for each unit, in the order of the file.

    `outcome`, `score`, `subject`, `time` (n,), `site` and `baseline` (n,) or None; `groups` has n rows. Of the
    predictions in the file, `given` counts all, `after` those made after the event, `early` those whose event came
    within the gap, `unknown` those whose outcome nobody knows; the rest is known, `happened` of them with the event.
    `open_ended` counts predictions called negative whose window ends after the last time in the tables. `notes`
    are sentences about the join for the report.
    """

    outcome: np.ndarray
    score: np.ndarray
    subject: np.ndarray
    time: np.ndarray
    groups: pd.DataFrame
    event: str
    given: int
    unknown: int
    after: int = 0
    early: int = 0
    happened: int = 0
    open_ended: int = 0
    site: np.ndarray | None = None
    baseline: np.ndarray | None = None
    warnings: Warnings | None = None
    interventions: Mapping[str, Bools] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def join(
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    *,
    groups: tuple[str, ...] | None = None,
    columns: Mapping[str, str] | None = None,
    event: str = "",
    timing: Timing | None = None,
    ignore_unknown: bool = False,
) -> Joined:
    """Join outcomes to predictions: by encounter when both tables have one, else by subject; windows as in `timing`.

    The outcome is 1 when an event of value 1 falls into the window. If the events carry zeros, a prediction of which
    no later event tells has an unknown outcome and is left out (by encounter without a horizon: of whose encounter no
    event tells); if they carry ones only, no event means that it did not happen.

    `columns` maps our names to the file's: `score`, `events.time`, `predictions.subject`. Raises `Invalid` with a
    path such as `predictions.score[row 12]`; rows are counted from 1 below the header.
    """
    timing = timing or Timing()
    names = dict(columns or {})
    refuse_unknown_names(names)
    refuse_absent(names, predictions, events)
    predictions = renamed(predictions, "predictions", names, PREDICTION_COLUMNS, PREDICTION_OPTIONS)
    events = renamed(events, "events", names, EVENT_COLUMNS, EVENT_OPTIONS)
    given = read_predictions(predictions)
    told, others = read_events(
        events, event, given, ignore_unknown=ignore_unknown, besides=tuple(dict.fromkeys(timing.interventions))
    )
    found, by_encounter = match(given, told, timing)
    _refuse_nothing(found, by_encounter=by_encounter)
    rows = _rows_of_units(given, found, timing)
    frame = _groups(predictions, groups, names)
    return Joined(
        outcome=found.outcome[rows],
        score=given.score[rows],
        subject=given.subject[rows],
        time=given.time[rows],
        groups=frame.iloc[rows].reset_index(drop=True),
        event=told.name,
        given=len(found.known),
        unknown=int((~found.known & ~found.after & ~found.early).sum()),
        after=int(found.after.sum()),
        early=int(found.early.sum()),
        happened=int(found.outcome[found.known].sum()),
        open_ended=found.open_ended,
        site=_site(predictions, rows),
        baseline=_baseline(predictions, given, found, timing, rows),
        warnings=_warnings(given, found, timing),
        interventions=_interventions(given, found, others, timing, rows, by_encounter=by_encounter),
        notes=_notes(given, told, found, timing, len(rows), by_encounter=by_encounter),
    )


def _refuse_nothing(found: Matched, *, by_encounter: bool) -> None:
    if found.known.any():
        return
    if found.after.any():
        raise Invalid(
            f"no prediction is left: {int(found.after.sum())} were made after the event.",
            path="predictions.time",
            remedy="Check that both tables use one clock; if the event can happen again, say --recurrent.",
        )
    raise Invalid(
        "no prediction finds an event.",
        path="events.encounter" if by_encounter else "events.time",
        remedy="Check that both tables use the same identifiers and clock, and that the horizon is long enough.",
    )


def _unit_keys(given: Predictions, timing: Timing) -> np.ndarray | None:
    if timing.unit == "prediction":
        return None
    if timing.unit == "subject":
        return given.subject
    if given.encounter is None:
        raise Invalid(
            "the predictions have no column `encounter`.",
            path="--unit",
            remedy="Name it with --column predictions.encounter=NAME, or use --unit subject.",
        )
    return given.encounter


def _rows_of_units(given: Predictions, found: Matched, timing: Timing) -> np.ndarray:
    keys, known = _unit_keys(given, timing), np.flatnonzero(found.known)
    if keys is None:
        return known
    picked = chosen(keys[known], given.time[known], given.score[known], found.outcome[known], timing.aggregate)
    return np.asarray(known[picked])


def _warnings(given: Predictions, found: Matched, timing: Timing) -> Warnings | None:
    """Every score that stands before an event, whatever the unit: an alert is an alert."""
    import pandas as pd

    rows = np.flatnonzero(found.known & (found.outcome == 1))
    if not len(rows):
        return None
    hours = given.kind == "timestamp"
    unit = HORIZON_UNITS["h"] if hours else 1.0
    asked = timing.leads or LEADS[given.kind]
    at = sorted({horizon_length(text, given.kind, option="--lead") / unit for text in asked})
    length = lengths(timing, given.kind)
    if not timing.leads:
        at = [each for each in at if length.gap / unit < each < length.horizon / unit]
    key = given.subject[rows] if given.encounter is None else given.encounter[rows]
    event = pd.DataFrame({"key": key, "time": found.time[rows]}).groupby(["key", "time"], sort=False).ngroup()
    return Warnings(
        event=np.asarray(event, dtype=np.int64),
        score=given.score[rows],
        lead=(found.time[rows] - given.time[rows]) / unit,
        subject=pd.factorize(given.subject[rows])[0].astype(np.int64),
        unit="h" if hours else "",
        at=tuple(at),
    )


def _interventions(
    given: Predictions,
    found: Matched,
    others: Mapping[str, Events],
    timing: Timing,
    rows: np.ndarray,
    *,
    by_encounter: bool,
) -> dict[str, Bools]:
    end = np.where(np.isnan(found.time), given.time + lengths(timing, given.kind).horizon, found.time)
    keys = given.encounter if by_encounter and given.encounter is not None else given.subject
    marks: dict[str, Bools] = {}
    for name, other in others.items():
        theirs = other.encounter if by_encounter and other.encounter is not None else other.subject
        marks[name] = between(given, keys, other, theirs, end)[rows]
    return marks


def _groups(frame: pd.DataFrame, groups: tuple[str, ...] | None, names: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    if groups is None:
        taken = {*PREDICTION_COLUMNS, *PREDICTION_OPTIONS, *names.values()}
        rest = [name for name in frame.columns if name not in taken and frame[name].dtype.kind not in "fMm"]
        groups = tuple(name for name in rest if 2 <= _distinct(frame[name]) <= GUESSED_LEVELS)
    for name in groups:
        if name not in frame.columns:
            raise Invalid(
                f"the table has no column `{name}`.",
                path="--groups",
                remedy=f"The predictions have: {', '.join(str(each) for each in frame.columns[:30])}.",
            )
    chosen_ones = {name: levels(frame[name], Place(f"predictions.{name}")) for name in groups}
    return pd.DataFrame(chosen_ones, index=frame.index)


def _distinct(column: pd.Series) -> int:
    """Different values, or none for lists and other things that cannot be compared."""
    try:
        return int(column.nunique())
    except TypeError:
        return 0


def _site(frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray | None:
    """Site labels as text; there may be hundreds, and a missing one is its own site."""
    if "site" not in frame:
        return None
    nested(frame["site"], Place("predictions.site"))
    return np.asarray(labels(frame["site"]).to_numpy(dtype=object)[rows])


def _baseline(
    frame: pd.DataFrame, given: Predictions, found: Matched, timing: Timing, rows: np.ndarray
) -> np.ndarray | None:
    """The comparator's score of each unit, by the same rule on its own scores: its highest, not that of our highest."""
    if "baseline" not in frame:
        return None
    scores = probabilities(frame["baseline"], Place("predictions.baseline"))
    keys = _unit_keys(given, timing)
    if keys is None or timing.aggregate != "max":
        return np.asarray(scores[rows])
    known = np.flatnonzero(found.known)
    own = known[chosen(keys[known], given.time[known], scores[known], found.outcome[known], "max")]
    best = dict(zip(keys[own].tolist(), scores[own].tolist(), strict=True))
    return np.array([best[key] for key in keys[rows].tolist()])


def _notes(
    given: Predictions, told: Events, found: Matched, timing: Timing, units: int, *, by_encounter: bool
) -> tuple[str, ...]:
    by = "encounter" if by_encounter else "subject"
    window = f"from {timing.gap or 'the prediction'}{' after the prediction' if timing.gap else ' on'}"
    window += f", until {timing.horizon} after it" if timing.horizon else ""
    notes = [f"Outcome: event “{told.name}”, joined by {by}, {window}."]
    if told.ones_only:
        notes.append("The events hold ones only: a prediction without an event counts as “did not happen”.")
    if timing.unit != "prediction":
        rule = {
            "first": "the first",
            "last": "the last before the event (which nobody knows to be the last at the bedside)",
            "max": "the highest, where the event happened among those whose window holds it,",
        }[timing.aggregate]
        notes.append(f"One row for each {timing.unit}: {units:,}; of several scores {rule} is taken.")
    left = (
        (found.after, "were made after the event and are left out; if it can happen again, say so (--recurrent)"),
        (found.early, f"have their event within the gap of {timing.gap}: too late to act on, and left out"),
        (found.censored, "have a window that was not observed to its end, and are left out"),
        (
            ~found.known & ~found.after & ~found.early & ~found.censored,
            "have no known outcome yet and are left out",
        ),
    )
    notes += [f"{int(rows.sum()):,} of {len(rows):,} predictions {words}." for rows, words in left if rows.any()]
    if found.recurrent and timing.recurrent is None:
        notes.append("The events go on after a first one: it is taken as one that can happen again (--no-recurrent).")
    if found.open_ended:
        notes.append(
            f"{found.open_ended:,} predictions called “did not happen” have a window that ends after the last time in "
            "the tables; say until when patients were observed (--observed-until)."
        )
    if given.kind == "timestamp" and _dates_only(told.time) and not _dates_only(given.time):
        notes.append("Events have dates without hours: an event on the day of a prediction counts as before it.")
    return tuple(notes)


def _dates_only(time: np.ndarray) -> bool:
    return bool((time % 86400 == 0).all())
