"""deid project, deid reidentify: keys of projects, their end, and who is behind a pseudonym."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.core.errors import Invalid


@click.group()
def project() -> None:
    """Projects of de-identification: each has a key of its own, and can be forgotten for ever.

    \b
    Example: bedrail --as petra deid project add sepsis-study --escrow
    """


@project.command("add")
@click.argument("name")
@click.option("--provider", default="", help="Who keeps its key (keys.toml); that of pseudonyms unless said.")
@click.option("--escrow", is_flag=True, help="Keep, sealed, who is behind each pseudonym.")
@click.option("--escrow-provider", default="", help="Who keeps the escrow's key; as --provider unless said.")
@json_option
@pass_state
def add(state: CliState, name: str, provider: str, escrow: bool, escrow_provider: str, as_json: bool) -> None:
    """Begin a project. Its key is made now, and never shown.

    \b
    Example: bedrail --as petra deid project add sepsis-study --provider pseudonyms --escrow
    """
    from bedrail.app import DeidDesk
    from bedrail.journeys.deidentifying import add_project

    app = state.app()
    keeper = provider or DeidDesk.first_provider(app)
    keeps = (escrow_provider or keeper) if escrow or escrow_provider else ""
    made = add_project(
        state.context(), DeidDesk.project_keys(app), DeidDesk.data_key_providers(app), state.actor(), name,
        provider=keeper, escrow=keeps,
    )  # fmt: skip
    if as_json:
        show_json({"project": made.project, "provider": made.provider, "escrow": made.escrow})
        return
    click.echo(f"{made.project}: its key rests with {made.provider}.")
    if made.escrow:
        click.echo(f"Who is behind its pseudonyms is kept, sealed; the key of that rests with {made.escrow}.")


@project.command("list")
@json_option
@pass_state
def list_(state: CliState, as_json: bool) -> None:
    """Every project: who keeps its key, whether there is an escrow, how many runs, whether it is retired.

    \b
    Example: bedrail --as petra deid project list
    """
    from bedrail.journeys.deidentifying import list_projects

    found = list_projects(state.context(), state.actor())
    rows = [(p.project, p.state, p.provider, p.escrow or "none", p.runs, p.by, p.at[:10]) for p in found]
    columns = ("project", "state", "provider", "escrow", "runs", "by", "since")
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)


@project.command("retire")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it goes on record, so no names.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to put the certificate.")
@json_option
@pass_state
def retire(state: CliState, name: str, reason: str, folder: Path | None, as_json: bool) -> None:
    """Destroy a project's key, and its escrow, for ever: nobody links its pseudonyms again. Gives a certificate.

    \b
    Example: bedrail --as petra deid project retire sepsis-study --reason "study ended"
    """
    from bedrail.app import DeidDesk, write_paper
    from bedrail.journeys.deidentifying import readable, retire_project

    app = state.app()
    certificate, signed = retire_project(state.context(), DeidDesk.project_keys(app), state.actor(), name, reason)
    path = write_paper((folder or app.home / "certificates") / f"project-{name}.json", signed)
    if as_json:
        show_json(certificate)
        return
    click.echo(readable(certificate))
    click.echo(f"Signed: {path}")


@project.command("check-certificate")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--key", default="", help="The home's evidence key in hex, known on another way.")
@json_option
def check_certificate(file: Path, key: str, as_json: bool) -> None:
    """Check the certificate of a retired project and print it; needs no home.

    \b
    Example: bedrail deid project check-certificate project-sepsis-study.json
    """
    from bedrail.app import DeidDesk
    from bedrail.journeys.deidentifying import readable

    try:
        pinned = bytes.fromhex(key) or None
    except ValueError:
        raise Invalid("not a key.", path="--key", remedy="Give its 64 hex digits.") from None
    certificate = DeidDesk.check_certificate(file.read_bytes(), pinned)
    if as_json:
        show_json(certificate)
        return
    click.echo(readable(certificate))
    click.echo("The signature holds." if pinned else "The signature holds, under the enclosed key.")


@click.group()
def reidentify() -> None:
    """Who is behind a pseudonym: asked with purpose and legal basis, approved by two others, opened once.

    \b
    Example: bedrail --as dr-lee deid reidentify list
    """


@reidentify.command("request")
@click.option("--project", "name", required=True, help="The project that made the pseudonyms.")
@click.option("--pseudonym", "pseudonyms", multiple=True, required=True, help="32 hex digits, or a UID 2.25...")
@click.option("--purpose", required=True, help="What for; it goes on record, so no names.")
@click.option("--basis", required=True, help="On which legal basis.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True, help="How long the request stands.")
@json_option
@pass_state
def request(
    state: CliState, name: str, pseudonyms: tuple[str, ...], purpose: str, basis: str, days: int, as_json: bool
) -> None:
    """Ask who is behind pseudonyms. A privacy officer and a pseudonym custodian, both others, must approve.

    \b
    Example:
      bedrail --as dr-lee deid reidentify request --project sepsis-study \\
        --pseudonym 3f5a91c2d4e6f708192a3b4c5d6e7f80 --purpose "incidental finding to be told" --basis "vital interests"
    """
    from bedrail.journeys import reidentifying

    made = reidentifying.request(
        state.context(), state.actor(), name, pseudonyms, purpose=purpose, basis=basis, days=days
    )  # fmt: skip
    if as_json:
        show_json({"request": made.request, "expires": made.expires, "pseudonyms": len(made.pseudonyms)})
        return
    click.echo(f"{made.request}: {len(made.pseudonyms)} pseudonyms, until {made.expires[:10]}.")
    click.echo(f"It waits for: {', '.join(made.missing())}.")


@reidentify.command("approve")
@click.argument("request_id", metavar="REQUEST")
@pass_state
def approve(state: CliState, request_id: str) -> None:
    """Approve somebody else's request, in a role that is still missing.

    \b
    Example: bedrail --as petra deid reidentify approve 01JY0000000000000000000000
    """
    from bedrail.journeys import reidentifying

    now = reidentifying.approve(state.context(), state.actor(), request_id)
    waits = ", ".join(now.missing())
    click.echo(f"Approved; it still waits for: {waits}." if waits else f"Approved; {now.by} can open it once.")


@reidentify.command("deny")
@click.argument("request_id", metavar="REQUEST")
@click.option("--reason", required=True, help="Why; it goes on record, so no names.")
@pass_state
def deny(state: CliState, request_id: str, reason: str) -> None:
    """Deny a request, or take your own back.

    \b
    Example: bedrail --as petra deid reidentify deny 01JY0000000000000000000000 --reason "no legal basis"
    """
    from bedrail.journeys import reidentifying

    reidentifying.deny(state.context(), state.actor(), request_id, reason)
    click.echo("The request is over.")


@reidentify.command("list")
@json_option
@pass_state
def list_requests(state: CliState, as_json: bool) -> None:
    """Every request: who asked what for, and how far it is.

    \b
    Example: bedrail --as ada deid reidentify list
    """
    from bedrail.journeys import reidentifying

    found = reidentifying.list_requests(state.context(), state.actor())
    rows = [
        (r.request, r.project, len(r.pseudonyms), r.by, status, r.expires[:10], r.purpose, r.basis)
        for r, status in found
    ]  # fmt: skip
    columns = ("request", "project", "pseudonyms", "by", "state", "until", "purpose", "basis")
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)


@reidentify.command("open")
@click.argument("request_id", metavar="REQUEST")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new file, for you alone (mode 0600).")
@click.option(
    "--candidates", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Identifiers to try, one a line, where the project keeps no escrow.",
)  # fmt: skip
@click.option(
    "--kind", "kinds", multiple=True, help="What the candidates are: subject, mrn, uid ...; several unless said."
)
@pass_state
def open_(state: CliState, request_id: str, out: Path, candidates: Path | None, kinds: tuple[str, ...]) -> None:
    """Open your approved request, once, into a private file. Nothing of the answer is printed or recorded.

    \b
    Example: bedrail --as dr-lee deid reidentify open 01JY0000000000000000000000 --out answer.json
    """
    import msgspec

    from bedrail.app import DeidDesk
    from bedrail.journeys import reidentifying

    app = state.app()
    DeidDesk.require_new(out)
    given = None if candidates is None else _lines(candidates)
    answer = reidentifying.open_request(
        state.context(), DeidDesk.project_keys(app), state.actor(), request_id,
        candidates=given, kinds=kinds or reidentifying.KINDS,
    )  # fmt: skip
    DeidDesk.write_secret(out, msgspec.json.format(msgspec.json.encode(answer)) + b"\n")
    click.echo(f"{len(answer)} found. Written: {out}. Destroy it when it has served its purpose.")


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise Invalid("not UTF-8.", path=str(path), remedy="Convert it: iconv -t UTF-8") from None
