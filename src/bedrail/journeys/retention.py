"""Retention: rules and holds on assets, what is due, approved plans, and runs that dispose of it with certificates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import msgspec

from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import Actor
from bedrail.core.events.catalogue import (
    AssetHeld,
    AssetReleased,
    DisposalAsked,
    DisposalPlanned,
    DisposalProved,
    RetentionRuled,
    RetentionRun,
)
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.data.retention import EVENTS, begin_for, check_period, end_of, known_rules, parse_day
from bedrail.governance.catalogue import DATASET, DECISIONS, AssetView
from bedrail.journeys import disposal
from bedrail.journeys.cataloguing import live_asset
from bedrail.journeys.context import Context
from bedrail.journeys.custody import KeyDesk, Told, untold
from bedrail.journeys.disposal import SignedCertificate

HEADER = b"bedrail-destruction/1\n"

PLAN_DAYS = 30
"""How long an approved plan may be carried out."""

PROOF_DAYS = 30
"""How long the owner of an outside asset has to dispose of it and prove it."""

MOST_ITEMS = 10_000
"""Patients in one plan; the next run takes the next."""

PAGE = 1_000


class Item(Value, frozen=True, kw_only=True):
    """One thing that is to be disposed of: an asset, or one patient's records (by pseudonym) in this home.

    `action` is `destroy-keys` (it rests here) or `ask-owner`. `state` is `due`, `held`, `asked` (its owner was),
    `overdue` (and did not answer in time), `no-owner` or `no-start` (the day of its event is not known).
    """

    asset: str
    name: str
    action: str
    state: str
    due: str
    why: str
    subject: str = ""
    dataset: str = ""
    owner: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.asset, self.subject


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


class Destruction(Value, frozen=True, kw_only=True):
    """A certificate of destruction of an asset that rests elsewhere: what its owner says, and what a scan found."""

    origin: str
    asset: str
    name: str
    kind: str
    location: str
    basis: str
    kept: str
    due: str
    method: str
    owner: str
    proof: str
    checked: str
    plan: str
    certified_at: str


def rule(
    ctx: Context,
    person: str,
    asset: str,
    *,
    keep: str = "",
    event: str = "",
    since: str = "",
    basis: str = "",
    template: str = "",
) -> AssetView:
    """Say how long an asset is kept, from which event (on which day), and on what basis; `template` is a shipped rule.

    `keep` may be `forever`. Raises `Invalid`, `NotFound`, `Refused`.
    """
    actor = ctx.require(person, "retention.rule")
    view = live_asset(ctx, asset)
    known = known_rules().get(template) if template else None
    if template and known is None:
        raise NotFound("there is no such rule.", path="--rule", remedy="bedrail retention rules names them.")
    before = view.retention
    keep = keep or (known.keep if known else before.keep if before else "")
    event = event or (known.event if known else before.event if before else "")
    basis = (basis or (known.basis if known else before.basis if before else "")).strip()
    since = since or (before.since if before else "")
    if not keep:
        raise Invalid("nothing says how long.", path="--keep", remedy="Give --keep 10y, or --rule NAME.")
    keep = "" if keep == "forever" else check_period(keep)
    if event not in EVENTS:
        raise Invalid("there is no such event.", path="--event", remedy=f"One of: {', '.join(EVENTS)}.")
    if since:
        parse_day(since, "--since")
    if len(basis) < 3:
        raise Invalid("say on what basis: a law, a contract, a policy.", path="--basis", remedy='--basis "BGB § 630f"')
    fact = RetentionRuled(asset=view.asset, basis=basis, event=event, keep=keep, since=since)
    ctx.append(actor, "privacy", fact, known=ctx.registry.seen)
    return ctx.registry.catalogue.assets[view.asset]


def hold(ctx: Context, person: str, asset: str, reason: str) -> None:
    """Nothing of this asset may be disposed of, whatever is due; raises `Invalid`, `NotFound`, `Refused`."""
    actor = ctx.require(person, "keys.hold")
    view = live_asset(ctx, asset)
    ctx.append(actor, "privacy", AssetHeld(asset=view.asset, reason=_reason(reason)), known=ctx.registry.seen)


def release(ctx: Context, person: str, asset: str, reason: str) -> None:
    """End the hold; raises `NotFound` when there is none."""
    actor = ctx.require(person, "keys.hold")
    view = live_asset(ctx, asset)
    if not view.hold:
        raise NotFound("no hold stands on it.", path=view.name, remedy="bedrail retention due shows what is held.")
    ctx.append(actor, "privacy", AssetReleased(asset=view.asset, reason=_reason(reason)), known=ctx.registry.seen)


def due(ctx: Context, desk: KeyDesk, person: str, *, ahead: int = 0) -> list[Item]:
    """What is due today, or within `ahead` days, with the reason; held things and those without a start are named too.

    Raises `Refused`.
    """
    ctx.require(person, "retention.read")
    return _due(ctx, desk, ctx.clock.now().date() + timedelta(days=ahead))


def _due(ctx: Context, desk: KeyDesk, today: date) -> list[Item]:
    found: list[Item] = []
    for view in ctx.refresh().catalogue.live():
        if view.retention is None or not view.retention.keep:
            continue
        if _by_patient(view):
            found += _patients(ctx, desk, view, today, MOST_ITEMS)
        elif (item := _item(ctx, view, today)) is not None:
            found.append(item)
    return found


def _by_patient(view: AssetView) -> bool:
    """Whether each patient's records are due on a day of their own."""
    kept = view.retention
    return view.location == DECISIONS and kept is not None and kept.event == "last-contact" and not kept.since


def _item(ctx: Context, view: AssetView, today: date) -> Item | None:
    kept = view.retention
    assert kept is not None
    since = kept.since or (_admitted(ctx, view) if kept.event == "admitted" else "")
    if not since:
        return _of(ctx, view, "no-start", "")
    day = end_of(date.fromisoformat(since[:10]), kept.keep)
    return _of(ctx, view, "due", day.isoformat(), today) if day <= today else None


def _admitted(ctx: Context, view: AssetView) -> str:
    digest = view.location.removeprefix(DATASET)
    moments = [case.datasets[digest].at for case in ctx.registry.use_cases.values() if digest in case.datasets]
    return max(moments, default="")


def _of(ctx: Context, view: AssetView, state: str, day: str, today: date | None = None, subject: str = "") -> Item:
    kept = view.retention
    assert kept is not None
    dataset = view.location.removeprefix(DATASET) if view.location.startswith(DATASET) else ""
    held = view.hold or (ctx.registry.catalogue.hold_on(dataset) if dataset else "")
    if subject or dataset:
        held = held or ctx.registry.custody.holds.get((subject, dataset), "")
    if held:
        state = "held"
    elif state == "due" and not view.inside:
        if view.asked_until and today is not None:
            state = "overdue" if view.asked_until < today.isoformat() else "asked"
        elif not view.owner:
            state = "no-owner"
    why = held or f"{kept.keep} from {kept.event}: {kept.basis}"
    return Item(
        asset=view.asset,
        name=view.name,
        action="destroy-keys" if view.inside else "ask-owner",
        state=state,
        due=day,
        why=why,
        subject=subject,
        dataset=dataset,
        owner=view.owner,
    )


def _patients(ctx: Context, desk: KeyDesk, view: AssetView, today: date, most: int) -> Iterator[Item]:
    """Patients whose last decision or outcome is old enough, and whose records can still be opened."""
    assert view.retention is not None
    before = (begin_for(today, view.retention.keep) + timedelta(days=1)).isoformat()
    after, count = "", 0
    while page := ctx.views.last_seen(before, after, PAGE):
        for subject, at in page:
            if count < most and desk.rows.key_ids(subject):
                count += 1
                day = end_of(date.fromisoformat(at[:10]), view.retention.keep)
                yield _of(ctx, view, "due", day.isoformat(), today, subject)
        after = page[-1][0]


def approve(ctx: Context, desk: KeyDesk, person: str) -> tuple[str, Plan]:
    """Approve the disposal of everything that is due now; somebody else carries it out. Returns the plan's digest.

    Raises `Refused`, `NotFound` when nothing is due.
    """
    actor = ctx.require(person, "retention.approve")
    now = ctx.clock.now()
    known = ctx.refresh().seen
    items = tuple(each for each in _due(ctx, desk, now.date()) if each.state == "due")
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
    now = {item.key: item for item in _due(ctx, desk, today)}
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
    if catalogue.plan_by == person and not dry:
        raise Refused("nobody carries out what they approved.", remedy="Ask another privacy officer.")
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


def prove(ctx: Context, person: str, asset: str, *, method: str, proof: bytes) -> tuple[str, bytes]:
    """The owner says how an outside asset was disposed of, with a paper that shows it; returns the signed certificate.

    Of the paper only the SHA-256 digest is kept: it may name patients. The certificate says whether a scan missed the
    asset since. Raises `Refused` for others than the owner (or the privacy officer), while a hold stands, and while the
    file is still there.
    """
    import hashlib

    actor = ctx.require(person, "retention.prove")
    view = live_asset(ctx, asset)
    if person != view.owner and "privacy-officer" not in ctx.registry.people[person].roles:
        raise Refused(
            f"{view.owner or 'nobody yet'} answers for this asset.", remedy="Ask them, or the privacy officer."
        )
    if view.hold:
        raise Refused("a legal hold stands on this asset.", remedy="It must be kept.", reasons=(view.hold,))
    if view.inside:
        raise Invalid("it rests in this home.", path="asset", remedy="Its keys are destroyed by: bedrail retention run")
    if not proof:
        raise Invalid("the paper is empty.", path="--paper", remedy="Give the contractor's or system's own record.")
    place = Path(view.location.partition("#")[0])
    if view.location.startswith("/") and "*" not in view.location and "#" not in view.location and place.exists():
        raise Refused("it is still there.", remedy="Dispose of it, scan its place again, then prove it.")
    kept = view.retention
    certificate = Destruction(
        origin=ctx.ledger.origin,
        asset=view.asset,
        name=view.name,
        kind=view.kind,
        location=view.location,
        basis=kept.basis if kept else "",
        kept=f"{kept.keep} from {kept.event} {kept.since}".strip() if kept else "",
        due=view.asked_until,
        method=_reason(method, "--method"),
        owner=person,
        proof=hashlib.sha256(proof).hexdigest(),
        checked=f"a scan did not find it on {view.missing_since[:10]}" if view.missing_since else "not by a scan",
        plan=ctx.registry.catalogue.plan,
        certified_at=ctx.clock.now().isoformat(timespec="seconds"),
    )
    data = msgspec.json.encode(certificate, order="sorted")
    stored = msgspec.json.encode(
        SignedCertificate(
            certificate=msgspec.Raw(data),
            key=ctx.signer.public_key.hex(),
            signature=ctx.signer.sign(HEADER + data).hex(),
        )
    )
    fact = DisposalProved(
        asset=view.asset,
        certificate=ctx.artifacts.put(stored),
        method=certificate.method,
        owner=person,
        proof=certificate.proof,
    )
    ctx.append(actor, "privacy", fact, known=ctx.registry.seen)
    return fact.certificate, stored


def verify_destruction(data: bytes, verify: Verifier, key: bytes | None = None) -> Destruction:
    """The certificate, once its signature is valid under `key` (or the enclosed one); raises `Corrupt`."""
    try:
        signed = msgspec.json.decode(data, type=SignedCertificate)
        public, signature = bytes.fromhex(signed.key), bytes.fromhex(signed.signature)
        certificate = msgspec.json.decode(signed.certificate, type=Destruction)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt("This is no certificate of destruction.", remedy="Ask for it again.") from error
    if key is not None and key != public:
        raise Corrupt("The certificate was signed by another key.", remedy="Compare the keys on another way.")
    if not verify(public, HEADER + bytes(signed.certificate), signature):
        raise Corrupt("The certificate was changed: its signature does not hold.", remedy="Ask for it again.")
    return certificate


def readable(certificate: Destruction) -> str:
    """The certificate as a page of text."""
    lines = [
        "Certificate of destruction",
        f"Issued by {certificate.origin}, {certificate.certified_at}",
        "",
        f"Asset: {certificate.name} ({certificate.kind}), {certificate.location}",
        f"Kept: {certificate.kept or 'no rule'}; basis: {certificate.basis or 'none'}",
        f"Destroyed by: {certificate.owner}, {certificate.method}",
        f"Paper that shows it, SHA-256: {certificate.proof}",
        f"Checked: {certificate.checked}",
        f"Approved plan: {certificate.plan or 'none'}",
    ]
    return "\n".join(lines) + "\n"


def overdue(ctx: Context) -> tuple[str, ...]:
    """Live assets that are not held, whose owner was asked and is late, or whose day is past and nobody was asked."""
    today = ctx.clock.now().date()
    return tuple(view.name for view in ctx.refresh().catalogue.live() if not view.hold and _late(ctx, view, today))


def _late(ctx: Context, view: AssetView, today: date) -> bool:
    if view.asked_until:
        return view.asked_until < today.isoformat()
    if view.retention is None or not view.retention.keep or _by_patient(view):
        return False
    item = _item(ctx, view, today)
    return item is not None and item.state in ("due", "no-owner")


def _reason(text: str, path: str = "--reason") -> str:
    if not 3 <= len(text.strip()) <= 2_000:
        raise Invalid("say it in 3 to 2000 characters.", path=path, remedy="No patient data.")
    return text.strip()
