"""The file of an Expert Determination, 45 CFR 164.514(b)(1): measures, thresholds, assumptions, a date to look again.

A function of numbers: it signs nothing and decides nothing that is the expert's. The law names no number; the defaults
are practice (Article 29 and EMA policy 0070 for 0.09; contracts for 0.2).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Value, Verdict
from bedrail.privacy.release.measures import Measures
from bedrail.privacy.release.uniqueness import Estimates
from bedrail.privacy.release.values import Share

Recipient = Literal["public", "agreement", "inside"]
THRESHOLDS: dict[Recipient, float] = {"public": 0.09, "agreement": 0.2, "inside": 0.33}
LONGEST_DAYS = 3 * 365
"""Experts commonly state 18 months to three years; longer is not offered."""


class Terms(Value, frozen=True, kw_only=True):
    """What an expert states beside the numbers. All of it stands in the file as it was given.

    `recipient` says for whom; `most_risk` overrides its threshold for each record, `most_unique` bounds the share of
    records unique in the population, `most_average` the average risk. `controls` bind the recipient (contract, access),
    `external` names the data that an attacker could link to, and `linkage` what may never be joined to this table.
    """

    expert: str
    credentials: str
    recipient: Recipient
    purpose: str
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_DAYS)] = 548
    most_risk: Share | None = None
    most_average: Share | None = None
    most_unique: Share | None = None
    least_l: Annotated[int, msgspec.Meta(ge=1)] = 1
    most_t: Share | None = None
    controls: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    linkage: tuple[str, ...] = ()
    reasons: dict[str, str] = msgspec.field(default_factory=dict)


class Held(Value, frozen=True, kw_only=True):
    """One measure against its threshold; `reason` says which way it failed or why it is missing."""

    name: str
    measured: float | None
    threshold: float
    verdict: Verdict
    reason: str = ""


class Determination(Value, frozen=True, kw_only=True):
    """The file: terms, measures, verdict, until when it holds, and what ends it before."""

    terms: Terms
    measures: Measures
    uniqueness: Estimates | None
    held: tuple[Held, ...]
    verdict: Verdict
    made_on: str
    valid_until: str
    assumptions: tuple[str, ...]
    ends_with: tuple[str, ...]


def determine(measures: Measures, terms: Terms, *, today: date, uniqueness: Estimates | None = None) -> Determination:
    """Hold the measures of a table against an expert's terms. Raises `Invalid` when expert or purpose is not named.

    The verdict is fail when any measure is above its threshold, missing when one asked for was not measured.
    """
    for name in ("expert", "credentials", "purpose"):
        if not getattr(terms, name).strip():
            raise Invalid(
                "it is empty.", path=name, remedy="A determination names its expert, their standing, its purpose."
            )
    held = _held(measures, terms, uniqueness)
    verdicts = {each.verdict for each in held}
    worst = next((each for each in (Verdict.FAIL, Verdict.MISSING) if each in verdicts), Verdict.PASS)
    return Determination(
        terms=terms,
        measures=measures,
        uniqueness=uniqueness,
        held=held,
        verdict=worst,
        made_on=today.isoformat(),
        valid_until=(today + timedelta(days=terms.valid_days)).isoformat(),
        assumptions=_assumptions(measures, uniqueness),
        ends_with=(
            "the table, its columns or its population change",
            "the recipient, the purpose or a control changes",
            "a data set of those named becomes available, or one not thought of",
            "anything forbidden under linkage is joined to it",
        ),
    )


def _held(measures: Measures, terms: Terms, uniqueness: Estimates | None) -> tuple[Held, ...]:
    highest = terms.most_risk if terms.most_risk is not None else THRESHOLDS[terms.recipient]
    attack = measures.journalist or measures.risks.prosecutor
    held = [_at_most(f"highest {attack.attack} risk of a record", attack.highest, highest)]
    if terms.most_average is not None:
        held.append(_at_most(f"average {attack.attack} risk", attack.average, terms.most_average))
    if terms.most_unique is not None:
        answer = uniqueness.answer if uniqueness is not None else None
        bound = (answer.high if answer.high is not None else answer.share) if answer is not None else None
        held.append(_at_most("population uniqueness, upper bound", bound, terms.most_unique))
    for each in measures.sensitive:
        if terms.least_l > 1:
            verdict = Verdict.PASS if each.l_distinct >= terms.least_l else Verdict.FAIL
            reason = "" if verdict is Verdict.PASS else "a class holds fewer different values"
            held.append(
                Held(name=f"distinct values of {each.column} in each class", measured=float(each.l_distinct),
                     threshold=float(terms.least_l), verdict=verdict, reason=reason)
            )  # fmt: skip
        if terms.most_t is not None:
            distance = each.t_ordered if each.ordered else each.t_equal
            held.append(_at_most(f"distance of {each.column} in each class (t)", distance, terms.most_t))
    return tuple(held)


def _at_most(name: str, measured: float | None, threshold: float) -> Held:
    if measured is None:
        return Held(
            name=name, measured=None, threshold=threshold, verdict=Verdict.MISSING, reason="it was not measured"
        )
    good = measured <= threshold + 1e-12
    return Held(
        name=name, measured=measured, threshold=threshold, verdict=Verdict.PASS if good else Verdict.FAIL,
        reason="" if good else "above its threshold",
    )  # fmt: skip


def _assumptions(measures: Measures, uniqueness: Estimates | None) -> tuple[str, ...]:
    said = [
        f"An attacker knows of a person exactly: {', '.join(measures.quasi)}; other columns help nobody to find them.",
        "An empty cell is a value that the attacker knows, too.",
        "Each person is in the table once, or all their rows are alike; several rows of one make classes look larger.",
    ]
    if measures.journalist is None:
        said.append("The attacker knows that the person is in the table (prosecutor).")
    elif measures.sampling is not None:
        said.append(f"The table is a simple random sample, {measures.sampling:g} of its population.")
    else:
        said.append("The population table given is whole, in the same words, and of the same time.")
    if uniqueness is not None:
        said.append(f"Population uniqueness by {uniqueness.chosen}; its interval is sampling noise under the model.")
    return tuple(said)
