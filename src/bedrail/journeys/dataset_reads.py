"""Reading admitted datasets: each read is a fact that names reader, digest, columns, rows and reason."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import Actor, DatasetRead, DatasetReadRefused
from bedrail.data.minimum import Need, need_of
from bedrail.governance.views import DatasetView
from bedrail.journeys.context import SYSTEM, Context

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.governance.usecase import Charter

MOST_NAMED = 400
"""Columns that a fact names one by one; a fact has to fit into a ledger entry."""


def need(charter: Charter) -> Need:
    """What the use case may have, as its charter says."""
    plan, features = charter.data, [feature.name for feature in charter.features]
    return need_of(charter.use_case.id, plan.purpose, charter.roles(), features, plan.columns, plan.rows)


def stored(ctx: Context, dataset: DatasetView) -> tuple[pd.DataFrame, pd.Series]:
    """The table and each row's part, without a fact: for journeys that put the read on record with what they do."""
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(ctx.get_sealed(dataset.artifact)))
    labels = pd.read_parquet(io.BytesIO(ctx.artifacts.get(dataset.split)))["part"]
    return frame, labels


def told(use_case: str, dataset: str, columns: Sequence[str], rows: int, part: str, reason: str) -> DatasetRead:
    """The fact of one read."""
    named = tuple(str(name) for name in columns)
    if len(named) > MOST_NAMED:
        named = (*named[:MOST_NAMED], f"(and {len(named) - MOST_NAMED} more)")
    return DatasetRead(dataset=dataset, use_case=use_case, columns=named, rows=rows, part=part, reason=reason[:500])


def read_dataset(
    ctx: Context,
    use_case: str,
    *parts: str,
    reader: Actor = SYSTEM,
    reason: str = "inside a journey",
    columns: Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.Series]:
    """Rows of the admitted table (of these parts; all, without any) with each row's part, read on record.

    What is stored is what the purpose needed at admission; of it `columns` are given, or all. Raises `NotFound` without
    data, and `Refused` when a column is more than the charter in force says is needed: that it was asked is on record.
    """
    dataset = ctx.use_case(use_case).dataset
    if dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    frame, labels = stored(ctx, dataset)
    if columns:
        frame = frame[_needed(ctx, use_case, dataset.dataset, list(frame.columns), columns, reader)]
    if parts:
        chosen = labels.isin(parts).to_numpy()
        frame, labels = frame[chosen].reset_index(drop=True), labels[chosen].reset_index(drop=True)
    part = ", ".join(parts) or "all"
    ctx.append(reader, "research", told(use_case, dataset.dataset, list(frame.columns), len(frame), part, reason))
    return frame, labels


def _needed(
    ctx: Context, use_case: str, dataset: str, present: list[str], columns: Sequence[str], reader: Actor
) -> list[str]:
    try:
        need(ctx.charter(use_case)).require(columns)
    except Refused as refusal:
        asked = tuple(columns)[:MOST_NAMED]
        fact = DatasetReadRefused(dataset=dataset, use_case=use_case, columns=asked, reason=refusal.message[:500])
        ctx.append(reader, "research", fact)
        raise
    absent = [name for name in columns if name not in present]
    if absent:
        remedy = f"Admit the data again, with it. Stored are: {', '.join(present)}."
        raise Invalid(f"the dataset has no column `{absent[0]}`.", path="columns", remedy=remedy)
    return list(dict.fromkeys(columns))


def read_part(
    ctx: Context, use_case: str, *parts: str, reader: Actor = SYSTEM, reason: str = "inside a journey"
) -> pd.DataFrame:
    """The rows of some parts of the admitted dataset, never the holdout (see `examination.open_holdout`)."""
    if "holdout" in parts:
        raise Refused("the holdout is locked.", remedy="It is opened once, on record, by: bedrail examine.")
    return read_dataset(ctx, use_case, *parts, reader=reader, reason=reason)[0]


def read_rows(
    ctx: Context, person: str, use_case: str, columns: Sequence[str], parts: Sequence[str], reason: str
) -> pd.DataFrame:
    """What a person takes out of a dataset: needed columns, never the holdout, with a reason, on record.

    Raises `Refused` for a role that may not, for more than the purpose needs, and for the holdout.
    """
    actor = ctx.require(person, "data.read")
    if not reason.strip():
        raise Invalid("no reason was given.", path="--reason", remedy="Say what the rows are for.")
    if not columns:
        raise Invalid("no columns were named.", path="--columns", remedy="Name those that you need, and no others.")
    if not parts or "holdout" in parts:
        raise Refused("the holdout is locked.", remedy="Read --part train, validation or calibration.")
    return read_dataset(ctx, use_case, *parts, reader=actor, reason=reason, columns=columns)[0]
