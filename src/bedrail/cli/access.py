"""access, break-glass, findings: who may do what, for how long, who looked at it, and what auditors found."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.core.errors import Invalid


def parse_day(text: str, path: str) -> date:
    """A day such as 2026-12-31; raises `Invalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"`{text[:20]}` is no day.", path=path, remedy="Write it as 2026-12-31.") from None


def say_all(lines: tuple[str, ...]) -> None:
    """One line each."""
    for line in lines:
        click.echo(line)


@click.group()
def access() -> None:
    """Who may do what: the matrix, decision rights, and access reviews.

    \b
    Example: bedrail access matrix
    """


@access.command("raci")
@json_option
@pass_state
def raci(state: CliState, as_json: bool) -> None:
    """Decision rights as the policy in force has them: who does, answers for, is asked about, is told of each step.

    \b
    Example: bedrail access raci --json
    """
    from bedrail.governance.permissions import ROLES
    from bedrail.governance.raci import steps

    policy = state.context().policy()
    adjusted = steps(policy.accountable, policy.withheld)
    if as_json:
        show_json([{"step": s.name, "does": s.does, "answers": s.answers, **s.letters} for s in adjusted])
    else:
        show_table("", ("step", *ROLES), [(s.name, *(s.letters[role] for role in ROLES)) for s in adjusted])


@access.command("refused")
@click.option("--of", "who", default="", metavar="ID", help="Of one person or token only.")
@json_option
@pass_state
def refused(state: CliState, who: str, as_json: bool) -> None:
    """Acts that people and tokens were refused for want of permission, newest first. For officers and auditors.

    The first is on record at once, further ones of the same caller together after ten minutes; strangers, whose word
    nobody believed, are not here (refused sign-ins: bedrail ledger search --action session.refused).

    \b
    Example: bedrail --as ada access refused --of rob --json
    """
    from bedrail.journeys.refusals import refused_acts

    told = refused_acts(state.context(), state.actor(), who)
    if as_json:
        show_json(told)
        return
    columns = ("until", "who", "act", "door", "why", "times", "since")
    rows = [
        (f"{r.until[:19]}Z", f"{r.kind} {r.who}", r.action, r.door, r.why, r.count, f"{r.since[:19]}Z")
        for r in told.acts
    ]
    show_table("Refused acts", columns, rows)
    if told.more:
        click.echo(f"And {told.more} refusals of further kinds of act, in the facts counted together.")
    if told.waiting:
        click.echo(f"{told.waiting} further refusals are counted and will be on record within ten minutes of the last.")


@access.group("review")
def review() -> None:
    """Access reviews: each role, token and standing order is certified again, by somebody else, by a due date.

    \b
    Example: bedrail --as olivia access review start --due 2026-12-31
    """


@review.command("start")
@click.option("--due", required=True, metavar="DAY", help="By when all is certified, such as 2026-12-31.")
@pass_state
def start(state: CliState, due: str) -> None:
    """Begin a review of every role held, every token and every standing order.

    \b
    Example: bedrail --as olivia access review start --due 2026-12-31
    """
    from bedrail.journeys.access_review import of_the_only_reviewer, start_review

    day = parse_day(due, "--due")
    end = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    ctx = state.context()
    fact = start_review(ctx, state.actor(), end)
    click.echo(f"Review {fact.review}: {len(fact.items)} items, due {fact.due}.")
    if alone := of_the_only_reviewer(ctx, fact.items):
        then = "; from then on they do not count, but for the role of owner" if fact.overdue == "suspend" else ""
        click.echo(f"Nobody can certify {', '.join(alone)}, which are the only reviewer's own{then}.", err=True)
        click.echo("Give somebody else a role that certifies: bedrail access matrix", err=True)
    click.echo(f"See them: bedrail access review status {fact.review}")


review_option = click.option("--review", "review_id", default="", help="Which review; the open one when not given.")


@review.command("certify")
@click.argument("items", nargs=-1, required=True)
@review_option
@pass_state
def certify(state: CliState, items: tuple[str, ...], review_id: str) -> None:
    """Say that items stay: person/role, token:ID, order:ID, or a person for all their roles. Never your own.

    \b
    Example: bedrail --as olivia access review certify dr-adams rob/release-engineer
    """
    from bedrail.journeys.access_review import certify as certify_items

    done = certify_items(state.context(), state.actor(), review_id, items)
    click.echo(f"Certified: {', '.join(done)}.")


@review.command("revoke")
@click.argument("item")
@click.option("--reason", required=True, help="Why.")
@review_option
@pass_state
def revoke(state: CliState, item: str, reason: str, review_id: str) -> None:
    """Take an item away at once: the role is held no longer, the token or standing order opens nothing.

    \b
    Example: bedrail --as olivia access review revoke sam/data-scientist --reason "moved to another team"
    """
    from bedrail.journeys.access_review import revoke_item

    followed = revoke_item(state.context(), state.actor(), review_id, item, reason)
    click.echo(f"{item} is taken away.")
    say_all(followed)


@review.command("status")
@click.argument("review_id", required=False, default="")
@json_option
@pass_state
def status(state: CliState, review_id: str, as_json: bool) -> None:
    """Each item of a review: whose it is, open, certified or revoked, and by whom.

    \b
    Example: bedrail --as ada access review status --json
    """
    from bedrail.core.errors import NotFound
    from bedrail.journeys.access_review import about

    campaigns = state.context().refresh().access.campaigns
    found = campaigns.get(review_id) if review_id else next(reversed(campaigns.values()), None)
    if found is None:
        raise NotFound("there is no such review.", path="review", remedy="bedrail access review start --due DAY")
    registry = state.context().registry
    rows = [(item, about(registry, item), said, found.said_by.get(item, "")) for item, said in found.items.items()]
    if as_json:
        items = [{"item": item, "about": what, "state": said, "by": by} for item, what, said, by in rows]
        show_json({"review": found.review, "due": found.due, "closed": found.closed, "items": items})
        return
    closed = "closed" if found.closed else f"due {found.due}"
    show_table(f"Review {found.review}, {closed}", ("item", "about", "state", "by"), rows)


@review.command("close")
@review_option
@pass_state
def close(state: CliState, review_id: str) -> None:
    """End a review whose time is up or whose items are all certified; the rest goes as the policy says.

    \b
    Example: bedrail --as olivia access review close
    """
    from bedrail.journeys.access_review import close_review

    left, followed = close_review(state.context(), state.actor(), review_id)
    click.echo(f"Closed. Nobody certified: {', '.join(left)}." if left else "Closed. Everything was certified.")
    say_all(followed)


@click.group("break-glass", invoke_without_command=True)
@click.option("--role", default="", help="The role that the emergency needs.")
@click.option("--reason", default="", help="Why, in 10 to 500 characters; no patient data.")
@json_option
@pass_state
@click.pass_context
def break_glass(ctx: click.Context, state: CliState, role: str, reason: str, as_json: bool) -> None:
    """In an emergency, take a role for 60 minutes; the officers are told at once, and another person reviews it.

    \b
    Example: bedrail --as dr-lee break-glass --role clinical-lead --reason "lead unreachable, wrong risks on ward 4"
    """
    if ctx.invoked_subcommand is not None:
        return
    if not role or not reason:
        raise click.UsageError("Give --role and --reason.", ctx)
    from bedrail.journeys.breaking_glass import break_glass as take

    broken = take(state.context(), state.actor(), role, reason)
    if as_json:
        show_json(broken)
        return
    click.echo(f"{broken.person} is {role} until {broken.until}. Grant {broken.grant}.")
    sent = "sent" if broken.delivered else "left in the outbox"
    click.echo(
        f"Told: {', '.join(broken.told) or 'nobody'} (notice {sent}). Another person reviews it by {broken.review_by}."
    )


@break_glass.command("end")
@pass_state
def end(state: CliState) -> None:
    """Give the emergency role back before its hour is over.

    \b
    Example: bedrail --as dr-lee break-glass end
    """
    from bedrail.journeys.breaking_glass import end_glass

    grant = end_glass(state.context(), state.actor())
    click.echo(f"{grant.person} is no longer {grant.role}. It still waits for its review.")


@break_glass.command("review")
@click.argument("grant")
@click.option("--verdict", type=click.Choice(["justified", "not-justified"]), required=True)
@click.option("--remark", default="", help="What was found.")
@pass_state
def review_grant(state: CliState, grant: str, verdict: str, remark: str) -> None:
    """Say whether it was justified, after looking at what was done under it; not for one's own.

    \b
    Example: bedrail --as priya break-glass review 01JXXXXXXXXXXXXXXXXXXXXXXX --verdict justified --remark "halt drill"
    """
    from bedrail.journeys.breaking_glass import review_glass

    review_glass(state.context(), state.actor(), grant, verdict, remark)
    click.echo(f"Reviewed: {verdict}.")


@break_glass.command("list")
@click.option("--grant", default="", help="One grant, with everything that was done under it.")
@json_option
@pass_state
def list_grants(state: CliState, grant: str, as_json: bool) -> None:
    """Every breaking of the glass and its review; for one, everything that was done under it.

    \b
    Example: bedrail --as priya break-glass list --grant 01JXXXXXXXXXXXXXXXXXXXXXXX
    """
    from bedrail.journeys.breaking_glass import done_under

    context = state.context()
    if grant:
        done = done_under(context, grant)
        if as_json:
            show_json(done)
        else:
            show_table(f"Done under {grant}", ("at", "what", "about"), [(d.at, d.action, d.about) for d in done])
        return
    columns = ("grant", "person", "role", "at", "reason", "reviewed by", "verdict")
    rows = [
        (g.grant, g.person, g.role, g.at, g.reason, g.reviewed_by or "nobody yet", g.verdict)
        for g in context.refresh().access.grants.values()
    ]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)


@click.group()
def findings() -> None:
    """Auditors' findings; a blocking one keeps gates closed until its answer is accepted.

    \b
    Example: bedrail --as ada findings open --severity blocking --title "No halt drill" --owner olivia --due 2026-12-31
    """


@findings.command("open")
@click.option("--severity", type=click.Choice(["note", "minor", "major", "blocking"]), required=True)
@click.option("--title", required=True, help="What was found; no patient data.")
@click.option("--owner", required=True, help="Who answers it.")
@click.option("--due", required=True, metavar="DAY", help="By when, such as 2026-12-31.")
@click.option("--use-case", default="", help="Which use case; the whole installation when not given.")
@json_option
@pass_state
def open_finding(
    state: CliState, severity: str, title: str, owner: str, due: str, use_case: str, as_json: bool
) -> None:
    """File a finding; what serves goes as the policy says when it is blocking.

    \b
    Example: bedrail --as ada findings open --severity major --title "PIA is old" --owner priya --due 2026-12-31
    """
    from bedrail.journeys.findings import file_finding

    fact, followed = file_finding(
        state.context(),
        state.actor(),
        severity=severity,
        title=title,
        owner=owner,
        due=parse_day(due, "--due"),
        use_case=use_case,
    )
    if as_json:
        show_json({"finding": fact.finding, "followed": followed})
        return
    click.echo(f"Finding {fact.finding}, {severity}, for {owner} by {fact.due}.")
    say_all(followed)


@findings.command("answer")
@click.argument("finding")
@click.option("--answer", "words", required=True, help="What was done; no patient data.")
@pass_state
def answer(state: CliState, finding: str, words: str) -> None:
    """Answer a finding that is yours; an auditor then accepts or returns the answer.

    \b
    Example: bedrail --as olivia findings answer 01JXXXXXXXXXXXXXXXXXXXXXXX --answer "drilled on 3 November"
    """
    from bedrail.journeys.findings import answer_finding

    answer_finding(state.context(), state.actor(), finding, words)
    click.echo("Answered. An auditor has the word.")


@findings.command("return")
@click.argument("finding")
@click.option("--reason", required=True, help="Why the answer is not accepted.")
@pass_state
def return_(state: CliState, finding: str, reason: str) -> None:
    """Do not accept the answer; the finding is open again.

    \b
    Example: bedrail --as ada findings return 01JXXXXXXXXXXXXXXXXXXXXXXX --reason "the drill was on another use case"
    """
    from bedrail.journeys.findings import return_finding

    return_finding(state.context(), state.actor(), finding, reason)
    click.echo("Returned: it is open again.")


@findings.command("close")
@click.argument("finding")
@click.option("--remark", required=True, help="Why the answer is accepted.")
@pass_state
def close_(state: CliState, finding: str, remark: str) -> None:
    """Accept the answer; the gates no longer wait for it.

    \b
    Example: bedrail --as ada findings close 01JXXXXXXXXXXXXXXXXXXXXXXX --remark "drill record seen"
    """
    from bedrail.journeys.findings import close_finding

    close_finding(state.context(), state.actor(), finding, remark)
    click.echo("Closed.")


@findings.command("list")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@json_option
@pass_state
def list_findings(state: CliState, every: bool, as_json: bool) -> None:
    """Findings with their owner, due day and state.

    \b
    Example: bedrail findings list --json
    """
    columns = ("finding", "use case", "severity", "title", "owner", "due", "state", "answer", "last word")
    rows = [
        (f.finding, f.use_case, f.severity, f.title, f.owner, f.due, f.state, f.answer, f.last_word)
        for f in state.context().refresh().findings.all.values()
        if every or f.state != "closed"
    ]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)


@access.command("matrix")
@click.option("--html", "html_out", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page.")
@json_option
def matrix_command(html_out: Path | None, as_json: bool) -> None:
    """Every role at every route and command: what opens it, what for, in which states, and what else must hold.

    \b
    Example: bedrail access matrix --html matrix.html
    """
    from bedrail.governance.matrix import asks, matrix, matrix_html, opened_by

    lines = matrix()
    if html_out is not None:
        html_out.write_text(matrix_html(lines), encoding="utf-8")
        click.echo(f"Written: {html_out}")
    elif as_json:
        show_json(lines)
    else:
        show_table("", ("door", "asks", "open to"), [(line.door, asks(line), opened_by(line)) for line in lines])
