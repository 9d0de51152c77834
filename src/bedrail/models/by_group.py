"""Maps by group: the same score may mean another risk in another group, where the group is an input of the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.calibrate import Calibration
from bedrail.models.conformal import Uncertainty
from bedrail.models.contract import Contract

Matrix = NDArray[np.float64]


class GroupMap(Value, frozen=True, kw_only=True):
    """How the raw score is read in one group: its risk, interval and p-values."""

    calibration: Calibration
    uncertainty: Uncertainty


class ByGroup(Value, frozen=True, kw_only=True):
    """Maps by the level of a categorical feature; a level without one is read as everybody is."""

    feature: str
    maps: dict[str, GroupMap]

    def check(self, contract: Contract) -> None:
        """Raise `Invalid` unless the feature is a categorical input of the contract that has these levels."""
        feature = contract.feature(self.feature)
        strange = sorted(set(self.maps) - set(feature.levels))
        if feature.kind != "categorical" or strange or not self.maps:
            what = f"`{strange[0]}` is no level of {self.feature}" if strange else "this is no categorical feature"
            raise Invalid(f"{what}.", path="by_group.feature", remedy="Make the package again.")


class Chooser:
    """Finds the map of encoded rows."""

    __slots__ = ("_maps", "_start", "_stop")

    def __init__(self, by_group: ByGroup, contract: Contract) -> None:
        names = [feature.name for feature in contract.features]
        at = names.index(by_group.feature)
        self._start, self._stop = contract.spans[at]
        self._maps = tuple(by_group.maps.get(level) for level in contract.features[at].levels)

    def of(self, x: Matrix) -> GroupMap | None:
        """The map of one row (k,); None for a level without one, and for a row without a level."""
        block = x[self._start : self._stop]
        place = int(block.argmax())
        return self._maps[place] if block[place] > 0 else None

    def each(self, X: Matrix) -> list[tuple[GroupMap, NDArray[np.intp]]]:
        """(map, rows of X (n, k) that it is for); rows without a map are in none."""
        block = X[:, self._start : self._stop]
        place = np.where(block.max(axis=1) > 0, block.argmax(axis=1), -1)
        return [(found, np.flatnonzero(place == at)) for at, found in enumerate(self._maps) if found is not None]
