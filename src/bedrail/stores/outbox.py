"""Notices to people: files in HOME/outbox that a mailer or pager fetches, carried further where that is set up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from bedrail.core.ports import Notice
from bedrail.stores.durable import write_durably


class Outbox:
    """`Notices`: one JSON file each, named by the notice's id; `carry` hands its bytes on and says whether it could."""

    def __init__(self, folder: Path, carry: Callable[[bytes], bool] | None = None) -> None:
        self._folder = folder
        self._carry = carry

    def give(self, notice: Notice) -> bool:
        """The file first, then the further way; that it was carried is the name `ID.sent.json` instead of `ID.json`."""
        data = msgspec.json.encode(notice)
        kept = self._keep(notice, data)
        carried = self._carry is not None and self._carry(data)
        if kept is not None and carried:
            kept.rename(kept.with_name(f"{notice.notice}.sent.json"))
        return carried

    def _keep(self, notice: Notice, data: bytes) -> Path | None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{notice.notice}.json"
            write_durably(path, data)
        except OSError:  # the fact of the notice stands in the ledger; the act it tells of goes on
            return None
        return path
