"""A person's own page: second factors, recovery codes, password, sessions; and proving again that it is they."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.core.errors import BedrailError, Invalid, Refused
from bedrail.governance.accounts import SECOND_FACTORS
from bedrail.governance.sessions import Principal, fresh, stale
from bedrail.journeys import credentials, signing_in
from bedrail.journeys.credentials import Enrolled
from bedrail.journeys.reception import not_signed_in
from bedrail.web.sign_in import Doorway, Form, status_and_headers
from bedrail.web.visitors import ENROL, cookie, form_key, page, person_at, see, set_cookie


class OwnAccount(Doorway):
    """The endpoints below /account."""

    def routes(self) -> list[Route]:
        """All of them."""
        posts = {
            "/account/app": self.app,
            "/account/app/confirm": self.app_confirmed,
            "/account/passkey": self.passkey,
            "/account/passkey/confirm": self.passkey_confirmed,
            "/account/recovery-codes": self.recovery_codes,
            "/account/remove": self.remove,
            "/account/password": self.password,
            "/account/sessions/end": self.end_sessions,
            "/account/confirm": self.confirm,
            "/account/confirm/passkey": self.confirm_passkey,
            "/account/confirm/passkey/answer": self.confirm_passkey_answer,
            "/account/confirm/provider": self.confirm_provider,
        }
        return [
            Route("/account", self.showing(self.show), methods=["GET"]),
            Route("/account/confirm", self.showing(self.show_confirm), methods=["GET"]),
            *(Route(path, self.posting(post), methods=["POST"]) for path, post in posts.items()),
        ]

    def wrong(self, error: BedrailError) -> Response:
        """What was wrong; a proof that is too old leads to giving a new one."""
        if isinstance(error, Refused) and error.reasons[:1] == ("step-up",):
            return see("/account/confirm")
        status, more = status_and_headers(error)
        return page(
            "told.html", status, more=more, wrong=str(error), heading="This did not work", back="/account",
            back_words="To your account",
        )  # fmt: skip

    def show(self, request: Request) -> Response:
        """The page itself."""
        principal = signed_in_person(request)
        held = credentials.held(self.reception, principal.person)
        return page(
            "account.html",
            principal=principal,
            enrol=request.scope.get(ENROL, False),
            held=held,
            has_second=any(each.kind in SECOND_FACTORS for each in held),
            has_password=any(each.kind == "password" for each in held),
            sessions=self.reception.open_sessions(principal.person),
            form=self.form_key(request),
        )

    def app(self, request: Request, _: Form) -> Response:
        """The secret for an authenticator app."""
        made = credentials.new_app(self.reception, signed_in_person(request))
        return page("app.html", uri=made.uri, secret=made.secret, ticket=made.ticket, form=self.form_key(request))

    def app_confirmed(self, request: Request, form: Form) -> Response:
        """The app shows the right code."""
        ticket, code = form.get("ticket", ""), form.get("code", "")
        done = credentials.confirm_app(
            self.reception, signed_in_person(request), ticket, code, source=self.source(request)
        )
        return self._enrolled(request, done)

    def passkey(self, request: Request, _: Form) -> Response:
        """Options for a new passkey."""
        asked = credentials.new_passkey(self.reception, signed_in_person(request))
        return self.ceremony(request, asked, "create", "/account/passkey/confirm", "/account")

    def passkey_confirmed(self, request: Request, form: Form) -> Response:
        """The browser made it."""
        ticket, answer, label = form.get("ticket", ""), form.get("answer", ""), form.get("label", "")
        done = credentials.confirm_passkey(self.reception, signed_in_person(request), ticket, answer.encode(), label)
        return self._enrolled(request, done)

    def recovery_codes(self, request: Request, _: Form) -> Response:
        """Ten new ones, shown once."""
        return page("codes.html", codes=credentials.new_recovery_codes(self.reception, signed_in_person(request)))

    def remove(self, request: Request, form: Form) -> Response:
        """Give a second factor up."""
        credentials.give_up(self.reception, signed_in_person(request), form.get("credential", ""))
        return see("/account")

    def password(self, request: Request, form: Form) -> Response:
        """Another password."""
        if form.get("new", "") != form.get("again", ""):
            raise Invalid("The two passwords differ.", path="again")
        signing_in.change_password(
            self.reception,
            signed_in_person(request),
            form.get("old", ""),
            form.get("new", ""),
            source=self.source(request),
        )
        return see("/account")

    def end_sessions(self, request: Request, form: Form) -> Response:
        """End one of one's other sessions, or all of them, after a recent proof (ASVS 5.0 7.5.2)."""
        principal = signed_in_person(request)
        if not fresh(principal, self.reception.now()):
            raise stale("ending other sessions")
        self.reception.end_others(principal, "ended by their owner", form.get("session", ""))
        return see("/account")

    def show_confirm(self, request: Request) -> Response:
        """Where it is proved again."""
        held = credentials.held(self.reception, signed_in_person(request).person)
        kinds = {each.kind for each in held}
        return page(
            "confirm.html", kinds=kinds, form=self.form_key(request),
            issuers=sorted({each.label for each in held if each.kind == "oidc"}),
        )  # fmt: skip

    def confirm(self, request: Request, form: Form) -> Response:
        """By a code, or the password where there is no second factor."""
        principal, code = signed_in_person(request), form.get("code", "")
        renewed = signing_in.step_up(
            self.reception, principal, code, form.get("password", ""), source=self.source(request)
        )
        return set_cookie(see("/account"), request, self.reception, renewed.token)

    def confirm_passkey(self, request: Request, _: Form) -> Response:
        """A challenge for one's own passkeys."""
        asked = signing_in.passkey_challenge(self.reception, signed_in_person(request).person)
        return self.ceremony(request, asked, "get", "/account/confirm/passkey/answer", "/account")

    def confirm_passkey_answer(self, request: Request, form: Form) -> Response:
        """The passkey's answer."""
        renewed = signing_in.step_up_by_passkey(
            self.reception, signed_in_person(request), form.get("ticket", ""), form.get("answer", "").encode(),
            source=self.source(request),
        )  # fmt: skip
        return set_cookie(see("/account"), request, self.reception, renewed.token)

    def confirm_provider(self, request: Request, form: Form) -> Response:
        """Back to the provider, which must ask anew."""
        return self.leave(request, form.get("issuer", ""), again=True)

    def _enrolled(self, request: Request, done: Enrolled) -> Response:
        shown = page("codes.html", codes=done.recovery_codes) if done.recovery_codes else see("/account")
        return set_cookie(shown, request, self.reception, done.signed.token)

    def form_key(self, request: Request) -> str:
        """What forms of this session carry."""
        return form_key(self.reception, cookie(request, self.reception))


def signed_in_person(request: Request) -> Principal:
    """Who is signed in; raises `Refused`."""
    principal = person_at(request)
    if principal is None:
        raise not_signed_in()
    return principal
