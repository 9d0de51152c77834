"""A sealed record that cannot be read does not stop the watch: it is passed over, and that is on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bedrail.core.errors import Corrupt
from bedrail.core.events import DecisionFellBack
from bedrail.core.ports import SealedRecord
from bedrail.decisions.values import FallbackRecord, Given, to_bytes
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.windows import MANY, Watched, decisions_since
from bedside_house import USE_CASE, SmallHouse, small_house

FEATURES = b'{"age": 70, "stay": {"value": 4, "unit": "d"}}'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """A deployed use case without decisions."""
    made = small_house(tmp_path)
    yield made
    made.app.close()


def _fall_back(house: SmallHouse, decision: str, *, features: bytes = FEATURES, plaintext: bytes = b"") -> SealedRecord:
    """A recorded fallback; with `plaintext` its record holds something else."""
    ctx = house.app.context
    given = Given(at=None, encounter="", site="north", features=msgspec.Raw(features), groups={"gender": "F"})
    record = FallbackRecord(
        decision=decision, use_case=USE_CASE, as_of=datetime(2026, 1, 1, tzinfo=UTC), candidate=house.candidate,
        stage="general", policy="", guard="inputs", reason="unreadable", given=given,
    )  # fmt: skip
    sealed = ctx.vault.seal(
        record_id=decision, subject="s" * 32, kind="decision", purpose="care", plaintext=plaintext or to_bytes(record)
    )
    fact = DecisionFellBack(
        decision=decision, use_case=USE_CASE, candidate=house.candidate, stage="general", subject="s" * 32,
        site="north", guard="inputs", reason="unreadable", record="d" * 64, policy="",
    )  # fmt: skip
    ctx.append(SYSTEM, "care", fact, records=[sealed])
    return sealed


def _look(house: SmallHouse, size: int) -> Watched:
    ctx = house.app.context
    return decisions_since(ctx, ctx.charter(USE_CASE), USE_CASE, house.candidate, -1, size)


def _spoil(house: SmallHouse, monkeypatch: pytest.MonkeyPatch, bad: Sequence[str]) -> None:
    """Bytes of these records changed on the disk."""
    records = house.app.context.records
    usual = records.of_kind

    def of_kind(kind: str, ids: Sequence[str]) -> Iterator[tuple[SealedRecord, object]]:
        for record, key in usual(kind, ids):
            worse = record.ciphertext[:-1] + bytes([record.ciphertext[-1] ^ 1])
            yield (msgspec.structs.replace(record, ciphertext=worse) if record.record_id in bad else record), key

    monkeypatch.setattr(records, "of_kind", of_kind)


def test_an_unreadable_record_is_passed_over_and_goes_on_record_once(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed bytes and a form that nobody knows: the others are watched; a second look adds no second fact."""
    for number in range(4):
        _fall_back(house, f"D{number}", plaintext=b'{"kind": "poem"}' if number == 2 else b"")
    _spoil(house, monkeypatch, ["D1"])
    watched = _look(house, 4)
    assert len(watched.windows) == 1
    assert len(watched.windows[0].X) == 2
    assert watched.windows[0].X[0, :2].tolist() == [70.0, 4.0]
    refused = house.app.context.registry.refused_artifacts
    assert [reason for reason in refused.values() if reason.startswith("2 sealed records (decision)")]
    size = house.app.context.ledger.head().size
    _look(house, 4)
    assert house.app.context.ledger.head().size == size


@pytest.mark.parametrize("features", [b"[1, 2]", b'"none"', b"null"])
def test_features_that_were_no_object_are_missing_inputs(house: SmallHouse, features: bytes) -> None:
    """A broken feed shows as missing values, not as an end of the watch."""
    _fall_back(house, "D0", features=features)
    assert np.isnan(_look(house, 1).windows[0].X).all()


def test_when_nothing_can_be_read_the_watch_says_so(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost keys are no single broken record: silence would look like calm."""
    names = [f"D{number}" for number in range(MANY)]
    for name in names:
        _fall_back(house, name)
    _spoil(house, monkeypatch, names)
    with pytest.raises(Corrupt, match="none of 20"):
        _look(house, MANY)
