"""What the tagger sees of a token: its word, its shape, its lists, its neighbours, and what its line began with.

Features come in families so that weights can be looked up once a word and kept: those of one word as seen from a
distance of -3 to 3 tokens, those of a pair of neighbours, and those of the place in the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase

from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.tokens import Tokens

try:
    from bedrail.privacy.text import _scan
except ImportError:  # built without a C compiler
    _scan = None  # type: ignore[assignment]

REACH = 3
_NO_SMALL = dict.fromkeys(map(ord, ascii_lowercase))
_NO_LARGE = dict.fromkeys(map(ord, ascii_uppercase))
_VOWELS = re.compile(r"[aeiouy]")


class Token:
    """One kind of token: how it is written, in a text of one kind of casing."""

    __slots__ = ("group", "word")

    def __init__(self, word: str, group: str) -> None:
        self.word, self.group = word, group


def casing(text: str) -> str:
    """`U` for a text in capitals, `L` for one without any, `M` for the ordinary: then shapes tell something."""
    found, large = letters(text, 1_000)
    if not found:
        return "M"
    share = large / found
    return "U" if share > 0.75 else "L" if share < 0.004 else "M"


def letters_python(text: str, most: int) -> tuple[int, int]:
    """How many of the first `most` characters are letters, and how many large ones."""
    start = text[:most]
    if start.isascii():
        small, large = (len(start) - len(start.translate(none)) for none in (_NO_SMALL, _NO_LARGE))
        return small + large, large
    return sum(map(str.isalpha, start)), sum(map(str.isupper, start))


letters = letters_python if _scan is None else _scan.letters


def shape(token: str, mode: str) -> str:
    """d3 for three digits, X, Xx, XX, x, xX; a sign is its own shape. In texts of one case all letters are alike."""
    first = token[0]
    if first.isdigit():
        return f"d{min(len(token), 9)}"
    if not first.isalpha():
        return "<nl>" if first == "\n" else token
    if mode != "M":
        return "x1" if len(token) == 1 else "x"
    if first.isupper():
        if len(token) == 1:
            return "X"
        return "XX" if token.isupper() else "Xx" if token[1:].islower() else "XxX"
    return "x" if token.islower() else "xX"


def spelled(word: str) -> str:
    """The word, or for numbers what kind of number: years, days of a month, ages and lengths keep apart."""
    if not word[0].isdigit():
        return "<nl>" if word == "\n" else word
    if not word.isascii() or not word.isdecimal():
        return "#other"
    value = int(word) if len(word) < 6 else 999_999
    if len(word) == 4 and 1880 <= value <= 2099:
        return "#year"
    if len(word) <= 2:
        return "#day" if value <= 12 else "#month" if value <= 31 else "#small" if value < 90 else "#old"
    if len(word) == 3 and 90 <= value <= 115:
        return "#old3"
    return f"#{min(len(word), 12)}"


def describe(token: str, mode: str, lists: Gazetteer, without: int = 0) -> tuple[Token, list[list[str]]]:
    """A token and its features from each distance, -REACH .. REACH; `without` hides some lists (for training)."""
    word = token.lower()
    form = shape(token, mode)
    bits = lists.of.get(word, 0) & ~without
    if not bits and len(word) > 3 and word.endswith("s"):
        bits = (
            lists.of.get(word[:-1], 0) & ~without & ~lists.bits("first", "last", "commonfirst", "commonlast", "place")
        )
    letters = word[0].isalpha()
    group = f"{form}/{bits}" if letters else form
    kind = spelled(word)
    own = [f"w={kind}", f"f={form}", f"c={group}"]
    if letters:
        own += [
            f"b={bits}",
            f"s3={word[-3:]}",
            f"s2={word[-2:]}",
            f"p3={word[:3]}",
            f"s4={word[-4:]}",
            f"n={min(len(word), 8)}",
        ]
        own.append(f"v={bool(_VOWELS.search(word))}{form}")
        own += [f"l={name}" for name, bit in lists.classes.items() if bits & bit]
        if mode == "M":
            own.append(f"wf={kind}/{form}")
    near = [f"w={kind}", f"c={group}", f"b={bits}", f"s3={word[-3:]}"] if letters else [f"w={kind}", f"f={form}"]
    far = [f"w={kind}", f"c={group}"]
    seen = []
    for distance in range(-REACH, REACH + 1):
        features = own if distance == 0 else near if abs(distance) == 1 else far if abs(distance) == 2 else far[:1]
        seen.append([f"{distance}{f}" for f in features])
    return Token(kind, group), seen


AROUND = 6
HEADED = 9
"""So many tokens behind a colon stand under its header."""


def around(before: Token, here: Token, after: Token, place: str, joined: str) -> tuple[str, str, str, str, str, str]:
    """Features of pairs of neighbours, of the place in the line, and of what stands right beside without a space."""
    sign = "" if here.group[0].isalpha() else here.group
    return (
        f"p={before.word}|{here.group}", f"q={here.group}|{after.word}", f"r={before.group}|{here.group}",
        f"@{place}", f"@h={place.partition('~')[0]}", f"g={joined}{sign}",
    )  # fmt: skip


def places(tokens: Tokens) -> list[str]:
    """For each token: the words before a colon in its line, or how far in it stands and how long the line is."""
    out: list[str] = []
    words = tokens.words
    total = len(words)
    at = 0
    while at < total:
        end = at
        while end < total and words[end] != "\n":
            end += 1
        out.extend(_line(words, at, end))
        if end < total:
            out.append("<nl>")
        at = end + 1
    return out


def _line(words: Sequence[str], start: int, end: int) -> list[str]:
    size = "s" if end - start <= 6 else "m" if end - start <= 16 else "l"
    out = []
    header, since = "", 0
    for at in range(start, end):
        depth = at - start
        out.append(f"{header}~{min(since, 4)}" if header else f"{min(depth, 3)}{size}")
        since += 1
        if words[at] == ":" and at > start and words[at - 1][0].isalpha():
            header, since = header_of(words, start, at), 0
        elif since >= HEADED:
            header = ""
    return out


def colons(words: list[str], start: int, end: int) -> list[int]:
    """The colons of a line that stand behind a word."""
    found: list[int] = []
    at = start
    for _ in range(words[start:end].count(":")):
        at = words.index(":", at, end)
        if at > start and words[at - 1][0].isalpha():
            found.append(at)
        at += 1
    return found


def header_of(words: Sequence[str], start: int, colon: int) -> str:
    """Up to three words of a line before a colon."""
    first = colon - 1
    while first > start and colon - first < 3 and words[first - 1][0].isalpha():
        first -= 1
    return " ".join(words[first:colon])


def glue(tokens: Tokens) -> list[str]:
    """Whether a token stands right behind or before another, without a space: `b`, `a`, both or neither."""
    starts, ends = tokens.starts, tokens.ends
    last = len(starts) - 1
    out = []
    for at, start in enumerate(starts):
        before = at > 0 and ends[at - 1] == start
        after = at < last and starts[at + 1] == ends[at]
        out.append(("b" if before else "") + ("a" if after else ""))
    return out


def strings(tokens: Tokens, lists: Gazetteer, hidden: Mapping[str, int]) -> list[list[str]]:
    """All features of every token, spelled out, as training needs them; `hidden` maps words to lists to hide."""
    mode = casing(tokens.plain.text)
    text = tokens.plain.text
    described = [
        describe(text[s:e], mode, lists, hidden.get(w, 0))
        for s, e, w in zip(tokens.starts, tokens.ends, tokens.words, strict=True)
    ]
    edge = Token("<>", "<>")
    out = []
    line, joined = places(tokens), glue(tokens)
    for at, (token, _) in enumerate(described):
        features = []
        for distance in range(-REACH, REACH + 1):
            if 0 <= at + distance < len(described):
                features += described[at + distance][1][REACH + distance]
            elif abs(distance) == 1:
                features.append(f"{distance}<>")
        before = described[at - 1][0] if at else edge
        after = described[at + 1][0] if at + 1 < len(described) else edge
        features += around(before, token, after, line[at], joined[at])
        out.append(features)
    return out
