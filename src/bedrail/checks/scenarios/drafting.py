"""New suites drafted from a contract: a template for clinicians, and the edge cases that follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bedrail.checks.scenarios.reading import bounds_words
from bedrail.checks.scenarios.values import ABSENT, FORMAT
from bedrail.data.slips import Analyte, analyte_of
from bedrail.models.contract import Contract, Feature

Usual = Mapping[str, tuple[float, float, float]]
"""By feature: the 5th, 50th and 95th percentile of the training patients, where a package knows them."""

HEAD = """\
# Patients in words, with what you expect of the model. Each [[vignette]] is one patient; anyone may add some.
#
#   patient    the story, for people
#   values     by the name below or the label beside it: a number ("82 a"), a level, or "absent"
#   like       the name of another vignette whose values hold where this one says nothing
#   hours_ago  { "Laboratory tests" = 72 }: measured three days ago; what is not named was measured just now
#
# In [vignette.expect], as much as you know:
#   risk = "10 % to 40 %"    also "at least 10 %", "at most 5 %"
#   alert = true             or false
#   decision = "no decision" the model must say nothing; also "answer", "review", "any" (nothing may break)
#   because = "missing"      which doubt: missing, unit, range, fresh, level, distribution
#   higher_than = ["another vignette"]     also lower_than
#   higher_if = [{ "Age" = "85 a" }]       the risk must rise with that change; also lower_if
#   same_if = [{ "Admitted from" = "referral" }]   the answer must stay; tolerance = 0.02 allows 2 points
#
# Check it: bedrail scenarios lint FILE --use-case USE_CASE      Run it: bedrail scenarios run USE_CASE --file FILE
"""


def template(contract: Contract, *, use_case: str, title: str = "", usual: Usual | None = None) -> str:
    """A file (TOML) to fill in: every input with its label, unit, plausible range and usual values, and two patients.

    The patients hold values in the middle of what is known, so that the file passes the linter and runs as it is.
    """
    usual = usual or {}
    lines = [HEAD, f'format = "{FORMAT}"', f"use_case = {_text(use_case)}"]
    lines += [f"title = {_text(title or f'Vignettes for {use_case}')}", 'written_by = ""', "", "# The inputs:"]
    lines += [f"#   {_about(feature, usual.get(feature.name))}" for feature in contract.features]
    lines += ["", "[[vignette]]", 'name = "an ordinary patient"']
    lines += ['patient = "Describe the patient as you would to a colleague."', "[vignette.values]"]
    lines += [f"{_text(_called(contract, f))} = {_toml(ordinary(f, usual.get(f.name)))}" for f in contract.features]
    lines += ["[vignette.expect]", 'decision = "any"           # replace it by what you expect', ""]
    first = contract.features[0]
    lines += ["[[vignette]]", 'name = "the same patient with something missing"', 'like = "an ordinary patient"']
    lines += ["[vignette.values]", f'{_text(_called(contract, first))} = "{ABSENT}"', "[vignette.expect]"]
    lines += ['decision = "no decision"', 'because = "missing"'] if first.missing == "refuse" else ['decision = "any"']
    return "\n".join(lines) + "\n"


def ordinary(feature: Feature, usual: tuple[float, float, float] | None) -> float | str:
    """A middle value: the training median, the typical values of a known measurement, or the middle of the range."""
    if feature.kind == "categorical":
        return str(feature.impute) if feature.impute in feature.levels else feature.levels[0]
    if usual is not None:
        return _neat(usual[1], feature)
    if isinstance(feature.impute, (int, float)):
        return float(feature.impute)
    known = analyte_of(feature.name) or analyte_of(feature.label)
    unit = _unit_of(known, feature)
    if known is not None and unit is not None:
        middle = sum(known.typical) / 2 * unit.factor + unit.offset
        return _neat(middle, feature)
    if feature.low is not None and feature.high is not None:
        return _neat((feature.low + feature.high) / 2, feature)
    return feature.low if feature.low is not None else feature.high if feature.high is not None else 0.0


def edge_cases(contract: Contract, *, use_case: str, usual: Usual | None = None) -> str:
    """A suite (TOML) that follows from the contract: bounds, beyond them, gaps, stale and strange values, extremes.

    What the contract refuses must be refused for that reason; at its bounds an answer or a visible fallback is right
    and nothing may break.
    """
    usual = usual or {}
    lines = [f'format = "{FORMAT}"', f"use_case = {_text(use_case)}"]
    lines += ['title = "Edge cases that follow from the contract"', "", "[[vignette]]", 'name = "ordinary"']
    lines += ['patient = "Every input in the middle of what is plausible."', "[vignette.values]"]
    lines += [f"{_text(f.name)} = {_toml(ordinary(f, usual.get(f.name)))}" for f in contract.features]
    lines += ["[vignette.expect]", 'decision = "any"']
    for name, values, doubt, extra in _edges(contract):
        lines += ["", "[[vignette]]", f"name = {_text(name)}", 'like = "ordinary"', *extra]
        lines += ["[vignette.values]", *(f"{_text(key)} = {_toml(value)}" for key, value in values.items())]
        lines += ["[vignette.expect]"]
        lines += ['decision = "no decision"', f'because = "{doubt}"'] if doubt else ['decision = "any"']
    return "\n".join(lines) + "\n"


Edge = tuple[str, dict[str, float | str], str, tuple[str, ...]]


def _edges(contract: Contract) -> Iterator[Edge]:
    for feature in contract.features:
        yield from _edges_of(feature)
    numbers = [f for f in contract.features if f.kind == "numeric"]
    lows = {f.name: f.low for f in numbers if f.low is not None}
    highs = {f.name: f.high for f in numbers if f.high is not None}
    if lows:
        yield "every number at its lower bound", {**lows}, "", ()
    if highs:
        yield "every number at its upper bound", {**highs}, "", ()
    refusing = any(f.missing == "refuse" for f in contract.features)
    nothing: dict[str, float | str] = dict.fromkeys(contract.names, ABSENT)
    yield "nothing is known", nothing, "missing" if refusing else "", ()
    guessed = [f.name for f in contract.features if f.missing == "impute"]
    if guessed:
        yield "everything that may be imputed is absent", dict.fromkeys(guessed, ABSENT), "", ()


def _edges_of(feature: Feature) -> Iterator[Edge]:
    name = feature.name
    yield f"{name}: absent", {name: ABSENT}, "missing" if feature.missing == "refuse" else "", ()
    if feature.kind == "categorical":
        yield f"{name}: a level nobody knows", {name: "a level nobody knows"}, "level", ()
        for level in feature.levels:
            yield f"{name}: {level}", {name: level}, "", ()
        return
    for side, bound, way in (("lower", feature.low, -1.0), ("upper", feature.high, 1.0)):
        if bound is not None:
            yield f"{name}: at its {side} bound", {name: bound}, "", ()
            yield f"{name}: beyond its {side} bound", {name: bound + way * max(1e-3, abs(bound) * 1e-3)}, "range", ()
    yield f"{name}: in a unit nobody knows", {name: "1 furlong"}, "unit", ()
    if feature.max_age_hours is not None:
        old = feature.max_age_hours * 1.01 + 1
        value: dict[str, float | str] = {}
        yield f"{name}: measured too long ago", value, "fresh", (f"hours_ago = {{ {_text(name)} = {old:g} }}",)


def _about(feature: Feature, usual: tuple[float, float, float] | None) -> str:
    named = f'"{feature.label}"  ({feature.name})' if feature.label else f'"{feature.name}"'
    if feature.kind == "categorical":
        told = "one of: " + ", ".join(feature.levels)
    else:
        told = f"{feature.unit}, plausible {bounds_words(feature)}" if feature.unit else bounds_words(feature)
        if usual is not None:
            told += f", 9 of 10 patients {usual[0]:g} to {usual[2]:g}"
        known = analyte_of(feature.name) or analyte_of(feature.label)
        unit = _unit_of(known, feature)
        if known is not None and unit is not None:
            low, high = (value * unit.factor + unit.offset for value in known.typical)
            told += f", in-patients mostly {low:g} to {high:g}"
        if feature.units:
            told += f", also in {', '.join(feature.units)}"
    gap = "may not be absent" if feature.missing == "refuse" else f"absent counts as {_plain(feature.impute)}"
    fresh = f", at most {feature.max_age_hours:g} h old" if feature.max_age_hours else ""
    return f"{named}: {told}; {gap}{fresh}"


def _plain(value: float | str | None) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _unit_of(known: Analyte | None, feature: Feature) -> Any:
    if known is None:
        return None
    return next((unit for unit in known.units if unit.unit.lower() == feature.unit.lower()), None)


def _called(contract: Contract, feature: Feature) -> str:
    """The label where it is the only one of its kind, else the name."""
    same = [f for f in contract.features if f.label.lower() == feature.label.lower()]
    return feature.label if feature.label and len(same) == 1 else feature.name


def _neat(value: float, feature: Feature) -> float:
    """Three significant digits, kept within the bounds; a count stays whole."""
    neat = float(f"{value:.3g}") if feature.unit != "1" else float(round(value))
    if feature.low is not None:
        neat = max(neat, feature.low)
    return min(neat, feature.high) if feature.high is not None else neat


def _text(text: str) -> str:
    """A TOML basic string (TOML 1.0.0, section String)."""
    escaped = "".join(
        f"\\u{ord(sign):04X}" if ord(sign) < 32 or ord(sign) == 127 else f"\\{sign}" if sign in '"\\' else sign
        for sign in text
    )
    return f'"{escaped}"'


def _toml(value: float | str) -> str:
    return _text(value) if isinstance(value, str) else f"{value:.12g}"
