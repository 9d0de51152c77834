"""Estimators for one of K classes, each with the pull of every row: one-vs-rest and pairwise AUROC, skill, kappa."""

from __future__ import annotations

import numpy as np

from bedrail.checks.columns import Floats, Ints
from bedrail.checks.discrimination import auroc
from bedrail.checks.outcomes.estimates import Pulled

TINY = float(np.finfo(np.float64).eps)


def one_against_rest(outcome: Ints, score: Floats, classes: int, clusters: Ints | None) -> dict[int, Pulled]:
    """AUROC of each class's probability against all others; classes that nobody, or everybody, has are left out."""
    found = {}
    for k in range(classes):
        area = auroc((outcome == k).astype(np.float64), score[:, k], clusters)
        if area is not None:
            found[k] = Pulled(area.estimate, area.pulls, clusters)
    return found


def macro_auroc(areas: dict[int, Pulled], outcome: Ints, clusters: Ints | None, *, weighted: bool = False) -> Pulled:
    """The mean of one-vs-rest areas, each class alike or `weighted` by how many rows have it (Provost, Domingos 2001).

    `areas` must hold at least one class. Weighted, the shares of the classes are estimates too and pull as such.
    """
    n = len(outcome)
    names = list(areas)
    shares = np.array([np.mean(outcome == k) for k in names])
    weights = shares / shares.sum() if weighted else np.full(len(names), 1 / len(names))
    each = np.array([areas[k].estimate for k in names])
    area = float(weights @ each)
    pulls = np.sum([w * areas[k].pulls for w, k in zip(weights, names, strict=True)], axis=0)
    if weighted:
        value = np.zeros(n)
        for k, one in zip(names, each, strict=True):
            value[outcome == k] = one - area
        pulls = pulls + value / (n * shares.sum())
    return Pulled(area, pulls, clusters)


def pairwise_auroc(outcome: Ints, score: Floats, classes: int, clusters: Ints | None) -> Pulled | None:
    """M, the mean over pairs of classes of the chance that one of each is told apart (Hand and Till 2001, eq. 7).

    Unlike one-vs-rest areas it does not change with how common the classes are. None with fewer than two classes.
    """
    rows = {k: np.flatnonzero(outcome == k) for k in range(classes)}
    present = [k for k in range(classes) if len(rows[k])]
    pulls, total, pairs = np.zeros(len(outcome)), 0.0, 0
    for at, i in enumerate(present):
        for j in present[at + 1 :]:
            both = np.concatenate((rows[i], rows[j]))
            for k in (i, j):
                area = auroc((outcome[both] == k).astype(np.float64), score[both, k])
                assert area is not None
                total += area.estimate / 2
                pulls[both] += area.pulls / 2
            pairs += 1
    return Pulled(total / pairs, pulls / pairs, clusters) if pairs else None


def brier_rows(outcome: Ints, score: Floats) -> Floats:
    """(n,) squared distance of the probabilities from what happened, summed over classes (Brier 1950; 0 to 2)."""
    loss = (score**2).sum(axis=1) - 2 * score[np.arange(len(outcome)), outcome] + 1
    return np.asarray(np.maximum(loss, 0.0))


def log_loss_rows(outcome: Ints, score: Floats) -> Floats:
    """(n,) minus the logarithm of the probability given to what happened, kept above the machine epsilon."""
    return np.asarray(-np.log(np.clip(score[np.arange(len(outcome)), outcome], TINY, 1.0)))


def skill(loss: Floats, reference: Floats, clusters: Ints | None) -> Pulled | None:
    """1 - mean(loss) / mean(reference); None when the reference has no loss.

    With proper losses, and the class shares as reference, estimating the shares pulls nothing to first order: they
    minimise the reference.
    """
    n, base = len(loss), float(reference.mean())
    if base <= 0:
        return None
    ratio = float(loss.mean()) / base
    return Pulled(1 - ratio, -(loss - ratio * reference) / (n * base), clusters)


def share_losses(outcome: Ints, classes: int) -> tuple[Floats, Floats]:
    """((n,) Brier, (n,) log) losses of giving everybody the observed class shares."""
    shares = np.bincount(outcome, minlength=classes) / len(outcome)
    everybody = np.broadcast_to(shares, (len(outcome), classes))
    return brier_rows(outcome, everybody), log_loss_rows(outcome, everybody)


def confusion_of(outcome: Ints, said: Ints, classes: int) -> Ints:
    """(K, K) counts: rows are what happened, columns what was said."""
    return np.bincount(outcome * classes + said, minlength=classes * classes).reshape(classes, classes)


def kappa(outcome: Ints, said: Ints, classes: int, clusters: Ints | None, *, quadratic: bool) -> Pulled | None:
    """Cohen's kappa, or with quadratic weights for ordered classes (Cohen 1968); None when chance alone agrees fully.

    The pulls are the derivative of 1 - A/B, with A the observed and B the expected weighted disagreement: the variance
    of Fleiss, Cohen and Everitt (1969), here summed within patients.
    """
    place = np.arange(classes)
    apart = (place[:, None] - place[None, :]) ** 2 if quadratic else (place[:, None] != place[None, :])
    weight = apart.astype(np.float64)
    n = len(outcome)
    rows = np.bincount(outcome, minlength=classes) / n
    cols = np.bincount(said, minlength=classes) / n
    observed = weight[outcome, said]
    a, b = float(observed.mean()), float(rows @ weight @ cols)
    if b <= 0:
        return None
    expected = (weight @ cols)[outcome] + (rows @ weight)[said] - 2 * b
    pulls = -((observed - a) / b - a * expected / b**2) / n
    return Pulled(1 - a / b, pulls, clusters)


def balanced_accuracy(outcome: Ints, said: Ints, classes: int, clusters: Ints | None) -> Pulled:
    """The mean of the sensitivities of the classes that occur."""
    right = (outcome == said).astype(np.float64)
    present = [k for k in range(classes) if (outcome == k).any()]
    pulls, total = np.zeros(len(outcome)), 0.0
    for k in present:
        rows = outcome == k
        mean = float(right[rows].mean())
        total += mean
        pulls[rows] = (right[rows] - mean) / (rows.sum() * len(present))
    return Pulled(total / len(present), pulls, clusters)


def macro_f1(outcome: Ints, said: Ints, classes: int, clusters: Ints | None) -> Pulled:
    """The mean over the classes that occur or are said of F1 = 2 TP / (said + happened)."""
    n = len(outcome)
    pulls, total, count = np.zeros(n), 0.0, 0
    for k in range(classes):
        there, named = (outcome == k).astype(np.float64), (said == k).astype(np.float64)
        both = float(there.sum() + named.sum())
        if both == 0:
            continue
        one = 2 * float(there @ named) / both
        total += one
        pulls += (2 * there * named - one * (there + named)) / both
        count += 1
    return Pulled(total / count, pulls / count, clusters)
