"""What rests in this home as assets of the catalogue: the admitted datasets, and the records of decisions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from bedrail.core.errors import NotFound
from bedrail.data.sampling import AssetKey, Batch, Flow
from bedrail.governance.catalogue import DATASET, DECISIONS, HOME
from bedrail.governance.values import DatasetView
from bedrail.journeys.context import Context

_RECORD = ("subject", "encounter", "site", "at", "features", "groups", "answer", "explanation")
"""What a sealed record of a decision holds (see `decisions.request`)."""


class HomeSource:
    """The home as a source: names and counts only, no sealed value is opened."""

    whole = True
    target = HOME

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:  # noqa: ARG002 (nothing is sampled)
        """A flow for each admitted dataset that was not shredded, and one for the decisions, where there are any."""
        found: dict[str, Flow] = {}
        for case in self._ctx.refresh().use_cases.values():
            for view in case.datasets.values():
                if view.at <= self._ctx.registry.catalogue.gone.get(view.dataset, ""):
                    continue
                key = AssetKey(name=f"{case.id} {view.dataset[:12]}", kind="sealed", location=DATASET + view.dataset)
                found.setdefault(
                    view.dataset, Flow(label=key.name, read=partial(self._dataset, key, view), keys=(key,))
                )
        counted = [self._ctx.views.counts(case) for case in self._ctx.registry.use_cases]
        decisions = sum(each.get("answered", 0) + each.get("fell-back", 0) for each in counted)
        if decisions:
            key = AssetKey(name="decisions", kind="sealed", location=DECISIONS)
            batch = Batch(asset=key, rows=decisions, columns={name: [] for name in _RECORD})
            found["decisions"] = Flow(label="decisions", read=lambda _limit, _notes: iter([batch]), keys=(key,))
        return list(found.values()), []

    def _dataset(self, key: AssetKey, view: DatasetView, _limit: int, notes: list[str]) -> Iterator[Batch]:
        names: list[str] = []
        try:
            paper: dict[str, Any] = msgspec.json.decode(self._ctx.artifacts.get(view.profile))
            names = [str(each["name"]) for each in paper["profile"]["columns"]]
        except (NotFound, KeyError, TypeError, msgspec.DecodeError):
            notes.append("its profile cannot be read")
        yield Batch(asset=key, rows=view.rows, columns={name: [] for name in names})
