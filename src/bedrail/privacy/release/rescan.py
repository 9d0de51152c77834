"""The check after: the output read again, each cell held against what its column may hold, by other code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from bedrail.privacy.release import scan
from bedrail.privacy.release.recognise import is_harmless_number
from bedrail.privacy.release.work import TableWork
from bedrail.privacy.zip3 import permitted

_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_YEAR = re.compile(r"\d{4}( or earlier)?")
_AGE = re.compile(r"(?:\d{1,2}(?:\.\d+)?(?:\D{1,10})?|(\d+)\+)")
_BANDED = re.compile(
    r"[\[(]?\s?\d{1,2}\s?(?:-|–|to|,)\s?(\d{1,2})\s?[\])]?(?:\s?[a-z]{1,5})?", re.IGNORECASE | re.ASCII
)
REMEMBERED = 500_000


class Rescan:
    """Looks at rows of the output; `left` counts by column what should not be there."""

    def __init__(self, work: TableWork) -> None:
        """For the output of `work`."""
        self.left: dict[str, int] = {}
        self._columns = [place for place in work.places if place.stays]
        self._may = [_may(place.column.treatment, work, guard=place.column.guard) for place in self._columns]
        self._seen: list[dict[str, bool]] = [{} for _ in self._columns]

    def look(self, rows: Sequence[Sequence[str]]) -> None:
        """Some more rows."""
        for at, column in enumerate(zip(*rows, strict=True)):
            may, seen = self._may[at], self._seen[at]
            if len(seen) > REMEMBERED:
                seen.clear()
            bad = 0
            for value, count in Counter(column).items():
                if value not in seen:
                    seen[value] = not value.strip() or may(value)
                bad += 0 if seen[value] else count
            if bad:
                shown = self._columns[at].shown
                self.left[shown] = self.left.get(shown, 0) + bad


def _may(method: str, work: TableWork, *, guard: bool) -> Callable[[str], bool]:
    """What a cell of a column may be, whatever wrote it."""
    oldest = work.policy.oldest
    last = work.newest - oldest if work.newest else 0
    prefixes = permitted(strict=work.policy.strict_zip)

    def year(value: str) -> bool:
        return bool(_YEAR.fullmatch(value)) and (int(value[:4]) > last or value.endswith("earlier"))

    def age(value: str) -> bool:
        if banded := _BANDED.fullmatch(value):
            return int(banded[1]) < oldest + value.endswith(")")
        found = _AGE.fullmatch(value)
        return bool(found) and (found[1] is None or int(found[1]) == oldest) if found else False

    def clean(value: str) -> bool:
        return is_harmless_number(value) or not scan.label_of(value)

    known: dict[str, Callable[[str], bool]] = {
        "pseudonym": lambda value: bool(_PSEUDONYM.fullmatch(value)),
        "hash": lambda value: bool(_PSEUDONYM.fullmatch(value)),
        "year": year,
        "top-code": age,
        "zip3": lambda value: value == "000" or value in prefixes,
        "mask": lambda value: not scan.label_of(value),
        "keep": clean if guard else lambda _: True,
    }
    if work.recoding is not None:  # labels of groups: ranges and stars
        for method_of_quasi in ("year", "top-code", "zip3"):
            known[method_of_quasi] = lambda value, rule=known[method_of_quasi]: value == "*" or rule(value)  # type: ignore[misc]
    return known.get(method, lambda _: True)
