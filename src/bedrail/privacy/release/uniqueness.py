"""How many of a table's records are alone in the whole population, estimated from the table: four methods.

All assume that the table is a simple random sample of the population and that its class sizes are those of the
quasi-identifiers as they stand; where it is not, none of them holds. Each has its range: see `Estimates` and
docs/deid-tables.md for the bias that simulations show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from bedrail.core.values import Value
from bedrail.privacy.release.tally import Floats, Ints

Model = Literal["pitman", "snb", "zayatz"]
DRAWS = 200
MOST_PITMAN = 0.1
"""Dankar, El Emam, Neisa and Roffey 2012: Pitman's model up to this sampling fraction."""


class Estimate(Value, frozen=True, kw_only=True):
    """The share of the population that is unique in it, by one model; None where the model has no solution.

    `low` and `high` bound the middle 95 % of parametric redraws of the class sizes: the noise of sampling under the
    model, not its being wrong. `records` is the share of the table's records that are unique in the population.
    """

    model: Model
    share: float | None
    records: float | None = None
    low: float | None = None
    high: float | None = None


class Estimates(Value, frozen=True, kw_only=True):
    """All models, and which one the rule of Dankar et al. 2012 goes by: Pitman up to a sampling fraction of 0.1; above,
    the lower of Zayatz and SNB (SNB only where it converges)."""

    sampling: float
    population: int
    chosen: Model
    models: tuple[Estimate, ...]

    @property
    def answer(self) -> Estimate:
        """The chosen model's estimate."""
        return next(each for each in self.models if each.model == self.chosen)


def population_uniqueness(sizes: Ints, sampling: float, *, rng: np.random.Generator | None = None) -> Estimates:
    """Estimate population uniqueness from the class sizes of a sample of fraction `sampling` (0 < sampling <= 1).

    With `rng`, each estimate has an interval of `DRAWS` redraws. Raises ValueError outside of the range of sampling.
    """
    if not 0 < sampling <= 1:
        raise ValueError("a sampling fraction lies in 0..1")
    rows = int(sizes.sum())
    population = max(rows, round(rows / sampling))
    solvers: dict[Model, Callable[[Ints], float | None]] = {
        "pitman": lambda s: pitman(s, population),
        "snb": lambda s: snb(s, sampling),
        "zayatz": lambda s: zayatz(s, sampling),
    }
    models = []
    for model, solve in solvers.items():
        share = solve(sizes)
        low, high = _interval(solve, sizes, rng) if rng is not None and share is not None else (None, None)
        uniques = None if share is None else min(share * population * sampling, float((sizes == 1).sum()))
        records = uniques / rows if uniques is not None and rows else None
        models.append(Estimate(model=model, share=share, records=records, low=low, high=high))
    return Estimates(sampling=sampling, population=population, chosen=_rule(models, sampling), models=tuple(models))


def _rule(models: list[Estimate], sampling: float) -> Model:
    shares = {each.model: each.share for each in models}
    if sampling <= MOST_PITMAN:
        return "pitman" if shares["pitman"] else "zayatz"
    by_snb, by_zayatz = shares["snb"], shares["zayatz"]
    return "snb" if by_snb and by_zayatz is not None and by_snb <= by_zayatz else "zayatz"


def _interval(
    solve: Callable[[Ints], float | None], sizes: Ints, rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """The middle 95 % of estimates from redrawn tables: classes redrawn with replacement, as many as there are."""
    spectrum_sizes, spectrum = np.unique(sizes, return_counts=True)
    found: list[float] = []
    for _ in range(DRAWS):
        counts = rng.multinomial(int(spectrum.sum()), spectrum / spectrum.sum())
        share = solve(np.repeat(spectrum_sizes, counts))
        if share is not None:
            found.append(share)
    if len(found) < DRAWS / 2:
        return None, None
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def zayatz(sizes: Ints, sampling: float) -> float:
    """Zayatz 1991: Bayes on each class that is single here, with the sample's own spectrum taken for the population's.

    The share of the population. Tends to be too high for small sampling fractions.
    """
    ones = float((sizes == 1).sum())
    if not ones:
        return 0.0
    rows = int(sizes.sum())
    population = max(rows, round(rows / sampling))
    distinct, counts = np.unique(sizes, return_counts=True)
    single = distinct * sampling * (1.0 - sampling) ** (distinct - 1.0)  # one of a class of that size in the sample
    total = float((counts * single).sum())
    certain = ones * sampling / total if total else 1.0
    return min(1.0, ones * certain / sampling / population)


def pitman(sizes: Ints, population: int) -> float | None:
    """Hoshino 2001: the Ewens-Pitman model by maximum likelihood; None when it has no inner maximum.

    Uniques of a population of N: Gamma(theta + 1) / Gamma(theta + alpha) * N ** alpha.
    """
    from scipy.optimize import minimize
    from scipy.special import gammaln

    ones = float((sizes == 1).sum())
    rows, classes = float(sizes.sum()), float(len(sizes))
    if not ones:
        return 0.0
    if classes < 2 or ones == classes:
        return None
    distinct, counts = np.unique(sizes, return_counts=True)

    def minus_log_likelihood(at: Floats) -> float:
        alpha, theta = 1.0 / (1.0 + np.exp(-at[0])), float(np.exp(at[1]))
        rising = (classes - 1) * np.log(alpha) + gammaln(theta / alpha + classes) - gammaln(theta / alpha + 1)
        inner = float((counts * (gammaln(distinct - alpha) - gammaln(1.0 - alpha))).sum())
        return -float(rising + inner - (gammaln(theta + rows) - gammaln(theta + 1)))

    best = min(
        (
            minimize(
                minus_log_likelihood,
                np.array(start),
                method="Nelder-Mead",
                options={"maxiter": 800, "xatol": 1e-6, "fatol": 1e-7},
            )
            for start in ((0.0, np.log(classes)), (1.5, 0.0))
        ),
        key=lambda result: float(result.fun),
    )
    alpha, theta = 1.0 / (1.0 + np.exp(-best.x[0])), float(np.exp(best.x[1]))
    if not np.isfinite(best.fun) or alpha > 1 - 1e-4 or theta > 1e12:
        return None
    uniques = float(np.exp(gammaln(theta + 1) - gammaln(theta + alpha) + alpha * np.log(population)))
    return float(min(1.0, uniques / population)) if np.isfinite(uniques) else None


def snb(sizes: Ints, sampling: float) -> float | None:
    """Chen and Keller-McNulty 1998: classes of the population are 1 + a negative binomial (alpha, beta); None without a
    solution. The number of classes of the population is Shlosser's estimate (Haas and Stokes 1998)."""
    from scipy.optimize import least_squares

    ones, twos = float((sizes == 1).sum()), float((sizes == 2).sum())
    rows = float(sizes.sum())
    if not ones:
        return 0.0
    if sampling >= 1:
        return ones / rows
    if not twos:
        return None
    classes = shlosser(sizes, sampling)

    def apart(at: Floats) -> Floats:
        alpha, beta = float(np.exp(at[0])), 1.0 / (1.0 + np.exp(-at[1]))
        single, double = snb_singles(alpha, beta, sampling)
        return np.array([classes * single / ones - 1.0, classes * double / twos - 1.0])

    best = min(
        (least_squares(apart, np.array(start), max_nfev=400) for start in ((0.0, 0.0), (-2.0, -3.0), (2.0, 2.0))),
        key=lambda result: float(result.cost),
    )
    if best.cost > 1e-6:
        return None
    alpha, beta = float(np.exp(best.x[0])), 1.0 / (1.0 + np.exp(-best.x[1]))
    return float(min(1.0, classes * beta**alpha * sampling / rows))


def snb_singles(alpha: float, beta: float, sampling: float) -> tuple[float, float]:
    """The probabilities that a population class shows once, and twice, in the sample.

    With G(s) = s * (beta / (1 - (1 - beta) s)) ** alpha, the generating function of 1 + negative binomial, at
    s = 1 - sampling: sampling * G'(s), and sampling^2 * G''(s) / 2.
    """
    gone, rest = 1.0 - sampling, 1.0 - (1.0 - beta) * (1.0 - sampling)
    weight = (beta / rest) ** alpha
    slope = (1.0 - beta) / rest
    first = weight * (1.0 + alpha * gone * slope)
    second = weight * (2.0 * alpha * slope + gone * alpha * (alpha + 1.0) * slope**2)
    return sampling * first, sampling**2 * second / 2.0


def shlosser(sizes: Ints, sampling: float) -> float:
    """The number of classes in the population, by Shlosser 1981."""
    distinct, counts = np.unique(sizes, return_counts=True)
    ones = float(counts[distinct == 1].sum())
    missed = float((counts * (1.0 - sampling) ** distinct).sum())
    met = float((counts * distinct * sampling * (1.0 - sampling) ** (distinct - 1.0)).sum())
    return float(counts.sum()) + (ones * missed / met if met else 0.0)
