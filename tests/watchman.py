"""An observer who knows only the written rules: it reads the ledger and names each fact that should not be there.

It shares no code with the rules that it checks, and keeps its own small state from the facts alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from bedrail.core.events import Entry, action_of

PLACES = ({"clinical-lead"}, {"privacy-officer", "security-officer"})
STAGES = ("shadow", "pilot", "canary", "general")
UP = {
    "none": {"shadow"}, "halted": {"shadow"}, "shadow": {"shadow", "pilot"}, "pilot": {"shadow", "pilot", "canary"},
    "canary": {"shadow", "pilot", "canary", "general"}, "general": {"shadow", "pilot", "canary", "general"},
}  # fmt: skip
STOPPERS = {"owner", "clinical-lead", "privacy-officer", "security-officer", "data-scientist", "release-engineer"}
APPROVERS = {"owner", "clinical-lead", "privacy-officer", "security-officer"}
GLASS = "break-glass:"


class Approval(NamedTuple):
    """Who approved what, for which stage, and from when until when."""

    candidate: str
    stage: str
    role: str
    person: str
    at: float
    until: float


@dataclass
class Case:
    """What the observer knows of one use case."""

    candidate: str = ""
    stage: str = "none"
    served: set[tuple[str, str]] = field(default_factory=set)
    authors: dict[str, str] = field(default_factory=dict)
    approvals: list[Approval] = field(default_factory=list)
    objections: list[tuple[str, str, str, float]] = field(default_factory=list)  # candidate stage role at


@dataclass
class Observer:
    """Reads entries in order and names what the written rules do not allow."""

    roles: dict[str, set[str]] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    glass: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def read(self, entry: Entry) -> None:
        """One entry, after all before it."""
        fact, kind = entry.fact, action_of(entry)
        self.seen[kind] += 1
        if entry.actor.kind == "person":
            self._may_act(entry, kind)
        check = getattr(self, "_" + kind.replace(".", "_").replace("-", "_"), None)
        if check is not None:
            check(fact, entry)

    def _no(self, why: str, entry: Entry) -> None:
        self.wrong.append(f"{action_of(entry)} by {entry.actor.id}: {why}")

    def _held(self, entry: Entry) -> set[str]:
        return self.roles.get(entry.actor.id, set())

    def _may_act(self, entry: Entry, kind: str) -> None:
        if entry.actor.id not in self.roles:
            self._no("nobody here", entry)
        if entry.actor.auth.startswith(GLASS):
            grant = self.glass.get(entry.actor.auth.removeprefix(GLASS))
            if grant is None or grant["person"] != entry.actor.id or entry.at >= grant["until"]:
                self._no("no such grant any more", entry)
            if kind not in ("deployment.halted", "gate.judged", "deployment.moved", "deployment.rolled-back",
                            "token.revoked"):  # fmt: skip
                self._no("not for emergencies", entry)
        elif self._held(entry) <= {"auditor"} and not kind.startswith("finding."):
            self._no("an auditor changed something", entry)

    def _asks(self, entry: Entry, roles: set[str]) -> None:
        if not entry.actor.auth.startswith(GLASS) and not self._held(entry) & roles and entry.actor.kind == "person":
            self._no("role not held", entry)

    def _person_added(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"owner"})
        self.roles[fact.person] = set(fact.roles)

    def _person_left(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"owner", "security-officer"})
        self.roles.pop(fact.person, None)
        if not any("owner" in roles for roles in self.roles.values()):
            self._no("no owner is left", entry)
        self.must_be_gone = fact.person

    def _use_case_opened(self, fact: Any, entry: Entry) -> None:
        self.cases.setdefault(fact.use_case, Case())

    def _candidate_admitted(self, fact: Any, entry: Entry) -> None:
        self.cases[fact.use_case].authors[fact.candidate] = fact.author

    def _approval_given(self, fact: Any, entry: Entry) -> None:
        case = self.cases[fact.use_case]
        if fact.person != entry.actor.id or fact.role not in self._held(entry) or fact.role not in APPROVERS:
            self._no("approved in a role not held", entry)
        if case.authors[fact.candidate] == fact.person:
            self._no("approved own work", entry)
        at, until = epoch(entry.at), epoch(fact.expires)
        case.approvals.append(Approval(fact.candidate, fact.stage, fact.role, fact.person, at, until))

    def _approval_objected(self, fact: Any, entry: Entry) -> None:
        case = self.cases[fact.use_case]
        if fact.role not in self._held(entry):
            self._no("objected in a role not held", entry)
        case.objections.append((fact.candidate, fact.stage, fact.role, epoch(entry.at)))

    def _deployment_moved(self, fact: Any, entry: Entry) -> None:
        case = self.cases[fact.use_case]
        now = case.stage if case.candidate == fact.candidate else "none"
        consequence = entry.actor.kind == "system"
        if consequence:
            if fact.to_stage != "shadow" or case.stage not in ("pilot", "canary", "general"):
                self._no(f"retreated from {case.stage} to {fact.to_stage}", entry)
        else:
            self._asks(entry, {"release-engineer"})
            back = now == "none" and (fact.candidate, fact.to_stage) in case.served
            if fact.to_stage not in UP[now] and not back:
                self._no(f"from {now} to {fact.to_stage}", entry)
            self._gate(fact.use_case, fact.candidate, fact.to_stage, entry)
        case.candidate, case.stage = fact.candidate, fact.to_stage
        for stage in STAGES[: STAGES.index(fact.to_stage) + 1]:
            case.served.add((fact.candidate, stage))

    def _deployment_halted(self, fact: Any, entry: Entry) -> None:
        case = self.cases[fact.use_case]
        if case.stage in ("none", "halted"):
            self._no(f"halted from {case.stage}", entry)
        if entry.actor.kind == "system" and not fact.reason.startswith("audit finding"):
            self._no("halted by itself without a cause", entry)
        self._asks(entry, STOPPERS)
        case.stage = "halted"

    def _deployment_rolled_back(self, fact: Any, entry: Entry) -> None:
        case = self.cases[fact.use_case]
        self._asks(entry, {"release-engineer", "clinical-lead"})
        if (fact.to_candidate, fact.stage) not in case.served or fact.to_candidate == case.candidate:
            self._no("rolled back to what never served there", entry)
        self._gate(fact.use_case, fact.to_candidate, fact.stage, entry)
        case.candidate, case.stage = fact.to_candidate, fact.stage

    def _gate(self, use_case: str, candidate: str, stage: str, entry: Entry) -> None:
        """What the written rules ask of a version at a stage."""
        case = self.cases[use_case]
        if any(f["state"] != "closed" and f["about"] in ("", use_case) for f in self.findings.values()):
            self._no("a blocking finding stands", entry)
        rank = STAGES.index(stage)
        for digest, at_stage, role, when in case.objections:
            lifted = any(
                a.candidate == digest and a.role == role and a.at > when
                and STAGES.index(a.stage) >= STAGES.index(at_stage)
                for a in case.approvals
            )  # fmt: skip
            if digest == candidate and STAGES.index(at_stage) <= rank and not lifted:
                self._no("an objection stands", entry)
        if stage == "shadow":
            return
        good = [
            (a.role, a.person)
            for a in case.approvals
            if a.candidate == candidate and STAGES.index(a.stage) >= rank and a.role in self.roles.get(a.person, set())
            and a.person != case.authors[candidate] and a.until > epoch(entry.at)
        ]  # fmt: skip
        if not any(a[0] in PLACES[0] and b[0] in PLACES[1] and a[1] != b[1] for a in good for b in good):
            self._no("approvals are missing", entry)

    def _glass_broken(self, fact: Any, entry: Entry) -> None:
        if any(g["person"] == fact.person and not g["reviewed"] for g in self.glass.values()):
            self._no("the last one was not reviewed", entry)
        if fact.role in self._held(entry) or fact.role in ("owner", "auditor", "security-officer"):
            self._no("not a role for emergencies", entry)
        self.glass[fact.grant] = {"person": fact.person, "until": fact.until, "reviewed": False}

    def _glass_ended(self, fact: Any, entry: Entry) -> None:
        self.glass[fact.grant]["until"] = entry.at

    def _glass_reviewed(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"owner", "privacy-officer", "security-officer"})
        if self.glass[fact.grant]["person"] == fact.reviewer or self.glass[fact.grant]["reviewed"]:
            self._no("reviewed own, or twice", entry)
        self.glass[fact.grant]["reviewed"] = True

    def _finding_opened(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"auditor"})
        if fact.severity == "blocking":
            self.findings[fact.finding] = {"state": "open", "about": fact.use_case, "by": ""}

    def _finding_answered(self, fact: Any, entry: Entry) -> None:
        found = self.findings.get(fact.finding)
        if self._held(entry) <= {"auditor"} or (found is not None and found["state"] == "closed"):
            self._no("answered by an auditor, or after its end", entry)
        if found is not None:
            found.update(state="answered", by=fact.person)

    def _finding_returned(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"auditor"})
        self._finding_moves(fact, entry, "open")

    def _finding_closed(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"auditor"})
        self._finding_moves(fact, entry, "closed")

    def _finding_moves(self, fact: Any, entry: Entry, to: str) -> None:
        found = self.findings.get(fact.finding)
        if found is None:
            return
        if found["state"] != "answered" or found["by"] == fact.auditor:
            self._no(f"{to} from {found['state']}", entry)
        found["state"] = to

    def _token_issued(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"release-engineer", "security-officer"})
        life = epoch(fact.expires) - epoch(entry.at)
        if not 0 < life <= 366 * 86_400 or not fact.actions or fact.owner not in self.roles:
            self._no("without an end, a use or an owner", entry)
        self.tokens[fact.token] = fact.owner

    def _token_handed_over(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, {"release-engineer", "security-officer", "owner"})
        if fact.token not in self.tokens or fact.owner not in self.roles:
            self._no("no such token, or no such owner", entry)
        self.tokens[fact.token] = fact.owner

    def _token_revoked(self, fact: Any, entry: Entry) -> None:
        if self.tokens.pop(fact.token, None) is None:
            self._no("revoked twice", entry)

    def _access_review_certified(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, APPROVERS)
        own = [item for item in fact.items if item.startswith(f"{fact.reviewer}/")]
        own += [item for item in fact.items if self.tokens.get(item.removeprefix("token:")) == fact.reviewer]
        if own:
            self._no("certified own access", entry)

    def _access_review_revoked(self, fact: Any, entry: Entry) -> None:
        self._asks(entry, APPROVERS)
        person, _, role = fact.item.partition("/")
        self.roles.get(person, set()).discard(role)
        self.tokens.pop(fact.item.removeprefix("token:"), None)
        if not any("owner" in roles for roles in self.roles.values()):
            self._no("no owner is left", entry)


def epoch(text: str) -> float:
    """Seconds of a moment in a fact."""
    return datetime.fromisoformat(text).timestamp()
