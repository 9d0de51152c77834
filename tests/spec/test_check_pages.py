"""The pages docs/checks/*.md are made from methods and from the tests that guard them; as a program it renews them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from bedrail.checks.catalogue import CHECKS
from bedrail.checks.methods import FAMILIES, METHODS, Method
from bedrail.checks.report import EXTRA_TITLES

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "checks"
RENEW = "renew the pages: .venv/bin/python tests/spec/test_check_pages.py"

UNDESCRIBED: frozenset[str] = frozenset()
"""Checks that may still wait for their words; whoever described one takes it away from here."""


@dataclass(frozen=True)
class Guard:
    """A file of tests and the claims, by check, that it holds: the first lines of the docstrings of its tests.

    The file says `GUARDS = ("check", ...)` where each of its tests is about each of these checks, else
    `GUARDS = {"check": ("part of a test's name", ...), ...}`.
    """

    path: str
    claims: dict[str, tuple[str, ...]]


@cache
def guards() -> tuple[Guard, ...]:
    """Every file of tests that guards checks, read without running it."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^GUARDS\b", text, re.MULTILINE):
            found.append(Guard(str(path.relative_to(ROOT)), claims_of(ast.parse(text))))
    return tuple(found)


def claims_of(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """The claims of one file by check."""
    tests = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    (named,) = [
        ast.literal_eval(one.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "GUARDS"
    ]
    parts = named if isinstance(named, dict) else dict.fromkeys(named, ("test_",))
    return {
        check: tuple(
            (ast.get_docstring(one) or one.name).splitlines()[0]
            for one in tests
            if any(part in one.name for part in each)
        )
        for check, each in parts.items()
        if any(part in one.name for part in each for one in tests)
    }


def lacking(name: str) -> list[str]:
    """What a check still lacks to have its section."""
    method = METHODS.get(name)
    if method is None:
        return ["a method in checks/methods.py"]
    parts = ("family", "text", "claim", "formula", "distrust", "sources")
    absent = [part for part in parts if not getattr(method, part)]
    if method.family and method.family not in FAMILIES:
        absent.append(f"a family {method.family!r} in checks/family.py")
    return absent if any(name in guard.claims for guard in guards()) else [*absent, "a file of tests with GUARDS"]


def title(name: str) -> str:
    """The question of a check, where it is asked of every cohort."""
    return CHECKS[name].title if name in CHECKS else EXTRA_TITLES.get(name, "")


def function_line(dotted: str) -> str:
    """A function, and the first sentence of what it says of itself."""
    room, _, name = dotted.rpartition(".")
    said = inspect.getdoc(getattr(importlib.import_module(room), name)) or ""
    first = re.split(r"(?<=[a-z0-9)\]`])[.:;](?=\s|$)", " ".join(said.split("\n\n")[0].split()), maxsplit=1)[0]
    return f"- `{dotted}`: {first}."


def section(name: str, method: Method) -> list[str]:
    """The part of a page that one check fills."""
    asked = title(name)
    lines = [f"## {name}", ""]
    lines += [f"*{asked}*", ""] if asked else []
    lines += [f"**Claim.** {method.claim}", "", f"**How.** {method.text}", "", f"**Formula.** {method.formula}", ""]
    lines += [f"**Do not trust it.** {method.distrust}", "", f"**Sources.** {'; '.join(method.sources)}.", ""]
    if method.functions:
        lines += ["**By itself, from Python.**", "", *(function_line(one) for one in method.functions), ""]
    lines += ["**What the tests hold.**", ""]
    for guard in guards():
        if name in guard.claims:
            lines += [f"In `{guard.path}`:", "", *(f"- {claim}" for claim in guard.claims[name]), ""]
    return lines


def page(family: str) -> str:
    """The page of a family: a section for each of its finished checks."""
    told = {name: one for name, one in METHODS.items() if one.family == family and not lacking(name)}
    if not told:
        return ""
    about = FAMILIES[family]
    lines = [f"# {about.title}", "", about.text, ""]
    lines += [
        "Made from the register of methods (`src/bedrail/checks/methods.py`) and from the tests that are named below."
    ]
    lines += ["Verdicts are explained in [evidence.md](../evidence.md).", ""]
    for name, method in told.items():
        lines += section(name, method)
    return "\n".join(lines).rstrip() + "\n"


def test_every_check_of_the_catalogue_is_described_and_guarded() -> None:
    """Claim, formula, distrust, sources, family and tests are there for each check, else it is named with its gaps."""
    gaps = {name: lacking(name) for name in {*CHECKS, *METHODS} - UNDESCRIBED if lacking(name)}
    assert not gaps, f"unfinished: {gaps}"
    done = {name for name in UNDESCRIBED if not lacking(name)}
    assert not done, f"described by now, so take away from UNDESCRIBED: {done}"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_page_of_a_family_is_what_its_methods_and_tests_say(family: str) -> None:
    """docs/checks/FAMILY.md is made from the register of methods and the docstrings of the tests that guard it."""
    path = PAGES / f"{family}.md"
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    assert there == page(family), RENEW


def test_no_page_is_left_of_a_family_that_is_gone() -> None:
    """docs/checks holds the pages of families only, and the index names each."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in PAGES.glob("*.md"):
        assert path.stem in FAMILIES, path.name
        assert f"](checks/{path.name})" in index, path.name


if __name__ == "__main__":
    for each in FAMILIES:
        text = page(each)
        if text:
            (PAGES / f"{each}.md").write_text(text, encoding="utf-8")
        else:
            (PAGES / f"{each}.md").unlink(missing_ok=True)
