"""Ten thousand FHIR Bundles and HL7 v2 messages with planted identifiers, de-identified: none of them is left.

    python bench/soak_planted.py [--count 10000] [--seconds 0] [--seed 1]

Each Bundle has five resources and each message seven segments or more; sixteen kinds of identifiers hide in
narratives, attachments, extensions, contained resources, Z segments, escapes and some forty places more (the generators
are those of tests/property). Exit code 1 when anything can still be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "property"))

import test_deid_fhir_planted as fhir
import test_deid_hl7_planted as hl7


def main() -> int:
    """Run."""
    asked = options(__doc__, count=10_000)
    progress = Progress("planted", asked.count, asked.seconds)
    found: list[str] = []
    while progress.done < asked.count and not progress.over:
        seed = asked.seed * 1_000_000 + progress.done
        for medium, left_in in (("fhir", fhir.left_in), ("hl7", hl7.left_in)):
            found += [f"{medium} seed {seed}: {kind}" for kind in left_in(seed)]
        progress.step()
    right = not found and progress.done > 0
    return report("planted", right, bundles=progress.done, messages=progress.done, found=found[:20])


if __name__ == "__main__":
    raise SystemExit(main())
