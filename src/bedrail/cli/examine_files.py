"""examine, on two tables: options about windows and units, what is asked, and the files that are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.checks.joining.timing import Timing
    from bedrail.checks.report import Report
    from bedrail.journeys.day_one import Demands

FILE = click.Path(path_type=Path, dir_okay=False)

TIMING_OPTIONS = (
    click.option("--event", default="", help="Which event is the outcome; needed when there are several."),
    click.option("--horizon", default="", help="Window after a prediction: 30d, 12h, 90min, or a plain number."),
    click.option("--gap", default="", help="An event sooner than this after a prediction came too soon to act on."),
    click.option("--observed-until", default="", metavar="TIME", help="When the tables were cut."),
    click.option(
        "--recurrent/--no-recurrent",
        default=None,
        help="Whether the event can happen again; if not, predictions made after it are left out.",
    ),
    click.option("--unit", default="prediction", show_default=True, help="A row is a: prediction, encounter, subject."),
    click.option(
        "--aggregate", default="max", show_default=True, help="Of several scores of a unit: max, first, last."
    ),
    click.option("--lead", metavar="A,B", help="Lead times for the sensitivity: 6h,24h."),
    click.option("--intervention", metavar="A,B", help="Events of care that may prevent the outcome."),
)
OUTPUT_OPTIONS = (
    click.option("--json", "json_out", type=FILE, help="Write the report as JSON."),
    click.option("--html", "html_out", type=FILE, help="Write the full appendix as one HTML page."),
    click.option("--committee", "committee_out", type=FILE, help="Write the committee's one-page summary (HTML)."),
    click.option("--fairness", "fairness_out", type=FILE, help="Write the page on fairness for a board (HTML)."),
    click.option("--pdf", "pdf_out", type=FILE, help="Write summary and appendix as PDF."),
)


def with_options(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """A decorator that adds `options` in the order in which help shows them."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def timing_of(options: dict[str, Any]) -> Timing:
    """Windows and unit as the options say."""
    from bedrail.checks.joining.timing import Timing

    return Timing(
        gap=options["gap"],
        horizon=options["horizon"],
        unit=options["unit"],
        aggregate=options["aggregate"],
        recurrent=options["recurrent"],
        observed_until=options["observed_until"],
        leads=words_of(options["lead"], "--lead") or (),
        interventions=words_of(options["intervention"], "--intervention") or (),
    )


def examined(options: dict[str, Any]) -> Report:
    """Examine two files and write what was asked for."""
    from bedrail.journeys.day_one import examine_files
    from bedrail.wiring.clock import SystemClock

    outputs = outputs_of(options)
    report = examine_files(
        options["predictions"],
        options["events"],
        demands(options),
        words_of(options["groups"], "--groups"),
        columns=renames(options["columns"]),
        event=options["event"],
        timing=timing_of(options),
        threshold=options["threshold"],
        ignore_unknown=options["ignore_unknown"],
        title=options["title"],
        made_at=SystemClock().now().isoformat(timespec="seconds"),
    )
    write_outputs(report, outputs)
    return report


def outputs_of(options: dict[str, Any]) -> dict[str, Path]:
    """The files that are asked for, by option; raises `Invalid` for a folder that is not there, before any work."""
    outputs = {option: path for option in _MAKERS if (path := options[f"{option}_out"])}
    for option, path in outputs.items():
        if not path.parent.is_dir():
            raise Invalid(
                f"there is no folder {path.parent}.", path=f"--{option}", remedy="Make it, or name another file."
            )
    return outputs


def write_outputs(report: Report, outputs: dict[str, Path]) -> None:
    """Write the report in each form that was asked for."""
    for option, path in outputs.items():
        write(path, _MAKERS[option](report))


_MAKERS: dict[str, Callable[[Report], str | bytes]] = {
    "json": lambda report: report.to_json(),
    "html": lambda report: report.to_html(),
    "committee": lambda report: report.committee_html(),
    "fairness": lambda report: report.fairness_html(),
    "pdf": lambda report: report.to_pdf(),
}


def demands(options: dict[str, Any]) -> Demands:
    """What the options ask: a policy's tier and stage or our defaults, then confidence and chosen checks."""
    import msgspec

    from bedrail.checks.catalogue import CHECKS
    from bedrail.checks.values import Requirements
    from bedrail.journeys.day_one import Demands, demands_of

    asked = Demands(requirements=Requirements())
    if options["policy"]:
        asked = demands_of(read_policy(options["policy"]), options["tier"], options["stage"])
    confidence = options["confidence"]
    if confidence is not None:
        if not 0.5 <= confidence < 1:
            raise Invalid("not a confidence.", path="--confidence", remedy="Give a number from 0.5 to below 1.")
        numbers = msgspec.structs.replace(asked.requirements, confidence=confidence)
        asked = msgspec.structs.replace(asked, requirements=numbers)
    chosen = words_of(options["checks"], "--checks")
    if chosen is None:
        return asked
    for name in chosen:
        if name not in CHECKS:
            raise Invalid(f"there is no check {name}.", path="--checks", remedy=f"Choose from: {', '.join(CHECKS)}.")
    words = f"{asked.words}; by choice only: {', '.join(chosen)}"
    return msgspec.structs.replace(asked, required=chosen, words=words)


def read_policy(path: Path) -> Any:
    """The policy in a file; `Invalid` names the line."""
    from bedrail.governance.policy import parse_policy

    try:
        source = path.read_bytes()
    except OSError:
        raise Invalid("the policy cannot be read.", path=str(path), remedy="Check the path of --policy.") from None
    return parse_policy(source, name=path.name)


def words_of(text: str | None, option: str) -> tuple[str, ...] | None:
    """`a, b` as ("a", "b"); None stays None."""
    if text is None:
        return None
    words = tuple(word.strip() for word in text.split(","))
    if not all(words) or len(set(words)) < len(words):
        raise Invalid("an empty or repeated name.", path=option, remedy="Write names once, with commas: a,b,c.")
    return words


def renames(pairs: tuple[str, ...]) -> dict[str, str]:
    """`score=pred` pairs as a mapping."""
    found: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs) or ours in found:
            raise Invalid("not one OURS=THEIRS for each role.", path="--column", remedy="Write --column score=pred.")
        found[ours] = theirs
    return found


def write(path: Path, content: str | bytes) -> None:
    """Write a report file; a folder or a full disk is the caller's to mend."""
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise Invalid(
            f"cannot be written ({error.strerror}).", path=str(path), remedy="Name a file that you may write."
        ) from None
