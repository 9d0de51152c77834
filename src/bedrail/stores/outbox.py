"""Notices to people: files in HOME/outbox that a mailer or pager fetches, carried further where that is set up."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from bedrail.core.ports import Notice
from bedrail.stores.durable import write_durably

DRAFT = ".draft"
DRAFT_SECONDS = 3600.0
"""A draft that the ledger does not tell of by then never happened."""

RETRY_SECONDS = 24 * 3600.0
MOST_AT_ONCE = 20
"""What could not be handed on is tried again for a day, so many at a time."""
MOST_FAILED = 3
"""Then the pager is taken to be out, until the next time."""


class Outbox:
    """`Notices`: one JSON file each, named by the notice's id; `carry` hands its bytes on and says whether it could."""

    def __init__(self, folder: Path, carry: Callable[[bytes], bool] | None = None) -> None:
        self._folder = folder
        self._carry = carry

    def draft(self, notice: Notice) -> None:
        """A file that no mailer looks for."""
        self._write(f"{notice.notice}{DRAFT}", msgspec.json.encode(notice))

    def keep(self, notice: Notice) -> None:
        """The file for mailers."""
        self._keep(notice)

    def give(self, notice: Notice) -> bool:
        """The file first, then the further way; that it was carried is the name `ID.sent.json` instead of `ID.json`."""
        kept = self._keep(notice)
        carried = self._carry is not None and self._carry(msgspec.json.encode(notice))
        if kept is not None and carried:
            with suppress(OSError):  # somebody fetched it meanwhile
                kept.rename(kept.with_name(f"{notice.notice}.sent.json"))
        return carried

    def settle(self, told: Container[str], now: datetime) -> int:
        """Drafts that the ledger tells of are kept; then what has waited under a day is carried, oldest first."""
        with suppress(OSError):
            for path in sorted(self._folder.glob(f"*{DRAFT}")):
                notice = _read(path)
                if notice is not None and notice.notice in told:
                    self._keep(notice)
                elif _age(path, now) > DRAFT_SECONDS:  # its act was not recorded, so there is nothing to tell
                    path.unlink(missing_ok=True)
            if self._carry is not None:
                waiting = [path for path in sorted(self._folder.glob("*.json")) if not path.name.endswith(".sent.json")]
                return self._carried([path for path in waiting if _age(path, now) < RETRY_SECONDS])
        return 0

    def _carried(self, waiting: Sequence[Path]) -> int:
        """How many were carried; a few that the pager does not take hold up no others."""
        done = failed = 0
        for path in waiting[:MOST_AT_ONCE]:
            notice = _read(path)
            if notice is None or self._carry is None:
                continue
            if self._carry(msgspec.json.encode(notice)):
                done += 1
                with suppress(OSError):  # somebody fetched it meanwhile
                    path.rename(path.with_name(f"{notice.notice}.sent.json"))
            else:
                failed += 1
                if failed == MOST_FAILED:
                    break
        return done

    def _keep(self, notice: Notice) -> Path | None:
        kept = self._write(f"{notice.notice}.json", msgspec.json.encode(notice))
        if kept is not None:
            with suppress(OSError):
                (self._folder / f"{notice.notice}{DRAFT}").unlink(missing_ok=True)
        return kept

    def _write(self, name: str, data: bytes) -> Path | None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / name
            write_durably(path, data)
        except OSError:  # the fact of the notice stands in the ledger; the act it tells of goes on
            return None
        return path


def _read(path: Path) -> Notice | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Notice)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):  # fetched meanwhile, or no notice of ours
        return None


def _age(path: Path, now: datetime) -> float:
    try:
        return now.timestamp() - path.stat().st_mtime
    except OSError:
        return 0.0
