"""Verification of a home from its folder, also one that refuses to open for work."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bedrail.core.errors import NotFound
from bedrail.journeys.upkeep import verify_house
from bedrail.keys.files import KeyFolder, verify_ed25519
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.hashing import Parallel, Told
from bedrail.ledger.proof import LogKeys
from bedrail.ledger.report import Level, VerificationReport
from bedrail.ledger.verify import Beside
from bedrail.stores.anchor import FileAnchor
from bedrail.stores.artifacts import FileArtifacts
from bedrail.stores.chosen import open_store
from bedrail.wiring import continuity


def verify_folder(
    home: Path,
    pinned: LogKeys | None,
    *,
    level: Level,
    known: Sequence[tuple[str, bytes]],
    jobs: int,
    told: Told | None = None,
) -> VerificationReport:
    """See `app.verify_home`."""
    keys, store = KeyFolder(home / "keys").open(), open_store(home)
    try:
        public_key = pinned.public_key if pinned is not None else continuity.key_of(store, keys)
        names = continuity.origins_of(store, keys.origin)
        second = next((each for each in pinned.cosigners if each.name in names), None) if pinned else None
        return verify_house(
            store,
            store,
            FileAnchor(continuity.anchor_place(home)),
            keys.origin,
            public_key,
            verify_ed25519,
            beside=Beside(key=second or _second_key(keys), known=tuple(known)),
            verifiers=VERIFIERS,
            level=level,
            policy_text=partial(_policy_text, FileArtifacts(home / "artifacts")),
            parallel=Parallel(partial(open_store, home), jobs, told),
        )
    finally:
        store.close()


def _second_key(keys: KeyFolder) -> CosignerKey | None:
    second = keys.second_signer()
    if second is None:
        return None
    return CosignerKey(name=second.name, algorithm="ml-dsa-44", public_key=second.public_key)


def _policy_text(artifacts: FileArtifacts, digest: str) -> bytes | None:
    try:
        return artifacts.get(digest)
    except NotFound:
        return None
