"""Malformed and hostile requests against a real server: 0 5xx, 0 schema-violating 2xx, 0 traces, memory within 10 %.

    python bench/soak_hostile.py [--count 100000] [--seconds 0] [--seed 1] [--generated 60] [--patients 66000]

Own corpora (JSON bombs, nesting, numbers, encodings, paths, headers, smuggling, log injection), meanwhile two hundred
connections that send a byte every two seconds; at the end schemathesis from /openapi.json for `--generated` seconds.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import hostile
from bedside_house import USE_CASE, small_house, usual
from small_home import serving

WARM = 0.1
"""Share of the requests before memory is measured."""

PATIENTS = 66_000
"""Patients asked about first: their data keys fill the vault's bounded cache (65,536, about 3 KB each), whose growth
would otherwise hide everything else."""


def slowly(port: int, over: threading.Event) -> threading.Thread:
    """Two hundred connections that never finish their head."""

    def hold() -> None:
        kept = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for one in kept:
            one.sendall(b"GET / HTTP/1.1\r\n")
        while not over.wait(2):
            for one in kept:
                try:
                    one.sendall(b"X")
                except OSError:
                    kept.remove(one)
                    one.close()
        for one in kept:
            one.close()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    return thread


def generated(port: int, token: str, seconds: int, folder: Path) -> tuple[int, str]:
    """Cases by schemathesis, and what it found."""
    tool = Path(sys.executable).with_name("schemathesis")
    checks = "not_a_server_error,response_schema_conformance,content_type_conformance"
    command = [str(tool), "run", f"http://127.0.0.1:{port}/openapi.json", "-H", f"Authorization: Bearer {token}"]
    command += ["--checks", checks, "--max-time", str(seconds), "--phases", "examples,coverage,fuzzing", "--no-color"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--warnings", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout[-3000:]


def main() -> int:
    """Send, look."""
    asked = options(__doc__, count=100_000, generated=60, patients=PATIENTS)
    progress = Progress("hostile", asked.count, asked.seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        house = small_house(folder)
        house.app.close()
        with serving(house.app.home, folder / "log", token=house.token, use_case=USE_CASE) as server:
            decision = server.decide(usual())["decision"]
            document = json.loads(server.ask("GET", "/openapi.json")[1])
            verdicts = hostile.Verdicts(document)
            sender = hostile.Sender(server.port, house.token, verdicts)
            for number in range(asked.patients):
                if progress.over:
                    break
                server.decide(usual(subject=f"patient-{number}"))
            over = threading.Event()
            slow = slowly(server.port, over)
            before, raws = 0, hostile.raw_requests(house.token)
            for number, ask in enumerate(hostile.asks(asked.seed, decision)):
                if number >= asked.count or progress.over:
                    break
                if number % 50 == 49:
                    sender.raw(raws[number // 50 % len(raws)])
                else:
                    sender.ask(ask)
                if number == int(WARM * asked.count) or not before:
                    before = hostile.memory(server.process.pid)
                progress.step()
            over.set()
            slow.join()
            after = hostile.memory(server.process.pid)
            code, said = generated(server.port, house.token, asked.generated, folder) if asked.generated else (0, "")
            if server.decide(usual()).get("kind") != "answer":
                verdicts.wrong.append("no answer to a good request afterwards")
            if code:
                verdicts.wrong.append("schemathesis: " + said)
        verdicts.wrong += hostile.log_troubles(folder / "log")
    growth = after / before - 1
    return report(
        "hostile",
        not verdicts.wrong and growth < 0.1,
        requests=progress.done,
        statuses={str(status): count for status, count in sorted(verdicts.statuses.items())},
        memory_growth_percent=round(100 * growth, 1),
        wrong_count=len(verdicts.wrong),
        wrong=verdicts.wrong[:20],
    )


if __name__ == "__main__":
    raise SystemExit(main())
