"""Malformed requests, made by hand and generated: each a 4xx problem with path and remedy, never a 5xx."""

from __future__ import annotations

import json
import socket
from typing import Any

import numpy as np
import pytest

from bedrail.core.values import NO_DECISION
from bedside_house import USE_CASE, Client, SmallHouse, usual

FEATURES = ("age", "stay", "sodium", "visits", "insulin", "source")
NUMERIC = FEATURES[:4]


def text(**changes: Any) -> bytes:
    """A usual request as JSON."""
    return json.dumps(usual(**changes)).encode()


def by_hand() -> list[bytes]:
    """What people and broken clients send."""
    good = text()
    bodies = [b"", b" ", b"null", b"true", b"0", b'"text"', b"[]", b"{}", b"{]", b"\x00", b"\xff\xfe{}", good[:-1]]
    bodies += [good + b"x", good + good, b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"), b"NaN", b"{'a':1}"]
    bodies += [b"[" * 50_000, b'{"subject":' * 5_000, b'{"subject":"\xc3\x28","features":{}}', b'{"subject":"\\ud800"}']
    bodies += [good.replace(b'"age": 67', b'"age": ' + value) for value in (b"NaN", b"Infinity", b"1e999", b"067")]
    bodies += [
        good.replace(b'"age": 67', b'"age": ' + value) for value in (b"+67", b"0x43", b"67.", b".5", b"6 7", b"-")
    ]
    bodies += [b'{"subject":"a","subject":"b"}', good.replace(b"{", b'{"site":"south",', 1)]
    bodies += [
        good.replace(b'"age": 67', b'"age": 67, "age": 6'),
        good.replace(b'"age": 67', b'"age": 67, "\\u0061ge": 6'),
    ]
    wrong: list[Any] = [None, 1, 1.5, True, [], {}, ["a"], {"a": 1}]
    bodies += [text(subject=value) for value in (*wrong, "", "a" * 129)]
    bodies += [text(encounter=value) for value in (*wrong, "a" * 129)]
    bodies += [text(site=value) for value in (*wrong, "a/b", "a" * 41, "<script>", "ä", "-a", "\n")]
    bodies += [
        text(at=value)
        for value in (1, True, [], {}, "", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00Z")
    ]
    bodies += [
        text(groups=value) for value in (None, 1, "F", ["F"], {"gender": 1}, {"gender": None}, {"race": "x"}, {"": "x"})
    ]
    bodies += [text(**{name: 1}) for name in ("extra", "feature", "Subject", "mrn", "patient", "token", "__class__")]
    broken = usual()
    del broken["features"]
    bodies += [json.dumps(broken).encode(), json.dumps(broken | {"features": None}).encode()]
    bodies += [json.dumps(broken | {"features": value}).encode() for value in ([], "age=67", 67, True, [["age", 67]])]
    return bodies


def generated(count: int, seed: int = 11) -> list[bytes]:
    """Usual requests with one thing made wrong: a type, a name, a unit's type, a cut, a byte that is no JSON."""
    rng = np.random.default_rng(seed)
    wrongs: list[Any] = [
        True,
        False,
        [],
        [1],
        {"value": []},
        {"valu": 1},
        {"value": 1, "unit": 1},
        {"value": 1, "at": 5},
    ]
    wrongs += [{"value": 1, "at": "soon"}, {"value": 1, "more": 1}, {}, {"value": {"value": 1}}, {"unit": "a"}]
    bodies = []
    while len(bodies) < count:
        kind = rng.integers(4)
        name = FEATURES[rng.integers(len(FEATURES))]
        if kind == 0:
            bodies.append(text(features={name: wrongs[rng.integers(len(wrongs))]}))
        elif kind == 1:
            stranger = "".join(chr(rng.integers(97, 123)) for _ in range(rng.integers(1, 30)))
            bodies.append(text(features={stranger + "_x": 1}))
        elif kind == 2:
            good = text()
            bodies.append(good[: rng.integers(1, len(good) - 1)])
        else:
            value = "sixty" if name in NUMERIC else int(rng.integers(100))
            bodies.append(text(features={name: value}))
    return bodies


BODIES = by_hand() + generated(120)


def test_every_malformed_body_is_a_4xx_with_path_and_remedy(client: Client, house: SmallHouse):
    """And each one is on record as a fallback, with nothing of the request in it."""
    assert len(BODIES) >= 220
    for body in BODIES:
        reply = client.decide(body)
        shown = body[:120]
        assert 400 <= reply.status < 500, (shown, reply.status, reply.body)
        assert reply.headers["content-type"] == "application/problem+json", shown
        problem = reply.json
        assert problem["path"], shown
        assert problem["remedy"], shown
        assert (problem["status"], problem["message"]) == (reply.status, NO_DECISION), shown
        row = house.app.store.decision(problem["decision"])
        assert row is not None
        assert (row.kind, row.guard, row.record) == ("fell-back", "request", ""), shown


@pytest.mark.parametrize(
    "raw, statuses",
    [
        (b"POST /api/v1/use-cases/%s/decisions HTTP/1.1\r\n\r\n", (400, 401)),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", (400, 505)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
        (b"POST /api/v1/use-cases/%s/decisions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", (400,)),
        (
            b"POST /api/v1/use-cases/%s/decisions HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
            (400,),
        ),
        (b"NONSENSE\r\n\r\n", (400,)),
    ],
)
def test_broken_http_is_refused_without_harm(client: Client, raw: bytes, statuses: tuple[int, ...]):
    """The next request is answered as if nothing had been."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
        connection.sendall(raw.replace(b"%s", USE_CASE.encode()))
        answer = connection.recv(4096)
    assert int(answer.split(b" ", 2)[1]) in statuses
    assert client.decide(usual()).status == 200


def test_a_caller_who_hangs_up_in_the_middle_harms_nobody(client: Client):
    """Half a body, then silence."""
    head = (
        f"POST /api/v1/use-cases/{USE_CASE}/decisions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
    )
    head += "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
        connection.sendall(head.encode() + text()[:200])
    assert client.decide(usual()).json["kind"] == "answer"


def test_a_body_in_chunks_without_end_is_cut_off(client: Client):
    """More than 64 KiB in chunks is 413, not memory."""
    head = (
        f"POST /api/v1/use-cases/{USE_CASE}/decisions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
    )
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as connection:
        connection.sendall(head.encode())
        chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
        for _ in range(10):
            connection.sendall(chunk)
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")
