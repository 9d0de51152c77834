"""Facts of watching a deployment and of keeping the house."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class AlarmRaised(FactStruct, frozen=True, kw_only=True, tag="alarm.raised"):
    """A monitor crossed its budgeted limit. `causes` and `groups` are ranked; `report` is the artifact digest."""

    alarm: str
    use_case: str
    candidate: str
    monitor: str
    action_taken: str
    causes: tuple[str, ...]
    groups: tuple[str, ...]
    detail: str
    report: str


class MonitoringReported(FactStruct, frozen=True, kw_only=True, tag="monitoring.reported"):
    """A window of decisions was watched; `verdict` is pass or fail, `report` the artifact digest."""

    use_case: str
    candidate: str
    first: str
    last: str
    decisions: int
    verdict: str
    report: str


class SentinelsRecorded(FactStruct, frozen=True, kw_only=True, tag="sentinels.recorded"):
    """Reference answers of a model whose weights are not ours, to notice a silent change."""

    use_case: str
    candidate: str
    sentinels: str
    count: int


class ArtifactRefused(FactStruct, frozen=True, kw_only=True, tag="artifact.refused"):
    """Stored bytes are not the approved ones; loading was refused."""

    digest: str
    kind: str
    reason: str


class DataRead(FactStruct, frozen=True, kw_only=True, tag="data.read"):
    """A person or the system opened sealed records for a stated purpose.

    Where it was about one patient, `subject` is the pseudonym (and `decision` what was read), for the accounting of
    disclosures (45 CFR 164.528); reads of many patients carry their count.
    """

    use_case: str
    kind: str
    count: int
    reason: str
    decision: str = ""
    subject: str = ""


class HeartBeat(FactStruct, frozen=True, kw_only=True, tag="ledger.beat"):
    """Nothing else happened for a while; the ledger is alive."""

    size: int
