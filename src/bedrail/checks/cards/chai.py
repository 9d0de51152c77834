"""The applied model card of the Coalition for Health AI, v0.2: its schema as a table, written and checked.

The table states the facts of the published schema (mc-schema, v0.2/schema.xsd, 2025-10-28): names, order, what may be
left out or repeated. A test holds our own XSD, made from this table, and the published one to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from bedrail.checks.cards.items import BY_ID
from bedrail.checks.cards.values import NOT_PROVIDED, Card, Measure, Part, Said
from bedrail.checks.cards.xml_nodes import Node, escaped, read_nodes
from bedrail.core.errors import Invalid
from bedrail.core.values import Value

SPACE = "https://mc.chai.org/v0.2/schema.xsd"
SIGNATURES = "http://www.w3.org/2000/09/xmldsig#"


class Element(Value, frozen=True, kw_only=True):
    """An element: a leaf is composed of `items`, any other has `children` in this order."""

    name: str
    items: tuple[str, ...] = ()
    children: tuple[Element, ...] = ()
    optional: bool = False
    repeated: bool = False


def _leaf(name: str, *items: str) -> Element:
    return Element(name=name, items=items)


def _may(name: str, *items: str) -> Element:
    return Element(name=name, items=items, optional=True)


def _of(name: str, *children: Element) -> Element:
    return Element(name=name, children=children)


def _metric(name: str, part: Part) -> Element:
    return _of(
        name,
        _leaf("MetricGoal", f"{part}-goal"),
        _of(
            "Results",
            Element(name="MetricResult", children=(_leaf("Label"), _leaf("ValueJson")), repeated=True),
        ),
        _leaf("Interpretation", f"{part}-reading", f"{part}-remarks"),
        _leaf("TestType", f"{part}-test"),
        _leaf("TestingDataDescription", f"{part}-data"),
        _leaf("ValidationProcessAndJustification", f"{part}-process"),
    )


PARTS: dict[str, Part] = {
    "UsefulnessUsabilityEfficacy": "usefulness",
    "FairnessEquity": "fairness",
    "SafetyReliability": "safety",
}

SCHEMA = _of(
    "AppliedModelCard",
    _of(
        "BasicInfo",
        _leaf("ModelName", "name"),
        _leaf("ModelDeveloper", "developer"),
        _leaf("DeveloperContact", "contact"),
    ),
    _of(
        "ReleaseInfo",
        _leaf("ReleaseStage", "stage"),
        _leaf("ReleaseDate", "release-date"),
        _leaf("ReleaseVersion", "version"),
        _leaf("GlobalAvailability", "availability"),
        Element(
            name="EHRCompatibility",
            optional=True,
            children=(Element(name="EHR", items=("ehr",), optional=True, repeated=True),),
        ),
        _may("RegulatoryApproval", "regulatory"),
    ),
    _of(
        "ModelSummary",
        _leaf("Summary", "summary"),
        _of("Keywords", Element(name="Keyword", items=("keywords",), optional=True, repeated=True)),
    ),
    _of(
        "UsesAndDirections",
        _leaf("IntendedUseAndWorkflow", "intended-use", "decision-role"),
        _leaf("PrimaryIntendedUsers", "users"),
        _leaf("HowToUse", "how-to-use", "action"),
        _leaf("TargetedPatientPopulation", "population"),
        _leaf("CautionedOutOfScopeSettings", "out-of-scope", "cautions"),
    ),
    _of(
        "Warnings",
        _leaf("KnownRisksAndLimitations", "risks", "shown-limits", "incidents"),
        _leaf("KnownBiasesOrEthicalConsiderations", "biases", "group-findings"),
        _leaf("ClinicalRiskLevel", "risk-level"),
    ),
    _of(
        "TrustIngredients",
        _of(
            "AISystemFacts",
            _leaf("OutcomesAndOutputs", "output-value", "output-type"),
            _leaf("ModelType", "model-type"),
            _may("FoundationModels", "foundation-models"),
            _leaf("InputDataSource", "input-source"),
            _leaf("OutputAndInputDataTypes", "inputs"),
            _leaf(
                "DevelopmentDataCharacterization",
                "inclusion",
                "data-profile",
                "representativeness",
                "sensitive-inputs",
                "relevance",
            ),
            _leaf("BiasMitigationApproaches", "fairness-approach", "fairness-asked", "bias-mitigation"),
            _leaf(
                "OngoingMaintenance",
                "validity-monitoring",
                "local-validity",
                "fairness-monitoring",
                "local-fairness",
                "update-process",
                "update-plan",
                "corrections",
            ),
            _may("Security", "security"),
            _may("Transparency", "transparency"),
        ),
        _of(
            "TransparencyInformation",
            _leaf("FundingSource", "funding"),
            _may("ThirdPartyInformation", "third-party"),
            _leaf("StakeholdersConsulted", "stakeholders", "approvals"),
        ),
    ),
    _of("KeyMetrics", *(_metric(name, part) for name, part in PARTS.items())),
    _of(
        "Resources",
        _may("EvaluationReferences", "outcome-references"),
        _may("ClinicalTrial", "clinical-trial"),
        _leaf("PeerReviewedPublications", "publications"),
        _may("ReimbursementStatus", "reimbursement"),
        _leaf("PatientConsentOrDisclosure", "patient-disclosure", "consent-rules"),
    ),
    _leaf("Bibliography", "bibliography"),
)
"""Every element of the card; a leaf lists the items that it is composed of, people's words first."""

EXTERNAL = ("external-source", "external-party", "external-patients", "external-process")
EXTERNAL_FIGURES: dict[str, str] = {"usefulness": "external-validity", "fairness": "external-fairness"}


def composed(card: Card, items: tuple[str, ...], *, empty: str = NOT_PROVIDED) -> str:
    """The texts of several items as one; each with its title where there is more than one."""
    told = [card.item(name) for name in items]
    there = [said for said in told if said.text.strip()]
    if len(items) == 1:
        return there[0].text if there else empty
    lines = [f"**{BY_ID[said.item].title}**: {_text(said)}" for said in told if said in there or _owed(said)]
    return "\n\n".join(lines) if there else empty


def _text(said: Said) -> str:
    return said.text if said.text.strip() else NOT_PROVIDED


def _owed(said: Said) -> bool:
    return said.standing == "missing"


def value_json(measure: Measure) -> str:
    """A figure as the published examples write it (`estimate_ci`, `single` without interval), and where it is from."""
    value: dict[str, object] = {"kind": "single", "value": measure.estimate}
    if measure.low is not None and measure.high is not None:
        value = {"kind": "estimate_ci", "estimate": measure.estimate, "lower": measure.low, "upper": measure.high}
        if measure.level is not None:
            value["level"] = round(measure.level * 100, 6)
    value |= {} if measure.n is None else {"n": measure.n}
    value |= {"group": measure.group, "check": measure.check, "verdict": measure.verdict, "evidence": measure.digest}
    return msgspec.json.encode(value).decode()


def chai_xml(card: Card) -> str:
    """The card as an XML document that the published schema accepts."""
    body = "\n".join(_written(card, SCHEMA, 0, None))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _written(card: Card, element: Element, depth: int, part: Part | None) -> Iterator[str]:
    indent = " " * depth
    head = f'{element.name} xmlns="{SPACE}"' if depth == 0 else element.name
    part = PARTS.get(element.name, part)
    if element.name == "MetricResult":
        assert part is not None
        yield from _results(card, part, indent)
    elif element.repeated:
        for line in card.item(element.items[0]).text.splitlines():
            if line.strip():
                yield f"{indent}<{element.name}>{escaped(line.strip(' -*'))}</{element.name}>"
    elif element.children:
        inner = [line for child in element.children for line in _written(card, child, depth + 1, part)]
        if inner:
            yield f"{indent}<{head}>"
            yield from inner
            yield f"{indent}</{element.name}>"
        elif not element.optional:
            yield f"{indent}<{element.name} />"
    else:
        text = composed(card, _items(element, part), empty="" if element.name == "Bibliography" else NOT_PROVIDED)
        if not element.optional or text != NOT_PROVIDED:
            yield f"{indent}<{element.name}>{escaped(text)}</{element.name}>"


def _items(element: Element, part: Part | None) -> tuple[str, ...]:
    """External validation is said beside the test, where there was any."""
    if element.name == "ValidationProcessAndJustification" and part == "usefulness":
        return (*element.items, *EXTERNAL)
    if element.name == "Interpretation" and part in EXTERNAL_FIGURES:
        return (*element.items, EXTERNAL_FIGURES[part])
    return element.items


def _results(card: Card, part: Part, indent: str) -> Iterator[str]:
    """At least one, as the schema asks: without figures it is said that there are none."""
    told = [(m.label if m.group == "overall" else f"{m.label} ({m.group})", value_json(m)) for m in card.figures(part)]
    for label, value in told or [("No figure", '{"kind":"none"}')]:
        yield f"{indent}<MetricResult>"
        yield f"{indent} <Label>{escaped(label)}</Label>"
        yield f"{indent} <ValueJson>{escaped(value)}</ValueJson>"
        yield f"{indent}</MetricResult>"


class Departure(Value, frozen=True, kw_only=True):
    """A place where a document is not as the schema says."""

    path: str
    line: int
    message: str


def departures(root: Node) -> tuple[Departure, ...]:
    """Everything in which a document departs from the schema: unknown, missing, out of order, twice, text astray."""
    if (root.name, root.space) != (SCHEMA.name, SPACE):
        said = f"the root is `{root.name}` of `{root.space or 'no namespace'}`, not a card of v0.2"
        return (Departure(path=root.name, line=root.line, message=said),)
    return tuple(_departures(root, SCHEMA, SCHEMA.name))


def _departures(node: Node, element: Element, path: str) -> Iterator[Departure]:
    def departs(line: int, message: str) -> Departure:
        return Departure(path=path, line=line, message=message)

    if not element.children:
        if node.children:
            yield departs(node.children[0].line, f"holds text only, not `{node.children[0].name}`")
        return
    if node.text.strip():
        yield departs(node.line, "holds elements, no text of its own")
    order = [child.name for child in element.children]
    known = [child for child in node.children if child.name in order and child.space == SPACE]
    for child in node.children:
        if not (any(child is each for each in known) or _is_signature(child, path)):
            yield departs(child.line, f"the schema knows no `{child.name}` here")
    for line, message in _out_of_order(known, order):
        yield departs(line, message)
    for part in element.children:
        there = [child for child in known if child.name == part.name]
        if not there and not part.optional:
            yield departs(node.line, f"`{part.name}` is missing")
        if len(there) > 1 and not part.repeated:
            yield departs(there[1].line, f"`{part.name}` stands more than once")
        for child in there:
            yield from _departures(child, part, f"{path}/{part.name}")


def _out_of_order(known: list[Node], order: list[str]) -> Iterator[tuple[int, str]]:
    last = -1
    for child in known:
        place = order.index(child.name)
        if place < last:
            yield child.line, f"`{child.name}` stands behind `{order[last]}`, and belongs before it"
        last = max(last, place)


def _is_signature(node: Node, path: str) -> bool:
    """Only the root may hold one."""
    return "/" not in path and (node.name, node.space) == ("Signature", SIGNATURES)


def read_chai(data: bytes, *, name: str = "card.xml") -> Node:
    """The root of a card; raises `Invalid` when it departs from the schema, with the first departure and its line."""
    root = read_nodes(data, name=name)
    for found in departures(root):
        raise Invalid(f"{found.path}: {found.message}.", path=f"{name}:{found.line}", remedy="See docs/model-cards.md.")
    return root


def xsd() -> str:
    """The table as an XML schema of our own; signatures are let through without looking into them."""
    head = (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{SPACE}" '
        'elementFormDefault="qualified">'
    )
    return "\n".join([head, *_declared(SCHEMA, 1, _signature), "</xs:schema>", ""])


def _signature(element: Element, indent: str) -> list[str]:
    rule = f'{indent}<xs:any namespace="{SIGNATURES}" processContents="skip" minOccurs="0"/>'
    return [rule] if element is SCHEMA else []


def _declared(element: Element, depth: int, more: Callable[[Element, str], list[str]]) -> Iterator[str]:
    indent = " " * depth
    occurs = ' minOccurs="0"' if element.optional else ""
    occurs += ' maxOccurs="unbounded"' if element.repeated else ""
    if not element.children:
        yield f'{indent}<xs:element name="{element.name}" type="xs:string"{occurs}/>'
        return
    yield f'{indent}<xs:element name="{element.name}"{occurs}><xs:complexType><xs:sequence>'
    for child in element.children:
        yield from _declared(child, depth + 1, more)
    yield from more(element, indent + " ")
    yield f"{indent}</xs:sequence></xs:complexType></xs:element>"
