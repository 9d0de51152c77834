"""What a card says, item by item: which facts fill, which people write, whom to ask, and when it is stale.

An item is the smallest thing that some format asks for by itself; formats are compositions of items (`chai.py`,
`hti1.py`), so that one value cannot say two things in two formats.
"""

from __future__ import annotations

from typing import Literal

from bedrail.core.values import Value

About = Literal["house", "use", "model", "evidence"]
"""What a section depends on: nothing here, the charter, the candidate, or what was measured about it."""


class Item(Value, frozen=True, kw_only=True):
    """One item. People's items have an owner (a role), a question, and what they are about."""

    id: str
    title: str
    people: bool = False
    required: bool = True
    owner: str = ""
    asks: str = ""
    about: About = "use"


def _facts(name: str, title: str) -> Item:
    return Item(id=name, title=title)


def _people(name: str, title: str, owner: str, asks: str, about: About = "use", *, required: bool = True) -> Item:
    return Item(id=name, title=title, people=True, required=required, owner=owner, asks=asks, about=about)


def _may(name: str, title: str, owner: str, asks: str, about: About = "use") -> Item:
    return _people(name, title, owner, asks, about, required=False)


_LEAD, _SCIENCE, _OWNER, _PRIVACY = "clinical-lead", "data-scientist", "owner", "privacy-officer"

ITEMS: tuple[Item, ...] = (
    _facts("name", "Name"),
    _people("developer", "Developer", _SCIENCE, "Which organisation or team made the model?", "house"),
    _people("contact", "Contact", _SCIENCE, "Where does a reader ask? A mail address, number or page.", "house"),
    _facts("stage", "Stage"),
    _facts("release-date", "Date"),
    _facts("version", "Version"),
    _people("availability", "Where it may be used", _OWNER, "In which countries or institutions?", "house"),
    _may("ehr", "Works with EHR", _SCIENCE, "Names of EHR systems, one a line."),
    _may("regulatory", "Regulatory status", _OWNER, "Clearance or approval with its number; or why it needs none."),
    _facts("summary", "Summary"),
    _may("keywords", "Keywords", _SCIENCE, "Words to find it by, one a line."),
    _facts("intended-use", "Intended use"),
    _facts("decision-role", "Role in the decision"),
    _people("users", "Intended users", _LEAD, "Who uses the answers, with which training?"),
    _facts("action", "What the answer suggests"),
    _people("how-to-use", "How to use it", _LEAD, "What does a user see, do, and check before acting on it?"),
    _facts("population", "Intended patients"),
    _facts("out-of-scope", "Not for"),
    _may("cautions", "Further cautions", _LEAD, "Tasks, situations and patients where users should be careful."),
    _people(
        "risks", "Known risks and limitations", _LEAD, "What can go wrong, for whom, and what limits it?", "evidence"
    ),
    _facts("shown-limits", "What the evidence does not show"),
    _facts("incidents", "Alarms and stops so far"),
    _people(
        "biases", "Known biases and ethical considerations", _LEAD, "Which biases are known or likely?", "evidence"
    ),
    _facts("group-findings", "What the evidence shows by group"),
    _facts("risk-level", "Clinical risk level"),
    _facts("output-value", "Output"),
    _facts("output-type", "Type of output"),
    _facts("model-type", "Type of model"),
    _may("foundation-models", "Foundation models", _SCIENCE, "Which, in which version, if any?", "model"),
    _facts("input-source", "Source of the inputs"),
    _facts("inputs", "Inputs, with units and ranges"),
    _facts("inclusion", "Who and what is in the training data"),
    _facts("sensitive-inputs", "Sensitive variables used as inputs"),
    _facts("representativeness", "Who the training patients are"),
    _facts("data-profile", "The data in numbers"),
    _people(
        "relevance",
        "How the training data fits the setting",
        _LEAD,
        "Why do these patients stand for those to come, and where do they not?",
        "model",
    ),
    _people("fairness-approach", "How fairness was pursued", _SCIENCE, "What was done so that it is fair?", "model"),
    _facts("fairness-asked", "What fairness the policy asks"),
    _people("bias-mitigation", "What was done against bias", _SCIENCE, "Ways to find, reduce, remove bias.", "model"),
    _may("external-source", "External validation: data and setting", _SCIENCE, "Which data, which setting?", "model"),
    _may("external-party", "External validation: by whom", _SCIENCE, "Who did it?", "model"),
    _may("external-patients", "External validation: patients", _SCIENCE, "Who were they, by sex, age, race?", "model"),
    _may("external-process", "External validation: process", _SCIENCE, "How was it done?", "model"),
    _facts("internal-validity", "Validity on held-out patients"),
    _facts("internal-fairness", "Fairness on held-out patients"),
    _may("external-validity", "Validity on external data", _SCIENCE, "Figures with intervals and n.", "model"),
    _may("external-fairness", "Fairness on external data", _SCIENCE, "Figures by group with intervals and n.", "model"),
    _may("outcome-references", "Studies of patients' outcomes", _LEAD, "Citations or links: mortality, stay, ...?"),
    _facts("validity-monitoring", "How validity is watched"),
    _facts("local-validity", "Validity in local use"),
    _facts("fairness-monitoring", "How fairness is watched"),
    _facts("local-fairness", "Fairness in local use"),
    _facts("update-process", "How it is updated"),
    _may("update-plan", "Plan of updates", _SCIENCE, "When is it retrained, and on what ground?"),
    _facts("corrections", "How faults are corrected"),
    _facts("security", "Security"),
    _facts("transparency", "Transparency"),
    _people("funding", "Funding", _OWNER, "Who paid for making and introducing it?", "house"),
    _facts("third-party", "Software of others"),
    _people("stakeholders", "Who was consulted", _LEAD, "Clinicians, patients, others: who, on what?"),
    _facts("approvals", "Approvals"),
    *(
        item
        for part, title in (("usefulness", "Usefulness"), ("fairness", "Fairness"), ("safety", "Safety"))
        for item in (
            _facts(f"{part}-goal", f"{title}: what was asked"),
            _facts(f"{part}-reading", f"{title}: verdicts"),
            _may(f"{part}-remarks", f"{title}: remarks", _LEAD, "What do these figures mean for care?", "evidence"),
            _facts(f"{part}-test", f"{title}: type of test"),
            _facts(f"{part}-data", f"{title}: data of the test"),
            _facts(f"{part}-process", f"{title}: how it was tested"),
        )
    ),
    _may("clinical-trial", "Clinical trial", _LEAD, "Registration number or link."),
    _people("publications", "Peer-reviewed publications", _SCIENCE, "Citations; `None` if there are none.", "house"),
    _may("reimbursement", "Reimbursement", _OWNER, "Who pays for its use, if anybody?"),
    _facts("consent-rules", "Consent for the data"),
    _people("patient-disclosure", "What patients are told", _PRIVACY, "Are patients told, how, and can they decline?"),
    _may("bibliography", "Bibliography", _SCIENCE, "BibTeX."),
)
"""In the order in which a reader meets them."""

BY_ID: dict[str, Item] = {item.id: item for item in ITEMS}
PEOPLE: tuple[Item, ...] = tuple(item for item in ITEMS if item.people)

GROUPS: tuple[tuple[str, str, str], ...] = (
    ("About", "name", "keywords"),
    ("Uses and directions", "intended-use", "cautions"),
    ("Warnings", "risks", "risk-level"),
    ("How it works", "output-value", "inputs"),
    ("How it was made", "inclusion", "bias-mitigation"),
    ("How it was tested", "external-source", "outcome-references"),
    ("How it is watched and updated", "validity-monitoring", "corrections"),
    ("Security, funding, people", "security", "approvals"),
    ("Figures", "usefulness-goal", "safety-process"),
    ("Resources", "clinical-trial", "bibliography"),
)
"""Headings of a page, each with its first and last item."""


def grouped() -> tuple[tuple[str, tuple[Item, ...]], ...]:
    """The items under their headings; every item stands once."""
    ids = [item.id for item in ITEMS]
    return tuple((title, ITEMS[ids.index(first) : ids.index(last) + 1]) for title, first, last in GROUPS)
