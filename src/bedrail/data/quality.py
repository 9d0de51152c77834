"""Is this table fit for its purpose? Rules at two levels: `block` keeps it out, `warn` is told to the reviewers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from bedrail.core.values import Value, Verdict
from bedrail.data.profile import SMALLEST_CELL
from bedrail.data.roles import DataRoles

if TYPE_CHECKING:
    import pandas as pd

Level = Literal["block", "warn"]

MAX_MISSING_REQUIRED = 0.02
MAX_OUT_OF_RANGE = 0.001
MIN_EVENTS = 100


class FeatureRule(Protocol):
    """What quality needs to know of a declared feature (satisfied by `models.contract.Feature`)."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def levels(self) -> tuple[str, ...]: ...
    @property
    def missing(self) -> str: ...


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
    """All findings; the verdict fails only when a blocking rule is broken."""

    rows: int
    verdict: Verdict
    findings: tuple[QualityFinding, ...]

    def broken(self, level: Level) -> tuple[QualityFinding, ...]:
        """The failed findings of one level."""
        return tuple(f for f in self.findings if f.level == level and f.verdict is Verdict.FAIL)


Rule = Callable[["pd.DataFrame", DataRoles, Sequence[FeatureRule]], Iterator[QualityFinding]]


def assess_quality(frame: pd.DataFrame, roles: DataRoles, features: Sequence[FeatureRule]) -> QualityReport:
    """Apply every rule of `RULES` to an encounter table whose columns `roles` and `features` name.

    Raises `Invalid` when a named column does not exist.
    """
    roles.require([str(name) for name in frame.columns])
    findings = tuple(finding for rule in RULES for finding in rule(frame, roles, features))
    blocked = any(f.level == "block" and f.verdict is Verdict.FAIL for f in findings)
    return QualityReport(rows=len(frame), verdict=Verdict.FAIL if blocked else Verdict.PASS, findings=findings)


def _found(rule: str, column: str, level: Level, bad: int, rows: int, limit: float, said: str) -> QualityFinding:
    share = bad / rows if rows else 0.0
    verdict = Verdict.FAIL if share > limit else Verdict.PASS
    shown = f"fewer than {SMALLEST_CELL}" if 0 < bad < SMALLEST_CELL else str(bad)
    return QualityFinding(
        rule=rule, column=column, level=level, verdict=verdict, rows=bad, share=share,
        reason=f"{shown} of {rows} rows {said}",
    )  # fmt: skip


def uniqueness(frame: pd.DataFrame, roles: DataRoles, features: Sequence[FeatureRule]) -> Iterator[QualityFinding]:
    """An encounter stands once, and no row is an exact copy of another encounter's features and outcome."""
    twins = int(frame[roles.encounter].duplicated().sum())
    yield _found("uniqueness", roles.encounter, "block", twins, len(frame), 0.0, "repeat an encounter")
    present = [f.name for f in features if f.name in frame.columns]
    copies = int(frame[[roles.subject, roles.time, *present]].duplicated().sum())
    yield _found(
        "uniqueness", "(row)", "warn", copies, len(frame), 0.001, "copy another row of the same patient and time"
    )


def completeness(frame: pd.DataFrame, roles: DataRoles, features: Sequence[FeatureRule]) -> Iterator[QualityFinding]:
    """Keys and labels are complete; a feature that may not be missing hardly ever is."""
    for name in (roles.subject, roles.encounter, roles.time, roles.outcome):
        yield _found("completeness", name, "block", int(frame[name].isna().sum()), len(frame), 0.0, "have no value")
    for feature in features:
        absent = int(frame[feature.name].isna().sum()) if feature.name in frame.columns else len(frame)
        level: Level = "block" if feature.missing == "refuse" else "warn"
        limit = MAX_MISSING_REQUIRED if level == "block" else 0.5
        yield _found("completeness", feature.name, level, absent, len(frame), limit, "have no value")
    for name in roles.groups:
        yield _found("completeness", name, "warn", int(frame[name].isna().sum()), len(frame), 0.2, "have no value")


def validity(frame: pd.DataFrame, roles: DataRoles, features: Sequence[FeatureRule]) -> Iterator[QualityFinding]:
    """Numbers lie in their plausible range, words are declared levels, the outcome is 0 or 1."""
    for feature in features:
        if feature.name not in frame.columns:
            continue
        column = frame[feature.name]
        if feature.kind == "numeric":
            yield _range(column, feature, len(frame))
        else:
            unknown = int((~column.dropna().astype(str).isin(feature.levels)).sum())
            yield _found(
                "validity", feature.name, "block", unknown, len(frame), MAX_OUT_OF_RANGE, "hold an undeclared level"
            )
    strange = int((~frame[roles.outcome].dropna().isin([0, 1])).sum())
    yield _found("validity", roles.outcome, "block", strange, len(frame), 0.0, "are neither 0 nor 1")


def _range(column: pd.Series, feature: FeatureRule, rows: int) -> QualityFinding:
    if column.dtype.kind not in "iuf":
        return _found("validity", feature.name, "block", rows, rows, 0.0, "are not numbers")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    outside = int(((values < low) | (values > high)).sum())
    return _found(
        "validity", feature.name, "block", outside, rows, MAX_OUT_OF_RANGE, f"lie outside {low:g} to {high:g}"
    )


def labels(frame: pd.DataFrame, roles: DataRoles, features: Sequence[FeatureRule]) -> Iterator[QualityFinding]:  # noqa: ARG001
    """Both outcomes occur often enough to learn from and to judge by."""
    outcome = frame[roles.outcome]
    events = int((outcome == 1).sum())
    rarer = min(events, int((outcome == 0).sum()))
    enough = rarer >= MIN_EVENTS
    yield QualityFinding(
        rule="labels", column=roles.outcome, level="block", rows=rarer, share=rarer / max(len(frame), 1),
        verdict=Verdict.PASS if enough else Verdict.FAIL,
        reason=f"the rarer outcome has {rarer if rarer >= SMALLEST_CELL else f'fewer than {SMALLEST_CELL}'} rows; "
        f"at least {MIN_EVENTS} are needed",
    )  # fmt: skip


def timeliness(frame: pd.DataFrame, roles: DataRoles, features: Sequence[FeatureRule]) -> Iterator[QualityFinding]:  # noqa: ARG001
    """The outcome rate does not fall away at the end, as it does when late outcomes are not yet in."""
    ordered = frame.sort_values(roles.time, kind="stable")[roles.outcome]
    tenth = max(len(ordered) // 10, 1)
    last, rest = ordered.tail(tenth), ordered.iloc[:-tenth]
    before = float((rest == 1).mean()) if len(rest) else 0.0
    after = float((last == 1).mean())
    late = before > 0 and after < 0.5 * before and tenth >= MIN_EVENTS
    yield QualityFinding(
        rule="timeliness", column=roles.outcome, level="warn", rows=tenth, share=0.1,
        verdict=Verdict.FAIL if late else Verdict.PASS,
        reason=f"outcome rate {after:.3f} in the last tenth, {before:.3f} before",
    )  # fmt: skip


RULES: tuple[Rule, ...] = (uniqueness, completeness, validity, labels, timeliness)
"""The catalogue: add a rule as one function and list it here."""
