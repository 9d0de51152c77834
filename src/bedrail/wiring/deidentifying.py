"""Which key a run of de-identification decides by."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bedrail.core.ports import KeyedDigest
from bedrail.core.values import Value
from bedrail.keys.project_keys import file_key, fresh_key


class RunKey(Value, frozen=True, kw_only=True):
    """The key of a run, and where it comes from: a home's project, a file, or this run alone."""

    digest: KeyedDigest
    origin: Literal["home", "file", "run"]

    @property
    def check(self) -> str:
        """Tells two keys apart and nothing about either: an interrupted run goes on under the same key only."""
        return self.digest.digest("check", "")[:16].hex()


def run_key(project: str, key_file: Path | None) -> RunKey:
    """The key of a run without a home: from the file (made at the first use), or fresh, for this run alone."""
    if key_file is not None:
        return RunKey(digest=file_key(key_file, project), origin="file")
    return RunKey(digest=fresh_key(), origin="run")
