"""Counts and times for Prometheus (text format 0.0.4): never a patient, a value, or a name that a caller chose."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from bedrail.journeys.strangers import ATTEMPTS, Attempt

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Meter:
    """What one process counts at its door."""

    __slots__ = ("_buckets", "_seconds", "statuses")

    def __init__(self) -> None:
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self.statuses: dict[int, int] = {}

    def decided(self, seconds: float, status: int) -> None:
        """One decision request was answered after this long."""
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def text(
        self,
        tally: Mapping[tuple[str, str, str], int],
        gauges: Mapping[str, float],
        strangers: Mapping[Attempt, int] | None = None,
    ) -> bytes:
        """The exposition; `tally` counts replies by use case, kind and guard, `gauges` are plain names.

        `strangers` counts what was turned away of which nobody is known.
        """
        turned_away = {each: (strangers or {}).get(each, 0) for each in ATTEMPTS}
        lines = [
            "# HELP bedrail_decisions_total Replies to decision requests, by kind and guard.",
            "# TYPE bedrail_decisions_total counter",
            *(
                f'bedrail_decisions_total{{use_case="{_escaped(use_case)}",kind="{kind}",guard="{guard}"}} {count}'
                for (use_case, kind, guard), count in sorted(tally.items())
            ),
            "# HELP bedrail_responses_total HTTP responses of the decision route, by status.",
            "# TYPE bedrail_responses_total counter",
            *(f'bedrail_responses_total{{status="{status}"}} {n}' for status, n in sorted(self.statuses.items())),
            "# HELP bedrail_strangers_refused_total Unknown tokens, forms not of ours, failed TLS handshakes.",
            "# TYPE bedrail_strangers_refused_total counter",
            *(f'bedrail_strangers_refused_total{{attempt="{name}"}} {n}' for name, n in turned_away.items()),
            "# HELP bedrail_decision_seconds Time from request to response.",
            "# TYPE bedrail_decision_seconds histogram",
        ]
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'bedrail_decision_seconds_bucket{{le="{bound}"}} {total}')
        lines += [f"bedrail_decision_seconds_sum {self._seconds:.6f}", f"bedrail_decision_seconds_count {total}"]
        for name, value in gauges.items():
            lines += [f"# TYPE bedrail_{name} gauge", f"bedrail_{name} {value:g}"]
        return ("\n".join(lines) + "\n").encode()


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
