"""A table in another encoding is refused with the very line and byte, whatever its size, packing and line ends."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid
from bedrail.data.read import read_table


@pytest.mark.parametrize(
    ("name", "data", "line", "byte"),
    [
        ("a.csv", b"id,name\n1,Ann\n2,Jos\xe9\n", 3, 6),
        ("b.csv", b"id,name\r\n1,Ann\r\n2,M\xfcller\r\n", 3, 4),
        ("c.csv", b"id,name\r1,Ann\r2,Jos\xe9\r", 3, 6),
        ("d.csv", b"id,name\n" + b"1,Ann\n" * 200_000 + b"2,\xff\n", 200_002, 3),
        ("e.csv", b"id,nam\xe9\n1,Ann\n", 1, 7),
    ],
)
def test_the_place_of_the_first_byte_that_is_not_utf8_is_told(
    tmp_path: Path, name: str, data: bytes, line: int, byte: int
) -> None:
    """By line and byte, and by the byte of the file; packed files by what they unpack to."""
    offset = next(at for at, sign in enumerate(data) if sign > 127) + 1
    for path, content in ((tmp_path / name, data), (tmp_path / f"{name}.gz", gzip.compress(data))):
        path.write_bytes(content)
        with pytest.raises(Invalid) as refused:
            read_table(path)
        assert refused.value.path == f"{path}:{line}"
        assert refused.value.message == f"byte {byte} of the line, {offset} of the file, is not UTF-8 text."
        assert "UTF-8" in refused.value.remedy


def test_utf16_is_called_by_its_name(tmp_path: Path) -> None:
    """As spreadsheets export it."""
    (tmp_path / "a.csv").write_bytes("id,name\n1,Ann\n".encode("utf-16"))
    with pytest.raises(Invalid, match="UTF-16"):
        read_table(tmp_path / "a.csv")
