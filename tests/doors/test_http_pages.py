"""Health, metrics, description and the read-only page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from bedrail.core.events import AssetFound, AssetHeld
from bedrail.governance.values import AlarmView, EvidenceView
from bedrail.web import pages, server
from bedrail.web.decisions_route import DecisionsRoute
from bedrail.web.openapi import document
from bedrail.web.server import Standing
from bedside_house import USE_CASE, Client, Replied, SmallHouse, eventually, served, small_house, usual


def test_the_process_is_alive_and_ready(client: Client):
    """Liveness and readiness are two questions."""
    assert client.ask("GET", "/healthz", token="").json == {"status": "alive"}
    assert client.ask("GET", "/readyz", token="").json == {"status": "ready", "for": []}


def test_metrics_count_replies_by_kind_and_guard(client: Client):
    """Prometheus text, with a histogram whose buckets add up."""
    client.decide(usual())
    client.decide(usual(features={"age": None}))
    text = client.ask("GET", "/metrics", token="").body.decode()
    assert f'bedrail_decisions_total{{use_case="{USE_CASE}",kind="answer",guard=""}}' in text
    assert f'bedrail_decisions_total{{use_case="{USE_CASE}",kind="fallback",guard="missing"}}' in text
    buckets = [
        int(line.split()[-1]) for line in text.splitlines() if line.startswith("bedrail_decision_seconds_bucket")
    ]
    count = next(
        int(line.split()[-1]) for line in text.splitlines() if line.startswith("bedrail_decision_seconds_count")
    )
    assert buckets == sorted(buckets)
    assert buckets[-1] == count


def test_the_description_names_every_route_and_resolves_every_reference(client: Client):
    """OpenAPI as served, without a dangling $ref."""
    served = client.ask("GET", "/openapi.json", token="").json
    assert served == document()
    assert "/api/v1/use-cases/{use_case}/decisions" in served["paths"]

    def references(node):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from [value] if key == "$ref" else references(value)
        elif isinstance(node, list):
            for each in node:
                yield from references(each)

    names = {reference.rsplit("/", 1)[1] for reference in references(served)}
    assert names <= set(served["components"]["schemas"])


def test_the_page_shows_state_and_gates_and_forbids_scripts(client: Client, house: SmallHouse):
    """Deployment, candidates and ledger head; nothing executable; nothing of a patient."""
    client.decide(usual(subject="patient-on-page"))
    reply = client.ask("GET", "/", token="", headers=house.visitor())
    page = reply.body.decode()
    assert reply.status == 200
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    for words in ("Fall within 7 days", "falls-1", "general", house.app.origin, house.candidate[:16]):
        assert words in page
    assert "<script" not in page
    assert "patient-on-page" not in page


def test_the_first_page_leads_to_signing_out(client: Client, house: SmallHouse):
    """By a link to the person's own page, on which there is a button for it."""
    assert b'<a href="/account">' in client.ask("GET", "/", token="", headers=house.visitor()).body
    own = client.ask("GET", "/account", token="", headers=house.visitor()).body
    assert b'<form method="post" action="/sign-out">' in own


def test_the_page_of_data_assets_shows_them_to_people_who_signed_in(client: Client, house: SmallHouse):
    """Name, owner, sensitivity and hold of each asset, defused; strangers are sent to sign in."""
    found = AssetFound(asset="A1", kind="ehr-table", location="/data/<b>labs.csv", name="<b>labs.csv", target="/data")
    house.append(found, AssetHeld(asset="A1", reason="court order 12"))
    page = client.ask("GET", "/catalogue", token="", headers=house.visitor()).body.decode()
    assert "&lt;b&gt;labs.csv" in page
    assert "court order 12" in page
    assert "nobody" in page
    assert "<script" not in page
    assert client.ask("GET", "/catalogue", token="").status != 200


def test_only_listed_reports_are_served(client: Client, house: SmallHouse):
    """A report in its folder is linked and served; nothing else of the home is."""
    folder = house.app.context.home / "reports" / USE_CASE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "falls-1-committee.html").write_text("<h1>Committee</h1>")
    (folder / "secret.key").write_text("no")
    visitor = house.visitor()

    def look(path: str) -> Replied:
        return client.ask("GET", path, token="", headers=visitor)

    assert eventually(lambda: "falls-1-committee.html" in look("/").body.decode())
    report = look(f"/reports/{USE_CASE}/falls-1-committee.html")
    assert (report.status, report.body) == (200, b"<h1>Committee</h1>")
    for name in ("secret.key", "..%2f..%2fkeys%2fkek.key", "%2e%2e", "falls-1-committee.html%00"):
        assert look(f"/reports/{USE_CASE}/{name}").status == 404
    assert look("/reports/nothing/falls-1-committee.html").status == 404


def test_the_page_is_counted_off_the_loop_and_once_for_all_who_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However many look at it, decisions do not wait for its counting."""
    monkeypatch.setattr(pages, "KEPT_SECONDS", 3600.0)
    counted: list[tuple[str, str]] = []

    class Watched(pages.ContextHouse):
        def counts(self, use_case: str) -> Mapping[str, int]:
            counted.append((use_case, threading.current_thread().name))
            return super().counts(use_case)

    def watch(standing: Standing) -> None:
        standing.house = Watched(house.app.context, house.app.origin)

    house = small_house(tmp_path)
    with served(house, watch) as client:
        visitor = house.visitor()
        assert {client.ask("GET", "/", token="", headers=visitor).status for _ in range(5)} == {200}
    assert sorted(use_case for use_case, _ in counted) == sorted([USE_CASE, "other-case"])
    assert all(name.startswith("asyncio_") for _, name in counted)


def test_one_connection_too_many_is_turned_away_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch):
    """Up to the limit requests are answered; beyond it, 503 at once."""
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)

    async def application(_: object, __: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def status(port: int, hold: list[asyncio.StreamWriter]) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        hold.append(writer)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return (await reader.readuntil(b"\r\n"))[9:12]

    async def story() -> list[bytes]:
        whole = server.Application(cast(DecisionsRoute, None), application)
        config = server.configuration(whole, host="127.0.0.1", port=0)
        config.lifespan = "off"
        running = uvicorn.Server(config)
        serving = asyncio.create_task(running.serve())
        while not running.started:
            await asyncio.sleep(0.01)
        port, hold = running.servers[0].sockets[0].getsockname()[1], []
        said = [await status(port, hold) for _ in range(4)]
        for writer in hold:
            writer.close()
        running.should_exit = True
        await serving
        return said

    assert asyncio.run(story()) == [b"204", b"204", b"503", b"503"]


def test_a_house_of_many_years_has_a_page_of_the_latest(house: SmallHouse):
    """What serves and the last candidates with their evidence, what failed first; the last alarms; the rest is told."""
    shown = pages.ContextHouse(house.app.context, house.app.origin)
    view = deepcopy(shown.registry().use_cases[USE_CASE])
    serving = view.candidates[house.candidate]
    alarm = AlarmView("a", house.candidate, "drift", "notify", (), (), "", "", "2026-01-01T00:00:00Z", 0.0)
    passed = EvidenceView("e", "calibration", "pass", "", "", "", "", "2026-01-01T00:00:00Z", 0.0, 0.0)
    view.alarms[:] = [replace(alarm, monitor=f"monitor-{number}") for number in range(60)]
    view.candidates.update({f"{n:064d}": replace(serving, candidate=f"{n:064d}", name=f"later-{n}") for n in range(30)})
    view.evidence.clear()
    for digest in view.candidates:
        for verdict in ("pass", "fail"):
            view.evidence[(verdict, digest)] = replace(passed, check=verdict, verdict=verdict, candidate=digest)

    page = pages.case_page(shown, view)

    assert [each.candidate for each in page.candidates] == [house.candidate, *(f"{n:064d}" for n in range(10, 30))]
    assert [each.verdict for each in page.evidence] == ["fail"] * 21 + ["pass"] * 21
    assert [each.monitor for each in page.alarms] == [f"monitor-{number}" for number in range(59, 9, -1)]
