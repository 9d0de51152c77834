"""The whole story, played as a stranger plays it, then read back from the ledger and the papers, act by act."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bedrail.app import App, open_home
from bedrail.checks.catalogue import CHECKS as CATALOGUE
from bedrail.core.events import (
    AlarmRaised,
    Approved,
    ArtifactRefused,
    CandidateAdmitted,
    ConsentChanged,
    DatasetAdmitted,
    DatasetSplit,
    DecisionAnswered,
    DecisionFellBack,
    DecisionResponded,
    DeploymentHalted,
    DeploymentMoved,
    DeploymentRolledBack,
    Entry,
    EvidenceRecorded,
    GateJudged,
    HoldoutOpened,
    InstallationOpened,
    OutcomeObserved,
    PersonAdded,
    SentinelsRecorded,
    UseCaseOpened,
    decode,
)
from bedrail.governance.permissions import ROLES
from bedrail.journeys.examination import read_evidence
from small_home import PROJECT, environment, told

pytestmark = pytest.mark.slow

CASE, VENDOR = "readmission-30d", "readmission-30d-vendor"
MOST_SECONDS = 360
CHECKS = {  # what the shipped policy asks of this tier; the others are asked too, and their answers are on record
    "discrimination", "calibration", "thresholds", "net-benefit", "subgroups", "fairness", "uncertainty", "baseline",
    "leakage", "missing-inputs",
}  # fmt: skip

F = TypeVar("F")


@dataclass
class Played:
    """A demo that was played: its folder, what it said, its figures, and every entry of its ledger in order."""

    folder: Path
    said: tuple[str, ...]
    figures: dict[str, Any]
    app: App
    entries: list[Entry]

    def facts(self, kind: type[F], use_case: str = CASE) -> list[F]:
        """The facts of one kind about one use case, in order."""
        found = [e.fact for e in self.entries if isinstance(e.fact, kind)]
        return [fact for fact in found if getattr(fact, "use_case", use_case) == use_case]

    def place(self, fact: object) -> int:
        """The fact's index in the ledger."""
        return next(index for index, entry in enumerate(self.entries) if entry.fact is fact)

    def by(self, fact: object) -> str:
        """Who did it."""
        return self.entries[self.place(fact)].actor.id

    def candidate(self, name: str, use_case: str = CASE) -> str:
        """A candidate's digest."""
        return self.app.context.use_case(use_case).candidate(name).candidate


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The demo, run twice into one folder; the second run, which finds leftovers, is the one that is read."""
    folder = tmp_path_factory.mktemp("demo") / "demo-home"
    said = []
    for _ in range(2):
        command = [sys.executable, "-m", "bedrail", "demo", "--folder", str(folder)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment(), timeout=MOST_SECONDS
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        said.append(done.stdout)
    app = open_home(folder / "home")
    entries = [decode(data) for _, data in app.context.tape.entries()]
    yield Played(folder, tuple(said), json.loads((folder / "demo.json").read_text()), app, entries)
    app.close()


def test_0_it_can_be_played_twice_in_time_and_shows_progress(played: Played) -> None:
    """Both runs say every act with the seconds passed, no claim fails, and each takes less than six minutes."""
    for said in played.said:
        assert [int(n) for n in re.findall(r"^\[ *[\d.]+ s\] +(\d+)\. ", said, re.M)] == list(range(1, 13))
        assert "✗" not in said
        assert said.count("✓") >= 25
    assert played.figures["seconds"] < MOST_SECONDS
    assert played.figures["encounters"] == played.figures["past"] + played.figures["later"] > 90_000


def test_1_the_house_has_an_owner_and_people_with_roles(played: Played) -> None:
    """The first fact names origin, owner and keys; the people hold distinct roles that exist."""
    first = played.entries[0].fact
    assert isinstance(first, InstallationOpened)
    assert {key.split(":")[0] for key in first.keys} == {"ledger", "ledger-mldsa", "evidence"}
    people = {fact.person: set(fact.roles) for fact in played.facts(PersonAdded)}
    assert set().union(*people.values()) <= set(ROLES)
    wanted = {"owner", "clinical-lead", "data-scientist", "privacy-officer", "release-engineer", "auditor", "clinician"}
    assert wanted <= set().union(*people.values())


def test_2_the_gate_is_closed_before_anything_is_there(played: Played) -> None:
    """Medium tier, opened from its folder; CLOSED to pilot with every reason, who can mend it and how."""
    (opened,) = played.facts(UseCaseOpened)
    assert (opened.tier, played.by(opened)) == ("medium", "olivia")
    said = played.said[-1].split("  3. ")[0]
    assert f"CLOSED  {CASE} without a candidate to pilot" in said
    assert f"{played.figures['reasons at first']} reasons" in said
    assert played.figures["reasons at first"] >= 3 + len(CHECKS)
    assert said.count("who  ") >= 2
    assert said.count("how  ") >= 2


def test_3_the_data_is_admitted_and_the_holdout_opened_once(played: Played) -> None:
    """Digest, profile, verdict, split by time with a locked holdout; opened once, for both candidates together."""
    (admitted,), (split,) = played.facts(DatasetAdmitted), played.facts(DatasetSplit)
    assert admitted.dataset == split.dataset
    assert admitted.verdict == "pass"
    assert admitted.rows == sum(split.counts.values()) == played.figures["past"]
    assert min(split.counts[part] for part in ("train", "validation", "calibration", "holdout")) > 5000
    (holdout,) = played.facts(HoldoutOpened)
    assert set(holdout.candidates) == {played.candidate("baseline"), played.candidate("boosted")}
    assert all(played.place(c) < played.place(holdout) for c in played.facts(CandidateAdmitted))
    profile = json.loads(played.app.context.artifacts.get(admitted.profile))
    treated = {t["column"]: t["action"] for t in profile["treatments"]}
    assert {treated["patient"], treated["encounter"]} == {"keyed pseudonym"}


def test_4_two_candidates_and_a_vendors_are_signed(played: Played) -> None:
    """An interpretable one and a boosted one by recipe, and one that is known by its answers only."""
    kinds = {fact.name: (fact.kind, fact.author) for fact in played.facts(CandidateAdmitted)}
    assert kinds == {"baseline": ("linear", "sam"), "boosted": ("trees", "sam")}
    (vendor,) = played.facts(CandidateAdmitted, VENDOR)
    assert (vendor.kind, vendor.author) == ("remote", "vera")
    ctx = played.app.context
    for fact in [*played.facts(CandidateAdmitted), vendor]:
        signature = bytes.fromhex(fact.signature)
        assert ctx.verify(ctx.signer.public_key, f"bedrail-package/1\n{fact.candidate}\n".encode(), signature)


def test_5_every_check_was_answered_with_signed_evidence(played: Played) -> None:
    """Nothing failed, what could not be told is missing with a reason, and every artifact opens with its signature."""
    for name in ("baseline", "boosted"):
        digest = played.candidate(name)
        about = [e for e in played.facts(EvidenceRecorded) if e.candidate == digest]
        assert {e.check for e in about} == set(CATALOGUE) >= CHECKS
        assert {e.verdict for e in about if e.check in CHECKS} <= {"pass", "missing"}
        for fact in about:
            evidence = read_evidence(played.app.context, fact.evidence)
            assert (evidence.check, str(evidence.verdict), evidence.candidate) == (fact.check, fact.verdict, digest)
            assert evidence.findings or fact.verdict == "missing"
    assert any(e.check == "data-quality" and not e.candidate for e in played.facts(EvidenceRecorded))
    untold = [e.reason for e in played.facts(EvidenceRecorded) if e.verdict == "missing" and e.check == "fairness"]
    assert all("Not enough patients to tell" in reason for reason in untold)
    auroc = {}
    for name in ("baseline", "boosted"):
        record = played.app.context.use_case(CASE).evidence[played.candidate(name), "discrimination"]
        found = read_evidence(played.app.context, record.evidence).findings
        whole = next(f for f in found if (f.check, f.group) == ("discrimination.auroc", "overall"))
        assert whole.low is not None
        assert whole.estimate is not None
        assert whole.high is not None
        assert whole.low < whole.estimate < whole.high
        auroc[name] = whole.estimate
    assert 0.62 < auroc["baseline"] < auroc["boosted"] < 0.70


def test_6_approvals_are_by_distinct_people_and_bound_to_digests(played: Played) -> None:
    """Model, data and policy by digest, an expiry, two people a time, none of them the author; own work was refused."""
    (dataset,) = {fact.dataset for fact in played.facts(DatasetAdmitted)}
    policy = played.app.context.registry.policy
    given = played.facts(Approved)
    for name, rounds in (("baseline", 1), ("boosted", 2)):
        mine = [a for a in given if a.candidate == played.candidate(name)]
        assert len(mine) == 2 * rounds
        for first, second in zip(mine[::2], mine[1::2], strict=True):
            assert first.person != second.person
            assert {first.role, second.role} == {"clinical-lead", "privacy-officer"}
    assert {(a.dataset, a.policy) for a in given} == {(dataset, policy)}
    assert "sam" not in {a.person for a in given}
    assert all(a.expires > "2026" and a.person == played.by(a) for a in given)
    assert "Refused: sam made baseline and may not approve it." in played.said[-1]
    assert re.search(rf"OPEN    {CASE} baseline to pilot\n +until 20", played.said[-1])


def test_7_stages_are_climbed_in_order_through_open_gates(played: Played) -> None:
    """Shadow, pilot at some sites, a share of patients, general; each on a gate judged open; no stage is skipped."""
    moves = played.facts(DeploymentMoved)
    people = [m for m in moves if played.by(m) == "rob"]
    climbs = {name: [m for m in people if m.candidate == played.candidate(name)] for name in ("baseline", "boosted")}
    assert [m.to_stage for m in climbs["baseline"][-4:]] == ["shadow", "pilot", "canary", "general"]
    assert [m.to_stage for m in climbs["boosted"]][:2] == ["shadow", "pilot"]
    assert [m.to_stage for m in climbs["boosted"]][2:] == ["shadow", "pilot", "canary", "general"]
    for move in people:
        judged = played.entries[played.place(move) - 1].fact
        assert isinstance(judged, GateJudged)
        assert (judged.open, judged.stage, judged.candidate) == (True, move.to_stage, move.candidate)
        assert bool(move.sites) == (move.to_stage == "pilot")
        assert move.share == (100 if move.to_stage == "canary" else 1000)
    assert "a stage would be skipped" in played.said[-1]


def test_8_the_bedside_answers_confirms_overrides_holds_and_falls_back(played: Played) -> None:
    """A confirmed and an overridden answer, held ones, and fallbacks by their guards, each of them on record."""
    kinds = {r.decision: (r.response, r.reason, r.person, bool(r.record)) for r in played.facts(DecisionResponded)}
    assert kinds[played.figures["first decision"]] == ("confirmed", "agrees-with-assessment", "dr-lee", False)
    assert ("overridden", "clinical-picture-differs", "dr-lee", True) in kinds.values()
    answered = {a.decision: a for a in played.facts(DecisionAnswered)}
    assert all(answered[decision].shown and answered[decision].mode == "confirm" for decision in kinds)
    assert any(a.mode == "review" and not a.shown for a in answered.values() if a.stage == "general")
    fell = played.facts(DecisionFellBack)
    assert {"approval", "range", "unit", "request"} <= {f.guard for f in fell}
    opted = [c.subject for c in played.facts(ConsentChanged) if c.opted_out]
    if opted:
        assert any(f.guard == "consent" and f.subject in opted for f in fell)
    assert "model" in {f.guard for f in played.facts(DecisionFellBack, VENDOR)}
    assert all(f.record == "" for f in fell if f.guard in {"approval", "request", "consent"})
    assert all(re.fullmatch(r"[0-9a-f]{32}", a.subject) for a in answered.values())
    assert len(played.facts(OutcomeObserved)) > 4000


def test_9_alarms_name_the_feature_and_the_group_and_act_by_themselves(played: Played) -> None:
    """No alarm while nothing is wrong; then the unit error, with the retreat in the same commit; then the group."""
    alarms = played.facts(AlarmRaised)
    unit = [a for a in alarms if "Unit error in time_in_hospital" in a.causes[0]]
    group = [a for a in alarms if any("race=AfricanAmerican" in g for g in a.groups)]
    assert unit
    assert group
    assert set(map(id, unit + group)) == set(map(id, alarms))
    calm = played.place(next(m for m in played.facts(OutcomeObserved)))
    assert calm < played.place(alarms[0])
    assert "3000 decisions in " in played.said[-1]
    assert "windows: no alarm" in played.said[-1]
    (retreat,) = [m for m in played.facts(DeploymentMoved) if played.by(m) == "bedrail"]
    assert (retreat.from_stage, retreat.to_stage) == ("general", "shadow")
    assert retreat.reason.startswith("alarm: ")
    entry = played.entries[played.place(retreat)]
    assert entry.actor.kind == "system"
    assert entry.at == played.entries[played.place(unit[0])].at
    assert played.figures["retreat seconds"] < 1
    later = [a for a in played.facts(DecisionAnswered) if played.place(a) > played.place(retreat)]
    before_rollback = played.place(played.facts(DeploymentRolledBack)[0])
    still = [a for a in later if played.place(a) < before_rollback]
    assert len(still) > 500
    late = [a for a in still if a.shown]
    assert len(late) <= 8  # a request in hand when the retreat was written may still be answered
    assert all(a.action_taken == "retreat" for a in alarms)


def test_9b_the_vendors_silent_swap_is_noticed_and_halts(played: Played) -> None:
    """Sentinels on record, an alarm by them, a halt by the system; the gate closes; the next request falls back."""
    (recorded,) = played.facts(SentinelsRecorded, VENDOR)
    (alarm,) = played.facts(AlarmRaised, VENDOR)
    (halted,) = played.facts(DeploymentHalted, VENDOR)
    assert recorded.count == 32
    assert (alarm.monitor, alarm.action_taken) == ("sentinels", "halt")
    assert played.by(halted) == played.by(alarm) == "bedrail"
    ran = told("gate", VENDOR, "--to", "pilot", "--format", "json", home=played.folder / "home")
    assert ran.code == 1
    assert "model-changed" in {reason["code"] for reason in json.loads(ran.out)["reasons"]}
    last = played.facts(DecisionFellBack, VENDOR)[-1]
    assert last.guard == "stopped"
    assert played.place(last) > played.place(halted)


def test_10_rollback_is_one_step_and_swapped_bytes_are_refused(played: Played) -> None:
    """The baseline serves again, answers again, and the boosted model's changed bytes are on record as refused."""
    (back,) = played.facts(DeploymentRolledBack)
    assert (back.from_candidate, back.to_candidate) == (played.candidate("boosted"), played.candidate("baseline"))
    assert (back.stage, played.by(back)) == ("general", "rob")
    assert played.figures["rollback seconds"] < 1
    after = [a for a in played.facts(DecisionAnswered) if played.place(a) > played.place(back)]
    assert after
    assert after[-1].candidate == played.candidate("baseline")
    assert all(a.stage == "shadow" for a in after if a.candidate == back.from_candidate)  # in hand when it was written
    refused = played.facts(ArtifactRefused)
    assert {r.digest for r in refused} == {played.candidate("boosted")}
    view = played.app.context.use_case(CASE)
    assert view.deployment is not None
    assert (view.deployment.candidate, view.deployment.halted) == (played.candidate("baseline"), False)


def test_11_a_decision_is_traced_and_tampering_is_named(played: Played, tmp_path: Path) -> None:
    """The same bytes again, the ledger verifies, four deeds are named, the bundle verifies with no home."""
    home = played.folder / "home"
    ran = told("--as", "ada", "trace", played.figures["first decision"], "--json", home=home)
    assert ran.code == 0, ran.err
    trace = json.loads(ran.out)
    assert (trace["reproduced"], trace["proof"]["holds"]) == ("same bytes", True)
    assert {a["person"] for a in trace["approvals"]} == {"dr-adams", "priya"}
    assert {e["check"] for e in trace["evidence"]} == set(CATALOGUE) | {"data-quality"}
    assert trace["responses"][0]["response"] == "confirmed"
    assert trace["record"]["inputs"]["age"] >= 18
    assert played.figures["tampering found"] == {"entry": True, "tail": True, "chain": True, "view": True}
    assert told("ledger", "verify", home=home).code == 0
    shutil.copytree(played.folder / "bundle", tmp_path / "bundle")
    command = [sys.executable, "-m", "bedrail", "ledger", "verify", "--bundle", "bundle", "--json"]
    command += ["--key", played.app.public_key.hex()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_12_the_papers_are_left(played: Played) -> None:
    """A committee page with figures and intervals, an appendix with plots, a monitoring report, named at the end."""
    reports = played.folder / "home" / "reports" / CASE
    committee = (reports / "boosted-committee.html").read_text()
    assert re.search(r"0\.6\d+.{0,40}?(\(|to|–).{0,10}?0\.6\d", re.sub(r"<[^>]+>", " ", committee), re.S)
    assert played.candidate("boosted")[:12] in committee
    appendix = (reports / "boosted-appendix.html").read_text()
    assert appendix.count("<svg") >= 4
    assert len(appendix) > len(committee)
    assert not re.search(r"(src|href)=\"https?://", appendix + committee)
    evidence = json.loads((reports / "boosted-evidence.json").read_text())
    assert evidence
    assert (
        "time_in_hospital" in (reports / "monitoring.html").read_text()
        or "calibration" in (reports / "monitoring.html").read_text()
    )
    curtain = played.said[-1].split(" 12. ")[1]
    for paper in ("boosted-committee.html", "boosted-appendix.html", "monitoring.html", "bundle", "demo.json"):
        assert paper in curtain
    status = {row["use case"]: row for row in played.figures["status"]}
    assert (status[CASE]["stage"], status[VENDOR]["stage"]) == ("general", "halted")
