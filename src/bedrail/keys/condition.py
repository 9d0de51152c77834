"""How keys and channels are held here, for the posture check: providers, default PINs, TLS library, certificate."""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import datetime
from pathlib import Path

from bedrail.core.errors import BedrailError
from bedrail.governance.posture import Door, Keys
from bedrail.keys.epochs import Epochs
from bedrail.keys.providers import FileSettings, Pkcs11Settings, Settings, VaultSettings, read_settings
from bedrail.keys.tls import offers_hybrid, read_certificate

DEFAULTS = frozenset(
    {"", "0000", "00000000", "1234", "12345678", "123456", "admin", "changeme", "default", "password", "pin", "root"}
)
"""PINs and tokens that manuals print; `root` is the development token of Vault."""

FILE = "file"


def look_at_keys(home: Path, epochs: Epochs) -> Keys:
    """Where the newest key-encryption key is kept, and what is wrong with the settings; no provider is asked."""
    folder = home / "keys"
    try:
        settings = read_settings(home / "keys.toml").providers
        newest = epochs.newest()
        name = next((epoch.provider for epoch in epochs.listed() if epoch.name == newest), FILE)
    except BedrailError as error:
        return Keys(provider="unknown", fault=f"the key settings cannot be read: {error.message}")
    given = settings.get(name)
    place = Path(given.folder) if isinstance(given, FileSettings) else folder
    in_files = name == FILE or isinstance(given, FileSettings)
    return Keys(
        provider=name,
        provider_device=place.stat().st_dev if in_files and place.exists() else -1,
        default_secrets=tuple(each for each, how in settings.items() if _is_default(how)),
        second_signature=(folder / "ledger-mldsa.key").exists(),
    )


def look_at_door(host: str, port: int, certificate: Path | None, *, mutual: bool, now: datetime) -> Door:
    """How a server would be reached with these options; raises `Invalid` or `NotFound` for what is no certificate."""
    left = None if certificate is None else (read_certificate(certificate).not_after - now).total_seconds() / 86_400
    return Door(host=host, port=port, loopback=_is_loopback(host), certificate_days=left, mutual=mutual)


def tls_library() -> tuple[str, tuple[int, int], bool]:
    """The name and series of the library behind `ssl`, and whether it offers a post-quantum hybrid."""
    major, minor, *_ = ssl.OPENSSL_VERSION_INFO
    return " ".join(ssl.OPENSSL_VERSION.split()[:2]), (major, minor), offers_hybrid()


def _is_default(how: Settings) -> bool:
    """Whether the secret that opens the provider is one of those that everybody knows; unreadable is not default."""
    if not isinstance(how, Pkcs11Settings | VaultSettings):
        return False
    kind, _, place = (how.pin if isinstance(how, Pkcs11Settings) else how.token).partition(":")
    if kind == "env":
        found: str | None = os.environ.get(place)
    else:
        try:
            found = Path(place).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            found = None
    return found is not None and found.strip().lower() in DEFAULTS


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
