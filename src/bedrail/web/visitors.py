"""Who is at the browser: session cookies, forms that only our own pages can send, and pages for signed-in people only.

Cookies are `__Host-` ones under TLS (Secure, HttpOnly, SameSite=Lax, whole host). Over plain HTTP, which is for
loopback, browsers refuse that name, so there they are called `bedrail-loopback`. A token stands in cookies only: never
in an address, a page or a log.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.governance.accounts import SIGNED_IN
from bedrail.governance.sessions import LOCAL, Principal
from bedrail.journeys.reception import Reception
from bedrail.web.decisions_route import TOO_LARGE, TOO_SLOW, Receive, Scope, Send, body_time
from bedrail.web.problems import CONTENT_TYPE, of_error

if TYPE_CHECKING:
    from jinja2 import Environment

    from bedrail.web.server import Asgi

PRINCIPAL = "bedrail.principal"
ENROL = "bedrail.enrol"
SECURE, PLAIN = "__Host-bedrail", "bedrail-loopback"
MOST_FORM = 64 * 1024
MOST_FIELDS = 20

INSIDE = ("/account", "/catalogue", "/emergency", "/reports/")
"""Addresses below these, and the first page, are for people who are signed in."""


def is_inside(path: str) -> bool:
    """Whether an address is a page of the house, rather than the API, the operations or the way in."""
    return path == "/" or path.startswith(INSIDE)


class Visitors:
    """An ASGI application around the pages: it finds out who is there, and shows strangers the way in."""

    __slots__ = ("_inner", "_reception")

    def __init__(self, app: Asgi, reception: Reception) -> None:
        self._inner = app
        self._reception = reception

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; the person stands in its scope, under `PRINCIPAL`."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (is_inside(path) or path.startswith("/sign-")):
            await self._inner(scope, receive, send)
            return
        request = Request(scope)
        token = cookie(request, self._reception)
        try:
            principal = await asyncio.to_thread(self._reception.recognise, token) if token else None
        except Unavailable as error:
            await out_of_order(request, error)(scope, receive, send)
            return
        scope[PRINCIPAL], scope[ENROL] = principal, principal is not None and self._must_enrol(principal)
        if is_inside(path):
            elsewhere = self._elsewhere(path, principal, enrol=scope[ENROL])
            if elsewhere:
                await see(elsewhere)(scope, receive, send)
                return
        await self._inner(scope, receive, send)

    def _must_enrol(self, principal: Principal) -> bool:
        with self._reception.turn:
            identity = self._reception.ctx.registry.identity
            asked = identity.local == SIGNED_IN and identity.needs_mfa(principal.roles)
        return asked and not principal.mfa and principal.auth != LOCAL

    @staticmethod
    def _elsewhere(path: str, principal: Principal | None, *, enrol: bool) -> str:
        if principal is None:
            return "/sign-in"
        return "/account" if enrol and not path.startswith("/account") else ""


def person_at(request: Request) -> Principal | None:
    """Who sent this request, as `Visitors` found out."""
    found = request.scope.get(PRINCIPAL)
    return found if isinstance(found, Principal) else None


def secure(request: Request, reception: Reception) -> bool:
    """Whether people reach this page by TLS."""
    return request.url.scheme == "https" or reception.origin.startswith("https:")


def cookie(request: Request, reception: Reception, what: str = "") -> str:
    """The value of our cookie; the name for plain HTTP counts for nothing under TLS."""
    return request.cookies.get((SECURE if secure(request, reception) else PLAIN) + what, "")


def set_cookie(
    response: Response, request: Request, reception: Reception, value: str, what: str = "", seconds: int | None = None
) -> Response:
    """Give the browser a token that ends with the browser (or after `seconds`); an empty one takes it away."""
    by_tls = secure(request, reception)
    response.set_cookie(
        (SECURE if by_tls else PLAIN) + what,
        value,
        max_age=seconds if value else 0,
        path="/",
        secure=by_tls,
        httponly=True,
        samesite="lax",
    )
    return response


async def read_form(request: Request, reception: Reception) -> dict[str, str]:
    """The fields of a form that one of our own pages sent; raises `Refused` or `Invalid`.

    The browser must say that the page was ours (Origin, and Sec-Fetch-Site where it sends it), and in a session the
    form carries a value that only our pages know. Repeated fields count once, the first.
    """
    require_ours(request, reception)
    content = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if content != "application/x-www-form-urlencoded":
        raise Invalid("this is no form.", path="content-type", remedy="Use the page.")
    body = b""
    try:
        async with body_time():
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_FORM:
                    raise TOO_LARGE.with_traceback(None)
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST_FIELDS)
    except TimeoutError:
        raise TOO_SLOW.with_traceback(None) from None
    except ValueError as error:
        raise Invalid("this form cannot be read.", path="body", remedy="Use the page.") from error
    form: dict[str, str] = {}
    for name, value in pairs:
        form.setdefault(name, value)
    token = cookie(request, reception)
    if person_at(request) is not None and form.get("form") != form_key(reception, token):
        raise _not_ours(reception)
    return form


def require_ours(request: Request, reception: Reception) -> None:
    """Raise `Refused` unless the browser says that the page which sent this was ours; no word of it is a no."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    scheme = "https" if secure(request, reception) else "http"
    same = origin == reception.origin or (bool(host) and origin == f"{scheme}://{host}")
    if not same or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _not_ours(reception)


def form_key(reception: Reception, token: str) -> str:
    """What forms of this session carry; whoever knows it does not know the session's token."""
    return reception.tokens.digest(f"form {token}") if token else ""


def _not_ours(reception: Reception) -> Refused:
    reception.stranger("form")
    return Refused("This was not sent from a page of ours.", remedy="Open the page again.", reasons=("form",))


def out_of_order(request: Request, error: Unavailable) -> Response:
    """503 because a part of the system is out: a page for who reads pages, else a problem (RFC 9457)."""
    status, body = of_error(error)
    if "text/html" not in request.headers.get("accept", ""):
        return Response(body, status, headers(), CONTENT_TYPE.decode())
    return page(
        "told.html", status, wrong=str(error), heading="A part of the system is out", back="/", back_words="Try again"
    )


def see(where: str) -> Response:
    """Look there next."""
    return Response(b"", 303, {**headers(), "location": where})


def page(
    template: str, status: int = 200, *, script: bool = False, more: Mapping[str, str] | None = None, **told: Any
) -> Response:
    """A page by its template."""
    told.setdefault("wrong", "")
    html = _templates().get_template(template).render(style=STYLE, **told)
    return Response(html, status, {**headers(script=script), **(more or {})}, "text/html; charset=utf-8")


def headers(*, script: bool = False) -> dict[str, str]:
    """What pages with forms tell the browser; only the passkey pages may run a script, and only ours."""
    scripts = "script-src 'self'; " if script else ""
    policy = (
        f"default-src 'none'; style-src '{_STYLE_HASH}'; {scripts}"
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }


def device_of(request: Request) -> str:
    """How the browser calls itself, shortened, for the list of sessions."""
    return "".join(sign for sign in request.headers.get("user-agent", "") if sign.isprintable())[:80]


def source_of(request: Request, reception: Reception) -> str:
    """Where a request comes from, for the limits: the connection's address, or what a proxy of ours says of it.

    Of X-Forwarded-For only the last entry is the proxy's own word; what stands before it came from outside.
    """
    peer = request.client.host if request.client is not None else "local"
    if peer not in reception.proxies:
        return peer
    said = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    try:
        return str(ip_address(said))
    except ValueError:
        return peer


STYLE = files("bedrail.web").joinpath("templates/people.css").read_text(encoding="utf-8")
_STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("bedrail.web"), autoescape=True, undefined=StrictUndefined)
