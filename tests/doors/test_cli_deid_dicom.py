"""bedrail deid dicom and dicom-audit, as people run them."""

from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from dicom_planted import planted
from small_home import Ran, told


def deid(*words: object) -> Ran:
    """Run a command."""
    return told("deid", *(str(word) for word in words))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder as a hospital has it: names in file names, no endings, something that is no DICOM, the same twice."""
    folder = tmp_path / "scans" / "SMITH_JOHN"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"smith{number}").write_bytes(planted(number)[0])
    shutil.copy(folder / "smith0", folder / "smith0-again")
    (folder / "letter about smith.txt").write_text("Dear Mr Smith")
    shutil.copy(str(get_testdata_file("CT_small.dcm", download=False)), folder / "ct")
    return tmp_path / "scans"


def test_a_folder_becomes_a_folder_filed_by_new_uids(scans: Path, tmp_path: Path) -> None:
    """Every DICOM file is in it once, whatever it was called; no name of the old folder is; the audit finds nothing."""
    out, key = tmp_path / "out", tmp_path / "key"
    done = deid("dicom", scans, "--out", out, "--key-file", key, "--pixels", "never", "--jobs", 1, "--json")
    assert done.code == 0, done.out + done.err
    said = json.loads(done.out)
    assert (said["records"], said["failed"], said["left_out"]) == (7, 0, 1)
    paths = [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()]
    assert len(paths) == 7
    assert not [path for path in paths if "smith" in path.lower() or not path.endswith(".dcm")]
    for path in out.rglob("*.dcm"):
        ds = pydicom.dcmread(path)
        assert path.parent.name == ds.SeriesInstanceUID
        assert path.parent.parent.name == ds.StudyInstanceUID
        assert path.stat().st_mode & 0o077 == 0
    audit = deid("dicom-audit", out, "--originals", scans, "--json")
    assert (audit.code, json.loads(audit.out)) == (0, {"files": 7, "leftovers": []})
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    assert manifest["medium"] == "dicom"
    assert {"place": "(0010,0010)", "action": "Z", "rule": "E.1-1", "count": 7}.items() <= next(
        each for each in manifest["handled"] if each["place"] == "(0010,0010)" and each["action"] == "Z"
    ).items()


def test_manifest_and_messages_hold_no_value(scans: Path, tmp_path: Path) -> None:
    """Nothing that identifies is printed or written beside the outputs."""
    (scans / "SMITH_JOHN" / "broken").write_bytes(planted(3)[0][:700])
    done = deid("dicom", scans, "--out", tmp_path / "out", "--pixels", "never", "--on-error", "skip", "--jobs", 1)
    beside = done.out + done.err + (tmp_path / "out.manifest.json").read_text()
    people = [planted(number)[1] for number in range(5)]
    assert not [value for person in people for value in person.values() if value in beside]
    assert "smith" not in beside.lower()


def test_the_same_run_again_gives_the_same_bytes(scans: Path, tmp_path: Path) -> None:
    """Under one key everything is decided by the input."""
    for name in ("one", "two"):
        done = deid(
            "dicom", scans, "--out", tmp_path / name, "--key-file", tmp_path / "k", "--pixels", "never", "--jobs", 1
        )
        assert done.code == 0, done.out + done.err
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.dcm")}
        for name in ("one", "two")
    )
    assert one == two


def test_a_broken_file_stops_the_run_or_is_left_out_as_asked(scans: Path, tmp_path: Path) -> None:
    """Told by number, never by name; with `stop` nothing is written."""
    (scans / "SMITH_JOHN" / "a-broken").write_bytes(bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00")
    stopped = deid("dicom", scans, "--out", tmp_path / "out", "--pixels", "never", "--jobs", 1)
    assert stopped.code == 2, stopped.out + stopped.err
    assert "file 1" in stopped.out + stopped.err
    assert not (tmp_path / "out").exists()
    skipped = deid("dicom", scans, "--out", tmp_path / "out", "--pixels", "never", "--jobs", 1, "--on-error", "skip")
    assert skipped.code == 1, skipped.out + skipped.err
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 7


def test_a_file_that_is_cut_off_is_told_by_number_place_and_remedy(scans: Path, tmp_path: Path) -> None:
    """One that can be read is done; one cut inside compressed pixels stops the run; names only when asked."""
    folder = scans / "SMITH_JOHN"
    shutil.copy(str(get_testdata_file("MR_truncated.dcm", download=False)), folder / "smith-cut")
    run = ("dicom", scans, "--pixels", "never", "--jobs", 1, "--out", tmp_path / "out")
    done = deid(*run)
    said = " ".join((done.out + done.err).split())
    assert (done.code, len(list((tmp_path / "out").rglob("*.dcm")))) == (0, 8)
    assert "file 3" in said
    assert "cut off at (7FE0,0010) after 8,130 of its 8,192 bytes" in said
    assert "file 2 (as in `find . -type f | LC_ALL=C sort`): this is no DICOM" in said
    assert "smith" not in said.lower().replace(str(tmp_path).lower(), "")
    worse = Path(str(get_testdata_file("SC_rgb_rle_2frame.dcm", download=False))).read_bytes()[:2000]
    (folder / "smith-cut").write_bytes(worse)
    two = (*run[:-1], tmp_path / "two")
    stopped = deid(*two)
    said = stopped.out + stopped.err
    assert (stopped.code, (tmp_path / "two").exists()) == (2, False)
    assert "file 3 " in said
    assert "the file is cut off" in said
    assert "SMITH_JOHN/smith-cut" in (named := deid(*two, "--show-names")).out + named.err
    skipped = deid(*two, "--on-error", "skip", "--json", "--show-names")
    told = json.loads(skipped.out)
    assert (skipped.code, told["files_left_out"], [each["number"] for each in told["failures"]]) == (1, [2], [3])
    assert told["names_left_out"] == ["SMITH_JOHN/letter about smith.txt"]


def test_one_file_becomes_one_file_and_a_dry_run_writes_nothing(scans: Path, tmp_path: Path) -> None:
    """IN.dcm --out OUT.dcm."""
    one = scans / "SMITH_JOHN" / "ct"
    dry = deid("dicom", one, "--out", tmp_path / "safe.dcm", "--dry-run")
    assert dry.code == 0, dry.err
    assert not (tmp_path / "safe.dcm").exists()
    assert deid("dicom", one, "--out", tmp_path / "safe.dcm").code == 0
    assert pydicom.dcmread(BytesIO((tmp_path / "safe.dcm").read_bytes())).PatientIdentityRemoved == "YES"


def test_a_folder_without_dicom_is_said_so(tmp_path: Path) -> None:
    """Exit code 2."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("no")
    done = deid("dicom", tmp_path / "in", "--out", tmp_path / "out")
    assert done.code == 2
    assert "no DICOM" in done.out + done.err


def test_the_audit_finds_what_was_never_deidentified(scans: Path) -> None:
    """Exit code 1, the tags by file number."""
    done = deid("dicom-audit", scans, "--json")
    assert done.code == 1
    assert {"(0010,0010)", "(0012,0062)"} <= {each["place"] for each in json.loads(done.out)["leftovers"]}
