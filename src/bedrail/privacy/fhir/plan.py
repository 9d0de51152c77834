"""The rules of a configuration as one machine: every element is met once, and knows at once what to do.

A `Plan` stands for a type of element at a place, with how far each rule's path has come there and which rule the
element stands in. Plans grow as resources show elements, and are kept: after the first few resources a walk only looks
up. Of the rules that reach an element, itself or through what it stands in, the first in the list decides. An element
that R4 does not have, and an extension that no rule speaks of, is dropped.
"""

from __future__ import annotations

from typing import Any

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir import labels
from bedrail.privacy.fhir.changes import change_for, dropped, replacement
from bedrail.privacy.fhir.configuration import Configuration, Rule
from bedrail.privacy.fhir.elements import (
    DATES,
    NUMBERS,
    PRIMITIVES,
    QUANTITIES,
    Element,
    elements,
    fhirpath_type,
    inside,
    resource_types,
)
from bedrail.privacy.fhir.expressions import is_true
from bedrail.privacy.fhir.operations import (
    Edge,
    Holed,
    Op,
    checked,
    even_out,
    json_types,
    listed,
    masked,
    meaning_something,
    old_age,
    text_only,
    wrong,
)  # fmt: skip
from bedrail.privacy.fhir.paths import Step
from bedrail.privacy.fhir.visit import Visit

DEEPEST = 60
"""Elements inside elements: more than any real resource has, and less than Python's stack."""

Position = tuple[int, int, int]
"""(rule, line of its path, steps taken)."""


class Book:
    """All plans of one configuration; not shared between threads."""

    def __init__(self, rules: Configuration) -> None:
        self.rules = rules
        self.every: list[Edge] = []
        self._roots: dict[str, Plan] = {}
        self.floating = [
            (rule.number, number, line[0])
            for rule in rules.rules
            for number, line in enumerate(rule.lines)
            if line[0].kind in ("type", "name")
        ]

    def step(self, position: Position) -> Step | None:
        """The step that comes next, None at the end of a path."""
        line = self.rules.rules[position[0]].lines[position[1]]
        return line[position[2]] if position[2] < len(line) else None

    def root(self, kind: str) -> Plan:
        """The plan of a resource type; raises `Invalid` for a type that R4 does not have."""
        found = self._roots.get(kind)
        if found is None:
            if kind not in resource_types():
                raise Invalid("no resource type of R4.", path="resourceType", remedy="Only FHIR R4 resources are read.")
            found = self._roots[kind] = self._grown_root(kind)
        return found

    def _grown_root(self, kind: str) -> Plan:
        positions = set()
        for rule in self.rules.rules:
            for number, line in enumerate(rule.lines):
                first = line[0]
                if (first.kind == "root" and first.name in ("", kind)) or (first.kind == "type" and first.name == kind):
                    positions.add((rule.number, number, 1))
        settled, waiting = self.settle(positions, kind, None)
        if waiting:
            raise Invalid("a condition on a whole resource.", path="where()", remedy="Put it on an element.")
        return Plan(self, kind, kind, settled, self.decided(settled, None), None, 0)

    def settle(self, positions: set[Position], kind: str, value: Any) -> tuple[frozenset[Position], bool]:
        """Positions after their conditions on an element of type `kind`; True when a condition needs the value itself.

        With a value, conditions are tried on it; with None they only say that they wait.
        """
        settled, waiting = set(), False
        for rule, line, at in positions:
            taken = at
            while (step := self.step((rule, line, taken))) is not None:
                if step.kind == "of":
                    if step.name not in (kind, fhirpath_type(kind)):
                        break
                elif step.kind == "where":
                    assert step.test is not None
                    if value is None:
                        waiting = True
                        break
                    if not is_true(step.test, value):
                        break
                else:
                    settled.add((rule, line, taken))
                    break
                taken += 1
            else:
                settled.add((rule, line, taken))
        return frozenset(settled), waiting

    def decided(self, positions: frozenset[Position], inherited: int | None) -> int | None:
        """The first rule that has reached the end of its path here, or that the element stands in."""
        ends = [rule for rule, line, at in positions if self.step((rule, line, at)) is None]
        return min([*ends, *(() if inherited is None else (inherited,))], default=None)

    def below(self, positions: frozenset[Position], element: Element) -> set[Position]:
        """Where paths have come at a child."""
        found = set()
        for rule, line, at in positions:
            step = self.step((rule, line, at))
            if step is None:
                continue
            if step.kind == "below":
                found.update({(rule, line, at), (rule, line, at + 1)})
                after = self.step((rule, line, at + 1))
                if after is not None and after.kind == "child" and after.name in (element.name, element.key):
                    found.add((rule, line, at + 2))
            elif step.kind == "any" or (step.kind == "child" and step.name in (element.name, element.key)):
                found.add((rule, line, at + 1))
        for number, line, first in self.floating:
            if first.kind == "type":
                if first.name in (element.type, fhirpath_type(element.type)):
                    found.add((number, line, 1))
            elif first.name in (element.name, element.key):
                found.add((number, line, 1))
        return found

    def taken_counts(self) -> list[tuple[str, str, str, int]]:
        """(place, action, rule, how often) since the last call."""
        found = []
        for edge in self.every:
            if edge.count:
                found.append((edge.place, edge.action, edge.rule, edge.count))
                edge.count = 0
        return found


class Plan:
    """A type of element at a place."""

    __slots__ = ("above", "book", "depth", "edges", "kind", "place", "positions", "required", "rule")

    def __init__(
        self,
        book: Book,
        kind: str,
        place: str,
        positions: frozenset[Position],
        rule: int | None,
        above: Plan | None,
        depth: int,
    ) -> None:
        self.book, self.kind, self.place, self.positions, self.rule = book, kind, place, positions, rule
        self.above, self.depth = above, depth
        self.edges: dict[str, Op | None] = {}
        needed = [each for each in elements(kind).values() if each.required] if book.rules.own else []
        self.required = [(e.key, "_" + e.key if e.type in PRIMITIVES else e.key, e.many) for e in needed]

    def walk(self, given: Any, visit: Visit) -> dict[str, Any] | None:
        """What stays of one JSON object; None when nothing does. Raises `Invalid` with the place, without content."""
        if type(given) is not dict:
            raise Invalid("an object is expected.", path=self.place, remedy="Mend the resource.")
        out, paired, edges = {}, False, self.edges
        for key, value in given.items():
            try:
                op = edges[key]
            except KeyError:
                op = self.grow(key)
            if op is None:
                if value.__class__ is not str:
                    raise wrong(f"{self.place}.{key}", "text is expected.")
                out[key] = value
                continue
            new = op(value, visit)
            if new is not None:
                out[key] = new
                if new.__class__ is Holed:
                    paired = True
        if paired:
            even_out(given, out)
        if self.required and out:
            for key, name, many in self.required:
                if key in given and key not in out:
                    stood_in: Any = [masked()] if many else masked()
                    out[name] = stood_in
        return out or None

    def grow(self, key: str) -> Op | None:
        """Find out, once, what to do with an element."""
        bare = key[1:] if key[:1] == "_" else key
        element = elements(self.kind).get(bare)
        if key == "resourceType" and self.kind in resource_types():
            op: Op | None = None
        elif element is None or (key[:1] == "_" and element.type not in PRIMITIVES):
            op = self._unknown()
        elif key[:1] == "_":
            op = self._grown(element._replace(type="Element"), key, element)
        else:
            op = self._grown(element, key, element)
        self.edges[key] = op
        return op

    def _unknown(self) -> Op:
        """Not an element of R4: what it holds is not known, so nothing of it stays, its name neither."""
        edge = Edge(f"{self.place}.(unknown)", "redacted", "not an element of FHIR R4")
        self.book.every.append(edge)

        def op(_: Any, visit: Visit) -> None:
            edge.count += 1
            visit.flags |= labels.REDACTED

        return op

    def _grown(self, element: Element, key: str, named: Element) -> Op | None:
        positions = self.book.below(self.positions, named)
        settled, waiting = self.book.settle(positions, named.type, None)
        if not waiting:
            return self._op(element, key, settled)
        variants: dict[frozenset[Position], Op] = {}

        def chosen(value: Any, visit: Visit) -> Any:
            found, _ = self.book.settle(positions, named.type, value)
            op = variants.get(found)
            if op is None:
                made = self._op(element._replace(many=False), key, found)
                op = variants[found] = made if made is not None else text_only(f"{self.place}.{key}")
            return op(value, visit)

        return listed(chosen, f"{self.place}.{key}") if element.many else chosen

    def _op(self, element: Element, key: str, positions: frozenset[Position]) -> Op | None:
        """The operation for an element whose rule is known."""
        book, place = self.book, f"{self.place}.{key}"
        number = book.decided(positions, self.rule)
        rule = book.rules.rules[number] if number is not None else None
        if element.type in PRIMITIVES:
            return self._primitive(element, place, rule)
        op = self._complex(element, place, rule, positions, number)
        if getattr(op, "drops", False):
            return op
        return listed(op, place, holes=key[:1] == "_", beside=key[:1] == "_") if element.many else op

    def _primitive(self, element: Element, place: str, rule: Rule | None) -> Op | None:
        change = change_for(rule, self.kind, element, self.book.rules)
        if change is None and not element.many and element.type not in NUMBERS and element.type != "boolean":
            return None
        if change is dropped:
            return self._counted(place, "redacted", rule.path if rule else "no rule")
        check = checked(element, place)
        if change is None:
            return listed(check, place, holes=True) if element.many else check
        edge = Edge(place, _action(rule, self.book.rules) if rule else "redacted", rule.path if rule else "no rule")
        self.book.every.append(edge)

        kinds = json_types(element)

        def op(value: Any, visit: Visit) -> Any:
            if value.__class__ not in kinds:
                check(value, visit)
            new = change(value, visit)
            if new is not value:
                edge.count += 1
            return new

        return listed(op, place, holes=True) if element.many else op

    def _complex(  # noqa: PLR0911 (one return for each kind of element)
        self, element: Element, place: str, rule: Rule | None, positions: frozenset[Position], number: int | None
    ) -> Op:
        rules = self.book.rules
        if element.type == "Resource":
            return self._resource(place, rule, positions)
        if element.type == "Extension" and (rule is None or (rules.own and not self._ends(positions))):
            return self._counted(place, "redacted", "an extension that no rule names")
        method = rule.method if rule is not None else ""
        if rule is not None and method == "substitute":
            return self._substituted(element, place, rule, positions, number)
        if method == "redact" and rule is not None and self._nothing_stays(element.type, positions, rule.number):
            return self._counted(place, "redacted", rule.path)
        plan = self._child(element, place, positions, number)
        if method == "attachment" and element.type == "Attachment":
            from bedrail.privacy.fhir.attachments import attachment_op

            return attachment_op(
                self._edge(place, "cleaned or removed", rule.path if rule else ""), plan, self.book.rules
            )
        if method == "age" and element.type in QUANTITIES:
            return old_age(self._edge(place, "ages of 90 and over together", rule.path if rule else ""), plan.walk)
        return meaning_something(plan.walk) if element.type == "Extension" else plan.walk

    def _nothing_stays(self, kind: str, positions: frozenset[Position], number: int) -> bool:
        """Whether a redacted element goes as a whole: no earlier rule reaches into it, and no part of it stays in
        part.
        """
        rules = self.book.rules
        if kind == "Extension":
            return True  # half an extension means nothing
        if any(rule < number and self.book.step((rule, line, at)) is not None for rule, line, at in positions):
            return False
        types, names = inside(kind)
        for earlier, _, first in self.book.floating:
            if earlier < number and first.name in (types if first.kind == "type" else names):
                return rules.rules[earlier].method == "redact" and not (types & DATES or types & {"Age", "Address"})
        partial = (rules.partial_dates and types & DATES) or (rules.partial_ages and "Age" in types)
        return not partial and not (rules.partial_zips and "Address" in types)

    def _ends(self, positions: frozenset[Position]) -> set[int]:
        """The rules that name this very element."""
        return {rule for rule, line, at in positions if self.book.step((rule, line, at)) is None}

    def _edge(self, place: str, action: str, rule: str) -> Edge:
        edge = Edge(place, action, rule)
        self.book.every.append(edge)
        return edge

    def _counted(self, place: str, action: str, rule: str) -> Op:
        edge = self._edge(place, action, rule)

        def op(_: Any, visit: Visit) -> None:
            edge.count += 1
            visit.flags |= labels.REDACTED

        op.drops = True  # type: ignore[attr-defined]
        return op

    def _child(self, element: Element, place: str, positions: frozenset[Position], number: int | None) -> Plan:
        """The plan below; where elements of a kind stand in each other, the outer one serves again."""
        above: Plan | None = self
        while above is not None:
            if above.kind == element.type and above.positions == positions and above.rule == number:
                return above
            above = above.above
        if self.depth >= DEEPEST:
            raise Invalid(f"nested deeper than {DEEPEST} elements.", path=place[:200], remedy="Take it apart.")
        return Plan(self.book, element.type, place, positions, number, self, self.depth + 1)

    def _resource(self, place: str, rule: Rule | None, positions: frozenset[Position]) -> Op:
        """A resource in a resource has rules of its own; only a rule that names this very place takes it away."""
        if rule is not None and rule.number in self._ends(positions) and rule.method == "redact":
            return self._counted(place, "redacted", rule.path)
        book, contained = self.book, place.endswith(".contained")

        def op(value: Any, visit: Visit) -> Any:
            if type(value) is not dict or type(value.get("resourceType")) is not str:
                raise wrong(place, "a resource is expected.")
            if contained:  # the same person's; its labels stand at the resource around it (R4, dom-4)
                return walk_resource(book, value, visit)
            flags = visit.flags
            made = visit_resource(book, value, visit)
            visit.flags = flags
            return made

        return op

    def _substituted(
        self, element: Element, place: str, rule: Rule, positions: frozenset[Position], number: int | None
    ) -> Op:
        """The replacement, with what an earlier rule made of single elements inside."""
        edge = self._edge(place, "substituted", rule.path)
        plan = self._child(element, place, positions, number)
        earlier = rule.number > 0

        def op(value: Any, visit: Visit) -> Any:
            edge.count += 1
            visit.flags |= labels.SUBSTITUTED
            made = replacement(rule)
            if made is None:
                return None
            if earlier and type(value) is dict:
                kept = plan.walk(value, visit) or {}
                made.update({key: new for key, new in kept.items() if new is not None})
            return made or None

        return op


def walk_resource(book: Book, resource: dict[str, Any], visit: Visit) -> dict[str, Any] | None:
    """A resource under its own rules. A Binary is an attachment of its own."""
    plan = book.root(resource["resourceType"])
    if plan.kind == "Binary" and plan.rule is not None and book.rules.rules[plan.rule].method == "attachment":
        from bedrail.privacy.fhir.attachments import clean_binary

        return clean_binary(resource, plan, visit)
    return plan.walk(resource, visit)


def visit_resource(book: Book, resource: dict[str, Any], visit: Visit) -> dict[str, Any] | None:
    """A resource that stands for itself: it may be another person's, and bears its own labels."""
    visit.turn_to(resource)
    made = walk_resource(book, resource, visit)
    if made is not None:
        labels.label(made, visit.flags)
    return made


_ACTIONS = {
    "keep": "kept unless it holds a known identifier", "redact": "redacted", "dateshift": "shifted",
    "cryptohash": "replaced by a code", "pseudonym": "replaced by a code", "substitute": "substituted",
    "perturb": "perturbed", "generalize": "generalised", "text": "free text treated",
    "narrative": "narrative treated", "zip3": "three digits of a ZIP code", "uri": "addresses replaced by codes",
    "uid": "replaced by a code", "attachment": "redacted", "age": "redacted",
}  # fmt: skip
_DATES = {"year": "year alone", "shift": "shifted", "keep": "dates kept"}


def _action(rule: Rule, rules: Configuration) -> str:
    """What a manifest says of a rule; evidence reads "shift" in it."""
    return _DATES[rules.dates] if rule.method == "date" else _ACTIONS[rule.method]
