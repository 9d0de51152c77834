"""How the checks of this family answer, on paper."""

from __future__ import annotations

from bedrail.checks.family import Method

JOINING: dict[str, Method] = {
    "follow-up": Method(
        family="time",
        text="The share of predictions whose outcome could be joined. Predictions made after the event, or so short "
        "before it that the gap was not over, are no part of the question and are counted apart. A prediction whose "
        "window was not observed to its end has no known outcome. Predictions without a known outcome are left out of "
        "every figure; the widest band says what the observed rate could be if all of them, or none, had the event.",
        sources=(
            "Collins et al. (2024), TRIPOD+AI, BMJ 385:e078378",
            "Manski (1989), Journal of Human Resources 24:343 (bounds)",
        ),
        claim="The outcome of nearly all predictions is known.",
        formula="Known / (given − after the event − within the gap); bounds: events / all, (events + unknown) / all.",
        distrust="As a sign that the joined outcomes are the right ones; and where patients leave observation because "
        "they are ill: leaving them out then flatters or blackens the score. Ask for a survival outcome instead.",
    ),
    "lead-time": Method(
        family="time",
        text="For each event the first score at or above the threshold in its window is the alert; its lead time is "
        "the time from there to the event. Shares are of all events that had a prediction; quartiles of those alerted.",
        sources=(
            "Woodruff (1952), JASA 47:635 (intervals of quantiles)",
            "Wilson (1927), JASA 22:209, on effective numbers: Korn and Graubard (1998)",
            "Wong et al. (2021), JAMA Internal Medicine 181:1065 (alerts against what clinicians knew by then)",
        ),
        claim="So many events are announced, so long before.",
        formula="Lead = time of event − time of first alert; sensitivity at L = #{lead ≥ L} / events; interval of a "
        "quantile = quantiles at Wilson's limits of its share, rows of a patient as one cluster.",
        distrust="Alone: an alert that always sounds has the longest lead. Read it beside the alert rate. The time of "
        "an event is when it was charted, and care may have begun before; time in hand is not benefit.",
        functions=(
            "bedrail.checks.joining.lead_time.first_alerts",
            "bedrail.checks.joining.lead_time.quantile_interval",
        ),
    ),
    "interventions": Method(
        family="time",
        text="The share of predictions that were followed by a named intervention before the event or the end of the "
        "window. Where it is not small, an alert that prevented its event looks like a false alarm.",
        sources=("Lenert, Matheny and Walsh (2019), JAMIA 26:1645",),
        claim="The outcomes are those that patients had without the interventions named.",
        formula="Share of rows with the intervention in (prediction, min(event, end of window)].",
        distrust="As a correction: nothing is corrected. Interventions that are not in the table are not seen.",
    ),
}
