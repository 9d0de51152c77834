"""Every kind of injected failure against every endpoint of the bedside: what each of them has to answer, and the scene.

Used by `tests/journeys/test_fault_matrix.py` (what is answered), `bench/soak_faults.py` (and within what time) and
`docs/failures.md`, which is made from the table: `python tests/fault_matrix.py > docs/failures.md`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bedrail.core.events import EgressAllowed
from bedrail.core.values import NO_DECISION
from bedrail.web.server import Standing
from bedside_house import USE_CASE, Client, Replied, SmallHouse, eventually, linear_package, served, small_house, usual

BUDGET_MS = 400
"""The time budget of the use case under test."""

ENDPOINTS = ("decisions", "responses", "outcomes", "consent", "card", "state", "reviews")
WRITES = ("responses", "outcomes", "consent", "card")

ANSWER, UNRECORDED, REFUSED = "answer", "unrecorded", "refused"
GETS = {ANSWER: "an answer", UNRECORDED: "503 with the fallback", REFUSED: "401: its token has run out"}
FOLLOW_UPS = {True: "recorded", False: "503", None: "503 where they need it"}
"""What stands in the page of failures."""

HELD = frozenset({200, 201, 403, 404, 409})
"""What a follow-up may get while the ledger is well: done, or not possible any more, in words."""


@dataclass
class Scene:
    """One house behind a real server, about to suffer."""

    house: SmallHouse
    standing: Standing
    client: Client
    folder: Path
    cleared: ExitStack
    vendor: dict[str, Any] = field(default_factory=dict)
    answered: str = ""
    held: str = ""

    @property
    def bedside(self) -> Any:
        """The server's bedside."""
        return self.standing.bedside

    def swap(self, owner: Any, name: str, other: Any) -> None:
        """Another part in the place of one, until the scene ends."""
        kept = getattr(owner, name)
        setattr(owner, name, other)
        self.cleared.callback(setattr, owner, name, kept)

    def assess(self, other: Callable[[Any], Any]) -> None:
        """Another way of assessing, in the loaded model."""
        place = self.bedside.serving.models[self.house.candidate]
        self.swap(place, "model", Exchanged(place.model, other))


class Exchanged:
    """A loaded model with its assessment exchanged."""

    def __init__(self, model: Any, assess: Callable[[Any], Any]) -> None:
        self.package, self.encoder, self.contributions, self.assess = (
            model.package,
            getattr(model, "encoder", None),
            model.contributions,
            assess,
        )


@dataclass(frozen=True)
class Fault:
    """One kind of failure: how it is made, what a decision then gets, and whether follow-ups can still be recorded.

    `decision`: `answer`, `unrecorded` (503 with the fallback) or the name of the guard that falls back.
    """

    name: str
    area: str
    decision: str
    inject: Callable[[Scene], None]
    seen: str
    follow_ups: bool | None = True
    """None: those that need the failing part are told so (503), the others are recorded."""

    remote: bool = False
    during: bool = False
    """The failure comes while a vendor's model is thinking about the request."""


@dataclass(frozen=True)
class Seen:
    """What one endpoint answered under one fault."""

    fault: str
    endpoint: str
    status: int
    kind: str
    guard: str
    seconds: float
    wrong: str


def bodies(scene: Scene, number: int) -> dict[str, tuple[str, str, Any]]:
    """Method, path and body of each endpoint."""
    on = f"/api/v1/decisions/{scene.answered}"
    return {
        "decisions": ("POST", f"/api/v1/use-cases/{USE_CASE}/decisions", usual(subject=f"patient-{number}")),
        "responses": (
            "POST",
            f"{on}/responses",
            {"response": "confirmed", "person": "dr-lee", "reason": "agrees-with-assessment"},
        ),
        "outcomes": ("POST", f"{on}/outcomes", {"value": 1}),
        "consent": ("POST", f"/api/v1/use-cases/{USE_CASE}/consent", {"subject": "someone", "opted_out": True}),
        "card": ("POST", f"/api/v1/decisions/{scene.held}/card", {"person": "dr-lee"}),
        "state": ("GET", on, None),
        "reviews": ("GET", f"/api/v1/use-cases/{USE_CASE}/reviews", None),
    }


@contextmanager
def scene_of(fault: Fault, folder: Path) -> Iterator[Scene]:
    """A house that has answered once and held once, before anything is wrong."""
    import fault_kinds

    vendor: dict[str, Any] = {"say": "well"}
    with ExitStack() as cleared:
        made = None
        if fault.remote:
            endpoint = cleared.enter_context(fault_kinds.vendor_server(vendor))
            made = linear_package("vendor", kind="remote", endpoint=endpoint)
        house = small_house(folder, made=made, budget=BUDGET_MS)
        if fault.remote:
            port = urlsplit(endpoint).port or 0
            house.append(EgressAllowed(host="127.0.0.1", network="loopback", port=port, reason="test"))
        parts: list[Standing] = []
        client = cleared.enter_context(served(house, parts.append))
        answered = next_answer(client)
        house.open_case(USE_CASE, width=1e-9, budget=BUDGET_MS)
        assert eventually(lambda: client.decide(usual()).json.get("kind") == "review")
        held = client.decide(usual()).json["decision"]
        house.open_case(USE_CASE, budget=BUDGET_MS)
        assert eventually(lambda: client.decide(usual()).json.get("kind") == "answer")
        yield Scene(house, parts[0], client, folder, cleared, vendor, answered, held)


def next_answer(client: Client) -> str:
    """The id of an answer of the healthy house."""
    found: list[str] = []

    def answers() -> bool:
        reply = client.decide(usual()).json
        if reply.get("kind") == "answer":
            found.append(reply["decision"])
        return bool(found)

    assert eventually(answers)
    return found[0]


def examine(fault: Fault, folder: Path) -> list[Seen]:
    """Inject one fault and ask every endpoint: once to let it be noticed, then for the record."""
    with scene_of(fault, folder) as scene:
        fault.inject(scene)
        if not fault.during:
            eventually(lambda: settled(fault, ask(scene, "decisions", 0)), seconds=4.0)
        seen = []
        for number, endpoint in enumerate(ENDPOINTS, 1):
            started = time.monotonic_ns()
            reply = ask(scene, endpoint, number)
            seconds = (time.monotonic_ns() - started) / 1e9
            said = reply.json if reply.body else {}
            wrong = judged(fault, endpoint, reply, said) or traced(scene, said)
            kind, guard = said.get("kind", ""), said.get("guard", "")
            seen.append(Seen(fault.name, endpoint, reply.status, kind, guard, seconds, wrong))
        return seen


def ask(scene: Scene, endpoint: str, number: int) -> Replied:
    """One request to an endpoint."""
    method, path, body = bodies(scene, number)[endpoint]
    return scene.client.ask(method, path, body)


def settled(fault: Fault, reply: Replied) -> bool:
    """Whether a decision is answered as the fault wants it."""
    return not judged(fault, "decisions", reply, reply.json)


def judged(fault: Fault, endpoint: str, reply: Replied, said: dict[str, Any]) -> str:
    """What is wrong with a reply; empty when nothing is."""
    if b"Traceback" in reply.body or reply.status == 500:
        return f"{reply.status}: a bug shows"
    if fault.decision == REFUSED and endpoint != "decisions":
        return "" if reply.status == 401 else f"status {reply.status}"
    if endpoint != "decisions":
        if endpoint not in WRITES:
            return "" if reply.status in HELD | {503} else f"status {reply.status}"
        if fault.follow_ups is None:
            return "" if reply.status in HELD | {503} else f"status {reply.status}"
        if fault.follow_ups:
            return "" if reply.status in HELD else f"status {reply.status}, though the ledger is well"
        return "" if reply.status >= 400 else "recorded, though the ledger is out"
    scored = sorted({"risk", "card", "interval"} & set(said))
    if fault.decision == ANSWER:
        return "" if said.get("kind") == ANSWER else f"{said.get('kind')} {said.get('guard')}"
    if scored:
        return f"a score is given: {scored}"
    if fault.decision == REFUSED:
        return "" if reply.status == 401 else f"status {reply.status}"
    if said.get("message") != NO_DECISION:
        return f"the fallback is not said: {said.get('kind')}"
    if fault.decision == UNRECORDED:
        return "" if reply.status == 503 else f"status {reply.status}"
    # Where a vendor is being waited for, a machine too busy to answer within the budget is a fallback of its own.
    expected = {fault.decision, "model", "budget"} if fault.during else {fault.decision}
    return "" if said.get("guard") in expected else f"guard {said.get('guard')}: {said.get('reason')}"


def traced(scene: Scene, said: dict[str, Any]) -> str:
    """Whether a score stands in the ledger: none may be given without."""
    if "risk" not in said or "decision" not in said:
        return ""
    row = scene.house.app.store.decision(said["decision"])
    return "" if row is not None and row.kind == "answered" else "a score without a ledger entry"


def page() -> str:
    """docs/failures.md."""
    import fault_kinds

    head = (Path(__file__).parent / "data" / "failures_head.md").read_text(encoding="utf-8")
    rows = ["| area | what fails | a decision gets | follow-ups | what shows it |", "|---|---|---|---|---|"]
    for fault in fault_kinds.FAULTS:
        gets = GETS.get(fault.decision) or f"the fallback (`{fault.decision}`)"
        follow = FOLLOW_UPS[fault.follow_ups] if fault.decision != REFUSED else "401"
        rows.append(f"| {fault.area} | {fault.name} | {gets} | {follow} | {fault.seen} |")
    return head + "\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
