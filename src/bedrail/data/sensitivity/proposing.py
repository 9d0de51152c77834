"""A proposal for each field of an asset, from its name, its sampled values, and the company it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from bedrail.data.catalogue import (
    DIRECT,
    HEALTH,
    LEVELS,
    ORDINARY,
    PUBLIC,
    QUASI,
    FieldSheet,
    Kind,
    Level,
    Proposal,
    Sheet,
)
from bedrail.data.sampling import Reservoir, Survey, present, type_of
from bedrail.data.sensitivity.names import by_name
from bedrail.data.sensitivity.paths import by_dicom_tag, by_fhir_path, by_hl7_field
from bedrail.data.sensitivity.rules import Said
from bedrail.data.sensitivity.shapes import Shape, distinct_share, shape_of, strays
from bedrail.data.sensitivity.special import special_of
from bedrail.data.sensitivity.words import words_of

Finder = Callable[[str], Sequence[str]]
"""The labels of identifiers found in a text (see `privacy.values.LABELS`); passed in, since it stands above."""

TEXT_CELLS = 50
"""Free-text cells that are looked into, of those sampled."""

_DATES = ("date", "datetime")


def propose(seen: Survey, *, complete: bool, notes: Sequence[str], fingerprint: str, find: Finder | None) -> Sheet:
    """The sheet of an asset: a proposal for each field, in a fixed order. Nothing of any value is in it."""
    fields = [_field(seen, name, kept, find) for name, kept in seen.fields.items()]
    if not _about_people(fields, seen.asset.kind) and not _places_of_health(fields):
        fields = [_as_reference(field) for field in fields]
    else:
        fields = [_in_company(field) for field in fields]
    return Sheet(
        name=seen.asset.name,
        kind=seen.asset.kind,
        location=seen.asset.location,
        rows=seen.rows,
        complete=complete,
        seed=seen.seed,
        fields=tuple(fields),
        fingerprint=fingerprint,
        notes=tuple(notes),
    )


def _field(seen: Survey, name: str, kept: Reservoir, find: Finder | None) -> FieldSheet:
    plain, _, vr = name.partition("|")  # a DICOM field is named with its value representation
    kind = type_of(kept.values)
    proposal = _proposal(seen.asset.kind, plain, vr, kind, kept, find)
    filled = round(min(1.0, kept.seen / seen.rows), 3) if seen.rows else 0.0
    return FieldSheet(name=plain, type=kind, filled=filled, sampled=len(kept.values), proposal=proposal)


def _proposal(asset: Kind, name: str, vr: str, kind: str, kept: Reservoir, find: Finder | None) -> Proposal:
    named = _named(asset, name, vr)
    if asset not in ("fhir", "hl7-feed", "imaging") and _names_a_key(name) and (named is None or named.level == HEALTH):
        named = Said(DIRECT, "UNIQUE_ID", 0.6) if distinct_share(kept.values) > 0.95 else None
    shape = shape_of(kept.values) if kind in ("code", "words", "free-text", "integer", "number") else None
    if kind == "free-text" and (named is None or named.level not in (DIRECT, QUASI)):
        made = _free_text(kept.values, find)
    else:
        made = _combined(named, shape, kind, kept)
    words = " ".join(words_of(name))
    health = made.level == HEALTH or named is None or named.level == HEALTH
    diagnosis = made.label == "diagnosis" and kind != "boolean" and "id" not in words.split()
    special = special_of(words, kept.words, diagnosis=diagnosis) if health else ()
    extra = strays(kept.words) if made.level != DIRECT and kind in ("code", "words") else ()
    if extra:
        made = Proposal(
            level=DIRECT, label=extra[0], confidence=0.7, reason=f"some values look like {' and '.join(extra)}"
        )
    if special and made.level in (ORDINARY, PUBLIC):
        made = Proposal(level=HEALTH, label="health", confidence=0.6, reason="speaks of a special category")
    return Proposal(
        level=made.level, label=made.label, special=special, confidence=round(made.confidence, 2), reason=made.reason
    )


def _named(asset: Kind, name: str, vr: str) -> Said | None:
    if asset == "fhir":
        return by_fhir_path(name)
    if asset == "hl7-feed":
        return by_hl7_field(name)
    if asset == "imaging" and vr:
        return by_dicom_tag(name, vr)
    last = name.rpartition(".")[2]
    return by_name(last) or (by_name(name) if last != name else None)


def _names_a_key(name: str) -> bool:
    words = words_of(name.rpartition(".")[2])
    return bool(words) and words[-1] in ("id", "ids", "key", "guid", "identifier")


def _combined(named: Said | None, shape: Shape | None, kind: str, kept: Reservoir) -> Proposal:
    """Name and values together: values with a check overrule a name that says less, and support one that agrees."""
    if shape is not None and (named is None or _stricter(shape.level, named.level)):
        certain = 0.6 + 0.35 * shape.share
        return Proposal(
            level=shape.level, label=shape.label, confidence=certain, reason=f"values look like {shape.label}"
        )
    named = _by_values(named, kind, kept)
    if named is not None:
        agrees = (shape is not None and shape.label == named.label) or (named.label == "DATE" and kind in _DATES)
        if named.label == "DATE" and kind == "boolean":
            return Proposal(level=ORDINARY, label="flag", confidence=0.5, reason="named like a date, but is a flag")
        sure = min(0.99, named.confidence + 0.05) if agrees else named.confidence
        reason = f"the name says {named.label}" + (", and so do the values" if agrees else "")
        return Proposal(level=named.level, label=named.label, confidence=sure, reason=reason)
    if kind in _DATES:
        return Proposal(level=QUASI, label="DATE", confidence=0.7, reason="the values are dates")
    if kind in ("integer", "code") and _is_key(kept):
        reason = "nearly every value is another one, and long"
        return Proposal(level=DIRECT, label="UNIQUE_ID", confidence=0.45, reason=reason)
    return Proposal(level=ORDINARY, label="", confidence=0.3, reason="neither name nor values say anything")


def _by_values(named: Said | None, kind: str, kept: Reservoir) -> Said | None:
    """What the name says, once the values had their word: a moment is no number, and an ordinal is no key."""
    if named is None:
        return None
    if kind in _DATES and named.label not in ("DATE", "notes"):
        return Said(QUASI, "DATE", 0.8)
    if named.label == "code of a thing" and _is_key(kept):
        return Said(DIRECT, "UNIQUE_ID", 0.6)
    said = present(kept.values)
    if named.label == "UNIQUE_ID" and len(said) >= 50 and all(len(text) <= 2 for text in said):
        return Said(ORDINARY, "ordinal", 0.6)
    return named


def _is_key(kept: Reservoir) -> bool:
    said = present(kept.values)
    long = [text for text in said if len(text) >= 6 and sum(sign.isdigit() for sign in text) >= 4]
    return len(said) >= 20 and len(long) >= 0.9 * len(said) and distinct_share(said) > 0.98


def _stricter(one: Level, other: Level) -> bool:
    return LEVELS.index(one) < LEVELS.index(other)


def _free_text(values: Sequence[str], find: Finder | None) -> Proposal:
    looked = values[:: max(1, len(values) // TEXT_CELLS)][:TEXT_CELLS]  # a sample stands in its order of coming
    if find is None or not looked:
        return Proposal(level=HEALTH, label="notes", confidence=0.7, reason="free text; nobody looked for identifiers")
    found = [set(find(text)) for text in looked]
    hit = [labels for labels in found if labels]
    share = len(hit) / len(looked)
    if not hit:
        reason = f"free text; none of {len(looked)} sampled cells holds an identifier"
        return Proposal(level=HEALTH, label="notes", confidence=0.7, reason=reason)
    common = [label for label, _ in Counter(label for labels in hit for label in sorted(labels)).most_common()]
    reason = f"free text with identifiers in {share:.0%} of {len(looked)} sampled cells: {', '.join(common[:6])}"
    return Proposal(level=DIRECT, label="free text", confidence=0.6 + 0.35 * share, reason=reason)


def _about_people(fields: Sequence[FieldSheet], kind: Kind) -> bool:
    """Whether rows are about patients: something identifies or dates them; formats made for patients always are."""
    if kind != "ehr-table":
        return True
    return any(
        (field.proposal.level == DIRECT and field.proposal.confidence > 0.6)
        or field.proposal.label in ("age", "sex", "race", "free text", "notes")
        for field in fields
        if not _entitles(field)
    )


def _entitles(field: FieldSheet) -> bool:
    """Whether the field is a heading of its row, as dictionaries have them."""
    return bool({"title", "description", "desc", "definition", "label", "meaning"} & set(words_of(field.name)))


def _places_of_health(fields: Sequence[FieldSheet]) -> bool:
    """Places beside words about health: cases, counted or not, rather than a list of places."""
    levels = {(field.proposal.level, field.proposal.label) for field in fields}
    return (QUASI, "GEO") in levels and any(level == HEALTH for level, _ in levels)


def _as_reference(field: FieldSheet) -> FieldSheet:
    """In a table about nobody, words about health are a dictionary's."""
    said = field.proposal
    if said.level == HEALTH or said.label in ("GEO", "place of care"):
        reason = f"{said.reason}, in a table about nobody"
        said = Proposal(level=PUBLIC, label=said.label, confidence=0.6, reason=reason)
    elif said.level == ORDINARY or (said.label == "UNIQUE_ID" and said.confidence <= 0.6):
        said = Proposal(level=PUBLIC, label=said.label, confidence=0.5, reason="in a table about nobody")
    return _with(field, said)


def _in_company(field: FieldSheet) -> FieldSheet:
    """What nothing is known of is taken for health where rows are about patients: the careful guess."""
    said = field.proposal
    if said.level == ORDINARY and not said.label and field.type != "empty":
        said = Proposal(
            level=HEALTH, label="health", special=said.special, confidence=0.35, reason="unknown, about a patient"
        )
    return _with(field, said)


def _with(field: FieldSheet, said: Proposal) -> FieldSheet:
    return FieldSheet(name=field.name, type=field.type, filled=field.filled, sampled=field.sampled, proposal=said)
