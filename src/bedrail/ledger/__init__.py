"""The append-only, Merkle-sealed record of facts: append, prove, verify, export; knows no event by name."""

from bedrail.ledger.append import Ledger, Receipt
from bedrail.ledger.bundle import export_bundle, verify_bundle
from bedrail.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint, vkey
from bedrail.ledger.group import GroupCommit
from bedrail.ledger.verify import Difference, VerificationReport, verify_ledger

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
