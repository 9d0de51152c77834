"""deid review, leak-rate, learn: a person reads notes, and what they say counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, plain, show_json

if TYPE_CHECKING:
    from bedrail.privacy.keyed import Keyed
    from bedrail.privacy.text.corrections import Corrections, Reviewed
    from bedrail.privacy.text.review import Reading, Shown

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW = click.Path(path_type=Path, dir_okay=False)

HELP = """\
  Enter        right as shown: the next note
  r N          mark N is no identifier
  l N LABEL    mark N is a LABEL
  m LABEL ...  these words are a LABEL, wherever they stand in this note
  u            undo what you said of this note
  o            show the note as it was written
  b            back to the note before
  s            skip this note: it does not count as read
  q            stop; what you have read is saved"""


@click.command()
@click.argument("output", type=FILE)
@click.option("--notes", type=FILE, required=True, help="The notes as they came.")
@click.option("--corrections", type=NEW, default=None, help="Where corrections go (OUTPUT.corrections.json).")
@click.option("--sample", type=click.IntRange(1), help="Read so many notes drawn at random: they speak for all.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the draw.")
@click.option("--riskiest", type=click.IntRange(1), help="Read so many notes of the highest risk: to find leaks.")
@click.option("--html", type=NEW, help="Write a page for a browser instead. It holds the notes as they came.")
def review(
    output: Path, notes: Path, corrections: Path | None, sample: int | None, seed: int, riskiest: int | None,
    html: Path | None,
) -> None:  # fmt: skip
    """Read de-identified notes beside the originals, and say what was missed or taken for nothing.

    In the terminal, or with --html on a page that loads and sends nothing. Corrections hold places and labels only.

    \b
    Example:
      bedrail deid review safe.jsonl --notes notes.jsonl --sample 300
      bedrail deid review safe.jsonl --notes notes.jsonl --riskiest 50 --html review.html
    """
    from bedrail.app import write_paper
    from bedrail.core.errors import Invalid
    from bedrail.privacy.text.review import joined, picked, read_output, shown
    from bedrail.privacy.text.review_page import review_page

    if sample and riskiest:
        raise Invalid("choose one way to pick notes.", path="--riskiest", remedy="Give --sample or --riskiest.")
    outputs = read_output(output)
    how, chosen = picked(outputs, sample=sample or 0, seed=seed, risky=riskiest or 0)
    pages = shown(chosen, notes)
    drawn_by = seed if how == "random" else 0
    if html is not None:
        write_paper(html, review_page(pages, picked=how, of=len(outputs), seed=drawn_by).encode())
        click.echo(f"Written: {html}. It holds the notes as they came: keep it like them, and delete it afterwards.")
        return
    path = corrections or output.with_name(f"{output.name}.corrections.json")
    before = _read(path) if path.exists() else None
    joined(before, {}, how, len(outputs), drawn_by)

    def save(said: dict[str | int, Reviewed]) -> Corrections:
        made = joined(before, said, how, len(outputs), drawn_by)
        _write(path, made)
        return made

    known = {one.id: one for one in before.notes} if before else {}
    left = [page for page in pages if page.id not in known]
    said = _read_all(left, len(pages) - len(left), len(pages), save)
    made = save(said)
    click.echo(f"{len(made.notes)} of {len(pages)} notes read. Corrections: {path}")
    if how != "riskiest" and made.notes:
        _say_rate(made, complete=len(made.notes) == len(pages))


def _read_all(pages: list[Shown], read: int, of: int, save: object) -> dict[str | int, Reviewed]:
    """Note after note until all are read or the reviewer stops; saved after each."""
    from bedrail.privacy.text.review import Reading

    said: dict[str | int, Reviewed] = {}
    at = 0
    while at < len(pages):
        reading = Reading(pages[at], said.get(pages[at].id))
        click.secho(f"\nNote {read + at + 1} of {of}, risk {pages[at].risk:.2f}", bold=True)
        step = _one(reading)
        if step == "stop":
            break
        if step == "next":
            said[pages[at].id] = reading.done()
            assert callable(save)
            save(said)
        at = max(0, at - 1) if step == "back" else at + 1
    return said


def _one(reading: Reading) -> str:
    """One note: show, ask, do, until its reviewer goes on (next, skip, back, stop)."""
    from bedrail.core.errors import Invalid

    show = True
    while True:
        if show:
            click.echo(_marked(reading))
        line = click.prompt("", default="", show_default=False, prompt_suffix="[Enter r l m u o b s q ?] ").strip()
        word, _, rest = line.partition(" ")
        ends = {"": "next", "a": "next", "n": "next", "b": "back", "s": "skip", "q": "stop"}
        if word in ends and not rest:
            return ends[word]
        try:
            show = _obey(reading, word, rest)
        except Invalid as error:
            click.secho(f"  {plain(error.message)} {error.remedy}", fg="red")
            show = False


def _obey(reading: Reading, word: str, rest: str) -> bool:
    """Do what was said of the note; whether to show it again."""
    if word == "r":
        for number in sorted({_number(n) for n in rest.replace(",", " ").split()} or {_number("")}, reverse=True):
            reading.reject(number)
    elif word == "l":
        which, _, label = rest.partition(" ")
        reading.relabel(_number(which), _label(label))
    elif word == "m":
        label, _, words = rest.partition(" ")
        if reading.mark(words.strip(), _label(label)) == 0:
            click.secho("  Those words stand nowhere here that is not marked already.", fg="red")
            return False
    elif word == "u":
        reading.undo()
    elif word == "o":
        click.echo(plain(reading.note.written))
        return False
    else:
        click.echo(HELP)
        return False
    return True


def _number(text: str) -> int:
    from bedrail.core.errors import Invalid

    if not text.isdigit():
        raise Invalid("which mark?", path="number", remedy="Such as: r 2")
    return int(text)


def _label(text: str) -> str:
    from bedrail.core.errors import Invalid
    from bedrail.privacy.values import LABELS

    label = text.strip().upper()
    if label not in LABELS:
        raise Invalid("there is no such label.", path="label", remedy=f"One of {' '.join(LABELS)}.")
    return label


def _marked(reading: Reading) -> str:
    """The note with its marks, numbered: [2 NAME 0.97|words]."""
    text, made, at = reading.note.original, [], 0
    for number, (mark, confidence) in enumerate(reading.marks(), 1):
        if mark.start < at:
            continue
        sure = "yours" if confidence is None else f"{confidence:.2f}"
        words = plain(text[mark.start : mark.end])
        made += [plain(text[at : mark.start]), click.style(f"[{number} {mark.label} {sure}|{words}]", reverse=True)]
        at = mark.end
    return "".join((*made, plain(text[at:])))


@click.command("leak-rate")
@click.argument("corrections", type=FILE)
@click.option(
    "--confidence", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True
)
@json_option
def leak_rate_command(corrections: Path, confidence: float, as_json: bool) -> None:
    """What a review of random notes says about all of them: the leak rate and its upper bound (Clopper and Pearson).

    \b
    Example: bedrail deid leak-rate safe.jsonl.corrections.json
    """
    from bedrail.privacy.text.corrections import rate_of

    rate = rate_of(_read(corrections), confidence)
    if as_json:
        show_json({"notes": rate.notes, "leaking": rate.leaking, "most": rate.most, "confidence": rate.confidence})
    else:
        click.echo(rate.said() + ".")


@click.command()
@click.argument("corrections", type=FILE, nargs=-1, required=True)
@click.option("--notes", type=FILE, required=True, help="The notes that were reviewed, as they came.")
@click.option("--lexicon", type=NEW, required=True, help="What the project has learned; made or added to.")
@click.option("--key-file", type=NEW, help="The project's key file, as `deid text` takes it.")
@click.option("--project", default="", metavar="NAME", help="The project, as `deid text` takes it.")
@click.option(
    "--training", type=NEW, help="Also write the reviewed notes with their gold spans. They hold identifiers."
)
@json_option
@pass_state
def learn(
    state: CliState, corrections: tuple[Path, ...], notes: Path, lexicon: Path, key_file: Path | None, project: str,
    training: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Learn from corrections: the next `bedrail deid text --lexicon FILE` finds what reviewers added in this project.

    The lexicon holds keyed digests of confirmed and rejected terms, and formats of numbers: no words, and nothing that
    can be tried without the project's key.

    \b
    Example:
      bedrail deid learn safe.jsonl.corrections.json --notes notes.jsonl --lexicon ward.lexicon --key-file project.key
    """
    import msgspec

    from bedrail.app import write_paper
    from bedrail.core.errors import Invalid
    from bedrail.privacy.text.lexicon import learn as learned
    from bedrail.privacy.text.lexicon import read_lexicon
    from bedrail.privacy.text.notes import read_notes

    keyed = _keyed(state, project, key_file)
    said = {one.id: one for path in corrections for one in _read(path).notes}
    pairs = [(note.text, said[note.id]) for _, note in read_notes(notes) if note.id in said]
    if len(pairs) < len(said):
        raise Invalid(
            "some reviewed notes are not there.", path=str(notes), remedy="Name the notes that were reviewed."
        )
    before = read_lexicon(lexicon.read_bytes(), str(lexicon)) if lexicon.exists() else None
    made = learned(pairs, keyed, before)
    write_paper(lexicon, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    if training is not None:
        rows: list[dict[str, object]] = [
            {"id": one.id, "text": text, "spans": one.final(), "neutral": []} for text, one in pairs
        ]
        write_paper(training, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    counts = {"notes": made.notes, "terms": len(made.terms), "rejected": len(made.wrong), "formats": len(made.shapes)}
    if as_json:
        show_json(counts)
        return
    click.echo(
        "Learned from {notes} notes: {terms} terms, {rejected} rejected ones, {formats} formats.".format(**counts)
    )
    click.echo(f"Written: {lexicon}. Use it with: bedrail deid text ... --lexicon {lexicon}")
    if training is not None:
        click.echo(f"Written: {training}. It holds the notes as they came: keep it like them.")


def _keyed(state: CliState, project: str, key_file: Path | None) -> Keyed:
    from bedrail.cli.deid_options import Running
    from bedrail.core.errors import Invalid

    running = Running(
        state=state, project=project, key_file=key_file, jobs=1, on_error="stop", dry_run=True, resume=False,
        as_json=False, manifest=None,
    )  # fmt: skip
    if running.key().origin == "run":
        remedy = "Name the key file (or the home and project) that `deid text` will run under."
        raise Invalid("a lexicon belongs to a key that is kept.", path="--key-file", remedy=remedy)
    return running.keyed()


def _read(path: Path) -> Corrections:
    from bedrail.privacy.text.corrections import read_corrections

    return read_corrections(path.read_bytes(), str(path))


def _write(path: Path, corrections: Corrections) -> None:
    import msgspec

    from bedrail.app import write_paper

    write_paper(path, msgspec.json.encode(corrections) + b"\n")


def _say_rate(corrections: Corrections, *, complete: bool) -> None:
    from bedrail.privacy.text.corrections import rate_of

    if complete:
        click.echo(rate_of(corrections).said() + ".")
    else:
        click.echo("The rest of the sample must be read before it speaks for all notes; the same command goes on.")
