"""Rules about the card as a whole: is it all there, is it about this model, and was it written for this version?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bedrail.checks.cards.reading import LEAVES, REQUIRED, CardText
from bedrail.checks.cards.rule import Place, rule
from bedrail.checks.cards.wording import content_words, negated, says_nothing, sentences

ESSENTIAL = (
    "ModelName",
    "IntendedUseAndWorkflow",
    "TargetedPatientPopulation",
    "CautionedOutOfScopeSettings",
    "KnownRisksAndLimitations",
    "KnownBiasesOrEthicalConsiderations",
    "OutcomesAndOutputs",
    "DevelopmentDataCharacterization",
)
"""What a card without a schema must say: a free page is not asked for all that XML is."""

_PLACEHOLDER = re.compile(
    r"\b(?:tbd|tba|todo|fixme|xxx+)\b|lorem ipsum|\[(?:insert|add|fill|your)\b[^\]]*\]|<(?:insert|add|your)\b[^>]*>|"
    r"\bto be (?:determined|completed|filled(?: in)?|added)\b|\bwill be added (?:later|soon)\b|\bcoming soon\b|"
    r"\bplaceholder text\b|\?\?\?",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"[\w.+-]+@[\w-]+\.\w|https?://|\bwww\.|\w\.(?:com|org|net|edu|health|example)\b|\+?\d[\d ()/-]{6,}"
)
_NAMED = re.compile(
    r"\b(?:[Tt]he current|[Oo]ur current|[Tt]his|[Tt]he)\s+"
    r"((?:[A-Z][\w-]*|of|in|and)(?:\s+(?:[A-Z][\w-]*|of|in|and)){1,6})\s+(?:model|solution|algorithm|module|score)\b"
)
_GENERIC = frozenset(
    """applied artificial assessment baseline boosting charlson clinical cohort current deep drug early effects epic
    failure food forest gradient health hospital intelligence language large learning logistic machine mixed modified
    national network neural organ original pooled prediction previous random reference regression risk score
    sepsis-related sequential standard warning""".split()  # noqa: SIM905
)


@rule("schema", "error", "XML keeps to the published schema.", "Put the elements in the schema's order, each once.")
def schema(card: CardText) -> Iterator[Place]:
    """Unknown, missing, repeated and misplaced elements of a CHAI card."""
    for found in card.departures:
        yield f"{found.path} (line {found.line})", found.message


@rule("missing-section", "error", "Every section that readers need is there.", "Write the section.")
def missing_section(card: CardText) -> Iterator[Place]:
    """Empty, or not there at all; one that says `none` has other rules."""
    if card.own is not None:
        for name in card.own.standing("missing"):
            yield name, f"the section `{name}` is missing; {card.own.item(name).owner} owes it"
        return
    asked = sorted(REQUIRED, key=list(LEAVES).index) if card.format == "chai" else ESSENTIAL
    gone = {found.message.split("`")[1] for found in card.departures if found.message.endswith("is missing")}
    for name in asked:
        if not card.fields.get(name, "").strip() and name.rpartition("/")[2] not in gone:
            yield LEAVES[name] if card.format == "chai" else name, f"`{name}` says nothing"


@rule("stale-section", "warning", "Sections are newer than what they rest on.", "Read it again; card adopt --confirm.")
def stale_section(card: CardText) -> Iterator[Place]:
    """Only our own record knows."""
    if card.own is not None:
        for name in card.own.standing("stale"):
            yield name, f"the section `{name}`: {card.own.item(name).note}"


@rule("placeholder", "error", "No text is a placeholder.", "Write what is meant, or say that it is not known.")
def placeholder(card: CardText) -> Iterator[Place]:
    """`TBD`, `[insert ...]`, lorem ipsum."""
    for name, text in card.fields.items():
        if found := _PLACEHOLDER.search(text):
            yield card.place(name), f"holds a placeholder: {found[0]!r}"


@rule("no-contact", "warning", "A reader can reach the developer.", "Give a mail address, number or page.")
def no_contact(card: CardText) -> Iterator[Place]:
    """A contact that is no address of any kind."""
    text = card.text("DeveloperContact")
    if text and not _CONTACT.search(text):
        yield card.place("DeveloperContact"), "no mail address, number or page is in it"


@rule("risks-none", "error", "Risks and limits are named: no model is without.", "Name at least what it gets wrong.")
def risks_none(card: CardText) -> Iterator[Place]:
    """`None` as the whole section of risks, or of what the model is not for."""
    for name in ("KnownRisksAndLimitations", "CautionedOutOfScopeSettings"):
        text = card.text(name) if card.own is None else _people(card, name)
        if text and says_nothing(text):
            yield card.place(name), "says that there are none"


def _people(card: CardText, name: str) -> str:
    assert card.own is not None
    return card.own.item("risks").text if name == "KnownRisksAndLimitations" else card.own.item("out-of-scope").text


@rule("other-model", "error", "The card speaks of one model.", "Replace the other model's name: was text copied?")
def other_model(card: CardText) -> Iterator[Place]:
    """`The current X model` where no word of X stands in name, summary, use or outcome."""
    about = content_words(
        card.text("ModelName", "Summary", "IntendedUseAndWorkflow", "OutcomesAndOutputs", "Keyword", "ModelDeveloper")
    )
    about |= content_words(card.text("ModelType", "FoundationModels", "ThirdPartyInformation"))
    if len(about) < 5:
        return
    for name, text in card.fields.items():
        if name in ("Bibliography", "PeerReviewedPublications", "EvaluationReferences", "ThirdPartyInformation"):
            continue
        for sentence in sentences(text):
            for found in _NAMED.finditer(sentence):
                words = content_words(found[1]) - _GENERIC
                if len(words) > 1 and not words & about and not negated(sentence[: found.start()]):
                    yield card.place(name), f"speaks of the {found[1]} model, which is not this one"


@rule("other-version", "error", "One version is meant throughout.", "Say the same version everywhere.")
def other_version(card: CardText) -> Iterator[Place]:
    """`version 2.1` of this model in a text, while the release is another."""
    release = re.search(r"\d+(?:\.\d+)+", card.text("ReleaseVersion"))
    name = card.text("ModelName").strip()
    if release is None or len(name) < 4:
        return
    said = re.compile(
        rf"(?:{re.escape(name)}|this (?:model|card|release)),?\s+(?:version|v\.?|release)\s*(\d+(?:\.\d+)+)", re.I
    )
    for field, text in card.fields.items():
        for found in said.finditer(text):
            if found[1] != release[0]:
                yield card.place(field), f"speaks of version {found[1]}, the release is {release[0]}"


WHOLE = (
    schema, missing_section, stale_section, placeholder, no_contact, risks_none, other_model, other_version,
)  # fmt: skip
