"""Small own drawings of columns: histograms and bars as SVG that read in print, each with its words for screen readers.

Bars are told apart by their label, never by colour alone; bins with 1 to 10 rows are drawn hollow, at ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from bedrail.data.profile import SMALLEST_CELL

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEIGHT = 240, 56
BINS = 24
INK, PALE = "#3d6ea5", "#9db7d3"


def histogram(column: pd.Series) -> str:
    """A column's distribution between its 1 % and 99 % quantiles, as SVG; empty where there are too few values."""
    if column.dtype.kind not in "iuf":
        return _levels(column)
    values = column.to_numpy(dtype=float, na_value=np.nan)
    values = values[np.isfinite(values)]
    if len(values) < 5 * SMALLEST_CELL:
        return ""
    low, high = (float(q) for q in np.quantile(values, (0.01, 0.99)))
    if low == high:
        return ""
    counts, edges = np.histogram(values, bins=min(BINS, max(len(np.unique(values)), 2)), range=(low, high))
    top = int(np.argmax(counts))
    said = f"Histogram from {low:g} to {high:g}; most values lie between {edges[top]:.3g} and {edges[top + 1]:.3g}."
    return _bars(counts.tolist(), said, (f"{low:g}", f"{high:g}"))


def _levels(column: pd.Series) -> str:
    counts = column.dropna().astype(str).value_counts()
    shown = counts[counts >= SMALLEST_CELL].head(BINS)
    if len(shown) < 2:
        return ""
    first, share = str(shown.index[0]), float(shown.iloc[0]) / max(int(counts.sum()), 1)
    said = f"Bars of {len(shown)} values, the commonest first: {first} with {share:.0%}."
    return _bars(shown.tolist(), said, (first[:16], str(shown.index[-1])[:16]))


def _bars(counts: Sequence[int], said: str, ends: tuple[str, str]) -> str:
    wide, tallest = WIDTH / len(counts), max(counts)
    shapes = []
    for place, count in enumerate(counts):
        if not count:
            continue
        few = count < SMALLEST_CELL
        tall = max((HEIGHT - 14) * (SMALLEST_CELL - 1 if few else count) / tallest, 1.0)
        fill = f'fill="none" stroke="{PALE}"' if few else f'fill="{INK}"'
        shapes.append(
            f'<rect x="{place * wide:.1f}" y="{HEIGHT - 14 - tall:.1f}" width="{max(wide - 1, 1):.1f}" '
            f'height="{tall:.1f}" {fill}/>'
        )
    axis = (
        f'<text x="0" y="{HEIGHT - 2}" font-size="9">{escape(ends[0])}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" font-size="9" text-anchor="end">{escape(ends[1])}</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>{''.join(shapes)}{axis}</svg>"
    )


def share_bar(share: float, said: str) -> str:
    """A bar of one share between 0 and 1, as SVG."""
    wide = 120 * min(max(share, 0.0), 1.0)
    return (
        f'<svg viewBox="0 0 120 10" width="120" height="10" role="img" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>"
        f'<rect width="120" height="10" fill="none" stroke="{PALE}"/>'
        f'<rect width="{wide:.1f}" height="10" fill="{INK}"/></svg>'
    )
