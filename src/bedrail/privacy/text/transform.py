"""What becomes of detected identifiers: masked, generalised, or replaced by consistent surrogates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from bedrail.core.values import Value
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.ages import age_category
from bedrail.privacy.text.dates import Dates
from bedrail.privacy.text.places import generalised, town_or_zip
from bedrail.privacy.text.surrogates import Surrogates
from bedrail.privacy.text.values import Known
from bedrail.privacy.values import Span

Method = Literal["mask", "generalise", "surrogate"]
Profile = Literal["expert", "safe-harbor", "limited"]


class Finding(Protocol):
    """What finds identifiers: `privacy.text.Detector`, or anything with its face."""

    def detect(self, text: str, known: Sequence[Known] = ()) -> list[Span]:
        """Spans sorted by place, without overlap."""
        ...


class TextRules(Value, frozen=True, kw_only=True):
    """What is done to identifiers in text.

    `method`: `mask` writes [LABEL]; `generalise` keeps what Safe Harbor lets stand (year, state, ZIP3, 90+) and masks
    the rest; `surrogate` writes another value of the kind. `profile`: `expert` shifts dates, which only an expert
    determination (45 CFR 164.514(b)(1)) or a data use agreement covers; `safe-harbor` leaves only years of dates under
    surrogates, too (164.514(b)(2)); `limited` leaves dates, ages, towns and ZIP codes as they are (164.514(e)).
    `day_first` says whether 03/04 is the third of April where the note does not show it; None goes by the language.
    `newest_year` is the year of today, so that years telling an age over 89 are known; 0 goes by the note alone.
    """

    method: Method = "surrogate"
    profile: Profile = "expert"
    language: str = "en"
    keep_weekday: bool = False
    day_first: bool | None = None
    newest_year: int = 0


DEFAULT = TextRules()


def deidentify_text(
    text: str,
    detector: Finding,
    keyed: Keyed,
    subject: str,
    method: Method | TextRules = DEFAULT,
    known: Sequence[Known] = (),
) -> tuple[str, list[Span]]:
    """The text without its identifiers, and where they were (offsets in code points of the text as given).

    `keyed` holds the project's key; `subject` is the patient, and ties surrogates and dates of all their records
    together; `known` are identifiers that the structured record tells (searched for in the text, never used as
    surrogates). `method` is a name or whole `TextRules`. Same arguments, same answer; any string is accepted.
    """
    rules = TextRules(method=method) if isinstance(method, str) else method
    spans = separate(detector.detect(text, known))
    return replaced(text, spans, keyed, subject, rules, known), spans


def replaced(
    text: str,
    spans: Sequence[Span],
    keyed: Keyed,
    subject: str,
    rules: TextRules = DEFAULT,
    known: Sequence[Known] = (),
) -> str:
    """The text with every span handled by the rules; `spans` are sorted and without overlap (see `separate`)."""
    written = treatments(text, spans, keyed, subject, rules, known)
    made: list[str] = []
    at = 0
    for span, now in zip(spans, written, strict=True):
        made += (text[at : span.start], now)
        at = span.end
    return "".join((*made, text[at:]))


def treatments(
    text: str,
    spans: Sequence[Span],
    keyed: Keyed,
    subject: str,
    rules: TextRules = DEFAULT,
    known: Sequence[Known] = (),
) -> list[str]:
    """What is written in the place of each span."""
    if not spans:
        return []
    words = [text[span.start : span.end] for span in spans]
    if rules.method == "mask":
        return [kept(rules, s.label, w) or f"[{s.label}]" for s, w in zip(spans, words, strict=True)]
    dates = [w for s, w in zip(spans, words, strict=True) if s.label == "DATE"]
    if rules.method == "surrogate":
        originals = [(s.label, w) for s, w in zip(spans, words, strict=True)] + [(k.label, k.text) for k in known]
        surrogates = Surrogates(
            keyed, subject, language=rules.language, originals=originals, keep_weekday=rules.keep_weekday,
            day_first=rules.day_first,
        )  # fmt: skip
        of = surrogates.of
    else:
        surrogates, of = None, _general
    moved: Iterator[str | None]
    if rules.profile == "limited" or not dates:
        moved = iter(dates)
    elif surrogates is None or rules.profile == "safe-harbor":
        moved = iter(
            Dates(dates, days=0, language=rules.language, day_first=rules.day_first).years(newest=rules.newest_year)
        )
    else:
        moved = iter(surrogates.dates(dates))
    made = []
    for span, word in zip(spans, words, strict=True):
        now = kept(rules, span.label, word) or (next(moved) if span.label == "DATE" else of(span.label, word))
        made.append(f"[{span.label}]" if now is None else now)
    return made


def _general(label: str, text: str) -> str | None:
    """What Safe Harbor lets stand of one identifier that is no date."""
    if label == "AGE90":
        return age_category(text)
    return generalised(text, "[GEO]") if label == "GEO" else None


def kept(rules: TextRules, label: str, text: str) -> str | None:
    """The words as they stand, if the profile lets them: dates and ages of a limited data set, towns and ZIP codes."""
    if rules.profile != "limited":
        return None
    if label in ("DATE", "AGE90"):
        return text
    return text if label == "GEO" and town_or_zip(text) else None


def separate(spans: Sequence[Span]) -> list[Span]:
    """Sorted spans without overlap: of two that touch the same signs, they become one with the surer's label."""
    made: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if span.start >= span.end:
            continue
        if not made or span.start >= made[-1].end:
            made.append(span)
            continue
        last = made[-1]
        best = span if span.confidence > last.confidence else last
        made[-1] = Span(
            start=last.start, end=max(last.end, span.end), label=best.label, confidence=best.confidence,
            source=best.source,
        )  # fmt: skip
    return made
