"""How the checks of groups answer, on paper."""

from __future__ import annotations

from bedrail.checks.family import Method

EQUITY: dict[str, Method] = {
    "parity": Method(
        family="groups",
        text="For every column and intersection, the largest less the smallest rate among its groups, by notion of "
        "fairness: equal opportunity, predictive equality, equalised odds, predictive parity, calibration within "
        "groups and, for information, demographic parity. Limits hold at once for all pairs of groups and for each "
        "group against all others.",
        sources=(
            "Hardt, Price and Srebro (2016), NeurIPS",
            "Chouldechova (2017), Big Data 5:153",
            "Newcombe (1998), Statistics in Medicine 17:873",
        ),
        claim="Between no two groups large enough does a rate that binds differ by more than is tolerated, as far as "
        "these patients can show.",
        formula="range = max r_g − min r_g; limits [max of all L_gh and L_g, max of all U_gh] with Newcombe's [L, U] "
        "of r_g − r_h at confidence 1 − (α/2)/(k(k−1)/2), and of r_g less the rate of all others together, either "
        "way, at 1 − (α/2)/k; two groups are one pair at 1 − α. Equalised odds: the wider of the ranges of sensitivity "
        "and specificity. Calibration: range of O/E, limits on the log scale.",
        distrust="As an estimate of the true range: the largest of many noisy rates less the smallest is too large "
        "on average, which the lower limit takes into account and the estimate does not. Groups under the smallest "
        "size are not in it.",
        functions=("bedrail.checks.equity.notions.spread",),
    ),
    "trade-offs": Method(
        family="groups",
        text="From this cohort's own outcome rates, by how much PPV, sensitivity or specificity must differ between "
        "a group and the rest when the other two are equal, and by how much mean risks must when risks are true. The "
        "demand is whether the policy's three tolerances can be kept together at all at this level of performance.",
        sources=(
            "Kleinberg, Mullainathan and Raghavan (2017), ITCS, 43",
            "Chouldechova (2017), Big Data 5:153",
        ),
        claim="What the policy asks of sensitivity, specificity and PPV together could be had by a score that works "
        "as well as this one: the outcome rates do not forbid it.",
        formula="PPV = p t / (p t + (1 − p) f); FPR = p/(1 − p) · (1 − PPV)/PPV · (1 − FNR) (Chouldechova 2.6); p = "
        "p h + (1 − p) l for true risks (Kleinberg). Intervals: 4,000 draws of p, t, f from Jeffreys posteriors on "
        "effective rows. Demand: PPV_g − PPV_rest at t ∓ tolerance/2 and f ± tolerance/2.",
        distrust="As a property of the model: it follows from how common the recorded outcome is, and if the outcome "
        "is recorded less often in one group, from that. For a better score the forced gaps are others; for a "
        "perfect one, none.",
        functions=(
            "bedrail.checks.equity.tradeoffs.forced",
            "bedrail.checks.equity.tradeoffs.left_over",
        ),
    ),
    "error-costs": Method(
        family="groups",
        text="Missed cases and false alerts per 1,000 predictions of each group, and both together in missed cases, "
        "a false alert counting as the odds of the threshold (or as the policy says). The burden is the group's cost "
        "over that of the rest of its column.",
        sources=(
            "Vickers and Elkin (2006), Medical Decision Making 26:565",
            "Hanley and Lippman-Hand (1983), JAMA 249:1743",
        ),
        claim="No group pays more for the score's errors, per prediction, than the tolerated multiple of what others "
        "pay.",
        formula="cost = [y = 1, no alert] + c [y = 0, alert], c = t/(1 − t); burden = mean cost in g / mean cost "
        "outside; interval on log(burden) by the delta method, each patient's rows summed first.",
        distrust="As blame of the model: where the outcome is commoner, more can be missed. A cost per prediction is "
        "not the harm to one patient, and one price for all groups is a judgement.",
        functions=("bedrail.checks.equity.costs.price",),
    ),
    "label-choice": Method(
        family="groups",
        text="With a second outcome (illness beside cost, return or death beside return), its mean in each group "
        "against the rest among patients of the same score. A score that is fair by its own outcome and unfair by "
        "another has learnt the wrong thing.",
        sources=(
            "Obermeyer, Powers, Vogeli and Mullainathan (2019), Science 366:447",
            "Mullainathan and Obermeyer (2017), AER Papers and Proceedings 107:476",
            "MacKinnon and White (1985), Journal of Econometrics 29:305",
            "Bell and McCaffrey (2002), Survey Methodology 28:169",
            "Holm (1979), Scandinavian Journal of Statistics 6:65",
        ),
        claim="Patients of the same score have, in each group large enough, the same of the second outcome, up to "
        "the tolerance.",
        formula="Σ_b w_b (mean of z in g − mean of z in the rest), w_b ∝ n m/(n + m), over 50 bins b of the score; z "
        "is the second outcome over its standard deviation less a common slope within the bin; HC3 with Student's t "
        "on the patients of the smaller side, the group or the rest; Holm over groups.",
        distrust="When the second outcome has the same bias as the first (both recorded only of those who come), or "
        "when acting on the score has changed it. When it has a long tail (costs) and a side is small: with "
        "exponential costs, 38 patients who are treated alike had p below 0.002 in 1 % of samples, five times too "
        "often; take its logarithm or ranks.",
        functions=("bedrail.checks.equity.labels.difference_at_equal_score",),
    ),
    "proxies": Method(
        family="groups",
        text="How well the score, the score among patients of the same outcome, all inputs together, and each input "
        "by itself tell a group from the rest, beside permutations of the attribute among patients: what does not "
        "beat them is called chance.",
        sources=(
            "DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837",
            "Kilbertus et al. (2017), NeurIPS",
            "Ojala and Garriga (2010), JMLR 11:1833",
        ),
        claim="What was found to tell a group from others does so beyond chance; where the policy sets a limit, "
        "nothing tells it better than that.",
        formula="AUROC of membership, cross-validated over patients by ridge regression on the inputs; given the "
        "outcome: Σ_y w_y AUROC_y with w_y the pairs; I(X; A)/H(A) less its mean under 39 permutations; tails of "
        "Student's t with 38 degrees of freedom, Holm over all.",
        distrust="As proof that nothing is given away: a linear classifier does not see what only combinations of "
        "inputs tell. And as a fault by itself: age is known from most inputs, and has to be.",
        functions=(
            "bedrail.checks.equity.proxies.cross_validated",
            "bedrail.checks.equity.proxies.information",
        ),
    ),
}
