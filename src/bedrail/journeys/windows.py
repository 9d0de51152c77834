"""From sealed decisions to the windows that monitors look at; rows leave this module only as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from bedrail.core.errors import NOT_JSON, Corrupt, Unavailable
from bedrail.core.events import ArtifactRefused
from bedrail.core.ports import SealedRecord
from bedrail.core.queries import DecisionRow
from bedrail.decisions.values import AnswerRecord, FallbackRecord, decision_record, outcome_record
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.dataset_reads import read_dataset
from bedrail.journeys.examination import MISSING_CELL, assess_rows, load_model
from bedrail.monitoring.values import ReferenceWindow, Window

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.governance.usecase import Charter
    from bedrail.models.contract import Contract, Feature

MOST = 200_000

MANY = 20
"""So many records, none of them readable, are no chance."""

T = TypeVar("T")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Watched:
    """Full windows, how many rows they hold, how many wait for the next look, and where to go on."""

    windows: tuple[Window, ...] = ()
    rows: int = 0
    waiting: int = 0
    last_seen: int = -1
    first: str = ""
    last: str = ""


@dataclass(slots=True)
class _Rows:
    """Columns being gathered for one window."""

    X: list[list[float]] = field(default_factory=list)
    risk: list[float] = field(default_factory=list)
    outcome: list[float] = field(default_factory=list)
    groups: list[dict[str, str]] = field(default_factory=list)
    site: list[str] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)


def reference_rows(ctx: Context, use_case: str, candidate: str) -> pd.DataFrame:
    """The rows that say what 'as before' means: the holdout once it was opened for this candidate, else validation."""
    view = ctx.use_case(use_case)
    opened = view.dataset is not None and candidate in view.dataset.holdout_candidates
    part = "holdout" if opened else "validation"
    return read_dataset(ctx, use_case, part, reason="reference of the monitors")[0]


def reference_window(ctx: Context, charter: Charter, use_case: str, candidate: str) -> ReferenceWindow:
    """The reference of a candidate's monitors, with its risks computed anew."""
    rows, roles, contract = reference_rows(ctx, use_case, candidate), charter.roles(), charter.contract()
    model = load_model(ctx, candidate)
    window = Window(
        X=inputs_of(rows, contract),
        names=contract.names,
        risk=assess_rows(model, rows).risk,
        outcome=rows[roles.outcome].to_numpy(dtype=float),
        groups=rows[list(roles.groups)].fillna(MISSING_CELL).astype(str),
        site=rows[roles.site].to_numpy() if roles.site else None,
        subject=rows[roles.subject].to_numpy(),
    )
    return ReferenceWindow(
        window=window,
        threshold=charter.decision.threshold,
        levels={f.name: f.levels for f in contract.features if f.kind == "categorical"},
        limits={f.name: (f.low, f.high) for f in contract.features if f.kind == "numeric"},
        rows_per_window=charter.monitoring.window,
    )


def inputs_of(rows: pd.DataFrame, contract: Contract) -> Floats:
    """The features of a table as numbers (n, d): codes for levels, NaN for what is absent."""
    columns = [[_number(feature, value) for value in rows[feature.name]] for feature in contract.features]
    return np.array(columns, dtype=float).T


def received(ctx: Context, charter: Charter, rows: Sequence[DecisionRow]) -> tuple[list[DecisionRow], Floats, Floats]:
    """Of these decisions those whose records open, with their inputs (n, d) and risks (n,), NaN for none."""
    opened = _readable(ctx, "decision", [row.decision for row in rows], decision_record)
    kept, features = [row for row in rows if row.decision in opened], charter.contract().features
    records = [opened[row.decision] for row in kept]
    X = np.array([_received(features, record) for record in records], dtype=float).reshape(len(kept), len(features))
    return kept, X, np.array([r.risk if isinstance(r, AnswerRecord) else np.nan for r in records], dtype=float)


def decisions_since(ctx: Context, charter: Charter, use_case: str, candidate: str, seen: int, size: int) -> Watched:
    """Full windows of decisions, fallbacks included: a broken feed shows there first."""
    rows = [row for row in ctx.views.decisions(use_case, candidate, after_seq=seen, limit=MOST) if row.record]
    return _windows(ctx, charter, rows, {}, size, [row.seq for row in rows])


def outcomes_since(ctx: Context, charter: Charter, use_case: str, candidate: str, seen: int, size: int) -> Watched:
    """Full windows of decisions whose outcomes came in."""
    pairs = ctx.views.decided_with_outcomes(use_case, candidate, after_seq=seen, limit=MOST)
    ids = [f"outcome:{row.decision}" for row, _ in pairs]
    read = _readable(ctx, "outcome", ids, outcome_record)
    values = {record_id.removeprefix("outcome:"): float(record.value) for record_id, record in read.items()}
    pairs = [(row, outcome) for row, outcome in pairs if row.kind == "answered" and row.decision in values]
    return _windows(ctx, charter, [row for row, _ in pairs], values, size, [outcome.seq for _, outcome in pairs])


def _readable(ctx: Context, kind: str, record_ids: Sequence[str], read: Callable[[bytes], T]) -> dict[str, T]:
    """The records of one kind by id, those left out that do not open or decode: one of them must not blind the watch.

    How many that were goes on record, once for the same ones. Shredded records are passed over in silence, as ever.
    Raises `Corrupt` when none of many can be read: then it is the keys or the program, and a silent watch would lie.
    """
    found: dict[str, T] = {}
    broken: list[SealedRecord] = []
    for record, key in ctx.records.of_kind(kind, record_ids):
        try:
            found[record.record_id] = read(ctx.vault.open(record, key))
        except Unavailable:
            broken.append(record)
    if not broken:
        return found
    if not found and len(broken) >= MANY:
        remedy = "Check the keys and the version; bedrail ledger verify names what was changed."
        raise Corrupt(f"none of {len(broken)} sealed records ({kind}) can be read.", remedy=remedy)
    digest = sha256(broken[0].ciphertext).hexdigest()
    reason = f"{len(broken)} sealed records ({kind}) cannot be read and are not watched; first: {broken[0].record_id}"
    if ctx.refresh().refused_artifacts.get(digest) != reason:
        ctx.append(SYSTEM, "safety", ArtifactRefused(digest=digest, kind="record", reason=reason))
    return found


def _windows(
    ctx: Context,
    charter: Charter,
    rows: Sequence[DecisionRow],
    outcomes: dict[str, float],
    size: int,
    places: Sequence[int],
) -> Watched:
    full = len(rows) // size
    if full == 0:
        return Watched(waiting=len(rows))
    contract, wanted = charter.contract(), rows[: full * size]
    opened = _readable(ctx, "decision", [row.decision for row in wanted], decision_record)
    windows = tuple(
        _window(charter, contract, wanted[start : start + size], opened, outcomes)
        for start in range(0, len(wanted), size)
    )
    return Watched(
        windows=windows,
        rows=len(wanted),
        waiting=len(rows) - len(wanted),
        last_seen=places[len(wanted) - 1],
        first=wanted[0].decision,
        last=wanted[-1].decision,
    )


def _window(
    charter: Charter,
    contract: Contract,
    rows: Sequence[DecisionRow],
    opened: dict[str, AnswerRecord | FallbackRecord],
    outcomes: dict[str, float],
) -> Window:
    import pandas as pd

    gathered = _Rows()
    for row in rows:
        if row.decision not in opened:
            continue  # its key was destroyed: the patient is forgotten; or it cannot be read, and that is on record
        record = opened[row.decision]
        gathered.X.append(_received(contract.features, record))
        gathered.risk.append(record.risk if isinstance(record, AnswerRecord) else np.nan)
        gathered.outcome.append(outcomes.get(row.decision, np.nan))
        gathered.groups.append({name: record.given.groups.get(name, MISSING_CELL) for name in charter.data.groups})
        gathered.site.append(record.given.site)
        gathered.subject.append(row.subject)
    return Window(
        X=np.array(gathered.X, dtype=float).reshape(len(gathered.X), len(contract.features)),
        names=contract.names,
        risk=np.array(gathered.risk),
        outcome=np.array(gathered.outcome) if outcomes else None,
        groups=pd.DataFrame(gathered.groups, columns=list(charter.data.groups)),
        site=np.array(gathered.site),
        subject=np.array(gathered.subject),
        first=rows[0].decision,
        last=rows[-1].decision,
    )


def _received(features: Iterable[Feature], record: AnswerRecord | FallbackRecord) -> list[float]:
    """The inputs as they came, units converted where a unit was said; NaN for absent or unreadable ones."""
    if isinstance(record, AnswerRecord):
        return [_number(feature, record.inputs.get(feature.name)) for feature in features]
    sent = _plainly(record.given.features)
    return [_sent(feature, sent.get(feature.name)) for feature in features]


def _plainly(features: bytes) -> dict[str, object]:
    """The features as sent; none at all where that is no JSON object: then every input is missing."""
    with suppress(*NOT_JSON):
        sent = msgspec.json.decode(features)
        return sent if isinstance(sent, dict) else {}
    return {}


def _sent(feature: Feature, value: object) -> float:
    if not isinstance(value, dict):
        return _number(feature, value)
    factor = {"": 1.0, feature.unit: 1.0, **feature.units}.get(str(value.get("unit") or ""))
    number = _number(feature, value.get("value"))
    return number if factor is None or feature.kind == "categorical" else number * factor


def _number(feature: Feature, value: object) -> float:
    """A number, or the code of a level; NaN otherwise."""
    if feature.kind == "categorical":
        return float(feature.levels.index(value)) if isinstance(value, str) and value in feature.levels else np.nan
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan
