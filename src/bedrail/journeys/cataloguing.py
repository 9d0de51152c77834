"""The catalogue of data assets: scanned, and compared with the last scan; what people say of them: `stewarding`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events import Actor, Fact
from bedrail.core.events.catalogue import (
    AssetFound,
    AssetMissing,
    AssetScanned,
)
from bedrail.core.values import Value
from bedrail.data.catalogue import (
    Change,
    Decided,
    Sheet,
    changes,
    standing_level,
    unconfirmed,
)
from bedrail.data.sampling import CAPACITY, SAMPLED, Flow, survey
from bedrail.data.sensitivity.proposing import Finder, propose
from bedrail.governance.catalogue import AssetView
from bedrail.governance.moments import epoch
from bedrail.journeys.context import Context

RESUME_HOURS = 24
"""With `resume`, what was scanned in as many hours is not read again."""


class Source(Protocol):
    """A place to scan, opened by `app`: its name without credentials, and what is to be read there."""

    @property
    def target(self) -> str:
        """What is recorded of it."""
        ...

    @property
    def whole(self) -> bool:
        """Whether what is not met here is not there any more (a folder, a database), or was only not said (a feed)."""
        ...

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:
        """What to read, and what was met and cannot be read; raises `Invalid`, `Unavailable`."""
        ...


@dataclass(slots=True)
class Wanted:
    """How to scan. Rows are of each asset; `again` reads also what did not change since the last scan."""

    seed: int = 0
    rows: int = 200_000
    capacity: int = CAPACITY
    again: bool = False
    resume: bool = False
    dry: bool = False
    find: Finder | None = None
    told: Callable[[str, int], None] = field(default=lambda _label, _rows: None)


class Scanned(Value, frozen=True, kw_only=True):
    """What a scan says of one asset: `new`, `changed`, `same`, `unchanged` (not read again) or `missing`."""

    asset: str
    name: str
    kind: str
    location: str
    state: str
    rows: int
    fields: int
    level: str
    special: tuple[str, ...]
    unconfirmed: int
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


class Scan(Value, frozen=True, kw_only=True):
    """A whole scan: every asset that was met or missed, and what was met and could not be read."""

    target: str
    assets: tuple[Scanned, ...]
    unread: tuple[str, ...]
    recorded: bool


def text_finder(language: str = "en") -> Finder:
    """Finds identifiers in free text by the house's own text engine, rules only; raises `Invalid` for a language."""
    from bedrail.privacy.text import load

    detector = load(language, mode="rules")
    return lambda text: [span.label for span in detector.detect(text)]


def scan(ctx: Context, person: str, source: Source, wanted: Wanted) -> Scan:
    """Look through a place and put each asset on record as soon as it was read, so that a stop loses one at most.

    Values are sampled in memory and nowhere else. A dry run reads and records nothing. Raises `Refused`, `Invalid` for
    nothing to read, `Unavailable` for a place that is out.
    """
    actor = ctx.require(person, "catalogue.scan")
    flows, unread = source.flows(wanted.seed)
    met: list[Scanned] = []
    for flow in flows:
        known = _not_again(ctx, flow, wanted)
        if known:
            met += [_told(view, "unchanged") for view in known]
            wanted.told(flow.label, 0)
            continue
        seen, notes = survey(
            flow, seed=wanted.seed, capacity=wanted.capacity, limit=wanted.rows, told=partial(wanted.told, flow.label)
        )
        sheets = [
            propose(
                each,
                complete=not each.cut and SAMPLED not in notes,
                notes=notes,
                fingerprint=_mark(flow, wanted),
                find=wanted.find,
            )
            for each in seen
        ]
        met += _record(ctx, actor, source.target, sheets, dry=wanted.dry)
        unread += [f"{flow.label}: {note}" for note in notes if not seen]
    gone = _missing(ctx, actor, source, met, dry=wanted.dry)
    return Scan(target=source.target, assets=(*met, *gone), unread=tuple(unread), recorded=not wanted.dry)


def _not_again(ctx: Context, flow: Flow, wanted: Wanted) -> list[AssetView]:
    """The assets of this flow, when it need not be read: nothing was written to, or it was read a moment ago."""
    if wanted.again:
        return []
    registry = ctx.refresh()
    if not flow.keys:  # which assets it holds, only their sheets tell
        return [
            view
            for view in registry.catalogue.live()
            if not view.missing_since
            and flow.fingerprint
            and view.sheet
            and _fingerprint(ctx, view) == _mark(flow, wanted)
        ]
    known = [view for key in flow.keys if (view := registry.catalogue.find(key.location)) is not None]
    if len(known) < len(flow.keys) or not all(view.standing == "in use" for view in known):
        return []
    late = ctx.clock.now().timestamp() - RESUME_HOURS * 3600
    if wanted.resume and all(view.scanned_at and epoch(view.scanned_at) >= late for view in known):
        return known
    same = flow.fingerprint and all(_fingerprint(ctx, view) == _mark(flow, wanted) for view in known)
    return known if same else []


def _mark(flow: Flow, wanted: Wanted) -> str:
    """The fingerprint with what was asked of the scan: asking for more reads again."""
    if not flow.fingerprint:
        return ""
    return f"{flow.fingerprint}-{wanted.rows}-{wanted.capacity}-{'text' if wanted.find else 'names'}"


def _fingerprint(ctx: Context, view: AssetView) -> str:
    return read_sheet(ctx, view).fingerprint if view.sheet else ""


def _record(ctx: Context, actor: Actor, target: str, sheets: Sequence[Sheet], *, dry: bool) -> list[Scanned]:
    """Put the assets of one flow on record, in one commit: a flow is read as a whole, or again."""
    known = ctx.refresh().seen
    made = [_compared(ctx, target, sheet, dry=dry) for sheet in sheets]
    facts = [fact for _, found in made for fact in found]
    if facts and not dry:
        ctx.append(actor, "governance", *facts, known=known)
    return [said for said, _ in made]


def _compared(ctx: Context, target: str, sheet: Sheet, *, dry: bool) -> tuple[Scanned, list[Fact]]:
    """What is to be said of an asset, and the facts that say it."""
    known = ctx.registry.catalogue.find(sheet.location)
    if known is not None and not known.live:
        known = None
    before = read_sheet(ctx, known) if known is not None and known.sheet else None
    decided = read_decided(ctx, known) if known is not None else {}
    different = changes(before, sheet)
    level, special = standing_level(sheet, decided)
    open_ = unconfirmed(sheet, decided)
    state = "new" if known is None else "changed" if different else "same"
    view = known or AssetView(ctx.ids.new(), sheet.name, sheet.kind, sheet.location, target, "")
    said = _told(view, state, sheet=sheet, level=level, special=special, unconfirmed=len(open_), different=different)
    if dry:
        return said, []
    facts: list[Fact] = []
    if known is None:
        facts.append(
            AssetFound(asset=view.asset, kind=sheet.kind, location=sheet.location, name=sheet.name, target=target)
        )
    facts.append(
        AssetScanned(
            added=sum(1 for each in different if each.what == "new"),
            asset=view.asset,
            changed=sum(1 for each in different if each.what not in ("new", "gone")),
            changes=ctx.artifacts.put(msgspec.json.encode(different)) if different else "",
            fields=len(sheet.fields),
            gone=sum(1 for each in different if each.what == "gone"),
            level=level,
            rows=sheet.rows,
            sheet=ctx.artifacts.put(msgspec.json.encode(sheet)),
            special=special,
            unconfirmed=len(open_),
        )
    )
    return said, facts


def _told(
    view: AssetView,
    state: str,
    *,
    sheet: Sheet | None = None,
    level: str = "",
    special: tuple[str, ...] = (),
    unconfirmed: int = -1,
    different: tuple[Change, ...] = (),
) -> Scanned:
    return Scanned(
        asset=view.asset,
        name=view.name,
        kind=view.kind,
        location=view.location,
        state=state,
        rows=sheet.rows if sheet else view.rows,
        fields=len(sheet.fields) if sheet else view.fields,
        level=level or view.level,
        special=special or view.special,
        unconfirmed=unconfirmed if unconfirmed >= 0 else view.unconfirmed,
        changes=different,
        notes=sheet.notes if sheet else (),
    )


def _missing(ctx: Context, actor: Actor, source: Source, met: Sequence[Scanned], *, dry: bool) -> list[Scanned]:
    """What earlier scans of this whole target met and this one did not."""
    if not source.whole:
        return []
    there = {each.asset for each in met}
    gone = [
        view
        for view in ctx.refresh().catalogue.of_target(source.target)
        if view.asset not in there and not _is_file(view.location)
    ]
    fresh = [view for view in gone if not view.missing_since]
    if fresh and not dry:
        facts = [AssetMissing(asset=view.asset, target=source.target) for view in fresh]
        ctx.append(actor, "governance", *facts, known=ctx.registry.seen)
    return [_told(view, "missing") for view in gone]


def _is_file(location: str) -> bool:
    """Whether it is a file that is there, though it could not be read just now."""
    return location.startswith("/") and Path(location).is_file()


def read_sheet(ctx: Context, view: AssetView) -> Sheet:
    """The asset's fields as the last scan saw them; raises `NotFound` before the first."""
    if not view.sheet:
        raise NotFound("this asset was not scanned yet.", path=view.name, remedy="bedrail catalogue scan TARGET")
    return msgspec.json.decode(ctx.artifacts.get(view.sheet), type=Sheet)


def read_decided(ctx: Context, view: AssetView) -> dict[str, Decided]:
    """What stewards decided about the asset's fields, by name."""
    if not view.decided:
        return {}
    return msgspec.json.decode(ctx.artifacts.get(view.decided), type=dict[str, Decided])


def live_asset(ctx: Context, asset: str) -> AssetView:
    """The asset of that id, name or location, while somebody answers for it; raises `NotFound`, `Invalid`."""
    view = ctx.refresh().catalogue.named(asset)
    if not view.live:
        raise Invalid(f"{view.name} is {view.standing}.", path="asset", remedy="bedrail catalogue list --all")
    return view
