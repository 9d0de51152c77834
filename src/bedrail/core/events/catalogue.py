"""Facts about the data assets of the house: found, scanned, owned, confirmed, ruled, held, disposed of, retired.

Field names, types and levels rest in artifacts, since one asset may have thousands; the facts carry their digests.
"""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class AssetFound(FactStruct, frozen=True, kw_only=True, tag="asset.found"):
    """A scan met an asset for the first time. `target` is what was scanned, `location` where in it the asset rests;
    neither holds credentials."""

    asset: str
    kind: str
    location: str
    name: str
    target: str


class AssetScanned(FactStruct, frozen=True, kw_only=True, tag="asset.scanned"):
    """An asset was looked through; `sheet` is the artifact with its fields, `changes` that with what is different.

    `fields` are all, `unconfirmed` those that no steward decided on or that look worse now; `added`, `gone` and
    `changed` count what is different from the last scan. `level` is the worst sensitivity, as far as decided.
    """

    added: int
    asset: str
    changed: int
    changes: str
    fields: int
    gone: int
    level: str
    rows: int
    sheet: str
    special: tuple[str, ...]
    unconfirmed: int


class AssetMissing(FactStruct, frozen=True, kw_only=True, tag="asset.missing"):
    """A whole rescan of its target did not meet the asset any more."""

    asset: str
    target: str


class AssetOwned(FactStruct, frozen=True, kw_only=True, tag="asset.owned"):
    """Who answers for an asset, what it is kept for, and which system is the authority for what it says."""

    asset: str
    kind: str
    owner: str
    purpose: str
    system: str


class SensitivityConfirmed(FactStruct, frozen=True, kw_only=True, tag="asset.confirmed"):
    """A steward accepted or corrected proposals; `decided` is the artifact with every decision on this asset's fields.

    `accepted` and `corrected` are of this act, `unconfirmed` are left.
    """

    accepted: int
    asset: str
    corrected: int
    decided: str
    level: str
    sheet: str
    special: tuple[str, ...]
    steward: str
    unconfirmed: int


class AssetRetired(FactStruct, frozen=True, kw_only=True, tag="asset.retired"):
    """The asset is in use no more and is not looked for."""

    asset: str
    reason: str


class DatasetDrawn(FactStruct, frozen=True, kw_only=True, tag="asset.drawn"):
    """An admitted dataset comes from this asset: where its provenance begins."""

    asset: str
    dataset: str
    use_case: str


class RetentionRuled(FactStruct, frozen=True, kw_only=True, tag="retention.ruled"):
    """How long an asset is kept: `keep` (such as `10y`), counted from `event`, on what `basis`.

    `since` is the day of that event; empty where each patient's record or dataset has its own. An empty `keep` is
    without end.
    """

    asset: str
    basis: str
    event: str
    keep: str
    since: str


class AssetHeld(FactStruct, frozen=True, kw_only=True, tag="retention.held"):
    """A legal hold: nothing of this asset may be disposed of, nor of datasets drawn from it."""

    asset: str
    reason: str


class AssetReleased(FactStruct, frozen=True, kw_only=True, tag="retention.released"):
    """The legal hold ended."""

    asset: str
    reason: str


class DisposalPlanned(FactStruct, frozen=True, kw_only=True, tag="retention.approved"):
    """Somebody who may approved the disposal of what is due; `plan` is the artifact that names it, item by item."""

    approver: str
    items: int
    plan: str
    until: str


class DisposalAsked(FactStruct, frozen=True, kw_only=True, tag="retention.asked"):
    """The owner of an outside asset is asked to dispose of it and to prove it by `due`."""

    asset: str
    due: str
    owner: str
    plan: str


class DisposalProved(FactStruct, frozen=True, kw_only=True, tag="retention.proved"):
    """The owner says how an outside asset was disposed of; `proof` is the digest of the paper that shows it.

    `certificate` is the artifact of the signed certificate of destruction.
    """

    asset: str
    certificate: str
    method: str
    owner: str
    proof: str


class RetentionRun(FactStruct, frozen=True, kw_only=True, tag="retention.run"):
    """A retention run ended: how many items were destroyed, asked of owners, held back, left; `report` says which."""

    asked: int
    destroyed: int
    held: int
    left: int
    plan: str
    report: str
