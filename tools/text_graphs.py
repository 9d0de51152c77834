# ruff: noqa: T201
"""Write down the graphs of the shipped rules (privacy/text/data/graph_*.gz): after a change of a rule or automaton.py.

Run: .venv/bin/python tools/text_graphs.py
"""

from __future__ import annotations

from pathlib import Path

from bedrail.privacy.text import graphs
from bedrail.privacy.text.automaton import graph
from bedrail.privacy.text.matching import Matcher
from bedrail.privacy.text.packs import PACKS, pack

if __name__ == "__main__":
    folder = Path(graphs.__file__).parent / "data"
    for old in folder.glob("graph_*.gz"):
        old.unlink()
    for language in PACKS:
        asked = Matcher(pack(language).rules).asked
        data = graphs.written(graph(*asked))
        (folder / graphs.file_name(*asked)).write_bytes(data)
        print(f"{language}: {graphs.file_name(*asked)}, {len(data):,} bytes")
