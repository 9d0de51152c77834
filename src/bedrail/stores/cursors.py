"""How far a collector has been sent the ledger: one small file for each address."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bedrail.core.errors import Corrupt
from bedrail.stores.durable import write_durably


class FileCursor:
    """The index of the first entry that was not yet delivered; kept durably, so that forwarding can be resumed."""

    def __init__(self, folder: Path, address: str) -> None:
        self._path = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.next"

    def read(self) -> int:
        """The next index, 0 when nothing was delivered; raises `Corrupt` for a file that says no number."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return 0
        if not text.isdigit():
            raise Corrupt(f"{self._path.name} holds no index.", remedy="Remove it to forward everything anew.")
        return int(text)

    def write(self, index: int) -> None:
        """Everything before `index` was delivered."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._path, f"{index}\n".encode())
