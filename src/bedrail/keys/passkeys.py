"""Passkeys (W3C WebAuthn Level 3): ceremonies with user verification, bound to this origin and a fresh challenge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bedrail.core.accounts import Passkey
from bedrail.core.errors import Invalid, Refused
from bedrail.keys.passwords import missing

TIMEOUT_MS = 120_000
LONGEST_ANSWER = 64 * 1024


class WebAuthnPasskeys:
    """`core.accounts.Passkeys` of one web origin, such as `https://bedrail.hospital.example`.

    Attestation is not asked for: which make of key people use is not ours to know (WebAuthn section 14.4.1). The
    signature counter must rise when the key has one (section 6.1.1): one that does not is a copy, and is refused.
    """

    def __init__(self, origin: str, name: str) -> None:
        """`origin` is scheme, host and port as browsers state it; its host is the relying party's id."""
        host = urlsplit(origin).hostname
        if not host:
            raise Invalid(
                "this is no web origin.", path="origin", remedy="Write https://HOST or http://localhost:PORT."
            )
        self._origin, self._host, self._name = origin, host, name

    def creation(self, person: str, name: str, challenge: bytes, known: Sequence[str]) -> bytes:
        """Options for a browser to make a passkey: discoverable if it can, user verification required."""
        webauthn, structs = _library()
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=self._name,
            user_name=person,
            user_display_name=name,
            user_id=sha256(f"{self._origin} {person}".encode()).digest(),  # opaque: section 14.6.1
            challenge=challenge,
            timeout=TIMEOUT_MS,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.PREFERRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known),
        )
        text: str = webauthn.options_to_json(options)
        return text.encode()

    def created(self, answer: bytes, challenge: bytes) -> Passkey:
        """The new passkey; raises `Refused` for another origin or challenge, or without user verification."""
        webauthn, _ = _library()
        made = _verified(
            webauthn.verify_registration_response,
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=self._host,
            expected_origin=self._origin,
            require_user_verification=True,
        )
        return Passkey(id=_text(made.credential_id), public_key=made.credential_public_key, counter=made.sign_count)

    def request(self, challenge: bytes, known: Sequence[str]) -> bytes:
        """Options for a browser to use a passkey; without `known`, any of this site's."""
        webauthn, structs = _library()
        options = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=challenge,
            timeout=TIMEOUT_MS,
            allow_credentials=_descriptors(known),
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        text: str = webauthn.options_to_json(options)
        return text.encode()

    def claimed(self, answer: bytes) -> str:
        """Which credential id an answer claims."""
        return str(_read(answer)["rawId"])

    def used(self, answer: bytes, challenge: bytes, passkey: Passkey) -> Passkey:
        """The passkey with its new counter; raises `Refused` for whatever does not fit."""
        webauthn, _ = _library()
        done = _verified(
            webauthn.verify_authentication_response,
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=self._host,
            expected_origin=self._origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=max(passkey.counter, 0),
            require_user_verification=True,
        )
        return msgspec.structs.replace(passkey, counter=done.new_sign_count)


def _library() -> tuple[Any, Any]:
    try:
        import webauthn
        from webauthn.helpers import structs
    except ImportError:
        raise missing() from None
    return webauthn, structs


def _descriptors(known: Sequence[str]) -> list[Any]:
    from webauthn.helpers import base64url_to_bytes

    structs = _library()[1]
    return [structs.PublicKeyCredentialDescriptor(id=base64url_to_bytes(each)) for each in known]


def _text(raw: bytes) -> str:
    from webauthn.helpers import bytes_to_base64url

    return str(bytes_to_base64url(raw))


def _read(answer: bytes) -> dict[str, Any]:
    try:
        if len(answer) > LONGEST_ANSWER:
            raise ValueError
        read = msgspec.json.decode(answer, type=dict[str, Any])
        if not isinstance(read["rawId"], str) or not isinstance(read["response"], dict):
            raise ValueError
    except (ValueError, KeyError, RecursionError) as error:
        raise _refused() from error
    return read


def _verified(verify: Callable[..., Any], **given: Any) -> Any:
    """What a ceremony says; whatever the library makes of foreign bytes, the answer is a plain no."""
    try:
        return verify(**given)
    except Exception as error:  # the library raises its own errors, and CBOR and JSON ones from foreign bytes
        raise _refused() from error


def _refused() -> Refused:
    return Refused("The passkey was not accepted.", remedy="Try again, or sign in another way.", reasons=("passkey",))
