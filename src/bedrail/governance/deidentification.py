"""De-identification projects, what they made, and who may learn whom a pseudonym stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events.deidentification import (
    DataDeidentified,
    DeidentificationJudged,
    ProjectForgotten,
    ProjectOpened,
    ProjectRetired,
    ReidentificationApproved,
    ReidentificationDenied,
    ReidentificationOpened,
    ReidentificationRequested,
)
from bedrail.governance.moments import epoch

APPROVERS = ("privacy-officer", "pseudonym-custodian")
"""Each of these approves, by a person of its own who did not ask: nobody re-identifies alone (45 CFR 164.514(c),
GDPR Art. 4(5): the additional information is kept separately)."""


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project: who keeps its key and its escrow ("" without one), and whether it is retired, or forgotten."""

    project: str
    provider: str
    escrow: str
    by: str
    at: str
    runs: int = 0
    retired: str = ""
    reason: str = ""
    certificate: str = ""

    @property
    def state(self) -> str:
        """`in use`, `retired` (the key may still have to be destroyed) or `forgotten`."""
        return "forgotten" if self.certificate else "retired" if self.retired else "in use"


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request to re-identify: what is asked, by whom, and how far it is."""

    request: str
    project: str
    pseudonyms: tuple[str, ...]
    purpose: str
    basis: str
    by: str
    at: str
    expires: str
    approvals: tuple[tuple[str, str], ...] = ()
    denied: str = ""
    opened: str = ""
    found: int = 0

    def missing(self) -> tuple[str, ...]:
        """The roles that have not approved yet."""
        given = {role for role, _ in self.approvals}
        return tuple(role for role in APPROVERS if role not in given)

    def state(self, now: float) -> str:
        """`opened`, `denied`, `expired`, `approved` or `waits for ROLE`."""
        if self.opened or self.denied:
            return "opened" if self.opened else "denied"
        if epoch(self.expires) <= now:
            return "expired"
        return "approved" if not self.missing() else f"waits for {', '.join(self.missing())}"


@dataclass(frozen=True, slots=True)
class JudgedView:
    """What evidence says of a dataset's de-identification; moments in epoch seconds, `until` of an expert alone."""

    dataset: str
    evidence: str
    manifest: str
    method: str
    verdict: str
    reason: str
    by: str
    at: str
    at_epoch: float
    until_epoch: float


@dataclass(slots=True)
class Deidentification:
    """Projects by name, requests by id, runs by the SHA-256 of each output, judgements by dataset."""

    projects: dict[str, ProjectView] = field(default_factory=dict)
    requests: dict[str, RequestView] = field(default_factory=dict)
    runs: dict[str, DataDeidentified] = field(default_factory=dict)
    judged: dict[str, JudgedView] = field(default_factory=dict)

    def providers(self) -> set[str]:
        """Who keeps keys of projects and escrows that are not forgotten; the key folder of the home is not named."""
        standing = [view for view in self.projects.values() if not view.certificate]
        return {name for view in standing for name in (view.provider, view.escrow)} - {"", "file"}

    def project(self, name: str) -> ProjectView:
        """The project; raises `NotFound`, and `Refused` once it is retired."""
        found = self.projects.get(name)
        if found is None:
            there = ", ".join(sorted(p.project for p in self.projects.values() if not p.retired)) or "none yet"
            raise NotFound(
                f"there is no project `{name}` in this home.",
                path="--project",
                remedy=f"There are: {there}. Make one: bedrail deid project add NAME",
            )
        if found.retired:
            raise Refused(f"the project `{name}` was retired on {found.retired[:10]}.", remedy="Begin another.")
        return found

    def request(self, request: str) -> RequestView:
        """The request; its first letters do where they are enough. Raises `NotFound`."""
        found = [each for each in self.requests.values() if request and each.request.startswith(request)]
        if len(found) != 1:
            raise NotFound(
                "there is no such request.", path="request", remedy="bedrail deid reidentify list"
            )  # fmt: skip
        return found[0]


def require_approvable(request: RequestView, person: str, roles: frozenset[str], now: float) -> str:
    """The role in which this person may approve now; raises `Refused`."""
    state = request.state(now)
    if state in {"opened", "denied", "expired"}:
        raise Refused(f"the request is {state}.", remedy="Ask anew: bedrail deid reidentify request")
    if person == request.by:
        remedy = "Somebody else in the role does."
        raise Refused("nobody approves what they asked for themselves.", remedy=remedy, reasons=("own-request",))
    if any(person == other for _, other in request.approvals):
        remedy = "The other place is another person's."
        raise Refused("you approved it already, in another role.", remedy=remedy, reasons=("second-place",))
    role = next((role for role in request.missing() if role in roles), "")
    if not role:
        waiting = ", ".join(request.missing()) or "nobody"
        raise Refused("there is nothing to approve for you here.", remedy=f"It waits for: {waiting}.")
    return role


def require_open(request: RequestView, person: str, now: float) -> None:
    """Whoever asked may open it, once, while it holds and all have approved; raises `Refused`."""
    state = request.state(now)
    if state != "approved":
        raise Refused(f"the request is not open to you: it is {state}." if "waits" not in state else f"it {state}.",
                      remedy="bedrail deid reidentify list")  # fmt: skip
    if person != request.by:
        raise Refused("only whoever asked opens it.", remedy=f"That is {request.by}.", reasons=("own-request",))


def _opened_project(registry: Any, fact: ProjectOpened, at: str) -> None:
    registry.deidentification.projects[fact.project] = ProjectView(
        fact.project, fact.provider, fact.escrow, registry.acting, at
    )


def _change(registry: Any, project: str, **changes: Any) -> None:
    projects = registry.deidentification.projects
    if project in projects:
        projects[project] = replace(projects[project], **changes)


def _retired(registry: Any, fact: ProjectRetired, at: str) -> None:
    _change(registry, fact.project, retired=at, reason=fact.reason)


def _forgotten(registry: Any, fact: ProjectForgotten, _at: str) -> None:
    _change(registry, fact.project, certificate=fact.certificate)


def _run(registry: Any, fact: DataDeidentified, _at: str) -> None:
    made = registry.deidentification
    made.runs |= dict.fromkeys(fact.outputs, fact)
    if fact.project in made.projects:
        _change(registry, fact.project, runs=made.projects[fact.project].runs + 1)


def _judged(registry: Any, fact: DeidentificationJudged, at: str) -> None:
    until = epoch(fact.until) if fact.until else float("inf")
    registry.deidentification.judged[fact.dataset] = JudgedView(
        fact.dataset, fact.evidence, fact.manifest, fact.method, fact.verdict, fact.reason, registry.acting, at,
        epoch(at), until,
    )  # fmt: skip


def _requested(registry: Any, fact: ReidentificationRequested, at: str) -> None:
    registry.deidentification.requests[fact.request] = RequestView(
        fact.request, fact.project, fact.pseudonyms, fact.purpose, fact.basis, registry.acting, at, fact.expires
    )


def _approved(registry: Any, fact: ReidentificationApproved, _at: str) -> None:
    _step(registry, fact.request, lambda r: replace(r, approvals=(*r.approvals, (fact.role, registry.acting))))


def _denied(registry: Any, fact: ReidentificationDenied, at: str) -> None:
    _step(registry, fact.request, lambda r: replace(r, denied=at))


def _answered(registry: Any, fact: ReidentificationOpened, at: str) -> None:
    _step(registry, fact.request, lambda r: replace(r, opened=at, found=fact.found))


def _step(registry: Any, request: str, change: Callable[[RequestView], RequestView]) -> None:
    requests = registry.deidentification.requests
    if request in requests:
        requests[request] = change(requests[request])


DEIDENTIFICATION: dict[type, Callable[[Any, Any, str], None]] = {
    ProjectOpened: _opened_project,
    ProjectRetired: _retired,
    ProjectForgotten: _forgotten,
    DataDeidentified: _run,
    DeidentificationJudged: _judged,
    ReidentificationRequested: _requested,
    ReidentificationApproved: _approved,
    ReidentificationDenied: _denied,
    ReidentificationOpened: _answered,
}


def approval_wrong(state: Deidentification, person: str, roles: frozenset[str], request: str, role: str) -> str:
    """Why this approval could not have been given, by the record alone; "" when it could."""
    asked = state.requests.get(request)
    if asked is None:
        return "approves a request to re-identify that nobody made"
    if person == asked.by:
        return f"{person} approved their own request to re-identify"
    if role not in roles or role not in asked.missing() or person in {other for _, other in asked.approvals}:
        return f"{person} approved a request to re-identify as {role}, which was not theirs to fill"
    return ""


def opening_wrong(state: Deidentification, person: str, request: str, now: float) -> str:
    """Why this request could not have been opened, by the record alone; "" when it could."""
    asked = state.requests.get(request)
    if asked is None or person != asked.by:
        return f"{person} opened a request to re-identify that was not theirs"
    said = asked.state(now)
    return "" if said == "approved" else f"a request to re-identify was opened that was {said}"
