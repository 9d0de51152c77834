"""Facts on the way from data to a deployment."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class DatasetAdmitted(FactStruct, frozen=True, kw_only=True, tag="dataset.admitted"):
    """A table was profiled, checked and stored under its content digest; `profile` is an artifact."""

    dataset: str
    use_case: str
    source: str
    rows: int
    columns: int
    profile: str
    verdict: str
    artifact: str = ""


class DatasetSplit(FactStruct, frozen=True, kw_only=True, tag="dataset.split"):
    """Rows were assigned to train, calibration, validation and holdout; `split` is the assignment's artifact."""

    dataset: str
    use_case: str
    split: str
    counts: dict[str, int]


class HoldoutOpened(FactStruct, frozen=True, kw_only=True, tag="dataset.holdout-opened"):
    """The locked holdout was opened, once, for these candidates."""

    dataset: str
    use_case: str
    candidates: tuple[str, ...]
    purpose: str


class CandidateAdmitted(FactStruct, frozen=True, kw_only=True, tag="candidate.admitted"):
    """A model package entered the registry: trained here, imported, or a vendor's known only by its answers.

    `candidate` is the digest of the package manifest, `signature` the hex Ed25519 signature over it, `author` the
    person who made it (who therefore may not approve it).
    """

    candidate: str
    use_case: str
    name: str
    kind: str
    origin: str
    dataset: str
    author: str
    signature: str


class EvidenceRecorded(FactStruct, frozen=True, kw_only=True, tag="evidence.recorded"):
    """A check was answered; `evidence` is the digest of the signed artifact with every number."""

    evidence: str
    check: str
    verdict: str
    reason: str
    use_case: str
    candidate: str
    dataset: str
    policy: str


class DeploymentMoved(FactStruct, frozen=True, kw_only=True, tag="deployment.moved"):
    """A candidate serves a use case at a stage. Empty `sites` means all; `share` is per mille of subjects."""

    use_case: str
    candidate: str
    from_stage: str
    to_stage: str
    sites: tuple[str, ...]
    share: int
    until: str
    reason: str = ""


class DeploymentHalted(FactStruct, frozen=True, kw_only=True, tag="deployment.halted"):
    """Nothing is answered for this use case from now on, until a gate lets it start again."""

    use_case: str
    candidate: str
    reason: str


class DeploymentLimited(FactStruct, frozen=True, kw_only=True, tag="deployment.limited"):
    """What serves ends sooner than its gate said: at `until` (UTC)."""

    use_case: str
    candidate: str
    until: str
    reason: str


class DeploymentRolledBack(FactStruct, frozen=True, kw_only=True, tag="deployment.rolled-back"):
    """An earlier approved version serves again."""

    use_case: str
    from_candidate: str
    to_candidate: str
    stage: str
    sites: tuple[str, ...]
    share: int
    until: str
    reason: str
