"""Notices to people: files in HOME/outbox that a mailer or pager fetches, carried further where that is set up.

A notice is `ID.draft`, `ID.json`, `ID.sent.json`, one after the other and never back: each step renames the one file,
so of several threads and processes one takes it. Whoever carries a notice holds a lock on its file meanwhile, and the
name says before the lock ends that it was carried. So it is carried once; a process that is killed between the pager's
answer and the new name leaves it to be carried again, which receivers tell by the notice's id.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from bedrail.core.ports import Notice
from bedrail.stores.durable import sync_folder, write_durably

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
        self._drafted: set[str] = set()
        self._kept: set[str] = set()
        """Notices of this process that have, or had, the name for mailers: they are never drafted or written again."""

    def draft(self, notice: Notice) -> None:
        """A file that no mailer looks for."""
        if self._write(f"{notice.notice}{DRAFT}", msgspec.json.encode(notice)) is not None:
            self._drafted.add(notice.notice)

    def keep(self, notice: Notice) -> None:
        """The file for mailers."""
        if notice.notice not in self._kept:
            drafted = notice.notice in self._drafted
            self._left(notice, taken=drafted and self._take(self._folder / f"{notice.notice}{DRAFT}"))

    def give(self, notice: Notice) -> bool:
        """The file first, then the further way; that it was carried is the name `ID.sent.json` instead of `ID.json`."""
        if self._carry is None:
            self.keep(notice)
            return False
        kept = self._folder / f"{notice.notice}.json"
        if notice.notice not in self._kept:
            if notice.notice not in self._drafted:
                self.draft(notice)
            draft = self._folder / f"{notice.notice}{DRAFT}"
            with _claimed(draft, wait=True) as mine:
                taken = self._take(draft)
                if mine and (taken or kept.exists()):
                    self._left(notice, taken=True)
                    return self._hand_on(notice, kept)
            if not self._left(notice, taken=taken):  # the fact stands in the ledger; no file could be written
                return self._carry(msgspec.json.encode(notice))
        return self._carried(kept, wait=True) or _sent(kept).exists()  # somebody who settles may have it, or had it

    def settle(self, told: Container[str], now: datetime) -> int:
        """Drafts that the ledger tells of are kept; then what has waited under a day is carried, oldest first."""
        with suppress(OSError):
            for path in sorted(self._folder.glob(f"*{DRAFT}")):
                notice = _read(path)
                if notice is not None and notice.notice in told:
                    self._take(path)
                elif _age(path, now) > DRAFT_SECONDS:  # its act was not recorded, so there is nothing to tell
                    path.unlink(missing_ok=True)
            if self._carry is not None:
                waiting = [path for path in sorted(self._folder.glob("*.json")) if not path.name.endswith(".sent.json")]
                return self._carried_of([path for path in waiting if _age(path, now) < RETRY_SECONDS])
        return 0

    def _carried_of(self, waiting: Sequence[Path]) -> int:
        """How many were carried; a few that the pager does not take hold up no others."""
        done = failed = 0
        for path in waiting[:MOST_AT_ONCE]:
            carried = self._carried(path, wait=False)
            done, failed = done + (carried is True), failed + (carried is False)
            if failed == MOST_FAILED:
                break
        return done

    def _carried(self, path: Path, *, wait: bool) -> bool | None:
        """Whether this notice was carried now; None when that is somebody else's to do, or done."""
        with _claimed(path, wait=wait) as mine:
            notice = _read(path) if mine else None
            return None if notice is None else self._hand_on(notice, path)

    def _hand_on(self, notice: Notice, kept: Path) -> bool:
        """For whoever holds the claim."""
        carried = self._carry is not None and self._carry(msgspec.json.encode(notice))
        if carried:
            with suppress(OSError):  # somebody fetched it meanwhile
                kept.rename(_sent(kept))
        return carried

    def _left(self, notice: Notice, *, taken: bool) -> bool:
        """Whether there is a file for mailers, or was: written now when nobody took the draft, as when it was dropped.

        Who settles drops drafts of an hour ago, which after a paused machine or a set clock is any: told twice rather
        than never.
        """
        self._drafted.discard(notice.notice)
        kept = self._folder / f"{notice.notice}.json"
        there = taken or kept.exists() or _sent(kept).exists()
        if there or self._write(kept.name, msgspec.json.encode(notice)) is not None:
            self._kept.add(notice.notice)
        return notice.notice in self._kept

    def _take(self, draft: Path) -> bool:
        """Whether we gave the draft the name that mailers look for."""
        try:
            draft.rename(draft.with_suffix(".json"))
        except OSError:
            return False
        with suppress(OSError):
            sync_folder(self._folder)
        return True

    def _write(self, name: str, data: bytes) -> Path | None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / name
            write_durably(path, data)
        except OSError:  # the fact of the notice stands in the ledger; the act it tells of goes on
            return None
        return path


@contextmanager
def _claimed(path: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this notice is still to be carried, and by us alone until this ends; with `wait`, after whoever is at it.

    The lock is on the file, not its name, so it ends with the process that holds it. Where a file system knows no locks
    a notice may be carried twice, rather than never.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # carried, or fetched
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        yield _is_at(handle, path)  # by now whoever held it may have carried it
    finally:
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _sent(path: Path) -> Path:
    return path.with_name(f"{path.stem}.sent.json")


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
