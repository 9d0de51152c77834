"""Types of the optional compiled kernel."""

from typing import Any

def count(
    x: Any,
    rows: int,
    features: int,
    wide: bool,
    bins: int,
    centre: Any,
    centre32: Any,
    bend: Any,
    base: Any,
    scale: Any,
    middle: Any,
    out: Any,
    /,
) -> None: ...
