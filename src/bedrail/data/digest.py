"""A dataset's name is the digest of its content, whatever file format carried it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

VERSION = b"bedrail-table/1\n"


def table_digest(frame: pd.DataFrame) -> str:
    """SHA-256 in hex over column names, kinds and values in row order.

    Numbers are hashed as little-endian float64 (one NaN pattern), everything else as UTF-8 text, each value with
    its length, so that the same table read from CSV and from Parquet has one digest and no two tables share one.
    The row index does not count.
    """
    digest = hashlib.sha256(VERSION)
    digest.update(f"{len(frame)}\n".encode())
    for name in frame.columns:
        column = frame[name]
        numeric = column.dtype.kind in "biuf"
        digest.update(f"{len(str(name))}:{name}:{'number' if numeric else 'text'}\n".encode())
        digest.update(_numbers(column) if numeric else _texts(column))
    return digest.hexdigest()


def _numbers(column: pd.Series) -> bytes:
    values = column.to_numpy(dtype="<f8", na_value=np.nan).copy()
    values[np.isnan(values)] = np.nan
    values += 0.0  # -0.0 and 0.0 are one number
    return values.tobytes()


def _texts(column: pd.Series) -> bytes:
    missing = column.isna().to_numpy()
    parts = []
    for value, absent in zip(column.tolist(), missing, strict=True):
        if absent:
            parts.append(b"-")
        else:
            text = str(value).encode()
            parts.append(b"%d:%b" % (len(text), text))
    return b"".join(parts)
