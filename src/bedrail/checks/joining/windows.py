"""Windows in time: which event a prediction is about, which predictions come too late, whose outcome nobody knows.

The first event from `gap` to `horizon` after the prediction is its event. So it is in seismometer 0.5
(`merge_windowed_event`, strategy `forward`: `min_leadtime_hrs` is our gap, `window_hrs` our horizon less the gap), with
three differences: a prediction whose event comes before the gap is left out and counted, not called a negative; one
made after the only event is left out and counted; a window that was not observed to its end is no negative either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.cells import Place, TimeKind, horizon_length, times
from bedrail.checks.joining.reading import Events, Predictions
from bedrail.checks.joining.timing import Timing
from bedrail.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Matched:
    """Each prediction's event, as arrays (n,): `outcome` 0/1, `time` of the event in the window (NaN without one).

    `after`: made after the event; `early`: the event came before the gap was over; `censored`: the window reaches
    beyond the observation; `known`: none of these, and the tables tell the outcome. `open_ended` counts windows that
    end after the last time in the tables where nobody said how long patients were observed.
    """

    outcome: np.ndarray
    time: np.ndarray
    after: np.ndarray
    early: np.ndarray
    censored: np.ndarray
    known: np.ndarray
    open_ended: int
    recurrent: bool


@dataclass(frozen=True, slots=True)
class Lengths:
    """Gap and horizon in the unit of the times; `until` cuts all observation (infinite when nobody said)."""

    gap: float
    horizon: float
    until: float


def lengths(timing: Timing, kind: TimeKind) -> Lengths:
    """The lengths of `timing` on a clock of that kind; `Invalid` names the option."""
    import pandas as pd

    gap = horizon_length(timing.gap, kind, option="--gap") if timing.gap else 0.0
    horizon = horizon_length(timing.horizon, kind) if timing.horizon else np.inf
    if gap >= horizon:
        raise Invalid("ends after the horizon.", path="--gap", remedy="Give a gap shorter than the horizon.")
    until = np.inf
    if timing.observed_until:
        place = Place("--observed-until")
        (until,), found = times(pd.Series([timing.observed_until]), place)
        if found != kind:
            raise Invalid(f"is a {found}, the times are {kind}s.", path=place.name, remedy="Use the tables' clock.")
    return Lengths(gap=gap, horizon=float(horizon), until=float(until))


def match(given: Predictions, told: Events, timing: Timing) -> tuple[Matched, bool]:
    """(what became of each prediction, whether encounters joined the tables)."""
    by_encounter = given.encounter is not None and told.encounter is not None
    keys, event_keys = given.subject, told.subject
    if given.encounter is not None and told.encounter is not None:
        _same_owners(given, told)
        keys, event_keys = given.encounter, told.encounter
    return _matched(keys, given, event_keys, told, timing, by_encounter=by_encounter), by_encounter


def _same_owners(given: Predictions, told: Events) -> None:
    import pandas as pd

    owner = pd.Series(given.subject, index=given.encounter)
    owners = owner[~owner.index.duplicated()].reindex(told.encounter)
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


class Search:
    """Times of events by key, sorted once, so that each prediction's next one is a binary search."""

    def __init__(self, keys: np.ndarray, event_keys: np.ndarray) -> None:
        import pandas as pd

        codes, _ = pd.factorize(np.concatenate([keys, event_keys]).astype(object))
        self.key, self.event_key = codes[: len(keys)], codes[len(keys) :]
        self.keys = int(codes.max()) + 1

    def next(self, start: np.ndarray, rows: np.ndarray, time: np.ndarray) -> np.ndarray:
        """(n,) time of the first of the events `rows` (m,) of the same key at or after `start` (n,); NaN if none."""
        event_key, time = self.event_key[rows], time[rows]
        order = np.lexsort((time, event_key))
        event_key, time = event_key[order], time[order]
        rank = np.unique(np.concatenate([start, time]), return_inverse=True)[1].astype(np.int64)
        width = int(rank.max()) + 1
        place = np.searchsorted(event_key * width + rank[len(start) :], self.key * width + rank[: len(start)])
        found = np.full(len(start), np.nan)
        there = place < len(time)
        there[there] = event_key[place[there]] == self.key[there]
        found[there] = time[place[there]]
        return found

    def first(self, rows: np.ndarray, time: np.ndarray) -> np.ndarray:
        """(n,) time of the first of the events `rows` of each prediction's key; infinite if none."""
        first = np.full(self.keys, np.inf)
        np.minimum.at(first, self.event_key[rows], time[rows])
        return first[self.key]


def recurs(search: Search, told: Events) -> bool:
    """Whether the table follows some subject beyond the first event: only then can there be a next one."""
    happened = told.value == 1
    first = np.full(search.keys, np.inf)
    np.minimum.at(first, search.event_key[happened], told.time[happened])
    return bool((told.time > first[search.event_key]).any())


def _matched(
    keys: np.ndarray, given: Predictions, event_keys: np.ndarray, told: Events, timing: Timing, *, by_encounter: bool
) -> Matched:
    length = lengths(timing, given.kind)
    search = Search(keys, event_keys)
    happened, every = told.value == 1, np.ones(len(told.value), dtype=bool)
    again = timing.recurrent
    if again is None:
        again = not by_encounter and recurs(search, told)
    start, end = given.time + length.gap, given.time + length.horizon
    event_time = search.next(start, happened, told.time)
    inside = event_time <= end
    soonest = search.next(given.time, happened, told.time)
    early = (soonest < start) & ~np.isnan(soonest)
    after = (search.first(happened, told.time) < given.time) & (not again)
    outcome = inside & ~early & ~after
    known = np.ones(len(given.time), dtype=bool)
    if not told.ones_only:
        timed = not by_encounter or np.isfinite(length.horizon)
        known = (
            ~np.isnan(search.next(given.time, every, told.time))
            if timed
            else np.isfinite(search.first(every, told.time))
        )
    # A cut of all data is independent of the outcome: whole windows only. A patient's own end of observation is not
    # (death ends it): there only those without the event are unknown.
    censored = np.isfinite(end) & (end > length.until)
    if given.until is not None:
        censored |= np.isfinite(end) & (end > given.until) & ~outcome
    censored &= ~early & ~after
    unstated = told.ones_only and given.kind == "timestamp" and given.until is None and not timing.observed_until
    latest = max(told.latest, float(given.time.max()))
    waiting = (end > latest) & np.isfinite(end) & ~outcome & ~after & ~early
    return Matched(
        outcome=outcome.astype(np.int8),
        time=np.where(outcome, event_time, np.nan),
        after=after,
        early=early & ~after,
        censored=censored,
        known=known & ~after & ~early & ~censored,
        open_ended=int(waiting.sum()) if unstated else 0,
        recurrent=bool(again),
    )


def between(given: Predictions, keys: np.ndarray, other: Events, event_keys: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(n,) whether an event of `other` falls after the prediction and no later than `end` (n,) of the same key."""
    happened = other.value == 1
    if not happened.any():
        return np.zeros(len(given.time), dtype=bool)
    search = Search(keys, event_keys)
    start = np.nextafter(given.time, np.inf)
    return np.asarray(search.next(start, happened, other.time) <= end, dtype=bool)
