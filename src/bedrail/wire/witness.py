"""Asking a witness over HTTP: one POST or GET with a time limit; nothing but status, type and body comes back."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from bedrail.core.errors import Invalid, Unavailable

BUDGET_SECONDS = 5.0
MOST_BYTES = 1_000_000


def ask_witness(method: str, url: str, body: bytes = b"") -> tuple[int, str, bytes]:
    """(status, content type, body); raises `Unavailable` when there is no answer, `Invalid` for no http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _no_address() from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise _no_address()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, port, timeout=BUDGET_SECONDS)
    try:
        connection.request(method, parts.path or "/", body or None)
        answer = connection.getresponse()
        said = answer.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable("The witness does not answer.", remedy="Ask whoever runs it.") from error
    finally:
        connection.close()
    if len(said) > MOST_BYTES:
        raise Unavailable("The witness's answer is too long.", remedy="Ask whoever runs it.")
    return answer.status, answer.headers.get_content_type(), said


def _no_address() -> Invalid:
    return Invalid("this is no address of a witness.", path="url", remedy="Such as https://witness.partner.example.")
