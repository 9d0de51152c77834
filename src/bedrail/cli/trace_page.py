"""A trace on the terminal: read from top to bottom, it is the story of one decision."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from bedrail.journeys.tracing import Trace


def print_trace(trace: Trace) -> None:
    """Print every part under its own heading."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False, markup=False)
    console.print(f"Decision {trace.decision}  {trace.kind}  {trace.at}", style="bold")
    seen = "shown" if trace.shown else "not shown"
    console.print(f"{trace.use_case}, stage {trace.stage}, site {trace.site or 'unknown'}, {seen}")
    record = trace.record
    destroyed = record.get("destroyed")
    if record.get("inputs"):
        _inputs(console, record)
    if destroyed:
        _heading(console, "What was sealed")
        console.print(f"  {destroyed}")
    elif trace.kind == "answered":
        _answer(console, record)
    else:
        _heading(console, "Fallback: no decision: use clinical judgement")
        console.print(f"  guard {record.get('guard')}: {record.get('reason')}")
    _pairs(console, "Model", trace.model)
    _rows(console, "Evidence before the decision", trace.evidence, ("check", "verdict", "at", "reason"))
    _rows(console, "Approvals in force", trace.approvals, ("role", "person", "stage", "given", "expires"))
    _rows(console, "What the clinician did", trace.responses, ("at", "person", "response", "reason", "note"))
    _heading(console, "Outcome")
    unknown = "not known, or forgotten" if destroyed else "not known yet"
    console.print(f"  {unknown}" if trace.outcome is None else f"  {trace.outcome} (1: it happened)")
    _heading(console, "Proof")
    proof = trace.proof
    console.print(f"  run again from the sealed inputs: {trace.reproduced}")
    held = "holds" if proof.holds else "DOES NOT HOLD"
    console.print(f"  entry {proof.index} of {proof.size}, root {proof.root[:32]}…: inclusion proof {held}")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(text, style="bold")


def _inputs(console: Console, record: dict[str, Any]) -> None:
    _heading(console, "Inputs, in the contract's units, with their age when decided")
    ages = record.get("ages", {})
    every = ages.get("*")
    table = Table(box=None, header_style="", pad_edge=False)
    for column in ("", "input", "value", "age (h)"):
        table.add_column(column)
    for name, value in record["inputs"].items():
        age = ages.get(name, every)
        table.add_row("", name, "missing" if value is None else str(value), "" if age is None else f"{age:.1f}")
    console.print(table)


def _answer(console: Console, record: dict[str, Any]) -> None:
    _heading(console, "Answer")
    console.print(
        f"  calibrated risk {record['risk']:.3f} ({record['low']:.3f} to {record['high']:.3f}), raw score "
        f"{record['raw']:.6f}, threshold {record['terms']['threshold']}, routing {record['routing']}"
    )
    _heading(console, "What was shown" if record["stage"] != "shadow" else "What would have been shown")
    for line in str(record["card"]).splitlines():
        console.print(f"  {line}")


def _pairs(console: Console, title: str, pairs: dict[str, str]) -> None:
    _heading(console, title)
    for name, value in pairs.items():
        console.print(f"  {name}: {value}")


def _rows(console: Console, title: str, rows: tuple[dict[str, str], ...], columns: tuple[str, ...]) -> None:
    _heading(console, title)
    if not rows:
        console.print("  none")
        return
    table = Table(box=None, header_style="", pad_edge=False)
    for column in ("", *columns):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row("", *(row.get(column, "") for column in columns))
    console.print(table)
