"""Clean cards and cards with one planted contradiction, in the formats that the linter reads."""

from __future__ import annotations

import copy
import html
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bedrail.checks.cards.chai import PARTS, SCHEMA, SPACE, Element

DATA = Path(__file__).parent / "data" / "cards"
Parts = dict[str, Any]
"""`fields` by name and `results` as a list."""


def clean() -> dict[str, Parts]:
    """The clean cards by name."""
    return tomllib.loads((DATA / "clean.toml").read_text(encoding="utf-8"))


def planted(key: str = "plant") -> Iterator[tuple[dict[str, Any], Parts]]:
    """(what was planted, the card with it); `fresh` ones were written after the rules, and never tuned for."""
    bases = clean()
    for plant in tomllib.loads((DATA / "planted.toml").read_text(encoding="utf-8"))[key]:
        card = copy.deepcopy(bases[plant["base"]])
        for name, text in plant.get("append", {}).items():
            card["fields"][name] = f"{card['fields'].get(name, '')} {text}".strip()
        card["fields"] |= plant.get("set", {})
        for name in plant.get("drop", ()):
            del card["fields"][name]
        for at, changes in plant.get("results", {}).items():
            result = card["results"][int(at)] | changes
            card["results"][int(at)] = {key: value for key, value in result.items() if value != ""}
        yield plant, card


def xml_of(card: Parts) -> bytes:
    """As CHAI XML, in the schema's order."""
    return "\n".join(_written(card, SCHEMA, "", 0)).encode()


def _written(card: Parts, element: Element, part: str, depth: int) -> Iterator[str]:
    part = PARTS.get(element.name, part)
    if element.name == "MetricResult":
        for result in card["results"]:
            if result["part"] == part:
                value = {k: v for k, v in result.items() if k not in ("part", "label")}
                yield f"<MetricResult><Label>{html.escape(result['label'])}</Label>"
                yield f"<ValueJson>{html.escape(json.dumps(value))}</ValueJson></MetricResult>"
        return
    head = f'{element.name} xmlns="{SPACE}"' if depth == 0 else element.name
    if element.children:
        inner = [line for child in element.children for line in _written(card, child, part, depth + 1)]
        if inner or not element.optional:
            yield f"<{head}>"
            yield from inner
            yield f"</{element.name}>"
        return
    name = f"{part}/{element.name}" if part else element.name
    if name in card["fields"] or element.name == "Bibliography":
        for line in card["fields"].get(name, "").split("\n") if element.repeated else [card["fields"].get(name, "")]:
            yield f"<{element.name}>{html.escape(line)}</{element.name}>"


def json_of(card: Parts) -> bytes:
    """As JSON of keys that say what they are."""
    told: dict[str, Any] = {"metrics": card["results"]}
    for name, text in card["fields"].items():
        part, slash, leaf = name.partition("/")
        if slash:
            told.setdefault(part, {})[leaf] = text
        else:
            told[name] = text
    return json.dumps(told).encode()


HEADINGS = {
    "ModelName": "Model name",
    "IntendedUseAndWorkflow": "Intended use",
    "TargetedPatientPopulation": "Patient population",
    "CautionedOutOfScopeSettings": "Out-of-scope uses",
    "KnownRisksAndLimitations": "Limitations",
    "KnownBiasesOrEthicalConsiderations": "Ethical considerations",
    "OutcomesAndOutputs": "Outputs",
    "DevelopmentDataCharacterization": "Training data",
    "OutputAndInputDataTypes": "Input features",
    "RegulatoryApproval": "Regulatory status",
    "usefulness/TestingDataDescription": "Evaluation data",
}


def html_of(card: Parts) -> bytes:
    """As a page with headings in words of its own; figures are in its text only."""
    lines = ["<!doctype html><html><head><style>p{}</style></head><body><h1>Model card</h1>"]
    for name, text in card["fields"].items():
        heading = HEADINGS.get(name, "")
        if heading:
            lines.append(f"<h2>{heading}</h2><p>{html.escape(text)}</p>")
    return "\n".join([*lines, "</body></html>"]).encode()


def markdown_of(card: Parts) -> bytes:
    """The same as Markdown."""
    told = [f"## {HEADINGS[name]}\n\n{text}\n" for name, text in card["fields"].items() if name in HEADINGS]
    return ("# Model card\n\n" + "\n".join(told)).encode()
