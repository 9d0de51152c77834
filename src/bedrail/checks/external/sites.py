"""Does the score hold from site to site, and what is to be expected at the next one?"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from bedrail.checks.discrimination import auroc
from bedrail.checks.external.pooling import Pooled, Ratios, pooled, pooled_ratios
from bedrail.checks.question import check
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

FEWEST = 10
"""Patients with, and without, the outcome that a site needs for an AUROC of its own."""
FEWEST_SITES = 5
"""Below so many sites nothing is concluded about the next one."""
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Sites:
    """The rows of each site: `codes` (n,), `names`, and `rows` (k,)."""

    codes: Ints
    names: tuple[str, ...]
    rows: Floats


def sites_of(values: object) -> Sites:
    """Site labels (n,) as codes, the largest site first; an absent one is a site `missing`."""
    import pandas as pd

    words = pd.Series(np.asarray(values)).astype("object")
    words = words.where(words.notna(), "missing").astype(str)
    counts = words.value_counts()
    order = sorted(counts.index, key=lambda name: (-int(counts[name]), name))
    place = {name: at for at, name in enumerate(order)}
    codes = words.map(place).to_numpy(dtype=np.int64)
    return Sites(codes=codes, names=tuple(order), rows=counts.loc[order].to_numpy().astype(np.float64))


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def area_effects(cohort: Cohort, sites: Sites) -> tuple[list[int], Floats, Floats]:
    """(sites, logit AUROC (k,), variances (k,)) of the sites with enough patients of each kind (Debray et al. 2017)."""
    order = np.argsort(sites.codes, kind="stable")
    bounds = np.searchsorted(sites.codes[order], np.arange(len(sites.names) + 1))
    chosen, effects, variances = [], [], []
    for at in range(len(sites.names)):
        rows = order[bounds[at] : bounds[at + 1]]
        if len(rows) < 2 * FEWEST:
            continue
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        found = auroc(cohort.outcome[rows], cohort.score[rows], clusters)
        if found is None or min(found.positives, found.negatives) < FEWEST or not 0 < found.estimate < 1:
            continue
        if found.error <= 0:
            continue
        area = found.estimate
        chosen.append(at)
        effects.append(log(area / (1 - area)))
        variances.append((found.error / (area * (1 - area))) ** 2)
    return chosen, np.array(effects), np.array(variances)


def ratio_parts(cohort: Cohort, sites: Sites) -> tuple[Floats, Floats, Floats]:
    """(observed, expected, variance of observed under the risks), each (k,); repeated rows widen the variance."""
    k = len(sites.names)
    observed = np.bincount(sites.codes, weights=cohort.outcome, minlength=k)
    expected = np.bincount(sites.codes, weights=cohort.score, minlength=k)
    plain = np.bincount(sites.codes, weights=cohort.score * (1 - cohort.score), minlength=k)
    return observed.astype(np.float64), expected.astype(np.float64), plain.astype(np.float64) * _widening(cohort)


def _widening(cohort: Cohort) -> float:
    from bedrail.checks.intervals import design_effect

    total = float(cohort.score.sum())
    ratio = float(cohort.outcome.sum()) / total if total > 0 else 1.0
    return design_effect(cohort.outcome - ratio * cohort.score, cohort.clusters)


@check("sites", "Does the score hold from site to site, and at the next one?")
def across_sites(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`sites.auroc` and `sites.observed-to-expected`: the mean over sites; `-at-a-new-site` with prediction intervals.

    Hundreds of sites are welcome: AUROC is pooled over those with 10 patients of each kind (random effects on the logit
    scale), O/E over all of them, tiny ones included. A new site's AUROC fails when its whole prediction interval lies
    below `min_group_auroc`, passes when all of it reaches it. A new site's O/E fails when sites differ beyond chance
    (Cochran's test at `side_alpha`) and the prediction interval leaves `group_observed_to_expected`, passes when it
    stays inside, and is missing otherwise, as it is with fewer than five sites.
    """
    del rng
    if cohort.site is None or cohort.n == 0:
        reason = "No site was given, so nothing can be said from site to site."
        return (Finding(check="sites.auroc", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    sites = sites_of(cohort.site)
    if len(sites.names) < 2:
        reason = "All predictions are of one site."
        return (Finding(check="sites.auroc", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    chosen, effects, variances = area_effects(cohort, sites)
    observed, expected, spread = ratio_parts(cohort, sites)
    areas = pooled(effects, variances, requirements.confidence)
    ratios = pooled_ratios(observed, expected, spread, requirements.confidence)
    rows = int(sites.rows[chosen].sum()) if chosen else 0
    return (
        *_area_findings(areas, len(sites.names), rows, requirements),
        *_ratio_findings(ratios, cohort.n, requirements),
    )


def _area_findings(areas: Pooled | None, k: int, n: int, requirements: Requirements) -> tuple[Finding, ...]:
    name = "sites.auroc"
    if areas is None:
        reason = f"Fewer than two of {k} sites have {FEWEST} patients with and without the outcome."
        return (Finding(check=name, group="site=*", verdict=Verdict.MISSING, reason=reason),)
    mean, low, high = (_expit(x) for x in (areas.mean, areas.low, areas.high))
    bound = requirements.min_group_auroc
    about = (
        f"AUROC {mean:.3f} ({low:.3f} to {high:.3f}) over {areas.k} of {k} sites; {bound:.2f} is required. "
        f"I2 {areas.i2:.0%} ({areas.i2_limits[0]:.0%} to {areas.i2_limits[1]:.0%}), "
        f"tau2 {areas.tau2:.3g} on the logit scale ({areas.tau2_limits[0]:.3g} to {areas.tau2_limits[1]:.3g})."
    )
    verdict = Verdict.FAIL if high < bound else Verdict.PASS if low >= bound else Verdict.MISSING
    first = Finding(check=name, group="site=*", verdict=verdict, estimate=mean, low=low, high=high, n=n, reason=about)
    if areas.new is None or areas.k < FEWEST_SITES:
        reason = f"{areas.k} sites are too few to say what to expect at the next one."
        return first, Finding(
            check=f"{name}-at-a-new-site", group="site=*", verdict=Verdict.MISSING, n=n, reason=reason
        )
    below, above = (_expit(x) for x in areas.new)
    verdict = Verdict.FAIL if above < bound else Verdict.PASS if below >= bound else Verdict.MISSING
    reason = f"At a new site an AUROC between {below:.3f} and {above:.3f} is to be expected; {bound:.2f} is required."
    return first, Finding(
        check=f"{name}-at-a-new-site",
        group="site=*",
        verdict=verdict,
        estimate=mean,
        low=below,
        high=above,
        n=n,
        reason=reason,
    )


def _ratio_findings(ratios: Ratios | None, n: int, requirements: Requirements) -> tuple[Finding, ...]:
    name = "sites.observed-to-expected"
    if ratios is None:
        reason = "No outcomes are expected, or none happened."
        return (Finding(check=name, group="site=*", verdict=Verdict.MISSING, n=n, reason=reason),)
    band = requirements.group_observed_to_expected
    about = (
        f"O/E is {ratios.ratio:.2f} ({ratios.low:.2f} to {ratios.high:.2f}) over {ratios.k} sites; "
        f"{band[0]:g} to {band[1]:g} is asked. Between sites it varies by {ratios.spread:.0%} of itself "
        f"({ratios.spread_limits[0]:.0%} to {ratios.spread_limits[1]:.0%}); no difference: p = {ratios.p_value:.2g}."
    )
    inside = band[0] <= ratios.low and ratios.high <= band[1]
    outside = ratios.high < band[0] or ratios.low > band[1]
    verdict = Verdict.FAIL if outside else Verdict.PASS if inside else Verdict.MISSING
    first = Finding(
        check=name,
        group="site=*",
        verdict=verdict,
        estimate=ratios.ratio,
        low=ratios.low,
        high=ratios.high,
        n=n,
        reason=about,
    )
    below, above = ratios.new
    words = (
        f"At a new site O/E between {below:.2f} and {above:.2f} is to be expected; {band[0]:g} to {band[1]:g} is asked."
    )
    kept = band[0] <= below and above <= band[1]
    if ratios.k < FEWEST_SITES:
        verdict, words = Verdict.MISSING, f"{ratios.k} sites are too few to say what to expect at the next one."
    elif kept:
        verdict = Verdict.PASS
    elif ratios.p_value <= requirements.side_alpha and ratios.spread_limits[0] > 0:
        verdict, words = Verdict.FAIL, f"Sites differ beyond chance. {words}"
    else:
        verdict, words = Verdict.MISSING, f"Not enough sites or patients to tell. {words}"
    return first, Finding(
        check=f"{name}-at-a-new-site",
        group="site=*",
        verdict=verdict,
        estimate=ratios.ratio,
        low=below,
        high=above,
        n=n,
        reason=words,
    )
