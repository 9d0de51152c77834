"""The posture of an installation: what was found about it, and one function for each question asked of that.

Pure: gathering is done elsewhere (`stores.surroundings`, `journeys.posture`), so every rule can be tried on any state.
A finding is `dangerous` (a server refuses to start), a `warning` (mend it soon) or a `note` (know it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from bedrail.core.values import Value

Severity = Literal["dangerous", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("dangerous", "warning", "note")


class Finding(Value, frozen=True, kw_only=True):
    """One thing that is wrong: which check says so, how bad it is, what it is, and what mends it."""

    check: str
    severity: Severity
    what: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Where something rests: its file system by the kernel's name, its device, and the room left in bytes."""

    path: str
    kind: str
    device: int
    free: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The process and the machine. `loose` are paths of the home that others may read; `clock` is kernel time state.

    `durability` maps settings of the database to what they are and what they must be; `behind` is by how many seconds
    the clock is behind the ledger's last entry (0 when it is not); `synchronised` is None where the kernel is silent.
    `database_link` says how a database on another machine is reached when nobody checks that it is the right one;
    `indexes` are those that it lacks.
    """

    home: str
    ledger: Disk
    anchor: Disk
    store: Literal["sqlite", "postgres"] = "sqlite"
    durability: dict[str, tuple[str, str]] = field(default_factory=dict)
    database_link: str = ""
    indexes: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    root: bool = False
    core_dumps: bool = False
    environment: tuple[str, ...] = ()
    behind: float = 0.0
    synchronised: bool | None = True
    openssl: str = ""
    openssl_series: tuple[int, int] = (3, 5)
    hybrid: bool = True
    fips: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """How keys are held: the provider of the key-encryption key, default PINs by provider name, further keys."""

    provider: str
    provider_device: int = -1
    default_secrets: tuple[str, ...] = ()
    second_signature: bool = True
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How a server would be reached; `certificate_days` are left to its certificate, None without TLS."""

    host: str = "127.0.0.1"
    port: int = 8080
    loopback: bool = True
    certificate_days: float | None = None
    mutual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One deployment in clinicians' view or in shadow; days are negative when past."""

    use_case: str
    stage: str
    days_left: float
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the ledger says. Days count from now: since for the past, left for the future; None when it never was.

    `single_factor` are powerful people without a second factor, `believed` whether names are taken on trust,
    `long_lived` tokens by client and days, `both_hands` people in roles that must be apart,
    `providers_out` identity providers that were asked and did not answer as they should, with what is wrong,
    `suspected` flags of abuse that stand (use case, detector, whether they suspend a token), `access` findings of the
    access reviews; `ownerless` and `unconfirmed` count data assets, `overdue_disposals` names some.
    """

    owners: int = 2
    believed: bool = False
    single_factor: tuple[str, ...] = ()
    both_hands: tuple[str, ...] = ()
    long_lived: tuple[tuple[str, int], ...] = ()
    expired_tokens: int = 0
    witnesses: bool = True
    witnessed_days: float | None = 0.0
    backup_days: float | None = 0.0
    policy_days: float = 0.0
    providers_out: tuple[tuple[str, str], ...] = ()
    serving: tuple[Serving, ...] = ()
    unsafe_starts: int = 0
    suspected: tuple[tuple[str, str, bool], ...] = ()
    access: tuple[Finding, ...] = ()
    ownerless: int = 0
    unconfirmed: int = 0
    overdue_disposals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Everything that the checks look at."""

    machine: Machine
    keys: Keys
    door: Door
    house: House


Rule = Callable[[Posture], Iterator[str]]


@dataclass(frozen=True, slots=True)
class PostureCheck:
    """One question: `ask` yields what is wrong, once for each thing that is; `mend` tells how to put it right."""

    name: str
    severity: Severity
    question: str
    mend: str
    ask: Rule

    def findings(self, posture: Posture) -> list[Finding]:
        """The findings, most often one or none."""
        return [
            Finding(check=self.name, severity=self.severity, what=what, mend=self.mend) for what in self.ask(posture)
        ]


def posture_check(name: str, severity: Severity, question: str, mend: str) -> Callable[[Rule], PostureCheck]:
    """Make a check of a function that yields what is wrong in a posture."""

    def made(ask: Rule) -> PostureCheck:
        return PostureCheck(name, severity, question, mend, ask)

    return made


def examine_posture(posture: Posture, checks: Iterable[PostureCheck]) -> list[Finding]:
    """What all checks find, and what the access reviews say; the worst first, else in the catalogue's order."""
    found = [finding for check in checks for finding in check.findings(posture)]
    return sorted([*found, *posture.house.access], key=lambda finding: SEVERITIES.index(finding.severity))
