from typing import Any, final

from numpy.typing import NDArray

Buffer = NDArray[Any]

@final
class Walker:
    def __new__(
        cls,
        features: int,
        intercept: float,
        starts: Buffer,
        feature: Buffer,
        threshold: Buffer,
        rule: Buffer,
        left: Buffer,
        right: Buffer,
        leaves: Buffer,
        /,
    ) -> Walker: ...
    def margin(self, row: Buffer, /) -> float: ...
    def margins(self, rows: Buffer, out: Buffer, /) -> None: ...

@final
class Shap:
    def __new__(
        cls,
        features: int,
        lanes: int,
        starts: Buffer,
        feature: Buffer,
        threshold: Buffer,
        rule: Buffer,
        left: Buffer,
        right: Buffer,
        leaves: Buffer,
        share: Buffer,
        above: Buffer,
        reach: Buffer,
        t: Buffer,
        w: Buffer,
        /,
    ) -> Shap: ...
    def add(self, rows: Buffer, out: Buffer, /) -> None: ...
