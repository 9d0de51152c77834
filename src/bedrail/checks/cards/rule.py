"""The shape of a lint rule: one question to a card, answered by places where it contradicts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from bedrail.checks.cards.reading import CardText

Severity = Literal["error", "warning"]
Place = tuple[str, str]
"""(where, why)"""
Look = Callable[[CardText], Iterator[Place]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id, how bad a breach is, what it holds, how a breach is mended, and how it looks."""

    id: str
    severity: Severity
    title: str
    remedy: str
    look: Look


def rule(name: str, severity: Severity, title: str, remedy: str) -> Callable[[Look], Rule]:
    """Make a function of a card into a `Rule`; listing it in the catalogue is a second step."""

    def made(look: Look) -> Rule:
        return Rule(name, severity, title, remedy, look)

    return made
