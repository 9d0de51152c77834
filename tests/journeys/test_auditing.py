"""Looking things up: search, a patient's accounting of disclosures, and events that reach a collector in order."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from bedrail.cli import cli
from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.core.events import PersonAdded, decode
from bedrail.journeys.auditing import Query, disclosures, forward, search
from bedrail.stores.cursors import FileCursor
from bedrail.wire.forwarding import collector
from bedside_house import ORIGIN, USE_CASE, SmallHouse, served, small_house, usual

PATIENT = "Jadwiga-5512"
CONFIRMED = {"response": "confirmed", "person": "dr-lee", "reason": "no-objection"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHouse]:
    """A home in which two patients were decided for, one of them answered and with an outcome, then opted out."""
    house = small_house(tmp_path_factory.mktemp("auditing"))
    house.append(PersonAdded(person="paula", name="Paula", roles=("privacy-officer",)))
    with served(house) as client:
        answered = client.decide(usual(subject=PATIENT)).json["decision"]
        client.decide(usual(subject="somebody else"))
        client.decide(usual(subject=PATIENT, features={"age": 500}))
        for path, body in (
            (f"decisions/{answered}/responses", CONFIRMED),
            (f"decisions/{answered}/outcomes", {"value": 1}),
            (f"use-cases/{USE_CASE}/consent", {"subject": PATIENT, "opted_out": True}),
        ):
            assert client.ask("POST", f"/api/v1/{path}", body).status in (200, 201)
    from bedrail.app import open_home

    house.app = open_home(house.app.home)
    yield house
    house.app.close()


def test_an_accounting_lists_what_was_shown_answered_and_observed_of_one_patient_only(house: SmallHouse):
    """Each line has time, recipient, what and why; others' decisions are not in it; making it is on record."""
    made = disclosures(house.app.context, "paula", PATIENT)
    assert [line.category for line in made.lines] == ["shown", "not shown", "response", "outcome", "choice"]
    assert all(line.recipient and line.what and line.purpose and line.at for line in made.lines)
    assert PATIENT not in repr(made)
    again = disclosures(house.app.context, "paula", PATIENT)
    assert [line.what for line in again.lines[5:]] == ["ledger read: accounting of disclosures"]


def test_an_accounting_is_for_the_privacy_officer_and_the_auditor(house: SmallHouse):
    """A clinician is refused, and the refusal says nothing about the patient."""
    with pytest.raises(Refused) as refused:
        disclosures(house.app.context, "dr-lee", PATIENT)
    assert PATIENT not in str(refused.value)


def test_a_search_finds_by_action_person_id_patient_and_time(house: SmallHouse):
    """Everything given must hold; the newest so many are kept."""
    ctx = house.app.context
    actions = [found.action for found in search(ctx, "auditor", Query(patient=PATIENT))]
    assert actions[:2] == ["decision.answered", "decision.fell-back"]
    (response,) = search(ctx, "auditor", Query(action="decision.responded"))
    about = search(ctx, "auditor", Query(about=response.fact["decision"]))
    assert [found.action for found in about][:3] == ["decision.answered", "decision.responded", "outcome.observed"]
    assert search(ctx, "auditor", Query(until="2001-01-01")) == []
    assert len(search(ctx, "auditor", Query(use_case=USE_CASE, limit=2))) == 2
    with pytest.raises(Invalid):
        search(ctx, "auditor", Query(since="yesterday"))


def test_a_search_for_a_patient_is_on_record_and_others_are_not(house: SmallHouse):
    """Who looked for whom is a fact; looking for an action is no access to a patient's data."""
    ctx = house.app.context
    before = ctx.ledger.head().size
    search(ctx, "auditor", Query(action="person.added"))
    assert ctx.ledger.head().size == before
    search(ctx, "auditor", Query(patient=PATIENT))
    ((_, data),) = ctx.tape.entries(before)
    assert decode(data).fact.subject == ctx.pseudonyms.pseudonym(PATIENT)


def test_an_action_that_there_is_not_is_refused_with_those_close_to_it(house: SmallHouse):
    """Nothing found means that nothing is there, not that a word was misspelt."""
    with pytest.raises(Invalid, match="no fact is called so") as refused:
        search(house.app.context, "auditor", Query(action="people.added"))
    assert "person.added" in refused.value.remedy


def test_the_commands_take_the_patient_from_a_file_and_never_print_the_identifier(house: SmallHouse, tmp_path: Path):
    """search, disclosures and events through the CLI, with JSON and the page."""
    (tmp_path / "who").write_text(PATIENT + "\n")
    page = tmp_path / "page.html"
    outputs = []
    for args in (
        ["ledger", "search", "--patient-from", str(tmp_path / "who"), "--json"],
        ["ledger", "disclosures", "--patient-from", str(tmp_path / "who"), "--html", str(page)],
        ["ledger", "events", "--format", "fhir", "--out", str(tmp_path / "audit.ndjson")],
    ):
        ran = CliRunner().invoke(cli, ["--home", str(house.app.home), "--as", "auditor", *args])
        assert ran.exit_code == 0, ran.output
        outputs.append(ran.output)
    assert PATIENT not in "".join(outputs) + page.read_text() + (tmp_path / "audit.ndjson").read_text()
    assert "risk, reasons and card shown" in page.read_text()
    lines = (tmp_path / "audit.ndjson").read_text().splitlines()
    assert {json.loads(line)["resourceType"] for line in lines} == {"AuditEvent"}


class _Logs(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, _Collector)
        status = server.statuses.pop(0) if server.statuses else 200
        if status == 200:
            server.got += json.loads(body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Logs)
        self.got: list[dict] = []
        self.statuses: list[int] = []


def test_a_collector_gets_every_event_in_order_and_goes_on_where_it_stopped(house: SmallHouse, tmp_path: Path):
    """A collector that is out for a while misses nothing: the cursor moves only when a batch was taken."""
    server = _Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/v1/logs"
        send, cursor = collector(address, ORIGIN), FileCursor(tmp_path, address)
        server.statuses = [503]
        with pytest.raises(Unavailable):
            forward(house.app.context, "auditor", send, cursor)
        assert cursor.read() == 0
        size = house.app.context.ledger.head().size
        assert forward(house.app.context, "auditor", send, cursor) == size
        assert forward(house.app.context, "auditor", send, cursor) == 0
        found = [int(a["value"]["intValue"]) for r in server.got for a in r["attributes"] if a["key"] == "ledger.index"]
        assert found == list(range(size))
    finally:
        server.shutdown()
        server.server_close()


def test_syslog_over_tcp_is_framed_by_octet_counts(house: SmallHouse, tmp_path: Path):
    """RFC 6587: each message after its length; as many messages as entries."""
    got, done = bytearray(), threading.Event()

    class Taker(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            got.extend(self.rfile.read())
            done.set()

    with socketserver.TCPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        sent = forward(house.app.context, "auditor", collector(address, ORIGIN), FileCursor(tmp_path, address))
        assert done.wait(10)
        server.shutdown()
    count, at = 0, 0
    while at < len(got):
        space = got.index(b" ", at)
        at = space + 1 + int(got[at:space])
        count += 1
    assert count == sent > 0


@pytest.mark.parametrize("address", ["ftp://x", "tcp://", "http://user:secret@x/", "tcp://x:99999", "syslog"])
def test_an_address_of_no_known_kind_is_refused(address: str):
    """The remedy lists the kinds there are."""
    with pytest.raises(Invalid, match="collector"):
        collector(address, ORIGIN)
