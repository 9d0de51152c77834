"""What every response tells a browser, and what no caller can make the server believe or show."""

from __future__ import annotations

import pytest

from bedside_house import USE_CASE, Client, usual

ANYWHERE = (
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/log/checkpoint"),
    ("GET", "/log/tile/0/000"),
    ("GET", "/sign-in"),
    ("GET", "/"),
    ("GET", "/account"),
    ("GET", "/reports/falls-7d/x.html"),
    ("GET", "/nothing-here"),
    ("GET", "/.git/config"),
    ("TRACE", "/healthz"),
    ("DELETE", f"/api/v1/use-cases/{USE_CASE}/decisions"),
    ("POST", f"/api/v1/use-cases/{USE_CASE}/decisions"),
    ("GET", "/api/v1/decisions/x"),
    ("GET", f"/api/v1/use-cases/{USE_CASE}/reviews"),
)


@pytest.mark.parametrize(("method", "path"), ANYWHERE)
def test_every_response_says_what_it_is_and_runs_nothing(client: Client, method: str, path: str) -> None:
    """Type with its charset where it is text, no sniffing, a content policy that forbids framing, a referrer policy."""
    for token in ("", client.token):
        told = client.ask(method, path, token=token).headers
        assert told["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in told["content-security-policy"]
        assert "frame-ancestors 'none'" in told["content-security-policy"]
        assert "base-uri 'none'" in told["content-security-policy"]
        if told.get("content-length") != "0":
            kind = told["content-type"]
            assert not kind.startswith("text/") or "charset=utf-8" in kind
        assert "access-control-allow-origin" not in told
        assert "server" not in told


def test_an_answer_on_the_quick_way_says_the_same(client: Client) -> None:
    """The decision's own connection writes its headers itself."""
    told = client.decide(usual()).headers
    assert told["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in told["content-security-policy"]
    assert told["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/account", "/healthz", "/metrics", f"/api/v1/use-cases/{USE_CASE}/reviews"]
)
def test_nothing_but_what_may_be_kept_is_kept(client: Client, path: str) -> None:
    """Nothing is cached; tiles, which are hashes that never change, are the one exception."""
    assert client.ask("GET", path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PATCH", "DELETE"])
def test_methods_that_nobody_asked_for_are_refused(client: Client, method: str) -> None:
    """TRACE above all, which would repeat what was sent."""
    reply = client.ask(method, "/healthz")
    assert reply.status in (400, 404, 405)
    assert client.token.encode() not in reply.body


@pytest.mark.parametrize(
    "path", ["/.git/config", "/.env", "/reports/", "/reports/falls-7d/", "/log/", "/templates/", "/docs", "/static/"]
)
def test_there_are_no_listings_and_no_files(client: Client, path: str) -> None:
    """Folders, settings and sources are not there, or lead to the way in."""
    reply = client.ask("GET", path, token="")
    assert reply.status in (303, 404)
    assert reply.headers.get("location", "/sign-in") == "/sign-in"


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Forwarded-User", "X-Remote-User", "X-Original-URL", "Forwarded"]
)
def test_nobody_says_who_they_are_in_a_proxys_header(client: Client, name: str) -> None:
    """Such headers open nothing and change nothing."""
    said = {name: "olivia" if "User" in name else "for=127.0.0.1;host=x" if name == "Forwarded" else "/healthz"}
    assert client.ask("GET", "/", token="", headers=said).status == 303
    assert client.ask("GET", "/api/v1/decisions/x", token="", headers=said).status == 401
    assert client.ask("POST", f"/api/v1/use-cases/{USE_CASE}/decisions", usual(), token="", headers=said).status == 401
