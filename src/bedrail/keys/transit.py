"""The key provider `vault`: a transit key of HashiCorp Vault or OpenBao; the key never leaves the server."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from bedrail.core.errors import BedrailError, Corrupt, NotFound, Unavailable

TIMEOUT_SECONDS = 3.0

Answer = TypeVar("Answer")


class TransitProvider:
    """`core.ports.KeyProvider` over the transit engine: encrypt, decrypt, keys/NAME, rotate, config, trim.

    The token needs: create and update on `transit/encrypt/NAME` and `transit/decrypt/NAME`, read on
    `transit/keys/NAME`; and only for rotation: create on `transit/keys/NAME`, update on `.../rotate`, `.../config` and
    `.../trim`.
    """

    kind = "vault"
    algorithm = "aes256-gcm96 in the transit engine"

    def __init__(
        self,
        address: str,
        key: str,
        token: Callable[[], str],
        *,
        mount: str = "transit",
        namespace: str = "",
        ca: str = "",
    ) -> None:
        """`token()` is read for each connection; `ca` is a file of certificates, empty for those of the system."""
        self._address, self._key, self._token = address, key, token
        self._mount, self._namespace, self._ca = mount, namespace, ca

    def version(self) -> str:
        """The latest version, `NAME:v3`; raises `NotFound`."""
        data = self._ask(lambda transit: transit.read_key(self._key, mount_point=self._mount))["data"]
        return f"{self._key}:v{int(data['latest_version'])}"

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """`vault:vN:...`, as the server gives it."""
        answer = self._ask(
            lambda transit: transit.encrypt_data(
                self._key, plaintext=_b64(key), associated_data=_b64(context), mount_point=self._mount
            )
        )
        wrapped = str(answer["data"]["ciphertext"])
        return f"{self._key}:{wrapped.split(':')[1]}", wrapped.encode()

    def unwrap(self, version: str, wrapped: bytes, context: bytes) -> bytes:
        """The key; raises `Corrupt`, or `NotFound` when that version was trimmed away."""
        if wrapped.split(b":")[1:2] != [version.rpartition(":")[2].encode()]:
            raise Corrupt("The wrapped key is of another version.", remedy="Restore it from backup.")
        answer = self._ask(
            lambda transit: transit.decrypt_data(
                self._key, ciphertext=wrapped.decode(), associated_data=_b64(context), mount_point=self._mount
            )
        )
        return base64.b64decode(answer["data"]["plaintext"])

    def renew(self) -> str:
        """Rotate the transit key; the first time, make it: aes256-gcm96, not exportable, in no plaintext backup."""

        def work(transit: Any) -> None:
            from hvac.exceptions import InvalidPath

            try:
                transit.read_key(self._key, mount_point=self._mount)
            except InvalidPath:
                transit.create_key(
                    self._key,
                    exportable=False,
                    allow_plaintext_backup=False,
                    key_type="aes256-gcm96",
                    mount_point=self._mount,
                )
                return
            transit.rotate_key(self._key, mount_point=self._mount)

        self._ask(work)
        return self.version()

    def destroy(self, version: str) -> str:
        """Forbid and trim every version up to this one: none is decrypted again, and the server forgets them."""
        least = int(version.rpartition(":v")[2]) + 1

        def work(transit: Any) -> None:
            transit.update_key_configuration(self._key, min_decryption_version=least, mount_point=self._mount)
            transit.update_key_configuration(self._key, min_encryption_version=least, mount_point=self._mount)
            transit.trim_key(self._key, least, mount_point=self._mount)

        self._ask(work)
        return "destroyed"

    def health(self) -> None:
        """Wrap and unwrap something."""
        version, wrapped = self.wrap(b"health", b"health")
        self.unwrap(version, wrapped, b"health")

    def _ask(self, work: Callable[[Any], Answer]) -> Answer:
        """One conversation; what the server says no to is told apart from a server that is out."""
        try:
            import hvac
            import requests
        except ImportError as error:
            raise Unavailable(
                "hvac is not installed.", remedy="pip install 'bedrail[custody]', or use another key provider."
            ) from error
        try:
            client = hvac.Client(
                url=self._address,
                token=self._token(),
                timeout=TIMEOUT_SECONDS,
                namespace=self._namespace or None,
                verify=self._ca or True,
                allow_redirects=False,
            )
            try:
                return work(client.secrets.transit)
            finally:
                client.adapter.close()
        except BedrailError:
            raise
        except hvac.exceptions.InvalidPath as error:
            raise NotFound(
                f"There is no transit key {self._key}.", remedy="bedrail keys rotate kek makes one."
            ) from error
        except hvac.exceptions.InvalidRequest as error:
            raise _refused(error) from error
        except hvac.exceptions.Forbidden as error:
            raise _out("refuses the token") from error
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise _out(f"is out ({type(error).__name__})") from error
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise _out("gives an answer of another shape") from error


def _refused(error: Exception) -> BedrailError:
    if "version" in str(error):  # "ciphertext or signature version is disallowed by policy (too old)"
        return NotFound("The key version was destroyed.", remedy="It cannot be opened any more.")
    return Corrupt("The wrapped key does not open.", remedy="Restore it from backup, and check the transit key's name.")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _out(what: str) -> Unavailable:
    return Unavailable(
        f"The key provider vault {what}.", remedy="Check address, token and seal status; then: bedrail keys health."
    )
