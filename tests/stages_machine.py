"""Stages, approvals, findings and emergencies as a state machine whose steps Hypothesis chooses and shrinks.

The same stage and the same observer as in `histories`; here every choice is an argument, so that what is found wrong is
told as the shortest history that shows it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bedrail.journeys import breaking_glass, delivery, findings, leaving, upkeep
from bedrail.journeys.context import Context
from histories import EVERYBODY, PEOPLE, Scenery, Stage
from watchman import APPROVERS, STAGES

NEXT = {"none": "shadow", "halted": "shadow", "shadow": "pilot", "pilot": "canary", "canary": "general"}

CANDIDATE = st.sampled_from(("falls-1", "falls-2"))
STAGE = st.sampled_from(STAGES)
WHICH = st.integers(0, 3)


def _who(*likely: str) -> st.SearchStrategy[str]:
    """Often somebody who may, often just anybody."""
    return st.sampled_from(likely) | st.sampled_from(EVERYBODY)


class Histories(RuleBasedStateMachine):
    """One use case on a home of its own; everybody may try everything."""

    scenery: ClassVar[Scenery]
    tried: ClassVar[Counter[str]]
    facts: ClassVar[Counter[str]]
    played: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(dir=self.scenery.folder.parent)
        self.at = Stage(self.scenery, Path(self._folder.name))
        self.ctx, self.case = self.at.ctx, self.at.begin()

    @initialize(served=st.integers(0, 2), approved=st.booleans(), further=st.integers(0, 2))
    def begin(self, served: int, approved: bool, further: int) -> None:
        """Some histories begin when there is something to undo: a version approved, one that serves, one replaced."""
        for candidate in ("falls-1", "falls-2")[: max(served, approved)]:
            self.approve_together(candidate, "general", "po")
        for candidate in ("falls-1", "falls-2")[:served]:
            self.deploy("re", "shadow", candidate, named=False)
            self.deploy("re", "pilot", candidate, named=True)
            for _ in range(further):
                self.climb(candidate)

    @invariant()
    def nothing_is_on_record_that_the_written_rules_forbid(self) -> None:
        """What the observer says after every step."""
        assert not self.at.observer.wrong, "; ".join(self.at.observer.wrong)

    @property
    def stage(self) -> str:
        """Where the use case stands, by the observer."""
        return self.at.observer.cases[self.case].stage

    @rule(minutes=st.sampled_from((1, 70, 1440, 20 * 1440, 300 * 1440)))
    def time_passes(self, minutes: int) -> None:
        """An hour ends an emergency, a year ends an approval."""
        self.at.clock.at += timedelta(minutes=minutes)

    @rule(
        person=_who("cl", "cl2", "po", "so", "both"), own=st.booleans() | st.just(True), which=WHICH, stage=STAGE,
        candidate=CANDIDATE,
    )  # fmt: skip
    def approve(self, person: str, own: bool, which: int, stage: str, candidate: str) -> None:
        """In a role held or not."""
        roles = PEOPLE.get(person, ("owner",)) if own else sorted(APPROVERS)
        role = roles[which % len(roles)]
        self.at.attempt(
            "approve",
            lambda: delivery.approve(self.ctx, person, self.case, role=role, stage=stage, candidate=candidate),
        )

    @rule(candidate=CANDIDATE, stage=STAGE, second=st.sampled_from(("po", "so", "both", "cl2")))
    def approve_together(self, candidate: str, stage: str, second: str) -> None:
        """Two at once, as a board does; not every pair suffices."""
        for person in ("cl", second):
            self.approve(person, own=True, which=1, stage=stage, candidate=candidate)

    @rule(person=_who("cl", "po", "so", "own"), which=WHICH, stage=STAGE, candidate=CANDIDATE)
    def object_to(self, person: str, which: int, stage: str, candidate: str) -> None:
        """A doubt of somebody who is asked, or not."""
        roles = PEOPLE.get(person, ("owner",))
        role = roles[which % len(roles)]
        self.at.attempt(
            "object",
            lambda: delivery.object_to(
                self.ctx, person, self.case, role=role, stage=stage, reason="doubt", candidate=candidate
            ),
        )

    @rule(person=_who("re", "re2"), stage=STAGE, candidate=CANDIDATE, named=st.booleans())
    def deploy(self, person: str, stage: str, candidate: str, named: bool) -> None:
        """To any stage, with and without sites."""
        sites = ("north",) if named else ()
        self.at.attempt(
            "deploy",
            lambda: delivery.deploy(self.ctx, person, self.case, stage, candidate=candidate, sites=sites),
        )

    @rule(candidate=CANDIDATE)
    def climb(self, candidate: str) -> None:
        """To the next stage, as somebody who may would ask for it."""
        stage = NEXT.get(self.stage, "general")
        self.deploy("re", stage, candidate, named=stage == "pilot")

    @rule(person=_who("cl", "re"))
    def halt(self, person: str) -> None:
        """Stop all answers."""
        self.at.attempt("halt", lambda: delivery.halt(self.ctx, person, self.case, "drill"))

    @precondition(lambda self: self.stage != "none")
    @rule(person=_who("re", "cl"), to=st.just("") | CANDIDATE)
    def roll_back(self, person: str, to: str) -> None:
        """To the version before, or a named one."""
        self.at.attempt("roll back", lambda: delivery.roll_back(self.ctx, person, self.case, "drill", to=to))

    @rule(person=_who("own", "so"), who=st.sampled_from(list(PEOPLE)), heir=st.sampled_from(("", "re", "so")))
    def leave(self, person: str, who: str, heir: str) -> None:
        """Somebody leaves, perhaps the last owner."""
        self.at.attempt("leave", lambda: leaving.leave(self.ctx, person, who, "left", hand_over=heir))

    @rule(person=_who("own", "own2"), who=st.sampled_from(list(PEOPLE)), former=st.booleans())
    def change_roles(self, person: str, who: str, former: bool) -> None:
        """A person gets the first roles back, or loses them."""
        roles = PEOPLE[who] if former else ("clinician",)
        self.at.attempt("roles", lambda: upkeep.add_person(self.ctx, person, who, who, roles))

    @rule(
        person=_who("au", "au2"), severity=st.sampled_from(("note", "major", "blocking")),
        owner=st.sampled_from(("own", "cl", "au")), everywhere=st.booleans(),
    )  # fmt: skip
    def file(self, person: str, severity: str, owner: str, everywhere: bool) -> None:
        """An auditor's finding, about this use case or the whole house."""
        self.at.attempt(
            "file",
            lambda: findings.file_finding(
                self.ctx, person, severity=severity, title="gap", owner=owner, due=self.at.clock.at.date(),
                use_case="" if everywhere else self.case,
            ),
        )  # fmt: skip

    @precondition(lambda self: bool(self.ctx.registry.findings.all))
    @rule(
        person=_who("own", "au", "au2"), which=WHICH,
        step=st.sampled_from((findings.answer_finding, findings.close_finding, findings.return_finding)),
    )  # fmt: skip
    def move_finding(self, person: str, which: int, step: Callable[[Context, str, str, str], None]) -> None:
        """Answered, accepted or sent back."""
        known = list(self.ctx.registry.findings.all)
        self.at.attempt("finding", lambda: step(self.ctx, person, known[which % len(known)], "as said"))

    @rule(
        person=_who("cn", "ds", "po"),
        role=st.sampled_from(("clinical-lead", "release-engineer", "privacy-officer", "owner")),
    )
    def break_glass(self, person: str, role: str) -> None:
        """An hour in a role that is not one's own."""
        self.at.attempt("glass", lambda: breaking_glass.break_glass(self.ctx, person, role, "ward four, at night"))

    @rule(person=_who("cn", "ds"))
    def end_glass(self, person: str) -> None:
        """Before the hour is over."""
        self.at.attempt("glass end", lambda: breaking_glass.end_glass(self.ctx, person))

    @precondition(lambda self: bool(self.ctx.registry.access.grants))
    @rule(person=_who("po", "so", "own"), which=WHICH)
    def review_glass(self, person: str, which: int) -> None:
        """By somebody else, or oneself."""
        known = list(self.ctx.registry.access.grants)
        self.at.attempt(
            "glass review",
            lambda: breaking_glass.review_glass(self.ctx, person, known[which % len(known)], "justified", ""),
        )

    def teardown(self) -> None:
        """Counts, and nothing left behind."""
        self.tried.update(self.at.tried)
        self.facts.update(self.at.observer.seen)
        served = {stage for _, stage in self.at.observer.cases[self.case].served}
        self.tried.update(f"reached {stage}" for stage in served)
        type(self).played += 1
        self.at.close()
        self._folder.cleanup()


def machine(scenery: Scenery) -> type[Histories]:
    """The machine on copies of this scenery, with counts of its own."""
    return type("Histories", (Histories,), {"scenery": scenery, "tried": Counter(), "facts": Counter()})
