"""Invocations that must not work: each ends with 1, 2 or 3, says what is wrong and what to do, and changes nothing."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from small_home import CASE, EXAMPLE, POLICY, copied, founded, opened, told

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small home, which nothing here may change."""
    return copied(tmp_path_factory, "refusals")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Broken files of every kind."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "model.pkl").write_bytes(pickle.dumps({"coef": [1.0]}))
    (folder / "model.txt").write_bytes(pickle.dumps({"coef": [1.0]}))
    (folder / "model.joblib").write_bytes(b"\x80\x04anything")
    (folder / "words.txt").write_text("These are words.")
    (folder / "latin.txt").write_bytes(b"tree\n\xff\xfe\n")
    (folder / "empty.json").write_text("{}")
    (folder / "cut.ubj").write_bytes(b"{L\x00")
    (folder / "junk.onnx").write_bytes(b"junk")
    (folder / "bare.toml").write_text("name = \n")
    (folder / "no-tiers.toml").write_text('name = "x"\nversion = "1"\n')
    (folder / "typo.toml").write_text(POLICY.replace("validity_days", "validity_dayz"))
    (folder / "check.toml").write_text(POLICY.replace('"thresholds"', '"treshholds"'))
    (folder / "role.toml").write_text(POLICY.replace('"privacy-officer"', '"privacy-wizard"'))
    (folder / "number.toml").write_text(POLICY.replace("min_auroc = 0.5", "min_auroc = 5"))
    (folder / "latin.toml").write_bytes(POLICY.encode() + b"# \xff\n")
    (folder / "table.csv").write_text("patient,encounter\n1,2\n")
    (folder / "ragged.csv").write_text("a,b\n1,2,3,4\n5\n")
    (folder / "twins.csv").write_text("a,a\n1,2\n")
    (folder / "empty.csv").write_text("")
    (folder / "junk.parquet").write_bytes(b"PAR1 junk PAR1")
    (folder / "table.xlsx").write_bytes(b"PK")
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("here")
    charter = (EXAMPLE / "usecase.toml").read_text()
    for name, old, new in (
        ("tier", 'tier = "medium"', 'tier = "extreme"'),
        ("owner", 'owner = "dr-adams"', 'owner = "dr-nobody"'),
        ("mode", 'mode = "confirm"', 'mode = "guess"'),
        ("threshold", "threshold = 0.15", "threshold = 15"),
        ("shares", "holdout = 0.15", "holdout = 0.55"),
        ("twice", 'name = "age"', 'name = "insulin"'),
        ("toml", "[decision]", "[decision"),
        ("typo", "budget_ms", "budget_msec"),
        ("id", 'id = "readmission-30d"', 'id = "../up"'),
    ):
        assert old in charter
        (folder / f"case-{name}").mkdir()
        (folder / f"case-{name}" / "usecase.toml").write_text(charter.replace(old, new))
    (folder / "case-latin").mkdir()
    (folder / "case-latin" / "usecase.toml").write_bytes(charter.encode() + b"# \xfcber 65\n")
    (folder / "row.json").write_text('{"age": [71]}')
    (folder / "great.json").write_text('{"age": 1' + "0" * 400 + "}")
    (folder / "latin.csv").write_bytes(b"insulin\n\xfcber\n")
    (folder / "long.csv").write_text("age\n" + "7" * 200_000 + "\n")
    return folder


def _as(person: str, *words: str) -> tuple[str, ...]:
    return ("--as", person, *words)


HOSPITAL = str(PROJECT / "examples" / "policies" / "hospital.toml")
APPROVE = ("approve", CASE, "--to", "general", "--candidate", "boosted")
ROW = ("explain", "row", CASE, "--candidate", "baseline")
OBJECT = ("object", CASE, "--to", "pilot", "--reason", "x")
BASELINE = ("deploy", CASE, "--candidate", "baseline", "--to")
DEPLOY = ("deploy", CASE, "--candidate", "boosted", "--to")
IMPORT = ("import-model", CASE, "--name", "m")
ADMIT = ("data", "admit", CASE)
TOKEN = ("token", "issue", CASE, "--client", "x")

WRONG: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    # Words that are not there.
    (2, "No such command", ("frobnicate",)),
    (2, "No such option", ("status", "--frobnicate")),
    (2, "requires an argument", ("status", "--home")),
    (2, "requires an argument", ("--as",)),
    (2, "unexpected extra argument", ("gate", CASE, "--to", "pilot", "more")),
    (2, "Missing option '--to'", ("gate", CASE)),
    (2, "not one of", ("gate", CASE, "--to", "moon")),
    (2, "not one of", ("gate", CASE, "--to", "pilot", "--format", "yaml")),
    (2, "Missing option '--reason'", ("halt", CASE)),
    (2, "Missing option '--reason'", ("rollback", CASE)),
    (2, "Missing option '--role'", ("people", "add", "bob")),
    (2, "Missing option '--client'", ("token", "issue", CASE)),
    (2, "Missing option '--owner'", ("init",)),
    (2, "no recipe `magic`", _as("sam", "train", CASE, "--recipe", "magic")),
    (2, "not in the range", ("watch", CASE, "--every", "0")),
    (2, "not in the range", ("serve", "--port", "99999999")),
    (2, "not a valid integer", ("serve", "--port", "http")),
    (2, "this is a file", ("demo", "--folder", str(PROJECT / "README.md"))),
    # Things that are not there.
    (2, f"There are: {CASE}", ("gate", "nowhere", "--to", "pilot")),
    (2, f"There are: {CASE}", ("gate", "../../etc", "--to", "pilot")),
    (2, f"There are: {CASE}", ("status", "nowhere")),
    (2, f"There are: {CASE}", ("candidates", "nowhere")),
    (2, f"There are: {CASE}", ("watch", "nowhere")),
    (2, f"There are: {CASE}", ("sentinels", "check", "nowhere")),
    (2, f"There are: {CASE}", _as("sam", "train", "nowhere")),
    (2, f"There are: {CASE}", _as("rob", "halt", "nowhere", "--reason", "x")),
    (2, f"There are: {CASE}", _as("rob", "token", "issue", "nowhere", "--client", "x")),
    (2, "names no candidates", ("gate", CASE, "--to", "pilot", "--candidate", "nobody")),
    (2, "names no candidates", _as("rob", "deploy", CASE, "--to", "shadow", "--candidate", "0000")),
    (2, "names no candidates", _as("sam", "examine", CASE, "--candidate", "nobody")),
    (2, "no sentinels on record", ("sentinels", "check", CASE)),
    (2, "no decision", _as("ada", "trace", "01JXXXXXXXXXXXXXXXXXXXXXXX")),
    (2, "bedrail init", ("--home", "/nonexistent/home", "status")),
    # People who may not.
    (1, "nobody of that name works here", _as("ghost", "halt", CASE, "--reason", "x")),
    (1, "not permitted to auditor", _as("ada", "halt", CASE, "--reason", "x")),
    (1, "not permitted to data-scientist", _as("sam", "people", "add", "bob", "--role", "auditor")),
    (1, "not permitted to data-scientist", _as("sam", "policy", "adopt", HOSPITAL)),
    (1, "not permitted to data-scientist", _as("sam", "use-case", "open", str(EXAMPLE))),
    (1, "not permitted to release-engineer", _as("rob", "train", CASE)),
    (1, "not permitted to auditor", _as("ada", "examine", CASE)),
    (1, "not permitted to data-scientist", _as("sam", *DEPLOY, "shadow")),
    (1, "not permitted to clinician", _as("dr-lee", "rollback", CASE, "--reason", "x")),
    (1, "not permitted to release-engineer", _as("rob", "trace", "01JXXXXXXXXXXXXXXXXXXXXXXX")),
    (1, "not permitted to owner", TOKEN),
    (1, "not permitted to data-scientist", _as("sam", "ledger", "export", "bundle")),
    # Approvals that are none.
    (1, "not permitted to data-scientist", _as("sam", *APPROVE, "--role", "clinical-lead")),
    (1, "does not hold the role wizard", _as("dr-adams", *APPROVE, "--role", "wizard")),
    (1, "does not hold the role privacy-officer", _as("dr-adams", *APPROVE, "--role", "privacy-officer")),
    (1, "a renewal needs fresh evidence", _as("dr-adams", *APPROVE, "--role", "clinical-lead")),
    (1, "does not ask for an approval", _as("dr-adams", "approve", CASE, "--to", "shadow", "--role", "clinical-lead")),
    (2, "no duration", _as("dr-adams", *APPROVE, "--role", "clinical-lead", "--valid-for", "5y")),
    (2, "no duration", _as("dr-adams", *APPROVE, "--role", "clinical-lead", "--valid-for", "0d")),
    (2, "no duration", _as("dr-adams", *APPROVE, "--role", "clinical-lead", "--valid-for=-1d")),
    (2, "no duration", _as("dr-adams", *APPROVE, "--role", "clinical-lead", "--valid-for", "9" * 20 + "d")),
    (2, "at most 365 days", _as("dr-adams", *APPROVE, "--role", "clinical-lead", "--valid-for", "9999d")),
    (1, "does not hold the role", _as("priya", *OBJECT, "--role", "clinical-lead")),
    # Stages and scopes.
    (1, "shadow comes first", _as("rob", *DEPLOY, "pilot", "--sites", "north")),
    (1, "shadow comes first", _as("rob", *DEPLOY, "general")),
    (1, "--sites north,east", _as("rob", *BASELINE, "pilot")),
    (1, "at most 100 per mille", _as("rob", *BASELINE, "canary", "--share", "50%")),
    (2, "no share", _as("rob", *DEPLOY, "shadow", "--share", "0%")),
    (2, "no share", _as("rob", *DEPLOY, "shadow", "--share", "101%")),
    (2, "no share", _as("rob", *DEPLOY, "shadow", "--share", "nan")),
    (2, "no share", _as("rob", *DEPLOY, "shadow", "--share", "5.55%")),
    (2, "no share", _as("rob", *DEPLOY, "shadow", "--share", "half")),
    (1, "no earlier version", _as("rob", "rollback", CASE, "--reason", "x")),
    # People and tokens.
    (2, "is no role", ("people", "add", "bob", "--role", "wizard")),
    (2, "cannot be the id", ("people", "add", " ", "--role", "auditor")),
    (2, "cannot be the id", ("people", "add", "", "--role", "auditor")),
    (2, "cannot be the id", ("people", "add", "two words", "--role", "auditor")),
    (2, "cannot be the id", ("people", "add", "red\x1b[31m", "--role", "auditor")),
    (2, "cannot be the id", ("people", "add", "x" * 65, "--role", "auditor")),
    (2, "not in the range", _as("rob", *TOKEN, "--days", "0")),
    (2, "not in the range", _as("rob", *TOKEN, "--days=-5")),
    (2, "not in the range", _as("rob", *TOKEN, "--days", "9" * 20)),
    # Homes and ledgers.
    (1, "is a home already", ("init", "--owner", "x")),
    (2, "not a key", ("ledger", "verify", "--key", "zz")),
    (2, "not a key", ("ledger", "verify", "--key", "00")),
    (2, "does not exist", ("ledger", "verify", "--bundle", "/nonexistent/bundle")),
    (1, "is not empty", _as("ada", "ledger", "export", "{files}/full")),
    (3, "Not a directory", _as("ada", "ledger", "export", "{files}/words.txt")),
    # Models.
    (1, "can run code when loaded", _as("sam", *IMPORT, "--file", "{files}/model.pkl")),
    (1, "can run code when loaded", _as("sam", *IMPORT, "--file", "{files}/model.joblib")),
    (1, "begins like a Python pickle", _as("sam", *IMPORT, "--file", "{files}/model.txt")),
    (2, "not a LightGBM model file", _as("sam", *IMPORT, "--file", "{files}/words.txt")),
    (2, "no text in UTF-8", _as("sam", *IMPORT, "--file", "{files}/latin.txt")),
    (2, "the field learner is missing", _as("sam", *IMPORT, "--file", "{files}/empty.json")),
    (2, "UBJSON is damaged", _as("sam", *IMPORT, "--file", "{files}/cut.ubj")),
    (2, "cannot read this as a model", _as("sam", *IMPORT, "--file", "{files}/junk.onnx")),
    (2, "cannot import `.csv`", _as("sam", *IMPORT, "--file", "{files}/table.csv")),
    (2, "no such file", _as("sam", *IMPORT, "--file", "{files}/none.txt")),
    (2, "one of --file, --endpoint and --uri", _as("sam", *IMPORT)),
    (2, "no address of an endpoint", _as("vera", *IMPORT, "--endpoint", "ftp://vendor.example/score")),
    (1, "nobody allowed models to be asked", _as("vera", *IMPORT, "--endpoint", "http://127.0.0.1:9/score")),
    (1, "not permitted to vendor-manager", _as("vera", "egress", "allow", "v.example:443", "--reason", "x")),
    (2, "this is no place", _as("olivia", "egress", "allow", "v.example", "--reason", "x")),
    (2, "was not allowed", _as("olivia", "egress", "close", "v.example:443", "--reason", "x")),
    # Tables.
    (2, "either --folder or --file", _as("sam", *ADMIT)),
    (2, "no such file", _as("sam", *ADMIT, "--file", "{files}/none.csv")),
    (2, "has no column `encounter_order`", _as("sam", *ADMIT, "--file", "{files}/table.csv")),
    (2, "not a well-formed CSV", _as("sam", *ADMIT, "--file", "{files}/ragged.csv")),
    (2, "stands twice", _as("sam", *ADMIT, "--file", "{files}/twins.csv")),
    (2, "the file is empty", _as("sam", *ADMIT, "--file", "{files}/empty.csv")),
    (2, "not a readable Parquet", _as("sam", *ADMIT, "--file", "{files}/junk.parquet")),
    (2, "cannot read `.xlsx`", _as("sam", *ADMIT, "--file", "{files}/table.xlsx")),
    (2, "there is no data/", _as("sam", *ADMIT, "--folder", "{files}")),
    # Policies: the message names the file and the line.
    (2, "there is no file", ("policy", "lint", "{files}/none.toml")),
    (2, "is not UTF-8 text", ("policy", "lint", "{files}/latin.toml")),
    (2, ":1", ("policy", "lint", "{files}/bare.toml")),
    (2, "tiers", ("policy", "lint", "{files}/no-tiers.toml")),
    (2, "validity_dayz", ("policy", "lint", "{files}/typo.toml")),
    (2, "treshholds", ("policy", "lint", "{files}/check.toml")),
    (2, "privacy-wizard", ("policy", "adopt", "{files}/role.toml")),
    (2, "min_auroc", ("policy", "adopt", "{files}/number.toml")),
    # Use cases.
    (2, "no usecase.toml", ("use-case", "open", "{files}")),
    (2, "tier", ("use-case", "open", "{files}/case-tier")),
    (2, "dr-nobody", ("use-case", "open", "{files}/case-owner")),
    (2, "mode", ("use-case", "open", "{files}/case-mode")),
    (2, "threshold", ("use-case", "open", "{files}/case-threshold")),
    (2, "shares", ("use-case", "open", "{files}/case-shares")),
    (2, "insulin", ("use-case", "open", "{files}/case-twice")),
    (2, "usecase.toml:", ("use-case", "open", "{files}/case-toml")),
    (2, "budget_msec", ("use-case", "open", "{files}/case-typo")),
    (2, "id", ("use-case", "open", "{files}/case-id")),
    (2, "is not UTF-8 text", ("use-case", "open", "{files}/case-latin")),
    (2, "is not UTF-8 text", _as("priya", "consent", "rules", "eu-gdpr", "--file", "{files}/latin.toml")),
    (2, "is not UTF-8 text", _as("priya", "consent", "show", "--patient-from", "{files}/latin.csv")),
    (2, "is not UTF-8 text", ("data", "check", "{files}/table.csv", "--rules", "{files}/latin.toml")),
    # One patient's row: what it holds is not repeated.
    (2, "is not UTF-8 text", _as("sam", *ROW, "--file", "{files}/latin.csv")),
    (2, "not one object of numbers", _as("sam", *ROW, "--file", "{files}/row.json")),
    (2, "not one object of numbers", _as("sam", *ROW, "--file", "{files}/great.json")),
    (2, "is not CSV", _as("sam", *ROW, "--file", "{files}/long.csv")),
    # Day one, and the demo.
    (2, "--predictions", ("examine",)),
    (2, "either USE_CASE or files", ("examine", CASE, "--predictions", "{files}/a.csv", "--events", "{files}/b.csv")),
    (2, "no such file", ("examine", "--predictions", "{files}/none.csv", "--events", "{files}/none.csv")),
    (2, "Name an empty or new folder", ("demo", "--folder", "{files}/full")),
    (2, "the examples are not there", ("demo", "--folder", "{files}/new", "--examples", "{files}")),
)  # fmt: skip


def test_there_are_enough_of_them() -> None:
    """At least sixty, and no two alike."""
    assert len({words for _, _, words in WRONG}) == len(WRONG) >= 60


@pytest.mark.parametrize("code, said, words", WRONG, ids=[" ".join(words)[:60] for _, _, words in WRONG])
def test_a_wrong_invocation_is_answered_with_what_to_do(
    home: Path, files: Path, code: int, said: str, words: tuple[str, ...]
) -> None:
    """The exit code, the fault by its name, a remedy, nothing on standard output, no traceback."""
    ran = told(*(word.replace("{files}", str(files)) for word in words), home=home)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert "What to do: " in ran.err or "Try 'bedrail" in ran.err or "requires an argument" in ran.err
    assert "Traceback" not in ran.err
    assert not ran.out


def test_nothing_that_was_refused_is_on_record(home: Path, files: Path) -> None:
    """After all of these the home stands as before: only refused gates, readings and refusals may be added."""
    with opened(home) as app:
        view = app.context.use_case(CASE)
        assert (view.deployment.stage if view.deployment else "") == "general"
        assert set(app.context.registry.people) >= {"olivia", "sam"}
        assert "bob" not in app.context.registry.people
        assert not app.context.registry.tokens
        assert [c.name for c in view.candidates.values()] == ["baseline", "boosted", "spare"]
        assert len(view.approvals) == 4
        assert not view.objections
        assert len(view.datasets) == 1
        assert len(app.context.registry.policies) == 2
    assert not (files / "new").exists()
    assert told("ledger", "verify", home=home).code == 0


def test_nobody_approves_their_own_work_whatever_roles_they_hold(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A clinical lead who is also a data scientist trained the candidate: refused, with who else could."""
    home = copied(tmp_path_factory, "own")
    trained = told("--as", "max", "train", CASE, "--recipe", "logistic", "--name", "own", home=home)
    assert trained.code == 0, trained.err
    words = ("approve", CASE, "--candidate", "own", "--role", "clinical-lead", "--to", "pilot")
    ran = told("--as", "max", *words, home=home)
    assert ran.code == 1
    assert "max made own and may not approve it" in ran.err
    assert "dr-adams" in ran.err
    ran = told("--as", "dr-adams", *words, home=home)
    assert ran.code == 1
    assert "Nothing was examined yet about own" in ran.err
    ran = told("--as", "rob", "deploy", CASE, "--candidate", "own", "--to", "shadow", home=home)
    assert ran.code == 0, ran.err
    ran = told("--as", "rob", "deploy", CASE, "--candidate", "own", "--to", "pilot", "--sites", "north", home=home)
    assert ran.code == 1
    assert "approval by clinical-lead is missing" in ran.err
    assert "`discrimination` was not answered" in ran.err


@pytest.mark.slow
def test_a_second_role_of_the_same_person_does_not_count(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kim is clinical lead and privacy officer, and may fill one place only."""
    home = copied(tmp_path_factory, "second")
    with opened(home) as app:
        from bedrail.journeys.examination import examine_candidates

        examine_candidates(app.context, "sam", CASE, ["boosted"])
    words = ("--as", "kim", "approve", CASE, "--candidate", "boosted", "--to", "general", "--role")
    first = told(*words, "clinical-lead", home=home)
    assert first.code == 0, first.err
    second = told(*words, "privacy-officer", home=home)
    assert second.code == 1
    assert "kim has approved as clinical-lead already" in second.err


def test_another_name_in_the_key_folder_is_named_by_verification(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The head says how the ledger is called, and the key who signed it; a folder that says otherwise is found."""
    home = tmp_path / "home"
    shutil.copytree(copied(tmp_path_factory, "named"), home)
    (home / "keys" / "origin").write_text("other.example/x")
    ran = told("ledger", "verify", home=home)
    assert ran.code == 1
    assert "bad-checkpoint" in ran.out


def test_homes_that_cannot_be_used_say_what_to_do(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Keys gone, readable by others or broken; a policy's bytes gone; a file where a folder should be."""
    original = copied(tmp_path_factory, "broken")
    deeds = {
        "no-keys": lambda home: shutil.rmtree(home / "keys"),
        "open-keys": lambda home: (home / "keys" / "ledger.key").chmod(0o644),
        "junk-key": lambda home: (home / "keys" / "kek.key").write_text("junk"),
        "no-artifacts": lambda home: shutil.rmtree(home / "artifacts"),
    }
    for name, deed in deeds.items():
        home = tmp_path / name
        shutil.copytree(original, home)
        deed(home)
        ran = told("gate", CASE, "--to", "pilot", home=home)
        assert ran.code in {1, 2, 3}, name
        assert "What to do" in ran.err, name
        assert "Traceback" not in ran.err
    file = tmp_path / "file"
    file.write_text("")
    for home in (file, file / "below"):
        ran = told("init", "--owner", "olivia", home=home)
        assert ran.code == 3
        assert "What to do" in ran.err


def test_a_home_that_was_refused_can_be_made_afterwards(tmp_path: Path) -> None:
    """A wrong owner or origin leaves nothing behind that would stand in the way."""
    home = tmp_path / "home"
    assert told("init", "--owner", "two words", home=home).code == 2
    assert told("init", "--owner", "olivia", "--origin", "with space", home=home).code == 1
    assert told("init", "--owner", "olivia", home=home).code == 0


def test_before_anything_is_admitted_the_next_step_is_said(tmp_path: Path) -> None:
    """Train, examine, deploy, watch, roll back and approve on a house with nothing in it."""
    home = tmp_path / "home"
    founded(home).close()
    assert told("use-case", "open", str(EXAMPLE), home=home).code == 0
    for words, said in (
        (_as("sam", "train", CASE), "no data was admitted"),
        (_as("sam", "examine", CASE), "no candidate yet"),
        (_as("rob", "deploy", CASE, "--to", "shadow"), "gate"),
        (_as("dr-adams", "approve", CASE, "--role", "clinical-lead", "--to", "pilot"), "no candidate yet"),
        (("watch", CASE), "nothing is deployed"),
        (_as("rob", "rollback", CASE, "--reason", "x"), "nothing is deployed"),
        (_as("rob", "halt", CASE, "--reason", "x"), "nothing is deployed"),
    ):
        ran = told(*words, home=home)
        assert ran.code in {1, 2}, words
        assert said in ran.err, ran.err
        assert "What to do: " in ran.err
