"""The provenance graph: walked both ways, and read back by the libraries of OpenLineage and W3C PROV."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from prov.model import ProvActivity, ProvDocument, ProvEntity

from bedrail.cli.provenance_page import provenance_html, provenance_svg
from bedrail.core.errors import NotFound
from bedrail.data.provenance import Edge, Graph, Node, depths
from bedrail.wire.openlineage import events_ndjson, run_events
from bedrail.wire.prov import prov_json, prov_n

AT = "2026-11-22T05:00:00.000001+00:00"
ORIGIN = "small.hospital.example/bedrail"


def node(id_: str, name: str = "", **detail: str) -> Node:
    return Node(id=id_, kind=id_.partition(":")[0], name=name or id_, at=AT, by="sam", index=3, detail=detail)  # type: ignore[arg-type]


GRAPH = Graph(
    nodes=(
        node("source:" + "a" * 64, 'encounters "raw".csv'),
        node("admission:" + "b" * 64, use_case="falls", **{"columns kept": "age, sex", "rows without consent": "7"}),
        node("dataset:" + "b" * 64, use_case="falls"),
        node("dataset:" + "d" * 64, use_case="falls"),
        node("training:" + "c" * 64, use_case="falls"),
        node("model:" + "c" * 64, "boosted", use_case="falls"),
        node("deployment:falls/9", use_case="falls", model="c" * 64),
        node("decision:01J", use_case="falls"),
    ),
    edges=(
        Edge(before="source:" + "a" * 64, after="admission:" + "b" * 64, relation="used"),
        Edge(before="admission:" + "b" * 64, after="dataset:" + "b" * 64, relation="generated"),
        Edge(before="dataset:" + "b" * 64, after="dataset:" + "d" * 64, relation="revised"),
        Edge(before="dataset:" + "b" * 64, after="training:" + "c" * 64, relation="used"),
        Edge(before="training:" + "c" * 64, after="model:" + "c" * 64, relation="generated"),
        Edge(before="model:" + "c" * 64, after="deployment:falls/9", relation="served"),
        Edge(before="deployment:falls/9", after="decision:01J", relation="generated"),
    ),
)


def kinds(graph: Graph) -> list[str]:
    return [n.kind for n in graph.nodes]


def test_the_graph_is_walked_both_ways() -> None:
    """From a decision up to the source, from the source down to decisions, from a model to what it alone led to."""
    up = GRAPH.walk("decision:01J", "up")
    assert kinds(up) == ["source", "admission", "dataset", "training", "model", "deployment", "decision"]
    assert len(GRAPH.walk("source:" + "a" * 64, "down").nodes) == 8
    assert kinds(GRAPH.walk(GRAPH.find("boosted").id, "down")) == ["model", "deployment", "decision"]
    depth = depths(GRAPH)
    assert all(depth[e.before] < depth[e.after] for e in GRAPH.edges)


@pytest.mark.parametrize(("named", "kind"), [("boosted", "model"), ("dddddd", "dataset"), ("01J", "decision"),
                                             ("bbbbbb", "dataset"), ("c" * 64, "model")])  # fmt: skip
def test_things_are_found_by_name_digest_and_beginning(named: str, kind: str) -> None:
    """Whatever is meant once; of a thing and the act that made it, which share a digest, the thing."""
    assert GRAPH.find(named).kind == kind


@pytest.mark.parametrize("named", ["", "ddddd", "nobody", "eeeeee"])
def test_what_is_not_there_or_meant_twice_is_not_found(named: str) -> None:
    """Two datasets whose digests begin alike need a longer beginning."""
    twins = Graph(nodes=(node("dataset:" + "e" * 64), node("dataset:" + "e" * 63 + "f")), edges=())
    with pytest.raises(NotFound):
        twins.find(named)
    with pytest.raises(NotFound):
        GRAPH.find(named)


@pytest.mark.slow
def test_openlineage_events_are_those_of_the_client_s_own_classes() -> None:
    """Every event builds the client's RunEvent, with valid run ids, times, names and facets; twice the same run."""
    from openlineage.client import event_v2
    from openlineage.client.generated import (
        dataset_type_dataset,
        dataset_version_dataset,
        job_type_job,
        schema_dataset,
        tags_run,
    )
    from openlineage.client.serde import Serde

    lines = events_ndjson(GRAPH, ORIGIN).splitlines()
    assert len(lines) == 2
    facets = {
        "schema": schema_dataset.SchemaDatasetFacet,
        "version": dataset_version_dataset.DatasetVersionDatasetFacet,
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet,
    }
    for line in lines:
        said = json.loads(line)
        datasets = {}
        for side, kind in (("inputs", event_v2.InputDataset), ("outputs", event_v2.OutputDataset)):
            datasets[side] = [kind(namespace=d["namespace"], name=d["name"]) for d in said[side]]
            for each in said[side]:
                for name, facet in each["facets"].items():
                    plain = {k: v for k, v in facet.items() if not k.startswith("_")}
                    made = facets[name](**plain)
                    assert facet["_schemaURL"] == made._get_schema()
        job = said["job"]
        job_type = {k: v for k, v in job["facets"]["jobType"].items() if not k.startswith("_")}
        assert job["facets"]["jobType"]["_schemaURL"] == job_type_job.JobTypeJobFacet(**job_type)._get_schema()
        tags = said["run"]["facets"]["tags"]
        assert tags["_schemaURL"] == tags_run.TagsRunFacet()._get_schema()
        assert all(set(tag) == {"key", "value", "source"} for tag in tags["tags"])
        event = event_v2.RunEvent(
            eventTime=said["eventTime"],
            producer=said["producer"],
            eventType=event_v2.RunState[said["eventType"]],
            run=event_v2.Run(runId=said["run"]["runId"]),
            job=event_v2.Job(namespace=job["namespace"], name=job["name"]),
            **datasets,
        )
        back = json.loads(Serde.to_json(event))
        assert (back["eventTime"], back["job"]["name"]) == (said["eventTime"], job["name"])
        assert back["schemaURL"].rpartition("#")[2] == said["schemaURL"].rpartition("#")[2]
        assert uuid.UUID(said["run"]["runId"]).version == 5
    assert run_events(GRAPH, ORIGIN) == run_events(GRAPH, ORIGIN)
    schema = json.loads(lines[0])["outputs"][0]["facets"]["schema"]["fields"]
    assert [field["name"] for field in schema] == ["age", "sex"]


def test_prov_json_is_read_by_the_prov_library_with_every_thing_act_and_link() -> None:
    """Entities, activities, agents, and the relations between them; PROV-N holds the same records."""
    document = ProvDocument.deserialize(io.StringIO(prov_json(GRAPH, ORIGIN).decode()), format="json")
    assert len(list(document.get_records(ProvEntity))) == 6
    assert len(list(document.get_records(ProvActivity))) == 2
    relations = sorted(type(r).__name__ for r in document.get_records() if r.is_relation())
    assert relations.count("ProvUsage") == 2
    assert relations.count("ProvGeneration") == 2
    assert relations.count("ProvDerivation") == 3
    assert relations.count("ProvAssociation") == 2
    written = prov_n(GRAPH, ORIGIN).decode()
    theirs = document.get_provn()
    for word in ("entity(", "activity(", "used(", "wasGeneratedBy(", "wasDerivedFrom(", "wasAssociatedWith(", "agent("):
        assert written.count(word) == theirs.count(word), word
    assert written.count("prov:Revision") == 1


def test_the_picture_says_in_words_what_it_draws_and_escapes_names() -> None:
    """A title, a table with everything, no markup from names."""
    page = provenance_html(GRAPH, GRAPH.nodes[5])
    assert "<title>Provenance: 8 things and acts, 7 links" in page
    assert "encounters &quot;raw&quot;.csv" in page
    assert provenance_svg(GRAPH, "").count("<rect") == 8
