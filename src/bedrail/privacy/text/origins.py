"""Are names of one origin found less often than those of another? A probe of its own, whatever the corpus."""

from __future__ import annotations

from importlib.resources import files

from bedrail.privacy.text.detect import Detector
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.scoring import Note as Scored
from bedrail.privacy.text.scoring import Score, Tally

CARRIERS = (
    "Patient Name: {0}\nDate of visit: see above.",
    "{0} is a 54-year-old who presents with three days of cough.",
    "The patient, {0}, tolerated the procedure well.",
    "Discussed with {0} at bedside, who agrees with the plan.",
    "Assessment reviewed by {0}, MD. Continue current medications.",
    "Mother of the patient is {0}. She provided the history.",
    "Pain 4/10. Lungs clear. {0} will return in two weeks.",
    "Follow up with Dr. {1} in six weeks.",
    "Mrs. {1} denies chest pain. Labs pending.",
    "{2}, {3}  54F  admitted for observation, stable overnight.",
    "NURSING: vital signs stable, {3} ambulated in the hall with assistance.",
    "-- {0} RN",
)
"""Notes with room for a whole name {0}, a family name {1} {2} or a given name {3}. Ours, not from any corpus."""
MOST = 0.05
"""Names of every origin are to be found equally well, within five points of recall."""


def probes(language: str = "en") -> list[Scored]:
    """Each name of the shipped list in each carrier, its origin among the kinds of its span."""
    lines = files("bedrail.privacy.text").joinpath("data", f"{language}_origins.txt").read_text("utf8").splitlines()
    out = []
    for line in lines:
        origin, _, names = line.partition("|")
        for full in names.split(";"):
            given, _, family = full.partition(" ")
            for number, carrier in enumerate(CARRIERS):
                out.append(_note(carrier, (full, family, family, given), origin, str(number)))
    return out


def _note(carrier: str, values: tuple[str, ...], origin: str, name: str) -> Scored:
    text, spans, at = "", [], 0
    while (slot := carrier.find("{", at)) >= 0:
        value = values[int(carrier[slot + 1])]
        text += carrier[at:slot]
        spans.append((len(text), len(text) + len(value), "NAME", (f"@{origin}",)))
        text += value
        at = slot + 3
    return Scored(id=name, text=text + carrier[at:], spans=tuple(spans))


def probe(detector: Detector) -> tuple[Score, int]:
    """Recall by origin of the probe names, and how many of the words of all these names no word list holds."""
    tally = Tally()
    unlisted = set()
    lists = detector.lists
    for note in probes(detector.language):
        tally.add(note, detector.detect(note.text))
        for start, end, _, _ in note.spans:
            unlisted |= {w for w in Plain(note.text[start:end]).lower.replace("-", " ").split() if w not in lists.of}
    return tally.score(), len(unlisted)
