"""Attacks on a model's privacy: rates at low false-alarm rates, membership by likelihood ratio, hidden attributes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from bedrail.checks.attacks.attribute import Guessed, attribute_evidence
from bedrail.checks.attacks.membership import MembershipAttack, blind_auroc, membership_evidence
from bedrail.checks.attacks.rates import fewest_others, pooled_rates, tail_rate
from bedrail.checks.requirements import Requirements
from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Verdict
from bedrail.models.calibrate import sigmoids
from bedrail.privacy.attacks import (
    draw_memberships,
    guess_attribute,
    likelihood_ratios,
    loss_scores,
    train_shadows,
    true_class_logit,
)

GUARDS = ("membership-inference", "attribute-inference")

Array = np.ndarray


def nearest(X: Array, y: Array, memory: float) -> object:
    """A learner that answers the base rate, pulled by `memory` towards the outcome of rows it has seen."""

    def train(rows: Array, seed: int) -> Array:
        noise = np.random.default_rng(seed).normal(0, 0.3, len(y))
        seen = np.isin(np.arange(len(y)), rows)
        return sigmoids(0.8 * X[:, 0] - 1 + noise + memory * seen * (2 * y - 1))

    return train


def attacked(memory: float, *, n: int = 1_200, shadows: int = 16, seed: int = 3) -> tuple[Evidence, MembershipAttack]:
    """Evidence about a made-up learner with that much memory."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = (rng.random(n) < sigmoids(0.8 * X[:, 0] - 1)).astype(float)
    patient = np.arange(n)
    members = draw_memberships(n, shadows, rng)
    made = train_shadows(nearest(X, y, memory), y, patient, members)  # type: ignore[arg-type]
    ratios = np.stack([likelihood_ratios(made, left_out=t) for t in range(shadows)])
    losses = np.stack([loss_scores(row, y, patient, n) for row in made.scores])
    attack = MembershipAttack(ratios=ratios, losses=losses, members=members)
    return membership_evidence(attack, Requirements(), rng, draws=60), attack


def test_every_patient_is_in_exactly_half_of_the_shadows() -> None:
    """Memberships are balanced for each patient; odd or few shadows are refused."""
    members = draw_memberships(500, 16, np.random.default_rng(0))
    assert (members.sum(axis=0) == 8).all()
    assert abs(members.mean(axis=1) - 0.5).max() < 0.1
    for wrong in (6, 15):
        with pytest.raises(Invalid, match="even"):
            draw_memberships(10, wrong, np.random.default_rng(0))


def test_the_ratio_is_that_of_two_normal_distributions_for_each_row() -> None:
    """Log-likelihood ratios agree with scipy's normal densities, row by row, and a patient's rows are added up."""
    rng = np.random.default_rng(1)
    patient = np.array([0, 1, 1, 2, 3, 3, 4, 5])
    outcome = np.array([1.0, 0, 1, 0, 1, 0, 0, 1])
    members = draw_memberships(6, 80, rng)
    made = train_shadows(lambda rows, seed: np.random.default_rng([seed, len(rows)]).uniform(0.1, 0.9, 8), outcome,
                         patient, members)  # fmt: skip
    target = rng.uniform(0.1, 0.9, 8)
    phi, own = true_class_logit(made.scores, outcome), true_class_logit(target, outcome)
    expected = np.zeros(6)
    for row, who in enumerate(patient):
        inside, outside = phi[members[:, who], row], phi[~members[:, who], row]
        expected[who] += norm.logpdf(own[row], inside.mean(), inside.std(ddof=1))
        expected[who] -= norm.logpdf(own[row], outside.mean(), outside.std(ddof=1))
    np.testing.assert_allclose(likelihood_ratios(made, target), expected, rtol=1e-6)


def test_pooled_rates_agree_with_scikit_learn_and_hold_under_no_attack() -> None:
    """Rates and area are those of scikit-learn's ROC curve; an attack that knows nothing finds what chance finds."""
    rng = np.random.default_rng(2)
    members = draw_memberships(900, 12, rng)
    scores = np.round(rng.normal(size=members.shape) + members, 1)  # with ties
    found = pooled_rates(scores, members, (0.01, 0.1), 0.95, 60, rng)
    fpr, tpr, _ = roc_curve(members.ravel(), scores.ravel(), drop_intermediate=False)
    for level in (0.01, 0.1):
        assert found.tails[level][0] == pytest.approx(tpr[fpr <= level].max())
    assert found.auc[0] == pytest.approx(roc_auc_score(members.ravel(), scores.ravel()))
    blank = pooled_rates(rng.normal(size=members.shape), members, (0.01, 0.1), 0.95, 60, rng)
    for level, (estimate, low, high) in blank.tails.items():
        assert low <= level <= high
        assert estimate == pytest.approx(level, abs=0.02)
    assert blank.auc[1] <= 0.5 <= blank.auc[2]


def test_exact_tail_intervals_hold_the_truth_and_say_when_nobody_can_know() -> None:
    """Of 300 simulated attacks at least 95 % of intervals hold the true rate; too few others are not measurable."""
    rng, truth = np.random.default_rng(5), float(norm.sf(norm.isf(0.01) - 1.5))
    held = 0
    for _ in range(300):
        found = tail_rate(rng.normal(1.5, 1, 400), rng.normal(size=1_000), 0.01, 0.95)
        held += found.low <= truth <= found.high
    assert held >= 285
    few = fewest_others(0.01, 0.95)
    assert tail_rate(rng.normal(9, 1, 400), rng.normal(size=few), 0.01, 0.95).measurable
    short = tail_rate(rng.normal(9, 1, 400), rng.normal(size=few - 1), 0.01, 0.95)
    assert not short.measurable
    assert short.low == 0.0


def test_a_model_that_remembers_is_found_and_one_that_does_not_passes() -> None:
    """A planted memory fails the evidence, by LiRA where the loss threshold sees little; without memory it passes."""
    guilty, attack = attacked(1.0)
    assert guilty.verdict is Verdict.FAIL
    figures = {(f.check, f.group): f for f in guilty.findings}
    lira = figures["membership-inference.tpr", "false-alarms=1.0%"]
    loss = figures["membership-inference.loss-tpr", "false-alarms=1.0%"]
    assert lira.estimate is not None
    assert loss.estimate is not None
    assert lira.estimate > 3 * loss.estimate
    rare = figures["membership-inference.tpr", "false-alarms=0.1%"]
    assert rare.verdict is Verdict.MISSING
    assert "Too few patients" in rare.reason
    innocent, _ = attacked(0.0)
    assert innocent.verdict is Verdict.PASS, innocent.reason
    assert attack.members.shape == (16, 1_200)


def test_scores_of_an_earlier_run_are_not_trained_again() -> None:
    """Shadows that are known are taken as they are; the others are handed over for keeping, one by one."""
    trained: list[int] = []
    y, members = np.array([0.0, 1, 0, 1]), draw_memberships(4, 8, np.random.default_rng(0))

    def train(rows: Array, seed: int) -> Array:
        trained.append(seed)
        return np.full(4, 0.25)

    kept: dict[int, Array] = {}
    first = train_shadows(train, y, np.arange(4), members, keep=kept.__setitem__)
    again = train_shadows(train, y, np.arange(4), members, known={n: kept[n] for n in range(6)})
    assert trained == [*range(8), 6, 7]
    np.testing.assert_array_equal(first.scores, again.scores)


@pytest.mark.slow
def test_the_candidate_is_judged_only_where_the_two_groups_are_alike_without_it() -> None:
    """Training patients who differ from the others by themselves leave a found candidate open, and that is said."""
    rng = np.random.default_rng(4)
    _, attack = attacked(0.0)
    inside, outside = rng.normal(3, 1, 600), rng.normal(size=600)
    X, who = rng.normal(size=(1_200, 2)), np.repeat([True, False], 600)
    for shift, verdict in ((0.0, Verdict.FAIL), (1.0, Verdict.MISSING)):
        blind = blind_auroc(X + shift * who[:, None], who, np.arange(1_200))
        told = MembershipAttack(attack.ratios, attack.losses, attack.members, (inside, outside), blind)
        found = membership_evidence(told, Requirements(), rng, draws=30).findings
        own = next(f for f in found if f.check.endswith("candidate-tpr"))
        assert own.verdict is verdict, own.reason


def guesses(leak: float, *, excess: float = 0.0, seed: int = 0) -> dict[str, tuple[Guessed, Guessed]]:
    """Guesses of a hidden attribute by a model that leans on it."""
    rng = np.random.default_rng(seed)
    made = []
    for extra in (0.0, excess, 0.0):  # the attacker's own patients, training, others
        n = 1_500
        hidden = rng.choice(["a", "b"], n)
        frame = pd.DataFrame({"x": rng.normal(size=n) + 0.5 * (hidden == "a"), "hidden": hidden, "more": extra})
        made.append((frame, (rng.random(n) < sigmoids(frame["x"].to_numpy())).astype(float)))

    def ask(frame: pd.DataFrame) -> Array:
        margin = frame["x"].to_numpy() + leak * (frame["hidden"] == "a").to_numpy()
        return sigmoids(margin + np.random.default_rng(1).normal(0, 0.05, len(frame)))

    (known, y), *others = made
    found = [
        guess_attribute(ask, "hidden", known, y, frame, outcome, inputs=["x", "hidden"], levels=["a", "b"])
        for frame, outcome in others
    ]
    first, second = (Guessed(g.levels, g.truth, g.attack, g.imputation, np.arange(len(g.truth))) for g in found)
    return {"hidden": (first, second)}


@pytest.mark.slow
def test_an_attribute_that_moves_the_answer_is_betrayed_and_imputation_alone_is_no_attack() -> None:
    """A model that leans on an attribute fails; one that ignores it passes, however well imputation guesses."""
    leaking = attribute_evidence(guesses(1.5), Requirements())
    assert leaking.verdict is Verdict.FAIL
    assert any(f.estimate is not None and f.estimate > 0.2 for f in leaking.findings)
    quiet = attribute_evidence(guesses(0.0), Requirements())
    assert quiet.verdict is Verdict.PASS, quiet.reason
    guess = guesses(0.0)["hidden"][1]
    assert roc_auc_score(guess.truth == 0, guess.imputation[:, 0]) > 0.6


def test_attributes_that_could_not_be_guessed_are_missing_with_the_reason() -> None:
    """No attribute, or one without enough levels, is a missing answer and never a pass."""
    assert attribute_evidence({}, Requirements()).verdict is Verdict.MISSING
    told = attribute_evidence({}, Requirements(), {"race": "Fewer than two levels."})
    assert told.verdict is Verdict.MISSING
    assert told.findings[0].group == "attribute=race"
