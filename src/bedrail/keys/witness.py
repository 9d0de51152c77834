"""A witness's own keys: a folder apart from any home, with an Ed25519 key and, if asked for, an ML-DSA-44 one."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from bedrail.core.errors import Corrupt, Refused, Unavailable
from bedrail.core.ports import Signer
from bedrail.keys.files import read_private
from bedrail.keys.signing import Ed25519Signer, MlDsa44Signer
from bedrail.ledger.checkpoint import is_key_name
from bedrail.ledger.cosignature import Algorithm, CosignerKey

NAME = "name"
SEED_BYTES = 32
_FILES: dict[Algorithm, str] = {"ed25519": "ed25519.seed", "ml-dsa-44": "ml-dsa-44.seed"}


class WitnessKeys:
    """The cosigning keys in one folder; each file readable by its owner alone, or refused."""

    def __init__(self, folder: Path) -> None:
        """Reads all keys; raises `NotFound`, `Refused` for files that others may read, `Corrupt` for bad ones."""
        name = read_private(folder / NAME).decode().strip()
        self.signers: dict[CosignerKey, Signer] = {}
        for algorithm, file in _FILES.items():
            if algorithm == "ed25519" or (folder / file).exists():
                signer = _signer(algorithm, name, _seed(folder / file))
                key = CosignerKey(name=name, algorithm=algorithm, public_key=signer.public_key)
                self.signers[key] = signer


def create_witness_keys(folder: Path, name: str, *, post_quantum: bool) -> WitnessKeys:
    """Make the keys in a new folder; raises `Refused` when there are some, or the name cannot name a key."""
    if not is_key_name(name) or len(name.encode()) > 255 or not name.isprintable():
        raise Refused("This cannot name a witness.", remedy="Use a name such as witness.partner.example/w1.")
    if (folder / NAME).exists():
        raise Refused(f"{folder} holds a witness's keys already.", remedy="Choose another folder.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / _FILES["ed25519"], Ed25519PrivateKey.generate().private_bytes_raw().hex())
        if post_quantum:
            _write(folder / _FILES["ml-dsa-44"], MLDSA44PrivateKey.generate().private_bytes_raw().hex())
        _write(folder / NAME, name)  # last: with it the set is complete
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written.", remedy="Check disk and permissions.") from error
    return WitnessKeys(folder)


def _signer(algorithm: Algorithm, name: str, seed: bytes) -> Signer:
    return Ed25519Signer.from_seed(name, seed) if algorithm == "ed25519" else MlDsa44Signer.from_seed(name, seed)


def _seed(path: Path) -> bytes:
    try:
        seed = bytes.fromhex(read_private(path).decode().strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise Corrupt(f"{path} is not a key.", remedy="A witness that lost its key is replaced, not repaired.")
    return seed


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
