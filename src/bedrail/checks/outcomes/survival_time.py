"""Questions before any figure of a time until an event: was it seen long enough, and what stood in its way."""

from __future__ import annotations

import numpy as np

from bedrail.checks.intervals import rate_interval
from bedrail.checks.outcomes import survival as times
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.censoring import Incidence, incidence
from bedrail.checks.outcomes.estimates import Pulled, finding, missing
from bedrail.checks.outcomes.requirements import SurvivalRequirements
from bedrail.checks.outcomes.values import CENSORED, COMPETING, EVENT, Floats, Ints, SurvivalCohort
from bedrail.core.values import Finding, Verdict

NOT_ENOUGH = "Not enough patients to tell"


def status_of(cohort: SurvivalCohort) -> Ints:
    """(n,) event codes as they count: competing events are censorings when one asked to ignore them."""
    ignored = (cohort.event == COMPETING) & (cohort.competing == "ignored")
    return np.where(ignored, CENSORED, cohort.event)


def at(horizon: float) -> str:
    """A horizon at the end of a measure's name: `-at-365`."""
    return f"-at-{horizon:g}"


def shortfall(time: Floats, event: Ints, horizon: float, requirements: SurvivalRequirements) -> str:
    """Why a horizon cannot be examined, or nothing."""
    still, happened = int((time > horizon).sum()), int(((time <= horizon) & (event == EVENT)).sum())
    if still < requirements.min_at_risk:
        return f"Fewer than {requirements.min_at_risk} patients were followed beyond {horizon:g}."
    if happened < requirements.min_events:
        return f"Fewer than {requirements.min_events} events by {horizon:g}."
    return ""


def usable(cohort: SurvivalCohort, requirements: SurvivalRequirements) -> list[int]:
    """Which horizons have enough patients followed beyond and enough events before."""
    event = status_of(cohort)
    return [k for k, t in enumerate(cohort.horizons) if not shortfall(cohort.time, event, t, requirements)]


def reported(cohort: SurvivalCohort) -> list[int]:
    """The horizons that get findings of their own: all of up to five; of more, five spread over them."""
    k = len(cohort.horizons)
    return list(range(k)) if k <= 5 else sorted({round(p * (k - 1) / 4) for p in range(5)})


def rank_by(cohort: SurvivalCohort, k: int) -> Floats:
    """(n,) what orders patients at horizon k: the risk by then, or the score when no risks were given."""
    return cohort.ranks if cohort.risks is None else cohort.risks[:, k]


@question("survival-follow-up", "Were the patients followed long enough to say anything?")
def follow_up(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """The share censored, the median follow-up (reverse Kaplan-Meier), and for each horizon the share censored before.

    A horizon is missing with too few patients beyond or events before, or when more than `max_censored_early` were
    censored before it: the figures would rest on the few who were not.
    """
    del rng
    event, head = status_of(cohort), "survival-follow-up"
    censored = (event == CENSORED).astype(np.float64)
    share, low, high = rate_interval(censored, cohort.clusters, requirements.confidence)
    unit = f" {cohort.unit}" if cohort.unit else ""
    happened = int((event == EVENT).sum())
    found = [
        Finding(
            check=f"{head}.censored",
            verdict=Verdict.PASS if happened >= requirements.min_events else Verdict.MISSING,
            estimate=share,
            low=low,
            high=high,
            n=cohort.n,
            reason=f"{share:.1%} of {cohort.n:,} were censored. "
            + (
                f"{happened:,} had the event."
                if happened >= requirements.min_events
                else f"Fewer than {requirements.min_events} had the event."
            ),
        ),
        _median_follow_up(cohort, event, unit, requirements),
    ]
    for k in reported(cohort):
        t = cohort.horizons[k]
        early = ((cohort.time < t) & (event == CENSORED)).astype(np.float64)
        share, low, high = rate_interval(early, cohort.clusters, requirements.confidence)
        lacking = shortfall(cohort.time, event, t, requirements)
        if not lacking and low > requirements.max_censored_early:
            lacking = f"More than {requirements.max_censored_early:.0%} were censored before {t:g}."
        still = int((cohort.time >= t).sum())
        reason = lacking or f"{share:.1%} were censored before {t:g}{unit}; {still:,} were still followed then."
        found.append(
            Finding(
                check=f"{head}.censored-before{at(t)}",
                verdict=Verdict.MISSING if lacking else Verdict.PASS,
                estimate=share,
                low=low,
                high=high,
                n=cohort.n,
                reason=reason,
            )
        )
    return tuple(found)


def _median_follow_up(cohort: SurvivalCohort, event: Ints, unit: str, requirements: SurvivalRequirements) -> Finding:
    """Reverse Kaplan-Meier (Schemper and Smith 1996): censoring is what is waited for.

    The interval holds the times whose estimated share of censored has an interval around a half (Brookmeyer and
    Crowley 1982).
    """
    name = "survival-follow-up.median"
    turned = np.where(event == CENSORED, EVENT, CENSORED)
    grid = np.unique(cohort.time[event == CENSORED])
    if len(grid) == 0:
        reason = "Nobody was censored: everyone was followed until an event."
        return Finding(check=name, verdict=Verdict.PASS, n=cohort.n, reason=reason)
    if len(grid) > 400:
        grid = np.unique(np.quantile(grid, np.linspace(0, 1, 400), method="nearest"))
    reached = incidence(cohort.time, turned, [float(t) for t in grid], cohort.clusters)
    limits = [one.interval(requirements.confidence) for one in reached]
    middle = next((float(t) for t, one in zip(grid, reached, strict=True) if one.share.estimate >= 0.5), None)
    low = next((float(t) for t, (_, top) in zip(grid, limits, strict=True) if top >= 0.5), None)
    high = next((float(t) for t, (bottom, _) in zip(grid, limits, strict=True) if bottom >= 0.5), None)
    words = f"Half of the patients were followed for at least {middle:g}{unit}." if middle is not None else ""
    return Finding(
        check=name,
        verdict=Verdict.PASS if middle is not None else Verdict.MISSING,
        estimate=middle,
        low=low,
        high=high,
        n=cohort.n,
        reason=words or "Too few were censored to give a median follow-up.",
    )


@question("survival-competing-events", "Are events that make the outcome impossible taken into account?")
def competing_events(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """The share with a competing event by each horizon, and by how much Kaplan-Meier, which ignores them, overstates.

    Passes when none can happen, or when they are told and every figure counts them. When one asked to ignore them, it
    fails where the whole interval of the overstatement lies above `max_overstatement`. Missing when nobody said whether
    there are any. `predictions-ignore-them` fails when the mean predicted risk agrees with Kaplan-Meier and not with
    the incidence.
    """
    del rng
    head = "survival-competing-events"
    if cohort.competing == "none":
        reason = "No competing event is possible, as was said."
        return (Finding(check=f"{head}.told", verdict=Verdict.PASS, n=cohort.n, reason=reason),)
    if not (cohort.event == COMPETING).any():
        reason = (
            "Competing events are treated as censored, and none is told apart: risks by Kaplan-Meier are then too "
            "high, by how much these data cannot say. Code them 2."
            if cohort.competing == "ignored"
            else "No competing event was found."
            if cohort.competing == "told"
            else "Nobody said whether another event, such as death, can make the outcome impossible. Code such events "
            "2, or say that there are none."
        )
        verdict = Verdict.PASS if cohort.competing == "told" else Verdict.MISSING
        return (Finding(check=f"{head}.told", verdict=verdict, n=cohort.n, reason=reason),)
    found: list[Finding] = []
    for k in reported(cohort):
        found += _competing_at(cohort, requirements, k)
    if not found:
        rivals = int((cohort.event == COMPETING).sum())
        reason = f"{rivals:,} of {cohort.n:,} had a competing event; without a horizon its effect cannot be told."
        ignored = cohort.competing == "ignored"
        verdict = Verdict.MISSING if ignored else Verdict.PASS
        found.append(Finding(check=f"{head}.told", verdict=verdict, n=cohort.n, reason=reason))
    return tuple(found)


def _competing_at(cohort: SurvivalCohort, requirements: SurvivalRequirements, k: int) -> list[Finding]:
    t, head, confidence = cohort.horizons[k], "survival-competing-events", requirements.confidence
    (rival,) = incidence(cohort.time, cohort.event, [t], cohort.clusters, cause=COMPETING)
    low, high = rival.interval(confidence)
    handled = cohort.competing != "ignored"
    reason = f"{rival.share.estimate:.1%} had a competing event by {t:g}" + (
        ", and every figure counts them." if handled else "."
    )
    found = [finding(f"{head}.share{at(t)}", rival.share, (low, high), Verdict.PASS, reason, confidence, n=cohort.n)]
    (true,) = incidence(cohort.time, cohort.event, [t], cohort.clusters)
    (naive,) = incidence(cohort.time, np.where(cohort.event == EVENT, EVENT, CENSORED), [t], cohort.clusters)
    lacking = shortfall(cohort.time, cohort.event, t, requirements)
    if lacking or true.share.estimate <= 0:
        return [*found, missing(f"{head}.overstatement{at(t)}", lacking or f"No events by {t:g}.", n=cohort.n)]
    ratio = naive.share.estimate / true.share.estimate
    pulls = (naive.share.pulls - ratio * true.share.pulls) / true.share.estimate
    excess = Pulled(ratio - 1, pulls, cohort.clusters)
    bottom, top = (limit - 1 for limit in Pulled(ratio, pulls, cohort.clusters).ratio(confidence))
    most = requirements.max_overstatement
    verdict = Verdict.PASS if handled or top <= most else Verdict.FAIL if bottom > most else Verdict.MISSING
    reason = (
        f"Kaplan-Meier, which takes competing events for censorings, says {naive.share.estimate:.1%} by {t:g}; in "
        f"truth {true.share.estimate:.1%} had the event (Aalen-Johansen): {ratio - 1:.1%} too high."
    )
    reason += " The figures here count them." if handled else " Competing events were ignored, as was asked."
    found.append(
        finding(f"{head}.overstatement{at(t)}", excess, (bottom, top), verdict, reason, confidence, n=cohort.n)
    )
    if cohort.risks is not None:
        found.append(_predictions_ignore(cohort, requirements, k, true, naive))
    return found


def _predictions_ignore(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, k: int, true: Incidence, naive: Incidence
) -> Finding:
    assert cohort.risks is not None
    t, risk = cohort.horizons[k], cohort.risks[:, k]
    name = f"survival-competing-events.predictions-ignore-them{at(t)}"
    right = times.observed_to_expected(true, risk, requirements.confidence)
    wrong = times.observed_to_expected(naive, risk, requirements.confidence)
    if right is None or wrong is None:
        return missing(name, "No risk is predicted.", n=cohort.n)
    fits_true, fits_naive = right[1] <= 1 <= right[2], wrong[1] <= 1 <= wrong[2]
    mean = f"Mean predicted risk {risk.mean():.1%} by {t:g}"
    if fits_naive and not fits_true:
        verdict, reason = Verdict.FAIL, f"{mean} is what Kaplan-Meier says: competing events seem to have been ignored."
    elif fits_naive and fits_true:
        verdict, reason = Verdict.MISSING, f"{mean} agrees with both: {NOT_ENOUGH.lower()} them apart."
    else:
        verdict, reason = Verdict.PASS, f"{mean} does not follow Kaplan-Meier ({naive.share.estimate:.1%})."
    return Finding(check=name, verdict=verdict, n=cohort.n, reason=reason)
