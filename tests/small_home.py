"""A small whole home, played through the journeys once in a run and copied by whoever wants to change it.

About twelve thousand real encounters (the first lines of the file that the readmission example ships), people, a
policy that so few patients can satisfy, candidates with evidence and (but for the spare one) approvals, the baseline
in general use.
"""

from __future__ import annotations

import fcntl
import gzip
import http.client
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.app import App, create_home, new_token, open_home
from bedrail.cli import main
from bedrail.journeys import admission, delivery, leaving, training, upkeep
from bedrail.journeys.examination import examine_candidates

PROJECT = Path(__file__).resolve().parents[1]
EXAMPLE = PROJECT / "examples" / "readmission-30d"
CASE = "readmission-30d"
LINES = 13_000
"""Lines of the source: some 12,000 encounters that can be followed by a readmission."""

PEOPLE = (
    ("dr-adams", ("clinical-lead",)),
    ("sam", ("data-scientist",)),
    ("sue", ("data-scientist",)),
    ("priya", ("privacy-officer",)),
    ("rob", ("release-engineer",)),
    ("ada", ("auditor",)),
    ("vera", ("vendor-manager",)),
    ("dr-lee", ("clinician",)),
    ("kim", ("clinical-lead", "privacy-officer")),
    ("max", ("data-scientist", "clinical-lead")),
)

POLICY = """
name = "small-hospital"
version = "1"

[alarms]
sentinels = "halt"
other = "retreat"

[tiers.medium]
validity_days = 365
evidence_days = 365

[tiers.medium.stages.shadow]
checks = ["data-quality"]

[tiers.medium.stages.pilot]
checks = ["data-quality", "discrimination", "thresholds", "missing-inputs"]
approvals = ["clinical-lead", "privacy-officer"]
sites = "named"

[tiers.medium.stages.canary]
checks = ["data-quality", "discrimination", "thresholds", "missing-inputs"]
approvals = ["clinical-lead", "privacy-officer"]
max_share = 100

[tiers.medium.stages.general]
checks = ["data-quality", "discrimination", "thresholds", "missing-inputs"]
approvals = ["clinical-lead", "privacy-officer"]
obligations = ["Read the monitoring report every week."]

[requirements.medium]
min_auroc = 0.5
"""


def small_table(folder: Path) -> pd.DataFrame:
    """The encounter table of the first lines of the shipped source, by the example's own preparation."""
    source = folder / "source.csv"
    with gzip.open(EXAMPLE / "data" / "diabetic_data.csv.gz", "rt", encoding="utf-8") as lines:
        source.write_text("".join(islice(lines, LINES)), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("readmission_prepare", EXAMPLE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: pd.DataFrame = module.prepare(source)
    return table


def founded(home: Path, policy: str = POLICY) -> App:
    """A home with people and policy, and nothing else."""
    app = create_home(home, "small.hospital.example/bedrail")
    upkeep.open_installation(app.context, app.origin, "olivia", app.public_names())
    for person, roles in PEOPLE:
        upkeep.add_person(app.context, "olivia", person, person, roles)
    upkeep.adopt_policy(app.context, "olivia", policy)
    return app


def approve_both(app: App, candidate: str, *, use_case: str = CASE, valid_for: timedelta | None = None) -> None:
    """The two approvals that the small policy asks for, up to general."""
    for person, role in (("dr-adams", "clinical-lead"), ("priya", "privacy-officer")):
        delivery.approve(
            app.context, person, use_case, role=role, stage="general", candidate=candidate, valid_for=valid_for
        )


def climb(app: App, candidate: str, *, use_case: str = CASE, upto: str = "general") -> None:
    """Stage by stage."""
    for stage, sites in (("shadow", ()), ("pilot", ("north", "east")), ("canary", ()), ("general", ())):
        delivery.deploy(app.context, "rob", use_case, stage, candidate=candidate, sites=sites)
        if stage == upto:
            return


def _play(folder: Path) -> None:
    home = folder / "home"
    table = small_table(folder)
    table.to_parquet(folder / "table.parquet")
    app = founded(home)
    ctx = app.context
    delivery.open_use_case(ctx, "olivia", (EXAMPLE / "usecase.toml").read_text())
    admission.admit_data(ctx, "sam", CASE, table, source="first lines")
    training.train_candidate(ctx, "sam", CASE, "logistic", name="baseline")
    training.train_candidate(ctx, "sam", CASE, "boosting", name="boosted")
    training.train_candidate(ctx, "sue", CASE, "logistic", name="spare")
    examine_candidates(ctx, "sam", CASE)
    approve_both(app, "baseline")
    climb(app, "baseline")
    approve_both(app, "boosted")
    app.close()


def played(factory: pytest.TempPathFactory) -> Path:
    """The folder with `home` and `table.parquet`, made at the first call in this run; never to be opened or changed.

    The workers of a run share it: who comes first plays it, and the others wait.
    """
    place = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    folder, playing = place / "played", place / "playing"
    with (place / "played.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(playing, ignore_errors=True)  # of a worker that crashed
            playing.mkdir()
            _play(playing)
            playing.rename(folder)
    return folder


def copied(factory: pytest.TempPathFactory, name: str = "copy") -> Path:
    """A copy of the small home, for one's own use."""
    home = factory.mktemp(name) / "home"
    shutil.copytree(played(factory) / "home", home)
    return home


@contextmanager
def opened(home: Path) -> Iterator[App]:
    """The home opened, and closed again."""
    app = open_home(home)
    try:
        yield app
    finally:
        app.close()


class Later:
    """The system's clock, moved on by the test."""

    def __init__(self, app: App) -> None:
        self._clock, self.by = app.context.clock, timedelta(0)

    def now(self) -> datetime:
        return self._clock.now() + self.by

    def monotonic(self) -> float:
        return self._clock.monotonic()


def issue(app: App, use_case: str = CASE) -> str:
    """A bearer token."""
    token, digest = new_token()
    leaving.issue_token(app.context, "rob", use_case, "ehr", digest, valid_for=timedelta(days=1))
    return token


def request_of(row: Any, features: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    """An encounter of the small table as the EHR would send it."""
    request: dict[str, Any] = {
        "subject": str(row["patient"]),
        "encounter": str(row["encounter"]),
        "site": str(row["site"]),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "features": {name: row[name] for name in features},
        "groups": {name: str(row[name]) for name in ("race", "gender", "age_band", "payer")},
    }
    return request | changes


def environment(**more: str) -> dict[str, str]:
    """This process's environment with one thread for each library, and nothing of Bedrail's but `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BEDRAIL", "_BEDRAIL"))}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | more


@dataclass
class Server:
    """`bedrail serve` as a process of its own; everything that it prints goes to `log`."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]
    token: str = ""
    use_case: str = CASE
    _local: threading.local = field(default_factory=threading.local)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers, over a connection kept by each thread."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        said = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | (headers or {})
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                connection.request(method, path, data, said)
                response = connection.getresponse()
                return response.status, response.read(), dict(response.getheaders())
            except (OSError, http.client.HTTPException):
                self.hang_up()
                if attempt == 2:
                    raise
        raise AssertionError

    def hang_up(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def decide(self, request: Any) -> dict[str, Any]:
        """One decision."""
        _, body, _ = self.ask("POST", f"/api/v1/use-cases/{self.use_case}/decisions", request)
        answer: dict[str, Any] = json.loads(body)
        return answer


@contextmanager
def serving(home: Path, log: Path, *, token: str = "", use_case: str = CASE) -> Iterator[Server]:
    """A real server on this home, ready to answer; ended with SIGTERM, as an operator would."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "bedrail", "--home", str(home), "serve", "--port", str(port)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    server = Server(port, log, process, token, use_case)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                if server.ask("GET", "/readyz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield server
    finally:
        server.hang_up()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Ran:
    """A command that was run."""

    code: int
    out: str
    err: str


def bedrail(*arguments: str, home: Path | None = None, cwd: Path | None = None, **env: str) -> Ran:
    """`bedrail ARGUMENTS` as a process of its own."""
    words = [] if home is None else ["--home", str(home)]
    command = [sys.executable, "-m", "bedrail", *words, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment(**env))
    return Ran(done.returncode, done.stdout, done.stderr)


def told(*arguments: str, home: Path | None = None) -> Ran:
    """`bedrail ARGUMENTS` in this process: the same `main`, without the cost of starting Python."""
    words = [] if home is None else ["--home", str(home)]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([*words, *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
