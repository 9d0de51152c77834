"""Is this table fit for its purpose? Rules at two levels: `block` keeps it out, `warn` is told to the reviewers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bedrail.core.values import Verdict
from bedrail.data.consistency import RowsRule, check_rules
from bedrail.data.disguised import disguised, disguised_findings
from bedrail.data.label_quality import label_findings, label_noise, noise_finding
from bedrail.data.profile import SMALLEST_CELL
from bedrail.data.quality_values import Level, Limits, QualityFinding, QualityPolicy, QualityReport, found, reported
from bedrail.data.roles import DataRoles
from bedrail.data.slips import findings_of, look, slip_against_range

if TYPE_CHECKING:
    import pandas as pd


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


@dataclass(frozen=True, slots=True)
class Asked:
    """What every rule is asked about: the table, what its columns are, what is declared of them, and the limits."""

    frame: pd.DataFrame
    roles: DataRoles
    features: Sequence[FeatureRule]
    limits: Limits


Rule = Callable[[Asked], Iterator[QualityFinding]]


def assess_quality(
    frame: pd.DataFrame,
    roles: DataRoles,
    features: Sequence[FeatureRule],
    *,
    policy: QualityPolicy | None = None,
    rules: Sequence[RowsRule] = (),
) -> QualityReport:
    """Apply every rule of `RULES`, and the `rules` given, to an encounter table.

    The policy sets levels and limits. Raises `Invalid` when a named column does not exist.
    """
    policy = policy or QualityPolicy()
    roles.require([str(name) for name in frame.columns])
    asked = Asked(frame, roles, features, policy.limits)
    findings = [finding for rule in RULES for finding in rule(asked)]
    findings += check_rules({"": frame}, rules)
    return reported(len(frame), tuple(findings), policy)


def uniqueness(asked: Asked) -> Iterator[QualityFinding]:
    """An encounter stands once, and no row is an exact copy of another encounter's features and outcome."""
    twins = int(asked.frame[asked.roles.encounter].duplicated().sum())
    yield found("uniqueness", asked.roles.encounter, "block", twins, len(asked.frame), 0.0, "repeat an encounter")
    present = [f.name for f in asked.features if f.name in asked.frame.columns]
    copies = int(asked.frame[[asked.roles.subject, asked.roles.time, *present]].duplicated().sum())
    yield found(
        "uniqueness",
        "(row)",
        "warn",
        copies,
        len(asked.frame),
        asked.limits.max_copies,
        "copy another row of the same patient and time",
    )


def completeness(asked: Asked) -> Iterator[QualityFinding]:
    """Keys and labels are complete; a feature that may not be missing hardly ever is."""
    for name in (asked.roles.subject, asked.roles.encounter, asked.roles.time, asked.roles.outcome):
        yield found(
            "completeness", name, "block", int(asked.frame[name].isna().sum()), len(asked.frame), 0.0, "have no value"
        )
    for feature in asked.features:
        absent = (
            int(asked.frame[feature.name].isna().sum()) if feature.name in asked.frame.columns else len(asked.frame)
        )
        level: Level = "block" if feature.missing == "refuse" else "warn"
        limit = asked.limits.max_missing_required if level == "block" else asked.limits.max_missing
        yield found("completeness", feature.name, level, absent, len(asked.frame), limit, "have no value")
    for name in asked.roles.groups:
        yield found(
            "completeness",
            name,
            "warn",
            int(asked.frame[name].isna().sum()),
            len(asked.frame),
            asked.limits.max_missing_group,
            "have no value",
        )


def validity(asked: Asked) -> Iterator[QualityFinding]:
    """Numbers lie in their plausible range, words are declared levels, the outcome is 0 or 1."""
    for feature in asked.features:
        if feature.name not in asked.frame.columns:
            continue
        column = asked.frame[feature.name]
        if feature.kind == "numeric":
            yield _range(column, feature, len(asked.frame), asked.limits)
        else:
            unknown = int((~column.dropna().astype(str).isin(feature.levels)).sum())
            yield found(
                "validity",
                feature.name,
                "block",
                unknown,
                len(asked.frame),
                asked.limits.max_out_of_range,
                "hold an undeclared level",
            )
    strange = int((~asked.frame[asked.roles.outcome].dropna().isin([0, 1])).sum())
    yield found("validity", asked.roles.outcome, "block", strange, len(asked.frame), 0.0, "are neither 0 nor 1")


def _range(column: pd.Series, feature: FeatureRule, rows: int, limits: Limits) -> QualityFinding:
    if column.dtype.kind not in "iuf":
        return found("validity", feature.name, "block", rows, rows, 0.0, "are not numbers")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    outside = int(((values < low) | (values > high)).sum())
    return found(
        "validity", feature.name, "block", outside, rows, limits.max_out_of_range, f"lie outside {low:g} to {high:g}"
    )


def labels(asked: Asked) -> Iterator[QualityFinding]:
    """Both outcomes occur often enough to learn from and to judge by."""
    outcome = asked.frame[asked.roles.outcome]
    events = int((outcome == 1).sum())
    rarer = min(events, int((outcome == 0).sum()))
    enough = rarer >= asked.limits.min_events
    yield QualityFinding(
        rule="labels", column=asked.roles.outcome, level="block", rows=rarer, share=rarer / max(len(asked.frame), 1),
        verdict=Verdict.PASS if enough else Verdict.FAIL,
        reason=f"the rarer outcome has {rarer if rarer >= SMALLEST_CELL else f'fewer than {SMALLEST_CELL}'} rows; "
        f"at least {asked.limits.min_events} are needed",
    )  # fmt: skip


def timeliness(asked: Asked) -> Iterator[QualityFinding]:
    """The outcome rate does not fall away at the end, as it does when late outcomes are not yet in."""
    ordered = asked.frame.sort_values(asked.roles.time, kind="stable")[asked.roles.outcome]
    tenth = max(len(ordered) // 10, 1)
    last, rest = ordered.tail(tenth), ordered.iloc[:-tenth]
    before = float((rest == 1).mean()) if len(rest) else 0.0
    after = float((last == 1).mean())
    late = before > 0 and after < 0.5 * before and tenth >= asked.limits.min_events
    yield QualityFinding(
        rule="timeliness", column=asked.roles.outcome, level="warn", rows=tenth, share=0.1,
        verdict=Verdict.FAIL if late else Verdict.PASS,
        reason=f"outcome rate {after:.3f} in the last tenth, {before:.3f} before",
    )  # fmt: skip


def hidden(asked: Asked) -> Iterator[QualityFinding]:
    """Values that stand for nothing; a level that a feature declares is none, whatever it is called."""
    declared = {f.name for f in asked.features if f.kind != "numeric"}
    skip = frozenset({asked.roles.subject, asked.roles.encounter, asked.roles.outcome, asked.roles.time, *declared})
    yield from disguised_findings(asked.frame, asked.limits, skip)


def units(asked: Asked) -> Iterator[QualityFinding]:
    """Slips of units by name: of known measurements, and of any declared number that leaves its range."""
    numbers = [f for f in asked.features if f.kind == "numeric" and f.name in asked.frame.columns]
    known = {f.name for f in numbers}
    hollow: dict[str, list[float]] = {}
    for each in disguised(asked.frame[list(known)] if known else asked.frame.iloc[:, :0]):
        if asked.frame[each.column].dtype.kind in "iuf":
            hollow.setdefault(each.column, []).append(float(each.value))
    for feature in numbers:
        column = asked.frame[feature.name]
        if column.dtype.kind not in "iuf":
            continue
        values = column.to_numpy(dtype=float, na_value=np.nan)
        ignore = hollow.get(feature.name, [])
        seen = look(feature.name, values, unit=getattr(feature, "unit", ""), ignore=ignore)
        if seen is not None and (seen.slips or seen.impossible):
            yield from findings_of(seen, len(asked.frame), asked.limits)
            continue
        slip = slip_against_range(values[~np.isin(values, ignore)], feature.low, feature.high)
        if slip is not None:
            name, count = slip
            said = f"are implausible, and plausible again if taken as {name}"
            yield found("units", feature.name, "warn", count, len(asked.frame), asked.limits.max_slipped_units, said)


def label_quality(asked: Asked) -> Iterator[QualityFinding]:
    """Outcomes that contradict each other, and sites that record none."""
    features = [f.name for f in asked.features]
    yield from label_findings(asked.frame, asked.roles, features, asked.limits)
    if asked.limits.max_label_noise is not None:
        present = [name for name in features if name in asked.frame.columns]
        noise = label_noise(asked.frame, asked.roles.outcome, present, asked.roles.subject)
        yield noise_finding(noise, asked.roles.outcome, asked.limits.max_label_noise)


RULES: tuple[Rule, ...] = (uniqueness, completeness, validity, labels, timeliness, hidden, units, label_quality)
"""The catalogue: add a rule as one function and list it here."""
