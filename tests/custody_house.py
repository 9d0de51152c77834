"""A small house with people who keep keys, and patients' records in it."""

from __future__ import annotations

from pathlib import Path

from bedrail.app import App
from bedrail.core.events import PersonAdded
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.custody import (
    KeyDesk,
)
from bedside_house import SmallHouse, small_house

SUBJECTS = tuple(f"{number:032x}" for number in range(8))
PLAIN = b"creatinine 171 umol/L"


def custody_house(folder: Path) -> SmallHouse:
    """A small house with custodians, a privacy officer and a release engineer."""
    made = small_house(folder)
    made.append(
        PersonAdded(person="kim", name="Kim", roles=("key-custodian",)),
        PersonAdded(person="pia", name="Pia", roles=("pseudonym-custodian",)),
        PersonAdded(person="petra", name="Petra", roles=("privacy-officer",)),
        PersonAdded(person="rob", name="Rob", roles=("release-engineer",)),
    )
    return made


def desk_of(app: App) -> KeyDesk:
    """The keys of a home, without waiting where a disposal waits."""
    desk = app.key_desk()
    return KeyDesk(desk.epochs, desk.rows, desk.pseudonym, desk.providers, desk.provider, lambda _: None)


def seal_some(app: App, count: int = 3) -> dict[str, str]:
    """Records of each subject, stored with a fact each; returns subject by record id."""
    made = {}
    for subject in SUBJECTS:
        for number in range(count):
            name = f"{subject[-4:]}-{number}"
            record = app.context.vault.seal(
                record_id=name, subject=subject, kind="decision", purpose="care", plaintext=PLAIN
            )
            fact = PersonAdded(person="rob", name="Rob", roles=("release-engineer",))
            app.context.append(SYSTEM, "care", fact, records=(record,))
            made[name] = subject
    return made


def readable_records(app: App) -> set[str]:
    """The ids of those records that open to what was sealed."""
    ids = [f"{subject[-4:]}-{number}" for subject in SUBJECTS for number in range(3)]
    return {name for name, data in app.context.opened("decision", ids) if data == PLAIN}
