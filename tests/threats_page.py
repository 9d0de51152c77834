"""The page of threats, made from `bedrail.governance.threats`: `python tests/threats_page.py > docs/threats.md`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from bedrail.governance.threats import CONDITIONS, Threat, threats

PAGE = Path(__file__).resolve().parents[1] / "docs" / "threats.md"

HEAD = """# Threats, and what answers each

Boundary by boundary: what could go wrong, what answers it, and the test that shows it. Kinds are those of STRIDE
(spoofing, tampering, repudiation, disclosure, denial, elevation), and safety: in clinical use the gravest harm is a
wrong answer that is believed.

```sh
bedrail threats                          # the threats to this installation
bedrail threats readmission-30d          # to one use case
bedrail threats --open --host 0.0.0.0    # only what is open here, were it served so
```

A threat applies where its condition holds; the command looks at what the home says about itself. It is **open here**
where the posture check ([doctor.md](doctor.md)) finds something that its answer rests on, such as no witness or no
second factor. A **known gap** is what no installation has yet, with what would answer it. The rest is answered, as far
as the tests go: they try what we thought of, and nobody outside has attacked this yet.

Made from `governance/threats.toml` (`python tests/threats_page.py > docs/threats.md`); a test sees that each module and
test named here exists.
"""


def page() -> str:
    """The whole page."""
    model = threats()
    kinds = Counter(each.kind for each in model.values())
    gaps = sum(bool(each.gap) for each in model.values())
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    lines = [HEAD, f"\n{len(model)} threats ({counts}); {gaps} have a known gap.\n"]
    lines += ["\n## Conditions\n\n| condition | a threat with it applies when |\n|---|---|\n"]
    lines += [f"| `{name}` | {words} |\n" for name, words in CONDITIONS.items()]
    lines += ["\n## Known gaps\n\n| threat | what is not there yet |\n|---|---|\n"]
    lines += [f"| {name} | {each.gap} |\n" for name, each in model.items() if each.gap]
    for boundary in dict.fromkeys(each.boundary for each in model.values()):
        lines.append(f"\n## At {boundary}\n\n| threat | kind | applies | what could go wrong | answer | shown by |\n")
        lines.append("|---|---|---|---|---|---|\n")
        lines += [_row(name, each) for name, each in model.items() if each.boundary == boundary]
    return "".join(lines)


def _row(name: str, each: Threat) -> str:
    rests = f" Open while the doctor says: {', '.join(each.rests_on)}." if each.rests_on else ""
    gap = f" Gap: {each.gap}" if each.gap else ""
    module = f"[`{each.module}`](../src/{each.module.replace('.', '/')}.py)"
    tests = "; ".join(
        f"[{test.partition('::test_')[2].replace('_', ' ')}](../{test.partition('::')[0]})" for test in each.tests
    )
    return (
        f"| {name} | {each.kind} | {each.applies} | {each.threat} | {each.control}{rests}{gap} | {module}; {tests} |\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
