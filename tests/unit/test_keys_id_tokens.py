"""Two hundred and more ways in which an ID token may be wrong: each is refused, and only the right one is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from bedrail.core.errors import Refused
from bedrail.keys.id_tokens import ALGORITHMS, UnknownKey, usable_keys, verify_id_token

ISSUER, CLIENT, NONCE, NOW = "https://id.hospital.example", "bedrail", "n-0S6_WzA2Mj", 1_800_000_000.0
ACCESS = "an-access-token"

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}, private=True)
ED = OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"}, private=True)
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
KEYS = usable_keys(json.dumps(KeySet([RSA, EC, ED]).as_dict(private=True)).encode())

CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "sub": "8f1c2e", "aud": CLIENT, "exp": NOW + 300, "iat": NOW - 5, "nonce": NONCE,
    "auth_time": NOW - 9,
}  # fmt: skip


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(claims: dict[str, Any] | None = None, key: Any = RSA, alg: str = "RS256", **header: Any) -> str:
    """A token; `header` is laid over the usual one."""
    head = {"alg": alg, "kid": key.kid, **header}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(
        head, claims or CLAIMS, key, algorithms=[*ALGORITHMS, "Ed25519", "RS512", "ES384", "PS512", "RS384"]
    )


def by_hand(claims: Any = None, **header: Any) -> str:
    """Our own RS256 signature over any header, also over one that no library would write."""
    start = raw({"alg": "RS256", "kid": "rsa", **header}, CLAIMS if claims is None else claims).rpartition(".")[0]
    return f"{start}.{b64(RSA.private_key.sign(start.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def raw(header: dict[str, Any] | str, claims: Any, signature: bytes = b"") -> str:
    """A token put together by hand."""
    head = header if isinstance(header, str) else json.dumps(header)
    body = claims if isinstance(claims, str) else json.dumps(claims)
    return f"{b64(head.encode())}.{b64(body.encode())}.{b64(signature)}"


def by_hmac(secret: bytes, alg: str = "HS256") -> str:
    """A token under HMAC with something public as its secret."""
    start = raw({"alg": alg, "kid": "rsa", "typ": "JWT"}, CLAIMS).rpartition(".")[0]
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    return f"{start}.{b64(hmac.new(secret, start.encode(), digest).digest())}"


def at_hash(access: str) -> str:
    return b64(hashlib.sha256(access.encode()).digest()[:16])


def check(token: Any, **told: Any) -> dict[str, Any]:
    given = {"issuer": ISSUER, "client": CLIENT, "nonce": NONCE, "now": NOW, "access_token": ACCESS}
    return verify_id_token(token, KEYS, **(given | told))


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256")])
def test_the_right_token_is_taken(key: Any, alg: str) -> None:
    """By each permitted algorithm, with a clock half a minute off, one or several audiences, `typ` or none."""
    assert check(signed(key=key, alg=alg))["sub"] == "8f1c2e"
    assert check(signed(CLAIMS | {"iat": NOW + 29, "exp": NOW + 60}, key, alg))
    assert check(signed(CLAIMS | {"exp": NOW - 25}, key, alg))
    assert check(signed(CLAIMS | {"aud": [CLIENT]}, key, alg))
    assert check(signed(CLAIMS | {"aud": [CLIENT, "other"], "azp": CLIENT}, key, alg))
    assert check(signed(CLAIMS | {"at_hash": at_hash(ACCESS)}, key, alg))
    assert check(signed(key=key, alg=alg), max_age=300)
    assert check(signed(key=key, alg=alg, kid=None))


def wrong_claims() -> dict[str, dict[str, Any]]:
    """Claims that differ from the right ones in one thing."""
    values: dict[str, list[Any]] = {
        "iss": [
            "", "https://id.hospital.example/", "http://id.hospital.example", "https://ID.hospital.example",
            "https://id.hospital.example.evil.example", "https://evil.example", None, 7,
            [ISSUER], {"iss": ISSUER}, True,
            "https://id.hospital.example ", "id.hospital.example",
        ],
        "aud": [
            "", "bedrail ", "Bedrail", "other", None, 7, [], ["other"], [""], {"bedrail": 1}, True,
            ["other", "another"],
            [CLIENT, "other"], [[CLIENT]], "bedrail,other", ["bedrail2"],
        ],
        "exp": [
            NOW - 30, NOW - 31, NOW - 3600, 0, -1, None, "", "never", str(int(NOW + 300)), [NOW + 300], True, {}, 1e-9,
        ],
        "iat": [NOW + 31, NOW + 3600, NOW - 601, NOW - 86400, 0, -1, None, "now", [NOW], True, {}, str(int(NOW))],
        "nbf": [NOW + 31, NOW + 3600, "soon", [NOW], {}],
        "nonce": ["", "other", NONCE + "x", NONCE[:-1], NONCE.lower(), None, 7, [NONCE], {"nonce": NONCE}, True],
        "sub": ["", None, 7, ["8f1c2e"], {}, True, "x" * 256, "a\nb", "a\x00b", "\x1b[2J"],
        "azp": ["other", "", "Bedrail", 7, ["bedrail"], "bedrail "],
        "at_hash": ["x", at_hash("another"), b64(hashlib.sha256(ACCESS.encode()).digest()), 7, [at_hash(ACCESS)]],
        "amr": ["mfa", 7, {"mfa": True}],
        "auth_time": ["yesterday", [NOW], {"at": NOW}],
    }  # fmt: skip
    wrong = {f"{name}={str(value)[:40]!r}": CLAIMS | {name: value} for name, given in values.items() for value in given}
    gone = {
        f"{name} absent": {k: v for k, v in CLAIMS.items() if k != name}
        for name in ("iss", "sub", "aud", "exp", "iat", "nonce")
    }
    both = {"two audiences, azp another": CLAIMS | {"aud": [CLIENT, "other"], "azp": "other"}}
    return wrong | gone | both


def wrong_tokens() -> dict[str, Any]:
    """Tokens that are wrong in form, header, key or signature."""
    good = signed()
    head, body, seal = good.split(".")
    public = RSA.as_pem(private=False)
    jwk = json.dumps(RSA.as_dict(private=False)).encode()
    flipped = {}
    for name, part, others in (("signature", seal, (head, body)), ("claims", body, (head,)), ("header", head, ())):
        data = bytearray(base64.urlsafe_b64decode(part + "=="))
        for bit in range(0, len(data) * 8, max(1, len(data) * 8 // 12)):
            data[bit // 8] ^= 1 << (bit % 8)
            changed = b64(bytes(data))
            data[bit // 8] ^= 1 << (bit % 8)
            whole = {
                "signature": (*others, changed),
                "claims": (*others, changed, seal),
                "header": (changed, body, seal),
            }
            flipped[f"{name} bit {bit}"] = ".".join(whole[name])
    unsigned = {
        f"alg {alg!r}": raw({"alg": alg, "kid": "rsa"}, CLAIMS)
        for alg in (
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "null",
            "HS256",
            "RS1",
            "ES256K",
            "RS256 ",
            "rs256",
            7,
            None,
            ["RS256"],
        )
    }
    confused = {
        f"{alg} with the public key as its secret ({name})": by_hmac(secret, alg)
        for alg in ("HS256", "HS384", "HS512")
        for name, secret in (("pem", public), ("jwk", jwk), ("empty", b""), ("set", KEYS))
    }
    headers = {
        f"header {name}": by_hand(**{name: value})
        for name, value in {
            "jku": "https://evil.example/jwks", "x5u": "https://evil.example/c", "x5c": ["MII"],
            "jwk": STRANGER.as_dict(private=False), "typ": "at+jwt", "zip": "DEF",
        }.items()
    }  # fmt: skip
    headers |= {f"typ {typ!r}": by_hand(typ=typ) for typ in ("logout+jwt", "dpop+jwt", "JWE", "secevent+jwt", "")}
    keys = {
        "a stranger's key under our kid": signed(key=STRANGER),
        "a stranger's key under its own kid": signed(key=STRANGER, kid="stranger"),
        "our key under another's kid": signed(kid="ec"),
        "the other RSA padding": f"{signed(alg='PS256').rpartition('.')[0]}.{signed().rpartition('.')[2]}",
        "RS512": signed(alg="RS512"), "RS384": signed(alg="RS384"), "PS512": signed(alg="PS512"),
        "kid as a path": signed(kid="../../etc/passwd"), "kid as SQL": signed(kid="' OR 1=1 --"),
        "kid empty": signed(kid=""), "alg of EC under the RSA kid": signed(key=EC, alg="ES256", kid="rsa"),
        "crit": by_hand(crit=["exp"]),
        "b64 false": by_hand(b64=False, crit=["b64"]),
        "ECDSA of zeros": raw({"alg": "ES256", "kid": "ec"}, CLAIMS, b"\0" * 64),
        "Ed25519": signed(key=ED, alg="Ed25519"),
        "Ed25519 of zeros": raw({"alg": "Ed25519", "kid": "ed"}, CLAIMS, b"\0" * 64),
    }  # fmt: skip
    forms = {
        "nothing": "", "dots": "..", "one part": head, "two parts": f"{head}.{body}", "no signature": f"{head}.{body}.",
        "four parts": f"{good}.x", "five parts (a JWE)": f"{good}.x.y", "no header": f".{body}.{seal}",
        "not base64": "!.!.!", "padded": f"{head}==.{body}.{seal}", "spaces": f" {good} ", "newline": f"{good}\n",
        "not text": b"x", "none": None, "a number": 7, "a dict": {}, "too long": good + "A" * 20_000,
        "other alphabet": good.replace("-", "+").replace("_", "/") + "+/",
        "header no JSON": raw("no json", CLAIMS), "header a list": raw("[]", CLAIMS),
        "claims no JSON": raw({"alg": "RS256"}, "x"),
        "claims a list": by_hand("[]"), "claims a string": by_hand('"x"'), "claims null": by_hand("null"),
        "claims twice": by_hand('{"iss": "x"}{"iss": "y"}'), "claims deep": by_hand("[" * 5000 + "]" * 5000),
        "not ascii": "é" + good,
        "signature of another token": f"{head}.{body}.{signed(CLAIMS | {'sub': 'x'}).split('.')[2]}",
    }  # fmt: skip
    return flipped | unsigned | confused | headers | keys | forms


MUTATIONS = {name: signed(claims) for name, claims in wrong_claims().items()} | wrong_tokens()


def test_there_are_at_least_two_hundred_mutations() -> None:
    """So many are asked below, and no two are the same token."""
    assert len({repr(token) for token in MUTATIONS.values()}) >= 200


@pytest.mark.parametrize("token", MUTATIONS.values(), ids=MUTATIONS)
def test_whatever_is_wrong_with_a_token_it_is_refused(token: Any) -> None:
    """With `Refused`, never another error, and without repeating any of it."""
    with pytest.raises(Refused) as refused:
        check(token)
    assert "8f1c2e" not in str(refused.value)


@pytest.mark.parametrize(
    "told", [{"nonce": ""}, {"client": "other"}, {"issuer": "https://other.example"}, {"now": NOW + 700}]
)
def test_a_right_token_of_another_sign_in_is_refused(told: dict[str, Any]) -> None:
    """Another nonce, client or provider, or long ago."""
    with pytest.raises(Refused):
        check(signed(), **told)


@pytest.mark.parametrize("auth_time", [None, NOW - 331, NOW + 31, "now"])
def test_a_fresh_sign_in_that_was_asked_for_must_have_been_one(auth_time: object) -> None:
    """With `max_age`, an old, absent or future `auth_time` is refused."""
    with pytest.raises(Refused):
        check(signed(CLAIMS | {"auth_time": auth_time}), max_age=300)


def test_only_public_signing_keys_are_kept() -> None:
    """Private parts, symmetric keys and keys for encryption are left out; nothing usable is refused."""
    given = [
        RSA.as_dict(private=True), {"kty": "oct", "k": b64(b"x" * 32), "kid": "rsa"},
        {**EC.as_dict(private=False), "use": "enc"}, {**RSA.as_dict(private=False), "alg": "HS256", "kid": "h"},
    ]  # fmt: skip
    kept = json.loads(usable_keys(json.dumps({"keys": given}).encode()))["keys"]
    assert [key["kid"] for key in kept] == ["rsa"]
    assert "d" not in kept[0]
    for nothing in (
        b"",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct"}]}',
        b'{"keys": 7}',
        b"[]",
        b'{"keys": [7]}',
    ):
        with pytest.raises(Refused):
            usable_keys(nothing)


def test_an_unknown_key_is_told_apart_so_that_a_rotation_can_be_followed() -> None:
    """A `kid` that is not there, and a type that is not there."""
    for token in (signed(kid="new"), signed(key=EC, alg="ES256", kid="rsa")):
        with pytest.raises(UnknownKey):
            check(token)
