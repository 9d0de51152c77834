"""train, import-model, candidates: models enter the registry."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table


@click.command()
@click.argument("use_case")
@click.option("--recipe", type=click.Choice(["logistic", "boosting"]), default="boosting", show_default=True)
@click.option("--name", default="", help="Name of the candidate; the recipe's when not given.")
@json_option
@pass_state
def train(state: CliState, use_case: str, recipe: str, name: str, as_json: bool) -> None:
    """Train a candidate by recipe on the admitted data; calibrated, with uncertainty, packaged and signed.

    \b
    Example: bedrail train readmission-30d --recipe logistic --name baseline
    """
    from bedrail.journeys.admission import train_candidate

    digest = train_candidate(state.context(), state.actor(), use_case, recipe, name=name, progress=progress_lines())
    if as_json:
        show_json({"candidate": digest, "name": name or recipe})
    else:
        click.echo(f"Candidate {name or recipe}: {digest}")


@click.command("import-model")
@click.argument("use_case")
@click.option("--file", type=click.Path(path_type=Path), help="LightGBM text, XGBoost JSON or ONNX file.")
@click.option("--endpoint", default="", help="A vendor's HTTP endpoint, known only by its answers.")
@click.option("--name", required=True, help="Name of the candidate.")
@json_option
@pass_state
def import_model(state: CliState, use_case: str, file: Path | None, endpoint: str, name: str, as_json: bool) -> None:
    """Admit a model made elsewhere; calibrated and given uncertainty on this hospital's own patients.

    \b
    Example: bedrail import-model readmission-30d --file model.txt --name booster
    """
    from bedrail.core.errors import Invalid
    from bedrail.journeys.imports import import_file, import_vendor

    context, actor, progress = state.context(), state.actor(), progress_lines()
    if bool(endpoint) == (file is not None):
        raise Invalid("name either --file or --endpoint.", path="--file", remedy="See bedrail import-model --help.")
    if file is not None:
        digest = import_file(context, actor, use_case, file, name=name, progress=progress)
    else:
        digest = import_vendor(context, actor, use_case, endpoint, name=name, progress=progress)
    if as_json:
        show_json({"candidate": digest, "name": name})
    else:
        click.echo(f"Candidate {name}: {digest}")


@click.command()
@click.argument("use_case")
@json_option
@pass_state
def candidates(state: CliState, use_case: str, as_json: bool) -> None:
    """The candidates of a use case, with their digests and authors.

    \b
    Example: bedrail candidates readmission-30d --json
    """
    view = state.context().use_case(use_case)
    rows = [(c.name, c.kind, c.origin, c.author, c.candidate) for c in view.candidates.values()]
    columns = ("name", "kind", "origin", "author", "candidate")
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)
