"""Kill -9 at random moments under load over HTTP, on SQLite or PostgreSQL: nothing acknowledged may be lost or doubled.

    python bench/soak_nemesis.py [--store sqlite|postgres|both] [--count 1000] [--seconds 0] [--seed 1]
                                 [--longest 0.4] [--writers 8] [--rotate 50]

A small whole home is served by real server processes. Clients ask for decisions, respond to them and report outcomes,
and note what was acknowledged. A nemesis kills the server, and with PostgreSQL also the whole database (postmaster and
all) or one of its backends. After every kill a checker that shares nothing with the server reads the ledger: each
acknowledged thing stands there exactly once, at the index and with the leaf of its receipt; the checkpoint in each
receipt is signed and is a prefix of the log; what got no answer stands there once or not at all; the ledger, views and
sealed records verify as `bedrail ledger verify` does. Every `--rotate` kills a fresh copy of the home is taken, so that
verifying stays quick. `--count` kills on SQLite, a fifth of it on PostgreSQL, or less after `--seconds` each. One line
of JSON; exit code 1 when anything is lost, doubled or wrong.

Servers are forked from a process that has imported everything, which saves two seconds a kill; each opens the home,
its database and its model anew.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soaking import Progress, options, report

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

PAUSE = 0.01
"""Seconds a client waits after it was told no."""

RECOVERY_SECONDS = 30.0
"""A server whose database was killed and started again must answer within this."""


# --- the servers ------------------------------------------------------------------------------------------------------


def nursery() -> None:
    """Fork a server for each `HOME PORT LOG` line on standard input, and say its process id."""
    import uvicorn  # noqa: F401 (imported here so that no server has to)
    import uvloop  # noqa: F401

    import bedrail.journeys.standing
    import bedrail.models.scoring  # noqa: F401
    from bedrail.app import open_home
    from bedrail.web.server import run

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        home, port, log = line.rstrip("\n").split("\t")
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        try:
            run(open_home(Path(home)), port=int(port))
        finally:
            os._exit(1)


@dataclass
class Servers:
    """Starts and kills servers of one home after another."""

    nursery: subprocess.Popen[str]
    log: Path
    port: int = 0
    process: int = 0

    def start(self, home: Path) -> None:
        """A server on this home, once it says that it is ready."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{home}\t{self.port}\t{self.log}\n")
        self.nursery.stdin.flush()
        self.process = int(self.nursery.stdout.readline())
        self.await_ready()

    def await_ready(self) -> None:
        """Until `/readyz` is 200; raises RuntimeError when that takes too long."""
        end = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < end:
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                ready = connection.getresponse().status == 200
                connection.close()
                if ready:
                    return
            if not self.alive():
                break
            time.sleep(0.005)
        raise RuntimeError(f"the server did not become ready: {self.log.read_text()[-2000:]}")

    def alive(self) -> bool:
        """Whether the server's process is there."""
        return self.process > 0 and Path(f"/proc/{self.process}").exists()

    def kill(self) -> None:
        """SIGKILL, and wait until nothing is left of it."""
        if self.process:
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
            while Path(f"/proc/{self.process}").exists():
                time.sleep(0.001)
        self.process = 0


@contextmanager
def servers(log: Path) -> Iterator[Servers]:
    """The nursery, ended with its last server."""
    command = [sys.executable, __file__, "--nursery"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT / "src")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        made = Servers(process, log)
        try:
            yield made
        finally:
            made.kill()
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


# --- the clients ------------------------------------------------------------------------------------------------------


@dataclass
class Act:
    """One thing a client asked for; `decision` is empty while no answer named one, `receipt` None without a 2xx."""

    kind: str
    decision: str = ""
    receipt: dict[str, Any] | None = None
    refused: str = ""
    """Anything but a 503 instead of a 2xx: this load never deserves it."""


class Client(threading.Thread):
    """Asks, responds and reports until told to stop; never asks twice for the same thing."""

    def __init__(self, port: int, token: str, requests: list[dict[str, Any]], seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.acts: list[Act] = []
        self._port, self._token, self._requests = port, token, requests
        self._dice = random.Random(seed)
        self._stop_asked = stop
        self._connection: http.client.HTTPConnection | None = None
        self._unanswered: list[str] = []
        self._open: list[str] = []

    def run(self) -> None:
        """Until stopped."""
        while not self._stop_asked.is_set():
            chance = self._dice.random()
            if chance < 0.2 and self._unanswered:
                self._respond(self._unanswered.pop())
            elif chance < 0.4 and self._open:
                self._report(self._open.pop())
            else:
                self._decide()
        self._hang_up()

    def _decide(self) -> None:
        act = Act("decision")
        self.acts.append(act)
        answer = self._ask(act, f"/api/v1/use-cases/{CASE}/decisions", self._dice.choice(self._requests))
        if answer is not None and answer.get("receipt"):
            act.decision, act.receipt = answer["decision"], answer["receipt"]
            if answer["kind"] == "answer":
                self._unanswered.append(act.decision)
            self._open.append(act.decision)

    def _respond(self, decision: str) -> None:
        act = Act("response", decision)
        self.acts.append(act)
        body = {"response": "overridden", "person": "dr-lee", "reason": "data-wrong", "note": "seen"}
        answer = self._ask(act, f"/api/v1/decisions/{decision}/responses", body)
        act.receipt = answer.get("receipt") if answer is not None else None

    def _report(self, decision: str) -> None:
        act = Act("outcome", decision)
        self.acts.append(act)
        answer = self._ask(act, f"/api/v1/decisions/{decision}/outcomes", {"value": self._dice.randint(0, 1)})
        act.receipt = answer.get("receipt") if answer is not None else None

    def _ask(self, act: Act, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer of a 2xx; None for anything else, which leaves open whether it was written."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        said = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            self._connection.request("POST", path, json.dumps(body), said)
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            self._stop_asked.wait(PAUSE)
            return None
        if response.status not in (200, 201):
            if response.status != 503:
                act.refused = f"{response.status} {data[:300]!r}"
            self._stop_asked.wait(PAUSE)
            return None
        answer: dict[str, Any] = json.loads(data)
        return answer

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# --- the checker ------------------------------------------------------------------------------------------------------


@dataclass
class History:
    """What the ledger of one home must hold, and what it was found to hold, kill after kill."""

    home: Path
    acts: list[Act] = field(default_factory=list)
    seen: int = 0
    found: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    places: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    first: int = -1
    doubled: int = 0
    _tree: Any = None

    def check(self, fresh: list[Act]) -> tuple[int, int, list[str]]:
        """(lost, duplicates, what is wrong) after a kill; reads only what was appended since the last time."""
        from bedrail.app import verify_home

        self.acts += fresh
        report = verify_home(self.home, None)
        wrong = [f"{each.kind} {each.where}: {each.what}" for each in report.differences]
        self._read()
        if (
            self.roots[report.size].hex() != report.root
        ):  # a living server may have appended since: a late commit, a beat
            wrong.append("an entry that was checked before has changed")
        lost = 0
        doubled = sum(count - 1 for counts in self.found.values() for count in counts.values()) - self.doubled
        self.doubled += doubled
        for kind, counts in self.found.items():
            asked = sum(act.kind == kind for act in self.acts)
            if len(counts) > asked:
                wrong.append(f"{len(counts)} {kind}s stand in the ledger, {asked} were asked for")
        for act in fresh:
            if act.refused:
                wrong.append(f"a {act.kind} was refused: {act.refused}")
            if act.receipt is not None:
                missing, why = self._receipt(act)
                lost += missing
                wrong += why
        return lost, doubled, wrong

    def _receipt(self, act: Act) -> tuple[int, list[str]]:
        from bedrail.keys.files import KeyFolder, verify_ed25519
        from bedrail.ledger.checkpoint import open_checkpoint

        assert act.receipt is not None
        index, size = act.receipt["index"], act.receipt["size"]
        if self.places.get(index) != (act.kind, act.decision, act.receipt["leaf"]):
            return 1, [f"the acknowledged {act.kind} of {act.decision} is not at index {index}"]
        keys = KeyFolder(self.home / "keys").open()
        promised = open_checkpoint(
            act.receipt["checkpoint"].encode(), keys.origin, keys.public_key("ledger"), verify_ed25519
        )
        if promised.size != size or not index < size or self.roots.get(size) != promised.root:
            return 0, [f"the checkpoint of size {size} in a receipt is no prefix of the log"]
        return 0, []

    def _read(self) -> None:
        from bedrail.core.events import decode
        from bedrail.core.events.bedside import DecisionAnswered, DecisionFellBack, DecisionResponded, OutcomeObserved
        from bedrail.ledger.merkle import CompactRange, leaf_hash
        from bedrail.stores.chosen import open_store

        kinds = {
            DecisionAnswered: "decision",
            DecisionFellBack: "decision",
            DecisionResponded: "response",
            OutcomeObserved: "outcome",
        }
        tree = self._tree = self._tree or CompactRange()
        store = open_store(self.home)
        try:
            for index, data in store.entries(self.seen):
                leaf = leaf_hash(data)
                tree.append(leaf)
                self.seen = index + 1
                fact = decode(data).fact
                kind = kinds.get(type(fact))
                if kind is not None and self.first >= 0:
                    self.found[kind][fact.decision] += 1  # type: ignore[union-attr]
                    self.places[index] = (kind, fact.decision, leaf.hex())  # type: ignore[union-attr]
                self.roots[self.seen] = tree.root()
        finally:
            store.close()
        self.first = max(self.first, 0)


KINDS = ("decision", "response", "outcome")
CASE = "readmission-30d"


# --- the nemesis ------------------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A played home to copy, its token and requests, and the database server when there is one."""

    base: Path
    token: str
    requests: list[dict[str, Any]]
    database: Any = None
    backup: Path | None = None

    def fresh(self, folder: Path) -> Path:
        """A home of its own: a copied folder, or a restored one in a fresh schema."""
        from bedrail.app import restore_home

        home = folder / "home"
        if self.database is None:
            shutil.copytree(self.base, home)
        else:
            assert self.backup is not None
            restore_home(
                self.backup,
                home,
                person="rob",
                anchor=self.base / "anchor" / "checkpoint",
                store=self.database.schema(),
            )
        return home


def prepared(base: Path, folder: Path, database: Any = None) -> Stage:
    """The stage, made in `folder`, over a played small home (`base` holds `home` and `table.parquet`)."""
    import pandas as pd

    from bedrail.app import open_home
    from small_home import issue, request_of

    table = pd.read_parquet(base / "table.parquet").head(200)
    home = folder / "home"
    shutil.copytree(base / "home", home)
    app = open_home(home)
    try:
        token = issue(app)
        names = app.context.charter(CASE).contract().names
        requests = [json.loads(json.dumps(request_of(row, names), default=_plain)) for _, row in table.iterrows()]
        backup = home.parent / "backup"
        if database is not None:
            app.back_up("rob", backup, keys=True, told=lambda _: None)
    finally:
        app.close()
    return Stage(home, token, requests, database, backup)


def _plain(value: Any) -> Any:
    return value.item()


def haunt(
    stage: Stage, progress: Progress, *, seed: int = 1, longest: float = 0.4, writers: int = 8, rotate: int = 50
) -> dict[str, Any]:
    """Kill until the progress is made or over; what is reported of it, with `right`."""
    dice = random.Random(seed)
    kinds, acknowledged, totals = Counter[str](), Counter[str](), Counter[str]()
    wrong: list[str] = []
    start = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nemesis-")))
        serving = stack.enter_context(servers(folder / "log"))
        history: History | None = None
        while progress.done < progress.total and not progress.over:
            kill = progress.done
            if history is None or kill % rotate == 0:
                serving.kill()
                if history is not None:
                    shutil.rmtree(history.home.parent)
                (folder / str(kill)).mkdir()
                history = History(stage.fresh(folder / str(kill)))
                history.check([])
            if serving.alive():
                serving.await_ready()
            else:
                serving.start(history.home)
            kind, acts = _round(stage, serving, dice, longest, writers, kill)
            lost, doubled, found = history.check(acts)
            kinds[kind] += 1
            totals.update(lost=lost, duplicates=doubled, asked=len(acts), silent=int(not any(a.receipt for a in acts)))
            acknowledged.update(act.kind for act in acts if act.receipt is not None)
            wrong += [f"after kill {kill} ({kind}): {each}" for each in found]
            progress.step()
    return {
        "kills": sum(kinds.values()),
        "killed": dict(kinds),
        "asked": totals["asked"],
        "acknowledged": dict(acknowledged),
        "kills_before_any_acknowledgement": totals["silent"],
        "lost": totals["lost"],
        "duplicates": totals["duplicates"],
        "wrong": wrong[:50],
        "seconds": round(time.monotonic() - start, 1),
        "right": not (wrong or totals["lost"] or totals["duplicates"]) and set(acknowledged) == set(KINDS),
    }


def _round(
    stage: Stage, serving: Servers, dice: random.Random, longest: float, writers: int, number: int
) -> tuple[str, list[Act]]:
    """Load, one kill at a random moment, a little more load; what was killed, and what every client asked."""
    kind = "server" if stage.database is None else dice.choice(("server", "database", "backend"))
    stop = threading.Event()
    clients = [
        Client(serving.port, stage.token, stage.requests, number * writers + each, stop) for each in range(writers)
    ]
    for client in clients:
        client.start()
    time.sleep(dice.uniform(0.02, longest))
    if kind == "server":
        serving.kill()
    elif kind == "database":
        stage.database.kill()
        stage.database.start()
    else:
        stage.database.kill_backend()
        time.sleep(dice.uniform(0, longest / 2))
    stop.set()
    for client in clients:
        client.join()
    if stage.database is not None:
        stage.database.wait()
    return kind, [act for client in clients for act in client.acts]


def main() -> int:
    """The server's nursery, or the whole soak."""
    if sys.argv[1:2] == ["--nursery"]:
        nursery()
        return 0
    asked = options(__doc__, count=1000, store="both", longest=0.4, writers=8, rotate=50)
    from postgres_server import own_server
    from small_home import _play

    reports: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nemesis-base-")))
        _play(base)
        for store, kills in (("sqlite", asked.count), ("postgres", max(asked.count // 5, 1))):
            if asked.store in ("both", store):
                database = stack.enter_context(own_server()) if store == "postgres" else None
                stage = prepared(base, base / f"base-{store}", database)
                progress = Progress(f"kills on {store}", kills, asked.seconds)
                slower = 1 if database is None else 2.5  # its commits take that much longer to begin with
                limits = {"longest": asked.longest * slower, "writers": asked.writers, "rotate": asked.rotate}
                reports[store] = haunt(stage, progress, seed=asked.seed, **limits)
    return report("nemesis", all(each.pop("right") for each in reports.values()), **reports)


if __name__ == "__main__":
    raise SystemExit(main())
