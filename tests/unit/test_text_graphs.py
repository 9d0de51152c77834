"""Graphs of rules that the package ships: as if made anew, and never of other rules."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from bedrail.privacy.text import graphs
from bedrail.privacy.text.automaton import graph
from bedrail.privacy.text.matching import Matcher
from bedrail.privacy.text.packs import PACKS, pack

_DATA = Path(graphs.__file__).parent / "data"


def test_the_shipped_graphs_are_those_of_the_rules_as_they_stand() -> None:
    """Each is what its rules make, to the byte; none is missing or left over (else: python tools/text_graphs.py)."""
    names = set()
    for language in PACKS:
        asked = Matcher(pack(language).rules).asked
        names.add(name := graphs.file_name(*asked))
        assert (_DATA / name).is_file(), f"run tools/text_graphs.py: the rules of {language} have changed"
        assert graphs.read((_DATA / name).read_bytes()) == graph(*asked) == graphs.graph_of(*asked)
    assert {each.name for each in _DATA.glob("graph_*.gz")} == names


def test_a_graph_is_read_as_it_was_written_and_damage_is_told() -> None:
    """Cut off or changed, a file is no graph."""
    asked = [re.compile(r"(?<!\d)ab(?=c)|\d+x"), re.compile("(?i:k)")], [(0, 1), (1,), ()]
    data = graphs.written(graph(*asked))
    assert graphs.read(data) == graph(*asked) == graphs.graph_of(*asked)
    for other in (b"", data[:9], data[:-9], data[:-8] + bytes(8), data[:20] + b"\xff" + data[21:]):
        with pytest.raises((OSError, EOFError, ValueError, zlib.error)):
            graphs.read(other)


def test_a_damaged_file_costs_time_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the file is damaged, the graph is made."""
    asked = [re.compile("ab|c")], [(0,)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / graphs.file_name(*asked)).write_bytes(b"\x1f\x8b nothing")
    monkeypatch.setattr(graphs, "files", lambda _: tmp_path)
    assert graphs.graph_of(*asked) == graph(*asked)


def test_other_rules_have_another_name() -> None:
    """A letter, a flag, an order or an entry makes another digest."""
    one, other = re.compile("ab"), re.compile("ac")
    asked: list[tuple[list[re.Pattern[str]], Sequence[tuple[int, ...]]]] = [
        ([one], [(0,)]), ([other], [(0,)]), ([re.compile("ab", re.I)], [(0,)]), ([one], [(0,), ()]), ([one], [()]),
        ([one, other], [(0, 1)]), ([other, one], [(0, 1)]),
    ]  # fmt: skip
    assert len({graphs.file_name(*each) for each in asked}) == len(asked)
