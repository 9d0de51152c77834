"""How each check answers its question, in a paragraph, with the sources that the method comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """What is computed and how the verdict is reached; `sources` are the papers.

    `claim` is what a pass lets one say, `formula` the estimators in symbols, `distrust` when not to trust it.
    """

    text: str
    sources: tuple[str, ...]
    claim: str = ""
    formula: str = ""
    distrust: str = ""


METHODS: dict[str, Method] = {
    "discrimination": Method(
        "AUROC is the chance that a patient with the outcome has the higher score than one without; its interval uses "
        "DeLong's variance with one patient's rows taken together. Average precision is bootstrapped over patients. "
        "Each passes or fails only when its whole interval lies on one side of the bound; in between, nobody can tell.",
        (
            "DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837",
            "Saito and Rehmsmeier (2015), PLoS ONE 10:e0118432",
        ),
    ),
    "calibration": Method(
        "Observed over expected outcomes (O/E) compares how many outcomes happened with how many the score predicted; "
        "the intercept and slope are those of logistic recalibration. The curve shows tenths of predicted risk with "
        "Wilson intervals of the observed rate.",
        (
            "Van Calster et al. (2019), BMC Medicine 17:230",
            "Cox (1958), Biometrika 45:562",
            "Wilson (1927), JASA 22:209",
        ),
    ),
    "thresholds": Method(
        "Rates at the alert threshold with Wilson intervals on the effective number of rows, so that repeated rows of "
        "one patient do not count as new patients. The number needed to evaluate is one over the predictive value.",
        ("Wilson (1927), JASA 22:209", "Korn and Graubard (1998), Survey Methodology 24:193"),
    ),
    "net-benefit": Method(
        "Net benefit counts true alerts per patient, less false alerts weighed by the odds of the threshold: the harm "
        "of a false alert that choosing this threshold accepts. It is compared with acting on everyone and on no one.",
        ("Vickers and Elkin (2006), Medical Decision Making 26:565",),
    ),
    "subgroups": Method(
        "Every measure in every group that has enough patients. Intervals are printed at the stated confidence; a "
        "failure needs the stricter confidence shared over all groups, so that many groups do not make a false alarm. "
        "A spread is the largest less the smallest rate among the groups of a column.",
        ("Bonferroni correction: Dunn (1961), JASA 56:52", "Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378"),
    ),
    "fairness": Method(
        "The gap is a group's rate minus the rate of everyone else in the same column. All gaps are one family: exact "
        "p-values with Holm's step-down keep the chance of failing an exactly fair score within the stated level. A "
        "gap fails when it is both significant and larger than tolerated. A group passes only if a gap that matters "
        "would have been seen (80 % power); otherwise the answer is: not enough patients to tell.",
        (
            "Holm (1979), Scandinavian Journal of Statistics 6:65",
            "Hardt, Price and Srebro (2016), NeurIPS",
            "Chouldechova (2017), Big Data 5:153",
        ),
    ),
    "uncertainty": Method(
        "Prediction sets from class-conditional conformal p-values should hold the true outcome as often as promised, "
        "overall and in every group and outcome class.",
        ("Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World", "Vovk and Petej (2014), UAI"),
    ),
    "baseline": Method(
        "Candidate and comparator are scored on the same rows, so their errors cancel where they agree. The candidate "
        "may not be worse than the comparator by more than the margin (non-inferiority).",
        ("DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837", "ICH E9 (1998), section 3.3.2"),
    ),
    "leakage": Method(
        "A score or single input that predicts nearly perfectly, rows that stand twice, patients who were also trained "
        "on, and inputs recorded after the prediction are signs that the examination has seen the answer.",
        ("Kapoor and Narayanan (2023), Patterns 4:100804",),
    ),
    "missing-inputs": Method(
        "Inputs are taken away one by one and the score is asked again: a risk that jumps when an input is absent "
        "would mislead where that input is not measured.",
        ("Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378",),
    ),
    "follow-up": Method(
        "The share of predictions whose outcome could be joined. Predictions without a known outcome are left out of "
        "every figure; if they are many and differ from the rest, the figures mislead.",
        ("Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378",),
    ),
}
