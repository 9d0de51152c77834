"""A real PostgreSQL for tests and benches: one throw-away server, started when first asked for, loopback only.

`server()` gives the one of this process (ended at exit); `Server` can also be started by hand, killed and started
again. fsync stays on: what survives a kill here is what survives one in a hospital.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import throwaway

USER = "bedrail"
_SCHEMAS = count()


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, newest version first; None when PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


def _as_owner() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then everything of it belongs to, and runs as, the user `postgres`."""
    if os.geteuid() != 0:
        return {}
    owner = pwd.getpwnam("postgres")
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


@dataclass
class Server:
    """One cluster in one folder, listening on a loopback port; any local user is let in (nothing of it is secret)."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def address(self, schema: str = "", database: str = "postgres") -> str:
        """The address of a database, in a schema of one's own when one is named."""
        options = f"?options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}{options}"

    def start(self, **settings: str) -> Server:
        """Start (or start again, recovering as after a crash) and wait until it answers."""
        bin_folder = binaries()
        assert bin_folder is not None
        fixed = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        small = {"shared_buffers": "64MB", "max_connections": "80", "log_min_messages": "fatal"}
        words = [word for name, value in (fixed | small | settings).items() for word in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [str(bin_folder / "postgres"), "-D", str(self.folder / "data"), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_as_owner(),  # type: ignore[call-overload]
            )
        self.wait()
        return self

    def wait(self) -> None:
        """Until a connection succeeds, for a minute at most."""
        import psycopg

        for _ in range(6000):
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.address(), connect_timeout=5).close()
                return
            time.sleep(0.01)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """SIGKILL to the postmaster and every process of it at once, as when the machine's power is pulled."""
        assert self.process is not None
        everyone = [self.process.pid, *self.backends()]
        for process in everyone:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()
        self._await_ends(everyone[1:])

    def kill_backend(self) -> int:
        """SIGKILL to one backend: the postmaster ends all others and recovers. Returns how many there were."""
        there = self.backends()
        if there:
            with suppress(ProcessLookupError):
                os.kill(there[-1], signal.SIGKILL)
        return len(there)

    def backends(self) -> list[int]:
        """Process ids of the postmaster's children, newest last."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in tasks.read_text().split()] if tasks.exists() else []

    def stop(self) -> None:
        """A fast shutdown, whatever is connected."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def schema(self) -> str:
        """The address of a fresh schema."""
        import psycopg

        name = f"s{os.getpid()}_{next(_SCHEMAS)}"
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return self.address(name)

    def _await_ends(self, processes: list[int]) -> None:
        """Orphans of a killed postmaster hold its shared memory until they are gone."""
        for _ in range(2000):
            if not any(_alive(process) for process in processes):
                return
            time.sleep(0.005)


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def made() -> Server:
    """A new cluster, not yet started, in a folder of its own under the system's temporary one."""
    bin_folder = binaries()
    assert bin_folder is not None, "PostgreSQL is not installed: tests/servers/install.sh"
    folder = throwaway.folder("postgres")
    owner = _as_owner()
    if owner:
        os.chown(folder, owner["user"], owner["group"])  # type: ignore[arg-type]
    words = ["-D", str(folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(
        [str(bin_folder / "initdb"), *words],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **owner,  # type: ignore[call-overload]
    )
    return Server(folder, free_port())


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_shared: list[Server] = []


def server() -> Server:
    """The one server of this process, started at the first call and removed when the process ends."""
    if not _shared:
        new = made()
        atexit.register(new.remove)
        _shared.append(new.start())
    return _shared[0]


@contextmanager
def own_server(**settings: str) -> Iterator[Server]:
    """A server for one's own use, to be killed and restarted."""
    new = made()
    try:
        yield new.start(**settings)
    finally:
        new.remove()
