"""examine, on one table of another outcome: options, and what is read from them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.examine_files import outputs_of, renames, words_of, write_outputs
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.checks.outcomes.tables import Layout
    from bedrail.checks.report import Report

TYPES = ("binary", "multiclass", "regression", "survival")

OUTCOME_OPTIONS = (
    click.option(
        "--outcome-type",
        type=click.Choice(TYPES),
        default="binary",
        show_default=True,
        help="What is predicted; all but binary need one table only, see docs/outcomes.md.",
    ),
    click.option("--order", metavar="A,B,C", help="Multiclass: the classes from least to most, when they are ordered."),
    click.option("--nominal", type=float, default=0.9, show_default=True, help="Regression: promised coverage."),
    click.option(
        "--competing",
        type=click.Choice(("none", "ignored")),
        help="Survival: no competing event can happen, or they are to be ignored.",
    ),
    click.option("--measured-in", default="", metavar="WORDS", help="Unit of the outcome or the time, for the report."),
    click.option(
        "--require", multiple=True, metavar="NAME=NUMBER", help="Overrule a requirement: min_macro_auroc=0.7."
    ),
)
BINARY_ONLY = (
    "events",
    "policy",
    "event",
    "horizon",
    "gap",
    "lead",
    "intervention",
    "observed_until",
    "ignore_unknown",
    "fairness_out",
)


def layout_of(options: dict[str, Any]) -> Layout:
    """What the options say of the table; `Invalid` for those that two tables need."""
    from bedrail.checks.outcomes.tables import Layout

    for name in BINARY_ONLY:
        if options.get(name):
            raise Invalid(
                f"is for binary outcomes, not for {options['outcome_type']} ones.",
                path="--" + name.removesuffix("_out").replace("_", "-"),
                remedy="Leave it out: one table holds outcomes and predictions.",
            )
    return Layout(
        outcome_type=options["outcome_type"],
        columns=renames(options["columns"]),
        groups=words_of(options["groups"], "--groups"),
        order=words_of(options["order"], "--order"),
        nominal=options["nominal"],
        competing=options["competing"] or "",
        unit=options["measured_in"],
        threshold=options["threshold"],
    )


def numbers_of(options: dict[str, Any]) -> dict[str, Any]:
    """`NAME=NUMBER` pairs and `--confidence` as a mapping; a pair of numbers is written `0.8:1.2`."""
    found: dict[str, Any] = {}
    for pair in options["require"]:
        name, equals, text = (part.strip() for part in pair.partition("="))
        try:
            values = [float(part) for part in text.split(":")]
        except ValueError:
            values = []
        if not (name and equals) or len(values) not in (1, 2) or name in found or not all(map(isfinite, values)):
            raise Invalid("not one NAME=NUMBER each.", path="--require", remedy="Write --require min_skill=0.2.")
        whole = len(values) == 1 and values[0].is_integer()
        found[name] = (int(values[0]) if whole else values[0]) if len(values) == 1 else tuple(values)
    if options["confidence"] is not None:
        if not 0.5 <= options["confidence"] < 1:
            raise Invalid("not a confidence.", path="--confidence", remedy="Give a number from 0.5 to below 1.")
        found["confidence"] = options["confidence"]
    return found


def examined_outcome(options: dict[str, Any]) -> Report:
    """Examine one table of another outcome, and write what was asked for."""
    from bedrail.journeys.other_outcomes import examine_table
    from bedrail.wiring.clock import SystemClock

    if options["predictions"] is None:
        raise Invalid("is missing.", path="--predictions", remedy="Name the table with outcomes and predictions.")
    outputs = outputs_of(options)
    report = examine_table(
        options["predictions"],
        layout_of(options),
        numbers_of(options),
        checks=words_of(options["checks"], "--checks"),
        title=options["title"],
        made_at=SystemClock().now().isoformat(timespec="seconds"),
    )
    write_outputs(report, outputs)
    return report
