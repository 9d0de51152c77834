"""The bedside's desk: the ports of one process, and the one way in which it seals and appends."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from bedrail.core.errors import BedrailError, NotFound, Refused, Unavailable
from bedrail.core.events import Actor, AnswerNotShown, DecisionAnswered, Entry, Fact, encode
from bedrail.core.events.access import TokenUsed
from bedrail.core.ports import Clock, Draft, Ids, Pseudonyms, Records, SealedRecord, Vault
from bedrail.core.queries import Decisions
from bedrail.governance.refusals import why_of
from bedrail.governance.values import TokenView
from bedrail.governance.views import Registry
from bedrail.journeys.deadlines import Deadlines
from bedrail.journeys.serving import Serving
from bedrail.journeys.steps import Steps
from bedrail.journeys.strangers import Attempt, Strangers
from bedrail.journeys.throttling import Throttling
from bedrail.ledger.append import Receipt

CARE = "care"
SYSTEM = Actor(auth="internal", id="bedrail", kind="system")
VENDOR_THREADS = 8
APPEND_SECONDS = 2.0
"""What follows a decision waits for its record no longer."""

TELLINGS = 60
TELLING_SECONDS = 1.0
"""How often, and how far apart, a fact that nobody waits for is offered to a ledger that is out."""


@dataclass(slots=True)
class Desk:
    """Every outside thing the bedside needs, as a port.

    `commit` makes one draft durable (`GroupCommit.commit`, or a plain ledger wrapped); `serving` holds the registry
    and the loaded models; `node` names this process in the ledger. `tally` counts replies by use case, kind and
    guard, for the metrics; `denials` counts what known tokens and people were refused for want of permission, by kind,
    id, action and reason, until `take_denials`.
    """

    clock: Clock
    ids: Ids
    vault: Vault
    pseudonyms: Pseudonyms
    serving: Serving
    views: Decisions
    records: Records
    commit: Callable[[Draft], Awaitable[Receipt]]
    node: str
    tally: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    used: set[str] = field(default_factory=set)
    denials: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    deadlines: Deadlines = field(default_factory=Deadlines)
    steps: Steps = field(default_factory=Steps)
    throttling: Throttling = field(default_factory=Throttling)
    strangers: Strangers = field(default_factory=Strangers)
    _vendors: Executor | None = None
    _slow_models: Executor | None = None
    _telling: set[asyncio.Task[None]] = field(default_factory=set)
    _noting: asyncio.Task[None] | None = None

    @property
    def registry(self) -> Registry:
        """The registry as of the last refresh."""
        return self.serving.registry

    def admit(self, token: str, use_case: str | None = None, action: str = "decide") -> TokenView:
        """The live token, good for this action (see `TOKEN_ACTIONS`), and for `use_case` when one is named.

        Raises `Refused` (first reason `token` when it opens nothing, `suspended` when it is suspected of abuse, `scope`
        when it opens another use case or is good for other things) and `NotFound` for an unknown use case; the token is
        looked at first, so strangers learn nothing. That it was used today is noted, see `note_uses`.
        """
        view = self.registry.tokens.get(hashlib.sha256(token.encode()).hexdigest()) if token else None
        if view is None:
            if token:
                self.stranger("token")
            raise Refused(
                "the token is not known here.", remedy="Ask for one: bedrail token issue.", reasons=("token",)
            )
        now = self.clock.now().timestamp()
        try:
            self._require_good(view, use_case, action, now)
        except Refused as refused:
            if now < view.expires_epoch:
                self.deny("token", view.token, f"token:{action}", refused)
            else:
                self.stranger("token")
            raise
        if now >= view.used_until:
            self.used.add(view.token)
        return view

    def stranger(self, attempt: Attempt) -> None:
        """Somebody whom nobody knows was turned away: counted, and on record in aggregate, see `note_strangers`."""
        self.strangers.count(attempt, self.clock.now())

    async def note_strangers(self, *, all_of_it: bool = False) -> None:
        """Put on record, in aggregate, what strangers were turned away with; raises `Unavailable`."""
        await self._others_noted()
        now = self.clock.monotonic()
        if (fact := self.strangers.due(now, all_of_it=all_of_it)) is not None:
            await self._noted(fact, partial(self.strangers.told, fact, now))

    async def _others_noted(self) -> None:
        """When no fact in aggregate is under way: what is, might still be recorded, and must not be told twice."""
        while self._noting is not None and not self._noting.done():
            with suppress(BedrailError):
                await asyncio.shield(self._noting)

    async def _noted(self, fact: Fact, told: Callable[[], None]) -> None:
        """Make it durable, however long that takes, then `told`; goes on when its caller is cancelled."""
        self._noting = asyncio.get_running_loop().create_task(self._note(fact, told))
        await asyncio.shield(self._noting)

    async def _note(self, fact: Fact, told: Callable[[], None]) -> None:
        await self.commit(self.draft(SYSTEM, fact, self.clock.now(), "security", None))
        told()

    def deny(self, kind: str, who: str, action: str, refused: Refused) -> None:
        """A known caller was refused: it comes on record within a minute, see `journeys.refusals`."""
        self.denials[kind, who, action, why_of(refused)] += 1

    def take_denials(self) -> Counter[tuple[str, str, str, str]]:
        """What was refused since the last time."""
        taken, self.denials = self.denials, Counter()
        return taken

    def _require_good(self, view: TokenView, use_case: str | None, action: str, now: float) -> None:
        if now >= view.expires_epoch:
            raise Refused("the token has expired.", remedy="Ask for a new one.", reasons=("token",))
        if view.suspended:
            raise Refused(
                "the token is suspended: it was used as honest use does not.",
                remedy=f"A security officer looks at it: bedrail abuse lift {view.suspended} --reason WHY.",
                reasons=("suspended",),
            )
        if use_case is not None and view.use_case != use_case:
            if use_case not in self.registry.use_cases:
                raise NotFound(
                    "there is no such use case.", path="use_case", remedy=f"This token is for {view.use_case}."
                )
            raise Refused(
                "the token is for another use case.", remedy=f"It is for {view.use_case}.", reasons=("scope",)
            )
        if action not in view.actions:
            raise Refused(
                f"the token is not good for `{action}`.",
                remedy=f"It is good for: {', '.join(sorted(view.actions))}.",
                reasons=("scope",),
            )

    def hold_up(self, view: TokenView, now: float, *, follows: bool = False) -> float:
        """Seconds to wait before this token may ask for a decision, 0.0 for none; `now` is monotonic.

        `follows` is for what follows upon decisions. Whoever has to wait is counted, see `note_throttling`.
        """
        station = self.serving.stations.get(view.use_case)
        turnstile = None if station is None else station.following if follows else station.turnstile
        seconds = 0.0 if turnstile is None else turnstile.wait(view.token, now)
        if seconds:
            self.tally[view.use_case, "throttled", "rate"] += 1
            self.throttling.count(view.use_case, view.token, self.clock.now().isoformat(timespec="seconds"))
        return seconds

    async def note_throttling(self, *, all_of_it: bool = False) -> None:
        """Put on record, in aggregate, which tokens asked too fast; raises `Unavailable`."""
        await self._others_noted()
        now = self.clock.monotonic()
        for fact in self.throttling.due(now, all_of_it=all_of_it):
            await self._noted(fact, partial(self.throttling.told, fact, now))

    async def note_uses(self) -> None:
        """Put on record, once a day for each token, that it was used; raises `Unavailable`."""
        await self._others_noted()
        day = self.clock.now().date().isoformat()
        for token in sorted(self.used):
            await self._noted(TokenUsed(token=token, day=day), partial(self.used.discard, token))
        self.serving.refresh()

    async def append(
        self, actor: Actor, fact: Fact, *, purpose: str = CARE, record: SealedRecord | None = None, entry: str = ""
    ) -> Receipt:
        """Make one fact durable, with its sealed record in the same commit; raises `Unavailable`."""
        draft = self.draft(actor, fact, self.clock.now(), purpose, record, entry)
        try:
            return await self.deadlines.within(APPEND_SECONDS, self.commit(draft))
        except TimeoutError:
            raise Unavailable(
                "The ledger did not answer in time; this may still be recorded.", remedy="Look before repeating it."
            ) from None

    def draft(
        self, actor: Actor, fact: Fact, now: datetime, purpose: str, record: SealedRecord | None, entry: str = ""
    ) -> Draft:
        """The ledger entry of a fact, ready to append."""
        made = Entry(
            actor=actor,
            at=now.isoformat() if now.microsecond else now.isoformat(timespec="microseconds"),
            fact=fact,
            id=entry or self.ids.new(),
            node=self.node,
            purpose=purpose,
        )
        return Draft(entry=made, data=encode(made), records=() if record is None else (record,))

    def seal(self, record_id: str, subject: str, kind: str, plaintext: bytes) -> tuple[SealedRecord, str]:
        """The sealed record, and the SHA-256 of its ciphertext that the fact carries; raises `Unavailable`."""
        sealed = self.vault.seal(record_id=record_id, subject=subject, kind=kind, purpose=CARE, plaintext=plaintext)
        return sealed, hashlib.sha256(sealed.ciphertext).hexdigest()

    def coming(self) -> int:
        """How many requests in hand are about to hand in a draft, with nothing to wait for."""
        return self.steps.coming

    def unclaimed(self, draft: Draft) -> None:
        """An answer became durable after its caller had been told the fallback: say so on record too."""
        fact = draft.entry.fact
        if isinstance(fact, DecisionAnswered) and fact.shown:
            self.not_shown(fact.decision, fact.use_case, "The record came too late.")

    def not_shown(self, decision: str, use_case: str, reason: str) -> None:
        """Put on record, without anybody waiting for it, that a recorded answer was not given."""
        fact = AnswerNotShown(decision=decision, reason=reason, use_case=use_case)
        task = asyncio.get_running_loop().create_task(self._tell(fact))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, fact: Fact) -> None:
        for _ in range(TELLINGS):
            try:
                await self.append(SYSTEM, fact, purpose="safety")
            except Unavailable:
                await asyncio.sleep(TELLING_SECONDS)
            else:
                return

    def vendors(self) -> Executor:
        """Threads that wait for remote models, apart from all others: a hanging one stops no other work."""
        if self._vendors is None:
            self._vendors = ThreadPoolExecutor(VENDOR_THREADS, thread_name_prefix="bedrail-vendor")
        return self._vendors

    def slow_models(self) -> Executor:
        """Threads in which the hospital's own slow models work, apart from vendors': neither waits for the other."""
        if self._slow_models is None:
            self._slow_models = ThreadPoolExecutor(VENDOR_THREADS, thread_name_prefix="bedrail-model")
        return self._slow_models

    def close(self) -> None:
        """Let go of the models' threads."""
        for pool in (self._vendors, self._slow_models):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        self._vendors = self._slow_models = None
