"""attack: play an attacker against one's own candidate."""

from __future__ import annotations

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table


@click.command()
@click.argument("use_case")
@click.option("--candidate", required=True, help="Name or digest of the candidate.")
@click.option("--shadows", type=click.IntRange(8, 1024), default=64, show_default=True, help="Shadow models (even).")
@click.option("--patients", type=click.IntRange(min=100), default=20_000, show_default=True, help="At most so many.")
@click.option("--attribute", "attributes", multiple=True, help="Attribute to guess; the use case's groups by default.")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@pass_state
def attack(
    state: CliState,
    use_case: str,
    candidate: str,
    shadows: int,
    patients: int,
    attributes: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Who was in a candidate's training data, and what does it betray of patients? Attacked here before others do.

    Trains shadow models by the candidate's own recipe on random halves of the patients; started again, it goes on where
    it was stopped. The answers are signed evidence: membership-inference and attribute-inference. Exit code 1 when one
    of them fails or could not be told.

    \b
    Example: bedrail --as sam attack readmission-30d --candidate boosting --shadows 64
    """
    from bedrail.core.values import Verdict, worst
    from bedrail.journeys.attacking import attack_candidate

    answers = attack_candidate(
        state.context(),
        state.actor(),
        use_case,
        candidate,
        shadows=shadows,
        attributes=attributes or None,
        patients=patients,
        seed=seed,
        progress=progress_lines(),
    )
    if as_json:
        show_json(list(answers))
    else:
        show_evidence(answers)
    if worst(tuple(one.verdict for one in answers)) is not Verdict.PASS:
        click.get_current_context().exit(1)


def show_evidence(answers: object) -> None:
    """Each answer with its verdict, then its findings as a table."""
    from bedrail.core.values import Evidence

    assert isinstance(answers, tuple)
    for answer in answers:
        assert isinstance(answer, Evidence)
        click.secho(f"{answer.check}: {answer.verdict.value}", bold=True)
        click.echo(f"  {answer.reason}")
        rows = [(f.check.partition(".")[2], f.group, f.verdict.value, _interval(f), f.reason) for f in answer.findings]
        show_table("", ("figure", "where", "verdict", "estimate (interval)", "in words"), rows)


def _interval(finding: object) -> str:
    from bedrail.core.values import Finding

    assert isinstance(finding, Finding)
    if finding.estimate is None:
        return "-"
    limits = "" if finding.low is None or finding.high is None else f" ({finding.low:.4f} to {finding.high:.4f})"
    return f"{finding.estimate:.4f}{limits}"
