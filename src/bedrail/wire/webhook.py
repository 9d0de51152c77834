"""Notices by HTTP: one POST of JSON to the address that the hospital set (BEDRAIL_NOTICE_URL), such as a pager's."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

SECONDS = 5.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def post(url: str, body: bytes) -> bool:
    """Whether the other side took it (2xx) within five seconds; never raises.

    Plain http goes to this machine only: names of people do not travel unencrypted.
    """
    try:
        parts = urlsplit(url)
        if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOOPBACK):
            return False
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname, parts.port, timeout=SECONDS)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"content-type": "application/json"})
            return 200 <= connection.getresponse().status < 300
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return False
