"""deid hl7: HL7 v2 messages, de-identified by segment and field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.deid_options import Running, out_option, run_options

if TYPE_CHECKING:
    from bedrail.privacy.hl7.rules import FieldRules
    from bedrail.privacy.text.transform import Method, Profile
    from bedrail.privacy.text.values import Mode


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@out_option
@click.option(
    "--profile", type=click.Choice(["safe-harbor", "limited-data-set"]), default="safe-harbor", show_default=True,
    help="limited-data-set leaves towns, ZIP codes and moved dates, under a data use agreement.",
)  # fmt: skip
@click.option(
    "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help='Rules of your own as TOML; extends = "safe-harbor" builds on the profile.',
)  # fmt: skip
@click.option(
    "--dates", type=click.Choice(["year", "shift", "keep"]),
    help="What stays of dates; moved or kept dates are not Safe Harbor.",
)  # fmt: skip
@click.option(
    "--text", "free_text", type=click.Choice(["deidentify", "redact"]), help="Free text: cleaned, or removed."
)
@click.option(
    "--method", type=click.Choice(["mask", "generalise", "surrogate"]), default="mask", show_default=True,
    help="What free text gets in the place of identifiers.",
)  # fmt: skip
@click.option("--language", default="en", show_default=True, help="Of free text: en, es or de.")
@click.option(
    "--mode", type=click.Choice(["full", "rules"]), default="full", show_default=True, help="rules is quicker."
)
@run_options
def hl7(
    source: Path,
    out: Path,
    running: Running,
    profile: str,
    config: Path | None,
    dates: str | None,
    free_text: str | None,
    method: Method,
    language: str,
    mode: Mode,
) -> int:
    """De-identify a file of HL7 v2 messages: one or many, in batches (FHS, BHS) or MLLP frames, with any separators.

    Names, addresses and numbers go, identifiers become codes, dates their year, text is cleaned; Z segments and fields
    that the standard does not know are emptied. Codes and offsets agree with FHIR, DICOM and tables by PID-3.

    \b
    Example:
      bedrail deid hl7 feed.hl7 --out safe.hl7 --key-file project.key
      bedrail deid hl7 feed.hl7 --out safe.hl7 --config rules.toml --dates shift
    """
    from bedrail.privacy.hl7.work import MessageWork
    from bedrail.privacy.sources import Messages
    from bedrail.privacy.streaming import run
    from bedrail.privacy.text.transform import TextRules
    from bedrail.wiring.clock import SystemClock

    year = SystemClock().now().year
    read = config.read_text(encoding="utf-8", errors="replace") if config else ""
    work = MessageWork(
        running.key().digest, year, profile=profile, config=read, dates=dates or "", text=free_text or "", mode=mode
    )
    rules = work.rules()
    kinds: dict[str, Profile] = {"year": "safe-harbor", "shift": "expert", "keep": "limited"}
    words = TextRules(method=method, profile=kinds[rules.dates], language=language, newest_year=year)
    work = MessageWork(
        work.digest, year, profile=profile, config=read, dates=work.dates, text=work.text, mode=mode, words=words
    )
    with running.progress("messages") as told:
        done = run(
            Messages(source), running.out(out), work, medium="hl7", profile=work.digest_of_all(), told=told,
            **running.settings(),
        )  # fmt: skip
    return running.report(done, out, more={"standard": standard(rules)})


def standard(rules: FieldRules) -> str:
    """Which way out of HIPAA the output can go; none of them by itself."""
    if rules.name == "limited-data-set":
        return "a limited data set, 45 CFR 164.514(e): needs a data use agreement"
    if rules.dates != "year":
        return "dates are not years: not Safe Harbor; needs an expert determination, 45 CFR 164.514(b)(1)"
    if rules.name != "safe-harbor":
        return "rules of your own: whether they are enough is for an expert, 45 CFR 164.514(b)(1)"
    return "rules of Safe Harbor, 45 CFR 164.514(b)(2); what was missed and (ii) are for a person to judge"
