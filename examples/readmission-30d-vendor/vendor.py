"""A vendor's model as a hospital meets it: an HTTP endpoint whose inside nobody here sees.

Speaks the protocol that Bedrail expects of a vendor: POST {"features": {...}} -> {"probability": p}. `--release 2` is
the update that the vendor ships one day without a word. Standard library only: `python vendor.py --port 9001`.
"""

from __future__ import annotations

import argparse
import json
import math
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEIGHTS = {
    "number_inpatient": 0.33, "number_emergency": 0.10, "number_diagnoses": 0.06, "time_in_hospital": 0.035,
    "num_medications": 0.006, "age": 0.004,
}  # fmt: skip
WORDS = {("discharge_to", "facility"): 0.45, ("discharge_to", "home health"): 0.18, ("insulin", "down"): 0.15}


def score(row: dict[str, object], release: int) -> float:
    """Risk of readmission; release 2 forgets the earlier stays and adds age twice."""
    total = -3.25
    weights = WEIGHTS if release == 1 else WEIGHTS | {"number_inpatient": 0.0, "age": 2 * WEIGHTS["age"]}
    for name, weight in weights.items():
        value = row.get(name)
        total += weight * min(float(value), 20.0 if name != "age" else 110.0) if value is not None else 0.0
    total += sum(weight for (name, level), weight in WORDS.items() if row.get(name) == level)
    return 1 / (1 + math.exp(-total))


def serve(port: int, release: int) -> None:
    """Answer until stopped."""

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps({"probability": score(body["features"], release)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep no log."""

    ThreadingHTTPServer(("127.0.0.1", port), Endpoint).serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--release", type=int, default=1)
    given = parser.parse_args()
    serve(given.port, given.release)
