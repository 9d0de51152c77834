"""Places smaller than a state under other names: streets, towns, ZIP codes, counties and facilities; states stay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import product

from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.people import cased_like, folded
from bedrail.privacy.zip3 import permitted


@cache
def _words() -> dict[str, tuple[str, ...]]:
    """Word lists by name, from the shipped file."""
    text = files("bedrail.privacy.text").joinpath("data/surrogates/places.txt").read_text("utf-8")
    return {name: tuple(words.split()) for name, words in (line.split(": ", 1) for line in text.splitlines())}


STATES = frozenset(_words()["states"])
STATE_NAMES = re.compile(
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    "|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana"
    "|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon"
    "|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington"
    "|West Virginia|Wisconsin|Wyoming",
    re.IGNORECASE,
)

_KEPT = frozenset(_words()["kept"])
"""Words that say what kind of place it is, in small letters: they stay, and name no place."""

_KINDS = _KEPT - {
    "north",
    "south",
    "east",
    "west",
    "de",
    "la",
    "las",
    "los",
    "el",
    "st",
    "am",
    "an",
    "im",
    "in",
    "of",
    "the",
}

TOWNS = {
    language: tuple(
        start + end
        for start, end in product(_words()[f"{language} starts"], _words()[f"{language} ends"])
        if start[-1].lower() != end[0]
    )
    for language in ("en", "de", "es")
}
"""Names of towns made up of syllables; some may exist, none is taken from a map."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_ZIP = re.compile(r"(?<!\d)(\d{5})(-\d{4})?(?!\d)")
_GERMAN_STREET = re.compile(
    r"(stra(?:ß|ss)e|str|weg|platz|allee|gasse|ring|damm|ufer|krankenhaus|klinikum|klinik|spital)$", re.I
)


class Places:
    """The places of one subject's records under other names; one for each text, so that no two of them meet there."""

    __slots__ = ("_keyed", "_language", "_made", "_subject", "_taken", "_zips")

    def __init__(
        self, keyed: Keyed, subject: str, language: str = "en", taken: Iterable[str] = (), *, keep_zip3: bool = True
    ) -> None:
        """`taken` are folded words that no surrogate may be; `keep_zip3` keeps what may be told of ZIP codes."""
        self._keyed = keyed
        self._subject = subject
        self._language = language if language in TOWNS else "en"
        self._taken = set(taken)
        self._made: dict[str, str] = {}
        self._zips = keep_zip3

    def place(self, text: str) -> str:
        """A whole address, town or facility: its kind, its state and its punctuation stay; names and numbers change."""
        if self._language == "en" and text.strip(" ,.") in STATES:  # may stand: 164.514(b)(2)(i)(B)
            return text
        made: list[str] = []
        at, changed = 0, False
        for token in _TOKEN.finditer(text):
            now = self._token(text, token)
            changed = changed or now != token.group()
            made += (text[at : token.start()], now)
            at = token.end()
        made.append(text[at:])
        return "".join(made) if changed else _TOKEN.sub(lambda m: self._named(m.group()), text, count=1)

    def _token(self, text: str, token: re.Match[str]) -> str:
        word = token.group()
        if word.isdigit():
            return self._number(text, token)
        if word.lower().rstrip(".") in _KEPT or (len(word) == 1 and not text[: token.start()].strip(" ,.")):
            return word
        if (word.isupper() and word in STATES and _behind_a_comma(text, token)) or _is_state(text, token):
            return word
        return self._named(word)

    def _number(self, text: str, token: re.Match[str]) -> str:
        word = token.group()
        if self._language == "en" and len(word) == 5 and (not text[token.end() :].strip(" -.0123456789")):
            return zip_code(self._keyed, self._subject, word, keep_zip3=self._zips)
        return digits(self._keyed, self._subject, word)

    def _named(self, word: str) -> str:
        """Another name in the place of one, kept for the whole text; a German ending that tells the kind stays."""
        if word.isdigit():
            return digits(self._keyed, self._subject, word)
        if len(word) == 1:
            return _letter(self._keyed, self._subject, word)
        ending = _GERMAN_STREET.search(word) if self._language == "de" else None
        if ending and ending.start() > 2:
            return self._named(word[: ending.start()]) + ending.group()
        fold = folded(word)
        made = self._made.get(fold)
        if made is None:
            made = self._made[fold] = self._choose(fold)
        return cased_like(made, word)

    def _choose(self, fold: str) -> str:
        names = TOWNS[self._language]
        at = self._keyed.below(len(names), "place", f"{self._subject}\0{fold}")
        for step in range(len(names)):
            name = names[(at + step) % len(names)]
            if (made := folded(name)) != fold and made not in self._taken:
                self._taken.add(made)
                return name
        raise AssertionError("a text with more places than there are names")  # longer than any text that is read


def _behind_a_comma(text: str, token: re.Match[str]) -> bool:
    """A state stands behind its town: ", UT" or " UT 84101"."""
    before = text[: token.start()].rstrip()
    return before.endswith(",") or bool(re.match(r"[\s,.]*(?:\d{5}|$)", text[token.end() :]))


def _is_state(text: str, token: re.Match[str]) -> bool:
    """Part of a state's name that stands behind a comma."""
    return "," in text and any(
        m.start() <= token.start() and token.end() <= m.end() and text[: m.start()].rstrip().endswith(",")
        for m in STATE_NAMES.finditer(text)
    )


def zip3(code: str) -> str:
    """The first three digits of a ZIP code if more than 20,000 people live there, else 000.

    45 CFR 164.514(b)(2)(i)(B), by the censuses of 2000 and 2020: what the rule calls restricted in either is not told.
    """
    return code[:3] if code[:3] in permitted() else "000"


def zip_code(keyed: Keyed, subject: str, code: str, *, keep_zip3: bool = True) -> str:
    """Another code of the same area where the rule allows to tell it; never the same code."""
    if not keep_zip3:
        return digits(keyed, subject, code)
    last = keyed.below(99, "zip", f"{subject}\0{code}")
    own = int(code[3:])
    return f"{zip3(code)}{last + (last >= own):02d}"


def digits(keyed: Keyed, subject: str, number: str) -> str:
    """As many other digits; a first digit that is not zero stays so."""
    low = 10 ** (len(number) - 1) if number[0] != "0" and len(number) > 1 else 0
    count = 10 ** len(number) - low
    chosen = low + keyed.below(count - 1, "house number", f"{subject}\0{number}")
    return str(chosen + (chosen >= int(number) >= low)).zfill(len(number))


def _letter(keyed: Keyed, subject: str, letter: str) -> str:
    """Another letter for a flat or a ward."""
    others = "ABCDEFGH".replace(letter.upper(), "")
    made = others[keyed.below(len(others), "place letter", f"{subject}\0{letter.upper()}")]
    return made.lower() if letter.islower() else made


def generalised(text: str, mask: str) -> str:
    """What Safe Harbor lets stand of a place: the state, and of a ZIP code the area; the rest becomes `mask`."""
    code = _ZIP.search(text)
    state = next((m.group() for m in re.finditer(r"\b[A-Z]{2}\b", text) if m.group() in STATES), "")
    if not state:
        named = STATE_NAMES.search(text)
        state = named.group() if named and text[: named.start()].rstrip().endswith(",") else ""
    elif not text.split(state, maxsplit=1)[0].rstrip().endswith(",") and not code:
        state = ""
    only_code = code is not None and code.group() == text.strip()
    area = f"{zip3(code.group())}**" if code else ""
    return " ".join(filter(None, ("" if only_code else mask, state, area)))


def town_or_zip(text: str) -> bool:
    """Whether a place is a town, a state or a ZIP code, and no street, facility or county: 45 CFR 164.514(e)(2)(ii)."""
    words = [token.group().lower() for token in _TOKEN.finditer(_ZIP.sub("", text))]
    return not any(word.isdigit() or word in _KINDS for word in words)
