"""The linter of cards: every rule asked of a card of any origin, and the answer as text, JSON, SARIF or JUnit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from bedrail.checks.cards.reading import CardText, of_card, read_card_text
from bedrail.checks.cards.rule import Rule
from bedrail.checks.cards.rules_claims import CLAIMS
from bedrail.checks.cards.rules_numbers import NUMBERS, metric
from bedrail.checks.cards.rules_subject import SUBJECT
from bedrail.checks.cards.rules_whole import WHOLE
from bedrail.checks.cards.values import Card, Measure
from bedrail.checks.cards.wording import metric_of
from bedrail.checks.cards.xml_nodes import escaped
from bedrail.core.values import Value

RULES: tuple[Rule, ...] = (*WHOLE, *SUBJECT, *NUMBERS, *CLAIMS)
"""Every rule that looks at the card alone; `evidence-differs` looks at the evidence too."""

DIFFERS = "evidence-differs"
ROUNDING = 0.00051
MOST_OF_A_RULE = 10
"""Further findings of one rule are counted in the last one."""


class Contradiction(Value, frozen=True, kw_only=True):
    """One finding: rule, how bad, where, why, and what mends it."""

    rule: str
    severity: Literal["error", "warning"]
    place: str
    why: str
    remedy: str


def lint_card(card: Card, evidence: Sequence[Measure] = ()) -> tuple[Contradiction, ...]:
    """What is wrong with a card of our own, also against the figures of the evidence."""
    return lint_text(of_card(card), evidence)


def lint_file(data: bytes, *, name: str = "card", evidence: Sequence[Measure] = ()) -> tuple[Contradiction, ...]:
    """What is wrong with a card in any format; raises `Invalid` for a file that is none."""
    return lint_text(read_card_text(data, name=name), evidence)


def lint_text(card: CardText, evidence: Sequence[Measure] = ()) -> tuple[Contradiction, ...]:
    """Every rule in turn, errors first."""
    found = [each for rule in RULES for each in _asked(rule, card)]
    found += _differs(card, evidence)
    return tuple(sorted(found, key=lambda each: each.severity != "error"))


def _asked(rule: Rule, card: CardText) -> list[Contradiction]:
    places = list(dict.fromkeys(rule.look(card)))
    told = [
        Contradiction(rule=rule.id, severity=rule.severity, place=place, why=why, remedy=rule.remedy)
        for place, why in places[:MOST_OF_A_RULE]
    ]
    if len(places) > MOST_OF_A_RULE:
        more = f"{told[-1].why} (and {len(places) - MOST_OF_A_RULE} more)"
        told[-1] = msgspec.structs.replace(told[-1], why=more)
    return told


def _differs(card: CardText, evidence: Sequence[Measure]) -> list[Contradiction]:
    """Figures that are not those of the signed evidence, to the digits that are written."""
    known = {(m.check, m.group): m for m in evidence}
    overall = {metric_of(m.label): m for m in reversed(evidence) if m.group == "overall" and metric_of(m.label)}
    found = []
    for result in card.results:
        mine = known.get((result.check, result.group or "overall"))
        if mine is None and not result.check and not result.group:
            mine = overall.get(metric(result))
        if mine is None or result.estimate is None:
            continue
        values = ((result.estimate, mine.estimate), (result.low, mine.low), (result.high, mine.high))
        off = [
            (said, true)
            for said, true in values
            if said is not None and true is not None and abs(said / result.scale - true) > ROUNDING
        ]
        if off:
            said, true = off[0]
            why = f"{result.label}: {said:g}{result.unit}, the evidence {mine.digest[:12]} says {true:.4g}"
            remedy = "Make the card again from the evidence; figures are not typed."
            found.append(Contradiction(rule=DIFFERS, severity="error", place=result.place, why=why, remedy=remedy))
    return found


def titles() -> dict[str, tuple[str, str]]:
    """(severity, what the rule holds) by id, for the page of rules."""
    told: dict[str, tuple[str, str]] = {rule.id: (rule.severity, rule.title) for rule in RULES}
    return told | {DIFFERS: ("error", "Figures are those of the signed evidence.")}


def as_sarif(found: Sequence[Contradiction], *, name: str) -> str:
    """The findings as SARIF 2.1.0, for code hosts that show them beside the file."""
    rules = [{"id": key, "shortDescription": {"text": text}} for key, (_, text) in titles().items()]
    results = [
        {
            "ruleId": each.rule,
            "level": each.severity,
            "message": {"text": f"{each.place}: {each.why}. {each.remedy}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": name}, **_region(each.place)}}],
        }
        for each in found
    ]
    run: dict[str, Any] = {"tool": {"driver": {"name": "bedrail card lint", "rules": rules}}, "results": results}
    return msgspec.json.format(msgspec.json.encode({"version": "2.1.0", "runs": [run]}), indent=1).decode() + "\n"


def _region(place: str) -> dict[str, Any]:
    line = place.rpartition("(line ")[2].rstrip(")") if "(line " in place else ""
    return {"region": {"startLine": int(line)}} if line.isdigit() else {}


def as_junit(found: Sequence[Contradiction], *, name: str) -> str:
    """The findings as JUnit XML: one case a rule; an error fails it, a warning is its output."""
    lines = []
    for key in titles():
        mine = [each for each in found if each.rule == key]
        errors = "\n".join(f"{each.place}: {each.why}" for each in mine if each.severity == "error")
        warnings = "\n".join(f"{each.place}: {each.why}" for each in mine if each.severity == "warning")
        inner = f'<failure message="{key}">{escaped(errors)}</failure>' if errors else ""
        inner += f"<system-out>{escaped(warnings)}</system-out>" if warnings else ""
        lines.append(f' <testcase classname="card" name="{key}">{inner}</testcase>')
    failed = len({each.rule for each in found if each.severity == "error"})
    title = escaped(name).replace('"', "'")
    head = f'<testsuite name="{title}" tests="{len(lines)}" failures="{failed}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *lines, "</testsuite>", ""])
