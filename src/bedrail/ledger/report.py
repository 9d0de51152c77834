"""What a verification found, and how far it came: five levels, each resting on the one below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from bedrail.core.values import Value

Kind = Literal[
    "edited-entry",
    "changed-leaf",
    "missing-entry",
    "deleted-tail",
    "missing-anchor",
    "quorum",
    "shard",
    "unsealed-entries",
    "rewritten",
    "foreign-key",
    "bad-checkpoint",
    "bad-head",
    "tile",
    "manifest",
    "artifact",
    "view",
    "record",
    "replay",
]

Level = Literal["L0", "L1", "L2", "L3", "L4"]

LEVELS: Mapping[Level, str] = {
    "L0": "the newest checkpoint is signed by the ledger's keys",
    "L1": "its root follows from the entries",
    "L2": "every stored hash, tile and file is the one that the entries give",
    "L3": "it extends every other checkpoint there is: kept, anchored, cosigned by witnesses",
    "L4": "what the entries tell could have happened: no act without its permission, approval or deployment",
}
"""Each level and what it shows."""

_BREAKS: Mapping[Kind, Level] = {
    "edited-entry": "L1",
    "missing-entry": "L1",
    "deleted-tail": "L1",
    "unsealed-entries": "L1",
    "rewritten": "L1",
    "foreign-key": "L0",
    "bad-checkpoint": "L0",
    "changed-leaf": "L2",
    "bad-head": "L2",
    "tile": "L2",
    "manifest": "L2",
    "missing-anchor": "L3",
    "quorum": "L3",
    "shard": "L3",
    "artifact": "L4",
    "view": "L4",
    "record": "L4",
    "replay": "L4",
}


class Difference(Value, frozen=True, kw_only=True):
    """One thing that is not as it was sealed: its kind, where it is, and what is wrong with it.

    `level` says from which level on the verification fails for it, when it is not the one of its kind.
    """

    kind: Kind
    where: str
    what: str
    level: Level | None = None

    @property
    def breaks(self) -> Level:
        """The lowest level that does not hold because of this."""
        return self.level or _BREAKS[self.kind]


class VerificationReport(Value, frozen=True, kw_only=True):
    """The result: `size` entries were read, whose recomputed root is `root` (hex); `ok` means no difference.

    `looked` is the highest level that was looked at, and `unlooked` why no higher one was.
    """

    ok: bool
    size: int
    root: str
    differences: tuple[Difference, ...] = ()
    looked: Level = "L3"
    unlooked: str = ""

    @property
    def level(self) -> Level | None:
        """The highest level that holds, with all those below it; None when not even the signature does."""
        names = list(LEVELS)
        broken = min((names.index(each.breaks) for each in self.differences), default=len(names))
        reached = min(broken - 1, names.index(self.looked))
        return names[reached] if reached >= 0 else None

    @property
    def why(self) -> str:
        """Why the level is not higher; empty at the highest."""
        broken = [each for each in self.differences if self.level is None or each.breaks > self.level]
        if broken:
            first = min(broken, key=lambda each: each.breaks)
            return f"{first.breaks} does not hold: {first.kind}, {first.where}: {first.what}"
        return self.unlooked

    def joined(self, kind: Kind, lines: Iterable[str]) -> VerificationReport:
        """The same report with more differences, each given as `where: what`."""
        more = []
        for line in lines:
            where, _, what = line.partition(": ")
            more.append(Difference(kind=kind, where=where, what=what))
        return self.with_differences(more)

    def with_differences(self, more: Iterable[Difference]) -> VerificationReport:
        """The same report with more differences."""
        differences = (*self.differences, *more)
        return msgspec.structs.replace(self, ok=not differences, differences=differences)

    def having_looked(self, level: Level, unlooked: str = "") -> VerificationReport:
        """The same report after a higher level was looked at, or with the reason why it was not."""
        return msgspec.structs.replace(self, looked=level, unlooked=unlooked)
