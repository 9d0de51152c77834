"""Facts about keys: rotation, custody, disposal by destroying keys, and what may not be disposed of."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class KeyRotated(FactStruct, frozen=True, kw_only=True, tag="key.rotated"):
    """Data keys are wrapped under a new epoch key; `keys` is how many this run wrapped anew."""

    epoch: str
    keys: int
    provider: str
    version: str


class EpochDestroyed(FactStruct, frozen=True, kw_only=True, tag="key.epoch-destroyed"):
    """What was wrapped under this key opens nowhere any more.

    `provider` says what became of the provider's own key version: `destroyed`, `scheduled for DATE`, `kept: ...`.
    """

    epoch: str
    provider: str


class PseudonymKeyMoved(FactStruct, frozen=True, kw_only=True, tag="key.moved"):
    """The key of pseudonyms, itself unchanged, rests with another provider."""

    provider: str
    version: str


class HoldPlaced(FactStruct, frozen=True, kw_only=True, tag="hold.placed"):
    """A subject (pseudonym) or dataset must be kept: nothing of it may be disposed of. One of the two is empty."""

    dataset: str
    reason: str
    subject: str


class HoldLifted(FactStruct, frozen=True, kw_only=True, tag="hold.lifted"):
    """The hold ended."""

    dataset: str
    reason: str
    subject: str


class DisposalOrdered(FactStruct, frozen=True, kw_only=True, tag="disposal.ordered"):
    """The data keys of a subject (pseudonym) or dataset are destroyed from now on; `keys` are their ids.

    One of subject and dataset is empty.
    """

    dataset: str
    keys: tuple[str, ...]
    reason: str
    subject: str


class DisposalCompleted(FactStruct, frozen=True, kw_only=True, tag="disposal.completed"):
    """Copies in backups are worthless too; `certificate` is the artifact digest of the signed certificate."""

    certificate: str
    dataset: str
    epoch: str
    subject: str
