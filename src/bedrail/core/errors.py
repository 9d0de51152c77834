"""Errors say who is to blame and what to do; each door maps these four to HTTP status or exit code.

`Refused` is a rule saying no (safe to show), `Invalid` is the caller's input, `Unavailable` is a part of the
system that is out, and anything else is a bug.
"""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON of the wanted type: other text, not UTF-8, nested too deep."""


class BedrailError(Exception):
    """Never raised itself: the parent of every error that has an answer for the person who meets it.

    `message` is one sentence without patient data; `remedy` says what to do next.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class Refused(BedrailError):
    """A rule of the house says no: permission, gate, stage, separation of duties."""

    def __init__(self, message: str, *, remedy: str = "", reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.reasons = reasons


class Invalid(BedrailError):
    """The caller's input is wrong; `path` leads to the field, such as `features.age` or `usecase.toml:12 tier`."""

    def __init__(self, message: str, *, path: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = path

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{super().__str__()}".strip()


class NotFound(Invalid):
    """The caller names a thing that does not exist."""


class Unavailable(BedrailError):
    """A part of the system is out: disk, ledger, model file, vendor endpoint."""


class Busy(Unavailable):
    """Somebody else is writing just now, and the caller did not want to wait."""


class Corrupt(Unavailable):
    """Stored bytes are not the approved or recorded ones: nothing built on them may be used."""
