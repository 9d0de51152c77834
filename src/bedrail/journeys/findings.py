"""Auditors' findings: filed, answered, returned or accepted; a blocking one closes gates and moves what serves."""

from __future__ import annotations

from datetime import date

from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import FindingAnswered, FindingClosed, FindingOpened, FindingReturned
from bedrail.governance.consequences import Consequence, after_finding
from bedrail.governance.findings import check_severity, check_step
from bedrail.journeys.context import Context
from bedrail.journeys.moving_ground import append_whole, told
from bedrail.journeys.refusals import duties


def file_finding(
    ctx: Context, person: str, *, severity: str, title: str, owner: str, due: date, use_case: str = ""
) -> tuple[FindingOpened, tuple[str, ...]]:
    """File a finding about a use case, or the whole installation; returns it and what followed.

    A blocking one closes the gates it concerns until its answer is accepted, and what serves there goes as the policy
    says. Raises `Invalid`, `NotFound`.
    """
    actor = ctx.require(person, "finding.file")
    check_severity(severity)
    _check_words(title, "--title")
    if use_case:
        ctx.use_case(use_case)
    if owner not in ctx.registry.people or owner == person:
        raise Invalid("that person cannot answer it.", path="--owner", remedy="Name somebody else who works here.")
    if due < ctx.clock.now().date():
        raise Invalid("that day is past.", path="--due", remedy="Name a coming day, such as 2027-01-31.")
    fact = FindingOpened(
        finding=ctx.ids.new(), use_case=use_case, severity=severity, title=title, owner=owner, due=due.isoformat()
    )
    follows = append_whole(ctx, actor, "audit", (fact,), lambda: _consequences(ctx, fact))
    return fact, told(follows)


def _consequences(ctx: Context, fact: FindingOpened) -> list[Consequence]:
    if fact.severity != "blocking":
        return []
    cases = [view for view in ctx.registry.use_cases.values() if fact.use_case in ("", view.id)]
    if not any(view.deployment is not None for view in cases):
        return []
    policy, now = ctx.policy(), ctx.clock.now().timestamp()
    return [each for view in cases for each in after_finding(policy, view, f"audit finding {fact.finding}", now)]


def answer_finding(ctx: Context, person: str, finding: str, answer: str) -> None:
    """Say what was done; its owner does, or an owner of the installation. Raises `Refused`, `NotFound`, `Invalid`."""
    actor = ctx.require(person, "finding.answer")
    found = ctx.registry.findings.named(finding)
    _check_words(answer, "--answer")
    if person != found.owner and "owner" not in ctx.registry.people[person].roles:
        raise Refused(f"{found.owner} answers this finding.", remedy=f"Ask {found.owner}, or the owner.")
    check_step(found, "answer")
    fact = FindingAnswered(finding=found.finding, person=person, answer=answer)
    ctx.append(actor, "audit", fact, known=ctx.registry.seen)


def return_finding(ctx: Context, person: str, finding: str, reason: str) -> None:
    """Do not accept the answer: it is open again. Raises `Refused`, `NotFound`, `Invalid`."""
    actor = ctx.require(person, "finding.file")
    found = ctx.registry.findings.named(finding)
    _check_words(reason, "--reason")
    check_step(found, "return")
    fact = FindingReturned(finding=found.finding, auditor=person, reason=reason)
    ctx.append(actor, "audit", fact, known=ctx.registry.seen)


def close_finding(ctx: Context, person: str, finding: str, remark: str) -> None:
    """Accept the answer, which must be somebody else's. Raises `Refused`, `NotFound`, `Invalid`."""
    actor = ctx.require(person, "finding.file")
    found = ctx.registry.findings.named(finding)
    _check_words(remark, "--remark")
    check_step(found, "close")
    with duties(ctx, person, "finding.file"):
        if found.answered_by == person:
            raise Refused("nobody accepts their own answer.", remedy="Ask another auditor.", reasons=("own-answer",))
    fact = FindingClosed(finding=found.finding, auditor=person, remark=remark)
    ctx.append(actor, "audit", fact, known=ctx.registry.seen)


def _check_words(words: str, path: str) -> None:
    if not 3 <= len(words.strip()) <= 2000:
        raise Invalid("say it in 3 to 2000 characters.", path=path, remedy="No patient data.")
