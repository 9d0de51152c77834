"""Sources for the catalogue, each against the real thing: SQLite, PostgreSQL, a FHIR server, a feed, DICOM files."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import psycopg
import pydicom.data
import pytest

from bedrail.app import Asked, source_of
from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.data.catalogue import Sheet
from bedrail.data.sampling import survey
from bedrail.data.sensitivity.proposing import propose
from bedrail.wire.fhir_source import FhirServer, FhirSource
from bedrail.wire.mllp import BEGIN, END, acknowledgement
from postgres_server import server

RESOURCES = Path(__file__).resolve().parents[1] / "data" / "catalogue"
ADT = (
    "MSH|^~\\&|A|B|C|D|20240101||ADT^A01|17|P|2.5\rPID|1||8222157^^^X^MR||ABERNATHY^QUENTIN||19310704|M|||"
    "12 Elm Street^^Springfield^IL^62704\rDG1|1||F11.20"
)


def sheets_of(source: Any, limit: int = 100_000) -> dict[str, Sheet]:
    """What a scan of this source would record, by name."""
    flows, _ = source.flows(0)
    found = {}
    for flow in flows:
        seen, notes = survey(flow, seed=0, limit=limit)
        for each in seen:
            sheet = propose(each, complete=not each.cut, notes=notes, fingerprint="", find=None)
            found[sheet.name] = sheet
    return found


def level(sheet: Sheet, name: str) -> str:
    return next(field.proposal.level for field in sheet.fields if field.name == name)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "ehr.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute('CREATE TABLE "pat ""ients" (patient_id INTEGER, last_name TEXT, dob TEXT, photo BLOB)')
        made.execute("CREATE TABLE codes (code TEXT PRIMARY KEY, title TEXT) WITHOUT ROWID")
        made.execute("CREATE VIEW v AS SELECT * FROM codes")
        rows = [(each, "Abernathy", "1931-07-04", b"\x00\x01") for each in range(5_000)]
        made.executemany('INSERT INTO "pat ""ients" VALUES (?, ?, ?, ?)', rows)
        made.execute("INSERT INTO codes VALUES ('I10', 'Hypertension')")
        made.commit()
    return path


def test_a_sqlite_file_is_scanned_table_by_table_and_not_written(sqlite_file: Path) -> None:
    """Odd names are quoted, tables without row ids read, views passed over; the file stays as it is."""
    before = sqlite_file.read_bytes()
    source = source_of(str(sqlite_file), Asked())
    found = sheets_of(source)
    assert sorted(found) == ["codes", 'pat "ients']
    patients = found['pat "ients']
    assert (patients.rows, patients.location) == (5_000, f'{sqlite_file}#pat "ients')
    assert level(patients, "last_name") == "direct-identifier"
    assert sqlite_file.read_bytes() == before


def test_of_a_large_sqlite_table_rows_are_sampled_all_over_it(sqlite_file: Path) -> None:
    """About as many rows as asked for, from the whole span, and the sheet says that it is a sample."""
    flow = next(each for each in source_of(str(sqlite_file), Asked()).flows(3)[0] if each.label != "codes")
    (seen,), notes = survey(flow, seed=3, limit=1_000, capacity=500)
    assert notes == ["a sample of its rows was read"]
    assert 500 <= seen.rows <= 1_000
    ids = sorted(int(each) for each in seen.fields["patient_id"].values)
    assert ids[0] < 500
    assert ids[-1] > 4_500


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    """A file that only begins like one is out, one that does not is a file like others."""
    path = tmp_path / "x.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\x00" * 500)
    with pytest.raises(Unavailable, match="cannot be read"):
        sheets_of(source_of(str(path), Asked()))
    path.write_bytes(b"something")
    with pytest.raises(Invalid, match="nothing here can be read"):
        source_of(str(path), Asked()).flows(0)


@pytest.fixture
def database() -> str:
    """A schema of its own on a real PostgreSQL, with tables of every sort."""
    address = server().schema()
    with psycopg.connect(address) as made:
        made.execute("CREATE TABLE patients (patient_id INT, last_name TEXT, ssn TEXT, born DATE, about JSONB)")
        made.execute(
            "INSERT INTO patients SELECT n, 'Abernathy', '078-05-1120', '1931-07-04', '{\"a\": 1}' "
            "FROM generate_series(1, 20000) n"
        )
        made.execute('CREATE TABLE "odd ""name" (patient_id INT, diagnosis TEXT) PARTITION BY RANGE (patient_id)')
        made.execute('CREATE TABLE part PARTITION OF "odd ""name" FOR VALUES FROM (0) TO (100)')
        made.execute('INSERT INTO "odd ""name" VALUES (1, \'F11.20\')')
        made.execute("ANALYZE")
    return address


def test_a_postgresql_database_is_scanned_read_only(database: str) -> None:
    """Tables and partitioned tables, a part not twice; the place is named without user or options."""
    schema = database.rpartition("%3D")[2]
    found = sheets_of(source_of(database, Asked(schema=schema)))
    assert sorted(found) == [f'{schema}.odd "name', f"{schema}.patients"]
    patients = found[f"{schema}.patients"]
    assert patients.rows == 20_000
    assert level(patients, "ssn") == "direct-identifier"
    assert level(patients, "born") == "quasi-identifier"
    assert patients.location.startswith("postgresql://127.0.0.1:")
    assert "bedrail@" not in patients.location
    assert "search_path" not in patients.location
    assert found[f'{schema}.odd "name'].special == ("substance-use",)


def test_of_a_large_postgresql_table_a_sample_is_read(database: str) -> None:
    """By the server's own sampling; the same seed reads the same blocks."""
    schema = database.rpartition("%3D")[2]
    source = source_of(database, Asked(schema=schema))
    flow = next(each for each in source.flows(7)[0] if each.label.endswith("patients"))
    (one,), notes = survey(flow, seed=7, limit=3_000)
    (two,), _ = survey(flow, seed=7, limit=3_000)
    assert notes == ["a sample of its rows was read"]
    assert 500 < one.rows <= 3_000
    assert one.fields["patient_id"].values == two.fields["patient_id"].values


def test_a_database_that_is_out_or_says_no_is_said_without_its_words(tmp_path: Path) -> None:
    """A password does not belong in the address, one in a file others can read is not used, and nobody there is out."""
    with pytest.raises(Invalid, match=r"^target: .*password"):
        source_of("postgresql://u:sesame@127.0.0.1/d", Asked())
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    secret.chmod(0o644)
    with pytest.raises(Refused, match="read by others"):
        source_of("postgresql://u@127.0.0.1/d", Asked(secret=secret))
    secret.chmod(0o600)
    with pytest.raises(Unavailable) as told:
        source_of("postgresql://u@127.0.0.1:9/d", Asked(secret=secret)).flows(0)
    assert "sesame" not in str(told.value)


class FhirHouse(BaseHTTPRequestHandler):
    """A small FHIR server: search with pages, bulk export with waiting; asks for a token."""

    protocol_version = "HTTP/1.1"
    resources: ClassVar[dict[str, list[dict[str, Any]]]]
    asked: ClassVar[list[tuple[str, str]]]
    waits = 0
    evil_next = ""
    elsewhere = ""

    def do_GET(self) -> None:
        self._log()
        parts = urlsplit(self.path)
        name, query = parts.path.removeprefix("/r4/"), parse_qs(parts.query)
        if self.headers.get("Authorization") != "Bearer sesame":
            self._say(401, {})
        elif name == "metadata":
            kinds = [{"type": kind, "interaction": [{"code": "search-type"}]} for kind in self.resources]
            self._say(200, {"resourceType": "CapabilityStatement", "rest": [{"resource": kinds}]})
        elif name == "$export":
            self._say(202, {}, {"Content-Location": f"http://{self.headers['Host']}/r4/status"})
        elif name == "status":
            type(self).waits += 1
            if self.waits < 3:
                self._say(202, {}, {"Retry-After": "1"})
            else:
                base = self.elsewhere or f"http://{self.headers['Host']}"
                output = [{"type": kind, "url": f"{base}/r4/file-{kind}"} for kind in self.resources]
                self._say(200, {"requiresAccessToken": True, "output": output, "error": []})
        elif name.startswith("file-"):
            lines = b"\n".join(json.dumps(each).encode() for each in self.resources[name[5:]])
            self._bytes(200, lines + b"\nnot json\n", {})
        else:
            self._page(name, int(query.get("page", ["0"])[0]))

    def do_DELETE(self) -> None:
        self._log()
        self._say(202, {})

    def _page(self, kind: str, page: int) -> None:
        found = self.resources.get(kind, [])[page * 3 : page * 3 + 3]
        links = []
        if len(self.resources.get(kind, [])) > page * 3 + 3:
            links = [{"relation": "next", "url": self.evil_next or f"{kind}?page={page + 1}"}]
        entries = [{"resource": each} for each in found]
        self._say(200, {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})

    def _log(self) -> None:
        self.asked.append((f"{self.command} {self.path.partition('?')[0]}", self.headers.get("Authorization") or ""))

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._bytes(status, json.dumps(body).encode(), headers or {})

    def _bytes(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@contextmanager
def fhir_house(**settings: Any) -> Iterator[tuple[str, type[FhirHouse]]]:
    """The address of such a server, on loopback, serving the Synthea resources beside the tests."""
    resources: dict[str, list[dict[str, Any]]] = {}
    for line in (RESOURCES / "synthea.ndjson").read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        resources.setdefault(each["resourceType"], []).append(each)
    house = type("House", (FhirHouse,), {"resources": resources, "asked": [], "waits": 0, **settings})
    serving = ThreadingHTTPServer(("127.0.0.1", 0), house)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}/r4", house
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


def test_a_fhir_server_is_read_page_by_page() -> None:
    """Every type of its capability statement, every page, with the token; each type is an asset of the address."""
    with fhir_house() as (address, house):
        source = source_of(address, Asked(token="sesame"))
        found = sheets_of(source)
        assert set(found) == set(house.resources)
        assert {name: sheet.rows for name, sheet in found.items()} == {k: len(v) for k, v in house.resources.items()}
        assert source.whole
        patient = found["Patient"]
        assert patient.location == f"{address}#Patient"
        assert level(patient, "Patient.name.family") == "direct-identifier"
        assert level(patient, "Patient.birthDate") == "quasi-identifier"
        assert len([each for each, _ in house.asked if each == "GET /r4/Observation"]) > 2


def test_a_bulk_export_is_waited_for_read_line_by_line_and_deleted() -> None:
    """As the server asks, by Retry-After; lines that are no resources are counted; the export does not stay behind."""
    waited: list[float] = []
    with fhir_house() as (address, house):
        server_ = FhirServer(address, token="sesame", pause=waited.append)
        found = sheets_of(FhirSource(server_, export="system"))
        assert {name: sheet.rows for name, sheet in found.items()} == {k: len(v) for k, v in house.resources.items()}
        assert waited == [1.0, 1.0]
        assert house.asked[-1][0] == "DELETE /r4/status"
        assert "1 lines of the export are no resources" in found["Patient"].notes


def test_a_server_cannot_send_us_or_our_token_elsewhere() -> None:
    """Pages and files said to lie on another server are not fetched, and no token goes there."""
    with fhir_house() as (other, elsewhere):
        with fhir_house(evil_next=f"{other}/Observation") as (address, _):
            found = sheets_of(source_of(address, Asked(token="sesame", types=("Observation",))))
            assert found["Observation"].rows == 3
            assert found["Observation"].notes == ("the next page is said to lie on another server: not read",)
        with fhir_house(elsewhere=other.removesuffix("/r4")) as (address, _):
            source = FhirSource(FhirServer(address, token="sesame", pause=lambda _: None), export="system")
            assert sheets_of(source) == {}
        assert elsewhere.asked == []


def test_a_fhir_address_is_https_but_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http elsewhere is refused, a wrong token is said, and what is no server is out."""
    with pytest.raises(Refused, match="encrypted"):
        source_of("http://fhir.example/r4", Asked())
    with pytest.raises(Invalid):
        source_of("https://user:sesame@fhir.example/r4", Asked())
    with fhir_house() as (address, _), pytest.raises(Unavailable, match="status 401"):
        source_of(address, Asked(token="wrong")).flows(0)
    with pytest.raises(Unavailable, match="does not answer"):
        source_of("http://127.0.0.1:9/r4", Asked()).flows(0)


def test_a_feed_is_listened_to_and_each_message_acknowledged() -> None:
    """Two senders, messages cut into pieces by the network, one that is none; assets by message type."""
    source = source_of("mllp://127.0.0.1:0", Asked(seconds=20, messages=4))
    answers: list[bytes] = []

    def send() -> None:
        frames = [ADT, ADT.replace("ADT^A01", "ORU^R01"), "nonsense", ADT]
        for pair in (frames[:2], frames[2:]):
            with socket.create_connection(("127.0.0.1", source.port)) as sender:
                data = b"".join(BEGIN + each.encode() + END for each in pair)
                for at in range(0, len(data), 40):
                    sender.sendall(data[at : at + 40])
                got = b""
                while got.count(END) < 2:
                    got += sender.recv(4_096)
                answers.append(got)

    thread = threading.Thread(target=send)
    thread.start()
    found = sheets_of(source)
    thread.join()
    assert {name: sheet.rows for name, sheet in found.items()} == {"ADT": 2, "ORU": 1}
    assert level(found["ADT"], "PID-5.1") == "direct-identifier"
    assert found["ADT"].special == ("substance-use",)
    assert found["ADT"].notes == ("1 messages have no MSH segment",)
    assert [answer.count(b"MSA|AA|17") for answer in answers] == [2, 1]
    assert answers[1].count(b"MSA|AR|?") == 1
    assert not source.whole


def test_an_acknowledgement_answers_the_sender_by_its_own_separators() -> None:
    """Sender and receiver change places; the control id comes back."""
    answer = acknowledgement(b"MSH#^~\\&#A#B#C#D#1##ADT^A01#99#P#2.3\rPID#1")
    assert answer == BEGIN + b"MSH#^~\\&#BEDRAIL##A#B###ACK#99#P#2.3\rMSA#AA#99\r" + END


def test_a_feed_listens_on_this_machine_only() -> None:
    """MLLP is not encrypted."""
    with pytest.raises(Unavailable, match="not encrypted"):
        source_of("mllp://0.0.0.0:2575", Asked())


def test_dicom_headers_are_read_by_modality_and_never_a_pixel(tmp_path: Path) -> None:
    """Names, numbers, dates and UIDs of a real CT and MR; private tags by their creator; a damaged file is counted."""
    for name in ("CT_small.dcm", "MR_small.dcm"):
        source = Path(str(pydicom.data.get_testdata_file(name)))
        (tmp_path / name.removesuffix(".dcm")).write_bytes(source.read_bytes())  # known by its preamble, not its name
    (tmp_path / "broken.dcm").write_bytes(b"\x00" * 128 + b"DICM" + b"\xff" * 50)
    found = sheets_of(source_of(str(tmp_path), Asked()))
    assert set(found) == {"CT images", "MR images"}
    scan = found["CT images"]
    assert level(scan, "PatientName") == "direct-identifier"
    assert level(scan, "PatientID") == "direct-identifier"
    assert level(scan, "StudyDate") == "quasi-identifier"
    assert level(scan, "SOPInstanceUID") == "direct-identifier"
    assert level(scan, "SOPClassUID") == "ordinary"
    assert any(field.name.startswith("(0009,xx") for field in scan.fields)
    assert not any(field.name == "PixelData" for field in scan.fields)
    assert scan.notes == ("1 files cannot be read as DICOM",)


def test_files_of_fhir_and_hl7_are_assets_of_their_folder(tmp_path: Path) -> None:
    """A bundle and NDJSON side by side are one asset a type; messages with line feeds are read too."""
    lines = (RESOURCES / "synthea.ndjson").read_text(encoding="utf-8").splitlines()
    resources = [json.loads(line) for line in lines]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in resources[:10]]}
    (tmp_path / "a.json").write_text(json.dumps(bundle))
    (tmp_path / "b.ndjson").write_text("\n".join(lines[10:]))
    (tmp_path / "c.hl7").write_text(ADT.replace("\r", "\n") + "\n" + ADT.replace("\r", "\r\n"))
    found = sheets_of(source_of(str(tmp_path), Asked()))
    assert found["ADT"].rows == 2
    assert sum(sheet.rows for sheet in found.values() if sheet.kind == "fhir") == len(resources)


@pytest.mark.parametrize("target", ["ftp://x/y", "postgresql://", "mllp://127.0.0.1:notaport"])
def test_an_address_of_no_known_kind_is_invalid(target: str) -> None:
    """Said before anything is opened."""
    with pytest.raises((Invalid, Unavailable)):
        source_of(target, Asked()).flows(0)
