"""A gate's answer as text, JSON, JUnit XML and SARIF, for people, programs and CI systems."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable

import msgspec

from bedrail.core.errors import Invalid
from bedrail.governance.values import Closed, Gate, Open

EXIT_OPEN, EXIT_CLOSED = 0, 1
WIDTH = 110


def gate_exit_code(gate: Gate) -> int:
    """0 when open, 1 when closed (2, for invalid input, belongs to the door)."""
    return EXIT_OPEN if isinstance(gate, Open) else EXIT_CLOSED


def gate_table(gate: Gate) -> str:
    """Plain text: the answer, then for each reason what is missing, who can mend it and how."""
    subject = f"{gate.use_case} {gate.candidate_name or 'without a candidate'} to {gate.stage}"
    lines = []
    if isinstance(gate, Open):
        lines += [f"OPEN    {subject}", f"        until {gate.until}"]
    else:
        count = len(gate.reasons)
        lines += [f"CLOSED  {subject}", f"        {count} reason{'s' if count != 1 else ''}"]
        for number, reason in enumerate(gate.reasons, 1):
            lines += ["", *_wrapped(f"{number:>3}. ", f"{reason.message} [{reason.code}]")]
            lines += _wrapped("     who  ", reason.who or "anyone")
            lines += _wrapped("     how  ", reason.how)
    if gate.conditions:
        lines += ["", "Accepted under conditions:"]
        for condition in gate.conditions:
            lines += _wrapped("  -  ", " ".join(filter(None, (condition.message, condition.obligation))))
    if gate.obligations:
        lines += ["", "Obligations while it serves:"]
        for obligation in gate.obligations:
            lines += _wrapped("  -  ", obligation)
    lines += ["", f"policy {gate.policy[:12]}  candidate {gate.candidate[:12] or '-'}  judged {gate.judged_at}"]
    lines += [f"rests on {gate.rests_on}"]
    return "\n".join(lines) + "\n"


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start.rstrip()]


def gate_json(gate: Gate) -> str:
    """The whole answer as JSON, two spaces of indent; `gate` is `open` or `closed`."""
    return msgspec.json.format(msgspec.json.encode(gate), indent=2).decode() + "\n"


def gate_junit(gate: Gate) -> str:
    """JUnit XML: each criterion a test case, each reason a failure of it; conditions stand in the output."""
    reasons = gate.reasons if isinstance(gate, Closed) else ()
    cases = []
    for criterion in gate.criteria:
        failures = [r for r in reasons if r.criterion == criterion]
        start = f'    <testcase classname="{_xml(gate.use_case)}.{_xml(gate.stage)}" name="{_xml(criterion)}"'
        inner = []
        for reason in failures:
            whole = f"who: {reason.who}\nhow: {reason.how}"
            start_failure = f'<failure type="{_xml(reason.code)}" message="{_xml(reason.message)}">'
            inner.append(f"      {start_failure}{_xml(whole)}</failure>")
        accepted = [c for c in gate.conditions if c.criterion == criterion]
        inner += [f"      <system-out>condition: {_xml(c.message)} {_xml(c.obligation)}</system-out>" for c in accepted]
        cases.append("\n".join([f"{start}>", *inner, "    </testcase>"]) if inner else f"{start}/>")
    failed = len({r.criterion for r in reasons})
    name = _xml(f"gate {gate.use_case} to {gate.stage}")
    counts = f'name="{name}" tests="{len(gate.criteria)}" failures="{failed}" errors="0" skipped="0"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f'  <testsuite {counts} timestamp="{_xml(gate.judged_at)}">',
            *cases,
            "  </testsuite>",
            "</testsuites>",
            "",
        ]
    )


_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    """Escaped for XML 1.0, which has no way to write most control characters."""
    return html.escape(_NOT_XML.sub("\ufffd", text), quote=True)


def gate_sarif(gate: Gate) -> str:
    """SARIF 2.1.0 (OASIS): each reason an error, each condition a note, placed at the use case's charter."""
    where = [{"physicalLocation": {"artifactLocation": {"uri": f"{gate.use_case}/usecase.toml"}}}]
    reasons = gate.reasons if isinstance(gate, Closed) else ()
    results = [
        {
            "ruleId": reason.code,
            "level": "error",
            "message": {"text": f"{reason.message} Who: {reason.who}. How: {reason.how}"},
            "locations": where,
            "properties": {"criterion": reason.criterion, "roles": reason.roles, "people": reason.people},
        }
        for reason in reasons
    ]
    results += [
        {
            "ruleId": "accepted-under-condition",
            "level": "note",
            "message": {"text": " ".join(filter(None, (condition.message, condition.obligation)))},
            "locations": where,
            "properties": {"criterion": condition.criterion},
        }
        for condition in gate.conditions
    ]
    rules = [{"id": code} for code in dict.fromkeys(str(result["ruleId"]) for result in results)]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "bedrail gate", "rules": rules}},
                "results": results,
                "properties": {
                    "gate": "open" if isinstance(gate, Open) else "closed",
                    "useCase": gate.use_case,
                    "candidate": gate.candidate,
                    "stage": gate.stage,
                    "policy": gate.policy,
                    "restsOn": gate.rests_on,
                },
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


FORMATS: dict[str, Callable[[Gate], str]] = {
    "table": gate_table,
    "json": gate_json,
    "junit": gate_junit,
    "sarif": gate_sarif,
}


def format_gate(gate: Gate, style: str) -> str:
    """The answer in one of `FORMATS`; raises `Invalid` for another."""
    if style not in FORMATS:
        raise Invalid(f"There is no format {style!r}.", path="--format", remedy=f"Formats are: {', '.join(FORMATS)}.")
    return FORMATS[style](gate)
