"""Every role at every command, by really running it: what the matrix opens is not refused for permission, and what it
shuts is refused and leaves no fact."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click
import pytest

from bedrail.cli import cli
from bedrail.governance.doors import CLI, command_permit
from bedrail.governance.matrix import matrix
from bedrail.governance.permissions import READS, ROLES
from bedrail.journeys import upkeep
from recorded import acts_on_record
from small_home import POLICY, founded, opened, told

PERSONAL = sorted(command for command in CLI if command_permit(command).key == "command")  # type: ignore[union-attr]
ELSEWHERE = {"restore": "asks of the home that it restores, see the tests of backups"}

GIVEN: dict[str, tuple[str, ...]] = {
    "access review start": ("--due", "2027-01-31"),
    "break-glass": ("--role", "clinician", "--reason", "nobody of that role is in reach"),
    "candidates bom": ("nowhere",),
    "consent revoke": ("--subject", "s", "--purpose", "care", "--basis", "drill"),
    "consent set": ("--subject", "s", "--purpose", "care", "--permit", "--basis", "drill"),
    "consent show": ("--subject", "s"),
    "provenance decisions": ("nowhere",),
    "data read": ("nowhere", "--columns", "age", "--part", "train", "--reason", "drill", "--out", "{folder}/x.csv"),
    "data admit": ("nowhere", "--file", "nowhere.csv"),
    "deid evidence add": ("{folder}/case/usecase.toml", "--out", "{folder}/case", "--method", "inside"),
    "examine": ("nowhere",),
    "findings open": (
        "--severity", "note", "--title", "seen", "--owner", "owner-1", "--due", "2999-01-01",
    ),
    "halt": ("nowhere", "--reason", "drill"),
    "import-model": ("nowhere", "--file", "m.txt", "--name", "m"),
    "ledger pack": ("nowhere", "--out", "{folder}/pack"),
    "ledger proof": ("nowhere", "--out", "{folder}/proof"),
    "people add": ("somebody-new", "--role", "clinician"),
    "use-case open": ("{folder}/case",),
    "people leave": ("nobody-here", "--reason", "left"),
}  # fmt: skip
"""What a command is given where words made up from its parameters will not do."""


def words_for(command: str, folder: Path) -> list[str]:
    """Something for every required parameter: nothing that exists, so that little happens where it is allowed."""
    if command in GIVEN:
        return [*command.split(), *(word.format(folder=folder) for word in GIVEN[command])]
    found: click.Command = cli
    for name in command.split():
        assert isinstance(found, click.Group)
        got = found.get_command(click.Context(found), name)
        assert got is not None
        found = got
    words: list[str] = []
    for parameter in found.params:
        if parameter.required:
            words += [parameter.opts[-1]] if isinstance(parameter, click.Option) else []
            words.append(_something(parameter.type, folder))
    return [*command.split(), *words]


def _something(kind: click.ParamType, folder: Path) -> str:
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if isinstance(kind, click.IntRange | click.FloatRange):
        return str(kind.min)
    if isinstance(kind, click.Path):
        return str(folder / "empty" if kind.exists else folder / "absent")
    return "nowhere"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one person in each role, and nothing deployed; never to be opened or changed."""
    folder = tmp_path_factory.mktemp("matrix") / "home"
    app = founded(folder, POLICY)
    for role in ROLES:
        upkeep.add_person(app.context, "olivia", f"{role}-1", role, (role,))
    app.close()
    return folder


@pytest.fixture
def home(first: Path, tmp_path: Path) -> Path:
    """A copy of it: whoever breaks the glass or adds people changes what others may."""
    return shutil.copytree(first, tmp_path / "home")


def run(home: Path, role: str, command: str, folder: Path) -> tuple[int, str, int]:
    """(exit code, what was said, facts written but those of refusals) of one command by the person in that role."""
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "case").mkdir(exist_ok=True)
    (folder / "case" / "usecase.toml").write_text("[use_case]\n")
    with opened(home) as app:
        before = acts_on_record(app)
    ran = told("--as", f"{role}-1", *words_for(command, folder), home=home)
    with opened(home) as app:
        after = acts_on_record(app)
    return ran.code, ran.err, after - before


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` would become another program: here it ends instead; nobody sits at a terminal to be asked."""
    monkeypatch.setattr("os.execv", lambda *_: sys.exit(0))
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "nobody")


CELLS = {line.door.removeprefix("bedrail "): {cell.role: cell.open for cell in line.cells} for line in matrix()}


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in PERSONAL if command not in ELSEWHERE])
@pytest.mark.usefixtures("alone")
def test_each_role_finds_each_command_as_the_matrix_says(command: str, home: Path, tmp_path: Path) -> None:
    """The refusal names the action and writes nothing; an opened command ends in anything but that refusal."""
    permit = command_permit(command)
    assert permit is not None
    for role in sorted(ROLES, key=lambda role: CELLS[command][role]):
        code, said, facts = run(home, role, command, tmp_path)
        refused = f"`{permit.action}` is not permitted to {role}" in said
        assert refused == (not CELLS[command][role]), f"{role}: {code} {said}"
        if refused:
            assert (code, facts) == (1, 0), f"{role}: {said}"


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("command", ["status", "approve", "halt", "token issue", "findings open", "policy adopt"])
def test_a_stranger_finds_every_command_shut(command: str, home: Path, tmp_path: Path) -> None:
    """Somebody who does not work here does nothing, not even look."""
    ran = told("--as", "mallory", *words_for(command, tmp_path), home=home)
    assert (ran.code, "nobody of that name works here" in ran.err) == (1, True), ran.err


def test_the_auditor_is_let_in_to_look_and_to_file_findings_only() -> None:
    """Each door that the auditor's role opens changes nothing, or files a finding."""
    for line in matrix():
        cell = next(cell for cell in line.cells if cell.role == "auditor")
        if cell.open and line.key in {"command", "session"}:
            assert line.action in READS | {"finding.file"}, line.door
