"""The nouns of the catalogue: an asset's sheet of fields, what is proposed for each, what a steward decided, and how
two sheets differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from bedrail.core.values import Value

Level = Literal["direct-identifier", "quasi-identifier", "sensitive-health", "ordinary", "public"]
DIRECT: Final = "direct-identifier"
QUASI: Final = "quasi-identifier"
HEALTH: Final = "sensitive-health"
ORDINARY: Final = "ordinary"
PUBLIC: Final = "public"
LEVELS: tuple[Level, ...] = (DIRECT, QUASI, HEALTH, ORDINARY, PUBLIC)
"""Worst first. Direct: one of 45 CFR 164.514(b)(2)(i) that names one person; quasi: dates, places and traits that
together may; health: any other word about a patient's health; ordinary: neither; public: reference data."""

Special = Literal["genetic", "hiv", "mental-health", "reproductive", "substance-use"]
SPECIALS: tuple[Special, ...] = ("genetic", "hiv", "mental-health", "reproductive", "substance-use")
"""Health data with rules of their own: 42 CFR Part 2 (substance use), GDPR Art. 9 (genetic), state laws (others)."""

Kind = Literal[
    "ehr-table", "fhir", "imaging", "notes", "hl7-feed", "device-stream", "patient-generated", "third-party", "sealed"
]
KINDS: tuple[Kind, ...] = (
    "ehr-table", "fhir", "imaging", "notes", "hl7-feed", "device-stream", "patient-generated", "third-party", "sealed",
)  # fmt: skip
"""What an asset is; `sealed` rests in this home under keys of its own."""


class Proposal(Value, frozen=True, kw_only=True):
    """What the detectors take a field for: `label` says which identifier or kind of data, `reason` why, and
    `confidence` (0..1) how sure. Never a value."""

    level: Level
    label: str = ""
    special: tuple[str, ...] = ()
    confidence: float = 0.5
    reason: str = ""


class FieldSheet(Value, frozen=True, kw_only=True):
    """One field: its name or path, its type by its values, the share of rows that have it, and the proposal."""

    name: str
    type: str
    filled: float
    sampled: int
    proposal: Proposal


class Sheet(Value, frozen=True, kw_only=True):
    """One asset as a scan saw it. `rows` were read; `complete` when these were all. `fingerprint` changes with the
    files (empty where there are none). Holds names, types and shares, and no value."""

    name: str
    kind: Kind
    location: str
    rows: int
    complete: bool
    seed: int
    fields: tuple[FieldSheet, ...]
    fingerprint: str = ""
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of its fields'."""
        return worst_level(each.proposal.level for each in self.fields)

    @property
    def special(self) -> tuple[str, ...]:
        """Every special category that some field holds."""
        return tuple(sorted({name for each in self.fields for name in each.proposal.special}))


class Decided(Value, frozen=True, kw_only=True):
    """What a steward said of one field: the level and special categories that count; `proposed` is what it was
    asked about, so that a later proposal that differs is noticed."""

    level: Level
    proposed: Level
    by: str
    special: tuple[str, ...] = ()
    proposed_special: tuple[str, ...] = ()
    reason: str = ""

    @property
    def corrected(self) -> bool:
        """Whether the proposal was not simply accepted."""
        return (self.level, self.special) != (self.proposed, self.proposed_special)


class Change(Value, frozen=True, kw_only=True):
    """How one field differs between two scans: `new`, `gone`, `type`, `sensitivity` or `special`, from what to what."""

    field: str
    what: Literal["new", "gone", "type", "sensitivity", "special"]
    before: str = ""
    after: str = ""


def worst_level(levels: Iterable[Level]) -> Level:
    """The worst of these; `public` when there are none."""
    return min(levels, key=LEVELS.index, default="public")


def changes(before: Sheet | None, after: Sheet) -> tuple[Change, ...]:
    """What a rescan found different, in the order of the fields; nothing for a first scan.

    A type that was `empty` before or is now says nothing about the field.
    """
    if before is None:
        return ()
    old, new = ({field.name: field for field in sheet.fields} for sheet in (before, after))
    found = [Change(field=name, what="gone", before=old[name].type) for name in old if name not in new]
    for name, field in new.items():
        was = old.get(name)
        if was is None:
            found.append(Change(field=name, what="new", after=field.proposal.level))
            continue
        if was.type != field.type and "empty" not in (was.type, field.type):
            found.append(Change(field=name, what="type", before=was.type, after=field.type))
        if was.proposal.level != field.proposal.level:
            found.append(Change(field=name, what="sensitivity", before=was.proposal.level, after=field.proposal.level))
        if was.proposal.special != field.proposal.special:
            one, other = (", ".join(each.proposal.special) or "none" for each in (was, field))
            found.append(Change(field=name, what="special", before=one, after=other))
    return tuple(found)


def unconfirmed(sheet: Sheet, decided: Mapping[str, Decided]) -> tuple[str, ...]:
    """The fields nobody decided on, or whose proposal got worse than what the steward was asked about."""
    return tuple(
        field.name
        for field in sheet.fields
        if (said := decided.get(field.name)) is None or _worse(field.proposal, said)
    )


def _worse(now: Proposal, said: Decided) -> bool:
    asked = LEVELS.index(said.proposed)
    stricter = LEVELS.index(now.level) < min(asked, LEVELS.index(said.level))
    return stricter or not set(now.special) <= {*said.special, *said.proposed_special}


def standing_level(sheet: Sheet, decided: Mapping[str, Decided]) -> tuple[Level, tuple[str, ...]]:
    """The asset's worst level and its special categories: as decided, where somebody decided; else as proposed."""
    open_ = set(unconfirmed(sheet, decided))
    said = [
        (field.proposal.level, field.proposal.special)
        if field.name in open_
        else (decided[field.name].level, decided[field.name].special)
        for field in sheet.fields
    ]
    special = {name for _, names in said for name in names}
    return worst_level(level for level, _ in said), tuple(sorted(special))
