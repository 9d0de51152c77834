"""The command line on a small whole home: help, tables and JSON, exit codes, gate formats, completion."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest

from bedrail.cli import COMMANDS, SUMMARIES, cli
from bedrail.cli.doors import report_error, show_table
from bedrail.core.errors import Refused
from bedrail.governance.stages import STAGES
from small_home import CASE, bedrail, copied, environment, issue, opened, request_of, serving, small_table, told


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with data, two candidates, evidence, approvals, and the baseline in general use."""
    return copied(tmp_path_factory, "cli")


def every_command() -> Iterator[tuple[str, ...]]:
    """Every command and sub-command by its words."""

    def below(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield words
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from below(child, (*words, name))

    return below(cli, ())


# ---------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("words", list(every_command()), ids=lambda words: " ".join(words) or "bedrail")
def test_every_command_explains_itself_with_an_example(words: tuple[str, ...]) -> None:
    """`--help` ends well, says what the command does, and shows an example that names it."""
    ran = told(*words, "--help")
    assert ran.code == 0
    assert "Example" in ran.out
    assert "bedrail" in ran.out.split("Example", 1)[1]
    assert not ran.err


def test_the_list_of_commands_is_complete() -> None:
    """`bedrail --help` names every command with one line."""
    ran = told("--help")
    assert set(SUMMARIES) == set(COMMANDS)
    assert all(f"  {name} " in ran.out and SUMMARIES[name] in " ".join(ran.out.split()) for name in COMMANDS)


def test_help_needs_no_home_and_loads_no_science() -> None:
    """`bedrail --help` imports neither pandas nor scikit-learn, so that it stays quick."""
    code = "import sys; from bedrail.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'pandas', 'sklearn', 'scipy', 'lightgbm', 'numpy', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_gate_is_asked_and_a_decision_proved_without_loading_arrays() -> None:
    """The rooms behind status, gate and ledger pack load no science, no driver and no client they do not use."""
    code = "import sys, bedrail.app, bedrail.journeys.overview, bedrail.journeys.delivery, bedrail.journeys.proving\n"
    code += "import bedrail.governance.policy\n"
    code += "print(sorted({'numpy', 'pandas', 'psycopg', 'http.client'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_completion_script_for_bash_is_printed() -> None:
    """The script that click makes for `_BEDRAIL_COMPLETE=bash_source bedrail`, by the installed program."""
    program = Path(sys.executable).with_name("bedrail")
    done = subprocess.run(
        [program], capture_output=True, text=True, check=False, env=environment(_BEDRAIL_COMPLETE="bash_source")
    )
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout
    assert "_bedrail_completion" in done.stdout
    words = environment(_BEDRAIL_COMPLETE="bash_complete", COMP_WORDS="bedrail ro", COMP_CWORD="1")
    done = subprocess.run([program], capture_output=True, text=True, check=False, env=words)
    assert "rollback" in done.stdout


# ---------------------------------------------------------------------------------------------------- tables and JSON

TABLES = (
    ("people", "list"),
    ("doctor",),
    ("threats", CASE),
    ("status",),
    ("status", CASE),
    ("candidates", CASE),
    ("ledger", "verify"),
    ("watch", CASE),
)


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_beside_every_table_there_is_json(home: Path, words: tuple[str, ...]) -> None:
    """The same command tells people in words and programs in JSON, with the same exit code."""
    plain, machine = told(*words, home=home), told(*words, "--json", home=home)
    assert plain.code == machine.code == 0
    assert plain.out.strip()
    assert json.loads(machine.out) is not None
    assert not plain.err + machine.err


def test_json_says_what_the_table_says(home: Path) -> None:
    """Every candidate, person and stage of the JSON stands in the table."""
    for words, key in ((("candidates", CASE), "candidate"), (("people", "list"), "person"), (("status",), "stage")):
        table = told(*words, home=home).out
        rows = json.loads(told(*words, "--json", home=home).out)
        assert rows
        assert all(row[key] in table for row in rows)


@pytest.mark.slow
def test_acting_commands_answer_in_json_too(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """train, import-model, approve, deploy, token issue, data admit: programs get digests, not sentences."""
    own = copied(tmp_path_factory, "json")
    deployed = told("--as", "rob", "deploy", CASE, "--candidate", "boosted", "--to", "shadow", "--json", home=own)
    assert json.loads(deployed.out)["stage"] == "shadow"
    token = json.loads(told("--as", "rob", "token", "issue", CASE, "--client", "ehr", "--json", home=own).out)
    assert token["token"].startswith("bedrail_")
    assert token["expires"] > "2026"
    with opened(own) as app:
        digest = app.context.use_case(CASE).candidate("boosted").candidate
        model = next((own / "artifacts" / "trees" / digest / "files").glob("model*"))
    file = tmp_path / "other.txt"
    file.write_bytes(model.read_bytes())
    words = ("--as", "sam", "import-model", CASE, "--file", str(file), "--name", "other", "--json")
    imported = told(*words, home=own)
    assert imported.code == 0, imported.err
    assert json.loads(imported.out)["name"] == "other"
    trained = told("--as", "sam", "train", CASE, "--recipe", "logistic", "--name", "two", "--json", home=own)
    assert len(json.loads(trained.out)["candidate"]) == 64
    assert told("--as", "sam", "examine", CASE, "--candidate", "boosted", home=own).code == 1
    words = ("--as", "dr-adams", "approve", CASE, "--candidate", "boosted", "--role", "clinical-lead", "--to", "pilot")
    approved = json.loads(told(*words, "--json", home=own).out)
    assert (approved["person"], approved["stage"]) == ("dr-adams", "pilot")
    table = small_table(tmp_path)
    table = table.assign(patient=table["patient"] + 10**9, encounter=table["encounter"] + 10**9)
    (tmp_path / "lake").mkdir()
    table.to_parquet(tmp_path / "lake" / "new.parquet")
    scanned = told("--as", "sam", "catalogue", "scan", str(tmp_path / "lake"), home=own)
    assert scanned.code == 0, scanned.err
    words = ("--as", "sam", "data", "admit", CASE, "--file", str(tmp_path / "lake" / "new.parquet"), "--json")
    with opened(own) as app:
        before = app.context.use_case(CASE).dataset
    assert told(*words, "--asset", "no-such-asset", home=own).code == 2
    with opened(own) as app:
        assert app.context.use_case(CASE).dataset == before, "nothing is admitted from an asset that is not there"
    ran = told(*words, "--asset", "new.parquet", home=own)
    assert ran.code == 0, ran.err
    admitted = json.loads(ran.out)
    with opened(own) as app:
        asset = app.context.registry.catalogue.named("new.parquet")
        assert admitted["assets"] == [asset.asset]
        assert (CASE, admitted["dataset"]) in asset.drawn
    assert admitted["verdict"] == "pass"
    assert sum(admitted["split"].values()) == admitted["rows"] == len(table)


@pytest.mark.slow
def test_a_trace_reads_as_a_page_and_as_json(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """A decision of a real server, traced while it serves: the same bytes, and a proof that holds."""
    own = copied(tmp_path_factory, "trace")
    with opened(own) as app:
        token, names = issue(app), app.context.charter(CASE).contract().names
    row = small_table(tmp_path).iloc[100]
    with serving(own, tmp_path / "log", token=token) as server:
        answer = server.decide(request_of(row, names))
        page = told("--as", "ada", "trace", answer["decision"], home=own)
        data = json.loads(told("--as", "ada", "trace", answer["decision"], "--json", home=own).out)
    assert page.code == 0
    assert "same bytes" in page.out
    assert "dr-adams" in page.out
    assert (data["reproduced"], data["proof"]["holds"]) == ("same bytes", True)
    assert {a["person"] for a in data["approvals"]} == {"dr-adams", "priya"}


# ------------------------------------------------------------------------------------------------- the home, the actor


def test_what_people_wrote_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup in a title breaks no table, and no terminal is cleared, renamed or written backwards by one."""
    show_table("", ("title",), [("[/b] [red]late",), ("a\x1b[2Jb\x1b]0;owned\x07",), ("\u202egnp.exe",)])
    out = capsys.readouterr().out
    assert "[/b] [red]late" in out
    assert out.replace("\n", "").isprintable()
    report_error(Refused("finding \x1b[2J"))
    assert "\x1b[2J" not in capsys.readouterr().err


def test_home_and_actor_may_stand_anywhere(home: Path) -> None:
    """Before the command, after it, between its words, with or without an equals sign."""
    here = str(home)
    for words in (
        ("--home", here, "--as", "ada", "people", "list", "--json"),
        ("people", "--home", here, "list", "--as", "ada", "--json"),
        ("people", "list", "--json", "--home", here, "--as", "ada"),
        (f"--home={here}", "people", "list", "--as=ada", "--json"),
        ("people", "list", "--json", f"--home={here}"),
    ):
        ran = told(*words)
        assert ran.code == 0, words
        assert len(json.loads(ran.out)) == 11


def test_home_and_actor_may_come_from_the_environment(home: Path, tmp_path: Path) -> None:
    """BEDRAIL_HOME and BEDRAIL_ACTOR; what stands on the command line counts more."""
    ran = bedrail("halt", CASE, "--reason", "drill", cwd=tmp_path, BEDRAIL_HOME=str(home), BEDRAIL_ACTOR="ada")
    assert ran.code == 1
    assert "not permitted to auditor" in ran.err
    ran = bedrail("status", "--json", home=home, cwd=tmp_path, BEDRAIL_HOME=str(tmp_path / "none"))
    assert json.loads(ran.out)[0]["stage"] == "general"


def test_without_any_home_the_remedy_is_said(tmp_path: Path) -> None:
    """In an empty folder: exit 2 and how to begin."""
    ran = bedrail("status", cwd=tmp_path)
    assert ran.code == 2
    assert "bedrail init" in ran.err


# ----------------------------------------------------------------------------------------------------------- the gate


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("candidate", ["baseline", "boosted"])
def test_every_format_of_the_gate_says_the_same(home: Path, stage: str, candidate: str) -> None:
    """Table, JSON, JUnit and SARIF agree on open or closed, on the reasons, and in their exit code."""
    answers = {
        form: told("gate", CASE, "--to", stage, "--candidate", candidate, "--format", form, home=home)
        for form in ("table", "json", "junit", "sarif")
    }
    assert len({ran.code for ran in answers.values()}) == 1
    told_json = json.loads(answers["json"].out)
    closed = told_json["gate"] == "closed"
    assert answers["table"].code == (1 if closed else 0)
    assert answers["table"].out.startswith("CLOSED" if closed else "OPEN")
    assert told_json["rests_on"].endswith("in the database" if closed else "were sealed")
    assert f"rests on {told_json['rests_on']}" in answers["table"].out
    suites = ElementTree.fromstring(answers["junit"].out)
    assert suites.tag == "testsuites"
    assert len(suites.findall(".//testcase")) == len(told_json["criteria"]) == int(suites.attrib["tests"])
    failures = [failure.attrib["type"] for failure in suites.findall(".//failure")]
    codes = [reason["code"] for reason in told_json.get("reasons", [])]
    assert sorted(failures) == sorted(codes)
    sarif = json.loads(answers["sarif"].out)
    assert sarif["version"] == "2.1.0"
    (run,) = sarif["runs"]
    assert run["tool"]["driver"]["name"]
    assert sorted(r["ruleId"] for r in run["results"] if r["level"] == "error") == sorted(codes)
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= rules
    for code in codes:
        assert f"[{code}]" in answers["table"].out


def test_exit_codes_tell_open_closed_invalid_and_out(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """0 open, 1 closed, 2 invalid input, 3 when a part of the system is out or its bytes are not the recorded ones."""
    gate = ("gate", CASE, "--candidate", "boosted", "--to")
    assert told(*gate, "shadow", home=home).code == 0
    assert "in the database" in told(*gate, "shadow", "--quick", home=home).out
    assert told(*gate, "general", home=home).code == 1
    assert told(*gate, "heaven", home=home).code == 2
    damaged = copied(tmp_path_factory, "damaged")
    (damaged / "ledger.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    for leftover in damaged.glob("ledger.sqlite-*"):
        leftover.unlink()
    ran = told(*gate, "shadow", home=damaged)
    assert ran.code == 3
    assert "What to do" in ran.err


def test_the_policy_shown_is_the_policy_in_force(home: Path, tmp_path: Path) -> None:
    """What `policy show` prints can be linted, and is what was adopted."""
    shown = told("policy", "show", home=home)
    assert shown.code == 0
    file = tmp_path / "policy.toml"
    file.write_text(shown.out)
    ran = told("policy", "lint", str(file))
    assert ran.code == 0
    assert "small-hospital" in ran.out


@pytest.mark.slow
def test_an_exported_bundle_is_verified_in_an_empty_folder(home: Path, tmp_path: Path) -> None:
    """By a process that knows of no home, with the key written down at `init`."""
    bundle, empty = tmp_path / "bundle", tmp_path / "empty"
    empty.mkdir()
    exported = told("--as", "ada", "ledger", "export", str(bundle), home=home)
    key = exported.out.split("--key ")[1].split()[0]
    ran = bedrail("ledger", "verify", "--bundle", str(bundle), "--key", key, "--json", cwd=empty)
    assert ran.code == 0
    assert json.loads(ran.out)["ok"] is True
    ran = bedrail("ledger", "verify", "--bundle", str(bundle), "--key", "00" * 32, cwd=empty)
    assert ran.code == 1
    assert list(empty.iterdir()) == []
