"""OpenID Connect by authorization code with PKCE (RFC 7636, RFC 9700): leaving for a provider, and verifying a return.

Whatever the provider says is believed only as far as its signature goes. Addresses come from its own discovery
document, which must name it; keys are pinned per issuer and renewed from its own address only.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from bedrail.core.accounts import Arrival, Departure, Provider
from bedrail.core.errors import Refused, Unavailable
from bedrail.governance.sessions import FRESH_SECONDS
from bedrail.keys.id_tokens import UnknownKey, usable_keys, verify_id_token
from bedrail.keys.passwords import missing

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 5.0
KEPT_SECONDS = 600.0
KEYS_KEPT_SECONDS = 24 * 3600.0
KEYS_AGAIN_SECONDS = 60.0
"""An unknown key asks for new ones at most so often: foreign tokens cannot make us hammer the provider."""

LARGEST = 256 * 1024
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OpenIdConnect:
    """`core.accounts.SingleSignOn`; raises `Unavailable` when the provider is out or the extra is not installed."""

    def __init__(self, monotonic: Callable[[], float], *, timeout: float = TIMEOUT_SECONDS) -> None:
        """`monotonic` says how old a discovery document is."""
        self._monotonic = monotonic
        self._timeout = timeout
        self._lock = Lock()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def depart(self, provider: Provider, redirect: str, *, again: bool = False) -> Departure:
        """Begin; with `again` the provider must ask the person anew."""
        about = self._discovered(provider.issuer)
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        anew = {"max_age": "0", "prompt": "login"} if again else {}
        with self._client(provider, redirect) as client:
            url, _ = client.create_authorization_url(
                about["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce, **anew
            )
        return Departure(url=url, state=state, nonce=nonce, verifier=verifier, again=again)

    def arrive(
        self,
        provider: Provider,
        redirect: str,
        departure: Departure,
        answer: Mapping[str, str],
        pinned: tuple[bytes, float] | None,
        now: float,
    ) -> Arrival:
        """Exchange the code, verify everything about the ID token.

        The answer must name its issuer when the provider says that it does (RFC 9207), and never another one.
        """
        about = self._discovered(provider.issuer)
        named = answer.get("iss")
        promised = about.get("authorization_response_iss_parameter_supported") is True
        if (named is None and promised) or named not in (None, provider.issuer) or "code" not in answer:
            raise _no_answer()
        told = self._exchanged(provider, redirect, about["token_endpoint"], answer["code"], departure.verifier)
        token, access = told.get("id_token"), told.get("access_token", "")
        if not isinstance(token, str) or not isinstance(access, str):
            raise _no_answer()
        claims, keys = self._verified(provider, departure, about, token, access, pinned, now)
        amr = claims.get("amr")
        methods = {each for each in amr if isinstance(each, str)} if isinstance(amr, list) else set()
        return Arrival(
            issuer=provider.issuer,
            subject=claims["sub"],
            mfa=claims.get("acr") in provider.acr or not methods.isdisjoint(provider.amr),
            auth_time=float(claims.get("auth_time") or now),
            id_token=token,
            keys=keys,
        )

    def look(self, issuer: str) -> str:
        """Ask the provider for its description and its keys anew; what is wrong with them, or an empty text."""
        try:
            usable_keys(self._fetched(self._discovered(issuer, anew=True)["jwks_uri"]))
        except (Refused, Unavailable) as error:
            return error.message
        return ""

    def farewell(self, provider: Provider, id_token: str, back: str) -> str:
        """Where to send the browser to sign out there too (OpenID Connect RP-Initiated Logout), or an empty text."""
        try:
            end = self._discovered(provider.issuer).get("end_session_endpoint", "")
        except (Refused, Unavailable):
            return ""
        if not isinstance(end, str) or not _safe(end):
            return ""
        asked = urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": back, "client_id": provider.client})
        return f"{end}{'&' if '?' in end else '?'}{asked}"

    def _verified(
        self, provider: Provider, departure: Departure, about: Mapping[str, Any], token: str, access: str,
        pinned: tuple[bytes, float] | None, now: float,
    ) -> tuple[dict[str, Any], bytes]:  # fmt: skip
        """(claims, keys): with the pinned keys; once more with fresh ones when they are old or do not know the key."""

        def verified(keys: bytes) -> dict[str, Any]:
            return verify_id_token(
                token, keys, issuer=provider.issuer, client=provider.client, nonce=departure.nonce, now=now,
                access_token=access, max_age=FRESH_SECONDS if departure.again else None,
            )  # fmt: skip

        if pinned is not None and 0 <= now - pinned[1] < KEYS_KEPT_SECONDS:
            try:
                return verified(pinned[0]), pinned[0]
            except UnknownKey:
                if now - pinned[1] < KEYS_AGAIN_SECONDS:
                    raise
        fresh = usable_keys(self._fetched(about["jwks_uri"]))
        return verified(fresh), fresh

    def _discovered(self, issuer: str, *, anew: bool = False) -> dict[str, Any]:
        """The provider's own description, at most ten minutes old; refused when it names another issuer."""
        with self._lock:
            at, about = self._known.get(issuer, (float("-inf"), {}))
        if not anew and self._monotonic() - at < KEPT_SECONDS:
            return about
        try:
            about = dict(json.loads(self._fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")))
            ends = [about[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            safe = all(isinstance(end, str) and _safe(end) for end in ends)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _out() from error
        if about.get("issuer") != issuer or not safe:
            raise Refused("The identity provider describes itself as another one.", reasons=("token",))
        with self._lock:
            self._known[issuer] = (self._monotonic(), about)
        return about

    def _fetched(self, url: str) -> bytes:
        """The whole reply, in the time and size that one may have."""
        until = self._monotonic() + self._timeout
        body = bytearray()
        with (
            self._http() as http,
            _translated(),
            http.stream("GET", url, headers={"accept": "application/json"}) as reply,
        ):
            if reply.status_code != 200:
                raise _out()
            for piece in reply.iter_bytes():
                body += piece
                if len(body) > LARGEST or self._monotonic() > until:
                    raise _out()
        return bytes(body)

    def _exchanged(self, provider: Provider, redirect: str, url: str, code: str, verifier: str) -> dict[str, Any]:
        import httpx
        from authlib.oauth2.base import OAuth2Error

        public = {} if provider.secret else {"client_id": provider.client}
        auth = (
            httpx.BasicAuth(quote_plus(provider.client), quote_plus(provider.secret))  # RFC 6749 section 2.3.1
            if provider.secret
            else httpx.Auth()
        )
        with self._client(provider, redirect) as client, _translated():
            try:
                told = client.fetch_token(
                    url, grant_type="authorization_code", code=code, code_verifier=verifier, auth=auth, **public
                )
            except OAuth2Error as error:
                raise _no_answer() from error
            except ValueError as error:
                raise _out() from error
        return dict(told)

    @contextmanager
    def _client(self, provider: Provider, redirect: str) -> Iterator[Any]:
        with self._http() as http:
            from authlib.oauth2.client import OAuth2Client

            yield OAuth2Client(
                http, client_id=provider.client, scope="openid", redirect_uri=redirect, code_challenge_method="S256"
            )

    def _http(self) -> httpx.Client:
        """No redirects, no proxies or credentials from the environment; certificates are verified."""
        try:
            import authlib  # noqa: F401
            import httpx
        except ImportError:
            raise missing() from None
        return httpx.Client(timeout=self._timeout, follow_redirects=False, trust_env=False)


def _safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


@contextmanager
def _translated() -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # such as a host name that is none
        raise _out() from error


def _out() -> Unavailable:
    return Unavailable(
        "The identity provider does not answer as it should.",
        remedy="Try again, or sign in with a local account: they work without it.",
    )


def _no_answer() -> Refused:
    return Refused("The identity provider's answer was not accepted.", remedy="Try again.", reasons=("token",))
