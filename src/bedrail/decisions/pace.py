"""How fast a use case may be asked: a bucket for each token and one for all of them together, in one process.

The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling), which is a token bucket kept as one
number: the moment at which the bucket would be full again. It asks no clock and keeps nothing but one number a token.
"""

from __future__ import annotations

from bedrail.core.values import Pace

FOLLOWING = 4
"""Upon a decision follow a card, a response, an outcome and a look at where it stands: so many times its pace."""


def following(pace: Pace) -> Pace:
    """How fast what follows upon decisions may come, when decisions may come at `pace`."""
    return Pace(
        per_minute=pace.per_minute * FOLLOWING,
        burst=pace.burst * FOLLOWING,
        all_per_minute=pace.all_per_minute * FOLLOWING,
        all_burst=pace.all_burst * FOLLOWING,
    )


class Turnstile:
    """Lets requests through at a `Pace`; below a microsecond each."""

    __slots__ = ("_all_due", "_all_slack", "_all_step", "_due", "_slack", "_step")

    def __init__(self, pace: Pace) -> None:
        """Every bucket is full."""
        self._step, self._all_step = 60.0 / pace.per_minute, 60.0 / pace.all_per_minute
        self._slack, self._all_slack = (pace.burst - 1) * self._step, (pace.all_burst - 1) * self._all_step
        self._due: dict[str, float] = {}
        self._all_due = float("-inf")

    def wait(self, token: str, now: float) -> float:
        """0.0 when a request of this token may pass at `now` (monotonic seconds), else the seconds to wait.

        Whoever passes is counted; whoever is held up is not: asking too early costs nothing.
        """
        due, all_due = self._due.get(token, now), self._all_due
        if due < now:  # noqa: PLR1730 (a call of `max` costs more than all the rest)
            due = now
        if all_due < now:  # noqa: PLR1730
            all_due = now
        early, all_early = due - now - self._slack, all_due - now - self._all_slack
        if early > 0.0 or all_early > 0.0:
            return max(early, all_early)
        self._due[token] = due + self._step
        self._all_due = all_due + self._all_step
        return 0.0
