"""The replay names each act that the facts before it forbid, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bedrail.core.events import (
    Actor,
    Approved,
    CandidateAdmitted,
    DatasetAdmitted,
    DecisionAnswered,
    DecisionFellBack,
    DecisionResponded,
    DeploymentHalted,
    DeploymentMoved,
    Entry,
    Fact,
    GateJudged,
    InstallationOpened,
    Objected,
    OutcomeObserved,
    PersonAdded,
    PolicyAdopted,
    TokenIssued,
    TokenRevoked,
    UseCaseOpened,
    encode,
)
from bedrail.core.events.access import PersonLeft
from bedrail.core.events.withheld import AnswerNotShown
from bedrail.governance.policy import parse_policy
from bedrail.governance.replay import replay

SYSTEM = Actor(auth="internal", id="bedrail", kind="system")
EHR = Actor(auth="bearer", id="T1", kind="token")
START = datetime(2026, 3, 1, tzinfo=UTC)
CASE, MODEL, DATA = "falls-7d", "c" * 64, "d" * 64
POLICY_TEXT = """
name = "small"
version = "1"

[alarms]
sentinels = "halt"
other = "retreat"

[tiers.medium]
validity_days = 30
evidence_days = 365

[tiers.medium.stages.shadow]
checks = ["data-quality"]

[tiers.medium.stages.pilot]
checks = ["data-quality", "discrimination"]
approvals = ["clinical-lead", "privacy-officer"]

[tiers.medium.stages.canary]
checks = ["data-quality", "discrimination"]
approvals = ["clinical-lead", "privacy-officer"]
max_share = 100

[tiers.medium.stages.general]
checks = ["data-quality", "discrimination"]
approvals = ["clinical-lead", "privacy-officer"]

[requirements.medium]
min_auroc = 0.5
"""


def person(who: str) -> Actor:
    return Actor(auth="local", id=who, kind="person")


class Story:
    """Facts a minute apart, and what a replay of them names."""

    def __init__(self, policy: str) -> None:
        self.entries: list[bytes] = []
        self.text = policy
        self.at = START

    def tell(self, actor: Actor, fact: Fact, *, after: float = 60) -> int:
        self.at += timedelta(seconds=after)
        number = len(self.entries)
        entry = Entry(
            actor=actor, at=self.at.isoformat(timespec="microseconds"), fact=fact, id=f"E{number:025d}", node="n",
            purpose="care",
        )  # fmt: skip
        self.entries.append(encode(entry))
        return number

    def named(self) -> list[str]:
        policy = parse_policy(self.text).digest
        found = replay(enumerate(self.entries), lambda digest: self.text.encode() if digest == policy else None)
        assert not found.unread
        return found.found


def until(story: Story, days: float = 5) -> str:
    return (story.at + timedelta(days=days)).isoformat()


def approved(story: Story, who: str, role: str, **changes: Any) -> Approved:
    given = {
        "approval": "A", "use_case": CASE, "candidate": MODEL, "dataset": DATA,
        "policy": parse_policy(story.text).digest, "stage": "pilot",
        "role": role, "person": who, "expires": until(story, 20),
    }  # fmt: skip
    return Approved(**{**given, **changes})


def moved(story: Story, stage: str, before: str) -> DeploymentMoved:
    return DeploymentMoved(
        use_case=CASE, candidate=MODEL, from_stage=before, to_stage=stage, sites=(), share=1000, until=until(story)
    )


def judged(story: Story, stage: str, **changes: Any) -> GateJudged:
    given = {
        "use_case": CASE, "candidate": MODEL, "stage": stage, "open": True, "reasons": (),
        "policy": parse_policy(story.text).digest, "until": until(story, 6),
    }  # fmt: skip
    return GateJudged(**{**given, **changes})


def answered(number: int, **changes: Any) -> DecisionAnswered:
    given = {
        "decision": f"D{number:025d}", "use_case": CASE, "candidate": MODEL, "stage": "pilot", "subject": "s" * 32,
        "site": "north", "mode": "inform", "shown": True, "record": "", "policy": "",
    }  # fmt: skip
    return DecisionAnswered(**{**given, **changes})


def serve(story: Story) -> None:
    """Through shadow to pilot, as the rules say."""
    rob = person("rob")
    for stage, before in (("shadow", "none"), ("pilot", "shadow")):
        story.tell(rob, judged(story, stage))
        story.tell(rob, moved(story, stage, before), after=0)


@pytest.fixture
def story() -> Story:
    """A home with people, policy, use case, candidate and both approvals; nothing deployed."""
    text = POLICY_TEXT
    made = Story(text)
    made.tell(SYSTEM, InstallationOpened(origin="h.example/l", owner="olivia", keys=()))
    made.tell(SYSTEM, PersonAdded(person="olivia", name="Olivia", roles=("owner",)))
    made.tell(SYSTEM, PolicyAdopted(policy=parse_policy(text).digest, name="small"))
    roles = {"ana": "clinical-lead", "pia": "privacy-officer", "rob": "release-engineer", "sam": "data-scientist",
             "lee": "clinician"}  # fmt: skip
    for who, role in roles.items():
        made.tell(person("olivia"), PersonAdded(person=who, name=who, roles=(role,)))
    made.tell(
        person("ana"),
        UseCaseOpened(use_case=CASE, title="Falls", tier="medium", mode="inform", owner="ana", charter="e" * 64),
    )
    made.tell(
        person("sam"),
        DatasetAdmitted(dataset=DATA, use_case=CASE, source="f", rows=9, columns=2, profile="", verdict="pass"),
    )
    made.tell(
        person("sam"),
        CandidateAdmitted(
            candidate=MODEL,
            use_case=CASE,
            name="m",
            kind="linear",
            origin="trained",
            dataset=DATA,
            author="sam",
            signature="",
        ),
    )
    made.tell(
        person("rob"), TokenIssued(token="T1", use_case=CASE, sha256="0" * 64, client="ehr", expires=until(made, 3))
    )
    for who in ("ana", "pia"):
        made.tell(person(who), approved(made, who, roles[who]))
    return made


def test_a_story_by_the_rules_names_nothing(story: Story) -> None:
    """Deployed, answered, responded to, observed, halted; an answer under way crosses the halt by a second."""
    serve(story)
    story.tell(EHR, answered(1))
    said = DecisionResponded(
        decision=f"D{1:025d}", use_case=CASE, response="confirmed", person="lee", reason="no-objection"
    )
    story.tell(person("lee"), said)
    story.tell(SYSTEM, OutcomeObserved(decision=f"D{1:025d}", use_case=CASE, subject="s" * 32, record=""))
    story.tell(person("ana"), DeploymentHalted(use_case=CASE, candidate=MODEL, reason="stop"))
    story.tell(EHR, answered(2), after=1)
    story.tell(EHR, answered(3), after=60)
    story.tell(SYSTEM, AnswerNotShown(decision=f"D{3:025d}", reason="late", use_case=CASE))
    assert story.named() == []


def test_deployments_without_gate_approval_or_person_are_named(story: Story) -> None:
    """Each of what the policy in force asks for, taken away."""
    rob = person("rob")
    no_gate = story.tell(rob, moved(story, "shadow", "none"))
    assert f"entry {no_gate}: no open gate" in story.named()[0]
    story.entries.pop()
    story.tell(rob, judged(story, "shadow", open=False))
    closed = story.tell(rob, moved(story, "shadow", "none"), after=0)
    assert story.named() == [f"entry {closed}: no open gate to shadow stands before it"]
    story.entries.pop()
    story.tell(rob, judged(story, "pilot"))
    skipped = story.tell(rob, moved(story, "pilot", "none"), after=0)
    assert f"entry {skipped}: moves from none to pilot" in story.named()[0]


def test_a_deployment_that_outlasts_its_gate_or_comes_from_nobody_is_named(story: Story) -> None:
    """The gate's own limit, and who moved it."""
    story.tell(person("rob"), judged(story, "shadow", until=until(story, 1)))
    at = story.tell(person("rob"), moved(story, "shadow", "none"), after=0)
    assert f"entry {at}: it stands longer" in story.named()[0]
    story.entries[-2:] = []
    story.tell(person("rob"), judged(story, "shadow"))
    at = story.tell(SYSTEM, moved(story, "shadow", "none"), after=0)
    assert story.named() == [f"entry {at}: moves to shadow without a person"]


@pytest.mark.parametrize("left_out", [0, 1])
def test_a_missing_approval_is_named_with_its_role(story: Story, left_out: int) -> None:
    """Whichever of the two it is."""
    del story.entries[len(story.entries) - 2 + left_out]
    serve(story)
    role = ("clinical-lead", "privacy-officer")[left_out]
    assert story.named() == [f"entry {len(story.entries) - 1}: deployed to pilot without the approval of {role}"]


def test_an_objection_that_stands_is_named(story: Story) -> None:
    """And one that the same role took back is not."""
    no = Objected(use_case=CASE, candidate=MODEL, stage="pilot", role="clinical-lead", person="ana", reason="no")
    story.tell(person("ana"), no)
    again = story.tell(person("pia"), approved(story, "pia", "privacy-officer"))
    serve(story)
    assert story.named() == [f"entry {again + 4}: deployed to pilot against the objection of ana (clinical-lead)"]
    story.entries[-4:] = []
    story.tell(person("ana"), approved(story, "ana", "clinical-lead"))
    serve(story)
    assert story.named() == []


def test_acts_without_the_role_are_named(story: Story) -> None:
    """Nobody, a leaver, another role, another's name, one's own work, and the system in people's place."""
    policy = PolicyAdopted(policy=parse_policy(story.text).digest, name="small")
    acts: list[tuple[Actor, Fact, str]] = [
        (person("mallory"), policy, "nobody called mallory"),
        (person("rob"), policy, "rob was not permitted"),
        (person("rob"), approved(story, "ana", "clinical-lead"), "rob was not permitted"),
        (person("pia"), approved(story, "ana", "clinical-lead"), "approved in the name of ana"),
        (person("pia"), approved(story, "pia", "clinical-lead"), "did not hold that role"),
        (SYSTEM, approved(story, "ana", "clinical-lead"), "is for people to do"),
        (SYSTEM, policy, "is for people to do"),
    ]
    story.tell(person("olivia"), PersonLeft(person="lee", reason="moved"))
    said = DecisionResponded(decision="x", use_case=CASE, response="confirmed", person="lee", reason="no-objection")
    acts.append((person("lee"), said, "lee"))
    expected = [(story.tell(actor, fact), what) for actor, fact, what in acts]
    named = story.named()
    assert len(named) == len(expected)
    for line, (index, what) in zip(named, expected, strict=True):
        assert line.startswith(f"entry {index}: ")
        assert what in line


def test_decisions_of_a_version_that_does_not_stand_are_named(story: Story) -> None:
    """Before it was deployed, another version, another stage, after it ran out, after a halt; and made twice."""
    early = story.tell(EHR, answered(1))
    serve(story)
    wrong = [story.tell(EHR, answered(2, candidate="f" * 64)), story.tell(EHR, answered(3, stage="general"))]
    twice = [story.tell(EHR, answered(4)), story.tell(EHR, answered(4))][1]
    fell = DecisionFellBack(
        decision=f"D{4:025d}", use_case=CASE, candidate=MODEL, stage="pilot", subject="", site="", guard="g",
        reason="r", record="", policy="",
    )  # fmt: skip
    again = story.tell(EHR, fell)
    story.tell(person("ana"), DeploymentHalted(use_case=CASE, candidate=MODEL, reason="stop"))
    late = story.tell(SYSTEM, answered(5))
    named = [line.split(":")[0] for line in story.named()]
    assert named == [f"entry {index}" for index in (early, *wrong, twice, again, late)]


def test_answers_after_the_end_of_a_deployment_are_named(story: Story) -> None:
    """`until` ends it, whether or not anybody halted it."""
    serve(story)
    late = story.tell(SYSTEM, answered(1), after=6 * 86_400)
    assert [line.split(":")[0] for line in story.named()] == [f"entry {late}"]


def test_responses_and_outcomes_belong_to_decisions_and_tokens_to_their_time(story: Story) -> None:
    """A response to nothing, an outcome of nothing, a token never issued, and one run out."""
    serve(story)
    story.tell(EHR, answered(1))
    said = DecisionResponded(decision="none", use_case=CASE, response="confirmed", person="lee", reason="no-objection")
    wrong = [
        story.tell(person("lee"), said),
        story.tell(SYSTEM, OutcomeObserved(decision="none", use_case=CASE, subject="s", record="")),
        story.tell(Actor(auth="bearer", id="T9", kind="token"), answered(2)),
        story.tell(SYSTEM, AnswerNotShown(decision="none", reason="late", use_case=CASE)),
    ]
    story.tell(person("rob"), TokenRevoked(token="T1", reason="rotated"))
    story.at += timedelta(days=3)
    story.tell(EHR, answered(3))
    assert [line.split(":")[0] for line in story.named()] == [f"entry {index}" for index in wrong]


def test_what_is_no_fact_is_named_and_unknown_policies_are_told(story: Story) -> None:
    """Bytes that nobody's version wrote; and approvals under a policy whose text is gone are not judged."""
    story.entries.append(b"{}")
    assert story.named() == [f"entry {len(story.entries) - 1}: is no fact that this version knows"]
    story.entries.pop()
    serve(story)
    found = replay(enumerate(story.entries), lambda _: None)
    assert found.found == []
    assert found.unread == {parse_policy(story.text).digest}
