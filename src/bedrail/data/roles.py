"""Which column plays which part in a table."""

from __future__ import annotations

from bedrail.core.errors import Invalid
from bedrail.core.values import Value


class DataRoles(Value, frozen=True, kw_only=True):
    """Roles of the columns of an encounter table; `groups` are the attributes that fairness is judged by."""

    subject: str
    encounter: str
    time: str
    outcome: str
    site: str = ""
    groups: tuple[str, ...] = ()
    intersections: tuple[tuple[str, ...], ...] = ()

    def columns(self) -> tuple[str, ...]:
        """Every column that a role names, once, in a fixed order."""
        named = (self.subject, self.encounter, self.time, self.outcome, self.site, *self.groups)
        return tuple(dict.fromkeys(name for name in named if name))

    def require(self, present: list[str], *, path: str = "data") -> None:
        """Raise `Invalid` for the first role whose column is not among `present`."""
        for name in self.columns():
            if name not in present:
                raise Invalid(
                    f"the table has no column `{name}`.",
                    path=path,
                    remedy=f"Name another column in [data] or add it; the table has: {', '.join(present[:30])}.",
                )
