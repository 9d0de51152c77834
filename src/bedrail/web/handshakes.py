"""Failed TLS handshakes, which no application sees: counted where OpenSSL says no."""

from __future__ import annotations

import ssl
from collections.abc import Callable


def count_failures(context: ssl.SSLContext, failed: Callable[[], None]) -> None:
    """`failed` is called for each handshake under this context that ends in an error of TLS.

    An older version, plain HTTP, no or a wrong client certificate, garbage; not a caller who just goes away.
    """

    class Counted(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLSyscallError, ssl.SSLEOFError):
                raise  # not over yet, or gone
            except ssl.SSLError:
                failed()
                raise

    context.sslobject_class = Counted
