"""How explanations are put to the test."""

from __future__ import annotations

from bedrail.checks.family import Method

EXPLANATIONS: dict[str, Method] = {
    "explanations": Method(
        family="explanations",
        text="Up to 1,000 validation rows are explained: exactly where the model can (linear, additive, trees), else "
        "by a surrogate taught by the model's answers. Shares must add up to the score; a move of continuous inputs "
        "by a hundredth of their spread must hardly change the order of reasons; that order must agree with LIME (40 "
        "patients, 3 runs) and with permutation importance; a model of the same recipe on shuffled labels must be "
        "explained otherwise; gaps must explain as the value that fills them. Pairs of inputs whose ranks correlate "
        "with 0.8 or more are named: between them shares cannot be identified. Of a surrogate, fidelity is told "
        "for all patients and by group.",
        sources=(
            "Lundberg et al. (2020), From local explanations to global understanding, Nature Machine Intelligence 2:56",
            "Ribeiro, Singh and Guestrin (2016), Why should I trust you?, KDD",
            "Adebayo et al. (2018), Sanity checks for saliency maps, NeurIPS",
            "Alvarez-Melis and Jaakkola (2018), On the robustness of interpretability methods",
            "Krishna et al. (2022), The disagreement problem in explainable machine learning",
            "Breiman (2001), Random forests, Machine Learning 45:5",
            "Craven and Shavlik (1995), Extracting tree-structured representations of trained networks, NIPS",
            "Wachter, Mittelstadt and Russell (2018), Counterfactual explanations, Harvard JOLT 31:841",
        ),
        claim="The reasons shown are what made this model's score, hold still, agree with other ways of asking, and "
        "come from what was learnt.",
        formula="sum: max |base + Σφ − margin|; stability and agreement: mean Spearman ρ of |φ| over patients with "
        "Student's t, clustered; against permutation importance: ρ of mean |φ| and mean |Δ log-odds|, patients drawn "
        "again; randomised: mean cosine of centred φ; fidelity: R² = 1 − Σ(t − s)² / Σ(t − t̄)² of log-odds, patients "
        "drawn again; same side of the threshold: Wilson on the effective number of rows.",
        distrust="As a statement about causes; between inputs that go together; where LIME or a surrogate is "
        "unfaithful (told); Tree SHAP's shares follow the training covers and may credit an input that the trees "
        "use only as a stand-in. A pass says that reasons are the model's, not that the model is right.",
        functions=(
            "bedrail.models.explain.lime.Lime",
            "bedrail.models.explain.surrogate.distil",
            "bedrail.models.explain.changes.changes",
            "bedrail.checks.explanations.fidelity.r2_interval",
        ),
    ),
}
