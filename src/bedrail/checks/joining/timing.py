"""When an event counts for a prediction, and which of several scores of one stay is looked at."""

from __future__ import annotations

from typing import Literal

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

Unit = Literal["prediction", "encounter", "subject"]
Aggregate = Literal["first", "last", "max"]
UNITS: tuple[Unit, ...] = ("prediction", "encounter", "subject")
AGGREGATES: tuple[Aggregate, ...] = ("max", "first", "last")


class Timing(Value, frozen=True, kw_only=True):
    """The windows and the unit of an examination of two tables. Lengths are `30d`, `12h`, `90min` or a plain number.

    An event counts from `gap` to `horizon` after the prediction, both ends included; without them, at any time from
    the prediction on. `unit` is what a row of the examination stands for; of several scores of one encounter or
    subject `aggregate` takes the first, the last before the event, or the highest. `recurrent` says whether the event
    can happen again: if not, predictions made after it are left out; None lets the tables tell (`windows.recurs`).
    `observed_until` is when the tables were cut: predictions whose window ends later are left out. `leads` are
    lead times to give the sensitivity at; `interventions` are kinds of event that may prevent the outcome.

    Raises `Invalid` for words that are none of these.
    """

    gap: str = ""
    horizon: str = ""
    unit: Unit = "prediction"
    aggregate: Aggregate = "max"
    recurrent: bool | None = None
    observed_until: str = ""
    leads: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for option, value, known in (("--unit", self.unit, UNITS), ("--aggregate", self.aggregate, AGGREGATES)):
            if value not in known:
                raise Invalid(f"there is no `{value}`.", path=option, remedy=f"Choose from: {', '.join(known)}.")
