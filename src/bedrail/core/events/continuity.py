"""Facts of the ledger's own life: who watches over it, and what was done when a guard stood in the way."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class WitnessesAdopted(FactStruct, frozen=True, kw_only=True, tag="ledger.witnesses-adopted"):
    """Checkpoints go to the witnesses of this policy, and count with its quorum; `policy` is the digest of the file."""

    policy: str


class AnchorRenewed(FactStruct, frozen=True, kw_only=True, tag="ledger.anchor-renewed"):
    """The anchor was lost, and a person began a new one at `size`; entries behind it that were cut off show nowhere."""

    reason: str
    size: int
