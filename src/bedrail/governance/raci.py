"""Decision rights: for each step of a model's life who does it, who answers for it, who is asked, who is told.

From the responsibility table of the tiers and RACI chapter of the control catalogue, in the roles that Bedrail has.
Each step names the action by which it is done and the action by which whoever answers for it does so; a test holds
both to the table of permissions: whoever may do it is R or A, and nobody else is. Exactly one role answers for each
step; whoever makes models answers for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bedrail.core.values import Value
from bedrail.governance.permissions import ACTIONS, ROLES, may

Letter = Literal["A", "AR", "R", "C", "I", ""]

OW, CL, DS, PO, SO = "owner", "clinical-lead", "data-scientist", "privacy-officer", "security-officer"
RE, AU, CN, VM = "release-engineer", "auditor", "clinician", "vendor-manager"


class Step(Value, frozen=True, kw_only=True):
    """One step: `does` is its action, `answers` the action of whoever answers for it; `letters` by role."""

    name: str
    does: str
    answers: str
    letters: dict[str, Letter]

    @property
    def accountable(self) -> str:
        """The role that answers for it."""
        return next(role for role, letter in self.letters.items() if letter in ("A", "AR"))


def _step(
    name: str, does: str, accountable: str, *, answers: str = "", consulted: str = "", informed: str = ""
) -> Step:
    """Everybody who may do it is R; the accountable one is AR when among them, else A."""
    letters: dict[str, Letter] = dict.fromkeys(ROLES, "")
    for role in informed.split():
        letters[role] = "I"
    for role in consulted.split():
        letters[role] = "C"
    for role in ACTIONS[does]:
        letters[role] = "R"
    letters[accountable] = "AR" if accountable in ACTIONS[does] else "A"
    return Step(name=name, does=does, answers=answers or does, letters=letters)


STEPS: tuple[Step, ...] = (
    _step("policy", "policy.adopt", OW, consulted=f"{CL} {PO} {SO} {DS}", informed=f"{RE} {AU} {CN} {VM}"),
    _step("intake and tier", "use-case.open", OW, consulted=f"{DS} {PO} {SO} {RE} {CN} {VM}", informed=AU),
    _step("data admission", "data.admit", PO, consulted=f"{CL} {SO} {RE}", informed=f"{OW} {AU} {CN} {VM}"),
    _step("development", "candidate.train", CL, answers="approval.give", consulted=f"{PO} {SO} {CN}", informed=RE),
    _step("import", "candidate.import", CL, answers="approval.give", consulted=f"{PO} {SO}", informed=f"{OW} {RE}"),
    _step(
        "validation", "candidate.examine", CL, answers="approval.give", consulted=f"{OW} {CN}", informed=f"{PO} {SO}"
    ),
    _step("go-live approval", "approval.give", OW, consulted=f"{DS} {RE} {CN} {VM}", informed=AU),
    _step("objection", "approval.object", OW, informed=f"{DS} {RE} {CN} {VM} {AU}"),
    _step("deployment", "deployment.move", RE, consulted=f"{CL} {DS} {SO}", informed=f"{OW} {PO} {CN}"),
    _step("kill switch", "deployment.halt", CL, informed=f"{CN} {AU} {VM}"),
    _step("roll back", "deployment.roll-back", RE, consulted=f"{DS} {SO}", informed=f"{OW} {PO} {CN}"),
    _step("restart after a stop", "deployment.move", OW, answers="approval.give", consulted=f"{CL} {PO} {SO} {DS}"),
    _step("monitoring", "monitoring.look", CL, consulted=CN, informed=f"{PO} {SO} {AU}"),
    _step("confirm, override, escalate", "decision.respond", CL, informed=f"{OW} {DS}"),
    _step("outcome", "outcome.observe", CL, answers="decision.respond", informed=PO),
    _step("patients' choice", "consent.change", PO, informed=OW),
    _step("look into a decision", "decision.read", PO, informed=SO),
    _step("people", "person.add", OW, consulted=SO, informed=f"{PO} {AU}"),
    _step("leavers", "person.leave", OW, informed=f"{CL} {PO} {RE} {AU}"),
    _step("tokens", "token.issue", SO, consulted=PO, informed=OW),
    _step("end of a token", "token.revoke", SO, informed=AU),
    _step("access review", "access.review", OW, consulted=PO, informed=AU),
    _step("certifying access", "access.certify", OW, informed=AU),
    _step("breaking the glass", "break-glass.open", PO, informed=AU),
    _step("review of broken glass", "break-glass.review", PO, informed=AU),
    _step("audit finding", "finding.file", AU, informed=f"{OW} {CL} {PO} {SO}"),
    _step("answer to a finding", "finding.answer", OW, informed=AU),
    _step("export of the ledger", "ledger.export", OW, informed=CL),
)
"""Every step of a model's life, in order."""


def steps(accountable: Mapping[str, str] | None = None, withheld: frozenset[str] = frozenset()) -> tuple[Step, ...]:
    """The steps as a policy adjusts them: who answers (`accountable`, by step), and what is taken away."""
    return tuple(_adjusted(step, (accountable or {}).get(step.name, ""), withheld) for step in STEPS)


def _adjusted(step: Step, accountable: str, withheld: frozenset[str]) -> Step:
    able = may(step.does, withheld)
    letters: dict[str, Letter] = {}
    answering = accountable or step.accountable
    for role, letter in step.letters.items():
        if role == answering:
            letters[role] = "AR" if role in able else "A"
        elif role in able:
            letters[role] = "R"
        else:
            letters[role] = "C" if letter in ("A", "AR", "R") else letter
    return Step(name=step.name, does=step.does, answers=step.answers, letters=letters)


def may_answer(step: Step, withheld: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The roles that could answer for it: they may do it, or hold its `answers`; whoever makes models may not."""
    makers = ACTIONS["candidate.train"]
    able = {*may(step.does, withheld), *may(step.answers, withheld)}
    return tuple(sorted(able - makers))


def raci_table(adjusted: tuple[Step, ...] = STEPS) -> str:
    """As Markdown, roles as columns."""
    lines = ["| step | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]
    lines += [f"| {s.name} | " + " | ".join(s.letters[role] or " " for role in ROLES) + " |" for s in adjusted]
    return "\n".join(lines)
