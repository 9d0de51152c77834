"""What every journey holds in hand: the ports, the registry, and the one way to append a fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import msgspec

from bedrail.core.accounts import RefusedCounts
from bedrail.core.custody import FileVault
from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused, Unavailable
from bedrail.core.events import Actor, Entry, Fact, decode, encode
from bedrail.core.ports import (
    Anchor,
    Artifacts,
    Clock,
    Draft,
    Ids,
    Notices,
    Pseudonyms,
    Records,
    SealedRecord,
    Signer,
    Stops,
    Tape,
    Vault,
    Verifier,
)
from bedrail.core.queries import Decisions
from bedrail.core.registries import ModelRegistry
from bedrail.governance.access import authorise
from bedrail.governance.accounts import proven
from bedrail.governance.orders import act_under
from bedrail.governance.sessions import LOCAL, Principal
from bedrail.governance.views import Registry, UseCaseView
from bedrail.journeys.refusals import refused_act
from bedrail.ledger.append import Ledger, Receipt
from bedrail.ledger.prover import Prover
from bedrail.ledger.publisher import Publisher

if TYPE_CHECKING:
    from bedrail.governance.policy import Policy
    from bedrail.governance.usecase import Charter
    from bedrail.ledger.bundle import Cosigned
    from bedrail.models.predict import RemoteScorer

SYSTEM = Actor(auth="internal", id="bedrail", kind="system")


def _nowhere(address: str) -> ModelRegistry:
    raise Unavailable(f"no model registry can be asked from here ({address}).", remedy="Open the home by `app`.")


@lru_cache(maxsize=16)
def _policy(data: bytes) -> Policy:
    """Of the same bytes the same frozen value; an approval asks for it four times."""
    from bedrail.governance.policy import parse_policy

    return parse_policy(data.decode())


@lru_cache(maxsize=256)
def _charter(data: bytes) -> Charter:
    from bedrail.governance.usecase import parse_charter

    return parse_charter(data.decode())


class Views(Decisions, Protocol):
    """Queries over the SQL views, and their comparison with a fresh fold over the ledger."""

    def rebuild_differences(self) -> list[str]:
        """Each way in which the SQL views differ from a fresh fold over the ledger."""
        ...

    def record_differences(self) -> list[str]:
        """Each sealed record whose ciphertext is not the one its fact names."""
        ...


@dataclass(slots=True)
class Context:
    """The desk at which a journey works; built once per process by `app`."""

    home: Path
    clock: Clock
    ids: Ids
    ledger: Ledger
    publisher: Publisher
    anchor: Anchor
    tape: Tape
    records: Records
    views: Views
    vault: Vault
    files: FileVault
    pseudonyms: Pseudonyms
    artifacts: Artifacts
    stops: Stops
    notices: Notices
    signer: Signer
    verify: Verifier
    remote: Callable[[str], RemoteScorer]
    node: str
    models_at: Callable[[str], ModelRegistry] = _nowhere
    """Model registries elsewhere, by address."""
    registry: Registry = field(default_factory=Registry)
    _folding: Lock = field(default_factory=Lock, repr=False)
    principal: Principal | None = None
    cosigned: Callable[[], Cosigned | None] = lambda: None
    """The checkpoints of this ledger that witnesses signed, with the witnesses' keys."""
    refused: RefusedCounts | None = None
    """Where refused acts are counted until a fact tells of them."""
    door: str = "python"
    """By which door the acting person came: cli, web, or a program of their own."""
    part_of: str = ""
    """The act that a timer's standing order is good for, while that act does what belongs to it."""
    prover: Prover = field(init=False)

    def __post_init__(self) -> None:
        """Proofs are made from this tape's leaves."""
        self.prover = Prover(self.tape.leaves)

    @property
    def public_key(self) -> bytes:
        """The ledger's public key: that of the shard which is being written."""
        return self.ledger.public_key

    def refresh(self) -> Registry:
        """Fold what other processes appended since the last look; one thread at a time, since order matters."""
        with self._folding:
            for index, data in self.tape.registry_entries(self.registry.seen):
                self.registry.apply(index, _read(index, data))
        return self.registry

    def stand_on(self, registry: Registry) -> None:
        """Fold on from this registry instead of the present one, up to the end of the tape."""
        with self._folding:
            for index, data in self.tape.registry_entries(registry.seen):
                registry.apply(index, _read(index, data))
            self.registry = registry

    def append(
        self,
        actor: Actor,
        purpose: str,
        *facts: Fact,
        records: Sequence[SealedRecord] = (),
        request: str = "",
        known: int | None = None,
        follows: Sequence[Fact] = (),
    ) -> list[Receipt]:
        """Append facts in one durable commit and fold them; the sealed records go with the first fact.

        `follows` are what the policy makes of them: in the same commit, by Bedrail itself, for safety.
        With `known` (the registry's `seen` when something was judged) nothing is written, and `Refused` is raised, when
        another process recorded a low-volume fact since. Raises `Invalid` for facts too long to record.
        """
        at = self.clock.now().isoformat(timespec="microseconds")
        drafts = []
        said = [(actor, purpose, fact) for fact in facts] + [(SYSTEM, "safety", fact) for fact in follows]
        for position, (by, why, fact) in enumerate(said):
            entry = Entry(actor=by, at=at, fact=fact, id=self.ids.new(), node=self.node, purpose=why, request=request)
            try:
                data = encode(entry)
            except ValueError as error:
                raise Invalid(
                    "this cannot be recorded: it is too long, or no text.", path="fact", remedy="Say it in fewer words."
                ) from error
            drafts.append(Draft(entry=entry, data=data, records=tuple(records) if position == 0 else ()))
        receipts = self.ledger.append(drafts, known=known)
        self.refresh()
        return receipts

    def require(self, person: str, action: str) -> Actor:
        """The person as actor, when a role that counts now permits the action and they proved who they are.

        Who that is comes from `principal` (a session); a mere name counts while there are no accounts, and for people
        without one whose roles need no second factor. Raises `Refused` otherwise; that comes on record.
        """
        try:
            return self._permitted(person, action)
        except Refused as refused:
            refused_act(self, person, action, refused)
            raise

    def _permitted(self, person: str, action: str) -> Actor:
        registry, now = self.refresh(), self.clock.now().timestamp()
        if self.principal is not None and self.principal.kind == "token":
            return act_under(registry, self.principal, person, action, now, self.part_of)
        actor = authorise(registry, person, action, now)
        view = registry.people[person]
        if actor.auth != LOCAL and (grant := registry.access.grant_of(person, now)) is not None:
            view = replace(view, roles=view.roles | {grant.role})  # an emergency role is proved like a role held
        proof = proven(registry.identity, view, self.principal, action, now)
        return actor if actor.auth != LOCAL else proof.actor()

    def named(self, person: str, action: str) -> Actor:
        """The person (the first owner by default) as actor, by name and role alone: nobody can prove who they are.

        For what mends a home that does not open: nobody signs in to one. Who does it holds the home's keys and database
        already, and the record says `local`, which means a name that was believed. Raises `Refused`.
        """
        registry = self.refresh()
        first = next(iter(registry.holders("owner")), "")
        return authorise(registry, person or first, action, self.clock.now().timestamp())

    def use_case(self, use_case: str) -> UseCaseView:
        """The use case's view; raises `NotFound` with the ones there are."""
        known = self.refresh().use_cases
        if use_case not in known:
            there = ", ".join(sorted(known)) or "none yet: bedrail use-case open FOLDER"
            raise NotFound(f"no use case `{use_case}`.", path="use_case", remedy=f"There are: {there}.")
        return known[use_case]

    def charter(self, use_case: str) -> Charter:
        """The charter in force; its artifact is read and checked at every question, and parsed once per version."""
        return _charter(self.artifacts.get(self.use_case(use_case).charter))

    def policy(self, registry: Registry | None = None) -> Policy:
        """The policy in force, now or in that registry; its artifact is read and checked at every question, and parsed
        once per version."""
        return _policy(self.artifacts.get((self.refresh() if registry is None else registry).policy))

    def put_sealed(self, data: bytes, *, dataset: str, kind: str) -> str:
        """Store a file about many patients, sealed under its dataset's own data key; returns its digest as sealed."""
        return self.artifacts.put(self.files.seal_file(data, dataset=dataset, kind=kind, purpose="research"))

    def get_sealed(self, digest: str) -> bytes:
        """The plaintext of such a file; raises `NotFound` when the dataset's key was destroyed."""
        return self.files.open_file(self.artifacts.get(digest))

    def opened(self, kind: str, record_ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """(record id, plaintext) of sealed records of one kind, in order; shredded ones are passed over."""
        for record, key in self.records.of_kind(kind, record_ids):
            yield record.record_id, self.vault.open(record, key)


def _read(index: int, data: bytes) -> Entry:
    try:
        return decode(data)
    except (msgspec.MsgspecError, ValueError):
        remedy = "bedrail ledger verify tells what else is wrong; then restore a backup."
        raise Corrupt(f"entry {index} of the ledger cannot be read.", remedy=remedy) from None
