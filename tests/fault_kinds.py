"""The kinds of failure that `fault_matrix` injects: real ones where that can be done, made ones elsewhere."""

from __future__ import annotations

import http.server
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from bedrail.core.errors import Unavailable
from bedrail.core.events import ConsentChanged
from bedrail.models.values import Assessment
from bedside_house import USE_CASE, linear_package, usual
from fault_matrix import ANSWER, REFUSED, UNRECORDED, Exchanged, Fault, Scene

NAN = float("nan")
SLOW = 1.5
"""Seconds that slow things take: far more than the budget, and than what follows a decision waits."""


class Vendor(http.server.BaseHTTPRequestHandler):
    """A vendor's endpoint in the mood that the test wants."""

    mood: dict[str, Any]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        say = self.mood["say"]
        if say == "slow":
            time.sleep(SLOW)
        if say == "thinking":
            self.mood["asked"].set()
            self.mood["go"].wait(5)
        if say == "hangs up":
            self.close_connection = True
            return
        status = {"fails": 500, "redirects": 302}.get(say, 200)
        body = {"garbage": b"\x00\xff<html>", "huge": b"1" * 200_000, "two": b'{"probability": 2}'}.get(say)
        body = body or (b'{"probability": NaN}' if say == "nan" else b'{"probability": 0.4}')
        with suppress(OSError):
            self.send_response(status)
            if say == "redirects":
                self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", str(len(body) + (50 if say == "cuts" else 0)))
            self.end_headers()
            self.wfile.write(body)
        if say == "cuts":
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Silence."""


@contextmanager
def vendor_server(mood: dict[str, Any]) -> Iterator[str]:
    """The address of a vendor's endpoint."""
    kind = type("Endpoint", (Vendor,), {"mood": mood})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    mood["server"] = server
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/score"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def raising(error: BaseException) -> Any:
    """A part that fails with this."""

    def fails(*_: Any, **__: Any) -> Any:
        raise error

    return fails


def says(risk: float) -> Any:
    """An assessment that says this."""
    return lambda _: Assessment(risk, risk, risk, risk, (0.5, 0.5), 0.0, False)


def slow_model(_: Any) -> Assessment:
    """An answer that comes too late."""
    time.sleep(SLOW)
    return Assessment(0.2, 0.2, 0.1, 0.3, (0.5, 0.5), 0.0, False)


def mood(say: str) -> Any:
    """The vendor from now on."""
    return lambda scene: scene.vendor.update(say=say)


def vendor_gone(scene: Scene) -> None:
    """Nobody listens any more."""
    scene.vendor["server"].shutdown()
    scene.vendor["server"].server_close()
    scene.vendor["say"] = "hangs up"


def vendor_threads_used_up(scene: Scene) -> None:
    """Eight questions hang for ever, and so does every ninth."""
    gate = threading.Event()
    scene.cleared.callback(gate.set)
    for _ in range(8):
        scene.bedside.vendors().submit(gate.wait, 20)


def meanwhile(change: Any) -> Any:
    """Something that happens while the vendor thinks about each request."""

    def inject(scene: Scene) -> None:
        asked, go = threading.Event(), threading.Event()
        scene.vendor.update(say="thinking", asked=asked, go=go)

        def watch() -> None:
            if asked.wait(10):
                change(scene)
                time.sleep(0.15)  # three looks at the ledger
                go.set()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        scene.cleared.callback(thread.join, 10)
        scene.cleared.callback(go.set)

    return inject


def opt_out_of_first(scene: Scene) -> None:
    """The patient of the first request opts out."""
    pseudonym = scene.house.app.context.pseudonyms.pseudonym("patient-1")
    scene.house.append(ConsentChanged(subject=pseudonym, use_case=USE_CASE, opted_out=True))


def another_version(scene: Scene) -> None:
    """Another candidate is deployed."""
    other = scene.house.admit(*linear_package("other", seed=3), scene.folder / "other")
    scene.house.deploy(other)


def full_disk(scene: Scene) -> None:
    """SQLite's own limit on pages, reached at once: the same error as a full disk's."""
    writer = scene.house.app.store._connections.writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    # rows fill what is left of the last pages first
    while scene.client.decide(usual()).status == 200:
        pass


def read_only(scene: Scene) -> None:
    """The writer may not write."""
    scene.house.app.store._connections.writer.execute("PRAGMA query_only = ON")


def locked(scene: Scene) -> None:
    """Another process holds the database and does not let go."""
    holder = sqlite3.connect(scene.house.app.store.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    scene.cleared.callback(holder.close)
    scene.cleared.callback(holder.execute, "ROLLBACK")


def deleted(scene: Scene) -> None:
    """The file is gone from its folder, though still open here."""
    path = scene.house.app.store.path
    kept = path.with_suffix(".kept")
    path.rename(kept)
    scene.cleared.callback(kept.rename, path)


def replaced(scene: Scene) -> None:
    """An older copy was put in its place, as by a restore under a running server."""
    path = scene.house.app.store.path
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    copy.replace(path)


def damaged(scene: Scene) -> None:
    """Every page but the first is garbage."""
    path = scene.house.app.store.path
    other = sqlite3.connect(path)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    other.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    for connection in scene.house.app.store._connections._opened:
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA shrink_memory").fetchall()


def forged_head(scene: Scene) -> None:
    """Somebody wrote a head that our key did not sign."""
    other = sqlite3.connect(scene.house.app.store.path)
    other.execute("UPDATE head SET checkpoint = CAST(replace(CAST(checkpoint AS TEXT), 'l', 'm') AS BLOB)")
    other.commit()
    other.close()


def slow_ledger(scene: Scene) -> None:
    """Every commit takes much longer than a decision may."""
    ledger = scene.house.app.context.ledger
    append = ledger.append

    def later(*given: Any, **more: Any) -> Any:
        time.sleep(SLOW * 2)
        return append(*given, **more)

    scene.standing.group._seconds = 1.0  # a slow disk is known as one, and left to the worker
    scene.swap(ledger, "append", later)


def dead_worker(scene: Scene) -> None:
    """The thread that writes ended; a new one takes its place."""
    group = scene.standing.group
    group._seconds = 1.0
    group._batches.put(None)
    group._worker.join(5)


def unreadable_tape(scene: Scene) -> None:
    """What others append cannot be followed any more."""
    scene.swap(scene.bedside.serving, "changed", raising(Unavailable("the replica is out")))


def clock_by(hours: float) -> Any:
    """The day's clock jumps."""

    def inject(scene: Scene) -> None:
        clock = scene.house.app.context.clock

        class Shifted:
            """The clock, a few hours off."""

            monotonic = staticmethod(clock.monotonic)

            def now(self) -> datetime:
                """The wrong time."""
                return clock.now() + timedelta(hours=hours)

        scene.swap(scene.bedside, "clock", Shifted())
        scene.swap(scene.house.app.context, "clock", Shifted())

    return inject


def expired(scene: Scene) -> None:
    """The approval ran out."""
    scene.house.deploy(until=datetime.now(UTC).isoformat())


def swapped_model(scene: Scene) -> None:
    """Stored bytes change, and the server has to load them again."""
    folder = scene.house.app.context.artifacts.open_tree(scene.house.candidate)
    file = folder / "model.json"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"0.2", b"0.9"))
    scene.bedside.serving.models.clear()


def lost_model(scene: Scene) -> None:
    """The model's files are gone, and the server has to load them."""
    folder = scene.house.app.context.artifacts.open_tree(scene.house.candidate)
    shutil.rmtree(folder)
    scene.bedside.serving.models.clear()


def lost_charter(scene: Scene) -> None:
    """The charter cannot be read when its change is seen."""
    scene.swap(scene.bedside.serving, "load_charter", raising(Unavailable("gone")))
    scene.bedside.serving.stations.clear()


def gone_client(scene: Scene) -> None:
    """A caller hangs up in the middle of its request, twenty times."""
    import socket

    for _ in range(20):
        with socket.create_connection(("127.0.0.1", scene.client.port)) as caller:
            head = (
                f"POST /api/v1/use-cases/{USE_CASE}/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            )
            caller.sendall(
                f"{head}Authorization: Bearer {scene.client.token}\r\nContent-Length: 500\r\n\r\n{{".encode()
            )


def stop_stands(scene: Scene) -> None:
    """Somebody touched a file."""
    (scene.house.app.home / "stops").mkdir()
    (scene.house.app.home / "stops" / "all").touch()


def no_anchor(scene: Scene) -> None:
    """The folder of the anchor is a file."""
    folder = scene.house.app.home / "anchor"
    shutil.rmtree(folder)
    folder.write_text("")


def part(owner: str, name: str, error: BaseException) -> Any:
    """A part of the bedside fails whenever it is asked."""

    def inject(scene: Scene) -> None:
        found, failing = getattr(scene.bedside, owner), raising(error)
        kind = type(
            "Failing", (), {"__getattr__": lambda _, asked: failing if asked == name else getattr(found, asked)}
        )
        scene.swap(scene.bedside, owner, kind())

    return inject


def explain_fails(scene: Scene) -> None:
    """The score is there, its reasons are not."""
    place = scene.bedside.serving.models[scene.house.candidate]
    model = Exchanged(place.model, place.model.assess)
    model.contributions = raising(ArithmeticError("no path"))
    scene.swap(place, "model", model)


def on_model(assess: Any) -> Any:
    """The loaded model assesses so."""
    return lambda scene: scene.assess(assess)


KEY_OUT = Unavailable("the key provider is out")
COUNTS = "`bedrail_decisions_total` by guard in /metrics"
NOT_READY = "/readyz says 503 and why"

FAULTS = (
    Fault("the model raises", "model", "model", on_model(raising(RuntimeError("x"))), COUNTS),
    Fault("the model runs out of memory", "model", "model", on_model(raising(MemoryError())), COUNTS),
    Fault("the model says NaN", "model", "model", on_model(says(NAN)), COUNTS),
    Fault("the model says 1.7", "model", "model", on_model(says(1.7)), COUNTS),
    Fault("the model is slower than the budget", "model", "budget", on_model(slow_model), COUNTS),
    Fault("the explanation fails", "model", "model", explain_fails, COUNTS),
    Fault("the stored model was exchanged", "model", "model", swapped_model, "`artifact.refused` in the ledger"),
    Fault("the stored model is gone", "model", "model", lost_model, COUNTS),
    Fault("the vendor's endpoint is down", "vendor", "model", vendor_gone, COUNTS, remote=True),
    Fault("the vendor is slow", "vendor", "model", mood("slow"), COUNTS, remote=True),
    Fault("the vendor says garbage", "vendor", "model", mood("garbage"), COUNTS, remote=True),
    Fault("the vendor says NaN", "vendor", "model", mood("nan"), COUNTS, remote=True),
    Fault("the vendor says 2", "vendor", "model", mood("two"), COUNTS, remote=True),
    Fault("the vendor says far too much", "vendor", "model", mood("huge"), COUNTS, remote=True),
    Fault("the vendor redirects", "vendor", "model", mood("redirects"), COUNTS, remote=True),
    Fault("the vendor fails (500)", "vendor", "model", mood("fails"), COUNTS, remote=True),
    Fault("the vendor hangs up", "vendor", "model", mood("hangs up"), COUNTS, remote=True),
    Fault("the vendor stops in mid-answer", "vendor", "model", mood("cuts"), COUNTS, remote=True),
    Fault("every vendor thread hangs", "vendor", "budget", vendor_threads_used_up, COUNTS, remote=True),
    Fault("the ledger's disk is full", "ledger", UNRECORDED, full_disk, NOT_READY, follow_ups=False),
    Fault("the database is read-only", "ledger", UNRECORDED, read_only, NOT_READY, follow_ups=False),
    Fault("another process holds the database", "ledger", UNRECORDED, locked, NOT_READY, follow_ups=False),
    Fault("the database is deleted while in use", "ledger", UNRECORDED, deleted, NOT_READY, follow_ups=False),
    Fault("the database is replaced while in use", "ledger", UNRECORDED, replaced, NOT_READY, follow_ups=False),
    Fault("pages of the database are garbage", "ledger", UNRECORDED, damaged, NOT_READY, follow_ups=False),
    Fault("the ledger's head is forged", "ledger", UNRECORDED, forged_head, NOT_READY, follow_ups=False),
    Fault("commits take far too long", "ledger", UNRECORDED, slow_ledger, NOT_READY, follow_ups=False),
    Fault("the writing thread died", "ledger", ANSWER, dead_worker, "nothing: another takes its place"),
    Fault("the anchor cannot be written", "ledger", ANSWER, no_anchor, "`bedrail ledger verify` misses the anchor"),
    Fault("the ledger cannot be followed", "ledger", "deployment", unreadable_tape, NOT_READY, follow_ups=None),
    Fault("the charter cannot be read", "ledger", UNRECORDED, lost_charter, COUNTS),
    Fault("the key provider is out", "keys", "unexpected", part("vault", "seal", KEY_OUT), COUNTS,
          follow_ups=None),
    Fault("the pseudonym key is out", "keys", "unexpected", part("pseudonyms", "pseudonym", KEY_OUT), COUNTS,
          follow_ups=None),
    Fault("the clock jumps a month ahead", "clock", REFUSED, clock_by(24 * 31), COUNTS),
    Fault("the clock is set back a day", "clock", "deployment", clock_by(-24), NOT_READY, follow_ups=None),
    Fault("halted while the model thinks", "in flight", "stopped", meanwhile(lambda s: s.house.halt()), COUNTS,
          remote=True, during=True),
    Fault("the approval ends while the model thinks", "in flight", "approval", meanwhile(expired), COUNTS,
          remote=True, during=True),
    Fault("the patient opts out while the model thinks", "in flight", "consent", meanwhile(opt_out_of_first), COUNTS,
          remote=True, during=True),
    Fault("another version is deployed while the model thinks", "in flight", "deployment", meanwhile(another_version),
          COUNTS, remote=True, during=True),
    Fault("a stop file stands", "in flight", "stopped", stop_stands, "`emergency_stops_standing` in /metrics"),
    Fault("callers hang up in mid-request", "process", ANSWER, gone_client, "nothing"),
    Fault("out of memory while sealing", "process", "unexpected", part("vault", "seal", MemoryError()), COUNTS,
          follow_ups=None),
    Fault("out of memory while reading", "process", "unexpected", part("pseudonyms", "pseudonym", MemoryError()),
          COUNTS, follow_ups=None),
    Fault("out of memory at once", "process", UNRECORDED, part("ids", "new", MemoryError()), "503 in /metrics",
          follow_ups=False),
)  # fmt: skip
