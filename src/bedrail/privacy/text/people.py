"""Names of people replaced part by part, so that "John Smith", "Mr. Smith", "SMITH^JOHN" and "J. Smith" agree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from bedrail.privacy.keyed import Keyed

PART = re.compile(r"(?<!['’])[^\W\d_]+(?:['’][^\W\d_]{2,})*(?:-[^\W\d_]+(?:['’][^\W\d_]{2,})*)*")
"""A part of a name: letters, with apostrophes inside (O'Neil), without a possessive 's; or several with hyphens."""

_SIGNS = re.compile(r"[^a-z0-9]")

INITIALS = "ABCDEGHJKLMNPRSTVW"
"""First letters that enough names of most origins begin with."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    """
    dr doctor dra prof professor profesor mr mrs ms miss mx sir madam rev reverend sister hon capt sgt lt
    herr frau fräulein doktor dipl priv doz oberarzt oberärztin chefarzt chefärztin
    señor señora señorita sr sra srta don doña dña jr
    university college school elementary inc llc ltd plc corp gmbh
    """
)
"""Titles and words of companies, in any case: they name nobody, and the text reads on with them."""

PARTICLES = _words(
    "von van der den de del della di da dos das do la las los le el y e und and et of the zu zum zur bin ibn"
)
"""Written small they join parts; with a capital they may be names themselves (Do, Van, Le)."""

DEGREES = _words(
    """
    MD DO RN NP PA PA-C LPN CNA PHD PHARMD DDS DMD DPM OD DNP APRN CRNA FACS FACP MSN BSN MPH MA BS LCSW MSW PT OT SLP
    RD FNP CNM MBBS MRCP FRCS JR SR II III IV ESQ
    """
)
"""Behind a comma they are degrees and generations; elsewhere some of them are names (Ma, Do)."""

FAMILIES = (
    ("igbo", "yoruba", "ghanaian", "kenyan"),
    ("hispanic", "portuguese", "filipino"),
    ("polish", "russian", "czech", "croatian"),
    ("chinese", "vietnamese", "korean", "japanese"),
    ("german", "dutch", "nordic"),
    ("french", "italian", "romanian"),
)
"""Origins that stand in for each other where one has too few names with a letter."""

FEWEST = 3

COMMON = ("anglo", "hispanic", "chinese", "vietnamese", "korean", "japanese")
"""Looked up before the others; in each group given names (James, Thomas) before surnames (Smith, Li)."""

DEFAULT_ORIGIN = {"en": "anglo", "es": "hispanic", "de": "german"}


class Kind(NamedTuple):
    """What a name is known as: `origin` of the lists, `role` m, f (given names) or s (surname)."""

    origin: str
    role: str


@lru_cache(maxsize=1 << 14)
def folded(name: str) -> str:
    """Letters and digits alone, without accents and case: how parts are compared."""
    if name.isascii():
        return name.lower() if name.isalnum() else _SIGNS.sub("", name.lower())
    flat = unicodedata.normalize("NFKD", name.casefold().replace("ł", "l").replace("đ", "d").replace("ø", "o"))
    return "".join(c for c in flat if c.isalnum())


@cache
def _lists() -> tuple[dict[Kind, dict[str, tuple[str, ...]]], dict[str, Kind]]:
    """Names by kind and folded first letter, and the kind of each folded name (the first line that holds it)."""
    text = files("bedrail.privacy.text").joinpath("data/surrogates/names.txt").read_text("utf-8")
    pools: dict[Kind, dict[str, list[str]]] = {}
    kinds: dict[str, Kind] = {}
    lines = [line.split() for line in text.splitlines()]
    lines.sort(key=lambda line: (line[0] not in COMMON, line[1] == "s"))
    for origin, role, *names in lines:
        kind = Kind(origin, role)
        for name in names:
            word = folded(name)
            kinds.setdefault(word, kind)
            pools.setdefault(kind, {}).setdefault(word[0].upper(), []).append(name)
    return {kind: {letter: tuple(n) for letter, n in pool.items()} for kind, pool in pools.items()}, kinds


@cache
def _tiers(kind: Kind, letter: str) -> tuple[tuple[str, ...], ...]:
    """Names that begin with a letter: those of the kind (with its relatives' where they are few), then all English."""
    pools = _lists()[0]
    own = pools.get(kind, {}).get(letter, ())
    related = next((family for family in FAMILIES if kind.origin in family), ())
    near = tuple(n for origin in related for n in pools.get(Kind(origin, kind.role), {}).get(letter, ()))
    english = pools[Kind("anglo", kind.role)].get(letter, ())
    first = next((tuple(dict.fromkeys(names)) for names in (own, own + near) if len(set(names)) >= FEWEST), ())
    rest = tuple(n for n in dict.fromkeys((*own, *near, *english)) if n not in first)
    return (first, rest) if first else (rest,)


@cache
def _kind(word: str, language: str) -> Kind:
    """What a folded part is known as, first among the language's people; an unknown one is a surname of theirs."""
    own = DEFAULT_ORIGIN.get(language, "anglo")
    if own != "anglo":
        for role in ("m", "f", "s"):
            if word in _own_words(Kind(own, role)):
                return Kind(own, role)
    return _lists()[1].get(word) or Kind(own, "s")


@cache
def _own_words(kind: Kind) -> frozenset[str]:
    """The folded names of one kind."""
    return frozenset(folded(name) for names in _lists()[0].get(kind, {}).values() for name in names)


def is_given_name(word: str) -> bool:
    """Whether a folded word is known as a given name."""
    kind = _lists()[1].get(word)
    return kind is not None and kind.role != "s"


def is_surname(word: str) -> bool:
    """Whether a folded word is known as a surname."""
    kind = _lists()[1].get(word)
    return kind is not None and kind.role == "s"


def cased_like(name: str, original: str) -> str:
    """The name in capitals, small letters or as written, as the original is."""
    if len(original) > 1 and original.isupper():
        return name.upper()
    return name.lower() if original.islower() else name


class People:
    """The people of one subject's records under other names; one for each text, so that no two of them meet there."""

    __slots__ = ("_keyed", "_language", "_letters", "_made", "_subject", "_taken")

    def __init__(self, keyed: Keyed, subject: str, language: str = "en", taken: Iterable[str] = ()) -> None:
        """`taken` are folded words that no surrogate may be: all originals of the text."""
        self._keyed = keyed
        self._subject = subject
        self._language = language
        self._taken = set(taken)
        self._made: dict[str, str] = {}
        self._letters: dict[str, str] = {}

    def letter(self, letter: str) -> str:
        """Another first letter in the place of one: by it, "J." and "John" agree without knowing of each other."""
        own = folded(letter)[:1].upper()
        made = self._letters.get(own)
        if made is None:
            others = INITIALS.replace(own, "")
            made = self._letters[own] = others[self._keyed.below(len(others), "initial", f"{self._subject}\0{own}")]
        return made

    def part(self, original: str) -> str:
        """Another part of a name, of the same gender and origin where the lists know them, cased as the original.

        The first choice depends on key, subject and the folded part alone; only where another person of the same text
        has it (or bears it in truth) does the next one stand in.
        """
        word = folded(original)
        if len(word) <= 1:
            letter = self.letter(original)
            return letter.lower() if original.islower() else letter
        made = self._made.get(word)
        if made is None:
            made = self._made[word] = self._choose(word)
        return cased_like(made, original)

    def _choose(self, word: str) -> str:
        """The first of the keyed sequence of candidates that nobody in the text has."""
        letter = self.letter(word[0])
        at = self._keyed.below(1 << 30, "name", f"{self._subject}\0{word}")
        for names in _tiers(_kind(word, self._language), letter):
            for step in range(len(names)):
                name = names[(at + step) % len(names)]
                if (fold := folded(name)) not in self._taken:
                    self._taken.add(fold)
                    return name
        return letter + "x" * len(self._taken)  # more people in one text than there are names

    def prepare(self, parts: Iterable[str]) -> None:
        """Choose for all parts of a text in the order of the alphabet: the choices do not hang on who comes first."""
        for word in sorted({folded(part) for part in parts}):
            if len(word) > 1 and word not in self._made:
                self._made[word] = self._choose(word)

    def name(self, text: str) -> str:
        """A whole name or list of names; titles, degrees behind a comma, particles and punctuation stay."""
        if len(text) <= 4 and text.isalpha() and text.isupper() and folded(text) not in _lists()[1]:
            return "".join(self.letter(letter) for letter in text)  # initials written together: JHS
        made: list[str] = []
        at = 0
        for start, end in _replaced(text):
            made += (text[at:start], self.part(text[start:end]))
            at = end
        return "".join((*made, text[at:]))


@lru_cache(maxsize=1 << 12)
def _replaced(text: str) -> tuple[tuple[int, int], ...]:
    """Where the parts stand that are replaced; where nothing would be, all are."""
    found = [place for match in PART.finditer(text) for place in _divided(match)]
    named = [(start, end) for start, end in found if not _stays(text, start, end)]
    return tuple(named or found)


def _divided(match: re.Match[str]) -> list[tuple[int, int]]:
    """The places of a double name's parts; one place for a name with a hyphen that the lists hold, or PA-C."""
    part, start = match.group(), match.start()
    if "-" not in part or folded(part) in _lists()[1] or part.upper() in DEGREES:
        return [match.span()]
    return [(start + m.start(), start + m.end()) for m in re.finditer("[^-]+", part)]


def _stays(text: str, start: int, end: int) -> bool:
    part = text[start:end]
    if part.islower() and part in PARTICLES:
        return True
    if part.upper() in DEGREES and part.isupper():
        before = text[:start].rstrip(" .")
        return before.endswith(",") or before[-2:].upper() in DEGREES
    return part.lower() in TITLES


def parts_of(text: str) -> list[str]:
    """The parts of a name that are replaced."""
    return [text[start:end] for start, end in _replaced(text)]
