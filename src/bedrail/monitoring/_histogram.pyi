"""Types of the optional compiled kernel."""

from typing_extensions import Buffer

def count(
    x: Buffer,
    rows: int,
    features: int,
    wide: bool,
    bins: int,
    origin: Buffer,
    sign: Buffer,
    floor: Buffer,
    base: Buffer,
    scale: Buffer,
    origin32: Buffer,
    sign32: Buffer,
    out: Buffer,
    /,
) -> None: ...
