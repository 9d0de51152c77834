"""The work on files of FHIR, for the harness of all media; and a folder of an export, file by file, as one run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.ports import KeyedDigest
from bedrail.privacy.fhir.configuration import Configuration, read_configuration, read_profile
from bedrail.privacy.fhir.deidentifier import Deidentifier
from bedrail.privacy.fhir.files import Document, files_in, meet_people, places_of, safe_name, said_at, source_of
from bedrail.privacy.fhir.reading import read, written
from bedrail.privacy.fhir.subjects import People
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.sources import Chunk, text_lines
from bedrail.privacy.streaming import Progress, Run, quiet, run
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.text.values import Mode
from bedrail.privacy.treating import Handle, Tally
from bedrail.privacy.values import Handled, Manifest
from bedrail.privacy.wording import Wording

MEDIUM = "fhir"


@dataclass(frozen=True, slots=True)
class FhirWork:
    """`privacy.streaming.Work` over resources: one line (or document) in, one out.

    `profile` names a shipped profile, or `config` holds a configuration as JSON text. `dates` and `text` override what
    it says. `people` are the patients of the whole input.
    """

    digest: KeyedDigest
    this_year: int
    profile: str = "safe-harbor"
    config: str = ""
    dates: str = ""
    text: str = ""
    words: TextRules = field(default_factory=lambda: TextRules(method="mask", profile="safe-harbor"))
    mode: Mode = "full"
    subject_by: str = "id"
    hashed: Callable[[str], str] | None = None
    people: People | None = None
    scope: str = ""
    document: bool = False

    def rules(self) -> Configuration:
        """The configuration in force; raises `Invalid`."""
        chosen = {"dates": self.dates, "text": self.text}
        return read_configuration(self.config, **chosen) if self.config else read_profile(self.profile, **chosen)

    def deidentifier(self) -> Deidentifier:
        """One de-identifier, with the text engine if the rules want it."""
        rules, keyed = self.rules(), Keyed(self.digest)
        words = Wording(keyed, self.words, self.mode) if wants_text(rules) else None
        return Deidentifier(
            rules, keyed, this_year=self.this_year, words=words, hashed=self.hashed, people=self.people,
            subject_by=self.subject_by, scope=self.scope,
        )  # fmt: skip

    def open(self) -> Handle:
        """Compiles rules and loads the detector, once in each process."""
        made = self.deidentifier()
        skips = not made.rules.raises

        def handle(chunk: Chunk, tally: Tally) -> bytes:
            out = []
            records = [(1, chunk.data)] if self.document else text_lines(chunk)
            for number, line in records:
                try:
                    out.append(written(made.resource(read(line))) + b"\n")
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 (whatever a record provokes is that record's failure)
                    if skips:
                        tally.handled("(resource)", "left out", "processingErrors")
                        continue
                    tally.fail(number, error)
                    continue
                tally.done()
            for place, action, rule, count in made.counts():
                tally.handled(place, action, rule, count)
            return b"".join(out)

        return handle

    def digest_of_all(self) -> str:
        """The digest of everything but the key that decides the output."""
        parts: tuple[Any, ...] = (self.rules().digest, self.profile, self.dates, self.text, self.words, self.mode)
        parts = (*parts, self.subject_by, self.this_year, self.scope, version("bedrail"))
        return sha256(msgspec.json.encode(parts)).hexdigest()


def wants_text(rules: Configuration) -> bool:
    """Whether free text is cleaned rather than removed, or kept."""
    methods = {rule.method for rule in rules.rules}
    return rules.text == "deidentify" and bool(methods & {"text", "narrative", "attachment"})


def wants_people(rules: Configuration) -> bool:
    """Whether it matters whose record a resource is."""
    return rules.own or rules.shift_scope == "patient" or wants_text(rules)


def deidentify_path(
    path: Path,
    out: Path | None,
    work: FhirWork,
    *,
    told: Callable[[Progress], None] = quiet,
    **settings: Any,
) -> Run:
    """De-identify a file into a file, or an export's folder into a new folder; None writes nothing.

    `settings` are those of `privacy.streaming.run`. Raises what that raises.
    """
    if not path.is_dir():
        return _file(path, out, _met([path], work), told=told, **settings)
    paths = files_in(path)
    places = places_of(path, paths, Keyed(work.digest))
    try:
        done = _folder(path, paths, out, _met(paths, work), told=told, **settings)
    except Invalid as error:
        raise type(error)(error.message, path=said_at(error.path, places), remedy=error.remedy) from None
    failures = tuple(msgspec.structs.replace(each, place=said_at(each.place, places)) for each in done.failures)
    return msgspec.structs.replace(done, failures=failures)


def _met(paths: list[Path], work: FhirWork) -> FhirWork:
    """The work, told whose records the files are, where that matters."""
    return _with(work, people=meet_people(paths, People(work.subject_by))) if wants_people(work.rules()) else work


def _with(work: FhirWork, **changed: Any) -> FhirWork:
    return FhirWork(**{name: changed.get(name, getattr(work, name)) for name in FhirWork.__slots__})


def _file(path: Path, out: Path | None, work: FhirWork, **settings: Any) -> Run:
    source = source_of(path)
    scope = {"file": path.name, "folder": path.parent.name}.get(work.rules().shift_scope, "")
    work = _with(work, document=isinstance(source, Document), scope=scope)
    return run(source, out, work, medium=MEDIUM, profile=work.digest_of_all(), **settings)


def _folder(folder: Path, paths: list[Path], out: Path | None, work: FhirWork, **settings: Any) -> Run:
    """Each file by itself, into a folder beside the output that takes its name when all are done."""
    if out is None:
        return _together([_file(path, None, work, **settings) for path in paths])
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Invalid("it is there already.", path=str(out), remedy="Name a new folder.")
    if out.resolve().is_relative_to(folder.resolve()):
        raise Invalid("it lies in the input.", path=str(out), remedy="Name a folder beside it.")
    meanwhile = out.with_name(f".{out.name}.bedrail-partial")
    journal = meanwhile / ".done"
    keyed = Keyed(work.digest)
    try:
        journal.mkdir(mode=0o700, parents=True, exist_ok=True)
        meanwhile.chmod(0o700)
        done = []
        for number, path in enumerate(paths):
            inner = path.relative_to(folder)
            target = meanwhile / _safe_folder(inner.parent, keyed) / safe_name(inner, keyed)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            done.append(_once(path, target, journal / f"{number}.json", work, **settings))
        shutil.rmtree(journal)
        if out.exists():
            out.rmdir()
        meanwhile.replace(out)
    except Invalid:
        shutil.rmtree(meanwhile, ignore_errors=True)
        raise
    except OSError as error:
        raise Unavailable(f"{out} cannot be written.", remedy="Check space and permissions; run it again.") from error
    return _together(done)


def _safe_folder(folder: Path, keyed: Keyed) -> str:
    return "" if folder == Path() else keyed.pseudonym("file", folder.as_posix())


def _once(path: Path, target: Path, note: Path, work: FhirWork, **settings: Any) -> Run:
    """A file's run; or what an earlier run made of it, under the same rules, key and input."""
    stat = path.stat()
    said = (work.digest_of_all(), settings.get("key_check"), settings.get("on_error"), stat.st_size, stat.st_mtime_ns)
    identity = sha256(repr(said).encode()).hexdigest()
    if settings.get("resume", True) and note.is_file() and target.is_file():
        kept = msgspec.json.decode(note.read_bytes(), type=_Done)
        if kept.identity == identity:
            return Run(manifest=kept.run.manifest, failures=kept.run.failures, resumed=kept.run.manifest.records)
    made = _file(path, target, work, **settings)
    note.write_bytes(msgspec.json.encode(_Done(identity=identity, run=made)))
    return made


class _Done(msgspec.Struct, frozen=True):
    """A finished file of a folder."""

    identity: str
    run: Run


def _together(runs: list[Run]) -> Run:
    """One manifest for all files."""
    counts: dict[tuple[str, str, str], int] = {}
    for each in (handled for made in runs for handled in made.manifest.handled):
        key = (each.place, each.action, each.rule)
        counts[key] = counts.get(key, 0) + each.count
    first = runs[0].manifest
    manifest = Manifest(
        medium=MEDIUM,
        profile=first.profile,
        project=first.project,
        inputs=tuple(each for made in runs for each in made.manifest.inputs),
        outputs=tuple(each for made in runs for each in made.manifest.outputs),
        records=sum(made.manifest.records for made in runs),
        failed=sum(made.manifest.failed for made in runs),
        handled=tuple(Handled(place=p, action=a, rule=r, count=n) for (p, a, r), n in sorted(counts.items())),
        codes_counted=True,
    )
    failures = tuple(each for made in runs for each in made.failures)
    return Run(manifest=manifest, failures=failures[:1000], resumed=sum(made.resumed for made in runs))
