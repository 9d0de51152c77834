"""The nouns of data quality: a finding, a report, and how a policy sets levels and limits."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from bedrail.core.values import Value, Verdict, worst
from bedrail.data.profile import SMALLEST_CELL

Level = Literal["block", "warn"]

RULES = (
    "uniqueness",
    "completeness",
    "validity",
    "labels",
    "timeliness",
    "disguised",
    "units",
    "consistency",
    "label-quality",
    "drift",
)
"""Every rule, as a policy may name it."""

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Limits(Value, frozen=True, kw_only=True):
    """From where on a rule is broken: shares of rows, and the number of rows with the rarer outcome."""

    max_missing_required: Share = 0.02
    max_missing: Share = 0.5
    max_missing_group: Share = 0.2
    max_out_of_range: Share = 0.001
    max_copies: Share = 0.001
    max_disguised: Share = 0.0
    max_slipped_units: Share = 0.0
    max_conflicting: Share = 0.001
    max_label_noise: Share | None = None
    """The share of wrong labels up to which nothing is said; not estimated without one (it trains models)."""
    max_drift: Annotated[float, msgspec.Meta(ge=0.0)] = 0.25
    min_events: Annotated[int, msgspec.Meta(ge=1)] = 100


class QualityPolicy(Value, frozen=True, kw_only=True):
    """`levels` by rule, where they differ from Bedrail's own; `limits` of the rules."""

    levels: dict[str, Level] = msgspec.field(default_factory=dict)
    limits: Limits = Limits()


class QualityFinding(Value, frozen=True, kw_only=True):
    """One rule applied to one column: share of rows that break it, and what it means."""

    rule: str
    column: str
    level: Level
    verdict: Verdict
    rows: int
    share: float
    reason: str


class QualityReport(Value, frozen=True, kw_only=True):
    """All findings; the verdict is the worst of the blocking rules', and `missing` where there was no row to ask."""

    rows: int
    verdict: Verdict
    findings: tuple[QualityFinding, ...]

    def broken(self, level: Level) -> tuple[QualityFinding, ...]:
        """The failed findings of one level."""
        return tuple(f for f in self.findings if f.level == level and f.verdict is Verdict.FAIL)


def reported(rows: int, findings: tuple[QualityFinding, ...], policy: QualityPolicy) -> QualityReport:
    """The findings at the levels that the policy sets, and what follows from them."""
    levelled = tuple(
        msgspec.structs.replace(f, level=policy.levels[f.rule]) if f.rule in policy.levels else f for f in findings
    )
    blocking = (f.verdict for f in levelled if f.level == "block")
    verdict = worst((Verdict.PASS if rows else Verdict.MISSING, *blocking))
    return QualityReport(rows=rows, verdict=verdict, findings=levelled)


def found(rule: str, column: str, level: Level, bad: int, rows: int, limit: float, said: str) -> QualityFinding:
    """A finding about `bad` of `rows` rows; counts of 1 to 10 are told as fewer than eleven."""
    share = bad / rows if rows else 0.0
    shown = f"fewer than {SMALLEST_CELL}" if 0 < bad < SMALLEST_CELL else str(bad)
    return QualityFinding(
        rule=rule,
        column=column,
        level=level,
        verdict=Verdict.FAIL if share > limit else Verdict.PASS,
        rows=bad,
        share=share,
        reason=f"{shown} of {rows} rows {said}",
    )
