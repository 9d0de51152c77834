"""Every route with what it asks, enforced in one place: a route without its tag keeps the server from being built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bedrail.core.errors import Refused, Unavailable
from bedrail.core.ports import Clock
from bedrail.governance.access import authorise
from bedrail.governance.doors import HTTP, Permit
from bedrail.governance.sessions import Principal
from bedrail.governance.values import TokenView
from bedrail.governance.views import Registry
from bedrail.web.api import TOKEN, Endpoint, answering
from bedrail.web.decisions_route import bearer
from bedrail.web.visitors import out_of_order

PRINCIPAL = "bedrail.principal"

PrincipalOf = Callable[[Request], Principal | None]
Telling = Callable[[Principal, str, Refused], Awaitable[None]]
"""Told of an act that a signed-in person was refused."""


class Admitting(Protocol):
    """The bedside, as far as letting callers in goes."""

    @property
    def clock(self) -> Clock:
        """The time of day."""
        ...

    @property
    def registry(self) -> Registry:
        """As of the last refresh."""
        ...

    def admit(self, token: str, use_case: str | None = None, action: str = "decide") -> TokenView:
        """The live token that is good for this; raises `Refused`, `NotFound`."""
        ...


class Untagged(Exception):
    """A route nobody said anything about; the server is not built."""


def doors(route: BaseRoute) -> tuple[str, ...]:
    """A route as the table names it, one for each method; raises `Untagged` for anything but a plain route."""
    if not isinstance(route, Route) or not route.methods:
        raise Untagged(f"{route!r} is no plain route: give it methods, and tag it in bedrail/governance/doors.py")
    return tuple(f"{method} {route.path}" for method in sorted(route.methods - {"HEAD"}))


def permit_of(door: str) -> Permit:
    """What the door asks; raises `Untagged`."""
    if door not in HTTP:
        raise Untagged(f"{door} has no tag: say in bedrail/governance/doors.py (HTTP) what it asks")
    return HTTP[door]


def guarded(
    routes: Iterable[BaseRoute],
    bedside: Admitting,
    principal_of: PrincipalOf | None = None,
    telling: Telling | None = None,
) -> Sequence[Route]:
    """The routes, each opened only by what its tag asks: a token good for it, or a signed-in person who may.

    What was admitted stands in the request's scope, under `TOKEN` or `PRINCIPAL`. `telling` hears of
    signed-in people who were refused, and never of strangers. Raises `Untagged`.
    """
    return [_guarded(route, bedside, principal_of, telling) for route in routes]


def _guarded(route: BaseRoute, bedside: Admitting, principal_of: PrincipalOf | None, telling: Telling | None) -> Route:
    permits = {door.partition(" ")[0]: permit_of(door) for door in doors(route)}
    assert isinstance(route, Route)
    if all(permit.key == "public" for permit in permits.values()):
        return route
    endpoint: Endpoint = route.endpoint

    async def admitted(request: Request) -> Response:
        permit = permits["GET" if request.method == "HEAD" else request.method]
        if permit.key == "token":
            use_case = request.path_params.get("use_case")
            request.scope[TOKEN] = bedside.admit(bearer(request.scope), use_case, permit.token)
        elif permit.key == "session":
            request.scope[PRINCIPAL] = await _person(request, permit, bedside, principal_of, telling)
        try:
            return await endpoint(request)
        except Unavailable as error:
            if permit.key != "session":
                raise
            return out_of_order(request, error)

    return Route(route.path, answering(admitted), methods=sorted(route.methods or ()), name=route.name)


async def _person(
    request: Request, permit: Permit, bedside: Admitting, principal_of: PrincipalOf | None, telling: Telling | None
) -> Principal:
    principal = principal_of(request) if principal_of is not None else None
    if principal is None:
        raise Refused("nobody is signed in.", remedy="Sign in.", reasons=("token",))
    now = bedside.clock.now().timestamp()
    try:
        authorise(bedside.registry, principal.person, permit.action, now, principal.auth)
    except Refused as refused:
        if telling is not None:
            await telling(principal, permit.action, refused)
        raise
    return principal
