"""The kill switch: one person, one command, in force on every worker within a second, also without the database.

A stop stands first as a file that every worker looks for twenty times a second, and only then goes to the ledger; the
file is lifted when the ledger has recorded it. So a stop holds while the database is locked, full, read-only, damaged
or gone, survives a restart, and comes on record as soon as there is a record to come on. What is halted starts again
only through its whole gate (`governance.stages`): nothing here releases anything.
"""

from __future__ import annotations

from contextlib import suppress

from bedrail.core.errors import Refused, Unavailable
from bedrail.core.ports import ALL, Clock, Ids, Stop
from bedrail.journeys.context import Context
from bedrail.journeys.watchman import MOST_REASON, actor_of, halts, said


def stop(ctx: Context, person: str, target: str, reason: str) -> bool:
    """Halt a use case, or `ALL` that serve; True when it is on record, False while it stands by its file alone.

    Nobody is kept from stopping by their words: a reason that is too long, or no text, is cut and cleaned. Raises
    `Refused` for a person who may not, or where nothing serves; `NotFound`; `Unavailable` when neither the file nor the
    ledger could be written.
    """
    actor = ctx.require(person, "deployment.halt")
    reason = reason.encode("utf-8", "replace").decode()[:MOST_REASON]
    if target != ALL:
        ctx.use_case(target)
    facts = halts(ctx.registry, [target], reason)
    if not facts:
        raise Refused("nothing is deployed.", remedy="bedrail status shows what serves.")
    standing = new_stop(ctx.clock, ctx.ids, actor.id, target, reason, verified=True)
    kept: Unavailable | None = None
    try:
        ctx.stops.put(standing)
    except Unavailable as error:
        kept = error
    try:
        ctx.append(actor, "safety", *facts)
    except Unavailable:
        if kept is not None:
            raise
        return False
    if kept is None:
        with suppress(Unavailable):  # then it goes on standing, and whoever serves next records it once more
            ctx.stops.lift(standing.name)
    return True


def new_stop(clock: Clock, ids: Ids, person: str, target: str, reason: str, *, verified: bool) -> Stop:
    """A stop with a name of its own, so that lifting one never lifts another."""
    named = "all" if target == ALL else target
    return Stop(
        name=f"{named}@{ids.new()}",
        target=target,
        person=person,
        reason=reason.encode("utf-8", "replace").decode()[:MOST_REASON],
        at=clock.now().isoformat(timespec="seconds"),
        verified=verified,
    )


def record_standing(ctx: Context) -> tuple[str, ...]:
    """Put every standing stop on record and lift it; the names of those that were. Raises `Unavailable`."""
    done = []
    for name in sorted(ctx.stops.targets()):
        standing = ctx.stops.read(name)
        facts = halts(ctx.refresh(), [standing.target], said(standing))
        if facts:
            ctx.append(actor_of(standing), "safety", *facts)
        ctx.stops.lift(name)
        done.append(name)
    return tuple(done)


def require_none_standing(ctx: Context) -> None:
    """Record what stands before anything starts again; raises `Refused` while a stop cannot be lifted."""
    with suppress(Unavailable):
        record_standing(ctx)
    if ctx.stops.targets():
        raise Refused("an emergency stop stands.", remedy="Mend what keeps it from the ledger, then try again.")
