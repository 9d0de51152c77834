"""What a project's key decides: pseudonyms, UIDs, date offsets and the choice of surrogates; the same everywhere."""

from __future__ import annotations

from collections.abc import Callable

from bedrail.core.ports import KeyedDigest

MOST_DAYS = 365
"""Dates move by at most a year either way: seasons may be lost, intervals never."""


class Keyed:
    """Every keyed choice of one project, so that text, tables, FHIR, HL7 v2 and DICOM agree about one patient.

    The same value gives the same choice within a project; between projects nothing can be linked without both keys
    (45 CFR 164.514(c)). A `kind` keeps choices apart that have nothing to do with each other.
    """

    __slots__ = ("_keep", "_key")

    def __init__(self, key: KeyedDigest) -> None:
        """`key` belongs to one project; one with an escrow (`keep`) is told of every pseudonym that is given out."""
        self._key = key
        self._keep: Callable[[str, str, str], None] | None = getattr(key, "keep", None)

    def pseudonym(self, kind: str, value: str) -> str:
        """32 hex characters in the place of an identifier."""
        made = self._key.digest(kind, value)[:16].hex()
        if self._keep is not None:
            self._keep(kind, value, made)
        return made

    def hidden(self, kind: str, value: str) -> str:
        """As `pseudonym`, for what never leaves (lists of known terms): no escrow is told."""
        return self._key.digest(kind, value)[:16].hex()

    def below(self, count: int, kind: str, value: str) -> int:
        """One of 0 .. `count` - 1, uniform (128 bits, so the modulo does not show): which surrogate to take."""
        return int.from_bytes(self._key.digest(kind, value)[:16], "big") % count

    def uid(self, value: str) -> str:
        """A DICOM UID in the place of one, by the UUID root 2.25 (PS3.5 B.2); at most 44 characters."""
        return "2.25." + str(int(self.pseudonym("uid", value), 16))

    def shift_days(self, subject: str, *, keep_weekday: bool = False) -> int:
        """By how many days all dates of `subject` move: -365..365 and never 0; a multiple of 7 keeps the weekday."""
        step = 7 if keep_weekday else 1
        most = MOST_DAYS // step
        at = self.below(2 * most, "dates by week" if keep_weekday else "dates", subject)
        return step * (at - most if at < most else at - most + 1)
