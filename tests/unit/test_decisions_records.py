"""Sealed records: the form of version 1 is read for good, and a form that is not known is not guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.core.errors import Unavailable
from bedrail.decisions.values import (
    AnswerRecord,
    FallbackRecord,
    answer_record,
    decision_record,
    outcome_record,
    response_record,
    to_bytes,
)

RECORDS = Path(__file__).parents[1] / "data" / "records"


@pytest.mark.parametrize("name, kind", [("answer_v1.json", AnswerRecord), ("fallback_v1.json", FallbackRecord)])
def test_records_of_version_1_are_read_and_written_again_to_the_same_bytes(name: str, kind: type) -> None:
    """Otherwise no old decision could be traced, watched or reviewed."""
    plaintext = (RECORDS / name).read_bytes()
    record = decision_record(plaintext)
    assert isinstance(record, kind)
    assert record.v == 1
    assert record.given.site == "north"
    assert to_bytes(record) == plaintext


@pytest.mark.parametrize("name", ["answer_v1.json", "fallback_v1.json"])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"v":1', b'"v":2', 1),
        lambda data: data.replace(b'"v":1', b'"v":1,"later":true', 1),
        lambda data: data.replace(b'"kind":"', b'"kind":"un', 1),
        lambda data: data[:-1],
        lambda _: b"\xff",
    ],
)
def test_a_decision_record_of_another_form_is_unavailable_not_a_crash(name: str, change) -> None:
    """A higher number, a further field, another kind, no JSON: said with the remedy, and without a value."""
    with pytest.raises(Unavailable, match="does not know") as caught:
        decision_record(change((RECORDS / name).read_bytes()))
    assert "version of Bedrail" in caught.value.remedy


@pytest.mark.parametrize("read", [answer_record, outcome_record, response_record])
def test_every_other_record_says_the_same_of_a_later_form(read) -> None:
    """Outcomes and notes are records too."""
    with pytest.raises(Unavailable, match="does not know"):
        read(b'{"v":2,"decision":"01KE0000000000000000000001"}')
