"""Who was held up at the decision API, counted here and put on record in windows: never a fact for each request."""

from __future__ import annotations

from dataclasses import dataclass, field

from bedrail.core.events.abuse import AbuseThrottled

WINDOW_SECONDS = 600.0
"""A token that keeps asking too fast is on record so often, and at once the first time."""


@dataclass(slots=True)
class _Held:
    refused: int
    since: str
    until: str


@dataclass(slots=True)
class Throttling:
    """What one process held up since it was last put on record, by (use case, token)."""

    _held: dict[tuple[str, str], _Held] = field(default_factory=dict)
    _told: dict[tuple[str, str], float] = field(default_factory=dict)

    def count(self, use_case: str, token: str, at: str) -> None:
        """One request was answered 429 at this moment (UTC)."""
        held = self._held.get((use_case, token))
        if held is None:
            self._held[use_case, token] = _Held(1, at, at)
        else:
            held.refused, held.until = held.refused + 1, at

    def due(self, now: float, *, all_of_it: bool = False) -> list[AbuseThrottled]:
        """The facts to record at `now` (monotonic seconds); `all_of_it` when there will be no later."""
        return [
            AbuseThrottled(use_case=use_case, token=token, refused=held.refused, since=held.since, until=held.until)
            for (use_case, token), held in self._held.items()
            if all_of_it or now - self._told.get((use_case, token), float("-inf")) >= WINDOW_SECONDS
        ]

    def told(self, fact: AbuseThrottled, now: float) -> None:
        """It is on record; what came in since it was made is counted on."""
        key = fact.use_case, fact.token
        held = self._held[key]
        self._told[key] = now
        if held.refused == fact.refused:
            del self._held[key]
        else:
            held.refused, held.since = held.refused - fact.refused, fact.until
