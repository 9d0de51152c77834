"""A suite is kept with its use case, runs at every change on record, and a gate can ask for it; probing beside it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.journeys import delivery, probing, scenarios, upkeep
from bedrail.journeys.examination import read_evidence
from small_home import CASE, EXAMPLE, POLICY, copied, opened, told

pytestmark = pytest.mark.slow
SUITE = (EXAMPLE / "scenarios.toml").read_bytes()


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory)


def test_a_suite_is_kept_and_runs_at_every_change(home: Path) -> None:
    """Keeping it runs it on every candidate; whoever is admitted later is run at once; evidence is signed and bound."""
    with opened(home) as app:
        ctx = app.context
        with pytest.raises(NotFound, match="keeps no scenarios"):
            scenarios.run_scenarios(ctx, "sam", CASE)
        with pytest.raises(Refused, match=r"use-case\.open"):
            scenarios.keep_scenarios(ctx, "dr-lee", CASE, SUITE)
        other = SUITE.replace(b'use_case = "readmission-30d"', b'use_case = "another"')
        with pytest.raises(Invalid, match="for `another`"):
            scenarios.keep_scenarios(ctx, "dr-adams", CASE, other)
        runs = scenarios.keep_scenarios(ctx, "dr-adams", CASE, SUITE)
        view = ctx.use_case(CASE)
        assert set(runs) == {"baseline", "boosted", "spare"}
        assert ctx.artifacts.get(view.suite) == SUITE
    trained = told("--as", "sam", "train", CASE, "--recipe", "logistic", "--name", "late", home=home)
    assert trained.code == 0, trained.err
    with opened(home) as app:
        ctx = app.context
        view = ctx.use_case(CASE)
        new = delivery.find_candidate(view, "late").candidate
        found = view.evidence[new, "scenarios"]
        evidence = read_evidence(ctx, found.evidence)
        assert evidence.candidate == new
        assert evidence.made_by == "sam"
        assert view.suite[:12] in evidence.reason
        assert (home / "reports" / CASE / "late-scenarios.html").exists()


def test_commands_say_it_with_exit_codes_and_files(home: Path, tmp_path: Path) -> None:
    """keep, show, run, new, lint: 0 when all holds, 1 when not, 2 with vignette and field when the file is wrong."""
    path = tmp_path / "suite.toml"
    path.write_bytes(SUITE)
    assert told("--as", "dr-adams", "scenarios", "keep", CASE, str(path), home=home).code == 0
    out = tmp_path / "run.xml"
    ran = told(
        "--as", "sam", "scenarios", "run", CASE, "--candidate", "boosted", "--junit", str(out), "--json", home=home
    )
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["boosted"]["verdict"] == "pass"
    assert ElementTree.parse(out).getroot().get("failures") == "0"
    shown = told("scenarios", "show", CASE, "--json", home=home)
    assert {row["candidate"] for row in json.loads(shown.out)["runs"]} >= {"baseline", "boosted"}
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SUITE.decode().replace('risk = "at most 10 %"', 'risk = "at least 90 %"'))
    before = told("ledger", "verify", home=home).out
    tried = told("--as", "sam", "scenarios", "run", CASE, "--candidate", "boosted", "--file", str(wrong), home=home)
    assert tried.code == 1
    assert "first admission, going home well (risk)" in tried.out
    assert told("ledger", "verify", home=home).out == before, "trying a file records nothing"
    wrong.write_text(SUITE.decode().replace('"Age" = "45 a"', '"Age" = "forty-five"'))
    linted = told("scenarios", "lint", str(wrong), "--use-case", str(EXAMPLE))
    assert linted.code == 2
    assert "Vignette `first admission, going home well`" in linted.err
    drafted = tmp_path / "edges.toml"
    assert (
        told("scenarios", "new", CASE, "--candidate", "boosted", "--edges", "--out", str(drafted), home=home).code == 0
    )
    assert told("scenarios", "new", CASE, "--out", str(drafted), home=home).code == 2, "nothing is overwritten"
    edges = told("--as", "sam", "scenarios", "run", CASE, "--candidate", "boosted", "--file", str(drafted), home=home)
    assert edges.code == 0, edges.out


def test_a_gate_can_ask_for_scenarios_and_a_broken_one_closes_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A policy that requires `scenarios`: closed without a suite, open when it holds, closed when a vignette fails."""
    with opened(copied(tmp_path_factory)) as app:
        ctx = app.context
        asking = POLICY.replace('checks = ["data-quality"', 'checks = ["scenarios", "data-quality"')
        upkeep.adopt_policy(ctx, "olivia", asking)

        def reasons() -> str:
            gate, _ = delivery.judge_gate(ctx, CASE, "shadow", "spare")
            return " ".join(str(one) for one in getattr(gate, "reasons", ()))

        assert "scenarios" in reasons()
        scenarios.keep_scenarios(ctx, "dr-adams", CASE, SUITE)
        assert "scenarios" not in reasons()
        hopeless = SUITE.replace(b'risk = "at most 10 %"', b'risk = "at least 90 %"')
        scenarios.keep_scenarios(ctx, "dr-adams", CASE, hopeless)
        assert "scenarios" in reasons()


def test_a_suite_that_no_longer_fits_the_charter_is_missing_not_passed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A narrower range makes a vignette impossible: the next run is `missing` and says which field."""
    with opened(copied(tmp_path_factory)) as app:
        ctx = app.context
        scenarios.keep_scenarios(ctx, "dr-adams", CASE, SUITE)
        text = (EXAMPLE / "usecase.toml").read_text().replace("low = 18", "low = 50", 1)
        delivery.open_use_case(ctx, "olivia", text)
        assert scenarios.run_scenarios(ctx, "sam", CASE, ["spare"]) == {}
        view = ctx.use_case(CASE)
        found = view.evidence[delivery.find_candidate(view, "spare").candidate, "scenarios"]
        assert found.verdict == "missing"
        assert "plausible" in found.reason


def test_probing_is_evidence_and_leaves_the_holdout_shut(home: Path) -> None:
    """`bedrail probe` records `robustness` for the candidate, writes pages with plots, and reads no holdout."""
    ran = told("--as", "sam", "probe", CASE, "--candidate", "boosted", "--rows", "200", "--json", home=home)
    assert ran.code in (0, 1), ran.err
    report = json.loads(ran.out)
    assert report["required"] == ["robustness"]
    with opened(home) as app:
        view = app.context.use_case(CASE)
        found = view.evidence[delivery.find_candidate(view, "boosted").candidate, "robustness"]
        assert "On the validation part" in found.reason
        with pytest.raises(Invalid, match="rows"):
            probing.probe_candidate(app.context, "sam", CASE, "boosted", rows=3)
        with pytest.raises(Refused, match=r"candidate\.examine"):
            probing.probe_candidate(app.context, "dr-lee", CASE, "boosted")
    page = (home / "reports" / CASE / "boosted-probes.html").read_text()
    assert "<svg" in page
    assert "unit-slip" in page or "Unit slip" in page
    assert not [
        line
        for line in told("ledger", "search", "--json", home=home).out.splitlines()
        if "probing" in line and "holdout" in line
    ]
