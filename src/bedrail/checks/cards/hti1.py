"""The 31 source attributes of a predictive decision support intervention: 45 CFR 170.315(b)(11)(iv)(B) (ONC HTI-1).

An attribute without a value is shown as not provided, with who owes it: (b)(11)(v)(A)(3).
"""

from __future__ import annotations

from typing import Any

from bedrail.checks.cards.chai import composed
from bedrail.checks.cards.items import BY_ID
from bedrail.checks.cards.values import NOT_PROVIDED, Card
from bedrail.core.values import Value


class Attribute(Value, frozen=True, kw_only=True):
    """One attribute: its paragraph below (iv)(B), its key, what it asks, the items that answer it."""

    number: int
    paragraph: str
    key: str
    title: str
    items: tuple[str, ...]
    may_lack: bool = False


_TABLE: tuple[tuple[str, str, str, tuple[str, ...], bool], ...] = (
    ("1(i)", "developer_name_contact", "Name and contact of the developer", ("developer", "contact"), False),
    ("1(ii)", "funding_source", "Funding source of the implementation", ("funding",), False),
    ("1(iii)", "output_value", "Value that the intervention produces", ("output-value",), False),
    ("1(iv)", "output_type", "Prediction, classification, recommendation, ...", ("output-type",), False),
    ("2(i)", "intended_use", "Intended use", ("intended-use",), False),
    ("2(ii)", "intended_population", "Intended patient population", ("population",), False),
    ("2(iii)", "intended_users", "Intended users", ("users",), False),
    ("2(iv)", "decision_role", "Informs, augments or replaces clinical management", ("decision-role",), False),
    ("3(i)", "cautioned_out_of_scope", "Tasks, situations, populations cautioned", ("out-of-scope", "cautions"), False),
    ("3(ii)", "known_risks_limitations", "Known risks and limitations", ("risks", "shown-limits", "incidents"), False),
    ("4(i)", "train_inclusion_exclusion", "Inclusion and exclusion of training data", ("inclusion",), False),
    ("4(ii)", "sensitive_inputs_used", "Variables of (A)(5)-(13) used as inputs", ("sensitive-inputs",), False),
    ("4(iii)", "train_representativeness", "Demographic representativeness", ("representativeness",), False),
    ("4(iv)", "train_relevance", "Relevance of training data to the setting", ("relevance",), False),
    ("5(i)", "fairness_approach", "Approach to fair output", ("fairness-approach", "fairness-asked"), False),
    ("5(ii)", "bias_mitigation", "Approaches to reduce bias", ("bias-mitigation",), False),
    ("6(i)", "ext_val_source", "External validation: source and setting", ("external-source",), True),
    ("6(ii)", "ext_val_party", "External validation: by whom", ("external-party",), True),
    ("6(iii)", "ext_val_representativeness", "External validation: patients", ("external-patients",), True),
    ("6(iv)", "ext_val_process", "External validation: process", ("external-process",), True),
    ("7(i)", "perf_internal_validity", "Validity in data of the training source", ("internal-validity",), False),
    ("7(ii)", "perf_internal_fairness", "Fairness in data of the training source", ("internal-fairness",), False),
    ("7(iii)", "perf_external_validity", "Validity in external data", ("external-validity",), True),
    ("7(iv)", "perf_external_fairness", "Fairness in external data", ("external-fairness",), True),
    ("7(v)", "outcome_evaluation_refs", "Evaluations of outcomes", ("outcome-references",), True),
    ("8(i)", "monitor_validity_process", "How and how often validity is watched", ("validity-monitoring",), False),
    ("8(ii)", "local_validity", "Validity in local data", ("local-validity",), True),
    ("8(iii)", "monitor_fairness_process", "How and how often fairness is watched", ("fairness-monitoring",), False),
    ("8(iv)", "local_fairness", "Fairness in local data", ("local-fairness",), True),
    ("9(i)", "update_process", "How and how often it is updated", ("update-process", "update-plan"), True),
    ("9(ii)", "correction_frequency", "How often faults are corrected", ("corrections",), True),
)

ATTRIBUTES: tuple[Attribute, ...] = tuple(
    Attribute(number=at, paragraph=paragraph, key=key, title=title, items=items, may_lack=may_lack)
    for at, (paragraph, key, title, items, may_lack) in enumerate(_TABLE, start=1)
)


def attribute_values(card: Card) -> list[dict[str, Any]]:
    """All 31, in order: value (or `not provided` and the role that owes it), standing, and sources."""
    return [_value(card, attribute) for attribute in ATTRIBUTES]


def _value(card: Card, attribute: Attribute) -> dict[str, Any]:
    told = [card.item(name) for name in attribute.items]
    text = composed(card, attribute.items)
    provided = text != NOT_PROVIDED
    owed = next((said for said in told if said.standing in ("missing", "stale")), None)
    owner = owed.owner if owed is not None else ""
    if not provided:
        owner = owner or BY_ID[attribute.items[0]].owner or "data-scientist"
    return {
        "number": attribute.number,
        "paragraph": f"170.315(b)(11)(iv)(B)({attribute.paragraph.replace('(', ')(', 1)}",
        "key": attribute.key,
        "title": attribute.title,
        "value": text,
        "provided": provided,
        "standing": _standing([said.standing for said in told], provided=provided),
        "owner": owner,
        "sources": list(dict.fromkeys(source.words() for said in told for source in said.sources)),
    }


def _standing(standings: list[str], *, provided: bool) -> str:
    for worst in ("missing", "stale"):
        if worst in standings:
            return worst
    if not provided:
        return "not provided"
    return "answered" if "answered" in standings else "measured"
