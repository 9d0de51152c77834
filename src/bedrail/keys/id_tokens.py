"""ID tokens (OpenID Connect Core 1.0): verified whole, or refused; nothing of one that fails is looked at further."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

from bedrail.core.errors import Refused
from bedrail.keys.passwords import missing

ALGORITHMS = ("RS256", "PS256", "ES256")
"""Asymmetric ones only: `none` is no signature, and HMAC would turn a public key into a secret."""

LEEWAY_SECONDS = 30
"""Clocks of real providers run ahead by that much."""

OLDEST_SECONDS = 600
"""A token that was issued longer ago belongs to another sign-in."""

LONGEST = 16 * 1024
_KEY_TYPES = {"RSA", "EC"}
_EMBEDDED = ("crit", "jku", "jwk", "x5c", "x5u", "b64", "zip", "enc")
"""Headers by which a token would bring its own key or rules."""


def verify_id_token(
    token: str,
    keys: bytes,
    *,
    issuer: str,
    client: str,
    nonce: str,
    now: float,
    access_token: str = "",
    max_age: int | None = None,
) -> dict[str, Any]:
    """The claims of a token that `keys` (a JWK Set, JSON) sign, for this client, from this issuer, of this sign-in.

    Raises `UnknownKey` when no key has its `kid`, `Refused` for everything else that is not right: signature, `alg`
    outside `ALGORITHMS`, `typ`, embedded keys, `iss`, `aud`, `azp`, `exp`, `nbf`, `iat`, `nonce`, `at_hash`, and
    `auth_time` when a fresh sign-in was asked for.
    """
    claims, header = _signed(token, keys)
    _standard_claims(claims, header, issuer, client, nonce, now, access_token, max_age)
    _require(claims.get("iss") == issuer and claims.get("nonce") == nonce)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    _require(client in audiences and (len(audiences) == 1 or claims.get("azp") == client))
    _require(claims.get("azp", client) == client)
    issued, subject = claims.get("iat"), claims.get("sub")
    _require(_number(issued) and now - OLDEST_SECONDS <= issued <= now + LEEWAY_SECONDS)
    _require(isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable())
    if max_age is not None:
        proved = claims.get("auth_time")
        _require(_number(proved) and now - max_age - LEEWAY_SECONDS <= proved <= now + LEEWAY_SECONDS)
    return claims


class UnknownKey(Refused):
    """The provider may have changed its keys."""


def usable_keys(fetched: bytes) -> bytes:
    """A JWK Set (JSON) of the public signing keys in a fetched one, sorted; secret and foreign ones are left out.

    Raises `Refused` when there is none.
    """
    try:
        given = json.loads(fetched)["keys"]
        kept = [_public(key) for key in given if _usable(key)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refused() from error
    _require(0 < len(kept) <= 50)
    return json.dumps({"keys": sorted(kept, key=lambda key: str(key.get("kid", "")))}, sort_keys=True).encode()


def _usable(key: Mapping[str, Any]) -> bool:
    return key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig" and key.get("alg", "RS256") in ALGORITHMS


def _public(key: Mapping[str, Any]) -> dict[str, Any]:
    return {name: key[name] for name in ("kty", "kid", "alg", "use", "n", "e", "crv", "x", "y") if name in key}


def _signed(token: str, keys: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Claims and header, after the signature; the key is the one that `kid` names, or the only one of its type."""
    try:
        from joserfc import jws, jwt
        from joserfc.jwk import KeySet
    except ImportError:
        raise missing() from None
    _require(isinstance(token, str) and len(token) <= LONGEST and token.isascii())
    try:
        header = dict(jws.extract_compact(token.encode()).headers())
    except Exception as error:  # joserfc raises its own errors, and Python's from foreign bytes
        raise _refused() from error
    _require(header.get("alg") in ALGORITHMS)
    _require(str(header.get("typ", "JWT")).upper() == "JWT" and not any(name in header for name in _EMBEDDED))
    chosen = _key_for(header, json.loads(keys)["keys"])
    try:
        read = jwt.decode(token, KeySet.import_key_set({"keys": [chosen]}), algorithms=list(ALGORITHMS))
    except Exception as error:
        raise _refused() from error
    return dict(read.claims), header


_TYPE_OF = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}


def _key_for(header: Mapping[str, Any], keys: Collection[dict[str, Any]]) -> dict[str, Any]:
    fitting = [
        key for key in keys if key["kty"] == _TYPE_OF[header["alg"]] and key.get("alg", header["alg"]) == header["alg"]
    ]
    if "kid" in header:
        fitting = [key for key in fitting if key.get("kid") == header["kid"]]
    if not fitting:
        raise UnknownKey("The identity provider's answer is signed by a key that is not its own.", reasons=("token",))
    _require(len(fitting) == 1)
    return fitting[0]


def _standard_claims(
    claims: dict[str, Any], header: dict[str, Any], issuer: str, client: str, nonce: str, now: float,
    access_token: str, max_age: int | None,
) -> None:  # fmt: skip
    """By Authlib's rules; times are compared only by its claims registry, so it is always asked."""
    from authlib.oidc.core import CodeIDToken

    options = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "sub": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    told = {"nonce": nonce, "client_id": client, "access_token": access_token, "max_age": max_age}
    try:
        CodeIDToken(claims, header, options=options, params=told).validate(now=int(now), leeway=LEEWAY_SECONDS)
    except Exception as error:
        raise _refused() from error


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _require(holds: bool) -> None:
    if not holds:
        raise _refused()


def _refused() -> Refused:
    return Refused("The identity provider's answer was not accepted.", remedy="Try again.", reasons=("token",))
