"""The provenance graph as W3C PROV: PROV-JSON (a W3C member submission) and PROV-N (a W3C recommendation of 2013)."""

from __future__ import annotations

import json
import re
from typing import Any

from bedrail.data.provenance import ACTS, Graph, Node

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_TOKENS = {"used": "used", "generated": "wasGeneratedBy"}


def prov_document(graph: Graph, origin: str) -> dict[str, Any]:
    """PROV-JSON: acts are activities, everything else entities, people agents."""
    kinds = {node.id: node.kind for node in graph.nodes}
    document: dict[str, Any] = {
        "prefix": {"bedrail": f"https://bedrail.example/{_UNSAFE.sub('-', origin)}/"},
        "entity": {},
        "activity": {},
        "agent": {},
        "used": {},
        "wasGeneratedBy": {},
        "wasDerivedFrom": {},
        "wasAssociatedWith": {},
        "wasAttributedTo": {},
    }
    for node in graph.nodes:
        said = _attributes(node)
        if node.kind in ACTS:
            document["activity"][_name(node.id)] = {"prov:startTime": node.at, "prov:endTime": node.at, **said}
        else:
            document["entity"][_name(node.id)] = said
        if node.by:
            document["agent"][_name(f"person:{node.by}")] = {
                "prov:type": {"$": "prov:Person", "type": "prov:QUALIFIED_NAME"}
            }
            relation, key = ("wasAssociatedWith", "activity") if node.kind in ACTS else ("wasAttributedTo", "entity")
            _add(document, relation, {f"prov:{key}": _name(node.id), "prov:agent": _name(f"person:{node.by}")})
    for edge in graph.edges:
        before, after = _name(edge.before), _name(edge.after)
        if kinds[edge.after] in ACTS:
            _add(document, "used", {"prov:activity": after, "prov:entity": before})
        elif kinds[edge.before] in ACTS:
            _add(document, "wasGeneratedBy", {"prov:entity": after, "prov:activity": before})
        else:
            derived = {"prov:generatedEntity": after, "prov:usedEntity": before}
            if edge.relation == "revised":
                derived["prov:type"] = {"$": "prov:Revision", "type": "prov:QUALIFIED_NAME"}  # type: ignore[assignment]
            _add(document, "wasDerivedFrom", derived)
    return {key: value for key, value in document.items() if value}


def prov_json(graph: Graph, origin: str) -> bytes:
    """PROV-JSON as bytes."""
    return json.dumps(prov_document(graph, origin), ensure_ascii=False, indent=1).encode() + b"\n"


def prov_n(graph: Graph, origin: str) -> bytes:
    """The same in PROV-N."""
    document = prov_document(graph, origin)
    lines = ["document", f"  prefix bedrail <{document['prefix']['bedrail']}>", ""]
    for name, said in document.get("entity", {}).items():
        lines.append(f"  entity({name}{_bracket(said)})")
    for name, said in document.get("activity", {}).items():
        start, end = said["prov:startTime"], said["prov:endTime"]
        rest = {key: value for key, value in said.items() if key not in ("prov:startTime", "prov:endTime")}
        lines.append(f"  activity({name}, {start}, {end}{_bracket(rest)})")
    lines += [f"  agent({name}{_bracket(said)})" for name, said in document.get("agent", {}).items()]
    for said in document.get("used", {}).values():
        lines.append(f"  used({said['prov:activity']}, {said['prov:entity']}, -)")
    for said in document.get("wasGeneratedBy", {}).values():
        lines.append(f"  wasGeneratedBy({said['prov:entity']}, {said['prov:activity']}, -)")
    for said in document.get("wasDerivedFrom", {}).values():
        rest = {key: value for key, value in said.items() if key == "prov:type"}
        lines.append(f"  wasDerivedFrom({said['prov:generatedEntity']}, {said['prov:usedEntity']}{_bracket(rest)})")
    for said in document.get("wasAssociatedWith", {}).values():
        lines.append(f"  wasAssociatedWith({said['prov:activity']}, {said['prov:agent']}, -)")
    for said in document.get("wasAttributedTo", {}).values():
        lines.append(f"  wasAttributedTo({said['prov:entity']}, {said['prov:agent']})")
    return ("\n".join([*lines, "endDocument"]) + "\n").encode()


def _attributes(node: Node) -> dict[str, Any]:
    said: dict[str, Any] = {"prov:label": node.name, "bedrail:kind": node.kind, "bedrail:entry": str(node.index)}
    said |= {f"bedrail:{_UNSAFE.sub('-', key)}": value for key, value in node.detail.items() if value}
    return said


def _name(node: str) -> str:
    """A qualified name; what a local name may not hold becomes a hyphen."""
    kind, _, rest = node.partition(":")
    return f"bedrail:{kind}-{_UNSAFE.sub('-', rest)}"


def _add(document: dict[str, Any], relation: str, said: dict[str, Any]) -> None:
    document[relation][f"_:{relation}{len(document[relation])}"] = said


def _bracket(said: dict[str, Any]) -> str:
    parts = []
    for key, value in said.items():
        if isinstance(value, dict):
            parts.append(f"{key}='{value['$']}'")
        else:
            parts.append(f"{key}={json.dumps(str(value), ensure_ascii=False)}")
    return f", [{', '.join(parts)}]" if parts else ""
