"""`bedrail examine` on files: exit codes, outputs, options, and the documented example."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from bedrail.cli.examine import examine_command

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "day-one.md"


def write(folder: Path, *, n: int = 6000, factor: float = 1.0, suffix: str = ".csv") -> list[str]:
    """A well-ranked score with two groups; `factor` below 1 makes it over-predict."""
    rng = np.random.default_rng(8)
    risk = rng.beta(1.2, 3, n).clip(0.001, 0.999)
    value = (rng.random(n) < risk * factor).astype(int)
    predictions = pd.DataFrame(
        {
            "subject": np.arange(n),
            "time": 1,
            "score": risk,
            "site": rng.integers(0, 3, n),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    events = pd.DataFrame({"subject": np.arange(n), "time": 30, "event": "readmitted", "value": value})
    paths = []
    for name, frame in (("predictions", predictions), ("events", events)):
        path = folder / f"{name}{suffix}"
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
        paths += [f"--{name}", str(path)]
    return paths


def run(*arguments: str) -> Result:
    return CliRunner().invoke(examine_command, list(arguments))


def test_a_good_score_exits_with_zero_and_writes_what_was_asked(tmp_path: Path) -> None:
    """All required evidence passes: exit 0; JSON, appendix and committee page are written."""
    files = write(tmp_path)
    outputs = {"--json": "r.json", "--html": "a.html", "--committee": "c.html"}
    asked = [part for option, name in outputs.items() for part in (option, str(tmp_path / name))]
    result = run(*files, *asked, "--groups", "sex", "--threshold", "0.3")
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["verdict"] == "pass"
    assert told["n"] == 6000
    assert told["threshold"] == 0.3
    assert {row["group"] for row in told["findings"]} >= {"overall", "sex=f", "sex=m"}
    for each in told["evidence"]:
        assert set(each) >= {"check", "verdict", "reason", "findings"}
    assert all((tmp_path / name).read_text().startswith("<!doctype html>") for name in ("a.html", "c.html"))


def test_an_over_predicting_score_exits_with_one_and_says_so(tmp_path: Path) -> None:
    """Failing evidence: exit 1, and the first line names the fault."""
    result = run(*write(tmp_path, factor=0.7))
    assert result.exit_code == 1
    assert "FAIL" in result.stdout
    assert "over-predicts" in result.stdout.splitlines()[0]


def test_nothing_says_that_all_passes_over_checks_that_fail(tmp_path: Path) -> None:
    """Only some checks are required: the first line, both pages speak of those, and name what else does not pass."""
    pages = [tmp_path / "a.html", tmp_path / "c.html"]
    asked = ("--checks", "discrimination", "--html", str(pages[0]), "--committee", str(pages[1]))
    result = run(*write(tmp_path, factor=0.7), *asked)
    assert result.exit_code == 0, result.output
    for told in (result.stdout, *(page.read_text() for page in pages)):
        assert "All required evidence passes." in told
        assert "All of the evidence" not in told
    assert "fail    calibration (not required)" in result.stdout


def test_too_few_patients_exit_with_one_as_missing(tmp_path: Path) -> None:
    """Evidence that the data cannot give is missing, which is no pass."""
    result = run(*write(tmp_path, n=40), "--json", str(tmp_path / "r.json"))
    assert result.exit_code == 1
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] in ("missing", "fail")


@pytest.mark.slow
def test_parquet_and_csv_give_the_same_findings(tmp_path: Path) -> None:
    """The format of the file does not matter, nor for the content digests."""
    told = []
    for suffix in (".csv", ".parquet"):
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        run(*write(folder, n=800, suffix=suffix), "--json", str(folder / "r.json"))
        told.append(json.loads((folder / "r.json").read_text()))
    assert told[0]["findings"] == told[1]["findings"]
    assert told[0]["digests"] == told[1]["digests"]


@pytest.mark.slow
def test_the_policy_decides_what_is_required(tmp_path: Path) -> None:
    """Under the shipped policy evidence that files cannot give is missing; `--checks` narrows it, and says so."""
    from bedrail.governance.policy import default_policy_text

    policy = tmp_path / "policy.toml"
    policy.write_text(default_policy_text())
    files = write(tmp_path)
    out = ["--json", str(tmp_path / "r.json"), "--policy", str(policy)]
    assert run(*files, *out).exit_code == 1
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["verdict"] == "missing"
    assert "data-quality" in told["absent"]
    assert "policy" in told["digests"]
    assert run(*files, *out, "--checks", "discrimination,calibration").exit_code == 0
    told = json.loads((tmp_path / "r.json").read_text())
    assert any("by choice only: discrimination, calibration" in words for _, words in told["asked"])
    assert told["required"] == ["follow-up", "discrimination", "calibration"]


def test_a_broken_policy_is_invalid_with_its_line(tmp_path: Path) -> None:
    """Exit 2 and the line of the fault."""
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "x"\nversion = 3\n')
    result = run(*write(tmp_path, n=50), "--policy", str(policy))
    assert result.exit_code == 2
    assert "policy.toml" in result.stderr


@pytest.mark.slow
def test_stricter_numbers_of_a_policy_fail_the_same_score(tmp_path: Path) -> None:
    """The requirements of the chosen tier are the ones that judge."""
    from bedrail.governance.policy import default_policy_text

    policy = tmp_path / "policy.toml"
    policy.write_text(
        default_policy_text().replace(
            "[requirements.medium]\nmin_auroc = 0.60", "[requirements.medium]\nmin_auroc = 0.99"
        )
    )
    files = write(tmp_path)
    common = ["--policy", str(policy), "--checks", "discrimination"]
    assert run(*files, *common).exit_code == 1
    assert run(*files, *common, "--tier", "low").exit_code == 0


@pytest.mark.slow
def test_unknown_outcomes_above_the_limit_are_missing_evidence(tmp_path: Path) -> None:
    """A tenth of predictions without outcome closes the verdict even when the rest looks fine."""
    files = write(tmp_path)
    events = pd.read_csv(tmp_path / "events.csv")
    events.iloc[600:].to_csv(tmp_path / "events.csv", index=False)
    result = run(*files, "--json", str(tmp_path / "r.json"))
    told = json.loads((tmp_path / "r.json").read_text())
    assert result.exit_code == 1
    assert told["n"] == 5400
    assert next(each for each in told["evidence"] if each["check"] == "follow-up")["verdict"] == "missing"


@pytest.mark.slow
def test_confidence_widens_the_intervals(tmp_path: Path) -> None:
    """99 % intervals contain the 95 % ones."""
    files = write(tmp_path, n=800)
    widths = []
    for level in ("0.95", "0.99"):
        run(*files, "--confidence", level, "--json", str(tmp_path / "r.json"))
        rows = json.loads((tmp_path / "r.json").read_text())["findings"]
        area = next(row for row in rows if row["check"] == "discrimination.auroc")
        widths.append(area["high"] - area["low"])
    assert widths[1] > widths[0]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--predictions", "p.csv"],
        ["--events", "e.csv"],
        ["case", "--predictions", "p.csv", "--events", "e.csv"],
        ["case"],
        ["--predictions", "p.csv", "--events", "e.csv", "--baseline", "old"],
        ["--predictions", "p.csv", "--events", "e.csv", "--candidate", "new"],
    ],
)
def test_half_a_form_is_a_usage_error(arguments: list[str]) -> None:
    """Neither form complete, both at once, options of the other, or a use case without a home: exit 2 and the usage."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_files_that_cannot_be_written_are_invalid(tmp_path: Path) -> None:
    """An output path that is a folder gives exit 2 before or after the work, never a traceback."""
    result = run(*write(tmp_path, n=50), "--json", str(tmp_path))
    assert result.exit_code == 2
    assert not isinstance(result.exception, OSError)


def test_help_shows_an_example() -> None:
    """The help is enough to start."""
    result = run("--help")
    assert result.exit_code == 0
    assert "bedrail examine --predictions p.csv --events e.csv --json report.json" in result.output


def documented() -> list[str]:
    """The shell lines of docs/day-one.md that start with `bedrail examine` on the example's files."""
    text = DOCS.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    start = "bedrail examine --predictions iva/"
    return [line.strip() for block in blocks for line in block.splitlines() if line.startswith(start)]


@pytest.mark.slow
def test_the_documented_example_runs_and_finds_that_apache_over_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """APACHE IVa on the eICU demo predicts 10.4 % where 8.3 % died, and report and committee page say so."""
    module = runpy.run_path(str(ROOT / "examples" / "apache-iva" / "prepare.py"))
    module["main"](tmp_path / "iva")
    monkeypatch.chdir(tmp_path)
    commands = documented()
    assert len(commands) >= 2
    for command in commands:
        result = run(*shlex.split(command)[2:])
        assert result.exit_code == 1, result.output
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["n"] == 1683
    assert round(told["mean_score"], 3) == 0.104
    assert round(told["observed_rate"], 3) == 0.083
    calibration = next(each for each in told["evidence"] if each["check"] == "calibration")
    assert calibration["verdict"] == "fail"
    assert "over-predicts" in calibration["reason"]
    assert (
        "The score over-predicts. Mean predicted risk 10.4%, observed 8.3%."
        in (tmp_path / "committee.html").read_text()
    )
    assert {row["group"].split("=")[0] for row in told["findings"]} >= {"ethnicity", "gender", "age_band", "region"}


def test_the_documented_json_fields_are_those_written(tmp_path: Path) -> None:
    """Every top-level field of the JSON is explained in docs/day-one.md."""
    run(*write(tmp_path, n=200), "--json", str(tmp_path / "r.json"))
    text = DOCS.read_text(encoding="utf-8")
    for field in json.loads((tmp_path / "r.json").read_text()):
        assert f"`{field}`" in text, field
