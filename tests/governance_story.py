"""A use case told in facts: everything that opens its gate, to be thinned out, bent and added to by tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from bedrail.core.events import (
    Actor,
    Approved,
    CandidateAdmitted,
    DatasetAdmitted,
    DeidentificationJudged,
    DeploymentMoved,
    Entry,
    EvidenceRecorded,
    Fact,
    FindingAnswered,
    FindingClosed,
    FindingOpened,
    FindingReturned,
    MonitoringReported,
    PersonAdded,
    PolicyAdopted,
    UseCaseOpened,
    decode,
    encode,
)
from bedrail.governance.gate import Gate, judge
from bedrail.governance.policy import Policy, default_policy
from bedrail.governance.views import Registry

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CASE, DATA, CANDIDATE, OTHER = "readmission-30d", "d" * 64, "c" * 64, "e" * 64
POLICY = default_policy()
PEOPLE = {
    "dr-adams": ("clinical-lead",),
    "dr-baker": ("clinical-lead",),
    "p-chen": ("privacy-officer",),
    "s-diaz": ("security-officer",),
    "o-evans": ("owner",),
    "d-fox": ("data-scientist",),
    "r-gray": ("release-engineer",),
    "both": ("clinical-lead", "privacy-officer"),
}

Told = tuple[float, Fact]


def day(number: float) -> datetime:
    """So many days after the story begins."""
    return START + timedelta(days=number)


def entry(at: datetime, fact: Fact) -> Entry:
    """The fact as the ledger would give it back."""
    actor = Actor(auth="local", id="someone", kind="person")
    written = Entry(actor=actor, at=at.isoformat(timespec="microseconds"), fact=fact, id="0", node="n", purpose="test")
    return decode(encode(written))


def registry_of(told: Iterable[Told]) -> Registry:
    """The registry after these facts, in the order of their days."""
    registry = Registry()
    for index, (when, fact) in enumerate(sorted(told, key=lambda pair: pair[0])):
        registry.apply(index, entry(day(when), fact))
    return registry


def opened(tier: str = "medium", charter: str = "f" * 64) -> UseCaseOpened:
    """The use case."""
    return UseCaseOpened(
        use_case=CASE, title="Readmission", tier=tier, mode="confirm", owner="dr-adams", charter=charter
    )


def admitted(name: str = "boosting", digest: str = CANDIDATE, kind: str = "trees", **changes: str) -> CandidateAdmitted:
    """A candidate made by d-fox."""
    given = {"origin": "recipe", "dataset": DATA, "author": "d-fox", "signature": "aa", **changes}
    return CandidateAdmitted(candidate=digest, use_case=CASE, name=name, kind=kind, **given)


def answered(
    check: str, verdict: str = "pass", candidate: str = CANDIDATE, policy: str = "", **changes: str
) -> EvidenceRecorded:
    """A check's answer."""
    given = {"evidence": "1" * 64, "reason": "as measured", "use_case": CASE, "dataset": DATA, **changes}
    return EvidenceRecorded(check=check, verdict=verdict, candidate=candidate, policy=policy or POLICY.digest, **given)


def approved(role: str, person: str, stage: str = "general", expires: float = 300, **changes: str) -> Approved:
    """An approval that lasts until that day."""
    given = {"use_case": CASE, "candidate": CANDIDATE, "dataset": DATA, "policy": POLICY.digest, **changes}
    return Approved(approval="a", stage=stage, role=role, person=person, expires=day(expires).isoformat(), **given)


def moved(stage: str, candidate: str = CANDIDATE, from_stage: str = "none", until: float = 300) -> DeploymentMoved:
    """The candidate at a stage."""
    return DeploymentMoved(
        use_case=CASE,
        candidate=candidate,
        from_stage=from_stage,
        to_stage=stage,
        sites=(),
        share=1000,
        until=day(until).isoformat(),
    )


def dataset(digest: str = DATA, verdict: str = "pass") -> DatasetAdmitted:
    """The hospital's data."""
    return DatasetAdmitted(
        dataset=digest, use_case=CASE, source="s.csv", rows=100, columns=9, profile="0" * 64, verdict=verdict
    )


def deidentified(verdict: str = "pass", digest: str = DATA, until: str = "") -> DeidentificationJudged:
    """Evidence of how the data was de-identified."""
    return DeidentificationJudged(
        dataset=digest, evidence="2" * 64, manifest="", method="inside", reason="so", until=until, verdict=verdict
    )


def watched(decisions: int) -> MonitoringReported:
    """A window of decisions that was watched."""
    return MonitoringReported(
        use_case=CASE, candidate=CANDIDATE, first="1", last="2", decisions=decisions, verdict="pass", report="r"
    )


def finding(severity: str = "blocking", use_case: str = CASE) -> FindingOpened:
    """An auditor's finding."""
    return FindingOpened(
        finding="f", use_case=use_case, severity=severity, title="No drill", owner="o-evans", due="2026-12-01"
    )


ANSWER = FindingAnswered(finding="f", person="o-evans", answer="drilled")
ACCEPTED = FindingClosed(finding="f", auditor="aud", remark="seen")
BACK = FindingReturned(finding="f", auditor="aud", reason="of another use case")


def story(stage: str = "pilot", tier: str = "medium", policy: Policy = POLICY) -> list[Told]:
    """Facts that open the gate to `stage` on day 100; nothing in it is superfluous, but for spare people."""
    rule = policy.stage(tier, stage)
    assert rule is not None
    told: list[Told] = [(0.0, PersonAdded(person=who, name=who, roles=roles)) for who, roles in PEOPLE.items()]
    told += [
        (1.0, PolicyAdopted(policy=policy.digest, name=policy.name)),
        (2.0, opened(tier)),
        (3.0, dataset()),
        (5.0, deidentified()),
        (4.0, admitted()),
    ]
    told += [
        (5.0, answered(check, candidate="" if check == "data-quality" else CANDIDATE, policy=policy.digest))
        for check in rule.checks
    ]
    holders = {
        "clinical-lead": "dr-adams",
        "privacy-officer": "p-chen",
        "security-officer": "s-diaz",
        "owner": "o-evans",
    }
    for place in rule.approvals:
        role = place.partition("|")[0]
        told.append((6.0, approved(role, holders[role], stage, 180 if tier == "high" else 300, policy=policy.digest)))
    order = ["shadow", "pilot", "canary", "general"]
    for number, earlier in enumerate(order[: order.index(stage)]):
        told.append((7.0 + number * 30, moved(earlier)))
    if tier == "high":
        told.append((98.0, watched(5000)))
    return told


def ask(
    told: Iterable[Told], stage: str = "pilot", candidate: str | None = None, at: float = 100.0, policy: Policy = POLICY
) -> Gate:
    """The gate's answer to these facts on a day."""
    return judge(policy, registry_of(told), CASE, candidate, stage, day(at))


def codes(gate: Gate) -> list[str]:
    """The codes of a gate's reasons; none when it is open."""
    return [reason.code for reason in getattr(gate, "reasons", ())]
