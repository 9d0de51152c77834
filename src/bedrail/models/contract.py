"""The contract between a model and the world: which inputs it takes, in which units, and as which columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from operator import getitem, itemgetter
from struct import Struct
from struct import error as StructError  # noqa: N812 (the standard library's own exception)
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.feature import Feature, Raw, absent

__all__ = ["Contract", "Encoder", "Feature", "Matrix", "Raw"]

if TYPE_CHECKING:
    import pandas as pd

Matrix = NDArray[np.float64]
_FLOAT64 = np.dtype(np.float64)


class Contract(Value, frozen=True, kw_only=True):
    """Every input of a model, in the order in which the model takes its columns."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the k matrix columns: one for a number, one per level (`name=level`) for a category."""
        return tuple(column for feature in self.features for column in feature.columns)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """For each feature the half-open range of its columns in the matrix."""
        spans, start = [], 0
        for feature in self.features:
            stop = start + len(feature.columns)
            spans.append((start, stop))
            start = stop
        return tuple(spans)

    def feature(self, name: str) -> Feature:
        """The feature of that name; raises `Invalid` when the contract has none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise Invalid(
            f"the contract has no feature `{name}`.",
            path=f"features.{name}",
            remedy=f"It has: {', '.join(self.names)}.",
        )

    def encoder(self) -> Encoder:
        """The compiled plan for this contract: build it once and keep it."""
        return Encoder(self)

    def encode_row(self, values: Mapping[str, Raw]) -> Matrix:
        """As `Encoder.row`, compiling the plan anew each time; hold on to `encoder()` where speed matters."""
        return Encoder(self).row(values)

    def encode_table(self, frame: pd.DataFrame, *, strict: bool = True) -> Matrix:
        """As `Encoder.table`."""
        return Encoder(self).table(frame, strict=strict)

    def lint(self) -> tuple[Invalid, ...]:
        """Everything wrong with the contract itself, each with path and remedy; empty when it is sound."""
        return tuple(_problems(self))

    def check(self) -> Contract:
        """This contract; raises the first problem that `lint` finds."""
        for problem in self.lint():
            raise problem
        return self


class Encoder:
    """Turns inputs into matrix columns by a plan compiled once from a contract.

    Numbers must already be in the contract's unit. An absent value is None, NaN or a key that is not there; it is
    imputed or refused as the contract says. Ranges are not judged here: that is a guard's question.
    """

    __slots__ = ("_defaults", "_getter", "_known", "_levels", "_numeric", "_order", "_pack", "contract", "width")

    def __init__(self, contract: Contract) -> None:
        self.contract = contract.check()
        numeric = [feature for feature in contract.features if feature.kind == "numeric"]
        categorical = [feature for feature in contract.features if feature.kind == "categorical"]
        self.width = len(contract.columns)
        self._known = frozenset(contract.names)
        self._defaults = {f.name: f.impute for f in contract.features if f.missing == "impute"}
        self._numeric = len(numeric)
        self._pack: Callable[..., bytes] = Struct(f"{len(numeric)}d").pack
        self._levels = tuple(_one_hot_bytes(feature) for feature in categorical)
        names = [feature.name for feature in (*numeric, *categorical)]
        self._getter: Callable[[Mapping[str, Raw]], tuple[Any, ...]] = (
            itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)
        )
        packed = [column for feature in (*numeric, *categorical) for column in feature.columns]
        order = [packed.index(column) for column in contract.columns]
        self._order = None if order == sorted(order) else np.array(order, dtype=np.intp)

    def row(self, values: Mapping[str, Raw]) -> Matrix:
        """One encounter as float64 (k,); raises `Invalid` (path `features.NAME`) for a missing, unknown or wrong value.

        When everything is there the row is packed by C calls alone; gaps are filled from the contract and tried once
        more; what still does not fit is sorted out feature by feature.
        """
        row = self._quick(values)
        if row is None:
            present = {name: value for name, value in values.items() if value is not None}
            row = self._quick(self._defaults | present)
        return self._careful(values) if row is None else row

    def _quick(self, values: Mapping[str, Raw]) -> Matrix | None:
        try:
            found = self._getter(values)
            numbers = found[: self._numeric]
            packed = bytearray(self._pack(*numbers)) + b"".join(map(getitem, self._levels, found[self._numeric :]))
            if len(values) != len(found) or not math.isfinite(sum(numbers)):
                return None
        except (KeyError, TypeError, ValueError, OverflowError, StructError):
            return None
        row = np.frombuffer(packed, _FLOAT64)
        return row if self._order is None else row[self._order]

    def _careful(self, values: Mapping[str, Raw]) -> Matrix:
        """The same row by the plain rules, for inputs with gaps, and to find the words for a refusal."""
        if not self._known.issuperset(values):
            self.contract.feature(next(name for name in values if name not in self._known))
        row: list[float] = []
        for feature in self.contract.features:
            value = _present(feature, values.get(feature.name))
            if feature.kind == "numeric":
                row.append(_number(feature, value))
            else:
                level = _level(feature, value)
                row.extend(1.0 if level == each else 0.0 for each in feature.levels)
        return np.array(row, dtype=np.float64)

    def values(self, row: Matrix) -> dict[str, Raw]:
        """The inputs that a row (k,) encodes: numbers, and the level whose column is largest; gaps were imputed."""
        found: dict[str, Raw] = {}
        for feature, (start, stop) in zip(self.contract.features, self.contract.spans, strict=True):
            numeric = feature.kind == "numeric"
            found[feature.name] = float(row[start]) if numeric else feature.levels[int(row[start:stop].argmax())]
        return found

    def table(self, frame: pd.DataFrame, *, strict: bool = True) -> Matrix:
        """n encounters as (n, k) float64 from a table with one column per feature (further columns are ignored).

        Gaps are imputed as in `row`. With `strict` a gap that the contract refuses and a level that it does not know
        raise `Invalid`; without, the gap becomes NaN and the level an all-zero one-hot block.
        """
        matrix = np.empty((len(frame), self.width))
        for feature, (start, stop) in zip(self.contract.features, self.contract.spans, strict=True):
            if feature.name not in frame.columns:
                raise Invalid(
                    f"the table has no column `{feature.name}`.",
                    path=f"features.{feature.name}",
                    remedy="Add the column, or take the feature out of the contract.",
                )
            block = _numeric_block if feature.kind == "numeric" else _categorical_block
            matrix[:, start:stop] = block(feature, frame[feature.name], strict)
        return matrix


def _one_hot_bytes(feature: Feature) -> dict[str, bytes]:
    eye = np.eye(len(feature.levels))
    return {level: eye[index].tobytes() for index, level in enumerate(feature.levels)}


def _present(feature: Feature, value: Raw) -> Raw:
    if not absent(value):
        return value
    if feature.missing == "impute":
        return feature.impute
    raise Invalid(
        f"`{feature.name}` is missing and the model may not guess it.",
        path=f"features.{feature.name}",
        remedy="Send a value, or decide without the model.",
    )


def _number(feature: Feature, value: Raw) -> float:
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]  # anything else that is no number is caught here
    except (TypeError, ValueError, OverflowError):
        number = math.inf
    if math.isfinite(number):
        return number
    raise Invalid(
        f"`{feature.name}` is not a finite number.",
        path=f"features.{feature.name}",
        remedy=f"Send a number in {feature.unit or 'the unit of the contract'}.",
    )


def _level(feature: Feature, value: Raw) -> str:
    if isinstance(value, str) and value in feature.levels:
        return value
    raise Invalid(
        f"`{feature.name}` has a level that the model never saw.",
        path=f"features.{feature.name}",
        remedy=f"Send one of: {', '.join(feature.levels)}.",
    )


def _numeric_block(feature: Feature, column: pd.Series[Any], strict: bool) -> Matrix:
    import pandas as pd

    try:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan).copy()
    except (TypeError, ValueError) as error:
        raise Invalid(
            f"column `{feature.name}` holds something that is not a number.",
            path=f"features.{feature.name}",
            remedy="Clean the column, or declare the feature categorical.",
        ) from error
    if np.isinf(numbers).any():
        raise Invalid(f"column `{feature.name}` holds an infinite number.", path=f"features.{feature.name}")
    gaps = np.isnan(numbers)
    if feature.missing == "impute":
        numbers[gaps] = float(feature.impute or 0.0)
    elif strict and gaps.any():
        raise _gap(feature, int(gaps.sum()))
    return numbers[:, None]


def _categorical_block(feature: Feature, column: pd.Series[Any], strict: bool) -> Matrix:
    import pandas as pd

    values = column.astype(object)
    gaps = values.isna().to_numpy()
    codes = pd.Index(feature.levels, dtype=object).get_indexer(pd.Index(values))
    unknown = (codes < 0) & ~gaps
    if strict and unknown.any():
        raise Invalid(
            f"column `{feature.name}` has a level that the contract does not know, in {int(unknown.sum())} rows.",
            path=f"features.{feature.name}",
            remedy=f"Known levels: {', '.join(feature.levels)}. Map the others to one of them.",
        )
    if feature.missing == "impute":
        codes = np.where(gaps, feature.levels.index(str(feature.impute)), codes)
    elif strict and gaps.any():
        raise _gap(feature, int(gaps.sum()))
    block = np.zeros((len(codes), len(feature.levels)))
    known = np.flatnonzero(codes >= 0)
    block[known, codes[known]] = 1.0
    if feature.missing == "refuse":
        block[gaps] = np.nan
    return block


def _gap(feature: Feature, rows: int) -> Invalid:
    return Invalid(
        f"column `{feature.name}` is empty in {rows} rows and the contract refuses a gap there.",
        path=f"features.{feature.name}",
        remedy="Fill the rows, leave them out, or let the contract impute.",
    )


def _problems(contract: Contract) -> Iterator[Invalid]:
    if not contract.features:
        yield Invalid("a contract needs at least one feature.", path="features", remedy="Declare the model's inputs.")
    seen: set[str] = set()
    for feature in contract.features:
        yield from feature.lint()
        for column in dict.fromkeys((feature.name, *feature.columns)):
            if column in seen:
                yield Invalid(
                    f"`{column}` is declared twice.", path=f"features.{feature.name}.name", remedy="Rename one of them."
                )
            seen.add(column)
