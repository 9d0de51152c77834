"""The shipped policy `safe-harbor`: 45 CFR 164.514(b)(2) for any table, its columns recognised by name and sample."""

from __future__ import annotations

from collections.abc import Sequence

from bedrail.privacy.release.hierarchies import number_in
from bedrail.privacy.release.recognise import CITE, recognise
from bedrail.privacy.release.values import Column, Policy, Targets
from bedrail.privacy.text.transform import Finding

NAME = "safe-harbor"
MOST_LOOKED_AT = 300


def safe_harbor(header: Sequence[str], sample: Sequence[Sequence[str]], detector: Finding | None = None) -> Policy:
    """The policy for a table with this header; `sample` holds some values of each column.

    All eighteen identifiers go, by letter; ZIP codes to three digits, dates to years, ages over 89 together; sentences
    through the text engine; and what is not known to be harmless is left out. Only the first column of patients keeps
    its meaning, as a pseudonym (164.514(c)). With a `detector`, a column of words that are mostly people is left out.
    """
    columns: dict[str, Column] = {}
    subject = False
    for at, name in enumerate(header):
        column = recognise(name, sample[at] if at < len(sample) else ()).column
        if column.part == "subject":
            if subject:
                column = Column(role="direct", method="drop", why=column.why, rule=column.rule)
            subject = True
        if detector is not None and column.treatment == "keep" and are_people(sample[at], detector):
            column = Column(role="direct", method="drop", why="by its values: names of people", rule=f"{CITE}(A)")
        columns[name] = column
    return Policy(name=NAME, safe_harbor=True, columns=columns)


def are_people(values: Sequence[str], detector: Finding) -> bool:
    """Whether a fifth of the different values are, for the greater part, names."""
    different = sorted({value for value in values if any(sign.isalpha() for sign in value)})[:MOST_LOOKED_AT]
    names = 0
    for value in different:
        covered = sum(span.end - span.start for span in detector.detect(value) if span.label == "NAME")
        names += covered >= 0.6 * len(value)
    return names >= 3 and names >= 0.2 * len(different)


def draft(header: Sequence[str], sample: Sequence[Sequence[str]], *, k: int = 5) -> tuple[Policy, dict[str, str]]:
    """A first policy for an expert to work on, and a comment on each column: what identifies goes, what may help to
    identify is generalised to k, the rest stays."""
    base = safe_harbor(header, sample)
    columns: dict[str, Column] = {}
    comments: dict[str, str] = {}
    for (name, column), values in zip(base.columns.items(), sample, strict=True):
        comments[name] = f"{column.why}; Safe Harbor: {column.rule}"
        columns[name] = _for_an_expert(name, column)
        if columns[name].hierarchy == "intervals" and not _mostly_numbers(values):
            columns[name] = Column(role="quasi", hierarchy="suppress")
            comments[name] += '; these are bands, no numbers: join them by hierarchy = "tree", or they go altogether'
    quasi = any(each.treatment == "generalise" for each in columns.values())
    targets = Targets(k=k, suppression=0.02) if quasi else None
    return Policy(name="draft", columns=columns, targets=targets), comments


def _mostly_numbers(values: Sequence[str]) -> bool:
    there = [value for value in values if value.strip()]
    return 2 * sum(number_in(value) is not None for value in there) >= len(there)


QUASI = ("sex", "gender", "race", "ethnicity", "marital", "language", "education", "religion", "state", "country")


def _for_an_expert(name: str, column: Column) -> Column:
    part = column.part
    if part == "zip":
        return Column(role="quasi", hierarchy="zip")
    if part == "age":
        return Column(role="quasi", hierarchy="intervals", widths=(5, 10, 20), top=90)
    if part == "date":
        return Column(role="quasi", hierarchy="date")
    if part == "insensitive" and any(word in name.lower() for word in QUASI):
        return Column(role="quasi", hierarchy="suppress")
    if part in ("subject", "text"):
        return Column(role=column.role)
    return Column(role="direct") if part == "direct" else Column(role="insensitive")
