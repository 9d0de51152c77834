"""The two tables as callers have them become arrays under our names, or `Invalid` with the place and the remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.cells import Place, TimeKind, binaries, identifiers, probabilities, times
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

PREDICTION_COLUMNS = ("subject", "time", "score")
PREDICTION_OPTIONS = ("encounter", "site", "baseline", "observed_until")
EVENT_COLUMNS = ("subject", "time", "event", "value")
EVENT_OPTIONS = ("encounter",)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions as arrays (n,): `time` in seconds or in plain numbers (`kind`); `until`: end of each follow-up."""

    subject: np.ndarray
    time: np.ndarray
    kind: TimeKind
    score: np.ndarray
    encounter: np.ndarray | None
    until: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Events:
    """Rows of one kind of event of predicted subjects, as arrays (m,); `rows` are their places in the file.

    `latest` is the last time that any row of the table mentions.
    """

    subject: np.ndarray
    time: np.ndarray
    value: np.ndarray
    encounter: np.ndarray | None
    name: str
    rows: np.ndarray
    latest: float

    @property
    def ones_only(self) -> bool:
        """Whether the table lists what happened, and never says that something did not."""
        return bool((self.value == 1).all())


def refuse_unknown_names(names: Mapping[str, str]) -> None:
    """Renames speak of roles that there are."""
    of_predictions = {*PREDICTION_COLUMNS, *PREDICTION_OPTIONS}
    of_events = {*EVENT_COLUMNS, *EVENT_OPTIONS}
    known = {"": of_predictions | of_events, "predictions": of_predictions, "events": of_events}
    for name in names:
        table, _, column = name.rpartition(".")
        if table not in known or column not in known[table]:
            remedy = f"Use one of: {', '.join(sorted(known['']))}."
            raise Invalid(f"there is no column role `{name}`.", path="--column", remedy=remedy)


def refuse_absent(names: Mapping[str, str], predictions: pd.DataFrame, events: pd.DataFrame) -> None:
    """An unqualified rename must find its column in some table that has the role, or it was a slip."""
    there = (
        ("predictions", predictions, (*PREDICTION_COLUMNS, *PREDICTION_OPTIONS)),
        ("events", events, (*EVENT_COLUMNS, *EVENT_OPTIONS)),
    )
    for ours, theirs in names.items():
        tables = [(table, frame) for table, frame, roles in there if ours in roles]
        if tables and not any(theirs in map(str, frame.columns) for _, frame in tables):
            raise _no_column(tables[0][0], theirs, ours, [str(name) for name in tables[0][1].columns])


def renamed(
    frame: pd.DataFrame, table: str, names: Mapping[str, str], needed: tuple[str, ...], optional: tuple[str, ...]
) -> pd.DataFrame:
    """The table under our names; an unqualified remap counts in each table that has the column."""
    if len(frame) == 0:
        raise Invalid("the table has no rows.", path=table, remedy="Check the export or the filter that made it.")
    present = [str(name) for name in frame.columns]
    twins = sorted(name for name, times in Counter(present).items() if times > 1)
    if twins:
        raise Invalid(f"the column `{twins[0]}` stands twice.", path=table, remedy="Rename or drop one of them.")
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
        if theirs in renaming:
            raise Invalid(
                f"the column `{theirs}` is named as two things ({renaming[theirs]} and {ours}).",
                path="--column",
                remedy="Give each role a column of its own.",
            )
        renaming[theirs] = ours
    for theirs, ours in renaming.items():
        if theirs != ours and ours in present:
            frame = frame.drop(columns=ours)
    return frame.rename(columns=renaming)


def _no_column(table: str, theirs: str, ours: str, present: list[str]) -> Invalid:
    from difflib import get_close_matches

    present = [name if len(name) <= MOST_LETTERS else name[:MOST_LETTERS] + "…" for name in present]
    wanted = {name.strip().lower().replace("_", ""): name for name in present[:MOST_NAMES]}
    near = get_close_matches(ours, wanted, n=1, cutoff=0.75) or [
        word for word in wanted if ours in word or word in SYNONYMS.get(ours, ())
    ]
    example = wanted[near[0]] if near else "NAME"
    shown = ", ".join(present[:30]) + (", ..." if len(present) > 30 else "")
    return Invalid(
        f"the table has no column `{theirs}`.",
        path=f"{table}.{ours}",
        remedy=f"Name it with --column {table}.{ours}={example}; the table has: {shown}.",
    )


MOST_LETTERS, MOST_NAMES = 40, 500
"""Of a name in a message, and of names to look through for a likely one."""
SYNONYMS: dict[str, tuple[str, ...]] = {
    "subject": ("patient", "patientid", "mrn", "personid", "id", "patientnbr", "subjectid"),
    "time": ("timestamp", "datetime", "date", "predictiontime", "eventtime", "charttime"),
    "score": ("prediction", "pred", "probability", "prob", "risk", "yprob", "yhat"),
    "event": ("type", "eventtype", "name", "outcome"),
    "value": ("label", "outcome", "happened", "ytrue"),
    "encounter": ("visit", "stay", "hadmid", "stayid", "encounterid", "visitid", "csn"),
}
"""Names under which hospitals have these columns, to suggest from; nothing is taken without being named."""


def read_predictions(frame: pd.DataFrame) -> Predictions:
    """Predictions with readable cells; a key (subject, time, encounter) stands once."""
    subject = identifiers(frame["subject"], Place("predictions.subject"))
    time, kind = times(frame["time"], Place("predictions.time"))
    score = probabilities(frame["score"], Place("predictions.score"))
    encounter = until = None
    key, named = [subject, time], "subject, time"
    if "encounter" in frame:
        encounter = identifiers(frame["encounter"], Place("predictions.encounter"))
        key, named = [*key, encounter], named + ", encounter"
        _one_subject_each(encounter, subject)
    if "observed_until" in frame:
        until, other = times(frame["observed_until"], Place("predictions.observed_until"))
        _one_clock("predictions.observed_until", other, kind)
    _refuse_twins(key, np.arange(len(subject)), "predictions", named)
    return Predictions(subject=subject, time=time, kind=kind, score=score, encounter=encounter, until=until)


def _one_clock(path: str, found: TimeKind, kind: TimeKind) -> None:
    if found != kind:
        raise Invalid(
            f"is a {found}, the times of the predictions are {kind}s.", path=path, remedy="Use the same clock in both."
        )


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


def read_events(
    frame: pd.DataFrame, event: str, given: Predictions, *, ignore_unknown: bool, besides: Sequence[str] = ()
) -> tuple[Events, dict[str, Events]]:
    """(rows of the chosen event, rows of each kind of event in `besides`)."""
    named = identifiers(frame["event"], Place("events.event"))
    time, kind = times(frame["time"], Place("events.time"))
    if kind != given.kind:
        raise Invalid(
            f"events have a {kind} as time, predictions a {given.kind}.",
            path="events.time",
            remedy="Use the same clock in both tables.",
        )
    chosen = _chosen(named, event, besides)
    subject = identifiers(frame["subject"], Place("events.subject"))
    encounter = identifiers(frame["encounter"], Place("events.encounter")) if "encounter" in frame else None
    known = np.isin(subject.astype(str), given.subject.astype(str))

    def rows_of(name: str, *, strangers: bool) -> Events:
        rows = np.flatnonzero(named == name)
        value = binaries(frame["value"].iloc[rows], Place("events.value", rows=rows))
        if not strangers:
            _refuse_strangers(known[rows], rows)
        key = [subject[rows], time[rows]] + ([encounter[rows]] if encounter is not None else [])
        _refuse_twins(key, rows, "events", "subject, time, event" + (", encounter" if encounter is not None else ""))
        keep = known[rows]
        rows, value = rows[keep], value[keep]
        own = None if encounter is None else encounter[rows]
        return Events(
            subject=subject[rows],
            time=time[rows],
            value=value,
            encounter=own,
            name=name,
            rows=rows,
            latest=float(time.max()),
        )

    told = rows_of(chosen, strangers=ignore_unknown)
    if not len(told.rows):
        remedy = "Compare the identifiers of both tables."
        raise Invalid("no event belongs to a predicted subject.", path="events.subject", remedy=remedy)
    return told, {name: rows_of(name, strangers=True) for name in besides}


def _refuse_strangers(known: np.ndarray, rows: np.ndarray) -> None:
    if not known.all():
        raise Invalid(
            f"this subject has no prediction ({int((~known).sum())} such rows).",
            path=Place("events.subject").at(int(rows[np.argmin(known)])),
            remedy="Check that both tables write identifiers alike; with --ignore-unknown such events are left out.",
        )


def _chosen(named: np.ndarray, event: str, besides: Sequence[str]) -> str:
    present = sorted(set(named.tolist()))
    for option, name in (("--event", event), *(("--intervention", each) for each in besides)):
        if name and name not in present:
            raise Invalid("no row has this event.", path=option, remedy=f"The table has: {', '.join(present[:20])}.")
    if event:
        if event in besides:
            remedy = "Name other events as interventions."
            raise Invalid("the outcome is no intervention.", path="--intervention", remedy=remedy)
        return event
    left = [name for name in present if name not in besides]
    if len(left) != 1:
        raise Invalid(
            f"the table holds {len(left)} kinds of event.",
            path="events.event",
            remedy=f"Choose the outcome with --event: {', '.join(present[:20])}.",
        )
    return str(left[0])
