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
WIDEST = 16
"""Digits of the longest number that a home may have padded with zeros."""


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
    not kept. Raises `Refused` when some are found, unless they are to be left out; where they are fewer than
    `min_group`, others are left out with them up to that number, since else whoever holds the table could tell how many
    by counting what is examined. `other_numbers` says that another
    house counts its patients there, so that equal numbers mean nothing: then nobody looks, and the finding says so.
    A candidate whose data can no longer be read gives a finding that is missing.
    """
    everybody = np.ones(len(subject), dtype=np.bool_)
    elsewhere = "" if trained_here else " It was not trained here: whom its makers had is not known."
    if other_numbers:
        words = "For information: patients' numbers there are said to be another house's, so that nobody could look."
        return Met(everybody, Finding(check=NAME, verdict=Verdict.PASS, reason=f"{words}{elsewhere}", judged=False))
    known = _learnt_from(ctx, actor, use_case, candidate)
    if known is None:
        reason = f"Nobody can tell any more from whose data {candidate.name} was made, so nor whether they stand there."
        return Met(everybody, Finding(check=NAME, verdict=Verdict.MISSING, reason=reason))
    numbers = subject.unique()
    found = np.array([_is_known(ctx, value, known) for value in numbers], dtype=np.bool_)
    people, count, least = len(found), int(found.sum()), requirements.min_group
    if not count:
        reason = f"None of the patients is one that {candidate.name} was made from here.{elsewhere}"
        return Met(everybody, Finding(check=NAME, verdict=Verdict.PASS, estimate=0.0, n=people, reason=reason))
    small, enough = count < least, max(count, least) < people
    if not leave_out or not enough:
        number = f"Fewer than {least}" if small else f"{count:,} of the {people:,}"
        raise Refused(
            f"{number} patients of this table are some that `{candidate.name}` was made from.",
            remedy="Leave them out: --leave-out-met; or, where another house counts its patients, say --other-numbers."
            if enough
            else "Give patients that it has not met; or, where another house counts its patients, say --other-numbers.",
            reasons=("patients-met",),
        )
    if small:
        found = found | _along(ctx, numbers, found, least - count)
        reason = (
            f"{least} patients were left out: fewer than {least} that {candidate.name} was made from, and others along "
            "with them, so that how many there were stays untold."
        )
        finding = Finding(check=NAME, verdict=Verdict.PASS, reason=f"{reason}{elsewhere}")
    else:
        reason = f"{count:,} of {people:,} patients were left out, since {candidate.name} was made from them."
        share = count / people
        finding = Finding(check=NAME, verdict=Verdict.PASS, estimate=share, n=people, reason=f"{reason}{elsewhere}")
    return Met(~subject.isin(numbers[found]).to_numpy(), finding)


def _along(ctx: Context, numbers: np.ndarray, found: np.ndarray, more: int) -> np.ndarray:
    """(people,) which others are left out too: those of the lowest keyed pseudonyms, which nobody without the key can
    tell, and the same ones each time."""
    others = np.flatnonzero(~found)
    chosen = sorted(others, key=lambda at: ctx.pseudonyms.pseudonym(f"left out along with {numbers[at]}"))[:more]
    return np.isin(np.arange(len(numbers)), chosen)


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
    """A number is one patient's however a file writes it: 1001, "1001 ", "001001", 1001.0; or it is a pseudonym.

    Zeros in front are lost where a file of digits only is read as numbers, here or in the other house, so that every
    width up to `WIDEST` is looked for. Letters, hyphens and check digits are not: `MRN-1001` is another number.
    """
    words = {str(value), str(value).strip()}
    digits = str(value).strip().removesuffix(".0")
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        digits = str(int(value))  # 1e16 is written otherwise
    if digits.isdigit():
        bare = digits.lstrip("0") or "0"
        words |= {digits, f"{digits}.0", f"{bare}.0", *(bare.zfill(width) for width in range(WIDEST + 1))}
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
