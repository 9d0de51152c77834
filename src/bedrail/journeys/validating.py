"""Validate where a model was not made: sites and periods left out of a table, or a candidate on another site's data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Finding, Value
from bedrail.journeys.admission import Progress, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import assess_rows, load_model, record_evidence
from bedrail.journeys.patients_met import patients_met, sides_apart

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.external.left_out import LeftOut
    from bedrail.checks.requirements import Requirements
    from bedrail.models.contract import Contract

MOST_PARTS = 20
MOST_LEVELS = 20
SIMPLE_INPUTS = 3
CALIBRATION_SHARE = 0.25
FEWEST_OUTCOMES = 40
"""Rows with and without the outcome, of which a quarter of the patients calibrates; that too needs ten of each."""
FEWEST_FOR_VENN_ABERS = 500


class Plan(Value, frozen=True, kw_only=True):
    """Which columns of a table play which part. `features` none: every other column. `scores` are existing ones
    in risks, `points` existing ones in points, which a logistic curve of the training rows turns into risks.

    `simple` are the inputs of the simple score (three chosen by themselves on the training rows, when none is named).
    """

    outcome: str
    by: str
    subject: str = ""
    features: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    simple: tuple[str, ...] = ()
    recipe: str = "logistic"
    threshold: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Table:
    frame: pd.DataFrame
    y: np.ndarray
    subject: np.ndarray
    features: tuple[str, ...]


def leave_sites_out(
    frame: pd.DataFrame, plan: Plan, requirements: Requirements | None = None, *, progress: Progress = quiet
) -> Evidence:
    """Internal-external cross-validation: each site in turn is left out, the recipe trained on the others, and asked.

    More than 20 sites are dealt into 20 parts of whole sites, the largest first. Patients of a left-out part who also
    stand elsewhere are left out of training. A simple score (logistic on three inputs) and the existing scores of the
    plan are asked on the same rows. Raises `Invalid` for columns that are not there or an outcome that is not 0 and 1.
    """
    from bedrail.checks.external.left_out import external_validation
    from bedrail.checks.external.sites import sites_of

    table = _read(frame, plan)
    sites = sites_of(table.frame[plan.by])
    if len(sites.names) < 2:
        raise Invalid("holds one site only.", path=plan.by, remedy="Give data of several sites, or leave periods out.")
    dealt = np.arange(len(sites.names)) % MOST_PARTS
    part = dealt[sites.codes] if len(sites.names) > MOST_PARTS else sites.codes
    names = sites.names if len(sites.names) <= MOST_PARTS else tuple(f"part {at + 1}" for at in range(MOST_PARTS))
    folds = [(part != at, part == at) for at in range(len(names))]
    finer = sites.codes if len(sites.names) > MOST_PARTS else None
    given = _predicted(table, plan, part, names, "site", folds, progress, finer)
    return external_validation(given, requirements or _defaults(), [_apart(table, plan, part, requirements)])


def leave_periods_out(
    frame: pd.DataFrame,
    plan: Plan,
    periods: int = 5,
    requirements: Requirements | None = None,
    *,
    progress: Progress = quiet,
) -> Evidence:
    """Temporal validation: rows in order of the time column `by` make periods; each is asked of a model of the earlier.

    The first period only trains. Raises `Invalid` as `leave_sites_out` does, and for fewer than two periods.
    """
    from bedrail.checks.cells import Place, times
    from bedrail.checks.external.left_out import external_validation

    if not 2 <= periods <= MOST_PARTS:
        raise Invalid("is not between 2 and 20.", path="--periods", remedy="Name a number of periods.")
    table = _read(frame, plan)
    when, _ = times(table.frame[plan.by], Place(plan.by))
    edges = np.unique(np.quantile(when, np.linspace(0, 1, periods + 1)[1:-1]))
    part = np.searchsorted(edges, when, side="right")
    names = tuple(f"{at + 1} of {int(part.max()) + 1}" for at in range(int(part.max()) + 1))
    if len(names) < 2:
        raise Invalid("holds one time only.", path=plan.by, remedy="Name the column of times.")
    folds = [(part < at, part == at) for at in range(1, len(names))]
    given = _predicted(table, plan, part - 1, names[1:], "period", folds, progress)
    return external_validation(given, requirements or _defaults(), [_apart(table, plan, part, requirements)])


def _apart(table: _Table, plan: Plan, part: np.ndarray, requirements: Requirements | None) -> Finding:
    return sides_apart(table.frame, table.features, plan.outcome, plan.subject, part, requirements or _defaults())


def validate_candidate(
    ctx: Context,
    person: str,
    use_case: str,
    frame: pd.DataFrame,
    *,
    candidate: str = "",
    site: str = "",
    scores: Sequence[str] = (),
    leave_out_met: bool = False,
    other_numbers: bool = False,
    progress: Progress = quiet,
) -> Evidence:
    """Evidence `external-validation` of a candidate on a table of another site, with the charter's columns.

    The table is not admitted: it is read once, here, and the evidence holds figures only. `site` names a column of
    sites in it, `scores` existing scores; the first linear candidate is asked beside it. Raises `Refused` when patients
    of the table are some that the candidate was made from, unless they are to be left out (see `patients_met`), and
    `Invalid` for columns that are not there.
    """
    from bedrail.checks.external.left_out import LeftOut, external_validation
    from bedrail.checks.external.sites import sites_of

    actor = ctx.require(person, "candidate.examine")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    found = find_candidate(view, candidate)
    roles = charter.roles()
    needed = [roles.outcome, roles.subject, *(f.name for f in charter.features), *((site,) if site else ()), *scores]
    _present(frame, needed)
    requirements = next(numbers for tier, numbers in ctx.policy().requirements.items() if tier == view.tier)
    model = load_model(ctx, found.candidate)
    met = patients_met(
        ctx, actor, use_case, found, frame[roles.subject], requirements,
        trained_here=model.package.lineage.origin == "trained", leave_out=leave_out_met, other_numbers=other_numbers,
    )  # fmt: skip
    frame = frame[met.keep].reset_index(drop=True)
    outcome = _outcomes(frame[roles.outcome], roles.outcome)
    progress(f"asking {found.name} about {len(frame):,} rows")
    others = {name: _risks(frame[name], name) for name in scores}
    linear = [c for c in view.candidates.values() if c.kind == "linear" and c.candidate != found.candidate]
    for simple in linear[:1]:
        others[simple.name] = assess_rows(load_model(ctx, simple.candidate), frame).risk
    sites = sites_of(frame[site]) if site else sites_of(np.full(len(frame), "there"))
    import pandas as pd

    given = LeftOut(
        outcome=outcome,
        score=assess_rows(model, frame).risk,
        part=sites.codes,
        names=sites.names,
        subject=np.asarray(pd.factorize(frame[roles.subject])[0], dtype=np.int64),
        others=others,
        threshold=charter.decision.threshold,
    )
    answer = external_validation(given, requirements, [met.finding])
    dataset = view.dataset.dataset if view.dataset else ""
    return record_evidence(ctx, actor, (answer,), use_case=use_case, candidate=found.candidate, dataset=dataset)[0]


def _defaults() -> Requirements:
    from bedrail.checks.requirements import Requirements

    return Requirements()


def _present(frame: pd.DataFrame, names: Sequence[str]) -> None:
    there = [str(name) for name in frame.columns]
    for name in names:
        if name not in there:
            remedy = f"It has: {', '.join(there[:30])}."
            raise Invalid(f"the table has no column `{name}`.", path=name, remedy=remedy)


def _outcomes(column: pd.Series, name: str) -> np.ndarray:
    from bedrail.checks.cells import Place, binaries

    return binaries(column, Place(name)).astype(np.float64)


def _risks(column: pd.Series, name: str) -> np.ndarray:
    from bedrail.checks.cells import Place, probabilities

    return probabilities(column, Place(name))


def _read(frame: pd.DataFrame, plan: Plan) -> _Table:
    import pandas as pd

    named = [
        plan.outcome,
        plan.by,
        *((plan.subject,) if plan.subject else ()),
        *plan.features,
        *plan.scores,
        *plan.points,
    ]
    _present(frame, [*named, *plan.simple])
    frame = frame.reset_index(drop=True)
    y = _outcomes(frame[plan.outcome], plan.outcome)
    taken = {plan.outcome, plan.by, plan.subject, *plan.scores, *plan.points}
    features = plan.features or tuple(str(name) for name in frame.columns if str(name) not in taken)
    for name in (*features, *plan.simple):
        if name in taken:
            raise Invalid(f"`{name}` cannot be an input.", path=name, remedy="It plays another part in the plan.")
    if not features:
        raise Invalid("the table has no input left.", path="features", remedy="Name the inputs.")
    subject = np.arange(len(frame)) if not plan.subject else np.asarray(pd.factorize(frame[plan.subject])[0])
    return _Table(frame, y, subject.astype(np.int64), features)


def inferred_contract(frame: pd.DataFrame, features: Sequence[str]) -> Contract:
    """A contract read off training rows: numbers are imputed by their median, words have levels (the commonest 20).

    An input that is absent in every row is imputed by 0, and tells nothing.
    """
    import pandas as pd

    from bedrail.models.contract import Contract
    from bedrail.models.feature import Feature

    found = []
    for name in features:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            middle = float(column.median()) if column.notna().any() else 0.0
            found.append(Feature(name=name, kind="numeric", missing="impute", impute=middle))
        else:
            counts = _worded(column).value_counts()
            levels = tuple(dict.fromkeys((*(str(level) for level in counts.index[:MOST_LEVELS]), OTHER)))
            found.append(Feature(name=name, kind="categorical", levels=levels, missing="impute", impute=OTHER))
    return Contract(features=tuple(found))


OTHER = "(other)"


def _worded(column: pd.Series) -> pd.Series:
    return column.astype("object").where(column.notna(), "(absent)").astype(str)


def _fitting(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """The table as the contract takes it: levels that it does not have become `(other)`."""
    import pandas as pd

    columns = {}
    for feature in contract.features:
        column = frame[feature.name]
        if feature.kind == "numeric":
            columns[feature.name] = pd.to_numeric(column, errors="coerce").astype(np.float64)
        else:
            words = _worded(column)
            columns[feature.name] = words.where(words.isin(feature.levels), OTHER)
    return pd.DataFrame(columns)


Folds = Sequence[tuple[np.ndarray, np.ndarray]]


def _predicted(
    table: _Table,
    plan: Plan,
    part: np.ndarray,
    names: tuple[str, ...],
    kind: str,
    folds: Folds,
    progress: Progress,
    finer: np.ndarray | None = None,
) -> LeftOut:
    """Predictions of each fold's rows by models of its training rows; folds that cannot be trained are left out."""
    from bedrail.checks.external.left_out import LeftOut

    n = len(table.y)
    asked = np.zeros(n, dtype=np.bool_)
    score, simple = np.zeros(n), np.zeros(n)
    scored = {name: np.zeros(n) for name in plan.points}
    for at, (others_rows, held) in enumerate(folds):
        training = others_rows & ~np.isin(table.subject, table.subject[held])
        drawn = _set_aside(table, training, plan.seed)
        few = min(_fewer_of_the_two(table.y[training]), 4 * _fewer_of_the_two(table.y[drawn])) < FEWEST_OUTCOMES
        if few or not held.any():
            progress(f"{at + 1}/{len(folds)} left out: too few outcomes to train on")
            continue
        progress(f"{at + 1}/{len(folds)} trained without {kind} {names[at]}, {int(held.sum()):,} rows asked")
        ask = partial(_trained, table, training=training & ~drawn, calibrating=drawn, held=held, seed=plan.seed)
        score[held] = ask(plan.recipe, table.features)
        simple[held] = ask("logistic", plan.simple or _best_inputs(table, training))
        for name, risks in scored.items():
            risks[held] = ask("logistic", (name,))
        asked |= held
    if not asked.any():
        raise Invalid(
            f"whichever {kind} is left out, too few rows with, or without, the outcome are left to train on.",
            path=plan.outcome,
            remedy=f"Give a table with {FEWEST_OUTCOMES} or more of each outside any {kind}.",
        )
    others: dict[str, np.ndarray] = {"simple-score": simple[asked]}
    others.update({name: risks[asked] for name, risks in scored.items()})
    others.update({name: _risks(table.frame.loc[asked, name], name) for name in plan.scores})
    return LeftOut(
        outcome=table.y[asked],
        score=score[asked],
        part=part[asked].astype(np.int64),
        names=names,
        kind=kind,
        subject=table.subject[asked],
        others=others,
        finer=None if finer is None else finer[asked].astype(np.int64),
        threshold=plan.threshold,
    )


def _set_aside(table: _Table, training: np.ndarray, seed: int) -> np.ndarray:
    """A quarter of the training patients, and of those among them who had the outcome: a mask over all rows."""
    patients, place = np.unique(table.subject[training], return_inverse=True)
    had = np.bincount(place, weights=table.y[training]) > 0
    rng = np.random.default_rng([seed, len(patients)])
    parts = [rng.permutation(patients[had == one]) for one in (True, False)]
    quarter = np.concatenate([one[: round(CALIBRATION_SHARE * len(one))] for one in parts])
    return np.asarray(training & np.isin(table.subject, quarter))


def _fewer_of_the_two(y: np.ndarray) -> int:
    return int(min(y.sum(), (1 - y).sum()))


def _trained(
    table: _Table,
    recipe: str,
    features: Sequence[str],
    *,
    training: np.ndarray,
    calibrating: np.ndarray,
    held: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Risks of the held rows by the recipe, from training and calibrating rows; never from the held.

    By Platt's method where fewer than 500 of either outcome calibrate: the Venn-Abers risk p1 / (1 - p0 + p1) leans
    towards one half, with 25 cases among 300 by a quarter of the rate, with 500 by some 3 %: O/E would tell of that.
    """
    from bedrail.models.predict import open_model
    from bedrail.models.train import train

    contract = inferred_contract(table.frame[training | calibrating].reset_index(drop=True), features)

    def ready(rows: np.ndarray) -> pd.DataFrame:
        found = _fitting(table.frame[rows].reset_index(drop=True), contract)
        found["__outcome"], found["__subject"] = table.y[rows], table.subject[rows]
        return found

    few = _fewer_of_the_two(table.y[calibrating]) < FEWEST_FOR_VENN_ABERS
    package, model = train(
        recipe,
        ready(training),
        ready(calibrating),
        contract,
        "__outcome",
        seed=seed,
        subject="__subject",
        calibration="platt" if few else "venn-abers",
    )
    return assess_rows(open_model(package, model), _fitting(table.frame[held], contract)).risk


def _best_inputs(table: _Table, training: np.ndarray) -> tuple[str, ...]:
    """The three inputs whose numbers (or level means) rank the training outcomes best by themselves."""
    import pandas as pd

    from bedrail.checks.discrimination import auroc

    y = table.y[training]
    found: dict[str, float] = {}
    for name in table.features:
        column = table.frame.loc[training, name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            values = column.fillna(column.median()).to_numpy(dtype=np.float64)
        else:
            words = _worded(column)
            values = words.map(pd.Series(y, index=column.index).groupby(words).mean()).to_numpy(dtype=np.float64)
        area = auroc(y, np.nan_to_num(values))
        found[name] = abs((area.estimate if area else 0.5) - 0.5)
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:SIMPLE_INPUTS])
