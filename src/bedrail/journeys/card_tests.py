"""The items of a card about tests, watching and updates; and the table of all items that facts fill."""

from __future__ import annotations

from collections.abc import Callable

from bedrail.checks.cards.values import Part, Source
from bedrail.governance.actions import action_for
from bedrail.journeys import card_facts as facts
from bedrail.journeys.card_facts import (
    Tell,
    Told,
    by_group,
    charter_source,
    data_source,
    figure_words,
    ledger_source,
    package_source,
    policy_source,
)
from bedrail.journeys.card_ground import CardGround, measures_of, part_of, source_of
from bedrail.monitoring.values import BUDGETED, MONITORS

PARTS: tuple[Part, ...] = ("usefulness", "fairness", "safety")
OUTCOME_FREE = ("input-drift", "missingness", "units", "output-drift")


def figures(part: Part) -> Tell:
    def tell(ground: CardGround) -> Told:
        chosen = [m for m in measures_of(ground) if m.part == part]
        if part == "fairness":
            return by_group(ground) if chosen else ("", ())
        return "\n".join(f"- {figure_words(m)}" for m in chosen), ground.sources(part)

    return tell


def goal(part: Part) -> Tell:
    from bedrail.checks.report import title_of

    def tell(ground: CardGround) -> Told:
        lines = [f"- {title_of(k.evidence.check)}" for k in ground.evidence if part_of(k.evidence.check) == part]
        return "\n".join(lines) or "Nothing of this part was asked yet.", (
            *ground.sources(part),
            *policy_source(ground),
        )

    return tell


def reading(part: Part) -> Tell:
    def tell(ground: CardGround) -> Told:
        mine = [k.evidence for k in ground.evidence if part_of(k.evidence.check) == part]
        lines = [f"- {each.check}: {each.verdict}. {each.reason}" for each in mine]
        return "\n".join(lines) or "No evidence.", ground.sources(part)

    return tell


def test(ground: CardGround) -> Told:
    sites = ground.charter.data.holdout_sites
    what = f"Internal: held-out sites {', '.join(sites)}" if sites else "Internal: later patients of the same source"
    return f"{what}, retrospective", (*charter_source(ground), *data_source(ground))


def test_data(ground: CardGround) -> Told:
    dataset = ground.view.dataset
    if dataset is None:
        return "", ()
    opened = f"opened {dataset.holdout_opened_at[:10]}" if dataset.holdout_opened_at else "not opened yet"
    count = dataset.counts.get("holdout", 0)
    source = Source(kind="dataset", digest=dataset.dataset)
    return f"The locked holdout of dataset {dataset.dataset[:12]}: {count} rows, {opened}.", (source,)


def process(ground: CardGround) -> Told:
    made = sorted({k.evidence.made_at[:10] for k in ground.evidence if k.evidence.made_at})
    when = f" Made on {', '.join(made)}." if made else ""
    return (
        "The holdout is split off by patient and time before training, and opened once, on record, for the "
        "candidates "
        f"named then. Rows of one patient are one cluster; answers are signed.{when} Methods: docs/evidence.md."
    ), tuple(source_of(known) for known in ground.evidence)


def _watching(ground: CardGround) -> str:
    plan = ground.charter.monitoring
    return (
        f"Every {plan.window} decisions, about {plan.looks_per_year} looks a year, with at most "
        f"{plan.false_alarms_per_year:g} false alarms a year over all monitors together"
    )


def validity_monitoring(ground: CardGround) -> Told:
    """Process and frequency."""
    names = ", ".join(name for name in MONITORS if name != "sentinels" or ground.package.kind == "remote")
    return f"{_watching(ground)}. Watched: {names}.", (*charter_source(ground), *policy_source(ground))


def fairness_monitoring(ground: CardGround) -> Told:
    """Process and frequency, by group."""
    groups = ", ".join(ground.charter.data.groups)
    if not groups:
        return "Not watched: the use case names no groups.", charter_source(ground)
    late = ", ".join(name for name in BUDGETED if name not in OUTCOME_FREE)
    return f"{_watching(ground)}; {late} also in each group of {groups}.", charter_source(ground)


def local_validity(ground: CardGround) -> Told:
    """The newest window that was watched; empty before the first."""
    mine = [report for report in ground.view.reports if report.candidate == ground.candidate.candidate]
    if not mine:
        return "", ()
    last, decisions = mine[-1], sum(report.decisions for report in mine)
    found = "no alarm" if last.verdict == "pass" else "an alarm"
    said = f"{len(mine)} looks at {decisions} decisions in use; the last on {last.at[:10]}: {found}."
    return said, (Source(kind="monitoring", name=last.at[:10], digest=last.report),)


def local_fairness(ground: CardGround) -> Told:
    """Groups named by alarms about this candidate, once it was watched."""
    said, sources = local_validity(ground)
    if not said or not ground.charter.data.groups:
        return "", ()
    alarms = [alarm for alarm in ground.view.alarms if alarm.candidate == ground.candidate.candidate]
    groups = sorted({group for alarm in alarms for group in alarm.groups})
    return f"Groups named by an alarm so far: {', '.join(groups) or 'none'}.", (*sources, *ledger_source(ground))


def update_process(ground: CardGround) -> Told:
    """What the policy in force says about new versions and renewals."""
    tier = ground.policy.tier(ground.view.tier)
    if tier is None:
        return "", ()
    stages = {name: rule for name, rule in tier.stages.items() if rule.approvals}
    asked = ", ".join(f"{name}: {' and '.join(rule.approvals)}" for name, rule in stages.items())
    return (
        "Any change of model, data or calibration is a new candidate with a digest, evidence and approvals of "
        "its own. "
        f"Approvals last {tier.validity_days} days, evidence {tier.evidence_days} days. Approvals asked: "
        f"{asked or 'none'}."
    ), policy_source(ground)


def corrections(ground: CardGround) -> Told:
    """What follows from an alarm, at once."""
    names = [name for name in MONITORS if name != "sentinels" or ground.package.kind == "remote"]
    told = ", ".join(f"{name}: {action_for(ground.policy, ground.view.tier, name)}" for name in names)
    return f"At each alarm, at once and by itself: {told}. A restart needs an open gate.", policy_source(ground)


SECURITY = (
    "The package is stored and served by its SHA-256 under a signature that is checked at every start; formats that "
    "can run code when loaded are refused. Inputs are checked against declared units and ranges. Patients are "
    "pseudonyms; "
    "inputs and answers rest encrypted under a key for each patient."
)
TRANSPARENCY = (
    "Each answer, confirmation and outcome, each examination, approval and move is an entry of a sealed ledger that "
    "outsiders can verify. Reasons for a risk are shown with it where the kind of model has them."
)


def _constant(text: str, sources: Callable[[CardGround], tuple[Source, ...]]) -> Tell:
    return lambda ground: (text, sources(ground))


TELLERS: dict[str, Tell] = {
    "name": lambda g: (g.candidate.name, package_source(g)),
    "stage": facts.stage,
    "release-date": facts.release_date,
    "version": lambda g: (g.version, package_source(g)),
    "summary": facts.summary,
    "intended-use": facts.intended,
    "decision-role": lambda g: (facts.ROLES[g.view.mode], charter_source(g)),
    "action": facts.action,
    "population": lambda g: (g.charter.use_case.population, charter_source(g)),
    "out-of-scope": facts.out_of_scope,
    "shown-limits": facts.limits,
    "incidents": facts.incidents,
    "group-findings": by_group,
    "risk-level": facts.risk_level,
    "output-value": facts.output_value,
    "output-type": _constant("Prediction (a probability), with a recommendation from the threshold on", charter_source),
    "model-type": facts.model_type,
    "input-source": facts.input_source,
    "inputs": facts.inputs,
    "inclusion": facts.inclusion,
    "sensitive-inputs": facts.sensitive,
    "representativeness": facts.representative,
    "data-profile": facts.profile,
    "fairness-asked": facts.fairness_asked,
    "internal-validity": figures("usefulness"),
    "internal-fairness": figures("fairness"),
    "external-validity": facts.external_validity,
    "validity-monitoring": validity_monitoring,
    "local-validity": local_validity,
    "fairness-monitoring": fairness_monitoring,
    "local-fairness": local_fairness,
    "update-process": update_process,
    "corrections": corrections,
    "security": _constant(SECURITY, package_source),
    "transparency": _constant(TRANSPARENCY, ledger_source),
    "third-party": facts.libraries,
    "approvals": facts.approvals,
    "consent-rules": facts.consent,
    **{f"{part}-goal": goal(part) for part in PARTS},
    **{f"{part}-reading": reading(part) for part in PARTS},
    **{f"{part}-test": test for part in PARTS},
    **{f"{part}-data": test_data for part in PARTS},
    **{f"{part}-process": process for part in PARTS},
}
"""For every item that facts fill, who tells it."""
