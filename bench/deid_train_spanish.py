"""Train the Spanish tagger that ships in the wheel, from the training half of MEDDOCAN (CC BY 4.0, SEAD 2019).

Run: .venv/bin/python bench/deid_train_spanish.py --data FOLDER [--iterations 80] --out FILE

FOLDER (or BEDRAIL_DATA/deid) holds meddocan_train.jsonl. Its names are refilled in a second copy of every note, so that
the tagger learns where names stand more than which names there are; a part of the notes is seen in capitals or without
any. The development half is not read here: figures are taken on it. About three CPU minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

import deid_train as english


def main() -> None:
    """Train, export, say how long it took."""
    data = os.environ.get("BEDRAIL_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(data) / "deid" if data else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=80)
    parser.add_argument("--minfreq", type=int, default=3)
    parser.add_argument("--c1", type=float, default=0.08)
    parser.add_argument("--c2", type=float, default=0.02)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data is needed: the folder with meddocan_train.jsonl")
    start = time.process_time()
    rng = random.Random(args.seed)
    lines = (args.data / "meddocan_train.jsonl").read_text("utf8").splitlines()
    known = [json.loads(line) for line in lines]
    rows = known + [english.cased(english.refilled(row, rng), rng) for row in known]
    rng.shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.crfsuite")
        english.learn(rows, args, file)
        english.export(file, args.out, {"corpora": "meddocan_train", "seed": str(args.seed)})
    print(f"{len(rows)} notes, {time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
