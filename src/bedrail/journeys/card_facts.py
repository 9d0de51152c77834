"""The items of a card about use, warnings, model and data: read from the ground and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

from bedrail.checks.cards.values import Measure, Source
from bedrail.checks.words import number, plain_group, plain_measure
from bedrail.core.values import Evidence, Verdict
from bedrail.governance.values import DeploymentView
from bedrail.journeys.card_ground import EXTERNAL, CardGround, Trained, measures_of, source_of
from bedrail.models.feature import Feature

Told = tuple[str, tuple[Source, ...]]
Tell = Callable[[CardGround], Told]

ROLES = {
    "inform": "Informs: it shows a calibrated risk beside what is known; nothing follows from it by itself.",
    "confirm": "Augments: a clinician confirms or overrides each suggestion.",
    "review": "Augments: a reviewer releases each suggestion before it is shown.",
}
KINDS = {
    "linear": "Logistic regression",
    "trees": "Ensemble of decision trees",
    "ebm": "Explainable boosting machine: a curve for each input, tables for pairs",
    "onnx": "As in the ONNX graph",
    "remote": "A supplier's model, known by its answers only",
}
SENSITIVE: dict[str, str] = {
    "race": r"race|racial",
    "ethnicity": r"ethnic|hispanic|latin",
    "language": r"language|interpreter",
    "sexual orientation": r"orientation",
    "gender identity": r"gender.?identity|transgender",
    "sex": r"sex(?!ual)|gender(?!.?identity)",
    "date of birth": r"birth|dob|\bage(?!nt)|age_|_age\b",
    "social determinants of health": r"payer|insur|medicaid|income|zip|postal|educat|hous|employ|marital|depriv|social",
    "health status assessments": r"phq|gad|survey|questionnaire|self.?report|health.?status|functional|frail|pain.?sc",
}
"""The variables of 170.315(b)(11)(iv)(A)(5) to (13), by words in the names and labels of inputs."""


def charter_source(ground: CardGround) -> tuple[Source, ...]:
    return (Source(kind="charter", name=ground.view.id, digest=ground.view.charter),)


def package_source(ground: CardGround) -> tuple[Source, ...]:
    return (Source(kind="package", name=ground.candidate.name, digest=ground.candidate.candidate),)


def policy_source(ground: CardGround) -> tuple[Source, ...]:
    return (Source(kind="policy", name=ground.policy.name, digest=ground.policy.digest),)


def data_source(ground: CardGround) -> tuple[Source, ...]:
    return () if ground.dataset is None else (Source(kind="dataset", digest=ground.dataset.dataset),)


def ledger_source(ground: CardGround) -> tuple[Source, ...]:
    return (Source(kind="ledger", name=ground.origin),)


def serving(ground: CardGround) -> list[DeploymentView]:
    return [each for each in ground.view.history if each.candidate == ground.candidate.candidate]


def stage(ground: CardGround) -> Told:
    now = ground.view.deployment
    if now is None or now.candidate != ground.candidate.candidate:
        return ("Served before, not now" if serving(ground) else "Not deployed"), ledger_source(ground)
    sites = f" at {', '.join(sorted(now.sites))}" if now.sites else ""
    share = f", {now.share / 10:g} % of patients" if now.share != 1000 else ""
    return ("Halted" if now.halted else f"{now.stage.capitalize()}{sites}{share}"), ledger_source(ground)


def release_date(ground: CardGround) -> Told:
    served = serving(ground)
    return (served[0].at if served else ground.candidate.at)[:10], ledger_source(ground)


def summary(ground: CardGround) -> Told:
    case = ground.charter.use_case
    benefit = f" Expected benefit: {case.expected_benefit}." if case.expected_benefit else ""
    return f"{case.title}. {case.intended_use}{benefit}", charter_source(ground)


def intended(ground: CardGround) -> Told:
    case = ground.charter.use_case
    return case.intended_use + (f" Setting: {case.setting}." if case.setting else ""), charter_source(ground)


def action(ground: CardGround) -> Told:
    rules, case = ground.charter.decision, ground.charter.use_case
    return (
        f"From a calibrated risk of {rules.threshold:g} on: {rules.suggestion}. An interval of the risk wider than "
        f"{rules.max_interval_width:g} goes to review. Without a decision: {case.fallback}."
    ), charter_source(ground)


def out_of_scope(ground: CardGround) -> Told:
    """What the charter says it is not for."""
    lines = [f"- {each}" for each in ground.charter.use_case.out_of_scope]
    return "\n".join(lines) or "The charter names nothing.", charter_source(ground)


def limits(ground: CardGround) -> Told:
    short = [known for known in ground.evidence if known.evidence.verdict is not Verdict.PASS]
    if not ground.evidence:
        return "Nothing was examined yet.", ledger_source(ground)
    words = {Verdict.FAIL: "fails", Verdict.MISSING: "not shown"}
    lines = [f"- {each.evidence.check}, {words[each.evidence.verdict]}: {each.evidence.reason}" for each in short]
    said = "\n".join(lines) or "Every check that was made passes; each has limits of its own."
    return said, tuple(source_of(each) for each in short or ground.evidence)


def incidents(ground: CardGround) -> Told:
    mine = [alarm for alarm in ground.view.alarms if alarm.candidate == ground.candidate.candidate]
    lines = [f"- {a.at[:10]}, {a.monitor}: {a.detail} Done at once: {a.action_taken}." for a in mine]
    lines += [f"- {each.at[:10]}, stopped: {each.reason}" for each in serving(ground) if each.halted]
    return "\n".join(lines) or f"None on record by {ground.origin}.", ledger_source(ground)


def figure_words(measure: Measure) -> str:
    """`AUROC 0.672 (0.651 to 0.693), n 2,412`."""
    interval = ""
    if measure.low is not None and measure.high is not None:
        interval = f" ({number(measure.low)} to {number(measure.high)})"
    count = "" if measure.n is None else f", n {measure.n:,}"
    return f"{measure.label} {number(measure.estimate)}{interval}{count}"


def external_validity(ground: CardGround) -> Told:
    """Every figure of the evidence `external-validation`, by site or period; nothing where there is none."""
    known = ground.about(EXTERNAL)
    if known is None:
        return "", ()
    lines = [f"{known.evidence.verdict}: {known.evidence.reason}"]
    for each in known.evidence.findings:
        if each.estimate is not None and abs(each.estimate) < float("inf"):
            interval = "" if each.low is None or each.high is None else f" ({number(each.low)} to {number(each.high)})"
            count = "" if each.n is None else f", n {each.n:,}"
            what = plain_measure(each.check)
            lines.append(f"- {plain_group(each.group)}: {what} {number(each.estimate)}{interval}{count}")
    return "\n".join(lines), (source_of(known),)


def by_group(ground: CardGround) -> Told:
    figures = [m for m in measures_of(ground) if m.part == "fairness" and m.group != "overall"]
    sources = ground.sources("fairness")
    if not figures:
        return "No figure by group is on record.", sources or ledger_source(ground)
    failing = [m for m in figures if m.verdict == "fail"]
    untold = len({m.group for m in figures if m.verdict == "missing"})
    groups = len({m.group for m in figures})
    lines = [f"{len(figures)} figures over {groups} groups; {len(failing)} beyond what is tolerated."]
    lines += [f"- {plain_group(m.group)}: {figure_words(m)}" for m in failing]
    lines += [f"In {untold} groups some figure could not be told: too few patients."] if untold else []
    return "\n".join(lines), sources


def risk_level(ground: CardGround) -> Told:
    return f"{ground.view.tier.capitalize()} (tier of the use case, set by its owner)", charter_source(ground)


def output_value(ground: CardGround) -> Told:
    return (
        f"The calibrated risk (0 to 1) of `{ground.charter.data.outcome}` ({ground.charter.use_case.title}), with its "
        f"interval; a suggestion from {ground.charter.decision.threshold:g} on; or a recorded fallback."
    ), (*charter_source(ground), *package_source(ground))


def model_type(ground: CardGround) -> Told:
    lineage, package = ground.package.lineage, ground.package
    settings = ", ".join(f"{name} {value}" for name, value in sorted(lineage.parameters.items()))
    made = f"; recipe {lineage.recipe}" if lineage.recipe else f"; {lineage.origin}"
    family = "Gradient-boosted trees" if lineage.recipe == "boosting" else KINDS[package.kind]
    said = f"{family}{made}" + (f" ({settings})" if settings else "")
    return f"{said}; calibration: {package.calibration.method}.", package_source(ground)


def input_source(ground: CardGround) -> Told:
    dataset = ground.dataset
    if dataset is None:
        return "", ()
    sources = ", ".join(ground.built.sources) if ground.built else dataset.source
    where = f" {ground.charter.use_case.setting}." if ground.charter.use_case.setting else ""
    return f"{sources or dataset.source}, admitted {dataset.at[:10]}.{where}", data_source(ground)


def feature_words(feature: Feature) -> str:
    """`Age (age): 18 to 110 a; a gap is refused`."""
    name = f"{feature.label} ({feature.name})" if feature.label else feature.name
    if feature.kind == "categorical":
        holds = "one of " + ", ".join(feature.levels)
    else:
        low, high = ("any" if b is None else f"{b:g}" for b in (feature.low, feature.high))
        holds = f"{low} to {high} {feature.unit}".rstrip()
    gap = "a gap is refused" if feature.missing == "refuse" else f"a gap counts as {feature.impute}"
    fresh = f"; at most {feature.max_age_hours:g} h old" if feature.max_age_hours else ""
    return f"{name}: {holds}; {gap}{fresh}"


def inputs(ground: CardGround) -> Told:
    lines = [f"- {feature_words(feature)}" for feature in ground.package.contract.features]
    return f"Input: {len(lines)} values of one encounter.\n" + "\n".join(lines), package_source(ground)


def inclusion(ground: CardGround) -> Told:
    dataset, built = ground.dataset, ground.built
    if dataset is None:
        return "", ()
    plan = ground.charter.data
    rules = [f"- only rows where {rule.column}: {rule.reason}" for rule in plan.rows]
    counts = ", ".join(f"{part} {count}" for part, count in dataset.counts.items())
    lines = [f"{ground.charter.use_case.population}. {dataset.rows} rows in all; {counts} (by patient and time)."]
    lines += rules
    if built is not None:
        left = f"{built.rows_not_needed} rows not needed, {built.rows_without_consent} of people without consent"
        lines.append(f"Left out: {left} ({built.people_without_consent} people, rules `{built.jurisdiction}`).")
    lines += [f"{ground.sheet['sample'].text} ({ground.sheet['sample'].by})"] if "sample" in ground.sheet else []
    return "\n".join(lines), (*data_source(ground), *charter_source(ground))


def sensitive(ground: CardGround) -> Told:
    lines = []
    for variable, words in SENSITIVE.items():
        used = [
            f.name
            for f in ground.package.contract.features
            if re.search(words, f"{f.name} {f.label}".lower().replace("_", " ")) or re.search(words, f.name.lower())
        ]
        lines.append(f"- {variable}: {'used as ' + ', '.join(used) if used else 'not an input'}")
    judged = ", ".join(ground.charter.data.groups)
    lines.append(f"Fairness is judged by: {judged or 'no attribute'}.")
    return "\n".join(lines), package_source(ground)


def representative(ground: CardGround) -> Told:
    trained = ground.trained
    if trained is None or not trained.groups:
        return "", ()
    lines = [f"{trained.rows} rows of {trained.people} patients in the training part."]
    for name, shown, rare in trained.groups:
        shares = ", ".join(f"{level} {count} ({count / trained.rows:.1%})" for level, count in shown)
        lines.append(f"- {name}: {shares}" + (f"; {rare} values of fewer than 11 rows" if rare else ""))
    return "\n".join(lines), data_source(ground)


def profile(ground: CardGround) -> Told:
    trained = ground.trained
    if trained is None:
        return "", ()
    rate = f"{trained.outcomes / trained.rows:.1%}" if trained.rows else "no"
    time = f"from {trained.first} to {trained.last} ({ground.charter.data.time})" if trained.first else ""
    lines = [f"Outcome `{ground.charter.data.outcome}` in {rate} of the training rows, {time}.", *_ranges(trained)]
    lines += [f"{ground.sheet['labels'].text} ({ground.sheet['labels'].by})"] if "labels" in ground.sheet else []
    missing = [c for c in ground.paper.get("profile", {}).get("columns", ()) if c["missing"] > 0]
    lines += [f"- {c['name']}: {c['missing']:.1%} missing in the whole table" for c in missing]
    return "\n".join(lines), data_source(ground)


def _ranges(trained: Trained) -> list[str]:
    return [f"- {name}: {low:g} to {high:g} (1st to 99th percentile)" for name, low, high in trained.ranges]


def fairness_asked(ground: CardGround) -> Told:
    numbers = next((each for tier, each in ground.policy.requirements.items() if tier == ground.view.tier), None)
    if numbers is None:
        return "", ()
    gaps = {
        "sensitivity": numbers.max_sensitivity_gap,
        "specificity": numbers.max_specificity_gap,
        "ppv": numbers.max_ppv_gap,
        "calibration": numbers.max_calibration_gap,
    }
    told = ", ".join(f"{name} {gaps[name]:g}" for name in numbers.fairness_metrics if name in gaps)
    asked = (
        f"Gaps beyond {told} between a group and the rest fail the check, with a family-wise error of "
        f"{numbers.family_alpha:g} over all groups ({', '.join(ground.charter.data.groups) or 'none named'})."
    )
    known = ground.about("fairness")
    if known is None or not (words := judged_otherwise(known.evidence, ground.policy.digest, numbers.family_alpha)):
        return asked, policy_source(ground)
    return f"{asked} {words}", (*policy_source(ground), source_of(known))


def judged_otherwise(evidence: Evidence, policy: str, share: float) -> str:
    """By what else than the policy in force and its share of error evidence was judged; nothing where by them."""
    when = f"The evidence of {evidence.made_at[:10]}"
    if evidence.spent is None and any(f.estimate is not None for f in evidence.findings):
        return (
            f"{when} does not say by which error it was judged: it is of before the checks of an examination shared "
            "one budget, when each kept 0.05 to itself unless its policy said otherwise."
        )
    if evidence.spent is not None and abs(evidence.spent - share) > 1e-12:
        return f"{when} was judged with a family-wise error of {evidence.spent:g}."
    if evidence.policy and evidence.policy != policy:
        return f"{when} was judged under another policy ({evidence.policy[:12]})."
    return ""


def approvals(ground: CardGround) -> Told:
    mine = [a for a in ground.view.approvals if a.candidate == ground.candidate.candidate]
    lines = [f"- {a.role}: {a.person}, {a.at[:10]}, for {a.stage}, until {a.expires[:10]}" for a in mine]
    return "\n".join(lines) or "None yet.", ledger_source(ground)


def libraries(ground: CardGround) -> Told:
    known = ground.package.lineage.libraries
    return ", ".join(f"{name} {version}" for name, version in sorted(known.items())), package_source(ground)


def consent(ground: CardGround) -> Told:
    built = ground.built
    rules = built.jurisdiction if built else ground.consent_rules
    waiver = f" Waiver: {built.waiver}." if built and built.waiver else ""
    return f"Data used for {ground.charter.data.purpose} under the consent rules `{rules}`.{waiver}", data_source(
        ground
    )
