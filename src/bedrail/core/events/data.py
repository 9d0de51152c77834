"""Facts about people's choices and about datasets: how they were made, who read them, whom they kept apart."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class ConsentRecorded(FactStruct, frozen=True, kw_only=True, tag="consent.recorded"):
    """What a person (a pseudonym) decided for one purpose and one use case (`*` for all).

    `purpose` is care, quality, research, training or sharing; `choice` is permitted, denied or revoked. It holds from
    `starts` to `ends` (UTC, empty: without limit). `basis` says on what ground it was recorded (a form, a call);
    `source` is the SHA-256 of the document that it was read from, empty without one.
    """

    subject: str
    purpose: str
    use_case: str
    choice: str
    starts: str
    ends: str
    basis: str
    source: str


class ConsentRulesAdopted(FactStruct, frozen=True, kw_only=True, tag="consent.rules-adopted"):
    """What holds for people who decided nothing, by purpose: permitted, opt-out, opt-in or waiver.

    `rules` is the artifact with the rules' text and their legal sources.
    """

    name: str
    defaults: dict[str, str]
    rules: str


class DatasetBuilt(FactStruct, frozen=True, kw_only=True, tag="dataset.built"):
    """How an admitted dataset came about: from which sources, through which steps, without whom.

    `sources` and `steps` are `name@digest` (the digest may be empty); `query` is the SHA-256 of the extraction query's
    text, empty without one; `previous` is the version before. Rows are counted as they fell away: outside the rows that
    the purpose needs, then of people without consent for `purpose` under the consent rules `jurisdiction`
    (`waiver` names the board's decision that stood for missing authorisations). `columns` are those that were kept.
    """

    dataset: str
    use_case: str
    purpose: str
    jurisdiction: str
    waiver: str
    sources: tuple[str, ...]
    query: str
    steps: tuple[str, ...]
    previous: str
    columns: tuple[str, ...]
    columns_left_out: int
    rows_not_needed: int
    rows_without_consent: int
    people_without_consent: int


class DatasetRead(FactStruct, frozen=True, kw_only=True, tag="dataset.read"):
    """Somebody, or the system, read these columns and so many rows of a stored dataset; `part` is all, train ..."""

    dataset: str
    use_case: str
    columns: tuple[str, ...]
    rows: int
    part: str
    reason: str


class DatasetReadRefused(FactStruct, frozen=True, kw_only=True, tag="dataset.read-refused"):
    """Somebody asked for more of a dataset than the purpose of its use case needs, and was not given it."""

    dataset: str
    use_case: str
    columns: tuple[str, ...]
    reason: str


class HoldoutSpared(FactStruct, frozen=True, kw_only=True, tag="dataset.holdout-spared"):
    """Patients from whose rows in another dataset a candidate was made were kept out of the holdout that judges it."""

    dataset: str
    use_case: str
    candidate: str
    made_from: str
    patients: int
    rows: int


class DatasheetMade(FactStruct, frozen=True, kw_only=True, tag="dataset.described"):
    """A datasheet was made from measured facts; `missing` and `stale` name the sections that people still owe."""

    dataset: str
    use_case: str
    sheet: str
    missing: tuple[str, ...]
    stale: tuple[str, ...]
