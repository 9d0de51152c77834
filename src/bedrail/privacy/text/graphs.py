"""Graphs of the shipped rules, written down: made anew, that of English takes half a second of every process.

A file is named by the digest of the patterns and entries that it is of (and of the way in which graphs are made), so
that one of other rules is never taken for it. Rules that have no file have their graph made.
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import accumulate, pairwise

from bedrail.privacy.text.automaton import Graph, digest, graph

_RISING = dict.fromkeys(("lead_at", "lead_to", "skip_at", "skip_to", "entry_at", "starts"), "I") | {"part_of": "H"}
"""Fields whose differences are written, which are mostly the same."""
_PLAIN = {"lead_set": "H", "skip_set": "H", "pattern_of": "H"}
_BYTES = ("columns", "sets", "skip_kind")


def graph_of(patterns: Sequence[re.Pattern[str]], entries: Sequence[Iterable[int]]) -> Graph:
    """The graph of patterns by number and entries, numbers that are tried together: as shipped, else made."""
    name = file_name(patterns, entries)
    try:
        return read(files("bedrail.privacy.text").joinpath("data", name).read_bytes())
    except (OSError, EOFError, ValueError, zlib.error):  # not there, or damaged
        return graph(patterns, entries)


def file_name(patterns: Sequence[re.Pattern[str]], entries: Sequence[Iterable[int]]) -> str:
    """In which file of `privacy/text/data` their graph is looked for."""
    return f"graph_{digest(patterns, entries).hex()[:32]}.gz"


def written(one: Graph) -> bytes:
    """A graph as a file."""
    parts = [one.width.to_bytes(4, "little")]
    for name in (*_BYTES, *_PLAIN, *_RISING):
        value = getattr(one, name)
        if name in _RISING:
            value = array("i", [after - before for before, after in pairwise((0, *value))])
        parts += [len(value).to_bytes(4, "little"), value if isinstance(value, bytes) else _little(value).tobytes()]
    return gzip.compress(b"".join(parts), mtime=0)


def read(data: bytes) -> Graph:
    """A graph from its file; raises OSError, EOFError, ValueError or zlib.error when it is none."""
    data = gzip.decompress(data)
    at = 4
    found: dict[str, bytes | array[int]] = {}
    for name, code in {**dict.fromkeys(_BYTES, ""), **_PLAIN, **dict.fromkeys(_RISING, "i")}.items():
        count, at = int.from_bytes(data[at : at + 4], "little"), at + 4
        end = at + count * (array(code).itemsize if code else 1)
        if end > len(data):
            raise EOFError(name)
        found[name] = _little(array(code, data[at:end])) if code else data[at:end]
        at = end
    rising = {name: array(code, accumulate(found[name])) for name, code in _RISING.items()}
    return Graph(width=int.from_bytes(data[:4], "little"), **{**found, **rising})  # type: ignore[arg-type]


def _little(numbers: array[int]) -> array[int]:
    """The same, or turned around, where this machine does not keep the lowest byte first."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
