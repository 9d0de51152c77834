"""Each posture check speaks up in the unsafe state and is silent in the safe one beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bedrail.governance.posture import (
    SEVERITIES,
    Disk,
    Door,
    Finding,
    House,
    Keys,
    Machine,
    Posture,
    Serving,
    examine_posture,
)
from bedrail.governance.posture_checks import CATALOGUE
from bedrail.governance.posture_machine import LEAST_FREE, SUPPORT_ENDED

LOCAL = Disk(path="/srv/home", kind="ext4", device=1, free=50 * 2**30, size=100 * 2**30)
ELSEWHERE = replace(LOCAL, device=2)
SAFE = Posture(
    machine=Machine(home="/srv/home", ledger=LOCAL, anchor=ELSEWHERE, durability={"synchronous": ("full", "full")}),
    keys=Keys(provider="hsm"),
    door=Door(),
    house=House(),
)
ALWAYS = {"known-flaws"}
"""What no machine can know of itself, and says so."""


def with_(**parts: dict[str, Any]) -> Posture:
    """The safe posture with some fields of some parts changed."""
    return replace(SAFE, **{name: replace(getattr(SAFE, name), **changes) for name, changes in parts.items()})


def disk(**changes: Any) -> Posture:
    return with_(machine={"ledger": replace(LOCAL, **changes)})


def serving(**changes: Any) -> Posture:
    each = {"use_case": "falls", "stage": "pilot", "days_left": 3.0} | changes
    return with_(house={"serving": (Serving(**each),)})


OPEN = {"host": "0.0.0.0", "loopback": False, "certificate_days": 90.0, "mutual": True}

CASES: list[tuple[str, Posture, Posture]] = [
    ("durability", with_(machine={"durability": {"synchronous": ("normal", "full")}}), SAFE),
    ("durability", with_(machine={"durability": {"journal_mode": ("memory", "wal")}}), SAFE),
    *(("network-disk", disk(kind=kind), disk(kind="xfs")) for kind in ("nfs4", "cifs", "smb3", "fuse.sshfs", "9p")),
    ("network-disk", disk(kind="nfs"), with_(machine={"ledger": replace(LOCAL, kind="nfs"), "store": "postgres"})),
    ("database-tls", with_(machine={"database_link": "with sslmode=prefer"}), SAFE),
    ("indexes", with_(machine={"indexes": ("responses_person",)}), SAFE),
    ("volatile-disk", disk(kind="tmpfs"), disk(kind="ext4")),
    ("disk-full", disk(free=LEAST_FREE - 1), disk(free=LEAST_FREE)),
    ("disk-space", disk(free=LEAST_FREE), disk(free=10 * 2**30)),
    ("disk-space", disk(free=9 * 2**30), disk(free=11 * 2**30)),
    (
        "anchor-apart",
        with_(machine={"anchor": LOCAL}, house={"witnesses": False}),
        with_(machine={"anchor": LOCAL}, house={"witnesses": True}),
    ),
    (
        "anchor-apart",
        with_(machine={"anchor": LOCAL}, house={"witnesses": False}),
        with_(machine={"anchor": LOCAL, "store": "postgres"}, house={"witnesses": False}),
    ),
    ("backup", with_(house={"backup_days": None}), with_(house={"backup_days": 6.9})),
    ("backup", with_(house={"backup_days": 7.1}), with_(house={"backup_days": 0.0})),
    ("private-files", with_(machine={"loose": ("/srv/home/keys",)}), SAFE),
    ("keys-readable", with_(keys={"fault": "the key settings cannot be read"}), SAFE),
    ("key-beside-data", with_(keys={"provider_device": 1}), with_(keys={"provider_device": 2})),
    ("default-secret", with_(keys={"default_secrets": ("hsm",)}), SAFE),
    ("second-signature", with_(keys={"second_signature": False}), SAFE),
    ("tls", with_(door=OPEN | {"certificate_days": None}), with_(door=OPEN)),
    ("tls", with_(door=OPEN | {"certificate_days": None}), with_(door={"loopback": True})),
    ("certificate-expired", with_(door=OPEN | {"certificate_days": 0.0}), with_(door=OPEN | {"certificate_days": 0.1})),
    (
        "certificate-ending",
        with_(door=OPEN | {"certificate_days": 13.9}),
        with_(door=OPEN | {"certificate_days": 14.0}),
    ),
    ("mutual-tls", with_(door=OPEN | {"mutual": False}), with_(door=OPEN)),
    ("hybrid-exchange", with_(machine={"hybrid": False, "openssl": "OpenSSL 3.0.1"}), SAFE),
    *(("openssl", with_(machine={"openssl_series": series}), SAFE) for series in SUPPORT_ENDED),
    ("fips", with_(machine={"fips": False}), SAFE),
    ("key-log", with_(machine={"environment": ("HOME", "SSLKEYLOGFILE")}), with_(machine={"environment": ("HOME",)})),
    (
        "debug-environment",
        with_(machine={"environment": ("PYTHONINSPECT",)}),
        with_(machine={"environment": ("PATH",)}),
    ),
    ("core-dumps", with_(machine={"core_dumps": True}), SAFE),
    ("root", with_(machine={"root": True}), SAFE),
    ("clock-behind", with_(machine={"behind": 5.1}), with_(machine={"behind": 4.9})),
    ("time-sync", with_(machine={"synchronised": False}), with_(machine={"synchronised": None})),
    ("sign-in", with_(house={"believed": True}), SAFE),
    ("second-factor", with_(house={"single_factor": ("rob",)}), SAFE),
    ("identity-provider", with_(house={"providers_out": (("Northgate", "It does not answer."),)}), SAFE),
    ("roles-apart", with_(house={"both_hands": ("max",)}), SAFE),
    ("one-owner", with_(house={"owners": 1}), with_(house={"owners": 2})),
    ("long-tokens", with_(house={"long_lived": (("ehr", 900),)}), SAFE),
    ("ended-tokens", with_(house={"expired_tokens": 2}), SAFE),
    ("witness", with_(house={"witnesses": False}), SAFE),
    ("witness-late", with_(house={"witnessed_days": 1.1}), with_(house={"witnessed_days": 0.9})),
    ("witness-late", with_(house={"witnessed_days": None}), with_(house={"witnessed_days": 0.0})),
    ("policy-age", with_(house={"policy_days": 366.5}), with_(house={"policy_days": 365.0})),
    ("asset-owner", with_(house={"ownerless": 1}), with_()),
    ("asset-sensitivity", with_(house={"unconfirmed": 2}), with_()),
    ("overdue-disposal", with_(house={"overdue_disposals": ("old.csv",)}), with_()),
    ("approval-ended", serving(days_left=-0.1), serving(days_left=0.1)),
    ("refused-package", serving(refused="its bytes changed"), serving()),
    ("abuse", with_(house={"suspected": (("falls-7d", "spacing", True),)}), SAFE),
    ("unsafe-start", with_(house={"unsafe_starts": 1}), SAFE),
]


def spoken(posture: Posture) -> set[str]:
    return {finding.check for finding in examine_posture(posture, CATALOGUE)} - ALWAYS


def test_a_safe_installation_is_told_nothing() -> None:
    """But what it cannot know."""
    assert spoken(SAFE) == set()
    assert {finding.check for finding in examine_posture(SAFE, CATALOGUE)} == ALWAYS


@pytest.mark.parametrize("name, unsafe, safe", CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_check_speaks_up_when_it_should_and_only_then(name: str, unsafe: Posture, safe: Posture) -> None:
    """Nobody else speaks in its place; what is said is a sentence with a way to mend it."""
    assert spoken(unsafe) - ({"witness"} if name == "anchor-apart" else set()) == {name}
    assert name not in spoken(safe)
    (found, *_) = [finding for finding in examine_posture(unsafe, CATALOGUE) if finding.check == name]
    assert found.what
    assert found.mend


def test_every_check_is_tried_here() -> None:
    """A check without an unsafe state in this table would be one that cannot fail."""
    names = [check.name for check in CATALOGUE]
    assert len(names) == len(set(names))
    assert {name for name, _, _ in CASES} | ALWAYS == set(names)
    assert {check.severity for check in CATALOGUE} == set(SEVERITIES)


def test_the_worst_comes_first() -> None:
    """With what the access reviews say in its place."""
    review = Finding(check="access", severity="warning", what="a review is late", mend="review")
    posture = with_(machine={"loose": ("/x",), "fips": False}, house={"access": (review,)})
    assert [finding.check for finding in examine_posture(posture, CATALOGUE)] == [
        "private-files",
        "access",
        "fips",
        "known-flaws",
    ]
