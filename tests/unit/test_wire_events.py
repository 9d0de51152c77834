"""Ledger entries for other systems: FHIR AuditEvents, syslog lines and OTLP logs that say what the ledger says."""

from __future__ import annotations

import json
import re
import warnings

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from bedrail.core import events as facts
from bedrail.core.events import Actor, DataRead, DecisionAnswered, DecisionFellBack, Entry, PersonAdded, encode
from bedrail.ledger.merkle import leaf_hash
from bedrail.wire.audit_event import audit_event
from bedrail.wire.siem import EVENT_LINES, otlp, severity, syslog

ORIGIN = "hospital.example/ledger"
SUBJECT = "5" * 32
ANSWERED = DecisionAnswered(
    decision="D1",
    use_case="falls-7d",
    candidate="c" * 64,
    stage="general",
    subject=SUBJECT,
    site="north",
    mode="confirm",
    shown=True,
    record="r" * 64,
    policy="p" * 64,
)
FELL_BACK = DecisionFellBack(
    decision="D2",
    use_case="falls-7d",
    candidate="",
    stage="",
    subject=SUBJECT,
    site="",
    guard="range",
    reason="Sodium: outside the plausible range.",
    record="",
    policy="p" * 64,
)
READ = DataRead(use_case="falls-7d", kind="decision", count=1, reason="trace", decision="D1", subject=SUBJECT)
ADDED = PersonAdded(person="dr-lee", name="Dr Lee", roles=("clinician",))
TOKEN = Actor(auth="bearer", id="ehr-1", kind="token")
PERSON = Actor(auth="password+totp", id="aud", kind="person")


def entry(fact: facts.Fact, actor: Actor = TOKEN, **changes: str) -> Entry:
    """An entry of this fact."""
    frame = {"at": "2026-11-22T05:00:00.123456+00:00", "id": "01J" + "0" * 23, "node": "ward-1", "purpose": "care"}
    return Entry(actor=actor, fact=fact, **(frame | changes))


@pytest.mark.parametrize("fact, actor", [(ANSWERED, TOKEN), (FELL_BACK, TOKEN), (READ, PERSON), (ADDED, PERSON)])
def test_an_audit_event_is_valid_r4_with_two_agents_and_the_patient_by_pseudonym(fact: facts.Fact, actor: Actor):
    """Validated by fhir.resources' R4B models; BALP's client, server and user roles are there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fhir.resources.R4B.auditevent import AuditEvent
    made = audit_event(7, entry(fact, actor), ORIGIN)
    AuditEvent.model_validate(made)
    roles = [agent["type"]["coding"][0]["code"] for agent in made["agent"]]
    assert roles == ["110153", "110152"] + (["IRCP"] if actor is PERSON else [])
    assert [agent["requestor"] for agent in made["agent"]].count(True) == 1
    people = [e["what"]["identifier"]["value"] for e in made["entity"] if e["type"]["code"] == "1"]
    assert people == ([] if fact is ADDED else [SUBJECT])
    assert made["outcome"] == ("4" if fact is FELL_BACK else "0")


def test_every_fact_of_the_ledger_has_a_place_in_all_formats():
    """No tag is refused by any format: each gets a type, a severity and a line."""
    tags = [each.__struct_config__.tag for each in facts.Fact.__args__]
    assert all(severity(tag) in (4, 5, 6) for tag in tags)
    for make in EVENT_LINES.values():
        assert b"\n" not in make(1, entry(ANSWERED), ORIGIN)


def test_a_syslog_line_is_rfc_5424_and_names_index_and_leaf():
    """Header, structured data and message, as the grammar of section 6 has them."""
    made = entry(FELL_BACK)
    line = syslog(12, made, ORIGIN).decode()
    head = re.match(
        r'<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) (\[bedrail@32473( [!-~]+="([^"\\\]]|\\.)*")+\]) (\S+)$', line
    )
    assert head is not None
    assert head[1] == str(13 * 8 + 4)
    assert head[2] == "2026-11-22T05:00:00.123456Z"
    assert head[6] == head[10] == "decision.fell-back"
    assert f'ledger.leaf="{leaf_hash(encode(made)).hex()}"' in line
    assert 'ledger.index="12"' in line


@given(st.text(max_size=60))
def test_nothing_that_a_fact_says_breaks_out_of_its_line(text: str):
    """Quotes, brackets, backslashes, control characters and line ends in a reason stay inside their value."""
    line = syslog(1, entry(FELL_BACK.__class__(**(_fields() | {"reason": text}))), ORIGIN).decode()
    assert not any(ord(c) < 32 or ord(c) == 127 for c in line)
    assert re.fullmatch(r'<\d+>1( \S+){5} \[\S+( \S+?="([^"\\\]]|\\.)*")+\] \S+', line)


def _fields() -> dict[str, str]:
    return {name: getattr(FELL_BACK, name) for name in FELL_BACK.__struct_fields__}


def test_otlp_logs_parse_as_the_protocols_own_message():
    """The JSON is read by opentelemetry-proto's generated code, strictly."""
    message = json_format.Parse(
        otlp([(1, entry(ANSWERED)), (2, entry(READ, PERSON))], ORIGIN), ExportLogsServiceRequest()
    )
    records = message.resource_logs[0].scope_logs[0].log_records
    assert [record.body.string_value for record in records] == ["decision.answered", "data.read"]
    assert records[0].time_unix_nano == 1795323600123456000
    told = {pair.key: pair.value for pair in records[0].attributes}
    assert told["ledger.index"].int_value == 1
    assert told["fact.shown"].bool_value is True
    assert json.loads(EVENT_LINES["otlp"](1, entry(ANSWERED), ORIGIN))["resourceLogs"]
