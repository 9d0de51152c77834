"""threats: the threat model of this installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

if TYPE_CHECKING:
    from bedrail.governance.threats import Standing


@click.command()
@click.argument("use_case", required=False, default="")
@click.option("--host", default="127.0.0.1", show_default=True, help="Ask as for a server at this address.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="The certificate that it would show.")
@click.option("--client-ca", type=click.Path(path_type=Path), help="Whom it would let connect.")
@click.option("--open", "only_open", is_flag=True, help="Only what is open here.")
@json_option
@pass_state
def threats(
    state: CliState,
    use_case: str,
    host: str,
    port: int,
    tls_cert: Path | None,
    client_ca: Path | None,
    only_open: bool,
    as_json: bool,
) -> None:
    """Show the threats to this installation, or to one use case: the control of each, its test, and what is open here.

    \b
    Example: bedrail threats readmission-30d
             bedrail threats --open --host 0.0.0.0
    """
    from bedrail.governance.threats import counted
    from bedrail.wiring.threats import threats_here

    app = state.app()
    found = threats_here(
        app.context, app.store, app.keys, use_case, host=host, port=port, certificate=tls_cert,
        mutual=client_ca is not None,
    )  # fmt: skip
    shown = [each for each in found if each.state == "open here"] if only_open else found
    if as_json:
        show_json(shown)
        return
    columns = ("state", "id", "kind", "threat", "answer, and what is missing", "shown by")
    show_table("Threats", columns, [_row(each) for each in shown])
    click.echo(", ".join(f"{count} {word}" for word, count in counted(found).items()))


def _row(each: Standing) -> tuple[str, ...]:
    missing = [*(f"Here: {what}" for what in each.missing), *([f"Gap: {each.gap}"] if each.gap else [])]
    return each.state, each.id, each.kind, each.threat, "\n".join([each.control, *missing]), "\n".join(each.tests)
