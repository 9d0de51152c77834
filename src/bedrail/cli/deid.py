"""deid: one command per medium; each is imported only when it runs."""

from __future__ import annotations

import importlib

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "dicom": ("bedrail.cli.deid_dicom:dicom", "DICOM files by PS3.15 Annex E, pixels included."),
    "dicom-audit": ("bedrail.cli.deid_dicom:dicom_audit", "What is left in de-identified DICOM files."),
    "hl7": ("bedrail.cli.deid_hl7:hl7", "HL7 v2 messages by segment and field."),
    "fhir": ("bedrail.cli.deid_fhir:fhir", "FHIR R4 by rules on paths: Bundles, NDJSON, bulk exports."),
    "table": ("bedrail.cli.deid_table:table", "Tables by a policy, or Safe Harbor; a proof for each column."),
    "risk": ("bedrail.cli.deid_risk:risk", "What a table tells an attacker who knows some columns."),
    "policy": ("bedrail.cli.deid_table:policy", "Policies for tables: draft, check."),
    "text": ("bedrail.cli.deid_text:text", "Notes in lines of JSON: surrogates, masks, shifted dates."),
    "review": ("bedrail.cli.deid_review:review", "Read de-identified notes; say what was missed."),
    "leak-rate": ("bedrail.cli.deid_review:leak_rate_command", "What a review of random notes says about all."),
    "learn": ("bedrail.cli.deid_review:learn", "Learn a project's terms from corrections."),
    "evaluate": ("bedrail.cli.deid_evaluate:evaluate", "How well identifiers in notes are found, on your own gold."),
    "verify": ("bedrail.cli.deid_evidence:verify", "Is an output what its manifest says? A second look."),
    "evidence": ("bedrail.cli.deid_evidence:evidence", "Signed evidence of how well data is de-identified."),
    "project": ("bedrail.cli.deid_projects:project", "Projects with keys of their own, and their end."),
    "reidentify": ("bedrail.cli.deid_projects:reidentify", "Who is behind a pseudonym: asked, approved, opened once."),
}
"""Each medium or act: where its command lives, and one line about it."""


class Media(click.Group):
    """Knows its commands by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Names with one line each, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])


@click.group(cls=Media)
def deid() -> None:
    """De-identify text, tables, FHIR, HL7 v2 and DICOM; measure how well.

    \b
    Example: bedrail deid text notes.jsonl --out safe.jsonl
    """
