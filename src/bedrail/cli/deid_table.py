"""deid table and deid policy: tables by a policy, with a proof for each column; a first policy for a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.deid_options import Running, out_option, run_options

if TYPE_CHECKING:
    from bedrail.privacy.release.release import Released
    from bedrail.privacy.text.values import Mode

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--policy", required=True, metavar="FILE|safe-harbor", help="A policy (TOML), or the shipped one.")
@out_option
@click.option("--proof", type=FILE, help="The proof report: HTML, and JSON beside it. OUT.proof.html unless said.")
@click.option("--language", default="en", show_default=True, help="Language of free text: en, es or de.")
@click.option(
    "--text", "mode", type=click.Choice(["full", "rules", "drop"]), default="full", show_default=True,
    help="Free text: read by all detectors, by rules (quicker, misses more), or left empty.",
)  # fmt: skip
@click.option("--delimiter", default="", metavar="SIGN", help="Of CSV fields; found by itself unless said.")
@click.option("--year", type=int, default=0, metavar="YYYY", help="The year ages are counted to; this one unless said.")
@run_options
def table(
    source: Path,
    policy: str,
    out: Path,
    running: Running,
    proof: Path | None,
    language: str,
    mode: str,
    delimiter: str,
    year: int,
) -> int:
    """De-identify a table (CSV of any size, or Parquet) by a policy; prove it column by column.

    With safe-harbor, columns are recognised by their names and values: what is not known to be harmless is left out.
    Exit code 1 when rows failed, or the second look at the output found something.

    \b
    Example:
      bedrail deid table visits.csv --policy safe-harbor --out safe.csv
      bedrail deid table visits.csv --policy release.toml --out safe.csv --key-file project.key
      bedrail deid table visits.csv --policy safe-harbor --out - --proof proof.html | gzip > safe.csv.gz
    """
    from bedrail.privacy.release.parquet import SUFFIXES, deidentify_parquet
    from bedrail.privacy.release.policy_file import SAFE_HARBOR, read_policy
    from bedrail.privacy.release.release import deidentify_csv
    from bedrail.wiring.clock import SystemClock

    chosen = None if policy == SAFE_HARBOR else read_policy(Path(policy))
    newest = year or SystemClock().now().year
    reading: Mode | None = None if mode == "drop" else "full" if mode == "full" else "rules"
    if source.name.lower().endswith(SUFFIXES):
        done = deidentify_parquet(
            source, running.out(out), chosen, running.key().digest, newest=newest, language=language, mode=reading,
            project=running.project,
        )  # fmt: skip
    else:
        with running.progress("rows") as told:
            done = deidentify_csv(
                source, running.out(out), chosen, running.key().digest, newest=newest, language=language, mode=reading,
                delimiter="\t" if delimiter in ("\\t", "tab") else delimiter, told=told, **running.settings(),
            )  # fmt: skip
    if running.piped and proof is None:
        papers = "not written: name a file, --proof FILE"
    else:
        papers = write_proof(done, proof or out.with_name(f"{out.name}.proof.html"), out.name, running)
    code = running.report(done.run, out, more=summary(done, papers))
    return 1 if done.proof.left else code


def write_proof(done: Released, path: Path, title: str, running: Running) -> str:
    """The report as a page and as JSON beside it; where, in words. `title` is of the output: inputs name patients."""
    import msgspec

    from bedrail.app import write_paper
    from bedrail.privacy.release.proof import Page, proof_html
    from bedrail.wiring.clock import SystemClock

    if running.dry_run:
        return "not written: a dry run"
    page = Page(title=title, made_at=SystemClock().now().isoformat(timespec="seconds"))
    write_paper(path, proof_html(done.proof, page, done.solution).encode())
    whole = {"proof": msgspec.to_builtins(done.proof), "solution": msgspec.to_builtins(done.solution)}
    beside = path.with_suffix(".json")
    write_paper(beside, msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    return f"{path} and {beside.name}"


def summary(done: Released, papers: str) -> dict[str, object]:
    """A few lines for the end of a run."""
    more: dict[str, object] = {"standard": done.proof.standard, "proof": papers, "left": done.proof.left}
    if done.solution is not None:
        sure = "certified optimum" if done.solution.certified else "heuristic"
        more["generalised"] = f"{done.solution.method} ({sure}), loss {done.solution.loss:.4f}"
        more["rows left out"] = done.solution.suppressed
    for at, note in enumerate(done.proof.notes, start=1):
        more[f"note {at}"] = note
    return more


@click.group()
def policy() -> None:
    """Policies for tables: draft one from a table, check one.

    \b
    Example: bedrail deid policy draft visits.csv > release.toml
    """


@policy.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=FILE, help="Write it here instead of printing it.")
@click.option("--k", type=click.IntRange(2, 1000), default=5, show_default=True, help="The smallest class to aim at.")
@click.option("--safe-harbor", "shipped", is_flag=True, help="Draft what `--policy safe-harbor` does to this table.")
@click.option("--delimiter", default="", metavar="SIGN", help="Of CSV fields; found by itself unless said.")
def draft(source: Path, out: Path | None, k: int, shipped: bool, delimiter: str) -> None:
    """Draft a policy for a CSV table: what each column seems to be, and what would be done to it.

    \b
    Example: bedrail deid policy draft visits.csv --out release.toml
    """
    from bedrail.app import write_paper
    from bedrail.privacy.release.policy_file import written
    from bedrail.privacy.release.release import read_head
    from bedrail.privacy.release.safe_harbor import draft as drafted
    from bedrail.privacy.release.safe_harbor import safe_harbor

    head = read_head(source, delimiter=delimiter)
    columns = list(zip(*head.rows, strict=True))
    if shipped:
        text = written(safe_harbor(head.header, columns))
    else:
        made, comments = drafted(head.header, columns, k=k)
        text = written(made, comments=comments)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_paper(out, text.encode())
        click.echo(f"Written: {out}")


@policy.command()
@click.argument("path", type=click.Path(path_type=Path))
def lint(path: Path) -> None:
    """Read a policy and say what is wrong with it, with its line.

    \b
    Example: bedrail deid policy lint release.toml
    """
    from bedrail.privacy.release.policy_file import read_policy

    found = read_policy(path)
    click.echo(f"{len(found.columns)} columns declared; quasi-identifiers: {', '.join(found.quasi) or 'none'}.")
