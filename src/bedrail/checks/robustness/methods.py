"""How the checks of this folder answer their questions."""

from __future__ import annotations

from bedrail.checks.family import Method

ROBUSTNESS: dict[str, Method] = {
    "slices": Method(
        family="robustness",
        text="The patients are split in two. In one half every rule of one or two statements about inputs and groups, "
        "and rules of three grown from the best pairs, are tried for an excess or a lack of outcomes, of missed cases, "
        "and of log loss, after the risks have been recalibrated as a whole. The few best of each kind, none of which "
        "shares rows with another of its kind, are put to the other half of the patients. Only what these confirm, "
        "corrected for the number of candidates (Holm), is reported, with the effect measured on them.",
        sources=(
            "Chung et al. (2019), Slice Finder, ICDE:1550",
            "Sagadeeva and Boehm (2021), SliceLine, SIGMOD:2290",
            "Lugannani and Rice (1980), Advances in Applied Probability 12:475",
            "Daniels (1987), International Statistical Review 55:37",
            "Cox (1975), A note on data-splitting for the evaluation of significance levels, Biometrika 62:441",
        ),
        claim="No rule of up to three statements singles out patients for whom the risks are wrong by more than "
        "tolerated, as far as these data could show.",
        formula="S = Σ w (y − p) over the rows of the slice; w = 1, or for ranking logit of the mean risk − logit p; "
        "p-value: saddlepoint tail of S, its normal value divided by √(design effect + g′Vg / Σ w² p(1 − p)), where V "
        "is the covariance of the recalibration fitted on all other rows of the half.",
        distrust="For slices under 2 % of the patients or with fewer than five expected outcomes in a half, for "
        "attributes that are not among the columns, and as the extent of harm: where the rule is drawn is a choice of "
        "the first half. A model that is wrong for everybody alike has no failing slice; see calibration.",
        functions=(
            "bedrail.checks.robustness.slices.discover",
            "bedrail.checks.robustness.tails.upper_tail",
        ),
    ),
}
