"""The append-only, Merkle-sealed record of facts: append, prove, verify, export; knows no event by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.ledger.append import Ledger, Receipt
    from bedrail.ledger.bundle import export_bundle, verify_bundle
    from bedrail.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint, vkey
    from bedrail.ledger.group import GroupCommit
    from bedrail.ledger.verify import Difference, VerificationReport, verify_ledger

_FACE = {
    "Checkpoint": "checkpoint",
    "Difference": "verify",
    "GroupCommit": "group",
    "Ledger": "append",
    "Receipt": "append",
    "VerificationReport": "verify",
    "export_bundle": "bundle",
    "open_checkpoint": "checkpoint",
    "sign_checkpoint": "checkpoint",
    "verify_bundle": "bundle",
    "verify_ledger": "verify",
    "vkey": "checkpoint",
}

__all__ = [
    "Checkpoint",
    "Difference",
    "GroupCommit",
    "Ledger",
    "Receipt",
    "VerificationReport",
    "export_bundle",
    "open_checkpoint",
    "sign_checkpoint",
    "verify_bundle",
    "verify_ledger",
    "vkey",
]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: whoever appends does not load the verifier, and only a server the group's threads."""
    if name not in _FACE:
        raise AttributeError(name)
    return getattr(import_module(f"bedrail.ledger.{_FACE[name]}"), name)
