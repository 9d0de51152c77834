"""The keys of a home, assembled for whoever keeps them: providers from keys.toml, epochs, the rows of data keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.errors import Unavailable
from bedrail.keys.files import OWN_PROVIDER, KeyFolder
from bedrail.keys.providers import Providers
from bedrail.keys.signing import verify_ed25519
from bedrail.stores.durable import write_durably

if TYPE_CHECKING:
    from bedrail.core.ports import DataKeys
    from bedrail.journeys.custody import KeyDesk
    from bedrail.journeys.destruction import Destruction
    from bedrail.journeys.disposal import Certificate

SETTINGS = "keys.toml"


def key_providers(home: Path) -> Providers:
    """The key providers that this home's keys.toml names; secrets come from the environment or files of their own."""
    return Providers(home / SETTINGS, home / "keys" / OWN_PROVIDER)


def key_desk(home: Path, keys: KeyFolder, rows: DataKeys) -> KeyDesk:
    """The ports with which keys are kept; no provider is asked yet."""
    from bedrail.journeys.custody import KeyDesk

    providers = key_providers(home)
    return KeyDesk(
        epochs=keys.epochs(providers.find),
        rows=rows,
        pseudonym=keys.pseudonym_key(providers.find),
        providers=providers.names,
        provider=providers.find,
        pause=time.sleep,
    )


def check_disposal_certificate(data: bytes, key: bytes | None) -> Certificate:
    """The certificate, once its signature is valid; no home is opened. Raises `Corrupt`."""
    from bedrail.journeys.disposal import verify_certificate

    return verify_certificate(data, verify_ed25519, key)


def write_paper(path: Path, data: bytes) -> Path:
    """Put a paper where people look, whole or not at all; raises `Unavailable`."""
    try:
        write_durably(path, data)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written.", remedy="Name another folder.") from error
    return path


def check_destruction_certificate(data: bytes, key: bytes | None) -> Destruction:
    """The same for the certificate of an asset that rested elsewhere. Raises `Corrupt`."""
    from bedrail.journeys.destruction import verify_destruction

    return verify_destruction(data, verify_ed25519, key)
