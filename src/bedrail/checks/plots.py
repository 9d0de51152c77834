"""Small own drawings: each plot is numbers laid out on a panel here, and drawn by a template as accessible SVG.

Meaning never rests on colour alone: lines differ by dash, verdicts by shape, and each drawing carries a title and a
description in words (WCAG 2.2, 1.1.1 and 1.4.1). The colours are those of Okabe and Ito (2008), told apart in every
common colour blindness and as greys in print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from bedrail.checks.curves import Benefit, Bin, Curves
from bedrail.checks.words import SHOWN_WORD, finding_class, number, plain_group
from bedrail.core.values import Finding, Verdict

SHAPES = {Verdict.PASS: "disc", Verdict.FAIL: "diamond", Verdict.MISSING: "ring"}
ROW = 22


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, in pixels, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of pixels with linear axes over `x` and `y` ranges; `left` and `top` are its corner."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float] = (0.0, 1.0)

    @property
    def right(self) -> float:
        """The right edge in pixels."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge in pixels."""
        return self.top + self.height

    def px(self, value: float) -> float:
        """The horizontal pixel of a value, kept inside the panel."""
        low, high = self.x
        return round(self.left + self.width * min(1.0, max(0.0, (value - low) / (high - low))), 1)

    def py(self, value: float) -> float:
        """The vertical pixel of a value, kept inside the panel."""
        low, high = self.y
        return round(self.bottom - self.height * min(1.0, max(0.0, (value - low) / (high - low))), 1)

    def x_ticks(self, *, percent: bool = False) -> tuple[Tick, ...]:
        """Round numbers along the horizontal axis."""
        return tuple(Tick(self.px(value), _tick(value, percent=percent)) for value in round_steps(*self.x))

    def y_ticks(self, *, percent: bool = False) -> tuple[Tick, ...]:
        """Round numbers along the vertical axis."""
        return tuple(Tick(self.py(value), _tick(value, percent=percent)) for value in round_steps(*self.y))

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """An SVG path through (x, y) values; stretches below or above the panel run along its edge."""
        return "M" + " L".join(f"{self.px(x)},{self.py(y)}" for x, y in points)


def round_steps(low: float, high: float, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between `low` and `high`, some `about` of them."""
    rough = (high - low) / about
    power = 10 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = ceil(low / step - 1e-9)
    last = floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _tick(value: float, *, percent: bool) -> str:
    return f"{value * 100:g}%" if percent else f"{value:g}"


def calibration_plot(curves: Curves, key: str, *, width: int = 380) -> str:
    """Observed rate against predicted risk by tenths of risk, with intervals, over a histogram of the scores.

    Empty text when there are no bins to draw. `key` makes element ids unique within a page.
    """
    if not curves.calibration:
        return ""
    top = _nice_top(max(max(each.high, each.predicted) for each in curves.calibration))
    panel = Panel(left=58, top=14, width=width - 76, height=width - 120, x=(0.0, top), y=(0.0, top))
    strip = Panel(left=58, top=panel.bottom + 8, width=panel.width, height=34, x=(0.0, top))
    return _draw(
        "calibration.svg",
        key=key,
        width=width,
        height=strip.bottom + 42,
        panel=panel,
        strip=strip,
        bars=_bars(curves.histogram, strip),
        n=f"{sum(each.n for each in curves.calibration):,}",
        bins=[_bin(each, panel) for each in curves.calibration],
        desc=_calibration_words(curves.calibration),
    )


def _bin(each: Bin, panel: Panel) -> dict[str, object]:
    return {
        "x": panel.px(each.predicted),
        "y": panel.py(each.observed),
        "low": panel.py(each.low),
        "high": panel.py(each.high),
        "words": f"predicted {each.predicted:.1%}, observed {each.observed:.1%} "
        f"({each.low:.1%} to {each.high:.1%}), n {each.n}",
    }


def _bars(histogram: Sequence[int], strip: Panel) -> list[dict[str, float]]:
    peak = max(histogram, default=0) or 1
    step = 1 / max(1, len(histogram))
    bars = []
    for k, count in enumerate(histogram):
        left, right = k * step, (k + 1) * step
        if count and left < strip.x[1]:
            tall = max(1.0, round(strip.height * count / peak, 1))
            x = strip.px(left)
            bars.append(
                {"x": x, "y": strip.bottom - tall, "width": round(strip.px(right) - x - 0.6, 1), "height": tall}
            )
    return bars


def _nice_top(value: float) -> float:
    return next(top for top in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if value <= top or top == 1.0)


def _calibration_words(bins: Sequence[Bin]) -> str:
    each = "; ".join(
        f"{b.predicted:.1%} predicted, {b.observed:.1%} observed ({b.low:.1%} to {b.high:.1%}, n {b.n})" for b in bins
    )
    return f"Observed outcome rate by tenths of predicted risk. Perfect agreement is the diagonal. {each}."


def roc_plot(curves: Curves, key: str, *, area: str = "", width: int = 380) -> str:
    """Sensitivity against 1 - specificity; `area` is the AUROC with interval and n. Empty text without both classes."""
    if not curves.roc:
        return ""
    panel = Panel(left=58, top=14, width=width - 76, height=width - 76, x=(0.0, 1.0))
    return _draw(
        "roc.svg",
        key=key,
        width=width,
        height=panel.bottom + 42,
        panel=panel,
        line=panel.path(curves.roc),
        area=area,
        desc=f"Receiver operating characteristic. {area} {_roc_words(curves.roc)}".replace("  ", " "),
    )


def _roc_words(points: Sequence[tuple[float, float]]) -> str:
    told = []
    for wanted in (0.1, 0.2, 0.5):
        reached = max(tpr for fpr, tpr in points if fpr <= wanted)
        told.append(f"{reached:.0%} sensitivity at {1 - wanted:.0%} specificity")
    return "; ".join(told) + "."


def decision_plot(curves: Curves, key: str, *, threshold: float | None = None, width: int = 380) -> str:
    """Net benefit of acting by the score, on everyone and on no one, over thresholds (Vickers and Elkin 2006)."""
    if not curves.benefit:
        return ""
    rows = curves.benefit
    top = max(0.005, *(row.score for row in rows), *(row.everyone for row in rows)) * 1.1
    floor_ = -top * 0.25
    panel = Panel(left=62, top=14, width=width - 76, height=width - 120, x=(0.0, rows[-1].threshold), y=(floor_, top))
    return _draw(
        "decision.svg",
        key=key,
        width=width,
        height=panel.bottom + 42,
        panel=panel,
        score=panel.path([(row.threshold, row.score) for row in rows]),
        band=_band(panel, rows, floor_, top),
        everyone=panel.path([(row.threshold, row.everyone) for row in rows if row.everyone >= floor_]),
        threshold=panel.px(threshold) if threshold is not None and threshold <= rows[-1].threshold else None,
        n=f"{sum(curves.histogram):,}" if curves.histogram else "",
        desc=_decision_words(rows, threshold),
    )


def _limits(row: Benefit) -> str:
    return "" if row.low is None or row.high is None else f" ({row.low:.4f} to {row.high:.4f})"


def _band(panel: Panel, rows: Sequence[Benefit], floor_: float, top: float) -> str:
    """The area between the limits of acting by the score, held within the panel; empty where none were kept."""
    kept = [(row.threshold, row.low, row.high) for row in rows if row.low is not None and row.high is not None]
    if len(kept) < 2:
        return ""
    upper = [(x, min(top, max(floor_, high))) for x, _, high in kept]
    lower = [(x, min(top, max(floor_, low))) for x, low, _ in reversed(kept)]
    return panel.path([*upper, *lower]) + " Z"


def _decision_words(rows: Sequence[Benefit], threshold: float | None) -> str:
    near = min(rows, key=lambda row: abs(row.threshold - (threshold if threshold is not None else rows[-1].threshold)))
    return (
        "Net benefit over alert thresholds. Three lines: acting by the score, acting on everyone, acting on no one "
        f"(zero). At a threshold of {near.threshold:.0%}: score {near.score:.4f}{_limits(near)}, "
        f"everyone {near.everyone:.4f}."
    )


def forest_plot(
    findings: Sequence[Finding], key: str, *, title: str, reference: float | None = None, width: int = 760
) -> str:
    """One row per group: name, n, estimate with interval, verdict by shape; a dashed line stands at `reference`.

    Empty text when no finding has an estimate.
    """
    told = [each for each in findings if each.estimate is not None]
    if not told:
        return ""
    spread = [value for each in told for value in (each.low, each.high, each.estimate) if value is not None]
    spread = [value for value in (*spread, reference) if value is not None and isfinite(value)]
    low, high = _padded(min(spread), max(spread))
    panel = Panel(left=290, top=34, width=width - 470, height=ROW * len(findings), x=(low, high))
    return _draw(
        "forest.svg",
        key=key,
        width=width,
        height=panel.bottom + 34,
        panel=panel,
        rows=[_row(each, at, panel) for at, each in enumerate(findings)],
        reference=None if reference is None else panel.px(reference),
        title=title,
        desc=_forest_words(title, findings),
    )


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06 or max(0.01, abs(high) * 0.1)
    return low - room, high + room


def _row(each: Finding, at: int, panel: Panel) -> dict[str, object]:
    drawn = each.estimate is not None
    return {
        "y": panel.top + ROW * (at + 0.5),
        "group": plain_group(each.group),
        "n": "" if each.n is None else f"{each.n:,}",
        "x": panel.px(each.estimate) if each.estimate is not None else None,
        "low": panel.px(each.low) if drawn and each.low is not None else None,
        "high": panel.px(each.high) if drawn and each.high is not None else None,
        "text": estimate_words(each),
        "shape": SHAPES[each.verdict] if each.judged else "ring",
        "verdict": finding_class(each),
    }


def estimate_words(each: Finding, show: Callable[[float | None], str] = number) -> str:
    """`0.862 (0.831 to 0.893)`, or a dash where there is no estimate; `show` writes a single number."""
    if each.estimate is None:
        return "–"
    if each.low is None or each.high is None:
        return show(each.estimate)
    return f"{show(each.estimate)} ({show(each.low)} to {show(each.high)})"


def _forest_words(title: str, findings: Sequence[Finding]) -> str:
    rows = "; ".join(
        f"{plain_group(each.group)}: {estimate_words(each)}, "
        + (each.verdict.value if each.judged else SHOWN_WORD.lower())
        for each in findings[:40]
    )
    more = f"; and {len(findings) - 40} more groups in the table" if len(findings) > 40 else ""
    return f"{title} by group, with intervals. {rows}{more}."


def _draw(template: str, **values: object) -> str:
    from bedrail.checks.pages import render

    return render(template, **values)
