"""The catalogue of data assets as the facts tell it: what there is, who answers for it, what may be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events.catalogue import (
    AssetFound,
    AssetHeld,
    AssetMissing,
    AssetOwned,
    AssetReleased,
    AssetRetired,
    AssetScanned,
    DatasetDrawn,
    DisposalAsked,
    DisposalPlanned,
    DisposalProved,
    RetentionRuled,
    RetentionRun,
    SensitivityConfirmed,
)

HOME = "bedrail:"
"""What begins the location of an asset that rests in this home: `bedrail:dataset/DIGEST`, `bedrail:decisions`."""
DECISIONS = f"{HOME}decisions"
DATASET = f"{HOME}dataset/"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long an asset is kept; see `core.events.catalogue.RetentionRuled`."""

    keep: str
    event: str
    since: str
    basis: str


@dataclass(frozen=True, slots=True)
class AssetView:
    """One asset as it stands. `level` and `special` are as decided, where a steward decided, else as proposed.

    `sheet` and `decided` are artifacts: the fields, and the steward's decisions on them.
    """

    asset: str
    name: str
    kind: str
    location: str
    target: str
    found_at: str
    scanned_at: str = ""
    owner: str = ""
    purpose: str = ""
    system: str = ""
    sheet: str = ""
    decided: str = ""
    rows: int = 0
    fields: int = 0
    unconfirmed: int = 0
    level: str = ""
    special: tuple[str, ...] = ()
    retention: Retention | None = None
    hold: str = ""
    missing_since: str = ""
    retired: str = ""
    drawn: tuple[tuple[str, str], ...] = ()
    """(use case, dataset) of every admitted dataset that comes from it."""
    asked_until: str = ""
    disposed_at: str = ""
    certificate: str = ""

    @property
    def inside(self) -> bool:
        """Whether it rests in this home, under keys that can be destroyed."""
        return self.location.startswith(HOME)

    @property
    def standing(self) -> str:
        """`in use`, `missing`, `disposal asked`, `disposed of` or `retired`."""
        if self.retired:
            return "retired"
        if self.disposed_at:
            return "disposed of"
        if self.asked_until:
            return "disposal asked"
        return "missing" if self.missing_since else "in use"

    @property
    def live(self) -> bool:
        """Whether somebody has to answer for it."""
        return not (self.retired or self.disposed_at)


@dataclass(slots=True)
class Catalogue:
    """Every asset by id, in the order in which they were found; the disposal plan that was approved last."""

    assets: dict[str, AssetView] = field(default_factory=dict)
    plan: str = ""
    plan_by: str = ""
    plan_until: str = ""
    runs: int = 0
    gone: dict[str, str] = field(default_factory=dict)
    """When the keys of a dataset were destroyed, by its digest."""

    def find(self, location: str) -> AssetView | None:
        """The asset at this place, live ones first; where parts share one (`*`), that whose pattern fits best."""
        found = [each for each in self.assets.values() if each.location == location]
        if not found:
            fitting = [each for each in self.assets.values() if _fits(location, each.location)]
            found = sorted(fitting, key=lambda each: -len(each.location))[:1]
        return min(found, key=lambda each: not each.live, default=None)

    def named(self, asset: str) -> AssetView:
        """The asset with this id (or the only one that ends so), name or location; raises `NotFound`."""
        if asset in self.assets:
            return self.assets[asset]
        for chosen in (
            lambda each: asset in (each.name, each.location),
            lambda each: len(asset) >= 4 and each.asset.endswith(asset.upper()),
        ):
            found = [each for each in self.assets.values() if chosen(each)]
            if len(found) == 1:
                return found[0]
            if found:
                ends = ", ".join(sorted(each.asset[-6:] for each in found))
                raise NotFound("more than one asset is called so.", path="asset", remedy=f"Name one of them: {ends}.")
        raise NotFound("there is no such asset.", path="asset", remedy="bedrail catalogue list names them.")

    def live(self) -> Iterator[AssetView]:
        """The assets that somebody has to answer for."""
        return (each for each in self.assets.values() if each.live)

    def of_target(self, target: str) -> Iterator[AssetView]:
        """The live assets that scans of this target met."""
        return (each for each in self.live() if each.target == target)

    def hold_on(self, dataset: str) -> str:
        """Why this admitted dataset may not be disposed of, by a hold on it or where it comes from; or nothing."""
        view = self.find(DATASET + dataset)
        reasons = [view.hold] if view is not None else []
        return next(filter(None, (*reasons, *(each.hold for each in self.origins(dataset)))), "")

    def origins(self, dataset: str) -> tuple[AssetView, ...]:
        """The assets that an admitted dataset was drawn from, in the order of their finding."""
        return tuple(each for each in self.assets.values() if any(drawn == dataset for _, drawn in each.drawn))

    def require_free(self, dataset: str) -> None:
        """Raise `Refused` when a hold stands on the asset that this dataset is, or comes from."""
        reason = self.hold_on(dataset) if dataset else ""
        if reason:
            raise Refused(
                "a legal hold stands on this asset: it must be kept.",
                remedy="Lift it first, if that is right: bedrail retention release",
                reasons=(reason,),
            )

    def shredded(self, dataset: str, certificate: str, at: str) -> None:
        """The keys of this dataset were destroyed: its asset, if it is one, is disposed of."""
        if dataset:
            self.gone[dataset] = at
        view = self.find(DATASET + dataset) if dataset else None
        if view is not None:
            self.change(view.asset, disposed_at=at, certificate=certificate)

    def change(self, asset: str, **changes: Any) -> None:
        """Replace what is known of an asset; a fact about one that was never found says nothing."""
        known = self.assets.get(asset)
        if known is not None:
            self.assets[asset] = replace(known, **changes)


def _fits(location: str, pattern: str) -> bool:
    return "*" in pattern and fnmatchcase(location, pattern.replace("[", "[[]").replace("?", "[?]"))


def _found(registry: Any, fact: AssetFound, at: str) -> None:
    view = AssetView(fact.asset, fact.name, fact.kind, fact.location, fact.target, at)
    registry.catalogue.assets.setdefault(fact.asset, view)


def _scanned(registry: Any, fact: AssetScanned, at: str) -> None:
    registry.catalogue.change(
        fact.asset,
        scanned_at=at,
        sheet=fact.sheet,
        rows=fact.rows,
        fields=fact.fields,
        unconfirmed=fact.unconfirmed,
        level=fact.level,
        special=fact.special,
        missing_since="",
    )


def _missing(registry: Any, fact: AssetMissing, at: str) -> None:
    known = registry.catalogue.assets.get(fact.asset)
    if known is not None and not known.missing_since:
        registry.catalogue.change(fact.asset, missing_since=at)


def _owned(registry: Any, fact: AssetOwned, _at: str) -> None:
    registry.catalogue.change(fact.asset, owner=fact.owner, purpose=fact.purpose, system=fact.system, kind=fact.kind)


def _confirmed(registry: Any, fact: SensitivityConfirmed, _at: str) -> None:
    registry.catalogue.change(
        fact.asset, decided=fact.decided, unconfirmed=fact.unconfirmed, level=fact.level, special=fact.special
    )


def _drawn(registry: Any, fact: DatasetDrawn, _at: str) -> None:
    known = registry.catalogue.assets.get(fact.asset)
    if known is not None and (fact.use_case, fact.dataset) not in known.drawn:
        registry.catalogue.change(fact.asset, drawn=(*known.drawn, (fact.use_case, fact.dataset)))


def _retired(registry: Any, fact: AssetRetired, _at: str) -> None:
    registry.catalogue.change(fact.asset, retired=fact.reason)


def _ruled(registry: Any, fact: RetentionRuled, _at: str) -> None:
    rule = Retention(fact.keep, fact.event, fact.since, fact.basis)
    registry.catalogue.change(fact.asset, retention=rule)


def _held(registry: Any, fact: AssetHeld, _at: str) -> None:
    registry.catalogue.change(fact.asset, hold=fact.reason)


def _released(registry: Any, fact: AssetReleased, _at: str) -> None:
    registry.catalogue.change(fact.asset, hold="")


def _planned(registry: Any, fact: DisposalPlanned, _at: str) -> None:
    kept = registry.catalogue
    kept.plan, kept.plan_by, kept.plan_until = fact.plan, fact.approver, fact.until


def _asked(registry: Any, fact: DisposalAsked, _at: str) -> None:
    registry.catalogue.change(fact.asset, asked_until=fact.due)


def _proved(registry: Any, fact: DisposalProved, at: str) -> None:
    registry.catalogue.change(fact.asset, disposed_at=at, certificate=fact.certificate, asked_until="")


def _run(registry: Any, _fact: RetentionRun, _at: str) -> None:
    registry.catalogue.runs += 1


CATALOGUE: dict[type, Callable[[Any, Any, str], None]] = {
    AssetFound: _found,
    AssetScanned: _scanned,
    AssetMissing: _missing,
    AssetOwned: _owned,
    SensitivityConfirmed: _confirmed,
    AssetRetired: _retired,
    DatasetDrawn: _drawn,
    RetentionRuled: _ruled,
    AssetHeld: _held,
    AssetReleased: _released,
    DisposalPlanned: _planned,
    DisposalAsked: _asked,
    DisposalProved: _proved,
    RetentionRun: _run,
}
