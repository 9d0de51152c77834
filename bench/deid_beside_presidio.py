"""The whole pipeline for notes (found, replaced by surrogates, risk) beside Presidio tuned, in turns in one run.

    OMP_NUM_THREADS=1 python bench/deid_beside_presidio.py --data FOLDER [--peer-folder VENV] [--notes 100] [--rounds 3]

FOLDER (or BEDRAIL_DATA/deid) holds notes_a.jsonl. Presidio stands in an environment of its own, as bench/deid_text.py
makes it; it only finds, and replaces nothing. CPU seconds of one core, the best of the rounds of each. Ours reads other
notes of the corpus first, as in a long run, and the notes that are timed once each round. Targets: 300 notes/s, 9x.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

from deid_text import HERE, peer

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text import TextRules, deidentify_text, load
from bedrail.privacy.text.corpora import read_corpus
from bedrail.privacy.text.risk import note_risk

KEYED = Keyed(HmacDigest(b"a key for the bench, 32 bytes ok"))


def ours(texts: list[str]) -> float:
    """CPU seconds for everything that `deid text` does to a note."""
    detector = load()
    start = time.process_time()
    for number, text in enumerate(texts):
        _, spans = deidentify_text(text, detector, KEYED, f"patient {number}", TextRules())
        note_risk(text, spans, "full")
    return time.process_time() - start


def theirs(texts: list[str], python: Path, model: str) -> float:
    """CPU seconds of Presidio's finding alone, without its loading."""
    asked = "".join(json.dumps(text) + "\n" for text in texts)
    command = [python, HERE / "peers/presidio_notes.py", model]
    answer = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    return float(json.loads(answer.stdout)["seconds"])


def main() -> None:
    """Print one line of JSON."""
    data = os.environ.get("BEDRAIL_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(data) / "deid" if data else None, required=not data)
    parser.add_argument("--peer-folder", type=Path, default=HERE / ".venv-presidio")
    parser.add_argument("--notes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    every = [note.text for note in read_corpus(asked.data / "notes_a.jsonl")]
    texts, others = every[: asked.notes], every[asked.notes :]
    python, model = peer(asked.peer_folder)
    first = ours(texts)
    ours(others)
    mine, peers = [], []
    for _ in range(asked.rounds):
        mine.append(ours(texts))
        peers.append(theirs(texts, python, model))
    best, beside = min(mine), min(peers)
    signs = sum(map(len, texts)) / len(texts)
    figures = {
        "notes": len(texts), "signs_a_note": round(signs), "load": round(os.getloadavg()[0], 1),
        "first_reading": round(len(texts) / first, 1), "notes_a_second": round(len(texts) / best, 1),
        "presidio_a_second": round(len(texts) / beside, 1), "ratio": round(beside / best, 1),
        "ratio_by_round": [round(b / a, 1) for a, b in zip(mine, peers, strict=True)],
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
