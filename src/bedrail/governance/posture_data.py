"""Posture checks on the catalogue of data assets: who answers for them, who looked at them, what is late."""

from __future__ import annotations

from collections.abc import Iterator

from bedrail.governance.posture import Posture, posture_check


@posture_check(
    "asset-owner", "warning", "Does somebody answer for every data asset?", "bedrail catalogue own ASSET --owner PERSON"
)
def asset_owner(posture: Posture) -> Iterator[str]:
    """ISO/IEC 27001:2022 A.5.9: an inventory of assets, with owners."""
    if posture.house.ownerless:
        yield f"{posture.house.ownerless} data assets have no owner"


@posture_check(
    "asset-sensitivity",
    "note",
    "Did a steward look at what scans proposed?",
    "bedrail catalogue show ASSET --open; bedrail catalogue confirm ASSET",
)
def asset_sensitivity(posture: Posture) -> Iterator[str]:
    """ISO/IEC 27001:2022 A.5.12: classification is somebody's word, not a detector's."""
    if posture.house.unconfirmed:
        yield f"the sensitivity of fields of {posture.house.unconfirmed} data assets is not confirmed"


@posture_check(
    "overdue-disposal",
    "warning",
    "Was everything disposed of that was due?",
    "bedrail retention due; bedrail retention approve; bedrail retention run",
)
def overdue_disposal(posture: Posture) -> Iterator[str]:
    """GDPR Art. 5(1)(e): kept no longer than is necessary."""
    late = posture.house.overdue_disposals
    if late:
        yield f"the disposal of {len(late)} data assets is overdue: {', '.join(late[:5])}"


DATA_CHECKS = (asset_owner, asset_sensitivity, overdue_disposal)
