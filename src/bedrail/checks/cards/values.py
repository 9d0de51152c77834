"""The nouns of a model card: what is said, where it comes from, how it stands, and the figures."""

from __future__ import annotations

from typing import Literal

from bedrail.core.values import Value

FORMAT = "bedrail-card/1"

Standing = Literal["measured", "answered", "stale", "missing", "optional"]
"""By facts; by a person; by a person and to be looked at again; owed; not said and not owed."""

Part = Literal["usefulness", "fairness", "safety"]
NOT_PROVIDED = "not provided"
"""How an empty attribute is shown, never hidden: 45 CFR 170.315(b)(11)(v)(A) asks for it."""


class Source(Value, frozen=True, kw_only=True):
    """Where a value comes from: `kind` (evidence, package, dataset, charter, policy, ledger, person), name, digest."""

    kind: str
    name: str = ""
    digest: str = ""

    def words(self) -> str:
        """`evidence discrimination 1a2b3c4d5e6f`."""
        return " ".join(word for word in (self.kind, self.name, self.digest[:12]) if word)


class Said(Value, frozen=True, kw_only=True):
    """One item of a card: its text, how it stands, its sources; who said it when, for people's; who owes it."""

    item: str
    text: str
    standing: Standing
    sources: tuple[Source, ...] = ()
    by: str = ""
    at: str = ""
    note: str = ""
    owner: str = ""


class Measure(Value, frozen=True, kw_only=True):
    """A figure as the evidence holds it; `digest` is the evidence, `level` the confidence of the interval."""

    part: Part
    check: str
    label: str
    group: str
    estimate: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    level: float | None = None
    verdict: str = ""
    digest: str = ""


class Card(Value, frozen=True, kw_only=True):
    """The record behind every rendering: about one candidate of one use case."""

    format: Literal["bedrail-card/1"] = "bedrail-card/1"
    use_case: str
    title: str
    candidate: str
    name: str
    version: str
    made_at: str
    made_by: str
    code: str
    said: tuple[Said, ...]
    measures: tuple[Measure, ...]
    digests: dict[str, str]

    def item(self, name: str) -> Said:
        """The item of that name; raises KeyError when the card has none."""
        for said in self.said:
            if said.item == name:
                return said
        raise KeyError(name)

    def standing(self, standing: Standing) -> tuple[str, ...]:
        """The items that stand so."""
        return tuple(said.item for said in self.said if said.standing == standing)

    def figures(self, part: Part) -> tuple[Measure, ...]:
        """The figures of one part, in the order of the evidence."""
        return tuple(measure for measure in self.measures if measure.part == part)


class Answer(Value, frozen=True, kw_only=True):
    """A section as a person wrote it: by whom, when (ISO 8601), about which candidate and charter."""

    text: str
    by: str
    at: str
    candidate: str
    charter: str


class Sections(Value, frozen=True, kw_only=True):
    """All sections that people wrote for a use case."""

    use_case: str
    answers: dict[str, Answer]
