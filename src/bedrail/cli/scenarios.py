"""scenarios: patients in words with what is expected of the model, written by clinicians, run at every change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table
from bedrail.core.errors import Invalid
from bedrail.core.values import Verdict

if TYPE_CHECKING:
    from bedrail.checks.scenarios.values import Ran
    from bedrail.governance.usecase import Charter

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def scenarios() -> None:
    """Vignettes of patients with what you expect: draft, check, keep with the use case, run.

    \b
    Example: bedrail scenarios new readmission-30d --out scenarios.toml
    """


@scenarios.command("new")
@click.argument("use_case")
@click.option("--out", type=FILE, help="Where to write it; without it, to the terminal.")
@click.option("--candidate", default="", help="With usual values of this candidate's training patients.")
@click.option("--edges", is_flag=True, help="The edge cases that follow from the contract, instead of a template.")
@pass_state
def new(state: CliState, use_case: str, out: Path | None, candidate: str, edges: bool) -> None:
    """Draft a suite: a template with every input's plain name, unit and range, or the edge cases.

    USE_CASE is one of this home, or a folder with a usecase.toml (then no home is needed).

    \b
    Examples:
      bedrail scenarios new readmission-30d --out scenarios.toml
      bedrail scenarios new examples/readmission-30d --edges --out edges.toml
    """
    from bedrail.journeys.scenarios import new_scenarios

    model = None
    if candidate:
        from bedrail.journeys.delivery import find_candidate
        from bedrail.journeys.examination import load_model

        context = state.context()
        model = load_model(context, find_candidate(context.use_case(use_case), candidate).candidate)
    text = new_scenarios(charter_of(state, use_case), model, edges=edges)
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists():
        raise Invalid("this file is there already.", path=str(out), remedy="Name another; nothing is overwritten.")
    write(out, text)
    click.echo(f"Written: {out}. Then: bedrail scenarios lint {out} --use-case {use_case}")


@scenarios.command("lint")
@click.argument("file", type=FILE)
@click.option("--use-case", required=True, help="A use case of this home, or a folder with a usecase.toml.")
@json_option
@pass_state
def lint(state: CliState, file: Path, use_case: str, as_json: bool) -> None:
    """Check a suite; an error names the line, the vignette, the field, and what to write.

    \b
    Example: bedrail scenarios lint scenarios.toml --use-case examples/readmission-30d
    """
    from bedrail.journeys.scenarios import read_for

    suite = read_for(charter_of(state, use_case), read(file), name=file.name)
    if as_json:
        show_json({"file": str(file), "title": suite.title, "vignettes": len(suite.cases), "digest": suite.digest})
    else:
        click.echo(f"{file.name}: {len(suite.cases)} vignettes, no error. SHA-256 {suite.digest}")


@scenarios.command("keep")
@click.argument("use_case")
@click.argument("file", type=FILE)
@json_option
@pass_state
def keep(state: CliState, use_case: str, file: Path, as_json: bool) -> None:
    """Keep a suite with the use case, by its digest; from now on it runs on every candidate that is admitted.

    It runs on the candidates there are at once, and each run is evidence `scenarios`.

    \b
    Example: bedrail --as dr-adams scenarios keep readmission-30d examples/readmission-30d/scenarios.toml
    """
    from bedrail.journeys.scenarios import keep_scenarios

    context = state.context()
    runs = keep_scenarios(context, state.actor(), use_case, read(file), progress=progress_lines())
    digest = context.use_case(use_case).suite
    if as_json:
        show_json({"suite": digest, "verdicts": {name: ran.verdict.value for name, ran in runs.items()}})
        return
    click.echo(f"Kept: suite {digest}")
    for name, ran in runs.items():
        say(name, ran)


@scenarios.command("run")
@click.argument("use_case")
@click.option("--candidate", multiple=True, help="Which candidates; all when not given.")
@click.option("--file", type=FILE, help="Try this file instead of the kept suite: nothing is recorded.")
@click.option("--html", "html_out", type=FILE, help="Write the report page (one candidate).")
@click.option("--junit", "junit_out", type=FILE, help="Write JUnit XML (one candidate).")
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON.")
@pass_state
def run(
    state: CliState,
    use_case: str,
    candidate: tuple[str, ...],
    file: Path | None,
    html_out: Path | None,
    junit_out: Path | None,
    as_json: bool,
) -> int:
    """Run the kept suite on candidates, on record as evidence `scenarios`; or try a file.

    Each vignette goes the way of a request from the bedside, guards and fallbacks included. Exit code 0 when every
    vignette holds, else 1. Pages, JSON and JUnit also stand among the home's reports.

    \b
    Examples:
      bedrail scenarios run readmission-30d --candidate boosted --junit scenarios.xml
      bedrail scenarios run readmission-30d --candidate boosted --file draft.toml
    """
    import msgspec

    from bedrail.checks.scenarios.papers import as_json as told
    from bedrail.checks.scenarios.papers import as_junit, as_page
    from bedrail.journeys.scenarios import run_scenarios, try_scenarios

    context = state.context()
    if (html_out or junit_out) and len(candidate) != 1:
        raise Invalid("one page is about one candidate.", path="--candidate", remedy="Name exactly one.")
    if file is None:
        runs = run_scenarios(context, state.actor(), use_case, candidate, progress=progress_lines())
    else:
        data, names = read(file), candidate or ("",)
        runs = {name: try_scenarios(context, state.actor(), use_case, data, name) for name in names}
    for path, paper in ((html_out, as_page), (junit_out, as_junit)):
        if path is not None:
            for ran in runs.values():
                write(path, paper(ran))
    if as_json:
        show_json({name: msgspec.Raw(told(ran).encode()) for name, ran in runs.items()})
    else:
        for name, ran in runs.items():
            say(name, ran)
        if file is None:
            click.echo(f"Reports: {context.home / 'reports' / use_case}")
    held = bool(runs) and all(ran.verdict is Verdict.PASS for ran in runs.values())
    return 0 if held and (file is not None or not candidate or len(runs) == len(set(candidate))) else 1


@scenarios.command("show")
@click.argument("use_case")
@json_option
@pass_state
def show(state: CliState, use_case: str, as_json: bool) -> None:
    """The suite that a use case keeps, with the last verdict of each candidate.

    \b
    Example: bedrail scenarios show readmission-30d
    """
    from bedrail.journeys.scenarios import CHECK, kept_suite, read_for

    context = state.context()
    view = context.use_case(use_case)
    suite = read_for(context.charter(use_case), kept_suite(context, use_case))
    rows = []
    for one in view.candidates.values():
        told = view.evidence.get((one.candidate, CHECK))
        rows.append(
            (one.name, told.verdict if told else "not run", told.reason if told else "", told.at if told else "")
        )
    if as_json:
        columns = ("candidate", "verdict", "reason", "at")
        vignettes = [{"name": c.vignette.name, "patient": c.vignette.patient} for c in suite.cases]
        last = [dict(zip(columns, row, strict=True)) for row in rows]
        show_json({"suite": view.suite, "title": suite.title, "vignettes": vignettes, "runs": last})
        return
    click.echo(f"{suite.title}: {len(suite.cases)} vignettes, suite {view.suite}")
    show_table("", ("vignette", "patient"), [(c.vignette.name, c.vignette.patient.strip()) for c in suite.cases])
    show_table("Last runs", ("candidate", "verdict", "reason", "at"), rows)


def say(name: str, ran: Ran) -> None:
    """The run in a few lines: what does not hold, in full."""
    held = sum(one.verdict is Verdict.PASS for one in ran.outcomes)
    click.secho(name or "candidate", bold=True)
    click.echo(f"{ran.verdict.value.upper()}: {held} of {len(ran.outcomes)} vignettes hold.")
    for one in ran.outcomes:
        for result in one.results:
            if result.verdict is not Verdict.PASS:
                click.echo(f"  {result.verdict.value:8}{one.vignette} ({result.field}): {result.words}")


def charter_of(state: CliState, use_case: str) -> Charter:
    """The charter of a use case of the home, or of a folder that holds a usecase.toml."""
    from bedrail.governance.usecase import FILE as CHARTER_FILE
    from bedrail.governance.usecase import load_charter

    folder = Path(use_case)
    if (folder / CHARTER_FILE).is_file():
        return load_charter(folder)
    return state.context().charter(use_case)


def read(file: Path) -> bytes:
    """The bytes of a file; raises `Invalid` when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(f"cannot be read ({error.strerror}).", path=str(file), remedy="Check the path.") from None


def write(path: Path, text: str) -> None:
    """Write a file; a folder or a full disk is the caller's to mend."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"cannot be written ({error.strerror}).", path=str(path), remedy="Name another file.") from None
