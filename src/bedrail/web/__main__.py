"""`python -m bedrail.web --home HOME`: the HTTP door as a process of its own; `bedrail serve` becomes this.

Dangerous settings are looked at here, whoever started it, and a start in spite of them (`--unsafe CHECK`) is on record
under a person who may, before anything is served.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bedrail.app import App, environment_default, open_home, server_tls
from bedrail.core.errors import Refused
from bedrail.governance.posture import Finding
from bedrail.journeys.context import Context
from bedrail.journeys.posture import record_unsafe_start
from bedrail.web.server import run


def main() -> None:
    """Open the home and serve until stopped."""
    parser = argparse.ArgumentParser(prog="bedrail.web")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--origin", default="")
    parser.add_argument("--proxy", action="append", default=[])
    parser.add_argument("--as", dest="person", default="", help="Who starts it, where names are believed.")
    parser.add_argument("--unsafe", action="append", default=[], metavar="CHECK", help="On record, and on every page.")
    for name in ("cert", "key", "client-ca", "client-crl"):
        parser.add_argument(f"--tls-{name}", type=Path, default=None)
    given = parser.parse_args()
    tls = None
    if given.tls_cert:
        tls = server_tls(given.tls_cert, given.tls_key, given.tls_client_ca, given.tls_client_crl)
    app = open_home(given.home)
    try:
        unsafe = _unsafe(app, given)
        run(app, host=given.host, port=given.port, tls=tls, origin=given.origin, proxies=given.proxy, unsafe=unsafe)
    except Refused as refused:
        parser.exit(1, f"{refused}\n")
    finally:
        app.close()


def _unsafe(app: App, given: argparse.Namespace) -> list[str]:
    """The dangerous settings in spite of which it is started, put on record; raises `Refused` for any other."""
    found = [each for each in _faults(app, given) if each.severity == "dangerous"]
    names = sorted({each.check for each in found})
    untold = [name for name in names if name not in given.unsafe]
    if untold:
        raise Refused(f"not served, since dangerous: {', '.join(untold)}.", remedy="Ask bedrail doctor.")
    if found:
        ctx = app.context
        ctx.door, ctx.principal = "cli", app.terminal_principal()
        record_unsafe_start(ctx, _person(ctx, given), found, given.host, given.port)
        ctx.door, ctx.principal = "python", None
    return names


def _person(ctx: Context, given: argparse.Namespace) -> str:
    """Who starts it, as on the command line: --as, BEDRAIL_ACTOR, whoever is signed in, or the owner."""
    named: str = given.person or environment_default("BEDRAIL_ACTOR")
    if named or ctx.principal is None:
        return named or next(iter(ctx.refresh().holders("owner")), "")
    return ctx.principal.person


def _faults(app: App, given: argparse.Namespace) -> list[Finding]:
    from bedrail.wiring.posture import find_faults

    return find_faults(
        app.context, app.store, app.keys, host=given.host, port=given.port, certificate=given.tls_cert,
        mutual=given.tls_client_ca is not None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
