"""Where data, models and decisions come from and what came of them: one graph, folded from facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events import (
    CandidateAdmitted,
    DataRead,
    DatasetAdmitted,
    DatasetBuilt,
    DeploymentMoved,
    DeploymentRolledBack,
    Entry,
    HoldoutOpened,
    decode,
)
from bedrail.core.queries import DecisionRow
from bedrail.core.values import Value
from bedrail.data.provenance import Edge, Graph, Node, Way
from bedrail.governance.access import require_site, sees_site
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import stored, told
from bedrail.journeys.soundness import require_sound_facts

MOST_DECISIONS = 1000
FED = ("train", "calibration")
"""Parts of a dataset that a model is made from; validation and holdout only judge it."""


class Behind(Value, frozen=True, kw_only=True):
    """Whose rows fed a model, by pseudonym, and how many rows those are."""

    candidate: str
    dataset: str
    rows: int
    people: tuple[str, ...]


class _Fold:
    """Gathers nodes and edges from facts, in order."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: dict[Edge, None] = {}
        self.serving: dict[str, str] = {}

    def node(self, node: Node) -> str:
        """The node is there, as told first."""
        self.nodes.setdefault(node.id, node)
        return node.id

    def edge(self, before: str, after: str, relation: str) -> None:
        """The edge is there."""
        self.edges[Edge(before=before, after=after, relation=relation)] = None

    def graph(self) -> Graph:
        """All of it."""
        return Graph(nodes=tuple(self.nodes.values()), edges=tuple(self.edges))


def whole_graph(ctx: Context, person: str) -> Graph:
    """Everything but single decisions; raises `Corrupt` when the facts are not as sealed."""
    ctx.require(person, "registry.read")
    require_sound_facts(ctx)
    fold = _Fold()
    for index, data in ctx.tape.registry_entries(0):
        entry = decode(data)
        tell = _TELLERS.get(type(entry.fact))
        if tell is not None:
            tell(fold, index, entry, entry.fact)
    return fold.graph()


def show(ctx: Context, person: str, named: str, way: Way | None) -> tuple[Node, Graph]:
    """The node that is meant and what led to it, what came of it, or both.

    A decision is named by its id, and asks for permission to read decisions of its site. Raises `NotFound`.
    """
    graph = whole_graph(ctx, person)
    row = ctx.views.decision(named)
    if row is not None:
        ctx.require(person, "decision.read")
        require_site(ctx.registry, person, row.site)
        graph = graph.joined(_decision(graph, row))
    node = graph.find(f"decision:{named}" if row is not None else named)
    if way is not None:
        return node, graph.walk(node.id, way)
    return node, graph.walk(node.id, "up").joined(graph.walk(node.id, "down"))


def decisions_on(ctx: Context, person: str, named: str) -> list[dict[str, str]]:
    """The newest decisions that rest on a dataset or model, at sites that the person sees, at most a thousand.

    Patients are not told. Raises `Invalid` for what is neither.
    """
    graph = whole_graph(ctx, person)
    ctx.require(person, "decision.read")
    node = graph.find(named)
    models = [n for n in graph.walk(node.id, "down").nodes if n.kind == "model"]
    if not models and node.kind not in ("dataset", "model", "source", "query", "step"):
        raise Invalid("decisions rest on data and models.", path="named", remedy="Name a dataset or a model.")
    found = []
    for model in models:
        digest = model.id.partition(":")[2]
        rows = ctx.views.decisions(model.detail["use_case"], digest, None, MOST_DECISIONS, newest_first=True)
        found += [
            {"decision": r.decision, "at": r.at, "model": model.name, "stage": r.stage, "kind": r.kind, "site": r.site}
            for r in rows
            if sees_site(ctx.registry, person, r.site)
        ]
    return sorted(found, key=lambda each: each["at"], reverse=True)[:MOST_DECISIONS]


def people_behind(ctx: Context, person: str, named: str) -> Behind:
    """Whose rows fed a model: pseudonyms, for those who answer for patients' data; that they looked is on record."""
    actor = ctx.require(person, "data.people")
    node = whole_graph(ctx, person).find(named)
    if node.kind != "model":
        raise Invalid("people stand behind a model.", path="named", remedy="Name a model by digest or name.")
    use_case, dataset = node.detail["use_case"], node.detail["dataset"]
    view = ctx.use_case(use_case).datasets.get(dataset)
    if view is None:
        raise NotFound("the model was made from no data of this house.", path="named", remedy="Ask who made it.")
    frame, labels = stored(ctx, view)
    subject = ctx.charter(use_case).data.subject
    if subject not in frame.columns:
        raise NotFound(
            f"the dataset has no column `{subject}`.", path="named", remedy="Its charter named another then."
        )
    fed = frame.loc[labels.isin(FED).to_numpy(), subject]
    why = "whose rows fed a model"
    count = DataRead(use_case=use_case, kind="people", count=int(fed.nunique()), reason=why)
    ctx.append(actor, "oversight", told(use_case, dataset, (subject,), len(fed), ", ".join(FED), why), count)
    return Behind(candidate=node.id.partition(":")[2], dataset=dataset, rows=len(fed), people=tuple(sorted(set(fed))))


def _decision(graph: Graph, row: DecisionRow) -> Graph:
    node = Node(
        id=f"decision:{row.decision}",
        kind="decision",
        name=row.decision,
        at=row.at,
        index=row.seq,
        detail={"use_case": row.use_case, "stage": row.stage, "kind": row.kind, "policy": row.policy},
    )
    serving = [n for n in graph.nodes if n.kind == "deployment" and n.detail["use_case"] == row.use_case]
    at = [n for n in serving if n.detail["model"] == row.candidate and n.index < row.seq]
    before = at[-1].id if at else f"model:{row.candidate}"
    known = any(each.id == before for each in graph.nodes)
    edges = (Edge(before=before, after=node.id, relation="generated"),) if known else ()
    return Graph(nodes=(node,), edges=edges)


def _admitted(fold: _Fold, index: int, entry: Entry, fact: DatasetAdmitted) -> None:
    act = f"admission:{fact.dataset}"
    fold.node(Node(id=act, kind="admission", name=f"admission of {fact.dataset[:12]}", at=entry.at, by=entry.actor.id,
                   index=index, detail={"use_case": fact.use_case, "told": fact.source}))  # fmt: skip
    dataset = fold.node(
        Node(
            id=f"dataset:{fact.dataset}",
            kind="dataset",
            name=f"{fact.use_case} {fact.dataset[:12]}",
            at=entry.at,
            by=entry.actor.id,
            index=index,
            detail={
                "use_case": fact.use_case,
                "rows": str(fact.rows),
                "columns": str(fact.columns),
                "quality": fact.verdict,
            },
        )
    )
    fold.edge(act, dataset, "generated")


def _built(fold: _Fold, index: int, entry: Entry, fact: DatasetBuilt) -> None:
    act = f"admission:{fact.dataset}"
    for kind, names in (("source", fact.sources), ("step", fact.steps), ("query", (fact.query,) if fact.query else ())):
        for name in names:
            plain, _, digest = name.partition("@")
            shown = f"query {name[:12]}" if kind == "query" else plain
            thing = Node(id=f"{kind}:{digest or name}", kind=kind, name=shown, at=entry.at, index=index)  # type: ignore[arg-type]
            fold.edge(fold.node(thing), act, "used")
    told_more = {
        "purpose": fact.purpose,
        "consent rules": fact.jurisdiction,
        "waiver": fact.waiver,
        "rows without consent": str(fact.rows_without_consent),
        "rows not needed": str(fact.rows_not_needed),
        "columns kept": ", ".join(fact.columns),
    }
    known = fold.nodes[act]
    fold.nodes[act] = Node(**{**_fields(known), "detail": {**known.detail, **told_more}})
    if fact.previous and f"dataset:{fact.previous}" in fold.nodes:
        fold.edge(f"dataset:{fact.previous}", f"dataset:{fact.dataset}", "revised")


def _fields(node: Node) -> dict[str, Any]:
    return {name: getattr(node, name) for name in node.__struct_fields__}


def _trained(fold: _Fold, index: int, entry: Entry, fact: CandidateAdmitted) -> None:
    act = fold.node(
        Node(id=f"training:{fact.candidate}", kind="training", name=fact.origin, at=entry.at, by=fact.author,
             index=index, detail={"use_case": fact.use_case})
    )  # fmt: skip
    if f"dataset:{fact.dataset}" in fold.nodes:
        fold.edge(f"dataset:{fact.dataset}", act, "used")
    model = fold.node(
        Node(
            id=f"model:{fact.candidate}",
            kind="model",
            name=fact.name,
            at=entry.at,
            by=fact.author,
            index=index,
            detail={"use_case": fact.use_case, "dataset": fact.dataset, "kind": fact.kind},
        )
    )
    fold.edge(act, model, "generated")


def _examined(fold: _Fold, index: int, entry: Entry, fact: HoldoutOpened) -> None:
    act = fold.node(
        Node(id=f"examination:{fact.dataset}/{index}", kind="examination", name=fact.purpose, at=entry.at,
             by=entry.actor.id, index=index, detail={"use_case": fact.use_case})
    )  # fmt: skip
    for used in (f"dataset:{fact.dataset}", *(f"model:{each}" for each in fact.candidates)):
        if used in fold.nodes:
            fold.edge(used, act, "used")


def _deployed(fold: _Fold, index: int, entry: Entry, fact: DeploymentMoved | DeploymentRolledBack) -> None:
    if isinstance(fact, DeploymentMoved):
        candidate, stage = fact.candidate, fact.to_stage
    else:
        candidate, stage = fact.to_candidate, fact.stage
    node = fold.node(
        Node(
            id=f"deployment:{fact.use_case}/{index}",
            kind="deployment",
            name=f"{stage} of {fact.use_case}",
            at=entry.at,
            by=entry.actor.id,
            index=index,
            detail={"use_case": fact.use_case, "model": candidate, "stage": stage},
        )
    )
    if f"model:{candidate}" in fold.nodes:
        fold.edge(f"model:{candidate}", node, "served")


_TELLERS: dict[type, Callable[[_Fold, int, Entry, Any], None]] = {
    DatasetAdmitted: _admitted,
    DatasetBuilt: _built,
    CandidateAdmitted: _trained,
    HoldoutOpened: _examined,
    DeploymentMoved: _deployed,
    DeploymentRolledBack: _deployed,
}
