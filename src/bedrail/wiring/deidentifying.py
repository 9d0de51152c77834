"""Which key a run of de-identification decides by, and the keys of a home's projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from bedrail.core.errors import Invalid
from bedrail.core.ports import KeyedDigest
from bedrail.core.values import Value
from bedrail.keys.files import PROJECTS, KeyFolder
from bedrail.keys.private_files import write_private
from bedrail.keys.project_keys import file_key, fresh_key
from bedrail.keys.projects import ProjectFolder
from bedrail.keys.pseudonyms import TextHash
from bedrail.keys.signing import verify_ed25519
from bedrail.wiring.custody import key_providers

if TYPE_CHECKING:
    from bedrail.journeys.context import Context
    from bedrail.journeys.custody import KeyDesk
    from bedrail.journeys.deidentifying import ProjectCertificate

KEYS = "keys"


class Opened(Protocol):
    """An opened home, as far as it is needed here."""

    home: Path
    keys: KeyFolder
    context: Context

    def key_desk(self) -> KeyDesk:
        """The keys of the home, for whoever keeps them."""
        ...


class RunKey(Value, frozen=True, kw_only=True):
    """The key of a run, and where it comes from: a home's project, a file, or this run alone."""

    digest: KeyedDigest
    origin: Literal["home", "file", "run"]

    @property
    def check(self) -> str:
        """Tells two keys apart and nothing about either: an interrupted run goes on under the same key only."""
        return self.digest.digest("check", "")[:16].hex()


class DeidDesk:
    """What the commands of de-identification ask of keys and private files, with or without a home."""

    @staticmethod
    def run_key(project: str, key_file: Path | None) -> RunKey:
        """The key of a run without a home: from the file (made at the first use), or fresh, for this run alone."""
        if key_file is not None:
            return RunKey(digest=file_key(key_file, project), origin="file")
        return RunKey(digest=fresh_key(), origin="run")

    @staticmethod
    def text_hash(key: str) -> TextHash:
        """Codes under a key that a configuration of another tool brings."""
        return TextHash(key)

    @staticmethod
    def home_key(app: Opened, person: str, project: str) -> RunKey:
        """The key of a home's project, for a run by this person; raises `Refused`, `NotFound`, `Unavailable`."""
        from bedrail.journeys.deidentifying import project_key

        digest = project_key(app.context, DeidDesk.project_keys(app), person, project)
        return RunKey(digest=digest, origin="home")

    @staticmethod
    def project_keys(app: Opened) -> ProjectFolder:
        """The keys of this home's projects; the key of pseudonyms may rest with the same provider."""
        providers = key_providers(app.home)
        return ProjectFolder(
            app.home / KEYS / PROJECTS, providers.find, lambda: [app.keys.pseudonym_key(providers.find)]
        )  # fmt: skip

    @staticmethod
    def first_provider(app: Opened) -> str:
        """Who keeps a project's key unless somebody is named: the provider of pseudonyms, or the key folder."""
        held = app.keys.pseudonym_key(key_providers(app.home).find).custody()
        return held.provider if held is not None else "file"

    @staticmethod
    def data_key_providers(app: Opened) -> list[str]:
        """Who keeps the data keys, and so may not keep a project's."""
        return sorted({epoch.provider for epoch in app.key_desk().epochs.listed()})

    @staticmethod
    def check_certificate(data: bytes, key: bytes | None) -> ProjectCertificate:
        """The certificate of a forgotten project, once its signature is valid; no home is opened. Raises `Corrupt`."""
        from bedrail.journeys.deidentifying import verify_project_certificate

        return verify_project_certificate(data, verify_ed25519, key)

    @staticmethod
    def write_secret(path: Path, data: bytes) -> None:
        """A new file for its owner alone (mode 0600); raises `Invalid` when it is there already, `Unavailable`."""
        DeidDesk.require_new(path)
        write_private(path, data)

    @staticmethod
    def require_new(path: Path) -> None:
        """That a file can be made there; raises `Invalid`."""
        if path.exists():
            raise Invalid(f"{path} is there already.", path="--out", remedy="Name a new file.")
        if not path.parent.is_dir():
            raise Invalid("there is no such folder.", path=str(path.parent), remedy="Make it, readable by you alone.")
