"""Run in a venv of its own by bench/deid_dicom.py: de-identify files with one peer and time it; prints JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path


def floor(source: Path, out: Path) -> None:
    import pydicom

    pydicom.dcmread(source, force=True).save_as(out)


def dicom_anonymizer(source: Path, out: Path) -> None:
    from dicomanonymizer import anonymize_dicom_file

    anonymize_dicom_file(str(source), str(out))


def make_dicognito():
    import pydicom
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer()

    def dicognito(source: Path, out: Path) -> None:
        with pydicom.dcmread(source, force=True) as dataset:
            anonymizer.anonymize(dataset)
            dataset.save_as(out)

    return dicognito


def main(tool: str, listing: Path, out: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(50)
    work = make_dicognito() if tool == "dicognito" else {"floor": floor, "dicom-anonymizer": dicom_anonymizer}[tool]
    files = [Path(line) for line in listing.read_text().splitlines()]
    work(files[0], out / "warm-up")  # imports and tables are not what is measured
    (out / "warm-up").unlink()
    done, start = 0, time.process_time()
    for number, path in enumerate(files):
        try:
            work(path, out / f"{number}.dcm")
            done += 1
        except Exception:
            continue
    print(json.dumps({"done": done, "seconds": time.process_time() - start}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
