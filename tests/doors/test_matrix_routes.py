"""Every kind of caller at every route, by really asking: what the matrix opens is not refused, all else is shut."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.events import PersonAdded, TokenIssued
from bedrail.governance.doors import HTTP, Permit
from bedrail.governance.matrix import matrix
from bedrail.governance.permissions import ROLES
from bedrail.governance.values import TOKEN_ACTIONS
from bedrail.keys import new_token
from bedside_house import USE_CASE, Client, Replied, SmallHouse, eventually, served, small_house, usual

TOKEN_DOORS = [door for door, permit in HTTP.items() if permit.key == "token"]
PERSON_DOORS = [door for door in TOKEN_DOORS if HTTP[door].person]
BODIES: dict[str, Any] = {
    "responses": {"response": "confirmed", "person": "clinician-1", "reason": "agrees-after-review"},
    "outcomes": {"value": 0},
    "card": {"person": "clinician-1"},
    "consent": {"subject": "patient-9", "opted_out": True},
}


def issued(house: SmallHouse, use_case: str = USE_CASE, days: float = 1, actions: tuple[str, ...] = ()) -> str:
    """A token with this scope."""
    token, digest = new_token()
    house.tokens[token] = f"t{len(house.tokens)}"
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    house.append(
        TokenIssued(
            token=house.tokens[token], use_case=use_case, sha256=digest, client="ehr", expires=expires, actions=actions
        )
    )
    return token


class Callers:
    """A served house with every kind of token, and a person in each role."""

    def __init__(self, house: SmallHouse) -> None:
        self.house = house
        self.single = {action: issued(house, actions=(action,)) for action in TOKEN_ACTIONS}
        self.everything = issued(house, actions=TOKEN_ACTIONS)
        self.first_issued = issued(house)
        self.foreign = issued(house, use_case="other-case", actions=TOKEN_ACTIONS)
        self.expired = issued(house, days=-1, actions=TOKEN_ACTIONS)
        self.revoked = issued(house, actions=TOKEN_ACTIONS)
        house.revoke(self.revoked)
        for role in ROLES:
            house.append(PersonAdded(person=f"{role}-1", name=role, roles=(role,)))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Callers]]:
    """A real server."""
    house = small_house(tmp_path_factory.mktemp("routes"))
    callers = Callers(house)
    with served(house) as client:
        assert eventually(lambda: client.decide(usual(), token=callers.everything).status == 200)
        yield client, callers


def ask(client: Client, door: str, token: str, **body: Any) -> Replied:
    """One request at a door, about a decision that was just made."""
    method, path = door.split(" ")
    decision = client.decide(usual()).json["decision"]
    path = path.replace("{use_case}", USE_CASE).replace("{decision}", decision)
    name = path.rsplit("/", 1)[1]
    if name == "decisions":
        return client.decide(usual(), token=token)
    given = BODIES.get(name)
    return client.ask(method, path, None if given is None else given | body, token=token)


def is_shut(reply: Replied) -> bool:
    """Refused for who asks, whatever else might be wrong with the request."""
    return reply.status == 401 or (reply.status == 403 and "authorization" in reply.json["path"])


@pytest.mark.parametrize("door", TOKEN_DOORS)
def test_a_token_opens_what_it_is_good_for_and_nothing_else(door: str, asked: tuple[Client, Callers]) -> None:
    """Good for one thing, it opens the doors of that thing; with all of them, or as first issued, all."""
    client, callers = asked
    good_for = HTTP[door].token
    for action, token in callers.single.items():
        reply = ask(client, door, token)
        assert is_shut(reply) == (action != good_for), f"{action}: {reply.status} {reply.body!r}"
    for token in (callers.everything, callers.first_issued):
        assert not is_shut(ask(client, door, token))


@pytest.mark.parametrize("door", TOKEN_DOORS)
def test_no_token_a_wrong_one_or_one_that_ended_opens_nothing(door: str, asked: tuple[Client, Callers]) -> None:
    """401 without saying more; a token of another use case finds nothing of this one."""
    client, callers = asked
    for token in ("", "wrong", callers.expired, callers.revoked):
        assert ask(client, door, token).status == 401, token
    assert ask(client, door, callers.foreign).status in (403, 404)


@pytest.mark.parametrize("door", PERSON_DOORS)
def test_each_role_named_in_a_request_finds_the_door_as_the_matrix_says(
    door: str, asked: tuple[Client, Callers]
) -> None:
    """A door that names a person asks that person's role too; a stranger is nobody."""
    client, callers = asked
    line = next(line for line in matrix() if line.door == door)
    for cell in line.cells:
        reply = ask(client, door, callers.everything, person=f"{cell.role}-1")
        assert is_shut(reply) == (not cell.open), f"{cell.role}: {reply.status} {reply.body!r}"
    assert ask(client, door, callers.everything, person="mallory").status == 403


@pytest.mark.parametrize(
    "door", [door for door, permit in HTTP.items() if permit.key == "public" and "/sign-" not in door]
)
def test_public_doors_ask_nobody(door: str, asked: tuple[Client, Callers]) -> None:
    """With and without a token they answer the same; none of them takes a body."""
    client, callers = asked
    method, path = door.split(" ")
    path = path.replace("{use_case}", USE_CASE).replace("{name}", "none.html")
    replies = {client.ask(method, path, token=token).status for token in ("", callers.everything)}
    assert len(replies) == 1
    assert replies <= {200, 303, 404}


@pytest.mark.parametrize("state", ["none", "shadow", "pilot", "canary", "general", "halted"])
def test_who_may_ask_does_not_depend_on_what_is_deployed(state: str, tmp_path: Path) -> None:
    """In every state the same callers are let in; what they hear is an answer only where answers are shown."""
    house = small_house(tmp_path, deployed=False)
    callers = Callers(house)
    if state != "none":
        house.deploy(stage="general" if state == "halted" else state)
    if state == "halted":
        house.halt()
    with served(house) as client:
        for door in TOKEN_DOORS:
            permit: Permit = HTTP[door]
            for action, token in callers.single.items():
                reply = ask(client, door, token)
                assert is_shut(reply) == (action != permit.token), f"{door} {action}: {reply.status}"
        kind = client.decide(usual()).json["kind"]
        assert (kind == "answer") == (state in {"pilot", "canary", "general"})


def test_a_clinician_of_one_site_does_not_touch_the_decisions_of_another(tmp_path: Path) -> None:
    """Respond and card are refused for a site that is not theirs; whoever has no sites of their own has all."""
    house = small_house(tmp_path, width=0.001)
    house.append(
        PersonAdded(person="nora", name="Nora", roles=("clinician",), sites=("north",)),
        PersonAdded(person="sid", name="Sid", roles=("clinician",), sites=("south", "west")),
    )
    with served(house) as client:
        decision = client.decide(usual(site="north")).json["decision"]
        said = {"response": "confirmed", "reason": "agrees-after-review"}
        for door, body in (("responses", said), ("card", {})):
            path = f"/api/v1/decisions/{decision}/{door}"
            refused = client.ask("POST", path, body | {"person": "sid"})
            assert (refused.status, "another site" in refused.json["detail"]) == (403, True)
            for person in ("nora", "dr-lee"):
                assert client.ask("POST", path, body | {"person": person}).status in (200, 201)


PAGES = [door for door, permit in HTTP.items() if permit.key == "session" and door.startswith("GET ")]


def test_each_roles_session_opens_the_pages_as_the_matrix_says(tmp_path: Path) -> None:
    """Signed in, each role sees what the matrix opens; a stranger, or an ended session, is shown the way in."""
    house, standings = small_house(tmp_path), []
    Callers(house)
    lines = {line.door: line for line in matrix()}
    with served(house, standings.append) as client:
        reception = standings[0].reception
        tokens = {
            role: reception.begin(f"{role}-1", "local", mfa=False, door="web", device="t").token for role in ROLES
        }
        ended = reception.begin("clinician-1", "local", mfa=False, door="web", device="t").token
        reception.end(reception.recognise(ended), "signed out")
        for door in PAGES:
            path = door.split(" ")[1].replace("{use_case}", USE_CASE).replace("{name}", "none.html")
            for cell in lines[door].cells:
                reply = client.ask("GET", path, token="", headers={"Cookie": f"bedrail-loopback={tokens[cell.role]}"})
                let_in = reply.status in (200, 404)
                assert let_in == cell.open, f"{cell.role} {door}: {reply.status}"
            for cookie in ("", "bedrail-loopback=wrong", f"bedrail-loopback={ended}"):
                reply = client.ask("GET", path, token="", headers={"Cookie": cookie})
                assert reply.status in (303, 401, 403), f"{door}: {reply.status}"
