"""Asking the model again, as the bedside would: what is refused, what is flagged as strange, what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.columns import Bools, Floats
from bedrail.checks.values import Probe
from bedrail.core.errors import Invalid, Refused
from bedrail.models.contract import Contract, Feature

if TYPE_CHECKING:
    import pandas as pd


class Broken(Exception):
    """The model under examination did what no model may; the words say what."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said to n rows: `risk` (n,), NaN where nothing was; rows `refused` by the contract, and `strange` ones
    that the package's distance sets apart: both end in a visible fallback."""

    risk: Floats
    refused: Bools
    strange: Bools

    @property
    def told(self) -> Bools:
        """(n,) rows that a clinician sees a risk for."""
        return ~(self.refused | self.strange)


@dataclass(slots=True)
class Model:
    """The model under examination, and the risk from which an alert is given."""

    probe: Probe
    cut: float

    def ask(self, frame: pd.DataFrame) -> Answers:
        """Every row that the contract lets pass is put to the model; raises `Broken`."""
        refused = self._refused(frame)
        risk, strange = np.full(len(frame), np.nan), np.zeros(len(frame), dtype=bool)
        if not refused.all():
            said, odd = self._score(frame[~refused].reset_index(drop=True))
            if said is None:
                return Answers(risk, np.ones(len(frame), dtype=bool), strange)
            risk[~refused], strange[~refused] = said, odd
        risk[strange] = np.nan
        return Answers(risk, refused, strange)

    def ask_all(self, frames: Sequence[pd.DataFrame]) -> list[Answers | Broken]:
        """As `ask` for each frame, in one call where nothing breaks or is refused as a whole."""
        import pandas as pd

        if not frames:
            return []
        try:
            said = self.ask(pd.concat(frames, ignore_index=True))
        except Broken:
            return [self._alone(frame) for frame in frames]
        if said.refused.all():
            return [self._alone(frame) for frame in frames]
        ends = np.cumsum([len(frame) for frame in frames])
        parts = [slice(int(end) - len(frame), int(end)) for frame, end in zip(frames, ends, strict=True)]
        return [Answers(said.risk[part], said.refused[part], said.strange[part]) for part in parts]

    def _alone(self, frame: pd.DataFrame) -> Answers | Broken:
        try:
            return self.ask(frame)
        except Broken as broken:
            return broken

    def _refused(self, frame: pd.DataFrame) -> Bools:
        contract = self.probe.contract
        return np.zeros(len(frame), dtype=bool) if contract is None else refused_rows(contract, frame)

    def _score(self, frame: pd.DataFrame) -> tuple[Floats | None, Bools]:
        odd = np.zeros(len(frame), dtype=bool)
        try:
            if self.probe.assess is not None:
                said = self.probe.assess(frame)
                risk, odd = np.asarray(said.risk, dtype=np.float64), np.asarray(said.ood, dtype=bool)
            else:
                risk = np.asarray(self.probe.score(frame), dtype=np.float64)
        except (Invalid, Refused):
            return None, odd
        except Exception as error:
            raise Broken(f"The model stops with {type(error).__name__}") from error
        if risk.shape != (len(frame),) or not (np.isfinite(risk) & (risk >= 0) & (risk <= 1)).all():
            raise Broken("The model gives something that is no risk from 0 to 1 for each row")
        return risk, odd

    def flipped(self, before: Answers, after: Answers) -> Bools:
        """(n,) rows whose decision is another and nobody is told why: seen before and after, on the other side."""
        seen = before.told & after.told
        with np.errstate(invalid="ignore"):
            return np.asarray(seen & ((before.risk >= self.cut) != (after.risk >= self.cut)))


def refused_rows(contract: Contract, frame: pd.DataFrame) -> Bools:
    """(n,) rows that the input guards of the bedside would not let pass: gaps, ranges, levels."""
    refused = np.zeros(len(frame), dtype=bool)
    for feature in contract.features:
        refused |= _refused_by(feature, frame)
    return refused


def _refused_by(feature: Feature, frame: pd.DataFrame) -> Bools:
    column = frame[feature.name]
    absent = column.isna().to_numpy()
    gap = absent if feature.missing == "refuse" else np.zeros(len(frame), dtype=bool)
    if feature.kind == "categorical":
        return np.asarray(gap | (~absent & ~column.isin(feature.levels).to_numpy()))
    values = numbers(frame, feature.name)
    with np.errstate(invalid="ignore"):
        outside = np.isinf(values)
        if feature.low is not None:
            outside |= values < feature.low
        if feature.high is not None:
            outside |= values > feature.high
    return np.asarray(gap | (outside & ~absent))


def numbers(frame: pd.DataFrame, name: str) -> Floats:
    """A column as (n,) float64, absent values being NaN."""
    import pandas as pd

    return np.asarray(pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
