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
}
