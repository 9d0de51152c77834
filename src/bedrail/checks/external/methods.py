"""How the checks of other sites and later times answer, on paper."""

from __future__ import annotations

from bedrail.checks.family import Method

EXTERNAL: dict[str, Method] = {
    "sites": Method(
        family="elsewhere",
        text="AUROC and O/E pooled over sites by random effects, with how much sites differ beyond chance and what "
        "to expect at a new one. Sites too small for an AUROC still count for O/E.",
        sources=(
            "Debray et al. (2017), BMJ 356:i6460",
            "Paule and Mandel (1982), Journal of Research of the NBS 87:377",
            "IntHout, Ioannidis and Borm (2014), BMC Medical Research Methodology 14:25",
            "Viechtbauer (2007), Statistics in Medicine 26:37",
            "Nagashima, Noma and Furukawa (2019), Statistical Methods in Medical Research 28:1689",
        ),
        claim="At a new site like these, the score can be expected to rank as well as required, and its risks to "
        "agree with outcomes within the band.",
        formula="logit(AUROC_i) ~ N(μ, v_i + τ²), τ² by Paule and Mandel, limits by Q-profile; μ with Hartung-Knapp "
        "limits; new site: t_{k−1} about μ with variance τ² + se², over τ²'s confidence distribution. O/E: Σ (O − "
        "rE)²/(rV + s²r²E²) = k − 1 for the spread s.",
        distrust="With few sites, or sites chosen because they were willing: the next one may be of another kind. "
        "The interval for a new site assumes that sites vary as if drawn from one population.",
        functions=(
            "bedrail.checks.external.pooling.pooled",
            "bedrail.checks.external.pooling.pooled_ratios",
        ),
    ),
    "representativeness": Method(
        family="elsewhere",
        text="Shares of each group in the data against those to be served, as standardised differences; the share of "
        "those to be served of whom there are too few here; how much weighing costs (Kish); and the score's figures "
        "with the examined patients weighed to the population.",
        sources=(
            "Austin (2009), Statistics in Medicine 28:3083",
            "Deming and Stephan (1940), Annals of Mathematical Statistics 11:427",
            "Kish (1965), Survey Sampling",
            "Stuart et al. (2011), JRSS A 174:369",
        ),
        claim="The data hold enough of every group to be served, in shares that do not differ by more than "
        "tolerated, and weighed to the population the figures keep what is required.",
        formula="d = (p − q)/√((p(1 − p) + q(1 − q))/2); w by post-stratification or raking; n_eff/n = (Σw)²/(n "
        "Σw²); AUROC_w = Σ w_i w_j [s_i > s_j]/Σ w_i w_j over pairs, other figures ratios of weighted sums; "
        "variances by linearisation, each patient's rows summed first, weights taken as known.",
        distrust="Where those served differ from the data in what the table does not name, such as how ill they are. "
        "Weights move only what stands in the table.",
        functions=(
            "bedrail.checks.external.served.representativeness",
            "bedrail.checks.external.population.read_population",
            "bedrail.checks.external.population.weights_for",
        ),
    ),
    "external-validation": Method(
        family="elsewhere",
        text="A model is made on some sites (or earlier periods) and asked on the others, each left out in turn; or "
        "a candidate is asked on data of another site. AUROC and O/E of each part, pooled by random effects, and "
        "what to expect at the next; differences from an existing score and a simple one on the same rows; net "
        "benefit over no model; change from period to period.",
        sources=(
            "Steyerberg and Harrell (2016), Journal of Clinical Epidemiology 69:245",
            "Debray et al. (2017), BMJ 356:i6460",
            "Collins et al. (2024), BMJ 384:e074819",
            "Vickers and Elkin (2006), Medical Decision Making 26:565",
        ),
        claim="Where it was not made, the score ranks as well as required, its risks agree with outcomes within the "
        "band, and it is no worse than what there is already and than no model.",
        formula="Random effects as in `sites`; score less comparator: DeLong's difference in each part, pooled; net "
        "benefit TP/n − FP/n · t/(1 − t); drift: weighted least squares of log(O/E) and logit(AUROC) on the period.",
        distrust="As validation of one fixed model when models are made anew for each part: it is the recipe that is "
        "validated (internal-external cross-validation). A new hospital may measure and record differently from all "
        "of these.",
        functions=(
            "bedrail.checks.external.left_out.external_validation",
            "bedrail.journeys.validating.leave_sites_out",
            "bedrail.journeys.validating.leave_periods_out",
        ),
    ),
}
