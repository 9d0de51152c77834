"""Approved plans of disposal, and the runs that carry them out: keys destroyed here, owners asked elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events import Actor
from bedrail.core.events.catalogue import DisposalAsked, DisposalPlanned, RetentionRun
from bedrail.core.values import Value
from bedrail.journeys import disposal
from bedrail.journeys.context import Context
from bedrail.journeys.custody import KeyDesk, Told, untold
from bedrail.journeys.refusals import duties
from bedrail.journeys.retention import Item, items_due

PLAN_DAYS = 30
"""How long an approved plan may be carried out."""

PROOF_DAYS = 30
"""How long the owner of an outside asset has to dispose of it and prove it."""


class Plan(Value, frozen=True, kw_only=True):
    """What somebody approved to be disposed of."""

    made_at: str
    approver: str
    items: tuple[Item, ...]


class Done(Value, frozen=True, kw_only=True):
    """What became of one item in a run: `destroyed`, `asked`, `held`, or why it was `left`."""

    item: Item
    outcome: str
    certificate: str = ""


class Ran(Value, frozen=True, kw_only=True):
    """A retention run; `recorded` is False for a dry one."""

    plan: str
    recorded: bool
    done: tuple[Done, ...]

    def count(self, *outcomes: str) -> int:
        """How many items came out so."""
        return sum(1 for each in self.done if each.outcome in outcomes)


def approve(ctx: Context, desk: KeyDesk, person: str) -> tuple[str, Plan]:
    """Approve the disposal of everything that is due now; somebody else carries it out. Returns the plan's digest.

    Raises `Refused`, `NotFound` when nothing is due.
    """
    actor = ctx.require(person, "retention.approve")
    now = ctx.clock.now()
    known = ctx.refresh().seen
    items = tuple(each for each in items_due(ctx, desk, now.date()) if each.state == "due")
    if not items:
        raise NotFound("nothing is due.", path="retention", remedy="bedrail retention due shows what will be.")
    plan = Plan(made_at=now.isoformat(timespec="seconds"), approver=person, items=items)
    digest = ctx.artifacts.put(msgspec.json.encode(plan))
    until = (now.date() + timedelta(days=PLAN_DAYS)).isoformat()
    fact = DisposalPlanned(approver=person, items=len(items), plan=digest, until=until)
    ctx.append(actor, "privacy", fact, known=known)
    return digest, plan


def run(ctx: Context, desk: KeyDesk, person: str, *, dry: bool = False, told: Told = untold) -> Ran:
    """Carry out the approved plan: destroy the keys of what rests here, ask the owners of what rests elsewhere.

    What is held, was approved by the same person or is not due any more is left, and named. Repeating it after an
    interruption goes on where it stopped. A dry run says what it would do. Raises `Refused`, `NotFound` without a plan.
    """
    actor = ctx.require(person, "retention.run")
    ctx = replace(ctx, part_of="retention.run")  # a timer's order is good for what belongs to this run, and no longer
    digest, plan = _approved(ctx, person, dry=dry)
    today = ctx.clock.now().date()
    now = {item.key: item for item in items_due(ctx, desk, today)}
    done: list[Done] = []
    for number, item in enumerate(plan.items):
        told(number, len(plan.items))
        done.append(_carry_out(ctx, desk, person, actor, item, now.get(item.key), digest, dry=dry))
    planned = {item.key for item in plan.items}
    done += [
        Done(item=item, outcome="held" if item.state == "held" else "left: not in the approved plan")
        for key, item in now.items()
        if key not in planned and item.state in ("due", "held", "no-owner", "no-start", "overdue")
    ]
    if dry:
        return Ran(plan=digest, recorded=False, done=tuple(done))
    done = _certify(ctx, desk, person, done, told)
    ran = Ran(plan=digest, recorded=True, done=tuple(done))
    fact = RetentionRun(
        asked=ran.count("asked"),
        destroyed=ran.count("destroyed"),
        held=ran.count("held"),
        left=sum(1 for each in done if each.outcome.startswith("left")),
        plan=digest,
        report=ctx.artifacts.put(msgspec.json.encode(ran)),
    )
    ctx.append(actor, "privacy", fact)
    return ran


def _approved(ctx: Context, person: str, *, dry: bool) -> tuple[str, Plan]:
    catalogue = ctx.refresh().catalogue
    if not catalogue.plan:
        raise NotFound("no plan was approved.", path="retention", remedy="bedrail retention approve, as the owner.")
    with duties(ctx, person, "retention.run"):
        if catalogue.plan_by == person and not dry:
            remedy = "Ask another privacy officer."
            raise Refused("nobody carries out what they approved.", remedy=remedy, reasons=("own-plan",))
    if catalogue.plan_until < ctx.clock.now().date().isoformat():
        raise Refused("the approval has ended.", remedy="Have it approved again: bedrail retention approve")
    return catalogue.plan, msgspec.json.decode(ctx.artifacts.get(catalogue.plan), type=Plan)


def _carry_out(
    ctx: Context, desk: KeyDesk, person: str, actor: Actor, item: Item, now: Item | None, plan: str, *, dry: bool
) -> Done:
    if now is None:
        return Done(item=item, outcome=_without(ctx, desk, item))
    if now.state in ("held", "asked"):
        return Done(item=now, outcome="held" if now.state == "held" else "asked before")
    if now.state != "due":
        return Done(item=now, outcome=f"left: {now.state}")
    if item.action == "destroy-keys":
        if not dry:
            reason = f"retention: {now.why}"
            disposal.shred(ctx, desk, person, subject=item.subject, dataset=item.dataset, reason=reason)
        return Done(item=now, outcome="destroyed")
    if not dry:
        until = (ctx.clock.now().date() + timedelta(days=PROOF_DAYS)).isoformat()
        fact = DisposalAsked(asset=item.asset, due=until, owner=now.owner, plan=plan)
        ctx.append(actor, "privacy", fact, known=ctx.registry.seen)
    return Done(item=now, outcome="asked")


def _without(ctx: Context, desk: KeyDesk, item: Item) -> str:
    """What is to be said of an item that is not due any more: an interrupted run, an earlier one, or a change."""
    if (item.subject or item.dataset) and (item.subject, item.dataset) in ctx.registry.custody.ordered:
        return "destroyed"
    view = ctx.registry.catalogue.assets.get(item.asset)
    gone = item.subject and not desk.rows.key_ids(item.subject)
    return "done before" if gone or (view is not None and view.disposed_at) else "left: not due any more"


def _certify(ctx: Context, desk: KeyDesk, person: str, done: list[Done], told: Told) -> list[Done]:
    """Finish the disposals that were ordered, so that no backup opens them either, and note their certificates."""
    if not ctx.registry.custody.ordered:
        return done
    issued = disposal.complete(ctx, desk, person, told=told)
    papers = {(one.certificate.subject, one.certificate.dataset): one.digest for one in issued}
    return [
        Done(item=each.item, outcome=each.outcome, certificate=papers.get((each.item.subject, each.item.dataset), ""))
        if each.outcome == "destroyed"
        else each
        for each in done
    ]
