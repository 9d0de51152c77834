"""The pages by which people come in: password and code, passkey, identity provider, invitation, a server's own link.

They work without scripts (a passkey needs the browser's, so it needs one), load nothing from elsewhere, and answer in
the same words whatever was wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.core.errors import BedrailError, Invalid, Refused
from bedrail.journeys import signing_in, single_sign_on
from bedrail.journeys.reception import Reception, Signed
from bedrail.journeys.signing_in import Challenge, Halfway
from bedrail.web.problems import status_of
from bedrail.web.visitors import (
    cookie,
    device_of,
    form_key,
    headers,
    page,
    person_at,
    read_form,
    see,
    set_cookie,
    source_of,
)

Form = dict[str, str]
Posted = Callable[[Request, Form], Response]
Shown = Callable[[Request], Response]

LEFT = "-left"
"""The cookie that binds a departure to an identity provider to this browser."""


class Doorway:
    """The pages' endpoints; what touches the disk or computes a hash runs off the loop."""

    def __init__(self, reception: Reception) -> None:
        self.reception = reception

    def routes(self) -> list[Route]:
        """All of them."""
        posts = {
            "/sign-in": self.password,
            "/sign-in/code": self.code,
            "/sign-in/passkey": self.passkey,
            "/sign-in/passkey/answer": self.passkey_answer,
            "/sign-in/invitation": self.invitation,
            "/sign-in/local": self.local,
            "/sign-in/provider": self.provider,
            "/sign-out": self.sign_out,
        }
        shown = {
            "/sign-in": self.show,
            "/sign-in/invitation": self.show_invitation,
            "/sign-in/local": self.show_local,
            "/sign-in/returned": self.returned,
        }
        script = files("bedrail.web").joinpath("templates/passkey.js").read_bytes()

        async def passkey_script(_: Request) -> Response:
            return Response(script, 200, headers(), "text/javascript; charset=utf-8")

        return [
            *(Route(path, self.showing(show), methods=["GET"]) for path, show in shown.items()),
            *(Route(path, self.posting(post), methods=["POST"]) for path, post in posts.items()),
            Route("/sign-in/passkey.js", passkey_script, methods=["GET"]),
        ]

    def posting(self, act: Posted) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that reads a form of ours and acts on it; errors become a page."""

        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request, self.reception)
                return await asyncio.to_thread(act, request, form)
            except BedrailError as error:
                return self.wrong(error)

        return endpoint

    def showing(self, show: Shown) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that shows a page."""

        async def endpoint(request: Request) -> Response:
            try:
                return await asyncio.to_thread(show, request)
            except BedrailError as error:
                return self.wrong(error)

        return endpoint

    def wrong(self, error: BedrailError) -> Response:
        """A page that says what was wrong, and leads back to the start."""
        status, more = status_and_headers(error)
        return page(
            "told.html", status, more=more, wrong=str(error), heading="This did not work", back="/sign-in",
            back_words="To the sign-in page",
        )  # fmt: skip

    def show(self, request: Request) -> Response:
        """The way in."""
        if person_at(request) is not None:
            return see("/")
        return self._way_in(200)

    def password(self, request: Request, form: Form) -> Response:
        """Name and password."""
        person = form.get("person", "").strip()
        try:
            came = signing_in.with_password(self.reception, person, form.get("password", ""), **self.about(request))
        except Refused as error:
            status, more = status_and_headers(error)
            return self._way_in(status, wrong=str(error), person=person[:64], more=more)
        return self.enter(request, came)

    def code(self, request: Request, form: Form) -> Response:
        """The second factor."""
        ticket = form.get("ticket", "")
        try:
            came = signing_in.with_code(self.reception, ticket, form.get("code", ""), **self.about(request))
        except Refused as error:
            if error.reasons[:1] == ("sign-in",):
                raise
            status, more = status_and_headers(error)
            return page("code.html", status, more=more, wrong=str(error), ticket=ticket, kinds=())
        return self.enter(request, came)

    def passkey(self, request: Request, _: Form) -> Response:
        """A challenge for any passkey of this site."""
        asked = signing_in.passkey_challenge(self.reception)
        return self.ceremony(request, asked, "get", "/sign-in/passkey/answer", "/sign-in")

    def ceremony(self, request: Request, asked: Challenge, ceremony: str, action: str, back: str) -> Response:
        """The page on which the browser's script answers a challenge."""
        key = form_key(self.reception, cookie(request, self.reception))
        return page(
            "passkey.html", script=True, action=action, ceremony=ceremony, ticket=asked.ticket,
            options=asked.options.decode(), back=back, form=key,
        )  # fmt: skip

    def passkey_answer(self, request: Request, form: Form) -> Response:
        """The passkey's answer."""
        answer = form.get("answer", "").encode()
        return self.enter(
            request,
            signing_in.with_passkey(self.reception, form.get("ticket", ""), answer, **self.about(request)),
        )

    def show_invitation(self, _: Request) -> Response:
        """Where an invitation is used."""
        return page("invitation.html", invitation="")

    def invitation(self, request: Request, form: Form) -> Response:
        """An invitation and the password that its person chose."""
        invitation, password = form.get("invitation", "").strip(), form.get("password", "")
        try:
            if password != form.get("again", ""):
                raise Invalid("The two passwords differ.", path="again")
            about_it = self.about(request)
            came = signing_in.accept_invitation(
                self.reception, invitation, password, source=about_it["source"], door="web", device=about_it["device"]
            )
        except (Invalid, Refused) as error:
            status, more = status_and_headers(error)
            return page("invitation.html", status, more=more, wrong=str(error), invitation=invitation[:100])
        return self.enter(request, came)

    def show_local(self, request: Request) -> Response:
        """The link of a server whose home has no accounts; opening it uses nothing up."""
        return page("local.html", code=request.query_params.get("code", "")[:100])

    def local(self, request: Request, form: Form) -> Response:
        """Use that link."""
        code = form.get("code", "").strip()
        return self.enter(request, self.reception.open_link(code, device=device_of(request)))

    def provider(self, request: Request, form: Form) -> Response:
        """Leave for an identity provider."""
        return self.leave(request, form.get("issuer", ""))

    def leave(self, request: Request, issuer: str, *, again: bool = False) -> Response:
        """The page that sends the browser to a provider, and the cookie that must come back with it."""
        browser, _ = self.reception.tokens.new()
        principal = person_at(request) if again else None
        url = single_sign_on.depart(self.reception, issuer, browser, principal)
        shown = page("leaving.html", url=url, name=issuer)
        return set_cookie(shown, request, self.reception, browser, LEFT, int(single_sign_on.DEPARTURE_SECONDS))

    def returned(self, request: Request) -> Response:
        """The provider sent the browser back."""
        browser = cookie(request, self.reception, LEFT)
        came, id_token = single_sign_on.arrive(
            self.reception, dict(request.query_params), browser, person_at(request), **self.about(request)
        )
        if isinstance(came, Signed):
            single_sign_on.remember(self.reception, came.principal, id_token)
        return set_cookie(self.enter(request, came), request, self.reception, "", LEFT)

    def sign_out(self, request: Request, _: Form) -> Response:
        """End the session here, and where it came from."""
        principal = person_at(request)
        elsewhere = ""
        if principal is not None:
            elsewhere = single_sign_on.farewell(self.reception, principal)
            self.reception.end(principal, "signed out")
        gone = page("leaving.html", url=elsewhere, name="your identity provider") if elsewhere else see("/sign-in")
        gone.headers["clear-site-data"] = '"cache", "storage"'
        return set_cookie(gone, request, self.reception, "")

    def enter(self, request: Request, came: Signed | Halfway) -> Response:
        """Into the house with a new token, or on to the second factor; the browser's former session ends."""
        if isinstance(came, Halfway):
            return page("code.html", ticket=came.ticket, kinds=came.kinds)
        before = person_at(request)
        if before is not None and before.session != came.principal.session:
            self.reception.end(before, "signed in anew")
        return set_cookie(see("/"), request, self.reception, came.token)

    def source(self, request: Request) -> str:
        """The address that an attempt counts for."""
        return source_of(request, self.reception)

    def about(self, request: Request) -> dict[str, str]:
        """Where an attempt comes from."""
        return {"source": self.source(request), "door": "web", "device": device_of(request)}

    def _way_in(self, status: int, *, wrong: str = "", person: str = "", more: Any = None) -> Response:
        with self.reception.turn:
            identity = self.reception.identity()
            there, providers = bool(identity.accounts), tuple(identity.providers.values())
        return page("sign_in.html", status, more=more, wrong=wrong, person=person, accounts=there, providers=providers)


def status_and_headers(error: BedrailError) -> tuple[int, dict[str, str]]:
    """429 for an attempt that came too soon, with the seconds to wait; else as everywhere."""
    reasons = error.reasons if isinstance(error, Refused) else ()
    if reasons[:1] == ("rate",):
        return 429, {"retry-after": reasons[1]}
    return (403 if reasons else status_of(error)), {}
