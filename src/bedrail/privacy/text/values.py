"""The nouns of text detection: what is known of a patient, candidates, rules and language packs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from bedrail.core.values import Value

Mode = Literal["full", "rules"]

DIGITS = "0"
"""As a trigger: a run of digits."""
MIXED = "a0"
"""As a trigger: a run without spaces that begins with a letter and holds a digit."""


class Known(Value, frozen=True, kw_only=True):
    """A value that the structured record already tells about this patient: it is searched for before anything else.

    `label` is one of `privacy.values.LABELS`. Never written anywhere by a detector.
    """

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and where to try it: anchored at each token that is one of `triggers` (lower case, accents folded).

    A trigger may begin with one of , ( [ . when that must stand before the word; with `capital`, only one with a
    capital counts. With `behind`, the pattern may begin that many tokens before its trigger, and is searched for around
    it. `before` must match what stands before the pattern, to its last sign (of forty). One that `follows` is tried
    only where the pattern of the rule right before it, with the same triggers, matched. Each group named `x`, `x2` ...
    becomes a candidate of `label`, if `check` accepts its text. A rule with label "" protects what it matches from
    weaker candidates (a PMID is nobody's number).
    """

    label: str
    triggers: frozenset[str]
    pattern: re.Pattern[str]
    confidence: float
    check: Callable[[str], bool] | None = None
    behind: int = 0
    capital: bool = False
    before: re.Pattern[str] | None = None
    follows: bool = False


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A stretch of normalised text, not yet weighed against the others."""

    start: int
    end: int
    label: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class Pack:
    """All that is particular to one language.

    `scans` are searched for through the whole text when one of their triggers occurs in it; slower than `behind`. A
    number of up to three digits before one of `measures` is looked at by no rule. `words` names the gazetteer file and
    `tagger` the model file in `privacy/text/data` ("" for none). `thresholds` are probabilities, one a tagger label,
    from which the tagger alone is believed. What `bridge` matches wholly goes with the places on both sides of it (the
    state inside an address); what `initials` matches right before a name goes with the name. `idle` words (of grammar,
    greetings, roles, units) are no identifier by themselves, nor the beginning or end of one; behind an eponym,
    `things` make a sign or a device of it (Murphy sign).
    """

    language: str
    rules: tuple[Rule, ...]
    scans: tuple[Rule, ...] = ()
    measures: frozenset[str] = frozenset()
    words: str = ""
    tagger: str = ""
    thresholds: dict[str, float] = field(default_factory=dict)
    bridge: re.Pattern[str] | None = None
    initials: re.Pattern[str] | None = None
    idle: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()
