"""The papers keep pace with the code: lengths, headings, links, and the names that they promise."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import msgspec
import pytest

from bedrail.checks.catalogue import CHECKS
from bedrail.checks.values import Requirements
from bedrail.cli import cli, hoisted
from bedrail.decisions.request import read_request
from bedrail.decisions.values import REASONS
from bedrail.governance.policy import parse_policy
from bedrail.governance.rules import CHECKS as POLICY_CHECKS
from bedrail.governance.rules import StageRule, TierRule
from bedrail.ledger.verify import Kind
from bedrail.monitoring.values import MONITORS
from bedrail.web.api import CardBody, ConsentBody, OutcomeBody, ResponseBody
from bedrail.web.openapi import document

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAPERS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("adr/*.md"), *ROOT.glob("examples/**/*.md")])
ADRS = sorted((DOCS / "adr").glob("*.md"))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(path), re.MULTILINE | re.DOTALL)


def test_the_readme_is_short_and_starts_with_two_commands() -> None:
    """Under 100 lines, and `make demo` and `make test` stand in the first block."""
    text = read(ROOT / "README.md")
    assert len(text.splitlines()) < 100
    first = blocks(ROOT / "README.md", "bash")[0]
    assert "make demo" in first
    assert "make test" in first


def test_decisions_are_numbered_without_a_gap() -> None:
    """docs/adr holds 0001 and on; each file's title bears its number, and the index lists it under its title."""
    numbers = [int(path.name[:4]) for path in ADRS]
    assert numbers == list(range(1, len(ADRS) + 1))
    assert len(ADRS) >= 7
    index = read(DOCS / "README.md")
    for number, path in zip(numbers, ADRS, strict=True):
        title = re.match(r"# (\d+)\. (.+)\n", read(path))
        assert title, path
        assert int(title[1]) == number
        assert f"[{number:04d}](adr/{path.name}) | {title[2]} |" in index


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.name[:4])
def test_each_decision_says_what_why_and_what_else(path: Path) -> None:
    """Decision, Why, Weighed and Consequences each stand once, and each has something to say."""
    parts = re.split(r"^\*\*(Decision|Why|Weighed|Consequences)\.\*\*", read(path), flags=re.MULTILINE)
    assert sorted(parts[1::2]) == ["Consequences", "Decision", "Weighed", "Why"]
    assert all(len(said.strip()) > 20 for said in parts[2::2])


def test_the_changelog_has_an_unreleased_part_that_speaks_to_users() -> None:
    """There is an Unreleased part with entries, and it names no file of the code."""
    text = read(ROOT / "CHANGELOG.md")
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert unreleased
    assert re.search(r"^- ", unreleased[1], re.MULTILINE)
    assert not re.search(r"\bsrc/|\w\.py\b", unreleased[1])


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_papers_resolves(path: Path) -> None:
    """Relative links lead to files, and their anchors to headings."""
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{path.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", read(found), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings}, target


def test_every_page_is_in_the_index() -> None:
    """docs/README.md lists each page of docs/."""
    index = read(DOCS / "README.md")
    for path in DOCS.glob("*.md"):
        assert path.name == "README.md" or f"]({path.name})" in index, path.name


def test_every_source_file_that_papers_name_is_there() -> None:
    """Names such as `checks/leakage.py` or `src/bedrail/core/events/` lead somewhere."""
    roots = (ROOT, ROOT / "src", ROOT / "src" / "bedrail")
    for path in PAPERS:
        for name in re.findall(r"`([\w./-]+(?:\.py|\.toml|\.c|/))(?:::\w+)?`", read(path)):
            if "/" in name and not name.startswith(("/", ".", "tile/", "checkpoints/", "artifacts/")):
                assert any((root / name).exists() for root in roots), f"{path.name} names {name}"


def told_commands() -> list[str]:
    """Every command line that starts with `bedrail` in a shell block, or in code within a sentence of the docs."""
    found: list[str] = []
    for path in PAPERS:
        text = read(path).replace("\\\n", " ")
        for block in re.findall(r"^```(?:sh|bash)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found += [line for line in block.splitlines() if line.startswith("bedrail ")]
        plain = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        found += re.findall(r"`(bedrail [^`]* [^`]*)`", plain)
    return sorted({re.split(r"  #| > ", line)[0].strip() for line in found})


def test_every_command_that_papers_tell_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command exists, with these options and arguments; nothing is run, and no file need be there."""
    monkeypatch.setattr(click.Path, "convert", lambda _self, value, _param, _ctx: Path(value))
    wrong = []
    for line in told_commands():
        try:
            _parse(line)
        except (click.ClickException, AssertionError) as error:
            wrong.append(f"{line}: {error}")
    assert wrong == []


def test_every_option_that_a_remedy_names_exists() -> None:
    """What an error tells people to type is an option of some command; those of other programs are named here."""
    foreign = {"--hash", "--require-hashes", "--serve-artifacts", "--artifacts-destination", "--release"}
    there: set[str] = {"--help", *foreign}
    waiting: list[click.Command] = [cli]
    while waiting:
        command = waiting.pop()
        there.update(name for each in command.params for name in (*each.opts, *each.secondary_opts))
        if isinstance(command, click.Group):
            context = click.Context(command)
            inner = [command.get_command(context, name) for name in command.list_commands(context)]
            waiting += [each for each in inner if each is not None]
    for path in sorted((ROOT / "src" / "bedrail").rglob("*.py")):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b", read(path)))
        named = {
            name for name in named if name not in ("--tls", "--unsafe")
        }  # of `python -m bedrail.web`, started by `serve`
        assert named <= there, f"{path.name}: {sorted(named - there)}"


def _parse(line: str) -> None:
    words = hoisted(shlex.split(re.sub(r"\$\(.*\)", "X", line).removesuffix("&"))[1:])
    while words[0] in ("--home", "--as"):
        words = words[2:]
    command: click.Command | None = cli
    while words and isinstance(command, click.Group) and not (command.invoke_without_command and words[0][0] == "-"):
        name, *words = words
        command = command.get_command(click.Context(command), name)
    assert command is not None, line
    if words:  # a bare name within a sentence is no call
        command.make_context(line, words, obj=None).close()


def promised() -> list[tuple[str, str, str]]:
    """(property, module, test) of each row of the security properties."""
    rows = re.findall(r"^\| (.+?) \| .+? \| `([\w.]+)` \| `([\w/.:]+)` \|$", read(ROOT / "DEVELOPERS.md"), re.MULTILINE)
    assert len(rows) >= 20
    return rows


@pytest.mark.parametrize(("claim", "module", "test"), promised(), ids=[row[0][:40] for row in promised()])
def test_every_security_property_has_its_module_and_its_test(claim: str, module: str, test: str) -> None:
    """The module can be imported, and the file holds a test of that name."""
    importlib.import_module(module)
    file, _, name = test.partition("::")
    assert re.search(rf"^(?:async )?def {name}\(", read(ROOT / file), re.MULTILINE), f"{claim}: {test}"


def test_no_row_of_the_security_properties_is_malformed() -> None:
    """Each line of the table has four cells of the expected form, so that none escapes the test above."""
    table = read(ROOT / "DEVELOPERS.md").split("## The rooms", 1)[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(lines) == len(promised()) + 1


def test_every_check_has_its_section_in_the_evidence_page() -> None:
    """Each check that can be asked has a section with its verdict rule and when not to trust it, and no other has."""
    sections = re.split(r"^## (.+)\n", read(DOCS / "evidence.md"), flags=re.MULTILINE)[1:]
    told = dict(zip(sections[::2], sections[1::2], strict=True))
    assert set(told) == set(CHECKS) | set(POLICY_CHECKS) | {"follow-up"}
    for name, text in told.items():
        assert "**Verdict.**" in text, name
        assert "**Do not trust it**" in text, name
        if name in CHECKS:
            assert f"*{CHECKS[name].title}*" in text, name


def test_the_evidence_page_names_real_requirements_with_their_defaults() -> None:
    """Each `number` in code is a field of the requirements; a plain number behind it is its default."""
    text = read(DOCS / "evidence.md")
    fields = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
    assert fields <= set(Requirements.__struct_fields__), fields - set(Requirements.__struct_fields__)
    assert len(fields) > 20
    number = r"\d+(?:\.\d+)?"
    told = re.findall(rf"`([a-z]+_[a-z_]+)` \(?({number})(?: to ({number}))?( %)?", text)
    assert len(told) > 15
    for name, low, high, percent in told:
        given = tuple(float(one) / (100 if percent else 1) for one in (low, high) if one)
        assert (given if high else given[0]) == getattr(Requirements(), name), name


def test_every_path_of_the_api_is_on_its_page() -> None:
    """docs/api.md shows every path and method of the OpenAPI document, and no other below /api."""
    text = read(DOCS / "api.md")
    told = set(re.findall(r"`(GET|POST) (/[^`\s]*)`", text))
    known = {(method.upper(), path) for path, each in document()["paths"].items() for method in each}
    assert told == known


def test_the_bodies_on_the_api_page_are_what_the_api_reads() -> None:
    """Each JSON block decodes with the type that the route uses."""
    ask, *others = blocks(DOCS / "api.md", "json")
    assert read_request(ask.encode()).subject == "patient-1"
    kinds = (ResponseBody, OutcomeBody, CardBody, ConsentBody)
    said, *_ = [msgspec.json.decode(text, type=kind) for text, kind in zip(others, kinds, strict=True)]
    assert isinstance(said, ResponseBody)
    assert said.reason in REASONS[said.response]


def test_the_policy_on_its_page_is_valid_and_every_key_is_explained() -> None:
    """The example parses, and the keys of a tier and a stage are all on the page."""
    (example,) = blocks(DOCS / "policy.md", "toml")
    assert parse_policy(example).name == "my-hospital"
    for key in (*StageRule.__struct_fields__, *TierRule.__struct_fields__):
        assert key in read(DOCS / "policy.md"), key


def test_the_hospitals_example_differs_from_the_default_where_the_page_says() -> None:
    """docs/policy.md speaks of two numbers, and these two are all that differs."""
    hospital = parse_policy(read(ROOT / "examples" / "policies" / "hospital.toml"))
    default = parse_policy(read(ROOT / "src" / "bedrail" / "governance" / "default_policy.toml"))
    assert hospital.tiers == default.tiers
    assert hospital.alarms == default.alarms
    ours, theirs = hospital.requirements["medium"], default.requirements["medium"]
    changed = {name for name in Requirements.__struct_fields__ if getattr(ours, name) != getattr(theirs, name)}
    assert changed == {"error_rate_columns", "coverage_tolerance"}
    for name in changed:
        assert f"`{name} = " in read(DOCS / "policy.md")


def test_every_monitor_and_kind_of_difference_is_on_its_page() -> None:
    """docs/monitoring.md has a row for each monitor, docs/ledger.md names each kind of difference."""
    for monitor in MONITORS:
        assert f"| `{monitor}` |" in read(DOCS / "monitoring.md"), monitor
    for kind in Kind.__args__:  # type: ignore[attr-defined]
        assert f"`{kind}`" in read(DOCS / "ledger.md"), kind
