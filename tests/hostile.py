"""Malformed and hostile requests for a real server, and what may come back: no 5xx, no unknown 2xx, no traces.

Used by `tests/doors/test_hostile_requests.py` and `bench/soak_hostile.py`.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from bedside_house import USE_CASE, usual

DECIDE = f"/api/v1/use-cases/{USE_CASE}/decisions"
MARK = "INJECTED-LINE"
"""Stands in what tries to become a line of its own in a log."""

TRACES = re.compile(rb'Traceback|File "/|\bline \d+, in |sqlite3\.|msgspec\.|RuntimeError')


def strange_values() -> list[Any]:
    """Values where others are expected."""
    texts = [
        "",
        " ",
        "\x00",
        "a\x00b",
        "\r\n" + MARK,
        "\x1b[31m" + MARK,
        "../../etc/passwd",
        "${jndi:ldap://x}",
        "' OR 1=1--",
    ]
    texts += [
        "<script>alert(1)</script>",
        "\u202e",
        "\ufeff",
        "ﬀ",
        "Å",
        "A\u030a",
        "\u0000\u0001",
        "a" * 5000,
        "𝔸" * 100,
    ]
    texts += ["NaN", "__proto__", "constructor", "%s%n%x", "{{7*7}}", "\ud7ff", "٣", "¼", "1e400", "null"]
    numbers = [0, -1, 2**63, -(2**63) - 1, 10**30, 1e308, -1e308, 5e-324, 0.1, 2**53 + 1]
    return [*texts, *numbers, None, True, False, [], [[]], {}, {"value": {}}, {"value": 1, "unit": "\x00"}, [1] * 500]


def raw_bodies() -> list[bytes]:
    """Bodies that are no JSON, or JSON that hurts."""
    good = json.dumps(usual()).encode()
    bodies = [
        b"",
        b"{",
        b"\xff" * 100,
        b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b"{" * 65_000,
        good * 2,
    ]
    bodies += [
        good.replace(b"67", each) for each in (b"1" * 5000, b"NaN", b"-Infinity", b"1e99999", b"0x1", b"1_0", b"--1")
    ]
    bodies += [
        good[:-1] + b',"subject":"other"}',
        b'{"subject":"\xed\xa0\x80"}',
        b'{"subject":"\\ud800"}',
        b"\xef\xbb\xbf" + good,
    ]
    bodies += [good.decode().encode(name) for name in ("utf-16", "utf-32", "utf-7")]
    bodies += [
        b"\x1f\x8b\x08\x00" + b"\x00" * 50,
        b"PK\x03\x04",
        b'"' + b"\\u0000" * 5000 + b'"',
        b"1" * 60_000,
        b"\x00" * 1000,
    ]
    bodies += [
        json.dumps({f"k{n}": n for n in range(3000)}).encode(),
        b'{"features":{' + b'"age":1,' * 3000 + b'"age":1}}',
    ]
    return bodies


def paths(chance: random.Random) -> str:
    """An address that leads nowhere good."""
    parts = [
        "..",
        "%2e%2e",
        "%00",
        "%0d%0a" + MARK,
        "//",
        "%2f",
        "\\",
        ";x",
        "%c0%ae",
        "%F0%9F",
        "a" * 3000,
        "?x=%ff",
        "#",
        "%",
    ]
    parts += [
        "api",
        "v1",
        "decisions",
        "use-cases",
        USE_CASE,
        "reports",
        "openapi.json",
        "~",
        "%u0041",
        "'",
        '"',
        "<x>",
        "|",
    ]
    return "/" + "/".join(chance.choice(parts) for _ in range(chance.randint(1, 6)))


def mutated(chance: random.Random, body: bytes) -> bytes:
    """A body with a few bytes changed, cut out or put in."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(3)
        if kind == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[at : at + chance.randint(1, 30)]
        else:
            data[at:at] = chance.choice(
                (b'"', b"{", b"}", b"[", b",", b"\\", b"\x00", b"9" * 40, b"\xff", b"null", b"e")
            )
    return bytes(data)


@dataclass
class Ask:
    """One request over an ordinary client."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def asks(seed: int, decision: str) -> Iterator[Ask]:
    """Requests without end, each wrong or at least odd in some way."""
    chance = random.Random(seed)
    strange, raw = strange_values(), raw_bodies()
    on = f"/api/v1/decisions/{decision}"
    routes: list[tuple[str, dict[str, Any]]] = [
        (DECIDE, usual()),
        (f"/api/v1/use-cases/{USE_CASE}/consent", {"subject": "someone", "opted_out": False}),
        (f"{on}/responses", {"response": "confirmed", "person": "dr-lee", "reason": "other"}),
        (f"{on}/outcomes", {"value": 1}),
        (f"{on}/card", {"person": "dr-lee"}),
    ]
    json_said = {"Content-Type": "application/json"}
    while True:
        kind = chance.random()
        path, body = chance.choice(routes) if chance.random() < 0.5 else routes[0]
        if kind < 0.35:
            yield Ask("POST", path, mutated(chance, json.dumps(body).encode()), json_said)
        elif kind < 0.6:
            yield Ask("POST", path, json.dumps(_spoiled(chance, body, strange)).encode(), json_said)
        elif kind < 0.7:
            yield Ask("POST", path, chance.choice(raw), json_said)
        elif kind < 0.85:
            method = chance.choice(("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "BREW"))
            yield Ask(method, paths(chance), None if method == "GET" else b"{}", json_said)
        else:
            yield Ask("POST", path, json.dumps(body).encode(), _odd_headers(chance))


def _spoiled(chance: random.Random, body: dict[str, Any], strange: list[Any]) -> Any:
    made: dict[str, Any] = json.loads(json.dumps(body))
    where = made["features"] if "features" in made and chance.random() < 0.6 else made
    name = chance.choice([*where, "extra", "", "__class__"])
    where[name] = chance.choice(strange)
    return made


def _odd_headers(chance: random.Random) -> dict[str, str]:
    kinds = [
        "application/json; charset=utf-16",
        "text/plain",
        "",
        "application/json" * 50,
        "multipart/form-data",
        "*/*",
    ]
    said = {"Content-Type": chance.choice(kinds)}
    more = {
        "Authorization": chance.choice(("Bearer ", "Bearer \x00", "Basic eDp5", "Bearer " + "a" * 4000, "bearer x y")),
        "X-Forwarded-For": MARK,
        "Content-Encoding": "gzip",
        "Expect": "100-continue",
        "Accept": "\x1b[31m" + MARK,
        "Cookie": "session=" + "a" * 3000,
        "Host": "evil.example",
        "Upgrade": "websocket",
        "Range": "bytes=0-18446744073709551615",
    }
    for name in chance.sample(list(more), 2):
        said[name] = more[name]
    return said


def raw_requests(token: str) -> list[bytes]:
    """Bytes that no ordinary client sends: smuggling, oversize, broken lines, half requests."""
    body = json.dumps(usual()).encode()
    named = f"Host: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    head = f"POST {DECIDE} HTTP/1.1\r\n{named}".encode()
    hidden = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    both = [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunked,
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n" + hidden,
        b"Transfer-Encoding: xchunked\r\n\r\n" + chunked,
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunked,
        b"Transfer-Encoding : chunked\r\n\r\n" + chunked,
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Content-Length: +5\r\n\r\nabcde",
        b"Content-Length: -5\r\n\r\nabcde",
        b"Content-Length: 5, 6\r\n\r\nabcdef",
        b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        b"Content-Length: 0x5\r\n\r\nabcde",
        b"Content-Length: 1000000000\r\n\r\n{}",
    ]
    lines = [head + each for each in both]
    lines += [
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
    ]
    lines += [
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"\x00" * 5000,
    ]
    lines += [
        b"GET / HTTP/1.1\r\n" + b"X-%d: y\r\n" % 1 * 3000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ]
    lines += [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    ]
    lines += [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"get / http/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head,
        head[:40],
    ]
    lines += [f"GET /\x1b[31m{MARK} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), f"GET /x\r{MARK} HTTP/1.1\r\n\r\n".encode()]
    lines += [
        b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    return lines


AMBIGUOUS = re.compile(
    rb"content-length.*transfer-encoding|transfer-encoding.*content-length", re.IGNORECASE | re.DOTALL
)


@dataclass
class Verdicts:
    """What came back, counted; `wrong` names what may not."""

    document: dict[str, Any]
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._templates = []
        for template, methods in self.document["paths"].items():
            pattern = re.compile("^" + re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)) + "$")
            self._templates.append((pattern, methods))

    def judge(self, what: str, method: str, path: str, status: int, body: bytes) -> None:
        """One response."""
        self.statuses[status] += 1
        if status >= 500:
            self.wrong.append(f"{status} for {what}"[:300])
        if TRACES.search(body) and not path.startswith("/openapi"):
            self.wrong.append(f"a trace in the reply to {what}"[:300])
        if 200 <= status < 300 and method != "HEAD" and not self._conforms(method, path, status, body):
            self.wrong.append(f"{status} against the schema for {what}"[:300])

    def _conforms(self, method: str, path: str, status: int, body: bytes) -> bool:
        for pattern, methods in self._templates:
            if pattern.match(path.partition("?")[0]) and method.lower() in methods:
                said = methods[method.lower()]["responses"].get(str(status))
                if said is None:
                    return False
                schema = said.get("content", {}).get("application/json", {}).get("schema")
                if schema is None:
                    return True
                whole = {**schema, "components": self.document.get("components", {})}
                return jsonschema.Draft202012Validator(whole).is_valid(json.loads(body))
        return True


class Sender:
    """Sends them, over one kept connection, and raw ones over their own."""

    def __init__(self, port: int, token: str, verdicts: Verdicts) -> None:
        self.port, self.token, self.verdicts = port, token, verdicts
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, ask: Ask) -> None:
        """One ordinary request; what a client library refuses to send goes as raw bytes."""
        headers = {"Authorization": f"Bearer {self.token}"} | ask.headers
        lines = [f"{ask.method} {ask.path} HTTP/1.1", f"Host: {headers.pop('Host', '127.0.0.1')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        body = ask.body or b""
        if ask.body is not None:
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body
        for status, said in self._exchange(data, ask.method):
            self.verdicts.judge(f"{ask.method} {ask.path[:80]} {body[:80]!r}", ask.method, ask.path, status, said)

    def raw(self, data: bytes) -> None:
        """Bytes on a connection of their own; an ambiguous length must not be answered as if it were clear."""
        answers = list(self._exchange(data, "RAW", seconds=0.3))
        for status, said in answers:
            self.verdicts.judge(f"raw {data[:120]!r}", "RAW", "", status, said)
        if AMBIGUOUS.search(data.partition(b"\r\n\r\n")[0]) and any(status < 400 for status, _ in answers):
            self.verdicts.wrong.append(f"two lengths were accepted: {data[:300]!r}")

    def _exchange(self, data: bytes, method: str, seconds: float = 5.0) -> Iterator[tuple[int, bytes]]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as caller:
            try:
                caller.sendall(data)
                if method == "RAW":
                    caller.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it was hung up on in the middle: as good as a no
            heard = _all(caller, method)
        yield from heard


def _all(caller: socket.socket, method: str) -> list[tuple[int, bytes]]:
    """Every response on a connection: one for an ordinary request, all until the end for raw bytes."""
    found = []
    stream = caller.makefile("rb")
    try:
        while True:
            response = http.client.HTTPResponse(_Kept(stream), method=method)  # type: ignore[arg-type]
            response.begin()
            found.append((response.status, response.read()))
            if method != "RAW":
                break
    except (OSError, http.client.HTTPException, ValueError):
        pass
    finally:
        stream.close()
    return found


class _Kept:
    """A socket as `HTTPResponse` wants it, whose stream is not closed with the response."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, *_: Any) -> Any:
        """The stream, protected."""
        kept = self._stream

        class Open:
            """All but closing."""

            def __getattr__(self, name: str) -> Any:
                return getattr(kept, name)

            def close(self) -> None:
                """Not here."""

            def flush(self) -> None:
                """Nothing to do."""

        return Open()


def memory(pid: int) -> int:
    """Resident kilobytes of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    assert found is not None
    return int(found[1])


def log_troubles(log: Path) -> list[str]:
    """What may not stand in a log: traces, escapes, lines that a caller wrote."""
    data = log.read_bytes()
    found = ["a trace in the log"] if b"Traceback" in data else []
    found += ["an escape in the log"] if b"\x1b" in data else []
    return found + (["a caller's line in the log"] if MARK.encode() in data else [])
