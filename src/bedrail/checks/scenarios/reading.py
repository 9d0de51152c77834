"""A suite from its TOML file; every error names the line, the vignette and the field, and says what to write."""

from __future__ import annotations

import hashlib
import math
import re

import msgspec

from bedrail.checks.scenarios.values import (
    ABSENT,
    FORMAT,
    Band,
    Case,
    Expected,
    Name,
    Patient,
    Sent,
    Suite,
    Vignette,
    Written,
)
from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import Located, read_toml, suggest
from bedrail.core.toml_lines import Path as KeyPath
from bedrail.models.contract import Contract, Feature

GUARDS = ("missing", "unit", "range", "fresh", "level", "distribution", "model")
"""The doubts that a patient's values can raise."""
STRANGE = {"unit": "unit", "level": "level", "range": "range"}
CHANGES = ("same_if", "higher_if", "lower_if")
MOST = 500
_NUMBER = r"(\d+(?:\.\d+)?)\s*(%?)"
_BANDS = (
    (re.compile(rf"^(?:between\s+)?{_NUMBER}\s+(?:to|and)\s+{_NUMBER}$"), "both"),
    (re.compile(rf"^(?:at least|from|above)\s+{_NUMBER}$"), "low"),
    (re.compile(rf"^(?:at most|up to|below|under)\s+{_NUMBER}$"), "high"),
)
_MEASURED = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str
    use_case: str
    title: str = ""
    written_by: str = ""
    order: tuple[tuple[Name, ...], ...] = ()


def read_suite(source: bytes | str, contract: Contract, *, name: str = "scenarios.toml") -> Suite:
    """The suite in `source` for that contract; raises nothing but `Invalid`, for the first error."""
    data = source.encode() if isinstance(source, str) else source
    toml = read_toml(source, name)
    toml.known_keys((), ("format", "use_case", "title", "written_by", "order", "vignette"))
    head = toml.convert((), {key: value for key, value in toml.data.items() if key != "vignette"}, _Head)
    if head.format != FORMAT:
        raise toml.invalid(("format",), "This is another format.", f'Write format = "{FORMAT}".')
    vignettes = _vignettes(toml)
    reader = _Reader(toml, contract, {one.name: at for at, one in enumerate(vignettes)}, vignettes)
    for row, names in enumerate(head.order):
        for at, each in enumerate(names):
            reader.known(each, ("order", row, at))
    cases = tuple(reader.case(at) for at in range(len(vignettes)))
    digest = hashlib.sha256(data).hexdigest()
    return Suite(title=head.title or name, use_case=head.use_case, cases=cases, digest=digest, order=head.order)


def _vignettes(toml: Located) -> list[Vignette]:
    raw = toml.data.get("vignette")
    if not isinstance(raw, list) or not raw or len(raw) > MOST:
        raise toml.invalid(("vignette",), f"A suite holds 1 to {MOST} vignettes.", "Write each one as [[vignette]].")
    found: list[Vignette] = []
    for at, table in enumerate(raw):
        named = table.get("name") if isinstance(table, dict) else None
        try:
            one = toml.convert(("vignette", at), table, Vignette)
        except Invalid as problem:
            raise Invalid(_of(named, at) + problem.message, path=problem.path, remedy=problem.remedy) from None
        if any(one.name == other.name for other in found):
            raise toml.invalid(("vignette", at, "name"), f"Two vignettes are called `{one.name}`.", "Rename one.")
        found.append(one)
    return found


def _of(name: object, at: int) -> str:
    return f"Vignette `{name}`: " if isinstance(name, str) and name else f"Vignette {at + 1}: "


class _Reader:
    """Turns what was written into what is sent, with the words for what cannot be."""

    def __init__(self, toml: Located, contract: Contract, places: dict[str, int], vignettes: list[Vignette]) -> None:
        self.toml, self.contract, self.places, self.vignettes = toml, contract, places, vignettes
        self.named = {f.name: f for f in contract.features}
        labelled: dict[str, list[Feature]] = {}
        for feature in contract.features:
            labelled.setdefault(feature.label.lower(), []).append(feature)
        self.labelled = {label: found[0] for label, found in labelled.items() if label and len(found) == 1}

    def case(self, at: int) -> Case:
        one = self.vignettes[at]
        self._expected(at, one)
        values = self._values(at)
        changes = []
        for kind in CHANGES:
            for number, change in enumerate(getattr(one.expect, kind)):
                path = ("vignette", at, "expect", kind, number)
                if not change:
                    raise self.invalid(at, path, "A change names at least one value.", 'Write { "Age" = "80 a" }.')
                sent = {self._feature(at, path, key).name: self._sent(at, path, key, each, one.expect, 0.0)
                        for key, each in change.items()}  # fmt: skip
                words = ", ".join(
                    f"{key} is {each:g}" if isinstance(each, float) else f"{key} is {each}"
                    for key, each in change.items()
                )
                changes.append((kind, words, Patient(values=values | sent)))
        band = self._band(at, one.expect.risk) if one.expect.risk else None
        return Case(vignette=one, patient=Patient(values=values), band=band, changes=tuple(changes))

    def known(self, name: str, path: KeyPath) -> int:
        if name not in self.places:
            where = _of(self.vignettes[int(path[1])].name, 0) if path[0] == "vignette" else ""
            raise self.toml.invalid(path, f"{where}No vignette is called `{name}`.", suggest(name, tuple(self.places)))
        return self.places[name]

    def invalid(self, at: int, path: KeyPath, message: str, remedy: str) -> Invalid:
        return self.toml.invalid(path, f"Vignette `{self.vignettes[at].name}`: {message}", remedy)

    def _ancestors(self, at: int) -> list[Vignette]:
        found: list[int] = []
        while self.vignettes[at].like:
            path = ("vignette", at, "like")
            parent = self.known(self.vignettes[at].like, path)
            if parent in found or parent == at:
                raise self.invalid(at, path, "`like` leads back to itself.", "Name a vignette that stands alone.")
            found.append(parent)
            at = parent
        return [self.vignettes[one] for one in found]

    def _values(self, at: int) -> dict[str, Sent]:
        one = self.vignettes[at]
        merged: dict[str, Sent] = {}
        for parent in reversed(self._ancestors(at)):
            merged |= self._own(self.places[parent.name], parent.expect)
        return merged | self._own(at, one.expect, inherited=merged)

    def _own(self, at: int, expect: Expected, inherited: dict[str, Sent] | None = None) -> dict[str, Sent]:
        one, sent = self.vignettes[at], {}
        ages: dict[str, float] = {}
        for key, hours in one.hours_ago.items():
            path = ("vignette", at, "hours_ago", key)
            if not 0 <= hours <= 24 * 366 * 100:
                raise self.invalid(at, path, "Hours ago are a number from 0 on.", "Write 72 for three days.")
            ages[self._feature(at, path, key).name] = hours
        for key, value in one.values.items():
            path = ("vignette", at, "values", key)
            feature = self._feature(at, path, key)
            if feature.name in sent:
                raise self.invalid(at, path, f"`{feature.name}` is given twice, by name and by label.", "Keep one.")
            sent[feature.name] = self._sent(at, path, key, value, expect, ages.get(feature.name, 0.0))
        for name, hours in ages.items():
            if name not in sent and inherited and name in inherited:
                sent[name] = msgspec.structs.replace(inherited[name], hours_ago=hours)
        return sent

    def _feature(self, at: int, path: KeyPath, key: str) -> Feature:
        feature = self.named.get(key) or self.labelled.get(key.strip().lower())
        if feature is None:
            known = tuple(f.label or f.name for f in self.contract.features)
            raise self.invalid(at, path, f"`{key}` is no input of this model.", suggest(key, known))
        return feature

    def _sent(self, at: int, path: KeyPath, key: str, value: Written, expect: Expected, hours: float) -> Sent:
        feature = self._feature(at, path, key)
        if value == ABSENT:
            return Sent(value=None)
        if feature.kind == "categorical":
            if not isinstance(value, str) or (value not in feature.levels and expect.because != "level"):
                levels = ", ".join(feature.levels)
                raise self.invalid(at, path, f"`{key}` is none of its levels.", f"Write one of: {levels}; or absent.")
            return Sent(value=value, hours_ago=hours)
        number, unit = self._measured(at, path, key, value, feature)
        if unit not in ("", feature.unit, *feature.units) and expect.because != "unit":
            accepted = ", ".join((feature.unit, *feature.units))
            raise self.invalid(at, path, f"`{key}` is not taken in `{unit}`.", f"Write it in one of: {accepted}.")
        known = unit in ("", feature.unit, *feature.units)
        if known and not feature.in_range(number * feature.factor(unit)) and expect.because != "range":
            remedy = f'Plausible is {bounds_words(feature)}. To test that it is refused, expect because = "range".'
            raise self.invalid(at, path, f"`{key}` is outside the plausible range.", remedy)
        return Sent(value=number, unit="" if unit == feature.unit else unit, hours_ago=hours)

    def _measured(self, at: int, path: KeyPath, key: str, value: Written, feature: Feature) -> tuple[float, str]:
        if not isinstance(value, str):
            return float(value), ""
        found = _MEASURED.match(value)
        if found is None or not math.isfinite(float(found[1])):
            like = f'"5 {feature.unit}"' if feature.unit else "5"
            raise self.invalid(at, path, f"`{key}` is no number.", f"Write {like}, or absent.")
        return float(found[1]), found[2]

    def _expected(self, at: int, one: Vignette) -> None:
        expect, path = one.expect, ("vignette", at, "expect")
        for key in ("higher_than", "lower_than"):
            for number, other in enumerate(getattr(expect, key)):
                if self.known(other, (*path, key, number)) == at:
                    raise self.invalid(at, (*path, key, number), "It is compared with itself.", "Name another.")
        if expect.because and expect.because not in GUARDS:
            raise self.invalid(
                at, (*path, "because"), f"No doubt is called `{expect.because}`.", suggest(expect.because, GUARDS)
            )
        if expect.because and expect.decision not in ("", "no decision"):
            remedy = 'Write decision = "no decision", or leave `because` out.'
            raise self.invalid(at, (*path, "because"), "A doubt means no decision.", remedy)
        asks_risk = expect.risk or expect.alert is not None or expect.higher_than or expect.lower_than
        if asks_risk and (expect.because or expect.decision == "no decision"):
            raise self.invalid(at, path, "Where there is no decision there is no risk.", "Expect the one or the other.")

    def _band(self, at: int, text: str) -> Band:
        path = ("vignette", at, "expect", "risk")
        for pattern, kind in _BANDS:
            found = pattern.match(text.strip().lower())
            if found is None:
                continue
            numbers = [float(n) / (100 if "%" in text else 1) for n in found.groups()[::2]]
            low = 0.0 if kind == "high" else numbers[0]
            high = 1.0 if kind == "low" else numbers[-1]
            if low <= high <= 1:
                return Band(low=low, high=high)
        remedy = "Write `10 % to 40 %`, `at least 10 %` or `at most 5 %`."
        raise self.invalid(at, path, "This is no range of a risk.", remedy)


def bounds_words(feature: Feature) -> str:
    """`18 to 110 a`, `from 0 d`, `up to 5`; `any number` without bounds."""
    low, high = feature.low, feature.high
    unit = f" {feature.unit}" if feature.unit not in ("", "1") else ""
    if low is None and high is None:
        return "any number"
    if low is None or high is None:
        return f"from {low:g}{unit}" if low is not None else f"up to {high:g}{unit}"
    return f"{low:g} to {high:g}{unit}"
