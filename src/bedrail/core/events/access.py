"""Facts about who may do what for how long: leavers, tokens' lives, break-glass, access reviews, auditors' findings."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class PersonLeft(FactStruct, frozen=True, kw_only=True, tag="person.left"):
    """A person no longer works here: no role is held, no session and no key of theirs opens anything."""

    person: str
    reason: str


class TokenHandedOver(FactStruct, frozen=True, kw_only=True, tag="token.handed-over"):
    """Somebody else answers for a token from now on; it ends at `expires` (UTC), so that it has to be rotated."""

    token: str
    owner: str
    expires: str


class TokenUsed(FactStruct, frozen=True, kw_only=True, tag="token.used"):
    """The token was used on this day (UTC, such as 2026-11-22); said once a day at most."""

    token: str
    day: str


class GlassBroken(FactStruct, frozen=True, kw_only=True, tag="glass.broken"):
    """In an emergency a person took a role not held, until `until`; somebody else reviews it by `review_by` (UTC)."""

    grant: str
    person: str
    role: str
    reason: str
    until: str
    review_by: str


class GlassEnded(FactStruct, frozen=True, kw_only=True, tag="glass.ended"):
    """The emergency role was given back before its time."""

    grant: str
    person: str


class GlassReviewed(FactStruct, frozen=True, kw_only=True, tag="glass.reviewed"):
    """Another person looked at what was done under it; `verdict` is justified or not-justified."""

    grant: str
    reviewer: str
    verdict: str
    remark: str


class NoticeGiven(FactStruct, frozen=True, kw_only=True, tag="notice.given"):
    """People were told of something at once; `about` names what, such as a grant's id."""

    notice: str
    kind: str
    about: str
    to: tuple[str, ...]


class ReviewStarted(FactStruct, frozen=True, kw_only=True, tag="access-review.started"):
    """A campaign to look at every access again by `due` (UTC).

    Items are `person/role` and `token:ID` as they stood. `overdue` is what the policy said then about items nobody
    certified in time: list, or suspend.
    """

    review: str
    due: str
    items: tuple[str, ...]
    overdue: str


class AccessCertified(FactStruct, frozen=True, kw_only=True, tag="access-review.certified"):
    """A reviewer says that these items are still needed."""

    review: str
    items: tuple[str, ...]
    reviewer: str


class AccessRevoked(FactStruct, frozen=True, kw_only=True, tag="access-review.revoked"):
    """A reviewer took an item away: the role is held no longer, or the token opens nothing."""

    review: str
    item: str
    reviewer: str
    reason: str


class ReviewClosed(FactStruct, frozen=True, kw_only=True, tag="access-review.closed"):
    """The campaign is over; `uncertified` are the items that nobody spoke for."""

    review: str
    uncertified: tuple[str, ...]


class FindingOpened(FactStruct, frozen=True, kw_only=True, tag="finding.opened"):
    """An auditor's finding about a use case, or the whole installation (empty `use_case`).

    `severity` is note, minor, major or blocking; a blocking one closes gates until it is closed. `owner` answers it by
    `due` (a UTC day).
    """

    finding: str
    use_case: str
    severity: str
    title: str
    owner: str
    due: str


class FindingAnswered(FactStruct, frozen=True, kw_only=True, tag="finding.answered"):
    """What was done about it, as its owner says."""

    finding: str
    person: str
    answer: str


class FindingReturned(FactStruct, frozen=True, kw_only=True, tag="finding.returned"):
    """The auditor does not accept the answer, and says why."""

    finding: str
    auditor: str
    reason: str


class FindingClosed(FactStruct, frozen=True, kw_only=True, tag="finding.closed"):
    """The auditor accepts the answer."""

    finding: str
    auditor: str
    remark: str
