"""The house rules that no linter knows: what rooms say of themselves, names, sizes, weight, licences, silence."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "src" / "bedrail"
ROOMS = sorted(path.parent for path in HOUSE.glob("*/__init__.py"))
PARTS = sorted(path.parent for path in HOUSE.glob("**/__init__.py"))
CODE = [path for part in ("src", "tests", "examples", "bench") for path in (ROOT / part).rglob("*.py")]
CODE = sorted(
    path for path in [ROOT / "setup.py", *CODE] if not any(p.startswith(".") for p in path.relative_to(ROOT).parts)
)

FORBIDDEN = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base", "handler", "engine", "service"}
FORBIDDEN |= {f"{word}s" for word in FORBIDDEN}

MODEL_LIBRARIES = {
    "numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl", "cloudpickle", "narwhals", "lightgbm",
}  # fmt: skip
PERMISSIVE = re.compile(
    r"MIT(-0| License)?|0?BSD(-[23]-Clause)?( License)?|Apache(-2\.0| Software License)?|PSF-2\.0|Zlib|CC0-1\.0|ISC"
)

HOSTS = {"localhost", "127.0.0.1", "::1"}
DOCUMENTATION = (".example", ".test", ".invalid", "example.com", "example.org", "example.net")  # RFC 2606, RFC 6761
SPECIFICATIONS = {
    "c2sp.org", "creativecommons.org", "cyclonedx.org", "dicom.nema.org", "docbook.org", "hl7.org", "in-toto.io",
    "json.schemastore.org", "loinc.org", "mc.chai.org", "opendatacommons.org", "openlineage.io", "profiles.ihe.net",
    "purl.org", "slsa.dev", "terminology.hl7.org",
    "www.apache.org", "www.w3.org",
}  # fmt: skip


def docstring(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if text.startswith('"""'):  # what follows need not be parsed
        text = text[: text.find('"""', 3) + 3]
    return ast.get_docstring(ast.parse(text)) or ""


def test_a_room_says_in_one_sentence_what_it_is() -> None:
    """The docstring's first paragraph is one sentence of one line; a room of its own says no more than that."""
    for part in PARTS:
        first, *more = docstring(part / "__init__.py").split("\n\n")
        assert re.fullmatch(r"[A-Z][^\n.]*(?:\.\w[^\n.]*)*\.", first), part
        assert not (more and part in ROOMS), part


def test_every_module_says_what_it_is() -> None:
    """A module begins with a docstring."""
    assert [str(path.relative_to(HOUSE)) for path in sorted(HOUSE.rglob("*.py")) if not docstring(path)] == []


def test_no_name_says_nothing() -> None:
    """No folder or module is called util, helper, manager or the like, alone or as a part of its name."""
    named = [path.relative_to(ROOT) for path in HOUSE.rglob("*") if "__pycache__" not in path.parts]
    empty = [str(path) for path in named if set(re.split(r"[_.\-]", path.name.lower())) & FORBIDDEN]
    assert not empty


def test_a_file_can_be_read_in_one_sitting() -> None:
    """No file has more than 500 lines."""
    long = [path for path in CODE if len(path.read_text(encoding="utf-8").splitlines()) > 500]
    assert [str(path.relative_to(ROOT)) for path in long] == []


def test_the_rooms_stand_in_their_layers() -> None:
    """import-linter finds every contract kept, and the layers name every room that there is."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    assert {room.strip() for layer in layers for room in layer.split("|")} == {room.name for room in ROOMS} | {"app"}


def locked() -> list[str]:
    """The distributions of the core lock."""
    names = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements" / "core.lock").read_text(), re.MULTILINE)
    assert len(names) > 10
    return [name.lower().replace("_", "-") for name in names]


def test_the_core_is_light() -> None:
    """At most 25 packages beside the model libraries, every one of them locked with hashes."""
    names = locked()
    assert set(names) >= MODEL_LIBRARIES
    assert len(set(names) - MODEL_LIBRARIES) <= 25
    lines = (ROOT / "requirements" / "core.lock").read_text().splitlines()
    pinned = [at for at, line in enumerate(lines) if re.match(r"[A-Za-z0-9._-]+==", line)]
    assert all("--hash=sha256:" in lines[at + 1] for at in pinned)


def test_what_is_declared_is_what_is_locked() -> None:
    """The dependencies of pyproject.toml and requirements/core.in are the same, and all are in the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[><=;\s]", one)[0].lower() for one in project["dependencies"]}
    asked = {line.strip() for line in (ROOT / "requirements" / "core.in").read_text().splitlines() if line.strip()}
    assert declared == asked
    assert declared <= set(locked())


@pytest.mark.parametrize("name", locked())
def test_every_core_licence_is_permissive(name: str) -> None:
    """The distribution's own metadata name permissive licences only; with `OR`, one of them."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        pytest.skip("not needed on this platform")
    classified = [
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    said = about.get("License-Expression") or " AND ".join(classified) or about.get("License") or ""
    for alternatives in said.split(" AND "):
        words = alternatives.strip("() ").split(" OR ")
        assert any(PERMISSIVE.fullmatch(word.strip()) for word in words), f"{name}: {said}"


def named_hosts(text: str) -> set[str]:
    """The hosts of every http(s) address; placeholders of one word (`user`, `{host}`) name nobody."""
    found = re.findall(r"https?://(?:[^\s/@\"'`<>]*@)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)", text)
    return {host.strip("[]").rstrip(".").lower() for host in found}


def outside(hosts: set[str]) -> set[str]:
    """The hosts that are neither loopback nor kept for documentation, nor known specifications and licences."""
    return {
        host
        for host in hosts
        if "." in host and host not in HOSTS | SPECIFICATIONS and not host.endswith(DOCUMENTATION)
    }


def test_nothing_names_a_host_of_the_outside() -> None:
    """Code, templates, configurations, examples and papers point to loopback, documentation or specifications only."""
    kinds = {".py", ".md", ".toml", ".html", ".css", ".svg", ".sql", ".c", ".in", ".txt", ".yml", ""}
    parts = ("src", "tests", "examples", "docs", "bench", "requirements", ".ci")
    texts = [path for part in parts for path in (ROOT / part).rglob("*") if path.suffix in kinds and path.is_file()]
    texts += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in kinds]
    skipped = ("__pycache__", ".venv", "audit_vectors", "node_modules", "out")
    for path in texts:
        if not any(one.startswith(skipped) for one in path.relative_to(ROOT).parts):
            found = outside(named_hosts(path.read_text(encoding="utf-8", errors="replace")))
            assert not found, f"{path.relative_to(ROOT)} names {found}"


def test_a_named_host_would_be_found() -> None:
    """The search above finds hosts with user names, ports and capitals, and lets the permitted ones pass."""
    assert outside(named_hosts("see HTTP".lower() + "s://User:pw@Telemetry.Vendor.io:8443/x")) == {
        "telemetry.vendor.io"
    }
    assert not outside(named_hosts("http://127.0.0.1:80/ https://vendor.example/score http://user"))


def test_no_test_asserts_seconds() -> None:
    """No test reads a stopwatch: what must be quick is asserted by structure, and measured in bench/.

    Two exceptions, promises of safety: a stop is in force within a second, and a fallback comes within its budget.
    """
    promises = ("tests/journeys/test_stop_within_a_second.py", "tests/fault_matrix.py")
    allowed = {Path(__file__).resolve(), *(ROOT / each for each in promises)}
    watch = re.compile(r"\b(perf_counter|process_time|thread_time|timeit|time\.time|time\.monotonic)(_ns)?\(")
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path not in allowed:
            assert not watch.search(path.read_text(encoding="utf-8")), path
