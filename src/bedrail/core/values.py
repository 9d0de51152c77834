"""Nouns shared by several rooms: tiers, verdicts, findings and evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Tier = Literal["low", "medium", "high"]
Mode = Literal["inform", "confirm", "review"]

TIERS: tuple[Tier, ...] = ("low", "medium", "high")
MODES: tuple[Mode, ...] = ("inform", "confirm", "review")

NO_DECISION = "no decision: use clinical judgement"


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen value whose parser refuses fields that it does not know."""


class Verdict(StrEnum):
    """No evidence is not failed evidence: `MISSING` and `FAIL` both close a gate, and say different things."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    MISSING = "missing"


class Finding(Value, frozen=True, kw_only=True):
    """One measured statement of a check about one group, with its uncertainty.

    `group` is `overall` or `column=value` pairs joined by ` & `. `low` and `high` bound the estimate at the
    stated confidence (95 % unless the check says otherwise). `smallest_gap` is the smallest difference from the
    reference that the data could have shown with 80 % power. Numbers are None where they do not exist.
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


class Evidence(Value, frozen=True, kw_only=True):
    """The answer to one check about exact bytes: what was asked, about which digests, with which findings.

    Digests are SHA-256 in hex. `findings` holds every number; `verdict` is the worst of them as the check rules.
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


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Fail beats missing beats pass; nothing at all is missing."""
    for verdict in (Verdict.FAIL, Verdict.MISSING):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS if verdicts else Verdict.MISSING
