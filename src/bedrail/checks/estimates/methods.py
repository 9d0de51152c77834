"""How the checks of this family answer, on paper."""

from __future__ import annotations

from bedrail.checks.family import Method

ESTIMATES: dict[str, Method] = {
    "discrimination": Method(
        family="estimates",
        text="AUROC is the chance that a patient with the outcome has the higher score than one without; its interval "
        "uses DeLong's variance with one patient's rows taken together; where the rarer class "
        "is small, Newcombe's inversion is used. Average precision has the variance of each row's influence, on the "
        "logit scale, around a centre in which a case does not count among the rows above itself, since with few cases "
        "the estimate is too high. Each passes or fails only when its whole interval lies on one side of the bound; in "
        "between, nobody can tell.",
        sources=(
            "DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837",
            "Obuchowski (1997), Biometrics 53:567",
            "Sun and Xu (2014), IEEE Signal Processing Letters 21:1389",
            "Saito and Rehmsmeier (2015), PLoS ONE 10:e0118432",
            "Boyd, Eng and Page (2013), ECML PKDD, LNCS 8190:451",
        ),
        claim="Among patients like these, one with the outcome has the higher score than one without at least as often "
        "as the required AUROC says; and the highest scores hold more outcomes than chance would put there.",
        formula="AUROC = mean over pairs of [s₁ > s₀] + ½ [s₁ = s₀]; variance = Var(V₁)/m + Var(V₀)/n with placements "
        "V (DeLong), summed within patients first; interval on logit(AUROC). "
        "AUPRC = Σ (Rₖ − Rₖ₋₁) Pₖ over distinct scores.",
        distrust="As usefulness: a score can rank well and be worthless at your threshold, or rank across wards and "
        "fail within each. It says nothing of whether 20 % means 20 %. AUPRC moves with the outcome rate and cannot be "
        "compared between cohorts; with few cases its estimate is too high (by a sixth at 40 cases in 2,000), though "
        "its interval allows for that, and under 15 patients of a class it is not given.",
        functions=(
            "bedrail.checks.discrimination.auroc",
            "bedrail.checks.estimates.precision.average_precision",
            "bedrail.checks.estimates.precision.of_others",
        ),
    ),
    "calibration": Method(
        family="estimates",
        text="Observed over expected outcomes (O/E) compares how many outcomes happened with how many the score "
        "predicted; the intercept and slope are those of logistic recalibration. The curve shows tenths of predicted "
        "risk with Wilson intervals of the observed rate.",
        sources=(
            "Van Calster et al. (2019), BMC Medicine 17:230",
            "Cox (1958), Biometrika 45:562",
            "Wilson (1927), JASA 22:209",
            "Murphy (1973), Journal of Applied Meteorology 12:595",
            "Roelofs et al. (2022), AISTATS (bias of the calibration error)",
        ),
        claim="On average, and along the range of scores, risks are as high as the outcomes that follow, to within the "
        "bands of the policy.",
        formula="O/E = Σy / Σp; logit P(y=1) = a + logit p (intercept a, right is 0); logit P(y=1) = a + b logit p "
        "(slope b, right is 1); ECE = Σ over tenths |Σy − Σp| / n; Brier = Σ(p − y)²/n = reliability − resolution + "
        "uncertainty + rest within bins.",
        distrust="Across time: an average over the holdout hides a trend, and acting on the score changes outcomes. "
        "Mean calibration can be right while that of a group is wrong. ECE cannot be negative: read it beside what "
        "chance gives; in simulation its 95 % interval, and that of reliability and resolution, held the truth in as "
        "few as 91 % of cohorts.",
        functions=(
            "bedrail.checks.calibration.observed_to_expected",
            "bedrail.checks.estimates.recalibrated.intercept_and_slope",
            "bedrail.checks.estimates.gaps.calibration_gap",
            "bedrail.checks.binning.brier",
        ),
    ),
    "thresholds": Method(
        family="estimates",
        text="Rates at the alert threshold with Wilson intervals on the effective number of rows, so that repeated "
        "rows of one patient do not count as new patients. The number needed to evaluate is one over the predictive "
        "value.",
        sources=("Wilson (1927), JASA 22:209", "Korn and Graubard (1998), Survey Methodology 24:193"),
        claim="At this threshold the share of patients found, spared and alerted lies within the interval shown.",
        formula="Sensitivity = TP/(TP+FN), specificity = TN/(TN+FP), PPV = TP/(TP+FP), NPV = TN/(TN+FN), alert rate = "
        "(TP+FP)/n, number needed to evaluate = 1/PPV; Wilson's interval on n divided by Kish's design effect.",
        distrust="At another threshold, or where the outcome rate differs: PPV moves with it. Without a threshold the "
        "observed outcome rate stands in, which nobody chose.",
        functions=("bedrail.checks.intervals.rate_interval", "bedrail.checks.intervals.wilson"),
    ),
    "net-benefit": Method(
        family="estimates",
        text="Net benefit counts true alerts per patient, less false alerts weighed by the odds of the threshold: the "
        "harm of a false alert that choosing this threshold accepts. It is compared with acting on everyone and on no "
        "one.",
        sources=("Vickers and Elkin (2006), Medical Decision Making 26:565",),
        claim="Acting on the score at this threshold is worth more than acting on everyone and than acting on no one.",
        formula="NB(t) = TP/n − FP/n · t/(1−t); everyone: π − (1−π) t/(1−t); no one: 0.",
        distrust="If the threshold does not express what you would accept: it is the exchange rate between a missed "
        "patient and a false alarm. It assumes that acting helps those with the outcome.",
        functions=(
            "bedrail.checks.estimates.alerts.net_benefit",
            "bedrail.checks.estimates.alerts.net_benefit_difference",
        ),
    ),
    "summary-scores": Method(
        family="estimates",
        text="The Brier score and the log loss judge risks alone and are least for the true risks. The parts of the "
        "Brier score say where it comes from. F1, balanced accuracy and Matthews' correlation sum up an alert in one "
        "number. Limits of the outcome rate and of each class are recovered into limits of the whole, so that few "
        "outcomes give wide and lopsided intervals instead of wrong ones.",
        sources=(
            "Brier (1950), Monthly Weather Review 78:1",
            "Good (1952), Journal of the Royal Statistical Society B 14:107",
            "Ferro and Fricker (2012), Quarterly Journal of the Royal Meteorological Society 138:1954",
            "Zou and Donner (2008), Statistics in Medicine 27:1693",
            "Takahashi et al. (2022), Applied Intelligence 52:4961",
            "Itaya et al. (2025), Statistical Papers 66",
        ),
        claim="The risks tell more than the outcome rate does, and each summary lies within the interval shown.",
        formula="Brier = Σ(p − y)²/n; log loss = −Σ log P(what happened)/n; log skill = 1 − log loss / entropy of the "
        "rate; F1 = 2TP/(2TP+FP+FN); balanced accuracy = (sensitivity + specificity)/2; MCC = correlation of alert and "
        "outcome, its interval by Fisher's z of the table with half a row added to each cell.",
        distrust="F1 and MCC move with the outcome rate and ignore what a miss and a false alarm cost: net benefit "
        "does not. One risk of nearly 0 or 1 that turns out wrong can rule the log loss. With a handful "
        "of outcomes MCC takes few values; under ten patients of an outcome reliability and resolution are missing.",
        functions=(
            "bedrail.checks.estimates.measures.estimate",
            "bedrail.checks.estimates.losses.brier_score",
            "bedrail.checks.estimates.losses.log_loss",
            "bedrail.checks.estimates.losses.brier_skill",
            "bedrail.checks.estimates.losses.log_skill",
            "bedrail.checks.estimates.gaps.reliability",
            "bedrail.checks.estimates.gaps.resolution",
            "bedrail.checks.estimates.gaps.noise",
            "bedrail.checks.estimates.alerts.f_measure",
            "bedrail.checks.estimates.alerts.balanced_accuracy",
            "bedrail.checks.estimates.alerts.matthews",
        ),
    ),
    "baseline": Method(
        family="estimates",
        text="Candidate and comparator are scored on the same rows, so their errors cancel where they agree. The "
        "candidate may not be worse than the comparator by more than the margin (non-inferiority).",
        sources=("DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837", "ICH E9 (1998), section 3.3.2"),
        claim="The candidate is not worse than the comparator by the margin or more.",
        formula="Δ = AUROC₁ − AUROC₂ with the variance of the difference of paired placements, summed within patients; "
        "Δ net benefit = mean of paired per-row differences; pass when the lower limit lies above −margin.",
        distrust="When the comparator is weak or was trained on other patients: better than bad is not good.",
        functions=("bedrail.checks.comparison.auroc_difference",),
    ),
}
