"""Facts about the papers of a model: cards, the sections that people write, change logs."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class CardSectionsAdopted(FactStruct, frozen=True, kw_only=True, tag="card.sections-adopted"):
    """Somebody wrote sections of a use case's model card, or said that they still hold.

    `sections` is the artifact with all of them, kept ones included; `changed` and `confirmed` name those of this time.
    """

    use_case: str
    sections: str
    changed: tuple[str, ...]
    confirmed: tuple[str, ...]
    reason: str


class CardMade(FactStruct, frozen=True, kw_only=True, tag="card.made"):
    """A model card was made. `card` is the artifact of its signed record, `papers` the SHA-256 of each page by name.

    `missing` and `stale` name sections that people owe; `contradictions` are the linter's errors by rule.
    """

    use_case: str
    candidate: str
    card: str
    sections: str
    papers: dict[str, str]
    missing: tuple[str, ...]
    stale: tuple[str, ...]
    contradictions: tuple[str, ...]
    reason: str


class ChangeLogMade(FactStruct, frozen=True, kw_only=True, tag="card.changes-told"):
    """What changed between two candidates was told; `log` is the artifact of the signed statement."""

    use_case: str
    before: str
    after: str
    log: str
    papers: dict[str, str]
