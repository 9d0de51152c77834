"""One worker's eye on the emergency stops that stand without the ledger (`journeys.stopping`), and what they become."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bedrail.core.errors import BedrailError
from bedrail.core.events import Actor, DeploymentHalted
from bedrail.core.ports import Stop, Stops
from bedrail.governance.views import DeploymentView, Registry

BY_FILE = "stopped by a file in the home"
NOT_RECORDED = "stopped; not on record yet"
MOST_REASON = 500
_NOBODY = Actor(auth="internal", id="bedrail", kind="system")


def said(standing: Stop) -> str:
    """The reason for the record."""
    return " ".join(standing.reason.split())[:MOST_REASON] or BY_FILE


def actor_of(standing: Stop) -> Actor:
    """Whoever the file names: `stop-file` says that being able to write into the home was all the proof there was."""
    if not standing.person:
        return _NOBODY
    return Actor(auth="local" if standing.verified else "stop-file", id=standing.person[:64], kind="person")


def halts(registry: Registry, targets: Iterable[str], reason: str) -> list[DeploymentHalted]:
    """One fact for each use case concerned that serves; a target that is no known use case concerns all."""
    wanted = set(targets)
    everything = not wanted <= registry.use_cases.keys()
    return [
        DeploymentHalted(use_case=view.id, candidate=view.deployment.candidate, reason=reason)
        for view in registry.use_cases.values()
        if view.deployment is not None and not view.deployment.halted and (everything or view.id in wanted)
    ]


@dataclass(slots=True)
class Watchman:
    """One worker's eye on the standing stops.

    `enforce` lays them over the worker's own registry, so that the decision path asks nothing new; `start_recording`
    brings them on record, over and over until it worked. `append` makes a fact durable through this worker's group
    commit.
    """

    stops: Stops
    append: Callable[[Actor, DeploymentHalted], Awaitable[object]]
    standing: dict[str, str] = field(default_factory=dict)
    """Target by name, as of the last look."""

    _held: dict[str, DeploymentView] = field(default_factory=dict)
    """What was halted here before the ledger said so, by use case."""

    _recording: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Which stops stand; asked before the ledger is read, because one is lifted only after it is in there."""
        self.standing = self.stops.targets()

    def enforce(self, registry: Registry) -> None:
        """Halt in this worker's registry whatever a standing stop concerns."""
        for halted in halts(registry, self.standing.values(), "") if self.standing else ():
            view = registry.use_cases[halted.use_case]
            assert view.deployment is not None
            view.deployment = self._held[view.id] = replace(view.deployment, halted=True, reason=NOT_RECORDED)

    def start_recording(self, registry: Registry) -> None:
        """Bring what stands on record, in a task of its own, one at a time; only after a look that went well."""
        if self.standing and (self._recording is None or self._recording.done()):
            self._recording = asyncio.get_running_loop().create_task(self._record(registry, dict(self.standing)))

    async def _record(self, registry: Registry, standing: dict[str, str]) -> None:
        # Suppressed: the stop stands, and the next turn tries again.
        with suppress(BedrailError, OSError), self.stops.claim() as alone:
            if not alone:
                return
            still = self.stops.targets()
            for name in sorted(standing.keys() & still.keys()):
                await self._record_one(registry, name, standing[name])
                self.stops.lift(name)
            if not standing.keys() & still.keys():
                self._held.clear()  # another worker brought them on record

    async def _record_one(self, registry: Registry, name: str, target: str) -> None:
        one = self.stops.read(name)
        for use_case, held in list(self._held.items()):
            if target in registry.use_cases and use_case != target:
                continue
            if registry.use_cases[use_case].deployment is held:  # else the ledger has said more since
                fact = DeploymentHalted(use_case=use_case, candidate=held.candidate, reason=said(one))
                await self.append(actor_of(one), fact)
            self._held.pop(use_case, None)
