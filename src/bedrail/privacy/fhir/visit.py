"""What a walk through one resource carries along: whose it is, how its dates move, what was done so far."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bedrail.privacy.fhir.configuration import Configuration
from bedrail.privacy.fhir.naming import Naming
from bedrail.privacy.fhir.subjects import People, Person
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.values import Known
from bedrail.privacy.wording import known_pattern


class Words(Protocol):
    """Whatever makes free text fit to leave: the text engine, as other media use it."""

    def clean(self, text: str, subject: str, known: Sequence[Known]) -> str:
        """The text without identifiers."""
        ...


class Visit:
    """One resource (with what it contains) under one configuration."""

    __slots__ = (
        "_days", "_guards", "_guards_for", "_personal", "around", "flags", "guard", "keyed", "known", "naming",
        "people", "person", "resource_id", "rules", "scope", "this_year", "words",
    )  # fmt: skip

    MOST_GUARDS = 20_000
    MOST_OTHERS = 200
    """So many names of clinicians and others are looked for; a whole staff list would hit common words."""

    def __init__(
        self,
        rules: Configuration,
        keyed: Keyed,
        naming: Naming,
        words: Words | None,
        *,
        people: People,
        this_year: int,
        scope: str = "",
    ) -> None:
        """`scope` is the name of file or folder, for configurations that shift by them."""
        self.rules, self.keyed, self.naming, self.words = rules, keyed, naming, words
        self.people, self.this_year, self.scope = people, this_year, scope
        self.around: Person | None = None
        self.flags = 0
        self.resource_id = ""
        self.person: Person | None = None
        self.known: tuple[Known, ...] = ()
        self.guard: re.Pattern[str] | None = None
        self._days: int | None = None
        self._guards_for = people
        self._personal = rules.own or rules.shift_scope == "patient"
        self._guards: dict[int, tuple[Person | None, tuple[Known, ...], re.Pattern[str] | None]] = {}

    def turn_to(self, resource: Mapping[str, Any]) -> None:
        """Another resource: whose it is, and what is known of that person."""
        found = resource.get("id")
        self.flags, self.resource_id = 0, found if isinstance(found, str) else ""
        if not self._personal:
            self._days = None if self.rules.shift_scope == "resource" else self._days
            return
        person = self.people.of(resource, self.around)
        if person is not self.person or person is None or self.rules.shift_scope == "resource":
            self._days = None
        self.person = person
        if self._guards_for is not self.people:  # another Bundle, other people
            self._guards.clear()
            self._guards_for = self.people
        kept = self._guards.get(id(person))
        if kept is None or kept[0] is not person:
            if len(self._guards) > self.MOST_GUARDS:
                self._guards.clear()
            known = self._known_for(person)
            pattern = known_pattern(known) if self.rules.own else None
            kept = self._guards[id(person)] = (person, known, pattern)
        _, self.known, self.guard = kept

    def _known_for(self, person: Person | None) -> tuple[Known, ...]:
        people = self.people
        if person is None and len(people.patients) <= self.MOST_OTHERS:
            return people.everyone()
        others = people.names_of_others(self.MOST_OTHERS)
        return tuple(dict.fromkeys((*(person.known if person else ()), *others)))

    @property
    def subject(self) -> str:
        """The value that the person's pseudonym and offset are made of; the resource's own id for nobody's."""
        return self.person.subject if self.person is not None and self.person.subject else self.resource_id

    @property
    def days(self) -> int:
        """By how much dates move."""
        if self._days is None:
            self._days = self._offset()
        return self._days

    def _offset(self) -> int:
        rules = self.rules
        if rules.shift_fixed is not None:
            return rules.shift_fixed
        prefix = {"resource": self.resource_id, "patient": self.subject}.get(rules.shift_scope, self.scope)
        if rules.shift_key:
            return self.keyed.below(101, "dateShiftKey " + rules.shift_key, prefix) - 50
        return self.keyed.shift_days(prefix)
