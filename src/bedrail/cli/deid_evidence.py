"""deid verify, deid evidence: is an output what its manifest says, and how well is it de-identified?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.core.errors import NOT_JSON, Invalid

if TYPE_CHECKING:
    from bedrail.privacy.evidence import Method

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_NO_END = "never by this policy"


@click.command()
@click.argument("manifest", type=_FILE)
@click.argument("out", type=click.Path(path_type=Path, exists=True))
@click.option("--language", default="en", show_default=True, help="Of the text: en, es or de.")
@json_option
def verify(manifest: Path, out: Path, language: str, as_json: bool) -> int:
    """Is OUT what the manifest of its run says, and does anything in it still look like an identifier?

    Needs no home. Exit code 1 when the files are others, or something was found: counts by kind, never a value.

    \b
    Example: bedrail deid verify safe.jsonl.manifest.json safe.jsonl
    """
    from bedrail.privacy.rescan import read_manifest, verify_output
    from bedrail.privacy.text import load

    found = verify_output(read_manifest(manifest), out, load(language, mode="rules"))
    if as_json:
        show_json({**_plain(found), "sound": found.sound})
        return 0 if found.sound else 1
    click.echo(
        "The files are those of the manifest." if found.same_files else "The files are NOT those of the manifest."
    )
    for label, count in found.found.items():
        click.echo(f"{count} places look like {label}.")
    if not found.looked_at:
        click.echo("Nothing was looked through: there is no text in it, or it is DICOM (bedrail deid dicom-audit).")
    elif not found.found:
        click.echo(f"Nothing in {found.looked_at:,} stretches of text has the form of an identifier.")
    if found.taken:
        click.echo(f"{found.taken:,} values have the form and place of the run's pseudonyms, and were taken for them.")
    if found.untold:
        click.echo(f"Surrogates look alike, so nothing is said about: {', '.join(found.untold)}.")
    return 0 if found.sound else 1


@click.group()
def evidence() -> None:
    """Signed evidence of how well data is de-identified: it can fail, and it ends.

    \b
    Example: bedrail --as petra deid evidence show
    """


@evidence.command("add")
@click.argument("manifest", type=_FILE)
@click.option(
    "--out", type=click.Path(path_type=Path, exists=True), required=True, help="The output, for a second look."
)
@click.option(
    "--method", type=click.Choice(["inside", "safe-harbor", "expert", "limited"]), required=True,
    help="By which way the output is called de-identified.",
)  # fmt: skip
@click.option("--evaluation", type=_FILE, help="What `bedrail deid evaluate --json` said of notes of this house.")
@click.option(
    "--risk", type=_FILE, help="What `bedrail deid risk --json` said of the output, best with --determination."
)
@click.option(
    "--attest", is_flag=True, help="I know of nothing by which somebody could be identified, 164.514(b)(2)(ii)."
)
@click.option("--expert", default="", help="Who determined it, with their qualification; else as in --risk.")
@click.option(
    "--until", default="", metavar="YYYY-MM-DD", help="When the expert's determination ends; else as in --risk."
)
@click.option("--language", default="en", show_default=True, help="Of the text: en, es or de.")
@json_option
@pass_state
def add(
    state: CliState,
    manifest: Path,
    out: Path,
    method: Method,
    evaluation: Path | None,
    risk: Path | None,
    attest: bool,
    expert: str,
    until: str,
    language: str,
    as_json: bool,
) -> int:
    """Judge the output of a run on record, and sign the answer. Exit code 1 unless it passes.

    What the policy limits and nobody measured gives `missing`, which is no pass.

    \b
    Example:
      bedrail --home ./home --as petra deid evidence add safe.jsonl.manifest.json --out safe.jsonl \\
        --method safe-harbor --evaluation ours.json --attest
    """
    from hashlib import sha256

    import msgspec

    from bedrail.journeys.deid_evidence import judge_run
    from bedrail.privacy.evidence import Measured, read_evaluation, read_risks
    from bedrail.privacy.rescan import read_manifest, require_same, verify_output
    from bedrail.privacy.text import load

    context = state.context()
    read = read_manifest(manifest)
    require_same(read, out)
    leak, gap = read_evaluation(_json(evaluation)) if evaluation is not None else (None, None)
    risks = read_risks(_json(risk)) if risk is not None else None
    if risks is not None and risks.rows != read.records:
        raise Invalid(f"the risk report is of {risks.rows} rows, the output has {read.records}.", path="--risk",
                      remedy="Run bedrail deid risk on this output.")  # fmt: skip
    if risks is not None and method == "expert":
        expert, until = expert or risks.expert, until or risks.until
    looked = verify_output(read, out, load(language, mode="rules"))
    measured = Measured(
        leak=leak, origin_gap=gap, risks=risks, rescan=sum(looked.found.values()) if looked.looked_at else None,
        untold=looked.untold, expert=expert.strip(),
    )  # fmt: skip
    digest = sha256(msgspec.json.encode(read)).hexdigest()
    found = judge_run(context, state.actor(), digest, method, measured, attest=attest, until=until)
    if as_json:
        show_json(found)
    else:
        show_table("", ("condition", "verdict", "why"),
                   [(f.check.partition(".")[2], f.verdict, f.reason) for f in found.findings])  # fmt: skip
        click.echo(f"De-identified: {found.verdict}. {found.reason}.")
    return 0 if found.verdict == "pass" else 1


@evidence.command("show")
@click.argument("digest", required=False)
@json_option
@pass_state
def show(state: CliState, digest: str | None, as_json: bool) -> None:
    """What is on record about datasets and outputs; with the first letters of a digest, every condition of one.

    `ends` is when the policy in force asks for it anew, by the tier of the use case, or an expert's own date.

    \b
    Example: bedrail --as ada deid evidence show 3f5a91c2
    """
    from bedrail.journeys.deid_evidence import ends_on, list_judged, read_judged

    today = state.context().clock.now().date().isoformat()
    if digest:
        view, found = read_judged(state.context(), state.actor(), digest)
        ends = ends_in_words(ends_on(state.context(), view), today)
        if as_json:
            show_json({"dataset": view.dataset, "method": view.method, "ends": ends, "evidence": found})
            return
        click.echo(
            f"{view.dataset}: {view.verdict}, {view.method}, judged {view.at[:10]} by {view.by}; it ends: {ends}."
        )
        show_table("", ("condition", "verdict", "why"),
                   [(f.check.partition(".")[2], f.verdict, f.reason) for f in found.findings])  # fmt: skip
        return
    listed = list_judged(state.context(), state.actor())
    columns = ("dataset", "method", "verdict", "judged", "by", "ends", "why")
    rows = [
        (v.dataset, v.method, v.verdict, v.at[:10], v.by, ends_in_words(ends, today), v.reason) for v, ends in listed
    ]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, [(row[0][:12], *row[1:]) for row in rows])


def ends_in_words(ends: str, today: str) -> str:
    """The day (`YYYY-MM-DD`), and whether it is over: the gate then asks anew, whatever the verdict was."""
    return f"{ends} (expired)" if ends and ends < today else ends or _NO_END


def _json(path: Path) -> object:
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes())
    except NOT_JSON:
        raise Invalid("not JSON.", path=str(path), remedy="Give what the command prints with --json.") from None


def _plain(value: object) -> dict[str, object]:
    import msgspec

    found = msgspec.to_builtins(value)
    assert isinstance(found, dict)
    return found
