"""The worst case within what a measurement does by itself: a greedy search for the nearest other decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.columns import Bools, Floats, Ints
from bedrail.checks.robustness.asking import Answers, Model, numbers
from bedrail.checks.robustness.variation import variation_of
from bedrail.data.consistency import RowsRule, broken_rows
from bedrail.models.contract import Contract

if TYPE_CHECKING:
    import pandas as pd

SIZES = (-2.0, -1.0, 1.0, 2.0)
"""Moves that are tried, in SDs of the input's own variation: 95 % of repeated measurements lie within two."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What the search came to: rows whose decision it turned, by the number of inputs that had to move (0: never)."""

    moves: np.ndarray
    risk: Floats

    def turned(self, most: int) -> Bools:
        """(n,) rows turned by moving at most so many inputs."""
        return np.asarray((self.moves > 0) & (self.moves <= most))


def attack(
    model: Model,
    contract: Contract,
    frame: pd.DataFrame,
    before: Answers,
    *,
    moves: int = 3,
    rules: Sequence[RowsRule] = (),
) -> Attack:
    """Move up to `moves` numbers of each row, one after the other, by at most two SDs of their own variation.

    Each step takes the move that brings the risk furthest towards the threshold; a row that is turned is left alone. No
    move leaves the contract's bounds, makes a whole number a fraction, breaks one of `rules` that the row kept, or ends
    in a fallback. Categories, and numbers that do not vary, stay. Greedy search gives a lower bound of what an
    attacker could do.
    """
    search = _Search(model, contract, frame, before, rules)
    for step in range(1, moves + 1):
        search.step(step)
    return Attack(search.count, search.risk)


class _Search:
    """The rows on their way: where each stands, which inputs it has moved, and whether it was turned."""

    def __init__(
        self, model: Model, contract: Contract, frame: pd.DataFrame, before: Answers, rules: Sequence[RowsRule]
    ) -> None:
        self.model, self.rules = model, rules
        self.features = [f for f in contract.features if f.kind == "numeric" and f.name in frame.columns]
        self.values = {f.name: numbers(frame, f.name) for f in self.features}
        self.now = frame.reset_index(drop=True).assign(**self.values)
        own = {f.name: variation_of(f, self.values[f.name]) for f in self.features}
        size = len(frame)
        self.moved = {
            (f.name, step): own[f.name].moved(self.values[f.name], np.full(size, step), f)
            for f in self.features
            for step in SIZES
        }
        self.used = {f.name: np.zeros(size, dtype=bool) for f in self.features}
        self.risk, self.count = before.risk.copy(), np.zeros(size, dtype=np.int64)
        self.told, self.alert = before.told, before.risk >= model.cut
        self.wrong = broken_rows(self.now, rules)

    def step(self, number: int) -> None:
        """One more move of every row that is not yet turned."""
        best, chosen = self.risk.copy(), np.full(len(self.risk), -1)
        keys = list(self.moved)
        places = [self._open(name, self.moved[name, size]) for name, size in keys]
        for at, (rows, risk) in enumerate(self._tried(keys, places)):
            better = np.where(self.alert[rows], risk < best[rows], risk > best[rows])
            best[rows[better]], chosen[rows[better]] = risk[better], at
        for at, (name, size) in enumerate(keys):
            rows = np.flatnonzero(chosen == at)
            self.now.loc[rows, name] = self.moved[name, size][rows]
            self.used[name][rows] = True
        self.risk = best
        turned = (chosen >= 0) & (self.count == 0) & ((best >= self.model.cut) != self.alert)
        self.count[turned] = number

    def _open(self, name: str, moved: Floats) -> Ints:
        """The rows that may make this move."""
        live = self.told & (self.count == 0) & ~self.used[name] & np.isfinite(moved) & (moved != self.values[name])
        return np.flatnonzero(live)

    def _tried(self, keys: Sequence[tuple[str, float]], places: Sequence[Ints]) -> Iterator[tuple[Ints, Floats]]:
        """For each move, the rows that end in an answer and break no rule by it, and their risks then."""
        if not any(len(rows) for rows in places):
            return
        every = np.concatenate(places)
        tried = self.now.iloc[every].reset_index(drop=True)
        columns = {name: self.now[name].to_numpy(dtype=np.float64)[every] for name in self.values}
        ends = np.cumsum([len(rows) for rows in places])
        for (name, size), rows, end in zip(keys, places, ends, strict=True):
            columns[name][int(end) - len(rows) : int(end)] = self.moved[name, size][rows]
        tried = tried.assign(**columns)
        said = self.model.ask(tried)
        fair = said.told & ~(broken_rows(tried, self.rules) & ~self.wrong[every])
        for rows, end in zip(places, ends, strict=True):
            part = slice(int(end) - len(rows), int(end))
            yield rows[fair[part]], said.risk[part][fair[part]]
