"""Ask every vignette of a suite and hold the answers to what is expected."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from bedrail.checks.scenarios.values import Ask, Band, Case, Outcome, Patient, Ran, Result, Said, Suite
from bedrail.core.values import Evidence, Finding, Verdict

CHECK = "scenarios"
SAME = 1e-9


def run_suite(suite: Suite, ask: Ask, *, candidate: str = "", threshold: float = 0.5) -> Ran:
    """Every vignette's answer against its expectations; `ask` is the decision path, guards and fallbacks included.

    An `ask` that raises is a failure of that vignette, with the kind of the error.
    """
    said = {case.vignette.name: _ask(ask, case.patient) for case in suite.cases}
    outcomes = []
    for case in suite.cases:
        name = case.vignette.name
        results = (*_results(case, said, ask), *_in_order(suite, name, said))
        if not results:
            results = (Result(field="expect", verdict=Verdict.MISSING, words="Nothing is expected of it."),)
        own, broken = said[name]
        if broken:
            results = (Result(field="values", verdict=Verdict.FAIL, words=broken), *results)
        outcomes.append(
            Outcome(vignette=name, patient=case.vignette.patient, said=own, band=case.band, results=tuple(results))
        )
    return Ran(
        title=suite.title,
        use_case=suite.use_case,
        digest=suite.digest,
        candidate=candidate,
        threshold=threshold,
        outcomes=tuple(outcomes),
    )


Heard = tuple[Said, str]


def _ask(ask: Ask, patient: Patient) -> Heard:
    """(what was said, what broke)."""
    try:
        return ask(patient), ""
    except Exception as error:  # noqa: BLE001 (whatever breaks on the way to an answer is the finding)
        return Said(kind="no decision", guard="unexpected"), f"It breaks with {type(error).__name__}."


def _results(case: Case, said: dict[str, Heard], ask: Ask) -> Iterator[Result]:
    expect, own = case.vignette.expect, said[case.vignette.name][0]
    if expect.decision == "any":
        failed = own.guard in ("model", "unexpected")
        yield _result("decision", not failed, f"Nothing may break: {_words(own)}.")
    elif expect.decision or expect.because:
        wanted = expect.decision or "no decision"
        yield _result("decision", own.kind == wanted, f"Expected {wanted}: {_words(own)}.")
    if expect.because:
        held = own.kind == "no decision" and own.guard == expect.because
        yield _result("because", held, f"Expected the doubt `{expect.because}`: {_words(own)}.")
    if case.band is not None:
        held = own.risk is not None and case.band.low - SAME <= own.risk <= case.band.high + SAME
        yield _result("risk", held, f"Expected {band_words(case.band)}: {_words(own)}.", own.risk)
    if expect.alert is not None:
        yield _result("alert", own.alert is expect.alert, f"Expected {_alert(expect.alert)}: {_words(own)}.", own.risk)
    for field, sign in (("higher_than", 1), ("lower_than", -1)):
        for other in getattr(expect, field):
            yield _compared(field, sign, f"`{other}`", own, said[other][0], 0.0)
    for kind, words, patient in case.changes:
        other, broken = _ask(ask, patient)
        if broken:
            yield _result(kind, False, f"If {words}: {broken}")
        elif kind == "same_if":
            yield _same(words, own, other, expect.tolerance)
        else:
            yield _compared(kind, 1 if kind == "higher_if" else -1, f"if {words}", other, own, expect.tolerance)


def _in_order(suite: Suite, name: str, said: dict[str, Heard]) -> Iterator[Result]:
    """The orderings in which a vignette follows another."""
    for row in suite.order:
        for lower, higher in pairwise(row):
            if higher == name:
                yield _compared("order", 1, f"`{lower}`", said[higher][0], said[lower][0], 0.0)


def _result(field: str, held: bool, words: str, estimate: float | None = None) -> Result:
    return Result(field=field, verdict=Verdict.PASS if held else Verdict.FAIL, words=words, estimate=estimate)


def _compared(field: str, sign: int, what: str, one: Said, other: Said, margin: float) -> Result:
    way = "higher" if sign > 0 else "lower"
    expected = f"Expected {way} {what}" if what.startswith("if ") else f"Expected {way} than {what}"
    if one.risk is None or other.risk is None:
        return _result(field, False, f"{expected}: {_words(one if one.risk is None else other)}.")
    gap = one.risk - other.risk
    words = f"{one.risk:.1%} against {other.risk:.1%}"
    return _result(field, sign * gap > margin, f"{expected}: {words}.", gap)


def _same(words: str, own: Said, other: Said, tolerance: float) -> Result:
    if own.risk is None or other.risk is None:
        held = own.kind == other.kind and own.guard == other.guard
        return _result("same_if", held, f"Expected the same if {words}: {_words(own)}, then {_words(other)}.")
    gap = other.risk - own.risk
    held = abs(gap) <= tolerance + SAME and own.kind == other.kind and (tolerance > 0 or own.alert == other.alert)
    return _result("same_if", held, f"Expected the same if {words}: {own.risk:.1%}, then {other.risk:.1%}.", gap)


def band_words(band: Band) -> str:
    """`a risk from 10.0% to 40.0%`."""
    return f"a risk from {band.low:.1%} to {band.high:.1%}"


def _alert(wanted: bool) -> str:
    return "an alert" if wanted else "no alert"


def _words(said: Said) -> str:
    if said.kind == "no decision":
        return f"no decision ({said.guard}: {said.reason or 'no reason given'})".replace(".)", ")")
    held = ", held for a reviewer" if said.kind == "review" else ""
    risk = "no risk" if said.risk is None else f"risk {said.risk:.1%}"
    return f"{risk}, {_alert(bool(said.alert))}{held}"


def evidence_of(ran: Ran) -> Evidence:
    """The run as evidence `scenarios`: one finding for each expectation, groups being vignettes."""
    findings = tuple(
        Finding(
            check=f"{CHECK}.{result.field.replace('_', '-')}",
            group=f"vignette={outcome.vignette}",
            verdict=result.verdict,
            estimate=result.estimate,
            low=outcome.said.low if result.field == "risk" else None,
            high=outcome.said.high if result.field == "risk" else None,
            n=1,
            reason=result.words,
        )
        for outcome in ran.outcomes
        for result in outcome.results
    )
    held = sum(one.verdict is Verdict.PASS for one in ran.outcomes)
    counted = f"{held} of {len(ran.outcomes)} vignettes of suite {ran.digest[:12]} hold"
    wrong = [one for one in ran.outcomes if one.verdict is not Verdict.PASS]
    first = f"; `{wrong[0].vignette}`: {_first(wrong[0])}" if wrong else "."
    return Evidence(check=CHECK, verdict=ran.verdict, reason=counted + first, findings=findings)


def _first(outcome: Outcome) -> str:
    return next(one.words for one in outcome.results if one.verdict is outcome.verdict)
