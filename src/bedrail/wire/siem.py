"""Ledger entries for a SIEM: syslog lines (RFC 5424) and OpenTelemetry log records (OTLP/HTTP JSON).

Each event carries the entry's index and leaf hash, so that whoever holds it can later ask for the proof of inclusion.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bedrail.core.events import Entry, action_of, encode
from bedrail.wire.audit_event import audit_event

FACILITY = 13
"""`log audit`, RFC 5424 table 1."""

ENTERPRISE = "bedrail@32473"
"""Structured data id; 32473 is the enterprise number that RFC 5612 sets apart for documentation."""

_NOTICE, _WARNING, _INFORMATIONAL = 5, 4, 6
_SEVERITY = {_NOTICE: (10, "INFO2"), _WARNING: (13, "WARN"), _INFORMATIONAL: (9, "INFO")}
_ALERTING = ("alarm.", "artifact.refused", "break-glass", "sign-in.refused", "decision.fell-back", "deployment.halted")
_BUSY = ("decision.", "outcome.", "ledger.beat", "data.read")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")

Event = tuple[int, Entry]


def severity(action: str) -> int:
    """Syslog severity: warning for what somebody should look at, informational for daily traffic, else notice."""
    if action.startswith(_ALERTING):
        return _WARNING
    return _INFORMATIONAL if action.startswith(_BUSY) else _NOTICE


def attributes(index: int, entry: Entry) -> dict[str, str | int | bool]:
    """What an event says, flat: the entry's frame and the fact's plain fields under `fact.`."""
    frame: dict[str, str | int | bool] = {
        "ledger.index": index,
        "ledger.leaf": hashlib.sha256(b"\x00" + encode(entry)).hexdigest(),
        "entry.id": entry.id,
        "actor.id": entry.actor.id,
        "actor.kind": entry.actor.kind,
        "actor.auth": entry.actor.auth,
        "node": entry.node,
        "purpose": entry.purpose,
    }
    if entry.request:
        frame["request"] = entry.request
    for name, value in msgspec.to_builtins(entry.fact).items():
        if isinstance(value, str | int | bool) and name != "type":
            frame[f"fact.{name}"] = value
    return frame


def syslog(index: int, entry: Entry, origin: str) -> bytes:
    """One RFC 5424 message without framing: UTF-8, no control character, structured data escaped."""
    action = action_of(entry)
    said = " ".join(f'{_name(name)}="{_escaped(value)}"' for name, value in attributes(index, entry).items())
    host, node = _token(origin, 255), _token(entry.node, 128)
    head = f"<{FACILITY * 8 + severity(action)}>1 {_time(entry.at)} {host} bedrail {node} {_token(action, 32)}"
    return f"{head} [{ENTERPRISE} {said}] {action}".encode()


def otlp(events: Sequence[Event], origin: str) -> bytes:
    """An OTLP/HTTP `ExportLogsServiceRequest` in JSON, for `POST .../v1/logs`."""
    resource = {"attributes": [_pair("service.name", "bedrail"), _pair("bedrail.ledger", origin)]}
    records = [_log_record(index, entry) for index, entry in events]
    scope = {"name": "bedrail.ledger"}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": records}]}]}
    return msgspec.json.encode(body)


def _log_record(index: int, entry: Entry) -> dict[str, Any]:
    action = action_of(entry)
    number, text = _SEVERITY[severity(action)]
    nanoseconds = str(_nanoseconds(entry.at))
    return {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": action},
        "attributes": [_pair(name, value) for name, value in attributes(index, entry).items()],
    }


def _pair(name: str, value: str | int | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"key": name, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"stringValue": value}}


def _nanoseconds(at: str) -> int:
    since = datetime.fromisoformat(at) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _time(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _name(name: str) -> str:
    return name[:32]


def _token(text: str, most: int) -> str:
    return _UNPRINTABLE.sub("-", text)[:most] or "-"


def _escaped(value: str | int | bool) -> str:
    """RFC 5424 section 6.3.3: backslash before `"`, `\\` and `]`; control characters become spaces."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(f"\\{c}" if c in '"\\]' else c if c.isprintable() else " " for c in text)


def _audit_event(index: int, entry: Entry, origin: str) -> bytes:
    return msgspec.json.encode(audit_event(index, entry, origin))


def _otlp_line(index: int, entry: Entry, origin: str) -> bytes:
    return otlp([(index, entry)], origin)


EVENT_LINES: dict[str, Callable[[int, Entry, str], bytes]] = {
    "fhir": _audit_event,
    "otlp": _otlp_line,
    "syslog": syslog,
}
"""How an entry of a ledger is written as one line of a file, by name of the format."""
