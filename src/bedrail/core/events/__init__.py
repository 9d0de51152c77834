"""The facts: what can happen, in the past tense, one struct each; the ledger's whole vocabulary.

A fact is never changed once released: new fields get defaults, and are only added. Facts hold no patient data:
subjects are keyed pseudonyms, and values rest in sealed records whose ciphertext digest the fact carries.
Floats are not allowed in facts (they have many spellings); a number that matters is a decimal string or lives in
an artifact. With that, `encode` is RFC 8785 (JCS) canonical JSON.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bedrail.core.events.abuse import AbuseLifted, AbuseLooked, AbuseSuspected, AbuseThrottled
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
    NoticeGiven,
    PersonLeft,
    ReviewClosed,
    ReviewStarted,
    TokenHandedOver,
    TokenUsed,
)
from bedrail.core.events.artifacts import CandidateExported, EgressAllowed, EgressClosed, ServedUnsafely
from bedrail.core.events.bedside import (
    ConsentChanged,
    DecisionAnswered,
    DecisionFellBack,
    DecisionResponded,
    OutcomeObserved,
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
from bedrail.core.events.continuity import AnchorRenewed, WitnessesAdopted
from bedrail.core.events.custody import (
    DisposalCompleted,
    DisposalOrdered,
    EpochDestroyed,
    HoldLifted,
    HoldPlaced,
    KeyRotated,
    PseudonymKeyMoved,
)
from bedrail.core.events.data import (
    ConsentRecorded,
    ConsentRulesAdopted,
    DatasetBuilt,
    DatasetRead,
    DatasetReadRefused,
    DatasheetMade,
    HoldoutSpared,
)
from bedrail.core.events.deidentification import (
    DataDeidentified,
    DeidentificationJudged,
    ProjectForgotten,
    ProjectOpened,
    ProjectRetired,
    ReidentificationApproved,
    ReidentificationDenied,
    ReidentificationOpened,
    ReidentificationRequested,
)
from bedrail.core.events.delivery import (
    CandidateAdmitted,
    DatasetAdmitted,
    DatasetSplit,
    DeploymentHalted,
    DeploymentLimited,
    DeploymentMoved,
    DeploymentRolledBack,
    EvidenceRecorded,
    HoldoutOpened,
)
from bedrail.core.events.governance import (
    Approved,
    GateJudged,
    InstallationOpened,
    Objected,
    PersonAdded,
    PolicyAdopted,
    TokenIssued,
    TokenRevoked,
    UseCaseOpened,
)
from bedrail.core.events.identity import (
    AccountDisabled,
    AccountEnabled,
    AccountOpened,
    AccountReset,
    CredentialEnrolled,
    CredentialRevoked,
    ProviderDropped,
    ProviderTrusted,
    SessionsEnded,
    SignedIn,
    SignInRuled,
    SignInsRefused,
    SteppedUp,
)
from bedrail.core.events.ledger import LedgerKeyAdded, LedgerKeysDestroyed
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.core.events.oversight import (
    AlarmRaised,
    ArtifactRefused,
    DataRead,
    HeartBeat,
    MonitoringReported,
    SentinelsRecorded,
)
from bedrail.core.events.papers import CardMade, CardSectionsAdopted, ChangeLogMade
from bedrail.core.events.recovery import BackupTaken, LedgerRestored
from bedrail.core.events.refused import ActsRefused, StrangersRefused
from bedrail.core.events.scenarios import ScenariosKept
from bedrail.core.events.shards import LedgerBegun, LedgerPruned, LedgerSealed
from bedrail.core.events.withheld import AnswerNotShown

__all__ = [
    "HIGH_VOLUME",
    "MAX_ENTRY_BYTES",
    "AbuseLifted",
    "AbuseLooked",
    "AbuseSuspected",
    "AbuseThrottled",
    "AccessCertified",
    "AccessRevoked",
    "AccountDisabled",
    "AccountEnabled",
    "AccountOpened",
    "AccountReset",
    "Actor",
    "ActsRefused",
    "AlarmRaised",
    "AnchorRenewed",
    "AnswerNotShown",
    "Approved",
    "ArtifactRefused",
    "AssetFound",
    "AssetHeld",
    "AssetMissing",
    "AssetOwned",
    "AssetReleased",
    "AssetRetired",
    "AssetScanned",
    "BackupTaken",
    "CandidateAdmitted",
    "CandidateExported",
    "CardMade",
    "CardSectionsAdopted",
    "ChangeLogMade",
    "ConsentChanged",
    "ConsentRecorded",
    "ConsentRulesAdopted",
    "CredentialEnrolled",
    "CredentialRevoked",
    "DataDeidentified",
    "DataRead",
    "DatasetAdmitted",
    "DatasetBuilt",
    "DatasetDrawn",
    "DatasetRead",
    "DatasetReadRefused",
    "DatasetSplit",
    "DatasheetMade",
    "DecisionAnswered",
    "DecisionFellBack",
    "DecisionResponded",
    "DeidentificationJudged",
    "DeploymentHalted",
    "DeploymentLimited",
    "DeploymentMoved",
    "DeploymentRolledBack",
    "DisposalAsked",
    "DisposalCompleted",
    "DisposalOrdered",
    "DisposalPlanned",
    "DisposalProved",
    "EgressAllowed",
    "EgressClosed",
    "Entry",
    "EpochDestroyed",
    "EvidenceRecorded",
    "Fact",
    "FindingAnswered",
    "FindingClosed",
    "FindingOpened",
    "FindingReturned",
    "GateJudged",
    "GlassBroken",
    "GlassEnded",
    "GlassReviewed",
    "HeartBeat",
    "HoldLifted",
    "HoldPlaced",
    "HoldoutOpened",
    "HoldoutSpared",
    "InstallationOpened",
    "KeyRotated",
    "LedgerBegun",
    "LedgerKeyAdded",
    "LedgerKeysDestroyed",
    "LedgerPruned",
    "LedgerRestored",
    "LedgerSealed",
    "MonitoringReported",
    "NoticeGiven",
    "Objected",
    "OrderGiven",
    "OrderRevoked",
    "OutcomeObserved",
    "PersonAdded",
    "PersonLeft",
    "PolicyAdopted",
    "ProjectForgotten",
    "ProjectOpened",
    "ProjectRetired",
    "ProviderDropped",
    "ProviderTrusted",
    "PseudonymKeyMoved",
    "ReidentificationApproved",
    "ReidentificationDenied",
    "ReidentificationOpened",
    "ReidentificationRequested",
    "RetentionRuled",
    "RetentionRun",
    "ReviewClosed",
    "ReviewStarted",
    "ScenariosKept",
    "SensitivityConfirmed",
    "SentinelsRecorded",
    "ServedUnsafely",
    "SessionsEnded",
    "SignInRuled",
    "SignInsRefused",
    "SignedIn",
    "SteppedUp",
    "StrangersRefused",
    "TokenHandedOver",
    "TokenIssued",
    "TokenRevoked",
    "TokenUsed",
    "UseCaseOpened",
    "WitnessesAdopted",
    "action_of",
    "decode",
    "encode",
]

Fact = (
    InstallationOpened
    | PersonAdded
    | TokenIssued
    | TokenRevoked
    | PolicyAdopted
    | UseCaseOpened
    | GateJudged
    | Approved
    | Objected
    | DatasetAdmitted
    | DatasetSplit
    | HoldoutOpened
    | CandidateAdmitted
    | EvidenceRecorded
    | DeploymentMoved
    | DeploymentHalted
    | DeploymentRolledBack
    | DecisionAnswered
    | DecisionFellBack
    | DecisionResponded
    | OutcomeObserved
    | ConsentChanged
    | AlarmRaised
    | MonitoringReported
    | SentinelsRecorded
    | ArtifactRefused
    | KeyRotated
    | EpochDestroyed
    | PseudonymKeyMoved
    | HoldPlaced
    | HoldLifted
    | DisposalOrdered
    | DisposalCompleted
    | DataRead
    | HeartBeat
    | LedgerKeyAdded
    | LedgerKeysDestroyed
    | BackupTaken
    | LedgerRestored
    | AnswerNotShown
    | AccountDisabled
    | AccountEnabled
    | AccountOpened
    | AccountReset
    | CredentialEnrolled
    | CredentialRevoked
    | ProviderDropped
    | ProviderTrusted
    | SessionsEnded
    | SignedIn
    | SignInRuled
    | SignInsRefused
    | SteppedUp
    | CandidateExported
    | EgressAllowed
    | EgressClosed
    | ServedUnsafely
    | AccessCertified
    | AccessRevoked
    | FindingAnswered
    | FindingClosed
    | FindingOpened
    | FindingReturned
    | GlassBroken
    | GlassEnded
    | GlassReviewed
    | NoticeGiven
    | PersonLeft
    | ReviewClosed
    | ReviewStarted
    | TokenHandedOver
    | TokenUsed
    | ActsRefused
    | StrangersRefused
    | OrderGiven
    | OrderRevoked
    | AbuseLifted
    | AbuseLooked
    | AbuseSuspected
    | AbuseThrottled
    | DeploymentLimited
    | WitnessesAdopted
    | AnchorRenewed
    | LedgerBegun
    | LedgerPruned
    | LedgerSealed
    | AssetFound
    | AssetHeld
    | AssetMissing
    | AssetOwned
    | AssetReleased
    | AssetRetired
    | AssetScanned
    | DatasetDrawn
    | DisposalAsked
    | DisposalPlanned
    | DisposalProved
    | RetentionRuled
    | RetentionRun
    | SensitivityConfirmed
    | ConsentRecorded
    | ConsentRulesAdopted
    | DatasetBuilt
    | DatasetRead
    | DatasetReadRefused
    | DatasheetMade
    | HoldoutSpared
    | DataDeidentified
    | DeidentificationJudged
    | ProjectForgotten
    | ProjectOpened
    | ProjectRetired
    | ReidentificationApproved
    | ReidentificationDenied
    | ReidentificationOpened
    | ReidentificationRequested
    | CardMade
    | CardSectionsAdopted
    | ChangeLogMade
    | ScenariosKept
)

HIGH_VOLUME: frozenset[str] = frozenset(
    {"decision.answered", "decision.fell-back", "decision.responded", "outcome.observed", "ledger.beat"}
)
"""Actions too many to keep in memory: they fold into SQL tables, all others into the registry.

An action that was ever recorded stays on its side: what prunings kept was told by this set (`LedgerPruned.kept`).
"""


class Actor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who acted: a person, a service token or the system itself, and how that was established."""

    auth: str
    id: str
    kind: Literal["person", "token", "system"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the ledger: a fact, who did it, when (UTC, microseconds), why, and on which node."""

    actor: Actor
    at: str
    fact: Fact
    id: str
    node: str
    purpose: str
    request: str = ""
    v: int = 1


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Entry)

MAX_ENTRY_BYTES = 65_535
"""A tile bundle prefixes each entry with a 16-bit length (C2SP tlog-tiles)."""


def encode(entry: Entry) -> bytes:
    """Canonical bytes (RFC 8785), at most 65,535; raises ValueError when longer."""
    data = _encoder.encode(entry)
    if len(data) > MAX_ENTRY_BYTES:
        raise ValueError(f"a ledger entry holds at most {MAX_ENTRY_BYTES} bytes, this has {len(data)}")
    return data


def decode(data: bytes) -> Entry:
    """The entry behind canonical bytes; raises msgspec.DecodeError (or its ValidationError) for anything else."""
    try:
        return _decoder.decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("not UTF-8") from error


def action_of(entry: Entry) -> str:
    """The fact's name in the closed list of actions, such as `decision.answered`."""
    tag = type(entry.fact).__struct_config__.tag
    assert isinstance(tag, str)
    return tag
