"""A run of a suite as a page, as JSON and as JUnit XML for pipelines."""

from __future__ import annotations

from typing import Any

import msgspec

from bedrail.checks.pages import render, safe
from bedrail.checks.plots import SHAPES, Panel
from bedrail.checks.scenarios.running import band_words
from bedrail.checks.scenarios.values import Outcome, Ran
from bedrail.checks.words import VERDICT_WORDS, percent
from bedrail.core.values import Verdict

RUN_FORMAT = "bedrail-scenario-run/1"
ROW = 24
MOST_DRAWN = 80


def as_json(ran: Ran) -> str:
    """Every answer and expectation, indented; `format` is `bedrail-scenario-run/1`."""
    told: dict[str, Any] = {"format": RUN_FORMAT, "verdict": ran.verdict.value, **msgspec.to_builtins(ran)}
    for outcome, said in zip(ran.outcomes, told["outcomes"], strict=True):
        said["verdict"] = outcome.verdict.value
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def as_junit(ran: Ran) -> str:
    """One test case for each expectation, as JUnit XML (Jenkins, GitLab and GitHub read it); vignettes are classes."""
    results = [result for outcome in ran.outcomes for result in outcome.results]
    text = render(
        "scenarios.xml",
        ran=ran,
        tests=len(results),
        failures=sum(one.verdict is Verdict.FAIL for one in results),
        skipped=sum(one.verdict is Verdict.MISSING for one in results),
    )
    return "".join(sign for sign in text if sign in "\n\t" or sign >= " ")  # XML 1.0 knows no other control signs


def as_page(ran: Ran) -> str:
    """One HTML page: the verdict, a drawing of risks against what was expected, each vignette with its story."""
    failed = [one for one in ran.outcomes if one.verdict is not Verdict.PASS]
    return render(
        "scenarios.html",
        ran=ran,
        verdict=ran.verdict.value,
        word=VERDICT_WORDS[ran.verdict],
        held=len(ran.outcomes) - len(failed),
        drawing=safe(drawing(ran)) if any(one.said.risk is not None for one in ran.outcomes) else "",
        rows=[_row(one) for one in (*failed, *(one for one in ran.outcomes if one.verdict is Verdict.PASS))],
    )


def _row(one: Outcome) -> dict[str, Any]:
    return {
        "name": one.vignette,
        "patient": one.patient,
        "verdict": one.verdict.value,
        "word": VERDICT_WORDS[one.verdict],
        "said": said_words(one),
        "results": [(each.verdict.value, each.words) for each in one.results],
    }


def said_words(one: Outcome) -> str:
    """`17.2% (14.0% to 21.3%), alert` or `no decision (missing)`."""
    said = one.said
    if said.risk is None:
        return f"no decision ({said.guard})"
    spread = "" if said.low is None else f" ({percent(said.low)} to {percent(said.high)})"
    held = ", review" if said.kind == "review" else ""
    return f"{percent(said.risk)}{spread}, {'alert' if said.alert else 'no alert'}{held}"


def drawing(ran: Ran) -> str:
    """SVG: the risk of each vignette with its interval, the expected band behind it, the threshold as a dashed line."""
    shown = ran.outcomes[:MOST_DRAWN]
    bands = [one.band.high for one in shown if one.band is not None and one.band.high < 1]
    tops = [value for one in shown for value in (one.said.high, one.said.risk) if value is not None]
    panel = Panel(
        left=270, top=30, width=330, height=ROW * len(shown), x=(0.0, min(1.0, 1.1 * max(*tops, *bands, ran.threshold)))
    )
    rows = [_line(one, panel, panel.top + ROW * (at + 0.5)) for at, one in enumerate(shown)]
    told = "; ".join(f"{one.vignette}: {said_words(one)}, {one.verdict.value}" for one in shown)
    more = f"; and {len(ran.outcomes) - MOST_DRAWN} more in the table" if len(ran.outcomes) > MOST_DRAWN else ""
    return render(
        "scenarios.svg",
        key="scenarios",
        width=840,
        height=panel.bottom + 36,
        panel=panel,
        rows=rows,
        threshold=panel.px(ran.threshold),
        desc=f"Risk of each vignette with its interval, against the expected range. {told}{more}.",
    )


def _line(one: Outcome, panel: Panel, y: float) -> dict[str, Any]:
    said, band = one.said, one.band
    return {
        "y": y,
        "name": one.vignette,
        "x": None if said.risk is None else panel.px(said.risk),
        "low": None if said.low is None else panel.px(said.low),
        "high": None if said.high is None else panel.px(said.high),
        "band": None if band is None else (panel.px(band.low), panel.px(band.high)),
        "band_words": "" if band is None else band_words(band),
        "text": said_words(one),
        "shape": SHAPES[one.verdict],
    }
