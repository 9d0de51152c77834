"""deid fhir: resources, Bundles, NDJSON and folders of bulk exports, de-identified by rules on paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.deid_options import Running, out_option, run_options
from bedrail.cli.deid_records import record_options

if TYPE_CHECKING:
    from bedrail.privacy.fhir.configuration import Configuration
    from bedrail.privacy.text.transform import Method, Profile
    from bedrail.privacy.text.values import Mode


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@out_option
@record_options("Rules of your own, or Microsoft's configuration files as they are, in place of a profile.")
@click.option(
    "--subject", default="id", show_default=True, metavar="id|mrn|SYSTEM",
    help="What a patient's code and offset are made of: the id, or an identifier, as in HL7 v2, DICOM and tables.",
)  # fmt: skip
@run_options
def fhir(
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
    subject: str,
) -> int:
    """De-identify FHIR R4: a resource or Bundle, NDJSON, or a folder of a bulk export (.gz too).

    References, ids and dates agree over all files of a run, and with other runs under the same --key-file. Narratives,
    notes and attached text go through the text engine, which is told what the record knows of its patient.

    \b
    Example:
      bedrail deid fhir export/ --out safe/ --key-file project.key
      bedrail deid fhir bundle.json --out safe.json --config configuration-sample.json
    """
    from bedrail.privacy.fhir.work import FhirWork, deidentify_path
    from bedrail.privacy.text.transform import TextRules
    from bedrail.wiring.clock import SystemClock
    from bedrail.wiring.deidentifying import DeidDesk

    year = SystemClock().now().year
    kind: Profile = "safe-harbor"
    if dates == "shift" or (profile == "limited-data-set" and dates is None):
        kind = "expert"  # dates in text move as those of the elements do
    if dates == "keep":
        kind = "limited"
    words = TextRules(method=method, profile=kind, language=language, newest_year=year)
    read = config.read_text(encoding="utf-8", errors="replace") if config else ""
    work = FhirWork(
        running.key().digest, year, profile=profile, config=read, dates=dates or "", text=free_text or "", words=words,
        mode=mode, subject_by=subject,
    )  # fmt: skip
    rules = work.rules()
    if rules.hash_key:
        work = FhirWork(
            work.digest, year, config=read, dates=work.dates, text=work.text, words=words, mode=mode,
            subject_by=subject, hashed=DeidDesk.text_hash(rules.hash_key),
        )  # fmt: skip
    for remark in rules.remarks:
        click.echo(f"Note: {remark}", err=True)
    with running.progress("resources") as told:
        done = deidentify_path(source, running.out(out), work, told=told, **running.settings())
    return running.report(done, out, more={"standard": standard(rules)})


def standard(rules: Configuration) -> str:
    """Which way out of HIPAA the output can go; none of them by itself."""
    if not rules.own:
        return "rules of your own: whether they are enough is for an expert, 45 CFR 164.514(b)(1)"
    if rules.name == "limited-data-set":
        return "a limited data set, 45 CFR 164.514(e): needs a data use agreement"
    if rules.dates != "year":
        return "dates are not years: not Safe Harbor; needs an expert determination, 45 CFR 164.514(b)(1)"
    return "rules of Safe Harbor, 45 CFR 164.514(b)(2); what was missed and (ii) are for a person to judge"
