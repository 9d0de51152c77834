"""examine, on one table of another outcome: what is written, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_home import told


def test_numbers_that_nothing_can_be_held_to_and_pages_of_another_outcome_are_refused(tmp_path: Path) -> None:
    """No bound that is not a finite number, no page on fairness of yes or no, no folder that is not there; exit 2."""
    table = tmp_path / "stays.csv"
    table.write_text("outcome,score\n" + "".join(f"{n % 17},{(n * 7) % 17}\n" for n in range(60)))
    words = ("examine", "--outcome-type", "regression", "--predictions", str(table))
    for wrong in ("min_skill=nan", "max_bias=inf", "calibration_slope=0.8:nan", "min_skill", "=1", "min_skill=1:2:3"):
        ran = told(*words, "--require", wrong)
        assert (ran.code, "--require" in ran.err) == (2, True), wrong
    for option, place in (("--fairness", tmp_path / "page.html"), ("--json", tmp_path / "absent" / "report.json")):
        ran = told(*words, option, str(place))
        assert (ran.code, f"{option}:" in ran.err, place.exists()) == (2, True, False), ran.err


@pytest.mark.slow
def test_each_form_of_the_report_is_written(tmp_path: Path) -> None:
    """JSON, appendix and committee's page; a model that knows nothing fails, which is exit code 1."""
    table = tmp_path / "stays.csv"
    table.write_text("outcome,score\n" + "".join(f"{n % 17},{(n * 7) % 17}\n" for n in range(200)))
    files = {option: tmp_path / f"report.{option}" for option in ("json", "html", "committee")}
    options = [word for option, path in files.items() for word in (f"--{option}", str(path))]
    ran = told("examine", "--outcome-type", "regression", "--predictions", str(table), *options)
    assert ran.code == 1, ran.err
    assert all(path.stat().st_size > 500 for path in files.values())
