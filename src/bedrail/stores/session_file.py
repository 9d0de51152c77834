"""The session of a terminal: a token in a file that only its owner can read, one for each home."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

from bedrail.core.errors import Refused, Unavailable


class SessionFile:
    """Where `bedrail sign-in` keeps the token of one home: `$XDG_CONFIG_HOME/bedrail/sessions/`."""

    def __init__(self, config: Path, home: Path) -> None:
        """`config` is the user's configuration folder."""
        name = sha256(str(home.resolve()).encode()).hexdigest()[:24]
        self.path = config / "bedrail" / "sessions" / name

    def read(self) -> str:
        """The token, or an empty text; raises `Refused` for a file that others can read or that is not ours."""
        try:
            about = self.path.lstat()
        except OSError:
            return ""
        if not stat.S_ISREG(about.st_mode) or about.st_mode & 0o077 or about.st_uid != os.getuid():
            raise Refused(
                f"{self.path} can be read by others.", remedy="Sign out and in again: whoever read it is you."
            )
        return self.path.read_text(encoding="ascii", errors="replace").strip()

    def write(self, token: str) -> None:
        """Replace the token; raises `Unavailable`."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self.path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(token)
            fresh.replace(self.path)
        except OSError as error:
            raise Unavailable("The session cannot be kept.", remedy=f"Check {self.path.parent}.") from error

    def forget(self) -> None:
        """Delete the token."""
        self.path.unlink(missing_ok=True)
