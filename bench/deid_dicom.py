"""DICOM: files a second and what is left in them, beside dicom-anonymizer, dicognito and pydicom's own read and write.

All files that pydicom ships (no other data, no network). Tags only: text in pixels is timed apart (`--ocr`). Every
tool's outputs are judged by one audit against PS3.15 Table E.1-1 that takes any dummy for a removal. CPU seconds of one
process each, rounds interleaved, medians. The peers need a venv of their own:

    python -m venv /tmp/peers && /tmp/peers/bin/pip install dicom-anonymizer==2.1.0 dicognito==0.19.0
    OMP_NUM_THREADS=1 python bench/deid_dicom.py --peers /tmp/peers [--rounds 3] [--ocr] [--planted 10000]
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import pydicom

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.dicom.encoding import standard_uid, vr_in_dictionary
from bedrail.privacy.dicom.instance import is_dicom, quiet_pydicom, treat
from bedrail.privacy.dicom.table import annex_e
from bedrail.privacy.dicom.values import Profile
from bedrail.privacy.dicom.writing import value_bytes
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text import load

DATA = Path(pydicom.__file__).parent / "data"
KEYED = Keyed(HmacDigest(b"k" * 32))


def files() -> list[Path]:
    return [path for path in sorted(DATA.rglob("*")) if path.is_file() and is_dicom(path.read_bytes()[:132])]


def bedrail(paths: list[Path], out: Path, profile: Profile) -> dict[str, float]:
    treat(paths[0].read_bytes(), KEYED, profile)
    load("en", "full").detect("The text engine is loaded by the first words that need it.")  # as the peers' imports are
    done, start = 0, time.process_time()
    for number, path in enumerate(paths):
        try:
            made = treat(path.read_bytes(), KEYED, profile)
        except Exception:
            continue
        (out / f"{number}.dcm").write_bytes(made.data)
        done += 1
    return {"done": done, "seconds": time.process_time() - start}


def peer(python: Path, tool: str, listing: Path, out: Path) -> dict[str, float]:
    script = Path(__file__).parent / "peers" / "dicom_tools.py"
    ran = subprocess.run([python, script, tool, listing, out], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout.strip().splitlines()[-1])


def left_in(before: pydicom.Dataset, after: pydicom.Dataset, rows: dict[int, str]) -> Counter[str]:
    """Attributes of Table E.1-1 with the very value of the original, at any depth, and private ones, once a file."""
    originals: dict[int, set[bytes]] = {}

    def gather(ds: pydicom.Dataset) -> None:
        for tag in list(ds.keys()):
            if vr_in_dictionary(tag) == "SQ":
                for item in ds[tag].value or ():
                    gather(item)
            elif tag in rows:
                originals.setdefault(int(tag), set()).add(value_bytes(ds.get_item(tag), ds).strip(b" \0"))

    def look(ds: pydicom.Dataset) -> set[str]:
        found = set()
        for tag in list(ds.keys()):
            if tag.is_private:
                found.add("private")
            elif vr_in_dictionary(tag) == "SQ":
                for item in ds[tag].value or ():
                    found |= look(item)
            elif tag in rows:
                value = value_bytes(ds.get_item(tag), ds).strip(b" \0")
                kept = value and value in originals.get(int(tag), ())
                if kept and not standard_uid(value.decode("latin-1")) and value not in (b"REMOVED", b"000000"):
                    found.add(pydicom.datadict.keyword_for_tag(tag))
        return found

    gather(before)
    return Counter(look(after))


def leftovers(paths: list[Path], out: Path) -> tuple[int, Counter[str]]:
    rows = {int(row.tag, 16): row.basic for row in annex_e() if "x" not in row.tag and row.tag != "private"}
    total: Counter[str] = Counter()
    touched = 0
    with quiet_pydicom():
        for number, path in enumerate(paths):
            made = out / f"{number}.dcm"
            if made.exists():
                before, after = (pydicom.dcmread(each, force=True) for each in (path, made))
                found = left_in(before, after, rows)
                touched += bool(found)
                total += found
    return touched, total


def tags(peers: Path, rounds: int) -> None:
    paths = files()
    seconds: dict[str, list[float]] = {}
    done: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        listing = Path(scratch) / "files"
        listing.write_text("\n".join(str(path) for path in paths))
        for _ in range(rounds):
            for tool in ("floor", "dicom-anonymizer", "dicognito", "bedrail"):
                out = Path(scratch) / tool
                out.mkdir(exist_ok=True)
                if tool == "bedrail":
                    ran = bedrail(paths, out, Profile(pixels="never"))
                else:
                    ran = peer(peers / "bin" / "python", tool, listing, out)
                seconds.setdefault(tool, []).append(ran["seconds"])
                done[tool] = ran["done"]
        print(f"{len(paths)} files, {rounds} rounds, CPU of one process")
        slow = statistics.median(seconds["dicom-anonymizer"])
        for tool, took in seconds.items():
            rate = done[tool] / statistics.median(took)
            touched, found = leftovers(paths, Path(scratch) / tool)
            ratio = statistics.median(one / two for one, two in zip(seconds["dicom-anonymizer"], took, strict=True))
            print(f"  {tool:17} {done[tool]:4.0f} done, {rate:6.0f} files/s, {ratio:5.2f} x dicom-anonymizer")
            said = ", ".join(f"{name} {count}" for name, count in found.most_common(6)) or "none"
            print(f"  {'':17} files with leftovers: {touched}; {said}")
        assert slow > 0


def reading(paths: list[Path]) -> None:
    """Text in pixels: CPU seconds an image, and what is readable in the two ultrasound samples afterwards."""
    from bedrail.privacy.dicom.ocr import READABLE, text_boxes

    took, looked = 0.0, 0
    for path in paths:
        start = time.process_time()
        try:
            made = treat(path.read_bytes(), KEYED, Profile())
        except Exception as error:
            print("  failed:", type(error).__name__)
            continue
        if ("(7FE0,0010)", "looked at", "text in pixels") in made.counts:
            looked += 1
            took += time.process_time() - start
        if path.name in ("examples_jpeg2k.dcm", "examples_rgb_color.dcm"):
            picture = pydicom.dcmread(BytesIO(made.data)).pixel_array
            print(f"  {path.name}: {len(text_boxes(picture, READABLE))} readable regions left")
    print(f"  {looked} images looked at, {took / max(1, looked):.2f} CPU-s each")


def planted(count: int) -> None:
    """Planted identifiers that survive, of `count` synthetic files."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from dicom_planted import planted as plant

    survivors, refused = Counter[str](), 0
    profiles = (
        Profile(pixels="never"),
        Profile(pixels="never", clean_descriptors=True, retain_safe_private=True),
        Profile(pixels="never", clean_structured_content=True, retain_modified_dates=True),
    )
    for seed in range(count):
        data, person = plant(seed)
        try:
            out = treat(data, KEYED, profiles[seed % 3]).data.lower()
        except Exception:
            refused += 1
            continue
        for name, value in vars(person).items():
            survivors[name] += any(
                one.lower().encode() in out for one in (value if isinstance(value, list) else [value])
            )
    print(f"  {count} files, {refused} refused; identifiers that survived: {sum(survivors.values())}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ocr", action="store_true")
    parser.add_argument("--planted", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(50)
    if asked.peers:
        tags(asked.peers, asked.rounds)
    if asked.ocr:
        reading(files())
    if asked.planted:
        planted(asked.planted)


if __name__ == "__main__":
    main()
