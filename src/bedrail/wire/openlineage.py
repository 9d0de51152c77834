"""The provenance graph as OpenLineage run events (spec 2-0-2), one for each act that used or made a dataset.

Names follow the spec's naming: namespace `bedrail://ORIGIN`, a dataset's or model's name is its digest, a job's
`USE_CASE.ACT`. Run ids are UUIDs (version 5) of the act's own id, so exporting twice tells the same run.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from bedrail.data.provenance import ACTS, Graph, Node

PRODUCER = "https://bedrail.example"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = "https://openlineage.io/spec/facets"
_RUNS = uuid.uuid5(uuid.NAMESPACE_URL, "https://bedrail.example/provenance")


def run_events(graph: Graph, origin: str) -> list[dict[str, Any]]:
    """A COMPLETE event for each act, in the order of the ledger."""
    nodes = {node.id: node for node in graph.nodes}
    events = []
    for act in (node for node in graph.nodes if node.kind in ACTS):
        used = [nodes[edge.before] for edge in graph.edges if edge.after == act.id]
        made = [nodes[edge.after] for edge in graph.edges if edge.before == act.id]
        events.append(
            {
                "eventType": "COMPLETE",
                "eventTime": act.at,
                "producer": PRODUCER,
                "schemaURL": SPEC,
                "run": {"runId": str(uuid.uuid5(_RUNS, f"{origin}/{act.id}")), "facets": _run_facets(act)},
                "job": {
                    "namespace": f"bedrail://{origin}",
                    "name": f"{act.detail.get('use_case', 'house')}.{act.kind}",
                    "facets": {
                        "jobType": {
                            **_facet("2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"),
                            "processingType": "BATCH",
                            "integration": "BEDRAIL",
                            "jobType": act.kind.upper(),
                        }
                    },
                },
                "inputs": [_dataset(node, origin, act) for node in used],
                "outputs": [_dataset(node, origin, act) for node in made],
            }
        )
    return events


def events_ndjson(graph: Graph, origin: str) -> bytes:
    """The events, one in each line."""
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in run_events(graph, origin))


def _run_facets(act: Node) -> dict[str, Any]:
    said = {key: value for key, value in act.detail.items() if value}
    return {
        "tags": {
            **_facet("1-0-0/TagsRunFacet.json#/$defs/TagsRunFacet"),
            "tags": [{"key": key, "value": value[:1000], "source": "BEDRAIL"} for key, value in said.items()]
            + [{"key": "by", "value": act.by, "source": "BEDRAIL"}, _entry(act)],
        }
    }


def _entry(act: Node) -> dict[str, str]:
    return {"key": "ledger entry", "value": str(act.index), "source": "BEDRAIL"}


def _dataset(node: Node, origin: str, act: Node) -> dict[str, Any]:
    kind, _, name = node.id.partition(":")
    facets: dict[str, Any] = {
        "version": {
            **_facet("1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"),
            "datasetVersion": name,
        },
        "datasetType": {
            **_facet("1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet"),
            "datasetType": {"source": "FILE", "query": "QUERY", "step": "CODE", "model": "MODEL"}.get(kind, "TABLE"),
        },
    }
    columns = [each for each in act.detail.get("columns kept", "").split(", ") if each]
    if kind == "dataset" and columns and act.kind == "admission":
        facets["schema"] = {
            **_facet("1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet"),
            "fields": [{"name": column} for column in columns],
        }
    return {"namespace": f"bedrail://{origin}", "name": f"{kind}/{name}", "facets": facets}


def _facet(path: str) -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": f"{FACETS}/{path}"}
