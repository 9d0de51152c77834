"""Nouns shared by several rooms: tiers, verdicts, findings and evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

Tier = Literal["low", "medium", "high"]
Mode = Literal["inform", "confirm", "review"]

TIERS: tuple[Tier, ...] = ("low", "medium", "high")
MODES: tuple[Mode, ...] = ("inform", "confirm", "review")

NO_DECISION = "no decision: use clinical judgement"


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen value whose parser refuses fields that it does not know."""


Rate = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Pace(Value, frozen=True, kw_only=True):
    """How fast decisions may be asked for: a steady rate and how many at once, for one token and for all together.

    The defaults leave a ward, and a whole hospital scoring its patients over night, far behind them: they are there for
    loops that ran away and for whoever wants the whole model by asking. Each serving process counts for itself.
    """

    per_minute: Rate = 6_000
    burst: Rate = 1_000
    all_per_minute: Rate = 30_000
    all_burst: Rate = 5_000


class Verdict(StrEnum):
    """No evidence is not failed evidence: `MISSING` and `FAIL` both close a gate, and say different things."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    MISSING = "missing"


class Finding(Value, frozen=True, kw_only=True):
    """One measured statement of a check about one group, with its uncertainty.

    `group` is `overall` or `column=value` pairs joined by ` & `. `low` and `high` bound the estimate at the
    stated confidence (95 % unless the check says otherwise). `smallest_gap` is the smallest difference from the
    reference that the data could have shown with 80 % power. Numbers are None where they do not exist. `judged` is
    False for what passes because no requirement judges it: a figure without a bound, or arithmetic that no model
    can change.
    """

    check: str
    group: str = "overall"
    verdict: Verdict
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    smallest_gap: float | None = None
    reason: str = ""
    judged: bool = True


class Evidence(Value, frozen=True, kw_only=True):
    """The answer to one check about exact bytes: what was asked, about which digests, with which findings.

    Digests are SHA-256 in hex. `findings` holds every number; `verdict` is the worst of them as the check rules.
    `spent` is the chance, at most, that the check fails a model without fault, by which it was judged (ADR 0034); None
    where it spends nothing, and in evidence made before shares were told.
    """

    check: str
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    use_case: str = ""
    candidate: str = ""
    dataset: str = ""
    policy: str = ""
    made_at: str = ""
    made_by: str = ""
    code: str = ""
    spent: float | None = None


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Fail beats missing beats pass; nothing at all is missing."""
    for verdict in (Verdict.FAIL, Verdict.MISSING):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS if verdicts else Verdict.MISSING
