"""The command line: one sub-command per thing a person does; commands load their rooms only when they run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from bedrail.cli.doors import CliState, report_error
from bedrail.core.errors import BedrailError, Unavailable

COMMANDS: dict[str, str] = {
    "init": "bedrail.cli.house:init",
    "sign-in": "bedrail.cli.sign_in:sign_in",
    "sign-out": "bedrail.cli.sign_in:sign_out",
    "whoami": "bedrail.cli.sign_in:whoami",
    "accounts": "bedrail.cli.accounts:accounts",
    "people": "bedrail.cli.house:people",
    "policy": "bedrail.cli.house:policy",
    "token": "bedrail.cli.tokens:token",
    "order": "bedrail.cli.orders:order",
    "access": "bedrail.cli.access:access",
    "break-glass": "bedrail.cli.access:break_glass",
    "findings": "bedrail.cli.access:findings",
    "keys": "bedrail.cli.custody:keys",
    "doctor": "bedrail.cli.posture:doctor",
    "threats": "bedrail.cli.threats:threats",
    "use-case": "bedrail.cli.cases:use_case",
    "status": "bedrail.cli.cases:status",
    "data": "bedrail.cli.cases:data",
    "catalogue": "bedrail.cli.catalogue:catalogue",
    "retention": "bedrail.cli.retention:retention",
    "consent": "bedrail.cli.consent:consent",
    "provenance": "bedrail.cli.provenance:provenance",
    "deid": "bedrail.cli.deid:deid",
    "train": "bedrail.cli.candidates:train",
    "import-model": "bedrail.cli.candidates:import_model",
    "candidates": "bedrail.cli.candidates:candidates",
    "reproduce": "bedrail.cli.reproducing:reproduce",
    "examine": "bedrail.cli.examine:examine_command",
    "explain": "bedrail.cli.explain:explain",
    "attack": "bedrail.cli.attack:attack",
    "mitigate": "bedrail.cli.mitigate:mitigate",
    "probe": "bedrail.cli.probing:probe",
    "scenarios": "bedrail.cli.scenarios:scenarios",
    "card": "bedrail.cli.papers:card",
    "represent": "bedrail.cli.represent:represent",
    "label-choice": "bedrail.cli.represent:label_choice",
    "validate": "bedrail.cli.validate:validate",
    "approve": "bedrail.cli.gates:approve",
    "object": "bedrail.cli.gates:object_command",
    "gate": "bedrail.cli.gates:gate",
    "deploy": "bedrail.cli.gates:deploy",
    "halt": "bedrail.cli.gates:halt",
    "rollback": "bedrail.cli.gates:rollback",
    "serve": "bedrail.cli.serving:serve",
    "watch": "bedrail.cli.watching:watch",
    "sentinels": "bedrail.cli.watching:sentinels",
    "abuse": "bedrail.cli.abuse:abuse",
    "trace": "bedrail.cli.proof:trace",
    "ledger": "bedrail.cli.proof:ledger",
    "witness": "bedrail.cli.witnessing:witness",
    "egress": "bedrail.cli.egress:egress",
    "tls": "bedrail.cli.tls:tls",
    "sbom": "bedrail.cli.inventory:sbom",
    "backup": "bedrail.cli.backups:backup",
    "restore": "bedrail.cli.backups:restore",
    "demo": "bedrail.cli.demo:demo",
}
"""Each command and the function behind it, in the order of the two journeys."""


EVERYWHERE = ("--home", "--as")


class LazyGroup(click.Group):
    """Knows its commands by name and imports one only to run it, so that `--help` stays quick."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--home` and `--as` mean the same wherever they stand."""
        return super().parse_args(ctx, hoisted(args))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order of the journeys."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Names with one line each, from a table, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in COMMANDS])


def hoisted(args: list[str]) -> list[str]:
    """The arguments with `--home X` and `--as X` moved to the front; what stands behind `--` stays."""
    end = args.index("--") if "--" in args else len(args)
    front: list[str] = []
    rest: list[str] = []
    at = 0
    while at < end:
        if args[at] in EVERYWHERE:
            if at + 1 >= end:
                raise click.UsageError(f"Option '{args[at]}' requires an argument.")
            front += args[at : at + 2]
            at += 2
            continue
        (front if args[at].startswith(tuple(f"{name}=" for name in EVERYWHERE)) else rest).append(args[at])
        at += 1
    return front + rest + args[end:]


SUMMARIES: dict[str, str] = {
    "init": "Make a home: store, keys, owner.",
    "sign-in": "Prove who you are, for the commands that follow.",
    "sign-out": "End this terminal's session.",
    "whoami": "Who commands act as, and how that is known.",
    "accounts": "Who can sign in, with what, and through whom.",
    "people": "Add people with roles; list them.",
    "policy": "Show, lint or adopt the policy.",
    "token": "Issue, list, rotate and revoke bearer tokens.",
    "order": "What a timer may do unattended, for whom, until when.",
    "access": "Who may do what; decision rights; access reviews.",
    "break-glass": "In an emergency, take a role for an hour.",
    "findings": "Auditors' findings: file, answer, accept.",
    "keys": "Keys: inventory, rotation, custody, disposal by destroying them.",
    "doctor": "Say what is unsafe in this installation and how to mend it.",
    "threats": "The threats to this installation, and what answers each.",
    "use-case": "Open a use case from its folder.",
    "status": "Where every use case stands.",
    "data": "Admit a table: quality, digest, split.",
    "catalogue": "Data assets: scan, own, confirm how sensitive, export.",
    "retention": "How long data are kept, what is due, disposal with certificates.",
    "provenance": "What came from what: sources to decisions, both ways.",
    "consent": "What people chose, by purpose; FHIR Consent in and out.",
    "deid": "De-identify text, tables, FHIR, HL7 v2, DICOM; measure it.",
    "train": "Train a candidate by recipe.",
    "import-model": "Admit a model made elsewhere, or a vendor's endpoint.",
    "candidates": "The registry of models; hand one over with its papers, verify one.",
    "reproduce": "Train a candidate again from its record, and compare.",
    "examine": "Gather signed evidence; or examine files of predictions and events.",
    "explain": "Why a model said what it said; whether its reasons can be trusted.",
    "mitigate": "A fairer candidate beside one that is there.",
    "attack": "Who was in the training data, what does the model betray?",
    "probe": "Ask a candidate with wrong, absent, noisy inputs.",
    "scenarios": "Vignettes of patients with what is expected: draft, check, keep, run.",
    "card": "Model cards: made from evidence, linted, verified.",
    "label-choice": "Is the outcome fair to every group, judged by another one?",
    "validate": "Other sites, later periods, another hospital's data; existing scores.",
    "represent": "Are the data like those to be served; what would the score do there?",
    "approve": "Approve exact bytes of model, data and policy.",
    "object": "Object, with a reason.",
    "gate": "Is the gate to a stage open, and if not, who can mend it?",
    "deploy": "Move a candidate to the next stage.",
    "halt": "Stop all answers of a use case, at once.",
    "rollback": "Return to an earlier approved version.",
    "serve": "Answer requests and show the house as a web page.",
    "watch": "Look at new decisions and outcomes; act on alarms.",
    "sentinels": "Ask a vendor's model the sentinel questions again.",
    "abuse": "Who copies, probes or floods the decision API.",
    "trace": "The whole path of one decision, run again and compared.",
    "ledger": "Verify the ledger, or export an audit bundle.",
    "witness": "Be a witness for ledgers: remember, cosign, refuse forks.",
    "egress": "Where models outside may be asked.",
    "tls": "Certificates for a lab; revoke one.",
    "sbom": "Print what this installation is made of.",
    "backup": "Copy the home while it serves: ledger, records, artifacts.",
    "restore": "Put a home back from a backup, proven whole.",
    "demo": "Play the whole story on real hospital data.",
}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), default=None, help="The home folder (or BEDRAIL_HOME).")
@click.option("--as", "person", default=None, metavar="PERSON", help="Who acts (or BEDRAIL_ACTOR).")
@click.version_option(package_name="bedrail")
@click.pass_context
def cli(ctx: click.Context, home: Path | None, person: str | None) -> None:
    """Govern clinical AI: evidence before the bedside, decisions with a record, alarms that act, proof for everyone.

    \b
    Example:
      bedrail --home ./home --as dr-adams gate readmission-30d --to pilot
    """
    ctx.obj = CliState(home=home, person=person)


def _out(error: OSError) -> Unavailable:
    """A file that cannot be read or written, said with its name."""
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or type(error).__name__
    return Unavailable(f"{what}.", remedy="Check that path, its permissions and the space on its disk.")


def main(arguments: list[str] | None = None) -> None:
    """Run a command; errors become one clear message and an exit code (see `cli.doors.EXIT_CODES`)."""
    try:
        outcome = cli.main(args=arguments, prog_name="bedrail", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BedrailError as error:
        sys.exit(report_error(error))
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        sys.exit(report_error(_out(error)))
    sys.exit(outcome if isinstance(outcome, int) else 0)
