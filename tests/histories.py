"""Random histories: people of every role try everything in any order, on a real home, under the eye of a watchman."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bedrail.app import App, open_home
from bedrail.core.errors import BedrailError
from bedrail.core.events import CandidateAdmitted, DatasetAdmitted, EvidenceRecorded, PersonAdded, decode
from bedrail.journeys import access_review, breaking_glass, delivery, findings, leaving, upkeep
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.packages import package_statement
from bedrail.keys import new_token
from bedside_house import CHARTER, CONTRACT, features_toml, linear_package, small_house
from recorded import acts_on_record
from watchman import APPROVERS, STAGES, Observer

POLICY = """
name = "histories"
version = "1"

[alarms]
other = "retreat"

[on]
objection = "retreat"
policy = "limit"
role_lost = "retreat"
finding = "halt"

[tiers.medium]
validity_days = 365
evidence_days = 365

[tiers.medium.stages.shadow]
checks = ["data-quality"]

[tiers.medium.stages.pilot]
checks = ["data-quality"]
approvals = ["clinical-lead", "privacy-officer|security-officer"]
sites = "named"

[tiers.medium.stages.canary]
checks = ["data-quality"]
approvals = ["clinical-lead", "privacy-officer|security-officer"]
max_share = 100

[tiers.medium.stages.general]
checks = ["data-quality"]
approvals = ["clinical-lead", "privacy-officer|security-officer"]
"""
PEOPLE = {
    "own": ("owner",), "own2": ("owner",), "cl": ("clinical-lead",), "cl2": ("clinical-lead",),
    "po": ("privacy-officer",), "so": ("security-officer",), "both": ("clinical-lead", "privacy-officer"),
    "re": ("release-engineer",), "re2": ("release-engineer",), "ds": ("data-scientist",), "au": ("auditor",),
    "au2": ("auditor",), "cn": ("clinician",), "vm": ("vendor-manager",),
}  # fmt: skip

OWNER = PersonAdded(person="dr-adams", name="Dr Adams", roles=("owner",))


class Moving:
    """A clock that the history moves on."""

    def __init__(self, start: datetime) -> None:
        self.at = start

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


class Scenery:
    """A home with people, policy and two candidates, made once; each stage is a copy of it, keys and database and all.

    Making the keys and fitting the models takes a second, and no history is about that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        house = small_house(folder, deployed=False)
        try:
            self.candidates = (house.candidate, house.admit(*linear_package("falls-2", seed=2), folder / "second"))
            upkeep.adopt_policy(house.app.context, "dr-adams", POLICY)
        finally:
            house.app.close()

    def copied(self, folder: Path) -> App:
        """The home opened from a copy in `folder`, which is new."""
        shutil.copytree(self.folder / "home", folder / "home")
        return open_home(folder / "home")


class Stage:
    """One real home on which histories are played, each in a use case of its own."""

    def __init__(self, scenery: Scenery, folder: Path) -> None:
        self.app, self.candidates = scenery.copied(folder), scenery.candidates
        self.ctx = self.app.context
        self.clock = Moving(datetime.now(UTC) + timedelta(seconds=5))
        self.ctx.clock = self.clock
        self.number, self.observer, self._read = 0, Observer(roles={"dr-adams": {"owner"}}), 0
        self.tried: Counter[str] = Counter()
        self._catch_up()
        self.observer.wrong.clear()  # what the stage itself was built with
        self.observer.seen.clear()

    def history(self, seed: int, steps: int = 30) -> None:
        """One history: people anew, a use case anew, then whatever the seed says."""
        rng, case = random.Random(seed), self.begin()
        if rng.random() < 0.4:
            self._both_serve(case)
        for _ in range(steps):
            self.clock.at += timedelta(minutes=rng.choice((0, 1, 1, 10, 70, 1440)))
            name = rng.choices(list(STEPS), weights=[weight for weight, _ in STEPS.values()])[0]
            self.attempt(name, partial(STEPS[name][1], self, rng, case))
        self._close(case)

    def begin(self) -> str:
        """People anew and a use case anew; returns its id."""
        self.number += 1
        case = f"case-{self.number}"
        self._prepare(case)
        return case

    def attempt(self, name: str, step: Callable[[], object]) -> None:
        """Try something; a refusal leaves nothing but itself on record, and the observer reads what is there."""
        size = self.ctx.ledger.head().size
        try:
            step()
            self.tried[f"{name} done"] += 1
        except BedrailError:
            self.tried[f"{name} refused"] += 1
            judged = name == "deploy"  # that a gate was asked and closed is itself on record
            if acts_on_record(self.app, size) > judged:
                self.observer.wrong.append(f"{name}: refused, and on record all the same")
        self._catch_up()

    def _prepare(self, case: str) -> None:
        registry = self.ctx.refresh()
        people = [OWNER, *(PersonAdded(person=p, name=p, roles=roles) for p, roles in PEOPLE.items())]
        text = CHARTER.format(use_case=case, mode="confirm", width=1.0, budget=5000) + features_toml(CONTRACT)
        self.ctx.append(SYSTEM, "governance", *people)
        delivery.open_use_case(self.ctx, "dr-adams", text)
        facts: list[Any] = [
            DatasetAdmitted(dataset="d" * 64, use_case=case, source="s", rows=9, columns=9, profile="p", verdict="pass")
        ]
        for number, (digest, author) in enumerate(zip(self.candidates, ("ds", "both"), strict=True)):
            signed = self.ctx.signer.sign(package_statement(digest)).hex()
            facts.append(
                CandidateAdmitted(
                    candidate=digest,
                    use_case=case,
                    name=f"falls-{number + 1}",
                    kind="linear",
                    origin="test",
                    dataset="d" * 64,
                    author=author,
                    signature=signed,
                )
            )
            facts.append(
                EvidenceRecorded(
                    evidence="e" * 64,
                    check="discrimination",
                    verdict="pass",
                    reason="",
                    use_case=case,
                    candidate=digest,
                    dataset="d" * 64,
                    policy=registry.policy,
                )
            )
        self.ctx.append(SYSTEM, "governance", *facts)
        self._catch_up()

    def _both_serve(self, case: str) -> None:
        """A start in which one version gave way to another, both approved: what follows finds more to undo."""
        for candidate in ("falls-1", "falls-2"):
            for person, role in (("cl", "clinical-lead"), ("po", "privacy-officer")):
                delivery.approve(self.ctx, person, case, role=role, stage="general", candidate=candidate)
            for stage, sites in (("shadow", ()), ("pilot", ("north",))):
                delivery.deploy(self.ctx, "re", case, stage, candidate=candidate, sites=sites)
        self._catch_up()

    def _close(self, case: str) -> None:
        """What must hold between histories: open findings and grants are settled by people who may."""
        self.ctx.append(SYSTEM, "governance", OWNER)  # whose role may have been revoked
        for finding in list(self.ctx.registry.findings.all.values()):
            if finding.state != "closed":
                self.ctx.append(SYSTEM, "governance", PersonAdded(person="au3", name="x", roles=("auditor",)))
                if finding.state == "open":
                    findings.answer_finding(self.ctx, "dr-adams", finding.finding, "done")
                findings.close_finding(self.ctx, "au3", finding.finding, "seen")
        for grant in list(self.ctx.registry.access.grants.values()):
            if not grant.reviewed_by:
                breaking_glass.review_glass(self.ctx, "dr-adams", grant.grant, "justified", "")
        for campaign in list(self.ctx.registry.access.campaigns.values()):
            if not campaign.closed:
                self.clock.at += timedelta(days=200)
                access_review.close_review(self.ctx, "dr-adams", campaign.review)
        self._catch_up()
        self.tried.update(f"reached {stage}" for stage in {stage for _, stage in self.observer.cases[case].served})

    def _catch_up(self) -> None:
        for index, data in self.ctx.tape.registry_entries(self._read):
            self.observer.read(decode(data))
            self._read = index + 1

    def close(self) -> None:
        """Let go of the home."""
        self.app.close()


Step = Callable[[Stage, random.Random, str], object]
EVERYBODY = [*PEOPLE, "dr-lee", "mallory"]


def _who(rng: random.Random, *likely: str) -> str:
    """Mostly somebody who may, often somebody who may not."""
    return rng.choice(likely) if likely and rng.random() < 0.7 else rng.choice(EVERYBODY)


def _approve(at: Stage, rng: random.Random, case: str) -> object:
    person = _who(rng, "cl", "cl2", "po", "so", "both")
    roles = PEOPLE.get(person, ("owner",))
    role = rng.choice(roles) if rng.random() < 0.85 else rng.choice(sorted(APPROVERS))
    return delivery.approve(
        at.ctx, person, case, role=role, stage=rng.choice(("pilot", "general", "general")),
        candidate=rng.choice(("falls-1", "falls-1", "falls-2")),
    )  # fmt: skip


def _object(at: Stage, rng: random.Random, case: str) -> object:
    person = _who(rng, "cl", "po", "so", "own")
    role = rng.choice(PEOPLE.get(person, ("owner",)))
    return delivery.object_to(
        at.ctx, person, case, role=role, stage=rng.choice(STAGES), reason="doubt",
        candidate=rng.choice(("falls-1", "falls-2")),
    )  # fmt: skip


def _deploy(at: Stage, rng: random.Random, case: str) -> object:
    now = at.observer.cases[case]
    likely = {"none": "shadow", "halted": "shadow", "shadow": "pilot", "pilot": "canary", "canary": "general"}
    stage = likely.get(now.stage, "general") if rng.random() < 0.75 else rng.choice(STAGES)
    sites = ("north",) if stage == "pilot" or rng.random() < 0.1 else ()
    return delivery.deploy(
        at.ctx, _who(rng, "re", "re2"), case, stage, sites=sites,
        candidate=rng.choice(("falls-1", "falls-1", "falls-2")),
    )  # fmt: skip


def _leave(at: Stage, rng: random.Random, case: str) -> object:
    heir = rng.choice(("", "re", "so"))
    return leaving.leave(at.ctx, _who(rng, "own", "so"), rng.choice(list(PEOPLE)), "left", hand_over=heir)


def _roles(at: Stage, rng: random.Random, case: str) -> object:
    person = rng.choice(list(PEOPLE))
    roles = PEOPLE[person] if rng.random() < 0.6 else ("clinician",)
    return upkeep.add_person(at.ctx, _who(rng, "own", "own2"), person, person, roles)


def _glass(at: Stage, rng: random.Random, case: str) -> object:
    role = rng.choice(("clinical-lead", "release-engineer", "privacy-officer", "owner"))
    return breaking_glass.break_glass(at.ctx, _who(rng, "cn", "ds", "po"), role, "an emergency on ward four")


def _glass_review(at: Stage, rng: random.Random, case: str) -> object:
    grant = rng.choice([*at.ctx.registry.access.grants, "none"])
    return breaking_glass.review_glass(at.ctx, _who(rng, "po", "so", "own"), grant, "justified", "")


def _file(at: Stage, rng: random.Random, case: str) -> object:
    return findings.file_finding(
        at.ctx, _who(rng, "au", "au2"), severity=rng.choice(("note", "major", "blocking", "blocking")), title="gap",
        owner=rng.choice(("own", "cl", "au")), due=at.clock.at.date(), use_case=rng.choice((case, case, "")),
    )  # fmt: skip


def _finding(at: Stage, rng: random.Random, case: str) -> object:
    live = [f.finding for f in at.ctx.registry.findings.all.values() if f.state != "closed"] or ["none"]
    answer, accept, send_back = findings.answer_finding, findings.close_finding, findings.return_finding
    step = rng.choice((answer, answer, accept, send_back))
    likely = ("own", "own2") if step is answer else ("au", "au2")
    return step(at.ctx, _who(rng, *likely), rng.choice(live), "as said")


def _token(at: Stage, rng: random.Random, case: str) -> object:
    _, digest = new_token()
    who = _who(rng, "re", "so")
    live = [view.token for view in at.ctx.registry.tokens.values()]
    if live and rng.random() < 0.6:
        token = rng.choice(live)
        return rng.choice((
            lambda: upkeep.revoke_token(at.ctx, who, token, "lost"),
            lambda: leaving.hand_over_token(at.ctx, who, token, rng.choice(EVERYBODY)),
            lambda: leaving.rotate_token(at.ctx, who, token, digest, overlap=timedelta(days=rng.choice((0, 7, 60)))),
        ))()  # fmt: skip
    days = rng.choice((0, 1, 90, 365, 400))
    return leaving.issue_token(at.ctx, who, case, "ehr", digest, valid_for=timedelta(days=days))


def _review(at: Stage, rng: random.Random, case: str) -> object:
    running = [c for c in at.ctx.registry.access.campaigns.values() if not c.closed]
    if not running:
        return access_review.start_review(at.ctx, _who(rng, "own", "so"), at.clock.at + timedelta(days=10))
    item, who = rng.choice(list(running[0].items)), _who(rng, "own", "so", "po", "cl")
    return rng.choice((
        lambda: access_review.certify(at.ctx, who, "", [item]),
        lambda: access_review.revoke_item(at.ctx, who, "", item, "gone"),
        lambda: access_review.close_review(at.ctx, who, ""),
    ))()  # fmt: skip


STEPS: dict[str, tuple[int, Step]] = {
    "approve": (30, _approve),
    "deploy": (30, _deploy),
    "object": (4, _object),
    "halt": (4, lambda at, rng, case: delivery.halt(at.ctx, _who(rng, "cl", "re"), case, "drill")),
    "roll back": (5, lambda at, rng, case: delivery.roll_back(at.ctx, _who(rng, "re", "cl"), case, "drill")),
    "leave": (2, _leave),
    "roles": (5, _roles),
    "glass": (3, _glass),
    "glass end": (1, lambda at, rng, case: breaking_glass.end_glass(at.ctx, _who(rng, "cn", "ds"))),
    "glass review": (3, _glass_review),
    "file": (2, _file),
    "finding": (6, _finding),
    "token": (4, _token),
    "review": (4, _review),
}
"""What may be tried, and how often."""
