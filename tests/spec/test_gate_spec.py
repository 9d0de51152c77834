"""What opens and closes a gate, as a table: each row bends one thing in a story that would otherwise open it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import (
    AlarmRaised,
    Approved,
    ArtifactRefused,
    CandidateAdmitted,
    DatasetAdmitted,
    DeploymentHalted,
    DeploymentMoved,
    DeploymentRolledBack,
    EvidenceRecorded,
    Objected,
    PersonAdded,
    PersonLeft,
    PolicyAdopted,
    UseCaseOpened,
)
from bedrail.governance.gate import Closed, Open, check_scope, judge
from bedrail.governance.policy import CHECKS, default_policy_text, parse_policy
from governance_story import (
    ACCEPTED,
    ANSWER,
    BACK,
    CANDIDATE,
    CASE,
    OTHER,
    POLICY,
    Told,
    admitted,
    answered,
    approved,
    ask,
    codes,
    dataset,
    day,
    finding,
    moved,
    opened,
    registry_of,
    story,
    watched,
)

STAGES = ("shadow", "pilot", "canary", "general")
EXAMINED = [check for check in CHECKS if check != "data-quality"]


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
@pytest.mark.parametrize("stage", STAGES)
def test_the_whole_story_opens_the_gate(tier: str, stage: str) -> None:
    """With every fact the default policy asks for, the gate to each stage of each tier is open."""
    gate = ask(story(stage, tier), stage)
    assert isinstance(gate, Open), codes(gate)
    assert gate.policy == POLICY.digest
    assert gate.candidate == CANDIDATE
    assert gate.until_epoch > day(100).timestamp()


def alarm(monitor: str = "units", action: str = "retreat", candidate: str = CANDIDATE) -> AlarmRaised:
    return AlarmRaised(
        alarm="a",
        use_case=CASE,
        candidate=candidate,
        monitor=monitor,
        action_taken=action,
        causes=(),
        groups=(),
        detail="",
        report="",
    )


def objection(role: str = "clinical-lead", stage: str = "pilot") -> Objected:
    return Objected(use_case=CASE, candidate=CANDIDATE, stage=stage, role=role, person="dr-baker", reason="not here")


def without(kind: type, **fields: object) -> Callable[[list[Told]], list[Told]]:
    """The story without facts of this kind (with these fields)."""
    return lambda told: [
        (at, f) for at, f in told if not (isinstance(f, kind) and all(getattr(f, k) == v for k, v in fields.items()))
    ]


def plus(*more: Told) -> Callable[[list[Told]], list[Told]]:
    """The story with these facts added."""
    return lambda told: [*told, *more]


def both(*bends: Callable[[list[Told]], list[Told]]) -> Callable[[list[Told]], list[Told]]:
    """One bend after another."""

    def bend(told: list[Told]) -> list[Told]:
        for each in bends:
            told = each(told)
        return told

    return bend


CLINICAL = without(Approved, role="clinical-lead")
ROWS: dict[str, tuple[Callable[[list[Told]], list[Told]], str]] = {
    "no policy was adopted": (without(PolicyAdopted), "policy-not-adopted"),
    "another policy was adopted since": (plus((50, PolicyAdopted(policy="9" * 64, name="n"))), "policy-not-adopted"),
    "no use case": (without(UseCaseOpened), "use-case-unknown"),
    "a tier that no rule knows": (plus((2.5, opened("extreme"))), "stage-not-in-policy"),
    "no data": (without(DatasetAdmitted), "data-missing"),
    "no candidate": (without(CandidateAdmitted), "candidate-missing"),
    "an unsigned candidate": (plus((4.5, admitted(signature=""))), "candidate-unsigned"),
    "changed bytes": (plus((50, ArtifactRefused(digest=CANDIDATE, kind="package", reason="r"))), "artifact-refused"),
    "no evidence of one check": (without(EvidenceRecorded, check="calibration"), "evidence-missing"),
    "failed evidence": (plus((5.5, answered("calibration", "fail"))), "evidence-failed"),
    "evidence that could not tell": (plus((5.5, answered("calibration", "missing"))), "evidence-untold"),
    "failed fairness, which is never excused": (plus((5.5, answered("fairness", "fail"))), "evidence-failed"),
    "evidence on other data": (plus((5.5, answered("calibration", dataset="2" * 64))), "evidence-other-data"),
    "newer data than the evidence": (plus((50, dataset("3" * 64))), "evidence-other-data"),
    "evidence under another policy": (plus((5.5, answered("calibration", policy="8" * 64))), "evidence-other-policy"),
    "evidence of another candidate": (
        both(without(EvidenceRecorded, check="calibration"), plus((5, answered("calibration", candidate=OTHER)))),
        "evidence-missing",
    ),
    "a new charter": (plus((50, opened(charter="7" * 64))), "evidence-before-charter"),
    "poor data": (plus((5.5, answered("data-quality", "fail", candidate=""))), "evidence-failed"),
    "no clinical approval": (CLINICAL, "approval-missing"),
    "an expired approval": (
        both(CLINICAL, plus((6, approved("clinical-lead", "dr-adams", expires=99)))),
        "approval-expired",
    ),
    "an unreadable expiry": (
        both(
            CLINICAL,
            plus(
                (
                    6,
                    Approved(
                        approval="a",
                        use_case=CASE,
                        candidate=CANDIDATE,
                        dataset="d" * 64,
                        policy=POLICY.digest,
                        stage="pilot",
                        role="clinical-lead",
                        person="dr-adams",
                        expires="soon",
                    ),
                )
            ),
        ),
        "approval-expired",
    ),
    "an approval for a lower stage": (
        both(CLINICAL, plus((6, approved("clinical-lead", "dr-adams", "shadow")))),
        "approval-lower-stage",
    ),
    "an approval for a stage that does not exist": (
        both(CLINICAL, plus((6, approved("clinical-lead", "dr-adams", "everywhere")))),
        "approval-lower-stage",
    ),
    "an approval of another candidate": (
        both(CLINICAL, plus((6, approved("clinical-lead", "dr-adams", candidate=OTHER)))),
        "approval-missing",
    ),
    "an approval on other data": (
        both(CLINICAL, plus((6, approved("clinical-lead", "dr-adams", dataset="2" * 64)))),
        "approval-other-data",
    ),
    "an approval under another policy": (
        both(CLINICAL, plus((6, approved("clinical-lead", "dr-adams", policy="8" * 64)))),
        "approval-other-policy",
    ),
    "an approval in a role not held": (
        both(CLINICAL, plus((6, approved("clinical-lead", "p-chen")))),
        "approval-role-not-held",
    ),
    "an approver who lost the role longer ago than the days of grace": (
        plus((50, PersonAdded(person="dr-adams", name="x", roles=("clinician",)))),
        "approval-role-lost",
    ),
    "an approver who left": (plus((50, PersonLeft(person="dr-adams", reason="retired"))), "approval-role-lost"),
    "a blocking finding": (plus((50, finding())), "finding-open"),
    "a blocking finding about the whole installation": (plus((50, finding(use_case=""))), "finding-open"),
    "a finding of a severity that nobody knows": (plus((50, finding("odd"))), "finding-open"),
    "a blocking finding whose answer nobody accepted": (plus((50, finding()), (51, ANSWER)), "finding-unaccepted"),
    "a blocking finding whose answer was returned": (plus((50, finding()), (51, ANSWER), (52, BACK)), "finding-open"),
    "a blocking finding closed without an answer": (plus((50, finding()), (51, ACCEPTED)), "finding-open"),
    "an approval by a stranger": (
        both(CLINICAL, plus((6, approved("clinical-lead", "mallory")))),
        "approval-role-not-held",
    ),
    "approval of one's own work": (
        both(without(CandidateAdmitted), plus((4.5, admitted(author="dr-adams")))),
        "approval-own-work",
    ),
    "one person in two roles": (
        both(
            without(Approved), plus((6, approved("clinical-lead", "both")), (6.1, approved("privacy-officer", "both")))
        ),
        "approval-same-person",
    ),
    "an approval before the verdict changed": (
        plus((20, answered("fairness", "missing")), (30, answered("discrimination"))),
        "approval-evidence-changed",
    ),
    "an objection": (plus((50, objection())), "objection-stands"),
    "an objection to an earlier stage": (plus((50, objection(stage="shadow"))), "objection-stands"),
    "an objection lifted by another role only": (
        plus((50, objection()), (51, approved("privacy-officer", "p-chen"))),
        "objection-stands",
    ),
    "a skipped stage": (without(DeploymentMoved), "stage-skipped"),
    "a halt": (plus((50, DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="r"))), "stage-skipped"),
    "an alarm since the evidence": (plus((50, alarm())), "alarm-open"),
    "an alarm answered by evidence but by no approval": (
        plus((50, alarm()), *[(60, answered(c)) for c in EXAMINED]),
        "approval-alarm-since",
    ),
    "a swapped model": (plus((4.7, alarm("sentinels", "halt"))), "model-changed"),
    "a swapped model, examined again": (
        plus(
            (50, alarm("sentinels:answers", "notify")),
            *[(60, answered(c)) for c in EXAMINED],
        ),
        "model-changed",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_one_bend_closes_the_gate(row: str) -> None:
    """Each row alone closes the gate to pilot, for the stated reason, naming who can mend it and how."""
    bend, code = ROWS[row]
    gate = ask(bend(story()))
    assert isinstance(gate, Closed)
    assert code in codes(gate)
    for reason in gate.reasons:
        assert reason.message.endswith((".", "here"))
        assert reason.who
        assert reason.roles
        assert "bedrail " in reason.how
        assert reason.criterion in gate.criteria


UNHARMED: dict[str, Callable[[list[Told]], list[Told]]] = {
    "a security officer instead of the privacy officer": both(
        without(Approved, role="privacy-officer"), plus((6, approved("security-officer", "s-diaz")))
    ),
    "a spare approval that has expired": plus((6, approved("clinical-lead", "dr-baker", expires=20))),
    "the same evidence once more": plus((50, answered("calibration"))),
    "fairness that could not be told, approved knowingly": plus((5.5, answered("fairness", "missing"))),
    "an objection to a later stage": plus((50, objection(stage="general"))),
    "an objection taken back": plus((50, objection()), (51, approved("clinical-lead", "dr-baker"))),
    "an alarm about another candidate": plus((50, alarm(candidate=OTHER))),
    "an alarm that only notified": plus((50, alarm(action="notify"))),
    "an alarm before the evidence": plus((4.8, alarm())),
    "an alarm answered by evidence and approvals": plus(
        (50, alarm()),
        *[(60, answered(c)) for c in EXAMINED],
        (61, approved("clinical-lead", "dr-adams")),
        (61, approved("privacy-officer", "p-chen")),
    ),
    "the same charter opened again": plus((50, opened())),
    "an approver whose role was lost within the days of grace": plus(
        (75, PersonAdded(person="dr-adams", name="x", roles=("clinician",)))
    ),
    "an approver who lost the role and has it again": plus(
        (50, PersonAdded(person="dr-adams", name="x", roles=("clinician",))),
        (60, PersonAdded(person="dr-adams", name="x", roles=("clinical-lead",))),
    ),
    "a finding that is not blocking": plus((50, finding("major"))),
    "a blocking finding about another use case": plus((50, finding(use_case="other"))),
    "a blocking finding whose answer was accepted": plus((50, finding()), (51, ANSWER), (52, ACCEPTED)),
    "data quality told only at admission": without(EvidenceRecorded, check="data-quality"),
    "one person in two roles beside another": both(
        without(Approved, role="privacy-officer"),
        plus((6, approved("clinical-lead", "both")), (6.1, approved("privacy-officer", "both"))),
    ),
}


@pytest.mark.parametrize("row", UNHARMED)
def test_what_does_not_matter_leaves_the_gate_open(row: str) -> None:
    """Facts that the policy does not mind leave the gate open."""
    gate = ask(UNHARMED[row](story()))
    assert isinstance(gate, Open), codes(gate)


def test_many_alarms_of_one_monitor_are_one_line() -> None:
    """A reason for each monitor, with the newest date and how many there were; so too for those that only notified."""
    drift = alarm("input-drift")
    gate = ask([*story(), (50, alarm()), (51, drift), (52, alarm()), (53, alarm()), (54, alarm(action="notify"))])
    assert isinstance(gate, Closed)
    said = [reason.message for reason in gate.reasons if reason.code == "alarm-open"]
    assert [line.split(" on ")[0] for line in said] == [
        "The monitor units raised 3 alarms, the last",
        "The monitor input-drift raised an alarm",
    ]
    gate = ask([*story(), *[(50 + n, alarm(action="notify")) for n in range(4)]])
    assert isinstance(gate, Open)
    (condition,) = gate.conditions
    assert "raised 4 alarms" in condition.message


def test_restored_bytes_admitted_again_are_no_longer_refused() -> None:
    """A refusal stands until the same package is admitted again, and the gate says so; another does not lift it."""
    refused = (4.5, ArtifactRefused(digest=CANDIDATE, kind="package", reason="r"))
    gate = ask([*story(), refused])
    assert isinstance(gate, Closed)
    (closing,) = [reason for reason in gate.reasons if reason.code == "artifact-refused"]
    assert "admit the same package again" in closing.how
    assert "artifact-refused" in codes(ask([*story(), refused, (4.6, admitted(digest=OTHER))], candidate=CANDIDATE))
    assert isinstance(ask([*story(), refused, (4.6, admitted())]), Open)


def test_missing_evidence_that_is_accepted_becomes_a_condition() -> None:
    """An accepted `missing` verdict opens the gate under a named condition with an obligation."""
    gate = ask([*story(), (5.5, answered("fairness", "missing", reason="too few patients in 3 groups"))])
    assert isinstance(gate, Open)
    (condition,) = gate.conditions
    assert condition.criterion == "evidence:fairness"
    assert "too few patients in 3 groups" in condition.message
    assert condition.obligation


def test_a_reason_that_is_a_sentence_already_gets_no_second_full_stop() -> None:
    """Checks end their reasons with a full stop; the gate's sentences around them still end with one."""
    (condition,) = ask([*story(), (5.5, answered("fairness", "missing", reason="Not enough patients."))]).conditions
    assert "could not be told: Not enough patients. " in condition.message
    (closing,) = ask([*story(), (5.5, answered("calibration", "fail", reason="Risks are too high."))]).reasons
    assert closing.message.endswith("Risks are too high.")


def test_the_high_tier_accepts_no_missing_fairness() -> None:
    """What the medium tier takes under a condition closes the high tier's gate."""
    assert codes(ask([*story(tier="high"), (5.5, answered("fairness", "missing"))])) == ["evidence-untold"]


def test_an_exception_for_one_kind_of_model_does_not_serve_another() -> None:
    """Leakage may be untold for a supplier's model, not for our own."""
    untold = (5.5, answered("leakage", "missing"))
    assert codes(ask([*story(), untold])) == ["evidence-untold"]
    assert isinstance(ask([*story(), (4.5, admitted(kind="remote")), untold]), Open)


def test_the_gate_is_open_until_the_first_thing_it_rests_on_ends() -> None:
    """`until` is the earliest of approvals' expiries, evidence's age limit and the policy's lifetime."""
    gate = ask(
        [
            *story(),
            (6, approved("clinical-lead", "dr-adams", expires=150)),
            (6.2, approved("clinical-lead", "dr-baker", expires=160)),
        ]
    )
    assert isinstance(gate, Open)
    assert gate.until_epoch == day(300).timestamp()  # the best approval of each role counts
    shorter = [(at, f) for at, f in story() if not (isinstance(f, Approved) and f.role == "clinical-lead")]
    gate = ask([*shorter, (6, approved("clinical-lead", "dr-adams", expires=150))])
    assert isinstance(gate, Open)
    assert gate.until_epoch == day(150).timestamp()
    assert gate.until.endswith("Z")
    long = [(at, f) for at, f in story() if not isinstance(f, Approved)]
    long += [
        (6, approved("clinical-lead", "dr-adams", expires=9000)),
        (6, approved("privacy-officer", "p-chen", expires=9000)),
    ]
    gate = ask(long)
    assert isinstance(gate, Open)
    assert gate.until_epoch == day(5 + 365).timestamp()  # the evidence ages first


def test_an_approval_never_outlives_the_policy() -> None:
    """An expiry beyond the policy's lifetime is cut to it."""
    policy = parse_policy(default_policy_text().replace("validity_days = 365", "validity_days = 90"))
    told = [*story(policy=policy)]
    assert isinstance(ask(told, at=90, policy=policy), Open)
    assert "approval-expired" in codes(ask(told, at=97, policy=policy))


def test_old_evidence_closes_the_gate() -> None:
    """Evidence older than the policy's age limit counts no longer."""
    policy = parse_policy(default_policy_text().replace("evidence_days = 365", "evidence_days = 30"))
    assert isinstance(ask(story(policy=policy), at=34, policy=policy), Open)
    assert set(codes(ask(story(policy=policy), at=36, policy=policy))) == {"evidence-stale"}


def test_the_stage_before_must_have_been_watched_long_enough() -> None:
    """The high tier asks for decisions and days in shadow before pilot."""
    told = story(tier="high")
    short = [(at, f) for at, f in told if type(f).__name__ != "MonitoringReported"]
    assert codes(ask([*short, (98, watched(999))])) == ["observation-short"]
    assert isinstance(ask([*short, (98, watched(600)), (99, watched(400))]), Open)
    assert codes(ask(told, at=30)) == ["observation-short"]
    counted = judge(POLICY, registry_of(short), CASE, None, "pilot", day(100), observed=1000)
    assert isinstance(counted, Open)


def test_windows_watched_before_a_retreat_do_not_count_again() -> None:
    """After a retreat the stage is watched anew."""
    told = [*story(tier="high"), (98.5, moved("pilot")), (99.0, moved("shadow", from_stage="pilot"))]
    assert "observation-short" in codes(ask(told))


def test_a_version_that_gave_way_to_another_may_come_back() -> None:
    """For a roll-back the stage that the version held before counts as reached; a higher one does not."""
    told = [*story("canary"), (70, moved("canary")), (71, moved("shadow", OTHER))]
    assert isinstance(ask(told, "canary", CANDIDATE), Open)
    assert codes(ask([*story("canary"), (71, moved("shadow", OTHER))], "canary", CANDIDATE)) == ["stage-skipped"]


def test_a_halted_use_case_starts_again_in_shadow_only() -> None:
    """After a halt the gate to shadow can open; the others say that shadow comes first."""
    halt = (90, DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="r"))
    told = [*story("general"), (80, moved("general")), halt]
    assert isinstance(ask(told, "shadow"), Open)
    for stage in STAGES[1:]:
        assert "stage-skipped" in codes(ask(told, stage))


def test_a_roll_back_ends_a_halt() -> None:
    """An earlier version that serves again is not halted."""
    halt = (90, DeploymentHalted(use_case=CASE, candidate=OTHER, reason="r"))
    back = DeploymentRolledBack(
        use_case=CASE, from_candidate=OTHER, to_candidate=CANDIDATE, stage="pilot", sites=("a",), share=1000,
        until=day(200).isoformat(), reason="r",
    )  # fmt: skip
    registry = registry_of([*story(), (50, moved("pilot")), (60, moved("shadow", OTHER)), halt, (91, back)])
    deployment = registry.use_cases[CASE].deployment
    assert deployment is not None
    assert (deployment.candidate, deployment.stage, deployment.halted) == (CANDIDATE, "pilot", False)


def test_an_empty_house_names_everything_that_is_missing() -> None:
    """Before anything was done, the gate to pilot names each missing thing with its command."""
    told = [(at, f) for at, f in story() if isinstance(f, (PersonAdded, PolicyAdopted, UseCaseOpened))]
    gate = ask(told)
    assert isinstance(gate, Closed)
    found = codes(gate)
    assert found[:2] == ["data-missing", "candidate-missing"]
    assert found.count("evidence-missing") == 11
    assert found.count("approval-missing") == 2
    assert found[-1] == "stage-skipped"
    clinical = next(r for r in gate.reasons if r.criterion == "approval:clinical-lead")
    assert clinical.people == ("both", "dr-adams", "dr-baker")
    assert "clinical-lead (both, dr-adams, dr-baker)" in clinical.who


def test_the_command_names_a_person_who_may_approve() -> None:
    """The author and those who approved already are not proposed; with nobody left the remedy is to add somebody."""
    told = both(without(CandidateAdmitted), plus((4.5, admitted(author="dr-adams"))))(list(story()))
    gate = ask(told)
    assert isinstance(gate, Closed)
    (reason,) = gate.reasons
    assert reason.people == ("both", "dr-baker")
    assert reason.how == f"bedrail approve {CASE} --candidate boosting --to pilot --role clinical-lead --as both"
    alone = [(at, f) for at, f in told if getattr(f, "person", "") not in ("both", "dr-baker")]
    gate = ask(alone)
    assert isinstance(gate, Closed)
    assert gate.reasons[0].people == ()
    assert gate.reasons[0].how.startswith("bedrail people add PERSON --role clinical-lead; then bedrail approve")


def test_a_stage_that_does_not_exist_is_invalid() -> None:
    """Asking for an unknown stage is the caller's mistake, not a closed gate."""
    with pytest.raises(Invalid, match="shadow, pilot, canary, general"):
        ask(story(), "everywhere")


def test_an_unknown_candidate_closes_the_gate() -> None:
    """A digest that was never admitted has no evidence and no approvals."""
    assert "candidate-missing" in codes(ask(story(), candidate="0" * 64))


@pytest.mark.parametrize(
    "stage,sites,share,fine",
    [
        ("pilot", (), 1000, False),
        ("pilot", ("north",), 1000, True),
        ("canary", (), 100, True),
        ("canary", (), 101, False),
        ("canary", (), 0, False),
        ("general", (), 1000, True),
        ("general", (), 1001, False),
        ("nowhere", (), 10, False),
    ],
)
def test_a_scope_keeps_to_the_policy(stage: str, sites: tuple[str, ...], share: int, fine: bool) -> None:
    """A pilot names its sites and a canary keeps to its share."""
    if fine:
        check_scope(POLICY, "medium", stage, sites=sites, share=share)
        return
    with pytest.raises(Refused):
        check_scope(POLICY, "medium", stage, sites=sites, share=share)
