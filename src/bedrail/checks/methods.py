"""How each check answers its question: the register of all methods. A family with a folder keeps its own there."""

from __future__ import annotations

from bedrail.checks.attacks.methods import ATTACKS
from bedrail.checks.equity.methods import EQUITY
from bedrail.checks.estimates.methods import ESTIMATES
from bedrail.checks.explanations.methods import EXPLANATIONS
from bedrail.checks.external.methods import EXTERNAL
from bedrail.checks.family import FAMILIES, Family, Method
from bedrail.checks.joining.methods import JOINING
from bedrail.checks.outcomes.methods import OUTCOMES
from bedrail.checks.robustness.methods import ROBUSTNESS
from bedrail.checks.scenarios.methods import SCENARIOS

__all__ = ["FAMILIES", "METHODS", "Family", "Method"]

METHODS: dict[str, Method] = {
    **ESTIMATES,
    **ATTACKS,
    **EXPLANATIONS,
    **JOINING,
    **EQUITY,
    **EXTERNAL,
    **OUTCOMES,
    "subgroups": Method(
        family="groups",
        text="Every measure in every group that has enough patients. Intervals are printed at the stated confidence; a "
        "failure needs the stricter confidence shared over all groups, so that many groups do not make a false alarm. "
        "A spread is the largest less the smallest rate among the groups of a column.",
        sources=(
            "Bonferroni correction: Dunn (1961), JASA 56:52",
            "Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378",
        ),
        claim="In every column, groups that hold at least the asked share of the patients keep each bound.",
        formula="Each measure as for all patients; a fail needs the interval at confidence 1 − α/(2k) for k groups and "
        "bounds; spread = max − min over the groups of a column.",
        distrust="For groups that the data do not name, or whose labels are recorded differently by site.",
    ),
    "fairness": Method(
        family="groups",
        text="The gap is a group's rate minus the rate of everyone else in the same column. All gaps are one family: "
        "exact p-values with Holm's step-down keep the chance of failing an exactly fair score within the stated level."
        " A gap fails when it is both significant and larger than tolerated. A group passes only if a gap that matters "
        "would have been seen (80 % power); otherwise the answer is: not enough patients to tell.",
        sources=(
            "Holm (1979), Scandinavian Journal of Statistics 6:65",
            "Hardt, Price and Srebro (2016), NeurIPS",
            "Chouldechova (2017), Big Data 5:153",
            "Rao and Scott (1992), Biometrics 48:577 (clustered counts)",
        ),
        claim="No group is served worse than the others by more than tolerated, as far as these data could show.",
        formula="Gap = rate in the group − rate in the rest of its column; p = twice the smaller tail of Fisher's "
        "exact test on effective counts; Holm over all groups × measures; smallest gap = (z + 0.84) · standard error.",
        distrust="As a proof of fairness. Equal PPV, calibration and error rates cannot all hold where outcome rates "
        "differ: which of them bind is a choice. A pass means no gap beyond this size, not no gap. If outcomes were "
        "recorded unequally, so are the figures.",
        functions=("bedrail.checks.contrasts.contrast", "bedrail.checks.contrasts.exact_rates"),
    ),
    "mitigation": Method(
        family="groups",
        text="Two versions of a candidate answer for the same validation patients: rates, missed cases, false alerts "
        "before and after, overall and in every group with enough patients. A group pays when the cost of its errors "
        "rose with the whole interval, and gains when it fell. The answer fails when somebody pays or groups drifted "
        "apart in what was sought, passes when they came closer and nobody pays, and else nobody can tell. "
        "Figures that would count few patients, there or in another group, are withheld; the verdict is reached with "
        "them.",
        sources=(
            "Kamiran and Calders (2012), Knowledge and Information Systems 33:1",
            "Agarwal et al. (2018), ICML, A reductions approach to fair classification",
            "Hardt, Price and Srebro (2016), NeurIPS",
            "Field and Welsh (2007), JRSS B 69:369 (bootstrap of whole patients)",
            "Cox (1980), JASA 75:377 (complementary suppression)",
        ),
        claim="Groups came closer in the rate that was sought, and no group's errors cost more than before.",
        formula="Δ = measure after − measure before, with percentile limits over draws of patients that both versions "
        "share; confidence 1 − α/k for k groups; cost = 1,000 (FN + FP · t / (1 − t)) / n.",
        distrust="As a choice among several mitigations: the best of many looks better than it is; the holdout judges. "
        "The luck of training is not in the interval.",
        functions=("bedrail.checks.mitigation.changes", "bedrail.checks.mitigation.gap"),
    ),
    "uncertainty": Method(
        family="uncertainty",
        text="Prediction sets from class-conditional conformal p-values should hold the true outcome as often as "
        "promised, overall and in every group and outcome class. Where a set holds one outcome, the model answers: "
        "how many are answered and how many answers are wrong is told for all and by group, since conformal coverage "
        "promises neither.",
        sources=(
            "Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World",
            "Vovk (2012), ACML, PMLR 25:475 (coverage given the calibration; Mondrian categories)",
            "Vovk and Petej (2014), UAI",
            "Angelopoulos, Bates, Candès, Jordan and Lei (2021), Learn then Test, arXiv 2110.01052",
        ),
        claim="Among patients with the outcome, and among those without, overall and in each group that could be told, "
        "the sets hold the truth at least as often as promised; and risk intervals meet the observed rate.",
        formula="p_y = (1 + #{calibration patients of class y at least as strange}) / (1 + n_y); set = {y : p_y > α}; "
        "coverage = share of sets that hold the truth, Wilson on effective rows.",
        distrust="For single patients, or after drift: coverage is promised for patients like those of the calibration "
        "part.",
        functions=(
            "bedrail.checks.uncertainty.covered",
            "bedrail.models.conformal.fit_uncertainty",
            "bedrail.models.calibrate.venn_abers_bounds",
            "bedrail.models.mondrian.fit_mondrian",
            "bedrail.models.mondrian.coverage_band",
            "bedrail.models.mondrian.promise_abstention",
        ),
    ),
    "leakage": Method(
        family="traps",
        text="A score or single input that predicts nearly perfectly, rows that stand twice, patients who were also "
        "trained on, and inputs recorded after the prediction are signs that the examination has seen the answer.",
        sources=("Kapoor and Narayanan (2023), Patterns 4:100804",),
        claim="None of five traces of leakage was found.",
        formula="AUROC of the score and of each input alone; share of patients also in training; share of rows that "
        "stand twice; share of rows with an input recorded after the prediction.",
        distrust="To find mild leaks: an input written after discharge that is only partly telling passes.",
    ),
    "missing-inputs": Method(
        family="robustness",
        text="Inputs are taken away one by one and the score is asked again: a risk that jumps when an input is absent "
        "would mislead where that input is not measured.",
        sources=("Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378",),
        claim="With any one input absent, the model refuses or stays near its risk.",
        formula="|mean risk with the input blank − mean risk|, in up to 500 rows.",
        distrust="For pairs of inputs that vanish together, as when one laboratory is down.",
    ),
    **ROBUSTNESS,
    **SCENARIOS,
}
