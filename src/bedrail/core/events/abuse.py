"""Facts of guarding the decision API: who was held up, what looked like abuse, and who settled it."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class AbuseThrottled(FactStruct, frozen=True, kw_only=True, tag="abuse.throttled"):
    """A token asked faster than its use case allows: so many requests were answered 429 between two moments (UTC).

    One fact for a token and window, however many requests there were.
    """

    use_case: str
    token: str
    refused: int
    since: str
    until: str


class AbuseLooked(FactStruct, frozen=True, kw_only=True, tag="abuse.looked"):
    """The decisions of a token were looked at for patterns of abuse, up to ledger index `last`."""

    use_case: str
    token: str
    decisions: int
    last: int


class AbuseSuspected(FactStruct, frozen=True, kw_only=True, tag="abuse.suspected"):
    """A detector found what honest use does not show, in decisions from `first` to `last`.

    `found` and `limit` are decimals. `taken` is what the policy made of it: notify or suspend-token.
    """

    flag: str
    use_case: str
    token: str
    detector: str
    decisions: int
    found: str
    limit: str
    first: str
    last: str
    taken: str


class AbuseLifted(FactStruct, frozen=True, kw_only=True, tag="abuse.lifted"):
    """A security officer looked at a flag and settled it; a token that it suspended opens again."""

    flag: str
    use_case: str
    token: str
    person: str
    reason: str
