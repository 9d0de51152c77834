"""Validation elsewhere is only that of patients whom the model has not met: looked up by keyed pseudonyms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events import Actor
from bedrail.core.values import Finding, Verdict
from bedrail.governance.views import CandidateView
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import stored, told

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.requirements import Requirements

NAME = "external-validation.patients-met"
LEARNT_FROM = ("train", "validation", "calibration")


@dataclass(frozen=True, slots=True)
class Met:
    """Which rows (n,) of the table are of patients that the model has not met, and the finding about it."""

    keep: np.ndarray
    finding: Finding


def patients_met(
    ctx: Context,
    actor: Actor,
    use_case: str,
    candidate: CandidateView,
    subject: pd.Series,
    requirements: Requirements,
    *,
    trained_here: bool = True,
    leave_out: bool = False,
    other_numbers: bool = False,
) -> Met:
    """Whether the candidate was made from patients of this table: `subject` (n,) are their numbers as they stand in it.

    Each number's keyed pseudonym is looked for among those of the parts that the candidate learnt from; the numbers are
    not kept. Raises `Refused` when some are found, unless they are to be left out. `other_numbers` says that another
    house counts its patients there, so that equal numbers mean nothing: then nobody looks, and the finding says so.
    A candidate whose data can no longer be read gives a finding that is missing.
    """
    everybody = np.ones(len(subject), dtype=np.bool_)
    elsewhere = "" if trained_here else " It was not trained here: whom its makers had is not known."
    if other_numbers:
        words = "For information: patients' numbers there are said to be another house's, so that nobody could look."
        return Met(everybody, Finding(check=NAME, verdict=Verdict.PASS, reason=f"{words}{elsewhere}"))
    known = _learnt_from(ctx, actor, use_case, candidate)
    if known is None:
        reason = f"Nobody can tell any more from whose data {candidate.name} was made, so nor whether they stand there."
        return Met(everybody, Finding(check=NAME, verdict=Verdict.MISSING, reason=reason))
    found = np.array([_is_known(ctx, value, known) for value in subject.unique()], dtype=np.bool_)
    people, count = len(found), int(found.sum())
    keep = ~subject.isin(subject.unique()[found]).to_numpy()
    if not count:
        reason = f"None of the patients is one that {candidate.name} was made from here.{elsewhere}"
        return Met(keep, Finding(check=NAME, verdict=Verdict.PASS, estimate=0.0, n=people, reason=reason))
    small = count < requirements.min_group
    number = f"fewer than {requirements.min_group}" if small else f"{count:,}"
    if not leave_out or count == people:
        raise Refused(
            f"{number} of the {people:,} patients of this table are some that `{candidate.name}` was made from.",
            remedy="Leave them out: --leave-out-met; or, where another house counts its patients, say --other-numbers."
            if count < people
            else "Give patients that it has not met; or, where another house counts its patients, say --other-numbers.",
            reasons=("patients-met",),
        )
    reason = f"{number} of {people:,} patients were left out, since {candidate.name} was made from them."
    share = None if small else count / people
    finding = Finding(
        check=NAME, verdict=Verdict.PASS, estimate=share, n=None if small else people,
        reason=f"{reason}{elsewhere}",
    )  # fmt: skip
    return Met(keep, finding)


def _learnt_from(ctx: Context, actor: Actor, use_case: str, candidate: CandidateView) -> frozenset[str] | None:
    """Pseudonyms of the patients whom the candidate learnt from, the read put on record; None when nobody can tell."""
    view, subject = ctx.use_case(use_case), ctx.charter(use_case).data.subject
    dataset = view.datasets.get(candidate.dataset)
    if dataset is None:
        return None
    try:
        frame, labels = stored(ctx, dataset)
    except NotFound:
        return None
    if subject not in frame.columns:
        return None
    used = frame.loc[labels.isin(LEARNT_FROM).to_numpy(), subject]
    why = "whether patients of another table are some that a candidate was made from"
    ctx.append(actor, "research", told(use_case, dataset.dataset, (subject,), len(used), ", ".join(LEARNT_FROM), why))
    return frozenset(str(value) for value in used)


def _is_known(ctx: Context, value: object, known: frozenset[str]) -> bool:
    """A number is one patient's however a file writes it: 1001, "1001 ", "001001", 1001.0; or it is a pseudonym."""
    words = {str(value), str(value).strip()}
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        words.add(str(int(value)))
    elif isinstance(value, (int, np.integer)):
        words.add(f"{int(value)}.0")
    elif (digits := str(value).strip().removesuffix(".0")).isdigit():
        bare = digits.lstrip("0") or "0"  # a file whose numbers were all digits was read without their zeros
        words |= {digits, f"{digits}.0", bare, f"{bare}.0"}
    return any(word in known or ctx.pseudonyms.pseudonym(word) in known for word in words)


def sides_apart(
    frame: pd.DataFrame, inputs: Sequence[str], outcome: str, subject: str, part: np.ndarray, requirements: Requirements
) -> Finding:
    """Whether a patient could stand both in a part left out and among those that its model was made on.

    With a column of patients they were kept out of training. Without one each row was taken for a patient: rows that
    stand word for word (inputs and outcome) in two parts may be one patient's, and more of them than
    `max_duplicate_share` leave it untold.
    """
    import pandas as pd

    if subject:
        parts = pd.Series(part).groupby(frame[subject].to_numpy()).nunique()
        both = int((parts > 1).sum())
        small = 0 < both < requirements.min_group
        number = f"Fewer than {requirements.min_group}" if small else f"{both:,}"
        reason = f"{number} patients stand in more than one part; each was kept out of the models asked about them."
        return Finding(check=NAME, verdict=Verdict.PASS, n=None if small else len(parts), reason=reason)
    twins = frame.groupby([*inputs, outcome], dropna=False, observed=True, sort=False).ngroup().to_numpy()
    spread = pd.Series(part).groupby(twins).transform("nunique").to_numpy() > 1
    share = float(spread.mean())
    words = (
        f"No column of patients was named, so that each row was taken for a patient; {share:.1%} of the rows stand "
        "word for word in two parts"
    )
    if share > requirements.max_duplicate_share:
        reason = f"{words}: whether these are the same patients cannot be told. Name the column (--subject)."
        return Finding(check=NAME, verdict=Verdict.MISSING, estimate=share, n=len(frame), reason=reason)
    return Finding(check=NAME, verdict=Verdict.PASS, estimate=share, n=len(frame), reason=f"{words}.")
