"""deid evaluate: how well identifiers in notes are found, measured on a corpus with gold spans."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bedrail.privacy.text.scoring import Missed, Score, Share
    from bedrail.privacy.text.values import Mode


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--language", default="en", show_default=True, help="en, es or de.")
@click.option("--mode", type=click.Choice(["full", "rules"]), default="full", show_default=True)
@click.option("--origins", is_flag=True, help="Also ask the built-in probe: names of thirteen origins in plain notes.")
@click.option("--gate", is_flag=True, help="End with 1 when recall differs by more than 5 points between name origins.")
@click.option("--least", type=click.FloatRange(0, 1), help="End with 1 when fewer entities than this are fully masked.")
@click.option(
    "--errors", type=click.Path(path_type=Path, dir_okay=False), help="Places of what was missed, to a private file."
)
@click.option("--json", "as_json", is_flag=True)
def evaluate(
    corpus: Path,
    language: str,
    mode: Mode,
    origins: bool,
    gate: bool,
    least: float | None,
    errors: Path | None,
    as_json: bool,
) -> int:
    """Score detection on CORPUS: lines of {"id", "text", "spans": [{"start", "end", "label"}], "neutral": [...]}.

    An entity counts as found when every letter and digit of it is covered. Nothing of the text is shown or written;
    `--errors` writes note ids, offsets and labels of what leaked, readable by you alone. The built-in probe is asked
    for `--gate` when the corpus does not name origins.

    \b
    Example:
      bedrail deid evaluate ours.jsonl
      bedrail deid evaluate ours.jsonl --json --origins --gate --least 0.97 --errors missed.jsonl
    """
    from bedrail.privacy.text.corpora import read_corpus
    from bedrail.privacy.text.detect import load
    from bedrail.privacy.text.origins import MOST, probe
    from bedrail.privacy.text.scoring import Tally

    detector = load(language, mode)
    tally = Tally()
    with contextlib.ExitStack() as stack:
        keep = stack.enter_context(_private(errors)) if errors else None
        for note in read_corpus(corpus):
            missed = tally.add(note, detector.detect(note.text))
            if keep is not None:
                keep(missed)
    score = tally.score()
    probed = None
    if origins or (gate and score.origin_gap is None):
        probed = probe(detector)[0]
    gaps = [s.origin_gap for s in (score, probed) if s is not None and s.origin_gap is not None]
    wide = bool(gaps) and max(gaps) > MOST
    if as_json:
        click.echo(json.dumps(_plain(score, probed, language, mode), indent=2))
    else:
        _show(score, probed)
    return 1 if (gate and wide) or (least is not None and score.full.rate < least) else 0


@contextlib.contextmanager
def _private(path: Path):  # type: ignore[no-untyped-def]
    """A file of mode 0600 that appears under its name only when all is written."""
    unfinished = path.with_name(path.name + ".part")
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf8") as file:

            def keep(missed: list[Missed]) -> None:
                for one in missed:
                    row = {"id": one.note, "start": one.start, "end": one.end, "label": one.label}
                    file.write(json.dumps(row) + "\n")

            yield keep
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
        raise


def _rate(share: Share) -> dict[str, Any]:
    rounded = {name: round(getattr(share, name), 4) for name in ("rate", "low", "high")}
    return {**rounded, "hit": share.hit, "of": share.of}


def _plain(score: Score, probed: Score | None, language: str, mode: str) -> dict[str, Any]:
    out: dict[str, Any] = {"language": language, "mode": mode, "notes": score.notes, "f1": round(score.f1, 4)}
    for name in ("full", "touched", "characters", "over", "precision", "clean", "disturbed"):
        out[name] = _rate(getattr(score, name))
    for name in ("labels", "kinds", "origins"):
        out[name] = {key: _rate(share) for key, share in getattr(score, name).items()}
    out["origin_gap"] = score.origin_gap if score.origin_gap is None else round(score.origin_gap, 4)
    if probed is not None:
        out["probe"] = {
            "full": _rate(probed.full),
            "origins": {key: _rate(share) for key, share in probed.origins.items()},
            "origin_gap": round(probed.origin_gap or 0.0, 4),
        }
    return out


def _show(score: Score, probed: Score | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{score.notes} notes", title_justify="left")
    for column in ("", "rate", "95 % interval", "of"):
        table.add_column(column, justify="left" if not column else "right")

    def row(name: str, share: Share) -> None:
        if share.of:
            table.add_row(name, f"{share.rate:.3f}", f"{share.low:.3f} to {share.high:.3f}", str(share.of))

    row("entities fully masked", score.full)
    row("characters of identifiers masked", score.characters)
    row("other characters masked", score.over)
    row("spans that are right", score.precision)
    row("notes without any leak", score.clean)
    row("notes without identifiers, touched", score.disturbed)
    for name, shares in (("", score.labels), ("names, ", score.origins), ("probe, ", probed.origins if probed else {})):
        table.add_section()
        for key, share in shares.items():
            row(name + key, share)
    console = Console()
    console.print(table)
    for name, scored in (("corpus", score), ("probe", probed)):
        if scored is not None and scored.origin_gap is not None:
            console.print(f"Recall gap between name origins, {name}: {scored.origin_gap:.3f}")
