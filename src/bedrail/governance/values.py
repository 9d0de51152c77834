"""The nouns: what the registry knows about people, data, candidates and deployments, and what a gate answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from bedrail.core.errors import NotFound
from bedrail.core.values import Value

TOKEN_ACTIONS = ("decide", "respond", "outcome", "consent", "read")
"""What a bearer token can be good for: ask for decisions; record what was done, how it ended, a choice; look."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person and the roles held now; with `sites`, only decisions of those sites are theirs to see."""

    person: str
    name: str
    roles: frozenset[str]
    at: str
    sites: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TokenView:
    """A live bearer token, known by its SHA-256; good for `actions` of one use case until `expires_epoch`.

    `owner` answers for it; `used_day` is the last day (UTC, as `2026-11-22`) on which it was used, empty before, and
    `used_until` the end of that day (epoch seconds). `suspended` is the flag of suspected abuse that keeps it shut.
    """

    token: str
    use_case: str
    client: str
    sha256: str
    expires: str
    expires_epoch: float
    actions: frozenset[str] = frozenset(TOKEN_ACTIONS)
    owner: str = ""
    replaces: str = ""
    used_day: str = ""
    used_until: float = 0.0
    suspended: str = ""


@dataclass(frozen=True, slots=True)
class DatasetView:
    """The dataset that now speaks for the use case, its quality verdict, its split, and who opened its holdout."""

    dataset: str
    source: str
    rows: int
    columns: int
    profile: str
    verdict: str
    artifact: str
    at: str
    at_epoch: float
    split: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    holdout_opened_at: str = ""
    holdout_candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A model version by the digest of its package manifest."""

    candidate: str
    name: str
    kind: str
    origin: str
    dataset: str
    author: str
    signature: str
    at: str
    at_epoch: float


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The newest answer to one check about one candidate.

    `since_epoch` is when this same verdict about these same digests was first recorded without a change between:
    repeating an examination with the same answer does not undo an approval that rested on it.
    """

    evidence: str
    check: str
    verdict: str
    reason: str
    candidate: str
    dataset: str
    policy: str
    at: str
    at_epoch: float
    since_epoch: float


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """An approval as given; `held` is whether the person held the role at that moment."""

    approval: str
    candidate: str
    dataset: str
    policy: str
    stage: str
    role: str
    person: str
    expires: str
    comment: str
    at: str
    at_epoch: float
    expires_epoch: float
    held: bool


@dataclass(frozen=True, slots=True)
class ObjectionView:
    """An objection; it stands until the same role approves later."""

    candidate: str
    stage: str
    role: str
    person: str
    reason: str
    at: str
    at_epoch: float


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """What serves now. Empty `sites` means all; `share` is per mille of subjects; nothing is answered when halted."""

    candidate: str
    stage: str
    sites: frozenset[str]
    share: int
    until: str
    until_epoch: float
    halted: bool
    reason: str
    at: str
    at_epoch: float


@dataclass(frozen=True, slots=True)
class AlarmView:
    """A monitor's alarm and what was done at once."""

    alarm: str
    candidate: str
    monitor: str
    action_taken: str
    causes: tuple[str, ...]
    groups: tuple[str, ...]
    detail: str
    report: str
    at: str
    at_epoch: float


@dataclass(frozen=True, slots=True)
class ReportView:
    """A watched window of decisions."""

    candidate: str
    first: str
    last: str
    decisions: int
    verdict: str
    report: str
    at: str
    at_epoch: float


@dataclass(frozen=True, slots=True)
class JudgementView:
    """A gate's answer that had consequences."""

    candidate: str
    stage: str
    open: bool
    reasons: tuple[str, ...]
    policy: str
    until: str
    at: str


@dataclass(slots=True)
class UseCaseView:
    """All there is to know about one use case except its single decisions.

    `charter_since` is when the present charter was opened (seconds since 1970): what was examined or approved for an
    earlier text does not count for a later one. `history` holds every deployment state, oldest first.
    `suite` is the artifact of the scenarios that the use case keeps, empty without any.
    """

    id: str
    title: str
    tier: str
    mode: str
    owner: str
    charter: str
    at: str
    charter_since: float
    dataset: DatasetView | None = None
    datasets: dict[str, DatasetView] = field(default_factory=dict)
    candidates: dict[str, CandidateView] = field(default_factory=dict)
    evidence: dict[tuple[str, str], EvidenceView] = field(default_factory=dict)
    approvals: list[ApprovalView] = field(default_factory=list)
    objections: list[ObjectionView] = field(default_factory=list)
    deployment: DeploymentView | None = None
    history: list[DeploymentView] = field(default_factory=list)
    alarms: list[AlarmView] = field(default_factory=list)
    reports: list[ReportView] = field(default_factory=list)
    judgements: list[JudgementView] = field(default_factory=list)
    sentinels: dict[str, str] = field(default_factory=dict)
    suite: str = ""

    def candidate(self, named: str) -> CandidateView:
        """The candidate by digest, by name (the newest so named), or by a digest's beginning of 6 or more characters.

        Raises `NotFound` when none, or more than one digest, begins so.
        """
        if named in self.candidates:
            return self.candidates[named]
        by_name = [c for c in self.candidates.values() if c.name == named]
        if by_name:
            return by_name[-1]
        begins = [c for d, c in self.candidates.items() if len(named) >= 6 and d.startswith(named)]
        if len(begins) == 1:
            return begins[0]
        known = ", ".join(f"{c.name} ({d[:12]})" for d, c in self.candidates.items()) or "none yet"
        raise NotFound(
            f"{self.id} has {'more than one' if begins else 'no'} candidate {named!r}.",
            path="candidate",
            remedy=f"Candidates here: {known}.",
        )


class Reason(Value, frozen=True, kw_only=True):
    """One reason why a gate is closed.

    `who` is written for people: roles with those who hold them; `roles` and `people` are the same as lists. `how` is
    the command that mends it. `criterion` is the question that was not answered, one of the gate's `criteria`.
    """

    code: str
    message: str
    who: str
    how: str
    criterion: str
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class Condition(Value, frozen=True, kw_only=True):
    """What a gate lets pass under a duty: evidence accepted as missing, an alarm that only notified."""

    criterion: str
    message: str
    obligation: str = ""


AS_THEY_STAND = "facts as they stand in the database"
AS_SEALED = "facts, evidence and package as they were sealed"


class GateAnswer(Value, frozen=True, kw_only=True):
    """What open and closed gates have in common; `criteria` are all questions asked, in order.

    `rests_on` says whether the facts behind it were held against the ledger's signed root: `AS_SEALED`, or
    `AS_THEY_STAND`, when somebody with the database in hand may have changed them.
    """

    use_case: str
    candidate: str
    candidate_name: str
    stage: str
    policy: str
    judged_at: str
    criteria: tuple[str, ...]
    conditions: tuple[Condition, ...]
    obligations: tuple[str, ...]
    rests_on: str = AS_THEY_STAND


class Open(GateAnswer, frozen=True, kw_only=True, tag_field="gate", tag="open"):
    """The gate is open until `until` (UTC), when the first approval or evidence that it rests on runs out."""

    until: str
    until_epoch: float


class Closed(GateAnswer, frozen=True, kw_only=True, tag_field="gate", tag="closed"):
    """The gate is closed, for every one of these reasons."""

    reasons: tuple[Reason, ...]


Gate = Open | Closed
