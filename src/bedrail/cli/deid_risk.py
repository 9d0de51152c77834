"""deid risk: what a table would tell an attacker who knows some columns; k, l, t and all risks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.doors import json_option, show_json, show_table
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.privacy.release.risk_page import RiskReport

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--knows", required=True, metavar="A,B,C", help="Columns that the attacker knows of a person.")
@click.option("--sensitive", default="", metavar="D,E", help="Columns that nobody should learn.")
@click.option("--k", type=click.IntRange(2, 10_000), default=11, show_default=True, help="Classes below are small.")
@click.option("--subsets", is_flag=True, help="Also who knows only some of them: every smaller set.")
@click.option("--population", type=FILE, help="A table of the population (CSV, Parquet) with the known columns.")
@click.option(
    "--sampling", type=click.FloatRange(0, 1, min_open=True), help="The share of the population in the table."
)
@click.option("--most-risk", type=click.FloatRange(0, 1), help="Exit code 1 when a record's risk is above this.")
@click.option("--html", type=FILE, help="Write the report as a page with pictures.")
@click.option(
    "--determination", type=FILE, metavar="TERMS.toml", help="An expert's terms: hold the measures against them."
)
@json_option
@click.pass_context
def risk(
    ctx: click.Context,
    source: Path,
    knows: str,
    sensitive: str,
    k: int,
    subsets: bool,
    population: Path | None,
    sampling: float | None,
    most_risk: float | None,
    html: Path | None,
    determination: Path | None,
    as_json: bool,
) -> None:
    """What a table tells an attacker who knows some columns of a person in it.

    Shows how many records are alone or in small classes, what is revealed about sensitive columns, prosecutor,
    journalist and marketer risk, k, l, t, and how many are unique in the population (with --sampling).
    Exit code 1 when --most-risk, or a threshold of the terms, is not met.

    \b
    Example:
      bedrail deid risk safe.csv --knows age,zip,sex --sensitive diagnosis --subsets
      bedrail deid risk safe.csv --knows age,zip,sex --sampling 0.01 --html risk.html --most-risk 0.09
    """
    from bedrail.app import write_paper
    from bedrail.data.read import read_table
    from bedrail.privacy.release.risk_page import risk_html, risk_report
    from bedrail.wiring.clock import SystemClock

    now = SystemClock().now()
    report = risk_report(
        read_table(source),
        words(knows),
        words(sensitive),
        k=k,
        subsets=subsets,
        population=read_table(population) if population else None,
        sampling=sampling,
        terms=terms_of(determination) if determination else None,
        today=now.date(),
        title=source.name,
    )
    if html is not None:
        write_paper(html, risk_html(report).encode())
    if as_json:
        show_json(report)
    else:
        say(report, html)
    risk = (report.measures.journalist or report.measures.risks.prosecutor).highest
    failed = report.determination is not None and report.determination.verdict != "pass"
    ctx.exit(1 if failed or (most_risk is not None and risk > most_risk) else 0)


def words(text: str) -> tuple[str, ...]:
    """`a, b` as two words."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def terms_of(path: Path) -> Any:
    """The expert's terms, from TOML; raises `Invalid` with the line."""
    from bedrail.core.toml_lines import read_toml
    from bedrail.privacy.release.expert import Terms

    if not path.is_file():
        raise Invalid("there is no such file.", path=str(path), remedy="Name the TOML file with the expert's terms.")
    file = read_toml(path.read_bytes(), path.name)
    return file.convert((), file.data, Terms)


def say(report: RiskReport, html: Path | None) -> None:
    """The report on a terminal."""
    measures = report.measures
    risks = measures.risks
    rows: list[tuple[object, ...]] = [
        ("rows, classes", f"{risks.rows:,}", f"{risks.classes:,}"),
        ("smallest class (k)", risks.k, ""),
        ("records alone in their class", f"{risks.unique:.2%}", ""),
        ("prosecutor risk: highest, average", f"{risks.prosecutor.highest:.4f}", f"{risks.prosecutor.average:.4f}"),
        ("marketer risk: expected share found", f"{risks.marketer:.4f}", ""),
    ]
    if measures.journalist is not None:
        rows.append(
            (
                "journalist risk: highest, average",
                f"{measures.journalist.highest:.4f}",
                f"{measures.journalist.average:.4f}",
            )
        )
    if report.uniqueness is not None:
        for each in report.uniqueness.models:
            chosen = " (chosen)" if each.model == report.uniqueness.chosen else ""
            share = "no solution" if each.share is None else f"{each.share:.2%}"
            bounds = f"{each.low:.2%} to {each.high:.2%}" if each.low is not None and each.high is not None else ""
            rows.append((f"unique in the population, {each.model}{chosen}", share, bounds))
    show_table("", ("Measure", "Value", ""), rows)
    if measures.sensitive:
        show_table(
            "",
            ("Sensitive", "l distinct", "l entropy", "t equal", "t ordered", "known for sure"),
            [
                (s.column, s.l_distinct, f"{s.l_entropy:.2f}", f"{s.t_equal:.3f}",
                 f"{s.t_ordered:.3f}" if s.ordered else "", f"{s.revealed:.2%}")
                for s in measures.sensitive
            ],
        )  # fmt: skip
    show_table(
        "",
        ("Who knows", "finds alone", f"in classes below {report.k}", "expected success", "learns for sure"),
        [
            (", ".join(each.knows), f"{each.unique:.2%}", f"{each.below_k:.2%}", f"{each.success:.4f}",
             "; ".join(f"{r.column} of {r.certain:.2%}" for r in each.revealed))
            for each in report.attackers[:40]
        ],
    )  # fmt: skip
    if report.determination is not None:
        show_table(
            "",
            ("Asked", "Measured", "At most", "Verdict"),
            [
                (h.name, "" if h.measured is None else f"{h.measured:.4f}", f"{h.threshold:g}",
                 f"{h.verdict} {h.reason}".strip())
                for h in report.determination.held
            ],
        )  # fmt: skip
        click.echo(
            f"Verdict {report.determination.verdict}; to be looked at again by {report.determination.valid_until}."
        )
    if html is not None:
        click.echo(f"Written: {html}")
