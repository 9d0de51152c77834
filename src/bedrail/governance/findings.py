"""Auditors' findings: what an auditor found, who answers it, and what stays closed until the auditor accepts.

After GOV-12 of the control catalogue (an independent auditor reads all and changes nothing) and 45 CFR 164.308(a)(8).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events.access import FindingAnswered, FindingClosed, FindingOpened, FindingReturned

Severity = Literal["note", "minor", "major", "blocking"]
State = Literal["open", "answered", "closed"]
Step = Literal["answer", "return", "close"]

SEVERITIES: tuple[Severity, ...] = ("note", "minor", "major", "blocking")
STATES: tuple[State, ...] = ("open", "answered", "closed")
STEPS: tuple[Step, ...] = ("answer", "return", "close")

TABLE: dict[tuple[State, Step], State | str] = {
    ("open", "answer"): "answered",
    ("open", "return"): "there is no answer to return yet",
    ("open", "close"): "it has not been answered yet",
    ("answered", "answer"): "answered",
    ("answered", "return"): "open",
    ("answered", "close"): "closed",
    ("closed", "answer"): "it is closed",
    ("closed", "return"): "it is closed",
    ("closed", "close"): "it is closed already",
}
"""Every state and step: the state it leads to, or why it does not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding as it stands; an empty `use_case` concerns the whole installation."""

    finding: str
    use_case: str
    severity: str
    title: str
    owner: str
    due: str
    at: str
    state: State = "open"
    answer: str = ""
    answered_by: str = ""
    last_word: str = ""

    def blocks(self, use_case: str) -> bool:
        """Whether it keeps this use case's gates closed: blocking until the auditor accepts the answer.

        A severity that is not known blocks too.
        """
        harmless = self.severity in SEVERITIES and self.severity != "blocking"
        return self.state != "closed" and not harmless and self.use_case in ("", use_case)


@dataclass(slots=True)
class Findings:
    """Every finding, by id; folded from facts."""

    all: dict[str, Finding] = field(default_factory=dict)

    def blocking(self, use_case: str) -> tuple[Finding, ...]:
        """What keeps this use case's gates closed."""
        return tuple(found for found in self.all.values() if found.blocks(use_case))

    def open_about(self, use_case: str) -> tuple[Finding, ...]:
        """Whatever is not closed and concerns this use case."""
        return tuple(f for f in self.all.values() if f.state != "closed" and f.use_case in ("", use_case))

    def named(self, finding: str) -> Finding:
        """The finding of that id, or of its beginning when only one begins so; raises `NotFound`."""
        found = [f for f in self.all.values() if finding and f.finding.startswith(finding)]
        if len(found) != 1:
            raise NotFound("there is no such finding.", path="finding", remedy="bedrail findings list names them.")
        return found[0]

    def opened(self, fact: FindingOpened, at: str) -> None:
        """A finding that is on record stays as it is."""
        known = Finding(fact.finding, fact.use_case, fact.severity, fact.title, fact.owner, fact.due, at)
        self.all.setdefault(fact.finding, known)

    def answered(self, fact: FindingAnswered) -> None:
        """Its owner answered."""
        self._step(fact.finding, "answer", answer=fact.answer, answered_by=fact.person)

    def returned(self, fact: FindingReturned) -> None:
        """Not accepted."""
        self._step(fact.finding, "return", last_word=fact.reason)

    def closed(self, fact: FindingClosed) -> None:
        """Accepted."""
        self._step(fact.finding, "close", last_word=fact.remark)

    def _step(self, finding: str, step: Step, **changes: str) -> None:
        found = self.all.get(finding)
        if found is None:
            return
        to = TABLE[found.state, step]
        for state in STATES:
            if state == to:  # a step that the table does not know changes nothing
                self.all[finding] = replace(found, state=state, **changes)


def check_step(found: Finding, step: Step) -> None:
    """That the table knows this step from here; raises `Refused`."""
    to = TABLE[found.state, step]
    if to not in STATES:
        raise Refused(f"{found.finding}: {to}.", remedy="bedrail findings list shows where each stands.")


def check_severity(severity: str) -> None:
    """That there is such a severity; raises `Invalid`."""
    if severity not in SEVERITIES:
        raise Invalid(
            f"`{severity[:20]}` is no severity.", path="--severity", remedy=f"One of: {', '.join(SEVERITIES)}."
        )
