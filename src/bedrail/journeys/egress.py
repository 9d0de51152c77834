"""Where models outside may be asked: allowed and closed on record, by the owner or the security officer."""

from __future__ import annotations

import re
from threading import Lock

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events import EgressAllowed, EgressClosed, decode
from bedrail.core.ports import Clock, Tape
from bedrail.journeys.context import Context

NETWORKS = ("public", "private", "loopback")
LOOK_SECONDS = 0.5
"""How old the list may be: a place that was closed is asked nothing a moment later."""

_HOST = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$|^[0-9a-f:]+$")
_MARK = b'"action":"egress.'


def allow_egress(ctx: Context, person: str, place: str, network: str, reason: str) -> EgressAllowed:
    """Let models be asked at `host:port`, with addresses in this network only; raises `Invalid` for no such place."""
    actor = ctx.require(person, "egress.change")
    host, port = _place(place)
    if network not in NETWORKS:
        raise Invalid("there is no such network.", path="--network", remedy=f"One of: {', '.join(NETWORKS)}.")
    fact = EgressAllowed(host=host, network=network, port=port, reason=reason)
    ctx.append(actor, "security", fact)
    return fact


def close_egress(ctx: Context, person: str, place: str, reason: str) -> None:
    """Ask nothing there from now on, on running servers too; raises `NotFound` when it was not allowed."""
    actor = ctx.require(person, "egress.change")
    host, port = _place(place)
    known = ctx.refresh().egress
    if (host, port) not in known:
        there = ", ".join(f"{h}:{p}" for h, p in known) or "none"
        raise NotFound("this place was not allowed.", path=place, remedy=f"Allowed are: {there}.")
    ctx.append(actor, "security", EgressClosed(host=host, port=port, reason=reason))


class AllowList:
    """Follows the ledger's facts about places outside, for the threads that ask there; reads only what is new."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        """Nothing is read yet."""
        self._tape, self._clock = tape, clock
        self._lock = Lock()
        self._next, self._looked = 0, float("-inf")
        self._allowed: dict[tuple[str, int], str] = {}

    def network(self, host: str, port: int) -> str:
        """The network allowed for this place, or nothing; at most `LOOK_SECONDS` old. Raises `Unavailable`."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._looked > LOOK_SECONDS:
                self._read()
                self._looked = now
            return self._allowed.get((host.lower(), port), "")

    def _read(self) -> None:
        for index, data in self._tape.registry_entries(self._next):
            self._next = index + 1
            if _MARK not in data:
                continue
            fact = decode(data).fact
            if isinstance(fact, EgressAllowed):
                self._allowed[fact.host, fact.port] = fact.network
            elif isinstance(fact, EgressClosed):
                self._allowed.pop((fact.host, fact.port), None)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]").lower()
    if not _HOST.match(host) or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise Invalid("this is no place.", path=text, remedy="Give host and port, such as vendor.example:443.")
    return host, int(port)
