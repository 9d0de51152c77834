"""Hold the data and a candidate's figures against the population that is to be served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrail.core.errors import NotFound
from bedrail.core.values import Evidence
from bedrail.journeys.admission import Progress, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import build_cohort, load_model, record_evidence
from bedrail.journeys.holdout import made_from_others, open_holdout, spare_holdout

if TYPE_CHECKING:
    import pandas as pd


def represent_population(
    ctx: Context,
    person: str,
    use_case: str,
    population: pd.DataFrame,
    *,
    candidate: str = "",
    progress: Progress = quiet,
) -> Evidence:
    """Evidence `representativeness` of a candidate's data, and of its figures on the holdout, for `population`.

    `population` is a table of shares (see `checks.external.population.read_population`). The training part is compared
    with it; the holdout is opened as for an examination, on record. Raises `Invalid` when it speaks of attributes
    that the use case does not have, `NotFound` and `Refused` as examining does.
    """
    from bedrail.checks.external.population import read_population
    from bedrail.checks.external.served import representativeness

    actor = ctx.require(person, "candidate.examine")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    found = find_candidate(view, candidate)
    if view.dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    margins = read_population(population)
    why = "comparing the training data with the population to be served"
    trained = read_part(ctx, use_case, "train", reader=actor, reason=why)
    met = made_from_others(ctx, actor, use_case, [found])
    rows = open_holdout(ctx, actor, use_case, [found], "figures for the population to be served")
    rows = spare_holdout(ctx, actor, use_case, rows, [found], met)
    progress(f"weighing {found.name} to the population")
    subject = charter.data.subject
    cohort = build_cohort(charter, load_model(ctx, found.candidate), rows, trained[subject].tolist(), None)
    requirements = next(numbers for tier, numbers in ctx.policy().requirements.items() if tier == view.tier)
    groups = list(charter.roles().groups)
    answer = representativeness(
        trained[groups], margins, requirements, subject=trained[subject].to_numpy(), examined=cohort
    )
    dataset = view.dataset.dataset
    return record_evidence(ctx, actor, (answer,), use_case=use_case, candidate=found.candidate, dataset=dataset)[0]
