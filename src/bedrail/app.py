"""Wiring: settings to adapters to the one `App`; the only module that knows everyone."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import Invalid, Refused
from bedrail.core.ports import ALL, Clock, Ids
from bedrail.governance.views import Registry
from bedrail.journeys.context import Context
from bedrail.keys.files import KeyFolder, new_token, verify_ed25519
from bedrail.keys.sealed_files import SealedFiles
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger.append import Ledger
from bedrail.ledger.checkpoint import vkey
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.publisher import PublishedAnchor, Publisher
from bedrail.stores.accounts import SqliteAccounts
from bedrail.stores.anchor import FileAnchor
from bedrail.stores.artifacts import FileArtifacts
from bedrail.stores.chosen import choose_store, is_home, open_store
from bedrail.stores.order_secret import order_named, order_secret
from bedrail.stores.outbox import Outbox
from bedrail.stores.session_file import SessionFile
from bedrail.stores.stops import FileStops
from bedrail.stores.ulid import UlidMaker
from bedrail.wiring.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrail.governance.sessions import Principal
    from bedrail.journeys import recovery
    from bedrail.journeys.custody import KeyDesk
    from bedrail.journeys.handing_over import PackageSigning
    from bedrail.journeys.publishing import Publishing
    from bedrail.journeys.reception import Reception
    from bedrail.ledger.hashing import Told
    from bedrail.ledger.pack import Pack
    from bedrail.ledger.proof import LogKeys, Proven
    from bedrail.ledger.report import Level, VerificationReport
    from bedrail.stores.chosen import Store
    from bedrail.stores.cursors import FileCursor
    from bedrail.wire.forwarding import Send
    from bedrail.wire.siem import EVENT_LINES
    from bedrail.wiring import restoring
    from bedrail.wiring.continuity import anchor_of, cosigned_of, log_of
    from bedrail.wiring.custody import check_destruction_certificate, check_disposal_certificate, write_paper
    from bedrail.wiring.deidentifying import DeidDesk
    from bedrail.wiring.packages import verify_package, verify_signed_folder
    from bedrail.wiring.receipts import hold_to_receipts
    from bedrail.wiring.scanning import Asked, source_of
    from bedrail.wiring.tls import make_lab_tls, revoke_lab_tls, server_tls
    from bedrail.wiring.witness import WitnessHouse

_FACE = {
    "Asked": "wiring.scanning",
    "DeidDesk": "wiring.deidentifying",
    "EVENT_LINES": "wire.siem",
    "anchor_of": "wiring.continuity",
    "check_destruction_certificate": "wiring.custody",
    "check_disposal_certificate": "wiring.custody",
    "cosigned_of": "wiring.continuity",
    "hold_to_receipts": "wiring.receipts",
    "log_of": "wiring.continuity",
    "make_lab_tls": "wiring.tls",
    "revoke_lab_tls": "wiring.tls",
    "server_tls": "wiring.tls",
    "source_of": "wiring.scanning",
    "verify_package": "wiring.packages",
    "verify_signed_folder": "wiring.packages",
    "write_paper": "wiring.custody",
}
"""What doors find here though it is wired elsewhere: loaded when asked for, since a short command needs none of it."""

__all__ = [
    "ALL",
    "EVENT_LINES",
    "VERIFIERS",
    "App",
    "Asked",
    "DeidDesk",
    "anchor_of",
    "check_destruction_certificate",
    "check_disposal_certificate",
    "check_pack_folder",
    "check_proof_file",
    "cosigned_of",
    "create_home",
    "create_witness",
    "environment_default",
    "hold_to_receipts",
    "log_of",
    "make_lab_tls",
    "new_token",
    "open_home",
    "open_witness",
    "order_named",
    "renew_anchor",
    "revoke_lab_tls",
    "server_tls",
    "source_of",
    "stop_without_ledger",
    "verify_exported",
    "verify_home",
    "verify_package",
    "verify_signed_folder",
    "write_paper",
]

ANCHOR = "anchor/checkpoint"
STOPS = "stops"
ACCOUNTS = "identity.sqlite"
BREACHED = "breached-passwords.txt"


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bedrail.{_FACE[name]}"), name)


def environment_default(name: str, default: str = "") -> str:
    """A setting from the environment: BEDRAIL_HOME, BEDRAIL_ACTOR."""
    return os.environ.get(name, default)


@dataclass(slots=True)
class App:
    """One opened home."""

    home: Path
    origin: str
    keys: KeyFolder
    store: Store
    context: Context
    desk: SqliteAccounts

    @property
    def public_key(self) -> bytes:
        """The ledger's public key, with which its present shard is signed."""
        return self.context.public_key

    def public_names(self) -> tuple[str, ...]:
        """Each public key of the home as `purpose:hex`."""
        from bedrail.journeys.verifying import SECOND

        names = [f"{name}:{self.keys.public_key(name).hex()}" for name in ("ledger", "evidence")]
        second = self.second_key()
        return (*names, *([] if second is None else [f"{SECOND}:{second.public_key.hex()}"]))

    def second_key(self, *, make: bool = False) -> CosignerKey | None:
        """The ledger's post-quantum key, if it has one; made first when asked for."""
        if make:
            self.keys.add_second_signer()
        return self.context.publisher.second_named(self.context.ledger.origin)

    def verifier_keys(self) -> tuple[str, ...]:
        """The ledger's verifier keys under its present name, one line each, the Ed25519 one first."""
        origin = self.context.ledger.origin
        return (vkey(origin, self.public_key), *self.context.publisher.vkeys(origin))

    def reception(self, origin: str = "", *, context: Context | None = None) -> Reception:
        """Where people sign in at the web origin `origin`; with a registry of its own unless `context` is given."""
        from bedrail.journeys.reception import Reception
        from bedrail.keys.oidc import OpenIdConnect
        from bedrail.keys.passkeys import WebAuthnPasskeys
        from bedrail.keys.passwords import Argon2Passwords
        from bedrail.keys.tokens import RandomTokens
        from bedrail.keys.totp import Totp
        from bedrail.stores.breached import BreachedPasswords

        origin = origin or os.environ.get("BEDRAIL_WEB_ORIGIN", "http://localhost:8080")
        return Reception(
            ctx=context or replace(self.context, registry=Registry()),
            desk=self.desk,
            data_keys=self.store,
            passwords=Argon2Passwords(),
            codes=Totp(),
            passkeys=WebAuthnPasskeys(origin, self.origin),
            sso=OpenIdConnect(self.context.clock.monotonic),
            tokens=RandomTokens(),
            origin=origin,
            breached=BreachedPasswords(self.home / BREACHED),
        )

    def session_file(self) -> SessionFile:
        """Where this user's terminal keeps its session with this home."""
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return SessionFile(Path(config), self.home)

    def terminal_principal(self, *, orders: bool = True) -> Principal | None:
        """Who signed in at this terminal (BEDRAIL_SESSION, or the session file), while that holds.

        A timer's standing order (BEDRAIL_ORDER, or the file that BEDRAIL_ORDER_FILE names) comes before either; raises
        `Refused` when it opens nothing, `Invalid` when the file cannot be read. Without `orders` it is not looked at.
        """
        if orders and (secret := order_secret()):
            from bedrail.governance.orders import principal_of

            digest = hashlib.sha256(secret.encode()).hexdigest()
            return principal_of(self.context.refresh(), digest, self.context.clock.now().timestamp())
        token = os.environ.get("BEDRAIL_SESSION") or self.session_file().read()
        return self.reception(context=self.context).recognise(token) if token else None

    def publishing(self, policy: Callable[[], str]) -> Publishing:
        """What sends checkpoints to witnesses; `policy` gives the digest of the witness policy in force."""
        from bedrail.wiring import continuity

        return continuity.publishing_of(self.context, policy)

    def package_signing(self) -> PackageSigning:
        """The key that signs packages for the OpenSSF tool, made at the first use."""
        from bedrail.keys.model_signing import PackageSigner

        return PackageSigner(self.home / "keys")

    def back_up(self, person: str, folder: Path, *, keys: bool, told: Callable[[str], None]) -> recovery.Manifest:
        """Copy the home into an empty folder while it goes on; see `journeys.recovery.back_up`."""
        from bedrail.journeys import recovery
        from bedrail.stores import copies

        return recovery.back_up(
            self.context,
            person,
            folder,
            copy_ledger=lambda target: copies.copy_store(self.store, target),
            copied_head=copies.copied_head,
            copy_database=copies.copy_database,
            keys=keys,
            told=told,
        )

    def collector(self, address: str) -> tuple[Send, FileCursor]:
        """How events are sent to a collector, and how far it has got; raises `Invalid` for no such address."""
        from bedrail.stores.cursors import FileCursor
        from bedrail.wire.forwarding import collector

        return collector(address, self.origin), FileCursor(self.home / "forwarding", address)

    def key_desk(self) -> KeyDesk:
        """The keys of this home, for whoever keeps them."""
        from bedrail.wiring.custody import key_desk

        return key_desk(self.home, self.keys, self.store)

    def close(self) -> None:
        """Write the last anchor and let go of files."""
        try:
            self.context.ledger.close()
        finally:
            self.desk.close()
            self.store.close()


def verify_exported(
    folder: Path,
    keys: LogKeys | None = None,
    *,
    level: Level = "L4",
    known: Sequence[tuple[str, bytes]] = (),
    jobs: int = 1,
    told: Told | None = None,
) -> VerificationReport:
    """Verify an audit bundle from its folder alone, a long one by `jobs` processes; no home is opened.

    `told` hears at what it is, how much is done, and of how much.
    """
    from bedrail.journeys.verifying import verify_exported_bundle

    return verify_exported_bundle(folder, VERIFIERS, keys=keys, known=known, level=level, jobs=jobs, told=told)


def verify_home(
    home: Path,
    pinned: LogKeys | None = None,
    *,
    level: Level = "L4",
    known: Sequence[tuple[str, bytes]] = (),
    jobs: int = 1,
    told: Told | None = None,
) -> VerificationReport:
    """Verify a home's ledger, views and records, also when the home refuses to open for work.

    A long ledger is hashed by `jobs` processes; they are spawned, so a script that asks for more than one guards its
    main part as `multiprocessing` wants it. `told` hears at what it is, how much is done, and of how much.
    """
    from bedrail.wiring.verifying import verify_folder

    _require_home(home)
    return verify_folder(home, pinned, level=level, known=known, jobs=jobs, told=told)


def check_proof_file(data: bytes, keys: LogKeys) -> Proven:
    """Check a `.tlog-proof` with the keys that somebody trusts; no home is opened. Raises `Corrupt`."""
    from bedrail.ledger.proof import check_proof, parse_proof

    return check_proof(parse_proof(data), keys, verify_ed25519, VERIFIERS)


def check_pack_folder(folder: Path, keys: LogKeys | None) -> Pack:
    """Check an evidence pack from its folder alone; no home is opened. Raises `Corrupt`."""
    from bedrail.ledger.pack import check_pack

    return check_pack(folder, VERIFIERS, keys=keys)


def create_home(home: Path, origin: str, *, store: str = "", anchor: Path | None = None) -> App:
    """Make an empty home: keys, store, folders; or finish one whose making was cut short before its first fact.

    `store` is the postgresql:// address of its database; empty for SQLite in the folder itself. `anchor` is the file of
    its rollback guard, when that is to lie elsewhere. Raises `Refused` when there is a home already, and `Corrupt` when
    there was one whose database is gone.
    """
    from bedrail.wiring import continuity

    continuity.require_not_lost(home)
    taken = Refused(f"{home} is a home already.", remedy="Choose another folder, or use it as it is.")
    if not (home / "keys").exists():
        if is_home(home):
            raise taken
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        choose_store(home, store)
        if anchor is not None:
            continuity.place_anchor(home, anchor)
        KeyFolder(home / "keys").create(origin)
    app = _assemble(home, SystemClock(), UlidMaker())
    if app.store.head().size or app.origin != origin:
        app.close()
        raise taken
    return app


def open_home(home: Path, *, busy_seconds: float = 5.0) -> App:
    """Open a home; raises `Invalid` with the remedy when there is none.

    `busy_seconds` is how long others that hold the database are waited for.
    """
    _require_home(home)
    app = _assemble(home, SystemClock(), UlidMaker(), busy_seconds=busy_seconds)
    app.context.refresh()
    return app


def restore_home(
    folder: Path,
    home: Path,
    *,
    person: str = "",
    keys: Path | None = None,
    anchor: Path | None = None,
    store: str = "",
    accept_loss: str = "",
    told: Callable[[str], None] = lambda _: None,
) -> restoring.Restored:
    """Put a home back from a backup; see `wiring.restoring.restore_home`."""
    from bedrail.wiring import restoring

    opened: list[App] = []

    def assembled(anchored_in: str) -> Context:
        opened.append(_assemble(home, SystemClock(), UlidMaker(), anchored_in=anchored_in))
        return opened[0].context

    sources = restoring.Sources(keys=keys, anchor=anchor, store=store)
    try:
        return restoring.restore_home(
            folder, home, sources, assembled, person=person, accept_loss=accept_loss, told=told
        )
    finally:
        for each in opened:
            each.close()


def renew_anchor(home: Path, person: str, reason: str) -> int:
    """Begin a new anchor where the old one is lost for good; see `wiring.continuity.renew_anchor`."""
    from bedrail.wiring import continuity

    _require_home(home)
    opened: list[App] = []

    def assembled(anchored_in: str) -> Context:
        opened.append(_assemble(home, SystemClock(), UlidMaker(), anchored_in=anchored_in))
        return opened[0].context

    store = open_store(home)
    try:
        return continuity.renew_anchor(home, partial(verify_home, home), lambda: store, assembled, person, reason)
    finally:
        store.close()
        for app in opened:
            app.close()


def stop_without_ledger(home: Path, person: str, target: str, reason: str) -> None:
    """Stop a use case (or `ALL`) of a home whose ledger cannot be opened: whoever can write into the home may.

    It is in force on every server of this home within a second, and comes on record when the ledger is back. Raises
    `Invalid` where there is no home, `Unavailable` when not even a file can be written.
    """
    from bedrail.journeys.stopping import new_stop

    if not (home / "keys").exists():
        _require_home(home)
    FileStops(home / STOPS).put(new_stop(SystemClock(), UlidMaker(), person, target, reason, verified=False))


def create_witness(folder: Path, name: str, *, post_quantum: bool = False) -> WitnessHouse:
    """Make a witness in a new or empty folder; it trusts no log yet. Raises `Refused` or `Invalid`."""
    from bedrail.wiring.witness import make_witness

    return make_witness(folder, name, SystemClock(), post_quantum=post_quantum)


def open_witness(folder: Path) -> WitnessHouse:
    """Open a witness; raises `NotFound` with the remedy when keys or memory are not there."""
    from bedrail.wiring.witness import witness_in

    return witness_in(folder, SystemClock())


def _require_home(home: Path) -> None:
    if not is_home(home):
        from bedrail.wiring import continuity

        continuity.require_not_lost(home)
        raise Invalid(
            f"{home} is no Bedrail home.", path="--home", remedy="bedrail init makes one; or set BEDRAIL_HOME."
        )


def _carrier() -> Callable[[bytes], bool] | None:
    url = environment_default("BEDRAIL_NOTICE_URL")
    if not url:
        return None
    from bedrail.wire.webhook import post

    return partial(post, url)


def _assemble(home: Path, clock: Clock, ids: Ids, *, busy_seconds: float = 5.0, anchored_in: str = ANCHOR) -> App:
    from bedrail.wiring import continuity
    from bedrail.wiring.custody import key_providers
    from bedrail.wiring.registries import registries_of
    from bedrail.wiring.vendors import vendors_of

    keys = KeyFolder(home / "keys").open()
    desk = SqliteAccounts(home / ACCOUNTS, busy_seconds=busy_seconds)
    store = open_store(home, busy_seconds=busy_seconds)
    providers = key_providers(home)
    vault = keys.vault(load=store.newest_key, find=store.find_key, keyring=keys.epochs(providers.find))
    signer = keys.signer("ledger")
    publisher = Publisher(signer, keys.second_signer, lambda: int(clock.now().timestamp()), keys.signers)
    place = continuity.anchor_place(home) if anchored_in == ANCHOR else home / anchored_in
    anchor = PublishedAnchor(FileAnchor(place), publisher)
    ledger = Ledger(store, signer, keys.origin, anchor, keyring=keys)
    context = Context(
        home=home,
        clock=clock,
        ids=ids,
        ledger=ledger,
        publisher=publisher,
        anchor=anchor,
        tape=store,
        records=store,
        views=store,
        vault=vault,
        files=SealedFiles(vault, store),
        pseudonyms=keys.pseudonyms(providers.find),
        artifacts=FileArtifacts(home / "artifacts"),
        stops=FileStops(home / STOPS),
        notices=Outbox(home / "outbox", _carrier()),
        signer=keys.signer("evidence"),
        verify=verify_ed25519,
        remote=vendors_of(home, store, clock),
        models_at=registries_of(home, store, clock, environment_default("BEDRAIL_MLFLOW_TOKEN")),
        node=socket.gethostname() or sys.platform,
        refused=desk,
    )
    continuity.gather_cosigned(context)
    return App(home=home, origin=keys.origin, keys=keys, store=store, context=context, desk=desk)
