"""`python -m bedrail.web --home HOME`: the HTTP door as a process of its own; `bedrail serve` becomes this."""

from __future__ import annotations

import argparse
from pathlib import Path

from bedrail.app import App, open_home, server_tls
from bedrail.web.server import run


def main() -> None:
    """Open the home and serve until stopped."""
    parser = argparse.ArgumentParser(prog="bedrail.web")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--origin", default="")
    parser.add_argument("--proxy", action="append", default=[])
    parser.add_argument("--unsafe", action="append", default=[])
    for name in ("cert", "key", "client-ca", "client-crl"):
        parser.add_argument(f"--tls-{name}", type=Path, default=None)
    given = parser.parse_args()
    tls = None
    if given.tls_cert:
        tls = server_tls(given.tls_cert, given.tls_key, given.tls_client_ca, given.tls_client_crl)
    app = open_home(given.home)
    try:
        untold = _dangers(app, given) - set(given.unsafe)
        if untold:
            parser.exit(1, f"not served, since dangerous: {', '.join(sorted(untold))}. Ask bedrail doctor.\n")
        run(
            app, host=given.host, port=given.port, tls=tls, origin=given.origin, proxies=given.proxy,
            unsafe=given.unsafe,
        )  # fmt: skip
    finally:
        app.close()


def _dangers(app: App, given: argparse.Namespace) -> set[str]:
    """The dangerous settings, looked at once more: this program may have been started without `bedrail serve`."""
    from bedrail.wiring.posture import find_faults

    found = find_faults(
        app.context, app.store, app.keys, host=given.host, port=given.port, certificate=given.tls_cert,
        mutual=given.tls_client_ca is not None,
    )  # fmt: skip
    return {each.check for each in found if each.severity == "dangerous"}


if __name__ == "__main__":
    main()
