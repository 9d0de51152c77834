"""Facts about people, rules and permissions."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class InstallationOpened(FactStruct, frozen=True, kw_only=True, tag="installation.opened"):
    """A home was made. `keys` names each public key as `purpose:hex`."""

    origin: str
    owner: str
    keys: tuple[str, ...]


class PersonAdded(FactStruct, frozen=True, kw_only=True, tag="person.added"):
    """A person may act here in these roles; with `sites`, decisions of those sites only are theirs to see."""

    person: str
    name: str
    roles: tuple[str, ...]
    sites: tuple[str, ...] = ()


class TokenIssued(FactStruct, frozen=True, kw_only=True, tag="token.issued"):
    """A bearer token for one use case; only its SHA-256 is kept. `expires` is UTC.

    `client` is the service account that holds it, `owner` the person who answers for it. Without `actions` (as first
    issued by this software) it is good for all. It may replace another token, which then ends at `overlap` (UTC).
    """

    token: str
    use_case: str
    sha256: str
    client: str
    expires: str
    actions: tuple[str, ...] = ()
    overlap: str = ""
    owner: str = ""
    replaces: str = ""


class TokenRevoked(FactStruct, frozen=True, kw_only=True, tag="token.revoked"):
    """The token opens nothing from now on."""

    token: str
    reason: str


class PolicyAdopted(FactStruct, frozen=True, kw_only=True, tag="policy.adopted"):
    """This policy (by artifact digest) rules from now on; `withheld` are permissions it takes away (`action:role`)."""

    policy: str
    name: str
    withheld: tuple[str, ...] = ()


class UseCaseOpened(FactStruct, frozen=True, kw_only=True, tag="use-case.opened"):
    """A use case was registered; `charter` is the artifact digest of its usecase.toml."""

    use_case: str
    title: str
    tier: str
    mode: str
    owner: str
    charter: str


class GateJudged(FactStruct, frozen=True, kw_only=True, tag="gate.judged"):
    """A gate was asked with consequence: the answer, its reasons, and the policy that gave it."""

    use_case: str
    candidate: str
    stage: str
    open: bool
    reasons: tuple[str, ...]
    policy: str
    until: str


class Approved(FactStruct, frozen=True, kw_only=True, tag="approval.given"):
    """A person in a role approved exact bytes of model, data and policy for a stage until `expires` (UTC)."""

    approval: str
    use_case: str
    candidate: str
    dataset: str
    policy: str
    stage: str
    role: str
    person: str
    expires: str
    comment: str = ""


class Objected(FactStruct, frozen=True, kw_only=True, tag="approval.objected"):
    """A person in a role objects; the gate stays closed until the same role approves later."""

    use_case: str
    candidate: str
    stage: str
    role: str
    person: str
    reason: str
