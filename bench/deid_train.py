"""Train the English tagger that ships in the wheel, from notes of our own and corpora that may be used for it.

Run: .venv/bin/python bench/deid_train.py [--data FOLDER] [--without CORPUS ...] [--notes 6000] [--seed 1] --out FILE

FOLDER (or BEDRAIL_DATA/deid) holds the JSONL corpora notes_a, outis_base, outis_coverage, outis_context, outis_augment and
presidio_synth_v2 and generator/bodies_a.txt; without it, the tagger learns from our own notes alone. `--without` leaves
corpora out, for figures on corpora that the tagger never saw (`outis` leaves out all four; `notes_a` the prose as well).
`--icd` names the tabular list of ICD-10-CM (XML, public domain), whose descriptions serve as lines without identifiers.
The same inputs and seed give the same file. About five CPU minutes.
"""

# ruff: noqa: E501 (lists and dictionaries read better on one line)
from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import struct
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pycrfsuite

sys.path.insert(0, str(Path(__file__).parent / "deid"))
import notes
from values import Values, fold

from bedrail.privacy.text.features import strings
from bedrail.privacy.text.gazetteers import gazetteer
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.tokens import Tokens

CORPORA = ("notes_a", "outis_base", "outis_coverage", "outis_context", "outis_augment", "presidio_synth_v2")
TAGS = {"NAME": "NAME", "GEO": "GEO", "DATE": "DATE", "AGE90": "AGE", "PHONE": "PHONE", "FAX": "PHONE", "EMAIL": "NET", "URL": "NET", "IP": "NET"}  # fmt: skip
HIDE = 0.3
"""Share of names whose lists are hidden in training, so that names from no list are found by what stands around them."""


def tags(tokens: Tokens, spans: list[dict]) -> list[str]:
    """One label a token: O, or the class of the span that it lies in."""
    plain = tokens.plain
    out = ["O"] * len(tokens)
    places = sorted((s["start"], s["end"], TAGS.get(s["label"], "ID")) for s in spans)
    at = 0
    for i, (start, end) in enumerate(zip(tokens.starts, tokens.ends, strict=True)):
        first, last = plain.original(start, end)
        while at < len(places) and places[at][1] <= first:
            at += 1
        if at < len(places) and places[at][0] < last:
            out[i] = places[at][2]
    return out


def refilled(row: dict, rng: random.Random) -> dict:
    """The same note with other people: every name of two or more words, or one, gets a new one of the same build."""
    values = Values(rng)
    text, out, spans, at, shift = row["text"], [], [], 0, 0
    people: dict[str, str] = {}
    for s in sorted(row["spans"], key=lambda s: s["start"]):
        if s["start"] < at:
            continue
        old = text[s["start"] : s["end"]]
        new = old
        if (
            s["label"] == "NAME"
            and s.get("sub") != "EMPLOYER"
            and re.fullmatch(r"[^\W\d_]+(?:[ ,.'-]+[^\W\d_]+)*\.?", old)
        ):
            new = "".join(_other(part, people, values) for part in re.split(r"(\W+)", old))
        out += [text[at : s["start"]], new]
        shift += len(text[at : s["start"]])
        spans.append({**s, "start": shift, "end": shift + len(new)})
        shift += len(new)
        at = s["end"]
    return {"text": "".join(out) + text[at:], "spans": spans}


def _other(part: str, people: dict[str, str], values: Values) -> str:
    if len(part) < 3 or not part[0].isalpha():
        return part
    low = part.lower()
    if low not in people:
        first, _, last = values.person(f"x{len(people)}{values.r.random()}")
        people[low] = re.split(r"\W", fold(first if values.r.random() < 0.5 else last))[0] or part
    new = people[low]
    return new.upper() if part.isupper() else new.lower() if part.islower() else new.capitalize()


def cased(row: dict, rng: random.Random) -> dict:
    """Sometimes all in capitals, or all without."""
    x, text = rng.random(), row["text"]
    other = text.upper() if x < 0.07 else text.lower() if x < 0.14 else text
    return {**row, "text": other} if len(other) == len(text) else row


def examples(args: argparse.Namespace) -> list[dict]:
    """All notes to learn from."""
    rng = random.Random(args.seed)
    left_out = {c for c in CORPORA for w in args.without if c.startswith(w)}
    icd: list[str] = []
    if args.icd:
        found = re.findall(r"<(?:desc|note)>([^<]{8,90})</", args.icd.read_text("utf8", errors="replace"))
        icd = [d for d in dict.fromkeys(found) if "&" not in d]
    bodies: list[str] = []
    if args.data and "notes_a" not in left_out:
        bodies = (args.data / "generator/bodies_a.txt").read_text("utf8").split("\n\x1e\n")
    parts = notes.templates()
    rows = [notes.note(random.Random(f"{args.seed}:{k}"), parts, icd, bodies) for k in range(args.notes)]
    for corpus in CORPORA if args.data else ():
        if corpus in left_out:
            continue
        lines = (args.data / f"{corpus}.jsonl").read_text("utf8").splitlines()
        most = {"notes_a": 660, "outis_base": 600, "presidio_synth_v2": 1500}.get(corpus, 120)
        for line in lines[:most]:
            rows.append(cased(refilled(json.loads(line), rng), rng))
    rng.shuffle(rows)
    return rows


def learn(rows: list[dict], args: argparse.Namespace, file: str) -> None:
    """One CRF by L-BFGS with L1 and L2 penalties."""
    lists = gazetteer("en_words.txt.gz")
    bits = lists.bits("first", "last", "commonfirst", "commonlast", "place")
    rng = random.Random(args.seed + 1)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=args.verbose)
    trainer.set_params(
        {
            "c1": args.c1,
            "c2": args.c2,
            "max_iterations": args.iterations,
            "feature.minfreq": args.minfreq,
            "feature.possible_transitions": True,
        }
    )
    for row in rows:
        tokens = Tokens(Plain(row["text"]))
        if not len(tokens):
            continue
        gold = tags(tokens, row["spans"])
        hidden = {
            w: bits
            for w, t in zip(tokens.words, gold, strict=True)
            if t in {"NAME", "GEO"} and w.isalpha() and rng.random() < HIDE
        }
        trainer.append(strings(tokens, lists, hidden), gold)
    trainer.train(file)


def export(file: str, out: Path, about: dict[str, str]) -> None:
    """The CRFsuite model as the product reads it (`bedrail.privacy.text.tagger`)."""
    tagger = pycrfsuite.Tagger()
    tagger.open(file)
    info = tagger.info()
    labels = sorted(info.labels, key=lambda k: int(info.labels[k]))
    number = {label: k for k, label in enumerate(labels)}
    weights: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (name, label), weight in info.state_features.items():
        if abs(weight) >= 0.02:
            weights[name].append((number[label], weight))
    scale = max(abs(w) for row in weights.values() for _, w in row) / 32_000
    names = sorted(n for n in weights if "\n" not in n)
    first, which, value = [0], bytearray(), []
    for name in names:
        for label, weight in sorted(weights[name]):
            which.append(label)
            value.append(round(weight / scale))
        first.append(len(value))
    links = [info.transitions.get((a, b), 0.0) for a in labels for b in labels]
    head = {"labels": labels, "attributes": len(names), "weights": len(value), "scale": scale, "about": about}
    body = b"".join((
        json.dumps(head, sort_keys=True).encode(), b"\n", "".join(n + "\n" for n in names).encode(), struct.pack(f"<{len(first)}I", *first),
        bytes(which), struct.pack(f"<{len(value)}h", *value), struct.pack(f"<{len(links)}f", *links),
    ))  # fmt: skip
    out.write_bytes(gzip.compress(body, 9, mtime=0))
    print(f"{out}: {len(names)} attributes, {len(value)} weights, {out.stat().st_size} bytes")


def main() -> None:
    """Train, export, say how long it took."""
    data = os.environ.get("BEDRAIL_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(data) / "deid" if data else None)
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--icd", type=Path)
    parser.add_argument("--notes", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--minfreq", type=int, default=3)
    parser.add_argument("--c1", type=float, default=0.05)
    parser.add_argument("--c2", type=float, default=0.02)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    start = time.process_time()
    rows = examples(args)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.crfsuite")
        learn(rows, args, file)
        used = [c for c in CORPORA if args.data and not any(c.startswith(w) for w in args.without)]
        export(file, args.out, {"corpora": " ".join(used), "notes": str(args.notes), "seed": str(args.seed)})
    print(f"{len(rows)} notes, {time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
