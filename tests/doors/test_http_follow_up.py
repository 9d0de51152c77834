"""After the answer, over HTTP: responses, outcomes, reviews, consent, and what is not one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.decisions.values import outcome_record, response_record
from bedrail.journeys.responding import DecisionState, ResponseState, Waiting
from bedside_house import USE_CASE, Client, SmallHouse, eventually, served, small_house, usual

CONFIRMED = {"response": "confirmed", "person": "dr-lee", "reason": "agrees-with-assessment"}


def path(decision: str, what: str = "") -> str:
    """The address of a decision."""
    return f"/api/v1/decisions/{decision}{what}"


def test_a_response_is_recorded_and_its_note_sealed(client: Client, house: SmallHouse):
    """The words of the clinician are readable only under the patient's key."""
    decision = client.decide(usual()).json["decision"]
    body = {"response": "overridden", "person": "dr-lee", "reason": "data-wrong", "note": "Zofia fell at home"}
    assert client.ask("POST", path(decision, "/responses"), body).status == 201
    state = client.ask("GET", path(decision))
    assert [each["response"] for each in state.json["responses"]] == ["overridden"]
    assert b"Zofia" not in state.body
    from bedrail.core.events import decode

    row = house.app.store.responses(decision)[0]
    entry = decode(house.app.store.entry(row.seq))
    opened = house.app.context.vault.open(*house.app.store.get(entry.id))
    assert response_record(opened).note == "Zofia fell at home"


@pytest.mark.parametrize(
    "body, status, where",
    [
        ({**CONFIRMED, "response": "liked"}, 422, "response"),
        ({**CONFIRMED, "reason": "because"}, 422, "reason"),
        ({**CONFIRMED, "person": "nobody"}, 403, "authorization"),
        ({**CONFIRMED, "person": "auditor"}, 403, "authorization"),
        ({**CONFIRMED, "note": 5}, 422, "note"),
        ({"response": "confirmed"}, 422, "person"),
        (b"{", 400, "body"),
        (b'{"response":"confirmed","response":"overridden","person":"dr-lee","reason":"other"}', 422, "response"),
    ],
)
def test_a_wrong_response_is_refused_at_its_field(client: Client, body, status: int, where: str):
    """Closed lists, known people, permitted roles."""
    decision = client.decide(usual()).json["decision"]
    reply = client.ask("POST", path(decision, "/responses"), body)
    assert (reply.status, reply.json["path"]) == (status, where)
    assert "remedy" in reply.json


def test_an_outcome_is_sealed_and_taken_once(client: Client, house: SmallHouse):
    """0 or 1, under the patient's key, never twice."""
    decision = client.decide(usual()).json["decision"]
    assert client.ask("POST", path(decision, "/outcomes"), {"value": 2}).status == 422
    assert client.ask("POST", path(decision, "/outcomes"), {"value": True}).status == 422
    assert client.ask("POST", path(decision, "/outcomes"), {"value": 1}).status == 201
    assert client.ask("POST", path(decision, "/outcomes"), {"value": 1}).status == 409
    opened = house.app.context.vault.open(*house.app.store.get(f"outcome:{decision}"))
    assert outcome_record(opened).value == 1
    assert client.ask("GET", path(decision)).json["outcome_known"]


def test_a_decision_of_another_use_case_is_not_there(client: Client, house: SmallHouse):
    """404, as for a decision that never was."""
    decision = client.decide(usual()).json["decision"]
    other = house.issue("other-case")
    assert eventually(lambda: client.ask("GET", path("01X"), token=other).status == 404)
    for method, what, body in (
        ("GET", "", None),
        ("POST", "/responses", CONFIRMED),
        ("POST", "/outcomes", {"value": 1}),
        ("POST", "/card", {"person": "dr-lee"}),
    ):
        assert client.ask(method, path(decision, what), body, token=other).status == 404
        assert client.ask(method, path(decision, what), body, token="").status == 401
    assert client.ask("GET", f"/api/v1/use-cases/{USE_CASE}/reviews", token=other).status == 403


def test_there_is_nothing_to_confirm_about_a_fallback(client: Client):
    """409: no answer was given."""
    decision = client.decide(usual(features={"age": None})).json["decision"]
    assert client.ask("POST", path(decision, "/responses"), CONFIRMED).status == 409


def test_an_opt_out_is_in_force_with_the_next_request_and_can_be_taken_back(client: Client, house: SmallHouse):
    """Nothing of the patient's inputs is kept for a decision that was not wanted."""
    asked = usual(subject="patient-private")
    where = f"/api/v1/use-cases/{USE_CASE}/consent"
    assert client.decide(asked).json["kind"] == "answer"
    assert client.ask("POST", where, {"subject": "patient-private", "opted_out": True}).status == 201
    refused = client.decide(asked).json
    assert (refused["kind"], refused["guard"]) == ("fallback", "consent")
    assert house.app.store.get(refused["decision"]) is None
    assert client.ask("POST", where, {"subject": "patient-private", "opted_out": False}).status == 201
    assert client.decide(asked).json["kind"] == "answer"


def test_an_uncertain_answer_is_held_until_a_reviewer_has_looked(tmp_path: Path):
    """Neither risk nor card leaves before; reading it is on record; a response takes it off the list."""
    house = small_house(tmp_path, width=0.0001)
    with served(house) as client:
        held = client.decide(usual())
        assert (held.json["kind"], held.json["routing"]) == ("review", "review")
        assert not {"risk", "low", "high", "card", "reasons"} & set(held.json)
        decision = held.json["decision"]
        where = f"/api/v1/use-cases/{USE_CASE}/reviews"
        assert [each["decision"] for each in client.ask("GET", where).json["reviews"]] == [decision]
        assert client.ask("POST", path(decision, "/card"), {"person": "auditor"}).status == 403
        opened = client.ask("POST", path(decision, "/card"), {"person": "dr-lee"}).json
        assert "not certain enough" in opened["hold"]
        assert 0 < opened["risk"] < 1
        actions = [row[0] for row in house.app.store._rows("SELECT action FROM tape ORDER BY seq")]
        assert actions[-1] == "data.read"
        assert client.ask("POST", path(decision, "/responses"), CONFIRMED).status == 201
        assert client.ask("GET", where).json["reviews"] == []


def test_an_answer_that_was_shown_has_no_card_to_open(client: Client):
    """Only held answers are opened for review."""
    decision = client.decide(usual()).json["decision"]
    assert client.ask("POST", path(decision, "/card"), {"person": "dr-lee"}).status == 409


def test_replies_hold_the_declared_fields_and_none_of_the_patients(client: Client):
    """A decision's state and the list of reviews, as sent: not a field more than declared, no subject, no input."""
    asked = usual()
    decision = client.decide(asked).json["decision"]
    assert client.ask("POST", path(decision, "/responses"), CONFIRMED).status == 201
    state = client.ask("GET", path(decision))
    assert set(state.json) == set(DecisionState.__struct_fields__)
    assert [set(each) for each in state.json["responses"]] == [set(ResponseState.__struct_fields__)]
    reviews = client.ask("GET", f"/api/v1/use-cases/{USE_CASE}/reviews").json["reviews"]
    assert all(set(each) == set(Waiting.__struct_fields__) for each in reviews)
    assert asked["subject"] not in state.body.decode()
    assert not set(asked["features"]) & set(state.json)
