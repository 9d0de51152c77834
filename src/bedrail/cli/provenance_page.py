"""The provenance graph as a picture: boxes in columns by depth, lines between them, and the same in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bedrail.data.provenance import depths

if TYPE_CHECKING:
    from bedrail.data.provenance import Graph, Node

WIDE, TALL, GAP_X, GAP_Y = 190, 44, 60, 16

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#1b2733}
svg{max-width:100%;height:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9e0e6;vertical-align:top}
caption{text-align:left;font-weight:600;padding:1rem 0 .3rem}@media print{body{margin:0;font-size:11px}}"""


def provenance_svg(graph: Graph, start: str) -> str:
    """Acts are drawn with round ends, things with corners; the node that was asked about has a thick border."""
    columns: dict[int, list[Node]] = {}
    depth = depths(graph)
    for node in graph.nodes:
        columns.setdefault(depth[node.id], []).append(node)
    ranks = {rank: number for number, rank in enumerate(sorted(columns))}
    place = {
        node.id: (10 + ranks[rank] * (WIDE + GAP_X), 10 + row * (TALL + GAP_Y))
        for rank, nodes in columns.items()
        for row, node in enumerate(nodes)
    }
    width = 20 + len(columns) * (WIDE + GAP_X) - GAP_X
    height = 20 + max((len(nodes) for nodes in columns.values()), default=1) * (TALL + GAP_Y)
    lines = "".join(_line(place[e.before], place[e.after], e.relation) for e in graph.edges)
    boxes = "".join(_box(node, *place[node.id], thick=node.id == start) for node in graph.nodes)
    said = f"Provenance: {len(graph.nodes)} things and acts, {len(graph.edges)} links, from sources (left) on."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{said}"><title>{said}</title>'
        f'<g font-family="system-ui,sans-serif" font-size="12">{lines}{boxes}</g></svg>'
    )


def _line(a: tuple[int, int], b: tuple[int, int], relation: str) -> str:
    x1, y1, x2, y2 = a[0] + WIDE, a[1] + TALL // 2, b[0], b[1] + TALL // 2
    bend = (x2 - x1) // 2
    dash = ' stroke-dasharray="4 3"' if relation == "revised" else ""
    path = f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
    return f'<path d="{path}" fill="none" stroke="#3d6ea5"{dash}><title>{escape(relation)}</title></path>'


def _box(node: Node, x: int, y: int, *, thick: bool) -> str:
    from bedrail.data.provenance import ACTS

    round_ = TALL // 2 if node.kind in ACTS else 3
    border = 3 if thick else 1
    name = node.name if len(node.name) <= 26 else node.name[:25] + "…"
    return (
        f'<rect x="{x}" y="{y}" width="{WIDE}" height="{TALL}" rx="{round_}" fill="#f6f8fa" stroke="#1b2733" '
        f'stroke-width="{border}"/><text x="{x + 12}" y="{y + 18}" font-weight="600">{escape(node.kind)}</text>'
        f'<text x="{x + 12}" y="{y + 34}">{escape(name)}</text>'
    )


def provenance_html(graph: Graph, start: Node) -> str:
    """One self-contained page: the picture, then every node and link as a table."""
    names = {node.id: f"{node.kind} {node.name}" for node in graph.nodes}
    rows = "".join(
        f"<tr><td>{escape(n.kind)}</td><td>{escape(n.name)}</td><td><code>{escape(n.id.partition(':')[2])}</code></td>"
        f"<td>{escape(n.at[:19])}</td><td>{escape(n.by)}</td><td>{n.index}</td>"
        f"<td>{escape('; '.join(f'{k}: {v}' for k, v in n.detail.items() if v))}</td></tr>"
        for n in graph.nodes
    )
    links = "".join(
        f"<tr><td>{escape(names[e.before])}</td><td>{escape(e.relation)}</td><td>{escape(names[e.after])}</td></tr>"
        for e in graph.edges
    )
    heads = "".join(f"<th>{h}</th>" for h in ("What", "Name", "Digest or id", "When", "By", "Ledger entry", "More"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Provenance of {escape(start.name)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>Provenance of {escape(start.kind)} {escape(start.name)}</h1>"
        f"{provenance_svg(graph, start.id)}"
        f"<table><caption>Things and acts</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"<table><caption>Links</caption><thead><tr><th>Before</th><th>Link</th><th>After</th></tr></thead>"
        f"<tbody>{links}</tbody></table></body></html>"
    )
