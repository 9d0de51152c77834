"""Retention: rules and holds on assets, and what is due when; approved and run in `retention_runs`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events.catalogue import AssetHeld, AssetReleased, RetentionRuled
from bedrail.core.values import Value
from bedrail.data.retention import EVENTS, begin_for, check_period, end_of, known_rules, parse_day
from bedrail.governance.catalogue import DATASET, DECISIONS, AssetView
from bedrail.journeys.cataloguing import live_asset
from bedrail.journeys.context import Context
from bedrail.journeys.custody import KeyDesk

MOST_ITEMS = 10_000
"""Patients named at once; the next run takes the next."""

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
    ctx.append(actor, "privacy", AssetHeld(asset=view.asset, reason=check_words(reason)), known=ctx.registry.seen)


def release(ctx: Context, person: str, asset: str, reason: str) -> None:
    """End the hold; raises `NotFound` when there is none."""
    actor = ctx.require(person, "keys.hold")
    view = live_asset(ctx, asset)
    if not view.hold:
        raise NotFound("no hold stands on it.", path=view.name, remedy="bedrail retention due shows what is held.")
    ctx.append(actor, "privacy", AssetReleased(asset=view.asset, reason=check_words(reason)), known=ctx.registry.seen)


def due(ctx: Context, desk: KeyDesk, person: str, *, ahead: int = 0) -> list[Item]:
    """What is due today, or within `ahead` days, with the reason; held things and those without a start are named too.

    Raises `Refused`.
    """
    ctx.require(person, "retention.read")
    return items_due(ctx, desk, ctx.clock.now().date() + timedelta(days=ahead))


def items_due(ctx: Context, desk: KeyDesk, today: date) -> list[Item]:
    """What is due on that day, whoever asks."""
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


def check_words(text: str, path: str = "--reason") -> str:
    """What somebody says about a hold or a disposal, in so many words as are kept; raises `Invalid`."""
    if not 3 <= len(text.strip()) <= 2_000:
        raise Invalid("say it in 3 to 2000 characters.", path=path, remedy="No patient data.")
    return text.strip()
