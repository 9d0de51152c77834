"""Recording whatever moves the ground under what serves, together with what the policy makes of it: one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bedrail.core.errors import Refused
from bedrail.core.events import Actor, Fact
from bedrail.governance.consequences import Consequence, after_loss
from bedrail.journeys.context import Context

ATTEMPTS = 20
"""To record what was judged while others record facts."""

Judged = TypeVar("Judged", bound=Fact)


def append_whole(
    ctx: Context, actor: Actor, purpose: str, facts: Sequence[Fact], follow: Callable[[], Iterable[Fact]]
) -> list[Fact]:
    """Append `facts` and what `follow` makes of the registry as it stands; returns the latter.

    When others recorded something meanwhile, the consequences are worked out anew: whoever halts is not overruled.
    """
    return _append(ctx, actor, purpose, lambda: (list(facts), list(follow())))[1]


def append_judged(ctx: Context, actor: Actor, purpose: str, judged: Callable[[], Judged]) -> Judged:
    """Append the one fact that `judged` makes of the registry as it stands, or raise what it raises.

    When others recorded something meanwhile it judges anew, so that of many at once each sees those before it.
    """
    made: list[Judged] = []

    def fresh() -> tuple[list[Fact], list[Fact]]:
        made[:] = [judged()]
        return [*made], []

    _append(ctx, actor, purpose, fresh)
    return made[0]


def _append(
    ctx: Context, actor: Actor, purpose: str, make: Callable[[], tuple[list[Fact], list[Fact]]]
) -> tuple[list[Fact], list[Fact]]:
    for attempt in range(ATTEMPTS):
        known = ctx.refresh().seen
        facts, follows = make()
        try:
            ctx.append(actor, purpose, *facts, known=known, follows=follows)
        except Refused:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return facts, follows
    raise AssertionError


def of_lost_roles(ctx: Context, lost: Iterable[tuple[str, str]], reason: str) -> list[Consequence]:
    """What becomes of every version that rests on approvals given in these (person, role) pairs."""
    registry, now = ctx.registry, ctx.clock.now().timestamp()
    pairs = dict.fromkeys(lost, now)
    if not pairs or not any(view.deployment is not None for view in registry.use_cases.values()):
        return []
    policy = ctx.policy()
    return [
        found
        for view in registry.use_cases.values()
        for found in after_loss(policy, view, registry.access.lost, pairs, reason, now)
    ]


def told(follows: Iterable[Fact]) -> tuple[str, ...]:
    """The consequences in words, one line each."""
    from bedrail.core.events import DeploymentHalted, DeploymentLimited, DeploymentMoved

    lines = []
    for fact in follows:
        if isinstance(fact, DeploymentHalted):
            lines.append(f"{fact.use_case} is halted: {fact.reason}.")
        elif isinstance(fact, DeploymentMoved):
            lines.append(f"{fact.use_case} is back in shadow: {fact.reason}.")
        elif isinstance(fact, DeploymentLimited):
            lines.append(f"{fact.use_case} ends on {fact.until[:10]} unless its gate is opened again: {fact.reason}.")
    return tuple(lines)
