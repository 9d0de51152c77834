"""What handling found identifiers costs: `python bench/deid_transform.py --data FOLDER`, beside Faker for the names.

Notes of FOLDER (notes_a, outis_base) are joined to about 1,100 characters. CPU time of one core; the ratio to detection
in the same run counts, since machines differ. Faker stands in the test requirements.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from time import process_time

from faker import Faker

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text import Surrogates, load
from bedrail.privacy.text.risk import note_risk
from bedrail.privacy.text.transform import replaced, separate


def timed(work: Callable[[], object]) -> float:
    """The least CPU seconds of five."""
    best = float("inf")
    for _ in range(5):
        begun = process_time()
        work()
        best = min(best, process_time() - begun)
    return best


def notes(folder: Path) -> list[str]:
    """Texts of about 1,100 characters."""
    made, now = [], ""
    for name in ("notes_a", "outis_base"):
        for line in (folder / f"{name}.jsonl").open(encoding="utf-8"):
            now += json.loads(line)["text"] + "\n"
            if len(now) > 900:
                made.append(now)
                now = ""
    return made


def main() -> None:
    """Print milliseconds a note, and names a second."""
    parser = argparse.ArgumentParser()
    known = os.environ.get("BEDRAIL_DATA")
    parser.add_argument("--data", type=Path, default=known, required=known is None)
    texts = notes(parser.parse_args().data)
    keyed = Keyed(HmacDigest(b"k" * 32))
    detector = load("en", "full")
    spans = [separate(detector.detect(text)) for text in texts]
    pairs = list(zip(texts, spans, strict=True))
    count, size = sum(map(len, spans)) / len(texts), sum(map(len, texts)) / len(texts)
    detect = timed(lambda: [detector.detect(text) for text in texts])
    replace = timed(lambda: [replaced(t, s, keyed, str(at)) for at, (t, s) in enumerate(pairs)])
    risk = timed(lambda: [note_risk(t, s) for t, s in pairs])
    print(f"{len(texts)} notes, {size:.0f} characters and {count:.1f} spans each; ms a note (share of detection)")
    for name, seconds in (("detection, full", detect), ("surrogates", replace), ("risk", risk)):
        print(f"  {name:16} {1000 * seconds / len(texts):.3f} ({seconds / detect:.2f})")
    fake, names = Faker("en_US"), [t[s.start : s.end] for t, found in pairs for s in found if s.label == "NAME"][:3000]

    def of_faker() -> None:
        for name in names:
            fake.seed_instance(name)
            fake.name()

    ours = timed(lambda: [Surrogates(keyed, "p").of("NAME", name) for name in names])
    theirs = timed(of_faker)
    print(f"names a second: {len(names) / ours:,.0f}; Faker seeded by each name: {len(names) / theirs:,.0f}")


if __name__ == "__main__":
    main()
