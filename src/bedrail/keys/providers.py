"""`keys.toml`: which key providers there are, by name; nothing in it is secret."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.ports import KeyProvider
from bedrail.core.toml_lines import toml_tables
from bedrail.keys.key_files import FileProvider
from bedrail.keys.private_files import read_private

if TYPE_CHECKING:
    from bedrail.keys.kms import Credentials

FILE = "file"
"""The provider that needs no setting: the key folder of the home."""

Environment = Callable[[str, str], str]
"""(name, default) -> a variable of the environment."""


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file", tag_field="kind"):
    """`folder`: absolute, best on another volume than the home."""

    folder: str


class Pkcs11Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pkcs11", tag_field="kind"):
    """`module`: the vendor's library; `token`: the token's label; `key`: the beginning of the keys' labels."""

    module: str
    token: str
    key: str
    pin: str


class VaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="vault", tag_field="kind"):
    """`ca`: a file of certificates, when the server's is not one of the system's."""

    address: str
    key: str
    token: str
    mount: str = "transit"
    namespace: str = ""
    ca: str = ""


class KmsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="aws-kms", tag_field="kind"):
    """`key`: an alias, `alias/NAME`. The three others say where the credentials are found, not what they are."""

    region: str
    key: str
    endpoint: str = ""
    access_key: str = "env:AWS_ACCESS_KEY_ID"
    secret_key: str = "env:AWS_SECRET_ACCESS_KEY"  # noqa: S105 (the name of a variable)
    session_token: str = ""


Settings = FileSettings | Pkcs11Settings | VaultSettings | KmsSettings


class KeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    providers: dict[str, Settings] = {}


def read_settings(path: Path) -> KeySettings:
    """The settings, or none when there is no file; raises `Invalid` with the place of the mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return KeySettings()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            "cannot be read as UTF-8 text.", path=str(path), remedy="Check its owner and encoding."
        ) from error
    try:
        found = msgspec.convert(toml_tables(text), KeySettings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid(f"{error}", path=path.name, remedy="docs/keys.md shows each provider's settings.") from error
    if FILE in found.providers:
        raise Invalid(
            "`file` is the home's own key folder.", path=f"{path.name} providers.file", remedy="Choose another name."
        )
    held = [each for each in found.providers.values() if not isinstance(each, FileSettings)]
    if len({_where(each) for each in held}) < len(held):
        raise Invalid(
            "two providers name the same key: destroying one purpose's key would destroy the other's.",
            path=path.name,
            remedy="Give each its own key.",
        )
    return found


def _where(settings: Settings) -> tuple[str, ...]:
    if isinstance(settings, Pkcs11Settings):
        return settings.module, settings.token, settings.key
    if isinstance(settings, VaultSettings):
        return settings.address, settings.namespace, settings.mount, settings.key
    if isinstance(settings, KmsSettings):
        return settings.endpoint, settings.region, settings.key
    return (settings.folder,)


class Providers:
    """The providers of one home, made when first asked for."""

    def __init__(self, settings: Path, own: Path, environment: Environment = os.environ.get) -> None:
        """`settings` is keys.toml, `own` the folder of the provider `file`."""
        self._settings, self._own, self._environment = settings, own, environment
        self._made: dict[str, KeyProvider] = {}

    def names(self) -> list[str]:
        """Every provider's name, `file` first; raises `Invalid` for a wrong keys.toml."""
        return [FILE, *read_settings(self._settings).providers]

    def find(self, name: str) -> KeyProvider:
        """The provider of this name; raises `NotFound`, `Invalid`."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> KeyProvider:
        if name == FILE:
            return FileProvider(self._own)
        known = read_settings(self._settings).providers
        if name not in known:
            raise NotFound(
                f"there is no key provider `{name}`.",
                path="keys.toml",
                remedy=f"There are: {', '.join([FILE, *known])}; add it under [providers.{name}].",
            )
        given = known[name]
        if isinstance(given, FileSettings):
            return FileProvider(Path(given.folder))
        if isinstance(given, Pkcs11Settings):
            from bedrail.keys.pkcs11 import Pkcs11Provider

            return Pkcs11Provider(given.module, given.token, given.key, self._secret(given.pin, f"{name}.pin"))
        if isinstance(given, VaultSettings):
            from bedrail.keys.transit import TransitProvider

            token = self._secret(given.token, f"{name}.token")
            return TransitProvider(
                given.address, given.key, token, mount=given.mount, namespace=given.namespace, ca=given.ca
            )
        from bedrail.keys.kms import KmsProvider

        endpoint = given.endpoint or f"https://kms.{given.region}.amazonaws.com"
        return KmsProvider(endpoint, given.region, given.key, self._credentials(given, name))

    def _credentials(self, given: KmsSettings, name: str) -> Callable[[], Credentials]:
        from bedrail.keys.kms import Credentials

        access = self._secret(given.access_key, f"{name}.access_key")
        secret = self._secret(given.secret_key, f"{name}.secret_key")
        session = self._secret(given.session_token, f"{name}.session_token") if given.session_token else str
        return lambda: Credentials(access(), secret(), session())

    def _secret(self, where: str, path: str) -> Callable[[], str]:
        """Reads `env:NAME` or `file:PATH` (mode 0600) when it is needed, so that no secret waits in memory."""
        kind, _, place = where.partition(":")
        if kind not in {"env", "file"} or not place:
            raise Invalid(
                "a secret does not stand here.",
                path=f"keys.toml providers.{path}",
                remedy="Write env:NAME or file:/path, where the secret is found.",
            )

        def read() -> str:
            if kind == "file":
                return read_private(Path(place)).decode().strip()
            found = self._environment(place, "")
            if not found:
                raise Refused(f"{place} is not set.", remedy="Set it in the environment of this process.")
            return found

        return read
