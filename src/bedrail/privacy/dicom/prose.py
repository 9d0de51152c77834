"""Words inside attributes: which patterns give an identifier away, and cleaning by the text engine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from pydicom.datadict import keyword_for_tag

from bedrail.privacy.dicom.encoding import REMOVED, text_of

GIVEAWAY = re.compile(
    rb"\d{3}-\d{2}-\d{4}"  # social security number
    rb"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # telephone
    rb"|[\w.+-]+@[\w-]+\.\w"  # e-mail
    rb"|https?:|www\."
    rb"|(?<!\d)\d{1,2}[/-]\d{1,2}[/-](\d{4}|\d{2})(?!\d)|(?<!\d)(19|20)\d\d[/-]\d{1,2}[/-]\d{1,2}(?!\d)"  # dates
    rb"|\d{7,}"  # a number long enough to be somebody's
    rb"|(?i:\b(mrn|ssn|dob|acct|phone|patient|name)\b\s*[:#=])"
)
"""In a short technical attribute nothing of this has its place."""

GIVEAWAY_IN_BYTES = re.compile(
    rb"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)|(?<!\d)\d{3}[ .-]\d{3}[ .-]\d{4}(?!\d)|[\w.+-]{3,}@[\w-]{3,}\.[a-z]{2,}"
    rb"|[A-Za-z:#][ :#]?\d{6,12}(?!\d)"
)
"""The same for bulk data, where chance makes short matches."""
_ADDRESS = re.compile(rb"(?<!\d)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d)")
"""An IP address, or a version: the attribute tells which."""
VERSIONS = frozenset({0x00181020, 0x00185010, 0x00189006, 0x00181019})

_PROSE = re.compile(r"(Description|Comments?|Label|Explanation|Notes|Text|Reason|Purpose|Title|Detail)$")
_TECHNIQUE = re.compile(r"^(Manufacturer|Detector|Reconstruction|Algorithm|Filter|Image|Sequence|CodeMeaning)")

LONGEST = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
_NEUTRAL = """anonymous anonymized anonymised deidentified unknown patient test name none null removed study series
image phantom head chest brain abdomen pelvis spine dicom hospital clinic center centre medical 19000101 00000000"""
NEUTRAL = frozenset(_NEUTRAL.split())
"""Words of names that are no names, and would be found everywhere."""


@lru_cache(maxsize=8192)
def gives_away(data: bytes, tag: int = 0) -> bool:
    """Whether a short value holds a pattern of an identifier."""
    return GIVEAWAY.search(data) is not None or (tag not in VERSIONS and _ADDRESS.search(data) is not None)


@cache
def holds_prose(tag: int) -> bool:
    """Whether a short attribute is one that people write sentences into: a description, a comment, a label."""
    keyword = keyword_for_tag(tag)
    return bool(_PROSE.search(keyword)) and not _TECHNIQUE.match(keyword)


def cleaned(text: str, vr: str, known: Iterable[str], language: str) -> str:
    """`text` with every identifier that the text engine finds, and every known value, masked by its kind."""
    out = _masked(text, tuple(sorted(known)), language)
    limit = LONGEST.get(vr)
    return out if limit is None else out[:limit]


@lru_cache(maxsize=4096)
def _masked(text: str, known: tuple[str, ...], language: str) -> str:
    from bedrail.privacy.text import Known, load

    told = [Known(label="NAME", text=value) for value in known]
    out, at = [], 0
    for span in load(language, "full").detect(text, told):
        out += [text[at : span.start], f"[{span.label}]"]
        at = span.end
    return "".join([*out, text[at:]])


def telling(value: str, vr: str) -> list[str]:
    """What of an identifying value is searched for elsewhere: the whole, and the words of a name.

    Too short or too common ones would be found in everything, and are left out.
    """
    found = []
    for one in value.split("\\"):
        whole = one.strip(" \x00")
        if len(whole) >= 4 and whole.lower() not in NEUTRAL and whole != REMOVED:
            found.append(whole)
        if vr == "PN":
            words = re.split(r"[\^= ,.]+", whole)
            found += [word for word in words if len(word) >= 4 and word.lower() not in NEUTRAL]
    return found


def pattern_of(values: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern for all of them, ignoring case; each stands alone: not inside a longer word, nor number."""
    parts = []
    for value in sorted(set(values), key=len, reverse=True):
        before = r"(?<!\d)" if value[0].isdigit() else r"(?<![^\W\d_])"
        after = r"(?!\d)" if value[-1].isdigit() else r"(?![^\W\d_])"
        parts.append(before + re.escape(value) + after)
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def found_in(values: Iterable[str], data: bytes) -> list[str]:
    """Those of the values that occur at all, ignoring case: few are left to look at closely."""
    text = text_of(data).lower()
    return [value for value in values if value.lower() in text]
