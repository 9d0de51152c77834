"""A policy applied to one table's header: which columns go out, under which names, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bedrail.core.errors import Invalid, Refused
from bedrail.privacy.release import scan
from bedrail.privacy.release.recognise import MINIMUM, plain_name, recognise
from bedrail.privacy.release.values import Column, Policy

LABELS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQR",
        ("NAME", "GEO", "DATE", "PHONE", "FAX", "EMAIL", "SSN", "MRN", "HEALTH_PLAN", "ACCOUNT", "LICENSE", "VEHICLE",
         "DEVICE", "URL", "IP", "BIOMETRIC", "PHOTO", "UNIQUE_ID"),
        strict=True,
    )
)  # fmt: skip

ACTIONS = {
    "drop": "left out", "keep": "kept, each cell looked at", "pseudonym": "keyed pseudonym", "hash": "keyed hash",
    "generalise": "generalised", "top-code": "top-coded", "shift": "dates shifted with their subject's",
    "year": "year only", "zip3": "three digits or 000", "mask": "identifiers masked in the text",
}  # fmt: skip

RULES = {
    "pseudonym": "45 CFR 164.514(c)", "hash": "45 CFR 164.514(c)", "generalise": "45 CFR 164.514(b)(1)",
    "top-code": "45 CFR 164.514(b)(2)(i)(C)", "shift": "45 CFR 164.514(b)(1); not Safe Harbor",
    "year": "45 CFR 164.514(b)(2)(i)(C)", "zip3": "45 CFR 164.514(b)(2)(i)(B)",
    "mask": "45 CFR 164.514(b)(2)(i)(A)-(R)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """One column of the input: its name in the output, its rule, and what its values are when a text repeats them."""

    number: int
    name: str
    shown: str
    column: Column
    known_as: str
    declared: bool = True

    @property
    def stays(self) -> bool:
        """Whether it is in the output."""
        return self.column.treatment != "drop"

    @property
    def rule(self) -> str:
        """The rule in force, with its citation."""
        return self.column.rule or RULES.get(self.column.treatment, MINIMUM)

    @property
    def action(self) -> str:
        """What is done, in words."""
        return ACTIONS[self.column.treatment]


def plan(header: Sequence[str], policy: Policy, *, file: str = "") -> tuple[Place, ...]:
    """Each column with its rule; raises `Invalid` for twins and for declared columns that are not there.

    With `undeclared = "refuse"`, a column that the policy does not name is `Refused` (by its position: a name may be
    somebody's).
    """
    _refuse_twins(header, file)
    absent = [name for name in policy.columns if name not in header]
    if absent and not policy.safe_harbor:
        remedy = "Correct the name in the policy; names are compared letter by letter."
        raise Invalid(
            f"the table has no column {absent[0]!r}.", path=f"{policy.name} columns.{absent[0]}", remedy=remedy
        )
    places: list[Place] = []
    for number, name in enumerate(header):
        declared = policy.columns.get(name)
        if declared is None and policy.undeclared == "refuse":
            remedy = 'Declare it in the policy, or set undeclared = "drop".'
            raise Refused(f"Column {number + 1} is not declared in {policy.name}.", remedy=remedy)
        column = declared or Column(role="direct", method="drop", why="not declared in the policy", rule=MINIMUM)
        guess = recognise(name, ())
        places.append(
            Place(
                number=number,
                name=name,
                shown=harmless_name(name, number),
                column=column if column.why else msgspec.structs.replace(column, why="by the policy"),
                known_as=LABELS.get(guess.letter, "UNIQUE_ID") if column.part in ("direct", "subject") else "",
                declared=declared is not None,
            )
        )
    if not any(place.stays for place in places):
        raise Invalid("no column is left.", path=file or policy.name, remedy="Declare those that are needed.")
    return tuple(places)


def harmless_name(name: str, number: int) -> str:
    """The column's name, or `column_N` when it is empty or holds an identifier itself."""
    spoken = plain_name(name).replace("_", " ")
    hit = scan.label_of(name) or scan.label_of(spoken)
    people = [word for word in name.replace("_", " ").split() if word[:1].isupper() and word[1:].islower()]
    stranger = len(people) >= 2 and " " in name.strip() and recognise(name, ()).column.why != "by its name"
    return f"column_{number + 1}" if hit or stranger or not name.strip() else name


def _refuse_twins(header: Sequence[str], file: str) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(header, start=1):
        if name in seen:
            remedy = "Rename or remove one of them."
            raise Invalid(f"columns {seen[name]} and {number} have the same name.", path=f"{file}:1", remedy=remedy)
        seen[name] = number
