"""Rules that name a level by a pattern: kept as TOML, so that whoever answers for them can read them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from bedrail.core.values import Value
from bedrail.data.catalogue import Level


class Said(NamedTuple):
    """What a name or a place says: a level, which identifier or kind of data, and how surely (0..1)."""

    level: Level
    label: str
    confidence: float


class _Rule(Value, frozen=True, kw_only=True):
    level: Level
    label: str
    confidence: float
    pattern: str


class _Rules(Value, frozen=True, kw_only=True):
    rule: tuple[_Rule, ...]


@cache
def rules(name: str) -> tuple[tuple[re.Pattern[str], Said], ...]:
    """The rules of a file that stands beside this one, in order."""
    text = files("bedrail.data.sensitivity").joinpath(name).read_text(encoding="utf-8")
    read = msgspec.convert(tomllib.loads(text), _Rules)
    return tuple((re.compile(each.pattern), Said(each.level, each.label, each.confidence)) for each in read.rule)


def words_in(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())
