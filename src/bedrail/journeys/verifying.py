"""The highest level of verification: what the facts mean, replayed beside the proof that they are the sealed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bedrail.core.errors import NotFound
from bedrail.core.events import InstallationOpened, decode
from bedrail.core.events.ledger import LedgerKeyAdded
from bedrail.core.ports import Tape
from bedrail.governance.replay import replay
from bedrail.ledger.bundle import BundleTape, verify_bundle
from bedrail.ledger.checkpoint import parse_vkey
from bedrail.ledger.cosignature import CosignerKey, Verifiers, parse_cosigner_key
from bedrail.ledger.folders import read_file
from bedrail.ledger.hashing import Told
from bedrail.ledger.proof import LogKeys
from bedrail.ledger.report import Difference, Level, VerificationReport

SECOND = "ledger-mldsa"
"""What the ledger's post-quantum key is called in the facts that name it."""


REPLAYED = "entries replayed"


def with_replay(
    report: VerificationReport, tape: Tape, policy_text: Callable[[str], bytes | None], told: Told | None = None
) -> VerificationReport:
    """The report with every entry that contradicts those before it; L4 is reached when all policies could be read.

    Entries that do not even stand as sealed are not replayed. `told` hears how far it has come.
    """
    if report.level != "L3":
        return report
    found = replay(_counted(tape.entries(0, report.size), report.size, told), policy_text)
    report = report.joined("replay", found.found)
    if found.unread:
        missing = ", ".join(sorted(each[:12] for each in found.unread))
        return report.having_looked("L3", f"approvals cannot be judged without the text of policy {missing}")
    return report.having_looked("L4")


def _counted(entries: Iterable[tuple[int, bytes]], size: int, told: Told | None) -> Iterator[tuple[int, bytes]]:
    for index, data in entries:
        if told is not None and index % EVERY == 0:
            told(REPLAYED, index, size)
        yield index, data


EVERY = 4096
"""Entries between two words of how far it has come."""


def verify_exported_bundle(
    folder: Path,
    verifiers: Verifiers,
    *,
    keys: LogKeys | None = None,
    known: Sequence[tuple[str, bytes]] = (),
    level: Level = "L4",
    jobs: int = 1,
    told: Told | None = None,
) -> VerificationReport:
    """Verify an audit bundle from its folder alone, up to the meaning of its facts.

    Policies are read from the bundle's artifacts. The second key that the facts name must be the enclosed one, so that
    nobody can take it away together with its signature.
    """
    key = None if keys is None else keys.public_key
    name = parse_vkey(read_file(folder / "key.vkey").decode(errors="replace"))[0]
    ours = [each for each in keys.cosigners if each.name in (name, keys.name)] if keys is not None else []
    second = (
        msgspec.structs.replace(ours[0], name=name) if ours else None
    )  # pinned, perhaps, under an earlier shard's name
    report = verify_bundle(folder, verifiers, key=key, second=second, known=known, level=level, jobs=jobs, told=told)
    if level < "L4" or report.level != "L3":
        return report
    tape = BundleTape(folder)
    missing = about_second_key(tape, report.size, _enclosed(folder), "second.vkey")
    return with_replay(report.with_differences(missing), tape, lambda digest: _artifact(folder, digest), told)


def named_second_key(tape: Tape, size: int) -> bytes | None:
    """The post-quantum key that the facts name (the newest), or None when they name none."""
    found: bytes | None = None
    for index, data in tape.registry_entries():
        if index >= size:
            break
        fact = decode(data).fact
        if isinstance(fact, InstallationOpened):
            named = [each.partition(":")[2] for each in fact.keys if each.startswith(f"{SECOND}:")]
            found = bytes.fromhex(named[0]) if named else found
        elif isinstance(fact, LedgerKeyAdded) and fact.name == SECOND:
            found = bytes.fromhex(fact.key)
    return found


def second_key_of(tape: Tape, origin: str) -> CosignerKey | None:
    """The key that the facts name, as a cosigner."""
    named = named_second_key(tape, tape.head().size)
    return None if named is None else CosignerKey(name=origin, algorithm="ml-dsa-44", public_key=named)


def about_second_key(tape: Tape, size: int, key: CosignerKey | None, where: str) -> list[Difference]:
    """A difference when the facts name another second key than this one, or this one is gone.

    Whoever could forge the first signature could otherwise take the second away together with its key.
    """
    named = named_second_key(tape, size)
    if named is None or (key is not None and key.public_key == named):
        return []
    what = (
        "the second key is not the one that the facts name" if key else "the second key that the facts name is missing"
    )
    return [Difference(kind="foreign-key", where=where, what=what)]


def _enclosed(folder: Path) -> CosignerKey | None:
    try:
        return parse_cosigner_key(read_file(folder / "second.vkey").decode(errors="replace"))
    except NotFound:
        return None


def _artifact(folder: Path, digest: str) -> bytes | None:
    if len(digest) != 64 or not digest.isalnum():
        return None
    try:
        return read_file(folder / "artifacts" / digest)
    except NotFound:
        return None
