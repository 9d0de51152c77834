"""How the attacks on a model's privacy are made and judged."""

from __future__ import annotations

from bedrail.checks.family import Method

ATTACKS: dict[str, Method] = {
    "membership-inference": Method(
        family="attacks",
        text="Shadow models are trained by the candidate's own recipe on random halves of the patients. For each row, "
        "the log-odds of what really happened follow one normal distribution among models that saw the patient and "
        "another among those that did not; the likelihood ratio of a target's own answer is the attack (LiRA). Every "
        "shadow is a target in turn, with members drawn at random, so that nothing but membership parts them from the "
        "others; then the candidate itself, after asking whether its training patients differ without any model. "
        "Patients are judged, not rows. How far from 0 and 1 probabilities are kept is chosen on eight shadows, as an "
        "attacker would. The attacker sees uncalibrated answers and knows outcomes: whoever sees less, "
        "finds less.",
        sources=(
            "Carlini et al. (2022), Membership inference attacks from first principles, IEEE S&P",
            "Yeom et al. (2018), Privacy risk in machine learning, IEEE CSF",
            "Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1:386",
            "Clopper and Pearson (1934), Biometrika 26:404",
            "Das, Zhang and Tramèr (2024), Blind baselines beat membership inference attacks",
        ),
        claim="An attacker who can train like us, and knows a patient's inputs and outcome, recognises at most the "
        "allowed share of training patients when 1 % (and, where measurable, 0.1 %) of others are accused falsely.",
        formula="Λ(x, y) = log N(φ; μ_in, σ²_in) − log N(φ; μ_out, σ²_out), φ = log(p_y / (1 − p_y)), summed over a "
        "patient's rows; TPR at FPR α is P(Λ > t) among members with P(Λ > t) = α among others. Recipe: percentile "
        "interval drawing targets and patients. Candidate: t between order statistics of the others, rates above by "
        "Clopper-Pearson, a quarter of the error for each of four bounds.",
        distrust="With fewer than 32 shadows on either side (all rows then share one variance); for attackers who may "
        "train thousands of shadows or poison the data; for the candidate's own figures when its training "
        "patients differ from the others by time or site. A recipe trained on half the patients overfits more than "
        "the candidate does.",
        functions=(
            "bedrail.privacy.attacks.lira.likelihood_ratios",
            "bedrail.checks.attacks.rates.tail_rate",
            "bedrail.checks.attacks.rates.pooled_rates",
        ),
    ),
    "attribute-inference": Method(
        family="attacks",
        text="An attacker who knows everything of a patient but one attribute learns, on patients of his own, to guess "
        "it from the other inputs, the outcome, the model's answer, and how far that answer lies from the one that "
        "each level would have given. The same learner without any answer is imputation, which guesses "
        "well wherever inputs are correlated and is no fault of the model. Only the difference counts, for patients of "
        "the training data and for others.",
        sources=(
            "Jayaraman and Evans (2022), Are attribute inference attacks just imputation?, ACM CCS",
            "Fredrikson et al. (2014), Privacy in pharmacogenetics, USENIX Security",
            "Mehnaz et al. (2022), Are your sensitive attributes private?, USENIX Security",
            "DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837",
        ),
        claim="Seeing the model's answer raises the AUROC of guessing any level of these attributes by at most the "
        "allowed amount, and not more so for patients it was trained on.",
        formula="gain = AUROC(with the answer) − AUROC(without), paired on the same patients (DeLong, clustered by "
        "patient); training-excess = gain(training) − gain(others); intervals at 1 − α/(3k) for k levels.",
        distrust="For attackers with better background knowledge or a stronger learner; for levels of few patients; "
        "for attributes that stand in the outcome itself.",
        functions=("bedrail.privacy.attacks.attributes.guess_attribute",),
    ),
}
