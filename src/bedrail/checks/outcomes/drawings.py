"""Other outcomes as accessible SVG, in the manner of `checks.plots`: shape and dash beside colour, words beside all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bedrail.checks.outcomes.pictures import Agreement, Courses, Matrix, Picture, RiskCurve, Square
from bedrail.checks.plots import Panel, calibration_plot, decision_plot
from bedrail.checks.words import number

DASHES = ("", "8 4", "2 3")
COLOURS = ("#0072B2", "#4a5866", "#D55E00")


def drawn(pictures: Sequence[Picture], key: str, *, threshold: float | None = None) -> list[str]:
    """Each picture as one SVG or, for curves with a decision curve, two; `key` keeps element ids apart in a page."""
    found = []
    for at, each in enumerate(pictures):
        name = f"{key}-{at}"
        if isinstance(each, Matrix):
            found.append(matrix_plot(each, name))
        elif isinstance(each, Agreement):
            found.append(agreement_plot(each, name))
        elif isinstance(each, Courses):
            found.append(courses_plot(each, name))
        else:
            found += _curves(each, name, threshold)
    return [each for each in found if each]


def summary(pictures: Sequence[Picture], key: str) -> str:
    """The one drawing of a one-page summary: calibration at a horizon before the courses, else the first."""
    courses = isinstance(pictures[0], Courses)
    first = [each for each in pictures if isinstance(each, RiskCurve)] if courses else []
    return (drawn(first or pictures[:1], key) or [""])[0]


def _curves(each: RiskCurve, key: str, threshold: float | None) -> list[str]:
    plain = ("Calibration: observed rate against predicted risk", "Decision curve: net benefit over thresholds")
    drawn = (
        calibration_plot(each.curves, f"{key}-calibration"),
        decision_plot(each.curves, f"{key}-decision", threshold=threshold),
    )
    from markupsafe import escape

    said = str(escape(each.name))
    titled = []
    for svg, title in zip(drawn, plain, strict=True):
        if svg:
            named = svg.replace(title, f"{title} ({said})", 1)
            # The name stands on the drawing too: several of them stand side by side.
            titled.append(named.replace("</svg>", f'<text x="62" y="11" font-weight="600">{said}</text></svg>', 1))
    return titled


def matrix_plot(each: Matrix, key: str, *, width: int = 560) -> str:
    """A confusion matrix as a table of shades: shares of each outcome by class said, interval, n."""
    if not each.classes:
        return ""
    left, top = 150, 64
    side = min(96.0, max(38.0, (width - left - 20) / len(each.classes)))
    high = min(side, 54.0)
    cells = []
    for i, row in enumerate(each.squares):
        for j, one in enumerate(row):
            share = one.share or 0.0
            cells.append(
                {
                    "x": left + j * side,
                    "y": top + i * high,
                    "fill": _shade(share) if one.share is not None else "url(#" + key + "-hatch)",
                    "lines": _square_lines(one, narrow=side < 80),
                    "right": i == j,
                }
            )
    return _render(
        "matrix.svg",
        key=key,
        width=max(width, left + side * len(each.classes) + 20),
        height=top + high * len(each.classes) + 30,
        side=side,
        high=high,
        left=left,
        top=top,
        cells=cells,
        rows=[
            {"y": top + (i + 0.5) * high, "name": name, "n": "" if total is None else f"n {total:,}"}
            for i, (name, total) in enumerate(zip(each.classes, each.totals, strict=True))
        ],
        columns=[{"x": left + (j + 0.5) * side, "name": name} for j, name in enumerate(each.classes)],
        withheld=any(one.share is None for row in each.squares for one in row),
        desc=matrix_words(each),
    )


def _square_lines(one: Square, *, narrow: bool) -> list[str]:
    if one.share is None or one.low is None or one.high is None:
        return ["withheld"] if not narrow else ["–"]
    lines = [f"{one.share:.0%}"]
    if not narrow:
        lines.append(f"{one.low:.0%} to {one.high:.0%}")
    return [*lines, f"n {one.n:,}"]


def _shade(share: float) -> str:
    """White towards the blue of Okabe and Ito (2008), no further than dark text on it can be read (WCAG 1.4.3)."""
    white, blue = (255, 255, 255), (0, 114, 178)
    mixed = (round(w + (b - w) * share * 0.65) for w, b in zip(white, blue, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)


def matrix_words(each: Matrix) -> str:
    """The matrix in words."""
    told = []
    for name, row in zip(each.classes, each.squares, strict=True):
        said = [
            f"{other} {one.share:.1%} ({one.low:.1%} to {one.high:.1%}, n {one.n})"
            for other, one in zip(each.classes, row, strict=True)
            if one.share is not None
        ]
        told.append(f"{name} was called {', '.join(said)}" if said else f"{name}: withheld")
    return "Confusion matrix, shares of each outcome by predicted class. " + "; ".join(told) + "."


def agreement_plot(each: Agreement, key: str, *, width: int = 440) -> str:
    """Observed against predicted, by tenths of the prediction; the grey bar holds the middle 80 % of outcomes."""
    if not each.bins:
        return ""
    values = [v for one in each.bins for v in (one.predicted, one.low, one.high)] + [v for p in each.spread for v in p]
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or 1.0
    low, high = (low - room if low < 0 else max(0.0, low - room)), high + room
    panel = Panel(left=64, top=14, width=width - 84, height=width - 120, x=(low, high), y=(low, high))
    unit = f" ({each.unit})" if each.unit else ""
    bins = [
        {
            "x": panel.px(one.predicted),
            "y": panel.py(one.observed),
            "low": panel.py(one.low),
            "high": panel.py(one.high),
            "tenth": panel.py(p[0]),
            "ninetieth": panel.py(p[1]),
        }
        for one, p in zip(each.bins, each.spread, strict=True)
    ]
    told = "; ".join(
        f"predicted {number(one.predicted)}, observed {number(one.observed)} "
        f"({number(one.low)} to {number(one.high)}), n {one.n}"
        for one in each.bins
    )
    return _render(
        "agreement.svg",
        key=key,
        width=width,
        height=panel.bottom + 60,
        panel=panel,
        bins=bins,
        unit=unit,
        n=f"{sum(one.n for one in each.bins):,}",
        desc=f"Mean outcome by tenths of the prediction{unit}. Perfect agreement is the diagonal. {told}.",
    )


def courses_plot(each: Courses, key: str, *, width: int = 560) -> str:
    """Cumulative incidence by thirds of predicted risk, with bands and the numbers at risk below."""
    if not each.courses:
        return ""
    top = max(step[3] for one in each.courses for step in one.steps)
    panel = Panel(left=64, top=76, width=width - 94, height=240, x=(0.0, each.times[-1]), y=(0.0, min(1.0, top * 1.05)))
    lines = []
    for at, one in enumerate(each.courses):
        upper = [(step[0], step[3]) for step in one.steps]
        lower = [(step[0], step[2]) for step in reversed(one.steps)]
        lines.append(
            {
                "path": panel.path(_stairs([(step[0], step[1]) for step in one.steps])),
                "band": panel.path([*upper, *lower]) + " Z",
                "colour": COLOURS[at % 3],
                "dash": DASHES[at % 3],
                "name": one.name,
                "n": f"{one.n:,}",
                "y": panel.bottom + 62 + 17 * at,
                "at_risk": [
                    {"x": panel.px(t), "text": f"{n:,}" if n else "–"}
                    for t, n in zip(each.times, one.at_risk, strict=True)
                ],
            }
        )
    unit = f" ({each.unit})" if each.unit else ""
    return _render(
        "courses.svg",
        key=key,
        width=width,
        height=panel.bottom + 76 + 17 * len(lines),
        panel=panel,
        lines=lines,
        unit=unit,
        competing=each.competing,
        desc=_courses_words(each, unit),
    )


def _stairs(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Right-continuous steps through (time, share)."""
    walked = points[:1]
    for (_, before), (t, after) in pairwise(points):
        walked += [(t, before), (t, after)]
    return walked


def _courses_words(each: Courses, unit: str) -> str:
    told = []
    for one in each.courses:
        t, share, low, high = one.steps[-1]
        told.append(f"{one.name} (n {one.n}): {share:.1%} ({low:.1%} to {high:.1%}) had the event by {number(t)}")
    how = "Aalen-Johansen, competing events counted" if each.competing else "one minus Kaplan-Meier"
    return f"Cumulative incidence over time{unit} by predicted risk ({how}). " + "; ".join(told) + "."


def _render(template: str, **values: object) -> str:
    from bedrail.checks.pages import render

    return render(template, **values)
