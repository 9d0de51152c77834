"""The threat model: what could go wrong at each boundary, what answers it, and how that stands in one installation.

The threats are data (`threats.toml`); this room says which of them apply to a deployment's facts, and which are open
here because a posture check found something that their answer rests on. After STRIDE, with safety beside it: in
clinical use the gravest harm is a wrong answer that is believed.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Literal

import msgspec

from bedrail.core.values import Value
from bedrail.governance.posture import Finding

Kind = Literal["spoofing", "tampering", "repudiation", "disclosure", "denial", "elevation", "safety"]
State = Literal["open here", "known gap", "answered"]
STATES: tuple[State, ...] = ("open here", "known gap", "answered")

CONDITIONS: dict[str, str] = {
    "always": "in every installation",
    "local-model": "a model runs here, or none is admitted yet",
    "remote-model": "a model answers at a vendor's endpoint",
    "postgres": "the store is PostgreSQL",
    "witness": "witnesses are adopted",
    "single-sign-on": "an identity provider is trusted",
    "tier-high": "a use case is of the high tier",
    "mode-inform": "answers inform, and nobody has to respond",
    "mode-confirm": "a clinician confirms or overrides each answer",
    "mode-review": "a reviewer sees answers first",
    "sites": "a deployment or a person is limited to sites",
}
"""What a threat may depend on, in words."""

Text = Annotated[str, msgspec.Meta(min_length=10)]


class Threat(Value, frozen=True, kw_only=True):
    """One threat: where, of which kind (STRIDE, or safety), when it applies, and what answers it.

    `module` does, `tests` show it (`path::name`). It is open wherever one of the posture checks in `rests_on` finds
    something; `gap` says what no installation has yet, and what would answer it.
    """

    boundary: str
    kind: Kind
    applies: str
    threat: Text
    control: Text
    module: str
    tests: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    rests_on: tuple[str, ...] = ()
    gap: str = ""


class Standing(Value, frozen=True, kw_only=True):
    """How a threat stands here. `missing` is what the posture check found, each with what mends it."""

    id: str
    boundary: str
    kind: Kind
    state: State
    threat: str
    control: str
    missing: tuple[str, ...]
    gap: str
    module: str
    tests: tuple[str, ...]


@cache
def threats() -> dict[str, Threat]:
    """The whole model, by id, in the order of its file."""
    text = resources.files("bedrail.governance").joinpath("threats.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Threat])


def standings(facts: Collection[str], findings: Iterable[Finding]) -> list[Standing]:
    """The threats that apply where these facts (`CONDITIONS`) hold; open ones first, else in the model's order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for each in findings:
        found[each.check].append(f"{each.what}. {each.mend}")
    here = [_standing(name, threat, found) for name, threat in threats().items() if threat.applies in facts]
    return sorted(here, key=lambda each: STATES.index(each.state))


def _standing(name: str, threat: Threat, found: dict[str, list[str]]) -> Standing:
    missing = tuple(what for check in threat.rests_on for what in found.get(check, ()))
    return Standing(
        id=name,
        boundary=threat.boundary,
        kind=threat.kind,
        state="open here" if missing else "known gap" if threat.gap else "answered",
        threat=threat.threat,
        control=threat.control,
        missing=missing,
        gap=threat.gap,
        module=threat.module,
        tests=threat.tests,
    )


def counted(all_of_them: Sequence[Standing]) -> dict[str, int]:
    """How many stand how."""
    return {state: sum(each.state == state for each in all_of_them) for state in STATES}
