"""OWASP ASVS 5.0.0, requirement by requirement: the data (`docs/asvs.toml`) and the page that is made from it.

`python tests/asvs.py > docs/asvs.md`. `tests/architecture/test_asvs.py` holds data, page, code and tests together.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs" / "asvs.toml"
PAGE = ROOT / "docs" / "asvs.md"
LEVELS = ROOT / "tests" / "data" / "asvs_5.0.0_levels.txt"

STATUSES = ("met", "partly", "not met", "n/a")
CHAPTERS = {
    1: "Encoding and injection", 2: "Validation and business logic", 3: "Browsers", 4: "HTTP and APIs", 5: "Files",
    6: "Proving who one is", 7: "Sessions", 8: "Permissions", 9: "Self-contained tokens", 10: "OAuth, OpenID Connect",
    11: "Cryptography", 12: "Channels", 13: "Configuration", 14: "Data", 15: "Code and libraries",
    16: "Logs and errors", 17: "WebRTC",
}  # fmt: skip

HEAD = """# OWASP ASVS 5.0, requirement by requirement

Every requirement of level 1 and 2 of the Application Security Verification Standard 5.0.0, and some of level 3, with
Bedrail's own answer. The standard is OWASP's (OWASP/ASVS on GitHub), CC BY-SA 4.0: here stand its identifiers
and a few words of ours; read it beside this page. The judgement is Bedrail's own; no outsider has tested it yet.

Made from `docs/asvs.toml` (`python tests/asvs.py > docs/asvs.md`). A test holds it to the standard's list of
identifiers, and sees that each test, module and page named here exists and that nothing is called met without one.

"""
COLUMNS = "| id | level | asks for | status | answer | shown by |\n|---|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Requirement:
    """One of theirs, and our answer. `lacks` for what is partly met or not, `why` for what does not apply."""

    id: str
    level: int
    need: str
    status: str
    how: str = ""
    lacks: str = ""
    why: str = ""
    proof: tuple[str, ...] = ()

    @property
    def chapter(self) -> int:
        """The number before the first dot."""
        return int(self.id.partition(".")[0])

    @property
    def order(self) -> tuple[int, ...]:
        """As the standard counts."""
        return tuple(int(part) for part in self.id.split("."))


def requirements() -> list[Requirement]:
    """All of them, in the standard's order; a key twice is an error of the file."""
    told = tomllib.loads(DATA.read_text(encoding="utf-8"))
    read = [Requirement(id=name, **{**row, "proof": tuple(row.get("proof", ()))}) for name, row in told.items()]
    return sorted(read, key=lambda each: each.order)


def levels() -> dict[str, int]:
    """The level of each requirement, as the standard has it."""
    lines = (line for line in LEVELS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: int(level) for name, level in (line.split() for line in lines)}


def proof_holds(proof: str) -> bool:
    """Whether the test, module or file is there."""
    path, _, name = proof.partition("::")
    if name:
        file = ROOT / path
        return file.is_file() and bool(
            re.search(rf"^(?:async )?def {re.escape(name)}\(", file.read_text(encoding="utf-8"), re.MULTILINE)
        )
    if proof.startswith("bedrail."):
        return (ROOT / "src" / (proof.replace(".", "/") + ".py")).is_file()
    return (ROOT / path).is_file()


def shown(proof: str) -> str:
    """A link that says what it is."""
    path, _, name = proof.partition("::")
    if name:
        return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"
    if proof.startswith("bedrail."):
        return f"[`{proof}`](../src/{proof.replace('.', '/')}.py)"
    return f"[{path}]({path.removeprefix('docs/') if path.startswith('docs/') else '../' + path})"


def page(all_of_them: list[Requirement]) -> str:
    """The whole page."""
    return "".join([*_top(all_of_them), *_gaps(all_of_them), *_chapters(all_of_them)])


def _top(rows: list[Requirement]) -> list[str]:
    lines = [HEAD, "| level | met | partly | not met | does not apply | all |\n|---|---|---|---|---|---|\n"]
    for level in (1, 2, 3):
        count = Counter(each.status for each in rows if each.level == level)
        cells = " | ".join(str(count[status]) for status in STATUSES)
        name = f"L{level}" if level < 3 else "L3, of 92 those that were looked at"
        lines.append(f"| {name} | {cells} | {sum(count.values())} |\n")
    return lines


def _gaps(rows: list[Requirement]) -> list[str]:
    lines = ["\n## What is lacking\n\n", "| id | level | status | what is lacking |\n|---|---|---|---|\n"]
    for status in ("not met", "partly"):
        lines += [f"| {e.id} | {e.level} | {e.status} | {e.need}: {e.lacks} |\n" for e in rows if e.status == status]
    return lines


def _chapters(rows: list[Requirement]) -> list[str]:
    lines = []
    for number, title in CHAPTERS.items():
        lines.append(f"\n## V{number} {title}\n\n{COLUMNS}")
        for each in (row for row in rows if row.chapter == number):
            said = " ".join(filter(None, (each.how, each.why, each.lacks and f"Lacking: {each.lacks}")))
            proofs = "; ".join(shown(proof) for proof in each.proof)
            lines.append(f"| {each.id} | {each.level} | {each.need} | {each.status} | {said} | {proofs} |\n")
    return lines


if __name__ == "__main__":
    sys.stdout.write(page(requirements()))
