"""Checking what was handed over: packages and signed folders, without any home."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.keys.signing import VERIFIERS

if TYPE_CHECKING:
    from bedrail.journeys.handing_over import Handed


def verify_package(folder: Path, key: bytes | None, model_key: bytes | None, second_key: bytes | None = None) -> Handed:
    """Check a candidate's folder and papers as handed over; no home is opened."""
    from bedrail.journeys.handing_over import verify_handed
    from bedrail.keys.model_signing import same_form, verify_ecdsa
    from bedrail.stores.folders import read_exactly

    pinned = None if model_key is None else same_form(model_key)
    read = partial(read_exactly, private=False)
    return verify_handed(folder, read, VERIFIERS, verify_ecdsa, key=key, model_key=pinned, second_key=second_key)


def verify_signed_folder(folder: Path, signature: Path, model_key: bytes) -> list[str]:
    """Check any folder against an OpenSSF model signature made with this key (PEM); returns its files."""
    from bedrail.journeys.handing_over import verify_signed
    from bedrail.keys.model_signing import same_form, verify_ecdsa
    from bedrail.stores.folders import read_exactly

    read = partial(read_exactly, private=False)
    return verify_signed(folder, signature, read, verify_ecdsa, same_form(model_key))
