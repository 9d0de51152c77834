"""A witness: keys and memory of its own, in a folder apart from every home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bedrail.core.errors import NotFound
from bedrail.core.ports import Clock
from bedrail.journeys.witnessing import WitnessDesk
from bedrail.keys.signing import VERIFIERS
from bedrail.keys.witness import WitnessKeys, create_witness_keys
from bedrail.ledger.cosignature import CosignerKey
from bedrail.stores.witness import WitnessMemory, require_new_folder

MEMORY = "witness.sqlite"
KEYS = "keys"


@dataclass(slots=True)
class WitnessHouse:
    """One opened witness."""

    memory: WitnessMemory
    desk: WitnessDesk

    def cosigners(self) -> tuple[CosignerKey, ...]:
        """The public keys that it cosigns with."""
        return tuple(self.desk.signers)

    def origins(self) -> list[str]:
        """The logs that it trusts."""
        return self.memory.origins()

    def close(self) -> None:
        """Let go of files."""
        self.memory.close()


def make_witness(folder: Path, name: str, clock: Clock, *, post_quantum: bool) -> WitnessHouse:
    """Make a witness in a new or empty folder; it trusts no log yet. Raises `Refused` or `Invalid`."""
    require_new_folder(folder)
    create_witness_keys(folder / KEYS, name, post_quantum=post_quantum)
    WitnessMemory.create(folder / MEMORY).close()
    return witness_in(folder, clock)


def witness_in(folder: Path, clock: Clock) -> WitnessHouse:
    """Open a witness; raises `NotFound` with the remedy when keys or memory are not there."""
    if not (folder / KEYS).is_dir():
        raise NotFound(f"{folder} is no witness's folder.", remedy="bedrail witness init makes one.")
    keys = WitnessKeys(folder / KEYS)
    memory = WitnessMemory(folder / MEMORY)
    return WitnessHouse(memory, WitnessDesk(memory, keys.signers, VERIFIERS, clock))
