"""The provenance graph: what came from what, through which act, walkable both ways.

Things (sources, queries, steps, datasets, models, deployments, decisions) and acts (admission, training, examination)
are nodes; an edge leads from what was there before to what came of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec

from bedrail.core.errors import NotFound
from bedrail.core.values import Value

Kind = Literal[
    "source", "query", "step", "admission", "dataset", "training", "model", "examination", "deployment", "decision"
]
ACTS: tuple[Kind, ...] = ("admission", "training", "examination")
Way = Literal["up", "down"]


class Node(Value, frozen=True, kw_only=True):
    """A thing or an act: `id` is `kind:digest` or alike, `by` who acted, `index` the ledger's entry that tells it."""

    id: str
    kind: Kind
    name: str
    at: str = ""
    by: str = ""
    index: int = -1
    detail: dict[str, str] = msgspec.field(default_factory=dict)


class Edge(Value, frozen=True, kw_only=True):
    """`relation` as PROV has it: used, generated, derived, revised, served."""

    before: str
    after: str
    relation: str


class Graph(Value, frozen=True, kw_only=True):
    """Nodes in the order of the ledger, and edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def find(self, named: str) -> Node:
        """The node of this id, digest (from six characters on) or name; raises `NotFound`, also when several fit.

        Of a thing and the act that made it, which bear one digest, the thing.
        """
        exact = [node for node in self.nodes if named in (node.id, node.id.partition(":")[2])]
        if exact:
            return next((node for node in reversed(exact) if node.kind not in ACTS), exact[-1])
        begins = [n for n in self.nodes if len(named) >= 6 and n.id.partition(":")[2].startswith(named)]
        things = [n for n in begins if n.kind not in ACTS]
        by_name = [n for n in self.nodes if n.name == named and n.kind not in ACTS]
        for found in (things or begins, by_name):
            if len({node.id for node in found}) == 1:
                return found[0]
            if found and found is by_name:
                return found[-1]
        raise NotFound(
            "nothing, or more than one thing, is called so.",
            path="named",
            remedy="Name a decision, or the digest or name of a dataset or model; bedrail provenance show lists them.",
        )

    def walk(self, start: str, way: Way) -> Graph:
        """What led to a node (up), or what came of it (down), with the node itself."""
        following: dict[str, list[str]] = {}
        for edge in self.edges:
            a, b = (edge.after, edge.before) if way == "up" else (edge.before, edge.after)
            following.setdefault(a, []).append(b)
        seen, waiting = {start}, deque([start])
        while waiting:
            for other in following.get(waiting.popleft(), ()):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return self.only(seen)

    def only(self, ids: Iterable[str]) -> Graph:
        """The part of the graph between these nodes."""
        kept = set(ids)
        return Graph(
            nodes=tuple(node for node in self.nodes if node.id in kept),
            edges=tuple(edge for edge in self.edges if edge.before in kept and edge.after in kept),
        )

    def joined(self, other: Graph) -> Graph:
        """Both together, nothing twice."""
        nodes = {node.id: node for node in (*self.nodes, *other.nodes)}
        edges = dict.fromkeys((*self.edges, *other.edges))
        return Graph(nodes=tuple(nodes.values()), edges=tuple(edges))


def depths(graph: Graph) -> dict[str, int]:
    """For drawing: how many edges the longest way to a node has; a circle, which facts never make, ends the count."""
    before: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        before[edge.after].append(edge.before)
    found: dict[str, int] = {}

    def depth(node: str, on_the_way: frozenset[str]) -> int:
        if node not in found:
            ways = [depth(each, on_the_way | {node}) for each in before[node] if each not in on_the_way]
            found[node] = 1 + max(ways, default=-1)
        return found[node]

    for node in graph.nodes:
        depth(node.id, frozenset())
    return found
