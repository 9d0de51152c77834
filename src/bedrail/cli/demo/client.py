"""The hospital's side of the wire: an EHR that asks, clinicians who respond, outcomes that come in late."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import Unavailable
from bedrail.wiring.clock import SystemClock

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.governance.usecase import Charter

CONNECTIONS = 8
ASKED = 5
"""So often a decision is asked for that cannot be recorded in time."""


@dataclass(slots=True)
class Ehr:
    """Speaks JSON to the server over kept connections, one for each thread."""

    port: int
    token: str
    use_case: str
    _local: threading.local = field(default_factory=threading.local)

    def ask(self, method: str, path: str, body: object | bytes | None = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON answer; raises `Unavailable` when the server does not answer at all."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None) or http.client.HTTPConnection("127.0.0.1", self.port)
            self._local.connection = connection
            try:
                connection.request(method, path, body=data if method == "POST" else None, headers=headers)
                response = connection.getresponse()
                text = response.read()
                return response.status, json.loads(text) if text else {}
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                if attempt == 2:
                    raise Unavailable("the server does not answer.") from error
        raise AssertionError

    def decide(self, request: object | bytes) -> dict[str, Any]:
        """Ask for one decision; again, as an EHR would, while a disk that is too busy lets none be recorded."""
        for attempt in range(1, ASKED + 1):
            _, answer = self.ask("POST", f"/api/v1/use-cases/{self.use_case}/decisions", request)
            if answer.get("guard") != "ledger" or attempt == ASKED:
                break
            time.sleep(0.5)
        return answer

    def respond(self, decision: str, response: str, person: str, reason: str, note: str = "") -> int:
        """What a clinician did."""
        body = {"response": response, "person": person, "reason": reason, "note": note}
        return self.ask("POST", f"/api/v1/decisions/{decision}/responses", body)[0]

    def outcome(self, decision: str, value: int) -> int:
        """How it turned out."""
        return self.ask("POST", f"/api/v1/decisions/{decision}/outcomes", {"value": value})[0]

    def many(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Do the same for many, over a handful of connections."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(work, items))


def request_of(row: pd.Series, charter: Charter) -> dict[str, Any]:
    """An encounter as the EHR would send it."""
    data = charter.data
    return {
        "subject": str(row[data.subject]),
        "encounter": str(row[data.encounter]),
        "site": str(row[data.site]),
        "at": SystemClock().now().isoformat(timespec="seconds"),
        "features": {feature.name: row[feature.name] for feature in charter.features},
        "groups": {name: str(row[name]) for name in data.groups},
    }


def requests_of(rows: pd.DataFrame, charter: Charter) -> list[dict[str, Any]]:
    """One request for each row, in order."""
    return [request_of(row, charter) for _, row in rows.iterrows()]


def stream(ehr: Ehr, requests: Sequence[object], outcomes: Sequence[int]) -> dict[str, int]:
    """Ask for each encounter in turn; then, late, the outcomes of those that got an answer. Counts by kind."""
    answers = ehr.many(ehr.decide, requests)
    kinds: dict[str, int] = {}
    for answer in answers:
        kinds[answer.get("kind", "refused")] = kinds.get(answer.get("kind", "refused"), 0) + 1
    known = [
        (a["decision"], o)
        for a, o in zip(answers, outcomes, strict=True)
        if "decision" in a and a.get("kind") != "fallback"
    ]
    ehr.many(lambda pair: ehr.outcome(pair[0], int(pair[1])), known)
    return kinds
