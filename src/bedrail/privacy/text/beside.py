"""Weights of what stands beside a token (`features.around`), found by numbers instead of by spelling out names.

The names of a model are cut into words and groups once; a pair of neighbours is then one number, and those of all
tokens of a note are looked up together. `rows_named` does the same by names, as training does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bedrail.privacy.text import features
from bedrail.privacy.text.tokens import Tokens

Ids = npt.NDArray[np.intp]

_EDGE = features.Token("<>", "<>")
_GLUE = ("", "b", "a", "ba")
_PAIRS = ("p=", "q=", "r=")
"""A word and the group behind it, a group and the word behind it, two groups."""
_KEPT = 10_000
"""So many beginnings of lines are remembered."""


def _halves(name: str) -> tuple[str, str]:
    """The two sides of a bar; either may be the bar itself."""
    left, _, right = ("|", "|", name[2:]) if name.startswith("||") else name.partition("|")
    return left, right


class Beside:
    """Rows of a model's weights for pairs, places and glue; the row behind the last is for what it has no name for."""

    def __init__(self, index: Mapping[str, int]) -> None:
        self._index, self._none = index, len(index)
        self._words: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        named = [
            (_PAIRS.index(n[:2]), *_halves(n[2:]), row) for n, row in index.items() if n[:2] in _PAIRS and "|" in n
        ]
        pairs = [
            (kind, self._number(left, word=kind == 0), self._number(right, word=kind == 1), row)
            for kind, left, right, row in named
        ]
        for name in index:
            if name.startswith("g=") and (sign := name[2:].lstrip("ab")):
                self._number(sign, word=False)
        self._span = max(len(self._words), len(self._groups)) + 1
        keys = np.array([(kind * self._span + a) * self._span + b for kind, a, b, _ in pairs], dtype=np.int64)
        order = np.argsort(keys)
        self._keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._rows = np.append(np.array([row for *_, row in pairs], dtype=np.intp)[order], self._none)
        signs = ["", *self._groups, "?unknown"]
        self._glue = np.array([[index.get(f"g={glue}{sign}", self._none) for sign in signs] for glue in _GLUE])
        self._lines: dict[str, list[int]] = {}
        self._end = self._place("<nl>", "<nl>")
        self._edge = self.numbers(_EDGE)

    def _number(self, name: str, *, word: bool) -> int:
        known = self._words if word else self._groups
        return known.setdefault(name, len(known) + 1)

    def numbers(self, token: features.Token) -> tuple[int, int, int]:
        """Of a token's word and group, 0 where the model has no name; of the sign that it is, 0 where it is none."""
        group = self._groups.get(token.group, 0)
        sign = 0 if token.group[0].isalpha() else group or len(self._groups) + 1
        return self._words.get(token.word, 0), group, sign

    def context(self, tokens: Tokens) -> Ids:
        """(n, 3): rows of the place and of the header, and a number for the glue, of each token."""
        starts, ends = np.array(tokens.starts), np.array(tokens.ends)
        joined = starts[1:] == ends[:-1]
        out = np.zeros((len(starts), 3), dtype=np.intp)
        out[:, 0], out[:, 1] = np.divmod(self._places(tokens.words), self._none + 1)
        out[1:, 2] += joined  # right behind another
        out[:-1, 2] += 2 * joined  # right before one
        return out

    def rows(self, context: Ids, kinds: Ids) -> Ids:
        """(n, AROUND) rows of n tokens in a row; `kinds` (n, 3) are their `numbers`."""
        count = len(kinds)
        wide = np.empty((count + 2, 3), dtype=np.int64)
        wide[0] = wide[-1] = self._edge
        wide[1:-1] = kinds
        word, group = wide[:, 0], wide[:, 1]
        sought = np.empty((count, 3), dtype=np.int64)
        sought[:, 0] = word[:-2] * self._span + group[1:-1]
        sought[:, 1] = (self._span + group[1:-1]) * self._span + word[2:]
        sought[:, 2] = (2 * self._span + group[:-2]) * self._span + group[1:-1]
        at = self._keys.searchsorted(sought)
        out = np.empty((count, features.AROUND), dtype=np.intp)
        out[:, :3] = np.where(self._keys[at] == sought, self._rows[at], self._none)
        out[:, 3:5] = context[:, :2]
        out[:, 5] = self._glue[context[:, 2], kinds[:, 2]]
        return out

    def _places(self, words: list[str]) -> list[int]:
        """Rows of the place and of the header, in one number, by token; see `features.places`."""
        out: list[int] = []
        at, total = 0, len(words)
        breaks = words.count("\n")
        while at < total:
            end = words.index("\n", at) if breaks else total
            breaks -= 1
            self._line(words, at, end, out)
            if end < total:
                out.append(self._end)
            at = end + 1
        return out

    def _line(self, words: list[str], start: int, end: int, out: list[int]) -> None:
        """A line in stretches: from its beginning or a header on, as far as the header counts."""
        size = "s" if end - start <= 6 else "m" if end - start <= 16 else "l"
        bare = self._stretch("", size)
        at = start
        header: list[int] | None = None
        for colon in features.colons(words, start, end):
            self._fill(header, bare, start, at, colon + 1, out)
            at, header = colon + 1, self._stretch(features.header_of(words, start, colon), "")
        self._fill(header, bare, start, at, end, out)

    @staticmethod
    def _fill(
        header: list[int] | None,
        bare: list[int],
        start: int,
        at: int,
        end: int,
        out: list[int],
    ) -> None:
        since = at
        if header is not None:
            until = min(end, at + features.HEADED)
            out += header[: until - at]
            out += header[-1:] * (until - at - len(header))
            since = until
        depth = since - start
        while since < end and depth < 3:
            out.append(bare[depth])
            since, depth = since + 1, depth + 1
        out += bare[3:] * (end - since)

    def _stretch(self, header: str, size: str) -> list[int]:
        """Rows of the first places behind a header, or of a line of some size; the last holds for all behind it."""
        key = f"{header}~" if header else size
        known = self._lines.get(key)
        if known is None:
            if len(self._lines) > _KEPT:
                self._lines.clear()
            names = [f"{header}~{n}" for n in range(5)] if header else [f"{n}{size}" for n in range(4)]
            known = self._lines[key] = [self._place(name, header or name) for name in names]
        return known

    def _place(self, place: str, header: str) -> int:
        at, under = (self._index.get(name, self._none) for name in (f"@{place}", f"@h={header}"))
        return at * (self._none + 1) + under


def rows_named(index: Mapping[str, int], tokens: Tokens, kinds: Sequence[features.Token]) -> Ids:
    """(n, AROUND) rows of all tokens, by the names of their features."""
    none = len(index)
    beside = zip(
        [_EDGE, *kinds[:-1]], kinds, [*kinds[1:], _EDGE], features.places(tokens), features.glue(tokens), strict=True
    )
    ids = [[index.get(name, none) for name in features.around(*parts)] for parts in beside]
    return np.array(ids, dtype=np.intp).reshape(-1, features.AROUND)
