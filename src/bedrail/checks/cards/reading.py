"""Cards of any origin as the linter reads them: our record, CHAI XML, other JSON, HTML pages, Markdown."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bedrail.checks.cards.chai import PARTS, SCHEMA, Departure, Element, composed, departures
from bedrail.checks.cards.values import NOT_PROVIDED, Card, Part
from bedrail.checks.cards.xml_nodes import MOST_BYTES, Node, read_nodes
from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.core.markup import Markup


@dataclass(frozen=True, slots=True)
class Result:
    """A figure of a card: `estimate`, `low`, `high` as written (in `unit`), n, group ("" where none is named)."""

    part: str
    label: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    n: float | None = None
    unit: str = ""
    group: str = ""
    check: str = ""
    digest: str = ""
    place: str = ""

    @property
    def scale(self) -> float:
        """What a percentage is divided by."""
        return 100.0 if self.unit.strip() in ("%", "percent") else 1.0


@dataclass(frozen=True, slots=True)
class CardText:
    """A card as text by field; `required` are fields that its format asks for. `own` is the record, when it is ours."""

    format: str
    fields: dict[str, str]
    results: tuple[Result, ...] = ()
    places: dict[str, str] = field(default_factory=dict)
    departures: tuple[Departure, ...] = ()
    own: Card | None = None

    def text(self, *names: str) -> str:
        """These fields as one text."""
        return "\n".join(self.fields[name] for name in names if self.fields.get(name, "").strip())

    def place(self, name: str) -> str:
        """Where a field stands."""
        return self.places.get(name, name)

    def part(self, part: str) -> list[Result]:
        """The figures of one part."""
        return [result for result in self.results if result.part == part]


LEAVES: dict[str, str] = {}
"""Field of a card (a leaf's name; of a metric `part/leaf`) -> its path in the schema."""
REQUIRED: set[str] = set()


def _fill(element: Element, path: str, part: Part | None, owed: bool) -> None:
    part, owed = PARTS.get(element.name, part), owed and not element.optional
    here = f"{path}/{element.name}" if path else element.name
    if element.name == "MetricResult":
        return
    if not element.children:
        name = f"{part}/{element.name}" if part else element.name
        LEAVES[name] = here.removeprefix("AppliedModelCard/")
        if owed and element.name != "Bibliography":
            REQUIRED.add(name)
    for child in element.children:
        _fill(child, here, part, owed)


_fill(SCHEMA, "", None, True)


def read_card_text(data: bytes, *, name: str = "card") -> CardText:
    """A card in any format that is recognised by its content; raises `Invalid` for what is none."""
    if len(data) > MOST_BYTES:
        raise Invalid("this file is too large for a card.", path=name, remedy="Give the card alone.")
    head = data.lstrip()[:200].lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return _from_headings(_html_sections(_decoded(data, name)), "html")
    if head.startswith(b"<"):
        return _from_xml(read_nodes(data, name=name))
    if head.startswith((b"{", b"[")):
        return _from_json(data, name)
    found = _from_headings(_markdown_sections(_decoded(data, name)), "markdown")
    if not found.fields:
        raise Invalid(
            "no part of a model card is recognised in it.", path=name, remedy="Give XML, JSON, HTML, Markdown."
        )
    return found


def of_card(card: Card) -> CardText:
    """Our own record."""
    fields: dict[str, str] = {}
    for name, items in _compositions(SCHEMA, None):
        text = composed(card, items, empty="")
        fields[name] = "" if text == NOT_PROVIDED else text
    results = tuple(
        Result(
            part=m.part,
            label=m.label,
            estimate=m.estimate,
            low=m.low,
            high=m.high,
            n=m.n,
            group="" if m.group == "overall" else m.group,
            check=m.check,
            digest=m.digest,
            place=f"{m.part}/{m.check} {m.group}",
        )
        for m in card.measures
    )
    return CardText(format="bedrail", fields=fields, results=results, own=card)


def _compositions(element: Element, part: Part | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    part = PARTS.get(element.name, part)
    if not element.children and element.items:
        yield (f"{part}/{element.name}" if part else element.name), element.items
    for child in element.children:
        yield from _compositions(child, part)


def _from_xml(root: Node) -> CardText:
    fields: dict[str, str] = {}
    places: dict[str, str] = {}
    results: list[Result] = []
    _walk(root, "", None, fields, places, results)
    return CardText("chai", fields, tuple(results), places, departures(root))


def _walk(
    node: Node, path: str, part: Part | None, fields: dict[str, str], places: dict[str, str], results: list[Result]
) -> None:
    part = PARTS.get(node.name, part)
    here = f"{path}/{node.name}" if path else node.name
    if node.name == "MetricResult":
        label, value = node.first("Label"), node.first("ValueJson")
        if label is not None and value is not None:
            results.append(_result(part or "", label.text.strip(), value.text, f"{here} (line {node.line})"))
        return
    if not node.children:
        name = f"{part}/{node.name}" if part else node.name
        text = node.text.strip()
        fields[name] = f"{fields[name]}\n{text}" if fields.get(name) else text
        places.setdefault(name, f"{here.removeprefix('AppliedModelCard/')} (line {node.line})")
    for child in node.children:
        _walk(child, here, part, fields, places, results)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _result(part: str, label: str, text: str, place: str) -> Result:
    """A figure from its JSON: a bare number, the published kinds, or keys that say what they are."""
    try:
        value = msgspec.json.decode(text.strip() or "null")
    except NOT_JSON:
        return Result(part, label, _number(text.strip().rstrip("%")), unit="%" if "%" in text else "", place=place)
    if not isinstance(value, dict):
        return Result(part, label, _number(value), place=place)
    return result_of(part, label, value, place)


_ESTIMATES = ("estimate", "value", "auroc", "auc", "sensitivity", "specificity", "ppv", "npv", "mean")


def result_of(part: str, label: str, value: dict[str, Any], place: str) -> Result:
    """A figure from keys such as `estimate`, `lower`, `upper`, `ci95`, `n`, `unit`, `group`."""
    interval = next((value[k] for k in ("ci95", "ci", "interval", "confidence_interval") if k in value), None)
    low, high = value.get("lower", value.get("low")), value.get("upper", value.get("high"))
    if isinstance(interval, list) and len(interval) == 2:
        low, high = interval
    if isinstance(interval, dict):
        low, high = interval.get("lower", interval.get("low")), interval.get("upper", interval.get("high"))
    estimate = next((value[key] for key in _ESTIMATES if key in value), None)
    group = str(value.get("group", value.get("subgroup", "")))
    return Result(
        part,
        label,
        _number(estimate),
        _number(low),
        _number(high),
        _number(value.get("n", value.get("sample_size"))),
        str(value.get("unit", "")),
        "" if group == "overall" else group,
        str(value.get("check", "")),
        str(value.get("evidence", "")),
        place,
    )


def _from_json(data: bytes, name: str) -> CardText:
    try:
        value = msgspec.json.decode(data)
    except NOT_JSON:
        raise Invalid("this is no JSON.", path=name, remedy="Mend it.") from None
    if isinstance(value, dict) and "payload" in value:
        value = _payload(value["payload"], name)
    if isinstance(value, dict) and value.get("format") == "bedrail-card/1":
        try:
            return of_card(msgspec.convert(value, Card))
        except (msgspec.ValidationError, KeyError) as error:
            raise Invalid(f"this is no whole card ({error}).", path=name, remedy="Make it again.") from None
    fields: dict[str, str] = {}
    results: list[Result] = []
    _flatten(value, "", fields, results)
    if not fields:
        raise Invalid("no part of a model card is recognised in it.", path=name, remedy="See docs/model-cards.md.")
    return CardText("json", fields, tuple(results), {key: f"$.{key}" for key in fields})


def _payload(payload: object, name: str) -> Any:
    """What a DSSE envelope carries; its signature is `card verify`'s to judge."""
    try:
        said = msgspec.json.decode(base64.b64decode(str(payload), validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise Invalid("the envelope holds no statement.", path=name, remedy="Fetch it again.") from None
    return said.get("predicate", said) if isinstance(said, dict) else said


def _flatten(value: Any, key: str, fields: dict[str, str], results: list[Result], part: str = "usefulness") -> None:
    part = _part_of_words(key) or part
    if isinstance(value, dict):
        if (
            any(k in value for k in _ESTIMATES)
            and _number(next(value[k] for k in _ESTIMATES if k in value)) is not None
        ):
            label = str(value.get("label", value.get("name", value.get("metric", key))))
            results.append(result_of(part, label, value, f"$.{key}"))
            return
        for name, inner in value.items():
            _flatten(inner, str(name), fields, results, part)
        return
    if isinstance(value, list):
        for inner in value:
            _flatten(inner, key, fields, results, part)
        return
    name = field_named(key, part)
    if name and value is not None and str(value).strip():
        fields[name] = f"{fields[name]}\n{value}" if name in fields else str(value)
    elif _number(value) is not None and isinstance(value, (int, float)):
        results.append(Result(part, key, _number(value), place=f"$.{key}"))


_SYNONYMS: tuple[tuple[str, str], ...] = (
    ("ModelName", r"(?:model |product |device )?name|title|model"),
    ("ModelDeveloper", r"(?:model )?(?:developer|author|manufacturer|vendor|organi[sz]ation|owner)s?(?: name)?"),
    ("DeveloperContact", r"(?:developer )?contacts?|inquir\w+|support|e-?mail"),
    ("ReleaseStage", r"(?:release |deployment )?(?:stage|status)"),
    ("ReleaseDate", r"(?:release |publication )?dates?|released(?: on)?"),
    ("ReleaseVersion", r"(?:release |model )?version"),
    ("GlobalAvailability", r"(?:global )?availability|where it may be used|regions?"),
    ("EHR", r"ehr(?: compatibility|s)?|works with ehr"),
    ("RegulatoryApproval", r"regulatory(?: approval| status| clearance)?|clearance|fda(?: status)?"),
    ("Summary", r"(?:model )?(?:summary|overview|description|abstract)|model details"),
    ("IntendedUseAndWorkflow", r"(?:primary )?(?:intended|direct)[ -]uses?(?: and workflow| cases?)?|"
                               r"indications?(?: for use)?|purpose"),
    ("PrimaryIntendedUsers", r"(?:primary )?intended users?|users|target users?"),
    ("HowToUse", r"how to use(?: it)?|directions?|instructions(?: for use)?|workflow|getting started"),
    ("TargetedPatientPopulation", r"(?:targeted |target |intended |patient )?(?:patient )?(?:population|patients)"),
    ("CautionedOutOfScopeSettings", r"(?:cautioned )?out[ -]of[ -]scope(?: uses?| settings)?|not for|"
                                    r"contraindications?|misuse"),
    ("KnownRisksAndLimitations", r"(?:known )?(?:risks|limitations|caveats)(?:,? (?:and|&) (?:limitations|"
                                 r"recommendations|risks))?|warnings"),
    ("KnownBiasesOrEthicalConsiderations", r"(?:known )?bias(?:es)?(?:,? (?:or|and) (?:ethical considerations|"
        r"risks|limitations))?|ethical considerations|ethics"),
    ("ClinicalRiskLevel", r"(?:clinical )?risk(?: level| class)"),
    ("OutcomesAndOutputs", r"outcomes?(?: and outputs?)?|outputs?|prediction target|target|label"),
    ("ModelType", r"(?:type of |model )?(?:model|type|architecture|algorithm)(?: type| architecture)?"),
    ("FoundationModels", r"foundation models?|base model"),
    ("InputDataSource", r"(?:input )?data sources?|source of the inputs"),
    ("OutputAndInputDataTypes", r"inputs?(?: data)?(?:,? with units and ranges| data types?)?|input features|"
                                r"features|inclusion(?: criteria)?"),
    ("DevelopmentDataCharacterization", r"(?:training|development|train)[ -]?(?:data|set|"
        r"dataset)(?: characteri[sz]ation| details)?|training details|the data in numbers"),
    ("BiasMitigationApproaches", r"bias mitigation(?: approaches)?|mitigations?|fairness approach"),
    ("OngoingMaintenance", r"(?:ongoing )?maintenance|monitoring|updates?|post-?market(?: surveillance)?"),
    ("Security", r"security"),
    ("FundingSource", r"funding(?: sources?)?|sponsors?|funded by"),
    ("StakeholdersConsulted", r"stakeholders?(?: consulted)?|who was consulted"),
    ("PeerReviewedPublications", r"(?:peer-?reviewed )?(?:publications?|papers?)|citations?|references"),
    ("PatientConsentOrDisclosure", r"patient (?:consent|disclosure)(?: or disclosure)?|consent|privacy"),
    ("MetricGoal", r"(?:metric )?goal|metrics|endpoints?"),
    ("Interpretation", r"interpretation|results?|performance|evaluation results?|fairness|"
                       r"quantitative analys[ie]s|accuracy"),
    ("TestType", r"(?:test|validation|study) type|study design"),
    ("TestingDataDescription", r"(?:testing|test|evaluation|validation) (?:data|set|dataset)(?: description)?"),
    ("ValidationProcessAndJustification", r"(?:external )?validation(?: process)?(?: and justification)?|"
        r"evaluation|testing(?: procedure)?"),
)  # fmt: skip
_KNOWN = tuple((name, re.compile(pattern)) for name, pattern in _SYNONYMS)
_METRIC_LEAVES = {
    "MetricGoal",
    "Interpretation",
    "TestType",
    "TestingDataDescription",
    "ValidationProcessAndJustification",
}


def field_named(words: str, part: str = "usefulness") -> str:
    """The field that a heading or key means; empty when none is recognised."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words).replace("_", " ").replace("-", " ").lower()
    plain = re.sub(r"^[\d.()\s#*]+|[:*\s]+$", "", re.sub(r"\s+", " ", plain)).strip()
    dashed = plain.replace("out of scope", "out-of-scope").replace("peer reviewed", "peer-reviewed")
    for name, pattern in _KNOWN:
        if pattern.fullmatch(plain) or pattern.fullmatch(dashed) or plain.replace(" ", "") == name.lower():
            return f"{_part_of_words(plain) or part}/{name}" if name in _METRIC_LEAVES else name
    return ""


def _part_of_words(words: str) -> str:
    low = words.lower()
    if "fairness" in low or "equity" in low or "subgroup" in low:
        return "fairness"
    if "safety" in low or "reliab" in low or "robust" in low:
        return "safety"
    return "usefulness" if "usefulness" in low or "efficacy" in low or "performance" in low else ""


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("this is no text in UTF-8.", path=name, remedy="Save it as UTF-8.") from None


def _markdown_sections(text: str) -> Iterator[tuple[str, str]]:
    heading, lines = "", list[str]()
    for line in text.splitlines():
        found = re.match(r"#{1,6}\s+(.*)", line)
        bold = re.match(r"[-*]?\s*\*\*([^*]{3,60}?):?\*\*:?\s*(.*)", line)
        if found or (bold and field_named(bold[1])):
            yield heading, "\n".join(lines)
            chosen = found or bold
            assert chosen is not None
            heading, lines = chosen[1], [bold[2]] if bold and not found else []
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


class _Headings(Markup):
    """Text under headings, table rows as `name: value`; scripts and styles are no text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[tuple[str, list[str]]] = [("", [])]
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A heading begins a section; a block a line."""
        del attrs
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "th"):
            self.sections.append(("", []))
            self.inside.append("heading")
        elif tag in ("script", "style", "nav"):
            self.inside.append("silent")
        elif tag in ("p", "li", "br", "tr", "div", "dd", "td"):
            self.sections[-1][1].append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Ends what it began."""
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "th", "script", "style", "nav") and self.inside:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        """Text of a heading, or of its section."""
        if "silent" in self.inside:
            return
        if self.inside:
            heading, lines = self.sections[-1]
            self.sections[-1] = (heading + data, lines)
        else:
            self.sections[-1][1].append(data)


def _html_sections(text: str) -> Iterator[tuple[str, str]]:
    parser = _Headings()
    parser.feed(text)
    parser.close()
    for heading, lines in parser.sections:
        yield heading.strip(), re.sub(r"\n\s*\n+", "\n", "".join(lines)).strip()


def _from_headings(sections: Iterator[tuple[str, str]], format_name: str) -> CardText:
    fields: dict[str, str] = {}
    places: dict[str, str] = {}
    part = "usefulness"
    for heading, text in sections:
        part = _part_of_words(heading) or part
        name = field_named(heading, part)
        if name and text.strip():
            fields[name] = f"{fields[name]}\n{text.strip()}" if name in fields else text.strip()
            places.setdefault(name, f"`{heading.strip()}`")
        if re.match(r"model card\b|model card:", heading.lower()) and ":" in heading:
            fields.setdefault("ModelName", heading.partition(":")[2].strip())
    return CardText(format_name, fields, (), places)
