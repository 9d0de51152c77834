"""How scenario suites answer their question."""

from __future__ import annotations

from bedrail.checks.family import Method

SCENARIOS: dict[str, Method] = {
    "scenarios": Method(
        family="scenarios",
        text="Clinicians write patients in words and values, and what they expect: a risk within a range, an alert or "
        "none, no decision for a stated doubt, a higher risk than another patient, the same answer when something that "
        "must not matter changes. Each patient is sent the way of a request from the bedside, through the same reader, "
        "guards, model and routing. Everything that was expected must hold.",
        sources=(
            "Ribeiro et al. (2020), Beyond accuracy: behavioral testing with CheckList, ACL:4902",
            "Chen, Cheung and Yiu (1998), Metamorphic testing, HKUST-CS98-01",
            "FDA (2022), Clinical decision support software, section IV",
        ),
        claim="For each patient that was written down, the bedside would say what was expected.",
        formula="Share of vignettes all of whose expectations hold; pass means all of them.",
        distrust="As a measure of how good the model is: vignettes are chosen, not drawn, and a model can be fitted to "
        "them. A suite shows what would be noticed at once by a clinician.",
        functions=(
            "bedrail.checks.scenarios.reading.read_suite",
            "bedrail.checks.scenarios.running.run_suite",
            "bedrail.journeys.scenarios.bedside",
        ),
    ),
}
