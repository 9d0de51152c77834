"""Attribute inference: does the model's answer betray a hidden attribute beyond what the other inputs tell anyway?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bedrail.privacy.attacks.lira import true_class_logit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

Ask = Callable[["pd.DataFrame"], Floats]
"""A table of the model's inputs to its answers (n,)."""


@dataclass(frozen=True, slots=True)
class AttributeGuess:
    """Guesses for n attacked rows: `truth` (n,) of level numbers, and how likely each of the `levels` is, (n, levels).

    `attack` knows the model's answer, `imputation` only the other inputs and the outcome.
    """

    levels: tuple[str, ...]
    truth: NDArray[np.int64]
    attack: Floats
    imputation: Floats


def guess_attribute(
    ask: Ask,
    attribute: str,
    known: pd.DataFrame,
    known_outcome: Floats,
    attacked: pd.DataFrame,
    attacked_outcome: Floats,
    *,
    inputs: Sequence[str],
    levels: Sequence[str],
    seed: int = 0,
) -> AttributeGuess:
    """Guess `attribute` of the attacked rows from the other inputs, the outcome and the model's answer.

    The attacker owns `known` rows of similar patients (with the attribute) and may ask the model. What is learnt from:
    the other `inputs`, the outcome, the answer observed and, where the attribute is an input of the model, how far that
    answer is from the one that each possible level would have given (Fredrikson et al. 2014; Mehnaz et al. 2022). The
    same learner without any answer is the imputation that Jayaraman and Evans (CCS 2022) show to explain most attacks.
    Rows whose attribute is none of `levels` must be left out before.
    """
    others = [name for name in inputs if name != attribute]
    given = _columns(known[others], attacked[others])
    base = [np.column_stack([table, y]) for table, y in zip(given, (known_outcome, attacked_outcome), strict=True)]
    used = attribute if attribute in inputs else ""
    answers = [_answers(ask, table, list(inputs), used, levels) for table in (known, attacked)]
    code = {level: number for number, level in enumerate(levels)}
    labels = np.asarray(known[attribute].astype(str).map(code), dtype=np.int64)
    truth = np.asarray(attacked[attribute].astype(str).map(code), dtype=np.int64)
    both = [np.column_stack(pair) for pair in zip(base, answers, strict=True)]
    return AttributeGuess(
        levels=tuple(levels),
        truth=truth,
        attack=_learn(both[0], labels, both[1], len(levels), seed),
        imputation=_learn(base[0], labels, base[1], len(levels), seed),
    )


def _answers(ask: Ask, table: pd.DataFrame, inputs: list[str], attribute: str, levels: Sequence[str]) -> Floats:
    """(n, 1 or 1 + levels): the answer's log-odds, and its distance from the answer under each possible level."""
    rows = table[inputs]
    seen = _logit(np.asarray(ask(rows), dtype=np.float64))
    if not attribute:
        return seen[:, None]
    numeric = rows[attribute].dtype.kind in "fiub"
    found = [seen]
    for level in levels:
        value: Any = float(level) if numeric else level
        found.append(np.abs(seen - _logit(np.asarray(ask(rows.assign(**{attribute: value})), dtype=np.float64))))
    return np.column_stack(found)


def _logit(p: Floats) -> Floats:
    return true_class_logit(p, np.ones(len(p)))


def _columns(known: pd.DataFrame, attacked: pd.DataFrame) -> tuple[Floats, Floats]:
    """Both tables as numbers, categories by their codes in the attacker's own table; what is absent is NaN."""
    import pandas as pd

    first, second = [], []
    for name in known.columns:
        if pd.api.types.is_numeric_dtype(known[name].dtype):
            first.append(known[name].to_numpy(np.float64, na_value=np.nan))
            second.append(attacked[name].to_numpy(np.float64, na_value=np.nan))
            continue
        codes, kinds = pd.factorize(known[name].astype(object), sort=True)
        first.append(np.where(codes < 0, np.nan, codes))
        there = pd.Index(kinds).get_indexer(pd.Index(attacked[name].astype(object)))
        second.append(np.where(there < 0, np.nan, there))
    if not first:
        return np.empty((len(known), 0)), np.empty((len(attacked), 0))
    return np.column_stack(first).astype(np.float64), np.column_stack(second).astype(np.float64)


def _learn(X: Floats, labels: NDArray[np.int64], asked: Floats, levels: int, seed: int) -> Floats:
    """(n, levels) probabilities by gradient boosting, the strongest plain learner on tables of this kind."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    learner = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf=20, l2_regularization=1.0,
        early_stopping=True, validation_fraction=0.15, n_iter_no_change=10, random_state=seed,
    )  # fmt: skip
    learner.fit(X, labels)
    found = np.zeros((len(asked), levels))
    found[:, learner.classes_] = learner.predict_proba(asked)
    return found
