"""How likely it is that something was missed in a note: signs left standing, turned into a calibrated probability."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from bedrail.core.values import Value
from bedrail.privacy.text.residual import SIGNS, Residue, residue
from bedrail.privacy.text.values import Mode
from bedrail.privacy.values import Span

DOUBTFUL = 0.8
"""Spans below this confidence are doubtful: where the detector doubts, it misses, too."""

BANDS = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Risks are counted below these borders in summaries."""


class NoteRisk(Value, frozen=True, kw_only=True):
    """The probability that a note's output still holds an identifier, and the signs it was judged by.

    A leak is one letter or digit of an identifier left standing, by the gold standard of the corpora that the weights
    were fitted on (see docs/deid-text.md): on notes of another kind it is an order, not a rate.
    """

    probability: float
    signs: tuple[Residue, ...]


def features(text: str, spans: Sequence[Span], signs: Sequence[Residue]) -> list[float]:
    """What the risk is judged by: each sign (at most 3 of it), length, spans, doubtful spans, capitals."""
    counts = dict.fromkeys(SIGNS, 0)
    for one in signs:
        counts[one.sign] += 1
    size = max(len(text), 1)
    doubtful = sum(span.confidence < DOUBTFUL for span in spans)
    upper = sum(map(str.isupper, text[:400]))
    return [
        *(float(min(counts[sign], 3)) for sign in SIGNS),
        math.log(size / 500 + 0.1),
        math.log1p(len(spans)),
        float(min(doubtful, 5)),
        1.0 if upper > 0.5 * min(size, 400) else 0.0,
        1.0 if not spans else 0.0,
    ]


NAMES = (*SIGNS, "length", "spans", "doubtful", "shouting", "nothing found")


def note_risk(text: str, spans: Sequence[Span], mode: Mode = "full") -> NoteRisk:
    """The risk that something of `text` was missed by `spans`, which are sorted and without overlap."""
    signs = residue(text, spans)
    weights = _weights()[mode]
    total = weights[0] + sum(w * x for w, x in zip(weights[1:], features(text, spans, signs), strict=True))
    return NoteRisk(probability=1 / (1 + math.exp(-max(-30.0, min(30.0, total)))), signs=tuple(signs))


def band(probability: float) -> str:
    """In which band of risks a note counts."""
    for border in BANDS:
        if probability < border:
            return f"risk below {border:g}"
    return f"risk {BANDS[-1]:g} and over"


@cache
def _weights() -> dict[str, list[float]]:
    """By mode: intercept, then one weight for each of `NAMES`; made by bench/deid_risk.py."""
    text = files("bedrail.privacy.text").joinpath("data/risk.json").read_text("utf-8")
    return {mode: [float(x) for x in weights] for mode, weights in json.loads(text)["weights"].items()}
