"""What each fact needed permission for: the table by which a replay asks whether whoever acted could."""

from __future__ import annotations

from collections.abc import Mapping

from bedrail.core.events import (
    Approved,
    CandidateAdmitted,
    ConsentChanged,
    DatasetAdmitted,
    DecisionResponded,
    DeploymentRolledBack,
    GateJudged,
    Objected,
    PersonAdded,
    PolicyAdopted,
    SentinelsRecorded,
    TokenIssued,
    UseCaseOpened,
)
from bedrail.core.events.abuse import AbuseLifted
from bedrail.core.events.access import (
    AccessCertified,
    AccessRevoked,
    FindingAnswered,
    FindingClosed,
    FindingOpened,
    FindingReturned,
    GlassBroken,
    GlassEnded,
    GlassReviewed,
    PersonLeft,
    ReviewClosed,
    ReviewStarted,
    TokenHandedOver,
)
from bedrail.core.events.catalogue import (
    AssetFound,
    AssetHeld,
    AssetMissing,
    AssetOwned,
    AssetReleased,
    AssetRetired,
    AssetScanned,
    DatasetDrawn,
    DisposalAsked,
    DisposalPlanned,
    DisposalProved,
    RetentionRuled,
    RetentionRun,
    SensitivityConfirmed,
)
from bedrail.core.events.data import ConsentRecorded, ConsentRulesAdopted
from bedrail.core.events.deidentification import (
    DataDeidentified,
    DeidentificationJudged,
    ProjectOpened,
    ProjectRetired,
    ReidentificationApproved,
    ReidentificationOpened,
    ReidentificationRequested,
)
from bedrail.core.events.governance import TokenRevoked
from bedrail.core.events.ledger import LedgerKeysDestroyed
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.core.events.recovery import BackupTaken
from bedrail.core.events.scenarios import ScenariosKept
from bedrail.core.events.shards import LedgerBegun, LedgerPruned, LedgerSealed

ACTS: Mapping[type, tuple[str, ...]] = {
    PersonAdded: ("person.add",),
    PolicyAdopted: ("policy.adopt",),
    UseCaseOpened: ("use-case.open",),
    ScenariosKept: ("use-case.open",),
    DatasetAdmitted: ("data.admit",),
    CandidateAdmitted: ("candidate.train", "candidate.import"),
    Approved: ("approval.give",),
    Objected: ("approval.object",),
    GateJudged: ("deployment.move",),
    DeploymentRolledBack: ("deployment.roll-back",),
    TokenIssued: ("token.issue",),
    DecisionResponded: ("decision.respond",),
    ConsentChanged: ("consent.change",),
    ConsentRecorded: ("consent.change",),
    ConsentRulesAdopted: ("consent.rule",),
    SentinelsRecorded: ("sentinels.record",),
    PersonLeft: ("person.leave",),
    TokenHandedOver: ("token.issue", "person.leave"),
    TokenRevoked: ("token.revoke",),
    GlassBroken: ("break-glass.open",),
    GlassEnded: ("break-glass.open",),
    GlassReviewed: ("break-glass.review",),
    ReviewStarted: ("access.review",),
    AccessCertified: ("access.certify",),
    AccessRevoked: ("access.certify",),
    ReviewClosed: ("access.review",),
    FindingOpened: ("finding.file",),
    FindingAnswered: ("finding.answer",),
    FindingReturned: ("finding.file",),
    FindingClosed: ("finding.file",),
    AbuseLifted: ("abuse.lift",),
    ProjectOpened: ("deid.project",),
    ProjectRetired: ("deid.retire",),
    DataDeidentified: ("deid.run",),
    DeidentificationJudged: ("deid.judge", "data.admit"),
    ReidentificationRequested: ("reidentification.request",),
    ReidentificationApproved: ("reidentification.approve",),
    ReidentificationOpened: ("reidentification.request",),
    AssetFound: ("catalogue.scan",),
    AssetScanned: ("catalogue.scan",),
    AssetMissing: ("catalogue.scan",),
    AssetOwned: ("catalogue.own",),
    SensitivityConfirmed: ("catalogue.confirm",),
    AssetRetired: ("catalogue.retire",),
    DatasetDrawn: ("data.admit",),
    RetentionRuled: ("retention.rule",),
    AssetHeld: ("keys.hold",),
    AssetReleased: ("keys.hold",),
    DisposalPlanned: ("retention.approve",),
    DisposalAsked: ("retention.run",),
    RetentionRun: ("retention.run",),
    DisposalProved: ("retention.prove",),
    LedgerSealed: ("ledger.shard",),
    LedgerBegun: ("ledger.shard",),
    LedgerPruned: ("ledger.prune",),
    LedgerKeysDestroyed: ("ledger.shard",),
    BackupTaken: ("backup.take",),
    OrderGiven: ("order.give",),
    OrderRevoked: ("order.revoke",),
}
"""What a person needed permission for (`governance/permissions.py`), by fact; other facts follow from several acts."""

PEOPLES: frozenset[type] = frozenset(
    {
        Approved,
        BackupTaken,
        DeploymentRolledBack,
        Objected,
        OrderGiven,
        OrderRevoked,
        PersonAdded,
        PolicyAdopted,
        TokenIssued,
        UseCaseOpened,
    }
)
"""Facts that only a person brings about, never the system by itself (but for the first of an installation)."""
