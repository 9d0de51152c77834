"""The follow-up routes: what clinicians did, how it turned out, who opted out, what waits for review."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.core.errors import BedrailError
from bedrail.core.values import Value
from bedrail.decisions.request import MAX_BODY, read_body, refuse_twice
from bedrail.governance.values import TokenView
from bedrail.journeys.bedside import Bedside
from bedrail.ledger.append import Receipt
from bedrail.web.decisions_route import NOT_JSON, TOO_LARGE, TOO_SLOW, body_time
from bedrail.web.problems import CONTENT_TYPE, LIMITS, TOO_FAST, of_error, problem

TOKEN = "bedrail.token"  # noqa: S105 (where the admitted token's view stands in a request's scope, not a token)

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class ResponseBody(Value, frozen=True, kw_only=True):
    """What a clinician did: `confirmed`, `overridden` or `escalated`, why (closed list), and own words (sealed)."""

    response: Text
    person: Text
    reason: Text
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class OutcomeBody(Value, frozen=True, kw_only=True):
    """The outcome of the decided encounter: 1 it happened, 0 it did not."""

    value: Annotated[int, msgspec.Meta(ge=0, le=1)]


class ConsentBody(Value, frozen=True, kw_only=True):
    """A patient opts out of AI support in this use case, or back in."""

    subject: Text
    opted_out: bool


class CardBody(Value, frozen=True, kw_only=True):
    """Who looks at the held answer."""

    person: Text


class Done(Value, frozen=True, kw_only=True):
    """It is durably recorded."""

    recorded: bool = True
    receipt: Receipt


Body = TypeVar("Body", bound=Value)
Endpoint = Callable[[Request], Awaitable[Response]]

_encode = msgspec.json.Encoder().encode
_STATUSES = ((TOO_SLOW, 408), (TOO_LARGE, 413), (NOT_JSON, 415))


def routes(bedside: Bedside) -> list[Route]:
    """The API routes other than decisions themselves. All but consent have a pace: an objection waits for nothing."""
    follow = _FollowUp(bedside)
    return [
        Route("/api/v1/decisions/{decision}/responses", follow.paced(follow.respond), methods=["POST"]),
        Route("/api/v1/decisions/{decision}/outcomes", follow.paced(follow.outcome), methods=["POST"]),
        Route("/api/v1/decisions/{decision}/card", follow.paced(follow.card), methods=["POST"]),
        Route("/api/v1/decisions/{decision}", follow.paced(follow.state), methods=["GET"]),
        Route("/api/v1/use-cases/{use_case}/reviews", follow.paced(follow.reviews), methods=["GET"]),
        Route("/api/v1/use-cases/{use_case}/consent", answering(follow.consent), methods=["POST"]),
    ]


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint with every error turned into its problem."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except BedrailError as error:
            own = next((status for known, status in _STATUSES if known is error), 0)
            if own:
                return refusal(own, error)
            status, body = of_error(error)
        except Exception as error:  # noqa: BLE001 (a bug: said as such, without a word of what was in hand)
            status, body = of_error(error)
        return _problem(status, body)

    return answer


def refusal(status: int, error: BedrailError) -> Response:
    """A problem with a status of its own."""
    return _problem(status, problem(status, error.message, path=getattr(error, "path", ""), remedy=error.remedy))


def json(value: Any, status: int = 200) -> Response:
    """A JSON response that nobody may keep."""
    return Response(_encode(value), status, {"cache-control": "no-store"}, "application/json")


def _problem(status: int, body: bytes, wait: int = 0) -> Response:
    headers = {"cache-control": "no-store"}
    if wait:
        headers["retry-after"] = str(wait)
    if status == 408:
        headers["connection"] = "close"
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="bedrail"'
    return Response(body, status, headers, CONTENT_TYPE.decode())


class _FollowUp:
    """Everything here is addressed by a token; a decision of another use case than the token's is not there."""

    def __init__(self, bedside: Bedside) -> None:
        self._bedside = bedside
        self._response, self._outcome = msgspec.json.Decoder(ResponseBody), msgspec.json.Decoder(OutcomeBody)
        self._consent, self._card = msgspec.json.Decoder(ConsentBody), msgspec.json.Decoder(CardBody)

    def paced(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint for whoever does not come too fast; 429 with `Retry-After` for who does, unread."""

        async def answer(request: Request) -> Response:
            seconds = self._bedside.hold_up(self._admitted(request), self._bedside.clock.monotonic(), follows=True)
            if not seconds:
                return await endpoint(request)
            wait = max(1, math.ceil(seconds))
            said = problem(429, TOO_FAST, path="authorization", remedy=f"Try again in {wait} s. {LIMITS}")
            return _problem(429, said, wait)

        return answering(answer)

    async def respond(self, request: Request) -> Response:
        """Record what a clinician did."""
        view = self._admitted(request)
        body = await _read(request, self._response, ResponseBody)
        receipt = await self._bedside.respond(
            request.path_params["decision"], view.use_case, body.response, body.person, body.reason, body.note,
            token=view.token,
        )  # fmt: skip
        return json(Done(receipt=receipt), 201)

    async def outcome(self, request: Request) -> Response:
        """Record an outcome."""
        view = self._admitted(request)
        body = await _read(request, self._outcome, OutcomeBody)
        receipt = await self._bedside.observe_outcome(
            request.path_params["decision"], view.use_case, body.value, token=view.token
        )
        return json(Done(receipt=receipt), 201)

    async def card(self, request: Request) -> Response:
        """Show a held answer to its reviewer; the reading is recorded."""
        view = self._admitted(request)
        body = await _read(request, self._card, CardBody)
        decision = request.path_params["decision"]
        return json(await self._bedside.open_held(decision, view.use_case, body.person, token=view.token))

    async def state(self, request: Request) -> Response:
        """A decision's state, without patient data."""
        view = self._admitted(request)
        return json(self._bedside.state(request.path_params["decision"], view.use_case))

    async def reviews(self, request: Request) -> Response:
        """What waits for a reviewer, without patient data."""
        view = self._admitted(request)
        return json({"reviews": self._bedside.reviews(view.use_case)})

    async def consent(self, request: Request) -> Response:
        """Opt a patient out, or back in."""
        view = self._admitted(request)
        body = await _read(request, self._consent, ConsentBody)
        receipt = await self._bedside.set_consent(body.subject, view.use_case, body.opted_out, token=view.token)
        return json(Done(receipt=receipt), 201)

    @staticmethod
    def _admitted(request: Request) -> TokenView:
        """The token that opened this route; whoever opens it is asked in `web.permits`."""
        view = request.scope[TOKEN]
        assert isinstance(view, TokenView)
        return view


async def _read(request: Request, decoder: msgspec.json.Decoder[Body], kind: type[Body]) -> Body:
    content = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if content != "application/json":
        raise NOT_JSON.with_traceback(None)  # one for all: it must not gather everybody's frames
    body = b""
    try:
        async with body_time():
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise TOO_LARGE.with_traceback(None)
    except TimeoutError:
        raise TOO_SLOW.with_traceback(None) from None
    value = read_body(decoder, body, kind.__struct_fields__)
    refuse_twice(body)
    return value
