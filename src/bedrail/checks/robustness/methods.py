"""How the checks of this folder answer their questions."""

from __future__ import annotations

from bedrail.checks.family import Method

ROBUSTNESS: dict[str, Method] = {
    "robustness": Method(
        family="robustness",
        text="The model itself is asked again, on a sample of rows, with inputs as they wrongly arrive: in another "
        "unit, absurd, absent together, measured again, rounded, stuck, of another patient; and with the worst choice "
        "of small moves that a greedy search finds within what each measurement varies by itself. What the contract "
        "refuses and what is flagged as strange ends in a visible fallback. Counted is what is left: decisions that "
        "flip with nobody being told.",
        sources=(
            "Aarsand et al. (2018), EuBIVAS, Clinical Chemistry 64:1380",
            "Ricos et al. (1999), Scandinavian Journal of Clinical and Laboratory Investigation 59:491",
            "Muntner et al. (2011), Journal of Hypertension 29:2332",
            "Finlayson et al. (2019), Adversarial attacks on medical machine learning, Science 363:1287",
            "Wilson (1927), JASA 22:209",
        ),
        claim="Slips of units, absurd values, measurement noise and adversarial moves within it flip fewer decisions "
        "unnoticed than allowed.",
        formula="Flips = rows seen before and after whose risk lies on the other side of the threshold / rows that "
        "the disturbance changes; Wilson on effective rows, Student's t where averaged over draws.",
        distrust="For disturbances that were not tried, for numbers without a unit, and as how often they occur: it "
        "says what happens if, not how likely it is. The greedy search gives a lower bound. Variation is that of "
        "healthy people; where none is known, a tenth of the spread among patients is taken.",
        functions=(
            "bedrail.checks.robustness.probing.probe_rows",
            "bedrail.checks.robustness.adversary.attack",
            "bedrail.checks.robustness.units.slips_of",
        ),
    ),
    "shift": Method(
        family="robustness",
        text="AUROC and O/E in four periods of equally many predictions with a trend test of each; and O/E if the "
        "patients were others: for each input and group the mean moved by half an SD, or a level's share doubled, by "
        "weighting the patients there are. Both are relative to O/E over all, so that being wrong from the start is "
        "not counted twice. Sites are compared by the check `sites`.",
        sources=(
            "Davis et al. (2017), Calibration drift in regression and machine learning models, JAMIA 24:1052",
            "Subbaswamy, Adams and Saria (2021), Evaluating model robustness to dataset shift, AISTATS:2611",
            "Kish (1965), Survey Sampling, section 11.7",
        ),
        claim="Risks did not drift over the time of the data by more than tolerated, and would stay calibrated if the "
        "mix of patients changed moderately in any one input or group.",
        formula="logit P(y) = logit p + a + b t, factor = exp(b), sandwich errors over patients; weighted regression "
        "of the periods' AUROC; weights ∝ exp(t z) with weighted mean of z = ± 0.5; ratio = (Σ w y / Σ w p) / (Σ y / "
        "Σ p), linearised variance.",
        distrust="For changes that leave the inputs alone (a new treatment, another definition of the outcome), for "
        "several inputs that move together, and beyond the patients that the data hold: weights cannot make new ones.",
        functions=(
            "bedrail.checks.robustness.shift.over_time",
            "bedrail.checks.robustness.shift.trend_of_odds",
            "bedrail.checks.robustness.reweighting.reweighted",
        ),
    ),
    "slices": Method(
        family="robustness",
        text="The patients are split in two. In one half every rule of one or two statements about inputs and groups, "
        "and rules of three grown from the best pairs, are tried for an excess or a lack of outcomes, of missed "
        "cases, and of log loss, after the risks have been recalibrated as a whole. The few best of each kind are put "
        "to the other half of the patients, each without the rows of those before it, so that each stands alone. Only "
        "what these confirm, corrected for the number of candidates (Holm), is reported, with the effect measured on "
        "them.",
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
        distrust="For slices under 2 % or over half of the patients, or with fewer than five expected outcomes in a "
        "half, for attributes that are not among the columns, and as the extent of harm: where the rule is drawn is a "
        "choice of the first half. A model that is wrong for everybody alike has no failing slice; see calibration.",
        functions=(
            "bedrail.checks.robustness.slices.discover",
            "bedrail.checks.robustness.tails.upper_tail",
        ),
    ),
}
