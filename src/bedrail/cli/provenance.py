"""provenance: what came from what, both ways; as a picture, as OpenLineage, as W3C PROV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

if TYPE_CHECKING:
    from bedrail.data.provenance import Graph, Way


@click.group()
def provenance() -> None:
    """Where data, models and decisions come from, and what came of them.

    \b
    Example: bedrail --as ada provenance show 01JXXXXXXXXXXXXXXXXXXXXXXX --up
    """


@provenance.command("show")
@click.argument("named", required=False)
@click.option("--up", "way", flag_value="up", default=None, help="What led to it.")
@click.option("--down", "way", flag_value="down", help="What came of it.")
@click.option("--html", type=click.Path(path_type=Path), default=None, help="Write a page with a picture.")
@click.option("--svg", type=click.Path(path_type=Path), default=None, help="Write the picture alone.")
@json_option
@pass_state
def show(
    state: CliState, named: str | None, way: Way | None, html: Path | None, svg: Path | None, as_json: bool
) -> None:
    """Walk the graph from a decision, or from a dataset or model by digest or name; all of it without a name.

    \b
    Example: bedrail --as ada provenance show boosted --down --html boosted.html
    """
    from bedrail.cli.key_options import write_new
    from bedrail.cli.provenance_page import provenance_html, provenance_svg
    from bedrail.data.provenance import Node
    from bedrail.journeys.provenance import show as walk
    from bedrail.journeys.provenance import whole_graph

    context, person = state.context(), state.actor()
    if named is None:
        start, graph = Node(id="", kind="source", name="everything"), whole_graph(context, person)
    else:
        start, graph = walk(context, person, named, way)
    if svg is not None:
        write_new(svg, provenance_svg(graph, start.id).encode())
    if html is not None:
        write_new(html, provenance_html(graph, start).encode())
    show_json({"start": start.id, "graph": graph}) if as_json else _show(graph)


def _show(graph: Graph) -> None:
    before: dict[str, list[str]] = {}
    names = {node.id: f"{node.kind} {node.name}" for node in graph.nodes}
    for edge in graph.edges:
        before.setdefault(edge.after, []).append(names[edge.before])
    rows = [(n.kind, n.name, n.at[:19], n.by, ", ".join(before.get(n.id, []))[:80]) for n in graph.nodes]
    show_table("", ("what", "name", "at", "by", "from"), rows)


@provenance.command("decisions")
@click.argument("named")
@json_option
@pass_state
def decisions(state: CliState, named: str, as_json: bool) -> None:
    """The newest decisions that rest on a dataset or a model, without their patients.

    \b
    Example: bedrail --as ada provenance decisions boosted
    """
    from bedrail.journeys.provenance import decisions_on

    found = decisions_on(state.context(), state.actor(), named)
    if as_json:
        show_json(found)
        return
    columns = ("decision", "at", "model", "stage", "kind", "site")
    show_table(f"{len(found)} decisions", columns, [tuple(row[name] for name in columns) for row in found])


@provenance.command("people")
@click.argument("model")
@json_option
@pass_state
def people(state: CliState, model: str, as_json: bool) -> None:
    """Whose rows fed a model, by pseudonym; that you looked is on record.

    \b
    Example: bedrail --as priya provenance people boosted --json
    """
    from bedrail.journeys.provenance import people_behind

    found = people_behind(state.context(), state.actor(), model)
    if as_json:
        show_json(found)
        return
    click.echo(f"{found.rows} rows of {len(found.people)} people, of dataset {found.dataset[:12]}.")
    for person in found.people:
        click.echo(person)


@provenance.command("export")
@click.option("--format", "form", type=click.Choice(["openlineage", "prov-json", "prov-n"]), required=True)
@click.option("--of", "named", default="", help="Only what led to and came of this.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new file.")
@pass_state
def export(state: CliState, form: str, named: str, out: Path) -> None:
    """Write the graph as OpenLineage run events (one in each line), PROV-JSON or PROV-N.

    \b
    Example: bedrail --as ada provenance export --format openlineage --out lineage.ndjson
    """
    from bedrail.cli.key_options import write_new
    from bedrail.journeys.provenance import show as walk
    from bedrail.journeys.provenance import whole_graph
    from bedrail.wiring.datasets import PROVENANCE_FORMATS

    context, person = state.context(), state.actor()
    graph = walk(context, person, named, None)[1] if named else whole_graph(context, person)
    write_new(out, PROVENANCE_FORMATS[form](graph, state.app().origin))
    click.echo(f"{len(graph.nodes)} things and acts in {out}.")
