"""The hot path's connection: whatever form a request takes on the wire, the answer is the same."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any

import pytest

from bedrail.web import connection
from bedside_house import USE_CASE, Client, SmallHouse, eventually, usual

PATH = f"/api/v1/use-cases/{USE_CASE}/decisions"


def head(client: Client, *lines: str, path: str = PATH, version: str = "1.1") -> bytes:
    """The head of a decision request with these further header lines."""
    said = [f"POST {path} HTTP/{version}", "Host: here", f"Authorization: Bearer {client.token}"]
    return "\r\n".join([*said, "Content-Type: application/json", *lines, "", ""]).encode()


def plain(client: Client, **changes: Any) -> bytes:
    """One whole plain request."""
    body = json.dumps(usual(**changes)).encode()
    return head(client, f"Content-Length: {len(body)}") + body


def said(client: Client, *pieces: bytes, replies: int = 1) -> list[tuple[int, dict[str, str], bytes]]:
    """What comes back for bytes sent piece by piece on one connection: (status, headers, body) each."""
    found = []
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as caller, caller.makefile("rb") as file:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            caller.sendall(piece)
        for _ in range(replies):
            status = int(file.readline().split()[1])
            headers = {}
            while (line := file.readline().strip()) != b"":
                name, value = line.decode().split(": ", 1)
                headers[name.lower()] = value
            found.append((status, headers, file.read(int(headers.get("content-length", "0")))))
            if status == 100:
                found.pop()
                return found + said_on(file)
    return found


def said_on(file: Any) -> list[tuple[int, dict[str, str], bytes]]:
    """The final response after an interim one."""
    text = file.readline()
    headers = dict(re.split(": ", line.decode().strip(), maxsplit=1) for line in iter(file.readline, b"\r\n"))
    return [(int(text.split()[1]), headers, file.read(int(headers["content-length"])))]


def test_one_connection_answers_one_request_after_another_and_in_order_when_they_overlap(client: Client):
    """Keep-alive and pipelining: a second request sent before the first answer has its turn, also for another page."""
    other = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
    replies = said(client, plain(client) + plain(client, subject="next") + other + plain(client), replies=4)
    assert [status for status, _, _ in replies] == [200] * 4
    assert [json.loads(body).get("kind", "page") for _, _, body in replies] == ["answer", "answer", "page", "answer"]


def test_a_request_may_arrive_byte_by_byte(client: Client):
    """Pieces of head and body are put together."""
    whole = plain(client)
    ((status, _, body),) = said(client, *(whole[at : at + 7] for at in range(0, len(whole), 7)))
    assert (status, json.loads(body)["kind"]) == (200, "answer")


def one_by_one(client: Client, *requests: tuple[bytes, ...]) -> list[tuple[int, str]]:
    """Status and kind of the reply to each request on one connection; each is sent when the one before is answered."""
    found = []
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as caller, caller.makefile("rb") as file:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pieces in requests:
            for piece in pieces:
                caller.sendall(piece)
                time.sleep(0.02)
            status = int(file.readline().split()[1])
            headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(file.readline, b"\r\n"))
            body = json.loads(file.read(int(headers["content-length"])))
            found.append((status, body.get("kind", "problem")))
    return found


def test_a_head_that_is_known_is_not_read_again_and_no_other_is_taken_for_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    """The same head, byte for byte, in front of one whole body; in pieces, too short or of a stranger it is read."""
    known: list[bool] = []
    look = connection.DecisionsConnection._known_head

    def looked(self: connection.DecisionsConnection, data: bytes) -> bool:
        known.append(look(self, data))
        return known[-1]

    monkeypatch.setattr(connection.DecisionsConnection, "_known_head", looked)
    whole, other = plain(client), plain(client).replace(b"138", b"141")
    at = whole.index(b"\r\n\r\n") + 4
    stranger = whole.replace(client.token.encode(), client.token[::-1].encode())
    answers = [(200, "answer")] * 2 + [(401, "problem")] * 2 + [(200, "answer")]
    assert one_by_one(client, (whole,), (other,), (stranger,), (stranger,), (whole,)) == answers
    assert known == [False, True, False, False, True]
    assert one_by_one(client, (whole,), (whole[:at], whole[at:]), (whole[:-9], whole[-9:]), (whole,)) == answers[:2] * 2
    assert known[5:] == [False, False, False, True]
    known.clear()
    assert [status for status, _, _ in said(client, whole, whole + other, other, replies=4)] == [200] * 4
    assert not any(known[:2])
    assert one_by_one(client, (whole,), (whole[:at] + b"{" * (len(whole) - at),), (other,))[1:] == [
        (400, "problem"),
        (200, "answer"),
    ]


@pytest.mark.parametrize(
    "form",
    ["chunked", "expect", "1.0", "close", "query", "absolute", "escaped"],
)
def test_an_unusual_form_gets_the_same_answer(client: Client, form: str):
    """What the quick way does not take, the long way answers alike."""
    body = json.dumps(usual()).encode()
    length = f"Content-Length: {len(body)}"
    requests = {
        "chunked": head(client, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        "expect": head(client, length, "Expect: 100-continue") + body,
        "1.0": head(client, length, version="1.0") + body,
        "close": head(client, length, "Connection: close") + body,
        "query": head(client, length, path=PATH + "?x=1") + body,
        "absolute": head(client, length, path="http://here" + PATH) + body,
        "escaped": head(client, length, path=PATH.replace("falls", "f%61lls")) + body,
    }
    ((status, headers, reply),) = said(client, requests[form])
    assert (status, json.loads(reply)["kind"]) == (200, "answer")
    assert headers["cache-control"] == "no-store"
    assert ("connection" in headers) == (form in ("1.0", "close"))


@pytest.mark.parametrize(
    "lines, body, status",
    [
        (["Content-Length: 5", "Content-Length: 6"], b"{}xxx", 400),
        (["Content-Length: 2", "Transfer-Encoding: chunked"], b"0\r\n\r\n", 400),
        (["Content-Length: -1"], b"{}", 400),
        (["Content-Length: 99999999"], b"{", 413),
        ([], b"", 400),
    ],
)
def test_lengths_that_contradict_or_are_too_large_are_refused(
    client: Client, lines: list[str], body: bytes, status: int
):
    """No request is smuggled behind another; nothing too long is waited for."""
    if status == 413:
        body = b"x" * 70_000
    ((got, _, _),) = said(client, head(client, *lines) + body)
    assert got == status


def test_a_caller_who_left_is_decided_for_on_record_and_harms_nobody(client: Client, house: SmallHouse):
    """What was asked is recorded though nobody reads the answer; half a request leaves nothing."""
    before = house.app.store.head().size
    for sent in (plain(client), plain(client)[:-40]):
        with socket.create_connection(("127.0.0.1", client.port), timeout=20) as caller:
            caller.sendall(sent)
    assert eventually(lambda: house.app.store.head().size == before + 1)
    assert client.decide(usual()).status == 200


def test_strangers_and_other_content_types_are_turned_away_on_the_quick_way_too(client: Client):
    """401 with its challenge, 415 with its remedy."""
    whole = plain(client)
    ((status, headers, _),) = said(client, whole.replace(client.token.encode(), b"nobody"))
    assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="bedrail"')
    ((status, headers, _),) = said(client, whole.replace(b"application/json", b"text/plain"))
    assert (status, headers["content-type"]) == (415, "application/problem+json")


def silent_for(client: Client, sent: bytes, drip: bytes = b"") -> bool:
    """Whether the server hangs up on a caller who sends this and then (again and again) that."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=0.05) as caller:
        caller.sendall(sent)
        for _ in range(200):
            try:
                if caller.recv(65536) == b"":
                    return True
                continue
            except TimeoutError:
                pass
            except ConnectionError:
                return True
            try:
                caller.sendall(drip)
            except ConnectionError:
                return True
    return False


@pytest.mark.parametrize(
    ("sent", "drip"),
    [
        (b"", b""),
        (b"GET /heal", b""),
        (b"GET /healthz HTTP/1.1\r\n", b"X: a\r\n"),
        (b"", b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n", b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nHost: here\r\nContent-Length: 9999\r\n\r\n", b"a"),
    ],
)
def test_whoever_sends_no_head_holds_no_place(client: Client, monkeypatch, sent: bytes, drip: bytes):
    """Silent and dripping callers are hung up on: a bounded number of connections is not to be had for nothing."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    assert silent_for(client, sent, drip)


@pytest.mark.parametrize("start", [b"GET /healthz HTTP/1.1\r\n", b"GET /" + b"a" * 100, b"POST " + PATH.encode()])
def test_a_head_without_an_end_is_cut_off(client: Client, start: bytes):
    """Endless header lines, or an endless address, do not grow the server's memory."""
    more = (b"X-Filler: " + b"a" * 1000 + b"\r\n") if b"\r\n" in start else b"a" * 1000
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as caller:
        try:
            caller.sendall(start)
            for _ in range(10_000):
                caller.sendall(more)
        except ConnectionError:
            return
    pytest.fail("ten megabytes of head were taken")


def test_trailers_are_let_fall(client: Client):
    """What comes after a chunked body as headers is neither kept nor taken for the head's."""
    body = json.dumps(usual()).encode()
    chunked = b"%x\r\n%b\r\n0\r\nAuthorization: Bearer nobody\r\nContent-Type: text/plain\r\n\r\n" % (len(body), body)
    [(status, _, _)] = said(client, head(client, "Transfer-Encoding: chunked"), chunked)
    assert status == 200
