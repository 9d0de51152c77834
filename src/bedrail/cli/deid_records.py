"""deid fhir and deid hl7: the options of media that are records, with fields and free text inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

Command = Callable[..., int]


def record_options(config: str) -> Callable[[Command], Command]:
    """Profile, rules of one's own (`config` is their help), dates, and what becomes of free text."""
    options = (
        click.option(
            "--profile", type=click.Choice(["safe-harbor", "limited-data-set"]), default="safe-harbor",
            show_default=True,
            help="limited-data-set leaves towns, ZIP codes and moved dates, under a data use agreement.",
        ),
        click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help=config),
        click.option(
            "--dates", type=click.Choice(["year", "shift", "keep"]),
            help="What stays of dates; moved or kept dates are not Safe Harbor.",
        ),
        click.option(
            "--text", "free_text", type=click.Choice(["deidentify", "redact"]), help="Free text: cleaned, or removed."
        ),
        click.option(
            "--method", type=click.Choice(["mask", "generalise", "surrogate"]), default="mask", show_default=True,
            help="What free text gets in the place of identifiers.",
        ),
        click.option("--language", default="en", show_default=True, help="Of free text: en, es or de."),
        click.option(
            "--mode", type=click.Choice(["full", "rules"]), default="full", show_default=True, help="rules is quicker."
        ),
    )  # fmt: skip

    def chosen(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return chosen
