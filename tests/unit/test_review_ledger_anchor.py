"""Opening a ledger beside a process that is writing to it."""

from __future__ import annotations

from pathlib import Path

from bedrail.ledger import Ledger
from bedrail.stores import FileAnchor
from ledger_parts import ORIGIN, home, person, signer


class Busy(FileAnchor):
    """An anchor whose reader is slow: another process appends and anchors while it is being read."""

    meanwhile: Ledger

    def read(self) -> bytes | None:
        self.meanwhile.append([person(2)])
        return super().read()


def test_a_ledger_that_grows_while_it_is_opened_is_no_shortened_one(tmp_path: Path) -> None:
    """The anchor is read before the head, so that a head can only be as old as the anchor, or newer."""
    server = home(tmp_path)
    server.ledger.append([person(1)])
    anchor = Busy(tmp_path / "anchor")
    anchor.meanwhile = server.ledger
    opened = Ledger(server.store, signer(), ORIGIN, anchor)
    assert opened.head().size == 2
    server.close()
