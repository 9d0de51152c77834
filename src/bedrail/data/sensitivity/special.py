"""Special categories of health data, by words and by codes: data with rules of their own.

Substance use: 42 CFR Part 2. Mental health, HIV, reproductive health: state laws; 45 CFR 164.501 (psychotherapy notes);
GDPR Art. 9 for all of them, and genetic data by name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from bedrail.core.values import Value
from bedrail.data.catalogue import SPECIALS


class _Category(Value, frozen=True, kw_only=True):
    words: tuple[str, ...]
    codes: str
    bare: str


class _Patterns(NamedTuple):
    words: re.Pattern[str]
    codes: re.Pattern[str]
    bare: re.Pattern[str]


@cache
def _categories() -> dict[str, _Patterns]:
    text = files("bedrail.data.sensitivity").joinpath("special.toml").read_text(encoding="utf-8")
    read = msgspec.convert(tomllib.loads(text), dict[str, _Category])
    assert set(read) == set(SPECIALS)
    return {
        name: _Patterns(
            re.compile("|".join(each.words)), re.compile(rf"({each.codes})\Z"), re.compile(rf"({each.bare})\Z")
        )
        for name, each in read.items()
    }


def special_of(name: str, values: Sequence[str], *, diagnosis: bool) -> tuple[str, ...]:
    """The special categories that the name (in words) speaks of, or that some sampled value belongs to.

    Values count as words or as codes; `diagnosis` says whether bare numbers may be read as ICD-9. One value is enough,
    since one row discloses.
    """
    found = {special for special, patterns in _categories().items() if patterns.words.search(name)}
    for value in values:
        code, lowered = value.strip().upper(), value.lower()
        for special, patterns in _categories().items():
            if special in found:
                continue
            coded = len(code) <= 8 and (patterns.codes.match(code) or (diagnosis and patterns.bare.match(code)))
            if coded or (len(code) > 2 and patterns.words.search(lowered)):
                found.add(special)
    return tuple(sorted(found))
