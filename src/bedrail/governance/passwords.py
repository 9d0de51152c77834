"""Which passwords are accepted: long ones that are not common, not about us, and not about the person.

After NIST SP 800-63B-4 section 3.1.1.2 and OWASP ASVS 5.0 6.2: at least 15 characters, or 12 where a second factor is
asked as well; up to 128; every character counts and none is asked for; no expiry; a list of what is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from functools import cache
from importlib import resources

from bedrail.core.errors import Invalid

SHORTEST = 15
SHORTEST_WITH_SECOND_FACTOR = 12
LONGEST = 128

CONTEXT = ("bedrail", "hospital", "clinic", "clinical", "patient", "doctor", "nurse", "medical", "health", "ward")
"""Words about us; with the installation's and the person's names they are no part of what makes a password long."""

_LEET = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"})
_ROWS = (
    *("abcdefghijklmnopqrstuvwxyz", "0123456789012345678901234567890", "qwertyuiopasdfghjklzxcvbnm"),
    *("qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"),
    *("1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujmikolp", "zaqxswcdevfrbgtnhymjukilop"),
)
_LEFT = 8
"""So many characters must remain, when common words, runs and repetitions are taken out of a password."""


def normalised(password: str) -> str:
    """Unicode NFC, so that the same keys typed on two systems are the same password (SP 800-63B-4 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def check_password(
    password: str, *, second_factor: bool, about: Iterable[str] = (), breached: Container[str] = ()
) -> str:
    """The normalised password; raises `Invalid` with what is wrong, never repeating any of it.

    `about` are the person's names and the installation's; `breached` holds passwords that are known.
    """
    text = normalised(password)
    shortest = SHORTEST_WITH_SECOND_FACTOR if second_factor else SHORTEST
    if len(text) < shortest:
        raise _invalid(f"it has fewer than {shortest} characters.", "A sentence of four or five words is long enough.")
    if len(text) > LONGEST:
        raise _invalid(f"it has more than {LONGEST} characters.", "Use a shorter sentence.")
    if text in breached or text.lower() in breached:
        raise _invalid("it is on the list of passwords that were stolen elsewhere.", "Use one that you made up.")
    if too_common(text, about):
        raise _invalid(
            "it is made of common words, names, runs or repetitions.", "Use words that do not usually stand together."
        )
    return text


def too_common(password: str, about: Iterable[str] = ()) -> bool:
    """Whether fewer than eight characters, or four different ones, remain without what attackers try first."""
    plain = _plain(password)
    shortened = _unrepeated(plain)
    names = {part for name in about for part in re.split(r"[\W_]+", _plain(name)) if len(part) > 2}
    words = sorted({*_words(), *CONTEXT, *names}, key=len, reverse=True)
    left = min((_without(version, words) for version in {shortened, shortened.translate(_LEET)}), key=len)
    return len(left) < _LEFT or len(set(left)) < 4


def _plain(text: str) -> str:
    """Lower case without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _unrepeated(text: str) -> str:
    """`abcabcabcabc` as `abc`: the shortest piece that gives the whole when repeated."""
    for length in range(1, len(text) // 2 + 1):
        if (text[:length] * (len(text) // length + 1))[: len(text)] == text:
            return text[:length]
    return text


def _without(text: str, words: Iterable[str]) -> str:
    """Runs along the alphabet or keyboard, repeated signs, common words, years and dates taken out."""
    for row in _ROWS:
        for line in (row, row[::-1]):
            text = _without_runs(text, line)
    text = re.sub(r"(.)\1{2,}", "", text)
    for word in words:
        text = text.replace(word, "")
    return re.sub(r"(?:19|20)\d\d|[ -/:-@\[-`{-~]+|\d+$|^\d+", "", text)


def _without_runs(text: str, line: str) -> str:
    kept, at = [], 0
    while at < len(text):
        end = at + 1
        while end < len(text) and text[at : end + 1] in line:
            end += 1
        if end - at < 4:
            kept.append(text[at])
            end = at + 1
        at = end
    return "".join(kept)


@cache
def _words() -> frozenset[str]:
    text = resources.files("bedrail.governance").joinpath("password_words.txt").read_text(encoding="utf-8")
    lines = (line.split("#")[0] for line in text.splitlines())
    return frozenset(word for line in lines for word in line.split())


def _invalid(what: str, remedy: str) -> Invalid:
    return Invalid(f"This password cannot be used: {what}", path="password", remedy=remedy)
