"""Do the inputs, or the score, give away attributes that the model is not told?"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.discrimination import auroc
from bedrail.checks.equity.tallies import families, levels_of
from bedrail.checks.fairness import holm
from bedrail.checks.groups import NO_GROUPS
from bedrail.checks.intervals import quantile
from bedrail.checks.question import check
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

MOST_PATIENTS = 4_000
FOLDS = 5
PERMUTATIONS = 39
PENALTY = 0.01
MOST_FEATURES_TOLD = 5
LEVELS = 20
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """Some patients' rows: `y` outcome, `score`, `patient` (n,) codes, `design` (n, p) inputs or None, `rows`."""

    y: Floats
    score: Floats
    patient: Ints
    design: Floats | None
    rows: Ints


@check("proxies", "Do the inputs or the score give away attributes that the model is not told?")
def proxies(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """How well each group is told from the rest: `proxies.score`, `.score-given-outcome`, `.inputs`, `.input`.

    AUROC of membership: of the score; of the score among patients of the same outcome (both classes weighed by their
    pairs); of a ridge classifier on all inputs, cross-validated over patients. `.input` gives, for each column, the
    single inputs with most mutual information with it (in tenths or levels), as a share of the column's entropy,
    less what chance gives. What is called more than chance stands out from permutations of the attribute among patients
    (inputs), or has an interval beyond 0.5 (score), after correction over all groups (at 1 - `confidence`); the rest is
    noise and called so. A finding fails only above
    `max_proxy_auroc`, with its whole interval; without that bound it is information: age is known from most inputs,
    and has to be. At most 4,000 patients are drawn.
    """
    columns = families(cohort, intersections=False)
    if not columns:
        return (Finding(check="proxies", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    sample = _sample(cohort, rng)
    findings: list[Finding] = []
    groups = sum(len(cohort.groups[column].cat.categories) for (column,) in columns) if cohort.groups is not None else 0
    for (column,) in columns:
        found = levels_of(cohort, (column,))
        codes = found.codes[sample.rows]
        sizes = np.bincount(codes, minlength=len(found.names))
        chosen = [
            at for at in range(len(found.names)) if min(sizes[at], len(codes) - sizes[at]) >= requirements.min_group
        ]
        if not chosen:
            reason = f"No group of {column} is large enough, and has enough others beside it."
            findings.append(Finding(check="proxies.score", group=f"{column}=*", verdict=Verdict.MISSING, reason=reason))
            continue
        findings += _of_score(sample, codes, [(at, found.names[at]) for at in chosen], requirements, 2 * groups)
        if sample.design is not None:
            named = [(at, found.names[at]) for at in chosen]
            findings += _of_inputs(sample, codes, named, requirements, len(columns), rng)
    if cohort.inputs is not None:
        findings += _single_inputs(cohort, sample, [column for (column,) in columns], requirements, rng)
    return tuple(findings)


def _sample(cohort: Cohort, rng: np.random.Generator) -> Sample:
    patient = np.arange(cohort.n) if cohort.clusters is None else cohort.clusters
    k = int(patient.max()) + 1
    rows = np.arange(cohort.n)
    if k > MOST_PATIENTS:
        drawn = np.zeros(k, dtype=np.bool_)
        drawn[rng.choice(k, MOST_PATIENTS, replace=False)] = True
        rows = np.flatnonzero(drawn[patient])
    codes = np.unique(patient[rows], return_inverse=True)[1]
    design = None if cohort.inputs is None or not cohort.inputs.shape[1] else design_of(cohort.inputs.iloc[rows])
    return Sample(cohort.outcome[rows], cohort.score[rows], codes.astype(np.int64), design, rows)


def design_of(inputs: pd.DataFrame) -> Floats:
    """(n, p) inputs as standardised columns: numbers with their absence beside them, categories one column a level."""
    import pandas as pd

    blocks: list[Floats] = []
    for name in inputs.columns:
        column = inputs[name]
        if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            absent = ~np.isfinite(values)
            middle = float(np.median(values[~absent])) if (~absent).any() else 0.0
            filled = np.where(absent, middle, values)
            low, high = np.quantile(filled, [0.005, 0.995])
            blocks += [np.clip(filled, low, high)[:, None], absent.astype(np.float64)[:, None]]
        else:
            codes = levelled(column)
            blocks.append((codes[:, None] == np.arange(codes.max() + 1)[None, :]).astype(np.float64))
    whole = np.concatenate(blocks, axis=1)
    spread = whole.std(axis=0)
    return np.asarray(((whole - whole.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0])


def levelled(column: pd.Series) -> Ints:
    """(n,) codes: tenths of numbers, the commonest 20 levels of words, with the absent and the rest as their own."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype) and column.nunique() > LEVELS:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        there = np.isfinite(values)
        edges = np.unique(np.quantile(values[there], np.linspace(0, 1, TENTHS + 1)[1:-1]))
        return np.where(there, 1 + np.searchsorted(edges, np.where(there, values, 0.0), side="right"), 0).astype(
            np.int64
        )
    words = column.astype("object").where(column.notna(), "missing").astype(str)
    common = words.value_counts().index[:LEVELS]
    return np.asarray(pd.Categorical(words, categories=common).codes, dtype=np.int64) + 1


def _clusters(sample: Sample) -> Ints | None:
    return None if int(sample.patient.max()) + 1 == len(sample.patient) else sample.patient


def _of_score(
    sample: Sample, codes: Ints, named: list[tuple[int, str]], requirements: Requirements, tests: int
) -> list[Finding]:
    findings = []
    strict = 1 - (1 - requirements.confidence) / tests
    for at, name in named:
        member = (codes == at).astype(np.float64)
        for what, measure in (("proxies.score", _area), ("proxies.score-given-outcome", _given_outcome)):
            sure = measure(member, sample, strict)
            noise = sure is None or sure[1] <= 0.5 <= sure[2]
            told = measure(member, sample, requirements.confidence)
            findings.append(_finding(what, name, told, requirements, noise=noise))
    return findings


Area = tuple[float, float, float, float, int] | None
"""(AUROC, low, high, standard error, rows)."""


def _area(member: Floats, sample: Sample, confidence: float, score: Floats | None = None) -> Area:
    found = auroc(member, sample.score if score is None else score, _clusters(sample))
    if found is None:
        return None
    return found.estimate, *found.interval(confidence), found.error, len(member)


def _given_outcome(member: Floats, sample: Sample, confidence: float) -> Area:
    """The AUROC of membership within each outcome, weighed by pairs of rows; variances add, as rows differ."""
    parts = []
    for value in (0.0, 1.0):
        rows = sample.y == value
        clusters = _clusters(sample)
        found = auroc(member[rows], sample.score[rows], None if clusters is None else clusters[rows])
        if found is not None:
            parts.append((found.positives * found.negatives, found))
    if not parts:
        return None
    whole = sum(weight for weight, _ in parts)
    area = sum(weight * each.estimate for weight, each in parts) / whole
    error = sum((weight * each.error / whole) ** 2 for weight, each in parts) ** 0.5
    half = quantile(confidence) * error
    return area, max(0.0, area - half), min(1.0, area + half), error, len(member)


def strength(area: float) -> float:
    """How far an AUROC is from telling nothing: a score that ranks a group last gives it away as well."""
    return max(area, 1 - area)


def _finding(name: str, group: str, found: Area, requirements: Requirements, *, noise: bool) -> Finding:
    if found is None:
        reason = "The group, or the rest, is absent."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, reason=reason)
    area, low, high, _, n = found
    what = {
        "proxies.score": "The score tells",
        "proxies.score-given-outcome": "Among patients of the same outcome, the score tells",
        "proxies.inputs": "All inputs together tell",
    }[name]
    words = f"{what} {group} from the rest with an AUROC of {area:.3f}"
    words += "; that is within what chance gives." if noise else "."
    most = requirements.max_proxy_auroc
    verdict = Verdict.PASS
    if most is not None and not noise and max(low, 1 - high) > most:
        verdict, words = Verdict.FAIL, f"{words} At most {most:g} is tolerated."
    elif most is not None and strength(area) > most:
        verdict, words = Verdict.MISSING, f"Not enough patients to tell whether {most:g} is exceeded. {words}"
    return Finding(check=name, group=group, verdict=verdict, estimate=area, low=low, high=high, n=n, reason=words)


def _of_inputs(
    sample: Sample,
    codes: Ints,
    named: list[tuple[int, str]],
    requirements: Requirements,
    columns: int,
    rng: np.random.Generator,
) -> list[Finding]:
    """Cross-validated membership from all inputs, beside permutations of the attribute among patients."""
    assert sample.design is not None
    members = np.stack([(codes == at).astype(np.float64) for at, _ in named], axis=1)
    folds = (rng.permutation(int(sample.patient.max()) + 1) % FOLDS)[sample.patient]
    ridge = Ridge.of(sample.design, folds)
    told = ridge.held_out(members)
    drawn = np.empty((PERMUTATIONS, len(named)))
    for draw in range(PERMUTATIONS):
        shuffled = members[shuffle(sample.patient, rng)]
        again = ridge.held_out(shuffled)
        drawn[draw] = [_quick_area(shuffled[:, j], again[:, j]) for j in range(len(named))]
    p_values = []
    for j in range(len(named)):
        found = _quick_area(members[:, j], told[:, j])
        z = (found - drawn[:, j].mean()) / max(1e-9, float(drawn[:, j].std(ddof=1)))
        p_values.append(_upper(z))
    adjusted = holm([min(1.0, p * columns) for p in p_values])
    return [
        _finding(
            "proxies.inputs",
            name,
            _area(members[:, j], sample, requirements.confidence, told[:, j]),
            requirements,
            noise=adjusted[j] > 1 - requirements.confidence,
        )
        for j, (_, name) in enumerate(named)
    ]


def _upper(z: float) -> float:
    """The tail of Student's t with the permutations' degrees of freedom, since their spread is estimated from them."""
    from scipy.stats import t

    return float(t.sf(z / (1 + 1 / PERMUTATIONS) ** 0.5, PERMUTATIONS - 1))


def cross_validated(design: Floats, members: Floats, folds: Ints) -> Floats:
    """(n, groups) values of a ridge classifier for rows that it was not fitted on; `folds` (n,) of 0..4."""
    return Ridge.of(design, folds).held_out(members)


@dataclass(frozen=True, slots=True)
class Ridge:
    """Ridge regressions that leave out one fold each; what depends on inputs alone is worked out once."""

    design: Floats
    parts: tuple[tuple[Bools, Floats, Floats], ...]

    @classmethod
    def of(cls, design: Floats, folds: Ints) -> Ridge:
        """For each fold: its rows, the mean of the others, and (X'X + penalty)^-1 X' of the others."""
        parts = []
        for fold in range(FOLDS):
            held = folds == fold
            X = design[~held]
            middle = X.mean(axis=0)
            gram = (X - middle).T @ (X - middle) + PENALTY * len(X) * np.eye(X.shape[1])
            parts.append((held, middle, np.linalg.solve(gram, (X - middle).T)))
        return cls(design, tuple(parts))

    def held_out(self, members: Floats) -> Floats:
        """(n, groups) values for rows that were left out."""
        out = np.empty_like(members)
        for held, middle, solver in self.parts:
            out[held] = (self.design[held] - middle) @ (solver @ (members[~held] - members[~held].mean(axis=0)))
        return out


def shuffle(patient: Ints, rng: np.random.Generator) -> Ints:
    """(n,) rows whose attribute each row takes: patients exchange attributes, all rows of one take those of another's
    first row, since the attribute is the patient's."""
    k = int(patient.max()) + 1
    first = np.full(k, -1, dtype=np.int64)
    first[patient[::-1]] = np.arange(len(patient))[::-1]
    return np.asarray(first[rng.permutation(k)][patient])


def _quick_area(member: Floats, value: Floats) -> float:
    from scipy.stats import rankdata

    positive = member == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        return 0.5
    return float((rankdata(value)[positive].sum() - m * (m + 1) / 2) / (m * n))


def information(a: Ints, b: Ints) -> tuple[float, float]:
    """(mutual information of two codings in nats, its standard error by the delta method over rows)."""
    table = np.bincount(a * (int(b.max()) + 1) + b).astype(np.float64)
    table = np.concatenate((table, np.zeros(-len(table) % (int(b.max()) + 1)))).reshape(-1, int(b.max()) + 1)
    share = table / table.sum()
    alone = share.sum(axis=1, keepdims=True) @ share.sum(axis=0, keepdims=True)
    there = share > 0
    told = np.log(share[there] / alone[there])
    value = float(np.sum(share[there] * told))
    return value, float(np.sqrt(max(0.0, np.sum(share[there] * told**2) - value**2) / len(a)))


def _single_inputs(
    cohort: Cohort, sample: Sample, columns: list[str], requirements: Requirements, rng: np.random.Generator
) -> list[Finding]:
    assert cohort.inputs is not None
    inputs = cohort.inputs.iloc[sample.rows]
    coded = {str(name): levelled(inputs[name]) for name in inputs.columns}
    asked: list[tuple[str, str, float, float, float]] = []
    orders = [shuffle(sample.patient, rng) for _ in range(PERMUTATIONS)]
    for column in columns:
        codes = levels_of(cohort, (column,)).codes[sample.rows]
        share = np.bincount(codes) / len(codes)
        entropy = -sum(float(p) * log(float(p)) for p in share if p > 0)
        if entropy <= 0:
            continue
        for name, code in coded.items():
            found, error = information(code, codes)
            null = np.array([information(code, codes[order])[0] for order in orders])
            z = (found - null.mean()) / max(1e-9, float(null.std(ddof=1)))
            asked.append((column, name, (found - float(null.mean())) / entropy, error / entropy, _upper(z)))
    if not asked:
        return []
    kept: Bools = np.array(holm([p for *_, p in asked])) <= 1 - requirements.confidence
    findings, z = [], quantile(requirements.confidence)
    for column in columns:
        best = sorted(
            (each[:4] for each, keep in zip(asked, kept, strict=True) if each[0] == column and keep),
            key=lambda each: -each[2],
        )
        for _, name, share_told, error in best[:MOST_FEATURES_TOLD]:
            reason = f"{name} by itself holds {share_told:.1%} of what there is to know about {column}, beyond chance."
            findings.append(
                Finding(
                    check="proxies.input",
                    group=f"input={name} & attribute={column}",
                    verdict=Verdict.PASS,
                    estimate=share_told,
                    low=max(0.0, share_told - z * error),
                    high=share_told + z * error,
                    n=len(sample.rows),
                    reason=reason,
                )
            )
        if not best:
            reason = f"No single input tells more about {column} than chance gives."
            findings.append(
                Finding(
                    check="proxies.input",
                    group=f"attribute={column}",
                    verdict=Verdict.PASS,
                    n=len(sample.rows),
                    reason=reason,
                )
            )
    return findings
