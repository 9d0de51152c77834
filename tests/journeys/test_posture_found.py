"""Unsafe states made real in a real home: doctor finds each, and its mend clears it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedrail.app import App, make_lab_tls
from bedrail.core.events import Actor, DeploymentMoved, HeartBeat, ServedUnsafely, decode
from bedrail.core.events.continuity import WitnessesAdopted
from bedrail.core.events.delivery import CandidateAdmitted
from bedrail.core.events.governance import PersonAdded, TokenIssued, UseCaseOpened
from bedrail.core.events.identity import AccountOpened, CredentialEnrolled
from bedrail.core.events.oversight import ArtifactRefused
from bedrail.governance.posture import Finding
from bedrail.journeys.context import SYSTEM
from bedrail.stores.cosigned import CosignedStore
from bedrail.stores.postgres_connections import unverified_link
from bedrail.stores.surroundings import disk_of
from bedrail.wiring.continuity import COSIGNED
from bedrail.wiring.posture import find_faults
from small_home import bedrail, founded, opened, told


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = founded(tmp_path / "home")
    yield made
    made.close()


def faults(app: App, **door: object) -> dict[str, Finding]:
    """What is found, by check."""
    return {finding.check: finding for finding in find_faults(app.context, app.store, app.keys, **door)}


def test_nothing_dangerous_is_found_in_a_new_home(app: App) -> None:
    """So that the demo and every first day can serve on loopback."""
    assert [f for f in faults(app).values() if f.severity == "dangerous"] == []


@pytest.mark.parametrize(
    "path, mode, back",
    [(".", 0o750, 0o700), ("keys", 0o755, 0o700), ("keys/kek.key", 0o604, 0o600), ("ledger.sqlite", 0o644, 0o600)],
)
def test_what_others_can_read_is_named(app: App, path: str, mode: int, back: int) -> None:
    """The home, the key folder, a key, the database; chmod mends it."""
    (app.home / path).chmod(mode)
    assert str(app.home / path) in faults(app)["private-files"].what
    (app.home / path).chmod(back)
    assert "private-files" not in faults(app)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("postgresql://b@db.example/b", "with sslmode=prefer"),
        ("postgresql://b@db.example:5432/b?sslmode=require", "with sslmode=require"),
        ("postgresql://b@db.example,127.0.0.1/b?sslmode=verify-ca", "with sslmode=verify-ca"),
        ("postgresql://b@/b?host=10.0.0.7", "with sslmode=prefer"),
        ("postgresql://b@db.example/b?sslmode=verify-full", ""),
        ("postgresql://b@db.example/b?sslrootcert=system", ""),
        ("postgresql://b@127.0.0.1:5432/b", ""),
        ("postgresql://b@[::1]:5432/b", ""),
        ("postgresql://b@localhost/b", ""),
        ("postgresql://b@%2Fvar%2Frun%2Fpostgresql/b", ""),
        ("postgresql:///b?host=/run", ""),
        ("postgresql:///b", ""),
    ],
)
def test_a_database_elsewhere_without_verified_tls_is_found(
    address: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its address; sockets and loopback leave nothing to listen to; PGSSLMODE counts where the address is silent."""
    monkeypatch.delenv("PGSSLMODE", raising=False)
    assert unverified_link(address) == found
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert bool(unverified_link(address)) == ("sslmode" in address and bool(found))


@pytest.mark.parametrize("setting", ["synchronous = NORMAL", "synchronous = OFF"])
def test_weak_durability_is_found_on_the_live_connection(app: App, setting: str) -> None:
    """By SQLite's own answer."""
    assert "durability" not in faults(app)
    app.store._connections.writer.execute(f"PRAGMA {setting}")
    assert "synchronous = " in faults(app)["durability"].what
    app.store._connections.writer.execute("PRAGMA synchronous = FULL")
    assert "durability" not in faults(app)


def test_file_systems_are_told_by_the_kernels_table(tmp_path: Path) -> None:
    """A network mount above the path, the longest mount point counting; spaces are escaped there."""
    mounts = tmp_path / "mountinfo"
    deep = tmp_path / "a b" / "home"
    deep.mkdir(parents=True)
    escaped = str(tmp_path / "a b").replace(" ", "\\040")
    mounts.write_text(
        "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"21 20 0:40 / {escaped} rw shared:1 - nfs4 server:/export rw\n"
        f"22 20 0:41 / {tmp_path}/a rw - tmpfs none rw\n"
        "broken line\n"
    )
    assert disk_of(deep, mounts).kind == "nfs4"
    assert disk_of(tmp_path, mounts).kind == "ext4"
    assert disk_of(deep / "not" / "yet", mounts).kind == "nfs4"
    assert disk_of(deep, tmp_path / "none").kind == ""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no file system in memory here")
def test_a_home_in_memory_is_found(tmp_path: Path) -> None:
    """On a real tmpfs."""
    folder = Path("/dev/shm") / f"bedrail-{os.getpid()}-{tmp_path.name}"
    try:
        made = founded(folder / "home")
        assert "tmpfs" in faults(made)["volatile-disk"].what
        made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_an_anchor_on_another_disk_is_apart(app: App, tmp_path: Path) -> None:
    """On the same one it is not."""
    assert "anchor-apart" in faults(app)
    other = Path("/dev/shm")
    if other.is_dir() and other.stat().st_dev != tmp_path.stat().st_dev:
        place = other / f"anchor-{os.getpid()}-{tmp_path.name}"
        try:
            shutil.copy(app.home / "anchor" / "checkpoint", place)
            (app.home / "anchor" / "place").write_text(f"{place}\n")
            assert "anchor-apart" not in faults(app)
        finally:
            place.unlink(missing_ok=True)


def test_a_backup_clears_what_its_lack_said(app: App, tmp_path: Path) -> None:
    """Never taken; then taken."""
    assert "ever" in faults(app)["backup"].what
    app.back_up("olivia", tmp_path / "backup", keys=False, told=lambda _: None)
    assert "backup" not in faults(app)


def test_a_clock_behind_the_ledger_is_dangerous(app: App) -> None:
    """An entry of the future, written by the same home under another clock."""
    clock = app.context.clock

    class Ahead:
        def now(self) -> datetime:
            return clock.now() + timedelta(minutes=10)

        def monotonic(self) -> float:
            return clock.monotonic()

    app.context.clock = Ahead()
    app.context.append(SYSTEM, "safety", HeartBeat(size=1))
    app.context.clock = clock
    found = faults(app)["clock-behind"]
    assert found.severity == "dangerous"
    app.context.clock = Ahead()
    assert "clock-behind" not in faults(app)


@pytest.mark.parametrize("name, check", [("SSLKEYLOGFILE", "key-log"), ("PYTHONINSPECT", "debug-environment")])
def test_debugging_aids_are_found(app: App, monkeypatch: pytest.MonkeyPatch, name: str, check: str) -> None:
    """In this very environment."""
    monkeypatch.delenv(name, raising=False)
    assert check not in faults(app)
    monkeypatch.setenv(name, "/tmp/x")
    assert name in faults(app)[check].what


def test_core_dumps_are_found(app: App) -> None:
    """By the process's own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        assert "core-dumps" not in faults(app)
        if hard != 0:
            resource.setrlimit(resource.RLIMIT_CORE, (4096, hard))
            assert "core-dumps" in faults(app)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_doors_without_tls_and_old_certificates_are_found(app: App, tmp_path: Path) -> None:
    """Loopback may speak plainly; a certificate of the lab, ten days to go, is a warning."""
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        assert "tls" not in faults(app, host=host)
    for host in ("0.0.0.0", "::", "10.0.0.1", "bedrail.hospital.example"):
        assert faults(app, host=host)["tls"].severity == "dangerous"
    make_lab_tls(tmp_path / "lab", ("localhost",), (), 10)
    found = faults(app, host="0.0.0.0", certificate=tmp_path / "lab" / "server.pem")
    assert {"tls", "certificate-expired"}.isdisjoint(found)
    assert found["certificate-ending"].severity == "warning"
    assert "mutual-tls" in found
    clock = app.context.clock

    class Later:
        def now(self) -> datetime:
            return clock.now() + timedelta(days=11)

        def monotonic(self) -> float:
            return clock.monotonic()

    app.context.clock = Later()
    later = faults(app, host="0.0.0.0", certificate=tmp_path / "lab" / "server.pem", mutual=True)
    assert later["certificate-expired"].severity == "dangerous"
    assert "mutual-tls" not in later


@pytest.mark.parametrize("pin, default", [("1234", True), ("12345678", True), ("ChangeMe", True), ("k3-Xq9!rw", False)])
def test_default_pins_are_found(app: App, monkeypatch: pytest.MonkeyPatch, pin: str, default: bool) -> None:
    """Where the settings say that the PIN stands; the PIN itself is not repeated."""
    settings = '[providers.hsm]\nkind = "pkcs11"\nmodule = "/m.so"\ntoken = "t"\nkey = "k"\npin = "env:HSM_PIN"\n'
    (app.home / "keys.toml").write_text(settings)
    (app.home / "keys.toml").chmod(0o600)
    monkeypatch.setenv("HSM_PIN", pin)
    found = faults(app)
    assert ("default-secret" in found) == default
    assert pin not in " ".join(each.what for each in found.values())
    (app.home / "keys.toml").write_text("nonsense")
    assert faults(app)["keys-readable"].severity == "dangerous"


def _token(days: float) -> Callable[[App], None]:
    def issue(app: App) -> None:
        expires = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        app.context.append(
            SYSTEM, "security", TokenIssued(token="t", use_case="u", sha256="0" * 64, client="ehr", expires=expires)
        )

    return issue


@pytest.mark.parametrize("check, make", [("long-tokens", _token(900)), ("ended-tokens", _token(-1))])
def test_tokens_without_end_and_ended_ones_are_found(app: App, check: str, make: Callable[[App], None]) -> None:
    """By the ledger."""
    assert check not in faults(app)
    make(app)
    assert check in faults(app)


def test_what_serves_without_approval_or_with_refused_bytes_is_found(app: App) -> None:
    """By the ledger's facts about the deployment."""
    ago = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    app.context.append(
        SYSTEM,
        "governance",
        UseCaseOpened(use_case="u", title="t", tier="low", mode="inform", owner="olivia", charter="c" * 64),
        CandidateAdmitted(
            candidate="a" * 64,
            use_case="u",
            name="n",
            kind="linear",
            origin="o",
            dataset="",
            author="x",
            signature="00",
        ),
        DeploymentMoved(
            use_case="u", candidate="a" * 64, from_stage="none", to_stage="pilot", sites=(), share=1000, until=ago
        ),
        ArtifactRefused(digest="a" * 64, kind="package", reason="bytes differ"),
    )
    found = faults(app)
    assert "2.0 days ago" in found["approval-ended"].what
    assert "bytes differ" in found["refused-package"].what


def test_no_witness_and_late_witnesses_are_found(app: App) -> None:
    """None adopted; adopted and silent; cosigned long ago; cosigned now."""
    assert "witness" in faults(app)
    app.context.append(SYSTEM, "governance", WitnessesAdopted(policy="0" * 64))
    found = faults(app)
    assert "witness" not in found
    assert "nothing yet" in found["witness-late"].what
    kept, now = CosignedStore(app.home / COSIGNED), int(app.context.clock.now().timestamp())
    kept.keep(app.origin, now - 3 * 86_400, 1, b"note", met=True)
    assert "3.0 days" in faults(app)["witness-late"].what
    kept.keep(app.origin, now, 2, b"note", met=False)
    assert "witness-late" in faults(app)
    kept.keep(app.origin, now, 3, b"note", met=True)
    kept.close()
    assert "witness-late" not in faults(app)


def test_believed_names_and_missing_second_factors_are_found(app: App) -> None:
    """Before the first account; an owner with a password alone; with a passkey besides."""
    assert "sign-in" in faults(app)
    password = CredentialEnrolled(credential="c1", kind="password", label="", person="olivia")
    app.context.append(SYSTEM, "security", AccountOpened(person="olivia"), password)
    found = faults(app)
    assert "sign-in" not in found
    assert "olivia" in found["second-factor"].what
    passkey = CredentialEnrolled(credential="c2", kind="passkey", label="key", person="olivia")
    app.context.append(SYSTEM, "security", passkey)
    assert "second-factor" not in faults(app)


def test_roles_in_both_hands_and_a_lone_owner_are_found(app: App) -> None:
    """By the people and their roles."""
    assert {"one-owner"} <= set(faults(app))
    assert "roles-apart" not in faults(app)
    app.context.append(
        SYSTEM, "governance", PersonAdded(person="max", name="max", roles=("data-scientist", "privacy-officer"))
    )
    assert "max" in faults(app)["roles-apart"].what
    app.context.append(SYSTEM, "governance", PersonAdded(person="max", name="max", roles=("owner",)))
    assert {"roles-apart", "one-owner"}.isdisjoint(faults(app))


def test_a_key_folder_apart_and_a_second_signature_are_seen(app: App) -> None:
    """The key-encryption key beside the data; the ledger's post-quantum key, taken away."""
    found = faults(app)
    assert "key-beside-data" in found
    assert "second-signature" not in found
    (app.home / "keys" / "ledger-mldsa.key").rename(app.home / "aside")
    assert "second-signature" in faults(app)
    (app.home / "aside").rename(app.home / "keys" / "ledger-mldsa.key")
    assert "second-signature" not in faults(app)


def test_doctor_tells_and_exits_by_the_danger(app: App) -> None:
    """0 without a dangerous finding, 1 with one, 1 for warnings when strict; the same in JSON."""
    home = app.home
    app.close()
    assert told("doctor", "--json", home=home).code == 0
    assert told("doctor", "--strict", home=home).code == 1
    ran = told("doctor", "--host", "0.0.0.0", "--json", home=home)
    assert ran.code == 1
    assert json.loads(ran.out)[0] | {"mend": ""} == {
        "check": "tls",
        "severity": "dangerous",
        "what": "0.0.0.0:8080 would be served without TLS",
        "mend": "",
    }
    (home / "ledger.sqlite").chmod(0o644)
    assert told("doctor", home=home).code == 1


@pytest.mark.slow
def test_serve_refuses_what_is_dangerous(app: App, tmp_path: Path) -> None:
    """With every reason; nothing listens, and nothing is on record."""
    home = app.home
    app.close()
    ran = bedrail("serve", "--host", "0.0.0.0", "--port", "1", home=home)
    assert ran.code == 1
    assert "not safe to serve" in ran.err
    assert "without TLS" in ran.err
    with opened(home) as again:
        assert again.context.registry.unsafe == ()


@pytest.mark.slow
def test_an_unsafe_start_is_on_record_and_for_two_roles(app: App) -> None:
    """Before anything listens: the port is taken here, so the server itself ends at once."""
    home = app.home
    app.close()
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        unsafe = ("serve", "--host", "0.0.0.0", "--port", str(taken.getsockname()[1]), "--unsafe-lab")
        assert bedrail("--as", "rob", *unsafe, home=home).code == 1
        ran = bedrail("--as", "olivia", *unsafe, home=home)
        assert "UNSAFE" in ran.err
    with opened(home) as again:
        (fact,) = again.context.registry.unsafe
        assert fact.findings == ("tls",)
        entries = [decode(data) for _, data in again.store.registry_entries(0)]
        (entry,) = [entry for entry in entries if isinstance(entry.fact, ServedUnsafely)]
        assert entry.actor == Actor(auth=entry.actor.auth, id="olivia", kind="person")
        assert "unsafe-start" in faults(again)


@pytest.mark.slow
def test_the_servers_own_program_refuses_too(app: App) -> None:
    """Whoever starts it without `bedrail serve` does not get around the refusal; nothing is recorded."""
    home = app.home
    app.close()
    command = [sys.executable, "-m", "bedrail.web", "--home", str(home), "--host", "0.0.0.0", "--port", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "not served, since dangerous: tls" in ran.stderr
    with opened(home) as again:
        assert again.context.registry.unsafe == ()


@pytest.mark.slow
def test_the_servers_own_program_records_an_unsafe_start_as_serve_does(app: App) -> None:
    """By hand with `--unsafe CHECK`: under a person who may and before anything listens; for all others it ends."""
    home = app.home
    app.close()
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        words = ["--home", str(home), "--host", "0.0.0.0", "--port", str(taken.getsockname()[1]), "--unsafe", "tls"]
        command = [sys.executable, "-m", "bedrail.web", *words]
        other = subprocess.run([*command, "--as", "rob"], capture_output=True, text=True, check=False)
        assert (other.returncode, "Traceback" in other.stderr) == (1, False)
        assert "works here" in other.stderr or "not permitted" in other.stderr
        subprocess.run([*command, "--as", "olivia"], capture_output=True, text=True, check=False)
    with opened(home) as again:
        entries = [decode(data) for _, data in again.store.registry_entries(0)]
        told = [(e.actor.id, e.fact.findings, e.fact.host) for e in entries if isinstance(e.fact, ServedUnsafely)]
        assert told == [("olivia", ("tls",), "0.0.0.0")]
