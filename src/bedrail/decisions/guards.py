"""The guards: one question each, asked in order; the first doubt ends in a fallback, one kind of doubt in a review.

A guard is a function of the case decorated with `@guard(name, question)`; it returns `PROCEED`, a `FallBack` or a
`Hold`. Reasons never name a value of the patient, only inputs, limits and levels of the contract. What a guard does
not understand, or an exception inside one, closes: unknown is a fallback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bedrail.core.errors import Invalid
from bedrail.decisions.request import FUTURE_SKEW, Inputs, Request
from bedrail.decisions.values import Deployed, Terms
from bedrail.models.contract import Contract, Feature

if TYPE_CHECKING:
    from bedrail.models.values import Assessment

SKEW_HOURS = FUTURE_SKEW.total_seconds() / 3600.0


@dataclass(frozen=True, slots=True)
class Proceed:
    """The guard has no doubt."""


@dataclass(frozen=True, slots=True)
class FallBack:
    """No decision: the guard's name, and why in a sentence without values."""

    guard: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """There is an answer, and a person has to look at it before anyone acts on it."""

    guard: str
    reason: str


PROCEED = Proceed()
Ruling = Proceed | FallBack | Hold


class Case(msgspec.Struct, kw_only=True, eq=False):
    """All that is known about one request at the moment of judging; later fields fill in as the work goes on.

    `subject` is the pseudonym. `model_fault` says why the deployed model cannot answer ("" when it can).
    """

    use_case: str
    now: datetime
    deployment: Deployed | None
    terms: Terms
    opted_out: bool
    subject: str
    request: Request
    model_fault: str = ""
    contract: Contract | None = None
    inputs: Inputs | None = None
    assessment: Assessment | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A named question with its rule."""

    name: str
    question: str
    rule: Callable[[Case], Ruling]


def guard(name: str, question: str) -> Callable[[Callable[[Case], Ruling]], Guard]:
    """Makes a guard of a rule."""
    return lambda rule: Guard(name, question, rule)


@guard("deployment", "Does any candidate serve this use case?")
def deployed(case: Case) -> Ruling:
    """Nothing serves before a gate opened."""
    if case.deployment is None:
        return FallBack("deployment", "No model serves this use case.")
    return PROCEED


@guard("stopped", "Is the deployment running?")
def running(case: Case) -> Ruling:
    """Anyone may halt, and a halt lasts until a gate opens again."""
    if case.deployment is None or case.deployment.halted:
        return FallBack("stopped", "The model has been stopped for this use case.")
    return PROCEED


@guard("approval", "Is the approval still in force?")
def approved(case: Case) -> Ruling:
    """Approvals run out by themselves."""
    if case.deployment is None or case.now.timestamp() >= case.deployment.until_epoch:
        return FallBack("approval", "The approval of this model has expired.")
    return PROCEED


@guard("scope", "Is this site in scope and this patient in the canary's share?")
def in_scope(case: Case) -> Ruling:
    """Sites are named; the share takes a patient in or out for good, by the hash of use case and pseudonym."""
    if case.deployment is None:
        return FallBack("scope", "No model serves this use case.")
    if case.deployment.sites and case.request.site not in case.deployment.sites:
        return FallBack("scope", "The model is not approved for this site.")
    if case.deployment.share < 1000 and per_mille(case.use_case, case.subject) >= case.deployment.share:
        return FallBack("scope", "This patient is not in the share for which the model is on trial.")
    return PROCEED


@guard("consent", "Did the patient opt out?")
def consenting(case: Case) -> Ruling:
    """An opt-out holds from the moment it is recorded."""
    if case.opted_out:
        return FallBack("consent", "The patient opted out of AI support.")
    return PROCEED


@guard("model", "Is the approved model loaded?")
def loaded(case: Case) -> Ruling:
    """Bytes that are not the approved ones are never loaded."""
    if case.model_fault:
        return FallBack("model", case.model_fault)
    return PROCEED


@guard("missing", "Are all inputs there?")
def present(case: Case) -> Ruling:
    """Only what the contract says may be imputed is imputed."""
    contract, inputs = _understood(case)
    missing = [f for f in contract.features if f.missing == "refuse" and inputs.values.get(f.name) is None]
    return _doubt("missing", missing, "missing, and the model may not guess it")


@guard("unit", "Is every unit known and convertible?")
def in_known_units(case: Case) -> Ruling:
    """A number in an unknown unit is no number."""
    contract, inputs = _understood(case)
    strange = [feature for feature in contract.features if feature.name in inputs.units]
    return _doubt("unit", strange, "in a unit that the model's contract does not accept", _units)


@guard("range", "Is every number plausible?")
def in_range(case: Case) -> Ruling:
    """An implausible number is a wrong unit, a wrong patient or a slip of the pen until a person has looked."""
    contract, inputs = _understood(case)
    numbers = [f for f in contract.features if f.kind == "numeric" and inputs.values.get(f.name) is not None]
    implausible = [feature for feature in numbers if not _plausible(feature, inputs.values[feature.name])]
    return _doubt("range", implausible, "outside the plausible range", _range)


@guard("fresh", "Is every input recent enough?")
def fresh(case: Case) -> Ruling:
    """Where the contract limits an input's age, an unknown age is too old; a time in the future is not believed."""
    contract, inputs = _understood(case)
    known = inputs.ages
    for hours in known.values():
        if hours < -SKEW_HOURS:
            return FallBack("fresh", "An input bears a time in the future.")
    limited = [f for f in contract.features if f.max_age_hours is not None and inputs.values.get(f.name) is not None]
    unknown = [feature for feature in limited if feature.name not in known and "*" not in known]
    if unknown:
        return _doubt("fresh", unknown, "of unknown age; say when it was measured", _age)
    stale = [f for f in limited if known.get(f.name, known.get("*", 0.0)) > (f.max_age_hours or 0.0)]
    return _doubt("fresh", stale, "too old", _age)


@guard("level", "Is every category one that the model learnt?")
def at_known_levels(case: Case) -> Ruling:
    """A level never seen in training has no meaning to the model."""
    contract, inputs = _understood(case)
    categories = [f for f in contract.features if f.kind == "categorical" and inputs.values.get(f.name) is not None]
    strange = [feature for feature in categories if inputs.values[feature.name] not in feature.levels]
    return _doubt("level", strange, "at a level that the model does not know")


@guard("distribution", "Is this patient like those the model learnt from?")
def in_distribution(case: Case) -> Ruling:
    """Mahalanobis distance beyond the limit kept in the package."""
    if case.assessment is None or case.assessment.ood:
        return FallBack("distribution", "This combination of inputs is unlike any the model learnt from.")
    return PROCEED


@guard("certain", "Is the model certain enough to be shown without a second look?")
def certain(case: Case) -> Ruling:
    """An interval wider than the charter allows sends the answer to a reviewer."""
    if case.assessment is None:
        return FallBack("certain", "There is no assessment.")
    if case.assessment.high - case.assessment.low > case.terms.max_interval_width:
        return Hold("certain", "The model is not certain enough about this patient.")
    return PROCEED


BEFORE_INPUTS: tuple[Guard, ...] = (deployed, running, approved, in_scope, consenting, loaded)
ON_INPUTS: tuple[Guard, ...] = (present, in_known_units, in_range, fresh, at_known_levels)
AFTER_MODEL: tuple[Guard, ...] = (in_distribution, certain)
GUARDS: tuple[Guard, ...] = (*BEFORE_INPUTS, *ON_INPUTS, *AFTER_MODEL)
"""The catalogue, in the order in which they are asked."""

_BEFORE, _ON, _AFTER = (tuple(each.rule for each in group) for group in (BEFORE_INPUTS, ON_INPUTS, AFTER_MODEL))


def before_inputs(case: Case) -> Ruling:
    """The first doubt that needs no look at the inputs."""
    return _first_doubt(_BEFORE, case)


def on_inputs(case: Case) -> Ruling:
    """The first doubt about the inputs; the quick reader accepts only what all of these let pass."""
    return PROCEED if case.inputs is not None and case.inputs.plain else _first_doubt(_ON, case)


def after_model(case: Case) -> Ruling:
    """The first doubt about the model's answer."""
    return _first_doubt(_AFTER, case)


def per_mille(use_case: str, subject: str) -> int:
    """Where a subject stands among a thousand: SHA-256 of use case and pseudonym, the same for ever."""
    return int.from_bytes(hashlib.sha256(f"{use_case}\n{subject}".encode()).digest()[:8], "big") % 1000


def _first_doubt(rules: tuple[Callable[[Case], Ruling], ...], case: Case) -> Ruling:
    for rule in rules:
        ruling = rule(case)
        if ruling is not PROCEED:
            return ruling
    return PROCEED


def _understood(case: Case) -> tuple[Contract, Inputs]:
    if case.contract is None or case.inputs is None:
        raise Invalid("the inputs have not been read.", path="features", remedy="Read them before asking the guards.")
    return case.contract, case.inputs


def _doubt(name: str, features: list[Feature], what: str, note: Callable[[Feature], str] | None = None) -> Ruling:
    if not features:
        return PROCEED
    named = ", ".join((f.label or f.name) + (f" ({note(f)})" if note else "") for f in features[:5])
    more = f" and {len(features) - 5} more" if len(features) > 5 else ""
    return FallBack(name, f"{named}{more}: {what}.")


def _plausible(feature: Feature, value: float | str | None) -> bool:
    return isinstance(value, (int, float)) and abs(value) < float("inf") and feature.in_range(float(value))


def _range(feature: Feature) -> str:
    low = "" if feature.low is None else f"from {feature.low:g} "
    high = "" if feature.high is None else f"up to {feature.high:g} "
    return f"{low}{high}{feature.unit}".strip() or "a finite number"


def _units(feature: Feature) -> str:
    return "accepted: " + ", ".join((feature.unit or "none", *feature.units))


def _age(feature: Feature) -> str:
    return f"at most {feature.max_age_hours:g} h"
