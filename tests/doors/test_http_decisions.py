"""Decisions over HTTP: answers with receipts, visible fallbacks, and who is let in."""

from __future__ import annotations

import base64
import hashlib
import socket

import msgspec
import pytest

from bedrail.core.events import decode
from bedrail.core.values import NO_DECISION
from bedrail.decisions.decide import rerun
from bedrail.decisions.values import decision_record
from bedrail.ledger.merkle import leaf_hash
from bedrail.models.predict import open_model
from bedrail.web import decisions_route
from bedside_house import USE_CASE, Client, SmallHouse, linear_package, usual


def test_a_usual_request_is_answered_with_risk_reasons_card_and_receipt(client: Client):
    """What the issue of R1 asks for is in the answer."""
    reply = client.decide(usual())
    answer = reply.json
    assert (reply.status, answer["kind"], answer["routing"]) == (200, "answer", "confirm")
    assert 0 < answer["low"] <= answer["risk"] <= answer["high"] < 1
    assert answer["reasons"][0]["label"] in answer["card"]
    assert answer["model"]["name"] == "falls-1"
    assert reply.headers["cache-control"] == "no-store"


def test_the_receipt_is_of_the_entry_in_the_ledger_and_the_record_of_its_digest(client: Client, house: SmallHouse):
    """Append before answer: entry, leaf and sealed record are there when the answer is."""
    answer = client.decide(usual(subject="patient-receipt")).json
    store = house.app.store
    index, entry = store.find_entry(answer["decision"])
    fact = decode(entry).fact
    record, _ = store.get(answer["decision"])
    assert (answer["receipt"]["index"], answer["receipt"]["leaf"]) == (index, leaf_hash(entry).hex())
    assert fact.record == hashlib.sha256(record.ciphertext).hexdigest()
    assert fact.shown


def test_nothing_of_the_patient_stands_outside_the_sealed_record(client: Client, house: SmallHouse):
    """Identifier, encounter and values are looked for in the entry's bytes and in the metrics."""
    asked = usual(subject="Jadwiga-5512", encounter="enc-zebra-9", features={"age": 73.0625})
    answer = client.decide(asked).json
    _, entry = house.app.store.find_entry(answer["decision"])
    seen = (
        entry + client.ask("GET", "/metrics").body + client.ask("GET", f"/api/v1/decisions/{answer['decision']}").body
    )
    for planted in (b"Jadwiga", b"zebra", b"73.0625"):
        assert planted not in seen


def test_a_sealed_decision_runs_again_to_the_same_bytes(client: Client, house: SmallHouse):
    """Trace equality, and inequality with another model."""
    sent = usual(features={"stay": {"value": 90, "unit": "h", "at": "2026-01-01T00:00:00Z"}, "visits": None})
    answer = client.decide(sent).json
    assert answer["kind"] == "answer"
    plaintext = house.app.context.vault.open(*house.app.store.get(answer["decision"]))
    package, data = linear_package()
    assert rerun(plaintext, open_model(package, data)) == plaintext
    record = decision_record(plaintext)
    assert record.inputs["stay"] == 3.75
    assert len(base64.b64decode(msgspec.json.decode(plaintext)["vector"])) == 9 * 8
    other, other_data = linear_package(seed=5)
    assert rerun(plaintext, open_model(other, other_data)) != plaintext


@pytest.mark.parametrize(
    "changes, guard",
    [
        ({"features": {"age": None}}, "missing"),
        ({"features": {"age": {"value": 67, "unit": "dog-years"}}}, "unit"),
        ({"features": {"sodium": 1380}}, "range"),
        ({"at": "2026-01-01T00:00:00Z"}, "fresh"),
        ({"at": None}, "fresh"),
        ({"features": {"insulin": "twice"}}, "level"),
        ({"features": {"age": 18, "stay": 60, "sodium": 90, "visits": 50}}, "distribution"),
    ],
)
def test_a_doubt_is_a_visible_recorded_fallback(client: Client, house: SmallHouse, changes: dict, guard: str):
    """200, the plan from the charter, a receipt, and the request sealed for whoever looks into it."""
    reply = client.decide(usual(**changes))
    answer = reply.json
    assert (reply.status, answer["kind"], answer["guard"]) == (200, "fallback", guard)
    assert answer["message"] == NO_DECISION
    assert answer["fallback_plan"] == "Assess falls by clinical judgement."
    record = decision_record(house.app.context.vault.open(*house.app.store.get(answer["decision"])))
    assert record.kind == "fallback"
    assert house.app.store.decision(answer["decision"]).guard == guard


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic dTpw"}, 401),
        ({"Authorization": "Bearer bedrail_wrong"}, 401),
        ({"Authorization": "Bearer \xff\xfe"}, 401),
    ],
)
def test_strangers_are_refused_before_anything_is_read(client: Client, headers: dict, status: int):
    """No token, no hint; the challenge is sent along."""
    reply = client.decide(b"{", token="", headers=headers)
    assert reply.status == status
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reply.json["remedy"]


def test_a_token_opens_its_own_use_case_only(client: Client, house: SmallHouse):
    """Another use case is 403, an unknown one 404, an expired token 401."""
    assert client.decide(usual(), "other-case").status == 403
    assert client.decide(usual(), "no-such-case").status == 404
    expired = house.issue(days=-1)
    client.ask("GET", "/readyz")
    reply = client.decide(usual(), token=expired)
    assert reply.status == 401


def test_too_large_or_not_json_is_refused_and_on_record(client: Client, house: SmallHouse):
    """413 and 415 carry the fallback, and the ledger has it under guard `request`."""
    large = client.decide(b'{"subject":"' + b"a" * 70_000 + b'"}')
    text = client.decide(usual(), headers={"Content-Type": "text/plain"})
    assert (large.status, text.status) == (413, 415)
    for reply in (large, text):
        assert reply.json["message"] == NO_DECISION
        row = house.app.store.decision(reply.json["decision"])
        assert (row.kind, row.guard, row.subject, row.record) == ("fell-back", "request", "", "")


def test_a_charset_in_the_content_type_is_fine(client: Client):
    """RFC 8259 JSON is UTF-8 whatever a client says."""
    assert client.decide(usual(), headers={"Content-Type": "application/json; charset=utf-8"}).status == 200


def test_other_methods_and_addresses_are_problems_too(client: Client):
    """404 and 405 speak the same language as everything else."""
    path = f"/api/v1/use-cases/{USE_CASE}/decisions"
    for method, where, status in (
        ("GET", path, 404),
        ("POST", path + "/", 404),
        ("DELETE", "/healthz", 405),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("POST", "/api/v1/use-cases//decisions", 404),
    ):
        reply = client.ask(method, where, usual() if method == "POST" else None)
        assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")


def test_a_body_that_does_not_arrive_in_time_is_408_on_record_and_the_connection_ends(
    client: Client, house: SmallHouse, monkeypatch: pytest.MonkeyPatch
):
    """Nobody holds a request by sending it drop by drop; the fallback is said all the same."""
    monkeypatch.setattr(decisions_route, "BODY_SECONDS", 0.1)
    for path, begun in (
        (f"/api/v1/use-cases/{USE_CASE}/decisions", b'{"subj'),
        (f"/api/v1/use-cases/{USE_CASE}/consent", b""),
    ):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
            connection.sendall(head.encode() + begun)
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        first, _, body = said.partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 408")
        problem = msgspec.json.decode(body)
        assert (problem["status"], problem["path"]) == (408, "body")
        if begun:
            assert problem["message"] == NO_DECISION
            assert house.app.store.decision(problem["decision"]).guard == "request"
