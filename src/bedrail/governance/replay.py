"""Replay: could what the ledger tells have happened? Every act is held against the state that the facts before it made.

Level L4 of verification. A sealed history can still be one that the rules forbid: whoever holds the key could write an
approval by nobody, or a deployment that no gate opened. The rules here are those that the journeys enforce, looked at
again from the record alone; where two processes may cross (a halt and an answer under way), a few seconds are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from bedrail.core.errors import Refused
from bedrail.core.events import (
    Approved,
    DecisionAnswered,
    DecisionFellBack,
    DecisionResponded,
    DeploymentHalted,
    DeploymentMoved,
    DeploymentRolledBack,
    Entry,
    Fact,
    InstallationOpened,
    OutcomeObserved,
    PersonAdded,
    PolicyAdopted,
    decode,
)
from bedrail.core.events.deidentification import (
    ReidentificationApproved,
    ReidentificationOpened,
)
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.core.events.withheld import AnswerNotShown
from bedrail.governance.access import authorise
from bedrail.governance.approvals import fill, flaw, ground_for, standing_objections
from bedrail.governance.deidentification import approval_wrong, opening_wrong
from bedrail.governance.moments import epoch
from bedrail.governance.orders import ORDER
from bedrail.governance.policy import parse_policy
from bedrail.governance.replay_acts import ACTS, PEOPLES
from bedrail.governance.replay_orders import given_wrong, revoked_wrong, under_wrong
from bedrail.governance.rules import Policy
from bedrail.governance.stages import Goes, answer, move_to, parse_stage, state_of
from bedrail.governance.values import UseCaseView
from bedrail.governance.views import Registry

CROSSING = 5.0
"""Seconds by which an answer may cross a change that another process recorded first, clocks included."""

MOST_NAMED = 100
"""Contradictions that are named one by one."""


class Replay:
    """Takes entries in order and names those that contradict what stood before them.

    `policy_text(digest)` gives a policy's text; where it has none (None), approvals under that policy are not judged
    and `unread` names the policy. Where entries were pruned, what rests on one of them cannot be judged any more.
    """

    def __init__(self, policy_text: Callable[[str], bytes | None]) -> None:
        """Begins before the first entry."""
        self.registry = Registry()
        self.unread: set[str] = set()
        self.found: list[str] = []
        self._count = 0
        self._next = 0
        self._pruned = False
        self._policy_text = policy_text
        self._decided: set[int] = set()
        self._answered: dict[int, bool] = {}
        self._crossed: dict[str, tuple[int, str]] = {}
        self._replaced: dict[str, list[tuple[str, str, float, float]]] = {}
        self._policy = lru_cache(maxsize=16)(self._parsed)

    def feed(self, index: int, data: bytes) -> None:
        """The next entry that is left."""
        self._pruned |= index > self._next
        self._next = index + 1
        try:
            entry = decode(data)
        except (msgspec.MsgspecError, ValueError):
            self._name(index, "is no fact that this version knows")
            return
        rule = _RULES.get(type(entry.fact))
        wrong = _actor_wrong(self, entry) or (rule(self, index, entry, entry.fact) if rule is not None else "")
        if wrong:
            self._name(index, wrong)
        self.registry.apply(index, entry)

    def finish(self) -> list[str]:
        """Every contradiction as `entry INDEX: what`, in order of the ledger."""
        for index, wrong in self._crossed.values():
            self._name(index, wrong)
        self._crossed = {}
        lines = [line for _, line in sorted(self._lines())]
        if self._count > MOST_NAMED:
            lines.append(f"replay: {self._count - MOST_NAMED} more entries contradict those before them")
        return lines

    def _lines(self) -> Iterable[tuple[int, str]]:
        for line in self.found:
            yield int(line.split(":")[0].removeprefix("entry ")), line

    def _name(self, index: int, what: str) -> None:
        self._count += 1
        if len(self.found) < MOST_NAMED:
            self.found.append(f"entry {index}: {what}")

    def _parsed(self, digest: str) -> Policy | None:
        text = self._policy_text(digest) if digest else None
        if text is None:
            self.unread.add(digest)
            return None
        return parse_policy(text.decode())


def replay(entries: Iterable[tuple[int, bytes]], policy_text: Callable[[str], bytes | None]) -> Replay:
    """Feed all entries; `found` of the result is complete."""
    made = Replay(policy_text)
    for index, data in entries:
        made.feed(index, data)
    made.found = made.finish()
    return made


def _actor_wrong(replayed: Replay, entry: Entry) -> str:
    """Whether whoever acted could: a person with a role for it, a live token, or the system in what is the system's."""
    actor, fact, registry = entry.actor, entry.fact, replayed.registry
    now = epoch(entry.at)
    if actor.kind == "system":
        if type(fact) in PEOPLES and registry.installation is not None and registry.seen > len(_FIRST):
            return "is for people to do, and the system did it"
        return ""
    if actor.kind == "token":
        return _token_wrong(registry, actor.id, fact, now)
    if actor.auth.startswith(ORDER):
        return under_wrong(registry, actor, fact, now)
    return _person_wrong(registry, actor.id, fact, now)


def _token_wrong(registry: Registry, token: str, fact: Fact, now: float) -> str:
    if type(fact) in PEOPLES:
        return "is for people to do, and a token did it"
    live = next((t for t in registry.tokens.values() if t.token == token), None)
    gone = registry.revoked_tokens.get(token) or next(
        (t for t in registry.revoked_tokens.values() if t.token == token), None
    )
    if live is None and gone is None:
        return f"token {token} was never issued"
    return f"token {token} had expired" if live is not None and live.expires_epoch + CROSSING < now else ""


def _person_wrong(registry: Registry, person: str, fact: Fact, now: float) -> str:
    if _stands_apart(fact):
        return ""
    if person not in registry.people:
        return f"nobody called {person} worked here then"
    actions = ACTS.get(type(fact), ())
    refused = ""
    for action in actions:
        try:
            authorise(registry, person, action, now)
        except Refused as error:
            refused = f"{person} was not permitted to: {error.message}"
        else:
            return ""
    return refused


def _stands_apart(fact: Fact) -> bool:
    """A stop from outside the ledger may name anybody: whoever could write into the home could stop it."""
    return isinstance(fact, DeploymentHalted)


def _moved(replayed: Replay, _index: int, entry: Entry, fact: DeploymentMoved) -> str:
    view = replayed.registry.use_cases.get(fact.use_case)
    if view is None or fact.candidate not in view.candidates:
        return "deploys a candidate that was never admitted"
    state = state_of(view, fact.candidate)
    stage = parse_stage(fact.to_stage)
    replayed._replaced.setdefault(fact.use_case, []).extend(_standing(view, entry))
    if stage == "shadow" and state in ("pilot", "canary", "general"):
        return ""  # retreating needs no gate
    found = answer(state, move_to(stage))
    if not isinstance(found, Goes):
        return f"moves from {state} to {stage}, which the stages do not allow"
    if entry.actor.kind != "person":
        return f"moves to {stage} without a person"
    return _gate_wrong(replayed, view, fact.candidate, stage, fact.until) or _approvals_wrong(
        replayed, view, fact.candidate, stage, epoch(entry.at)
    )


def _rolled_back(replayed: Replay, _index: int, entry: Entry, fact: DeploymentRolledBack) -> str:
    view = replayed.registry.use_cases.get(fact.use_case)
    if view is None or not any(e.candidate == fact.to_candidate and e.stage == fact.stage for e in view.history):
        return "rolls back to a version that never served at that stage"
    replayed._replaced.setdefault(fact.use_case, []).extend(_standing(view, entry))
    return _approvals_wrong(replayed, view, fact.to_candidate, fact.stage, epoch(entry.at))


def _halted(replayed: Replay, _index: int, entry: Entry, fact: DeploymentHalted) -> str:
    view = replayed.registry.use_cases.get(fact.use_case)
    if view is not None:
        replayed._replaced.setdefault(fact.use_case, []).extend(_standing(view, entry))
    return ""


def _standing(view: UseCaseView, entry: Entry) -> list[tuple[str, str, float, float]]:
    """(candidate, stage, until, when it ended) of what served until this entry."""
    now = view.deployment
    return [] if now is None or now.halted else [(now.candidate, now.stage, now.until_epoch, epoch(entry.at))]


def _gate_wrong(replayed: Replay, view: UseCaseView, candidate: str, stage: str, until: str) -> str:
    """The gate was asked just before, under the policy in force, and was open for at least as long."""
    judged = view.judgements[-1] if view.judgements else None
    if judged is None or (judged.candidate, judged.stage) != (candidate, stage) or not judged.open:
        return f"no open gate to {stage} stands before it"
    if judged.policy != replayed.registry.policy:
        return "its gate was judged under another policy than the one in force"
    if epoch(until) > epoch(judged.until):
        return f"it stands longer (until {until}) than its gate said ({judged.until})"
    return ""


def _approvals_wrong(replayed: Replay, view: UseCaseView, candidate: str, stage: str, now: float) -> str:
    """Each place that the policy in force asks for is filled by another person's approval that counts."""
    policy = replayed._policy(replayed.registry.policy)
    if policy is None:
        return ""
    rule = policy.stage(view.tier, stage)
    if rule is None:
        return f"the policy in force has no stage {stage} for the tier {view.tier}"
    ground = ground_for(policy, view, view.candidates[candidate], stage)
    counting = [approval for approval in view.approvals if flaw(approval, ground, now) is None]
    empty = [place for place, approval in fill(rule.approvals, counting, ground).places if approval is None]
    if empty:
        return f"deployed to {stage} without the approval of {', '.join(empty)}"
    if objections := standing_objections(view, candidate, stage):
        return f"deployed to {stage} against the objection of {objections[0].person} ({objections[0].role})"
    return ""


def _approved(replayed: Replay, _index: int, entry: Entry, fact: Approved) -> str:
    person = replayed.registry.people.get(fact.person)
    if entry.actor.id != fact.person:
        return f"{entry.actor.id} approved in the name of {fact.person}"
    if person is None or fact.role not in person.roles:
        return f"{fact.person} approved as {fact.role} and did not hold that role"
    view = replayed.registry.use_cases.get(fact.use_case)
    candidate = view.candidates.get(fact.candidate) if view is not None else None
    if candidate is None:
        return "approves a candidate that was never admitted"
    return f"{fact.person} approved their own work" if candidate.author == fact.person else ""


def _answered(replayed: Replay, index: int, entry: Entry, fact: DecisionAnswered) -> str:
    key = hash((fact.decision, fact.use_case))
    if key in replayed._decided:
        return f"decision {fact.decision} was made already"
    replayed._decided.add(key)
    replayed._answered[key] = fact.stage != "shadow"
    now, view = epoch(entry.at), replayed.registry.use_cases.get(fact.use_case)
    deployment = view.deployment if view is not None else None
    if deployment is not None and not deployment.halted:
        same = (deployment.candidate, deployment.stage) == (fact.candidate, fact.stage)
        if same and now < deployment.until_epoch + CROSSING:
            return ""
    for candidate, stage, until, ended in reversed(replayed._replaced.get(fact.use_case, ())):
        if (candidate, stage) == (fact.candidate, fact.stage) and now < min(until, ended) + CROSSING:
            return ""
    replayed._crossed[fact.decision] = (index, f"answered while {fact.stage} of this version did not stand")
    return ""


def _not_shown(replayed: Replay, _index: int, _entry: Entry, fact: AnswerNotShown) -> str:
    replayed._crossed.pop(fact.decision, None)
    known = replayed._pruned or hash((fact.decision, fact.use_case)) in replayed._decided
    return "" if known else "is about a decision that was never made"


def _fell_back(replayed: Replay, _index: int, _entry: Entry, fact: DecisionFellBack) -> str:
    key = hash((fact.decision, fact.use_case))
    if key in replayed._decided:
        return f"decision {fact.decision} was made already"
    replayed._decided.add(key)
    return ""


def _responded(replayed: Replay, _index: int, _entry: Entry, fact: DecisionResponded) -> str:
    key = hash((fact.decision, fact.use_case))
    if key not in replayed._decided:
        return "" if replayed._pruned else f"responds to decision {fact.decision}, which was never made"
    return "" if replayed._answered.get(key) else f"responds to decision {fact.decision}, which nobody was shown"


def _observed(replayed: Replay, _index: int, _entry: Entry, fact: OutcomeObserved) -> str:
    known = replayed._pruned or hash((fact.decision, fact.use_case)) in replayed._decided
    return "" if known else f"is the outcome of decision {fact.decision}, which was never made"


def _opened(replayed: Replay, _index: int, _entry: Entry, _fact: InstallationOpened) -> str:
    return "the installation was opened already" if replayed.registry.installation is not None else ""


_FIRST = (InstallationOpened, PersonAdded, PolicyAdopted)
"""The system itself records these when a home is made."""


def _reidentify_approved(replayed: Replay, _index: int, entry: Entry, fact: ReidentificationApproved) -> str:
    person = replayed.registry.people.get(entry.actor.id)
    roles = person.roles if person is not None else frozenset()
    return approval_wrong(replayed.registry.deidentification, entry.actor.id, roles, fact.request, fact.role)


def _reidentified(replayed: Replay, _index: int, entry: Entry, fact: ReidentificationOpened) -> str:
    return opening_wrong(replayed.registry.deidentification, entry.actor.id, fact.request, epoch(entry.at))


def _order_given(replayed: Replay, _index: int, entry: Entry, fact: OrderGiven) -> str:
    return given_wrong(replayed.registry, entry.actor.id, fact, epoch(entry.at))


def _order_revoked(replayed: Replay, _index: int, entry: Entry, fact: OrderRevoked) -> str:
    return revoked_wrong(replayed.registry, entry.actor.id, fact, epoch(entry.at))


_RULES: dict[type, Callable[[Replay, int, Entry, Any], str]] = {
    InstallationOpened: _opened,
    DeploymentMoved: _moved,
    DeploymentRolledBack: _rolled_back,
    DeploymentHalted: _halted,
    Approved: _approved,
    DecisionAnswered: _answered,
    DecisionFellBack: _fell_back,
    DecisionResponded: _responded,
    OutcomeObserved: _observed,
    AnswerNotShown: _not_shown,
    ReidentificationApproved: _reidentify_approved,
    ReidentificationOpened: _reidentified,
    OrderGiven: _order_given,
    OrderRevoked: _order_revoked,
}
