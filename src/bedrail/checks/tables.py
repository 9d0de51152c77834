"""Day one without integration: a table of predictions and a table of events become outcomes beside scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.cells import (
    Place,
    TimeKind,
    binaries,
    horizon_length,
    identifiers,
    labels,
    levels,
    probabilities,
    times,
)
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

PREDICTION_COLUMNS = ("subject", "time", "score")
PREDICTION_OPTIONS = ("encounter", "site", "baseline")
EVENT_COLUMNS = ("subject", "time", "event", "value")
EVENT_OPTIONS = ("encounter",)
GUESSED_LEVELS = 20
"""Without named groups, other columns of up to this many different values are taken as groups."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions whose outcome is known, row by row in the order of the file.

    `outcome`, `score`, `subject`, `time` (n,), `site` and `baseline` (n,) or None; `groups` has n rows. `given` counts
    the predictions in the file, `unknown` those left out since no event tells their outcome. `notes` are sentences
    about the join for the report.
    """

    outcome: np.ndarray
    score: np.ndarray
    subject: np.ndarray
    time: np.ndarray
    groups: pd.DataFrame
    event: str
    given: int
    unknown: int
    site: np.ndarray | None = None
    baseline: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Predictions:
    subject: np.ndarray
    time: np.ndarray
    kind: TimeKind
    score: np.ndarray
    encounter: np.ndarray | None


@dataclass(frozen=True, slots=True)
class _Events:
    subject: np.ndarray
    time: np.ndarray
    value: np.ndarray
    encounter: np.ndarray | None
    name: str
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def join(
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    *,
    groups: tuple[str, ...] | None = None,
    columns: Mapping[str, str] | None = None,
    event: str = "",
    horizon: str = "",
    ignore_unknown: bool = False,
) -> Joined:
    """Join outcomes to predictions: by encounter when both tables have one, else by subject and time.

    By encounter, the outcome is 1 when an event of that encounter has value 1 (and, with a horizon, falls into
    the window). By subject, events at or after the prediction count, up to `horizon` later where given. If the
    events carry zeros, a prediction without any later event has an unknown outcome and is left out; if they
    carry ones only, no event means that it did not happen.

    `columns` maps our names to the file's: `score`, `events.time`, `predictions.subject`. Raises `Invalid` with a
    path such as `predictions.score[row 12]`; rows are counted from 1 below the header.
    """
    names = dict(columns or {})
    _refuse_unknown_names(names)
    _refuse_absent(names, predictions, events)
    predictions = _renamed(predictions, "predictions", names, PREDICTION_COLUMNS, PREDICTION_OPTIONS)
    events = _renamed(events, "events", names, EVENT_COLUMNS, EVENT_OPTIONS)
    given = _read_predictions(predictions)
    told = _read_events(events, event, given, ignore_unknown=ignore_unknown)
    window = horizon_length(horizon, given.kind) if horizon else np.inf
    by_encounter = given.encounter is not None and told.encounter is not None
    outcome, known = _by_encounter(given, told, window) if by_encounter else _by_subject(given, told, window)
    if not known.any():
        raise Invalid(
            "no prediction finds an event.",
            path="events.encounter" if by_encounter else "events.time",
            remedy="Check that both tables use the same identifiers and clock, and that the horizon is long enough.",
        )
    frame = _groups(predictions, groups, names)
    return Joined(
        outcome=outcome[known],
        score=given.score[known],
        subject=given.subject[known],
        time=given.time[known],
        groups=frame.loc[known].reset_index(drop=True),
        event=told.name,
        given=len(known),
        unknown=int((~known).sum()),
        site=_optional(predictions, "site", known),
        baseline=_baseline(predictions, known),
        notes=_notes(told, known, horizon, by_encounter=by_encounter),
    )


def _refuse_unknown_names(names: Mapping[str, str]) -> None:
    ours = {*PREDICTION_COLUMNS, *PREDICTION_OPTIONS, *EVENT_COLUMNS, *EVENT_OPTIONS}
    for name in names:
        table, _, column = name.rpartition(".")
        known = {
            "": ours,
            "predictions": {*PREDICTION_COLUMNS, *PREDICTION_OPTIONS},
            "events": {*EVENT_COLUMNS, *EVENT_OPTIONS},
        }
        if table not in known or column not in known[table]:
            raise Invalid(
                f"there is no column role `{name}`.", path="--column", remedy=f"Use one of: {', '.join(sorted(ours))}."
            )


def _refuse_absent(names: Mapping[str, str], predictions: pd.DataFrame, events: pd.DataFrame) -> None:
    """An unqualified rename must find its column in some table that has the role, or it was a slip."""
    for ours, theirs in names.items():
        there: list[tuple[str, pd.DataFrame, tuple[str, ...]]] = [
            ("predictions", predictions, (*PREDICTION_COLUMNS, *PREDICTION_OPTIONS))
        ]
        there.append(("events", events, (*EVENT_COLUMNS, *EVENT_OPTIONS)))
        tables = [(table, frame) for table, frame, roles in there if ours in roles]
        if tables and not any(theirs in map(str, frame.columns) for _, frame in tables):
            raise _no_column(tables[0][0], theirs, ours, [str(name) for name in tables[0][1].columns])


def _renamed(
    frame: pd.DataFrame, table: str, names: Mapping[str, str], needed: tuple[str, ...], optional: tuple[str, ...]
) -> pd.DataFrame:
    """The table under our names; an unqualified remap counts in each table that has the column."""
    if len(frame) == 0:
        raise Invalid("the table has no rows.", path=table, remedy="Check the export or the filter that made it.")
    present = [str(name) for name in frame.columns]
    frame = frame.set_axis(present, axis="columns")
    renaming: dict[str, str] = {}
    for ours in (*needed, *optional):
        qualified = names.get(f"{table}.{ours}")
        shared = names.get(ours)
        theirs = qualified or (shared if shared in present else ours)
        if theirs not in present:
            if ours in needed or qualified:
                raise _no_column(table, theirs or ours, ours, present)
            continue
        renaming[theirs] = ours
    for theirs, ours in renaming.items():
        if theirs != ours and ours in present:
            frame = frame.drop(columns=ours)
    return frame.rename(columns=renaming)


def _no_column(table: str, theirs: str, ours: str, present: list[str]) -> Invalid:
    return Invalid(
        f"the table has no column `{theirs}`.",
        path=f"{table}.{ours}",
        remedy=f"Name it with --column {table}.{ours}=NAME; the table has: {', '.join(present[:30])}.",
    )


def _read_predictions(frame: pd.DataFrame) -> _Predictions:
    subject = identifiers(frame["subject"], Place("predictions.subject"))
    time, kind = times(frame["time"], Place("predictions.time"))
    score = probabilities(frame["score"], Place("predictions.score"))
    encounter = None
    key = [subject, time]
    if "encounter" in frame:
        encounter = identifiers(frame["encounter"], Place("predictions.encounter"))
        key.append(encounter)
        _one_subject_each(encounter, subject)
    _refuse_twins(
        key, np.arange(len(subject)), "predictions", "subject, time" + (", encounter" if encounter is not None else "")
    )
    return _Predictions(subject=subject, time=time, kind=kind, score=score, encounter=encounter)


def _one_subject_each(encounter: np.ndarray, subject: np.ndarray) -> None:
    import pandas as pd

    first = pd.Series(subject).groupby(encounter, sort=False).transform("first").to_numpy()
    rows = np.flatnonzero(first != subject)
    if rows.size:
        raise Invalid(
            "this encounter belongs to another subject above.",
            path=Place("predictions.encounter").at(int(rows[0])),
            remedy="An encounter is one stay of one subject; make the identifiers unique.",
        )


def _refuse_twins(key: list[np.ndarray], rows: np.ndarray, table: str, named: str) -> None:
    import pandas as pd

    twin = pd.DataFrame(dict(enumerate(key))).duplicated().to_numpy()
    if twin.any():
        raise Invalid(
            f"this row repeats the key ({named}) of a row above; {int(twin.sum())} rows do.",
            path=f"{table}[row {int(rows[np.argmax(twin)]) + 1}]",
            remedy="Keep one row for each key.",
        )


def _read_events(frame: pd.DataFrame, event: str, given: _Predictions, *, ignore_unknown: bool) -> _Events:
    named = identifiers(frame["event"], Place("events.event"))
    chosen = _chosen(named, event)
    rows = np.flatnonzero(named == chosen)
    place = {name: Place(f"events.{name}") for name in (*EVENT_COLUMNS, *EVENT_OPTIONS)}
    subject = identifiers(frame["subject"], place["subject"])
    time, kind = times(frame["time"], place["time"])
    if kind != given.kind:
        raise Invalid(
            f"events have a {kind} as time, predictions a {given.kind}.",
            path="events.time",
            remedy="Use the same clock in both tables.",
        )
    value = binaries(frame["value"].iloc[rows], Place("events.value", rows=rows))
    encounter = identifiers(frame["encounter"], place["encounter"])[rows] if "encounter" in frame else None
    subject, time = subject[rows], time[rows]
    unknown = ~np.isin(subject.astype(str), given.subject.astype(str))
    if unknown.any() and not ignore_unknown:
        raise Invalid(
            f"this subject has no prediction ({int(unknown.sum())} such rows).",
            path=place["subject"].at(int(rows[np.argmax(unknown)])),
            remedy="Check that both tables write identifiers alike; with --ignore-unknown such events are left out.",
        )
    key = [subject, time] + ([encounter] if encounter is not None else [])
    _refuse_twins(key, rows, "events", "subject, time, event" + (", encounter" if encounter is not None else ""))
    keep = ~unknown
    if not keep.any():
        raise Invalid(
            "no event belongs to a predicted subject.", path="events.subject", remedy="Compare the identifiers."
        )
    return _Events(
        subject=subject[keep],
        time=time[keep],
        value=value[keep],
        encounter=encounter[keep] if encounter is not None else None,
        name=chosen,
        rows=rows[keep],
    )


def _chosen(named: np.ndarray, event: str) -> str:
    present = sorted(set(named.tolist()))
    if event:
        if event not in present:
            raise Invalid("no row has this event.", path="--event", remedy=f"The table has: {', '.join(present[:20])}.")
        return event
    if len(present) > 1:
        raise Invalid(
            f"the table holds {len(present)} kinds of event.",
            path="events.event",
            remedy=f"Choose the outcome with --event: {', '.join(present[:20])}.",
        )
    return str(present[0])


def _by_encounter(given: _Predictions, told: _Events, window: float) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    assert given.encounter is not None
    assert told.encounter is not None
    owner = pd.Series(given.subject, index=given.encounter)
    owner = owner[~owner.index.duplicated()]
    owners = owner.reindex(told.encounter)
    wrong = np.flatnonzero(owners.notna().to_numpy() & (owners.to_numpy() != told.subject))
    if wrong.size:
        raise Invalid(
            "this encounter belongs to another subject in the predictions.",
            path=Place("events.subject").at(int(told.rows[wrong[0]])),
            remedy="Compare the identifiers of both tables.",
        )
    if not owners.notna().any():
        raise Invalid(
            "no encounter of the events has a prediction.", path="events.encounter", remedy="Compare the identifiers."
        )
    return _match(given.encounter, given.time, told.encounter, told, window, timed=np.isfinite(window))


def _by_subject(given: _Predictions, told: _Events, window: float) -> tuple[np.ndarray, np.ndarray]:
    return _match(given.subject, given.time, told.subject, told, window, timed=True)


def _match(
    keys: np.ndarray, time: np.ndarray, event_keys: np.ndarray, told: _Events, window: float, *, timed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(outcome (n,) int8, known (n,) bool); one sorted search over (key, rank of time) instead of a cross join."""
    _, code = np.unique(np.concatenate([keys, event_keys]).astype(str), return_inverse=True)
    start = time if timed else np.full(len(time), -np.inf)
    end = start + window if timed else np.full(len(time), np.inf)
    ranks = np.unique(np.concatenate([start, end, told.time]), return_inverse=True)[1]
    width = int(ranks.max()) + 1
    n = len(keys)
    low, high = code[:n] * width + ranks[:n], code[:n] * width + ranks[n : 2 * n]
    last = code[:n] * width + width - 1
    position = code[n:] * width + ranks[2 * n :]
    happened = np.sort(position[told.value == 1])
    every = np.sort(position)
    outcome = np.searchsorted(happened, high, side="right") > np.searchsorted(happened, low, side="left")
    ones_only = bool((told.value == 1).all())
    heard = np.searchsorted(every, last, side="right") > np.searchsorted(every, low, side="left")
    return outcome.astype(np.int8), np.ones(n, dtype=bool) if ones_only else heard


def _groups(frame: pd.DataFrame, groups: tuple[str, ...] | None, names: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    if groups is None:
        taken = {*PREDICTION_COLUMNS, *PREDICTION_OPTIONS, *names.values()}
        rest = [name for name in frame.columns if name not in taken and frame[name].dtype.kind != "f"]
        groups = tuple(name for name in rest if 2 <= frame[name].nunique() <= GUESSED_LEVELS)
    for name in groups:
        if name not in frame.columns:
            raise Invalid(
                f"the table has no column `{name}`.",
                path="--groups",
                remedy=f"The predictions have: {', '.join(str(each) for each in frame.columns[:30])}.",
            )
    chosen = {name: levels(frame[name], Place(f"predictions.{name}")) for name in groups}
    return pd.DataFrame(chosen, index=frame.index)


def _optional(frame: pd.DataFrame, name: str, known: np.ndarray) -> np.ndarray | None:
    """Site labels as text; there may be hundreds, and a missing one is its own site."""
    return labels(frame[name])[known].to_numpy(dtype=object) if name in frame else None


def _baseline(frame: pd.DataFrame, known: np.ndarray) -> np.ndarray | None:
    return probabilities(frame["baseline"], Place("predictions.baseline"))[known] if "baseline" in frame else None


def _notes(told: _Events, known: np.ndarray, horizon: str, *, by_encounter: bool) -> tuple[str, ...]:
    by = "encounter" if by_encounter else "subject, with events at or after the prediction"
    notes = [f"Outcome: event “{told.name}”, joined by {by}{f', within {horizon}' if horizon else ''}."]
    if bool((told.value == 1).all()):
        notes.append("The events hold ones only: a prediction without an event counts as “did not happen”.")
    left = int((~known).sum())
    if left:
        notes.append(f"{left} of {len(known)} predictions have no known outcome yet and are left out.")
    return tuple(notes)
