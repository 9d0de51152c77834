"""The locked holdout: opened once, on record, and never with patients that a candidate was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events import Actor, DataRead, Fact, HoldoutOpened, HoldoutSpared
from bedrail.governance.views import CandidateView, DatasetView
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import stored, told

if TYPE_CHECKING:
    import pandas as pd


def open_holdout(
    ctx: Context, actor: Actor, use_case: str, candidates: Sequence[CandidateView], purpose: str
) -> pd.DataFrame:
    """The holdout's rows; it opens once, for the candidates named then, and this is on record.

    The same candidates may be examined again (a renewal); a candidate that could have been tuned after the opening
    is refused: its figures would be optimistic (Dwork et al. 2015, "The reusable holdout").
    """
    view, known = ctx.use_case(use_case), ctx.registry.seen
    if view.dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    frame, labels = stored(ctx, view.dataset)
    digests = tuple(c.candidate for c in candidates)
    opened = view.dataset.holdout_candidates
    late = [c.name for c in candidates if opened and c.candidate not in opened]
    if late:
        raise Refused(
            f"the holdout was opened on {view.dataset.holdout_opened_at[:10]} before `{late[0]}` existed.",
            remedy=f"Admit newer data: bedrail data admit {use_case}; then examine the new candidate on its holdout.",
        )
    if not opened:
        fact = HoldoutOpened(dataset=view.dataset.dataset, use_case=use_case, candidates=digests, purpose=purpose)
        ctx.append(actor, "research", fact, known=known)
    rows = frame[(labels == "holdout").to_numpy()].reset_index(drop=True)
    read = told(use_case, view.dataset.dataset, list(rows.columns), len(rows), "holdout", purpose)
    ctx.append(actor, "research", DataRead(use_case=use_case, kind="holdout", count=len(rows), reason=purpose), read)
    return rows


def made_from_others(
    ctx: Context, actor: Actor, use_case: str, candidates: Sequence[CandidateView]
) -> dict[str, frozenset[str]]:
    """For each candidate made from an earlier dataset, the patients (pseudonyms) that it was made from.

    Its own holdout is not among them: nobody learnt from that. Raises `Refused` when that dataset can no longer be
    read, or names its patients by another column: then nobody can tell whom the candidate has met.
    """
    view, subject = ctx.use_case(use_case), ctx.charter(use_case).data.subject
    now = view.dataset.dataset if view.dataset else ""
    found: dict[str, frozenset[str]] = {}
    patients: dict[str, frozenset[str]] = {}
    for candidate in candidates:
        if candidate.dataset in ("", now):
            continue
        earlier = view.datasets.get(candidate.dataset)
        if candidate.dataset not in patients:
            patients[candidate.dataset] = _patients_of(ctx, actor, use_case, earlier, subject, candidate.name)
        found[candidate.candidate] = patients[candidate.dataset]
    return found


def _patients_of(
    ctx: Context, actor: Actor, use_case: str, dataset: DatasetView | None, subject: str, name: str
) -> frozenset[str]:
    unknown = Refused(
        f"nobody can tell any more from whose data `{name}` was made.",
        remedy=f"Train it again on the present data: bedrail train {use_case}; then examine the new candidate.",
        reasons=("holdout",),
    )
    if dataset is None:
        raise unknown
    try:
        frame, labels = stored(ctx, dataset)
    except NotFound:
        raise unknown from None
    if subject not in frame.columns:
        raise unknown
    used = frame.loc[labels.isin(["train", "validation", "calibration"]).to_numpy(), subject]
    why = "keeping patients that a candidate was made from out of the holdout"
    read = told(use_case, dataset.dataset, (subject,), len(used), "train, validation, calibration", why)
    ctx.append(actor, "research", read)
    return frozenset(used)


def spare_holdout(
    ctx: Context,
    actor: Actor,
    use_case: str,
    rows: pd.DataFrame,
    candidates: Sequence[CandidateView],
    met: dict[str, frozenset[str]],
) -> pd.DataFrame:
    """The holdout without patients that one of these candidates was made from, for all alike, so that they compare."""
    view, subject = ctx.use_case(use_case), rows[ctx.charter(use_case).data.subject]
    known = frozenset[str]().union(*met.values())
    keep = ~subject.isin(known).to_numpy()
    if keep.all():
        return rows
    facts: list[Fact] = []
    for candidate in candidates:
        mine = subject.isin(met.get(candidate.candidate, frozenset())).to_numpy()
        if mine.any():
            facts.append(
                HoldoutSpared(
                    dataset=view.dataset.dataset if view.dataset else "",
                    use_case=use_case,
                    candidate=candidate.candidate,
                    made_from=candidate.dataset,
                    patients=int(subject[mine].nunique()),
                    rows=int(mine.sum()),
                )
            )
    ctx.append(actor, "research", *facts)
    if not keep.any():
        raise Refused(
            "every patient of this holdout is one that a candidate was made from.",
            remedy=f"Admit newer data: bedrail data admit {use_case}; or train again: bedrail train {use_case}.",
            reasons=("holdout",),
        )
    return rows[keep].reset_index(drop=True)
