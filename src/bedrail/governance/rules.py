"""The nouns of a policy: rules per tier and stage, exceptions, actions on alarms."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from bedrail.checks.requirements import Requirements
from bedrail.core.values import Tier, Value
from bedrail.data.quality_values import QualityPolicy
from bedrail.governance.stages import STAGES, Stage

DATA_QUALITY = "data-quality"
CHECKS = (
    DATA_QUALITY,
    "discrimination",
    "calibration",
    "thresholds",
    "net-benefit",
    "summary-scores",
    "subgroups",
    "fairness",
    "parity",
    "trade-offs",
    "error-costs",
    "label-choice",
    "proxies",
    "sites",
    "representativeness",
    "external-validation",
    "uncertainty",
    "baseline",
    "leakage",
    "explanations",
    "membership-inference",
    "attribute-inference",
    "missing-inputs",
    "lead-time",
    "interventions",
    "mitigation",
    "model-card",
    "reproducible",
    "registry-source",
    "robustness",
    "shift",
    "slices",
    "scenarios",
)
"""The checks of the catalogue that a policy may ask for (see `bedrail.checks.catalogue` and `bedrail.data.quality`)."""

MONITORS = (
    "units",
    "input-drift",
    "output-drift",
    "missingness",
    "outcome-rate",
    "calibration",
    "sensitivity",
    "sentinels",
    "other",
)
"""What may raise an alarm; `other` stands for every monitor that a policy does not name."""

Action = Literal["notify", "retreat", "halt"]
Response = Literal["continue", "limit", "retreat", "halt"]
"""What happens to what serves: nothing, an end within the days of grace, back to shadow, or a stop."""
Days = Annotated[int, msgspec.Meta(ge=1, le=3660)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
PerMille = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Sentence = Annotated[str, msgspec.Meta(min_length=10, max_length=1000)]


class AcceptMissing(Value, frozen=True, kw_only=True):
    """An exception: for this check the verdict `missing` does not close the gate, it becomes a condition.

    It never excuses evidence that was not gathered, nor a failure. `kinds` limits it to kinds of models.
    """

    check: str
    reason: Sentence
    obligation: str = ""
    stages: tuple[Stage, ...] = STAGES
    kinds: tuple[Literal["linear", "trees", "ebm", "onnx", "remote"], ...] = ()


class StageRule(Value, frozen=True, kw_only=True):
    """What one stage of one tier asks.

    `approvals` names roles, each filled by a different person; `a|b` lets either role fill it. `max_share` is per
    mille of subjects. `min_decisions` and `min_days` are what must have been observed in the stage before.
    """

    checks: tuple[str, ...]
    approvals: tuple[str, ...] = ()
    max_share: PerMille = 1000
    sites: Literal["all", "named"] = "all"
    min_decisions: Count = 0
    min_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 0
    obligations: tuple[str, ...] = ()


class OnRule(Value, frozen=True, kw_only=True):
    """What happens to what serves already when its ground moves: an objection, a new policy, an approver's lost role, a
    blocking finding. `grace_days` is how long `limit` leaves it. `abuse` is what happens to a token suspected of it."""

    objection: Response = "retreat"
    policy: Response = "limit"
    role_lost: Response = "limit"
    finding: Response = "retreat"
    abuse: Literal["notify", "suspend-token"] = "notify"
    grace_days: Days = 30


class AccessRule(Value, frozen=True, kw_only=True):
    """Access reviews: how often, and what becomes of items that nobody certified in time."""

    review_days: Days = 365
    uncertified: Literal["list", "suspend"] = "list"


class LedgerRule(Value, frozen=True, kw_only=True):
    """How long the ledger's daily traffic is kept after its shard was sealed, in years.

    Six by default: HIPAA keeps documentation for six years from when it was last in effect (45 CFR 164.316(b)(2)(i)),
    and accounts for disclosures of the last six (164.528(a)). The EU AI Act keeps a provider's documents for ten
    (Article 18).
    """

    keep_years: Annotated[int, msgspec.Meta(ge=1, le=100)] = 6


class TierRule(Value, frozen=True, kw_only=True):
    """What one tier asks: lifetime of approvals, age limit of evidence (days), exceptions and stages.

    `on` is the whole policy's unless the tier says otherwise.
    """

    validity_days: Days
    evidence_days: Days
    stages: dict[Stage, StageRule]
    accept_missing: tuple[AcceptMissing, ...] = ()
    alarms: dict[str, Action] = msgspec.field(default_factory=dict)
    on: OnRule = OnRule()


class DeidRule(Value, frozen=True, kw_only=True):
    """What evidence of de-identification must show, and for how many days it holds in each tier.

    A tier without `days` does not ask for it. `max_leak_share` bounds the upper end (95 %) of the share of identifiers
    left in notes, `max_origin_gap` the difference of recall between names of different origins, `max_record_risk` the
    largest risk of any record of a table that goes out under an expert's determination, whose terms may ask for less.
    """

    days: dict[Tier, Days] = msgspec.field(default_factory=dict)
    max_leak_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.03
    max_origin_gap: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    max_record_risk: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2


class Policy(Value, frozen=True, kw_only=True):
    """A whole policy; `digest` is the SHA-256 of its bytes, in hex.

    `withheld` holds `action:role` pairs that nobody has under it; `accountable` says by step who answers instead.
    """

    name: str
    version: str
    digest: str
    tiers: dict[Tier, TierRule]
    requirements: dict[Tier, Requirements]
    alarms: dict[str, Action]
    description: str = ""
    access: AccessRule = AccessRule()
    quality: QualityPolicy = QualityPolicy()
    deidentification: DeidRule = DeidRule()
    ledger: LedgerRule = LedgerRule()
    withheld: frozenset[str] = frozenset()
    accountable: dict[str, str] = msgspec.field(default_factory=dict)

    def tier(self, tier: str) -> TierRule | None:
        """The rules of that tier, or None: what no rule speaks of is closed."""
        return next((rule for name, rule in self.tiers.items() if name == tier), None)

    def stage(self, tier: str, stage: str) -> StageRule | None:
        """The rule of that stage, or None when the tier does not have the stage."""
        rules = self.tier(tier)
        return next((rule for name, rule in rules.stages.items() if name == stage), None) if rules else None

    def on(self, tier: str) -> OnRule:
        """What happens to what serves when its ground moves; a tier without rules stops."""
        rules = self.tier(tier)
        if rules is None:
            return OnRule(objection="halt", policy="halt", role_lost="halt", finding="halt", abuse="suspend-token")
        return rules.on

    def share_limit(self, tier: str, stage: str) -> int:
        """The largest share of subjects, per mille; 0 where the stage is not allowed."""
        rule = self.stage(tier, stage)
        return rule.max_share if rule else 0

    def canary_share(self, tier: str) -> int:
        """The largest canary share, per mille."""
        return self.share_limit(tier, "canary")

    def accepted(self, tier: str, stage: str, check: str, kind: str) -> AcceptMissing | None:
        """The exception under which a `missing` verdict of this check is accepted here, or None."""
        rules = self.tier(tier)
        for exception in rules.accept_missing if rules else ():
            here = exception.check == check and stage in exception.stages
            if here and (not exception.kinds or kind in exception.kinds):
                return exception
        return None


def alternatives(approval: str) -> tuple[str, ...]:
    """The roles that may fill one place among the approvals: `a|b` is a or b."""
    return tuple(role.strip() for role in approval.split("|"))
