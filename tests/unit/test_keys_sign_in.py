"""Password hashes, one-time codes and passkeys: what is accepted once, and everything that is not."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from struct import pack
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from soft_webauthn import SoftWebauthnDevice

from bedrail.core.accounts import Passkey
from bedrail.core.errors import Invalid, Refused
from bedrail.keys.passkeys import WebAuthnPasskeys
from bedrail.keys.passwords import LANES, MEMORY_KIB, PASSES, Argon2Passwords
from bedrail.keys.tokens import CODE_LETTERS, RandomTokens
from bedrail.keys.totp import Totp

ORIGIN = "https://bedrail.hospital.example"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the secret of RFC 6238, appendix B
CHALLENGE, OTHER = b"c" * 32, b"d" * 32


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


class Key(SoftWebauthnDevice):
    """soft-webauthn with user verification, and ways to do it wrong; it speaks our JSON."""

    user_verification = True

    def make(self, options: bytes, origin: str = ORIGIN, **wrong: Any) -> bytes:
        """Answer a creation, as a browser would."""
        asked = json.loads(options)
        asked["challenge"] = urlsafe_b64decode(asked["challenge"] + "==")
        asked["user"]["id"] = urlsafe_b64decode(asked["user"]["id"] + "==")
        made = self.create({"publicKey": asked}, origin)
        client, attested = made["response"]["clientDataJSON"], made["response"]["attestationObject"]
        if self.user_verification:
            start = attested.index(sha256(self.rp_id.encode()).digest()) + 32
            attested = attested[:start] + bytes([attested[start] | 0x04]) + attested[start + 1 :]
        said = json.loads(client) | wrong
        response = {"clientDataJSON": text(json.dumps(said).encode()), "attestationObject": text(attested)}
        return json.dumps({"id": made["id"].decode().rstrip("="), "rawId": text(made["rawId"]),
                           "type": "public-key", "response": response}).encode()  # fmt: skip

    def use(
        self, options: bytes, origin: str = ORIGIN, *, count: int | None = None, rp_id: str = "", **wrong: Any
    ) -> bytes:
        """Answer a request, as a browser would."""
        self.sign_count = self.sign_count + 1 if count is None else count
        said = {"type": "webauthn.get", "challenge": json.loads(options)["challenge"], "origin": origin} | wrong
        client = json.dumps(said).encode()
        flags = b"\x05" if self.user_verification else b"\x01"
        data = sha256((rp_id or self.rp_id).encode()).digest() + flags + pack(">I", self.sign_count)
        seal = self.private_key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(seal)}
        return json.dumps({"id": text(self.credential_id), "rawId": text(self.credential_id),
                           "type": "public-key", "response": response}).encode()  # fmt: skip


@pytest.fixture
def site() -> WebAuthnPasskeys:
    return WebAuthnPasskeys(ORIGIN, "Northgate")


@pytest.fixture
def key() -> Key:
    return Key()


@pytest.fixture
def passkey(site: WebAuthnPasskeys, key: Key) -> Passkey:
    return site.created(key.make(site.creation("sam", "Sam", CHALLENGE, ())), CHALLENGE)


def test_passwords_are_hashed_as_owasp_says() -> None:
    """argon2id, 19 MiB, two passes, one lane, a salt of its own each time."""
    hashes_of = Argon2Passwords()
    one, two = hashes_of.hash("seven grumpy otters"), hashes_of.hash("seven grumpy otters")
    assert one.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")
    assert (MEMORY_KIB, PASSES, LANES) == (19 * 1024, 2, 1)
    assert one != two
    assert hashes_of.verify(one, "seven grumpy otters")
    assert not hashes_of.verify(one, "seven grumpy otter")
    assert not hashes_of.verify("$argon2id$broken", "seven grumpy otters")


def test_without_a_hash_as_much_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody without an account costs one verification with today's parameters too, and is never right."""
    from argon2 import PasswordHasher, extract_parameters

    asked: list[Any] = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda s, h, p: asked.append(extract_parameters(h)) or verify(s, h, p)
    )
    hashes_of = Argon2Passwords()
    stored = hashes_of.hash("seven grumpy otters")
    for encoded, typed in ((stored, "wrong"), ("", "wrong"), ("", "seven grumpy otters")):
        assert not hashes_of.verify(encoded, typed)
    assert len(asked) == 3
    assert asked[0] == asked[1] == asked[2]


def test_one_hash_is_computed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight guesses at once never run side by side: a flood of them leaves the other processors alone."""
    passwords, running, most = Argon2Passwords(memory_kib=64, passes=1), [], []
    encoded, verify = passwords.hash("right"), PasswordHasher.verify

    def watched(self: PasswordHasher, known: str, password: str) -> bool:
        running.append(password)
        most.append(len(running))
        try:
            threading.Event().wait(0.01)
            return verify(self, known, password)
        finally:
            running.pop()

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    with ThreadPoolExecutor(8) as pool:
        let_in = list(pool.map(lambda guess: passwords.verify(encoded, guess), ["wrong"] * 7 + ["right"]))
    assert let_in == [False] * 7 + [True]
    assert max(most) == 1


def test_hashes_of_other_parameters_are_outdated_and_still_verify() -> None:
    """So that they can be renewed at the next sign-in."""
    old = Argon2Passwords(memory_kib=64, passes=1).hash("seven grumpy otters")
    assert Argon2Passwords().verify(old, "seven grumpy otters")
    assert Argon2Passwords().outdated(old)
    assert not Argon2Passwords().outdated(Argon2Passwords().hash("x"))


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")])
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    """Appendix B, its last six digits."""
    assert Totp().step_of(SECRET, code, at) == at // 30


def test_a_code_is_good_in_its_step_and_the_ones_beside_it() -> None:
    """No earlier and no later; other texts are of no step."""
    totp, at = Totp(), 1_800_000_000
    code = pyotp.TOTP(SECRET).at(at)
    steps = [totp.step_of(SECRET, code, at + 30 * late) for late in range(-3, 4)]
    assert steps == [None, None, at // 30, at // 30, at // 30, None, None]
    assert totp.step_of(SECRET, f"{code[:3]} {code[3:]}", at) == at // 30
    for other in ("", "1", "12345", "1234567", "abcdef", "１２３４５６", code + "\n", "-" + code[1:]):
        assert totp.step_of(SECRET, other, at) is None
    assert len(totp.new_secret()) == 32
    assert totp.new_secret() != totp.new_secret()


def test_a_passkey_is_made_and_used(site: WebAuthnPasskeys, key: Key, passkey: Passkey) -> None:
    """With user verification, on this origin, for this challenge; its counter rises."""
    request = site.request(CHALLENGE, (passkey.id,))
    assert json.loads(request)["userVerification"] == "required"
    answer = key.use(request)
    assert site.claimed(answer) == passkey.id
    assert site.used(answer, CHALLENGE, passkey).counter == 1


def wrong_uses(site: WebAuthnPasskeys, key: Key) -> dict[str, bytes]:
    request, other = site.request(CHALLENGE, ()), site.request(OTHER, ())
    good = json.loads(key.use(request, count=9))
    changed = {}
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        data = bytearray(urlsafe_b64decode(good["response"][name] + "=="))
        data[len(data) // 2] ^= 1
        changed[f"{name} changed"] = json.dumps(
            good | {"response": good["response"] | {name: text(bytes(data))}}
        ).encode()
        gone = {k: v for k, v in good["response"].items() if k != name}
        changed[f"{name} absent"] = json.dumps(good | {"response": gone}).encode()
    origins = (
        "http://bedrail.hospital.example",
        "https://evil.example",
        f"{ORIGIN}:8443",
        f"{ORIGIN}.evil.example",
        "null",
        "",
    )
    return changed | {f"origin {origin}": key.use(request, origin, count=9) for origin in origins} | {
        "another challenge": key.use(other, count=9),
        "no challenge": key.use(request, count=9, challenge=""),
        "of a creation": key.use(request, count=9, type="webauthn.create"),
        "another site": key.use(request, count=9, rp_id="evil.example"),
        "counter as before": key.use(request, count=5), "counter back": key.use(request, count=4),
        "counter zero": key.use(request, count=0),
        "another type": json.dumps(good | {"type": "password"}).encode(),
    }  # fmt: skip


def test_whatever_is_wrong_with_a_use_it_is_refused(site: WebAuthnPasskeys, key: Key, passkey: Passkey) -> None:
    """Origin, challenge, ceremony, site, counter, any changed or missing part."""
    kept = Passkey(id=passkey.id, public_key=passkey.public_key, counter=5)
    assert site.used(key.use(site.request(CHALLENGE, ()), count=6), CHALLENGE, kept).counter == 6
    accepted = []
    for name, answer in wrong_uses(site, key).items():
        with contextlib.suppress(Refused):
            accepted.append((name, site.used(answer, CHALLENGE, kept)))
    assert not accepted


def test_another_key_does_not_pass_for_this_one(site: WebAuthnPasskeys, passkey: Passkey) -> None:
    """The signature must be by the key that was enrolled."""
    other = Key()
    other.make(site.creation("sam", "Sam", CHALLENGE, ()))
    with pytest.raises(Refused):
        site.used(other.use(site.request(CHALLENGE, ())), CHALLENGE, passkey)


def test_without_user_verification_nothing_is_accepted(site: WebAuthnPasskeys, key: Key, passkey: Passkey) -> None:
    """Possession alone is one factor."""
    key.user_verification = False
    with pytest.raises(Refused):
        site.used(key.use(site.request(CHALLENGE, ())), CHALLENGE, passkey)
    with pytest.raises(Refused):
        site.created(Key.make(key, site.creation("sam", "Sam", CHALLENGE, ())), CHALLENGE)


@pytest.mark.parametrize(
    "wrong", [{"origin": "https://evil.example"}, {"type": "webauthn.get"}, {"challenge": text(OTHER)}]
)
def test_a_creation_for_another_page_is_refused(site: WebAuthnPasskeys, key: Key, wrong: dict[str, str]) -> None:
    """Origin, ceremony and challenge are bound."""
    with pytest.raises(Refused):
        site.created(key.make(site.creation("sam", "Sam", CHALLENGE, ()), **wrong), CHALLENGE)


@pytest.mark.parametrize(
    "foreign", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 5000, b'{"rawId": 7, "response": {}}', b"x" * 70_000,
                b'{"rawId": "a", "id": "a", "type": "public-key", "response": {}}'],
)  # fmt: skip
def test_foreign_bytes_are_a_plain_no(site: WebAuthnPasskeys, passkey: Passkey, foreign: bytes) -> None:
    """Never another error."""
    with pytest.raises(Refused):
        site.used(foreign, CHALLENGE, passkey)
    with pytest.raises(Refused):
        site.created(foreign, CHALLENGE)


def test_an_origin_without_a_host_is_none() -> None:
    """Such as a mere name."""
    with pytest.raises(Invalid):
        WebAuthnPasskeys("bedrail", "x")


def test_recovery_codes_are_random_and_readable() -> None:
    """At least 112 bits (their digests rest unsalted) in letters that are not taken for each other; ten are ten."""
    codes = RandomTokens().codes(10)
    assert len(set(codes)) == 10
    for code in codes:
        assert [len(group) for group in code.split("-")] == [4] * 6
        assert 24 * math.log2(len(CODE_LETTERS)) >= 112
        assert set(code) <= set(CODE_LETTERS) | {"-"}
    assert not set(CODE_LETTERS) & set("01ilo")
