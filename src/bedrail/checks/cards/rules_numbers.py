"""Rules about figures: within their range, with interval and n, possible together, and the same everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from bedrail.checks.cards.reading import CardText, Result
from bedrail.checks.cards.rule import Place, rule
from bedrail.checks.cards.wording import figures_said, metric_of, sentences

UNIT_RANGE = frozenset(("auroc", "auprc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "brier"))
PRIMARY = frozenset(("auroc", "auprc", "sensitivity", "specificity", "ppv", "npv", "accuracy"))
_COUNT = re.compile(
    r"\bn\s*=\s*\d|\b\d[\d,]*\s+(?:\w+\s+){0,2}?(?:patients?|cases?|scans?|exams?|encounters?|images?|studies|rows|"
    r"admissions?|visits?|stays|subjects?|participants?|records)\b", re.I)  # fmt: skip
_OTHER_METRIC = re.compile(
    r"difference|gain|gap|change|goal|target|ratio|less rest|significan|spread|loss|margin|uplift", re.I
)
TOLERANCE = 0.0051
"""What rounding to two digits may move a figure."""


def metric(result: Result) -> str:
    """The measure of a figure; empty for differences, goals and what is not known."""
    if _OTHER_METRIC.search(f"{result.label} {result.check}"):
        return ""
    return metric_of(result.label)


def _all(card: CardText) -> list[tuple[str, Result]]:
    return [(metric(result), result) for result in card.results]


@rule("out-of-range", "error", "Figures lie within the range of their measure.", "Correct the figure or its unit.")
def out_of_range(card: CardText) -> Iterator[Place]:
    """A sensitivity of 1.2, or of 120 %."""
    for name, result in _all(card):
        for value in (result.estimate, result.low, result.high):
            if name in UNIT_RANGE and value is not None and not 0 <= value / result.scale <= _top(result):
                yield result.place, f"{result.label} of {value:g}{result.unit} is outside its range"
                break
    for field, text in card.fields.items():
        for sentence in sentences(text):
            for found in _WRITTEN.finditer(" ".join(sentence.split())):
                most = (
                    100
                    if found["unit"]
                    else 1
                    if found["name"].upper() in ("AUROC", "AUC", "C-STATISTIC")
                    else math.inf
                )
                dose = found["name"].upper() == "AUC" and "." not in found["value"]  # of a drug: carboplatin AUC 5
                if float(found["value"]) > most and not dose:
                    yield card.place(field), f"{found[0].strip()} is outside its range"


_WRITTEN = re.compile(
    r"\b(?P<name>AUROC|AUC|C-statistic|sensitivity|specificity|PPV|NPV|accuracy|precision|recall)\s*"
    r"(?:of|=|:|is|was)?\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>%?)"
    r"(?:\s*[\[(,;]*\s*(?:95\s*%\s*)?(?:CI|confidence interval|interval)?\s*[:=,]?\s*(?P<low>\d*\.\d+)\s*%?\s*"
    r"(?:-|–|to|,)\s*(?P<high>\d*\.\d+)\s*%?\s*[\])])?", re.I
)  # fmt: skip
"""`AUROC 0.84 (95% CI 0.81 to 0.87)`: a figure in a text, and its interval where one follows."""


def _holds(value: float, low: float, high: float) -> bool:
    """Whether the interval holds the figure; one of them may be in percent: 95% (95% CI 0.93 to 0.97)."""
    return low <= (value / 100 if value > 1 >= high else value) <= high


def _top(result: Result) -> float:
    """A bare figure over 1 in a card that gives no unit may be a percentage."""
    whole = [v for v in (result.estimate, result.low, result.high) if v is not None]
    return 100.0 if not result.unit and result.digest == "" and min(whole) > 1.5 and max(whole) <= 100 else 1.0


@rule("interval", "error", "An interval holds its estimate, the lower bound first.", "Correct interval or estimate.")
def interval(card: CardText) -> Iterator[Place]:
    """Bounds that are swapped, or do not hold the estimate."""
    for result in card.results:
        low, high, estimate = result.low, result.high, result.estimate
        if low is None or high is None:
            continue
        if low > high:
            yield result.place, f"{result.label}: from {low:g} to {high:g}"
        elif estimate is not None and not low - 1e-9 <= estimate <= high + 1e-9:
            yield result.place, f"{result.label} of {estimate:g} lies outside {low:g} to {high:g}"
    for field, text in card.fields.items():
        for sentence in sentences(text):
            for found in _WRITTEN.finditer(" ".join(sentence.split())):
                if found["low"] and not _holds(float(found["value"]), float(found["low"]), float(found["high"])):
                    yield card.place(field), f"{found[0].strip()!r}: the interval does not hold the figure"


@rule("no-interval", "warning", "Main figures have intervals.", "Give the interval and its confidence.")
def no_interval(card: CardText) -> Iterator[Place]:
    """AUROC, sensitivity and the like without one."""
    for name, result in _all(card):
        if name in PRIMARY and result.estimate is not None and (result.low is None or result.high is None):
            yield result.place, f"{result.label} of {result.estimate:g}{result.unit} has no interval"
    for field in ("usefulness/Interpretation", "Summary", "fairness/Interpretation"):
        for sentence in sentences(card.text(field)):
            for _, _, words in figures_said(sentence):
                listed = any(metric(r) == metric_of(words) for r in card.results)
                if not listed and not re.search(r"\bCI\b|interval|\(\s*[\d.]+\s*%?\s*(?:-|–|to|,)|±", sentence):
                    yield card.place(field), f"{words!r} has no interval"


@rule("no-n", "warning", "It is said on how many patients or cases a figure rests.", "Give n beside each figure.")
def no_n(card: CardText) -> Iterator[Place]:
    """Main figures of a part that nowhere says a number of patients or cases."""
    for part in ("usefulness", "fairness", "safety"):
        mine = [result for name, result in _all(card) if name in PRIMARY and result.part == part]
        fields = ("MetricGoal", "TestingDataDescription", "ValidationProcessAndJustification", "Interpretation")
        text = card.text(*(f"{part}/{field}" for field in fields))
        if mine and all(result.n is None for result in mine) and not _COUNT.search(text):
            yield mine[0].place, f"{mine[0].label}: no number of patients or cases is given"


@rule("said-otherwise", "error", "A figure in a text is the figure of the results.", "Write the same figure in both.")
def said_otherwise(card: CardText) -> Iterator[Place]:
    """`an AUROC of 0.91` in the summary, 0.84 among the results."""
    told: dict[str, list[float]] = {}
    for name, result in _all(card):
        if name and result.estimate is not None and not result.group and "(" not in result.label:
            value = result.estimate / result.scale
            if not 1 < value < 2:  # neither a share nor a percentage: `out-of-range` speaks of it
                told.setdefault(name, []).append(value / 100 if name in UNIT_RANGE and value > 1 else value)
    for field, text in card.fields.items():
        if field in ("Bibliography", "PeerReviewedPublications", "EvaluationReferences") or field.startswith(
            "fairness/"
        ):
            continue
        said = list(figures_said(text))
        agreed = {name for name, value, _ in said if name in told and _near(value, told[name])}
        for name, value, words in said:
            compared = name in agreed and re.search(rf"\b(?:score|index|tool|rule)\b[^.;]*{re.escape(words)}", text)
            if name in told and not _near(value, told[name]) and not compared:
                yield card.place(field), f"{words.strip()!r}, the results say {told[name][0]:.3g}"


def _near(value: float, others: list[float]) -> bool:
    return any(abs(value - other) <= TOLERANCE for other in others)


@rule("duplicate-figure", "error", "A measure has one value.", "Remove one, or say which patients each is about.")
def duplicate_figure(card: CardText) -> Iterator[Place]:
    """The same label and group twice in one part, with different values."""
    seen: dict[tuple[str, str, str], float] = {}
    for result in card.results:
        if result.estimate is None:
            continue
        key = (result.part, f"{result.check or result.label}".lower(), result.group)
        if abs(seen.setdefault(key, result.estimate) - result.estimate) > 1e-9:
            yield result.place, f"{result.label} is {result.estimate:g} here and {seen[key]:g} before"


_PREVALENCE = re.compile(
    r"(?:prevalence|outcome rate|event rate|base rate)\s*(?:of|=|:|is|was)?\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>%)?",
    re.I,
)


@rule("impossible-together", "error", "Sensitivity, specificity, PPV and prevalence fit together.", "Recount them.")
def impossible_together(card: CardText) -> Iterator[Place]:
    """PPV by Bayes' theorem, from figures of one part for all patients, against the one that is stated."""
    text = card.text("usefulness/MetricGoal", "usefulness/TestingDataDescription", "usefulness/Interpretation")
    prevalences = [float(f["value"]) / (100 if f["unit"] else 1) for f in _PREVALENCE.finditer(text)]
    prevalences = [p for p in prevalences if 0 < p < 1] or _counted(text)
    values = {
        n: r.estimate / r.scale for n, r in _all(card) if n and r.part == "usefulness" and not r.group and r.estimate
    }
    values = {name: value / 100 if value > 1.5 else value for name, value in values.items()}
    if len(prevalences) != 1 or not {"sensitivity", "specificity", "ppv"} <= set(values):
        return
    p, se, sp = prevalences[0], values["sensitivity"], values["specificity"]
    positive = se * p + (1 - sp) * (1 - p)
    expected = se * p / positive if positive else 0.0
    if abs(expected - values["ppv"]) > max(0.05, 0.15 * expected):
        place = next(r.place for n, r in _all(card) if n == "ppv")
        yield (
            place,
            f"a PPV of {values['ppv']:.3g}; sensitivity, specificity and prevalence {p:.3g} give {expected:.3g}",
        )


_PARTS = re.compile(
    r"(?P<total>\d[\d,]*)\s+(?:\w+\s+){0,2}?(?:cases|patients|scans|exams|studies|images|encounters)[^.]{0,40}?,?\s*"
    r"(?P<pos>\d[\d,]*)\s+(?:were\s+)?(?:positive|with the outcome|events?)[^.]{0,20}?(?:\sand|,)\s*"
    r"(?P<neg>\d[\d,]*)\s+(?:were\s+)?(?:negative|without|controls?)", re.I)  # fmt: skip


def _count(text: str) -> int:
    return int(text.replace(",", ""))


def _counted(text: str) -> list[float]:
    return [_count(f["pos"]) / _count(f["total"]) for f in _PARTS.finditer(text) if _count(f["total"])]


@rule("counts", "error", "Parts add up to the whole.", "Count again.")
def counts(card: CardText) -> Iterator[Place]:
    """`268 cases, 96 positive and 172 negative` that do not add up."""
    for field, text in card.fields.items():
        for found in _PARTS.finditer(text):
            total, parts = _count(found["total"]), _count(found["pos"]) + _count(found["neg"])
            if total != parts:
                yield card.place(field), f"{found['pos']} and {found['neg']} are {parts}, not {total}"


_SHARES = re.compile(
    r"(?P<a>\d+(?:\.\d+)?)\s*%\s*(?P<x>male|female|men|women)\b[^.%]{0,20}?(?P<b>\d+(?:\.\d+)?)\s*%\s*(?P<y>male|"
    r"female|men|women)\b", re.I
)  # fmt: skip


@rule("shares", "error", "Shares of a whole do not exceed it.", "Correct the percentages.")
def shares(card: CardText) -> Iterator[Place]:
    """51 % male and 58 % female; a share over 100 %."""
    for field, text in card.fields.items():
        for found in _SHARES.finditer(text):
            total = float(found["a"]) + float(found["b"])
            if total > 101 and found["x"].lower() != found["y"].lower():
                yield card.place(field), f"{found[0]!r} is {total:g} % together"


@rule("interval-too-narrow", "warning", "An interval is as wide as its n allows.", "Recompute it; is n right?")
def too_narrow(card: CardText) -> Iterator[Place]:
    """A 95 % interval of a rate narrower than two thirds of what n independent cases give: n is at most that many.

    The half-width is compared with 1.96 √(p(1−p)/n) (Wald); clusters and class shares only widen it.
    """
    for name, result in _all(card):
        if name not in ("sensitivity", "specificity", "ppv", "npv", "accuracy") or None in (result.low, result.high):
            continue
        if result.estimate is None or not result.n or result.low is None or result.high is None:
            continue
        p = result.estimate / result.scale
        least = 1.96 * math.sqrt(max(p * (1 - p), 0.0) / result.n)
        half = (result.high - result.low) / 2 / result.scale
        if 0.05 < p < 0.95 and result.n >= 20 and half < 0.66 * least:
            yield result.place, f"{result.label}: ±{half:.3f} on n {result.n:g}, where ±{least:.3f} is the least"


@rule("perfect", "warning", "No figure is perfect without a word on why.", "Say on how many cases, or drop the claim.")
def perfect(card: CardText) -> Iterator[Place]:
    """`100 % accurate`, `no false positives`, `guarantees`."""
    claim = re.compile(
        r"100\s?% (?:accura\w+|sensitiv\w+|specific\w+|safe|reliab\w+)|\bguarantees?\b|\bnever (?:misses|fails|"
        r"errs|makes (?:mistakes|errors)|"
        r"wrong)\b|"
        r"\b(?:zero|no) (?:false (?:positives?|negatives?)|errors)\b|\beliminates? (?:all )?(?:bias|errors?)\b",
        re.I)  # fmt: skip
    for field, text in card.fields.items():
        for sentence in sentences(text):
            found = claim.search(sentence)
            if found and not re.search(
                r"\b(?:not|cannot|does not|can't|no guarantee)\b", sentence[: found.start()], re.I
            ):
                yield card.place(field), f"claims {found[0]!r}"


NUMBERS = (
    out_of_range, interval, no_interval, no_n, said_otherwise, duplicate_figure, impossible_together, counts, shares,
    too_narrow, perfect,
)  # fmt: skip
