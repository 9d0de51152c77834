"""What strangers were turned away with, counted: one fact an hour for all of them, however many there are.

A made-up or expired token, a form that none of our pages sent, a TLS handshake that failed: nobody is known behind any
of them, so nothing of what they sent is kept (ASVS 5.0 16.3.3, 16.3.4). The counts are in the metrics at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bedrail.core.events.refused import StrangersRefused
from bedrail.governance.moments import iso

WINDOW_SECONDS = 3600.0
"""The first is on record within a minute, what comes in the hour after it is told together."""

Attempt = Literal["token", "form", "handshake"]
ATTEMPTS: tuple[Attempt, ...] = ("token", "form", "handshake")


@dataclass(slots=True)
class Strangers:
    """What one process turned away: `total` since it began, the rest since it was last put on record."""

    total: Counter[Attempt] = field(default_factory=Counter)
    _waiting: Counter[Attempt] = field(default_factory=Counter)
    _since: str = ""
    _until: str = ""
    _told: float = float("-inf")

    def count(self, attempt: Attempt, at: datetime) -> None:
        """One more, at this moment."""
        self._until = iso(at)
        self._since = self._since or self._until
        self.total[attempt] += 1
        self._waiting[attempt] += 1

    def due(self, now: float, *, all_of_it: bool = False) -> StrangersRefused | None:
        """The fact to record at `now` (monotonic seconds), if any; `all_of_it` when there will be no later."""
        if not self._waiting or not (all_of_it or now - self._told >= WINDOW_SECONDS):
            return None
        return StrangersRefused(
            forms=self._waiting["form"],
            handshakes=self._waiting["handshake"],
            since=self._since,
            tokens=self._waiting["token"],
            until=self._until,
        )

    def told(self, fact: StrangersRefused, now: float) -> None:
        """It is on record; what came in since it was made is counted on."""
        self._told, self._since = now, fact.until
        self._waiting -= Counter({"form": fact.forms, "handshake": fact.handshakes, "token": fact.tokens})
        if not self._waiting:
            self._since = ""
