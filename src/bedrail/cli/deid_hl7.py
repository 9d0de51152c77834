"""deid hl7: HL7 v2 messages, de-identified by segment and field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.deid_options import Running, out_option, run_options
from bedrail.cli.deid_records import record_options

if TYPE_CHECKING:
    from bedrail.privacy.hl7.rules import FieldRules
    from bedrail.privacy.text.transform import Method, Profile
    from bedrail.privacy.text.values import Mode


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@out_option
@record_options('Rules of your own as TOML; extends = "safe-harbor" builds on the profile.')
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
