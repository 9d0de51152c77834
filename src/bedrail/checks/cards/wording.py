"""What the linter reads out of a text: sentences, negation, concepts of the lexicon, ages, dates, figures."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

_STOP = re.compile(r"(?<=[.!?;])\s+(?=[A-Z(\"'*-])|\n+")
_NEGATION = re.compile(
    r"\b(?:not|no(?![- ]shows?\b)|never|without|except|excluding|excludes?|exclusion|neither|nor|cannot|isn't|aren't|"
    r"doesn't|don't|outside|unsuitable|inappropriate|other than|beyond)\b",
    re.IGNORECASE,
)
NOTHING = re.compile(
    r"\W*(?:none|no|nil|n/?a|not applicable|not known|unknown|none known|none identified|none reported|not reported|"
    r"no known (?:biases|risks|limitations|bias(?:es)? or ethical considerations?)|"
    r"no (?:biases|risks|limitations) (?:are |were )?(?:known|identified|found|reported|expected))\W*",
    re.IGNORECASE,
)
"""A whole text that says there is nothing."""


@lru_cache(maxsize=2048)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of a text."""
    return tuple(part.strip() for part in _STOP.split(text) if part and part.strip())


def negated(sentence: str) -> bool:
    """Whether a sentence denies or excludes something; then what it names is not claimed."""
    return bool(_NEGATION.search(sentence))


@lru_cache(maxsize=2048)
def affirmed(text: str) -> str:
    """The sentences that deny nothing."""
    return "\n".join(each for each in sentences(text) if not negated(each))


def says_nothing(text: str) -> bool:
    """Whether a text is empty, or says `none`, `N/A` or the like and no more."""
    return not text.strip() or NOTHING.fullmatch(text.strip()) is not None


@cache
def _lexicon() -> dict[str, dict[str, re.Pattern[str]]]:
    read = tomllib.loads(files("bedrail.checks.cards").joinpath("lexicon.toml").read_text(encoding="utf-8"))
    return {
        category: {name: re.compile("|".join(words), re.IGNORECASE) for name, words in concepts.items()}
        for category, concepts in read.items()
    }


@lru_cache(maxsize=4096)
def concepts(category: str, text: str) -> frozenset[str]:
    """The concepts of a category of the lexicon that a text speaks of."""
    return frozenset(name for name, pattern in _lexicon()[category].items() if pattern.search(text))


def mentions(category: str, text: str) -> list[str]:
    """The words themselves by which concepts of a category were recognised."""
    return [found[0] for pattern in _lexicon()[category].values() for found in pattern.finditer(text)]


@dataclass(frozen=True, slots=True)
class Ages:
    """An age range in years as a text states it; None is no bound."""

    low: float | None
    high: float | None
    words: str


_NUMBER_OF_AGE = r"(\d{1,3})"
_YEARS = r"\s*(?:years?|yrs?|y/?o)\b"
_AGE_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (
            rf"\bage[ds]?\s*(?:range\s*)?(?:from|of|between|:)?\s*{_NUMBER_OF_AGE}\s*(?:-|–|to|and)\s*(\d{{1,3}})",
            "both",
        ),
        (rf"{_NUMBER_OF_AGE}\s*(?:-|–|to)\s*(\d{{1,3}}){_YEARS}", "both"),
        (rf"(?:≥|>=|at least|minimum age(?: of)?:?)\s*{_NUMBER_OF_AGE}{_YEARS}", "low"),
        (rf"\b(?:over|above) (?:the )?age (?:of )?{_NUMBER_OF_AGE}", "low"),
        (rf"\bage[ds]?\s*(?:≥|>=|at least|over|above)\s*{_NUMBER_OF_AGE}", "low"),
        (
            rf"\bage[ds]?\s*{_NUMBER_OF_AGE}\s*(?:years?\s*)?(?:\+|and (?:older|over|above)|or (?:older|over|above))",
            "low",
        ),
        (rf"{_NUMBER_OF_AGE}{_YEARS}(?:\s*of age)?\s*(?:and|or) (?:older|over|above)", "low"),
        (
            rf"(?:<|≤|<=|under|below|younger than|up to)\s*(?:the )?(?:age (?:of )?)?{_NUMBER_OF_AGE}(?:{_YEARS}|"
            rf"\s+of age)",
            "high",
        ),
        (rf"\bage[ds]?\s*(?:<|≤|<=|under|below|up to)\s*{_NUMBER_OF_AGE}", "high"),
    )
)
CHILDREN = re.compile(
    r"\b(?:child(?:ren)?|pa?ediatrics?|neonat\w+|newborns?|infants?|toddlers?|minors)\b(?!['’]s hospital)",
    re.IGNORECASE,
)
ADULTS = re.compile(r"\badults?\b", re.IGNORECASE)
ALL_AGES = re.compile(r"\ball ages\b|\bany age\b|\bpatients of every age\b|\badults and children\b", re.IGNORECASE)


def ages(text: str) -> Iterator[Ages]:
    """Every age range that a text states in numbers."""
    taken: list[tuple[int, int]] = []
    for pattern, kind in _AGE_FORMS:
        for found in pattern.finditer(text):
            if any(start < found.end() and found.start() < end for start, end in taken):
                continue
            taken.append(found.span())
            first = float(found[1])
            if kind == "both":
                second = float(found[2])
                if first < second <= 120:
                    yield Ages(first, second, found[0])
            elif first <= 120:
                yield Ages(first, None, found[0]) if kind == "low" else Ages(None, first, found[0])


_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_DATES = (
    re.compile(r"\b(?P<y>(?:19|20)\d\d)-(?P<m>0[1-9]|1[0-2])(?:-(?P<d>\d\d))?\b"),
    re.compile(rf"\b(?P<m>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?:\d{{1,2}},?\s+)?(?P<y>(?:19|20)\d\d)\b", re.I),
    re.compile(r"\b(?:Q[1-4]\s+)?(?P<y>(?:19|20)\d\d)\b"),
)


def moments(text: str) -> list[tuple[int, int]]:
    """(year, month) of every date; month 0 where only the year is said."""
    found: list[tuple[int, int]] = []
    rest = text
    for pattern in _DATES:
        for match in pattern.finditer(rest):
            month = match.groupdict().get("m") or "0"
            number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
            found.append((int(match["y"]), number))
        rest = pattern.sub(" ", rest)
    return found


PERIOD = re.compile(
    r"\b(?:between\s+|from\s+)?(?P<a>(?:[A-Z][a-z]+\s+)?(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?)\s*(?:-|–|to|and|"
    r"through|until)\s*"
    r"(?P<b>(?:[A-Z][a-z]+\s+)?(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?)\b"
)


def periods(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(first, last) of every period that a text states."""
    found = []
    for match in PERIOD.finditer(text):
        first, last = moments(match["a"]), moments(match["b"])
        if first and last:
            found.append((first[0], last[0]))
    return found


_METRICS = {
    "auroc": r"auroc|auc(?:[- ]?roc)?|roc[- ]auc|c[- ]statistic|c[- ]index|area under the (?:roc|"
    r"receiver)[\w -]*curve",
    "auprc": r"auprc|pr[- ]auc|average precision",
    "sensitivity": r"sensitivity|recall|true positive rate|\btpr\b",
    "specificity": r"specificity|true negative rate|\btnr\b",
    "ppv": r"\bppv\b|positive predictive value|precision(?! medicine)",
    "npv": r"\bnpv\b|negative predictive value",
    "accuracy": r"accuracy",
    "f1": r"\bf-?1(?:[- ]score)?\b",
    "brier": r"brier",
}
"""Names of the measures that have a range and are compared between places."""
NAMED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _METRICS.items()}
_VALUE = r"(?P<value>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>%)?"
_SAID = {
    name: re.compile(
        rf"(?P<name>{pattern})\s*(?:\([^)]{{0,20}}\)\s*)?(?:of|=|:|is|was|at|reached|reaches)\s*(?:about\s*)?{_VALUE}",
        re.I,
    )
    for name, pattern in _METRICS.items()
}
_BARE = {
    name: re.compile(rf"(?P<name>{pattern})\s+(?P<value>0?\.\d+)(?P<unit>)\b", re.I)
    for name, pattern in _METRICS.items()
}
"""`AUC 0.81`, without a word between."""
_ELSEWHERE = re.compile(
    r"goal|target|threshold|at least|minimum|predicate|literature|previous|earlier|comparator|baseline|compared|"
    r"versus|"
    r"\bvs\b|required|benchmark|group|among|women|men\b|subgroup|external|training|beyond|tolerat",
    re.IGNORECASE,
)


def metric_of(label: str) -> str:
    """The measure that a label names, empty when it is none of the known."""
    return next((name for name, pattern in NAMED.items() if pattern.search(label)), "")


def figures_said(text: str) -> Iterator[tuple[str, float, str]]:
    """(measure, value between 0 and 1, words) of figures that sentences state about the model as a whole."""
    for sentence in sentences(text):
        if not any(sign.isdigit() for sign in sentence) or _ELSEWHERE.search(sentence):
            continue
        for name, pattern in _SAID.items():
            for found in (*pattern.finditer(sentence), *_BARE[name].finditer(sentence)):
                value = float(found["value"])
                yield name, value / 100 if found["unit"] or value > 1 else value, found[0]


_SMALL = frozenset(
    """also algorithm based been data does from have intended into model models must only other patient patients should
    software solution such system than that their these this those used using were when which will with""".split()  # noqa: SIM905
)


def content_words(text: str) -> set[str]:
    """The words of a text that carry its matter, singular where a plain `s` makes the plural."""
    words = re.findall(r"[a-z][a-z-]{3,}", text.lower())
    return {word.removesuffix("s") for word in words} - _SMALL
