"""Candidates are trained by a recipe, and trained again to see whether the record says how they were made."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import msgspec

from bedrail.core.errors import NotFound
from bedrail.core.events import Actor
from bedrail.core.values import Evidence, Value
from bedrail.governance.views import CandidateView
from bedrail.journeys.admission import Progress, admit_candidate, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part, told
from bedrail.journeys.delivery import find_candidate, load_candidate
from bedrail.journeys.examination import record_evidence
from bedrail.models.package import package_from
from bedrail.models.reproduce import Comparison, Difference, compare, differences, evidence_of, missing
from bedrail.models.values import Lineage, Package

if TYPE_CHECKING:
    import pandas as pd


class Reproduction(Value, frozen=True, kw_only=True):
    """What came of training a candidate again: the signed evidence, the comparison, and what was another then."""

    candidate: str
    name: str
    evidence: Evidence
    comparison: Comparison | None = None
    differences: tuple[Difference, ...] = ()


def train_candidate(
    ctx: Context, person: str, use_case: str, recipe: str, *, name: str = "", progress: Progress = quiet
) -> str:
    """Train by a recipe (a kind's name or the path of a recipe.toml) on the train part; returns the digest.

    Calibrated and bounded on the calibration part. Raises `Refused` when what is installed is not what the recipe
    pins, and `Invalid` for a recipe that cannot be read or asks for features that the use case does not have.
    """
    from bedrail.models.recipe_file import read_recipe, require_environment
    from bedrail.models.train import train

    actor = ctx.require(person, "candidate.train")
    wanted, folder = read_recipe(recipe)
    require_environment(wanted, folder)
    charter, view = ctx.charter(use_case), ctx.use_case(use_case)
    kind = wanted.recipe.kind
    why = f"training {name or kind}"[:100]
    train_rows = read_part(ctx, use_case, "train", reader=actor, reason=why)
    calibration_rows = read_part(ctx, use_case, "calibration", reader=actor, reason=why)
    assert view.dataset is not None
    package, model = train(
        kind,
        train_rows,
        calibration_rows,
        wanted.contract(charter.contract()),
        charter.data.outcome,
        name=name or kind,
        seed=wanted.recipe.seed,
        subject=charter.data.subject,
        settings=wanted.settings,
        calibration=wanted.calibration.method,
        confidence=wanted.calibration.confidence,
        ood_quantile=wanted.calibration.ood_quantile,
        lineage=Lineage(
            origin="trained",
            dataset=view.dataset.dataset,
            split=view.dataset.split,
            recipe_sha256=wanted.digest,
            outcome=charter.data.outcome,
            subject=charter.data.subject,
        ),
        progress=lambda what, _: progress(what),
    )
    return admit_candidate(ctx, actor.id, use_case, package, model, origin=f"recipe {kind}")


def recipe_of(ctx: Context, use_case: str, candidate: str = "") -> str:
    """The recipe that a candidate was trained by, as a file; raises `Invalid` for one that was not trained here."""
    from bedrail.models.recipe_file import recipe_text

    chosen = find_candidate(ctx.use_case(use_case), candidate)
    return recipe_text(package_from(load_candidate(ctx, chosen.candidate))[0])


def reproduce(
    ctx: Context, person: str, use_case: str, candidate: str = "", *, progress: Progress = quiet
) -> Reproduction:
    """Train a candidate again from its recorded data, split, recipe, settings and seed, and compare.

    The answer is recorded as evidence `reproducible`: pass when bytes or all answers are the same, fail with what may
    explain the difference, missing when the record or the data are no longer there. The new model is thrown away.
    """
    actor = ctx.require(person, "candidate.examine")
    chosen = find_candidate(ctx.use_case(use_case), candidate)
    package, model = package_from(load_candidate(ctx, chosen.candidate))
    lineage = package.lineage
    progress("reading the recorded data and split")
    if reason := _cannot(package):
        return _recorded(ctx, actor, use_case, chosen, missing(reason))
    try:
        table, parts, other = _material(ctx, actor, use_case, lineage, chosen.name)
    except NotFound:
        gone = "the data that it was made from can no longer be read here, so nobody can tell"
        return _recorded(ctx, actor, use_case, chosen, missing(gone))
    again = _again(ctx, use_case, package, table, parts, progress)
    progress("comparing bytes and answers")
    X = package.contract.encoder().table(table[parts.isin(["train", "calibration"]).to_numpy()])
    found = compare((package, model), again, X)
    differing = (*other, *differences(lineage))
    deterministic = None
    if not found.same_bytes:
        progress("training once more, to see whether that gives the same bytes here")
        deterministic = _again(ctx, use_case, package, table, parts, progress)[1] == again[1]
    evidence = evidence_of(found, differing, seed=lineage.seed or 0, deterministic=deterministic)
    return _recorded(ctx, actor, use_case, chosen, evidence, found, differing)


def _cannot(package: Package) -> str:
    from bedrail.models.recipes import RECIPES

    lineage = package.lineage
    if lineage.origin != "trained":
        return f"it was {lineage.origin}, not trained here: how it was made is not on record"
    if lineage.recipe not in RECIPES:
        return f"the recipe `{lineage.recipe}` is not one of this version"
    return ""


def _material(
    ctx: Context, actor: Actor, use_case: str, lineage: Lineage, name: str
) -> tuple[pd.DataFrame, pd.Series, tuple[Difference, ...]]:
    """The recorded table and split, the reading put on record; and where the stored table is not the recorded one."""
    import pandas as pd

    from bedrail.data.digest import table_digest

    dataset = ctx.use_case(use_case).datasets.get(lineage.dataset)
    if dataset is None:
        raise NotFound("the dataset is not known here.", path="dataset")
    table = pd.read_parquet(io.BytesIO(ctx.get_sealed(dataset.artifact)))
    parts = pd.read_parquet(io.BytesIO(ctx.artifacts.get(lineage.split)))["part"]
    used = parts.isin(["train", "calibration"]).to_numpy()
    why = f"training {name} again to see whether it is reproducible"
    fact = told(use_case, dataset.dataset, list(table.columns), int(used.sum()), "train, calibration", why)
    ctx.append(actor, "research", fact)
    digest = table_digest(table)
    if digest == lineage.dataset:
        return table, parts, ()
    return table, parts, (Difference(what="the data's digest", recorded=lineage.dataset[:12], now=digest[:12]),)


def _again(
    ctx: Context, use_case: str, package: Package, table: pd.DataFrame, parts: pd.Series, progress: Progress
) -> tuple[Package, bytes]:
    from bedrail.models.recipes import RECIPES
    from bedrail.models.train import train

    lineage, plan = package.lineage, ctx.charter(use_case).data
    known = RECIPES[lineage.recipe].settings
    return train(
        lineage.recipe,
        table[(parts == "train").to_numpy()].reset_index(drop=True),
        table[(parts == "calibration").to_numpy()].reset_index(drop=True),
        package.contract,
        lineage.outcome or plan.outcome,
        name=package.name,
        seed=lineage.seed or 0,
        subject=lineage.subject or plan.subject,
        settings={key: value for key, value in lineage.parameters.items() if key in known},
        calibration=package.calibration.method,
        confidence=package.uncertainty.confidence,
        ood_quantile=package.ood.quantile if package.ood else 0.999,
        mitigation=lineage.mitigation,
        lineage=msgspec.structs.replace(lineage, code=""),
        progress=lambda what, _: progress(what),
    )


def _recorded(
    ctx: Context,
    actor: Actor,
    use_case: str,
    chosen: CandidateView,
    answer: Evidence,
    found: Comparison | None = None,
    differing: tuple[Difference, ...] = (),
) -> Reproduction:
    (signed,) = record_evidence(
        ctx, actor, [answer], use_case=use_case, candidate=chosen.candidate, dataset=chosen.dataset
    )
    return Reproduction(
        candidate=chosen.candidate, name=chosen.name, evidence=signed, comparison=found, differences=differing
    )
