"""The stage on which the demo plays: commands run in this process, servers beside it, and a record of what happened."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from bedrail.core.errors import Unavailable

SHOWN_LINES = 14


@dataclass(slots=True)
class Ran:
    """A command that was run: its exit code and everything it printed."""

    code: int
    text: str


@dataclass(slots=True)
class Stage:
    """Runs commands as a person would, checks that they end as the story says, and keeps the figures."""

    home: Path
    started: float = field(default_factory=time.monotonic)
    figures: dict[str, Any] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self.processes:
            stop(process)

    def act(self, number: int, title: str) -> None:
        """Announce an act with the time that has passed."""
        click.echo()
        click.secho(f"[{time.monotonic() - self.started:5.1f} s]  {number}. {title}", bold=True, fg="cyan")

    def say(self, text: str) -> None:
        """One line of the story."""
        click.echo(f"  {text}")

    def run(self, *arguments: str, person: str = "", expect: int | None = 0, lines: int = SHOWN_LINES) -> Ran:
        """Run `bedrail ARGUMENTS` here; raises `Unavailable` unless it ends with `expect` (None: however)."""
        from bedrail.cli import main

        words = (["--as", person] if person else []) + list(arguments)
        click.secho(f"  $ bedrail {' '.join(_quoted(word) for word in words)}", fg="green")
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            try:
                main(["--home", str(self.home), *words])
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
        text = out.getvalue()
        shown = [line for line in text.splitlines() if line.strip()]
        for line in shown[:lines]:
            click.echo(f"    {line}")
        if len(shown) > lines:
            click.echo(f"    ... {len(shown) - lines} more lines")
        if expect is not None and code != expect:
            click.echo(text)
            raise Unavailable(f"the story broke: `{' '.join(words)}` ended with {code}, not {expect}.")
        return Ran(code, text)

    def check(self, claim: str, holds: bool) -> None:
        """State a claim and stop the story when it does not hold."""
        click.secho(f"  {'✓' if holds else '✗'} {claim}", fg="green" if holds else "red")
        if not holds:
            raise Unavailable(f"the story broke: {claim}")

    def start(self, command: list[str], port: int, log: Path) -> subprocess.Popen[bytes]:
        """Start a server and wait until it listens on loopback."""
        with log.open("ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)  # noqa: S603 (our own program)
        self.processes.append(process)
        for _ in range(1200):
            if process.poll() is not None:
                raise Unavailable(f"the server ended at once; see {log}.")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return process
            time.sleep(0.05)
        raise Unavailable(f"the server did not listen within a minute; see {log}.")

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        """`bedrail serve` as a process of its own."""
        click.secho(f"  $ bedrail serve --port {port} &", fg="green")
        command = [sys.executable, "-m", "bedrail", "--home", str(self.home), "serve", "--port", str(port)]
        return self.start(command, port, self.home.parent / "server.log")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to end, and wait."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
