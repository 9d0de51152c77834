"""Long lists of words inside a pattern, asked by their first letter: the same matches in the same order, sooner.

`re` tries the alternatives of a group one after the other, and where case is ignored each costs a step of its own. Told
apart by a class of one letter, those that begin otherwise are passed over at once (`SRE_OP_IN` at a branch).
"""

from __future__ import annotations

import re

_FEWEST = 4
"""Alternatives of a group, from which on they are sorted."""
_LETTER = re.compile(r"[A-Za-z](?![?*+{])")
_INSENSITIVE = re.compile(r"\?(?P<on>[aimsux]*)(?:-(?P<off>[imsx]+))?:")


def compiled(pattern: str) -> re.Pattern[str]:
    """`pattern`, matching what it says in plain text (see normalise.py), with its lists of words by first letter.

    Raises re.error for what is no pattern.
    """
    return re.compile(by_first_letter(pattern))


def by_first_letter(pattern: str) -> str:
    """The same pattern, each list of words for which case is ignored told apart by first letters.

    Only neighbours in the list are put together, and those that begin with the same letter keep their order, so that
    the first that matches stays the first. The Kelvin sign and the long s, which `re` takes for k and s, begin no word.
    """
    body, end = _alternatives(pattern, 0, folded=False)
    return body + pattern[end:]


def _alternatives(pattern: str, at: int, *, folded: bool) -> tuple[str, int]:
    """The inside of one group from `at`, and where it ends."""
    alternatives: list[str] = []
    here: list[str] = []
    while at < len(pattern) and pattern[at] != ")":
        char = pattern[at]
        if char == "|":
            alternatives.append("".join(here))
            here, at = [], at + 1
        elif char == "(":
            flags = _INSENSITIVE.match(pattern, at + 1)
            inside = flags.end() if flags else at + 1
            inner = folded if not flags else (folded or "i" in flags["on"]) and "i" not in (flags["off"] or "")
            body, end = _alternatives(pattern, inside, folded=inner)
            here.append(pattern[at:inside] + body + pattern[end : end + 1])
            at = end + 1
        else:
            end = _class_end(pattern, at) if char == "[" else at + 1 + (char == "\\")
            here.append(pattern[at:end])
            at = end
    alternatives.append("".join(here))
    return _sorted(alternatives) if folded else "|".join(alternatives), at


def _class_end(pattern: str, at: int) -> int:
    """Behind the class of characters that begins at `at`; a closing bracket right at its beginning belongs to it."""
    at += 1 + pattern.startswith("^", at + 1)
    at += pattern.startswith("]", at)
    while at < len(pattern) and pattern[at] != "]":
        at += 1 + (pattern[at] == "\\")
    return at + 1


def _sorted(alternatives: list[str]) -> str:
    if len(alternatives) < _FEWEST:
        return "|".join(alternatives)
    out: list[str] = []
    behind: dict[str, list[str]] = {}
    for one in alternatives:
        if _LETTER.match(one):
            behind.setdefault(one[0].lower(), []).append(one[1:])
        else:
            out += _told_apart(behind)
            behind = {}
            out.append(one)
    return "|".join(out + _told_apart(behind))


def _told_apart(behind: dict[str, list[str]]) -> list[str]:
    return [
        f"(?-i:[{first}{first.upper()}])" + (rests[0] if len(rests) == 1 else f"(?:{_sorted(rests)})")
        for first, rests in behind.items()
    ]
