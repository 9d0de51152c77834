"""Assembly of the HTTP door: one ASGI application over the bedside and the house, and the process that serves it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.core.errors import BedrailError, Refused, Unavailable
from bedrail.core.events import HeartBeat
from bedrail.governance.moments import iso
from bedrail.governance.refusals import why_of
from bedrail.governance.sessions import Principal
from bedrail.journeys.bedside import Bedside
from bedrail.journeys.context import Context
from bedrail.journeys.desk import SYSTEM
from bedrail.journeys.publishing import Publishing
from bedrail.journeys.reception import Reception
from bedrail.journeys.serving import CLOCK_BACK, REFRESH_SECONDS
from bedrail.journeys.standing import stand
from bedrail.ledger.group import GroupCommit
from bedrail.web import api, log_view, pages
from bedrail.web.account import OwnAccount
from bedrail.web.banner import Banner, unsafe_words
from bedrail.web.decisions_route import DecisionsRoute, Receive, Scope, Send, is_decision
from bedrail.web.emergency import Emergency
from bedrail.web.handshakes import count_failures
from bedrail.web.metrics import CONTENT_TYPE as METRICS_TYPE
from bedrail.web.metrics import Meter
from bedrail.web.openapi import document
from bedrail.web.permits import guarded
from bedrail.web.problems import CONTENT_TYPE, problem
from bedrail.web.safe_headers import SafeHeaders
from bedrail.web.sign_in import Doorway
from bedrail.web.visitors import Visitors, out_of_order, person_at

if TYPE_CHECKING:
    import ssl

    import uvicorn

MOST_CONNECTIONS = 1000
"""Further ones are answered 503 at once: better a quick no than a slow answer for everybody."""

IDLE_SECONDS = 15
"""A connection on which nothing was asked for as long is closed."""

USES_SECONDS = 60.0
TEND_SECONDS = 60.0
PROVIDERS_SECONDS = 60.0

Lifespan = Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Committing(Protocol):
    """The group commit as seen from the door."""

    @property
    def healthy(self) -> bool:
        """Whether the last write became durable."""
        ...

    @property
    def waiting(self) -> int:
        """Drafts not yet handed to the disk."""
        ...

    async def close(self) -> None:
        """Write what is waiting."""
        ...


class Door(Protocol):
    """What the HTTP door needs: the bedside, its group commit, and the house to show."""

    @property
    def bedside(self) -> Bedside:
        """Decides, and records what follows."""
        ...

    @property
    def group(self) -> Committing:
        """Shares durable commits."""
        ...

    @property
    def house(self) -> pages.House:
        """What the pages may show."""
        ...

    @property
    def publishing(self) -> Publishing:
        """Sends checkpoints to the witnesses."""
        ...

    @property
    def reception(self) -> Reception:
        """Where people sign in."""
        ...


class Application:
    """The ASGI application: decisions on their own route, everything else by the framework."""

    __slots__ = ("_elsewhere", "decisions", "rest")

    def __init__(self, decisions: DecisionsRoute, rest: Asgi, said: Callable[[], Sequence[str]] = tuple) -> None:
        self.decisions = decisions
        self.rest = rest
        self._elsewhere = SafeHeaders(Banner(rest, said))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        decision = scope["type"] == "http" and is_decision(scope)
        await (self.decisions if decision else self._elsewhere)(scope, receive, send)


def build(door: Door, *, refresh_seconds: float = REFRESH_SECONDS, unsafe: Sequence[str] = ()) -> Application:
    """The whole application. Its lifespan loads models, follows the ledger, and at the end writes what is waiting.

    `unsafe` are the dangerous settings in spite of which it serves: every page, /readyz and /metrics say so.
    """
    meter = Meter()
    routes = [
        *_operations(door, meter, unsafe),
        *api.routes(door.bedside),
        *log_view.routes(door.bedside.serving.tape),
        *pages.routes(door.house),
    ]
    people = [each for kind in (Doorway, OwnAccount, Emergency) for each in kind(door.reception).routes()]
    rest = Starlette(
        routes=guarded([*routes, *people], door.bedside, person_at, partial(_tell_refused, door.reception)),
        middleware=[Middleware(Visitors, reception=door.reception)],
        lifespan=_lifespan(door, refresh_seconds),
        exception_handlers={HTTPException: _as_problem, Unavailable: _as_out, Exception: _as_bug},
    )
    rest.router.redirect_slashes = False

    def said() -> Sequence[str]:
        return (*unsafe_words(unsafe), *(f"Not ready: {each}." for each in _waiting_for(door)), *_degraded(door))

    return Application(DecisionsRoute(door.bedside, meter), rest, said)


def _lifespan(door: Door, refresh_seconds: float) -> Lifespan:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        serving = door.bedside.serving
        await serving.settle()
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(serving.follow(refresh_seconds)), loop.create_task(_note_uses(door.bedside))]
        tasks += [loop.create_task(_tend(door)), loop.create_task(_look_at_providers(door.reception))]
        tasks.append(loop.create_task(door.publishing.follow(partial(_beat, door.bedside))))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):  # what ended it before must not end this
                    await task
            with contextlib.suppress(BedrailError):  # a ledger that is out was said in every reply before this
                await door.bedside.note_throttling(all_of_it=True)
            with contextlib.suppress(BedrailError):
                await door.bedside.note_strangers(all_of_it=True)
            with contextlib.suppress(BedrailError):
                await _note_refused(door)
            with contextlib.suppress(BedrailError):
                await door.group.close()
            door.bedside.close()

    return lifespan


async def _beat(bedside: Bedside) -> None:
    """A sign of life in the ledger; it is the group commit that says when it cannot be written."""
    with contextlib.suppress(BedrailError):
        await bedside.append(SYSTEM, HeartBeat(size=bedside.registry.seen), purpose="operations")


async def _note_uses(bedside: Bedside) -> None:
    """Which tokens were used, once a day for each, and which asked too fast: looked at every minute, told when the
    ledger can be told."""
    while True:
        await asyncio.sleep(USES_SECONDS)
        with contextlib.suppress(BedrailError):
            await bedside.note_uses()
        with contextlib.suppress(BedrailError):
            await bedside.note_throttling()
        with contextlib.suppress(BedrailError):
            await bedside.note_strangers()


async def _tend(door: Door) -> None:
    """Refused sign-ins and acts come on record, and what has run out goes, every minute."""
    while True:
        await asyncio.sleep(TEND_SECONDS)
        with contextlib.suppress(BedrailError):
            await _note_refused(door)
        with contextlib.suppress(BedrailError):
            await asyncio.to_thread(door.reception.tend)


async def _look_at_providers(reception: Reception) -> None:
    """Whether people can sign in through their identity providers, asked every minute by a thread of its own."""
    asking = ThreadPoolExecutor(1, "providers")
    try:
        while True:
            with contextlib.suppress(BedrailError):
                await asyncio.get_running_loop().run_in_executor(asking, reception.look_at_providers)
            await asyncio.sleep(PROVIDERS_SECONDS)
    finally:
        asking.shutdown(wait=False, cancel_futures=True)


async def _note_refused(door: Door) -> None:
    """What the API refused to known callers; a disk that is out gets it the next time."""
    taken = door.bedside.take_denials()
    try:
        await asyncio.to_thread(door.reception.note_refused, taken, "api")
    except BedrailError:
        door.bedside.denials.update(taken)
        raise


async def _tell_refused(reception: Reception, principal: Principal, action: str, refused: Refused) -> None:
    """A page was refused to a person who is signed in; a ledger that is out lets nobody in."""
    told = {("person", principal.person, action, why_of(refused)): 1}
    with contextlib.suppress(BedrailError):
        await asyncio.to_thread(reception.note_refused, told, "web")


def _waiting_for(door: Door) -> list[str]:
    """What keeps this server from answering as it should, for people and for probes."""
    serving, waiting = door.bedside.serving, []
    if not door.group.healthy:
        waiting.append("the ledger cannot be written")
    if serving.trouble or not serving.followed():
        clock = serving.trouble == CLOCK_BACK
        waiting.append("the clock was set back" if clock else "the ledger cannot be followed")
    if any(place.loading is not None for place in serving.models.values()):
        waiting.append("a model is being loaded")
    return waiting


def _degraded(door: Door) -> list[str]:
    """What does not work and keeps nobody from the bedside: said, while this server is ready."""
    return [
        f"Signing in through {each.name} does not work since {iso(each.since)[:16]}Z: {each.why} Local accounts go on."
        for each in door.reception.out.values()
    ]


def _operations(door: Door, meter: Meter, unsafe: Sequence[str]) -> list[Route]:
    async def healthz(_: Request) -> Response:
        return api.json({"status": "alive"})

    async def readyz(_: Request) -> Response:
        waiting = _waiting_for(door)
        status: dict[str, object] = {"status": "waiting" if waiting else "ready", "for": waiting}
        if unsafe:
            status["unsafe"] = list(unsafe)
        if degraded := _degraded(door):
            status["degraded"] = degraded
        return api.json(status, 503 if waiting else 200)

    async def metrics(_: Request) -> Response:
        watchman = door.bedside.serving.watchman
        gauges = {
            "ledger_healthy": float(door.group.healthy),
            "ledger_waiting": float(door.group.waiting),
            "ledger_entries_known": float(door.bedside.registry.seen),
            "emergency_stops_standing": float(len(watchman.standing) if watchman is not None else 0),
            "served_unsafely": float(bool(unsafe)),
            "identity_providers_out": float(len(door.reception.out)),
            "models_ready": float(sum(place.model is not None for place in door.bedside.serving.models.values())),
        }
        gauges |= await asyncio.to_thread(door.publishing.gauges)
        strangers = door.bedside.strangers.total
        return Response(meter.text(door.bedside.tally, gauges, strangers), media_type=METRICS_TYPE.decode())

    async def openapi(_: Request) -> Response:
        return api.json(document())

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
    ]


async def _as_problem(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = "there is nothing here." if status == 404 else "that method is not known here."
    body = problem(status, detail, path="url" if status == 404 else "method", remedy="See /openapi.json.")
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return Response(body, status, headers, CONTENT_TYPE.decode())


async def _as_out(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    return out_of_order(request, error)


async def _as_bug(_: Request, __: Exception) -> Response:
    return Response(problem(500, "The request was not carried out."), 500, media_type=CONTENT_TYPE.decode())


class Probe(Protocol):
    """The store, as far as following it goes."""

    def data_version(self) -> int:
        """Changes when anybody committed."""
        ...


class Home(Protocol):
    """An opened home, as `app` makes it."""

    @property
    def origin(self) -> str:
        """The ledger's name."""
        ...

    @property
    def context(self) -> Context:
        """The desk at which journeys work."""
        ...

    @property
    def store(self) -> Probe:
        """The store's probe."""
        ...

    def publishing(self, policy: Callable[[], str]) -> Publishing:
        """What sends checkpoints to witnesses, under the policy of this digest."""
        ...

    def reception(self, origin: str = "") -> Reception:
        """Where people sign in at this web origin."""
        ...


class Standing:
    """The `Door` of one home in this process."""

    __slots__ = ("bedside", "group", "house", "publishing", "reception")

    def __init__(self, home: Home, origin: str = "", proxies: Sequence[str] = ()) -> None:
        self.group = GroupCommit(home.context.ledger)
        self.bedside = stand(home.context, self.group.commit, home.store.data_version)
        self.group.unclaimed = self.bedside.unclaimed
        self.group.coming = self.bedside.coming
        self.house = pages.ContextHouse(home.context, home.origin)
        self.publishing = home.publishing(lambda: self.bedside.registry.continuity.witnesses)
        self.reception = home.reception(origin)
        self.reception.proxies = frozenset(proxies)
        self.reception.ctx.door = "web"
        self.reception.stranger = self.bedside.stranger


def collect_rarely() -> None:
    """Keep the cyclic collector from walking over everything that was imported; a decision makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def run(
    home: Home, *, host: str = "127.0.0.1", port: int = 8080, tls: ssl.SSLContext | None = None, origin: str = "",
    proxies: Sequence[str] = (), unsafe: Sequence[str] = (),
) -> None:  # fmt: skip
    """Serve until SIGINT or SIGTERM; requests in hand are answered first. `origin` is where browsers reach it.

    `proxies` are the addresses of proxies in front, whose word about the callers' addresses is believed. `unsafe` are
    the dangerous settings in spite of which this server was started.
    """
    import uvicorn

    standing = Standing(home, origin, proxies)
    if tls is not None:
        count_failures(tls, partial(standing.bedside.stranger, "handshake"))
    config = configuration(build(standing, unsafe=unsafe), host=host, port=port, tls=tls)
    collect_rarely()
    uvicorn.Server(config).run()


def configuration(
    application: Application, *, host: str, port: int, tls: ssl.SSLContext | None = None
) -> uvicorn.Config:
    """How the server treats connections: no log line about any, a bounded number, none idle for ever.

    Under TLS browsers are told never to come without it (HSTS, ASVS 5.0 3.4.1).
    """
    import uvicorn

    from bedrail.web.connection import DecisionsConnection

    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http=DecisionsConnection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="info",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=IDLE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=16_384,
        ssl_context_factory=None if tls is None else lambda _, __: tls,
        headers=[] if tls is None else [("strict-transport-security", "max-age=31536000; includeSubDomains")],
    )
