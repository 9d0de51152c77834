"""Rules about what the model is for: the same patients, images, outcome, action and model in every section?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from bedrail.checks.cards.reading import CardText
from bedrail.checks.cards.rule import Place, rule
from bedrail.checks.cards.wording import (
    ADULTS,
    ALL_AGES,
    CHILDREN,
    Ages,
    affirmed,
    ages,
    concepts,
    content_words,
    mentions,
    negated,
    says_nothing,
    sentences,
)

USE = ("ModelName", "Summary", "IntendedUseAndWorkflow")
OUTPUT = ("OutcomesAndOutputs",)
DATA = ("DevelopmentDataCharacterization", "usefulness/TestingDataDescription")
INPUT = "OutputAndInputDataTypes"
_INCLUSION = re.compile(r"inclusion|input|scan|images?\b|stud(?:y|ies)|exam", re.IGNORECASE)
NEAR = {
    frozenset(pair)
    for pair in (("chest", "spine"), ("neck", "spine"), ("neck", "head"), ("neck", "chest"), ("head", "eye"),
                 ("abdomen", "pelvis"), ("abdomen", "spine"), ("pelvis", "spine"), ("pelvis", "limb"),
                 ("breast", "chest"))
}  # fmt: skip
"""Regions that one image shows together."""


@rule("modality", "error", "The images of the use are the images of the data.", "Say one modality; correct the other.")
def modality(card: CardText) -> Iterator[Place]:
    """A chest X-ray card whose inclusion criteria ask for CT, or whose data are CT: none of the use is among them."""
    use = concepts("modality", affirmed(card.text(*USE, "usefulness/MetricGoal")))
    inputs = concepts("modality", affirmed(card.text(INPUT)))
    if use and inputs and not use & inputs:
        yield card.place(INPUT), f"the inputs are {_words(inputs)}, the use speaks of {_words(use)}"
    goal = concepts("modality", affirmed(card.text("usefulness/MetricGoal")))
    named = concepts("modality", affirmed(card.text(*USE)))
    if goal and named and not goal & named:
        place = card.place("usefulness/MetricGoal")
        yield place, f"the test speaks of {_words(goal)}, the use of {_words(named)}"
    for field in DATA:
        told = concepts("modality", affirmed(card.text(field)))
        if named and told and not named & told:
            yield card.place(field), f"the data are {_words(told)}, the use speaks of {_words(named)}"


@rule("body-region", "error", "The body region of the use is that of the images.", "Say one region; correct the other.")
def body_region(card: CardText) -> Iterator[Place]:
    """Images of a region that the use does not speak of."""
    use_text = affirmed(card.text(*USE, "usefulness/MetricGoal"))
    wanted = concepts("region", use_text)
    for field in (INPUT, *DATA):
        images = [s for s in sentences(affirmed(card.text(field))) if concepts("modality", s) and _INCLUSION.search(s)]
        there = concepts("region", "\n".join(images))
        if not (concepts("modality", use_text) and wanted and there) or wanted & there:
            continue
        if not any(frozenset(pair) in NEAR for pair in product(wanted, there)):
            yield card.place(field), f"the images show {_words(there)}, the use speaks of {_words(wanted)}"


@rule("outcome", "error", "What is predicted is what the use speaks of.", "Name one outcome in both sections.")
def outcome(card: CardText) -> Iterator[Place]:
    """Conditions of the output that share none with name, summary and use."""
    use = concepts("condition", affirmed(card.text(*USE)))
    for field in (*OUTPUT, "usefulness/MetricGoal"):
        told = concepts("condition", affirmed(card.text(field)))
        if use and told and not use & told:
            yield card.place(field), f"speaks of {_words(told)}, the use of {_words(use)}"


_HORIZON = (
    re.compile(r"(?P<n>\d{1,3})[- ](?P<u>hour|day|week|month|year)s?[- ]+(?:unplanned |all-cause |in-hospital )*"
               r"(?P<what>readmission|return to hospital|rehospitali[sz]ation|mortality|death|survival|"
               r"deterioration|risk)", re.I),
    re.compile(r"(?P<what>readmi\w+|com(?:es?|ing) back|rehospitali[sz]\w+|mortality|death|dying|deteriorat\w+|"
               r"sepsis)\s+(?:\w+\s+){0,2}?"
               r"(?:within|in the next|over the next|in)\s+(?P<n>\d{1,3})\s*(?P<u>hour|day|week|month|year)", re.I),
)  # fmt: skip
_COUNTED = {
    "one": "1",
    "two": "2",
    "three": "3",
    "six": "6",
    "seven": "7",
    "twelve": "12",
    "thirty": "30",
    "ninety": "90",
}
_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 730, "year": 8760}


@rule("horizon", "error", "The outcome has one horizon.", "Say the same time span everywhere.")
def horizon(card: CardText) -> Iterator[Place]:
    """`30-day readmission` in one section, `readmitted within 90 days` in another."""
    use = set(_horizons(card.text(*USE)))
    for field in (
        *OUTPUT,
        "usefulness/MetricGoal",
        "usefulness/TestingDataDescription",
        "DevelopmentDataCharacterization",
    ):
        told = set(_horizons(card.text(field)))
        if use and told and not use & told:
            hours = sorted(told)[0]
            yield card.place(field), f"speaks of {_span(hours)}, the use of {_span(sorted(use)[0])}"


def _horizons(text: str) -> Iterator[int]:
    for word, digits in _COUNTED.items():
        text = re.sub(rf"\b{word}\b", digits, text, flags=re.I)
    for pattern in _HORIZON:
        for found in pattern.finditer(text):
            yield int(found["n"]) * _HOURS[found["u"].lower()]


def _span(hours: int) -> str:
    return f"{hours / 24:g} days" if hours >= 24 else f"{hours} hours"


_THRESHOLD = re.compile(
    r"(?:alert |decision |risk |operating |score |probability )?(?:threshold|cut-?off|operating point)s?\s*"
    r"(?:of|=|:|is|at|was|set at|set to)?\s*(?:a |an |the )?(?:calibrated |predicted )?(?:risk |probability |"
    r"score )?(?:of )?"
    r"(?P<value>\d*\.?\d+)\s*(?P<unit>%)?|"
    r"(?:above|over|from|≥)\s*(?P<over>\d+\s*%|0?\.\d+)\s*(?:on\s*)?(?:were|are|is|was)\s*(?:called|flagged|"
    r"counted|alerted)|"
    r"calibrated risk of (?P<ours>\d*\.?\d+) on\b", re.I
)  # fmt: skip
_SEVERAL = re.compile(r"thresholds|explor|sensitivity analys|other|e\.g\.|example|range|various", re.I)


@rule("threshold", "error", "One threshold is stated.", "Say the same threshold in directions and test.")
def threshold(card: CardText) -> Iterator[Place]:
    """Two sections state different thresholds for the same answer."""
    first: tuple[str, float] | None = None
    for field in ("HowToUse", "OutcomesAndOutputs", "IntendedUseAndWorkflow", "usefulness/MetricGoal",
                  "usefulness/Interpretation", "usefulness/ValidationProcessAndJustification"):  # fmt: skip
        for sentence in sentences(card.text(field)):
            if _SEVERAL.search(sentence):
                continue
            for found in _THRESHOLD.finditer(sentence):
                said = found["value"] or found["ours"] or found["over"]
                value = float(said.rstrip("% ")) / (100 if found["unit"] or "%" in said else 1)
                if first is None:
                    first = (field, value)
                elif abs(value - first[1]) > 1e-9 and 0 < value < 1 and 0 < first[1] < 1:
                    yield card.place(field), f"a threshold of {value:g}, and of {first[1]:g} in {first[0]}"
                    return


@rule("age-groups", "error", "The ages of the data are the ages of the patients meant.", "Name the ages once, rightly.")
def age_groups(card: CardText) -> Iterator[Place]:
    """Adults meant and children in the data, or the other way; ages in numbers that do not meet."""
    text = affirmed(card.text("TargetedPatientPopulation")) or affirmed(card.text("IntendedUseAndWorkflow"))
    adults_only = bool(ADULTS.search(text)) and not (CHILDREN.search(text) or ALL_AGES.search(text))
    children_only = bool(CHILDREN.search(text)) and not (ADULTS.search(text) or ALL_AGES.search(text))
    meant = list(ages(text))
    adults_only = adults_only or any(each.low is not None and each.low >= 18 for each in meant)
    for field in (*DATA, INPUT):
        told = affirmed(card.text(field) if card.own is None else _own_text(card, field))
        if adults_only and (found := CHILDREN.search(told)):
            yield card.place(field), f"speaks of {found[0].lower()}, the population is of adults"
            continue
        if children_only and ADULTS.search(told) and not CHILDREN.search(told):
            yield card.place(field), "speaks of adults only, the population is of children"
            continue
        for each in ages(told):
            if adults_only and each.low is not None and each.low < 16:
                yield card.place(field), f"speaks of {each.words.strip()}, the population is of adults"
            elif meant and not any(_meet(each, other) for other in meant):
                yield card.place(field), f"speaks of {each.words.strip()}, the population of {meant[0].words.strip()}"


def _own_text(card: CardText, field: str) -> str:
    """Of our own record, people's words and counted groups; lists of inputs name ranges that are limits, not ages."""
    assert card.own is not None
    if field != "DevelopmentDataCharacterization":
        return ""
    return "\n".join(card.own.item(name).text for name in ("relevance", "representativeness"))


def _meet(one: Ages, other: Ages) -> bool:
    low = max(one.low or 0, other.low or 0)
    return low <= min(one.high or 130, other.high or 130)


@rule("age-bounds", "warning", "One lowest age is stated.", "Say one age bound in use, population and inclusion.")
def age_bounds(card: CardText) -> Iterator[Place]:
    """`aged 18 and older` in one section and `30 and older` in another."""
    bounds: dict[float, str] = {}
    for field in ("TargetedPatientPopulation", "IntendedUseAndWorkflow", INPUT):
        if card.own is not None and field == INPUT:
            continue
        for each in ages(affirmed(card.text(field))):
            if each.low is not None and each.high is None:
                bounds.setdefault(each.low, field)
    if len(bounds) > 1:
        (first, where), (second, other), *_ = bounds.items()
        yield card.place(other), f"a lowest age of {second:g}, and of {first:g} in {where}"


_WOMEN = re.compile(r"\b(?:women|woman|females?|pregnan\w+|maternal|obstetric\w*|mothers)\b", re.I)
_MEN = re.compile(r"\b(?:men|man|males?|prostat\w+)\b", re.I)
_ONE_SEX = re.compile(r"\b(?:all|only|exclusively|solely|100 ?%)\b[^.]{0,25}\b(?P<sex>women|men|females?|males?)\b|"
                      r"\b(?P<other>women|men|females?|males?)\s+(?:only|patients only|veterans only)\b",
                      re.I)  # fmt: skip


@rule("sex", "error", "The sexes of the data are those of the patients meant.", "Correct the data or the population.")
def sex(card: CardText) -> Iterator[Place]:
    """A population of one sex and data of the other, or data of one sex for everybody."""
    text = affirmed(card.text("TargetedPatientPopulation", "IntendedUseAndWorkflow"))
    women, men = bool(_WOMEN.search(text)), bool(_MEN.search(text))
    for field in DATA:
        for sentence in sentences(card.text(field)):
            found = _ONE_SEX.search(sentence)
            if negated(sentence):
                continue
            if women and not men and re.search(r"\d[\d,]* (?:men|males?)\b", sentence) and not _WOMEN.search(sentence):
                yield card.place(field), "the data is of men, the population of women"
                continue
            if found is None:
                continue
            only = (found["sex"] or found["other"]).lower()
            female = only.startswith(("w", "f"))
            if (women and not men and not female) or (men and not women and female) or women == men:
                yield card.place(field), f"the data is of {only} only, the population is not"


@rule("setting", "warning", "The setting of the data is that of the use.", "Say why it carries over, or correct it.")
def setting(card: CardText) -> Iterator[Place]:
    """Data of one kind of setting only, and a use in others."""
    use = concepts("setting", affirmed(card.text("IntendedUseAndWorkflow", "TargetedPatientPopulation", "Summary")))
    for field in DATA:
        for sentence in sentences(affirmed(card.text(field))):
            told = concepts("setting", sentence)
            only = re.search(r"\b(?:only|exclusively|solely|all)\b", sentence, re.I)
            if use and told and not use & told and (only or field == "DevelopmentDataCharacterization"):
                yield card.place(field), f"the data is of {_words(told)}, the use of {_words(use)}"
                break


@rule("scope-overlap", "error", "What it is not for is not what it is for.", "Take it out of one of the two.")
def scope_overlap(card: CardText) -> Iterator[Place]:
    """A line of the exclusions that says the same as a sentence of the use, or excludes the population itself."""
    field = "CautionedOutOfScopeSettings"
    meant = affirmed(card.text("TargetedPatientPopulation"))
    use = [content_words(each) for each in sentences(affirmed(card.text("IntendedUseAndWorkflow")))]
    for line in sentences(card.text(field)):
        if re.match(r"\W*only\b", line, re.IGNORECASE):
            continue  # says what it is for
        words = content_words(line) - {"diagnosi", "diagnostic", "intend", "inform", "outside", "excluding"}
        if _restates(words, use) and not re.search(
            r"\b(?:other than|outside|without|alone|sole|stand-?alone)\b", line, re.I
        ):
            yield card.place(field), f"excludes what the use is for: {line[:80]!r}"
        elif _is_excluded(line, meant):
            yield card.place(field), f"excludes patients of the population: {line[:80]!r}"
    said = affirmed(card.text("IntendedUseAndWorkflow"))
    if re.search(r"\bto diagnose\b|\bdiagnoses\b|\bfor (?:the )?(?:primary )?diagnosis\b", said, re.I) and re.search(
        r"not (?:to be used |intended )?(?:as a |for (?:primary )?)?(?:to be used as a )?diagnos",
        card.text(field),
        re.I,
    ):
        yield card.place(field), "says that it does not diagnose, the use says that it does"


def _restates(words: set[str], use: list[set[str]]) -> bool:
    return len(words) >= 4 and any(len(words & each) >= 0.8 * len(words) for each in use)


def _is_excluded(line: str, meant: str) -> bool:
    for group in (CHILDREN, ADULTS, re.compile(r"\bpregnan\w+", re.I)):
        if group.search(line) and group.search(meant) and len(content_words(line) - content_words(meant)) <= 1:
            return True
    return bool(CHILDREN.search(line)) and bool(ALL_AGES.search(meant))


_ALONE = re.compile(
    r"\b(?:by the (?:system|software|model|tool) (?:on its own|itself|alone)|on its own)\b|"
    r"\b(?:autonomous(?:ly)?|fully automat\w+|without (?:any )?(?:human|clinician|physician) (?:review|oversight|"
    r"involvement)|"
    r"replaces? (?:the )?(?:clinician|physician|radiologist|clinical judg\w+))", re.I)  # fmt: skip
_WITH = re.compile(
    r"\b(?:must be (?:reviewed|confirmed)|clinician (?:reviews|confirms)|confirms? or overrides?|"
    r"not (?:a )?replace\w*|"
    r"(?:always|must) review|informs?\b|final decision (?:rests|lies|is made)|responsible for viewing|"
    r"should not (?:be used )?replace|professional judg)", re.I)  # fmt: skip


@rule("autonomy", "error", "Who decides is said once.", "Say whether it acts alone or a person decides.")
def autonomy(card: CardText) -> Iterator[Place]:
    """Acts alone in one section, is confirmed by a person in another."""
    fields = (*USE, "HowToUse", "OutcomesAndOutputs", "CautionedOutOfScopeSettings", "KnownRisksAndLimitations")
    alone = [(f, s) for f in fields for s in sentences(card.text(f)) if _ALONE.search(s) and not _denied(s)]
    watched = [(f, s) for f in fields for s in sentences(card.text(f)) if _WITH.search(s)]
    if alone and watched:
        field, sentence = alone[0]
        yield card.place(field), f"acts alone ({sentence[:60]!r}), and a person decides in {watched[0][0]}"


def _denied(sentence: str) -> bool:
    return bool(re.search(r"\b(?:not|never|no|cannot)\b(?! human)", re.sub(r"without", "", sentence, flags=re.I), re.I))


@rule("model-family", "error", "One type of model is described.", "Correct the section that speaks of another type.")
def model_family(card: CardText) -> Iterator[Place]:
    """Logistic regression in one section, a neural network in another."""
    named = concepts("family", affirmed(card.text("ModelType")))
    for field in (*USE, "OutcomesAndOutputs", "HowToUse", "OngoingMaintenance"):
        for sentence in sentences(affirmed(card.text(field))):
            told = concepts("family", sentence)
            compared = re.search(r"compar|baseline|versus|than|unlike|outperform|replac", sentence, re.I)
            if named and told and not named & told and not compared and "language" not in named | told:
                yield card.place(field), f"speaks of {_words(told)}, the type of model is {_words(named)}"


@rule("foundation-model", "warning", "Foundation models that are used are named as such.", "Name it with its version.")
def foundation_model(card: CardText) -> Iterator[Place]:
    """A named foundation model or a language model, while the section says none or nothing."""
    field = "FoundationModels"
    used = mentions("foundation", affirmed(card.text("ModelType", "Summary", "IntendedUseAndWorkflow", "HowToUse")))
    generic = concepts("family", affirmed(card.text("ModelType"))) >= {"language"}
    if (used or generic) and card.format in ("chai", "bedrail", "json") and says_nothing(card.text(field)):
        what = used[0].strip() if used else "a language model"
        yield card.place(field), f"names none, while the card speaks of {what}"


@rule("ehr-lists", "warning", "One list of EHR systems is given.", "Make the lists the same.")
def ehr_lists(card: CardText) -> Iterator[Place]:
    """A system that the directions name and the list of compatible ones does not."""
    listed = card.text("EHR").lower()
    found = re.search(r"integrates? with (?:the )?(?:EHR |electronic health record )?systems? (?:including|"
                      r"such as) ([^.]+)",
                      card.text("HowToUse", "Summary", "IntendedUseAndWorkflow"))  # fmt: skip
    if listed and found:
        named = [name.strip() for name in re.split(r",|\band\b", found[1]) if name.strip()]
        absent = [name for name in named if name.lower() not in listed]
        if absent and len(absent) < 8:
            yield card.place("EHR"), f"does not list {', '.join(absent)}, which the directions name"


def _words(found: frozenset[str]) -> str:
    return " and ".join(sorted(found))


SUBJECT = (
    modality, body_region, outcome, horizon, threshold, age_groups, age_bounds, sex, setting, scope_overlap, autonomy,
    model_family, foundation_model, ehr_lists,
)  # fmt: skip
