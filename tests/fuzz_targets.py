"""Every parser of bytes from outside, as something to be fuzzed: only the declared errors may come out.

Seeds, and inputs that once were faults, stand in `tests/data/fuzz/NAME/`. Used by
`tests/property/test_parsers_survive.py` (mutations) and `bench/soak_fuzz.py` (guided by coverage, atheris). A new
parser of outside bytes is listed in `TARGETS`.
"""

from __future__ import annotations

import atexit
import random
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import numpy as np

from bedrail.checks.cards.reading import read_card_text
from bedrail.checks.cards.sections import read_sections
from bedrail.checks.scenarios.reading import read_suite
from bedrail.core.errors import BedrailError
from bedrail.core.events import decode as decode_entry
from bedrail.core.toml_lines import toml_tables
from bedrail.data.consent import parse_jurisdictions
from bedrail.data.consistency import parse_rules
from bedrail.data.datasheet import read_answers
from bedrail.data.read import read_table
from bedrail.data.sources import hl7 as feed
from bedrail.decisions.request import Intake, read_request
from bedrail.governance.policy import parse_policy
from bedrail.governance.usecase import parse_charter
from bedrail.keys.id_tokens import usable_keys, verify_id_token
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.ledger.checkpoint import parse_checkpoint, parse_note, parse_vkey
from bedrail.ledger.cosignature import parse_cosigner_key
from bedrail.ledger.proof import parse_log_keys, parse_proof
from bedrail.ledger.quorum import parse_policy_file
from bedrail.ledger.receipts import parse_receipts
from bedrail.ledger.tiles import unpack_entries
from bedrail.ledger.witness import parse_submission
from bedrail.models.mlflow_files import readable
from bedrail.models.package import package_from
from bedrail.models.predict import open_model
from bedrail.models.recipe_file import parse_recipe
from bedrail.models.scoring import open_scoring
from bedrail.models.statements import read_model_signature
from bedrail.models.trees import TreeEnsemble
from bedrail.models.ubjson import read_ubjson
from bedrail.privacy import dicom, fhir, hl7
from bedrail.privacy.dicom.instance import treat
from bedrail.privacy.fhir.reading import read as read_resource
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.release.policy_file import parse_policy as parse_release
from bedrail.privacy.text.corrections import read_corrections
from bedrail.privacy.text.notes import read_note
from bedrail.wire.fhir_consent import read_consents
from bedside_house import CONTRACT

SEEDS = Path(__file__).parent / "data" / "fuzz"
MOST = 65_536
"""Bytes of an input: what every door lets in."""

Target = Callable[[bytes], object]

_intake = Intake(CONTRACT)
_BACKGROUND = np.zeros(3)
_KEYED = Keyed(HmacDigest(b"k" * 32))
_messages = hl7.Deidentifier(hl7.read_profile("safe-harbor"), _KEYED, this_year=2026)
"""One for all, as in a run over many files."""
_SAFE_ELEMENTS = fhir.read_profile("safe-harbor")
_TAGS_ALONE = dicom.Profile(pixels="never")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _keys(data: bytes) -> None:
    line = _text(data)
    for parse in (parse_vkey, parse_cosigner_key, lambda each: parse_log_keys(each.split("\n"))):
        _declared(parse, line)


def _declared(parse: Callable[[str], object], text: str) -> None:
    with suppress(BedrailError):
        parse(text)


def _request(data: bytes) -> None:
    request = read_request(data)
    _intake.read(request.features, request.at, datetime(2026, 1, 1, tzinfo=UTC))


def _entry(data: bytes) -> None:
    with suppress(msgspec.MsgspecError):  # as `decode` declares
        decode_entry(data)


@cache
def _own_file() -> tuple[BinaryIO, Path]:
    """One file of this process, written anew for each input and deleted at the end."""
    file = tempfile.NamedTemporaryFile(suffix=".csv", buffering=0)  # noqa: SIM115 (it lasts as long as the process)
    atexit.register(file.close)
    return cast("BinaryIO", file), Path(file.name)


def _csv(data: bytes) -> None:
    file, path = _own_file()
    file.seek(0)
    file.truncate()
    file.write(data)
    read_table(path)


def _package(data: bytes) -> None:
    """A package whose manifest names the model as it is: past the digest, so that the model is opened too."""
    head, _, model = data.partition(b"\x00")
    head = re.sub(rb'"model_sha256":"[0-9a-f]*"', b'"model_sha256":"%s"' % sha256(model).hexdigest().encode(), head)
    package, found = package_from({"package.json": head, "model.json": model})
    open_model(package, found, None)


def _model(data: bytes) -> None:
    with suppress(BedrailError):
        open_scoring("linear", data, _BACKGROUND)
    with suppress(BedrailError):
        open_scoring("ebm", data, _BACKGROUND)
    open_scoring("trees", data, _BACKGROUND)


def _token(data: bytes) -> None:
    keys = b'{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}'
    verify_id_token(_text(data), keys, issuer="i", client="c", nonce="n", now=0.0)


def _toml_papers(data: bytes) -> None:
    """The small files that people write; what is read from a file as text is no text that is not UTF-8.

    What is no TOML is refused by all in the same way, so one of them reads it; what is, all do.
    """
    text = data.decode("utf-8", "replace")
    readers = (parse_jurisdictions, parse_rules, read_answers, read_sections, parse_release, hl7.read_rules)
    try:
        toml_tables(text)
    except tomllib.TOMLDecodeError:
        readers = (readers[len(data) % len(readers)],)
    for parse in readers:
        _declared(parse, text)


def _message(data: bytes) -> None:
    with suppress(BedrailError):
        _messages.message(data)
    _messages.counts()  # as after every chunk of a file
    with suppress(ValueError):  # as `fields_of` declares
        feed.fields_of(feed.decoded(data))


def _resource(data: bytes) -> None:
    fhir.Deidentifier(_SAFE_ELEMENTS, _KEYED, this_year=2026).resource(read_resource(data))


TARGETS: dict[str, Target] = {
    "note": lambda data: parse_checkpoint(parse_note(data).text),
    "keys": _keys,
    "proof": parse_proof,
    "submission": parse_submission,
    "witness_policy": parse_policy_file,
    "receipts": lambda data: parse_receipts(data.split(b"\n")),
    "tile": unpack_entries,
    "entry": _entry,
    "request": _request,
    "policy": parse_policy,
    "charter": parse_charter,
    "lightgbm": lambda data: TreeEnsemble.from_lightgbm_text(data.decode("utf-8", "replace")),
    "xgboost": TreeEnsemble.from_xgboost_json,
    "model": _model,
    "ubjson": read_ubjson,
    "package": _package,
    "model_signature": lambda data: read_model_signature(data, lambda _, __: True, b"pem"),
    "jwks": usable_keys,
    "id_token": _token,
    "csv": _csv,
    "recipe": parse_recipe,
    "suite": lambda data: read_suite(data, CONTRACT),
    "card": read_card_text,
    "papers": _toml_papers,
    "mlmodel": lambda data: readable(data.decode("utf-8", "replace"), ("model.txt", "model.onnx", "model.json")),
    "consents": read_consents,
    "hl7": _message,
    "fhir": _resource,
    "fhir_rules": lambda data: fhir.read_configuration(data.decode("utf-8", "replace")),
    "dicom": lambda data: treat(data, _KEYED, _TAGS_ALONE),
    "note_line": read_note,
    "corrections": lambda data: read_corrections(data, "corrections.json"),
}


def seeds(name: str) -> list[bytes]:
    """The small corpus of a target."""
    return [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]


def survives(name: str, data: bytes) -> None:
    """Raises whatever the target raises beyond its declared errors."""
    with suppress(BedrailError):
        TARGETS[name](data)


def mutations(name: str, count: int, seed: int = 1) -> Iterator[bytes]:
    """Seeds cut, spliced, and with bytes changed."""
    chance = random.Random(f"{name}-{seed}")
    known = seeds(name)
    pieces = [
        b"\x00",
        b"\xff" * 4,
        b"\n",
        b"\n\n",
        b'"',
        b"{",
        b"[",
        b"9" * 25,
        b"-1",
        b"NaN",
        b"1e999",
        b"null",
        b"\xed\xa0\x80",
    ]
    for _ in range(count):
        data = bytearray(chance.choice(known))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(data) + 1)
            kind = chance.randrange(5)
            if kind == 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            elif kind == 1:
                del data[at : at + chance.randint(1, 40)]
            elif kind == 2:
                data[at:at] = chance.choice(pieces)
            elif kind == 3:
                data[at:at] = data[at : at + chance.randint(1, 60)] * chance.choice((1, 2, 50))
            else:
                other = chance.choice(known)
                start = chance.randrange(len(other))
                data[at:] = other[start:]
        yield bytes(data[:MOST])
