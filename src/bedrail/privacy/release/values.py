"""The nouns of releasing a table: what a policy says of each column, the targets, and the proof of what was done."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from bedrail.core.values import Value
from bedrail.privacy.release.loss import Measure

Role = Literal[
    "direct", "direct-identifier", "subject", "quasi", "quasi-identifier", "sensitive", "insensitive",
    "date", "zip", "age", "text", "free-text",
]  # fmt: skip
Method = Literal["drop", "keep", "pseudonym", "hash", "generalise", "top-code", "shift", "year", "zip3", "mask"]
HierarchyKind = Literal["intervals", "mask", "zip", "date", "tree", "file", "suppress"]
Diversity = Literal["distinct", "entropy", "recursive"]
Distance = Literal["equal", "ordered", "hierarchical"]
Search = Literal["auto", "optimal", "top-down", "mondrian", "mondrian-relaxed"]

SHORT: dict[str, str] = {"direct-identifier": "direct", "quasi-identifier": "quasi", "free-text": "text"}
USUAL: dict[str, Method] = {
    "direct": "drop", "subject": "pseudonym", "quasi": "generalise", "sensitive": "keep", "insensitive": "keep",
    "date": "year", "zip": "zip3", "age": "top-code", "text": "mask",
}  # fmt: skip
"""What is done to a role when the policy does not say."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Column(Value, frozen=True, kw_only=True):
    """What a policy says of one column; see docs/deid-tables.md for each word.

    The fields from `widths` to `file` belong to its hierarchy, those from `l` to `distance` to a sensitive column.
    """

    role: Role
    method: Method | None = None
    hierarchy: HierarchyKind | None = None
    widths: tuple[Positive, ...] = ()
    origin: float = 0.0
    top: float | None = None
    bottom: float | None = None
    steps: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    levels: tuple[str, ...] = ()
    groups: tuple[dict[str, tuple[str, ...]], ...] = ()
    file: str = ""
    lowest: Annotated[int, msgspec.Meta(ge=0)] = 0
    highest: Annotated[int, msgspec.Meta(ge=0)] = 99
    weight: Positive = 1.0
    l: Annotated[int, msgspec.Meta(ge=1)] = 1  # noqa: E741 (the field's own name)
    diversity: Diversity = "distinct"
    c: Positive = 3.0
    t: Share | None = None
    distance: Distance = "equal"
    day_first: bool = False
    keep_weekday: bool = False
    guard: bool = True
    why: str = ""
    rule: str = ""

    @property
    def part(self) -> str:
        """The role in its short form."""
        return SHORT.get(self.role, self.role)

    @property
    def treatment(self) -> Method:
        """What is done to it."""
        return self.method or USUAL[self.part]


class Targets(Value, frozen=True, kw_only=True):
    """What the released table must reach. Risks are shares, 0..1; `sampling` is the share of the population in it.

    `prosecutor` and `journalist` bound the risk of each record (1 / class size here, or in the population), `marketer`
    the expected share of all records found. `suppression` is the share of rows that may be left out.
    """

    k: Annotated[int, msgspec.Meta(ge=1)] = 1
    prosecutor: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    journalist: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    marketer: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    sampling: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    suppression: Share = 0.0
    loss: Measure = "loss"
    search: Search = "auto"


class Policy(Value, frozen=True, kw_only=True):
    """Rules for one kind of table. `undeclared` is what happens to columns that it does not name."""

    name: str = ""
    undeclared: Literal["drop", "refuse"] = "drop"
    safe_harbor: bool = False
    strict_zip: bool = True
    oldest: Annotated[int, msgspec.Meta(ge=1, le=120)] = 90
    targets: Targets | None = None
    columns: dict[str, Column] = msgspec.field(default_factory=dict)

    @property
    def quasi(self) -> tuple[str, ...]:
        """Columns that an attacker may know: the quasi-identifiers, and dates, ZIP codes and ages that stay.

        Shifted dates are not among them: what an attacker knows is the true date.
        """
        stay = ("generalise", "year", "zip3", "top-code", "keep")
        return tuple(
            name
            for name, column in self.columns.items()
            if column.part in ("quasi", "date", "zip", "age") and column.treatment in stay
        )

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Sensitive columns that stay."""
        return tuple(n for n, c in self.columns.items() if c.part == "sensitive" and c.treatment != "drop")


class ColumnProof(Value, frozen=True, kw_only=True):
    """One column: what it was taken for and why, the rule, the action, how many cells, and what is left; no value.

    `cells` are those that were not empty, `changed` those that are not as they came, `masked` those in which something
    was found besides the column's own rule; `left` is what the second look at the output found: 0, or the run failed.
    """

    column: str
    role: str
    why: str
    rule: str
    action: str
    cells: int
    changed: int
    masked: int = 0
    left: int = 0


class Proof(Value, frozen=True, kw_only=True):
    """What was done to a table, column by column, and what a person still has to attest. Never a value.

    `profile` is the digest of the rules in force.
    """

    policy: str
    standard: str
    rows_in: int
    rows_out: int
    columns: tuple[ColumnProof, ...]
    notes: tuple[str, ...] = ()
    zip_list: str = ""
    profile: str = ""

    @property
    def left(self) -> int:
        """Cells in which the second look found an identifier."""
        return sum(column.left for column in self.columns)
