"""Whatever lies in a folder, a scan of it ends with sheets and notes: nothing brings it down, no value comes out."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.data.sampling import survey
from bedrail.data.sensitivity.proposing import propose
from bedrail.data.sources.folder import folder_flows

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".parquet", ".jsonl", ".ndjson", ".json", ".hl7", ".txt", ".dcm", ".bin")
MARKED = "Zyxwvuts"
"""A value that no rule or reason contains."""

headers = st.sampled_from(
    ["patient_id,name,dob\n", "a;b\n", '{"resourceType":"Patient","id":', "MSH|^~\\&|", "\x80DICM", ""]
)
rests = st.one_of(
    st.text(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    ).map(json.dumps),
)


def scanned(folder: Path) -> str:
    """Everything that a scan would keep."""
    try:
        flows, notes = folder_flows(folder, seed=0)
    except Invalid as error:
        return str(error)
    said = list(notes)
    for flow in flows:
        seen, more = survey(flow, seed=0, limit=500)
        said += more
        said += [repr(propose(each, complete=True, notes=more, fingerprint="", find=None)) for each in seen]
    return "\n".join(said)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(SUFFIXES), headers, rests, st.binary(max_size=40), st.booleans())
def test_no_file_brings_a_scan_down(suffix: str, head: str, rest: str, tail: bytes, packed: bool) -> None:
    """Text, JSON of any form, bytes, packed or cut short, under any name: read, or noted."""
    data = head.encode() + rest.encode("utf-8", "surrogatepass") + tail
    if suffix.endswith(".gz") and packed:
        data = gzip.compress(data)[: -1 if tail else None]
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / f"x{suffix}").write_bytes(data)
        (Path(place) / "good.csv").write_text("patient_id,age\n1,2\n")
        assert "good.csv" in scanned(Path(place))


def test_no_value_comes_out_of_a_scan(tmp_path: Path) -> None:
    """A marked value in every place of every format stands in no sheet, note or error."""
    mark = MARKED
    (tmp_path / "a.csv").write_text(f"patient_id,name,note\n{mark},{mark},{mark} went home.\n{mark}\n" * 3)
    (tmp_path / "b.csv").write_text(f"{mark}@x.example,1980-01-01,{mark}\n{mark},2,3\n")
    (tmp_path / "c.jsonl").write_text(json.dumps({f"{mark} 123": {"x": mark}, "text": mark}) + f"\n{mark}\n")
    (tmp_path / "d.json").write_text(json.dumps({"resourceType": "Patient", "id": mark, "name": [{"family": mark}]}))
    (tmp_path / "e.hl7").write_text(
        f"MSH|^~\\&|{mark}|B|C|D|1||ADT^A01|{mark}|P|2.5\rPID|1||{mark}||{mark}^{mark}\r{mark}"
    )
    (tmp_path / "f.txt").write_text(f"{mark} was seen today.")
    (tmp_path / "g.dcm").write_bytes(b"\x00" * 128 + b"DICM" + mark.encode())
    assert MARKED not in scanned(tmp_path)
