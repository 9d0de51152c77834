"""The statistical tagger: a linear-chain CRF trained by python-crfsuite, read and run here.

A model file is gzip of: one line of JSON (labels, attributes, weights, scale, description), the names of the attributes
one a line, then little-endian arrays. Weights are 16-bit; loading runs no code.
"""

from __future__ import annotations

import gzip
import threading
from functools import lru_cache
from importlib.resources import files

import msgspec
import numpy as np

from bedrail.core.errors import Corrupt
from bedrail.core.values import Value
from bedrail.privacy.text import features
from bedrail.privacy.text.beside import Beside, Ids
from bedrail.privacy.text.chain import Floats, marginals
from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.tokens import Tokens

_KEPT = 20_000
"""Kinds of tokens whose weights are kept in memory; then all are forgotten and learned anew."""
_BLOCK = 4_000
"""Tokens at a time: a block's kinds fit what is kept."""


class Head(Value, frozen=True, kw_only=True):
    """The first line of a model file."""

    labels: tuple[str, ...]
    attributes: int
    weights: int
    scale: float
    about: dict[str, str]


class Weights:
    """(attributes, labels) weights by attribute name, and (labels, labels) links."""

    def __init__(self, data: bytes) -> None:
        try:
            head, _, rest = gzip.decompress(data).partition(b"\n")
            self.head = msgspec.json.decode(head, type=Head)
            labels, count, weights = len(self.head.labels), self.head.attributes, self.head.weights
            cut = len(rest) - (count + 1) * 4 - weights * 3 - labels * labels * 4
            names = rest[:cut].decode("utf8").split("\n")[:-1]
            first = np.frombuffer(rest, "<u4", count + 1, cut)
            label = np.frombuffer(rest, "u1", weights, cut + (count + 1) * 4)
            value = np.frombuffer(rest, "<i2", weights, cut + (count + 1) * 4 + weights)
            self.links = np.frombuffer(rest, "<f4", labels * labels, cut + (count + 1) * 4 + weights * 3)
            self.links = self.links.reshape(labels, labels).astype(np.float32)
            if len(names) != count:
                raise ValueError("attributes")
            self.rows = np.zeros((count + 1, labels), dtype=np.float32)  # the last is for names without weight
            self.rows[np.repeat(np.arange(count), np.diff(first)), label] = value * np.float32(self.head.scale)
        except (OSError, EOFError, ValueError, IndexError, msgspec.MsgspecError) as problem:
            raise Corrupt("The tagger's model file is damaged.", remedy="Install the package again.") from problem
        self.index = dict(zip(names, range(count), strict=True))

    def sum(self, names: list[str]) -> Floats:
        """The weights of these features together, one a label."""
        index = self.index
        known = [index[n] for n in names if n in index]
        if not known:
            return np.zeros(len(self.head.labels), dtype=np.float32)
        out: Floats = self.rows[known].sum(axis=0)
        return out


class _Kept:
    """Weights already summed, by kind: filled under a lock, read without one, thrown away as a whole when full."""

    def __init__(self, labels: int) -> None:
        self.ids: dict[str, dict[str, int]] = {mode: {} for mode in "MUL"}
        self.count = 0
        self.rows = np.zeros((_KEPT, 2 * features.REACH + 1, labels), dtype=np.float32)
        self.numbers = np.zeros((_KEPT, 3), dtype=np.intp)


class Tagger:
    """Tells, for each token, how likely each label is. Words it has met are kept in memory, never written."""

    def __init__(self, weights: Weights, lists: Gazetteer) -> None:
        self.labels = weights.head.labels
        self._weights, self._lists = weights, lists
        self._lock = threading.Lock()
        self._words = _Kept(len(self.labels))
        self._beside = Beside(weights.index)
        self._edges = {d: weights.sum([f"{d}<>"]) for d in (-1, 1)}

    def probabilities(self, tokens: Tokens) -> Floats:
        """(tokens, labels) posterior probabilities; a text of more than `_BLOCK` tokens is seen block by block."""
        text = tokens.plain.text
        mode = features.casing(text)
        written = [text[s:e] for s, e in zip(tokens.starts, tokens.ends, strict=True)]
        context = self._beside.context(tokens)
        out = []
        for at in range(0, len(written), _BLOCK):
            scores, kinds = self._own(written[at : at + _BLOCK], mode)
            rows = self._weights.rows[self._beside.rows(context[at : at + _BLOCK], kinds)]
            scores += rows.sum(axis=1)
            out.append(marginals(scores, self._weights.links))
        return out[0] if len(out) == 1 else np.concatenate(out)

    def _own(self, written: list[str], mode: str) -> tuple[Floats, Ids]:
        kept = self._words
        if kept.count + len(written) > _KEPT:
            kept = self._words = _Kept(len(self.labels))
        known = kept.ids[mode].get
        found = [known(token) for token in written]
        if None in found:
            found = [
                self._learn_word(kept, token, mode) if at is None else at
                for token, at in zip(written, found, strict=True)
            ]
        ids = np.array(found, dtype=np.intp)
        rows = kept.rows[ids]
        reach = features.REACH
        scores: Floats = rows[:, reach].copy()
        for distance in range(1, reach + 1):
            scores[distance:] += rows[:-distance, reach - distance]
            scores[:-distance] += rows[distance:, reach + distance]
        scores[0] += self._edges[-1]
        scores[-1] += self._edges[1]
        return scores, kept.numbers[ids]

    def _learn_word(self, kept: _Kept, written: str, mode: str) -> int:
        token, seen = features.describe(written, mode, self._lists)
        with self._lock:
            if written in kept.ids[mode]:
                return kept.ids[mode][written]
            at = kept.count
            for distance, names in enumerate(seen):
                kept.rows[at, distance] = self._weights.sum(names)
            kept.numbers[at] = self._beside.numbers(token)
            kept.count += 1
            kept.ids[mode][written] = at
        return at


@lru_cache(maxsize=8)
def weights(file: str) -> Weights:
    """The model shipped as `privacy/text/data/<file>`, read once a process."""
    return Weights(files("bedrail.privacy.text").joinpath("data", file).read_bytes())
