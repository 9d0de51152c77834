"""The report: one verdict, every number in every form, drawings that speak to everyone, one page for the committee."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec
import numpy as np
import pandas as pd
import pytest

from bedrail.checks import CHECKS, Cohort, Requirements, examine
from bedrail.checks.committee import figures, headline, reasons, verdict_sentence
from bedrail.checks.curves import Curves, curves
from bedrail.checks.methods import METHODS
from bedrail.checks.plots import calibration_plot, decision_plot, forest_plot, roc_plot, round_steps
from bedrail.checks.report import COLUMNS, Context, Report, Signature, context_of
from bedrail.core.values import Evidence, Finding, Verdict


def cohort(n: int = 4000, *, factor: float = 1.0, seed: int = 3) -> Cohort:
    rng = np.random.default_rng(seed)
    risk = rng.beta(1.5, 8, n)
    outcome = (rng.random(n) < risk * factor).astype(float)
    groups = pd.DataFrame({"gender": rng.choice(["f", "m"], n), "ward <b>": rng.choice(["A & B", "C"], n)})
    return Cohort(outcome=outcome, score=risk, groups=groups, threshold=0.2)


@pytest.fixture(scope="module")
def report() -> Report:
    told, asked = cohort(factor=0.7), Requirements(draws=200)
    signed = Signature(role="clinical-lead", person="dr-adams", at="2026-11-22T10:00:00+00:00", digest="ab" * 32)
    context = context_of(
        told,
        asked,
        title="Sepsis <script>alert(1)</script>",
        digests={"model": "cd" * 32},
        made_by="dr-adams",
        signatures=(signed,),
        required=tuple(name for name in CHECKS if name not in ("uncertainty", "baseline", "leakage", "missing-inputs")),
    )
    return Report(examine(told, asked), context)


def one(check: str, verdict: Verdict, *findings: Finding) -> Evidence:
    return Evidence(check=check, verdict=verdict, reason=f"{check} is {verdict}.", findings=findings)


@pytest.mark.parametrize(
    ("verdicts", "required", "expected"),
    [
        ("pass pass", None, "pass"),
        ("pass fail", None, "fail"),
        ("missing fail", None, "fail"),
        ("pass missing", None, "missing"),
        ("", None, "missing"),
        ("pass fail", ("a",), "pass"),
        ("pass pass", ("a", "never-made"), "missing"),
        ("fail pass", ("a", "never-made"), "fail"),
    ],
)
def test_the_verdict_is_the_worst_of_what_is_required(
    verdicts: str, required: tuple[str, ...] | None, expected: str
) -> None:
    """Fail beats missing beats pass; required evidence that was never made is missing."""
    evidence = tuple(one(name, Verdict(word)) for name, word in zip("ab", verdicts.split(), strict=False))
    report = Report(evidence, Context(required=required))
    assert report.verdict == expected
    assert verdict_sentence(report).startswith(("All required", "Required") if required else ("All of", "Some of"))


def test_findings_are_a_dataframe_with_fixed_columns_and_every_finding(report: Report) -> None:
    """A row for each finding of each check, verdicts as words, absent numbers missing."""
    frame = report.findings
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == sum(len(each.findings) for each in report.evidence)
    assert set(frame["verdict"]) <= {"pass", "fail", "missing"}
    assert frame["estimate"].dtype == "float64"
    assert Report((), Context()).findings.empty


def test_json_says_the_same_as_the_dataframe(report: Report) -> None:
    """Flat findings and those under their evidence are the same numbers as in the dataframe, and the JSON is strict."""
    told = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert told["verdict"] == report.verdict.value
    assert [row["check"] for row in told["findings"]] == report.findings["check"].tolist()
    assert told["findings"] == [row for each in told["evidence"] for row in each["findings"]]
    estimates = pd.Series([row["estimate"] for row in told["findings"]], dtype="float64")
    pd.testing.assert_series_equal(estimates, report.findings["estimate"], check_names=False)


def test_infinite_numbers_become_null() -> None:
    """JSON has no infinity; the finding stays, the number is null."""
    finding = Finding(check="a.x", verdict=Verdict.MISSING, estimate=1.0, low=float("-inf"), high=float("inf"))
    told = json.loads(Report((one("a", Verdict.MISSING, finding),)).to_json())
    assert (told["findings"][0]["low"], told["findings"][0]["high"]) == (None, None)


def test_a_report_from_stored_evidence_reads_the_same(report: Report) -> None:
    """Evidence and context survive their own encoding, and nothing else is needed to show them."""
    evidence = msgspec.json.decode(msgspec.json.encode(report.evidence), type=tuple[Evidence, ...])
    context = msgspec.json.decode(msgspec.json.encode(report.context), type=Context)
    again = Report(evidence, context)
    assert again.to_html() == report.to_html()
    assert again.committee_html() == report.committee_html()
    assert again.to_json() == report.to_json()


class Balance(HTMLParser):
    """Counts open tags and collects what would load from elsewhere."""

    void = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in self.void:
            self.open.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.loads += [
            value
            for name, value in found.items()
            if name == "src" or (name == "href" and value and not value.startswith("#"))
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("form", ["to_html", "committee_html", "_repr_html_"])
def test_pages_are_whole_escaped_and_load_nothing(report: Report, form: str) -> None:
    """Tags balance, ids are unique, words from outside are escaped, and no page reaches for the network."""
    page = getattr(report, form)()
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert len(balance.ids) == len(set(balance.ids))
    assert balance.loads == []
    assert "<script" not in page
    assert "ward <b>" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_the_appendix_holds_every_finding_and_the_sources(report: Report) -> None:
    """Each finding's reason, each check's method and its sources stand in the appendix."""
    text = re.sub(r"\s+", " ", report.to_html())
    for each in report.evidence:
        assert f'id="{each.check}"' in text
        assert METHODS[each.check].sources[0].split(" (")[0] in text
    assert text.count('class="number">') > 4 * len(report.findings)


def test_every_check_of_the_catalogue_has_its_method_described() -> None:
    """A check without words on its method cannot be added unnoticed."""
    assert set(CHECKS) <= set(METHODS)
    assert all(method.sources for method in METHODS.values())


def test_the_committee_page_shows_five_to_eight_figures_and_each_reason(report: Report) -> None:
    """Verdict, few figures with intervals, why it does not pass, and who signed which digest."""
    shown = figures(report)
    assert 5 <= len(shown) <= 8
    assert all(" to " in each.value for each in shown)
    page = report.committee_html()
    failing = [each for each in report.evidence if each.check in report.required and each.verdict is not Verdict.PASS]
    assert len(reasons(report)) == len(failing) > 0
    assert "ab" * 32 in report.to_html()
    for word in ("Fails", "dr-adams", "clinical-lead", "ab" * 12, "cd" * 32, "over-predicts"):
        assert word in page


@pytest.mark.parametrize(("factor", "said"), [(0.6, "over-predicts"), (1.6, "under-predicts")])
def test_the_headline_says_over_or_under_prediction(factor: float, said: str) -> None:
    """The one sentence everyone reads names the direction, and only when the interval excludes agreement."""
    told = cohort(factor=factor)
    report = Report(examine(told, checks=["calibration"]), context_of(told, Requirements()))
    assert said in headline(report)
    fair = cohort(seed=11)
    assert "predicts." not in headline(Report(examine(fair, checks=["calibration"]), context_of(fair, Requirements())))


def test_calibration_bins_hold_all_patients_and_are_never_tiny() -> None:
    """Bins add up to the cohort, hold at least 11 patients, and agree with a plain count."""
    told = cohort(997)
    shown = curves(told).calibration
    assert sum(each.n for each in shown) == 997
    assert min(each.n for each in shown) >= 11
    assert all(each.low <= each.observed <= each.high for each in shown)
    total = sum(each.observed * each.n for each in shown)
    assert total == pytest.approx(told.outcome.sum())
    assert sum(curves(told).histogram) == 997


def test_equal_scores_share_one_bin() -> None:
    """A score of few distinct values gives that many bins at most."""
    outcome = np.tile([0.0, 0.0, 1.0], 100)
    shown = curves(Cohort(outcome=outcome, score=np.repeat([0.2, 0.4, 0.6], 100))).calibration
    assert [each.predicted for each in shown] == pytest.approx([0.2, 0.4, 0.6])


def test_the_roc_curve_agrees_with_scikit_learn() -> None:
    """The area under our thinned curve is that of scikit-learn's."""
    from sklearn.metrics import auc, roc_auc_score

    told = cohort(5000)
    x, y = zip(*curves(told).roc, strict=True)
    assert auc(x, y) == pytest.approx(roc_auc_score(told.outcome, told.score), abs=2e-3)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)


def test_the_decision_curve_agrees_with_the_definition() -> None:
    """Net benefit is TP/n - FP/n * odds at each threshold, for the score and for acting on everyone."""
    told = cohort(2000)
    for point in curves(told).benefit[::7]:
        alert = told.score >= point.threshold
        odds = point.threshold / (1 - point.threshold)
        mine = (alert & (told.outcome == 1)).mean() - (alert & (told.outcome == 0)).mean() * odds
        assert point.score == pytest.approx(mine, abs=1e-4)
        assert point.everyone == pytest.approx(told.outcome.mean() - (1 - told.outcome.mean()) * odds)


def drawn() -> dict[str, str]:
    shown = curves(cohort())
    gaps = [
        Finding(check="x.gap", group="overall", verdict=Verdict.PASS, estimate=0.1, low=0.0, high=0.2, n=100),
        Finding(check="x.gap", group="race=<i>A</i>", verdict=Verdict.FAIL, estimate=-0.3, low=-0.4, high=-0.2, n=30),
        Finding(check="x.gap", group="race=B", verdict=Verdict.MISSING, reason="too few"),
    ]
    return {
        "calibration": calibration_plot(shown, "k1"),
        "roc": roc_plot(shown, "k2", area="AUROC 0.8"),
        "decision": decision_plot(shown, "k3", threshold=0.2),
        "forest": forest_plot(gaps, "k4", title="Gap"),
    }


@pytest.mark.parametrize("name", ["calibration", "roc", "decision", "forest"])
def test_each_drawing_is_well_formed_and_has_words_for_those_who_cannot_see_it(name: str) -> None:
    """Valid XML with role img, a title and a description that hold the numbers."""
    root = ElementTree.fromstring(drawn()[name])
    space = "{http://www.w3.org/2000/svg}"
    title, desc = root.find(f"{space}title"), root.find(f"{space}desc")
    assert root.get("role") == "img"
    assert title is not None
    assert desc is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text
    assert re.search(r"\d", desc.text or "")


def test_drawings_do_not_speak_by_colour_alone() -> None:
    """Lines differ by dash and verdicts by shape; only colours told apart by colour-blind readers are used."""
    shown = drawn()
    assert shown["decision"].count("stroke-dasharray") >= 2
    assert "<circle" in shown["forest"]
    assert 'fill="#D55E00"' in shown["forest"]
    colours = {colour.lower() for svg in shown.values() for colour in re.findall(r'"(#[0-9A-Fa-f]{3,6})"', svg)}
    greys = {"#1b2733", "#4a5866", "#e4e9ee", "#c9d2da", "#9aa7b3", "#fff"}
    assert colours <= {"#0072b2", "#d55e00"} | greys


def test_nothing_to_draw_draws_nothing() -> None:
    """Without curves or estimates there is no empty frame, and the pages still stand."""
    assert calibration_plot(Curves(), "a") == roc_plot(Curves(), "b") == decision_plot(Curves(), "c") == ""
    assert forest_plot([Finding(check="a", verdict=Verdict.MISSING)], "d", title="t") == ""
    empty = Report((), Context())
    for page in (empty.to_html(), empty.committee_html(), empty._repr_html_()):
        assert "Not shown" in page


@pytest.mark.parametrize(
    ("outcome", "score"), [([0.0] * 30, [0.1] * 30), ([1.0] * 30, [0.9] * 30), ([0.0, 1.0], [0.2, 0.4])]
)
def test_one_class_or_two_patients_still_give_a_report(outcome: list[float], score: list[float]) -> None:
    """Degenerate cohorts end in missing or failing evidence on readable pages, not in an exception."""
    told = Cohort(outcome=np.array(outcome), score=np.array(score), threshold=0.5)
    report = Report(examine(told), context_of(told, Requirements()))
    assert report.verdict is not Verdict.PASS
    assert report.to_html()
    assert report.committee_html()
    assert json.loads(report.to_json())["n"] == len(outcome)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.2), (0.771, 0.779), (0, 12345)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    """Three to eight ticks between the ends."""
    ticks = round_steps(low, high)
    assert 3 <= len(ticks) <= 8
    assert low - 1e-9 <= ticks[0] <= ticks[-1] <= high + 1e-9
