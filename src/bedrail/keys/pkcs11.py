"""The key provider `pkcs11`: AES keys that never leave a hardware module (or SoftHSM), by PKCS #11 v2.40."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from os import urandom
from threading import Lock
from typing import Any, TypeVar

from bedrail.core.errors import BedrailError, Corrupt, Invalid, NotFound, Unavailable
from bedrail.keys.vault import NONCE_BYTES

TIMEOUT_SECONDS = 5.0
TAG_BITS = 128

Answer = TypeVar("Answer")


class Pkcs11Provider:
    """`core.ports.KeyProvider` in a token. Keys are AES-256, sensitive, not extractable, and named `<label>-<number>`.

    Wrapping is CKM_AES_GCM inside the token, so that the context is authenticated (CKM_AES_KEY_WRAP has none).
    """

    kind = "pkcs11"
    algorithm = "AES-256-GCM in the token (CKM_AES_GCM), not extractable"

    def __init__(self, module: str, token: str, label: str, pin: Callable[[], str]) -> None:
        """`module` is the vendor's library, `token` the token's label, `pin()` reads the user PIN when it is needed."""
        self._module, self._token, self._label, self._pin = module, token, label, pin
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bedrail-pkcs11")
        self._session: Any = None

    def version(self) -> str:
        """The newest key in the token; raises `NotFound`."""
        return self._ask(self._newest)

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """Encrypted inside the token, with a random nonce of 96 bits."""

        def work(session: Any) -> tuple[str, bytes]:
            version, nonce = self._newest(session), urandom(NONCE_BYTES)
            return version, nonce + self._key(session, version).encrypt(key, **_gcm(nonce, context))

        return self._ask(work)

    def unwrap(self, version: str, wrapped: bytes, context: bytes) -> bytes:
        """Decrypted inside the token; raises `Corrupt` or `NotFound`."""

        def work(session: Any) -> bytes:
            from pkcs11 import exceptions

            key = self._key(session, version)
            wrong = (
                exceptions.EncryptedDataInvalid,
                exceptions.EncryptedDataLenRange,
                exceptions.DataLenRange,
                exceptions.SignatureInvalid,
                exceptions.GeneralError,  # SoftHSM says so of a wrong tag
                exceptions.ArgumentsBad,
            )
            try:
                return bytes(key.decrypt(wrapped[NONCE_BYTES:], **_gcm(wrapped[:NONCE_BYTES], context)))
            except wrong as error:
                raise Corrupt("The wrapped key does not open.", remedy="Restore it from backup.") from error

        if len(wrapped) < NONCE_BYTES + TAG_BITS // 8:
            raise Corrupt("The wrapped key does not open.", remedy="Restore it from backup.")
        return self._ask(work)

    def renew(self) -> str:
        """One more key in the token."""

        def work(session: Any) -> str:
            from pkcs11 import Attribute, KeyType, MechanismFlag

            numbers = self._numbers(session)
            version = f"{self._label}-{(numbers or [0])[-1] + 1}"
            session.generate_key(
                KeyType.AES,
                256,
                label=version,
                id=version.encode(),
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
            )
            return version

        return self._ask(work)

    def destroy(self, version: str) -> str:
        """C_DestroyObject."""
        self._ask(lambda session: self._key(session, version).destroy())
        return "destroyed"

    def health(self) -> None:
        """Wrap and unwrap something."""
        version, wrapped = self.wrap(b"health", b"health")
        self.unwrap(version, wrapped, b"health")

    def _ask(self, work: Callable[[Any], Answer]) -> Answer:
        """Run in the token's own thread, within the time; errors of the module become `Unavailable`."""
        try:
            return self._worker.submit(self._run, work).result(TIMEOUT_SECONDS)
        except Late as error:
            raise _out("does not answer") from error

    def _run(self, work: Callable[[Any], Answer]) -> Answer:
        try:
            from pkcs11.exceptions import PKCS11Error
        except ImportError as error:
            raise Unavailable(
                "python-pkcs11 is not installed.", remedy="pip install 'bedrail[custody]', or use another key provider."
            ) from error
        with self._lock:
            try:
                if self._session is None:
                    self._session = self._opened()
                return work(self._session)
            except BedrailError:
                raise
            except PKCS11Error as error:
                self._session = None  # a token that was pulled out and came back wants a new session
                raise _out(f"failed ({type(error).__name__})") from error
            except (OSError, RuntimeError) as error:
                raise _out(f"cannot be loaded from {self._module}") from error

    def _opened(self) -> Any:
        import pkcs11

        token = pkcs11.lib(self._module).get_token(token_label=self._token)
        try:
            return token.open(user_pin=self._pin(), rw=True)
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            return token.open(rw=True)

    def _numbers(self, session: Any) -> list[int]:
        import pkcs11

        wanted = re.compile(rf"^{re.escape(self._label)}-([0-9]{{1,9}})\Z")
        keys = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY})
        return sorted(int(match[1]) for match in (wanted.match(key.label or "") for key in keys) if match)

    def _newest(self, session: Any) -> str:
        numbers = self._numbers(session)
        if not numbers:
            raise NotFound(f"The token holds no key {self._label}-N.", remedy="bedrail keys rotate kek makes one.")
        return f"{self._label}-{numbers[-1]}"

    def _key(self, session: Any, version: str) -> Any:
        import pkcs11

        if not version.startswith(f"{self._label}-"):
            raise Invalid("This key version is not one of ours.", path="version", remedy="bedrail keys list")
        try:
            return session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=version)
        except pkcs11.exceptions.NoSuchKey as error:
            raise NotFound("The token no longer holds this key.", remedy="bedrail keys list") from error


def _gcm(nonce: bytes, context: bytes) -> dict[str, Any]:
    from pkcs11 import GCMParams, Mechanism

    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, context, TAG_BITS)}


def _out(what: str) -> Unavailable:
    return Unavailable(
        f"The key provider pkcs11 {what}.",
        remedy="Check module, token, PIN and that the device is plugged in; then: bedrail keys health.",
    )
