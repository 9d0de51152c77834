"""The nouns of scenarios: a vignette, what is expected of it, what was said, and how that compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from bedrail.core.values import Value, Verdict, worst

FORMAT = "bedrail-scenarios/1"
ABSENT = "absent"
"""What one writes for a value that is not there."""

Written = float | str
Kind = Literal["answer", "review", "no decision"]
Words = Annotated[str, msgspec.Meta(max_length=4000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class Expected(Value, frozen=True, kw_only=True):
    """What is expected, as written. Everything that is stated must hold.

    `risk` reads `10 % to 40 %`, `at least 10 %`, `at most 5 %`. `decision` is `answer`, `review` (held for a reviewer),
    `no decision` or `any` (it is enough that nothing breaks); `because` names the guard that must have doubted.
    `higher_than` and `lower_than` name other vignettes. `same_if`, `higher_if` and `lower_if` are changes of values,
    each tried alone; `tolerance` is how far risks may differ and still be the same.
    """

    risk: str = ""
    alert: bool | None = None
    decision: Literal["", "answer", "review", "no decision", "any"] = ""
    because: str = ""
    higher_than: tuple[Name, ...] = ()
    lower_than: tuple[Name, ...] = ()
    same_if: tuple[dict[str, Written], ...] = ()
    higher_if: tuple[dict[str, Written], ...] = ()
    lower_if: tuple[dict[str, Written], ...] = ()
    tolerance: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0


class Vignette(Value, frozen=True, kw_only=True):
    """One patient: the story for people, the values for the model, and what is expected.

    Values stand by a feature's name or label, as a number in the contract's unit, a number with a unit (`5 d`), a
    level, or `absent`. `like` names another vignette whose values hold where this one says nothing. `hours_ago` says
    when something was measured; what is not named was measured just now.
    """

    name: Name
    patient: Words = ""
    like: str = ""
    values: dict[str, Written] = msgspec.field(default_factory=dict)
    hours_ago: dict[str, float] = msgspec.field(default_factory=dict)
    expect: Expected = Expected()


class Sent(Value, frozen=True, kw_only=True):
    """One value as it would reach the bedside: in `unit` (empty: the contract's), measured so long ago."""

    value: float | str | None
    unit: str = ""
    hours_ago: float = 0.0


class Patient(Value, frozen=True, kw_only=True):
    """What is sent for a vignette: values by feature name, complete or not."""

    values: dict[str, Sent]


class Band(Value, frozen=True, kw_only=True):
    """A risk from `low` to `high`, both included."""

    low: float = 0.0
    high: float = 1.0


class Case(Value, frozen=True, kw_only=True):
    """A vignette made ready: the patient, the band of the risk if one is expected, and each change as a patient.

    `changes` holds (kind, change in words, patient), kind being `same_if`, `higher_if` or `lower_if`.
    """

    vignette: Vignette
    patient: Patient
    band: Band | None = None
    changes: tuple[tuple[str, str, Patient], ...] = ()


class Suite(Value, frozen=True, kw_only=True):
    """A file of vignettes that was read without an error; `digest` is the SHA-256 of its bytes."""

    title: str
    use_case: str
    cases: tuple[Case, ...]
    digest: str = ""
    order: tuple[tuple[Name, ...], ...] = ()


class Said(Value, frozen=True, kw_only=True):
    """What the bedside says to a patient: the kind, the risk with its interval where there is one, the doubt if any."""

    kind: Kind
    risk: float | None = None
    low: float | None = None
    high: float | None = None
    alert: bool | None = None
    guard: str = ""
    reason: str = ""


Ask = Callable[[Patient], Said]


class Result(Value, frozen=True, kw_only=True):
    """One expectation and whether it held; `field` is where it stands in the vignette."""

    field: str
    verdict: Verdict
    words: str
    estimate: float | None = None


class Outcome(Value, frozen=True, kw_only=True):
    """One vignette after the run."""

    vignette: str
    patient: str
    said: Said
    band: Band | None
    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its results; a vignette of which nothing is expected is missing."""
        return worst(tuple(one.verdict for one in self.results))


class Ran(Value, frozen=True, kw_only=True):
    """A whole suite after the run."""

    title: str
    use_case: str
    digest: str
    candidate: str
    threshold: float
    outcomes: tuple[Outcome, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all vignettes."""
        return worst(tuple(one.verdict for one in self.outcomes))
