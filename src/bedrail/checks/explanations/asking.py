"""Can the reasons given for a risk be trusted? Seven questions put to a model and its explanations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from bedrail.checks.explanations.fidelity import fidelity_findings
from bedrail.checks.explanations.similarity import mean_of, permutation_importance, rank_agreement, sign_agreement
from bedrail.checks.question import against, rule
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.models.contract import Contract
from bedrail.models.explain.lime import Lime, log_odds

CHECK = "explanations"
LIME_ROWS = 40
LIME_REPEATS = 3
TINY = 0.01
CLOSE = 0.8
FEWEST = 20

Parts = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Explained:
    """A model with its explanations, and rows to ask with.

    `X` (n, k) encoded rows, `patient` (n,) from 0, `ask` encoded rows to raw probabilities, `parts` encoded rows to
    shares (n, features), `base` what they count from, `exact` whether they are the model's own or a surrogate's.
    `randomised` are those of a model by the same recipe on labels shuffled among rows; None where there is none, and
    `untrained` says why. `blank` gives the rows with one feature missing, None where the contract refuses that. `scale`
    is `log-odds` or `probability`. `answers` (n,) are what `ask` says of `X`; of a surrogate `said` (n,) is what it
    says instead, and `groups` and `cut` are where its fidelity is measured.
    """

    contract: Contract
    X: Floats
    patient: Ints
    ask: Parts
    parts: Parts
    base: float
    scale: str
    exact: bool
    randomised: Parts | None
    untrained: str
    blank: Callable[[str], Floats | None]
    answers: Floats
    groups: dict[str, np.ndarray]
    cut: float | None = None
    said: Floats | None = None


def explanation_evidence(explained: Explained, requirements: Requirements, rng: np.random.Generator) -> Evidence:
    """Evidence `explanations`, for exact shares or a surrogate's.

    `sum` (shares add up to the score), `stability` (a tiny change of the inputs hardly changes the order of reasons),
    `agreement` (with LIME and with permutation importance), `randomised` (a model of shuffled labels is explained
    otherwise: Adebayo et al. 2018), `missing-value` (a gap explains like the value that fills it), `correlation`
    (inputs between which shares cannot be told apart), and for a surrogate `fidelity`, overall and by group.
    """
    if len(explained.X) < FEWEST:
        reason = f"{len(explained.X)} rows are too few to try explanations on; {FEWEST} are needed."
        finding = Finding(check=CHECK, verdict=Verdict.MISSING, n=len(explained.X), reason=reason)
        return Evidence(check=CHECK, verdict=Verdict.MISSING, reason=reason, findings=(finding,))
    parts = explained.parts(explained.X)
    findings = (
        _sum(explained, parts, requirements),
        _stability(explained, parts, requirements, rng),
        *_agreement(explained, parts, requirements, rng),
        _randomised(explained, parts, requirements),
        *_gaps(explained, parts),
        *_correlated(explained),
        *fidelity_findings(explained.answers, explained.said, explained.groups, explained.patient, explained.cut,
                           requirements, rng),
    )  # fmt: skip
    none = Cohort(outcome=np.zeros(0), score=np.zeros(0))
    verdict, reason = rule(none, requirements, findings)
    return Evidence(check=CHECK, verdict=verdict, reason=reason, findings=findings)


def _margins(explained: Explained, answers: Floats) -> Floats:
    return log_odds(answers) if explained.scale == "log-odds" else answers


def _sum(explained: Explained, parts: Floats, requirements: Requirements) -> Finding:
    """Efficiency: Shapley (1953); Lundberg and Lee (2017), property 1."""
    said = explained.base + parts.sum(axis=1)
    # A surrogate's shares must add up to the surrogate's answer; how far that is from the model's is its fidelity.
    answers = explained.answers if explained.exact or explained.said is None else explained.said
    inner = (answers > 1e-5) & (answers < 1 - 1e-5)
    error = float(np.abs(said - _margins(explained, answers))[inner].max()) if inner.any() else float("inf")
    fits = error <= requirements.max_explanation_error
    reason = f"Shares and base differ from the score by at most {error:.2g} ({explained.scale})."
    return Finding(check=f"{CHECK}.sum", verdict=Verdict.PASS if fits else Verdict.FAIL, estimate=error,
                   n=int(inner.sum()), reason=reason)  # fmt: skip


def _stability(explained: Explained, parts: Floats, requirements: Requirements, rng: np.random.Generator) -> Finding:
    """Alvarez-Melis and Jaakkola (2018), "On the robustness of interpretability methods"."""
    near, spread = explained.X.copy(), explained.X.std(axis=0)
    for feature, (start, _) in zip(explained.contract.features, explained.contract.spans, strict=True):
        values = explained.X[:, start]
        # Counts cannot change a little: they stay as they are.
        if feature.kind == "numeric" and not np.all(values == np.round(values)):
            near[:, start] += rng.normal(0.0, TINY * spread[start], len(near))
    if np.array_equal(near, explained.X):
        reason = "All inputs are counts or categories: none can change by a little."
        return Finding(check=f"{CHECK}.stability", group="inputs=continuous", verdict=Verdict.MISSING, reason=reason)
    found = mean_of(rank_agreement(parts, explained.parts(near)), explained.patient, requirements.confidence)
    what = f"When continuous inputs move by {TINY:.0%} of their spread, the order of reasons agrees"
    return _mean(f"{CHECK}.stability", "overall", found, requirements.min_explanation_stability, what, len(parts))


def _agreement(
    explained: Explained, parts: Floats, requirements: Requirements, rng: np.random.Generator
) -> list[Finding]:
    ask: Parts = lambda rows: log_odds(explained.ask(rows))  # noqa: E731
    n = min(LIME_ROWS, len(parts))
    chosen = np.sort(rng.choice(len(parts), n, replace=False))
    lime = Lime(explained.ask, explained.contract, explained.X)
    runs = [[lime.explain(explained.X[i], rng) for i in chosen] for _ in range(LIME_REPEATS)]
    told = [np.stack([one.contributions for one in run]) for run in runs]
    people, level = explained.patient[chosen], requirements.confidence
    again = np.mean([rank_agreement(told[a], told[b]) for a in range(len(told)) for b in range(a)], axis=0)
    local = np.array([one.fidelity for one in runs[0]])
    bound = requirements.min_explanation_agreement
    # A share of how a feature's permutation moves all rows against its mean absolute share, drawn over patients.
    moved = np.abs(permutation_importance(ask(explained.X), explained.X, explained.contract.spans, ask, rng))
    overall = _drawn_agreement(np.abs(parts), moved, explained.patient, requirements, rng)
    limit = requirements.min_surrogate_fidelity
    return [
        _mean(f"{CHECK}.agreement", "with=lime", mean_of(rank_agreement(parts[chosen], told[0]), people, level), bound,
              "The order of reasons agrees with LIME's", n),
        _mean(f"{CHECK}.agreement", "with=permutation importance", overall, bound,
              "The order of inputs over all patients agrees with permutation importance", len(parts)),
        _mean(f"{CHECK}.agreement", "with=lime & of=direction",
              mean_of(sign_agreement(parts[chosen], told[0]), people, level), bound,
              "For the five largest reasons, LIME's direction agrees", n),
        _told(f"{CHECK}.lime", "of=repeats", mean_of(again, people, level), requirements.min_explanation_stability,
              "LIME, asked again, gives its reasons in an order that agrees", n),
        _told(f"{CHECK}.lime", "of=fidelity", mean_of(local, people, level), limit,
              "LIME's line explains of the answers around a patient", n),
    ]  # fmt: skip


def _drawn_agreement(
    parts: Floats, moved: Floats, patient: Ints, requirements: Requirements, rng: np.random.Generator
) -> tuple[float, float, float]:
    def agree(rows: Ints) -> float:
        return float(rank_agreement(parts[rows].mean(axis=0)[None, :], moved[rows].mean(axis=0)[None, :])[0])

    order = np.argsort(patient, kind="stable")
    starts = np.searchsorted(patient[order], np.unique(patient))
    blocks = np.split(order, starts[1:])
    drawn = [agree(np.concatenate([blocks[i] for i in rng.integers(0, len(blocks), len(blocks))])) for _ in range(200)]
    tail = (1 - requirements.confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    estimate = agree(np.arange(len(parts)))
    return estimate, min(float(low), estimate), max(float(high), estimate)


def _randomised(explained: Explained, parts: Floats, requirements: Requirements) -> Finding:
    """Adebayo et al. (2018), "Sanity checks for saliency maps", NeurIPS: the data randomisation test."""
    name = f"{CHECK}.randomised"
    if explained.randomised is None:
        reason = f"{explained.untrained} So nobody can see whether a model of shuffled labels is explained otherwise."
        return Finding(check=name, group="labels=shuffled", verdict=Verdict.MISSING, reason=reason)
    other = explained.randomised(explained.X)
    a, b = parts - parts.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    alike = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)
    found = mean_of(alike, explained.patient, requirements.confidence)
    assert found is not None
    estimate, low, high = found
    bound = requirements.max_randomised_similarity
    verdict = Verdict.FAIL if low > bound else Verdict.PASS if high <= bound else Verdict.MISSING
    words = {
        Verdict.FAIL: "the reasons hardly depend on what was learnt",
        Verdict.PASS: "the reasons come from what was learnt",
        Verdict.MISSING: "it cannot be told",
    }[verdict]
    reason = (
        f"Shares of a model of shuffled labels resemble these with cosine {estimate:.2f}; {bound:g} allowed: {words}."
    )
    return Finding(check=name, group="labels=shuffled", verdict=verdict, estimate=estimate, low=low, high=high,
                   n=len(parts), reason=reason)  # fmt: skip


def _gaps(explained: Explained, parts: Floats) -> list[Finding]:
    """A gap must explain as the value that stands for it, and still add up."""
    found, asked = [], 0
    for feature in explained.contract.features:
        rows = explained.blank(feature.name)
        if rows is None:
            continue
        asked += 1
        told = explained.parts(rows)
        answers = explained.ask(rows)
        inner = (answers > 1e-5) & (answers < 1 - 1e-5)
        error = np.abs(explained.base + told.sum(axis=1) - _margins(explained, answers))[inner]
        whole = bool(np.isfinite(told).all()) and (not explained.exact or not len(error) or float(error.max()) <= 1e-6)
        if not whole:
            worst = float(error.max()) if len(error) else None
            reason = f"Without {feature.name}, shares no longer add up to the score."
            group = f"input={feature.name}"
            found.append(Finding(check=f"{CHECK}.missing-value", group=group, verdict=Verdict.FAIL, estimate=worst,
                                 n=len(rows), reason=reason))  # fmt: skip
    if found:
        return found
    verdict = Verdict.PASS if asked else Verdict.MISSING
    reason = (
        f"With each of {asked} inputs missing in turn, shares are numbers and add up."
        if asked
        else "The contract refuses every gap: there is no answer to explain."
    )
    return [Finding(check=f"{CHECK}.missing-value", group="input=any", verdict=verdict, estimate=float(asked),
                    n=len(parts), reason=reason)]  # fmt: skip


def close_pairs(contract: Contract, X: Floats) -> list[tuple[str, str, float]]:
    """Pairs of numeric features whose ranks correlate with 0.8 or more, strongest first: (name, name, Spearman)."""
    from bedrail.checks.discrimination import midranks

    numeric = [(f.name, start) for f, (start, _) in zip(contract.features, contract.spans, strict=True)
               if f.kind == "numeric" and X[:, start].std() > 0]  # fmt: skip
    if len(numeric) < 2:
        return []
    ranks = np.column_stack([midranks(np.ascontiguousarray(X[:, start])) for _, start in numeric])
    matrix = np.atleast_2d(np.corrcoef(ranks, rowvar=False))
    found = [(numeric[i][0], numeric[j][0], float(matrix[i, j]))
             for i in range(len(numeric)) for j in range(i) if abs(matrix[i, j]) >= CLOSE]  # fmt: skip
    return sorted(found, key=lambda one: -abs(one[2]))


def _correlated(explained: Explained) -> list[Finding]:
    pairs = close_pairs(explained.contract, explained.X)
    name, n = f"{CHECK}.correlation", len(explained.X)
    if not pairs:
        reason = f"No two numeric inputs correlate with {CLOSE:g} or more."
        return [Finding(check=name, group="inputs=any two", verdict=Verdict.PASS, n=n, reason=reason)]
    return [
        Finding(check=name, group=f"inputs={a} and {b}", verdict=Verdict.MISSING, estimate=rho, n=n,
                reason=f"{a} and {b} correlate with {rho:.2f}: how a share divides between them cannot be identified.")
        for a, b, rho in pairs
    ]  # fmt: skip


def _mean(check: str, group: str, found: tuple[float, float, float] | None, bound: float, what: str, n: int) -> Finding:
    if found is None:
        reason = "Too few rows whose reasons differ at all."
        return Finding(check=check, group=group, verdict=Verdict.MISSING, n=n, reason=reason)
    estimate, low, high = found
    verdict = against(low, high, bound)
    words = {
        Verdict.FAIL: "less than", Verdict.PASS: "and must by", Verdict.MISSING: "which may or may not reach",
    }[verdict]  # fmt: skip
    reason = f"{what} by {estimate:.2f}, {words} {bound:g}."
    return Finding(check=check, group=group, verdict=verdict, estimate=estimate, low=low, high=high, n=n, reason=reason)


def _told(check: str, group: str, found: tuple[float, float, float] | None, bound: float, what: str, n: int) -> Finding:
    """As `_mean`, but a shortfall is LIME's own: a warning (missing), since the reasons shown are not LIME's."""
    finding = _mean(check, group, found, bound, what, n)
    if finding.verdict is not Verdict.FAIL:
        return finding
    reason = f"{finding.reason} So LIME itself is not to be trusted here."
    return msgspec.structs.replace(finding, verdict=Verdict.MISSING, reason=reason)
