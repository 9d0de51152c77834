"""How the checks of other outcomes answer, on paper."""

from __future__ import annotations

from bedrail.checks.family import Method

_HOME = "bedrail.checks.outcomes"

OUTCOMES: dict[str, Method] = {
    "multiclass-discrimination": Method(
        family="outcomes",
        text="Each class's probability against all other classes (one-vs-rest), averaged with each class alike and by "
        "how common it is, and all pairs of classes after Hand and Till. Intervals come from the pull of each row on "
        "the estimate, summed within patients, on the logit scale; that of average precision is centred where the case "
        "itself does not count among those above it. A single class can fail only at the confidence that "
        "is shared by all classes.",
        sources=(
            "Hand and Till (2001), Machine Learning 45:171",
            "Provost and Domingos (2001), CeDER working paper IS-00-04",
            "DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837",
            "Dunn (1961), JASA 56:52",
        ),
        claim="Of two patients of different classes, the score tells which has which at least as often as required.",
        formula="macro = (1/K) Σ A(k, rest); weighted = Σ π_k A(k, rest); M = 2/(K(K−1)) Σ_{i<j} ½ [A(i|j) + A(j|i)]; "
        "variance = Σ over patients of squared pulls, one pull being ∂estimate/∂weight of a row.",
        distrust="One-vs-rest areas move with how common the other classes are, and an average hides a class that "
        "is not told apart: read the classes. Rare classes (under 10 rows; for average precision "
        "under 15 patients) get no interval.",
        functions=(
            f"{_HOME}.multiclass.macro_auroc",
            f"{_HOME}.multiclass.pairwise_auroc",
        ),
    ),
    "multiclass-predictions": Method(
        family="outcomes",
        text="What is said against what happened: accuracy, balanced accuracy, F1, kappa (with quadratic weights for "
        "ordered classes), sensitivity and predictive value of each class with Wilson intervals. The confusion matrix "
        "shows shares of each row with intervals; cells under the smallest group are withheld, and with them as many "
        "as would give them away.",
        sources=(
            "Cohen (1968), Psychological Bulletin 70:213",
            "Fleiss, Cohen and Everitt (1969), Psychological Bulletin 72:323",
            "Wilson (1927), JASA 22:209",
        ),
        claim="The predicted class is right more often than always saying the commonest, and agrees beyond chance.",
        formula="κ = 1 − Σ w_ij p_ij / Σ w_ij p_i. p_.j with w = (i − j)² (ordered) or [i ≠ j]; interval on atanh κ.",
        distrust="Kappa and accuracy move with how common the classes are. A predicted class is a choice of costs: the "
        "most probable class is right only when all errors cost the same.",
        functions=(
            f"{_HOME}.multiclass.kappa",
            f"{_HOME}.multiclass.macro_f1",
            f"{_HOME}.multiclass.balanced_accuracy",
        ),
    ),
    "multiclass-calibration": Method(
        family="outcomes",
        text="Brier and log-loss skill against giving everybody the class shares; for each class O/E, the slope of "
        "logistic recalibration one-vs-rest and the calibration error with the part that chance gives; and whether the "
        "class that is said is right as often as its probability says (top label).",
        sources=(
            "Brier (1950), Monthly Weather Review 78:1",
            "Van Calster et al. (2019), BMC Medicine 17:230",
            "Guo et al. (2017), ICML (top label)",
            "Kull et al. (2019), NeurIPS (classwise calibration)",
        ),
        claim="The probability of each class is as high as the class is frequent, within the bands required.",
        formula="skill = 1 − mean loss / mean loss of the shares; Brier loss = Σ_k (p_k − [y = k])²; O/E_k = "
        "Σ[y = k] / Σ p_k; logit P(y = k) = a + b logit p_k.",
        distrust="Calibration of each class by itself does not make the whole vector calibrated. Slopes one-vs-rest "
        "of a calibrated model need not be exactly 1 for K > 2 classes with few distinct scores.",
        functions=(f"{_HOME}.multiclass.skill", f"{_HOME}.multiclass.brier_rows", f"{_HOME}.multiclass.log_loss_rows"),
    ),
    "multiclass-subgroups": Method(
        family="outcomes",
        text="Accuracy, and AUROC and O/E of each class, in every group. A fail needs the confidence that shares the "
        "stated level over groups, classes and measures.",
        sources=("Dunn (1961), JASA 56:52", "Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378"),
        claim="No group of enough patients lies below the bounds, for any class.",
        formula="Each estimator on the rows of the group; confidence of a failure 1 − α / (2 K groups).",
        distrust="For groups that the data do not name, and for rare classes within small groups, which are missing.",
    ),
    "regression-accuracy": Method(
        family="outcomes",
        text="MAE, RMSE, the median absolute error, R2 against the mean, skill of the MAE against the median, and the "
        "share of predictions within the error that clinicians accept.",
        sources=(
            "Woodruff (1952), JASA 47:635 (interval of a median)",
            "Steyerberg (2019), Clinical Prediction Models, chapter 15",
        ),
        claim="Predictions are nearer to what happens than one number for everybody, and the error is known.",
        formula="MAE = mean |ŷ − y|; RMSE = √mean (ŷ − y)²; R2 = 1 − Σ(ŷ − y)² / Σ(y − ȳ)²; intervals of the MAE "
        "on the log scale, of the RMSE the root of those of the mean square, of R2 on log(1 − R2), with the "
        "skewness of the pulls taken out (Hall).",
        distrust="With long tails (length of stay) RMSE and R2 hang on a few patients, and so do their intervals: read "
        "the median beside. R2 moves with the spread of the cohort.",
        functions=(
            f"{_HOME}.regression.root_mean_square",
            f"{_HOME}.regression.relative",
            f"{_HOME}.regression.median_interval",
        ),
    ),
    "regression-calibration": Method(
        family="outcomes",
        text="Bias, the line of outcome on prediction, and bias and error by fifths of the prediction; the error "
        "also by fifths of the outcome, shown and not judged.",
        sources=(
            "Cox (1958), Biometrika 45:562",
            "Cribari-Neto (2004), Computational Statistics and Data Analysis 45:215",
            "Van Calster et al. (2019), BMC Medicine 17:230",
        ),
        claim="Predictions are right on average, and at every level of prediction, within the bands required.",
        formula="bias = mean (ŷ − y); y = a + b ŷ by least squares with HC4m errors, summed over patients.",
        distrust="With a long tail and a few hundred patients: in simulation the intervals of slope and intercept "
        "held the truth in 91 % to 92 % (n = 200). Straight lines hide curves: see the drawing. By level of "
        "the outcome every sound prediction looks "
        "biased towards the middle (regression to the mean), which is why only levels of the prediction are judged.",
        functions=(f"{_HOME}.regression.recalibration_line", f"{_HOME}.regression.fifths"),
    ),
    "regression-ranking": Method(
        family="outcomes",
        text="Concordance: how often the greater of two outcomes has the greater prediction.",
        sources=("Harrell, Lee and Mark (1996), Statistics in Medicine 15:361", "Hoeffding (1948), AMS 19:293"),
        claim="Of two patients the one with the greater outcome has the greater prediction as often as required.",
        formula="C = (concordant + ½ tied predictions) / pairs with different outcomes; pulls of a U-statistic.",
        distrust="Ranking says nothing of size: a prediction that is twice too high ranks as well.",
        functions=(f"{_HOME}.regression.concordance",),
    ),
    "regression-intervals": Method(
        family="outcomes",
        text="How often the outcome lies inside the prediction interval, overall, by fifths of the prediction and by "
        "group; how wide intervals are; how many outcomes lie below and above.",
        sources=("Wilson (1927), JASA 22:209", "Gneiting and Raftery (2007), JASA 102:359"),
        claim="Prediction intervals hold the outcome about as often as they promise.",
        formula="coverage = share of low ≤ y ≤ high, Wilson's interval on the effective number of rows.",
        distrust="Coverage on average can hide coverage that fails where it matters: read the levels. Infinitely wide "
        "intervals cover everything; the width is shown beside.",
        functions=("bedrail.checks.intervals.rate_interval",),
    ),
    "regression-subgroups": Method(
        family="outcomes",
        text="Bias and error of every group, the error also as a multiple of everyone's.",
        sources=("Dunn (1961), JASA 56:52", "Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378"),
        claim="No group of enough patients is served with more bias or error than tolerated.",
        formula="MAE_g / MAE as a ratio of means over the same patients, interval on the log scale.",
        distrust="Groups with longer stays have larger errors even from a fair model: a multiple above 1 is a "
        "question, not an answer.",
    ),
    "survival-follow-up": Method(
        family="outcomes",
        text="The share censored, the median follow-up by reverse Kaplan-Meier, and for each horizon the share "
        "censored before it, patients followed beyond and events before.",
        sources=("Schemper and Smith (1996), Controlled Clinical Trials 17:343", "Brookmeyer and Crowley (1982)"),
        claim="Enough patients were followed beyond each horizon, and enough had the event before it.",
        formula="Reverse Kaplan-Meier: censoring is the event, events are censored.",
        distrust="Why patients were lost is not in the table: who leaves because they are sick makes every figure too "
        "good.",
        functions=(f"{_HOME}.censoring.incidence",),
    ),
    "survival-competing-events": Method(
        family="outcomes",
        text="How many had an event that makes the outcome impossible, and by how much Kaplan-Meier, which takes them "
        "for censored, overstates the risk. It also says whether the mean prediction follows Kaplan-Meier rather than "
        "the incidence, which is how a model looks that was made ignoring them.",
        sources=(
            "Aalen and Johansen (1978), Scandinavian Journal of Statistics 5:141",
            "Gooley et al. (1999), Statistics in Medicine 18:695",
            "Austin, Lee and Fine (2016), Circulation 133:601",
        ),
        claim="Competing events are counted in every figure, or cannot happen.",
        formula="F₁(t) = Σ S(u−) d₁(u)/Y(u); overstatement = (1 − KM(t)) / F₁(t) − 1, with pulls of both together.",
        distrust="It knows only what was coded. Discharge ends the risk of death in hospital as death ends that of "
        "readmission: code it 2.",
        functions=(f"{_HOME}.censoring.incidence",),
    ),
    "survival-discrimination": Method(
        family="outcomes",
        text="Uno's C with weights of the probability of censoring, Harrell's C beside it, and the cumulative/dynamic "
        "AUC at each horizon. Weights are estimated, and their estimation is part of every interval. Whoever had a "
        "competing event never has the event: a control. Nothing assumes proportional hazards.",
        sources=(
            "Uno et al. (2011), Statistics in Medicine 30:1105",
            "Uno et al. (2007), JASA 102:527",
            "Blanche, Dartigues and Jacqmin-Gadda (2013), Statistics in Medicine 32:5381",
            "Wolbers et al. (2014), Biostatistics 15:526",
            "Harrell et al. (1982), JAMA 247:2543",
        ),
        claim="Patients who have the event, or have it earlier, have the higher score as often as required.",
        formula="C = Σ δ_i G(T_i−)⁻² [T_i < T_j, s_i > s_j] / Σ δ_i G(T_i−)⁻² [T_i < T_j]; AUC(t) = Σ w_i w_j [s_i "
        "> s_j] / Σ w_i w_j over cases i by t and controls j, w = 1/G(T−) or 1/G(t).",
        distrust="When censoring depends on what predicts the event: the weights come from all patients alike. C "
        "depends on the horizon up to which events count; it is printed.",
        functions=(f"{_HOME}.survival.concordance", f"{_HOME}.survival.auc_at"),
    ),
    "survival-calibration": Method(
        family="outcomes",
        text="At each horizon the incidence over the mean risk (Aalen-Johansen, or Kaplan-Meier where nothing "
        "competes), the slope of status on the complementary log-log of the risk, the Brier score with weights of "
        "censoring as skill against the incidence, and from three horizons on the integrated Brier score.",
        sources=(
            "Graf et al. (1999), Statistics in Medicine 18:2529",
            "Gerds and Schumacher (2006), Biometrical Journal 48:1029",
            "Austin, Harrell and van Klaveren (2020), Statistics in Medicine 39:2714",
            "Kattan and Gerds (2018), Diagnostic and Prognostic Research 2:7",
            "Spiegelhalter (1986), Statistics in Medicine 5:421 (variance of the Brier score under the risks)",
        ),
        claim="At each horizon risks are as high as the share that had the event by then.",
        formula="O/E(t) = F₁(t) / mean risk; Brier(t) = mean w (1[T ≤ t, event] − risk)²; cloglog P = a + b "
        "cloglog(risk) by weighted score equations; every interval with the pull of the weights, that of a Brier "
        "skill the longer of Student's by the error seen and the normal one by the error the risks imply.",
        distrust="With a handful of events: in simulation the Brier skill was held in 98 % to 100 % with 20 to 40 "
        "events, which is wider than need be. Beyond the "
        "follow-up: few patients at risk carry the figures. When censoring depends on the risk, or "
        "when care after the prediction changed what would have happened.",
        functions=(
            f"{_HOME}.survival.observed_to_expected",
            f"{_HOME}.survival.slope_at",
            f"{_HOME}.survival.brier_at",
        ),
    ),
    "survival-net-benefit": Method(
        family="outcomes",
        text="Net benefit at each horizon at the threshold, over acting on no one and on everyone, with weights of "
        "censoring.",
        sources=("Vickers and Elkin (2006), Medical Decision Making 26:565", "Vickers et al. (2008), BMC MIDM 8:53"),
        claim="Acting on the risk is worth more than acting on everyone, or no one.",
        formula="NB(t) = mean w ([event by t] − odds(threshold) [no event by t]) over those at or above the threshold.",
        distrust="Without a threshold the incidence stands in, which nobody chose; acting is assumed to help those who "
        "have the event by the horizon.",
        functions=(f"{_HOME}.survival.benefit_at",),
    ),
    "survival-subgroups": Method(
        family="outcomes",
        text="AUC and O/E in every group at the last horizon that can be examined, with weights of censoring from the "
        "group itself.",
        sources=("Dunn (1961), JASA 56:52", "Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378"),
        claim="No group of enough patients lies below the bounds.",
        formula="Each estimator on the rows of the group; confidence of a failure 1 − α / (2 groups).",
        distrust="For groups followed for another time than the rest, and for those that the data do not name.",
    ),
}
