"""What is handed to other systems is what their published schemas say: HL7's of FHIR R4, and that of PROV-JSON."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.core import events
from bedrail.core.events import Actor, Entry
from bedrail.data.consent import DECISIONS, PURPOSES
from bedrail.journeys import consenting
from bedrail.wire.audit_event import audit_event
from small_home import CASE, copied, issue, opened, played, request_of, serving, told

pytestmark = pytest.mark.slow

R4 = Path(__file__).parent.parent / "data" / "fhir" / "r4.schema.json.gz"
"""The JSON schema that HL7 publishes with R4 (CC0)."""
FACTS: list[type[events.Fact]] = list(events.Fact.__args__)


@cache
def validator(kind: str) -> Any:
    """The official schema's own definition of a type of resource."""
    from jsonschema import Draft6Validator

    schema = json.loads(gzip.decompress(R4.read_bytes()))
    return Draft6Validator({"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]})


def wrong(resource: dict[str, Any]) -> list[str]:
    """What it says against a resource."""
    kind = resource["resourceType"]
    return sorted({f"{kind}: {each.json_path}: {each.validator}" for each in validator(kind).iter_errors(resource)})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has served an answer and a fallback, with every kind of choice about consent."""
    made = copied(tmp_path_factory, "schemas")
    table = pd.read_parquet(played(tmp_path_factory) / "table.parquet")
    kinds = [(purpose, decision, use) for purpose in PURPOSES for decision in DECISIONS for use in ("*", CASE)]
    with opened(made) as app:
        wanted = [
            consenting.Wanted(
                patient=str(patient), purpose=purpose, decision=decision, use_case=use, basis="form 12",
                ends="2031-01-01" if use == CASE and decision != "revoked" else "",
            )
            for (purpose, decision, use), patient in zip(kinds, table["patient"].unique()[-len(kinds):], strict=True)
        ]  # fmt: skip
        consenting.record_choices(app.context, "priya", wanted)
        token = issue(app)
        features = tuple(each.name for each in app.context.charter(CASE).features)
    row = json.loads(table.iloc[[0]].to_json(orient="records"))[0]
    with serving(made, made.parent / "log", token=token) as server:
        asked = request_of(row, features)
        for said in (asked, asked | {"features": {}}):
            server.decide(said)
    return made


def test_consents_are_valid_by_the_schema_of_r4(home: Path, tmp_path: Path) -> None:
    """Each purpose, decision and use case; a Bundle of them too, and one with an element too many is not."""
    out = tmp_path / "consents.ndjson"
    assert told("--as", "priya", "consent", "export", "--out", str(out), home=home).code == 0
    made = lines(out)
    assert len(made) == len(PURPOSES) * len(DECISIONS) * 2
    assert [each for resource in made for each in wrong(resource)] == []
    assert wrong({**made[0], "nickname": "x"})
    assert wrong({**made[0], "status": "granted"})


def test_the_ledger_s_events_are_valid_by_the_schema_of_r4(home: Path, tmp_path: Path) -> None:
    """AuditEvents of a home's whole history: disclosures, reads, decisions, people and all else."""
    out = tmp_path / "audit.ndjson"
    assert told("--as", "ada", "ledger", "events", "--format", "fhir", "--out", str(out), home=home).code == 0
    made = lines(out)
    told_of = {each["subtype"][-1]["code"] for each in made}
    assert {"decision.answered", "decision.fell-back", "consent.recorded", "dataset.built", "person.added"} <= told_of
    assert [each for resource in made for each in wrong(resource)] == []


@given(
    st.one_of([st.builds(kind) for kind in FACTS]),
    st.sampled_from([Actor(auth="bearer", id="ehr-1", kind="token"), Actor(auth="passkey", id="ada", kind="person")]),
    st.sampled_from(["", "care", "oversight"]),
    st.text(max_size=8),
)
@settings(max_examples=150)
def test_whatever_people_write_an_audit_event_stays_valid(
    fact: events.Fact, actor: Actor, purpose: str, request: str
) -> None:
    """Facts of every kind with any text: no empty string, no control character."""
    entry = Entry(
        at="2026-11-22T05:00:00.123456+00:00", id="01J" + "0" * 23, node="ward-1", purpose=purpose, actor=actor,
        fact=fact, request=request,
    )  # fmt: skip
    assert wrong(json.loads(json.dumps(audit_event(7, entry, "small.hospital.example/bedrail")))) == []


def test_a_model_card_s_reference_is_valid_by_the_schema_of_r4(home: Path) -> None:
    """The DocumentReference with the card inside."""
    told("--as", "sam", "card", "make", CASE, "--candidate", "baseline", "--no-pdf", home=home)
    (page,) = home.rglob("baseline-card.fhir.json")
    assert wrong(json.loads(page.read_text(encoding="utf-8"))) == []


def test_provenance_is_valid_by_the_schema_of_prov_json(home: Path, tmp_path: Path) -> None:
    """The schema of the W3C submission, as the `prov` library brings it; one with a relation too many is not."""
    from jsonschema import Draft4Validator

    schema = json.loads((files("prov") / "tests" / "schemas" / "prov-json.schema.json").read_text(encoding="utf-8"))
    out = tmp_path / "all.json"
    told("--as", "ada", "provenance", "export", "--format", "prov-json", "--out", str(out), home=home)
    document = json.loads(out.read_text(encoding="utf-8"))
    judge = Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)
    assert [(each.json_path, each.message) for each in judge.iter_errors(document)] == []
    assert list(judge.iter_errors({**document, "wasPaidBy": {}}))
