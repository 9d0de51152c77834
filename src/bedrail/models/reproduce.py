"""Is a model trained again the same model? In bytes, in every answer, and what differs in how it was made."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bedrail.core.values import Evidence, Finding, Value, Verdict, worst
from bedrail.models.environment import code_now, machine_now, versions_of
from bedrail.models.predict import open_model
from bedrail.models.probes import PARITY
from bedrail.models.recipes import RECIPES
from bedrail.models.values import Lineage, Package

CHECK = "reproducible"
DERIVED = ("contract", "calibration", "uncertainty", "ood", "background")


class Difference(Value, frozen=True, kw_only=True):
    """One thing that was another when the model was made: `what`, as recorded, and as it is now."""

    what: str
    recorded: str
    now: str

    @property
    def text(self) -> str:
        """In a few words."""
        return f"{self.what} was {self.recorded or 'not recorded'}, now {self.now or 'not there'}"


class Comparison(Value, frozen=True, kw_only=True):
    """Two packages side by side: whether the model's bytes are the same, which derived parts differ, and the answers.

    `rows` were asked of both; `raw_gap` and `risk_gap` are the largest differences of the model's own probability and
    of the calibrated risk, `differing` how many rows differ by more than `PARITY` in either.
    """

    same_bytes: bool
    parts: tuple[str, ...]
    rows: int
    differing: int
    raw_gap: float
    risk_gap: float

    @property
    def outcome(self) -> Literal["same bytes", "same answers", "other answers"]:
        """How the two compare; answers count as the same within `PARITY` on every row."""
        if self.same_bytes and not self.parts:
            return "same bytes"
        return "other answers" if self.differing else "same answers"


def compare(recorded: tuple[Package, bytes], again: tuple[Package, bytes], X: NDArray[np.float64]) -> Comparison:
    """Two packages of one contract's width, compared in bytes and on rows X (n, k)."""
    (old, old_bytes), (new, new_bytes) = recorded, again
    one, two = open_model(old, old_bytes).assess_many(X), open_model(new, new_bytes).assess_many(X)
    raw, risk = np.abs(one.raw - two.raw), np.abs(one.risk - two.risk)
    return Comparison(
        same_bytes=old_bytes == new_bytes,
        parts=tuple(part for part in DERIVED if _encoded(getattr(old, part)) != _encoded(getattr(new, part))),
        rows=len(X),
        differing=int(((raw > PARITY) | (risk > PARITY)).sum()),
        raw_gap=float(raw.max(initial=0.0)),
        risk_gap=float(risk.max(initial=0.0)),
    )


def differences(lineage: Lineage) -> tuple[Difference, ...]:
    """How code, versions and machine differ from those that a trained model's lineage records."""
    now = versions_of(("numpy", *RECIPES[lineage.recipe].libraries))
    names = dict.fromkeys(("python", *lineage.libraries, *now))
    pairs = [(name, lineage.libraries.get(name, ""), now.get(name, "")) for name in names if name in lineage.libraries]
    pairs += [("Bedrail's training code", lineage.code, code_now())]
    pairs += [("the machine", lineage.machine, machine_now())] if lineage.machine else []
    return tuple(Difference(what=what, recorded=was, now=is_now) for what, was, is_now in pairs if was != is_now)


def evidence_of(
    found: Comparison, differing: tuple[Difference, ...], *, seed: int, deterministic: bool | None = None
) -> Evidence:
    """The answer to `reproducible`: pass when bytes or every answer are the same, else fail with what may explain it.

    `deterministic` says whether two trainings here and now gave the same bytes, where that was tried.
    """
    same_answers = Verdict.FAIL if found.differing else Verdict.PASS
    findings = (
        Finding(
            check=f"{CHECK}.bytes",
            verdict=Verdict.PASS if found.outcome == "same bytes" or not found.differing else Verdict.FAIL,
            estimate=float(found.outcome == "same bytes"),
            reason=_bytes_reason(found),
        ),
        Finding(
            check=f"{CHECK}.answers",
            verdict=same_answers,
            estimate=max(found.raw_gap, found.risk_gap),
            n=found.rows,
            reason=f"{found.differing} of {found.rows} rows differ by more than {PARITY:g} "
            f"(score {found.raw_gap:.3g}, risk {found.risk_gap:.3g} at most)",
        ),
        *(Finding(check=f"{CHECK}.made", group=d.what, verdict=Verdict.PASS, reason=d.text) for d in differing),
    )
    verdict = worst(tuple(finding.verdict for finding in findings))
    reason = f"trained again from the record (seed {seed}): {found.outcome} on {found.rows} rows"
    explained = explanation(found, differing, deterministic)
    return Evidence(
        check=CHECK, verdict=verdict, reason=f"{reason}; {explained}" if explained else reason, findings=findings
    )


def explanation(found: Comparison, differing: tuple[Difference, ...], deterministic: bool | None) -> str:
    """In words, what may have made the difference; empty where there is none to explain."""
    if found.outcome == "same bytes":
        return ""
    if deterministic is False:
        return "two trainings here and now differ too: this recipe is not deterministic on this machine"
    if differing:
        return "what may explain it: " + "; ".join(each.text for each in differing)
    return "nothing on record explains it: the model was not made from what its record says"


def missing(reason: str) -> Evidence:
    """The answer where nobody can tell."""
    return Evidence(check=CHECK, verdict=Verdict.MISSING, reason=reason, findings=())


def _bytes_reason(found: Comparison) -> str:
    if found.outcome == "same bytes":
        return "model and everything derived from it are the same bytes"
    other = (*(() if found.same_bytes else ("the model",)), *found.parts)
    return f"other bytes in: {', '.join(other)}"


def _encoded(part: object) -> bytes:
    return msgspec.json.encode(part, order="deterministic")
