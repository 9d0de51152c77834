"""Invented English notes with gold spans, put together at random from templates.txt and the scenes of scenes.txt."""

# ruff: noqa: E501, SIM905 (word lists read better on one line)

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from values import LABELS, Values

_SLOT = re.compile(r"<([a-zA-Z0-9_]+(?:\.[A-Za-z0-9]+)?)>|\{([A-Za-z0-9_]+)\}")


def templates() -> dict[str, list[str]]:
    """Section -> lines."""
    out: dict[str, list[str]] = {}
    section: list[str] = []
    for file in ("templates.txt", "scenes.txt"):
        for line in (Path(__file__).parent / file).read_text("utf8").splitlines():
            if line.startswith("## "):
                section = out.setdefault(line[3:], [])
            elif line:
                section.append(line.replace("¶", "\n"))
    return out


class Writer:
    """One note while it is being written."""

    def __init__(self, rng: random.Random, icd: Sequence[str]) -> None:
        self.r, self.values, self.icd = rng, Values(rng), icd
        self.parts: list[str] = []
        self.at = 0
        self.spans: list[tuple[int, int, str]] = []

    def put(self, text: str, label: str = "") -> None:
        """Append, with a span if it has a label."""
        if label and text.strip():
            self.spans.append((self.at, self.at + len(text), label))
        self.parts.append(text)
        self.at += len(text)

    def fill(self, template: str) -> None:
        """Append a template with its slots filled."""
        i = 0
        for m in _SLOT.finditer(template):
            self.put(template[i : m.start()])
            i = m.end()
            if m[1]:
                self.put(self.values.get(m[1]).strip(), LABELS[m[1].partition(".")[0]])
            elif m[2] == "icd":
                self.put(self.r.choice(self.icd) if self.icd else "essential hypertension")
            else:
                if m[2] in {
                    "rel",
                    "hon",
                    "she",
                    "her",
                    "She",
                    "Her",
                    "drug",
                    "drug2",
                    "dx",
                    "dx2",
                    "n",
                    "n2",
                    "time",
                    "lab",
                    "year",
                    "temp",
                }:
                    self.values.kept.pop(m[2], None)
                value = self.values.get(m[2]) if m[2] != "rel" else self.r.choice(_RELATIONS)
                if m.start() == 0 and m[2] == "rel":
                    value = value.capitalize()
                self.put(value)
        self.put(template[i:])


_RELATIONS = "wife husband daughter son mother father sister brother niece nephew aunt uncle grandmother neighbor friend partner cousin mom dad".split()


def note(rng: random.Random, parts: dict[str, list[str]], icd: Sequence[str], bodies: Sequence[str]) -> dict[str, Any]:
    """One note: {"text", "spans": [{start, end, label}]}."""
    w = Writer(rng, icd)
    r = rng
    phi = r.random() > 0.08
    if phi and r.random() < 0.35:
        return _scenes(w, parts)
    if r.random() < 0.7:
        title = r.choice(parts["title"])
        w.put(title.upper() if r.random() < 0.3 else title)
        if phi and r.random() < 0.25:
            w.put("  ")
            w.fill("<date>" + r.choice(["", " {time}"]))
        w.put("\n")
    if phi and r.random() < 0.6:
        _head(w, parts)
    for _ in range(r.randint(1, 3)):
        _block(w, parts, bodies, phi=phi)
    if phi and r.random() < 0.5:
        w.put("\n")
        w.fill(r.choice([s for s in parts["say"] if "<dr" in s or "<rn" in s]))
    return _done(w)


def _scenes(w: Writer, parts: dict[str, list[str]]) -> dict[str, Any]:
    """A note in the words of one ward: a scene or two, and lines without identifiers around them."""
    r = w.r
    for k in range(r.randint(1, 3)):
        w.put("\n" if k else "")
        for _ in range(r.choice([0, 0, 1, 2])):
            w.fill(r.choice(parts["plain"]))
            w.put(r.choice([" ", "\n"]))
        w.fill(r.choice(parts["scene"]))
        if r.random() < 0.4:
            w.put(r.choice([" ", "\n"]))
            w.fill(r.choice(parts["plain"]))
    return _done(w)


def _done(w: Writer) -> dict[str, Any]:
    """The note as it came out, sometimes all in capitals, or all without."""
    text = "".join(w.parts)
    case = w.r.random()
    if case < 0.09 and len(text.upper()) == len(text):
        text = text.upper()
    elif case < 0.18 and len(text.lower()) == len(text):
        text = text.lower()
    return {"text": text, "spans": [{"start": s, "end": e, "label": label} for s, e, label in w.spans]}


def _head(w: Writer, parts: dict[str, list[str]]) -> None:
    r = w.r
    separator = r.choice([": ", ": ", ": ", ":", " - ", " = ", ":  ", " ", ":\t", ":\n", " # ", "| ", " :: ", " / "])
    between = r.choice(["\n", "\n", "\n", "   ", "  ", " | ", "; ", ", ", "\n\n"])
    bullet = r.choice(["", "", "", "- ", "* ", "• "])
    upper = r.random() < 0.15
    for _ in range(r.randint(2, 9)):
        if r.random() < 0.15:
            line = r.choice([p for p in parts["plain"] if ":" in p[:14]])
            w.put(bullet)
            w.fill(line)
            w.put(between)
            continue
        names, _, keys = r.choice(parts["head"]).rpartition(" = ")
        name = r.choice(names.split("|"))
        w.put(bullet + (name.upper() if upper else name) + separator)
        w.fill(f"<{r.choice(keys.split())}>")
        w.put(between if r.random() < 0.85 else r.choice(["\n", "   "]))
    w.put("\n")


def _block(w: Writer, parts: dict[str, list[str]], bodies: Sequence[str], *, phi: bool) -> None:
    r = w.r
    between = r.choice([" ", " ", " ", "\n", "\n- ", "; ", ". ", "\n\n"])
    if r.random() < 0.3:
        w.put(
            r.choice(
                [
                    "HPI: ",
                    "Subjective: ",
                    "S: ",
                    "HOSPITAL COURSE: ",
                    "Assessment: ",
                    "A/P: ",
                    "Plan: ",
                    "Social History: ",
                    "Note: ",
                    "Comments: ",
                    "Narrative: ",
                    "INDICATION: ",
                    "Discharge Instructions:\n",
                ]
            )
        )
    for k in range(r.randint(2, 9)):
        if k:
            w.put(between)
        x = r.random()
        if bodies and x < 0.08:
            w.put(r.choice(bodies))
        elif phi and x < 0.62:
            w.fill(r.choice(parts["say"]))
        elif w.icd and x < 0.68:
            w.put(r.choice(w.icd))
        else:
            w.fill(r.choice(parts["plain"]))
    w.put("\n")
