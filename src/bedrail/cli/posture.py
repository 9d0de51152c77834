"""doctor: what is unsafe in this installation, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

if TYPE_CHECKING:
    from bedrail.governance.posture import Finding


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Ask as for a server at this address.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="The certificate that it would show.")
@click.option("--client-ca", type=click.Path(path_type=Path), help="Whom it would let connect.")
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option("--make-indexes", is_flag=True, help="First make indexes that a large home of an older version lacks.")
@json_option
@pass_state
def doctor(
    state: CliState,
    host: str,
    port: int,
    tls_cert: Path | None,
    client_ca: Path | None,
    strict: bool,
    make_indexes: bool,
    as_json: bool,
) -> None:
    """Say what is unsafe in this installation and how to mend it. Exit code 1 when something is dangerous.

    \b
    Example: bedrail doctor
             bedrail doctor --host 0.0.0.0 --tls-cert tls/server.pem --strict
    """
    if make_indexes:
        state.app().store.make_indexes()
    found = faults(state, host, port, tls_cert, mutual=client_ca is not None, outside=True)
    if as_json:
        show_json(found)
    else:
        show_table(
            "Posture", ("how bad", "what", "mend", "check"), [(f.severity, f.what, f.mend, f.check) for f in found]
        )
    bad = ("dangerous", "warning") if strict else ("dangerous",)
    click.get_current_context().exit(1 if any(f.severity in bad for f in found) else 0)


def faults(
    state: CliState, host: str, port: int, certificate: Path | None, *, mutual: bool, outside: bool = False
) -> list[Finding]:
    """What is wrong with the opened home, were it served so; with `outside`, identity providers are asked too."""
    from bedrail.wiring.posture import find_faults

    app = state.app()
    return find_faults(
        app.context, app.store, app.keys, host=host, port=port, certificate=certificate, mutual=mutual, outside=outside
    )


def require_safe(found: Sequence[Finding], state: CliState, *, unsafe: bool) -> list[str]:
    """Raise `Refused` for dangerous settings, unless somebody who may starts a server in spite of them.

    Returns the names of the checks that failed so: the server's own process puts them on record before it serves.
    """
    from bedrail.core.errors import Refused

    dangerous = [finding for finding in found if finding.severity == "dangerous"]
    if not dangerous:
        return []
    if not unsafe:
        raise Refused(
            "this installation is not safe to serve.",
            remedy="Mend it (bedrail doctor tells how); in a lab without patients: --unsafe-lab, which goes on record.",
            reasons=tuple(f"{finding.what}: {finding.mend}" for finding in dangerous),
        )
    state.context().require(state.actor(), "server.start-unsafely")
    for finding in dangerous:
        click.secho(f"UNSAFE: {finding.what}. For a lab without patients only; on record.", fg="red", err=True)
    return sorted({finding.check for finding in dangerous})
