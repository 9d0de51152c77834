"""JSON as FHIR means it: exact decimals, no key twice, nothing nested without end; errors with a place, without
content.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

from bedrail.core.errors import Invalid

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_BYTE = re.compile(r"\(byte (\d+)\)")
_REMEDY = "Mend the file at its source; --on-error skip leaves such records out."


def read(data: bytes) -> Any:
    """The value in JSON bytes; raises `Invalid` with the place: not JSON, not UTF-8, a key twice, nested too deep."""
    try:
        value = _decode(data)
        if _encode(value).count(b'":') != data.count(b'":'):
            _look_for_twins(data)
    except msgspec.DecodeError as error:
        raise _not_json(data, str(error)) from None  # the decoder's error may quote
    except UnicodeDecodeError:
        raise Invalid("not UTF-8.", path=_first_bad_byte(data), remedy="Convert it: iconv -t UTF-8") from None
    except RecursionError:
        raise Invalid("nested too deep.", path="the record", remedy=_REMEDY) from None
    except UnicodeEncodeError:
        raise Invalid("half a surrogate pair.", path="the record", remedy=_REMEDY) from None
    return value


def written(value: Any) -> bytes:
    """Compact JSON, decimals with all their digits."""
    return _encode(value)


def _not_json(data: bytes, said: str) -> Invalid:
    found = _BYTE.search(said)
    if found:
        before = data[: int(found[1])]
        place = _place(before)
        return Invalid("is no JSON there.", path=place, remedy=_REMEDY)
    if "truncated" in said:
        return Invalid("the JSON ends in the middle.", path=f"byte {len(data)}", remedy=_REMEDY)
    return Invalid("is no JSON that can be read (a number out of range?).", path="the record", remedy=_REMEDY)


def _first_bad_byte(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return _place(data[: error.start])
    return "the record"


def _place(before: bytes) -> str:
    lines = before.split(b"\n")
    return f"line {len(lines)} byte {len(lines[-1]) + 1}"


def _look_for_twins(data: bytes) -> None:
    """Raise `Invalid` when a key stands twice in an object: which one is meant would be a guess."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            raise Invalid("a key stands twice in one object.", path="the record", remedy=_REMEDY)
        return made

    json.loads(data, object_pairs_hook=pairs)
