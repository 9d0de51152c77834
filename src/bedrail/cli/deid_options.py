"""What the commands of `bedrail deid` share: key and project, jobs, failures, progress, the manifest and the summary.

@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@out_option
@run_options
def text(source: Path, out: Path, running: Running) -> int:
    with running.progress("notes") as told:
        done = run(Lines(source), running.out(out), TextWork(running.key().digest, ...), medium="text",
                   profile=..., told=told, **running.settings())
    return running.report(done, out)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from bedrail.cli.doors import CliState, cores, json_option, pass_state, show_json, show_table
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.privacy.keyed import Keyed
    from bedrail.privacy.streaming import OnError, Progress, Run
    from bedrail.wiring.deidentifying import RunKey

SHOWN_FAILURES = 20

out_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True,
    help="Where the de-identified output goes; - for standard output, once it is whole.",
)  # fmt: skip


class Settings(TypedDict):
    """What `privacy.streaming.run` takes from the command line."""

    project: str
    key_check: str
    jobs: int
    on_error: OnError
    resume: bool


@dataclass(slots=True)
class Running:
    """The shared options of one run, as given."""

    state: CliState
    project: str
    key_file: Path | None
    jobs: int
    on_error: OnError
    dry_run: bool
    resume: bool
    as_json: bool
    manifest: Path | None
    piped: bool = False
    _key: list[RunKey] = field(default_factory=list)

    def key(self) -> RunKey:
        """The key that this run decides by: the home's project, the file's, or one for this run only, which is said."""
        if not self._key:
            self._key.append(self._found())
            if self._key[0].origin == "run" and not self.dry_run:
                click.echo(
                    "A key for this run only: surrogates, pseudonyms and date shifts cannot be repeated later. "
                    "Keep one with --key-file.",
                    err=True,
                )
        return self._key[0]

    def _found(self) -> RunKey:
        from bedrail.app import DeidDesk

        if not self.at_home:
            return DeidDesk.run_key(self.project, self.key_file)
        context, actor = self.state.context(), self.state.actor()
        context.require(actor, "deid.run")
        known = self.project in context.registry.deidentification.projects
        if self.project and (known or self.key_file is None):
            return DeidDesk.home_key(self.state.app(), actor, self.project)
        return DeidDesk.run_key(self.project, self.key_file)

    @property
    def at_home(self) -> bool:
        """Whether a home was named (--home or BEDRAIL_HOME): then runs go on record there."""
        from bedrail.app import environment_default

        return bool(self.state.home or environment_default("BEDRAIL_HOME"))

    def keyed(self) -> Keyed:
        """Every choice that the key decides."""
        from bedrail.privacy.keyed import Keyed

        return Keyed(self.key().digest)

    def out(self, out: Path) -> Path | None:
        """Where to write: nowhere in a dry run."""
        return None if self.dry_run else out

    def settings(self) -> Settings:
        """For `privacy.streaming.run`. Under a key of this run alone nothing can be taken up later."""
        key = self.key()
        return Settings(
            project=self.project,
            key_check=key.check,
            jobs=self.jobs,
            on_error=self.on_error,
            resume=self.resume and key.origin != "run",
        )

    @contextmanager
    def progress(self, what: str = "records") -> Iterator[Callable[[Progress], None]]:
        """A bar on standard error while it is a terminal; nothing in pipes and logs."""
        import sys

        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(what, total=None)

            def told(step: Any) -> None:
                failed = f", {step.failed} failed" if step.failed else ""
                said = f"{step.records:,} {what}{failed}"
                bar.update(task, completed=step.read, total=step.total or None, description=said)

            yield told

    def report(self, done: Run, out: Path, *, more: dict[str, object] | None = None) -> int:
        """Write the manifest, say what was done (counts, never a value); returns 1 when records failed, else 0.

        `more` are a medium's own figures, for the summary and `--json`.
        """
        import msgspec

        path = self.manifest or out.with_name(f"{out.name}.manifest.json")
        if self.manifest is not None or not (self.dry_run or self.piped):
            from bedrail.app import write_paper

            write_paper(path, msgspec.json.format(msgspec.json.encode(done.manifest), indent=2) + b"\n")
        if self.at_home and not self.dry_run:
            self._record(done)
        if self.as_json:
            failures = [msgspec.to_builtins(each) for each in done.failures]
            manifest = msgspec.to_builtins(done.manifest)
            show_json({**manifest, "failures": failures, "dry_run": self.dry_run, **(more or {})})
        else:
            self._say(done, out, path, more or {})
        return 1 if done.manifest.failed else 0

    def _record(self, done: Run) -> None:
        from bedrail.app import DeidDesk
        from bedrail.journeys.deidentifying import record_run

        app = self.state.app()
        if self.key().origin == "home":
            DeidDesk.project_keys(app).settle(self.project)
        record_run(self.state.context(), self.state.actor(), done.manifest)

    def _say(self, done: Run, out: Path, path: Path, more: dict[str, object]) -> None:
        manifest = done.manifest
        for failure in done.failures[:SHOWN_FAILURES]:
            where = failure.place or f"record {failure.number}"
            click.echo(f"  {where}: {failure.message} {failure.remedy}".rstrip(), err=True)
        if manifest.failed > SHOWN_FAILURES:
            click.echo(f"  and {manifest.failed - SHOWN_FAILURES} more (--json lists them)", err=True)
        rows = [(each.place, each.action, f"{each.count:,}", each.rule) for each in manifest.handled]
        if rows:
            show_table("", ("Where", "What", "How often", "Rule"), rows)
        went_on = f", {done.resumed:,} of them by a run that was interrupted" if done.resumed else ""
        failed = f"; {manifest.failed:,} failed and are not in the output" if manifest.failed else ""
        for name, value in more.items():
            click.echo(f"{name}: {value}")
        click.echo(f"{manifest.records:,} records{went_on}{failed}.")
        click.echo("Dry run: nothing was written." if self.dry_run else self._written(out, path))

    def _written(self, out: Path, path: Path) -> str:
        if not self.piped:
            return f"Written: {out}, and its manifest {path}"
        return f"Written: standard output, {self.manifest or 'without a manifest (--manifest FILE)'}"


def run_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the shared options, as one argument `running`."""

    @wraps(command)
    def with_running(state: CliState, *args: Any, **given: Any) -> int:
        names = ("project", "key_file", "jobs", "on_error", "dry_run", "resume", "as_json", "manifest")
        chosen = {name: given.pop(name) for name in names}
        chosen["jobs"] = chosen["jobs"] or cores()
        if chosen["project"] and not chosen["project"].isprintable():
            raise Invalid("this names no project.", path="--project", remedy="Letters, digits and dashes.")
        running = Running(state=state, **chosen)
        if str(given.get("out")) == "-":
            return _piped(command, running, args, given)
        return command(*args, running=running, **given)

    for option in reversed(_OPTIONS):
        with_running = option(with_running)
    return pass_state(with_running)


def _piped(command: Callable[..., int], running: Running, args: tuple[Any, ...], given: dict[str, Any]) -> int:
    """Run to a file of this account's alone, then copy it to standard output: whole, or nothing of it.

    What is said of the run goes to standard error. Nothing can be taken up later. Raises `Invalid` for folders.
    """
    import shutil
    import sys
    from contextlib import redirect_stdout
    from tempfile import TemporaryDirectory

    folder = Invalid("a folder cannot go to standard output.", path="--out", remedy="Name a folder.")
    if any(isinstance(value, Path) and value.is_dir() for value in (*args, *given.values())):
        raise folder
    running.piped, running.resume = True, False
    stdout = sys.stdout
    with TemporaryDirectory(prefix="bedrail-") as place:
        out = Path(place) / "out"
        with redirect_stdout(sys.stderr):
            code = command(*args, running=running, **{**given, "out": out})
        if out.is_dir():
            raise folder
        if out.exists():
            stdout.flush()
            if (binary := getattr(stdout, "buffer", None)) is None:  # a stream of text in the place of the real one
                stdout.write(out.read_text(encoding="utf-8"))
                return code
            with out.open("rb") as made:
                shutil.copyfileobj(made, binary)
            binary.flush()
    return code


_OPTIONS = (
    click.option("--project", default="", metavar="NAME", help="Each project has pseudonyms of its own."),
    click.option(
        "--key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The key of pseudonyms, surrogates and date shifts; made at the first use. Keep it apart from the data.",
    ),
    click.option("--jobs", type=click.IntRange(0, 256), default=0, help="Processes; all cores unless said."),
    click.option(
        "--on-error", type=click.Choice(["stop", "skip"]), default="stop", show_default=True,
        help="A record that cannot be handled stops the run, or is left out and listed.",
    ),
    click.option("--dry-run", is_flag=True, help="Do everything but write the output."),
    click.option("--resume/--no-resume", default=True, help="Go on where an interrupted run was (the default)."),
    click.option("--manifest", type=click.Path(path_type=Path, dir_okay=False), help="OUT.manifest.json unless said."),
    json_option,
)  # fmt: skip
