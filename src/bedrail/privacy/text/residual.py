"""A second look at what was left standing: simple signs of identifiers, found without the detector's own rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, get_args

from bedrail.core.values import Value
from bedrail.privacy.text.people import folded, is_given_name, is_surname
from bedrail.privacy.values import Span

Sign = Literal["number", "code", "date", "contact", "titled", "kin", "place", "named", "capitals", "survivor"]
SIGNS: tuple[Sign, ...] = get_args(Sign)

HIDDEN = "\x01"
"""Stands in the place of what was replaced, so that nothing is found across it."""

_RUN = re.compile(r"\d(?:[\d./-]+|\)? (?=\d{3}))*")
_DATE = re.compile(r"\d{1,2}([/.-])\d{1,2}\1(?:19|20)?\d\d|(?:19|20)\d\d([/.-])\d\d?\2\d\d?")
_CODE = re.compile(r"[A-Z0-9-]{6,}")
_MONTH = (
    "(?:[Jj]an|[Ff]eb|[Mm]ar|[Aa]pr|[Mm]a[yi]|[Jj]un|[Jj]ul|[Aa]ug|[Ss]ep|[Oo][ck]t|[Nn]ov|[Dd]e[cz]"
    "|[Ee]ner|[Aa]br|[Aa]gos|[Dd]ici|Mär)"
)
_NAMED_DATE = re.compile(_MONTH + r"[a-zéä]{0,8}\.?,? (?:\d{1,2}(?:st|nd|rd|th)?\b|(?:de )?(?:19|20)\d\d\b)")
_DAY_OF = re.compile(r"\d{1,2}(?:st|nd|rd|th|\.)?[ -](?:de |of )?" + _MONTH + r"[a-zéä]*")
_CONTACT = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w-]+")
_TITLED = re.compile(r"(?:Dr|Dra|Mr|Mrs|Ms|Miss|Prof|Herr|Frau|Sr|Sra)\b\.?\s+[A-Z][\w'’-]+")
_KIN = frozenset(
    {
        *("husband", "wife", "spouse", "partner", "son", "daughter", "mother", "father", "sister", "brother"),
        *("niece", "nephew", "neighbor", "friend", "pt", "Pt"),
        *("hija", "hijo", "esposa", "marido", "madre", "padre"),
        *("Ehemann", "Ehefrau", "Tochter", "Sohn", "Mutter", "Vater"),
    }
)
_LEADS: dict[str, Sign] = {
    "in": "place", "of": "place", "from": "place", "city": "place", "City": "place", "residence": "place",
    "community": "place", "Community": "place", "de": "place", "is": "place", "aus": "place", "with": "kin",
}  # fmt: skip
"""Words before a capital that lead to a place or a person, where the words before them say so (`_LED`)."""

_LED: dict[Sign, re.Pattern[str]] = {
    "place": re.compile(
        r"(?:liv(?:es?|ing) in|home is in|resid\w+ (?:in|of|is)|resident of|relocated from|travell?ed from"
        r"|[Tt]ransport from|family in|born in|[Cc]ity|[Cc]ommunity|[Rr]esidence|vive en|natural de|residente en"
        r"|wohnt in|wohnhaft in|aus)$"
    ),
    "kin": re.compile(r"[Dd]iscuss(?:ed)? with$"),
}
_CAPITALS = re.compile(r"[^\W\d_a-zß-öø-ÿ][^\W\d_]+(?:[-'’][^\W\d_]+)*")
_BEFORE = re.compile(r"[a-z,;:(]\s$")
_PROSE = re.compile(r"(?:[a-zß-öø-ÿ]+\W+){2}")
_LONG = 4


class Residue(Value, frozen=True, kw_only=True):
    """A sign left standing: which, and where in the text as it came. Never the words."""

    sign: Sign
    start: int
    end: int


def residue(text: str, spans: Sequence[Span]) -> list[Residue]:
    """What looks like an identifier outside the spans, in the order of the text; most of it is none.

    Since all that stands outside the spans stands in the output as well, this is a scan of the output that cannot take
    a surrogate for a leak.
    """
    hidden = _hidden(text, spans)
    found = _of_forms(hidden)
    taken = [(one.start, one.end) for one in found]
    originals = _originals(text, spans)
    last = -2
    for word in _CAPITALS.finditer(hidden):
        start, end = word.span()
        follows = start - last == 1
        fold, role, joined = _known_as(word.group())
        if joined or len(fold) > 3:
            last = end
        if fold in originals:
            sign: Sign | None = "survivor"
        elif joined and (led := _led_by(hidden[max(0, start - 26) : start])):
            sign = led
        elif role == "given" and (follows or _BEFORE.search(hidden, max(0, start - 2), start)):
            sign = "named"
        elif follows and joined:
            sign = "named" if role == "surname" else "capitals" if _in_a_sentence(hidden, start) else None
        else:
            continue
        if sign is not None and not any(one < end and start < other for one, other in taken):
            found.append(Residue(sign=sign, start=start, end=end))
    found.sort(key=lambda one: one.start)
    return found


def _of_forms(text: str) -> list[Residue]:
    """Numbers, codes, dates, contacts and titles with a name. Each pattern begins with few signs: so they are quick."""
    found = [Residue(sign="titled", start=m.start(), end=m.end()) for m in _TITLED.finditer(text)]
    if "@" in text or "://" in text or "www." in text:
        found += [Residue(sign="contact", start=m.start(), end=m.end()) for m in _CONTACT.finditer(text)]
    for pattern in (_NAMED_DATE, _DAY_OF):
        found += [Residue(sign="date", start=m.start(), end=m.end()) for m in pattern.finditer(text)]
    for run in _RUN.finditer(text):
        words = run.group()
        if len(words) >= 6:
            if _DATE.match(words):
                found.append(Residue(sign="date", start=run.start(), end=run.end()))
            elif "/" not in words and words.count(".") != 1 and sum(map(str.isdigit, words)) >= 6:
                found.append(Residue(sign="number", start=run.start(), end=run.end()))
    for code in _CODE.finditer(text):
        digits = sum(map(str.isdigit, code.group()))
        if 3 <= digits < sum(map(str.isalnum, code.group())):
            found.append(Residue(sign="code", start=code.start(), end=code.end()))
    return found


@lru_cache(maxsize=1 << 14)
def _known_as(word: str) -> tuple[str, str, bool]:
    """Folded, known as given name, surname or nothing, and whether only its first letter is a capital."""
    fold = folded(word)
    role = "given" if is_given_name(fold) else "surname" if is_surname(fold) else ""
    return fold, role, word[1:].islower() or "-" in word


def _led_by(before: str) -> Sign | None:
    """What the words before a capital lead to: her son Michael, J. Smith, lives in Salem."""
    stem = before.rstrip(" ,:(=—-")
    if len(before) - len(stem) > 3 or not stem:
        return None
    word = stem[stem.rfind(" ") + 1 :]
    if word in _KIN or (len(word) == 2 and word[1] == "." and word[0].isupper()):
        return "kin"
    kind = _LEADS.get(word)
    return kind if kind is not None and _LED[kind].search(stem) else None


def _hidden(text: str, spans: Sequence[Span]) -> str:
    made: list[str] = []
    at = 0
    for span in spans:
        made += (text[at : span.start], HIDDEN * (span.end - span.start))
        at = span.end
    return "".join((*made, text[at:]))


def _originals(text: str, spans: Sequence[Span]) -> set[str]:
    """The longer words of names and places that were found."""
    return {
        word
        for span in spans
        if span.label == "NAME"
        for part in text[span.start : span.end].replace(",", " ").split()
        if len(word := folded(part)) >= _LONG
    }


def _in_a_sentence(text: str, at: int) -> bool:
    """Whether the line goes on in small letters before this place: no heading, no list of capitals."""
    begin = max(text.rfind("\n", 0, at) + 1, at - 60)
    return _PROSE.search(text, begin, at) is not None
