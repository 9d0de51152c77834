"""Nothing that identifies a patient lies in plain sight: not in the home, not in logs, metrics, errors or bundles.

Three hundred distinctive identifiers are sent through every way in: the admitted table (ids, free text, rare labels,
cells that hold what they should not), decisions answered and refused, malformed requests, URLs, responses with notes,
outcomes, consent, review and trace. Then every byte that the house wrote or said is searched for each of them,
compressed files unpacked. Nothing is excepted: group labels with too few patients are removed at admission, so that
even the de-identified table holds only labels that many patients share.
"""

from __future__ import annotations

import gzip
import io
import json
import socket
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bedrail.journeys import delivery, training
from bedrail.journeys.examination import examine_candidates
from bedrail.journeys.oversight import watch_use_case
from small_home import (
    CASE,
    EXAMPLE,
    Server,
    approve_both,
    climb,
    founded,
    issue,
    opened,
    request_of,
    serving,
    small_table,
    told,
)

FIRST = ("Aurelia", "Bartholomew", "Clementine", "Desdemona", "Evangeline", "Ferdinand", "Guinevere", "Hildegard")
LAST = ("Quackenbush", "Zwickelmann", "Oberhuber", "Featherstone", "Vandersloot", "Przybylski", "Abernathy")


class Planted:
    """Makes distinctive identifiers of the kinds that hospitals have, and remembers every one."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.all: list[str] = []

    def _digits(self, count: int) -> str:
        return "".join(str(d) for d in self._rng.integers(0, 10, count))

    def _keep(self, text: str) -> str:
        self.all.append(text)
        return text

    def patient(self) -> str:
        """A medical record number."""
        return self._keep(f"MRN7{self._digits(9)}")

    def encounter(self) -> str:
        """An encounter number."""
        return self._keep(f"ENC7{self._digits(9)}")

    def name(self) -> str:
        """A person's name, with a number that makes it unique."""
        return self._keep(f"{self._rng.choice(FIRST)} {self._rng.choice(LAST)} {self._digits(6)}")

    def phone(self) -> str:
        """A telephone number."""
        return self._keep(f"+49-171-{self._digits(8)}")

    def mail(self) -> str:
        """A mail address."""
        return self._keep(f"{self._rng.choice(LAST).lower()}{self._digits(6)}@example.org")

    def site(self) -> str:
        """Something that passes for a site's name and is a person's."""
        return self._keep(f"{self._rng.choice(LAST)} {self._digits(8)}")

    def odd(self) -> str:
        """An identifier as a word that could be a field's name."""
        return self._keep(f"mrn_{self._rng.choice(LAST).lower()}_{self._digits(8)}")

    def any(self) -> str:
        """One of the kinds."""
        kinds = (self.patient, self.encounter, self.name, self.phone, self.mail, self.odd)
        return kinds[int(self._rng.integers(len(kinds)))]()


def with_identifiers(table: pd.DataFrame, planted: Planted) -> pd.DataFrame:
    """The table with sixty planted rows: ids, a free-text column, rare group labels, and cells that are wrong."""
    table = table.astype({"patient": str, "encounter": str}).assign(remarks="")
    for row in range(60):
        table.loc[row, "patient"] = planted.patient()
        table.loc[row, "encounter"] = planted.encounter()
        table.loc[row, "remarks"] = f"seen with {planted.name()}, call {planted.phone()}"
    for row in range(60, 66):
        table.loc[row, "race"] = planted.name()
        table.loc[row, "payer"] = planted.mail()
    for row in range(66, 70):
        table.loc[row, "site"] = planted.site()
    for row in range(70, 74):
        table.loc[row, "a1c_result"] = planted.name()
    return table


def requests(
    server: Server, planted: Planted, rows: pd.DataFrame, names: tuple[str, ...], visitor: dict[str, str]
) -> list[bytes]:
    """Every way in over HTTP, with an identifier wherever one fits; returns all that was said in refusing."""
    said: list[bytes] = []

    def ask(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
        status, text, sent = server.ask(method, path, body, headers)
        assert status != 500, text
        if status >= 400:
            said.append(text + json.dumps(sent).encode())
        return text

    decide = f"/api/v1/use-cases/{CASE}/decisions"
    decisions = []
    for _, row in rows.head(40).iterrows():
        request = request_of(row, names, subject=planted.patient(), encounter=planted.encounter())
        decisions.append(json.loads(ask("POST", decide, request)))
    assert {answer["kind"] for answer in decisions} >= {"answer"}
    shown = [a["decision"] for a in decisions if a["kind"] == "answer"]
    usual = request_of(rows.iloc[0], names)

    def changed(**features: Any) -> dict[str, Any]:
        return usual | {"subject": planted.patient(), "features": usual["features"] | features}

    for wrong in (
        changed(age=430), changed(age=planted.any()), changed(insulin=planted.name()),
        changed(a1c_result=planted.mail()),
        changed(age={"value": 50, "unit": planted.phone()}), changed(age={"value": planted.any()}),
        changed(**{planted.odd(): 1}), changed(**{planted.any(): planted.any()}),
        changed(insulin={"value": planted.name()}), changed(num_medications=None),
        usual | {"subject": planted.patient() * 20}, usual | {planted.odd(): 1}, usual | {planted.any(): planted.any()},
        usual | {"site": planted.site()}, usual | {"site": planted.mail()},
        usual | {"groups": {"race": planted.name()}},
        usual | {"groups": {planted.odd(): "x"}}, usual | {"groups": {planted.name(): "x"}},
        usual | {"at": planted.any()}, usual | {"features": planted.any()}, [planted.any()], planted.any(),
        json.dumps(usual | {"subject": planted.patient()}).encode()[:-9], b"\xff" + planted.any().encode(),
        planted.any().encode(),
        ('{"subject": "a", "' + planted.odd() + '": 1, "' + planted.odd() + '": 2}').encode(),
        ('{"subject": "' + planted.patient() + '", "subject": "' + planted.patient() + '"}').encode(),
    ):  # fmt: skip
        ask("POST", decide, wrong)
    ask("POST", decide, usual, {"Content-Type": f"text/{planted.odd()}"})
    ask("POST", decide, b'{"subject": "' + planted.patient().encode() + b'"' + b" " * 70_000)
    for path in (planted.odd(), planted.patient()):
        ask("POST", f"/api/v1/use-cases/{path}/decisions", usual)
        ask("POST", f"{decide}?patient={path}", usual | {"subject": planted.patient()})
        ask("GET", f"/api/v1/decisions/{path}")
        ask("GET", f"/{path}?name={planted.odd()}")
        ask("GET", f"/reports/{CASE}/{path}")
        ask("GET", f"/reports/{CASE}/{path}", headers=visitor)
        ask("POST", f"/api/v1/decisions/{path}/outcomes", {"value": 1})
    for number, decision in enumerate(shown[:20]):
        response = ("confirmed", "agrees-with-assessment") if number % 2 else ("overridden", "clinical-picture-differs")
        note = f"{planted.name()} lives with {planted.name()}, {planted.phone()}, {planted.mail()}"
        body = {"response": response[0], "reason": response[1], "person": "dr-lee", "note": note}
        ask("POST", f"/api/v1/decisions/{decision}/responses", body)
        ask("POST", f"/api/v1/decisions/{decision}/outcomes", {"value": number % 2})
    for body in (
        {"response": planted.any(), "reason": planted.any(), "person": planted.any(), "note": planted.any()},
        {"response": "confirmed", "reason": planted.any(), "person": "dr-lee"},
        {"response": "confirmed", "reason": "no-objection", "person": planted.odd()},
        {"response": "confirmed", "reason": "no-objection", "person": "dr-lee", "note": planted.name() * 200},
        {planted.odd(): planted.any()},
    ):
        ask("POST", f"/api/v1/decisions/{shown[0]}/responses", body)
    ask("POST", f"/api/v1/decisions/{shown[30]}/outcomes", {"value": planted.any()})
    for body in (
        {"subject": planted.patient(), "opted_out": True},
        {"subject": planted.patient(), "opted_out": planted.any()},
        {"subject": planted.patient() * 20, "opted_out": True},
        {planted.odd(): 1},
    ):
        ask("POST", f"/api/v1/use-cases/{CASE}/consent", body)
    for token in (planted.any(), planted.odd()):
        ask("POST", decide, usual, {"Authorization": f"Bearer {token}"})
    for held in json.loads(ask("GET", f"/api/v1/use-cases/{CASE}/reviews"))["reviews"][:2]:
        ask("POST", f"/api/v1/decisions/{held['decision']}/card", {"person": planted.odd()})
        ask("POST", f"/api/v1/decisions/{held['decision']}/card", {"person": "dr-lee"})
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"GET /{planted.patient()} HTTP/9\r\nX: {planted.name()}\r\n\r\n".encode())
        said.append(raw.recv(65_536))
    said.append(server.ask("GET", "/metrics")[1])
    status, page, _ = server.ask("GET", "/", headers=visitor)
    assert status == 200
    said.append(page)
    return said


def pieces(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and what is inside it where it is compressed or columnar."""
    data = path.read_bytes()
    yield str(path), data
    if data[:4] == b"PAR1":
        yield f"{path} (table)", pd.read_parquet(io.BytesIO(data)).to_csv().encode()
    if data[:2] == b"\x1f\x8b":
        yield f"{path} (unpacked)", gzip.decompress(data)
    if data[:2] in {b"\x78\x9c", b"\x78\xda"}:
        yield f"{path} (inflated)", zlib.decompress(data)
    assert not tarfile.is_tarfile(path)


def spellings(identifier: str) -> Iterator[bytes]:
    """As it is, in JSON, in a URL, in HTML, in hex and in UTF-16."""
    yield identifier.encode()
    yield identifier.encode().hex().encode()
    yield identifier.encode("utf-16-le")
    yield identifier.replace(" ", "%20").replace("@", "%40").encode()


def found_in(where: str, data: bytes, planted: Planted) -> list[str]:
    """Which planted identifiers stand in these bytes."""
    return [f"{text} in {where}" for text in planted.all if any(each in data for each in spellings(text))]


@pytest.mark.slow
def test_no_identifier_lies_in_plain_sight(tmp_path: Path) -> None:
    """A real server, every way in, every byte searched, while it runs (WAL) and after it ended."""
    planted, home, log = Planted(7), tmp_path / "home", tmp_path / "server.log"
    table = small_table(tmp_path)
    app = founded(home)
    ctx, printed = app.context, [""]
    charter = (EXAMPLE / "usecase.toml").read_text().replace("window = 500", "window = 50")
    delivery.open_use_case(ctx, "olivia", charter)
    file = tmp_path / "table.parquet"
    with_identifiers(table.iloc[:9000].reset_index(drop=True), planted).to_parquet(file)
    app.close()
    ran = told("--as", "sam", "data", "admit", CASE, "--file", str(file), home=home)
    assert ran.code == 0, ran.err
    printed += [ran.out, ran.err]
    with opened(home) as app:
        training.train_candidate(app.context, "sam", CASE, "logistic", name="baseline")
        examine_candidates(app.context, "sam", CASE)
        approve_both(app, "baseline")
        climb(app, "baseline")
        token, names = issue(app), app.context.charter(CASE).contract().names
    with serving(home, log, token=token) as server:
        with opened(home) as app:
            at = app.reception()
            visitor = {"Cookie": f"bedrail-loopback={at.open_link(at.local_link('ada'), device='test').token}"}
        said = requests(server, planted, table.iloc[9000:].reset_index(drop=True), names, visitor)
        leaks = [
            leak for path in files_of(home) for name, data in pieces(path) for leak in found_in(name, data, planted)
        ]
        with opened(home) as app:
            rows = app.context.views.decisions(CASE, limit=500)
        for row in (rows[0], rows[-1], next(r for r in rows if r.kind == "fell-back" and r.record)):
            ran = told("--as", "ada", "trace", row.decision, home=home)
            assert ran.code == 0, ran.err
            printed.append(ran.err)  # an auditor who is permitted to read is shown the inputs on standard output
    with opened(home) as app:
        assert watch_use_case(app.context, CASE).windows >= 1
    for words in (("status",), ("gate", CASE, "--to", "pilot"), ("watch", CASE), ("ledger", "verify")):
        ran = told(*words, home=home)
        printed += [ran.out, ran.err]
    ran = told("--as", "ada", "ledger", "export", str(tmp_path / "bundle"), home=home)
    assert ran.code == 0
    file.unlink()
    (tmp_path / "source.csv").unlink()
    leaks += leaks_below(tmp_path, planted)
    for number, data in enumerate([*said, *(text.encode() for text in printed)]):
        leaks += found_in(f"answer or print {number}: {data[:300]!r}", data, planted)
    assert len(set(planted.all)) >= 300
    assert not leaks, "\n".join(sorted(set(leaks))[:40])


def leaks_below(folder: Path, planted: Planted) -> list[str]:
    """Where an identifier stands in a file below."""
    return [leak for path in files_of(folder) for name, data in pieces(path) for leak in found_in(name, data, planted)]


def files_of(folder: Path) -> Iterator[Path]:
    """Every file below."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_search_would_find_them(tmp_path: Path) -> None:
    """The searcher finds an identifier in plain text, in a compressed Parquet file, in gzip, as hex and in a URL."""
    planted = Planted(1)
    name = planted.name()
    (tmp_path / "a").write_text(f"seen: {name}.")
    pd.DataFrame({"x": [name] * 3}).to_parquet(tmp_path / "b", compression="zstd")
    (tmp_path / "c").write_bytes(gzip.compress(name.encode()))
    (tmp_path / "d").write_text(name.encode().hex())
    (tmp_path / "e").write_text("GET /" + name.replace(" ", "%20"))
    for path in files_of(tmp_path):
        assert [leak for where, data in pieces(path) for leak in found_in(where, data, planted)], path
