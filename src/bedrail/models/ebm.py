"""Additive models: one table of scores per input or pair of inputs, looked up and summed; explained by what is summed.

What an explainable boosting machine learns (Nori, Jenkins, Koch and Caruana, "InterpretML: A unified framework for
machine learning interpretability", 2019; pairs: Lou et al., "Accurate intelligible models with pairwise interactions",
KDD 2013). The tables are read from JSON; the library that trained them is not needed to answer.
"""

from __future__ import annotations

from bisect import bisect_right
from math import prod
from typing import Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.core.values import Value
from bedrail.models.contract import Contract
from bedrail.models.link import Link, probabilities, probability

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

FORMAT: Literal["bedrail-ebm/1"] = "bedrail-ebm/1"
MOST_INPUTS_OF_A_TERM = 3

MISSING = 0
"""The bin of a missing value."""


class Axis(Value, frozen=True, kw_only=True):
    """How one input becomes a bin: bin 0 is missing, bins 1 to `own` are its own, bin `own` + 1 is a value never seen.

    `numbers`: bin 1 + how many `cuts` are <= x, of the column `start`. `values`: the bin of the equal one among
    `values`. `levels`: the bin of the level whose one-hot column, from `start` up to `stop`, is set.
    """

    kind: Literal["numbers", "values", "levels"]
    start: int
    stop: int
    own: int
    cuts: list[float] = msgspec.field(default_factory=list)
    values: list[float] = msgspec.field(default_factory=list)
    bins: list[int] = msgspec.field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bins there are, the missing and the unknown one included."""
        return self.own + 2


class Term(Value, frozen=True, kw_only=True):
    """One table: `scores` in C order over the bins of its `axes`; `mean` is their weighted mean over the training."""

    axes: list[int]
    scores: list[float]
    mean: float = 0.0


class StoredEbm(Value, frozen=True, kw_only=True):
    """The file format `bedrail-ebm/1`: JSON without code, numbers written so that they read back to the same bits."""

    format: Literal["bedrail-ebm/1"]
    features: int
    link: Link
    intercept: float
    axes: list[Axis]
    terms: list[Term]


class AdditiveModel:
    """`margin = intercept + sum of terms` over (k,) float64 columns; the probability is its logistic, or itself.

    `base` is the intercept and the terms' means, so `base + terms(X).sum(axis=1) == margins(X)` up to rounding.
    Raises `Invalid`, with the path, for tables that do not fit their axes.
    """

    __slots__ = ("_axes", "_rows", "_terms", "base", "features", "intercept", "link", "stored")

    def __init__(self, stored: StoredEbm) -> None:
        _check(stored)
        self.stored = stored
        self.features, self.link, self.intercept = stored.features, stored.link, stored.intercept
        self.base = self.intercept + sum(term.mean for term in stored.terms)
        self._axes = tuple(_Binning(axis) for axis in stored.axes)
        self._terms = tuple(_Table(term, stored.axes) for term in stored.terms)
        # For one row plain lists are quicker than arrays: (scores, mean, first axis, its stride, the other axes).
        self._rows = tuple((t.scores.tolist(), t.mean, t.axes[0], t.strides[0], t.more) for t in self._terms)

    def margin(self, x: npt.ArrayLike) -> float:
        """One row (k,) to its margin."""
        bins, total = self._bins_of(x), self.intercept
        for scores, _, axis, stride, more in self._rows:
            cell = bins[axis] * stride
            for other, step in more:
                cell += bins[other] * step
            total += scores[cell]
        return total

    def margins(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) margins."""
        rows = self._matrix(X)
        bins = [axis.many(rows) for axis in self._axes]
        total = np.full(rows.shape[0], self.intercept)
        for term in self._terms:
            total += term.many(bins)
        return total

    def score(self, x: npt.ArrayLike) -> float:
        """One row (k,) to the probability of the outcome."""
        return probability(self.margin(x), self.link)

    def scores(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) probabilities of the outcome."""
        return probabilities(self.margins(X), self.link)

    def terms(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows, or one row (k,), to what each of the t terms adds to `base`: (n, t), or (t,)."""
        if np.ndim(X) == 1:
            return np.array(self._terms_of(self._bins_of(X)), dtype=np.float64)
        rows = self._matrix(X)
        bins = [axis.many(rows) for axis in self._axes]
        found = np.empty((rows.shape[0], len(self._terms)))
        for i, term in enumerate(self._terms):
            found[:, i] = term.many(bins) - term.mean
        return found

    def contributions(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows, or one row (k,), to what each column adds to `base`: a term is shared equally by its inputs.

        The Shapley values of a function whose pure interactions are known (Bordt and von Luxburg, "From Shapley
        values to generalized additive models and back", AISTATS 2023). What a category adds stands in the column of
        the level that is set.
        """
        if np.ndim(X) == 1:
            return self._contributions_of(np.asarray(X, dtype=np.float64))
        rows = self._matrix(X)
        told, found = self.terms(rows), np.zeros(rows.shape)
        columns = [axis.columns(rows) for axis in self._axes]
        every = np.arange(rows.shape[0])
        for i, term in enumerate(self._terms):
            for axis in term.axes:
                found[every, columns[axis]] += told[:, i] / len(term.axes)
        return found

    def _contributions_of(self, row: Floats) -> Floats:
        told = self._terms_of(self._bins_of(row))
        numbers, found = row.tolist(), [0.0] * self.features
        columns = [axis.column(numbers) for axis in self._axes]
        for term, each in zip(self._terms, told, strict=True):
            for axis in term.axes:
                found[columns[axis]] += each / len(term.axes)
        return np.array(found, dtype=np.float64)

    def inputs_of(self, contract: Contract) -> tuple[tuple[str, ...], ...]:
        """The names of the features that each term looks at, in the order of `terms`."""
        named = {start: feature.name for feature, (start, _) in zip(contract.features, contract.spans, strict=True)}
        wide = dict(enumerate(contract.columns))
        starts = [named.get(axis.start, wide.get(axis.start, "")) for axis in self.stored.axes]
        return tuple(tuple(starts[axis] for axis in term.axes) for term in self.stored.terms)

    def to_bytes(self) -> bytes:
        """The model as `bedrail-ebm/1`; the same model gives the same bytes."""
        return msgspec.json.encode(self.stored)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `bedrail-ebm/1`; raises `Invalid` for anything else."""
        try:
            stored = msgspec.json.decode(data, type=StoredEbm)
        except NOT_JSON as error:
            raise Invalid(f"not a {FORMAT} file: {error}.", path="model", remedy="Import the model again.") from error
        return cls(stored)

    def _terms_of(self, bins: list[int]) -> list[float]:
        found = []
        for scores, mean, axis, stride, more in self._rows:
            cell = bins[axis] * stride
            for other, step in more:
                cell += bins[other] * step
            found.append(scores[cell] - mean)
        return found

    def _bins_of(self, x: npt.ArrayLike) -> list[int]:
        row = np.asarray(x, dtype=np.float64)
        if row.shape != (self.features,):
            raise Invalid(f"a row must have {self.features} columns.", path="x")
        numbers = row.tolist()
        return [axis.one(numbers) for axis in self._axes]

    def _matrix(self, X: npt.ArrayLike) -> Floats:
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise Invalid(f"rows must have {self.features} columns.", path="X")
        return rows


class _Binning:
    """An axis ready to be asked, for one row (a list) or many (a matrix)."""

    __slots__ = ("_bins", "_cuts", "_known", "_many_bins", "_many_cuts", "_start", "_stop", "_unknown", "_values")

    def __init__(self, axis: Axis) -> None:
        self._start, self._stop, self._unknown = axis.start, axis.stop, axis.size - 1
        self._cuts = axis.cuts if axis.kind == "numbers" else None
        self._many_cuts = np.array(axis.cuts, dtype=np.float64)
        self._bins = axis.bins
        order = np.argsort(np.array(axis.values, dtype=np.float64), kind="stable")
        self._values = np.array(axis.values, dtype=np.float64)[order] if axis.kind == "values" else None
        self._many_bins = np.array(axis.bins, dtype=np.intp)[order if axis.kind == "values" else slice(None)]
        self._known = dict(zip(axis.values, axis.bins, strict=True)) if axis.kind == "values" else None

    def one(self, row: list[float]) -> int:
        """The bin of a row."""
        x = row[self._start]
        if self._cuts is not None:
            return bisect_right(self._cuts, x) + 1 if x == x else MISSING  # noqa: PLR0124 (only NaN differs)
        if self._known is not None:
            return self._known.get(x, self._unknown) if x == x else MISSING  # noqa: PLR0124 (only NaN differs)
        block = row[self._start : self._stop]
        if sum(block) == 1.0 == max(block):
            return self._bins[block.index(1.0)]
        return int(self.many(np.array([row]))[0])

    def many(self, rows: Floats) -> Ints:
        """The bins (n,) of n rows."""
        if self._cuts is not None:
            x = rows[:, self._start]
            return np.where(np.isnan(x), MISSING, np.searchsorted(self._many_cuts, x, side="right") + 1)
        if self._values is not None:
            x = rows[:, self._start]
            at = np.minimum(np.searchsorted(self._values, x), len(self._values) - 1)
            return np.where(np.isnan(x), MISSING, np.where(self._values[at] == x, self._many_bins[at], self._unknown))
        block = rows[:, self._start : self._stop]
        gap = np.asarray(np.isnan(block).any(axis=1))
        filled: Floats = np.where(gap[:, None], 0.0, block)
        bins = np.where(filled.max(axis=1) > 0, self._many_bins[filled.argmax(axis=1)], self._unknown)
        return np.where(gap, MISSING, bins)

    def column(self, row: list[float]) -> int:
        """As `columns`, for one row."""
        if self._cuts is not None or self._known is not None:
            return self._start
        block = row[self._start : self._stop]
        if sum(block) == 1.0 == max(block):
            return self._start + block.index(1.0)
        return int(self.columns(np.array([row]))[0])

    def columns(self, rows: Floats) -> Ints:
        """The column (n,) in which each row's contribution of this input stands: that of the level that is set."""
        if self._cuts is not None or self._values is not None:
            return np.full(rows.shape[0], self._start, dtype=np.intp)
        block: Floats = np.nan_to_num(rows[:, self._start : self._stop])
        return np.asarray(self._start + block.argmax(axis=1), dtype=np.intp)


class _Table:
    """A term ready to be asked by bins."""

    __slots__ = ("axes", "mean", "more", "scores", "strides")

    def __init__(self, term: Term, axes: list[Axis]) -> None:
        sizes = [axes[i].size for i in term.axes]
        self.axes, self.mean = tuple(term.axes), term.mean
        self.strides = tuple(prod(sizes[i + 1 :]) for i in range(len(sizes)))
        self.more = tuple(zip(self.axes[1:], self.strides[1:], strict=True))
        self.scores: Floats = np.array(term.scores, dtype=np.float64)

    def many(self, bins: list[Ints]) -> Floats:
        """The scores (n,) of n rows."""
        cell = bins[self.axes[0]] * self.strides[0]
        for axis, stride in self.more:
            cell = cell + bins[axis] * stride
        found: Floats = self.scores[cell]
        return found


def _check(stored: StoredEbm) -> None:
    if not stored.terms:
        raise Invalid("an additive model has at least one term.", path="terms")
    if not np.isfinite(stored.intercept):
        raise Invalid("the intercept must be finite.", path="intercept")
    for i, axis in enumerate(stored.axes):
        if message := _wrong_axis(axis, stored.features):
            raise Invalid(message, path=f"axes[{i}]", remedy="Import the model again.")
    for i, term in enumerate(stored.terms):
        if message := _wrong_term(term, stored.axes):
            raise Invalid(message, path=f"terms[{i}]", remedy="Import the model again.")


def _wrong_axis(axis: Axis, features: int) -> str:
    if not 0 <= axis.start < axis.stop <= features or axis.own < 0:
        return "the columns are not those of a row."
    if axis.kind != "levels" and axis.stop != axis.start + 1:
        return "a number stands in one column."
    numbers = np.array([*axis.cuts, *axis.values], dtype=np.float64)
    if not np.isfinite(numbers).all() or (np.diff(axis.cuts) <= 0).any():
        return "the cuts must be finite and rise."
    if len(set(axis.values)) != len(axis.values) or any(not 0 < each <= axis.own + 1 for each in axis.bins):
        return "the bins are not those of the values."
    fitting = {
        "numbers": axis.own == len(axis.cuts) + 1 and not axis.bins and not axis.values,
        "values": len(axis.bins) == len(axis.values) > 0 and not axis.cuts,
        "levels": len(axis.bins) == axis.stop - axis.start and not axis.values and not axis.cuts,
    }
    return "" if fitting[axis.kind] else "its parts do not fit each other."


def _wrong_term(term: Term, axes: list[Axis]) -> str:
    if not 0 < len(term.axes) <= MOST_INPUTS_OF_A_TERM or any(not 0 <= each < len(axes) for each in term.axes):
        return "a term has one to three axes of the model."
    if len({axes[each].start for each in term.axes}) != len(term.axes):
        return "a term has every input once."
    if len(term.scores) != prod(axes[each].size for each in term.axes):
        return "there must be one score per cell."
    if not np.isfinite([*term.scores, term.mean]).all():
        return "the scores must be finite."
    return ""
