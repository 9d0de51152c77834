"""Rules about claims: fairness, tests, clearance, dates, privacy, money; each needs what would bear it out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bedrail.checks.cards.reading import CardText, Result
from bedrail.checks.cards.rule import Place, rule
from bedrail.checks.cards.wording import affirmed, concepts, moments, negated, periods, says_nothing, sentences

BIASES = "KnownBiasesOrEthicalConsiderations"
_BY_GROUP = re.compile(
    r"\b(?:race|racial|ethnic\w*|sex|gender|age|female|male|women|men|black|white|asian|hispanic|language|payer|"
    r"insur\w+|"
    r"site|subgroup|group)\b|=", re.I)  # fmt: skip
_NO_FIGURE = re.compile(r"significan|p-?value", re.I)


def group_figures(card: CardText) -> list[Result]:
    """Figures about a group: with an estimate, and interval or n; a p-value or a yes and no is none."""
    return [
        result
        for result in card.results
        if result.estimate is not None
        and (result.low is not None or result.n is not None)
        and (result.group or (result.part == "fairness" and _BY_GROUP.search(result.label)))
        and not _NO_FIGURE.search(result.label)
    ]


@rule(
    "biases-none", "error", "`No biases` rests on figures by group.", "Show figures by group, or say what is not known."
)
def biases_none(card: CardText) -> Iterator[Place]:
    """`None` as known biases, without one figure by group with an interval or n; or with one that fails."""
    text = card.text(BIASES) if card.own is None else card.own.item("biases").text
    denies = says_nothing(text) or re.search(
        r"\b(?:not aware of any|no known bias|is (?:un|not )biased|free (?:of|from) bias|has no bias)", text, re.I
    )
    if not text.strip() or not denies:
        return
    if not group_figures(card):
        yield card.place(BIASES), "says that there are none, and no figure by group bears it out"
    elif card.own is not None and any(m.verdict == "fail" for m in card.own.figures("fairness")):
        yield card.place(BIASES), "says that there are none, while the evidence on fairness fails"


_FAIR = re.compile(
    r"perform(?:s|ed)? (?:equally|similarly|consistently|equitably|comparably)\b|no (?:significant |meaningful |"
    r"clinically "
    r"relevant )?(?:differences?|disparit\w+|variation)[^.]{0,40}(?:across|between|among|by)\b|\bunbiased\b|"
    r"\b(?:fair|equitable) (?:across|for all|performance)|equal(?:ly)? (?:accurate|performance)|bias[- ]free|"
    r"same (?:accuracy|performance) (?:in|for|across)|does not (?:meaningfully )?interact with|"
    r"did not (?:meaningfully )?interact with",
    re.I)  # fmt: skip
_AIM = re.compile(r"\b(?:to (?:ensure|achieve|evaluate|assess)|aims?|goal|strive|committed|ensures?)\b", re.I)


@rule(
    "fairness-without-figures", "warning", "Claims of fairness come with figures.", "Give the figures by group, with n."
)
def fairness_without_figures(card: CardText) -> Iterator[Place]:
    """`performs equally across ...` where no figure by group stands on the card."""
    if group_figures(card):
        return
    for field in ("fairness/Interpretation", "BiasMitigationApproaches", BIASES, "Summary", "usefulness/Interpretation",
                  "usefulness/TestingDataDescription", "fairness/TestingDataDescription"):  # fmt: skip
        for sentence in sentences(card.text(field)):
            found = _FAIR.search(sentence)
            if (
                found
                and not _AIM.search(sentence[: found.start()])
                and not re.search(r"\d+(?:\.\d+)?\s?%|0\.\d+", sentence)
            ):
                yield card.place(field), f"claims {found[0]!r} without a figure"
                break


_ABSENT = re.compile(r"unavailable|not (?:available|accessible|recorded|collected)", re.I)
_ATTRIBUTES = ("race", "ethnicity", "age", "gender", "sex", "language")


def _attributes(sentence: str) -> list[str]:
    """Gender identity is another thing than gender."""
    plain = re.sub(r"gender identity", "", sentence, flags=re.I)
    return [name for name in _ATTRIBUTES if re.search(rf"\b{name}\b", plain, re.I)]


@rule("fairness-unmeasured", "error", "What was not recorded was not tested.", "Drop the claim or the attribute.")
def fairness_unmeasured(card: CardText) -> Iterator[Place]:
    """Fairness claimed by an attribute that the test data lacks."""
    lacking: dict[str, str] = {}
    for field in ("usefulness/TestingDataDescription", "fairness/TestingDataDescription", "BiasMitigationApproaches"):
        for sentence in sentences(card.text(field)):
            if found := _ABSENT.search(sentence):
                clause = re.split(r"[%;:]", sentence[: found.start()])[-1]  # what is told in shares was there
                lacking |= dict.fromkeys(_attributes(clause), field)
    for field in ("fairness/Interpretation", "fairness/MetricGoal", "BiasMitigationApproaches", BIASES):
        for sentence in sentences(card.text(field)):
            claim = re.search(
                r"interact with|equal|differences in performance|across|disparit|fair|key demographic elements",
                sentence,
                re.I,
            )
            if not claim or re.search(
                r"unavailable|not (?:available|accessible|recorded|collected)|unknown", sentence, re.I
            ):
                continue
            named = [a for a in _attributes(sentence) if a in lacking]
            if named:
                yield card.place(field), f"speaks of {', '.join(named)}, which {lacking[named[0]]} says was not there"
                break


_NAMES = r"\b(?P<what>race|ethnicity|gender|sex|age|insurance|payer|zip codes?|language)\b"
_DENIED = (
    re.compile(
        r"\b(?:does not use|do not use|not used?|without|excludes?|excluding|not an? inputs?|no)\b[^.;,]{0,60}?"
        + _NAMES,
        re.I,
    ),
    re.compile(_NAMES + r"[^.;,]{0,40}?\b(?:(?:is|was|are|were) (?:not|never|left out|excluded|removed))\b", re.I),
)


@rule("sensitive-input", "error", "What is not used is not an input.", "Correct the claim or the list of inputs.")
def sensitive_input(card: CardText) -> Iterator[Place]:
    """`race is not used` while an input is called race."""
    inputs = re.split(r"\bOutputs?\b\s*:", card.text("OutputAndInputDataTypes"), maxsplit=1, flags=re.I)
    listed = affirmed(re.sub(r"\b(?:inclusion|exclusion)[^.]*\.", "", "\n".join(inputs), flags=re.I))
    fields = (
        "BiasMitigationApproaches",
        BIASES,
        "fairness/Interpretation",
        "DevelopmentDataCharacterization",
        "Summary",
    )
    for field in fields if card.own is None else fields[:3]:
        for sentence in sentences(card.text(field)):
            found = next((match for pattern in _DENIED if (match := pattern.search(sentence))), None)
            if found is None or not re.search(r"input|feature|predictor|variable|model", sentence, re.I):
                continue
            if re.search(rf"\b{found['what'].rstrip('s')}\w*\b", listed, re.I):
                yield card.place(field), f"says that {found['what'].lower()} is not used; it is among the inputs"


@rule(
    "external-test", "error", "An external test has data of its own.", "Call it internal, or describe the other source."
)
def external_test(card: CardText) -> Iterator[Place]:
    """`External` while the data was split off from the training data."""
    inside = re.compile(
        r"held[- ]?out (?:from|of|part|portion|split)|random(?:ly)? split|(?:that|which) also (?:gave|provided|"
        r"supplied) (?:the )?training|same (?:hospital|institution|source|"
        r"site|cohort|"
        r"health system)|train[- /]test split|internal|split (?:off|from) the training|cross-validation|"
        r"hold-?out", re.I)  # fmt: skip
    for part in ("usefulness", "fairness", "safety"):
        kind = affirmed(card.text(f"{part}/TestType"))
        text = card.text(f"{part}/TestingDataDescription", f"{part}/ValidationProcessAndJustification")
        found = inside.search(affirmed(text))
        if re.search(r"\bexternal", kind, re.I) and not re.search(r"internal", kind, re.I) and found:
            yield card.place(f"{part}/TestType"), f"says external, and the data is {found[0]!r}"


@rule("tested-on-training", "error", "No model is tested on what it learnt from.", "Test on other patients.")
def tested_on_training(card: CardText) -> Iterator[Place]:
    """A test on the training data, said so."""
    said = re.compile(
        r"(?:tested|evaluated|validated|measured|assessed|reported) on the (?:same )?training (?:data|set|"
        r"cohort)|test (?:data|set) "
        r"(?:was|is|were) (?:also )?(?:included in|part of|used (?:for|in)) (?:the )?training|same data (?:was|"
        r"were) used for training and "
        r"(?:testing|evaluation)|that the model was (?:fitted|trained) on|resubstitution", re.I)  # fmt: skip
    for field, text in card.fields.items():
        for sentence in sentences(text):
            found = said.search(sentence)
            if found and not re.search(r"\b(?:not|never|no|neither)\b", sentence, re.I):
                yield card.place(field), f"says {found[0]!r}"


@rule("study-design", "error", "A study looked back or ahead.", "Say which; two studies belong in two sections.")
def study_design(card: CardText) -> Iterator[Place]:
    """Prospective in the type of test, retrospective in its description."""
    words = {"prospective": r"\bprospective", "retrospective": r"\bretrospective"}
    for part in ("usefulness", "fairness", "safety"):
        kind = affirmed(card.text(f"{part}/TestType"))
        text = affirmed(card.text(f"{part}/TestingDataDescription", f"{part}/ValidationProcessAndJustification"))
        told, other = ({n for n, p in words.items() if re.search(p, each, re.I)} for each in (kind, text))
        if len(told) == 1 and len(other) == 1 and told != other:
            yield card.place(f"{part}/TestType"), f"says {min(told)}, the description says {min(other)}"


_FDA = re.compile(
    r"\bFDA[- ](?:approv\w+|clear\w+|authori[sz]\w+)|(?:approved|cleared|authori[sz]ed) by the (?:US )?FDA|"
    r"510\(k\) clear\w+",
    re.I,
)
_NUMBER = re.compile(r"\b(?:K|P|H)\d{6}\b|\bDEN\d{6}\b|\bDe Novo DEN", re.I)
_NO_CLEARANCE = re.compile(
    r"\bnot (?:yet )?(?:FDA |been )?(?:approved|cleared|submitted|reviewed|regulated)|"
    r"\bno (?:regulatory )?(?:clearance|approval)|"
    r"\bpending\b|\bunder review\b|non-device|not a (?:medical )?device|^\W*(?:none|n/?a)\W*$", re.I)  # fmt: skip
_REGULATED = ("ReleaseStage", "RegulatoryApproval", "Summary", "ClinicalRiskLevel", "GlobalAvailability")


@rule("fda-number", "error", "A clearance has a number.", "Give the K, DEN or P number.")
def fda_number(card: CardText) -> Iterator[Place]:
    """`FDA cleared` and no submission number anywhere."""
    if any(_NUMBER.search(text) for text in card.fields.values()):
        return
    for field, text in card.fields.items():
        for sentence in sentences(text):
            if (found := _FDA.search(sentence)) and not negated(sentence) and not _NO_CLEARANCE.search(sentence):
                yield card.place(field), f"says {found[0]!r}, and no submission number is given"
                return


@rule("fda-word", "warning", "Cleared is not approved.", "A K number is a clearance, a P number an approval.")
def fda_word(card: CardText) -> Iterator[Place]:
    """`FDA approved` with a 510(k) number: 21 CFR 807.97 calls that misbranding."""
    text = card.text(*_REGULATED)
    if re.search(r"\bK\d{6}\b", text) and not re.search(r"\bP\d{6}\b", text):
        for field in _REGULATED:
            if re.search(r"\bFDA[- ]approved|approved by the (?:US )?FDA", card.text(field), re.I):
                yield card.place(field), "says approved; the number is that of a 510(k) clearance"


@rule("stage-and-clearance", "error", "Stage and regulatory status agree.", "Correct the one that is wrong.")
def stage_and_clearance(card: CardText) -> Iterator[Place]:
    """Cleared and commercial in the stage, not cleared in the status; or research only, and cleared for sale."""
    stage, status = card.text("ReleaseStage"), card.text("RegulatoryApproval")
    cleared = re.search(r"\bcleared|\bapproved|\bCE[- ]mark", stage, re.I) and not _NO_CLEARANCE.search(stage)
    early = re.search(r"\bresearch|investigational|prototype|pre-?clinical|not deployed", stage, re.I)
    if cleared and status and _NO_CLEARANCE.search(status):
        yield card.place("RegulatoryApproval"), f"says {status[:60]!r}, the stage {stage[:60]!r}"
    if early and _FDA.search(status) and not _NO_CLEARANCE.search(status):
        yield card.place("ReleaseStage"), f"says {stage[:60]!r}, the status {status[:60]!r}"


@rule("law-as-approval", "warning", "Keeping a law is no approval.", "Name a clearance with its number, or none.")
def law_as_approval(card: CardText) -> Iterator[Place]:
    """`HIPAA compliant`, SOC 2 or ISO certificates as regulatory approval."""
    text = card.text("RegulatoryApproval")
    if re.search(r"\b(?:HIPAA|GDPR|SOC ?2|ISO ?27001|HITRUST)\b", text, re.I) and not re.search(
        r"FDA|510|CE\b|MDR|UKCA", text
    ):
        yield card.place("RegulatoryApproval"), f"says {text[:60]!r}, which no regulator gives"


@rule("date-order", "error", "Data comes before the release.", "Correct the release date or the period of the data.")
def date_order(card: CardText) -> Iterator[Place]:
    """A release before the end of the data that the model was made from or tested on."""
    released = moments(card.text("ReleaseDate"))
    if not released:
        return
    for field in ("DevelopmentDataCharacterization", "usefulness/TestingDataDescription", "InputDataSource"):
        for sentence in sentences(card.text(field)):
            for _, last in periods(sentence):
                retrained = re.search(r"retrain", sentence, re.I)
                if _after(last, max(released)) and not (retrained and "initial" not in sentence.lower()):
                    yield (
                        card.place(field),
                        f"holds data until {_moment(last)}, the release was {_moment(max(released))}",
                    )


def _after(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] > other[0] or (one[0] == other[0] and bool(other[1]) and one[1] > other[1])


def _moment(at: tuple[int, int]) -> str:
    return f"{at[0]}-{at[1]:02d}" if at[1] else str(at[0])


@rule("period", "error", "A period begins before it ends.", "Swap or correct the dates.")
def period(card: CardText) -> Iterator[Place]:
    """`from 2024 to 2019`."""
    for field, text in card.fields.items():
        if field in ("Bibliography", "PeerReviewedPublications", "EvaluationReferences"):
            continue
        for first, last in periods(text):
            if first[0] > last[0] or (first[0] == last[0] and first[1] and last[1] and first[1] > last[1]):
                yield card.place(field), f"a period from {_moment(first)} to {_moment(last)}"


@rule("risk-level", "error", "The risk level fits what is said beside it.", "Correct level or class.")
def risk_level(card: CardText) -> Iterator[Place]:
    """`Low` beside class III, or for something that acts alone or treats."""
    text = card.text("ClinicalRiskLevel")
    low = re.match(r"\W*(?:very )?(?:low|minimal|none)\b", text, re.I)
    if low and re.search(r"\bclass (?:III|3|IIb)\b", text, re.I):
        yield card.place("ClinicalRiskLevel"), f"says {text[:60]!r}"
    acting = r"\bautonomous(?:ly)?\b|\badjusts? (?:the )?dos\w+|\badministers?\b|\bdelivers? therapy"
    acts = re.search(acting, affirmed(card.text("IntendedUseAndWorkflow", "OutcomesAndOutputs")), re.I)
    if low and acts:
        yield card.place("ClinicalRiskLevel"), f"says {text[:40]!r}, and the use speaks of {acts[0]!r}"


@rule("phi", "error", "`No PHI` and identifying inputs exclude each other.", "Name the inputs as what they are.")
def phi(card: CardText) -> Iterator[Place]:
    """No protected health information, while dates of birth, notes or recordings go in."""
    claim = re.compile(r"\b(?:no|does not (?:use|process|contain|collect|store)|without|free of|"
                       r"contains no) (?:any )?(?:PHI|protected health "
                       r"information|identifiable|personal(?:ly identifiable)? (?:data|information))",
                       re.I)  # fmt: skip
    given = concepts("phi", affirmed(card.text("OutputAndInputDataTypes", "InputDataSource", "HowToUse")))
    for field, text in card.fields.items():
        for sentence in sentences(text):
            found = claim.search(sentence)
            if (
                found
                and given
                and not re.search(r"once|after (?:de-identif|processing)|outside|logs?\b|leaves?", sentence, re.I)
            ):
                yield card.place(field), f"says {found[0]!r}; inputs are {', '.join(sorted(given))}"


@rule("maintenance", "error", "Watching and updating are described once.", "Say what is really done.")
def maintenance(card: CardText) -> Iterator[Place]:
    """Watched all the time in one sentence, not at all in another; never retrained, and retrained each month."""
    fields = (
        "OngoingMaintenance",
        "BiasMitigationApproaches",
        "Summary",
        "KnownRisksAndLimitations",
        "safety/Interpretation",
    )
    pairs = (
        (r"continuous(?:ly)? monitor|monitor\w* (?:24/7|continuous|daily|weekly|monthly)|ongoing monitoring",
         r"\bno (?:ongoing |post-deployment |planned |routine )?monitoring\b|not (?:currently )?monitored|"
         r"nobody (?:looks at|watches|monitors)|"
         r"monitoring is not", "watched"),
        (r"retrained (?:every|each|monthly|quarterly|yearly|annually|periodically|regularly)|(?:monthly|"
         r"quarterly|annual|regular|periodic) retraining",
         r"\b(?:never|not) (?:be )?(?:retrained|updated)\b|\bno (?:retraining|updates)\b|locked and will not|"
         r"model is static", "retrained"),
    )  # fmt: skip
    for does, does_not, what in pairs:
        yes = [f for f in fields if re.search(does, affirmed(card.text(f)), re.I)]
        no = [f for f in fields if re.search(does_not, card.text(f), re.I)]
        if yes and no:
            yield card.place(no[0]), f"says that it is not {what}; {yes[0]} says that it is"


@rule("funding", "error", "Who paid is said once.", "Name the sponsor in the funding section.")
def funding(card: CardText) -> Iterator[Place]:
    """No external funding, and a sponsor elsewhere on the card."""
    text = card.text("FundingSource")
    own = says_nothing(text) or re.search(
        r"\bno (?:external|outside|commercial) (?:funding|sponsor)|self-?funded|internal(?:ly)? funded", text, re.I
    )
    paid = re.compile(
        r"\b(?:funded|sponsored|supported) by (?:a |an |the )?(?:grant|NIH|NSF|[A-Z]\w+)|\bgrant (?:number|no\.?|"
        r"from)",
        re.I,
    )
    for field in ("Summary", "ThirdPartyInformation", "StakeholdersConsulted", "EvaluationReferences", "Transparency",
                  "usefulness/ValidationProcessAndJustification", "PeerReviewedPublications"):  # fmt: skip
        found = paid.search(affirmed(card.text(field)))
        if text.strip() and own and found:
            yield card.place(field), f"says {found[0]!r}, the funding section {text[:40]!r}"


@rule("publications", "warning", "`None` and a cited study exclude each other.", "List the publication.")
def publications(card: CardText) -> Iterator[Place]:
    """No publications, and `published in` elsewhere."""
    if not card.text("PeerReviewedPublications").strip() or not says_nothing(card.text("PeerReviewedPublications")):
        return
    for field in (
        "Summary",
        "usefulness/Interpretation",
        "usefulness/ValidationProcessAndJustification",
        "EvaluationReferences",
    ):
        found = re.search(r"\bpublished in [A-Z]|peer-reviewed (?:study|publication|paper|article)s? (?:in|by|"
                          r"show)|\bdoi\.org/|doi:\s*10\.",
                          affirmed(card.text(field)))  # fmt: skip
        if found:
            yield card.place("PeerReviewedPublications"), f"says none; {field} says {found[0]!r}"


@rule("consent", "warning", "A prospective study speaks of consent.", "Say how patients agreed, or why none was asked.")
def consent(card: CardText) -> Iterator[Place]:
    """A prospective test or recordings of patients, with `N/A` for consent."""
    text = card.text("PatientConsentOrDisclosure")
    ahead = re.search(
        r"\bprospective|randomi[sz]ed",
        affirmed(card.text("usefulness/TestType", "safety/TestType", "ClinicalTrial")),
        re.I,
    )
    if text.strip() and says_nothing(text) and ahead:
        yield (
            card.place("PatientConsentOrDisclosure"),
            f"says {text.strip()!r} beside a {ahead[0].strip().lower()} study",
        )


CLAIMS = (
    biases_none, fairness_without_figures, fairness_unmeasured, sensitive_input, external_test, tested_on_training,
    study_design, fda_number, fda_word, stage_and_clearance, law_as_approval, date_order, period, risk_level, phi,
    maintenance, funding, publications, consent,
)  # fmt: skip
