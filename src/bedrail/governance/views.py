"""The registry: everything the low-volume facts say about people, use cases and deployments, folded in memory.

A registry holds nothing of its own: any process rebuilds it from zero by applying the ledger's entries in order.
The bedside reads it once per decision (`Registry.snapshot_for`): plain attributes, nothing copied, nothing parsed.
A change of deployment replaces one frozen value, so a reader in another thread sees the old one or the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bedrail.core.errors import NotFound
from bedrail.core.events import HIGH_VOLUME, Entry, action_of
from bedrail.core.events.artifacts import EgressAllowed, EgressClosed, ServedUnsafely
from bedrail.core.events.governance import (
    InstallationOpened,
    PolicyAdopted,
)
from bedrail.core.events.oversight import ArtifactRefused
from bedrail.governance.abuse import ABUSE, Abuse
from bedrail.governance.access import GLASS, Access
from bedrail.governance.accounts import IDENTITY, Identity
from bedrail.governance.cases import CASES
from bedrail.governance.catalogue import CATALOGUE, Catalogue
from bedrail.governance.consents import CONSENTS, Consents
from bedrail.governance.continuity import CONTINUITY, Continuity
from bedrail.governance.custody import CUSTODY, Custody
from bedrail.governance.deidentification import DEIDENTIFICATION, Deidentification
from bedrail.governance.findings import Findings
from bedrail.governance.orders import ORDER, ORDERS, Orders
from bedrail.governance.refusals import REFUSALS, RefusedActs
from bedrail.governance.rights import RIGHTS
from bedrail.governance.values import (
    AlarmView,
    ApprovalView,
    CandidateView,
    DatasetView,
    DeploymentView,
    EvidenceView,
    JudgementView,
    ObjectionView,
    PersonView,
    ReportView,
    TokenView,
    UseCaseView,
)

__all__ = [
    "AlarmView",
    "ApprovalView",
    "CandidateView",
    "DatasetView",
    "DeploymentView",
    "EvidenceView",
    "JudgementView",
    "ObjectionView",
    "PersonView",
    "Registry",
    "ReportView",
    "TokenView",
    "UseCaseView",
]


class Registry:
    """The fold over all low-volume facts. `seen` is the index after the last entry applied: read on from there."""

    __slots__ = (
        "abuse",
        "access",
        "acting",
        "catalogue",
        "consents",
        "continuity",
        "custody",
        "deidentification",
        "egress",
        "findings",
        "identity",
        "installation",
        "orders",
        "people",
        "policies",
        "policy",
        "refused",
        "refused_artifacts",
        "revoked_tokens",
        "seen",
        "tokens",
        "unsafe",
        "use_cases",
    )

    def __init__(self) -> None:
        self.seen = 0
        self.installation: InstallationOpened | None = None
        self.abuse = Abuse()
        self.access = Access()
        self.catalogue = Catalogue()
        self.acting = ""
        self.consents = Consents()
        self.custody = Custody()
        self.deidentification = Deidentification()
        self.continuity = Continuity()
        self.findings = Findings()
        self.identity = Identity()
        self.orders = Orders()
        self.people: dict[str, PersonView] = {}
        self.tokens: dict[str, TokenView] = {}
        self.revoked_tokens: dict[str, TokenView] = {}
        self.use_cases: dict[str, UseCaseView] = {}
        self.policy = ""
        self.policies: list[str] = []
        self.refused = RefusedActs()
        self.refused_artifacts: dict[str, str] = {}
        self.egress: dict[tuple[str, int], str] = {}
        self.unsafe: tuple[ServedUnsafely, ...] = ()

    def apply(self, index: int, entry: Entry) -> bool:
        """Fold one entry; True when it was new. Entries before `seen` and high-volume facts change nothing."""
        if index < self.seen:
            return False
        self.seen = index + 1
        if action_of(entry) in HIGH_VOLUME:
            return False
        if entry.actor.auth.startswith(GLASS):
            self.access.acted(index, entry)
        if entry.actor.auth.startswith(ORDER):
            self.orders.acted(entry.actor.auth, entry.at)
        fold = _FOLDS.get(type(entry.fact))
        if fold is None:
            return False
        self.acting = entry.actor.id
        fold(self, entry.fact, entry.at)
        return True

    def use_case(self, use_case: str) -> UseCaseView:
        """The use case; raises `NotFound`."""
        try:
            return self.use_cases[use_case]
        except KeyError:
            known = ", ".join(self.use_cases) or "none yet"
            raise NotFound(
                f"There is no use case {use_case!r}.",
                path="use_case",
                remedy=f"Use cases here: {known}. Open one with `bedrail use-case open FOLDER`.",
            ) from None

    def snapshot_for(self, use_case: str) -> UseCaseView | None:
        """For the bedside, once per decision: the live view itself (not a copy), or None when unknown."""
        return self.use_cases.get(use_case)

    def opted_out_of(self, subject: str, use_case: str, now: float) -> bool:
        """Whether this subject (a pseudonym) refused AI support, or must be asked first and was not."""
        return self.consents.bars_care(subject, use_case, now)

    def holders(self, role: str) -> tuple[str, ...]:
        """The people who hold the role, by id."""
        return tuple(sorted(p.person for p in self.people.values() if role in p.roles))


def _installation(registry: Registry, fact: InstallationOpened, at: str) -> None:
    registry.installation = fact
    registry.people.setdefault(fact.owner, PersonView(fact.owner, fact.owner, frozenset({"owner"}), at))


def _policy(registry: Registry, fact: PolicyAdopted, _at: str) -> None:
    registry.policy = fact.policy
    registry.access.withheld = frozenset(fact.withheld)
    registry.policies.append(fact.policy)


def _refused_artifact(registry: Registry, fact: ArtifactRefused, _at: str) -> None:
    registry.refused_artifacts[fact.digest] = fact.reason


def _egress(registry: Registry, fact: EgressAllowed, _at: str) -> None:
    registry.egress = {**registry.egress, (fact.host, fact.port): fact.network}  # replaced whole: read by other threads


def _egress_closed(registry: Registry, fact: EgressClosed, _at: str) -> None:
    registry.egress = {place: net for place, net in registry.egress.items() if place != (fact.host, fact.port)}


def _unsafe(registry: Registry, fact: ServedUnsafely, _at: str) -> None:
    registry.unsafe = (*registry.unsafe, fact)


_FOLDS: dict[type, Callable[[Registry, Any, str], None]] = {
    InstallationOpened: _installation,
    **RIGHTS,
    **ABUSE,
    **CONTINUITY,
    **IDENTITY,
    **CUSTODY,
    **REFUSALS,
    **ORDERS,
    **CATALOGUE,
    **DEIDENTIFICATION,
    PolicyAdopted: _policy,
    **CONSENTS,
    **CASES,
    ArtifactRefused: _refused_artifact,
    EgressAllowed: _egress,
    EgressClosed: _egress_closed,
    ServedUnsafely: _unsafe,
}
