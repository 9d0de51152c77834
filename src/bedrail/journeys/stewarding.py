"""What people say about data assets: owned, confirmed or corrected field by field, drawn from, retired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events.catalogue import AssetOwned, AssetRetired, DatasetDrawn, SensitivityConfirmed
from bedrail.core.values import Value
from bedrail.data.catalogue import KINDS, LEVELS, SPECIALS, Decided, FieldSheet, Level, standing_level, unconfirmed
from bedrail.governance.catalogue import AssetView
from bedrail.journeys.cataloguing import live_asset, read_decided, read_sheet
from bedrail.journeys.context import Context


class FieldLine(Value, frozen=True, kw_only=True):
    """A field as it stands: the proposal and, where a steward decided, what counts."""

    field: FieldSheet
    decided: Decided | None
    open: bool

    @property
    def level(self) -> Level:
        """What counts: the decision, while it stands; else the proposal."""
        return self.field.proposal.level if self.open or self.decided is None else self.decided.level


def fields_of(ctx: Context, view: AssetView) -> list[FieldLine]:
    """Every field of an asset, in order."""
    sheet, decided = read_sheet(ctx, view), read_decided(ctx, view)
    open_ = set(unconfirmed(sheet, decided))
    return [FieldLine(field=each, decided=decided.get(each.name), open=each.name in open_) for each in sheet.fields]


def own(
    ctx: Context, person: str, asset: str, *, owner: str = "", purpose: str = "", system: str = "", kind: str = ""
) -> AssetView:
    """Say who answers for an asset, what for, and which system it comes from; what is not said stays.

    Raises `Invalid`, `NotFound`, `Refused`.
    """
    actor = ctx.require(person, "catalogue.own")
    view = live_asset(ctx, asset)
    if owner and owner not in ctx.registry.people:
        raise NotFound("nobody of that name works here.", path="--owner", remedy="bedrail people list")
    if kind and kind not in KINDS:
        raise Invalid("there is no such kind.", path="--kind", remedy=f"One of: {', '.join(KINDS)}.")
    if not (owner or purpose or system or kind):
        raise Invalid("nothing was said.", path="--owner", remedy="Give --owner, --purpose, --system or --kind.")
    fact = AssetOwned(
        asset=view.asset,
        kind=kind or view.kind,
        owner=owner or view.owner,
        purpose=_words(purpose, "--purpose") or view.purpose,
        system=_words(system, "--system") or view.system,
    )
    ctx.append(actor, "governance", fact, known=ctx.registry.seen)
    return ctx.registry.catalogue.assets[view.asset]


def confirm(
    ctx: Context,
    person: str,
    asset: str,
    *,
    fields: Sequence[str] = (),
    corrections: Mapping[str, tuple[str, tuple[str, ...] | None]] = {},
    everything: bool = False,
    reason: str = "",
) -> SensitivityConfirmed:
    """Accept the proposals for `fields` (or for all that are open, with `everything`), and correct others.

    A correction is a level, and the special categories that count (None: as proposed). One that makes a field less
    sensitive than proposed needs a reason. Raises `Invalid`, `NotFound`, `Refused`.
    """
    actor = ctx.require(person, "catalogue.confirm")
    view = live_asset(ctx, asset)
    sheet, decided = read_sheet(ctx, view), read_decided(ctx, view)
    known = ctx.registry.seen
    there = {each.name: each for each in sheet.fields}
    for name in (*fields, *corrections):
        if name not in there:
            raise NotFound(
                f"the asset has no field `{name[:80]}`.", path="--field", remedy="bedrail catalogue show ASSET"
            )
    chosen = [*fields, *(unconfirmed(sheet, decided) if everything else ())]
    made = {name: _accepted(there[name], person, reason) for name in chosen}
    made |= {
        name: _corrected(there[name], person, level, special, reason) for name, (level, special) in corrections.items()
    }
    if not made:
        raise Invalid("no field is named, and none is open.", path="--field", remedy="Name fields, or give --all.")
    now = decided | made
    level, special = standing_level(sheet, now)
    fact = SensitivityConfirmed(
        accepted=sum(1 for each in made.values() if not each.corrected),
        asset=view.asset,
        corrected=sum(1 for each in made.values() if each.corrected),
        decided=ctx.artifacts.put(msgspec.json.encode(now, order="deterministic")),
        level=level,
        sheet=view.sheet,
        special=special,
        steward=person,
        unconfirmed=len(unconfirmed(sheet, now)),
    )
    ctx.append(actor, "governance", fact, known=known)
    return fact


def _accepted(sheet: FieldSheet, person: str, reason: str) -> Decided:
    said = sheet.proposal
    return Decided(
        level=said.level,
        proposed=said.level,
        by=person,
        special=said.special,
        proposed_special=said.special,
        reason=reason,
    )


def _corrected(sheet: FieldSheet, person: str, level: str, special: tuple[str, ...] | None, reason: str) -> Decided:
    said = sheet.proposal
    found = next((each for each in LEVELS if each == level), None)
    if found is None:
        raise Invalid("there is no such level.", path="--level", remedy=f"One of: {', '.join(LEVELS)}.")
    chosen = said.special if special is None else tuple(sorted(special))
    if not set(chosen) <= set(SPECIALS):
        raise Invalid(
            "there is no such category.", path="--special", remedy=f"Some of: {', '.join(SPECIALS)}; or none."
        )
    milder = LEVELS.index(found) > LEVELS.index(said.level) or not set(said.special) <= set(chosen)
    if milder and len(reason.strip()) < 3:
        raise Invalid(
            f"`{sheet.name[:80]}` becomes less sensitive than proposed: say why.",
            path="--reason",
            remedy="--reason WHY",
        )
    return Decided(
        level=found,
        proposed=said.level,
        by=person,
        special=chosen,
        proposed_special=said.special,
        reason=_words(reason, "--reason"),
    )


def retire(ctx: Context, person: str, asset: str, reason: str) -> None:
    """The asset is in use no more: nobody is asked about it again. Disposal is another thing: see `retention`.

    Raises `Invalid`, `NotFound`, `Refused` while a hold stands.
    """
    actor = ctx.require(person, "catalogue.retire")
    view = live_asset(ctx, asset)
    if view.hold:
        raise Refused(
            "a legal hold stands on this asset.", remedy="bedrail retention release, if that is right.",
            reasons=(view.hold,),
        )  # fmt: skip
    if len(reason.strip()) < 3:
        raise Invalid("say why.", path="--reason", remedy="In 3 characters or more; no patient data.")
    ctx.append(actor, "governance", AssetRetired(asset=view.asset, reason=_words(reason, "--reason")))


def draw(ctx: Context, person: str, use_case: str, asset: str, *, dataset: str = "") -> DatasetDrawn:
    """Say which asset an admitted dataset (the newest by default) comes from; raises `NotFound`, `Refused`.

    Provenance begins there, and a hold on the asset keeps the dataset too.
    """
    actor = ctx.require(person, "data.admit")
    case, view = ctx.use_case(use_case), live_asset(ctx, asset)
    chosen = case.datasets.get(dataset) if dataset else case.dataset
    if chosen is None:
        raise NotFound("there is no such dataset.", path="--dataset", remedy=f"bedrail data admit {use_case}")
    fact = DatasetDrawn(asset=view.asset, dataset=chosen.dataset, use_case=use_case)
    if (use_case, chosen.dataset) not in view.drawn:
        ctx.append(actor, "research", fact, known=ctx.registry.seen)
    return fact


def _words(text: str, path: str) -> str:
    if len(text) > 2_000:
        raise Invalid("say it in 2,000 characters at most.", path=path, remedy="No patient data.")
    return text.strip()
