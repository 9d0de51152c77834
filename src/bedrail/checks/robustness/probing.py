"""Do wrong, absent, noisy, stuck and adversarial inputs change decisions without anybody being told?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.columns import Bools, Floats, Ints
from bedrail.checks.intervals import mean_interval, rate_interval
from bedrail.checks.question import check
from bedrail.checks.robustness.adversary import attack
from bedrail.checks.robustness.asking import Answers, Broken, Model
from bedrail.checks.robustness.disturbing import Disturbance, counted, disturbances, without_unit
from bedrail.checks.values import Cohort, Probe, Requirements
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

NAME = "robustness"
MOST_ROWS = 300
"""Rows that are asked with within `examine`; `bedrail probe` asks with more."""
FEWEST_ROWS = 30
MOVES = 3
SHARED_BY = 120
"""How many disturbances share the rows that a slow model may be asked, the search for the worst case included."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one disturbance did to the rows that it touched: by row the share of draws in `flips` (n,), and means."""

    flips: Floats
    refused: float
    strange: float
    moved: float
    clusters: Ints | None


@check(NAME, "Do wrong, absent or noisy inputs change decisions without anybody being told?")
def robustness(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Every disturbance of `disturbances`, and the worst case of `attack`, on at most 300 rows; see `probe_rows`."""
    return probe_rows(cohort, requirements, rng, MOST_ROWS)


def probe_rows(cohort: Cohort, requirements: Requirements, rng: np.random.Generator, rows: int) -> tuple[Finding, ...]:
    """The estimate of a finding is the share of rows whose decision flips with nobody being told (a refusal and a flag
    as strange end in a visible fallback; absurd values count when they are answered at all), among rows that the
    disturbance changes.

    It fails when its whole interval lies above the bound, passes when below, and is missing in between; without a bound
    it passes with its figure. Numbers without a unit and models without a contract are missing, by name.
    """
    probe = cohort.probe
    if probe is None or len(probe.inputs) < 2:
        return (_missing("overall", "The model itself was not at hand, so it could not be asked with other inputs."),)
    if probe.contract is None:
        return (_missing("overall", "The model came without a contract: neither units nor ranges are known."),)
    if probe.most_asked is not None:
        rows = min(rows, probe.most_asked // SHARED_BY)
    chosen = np.sort(rng.choice(len(probe.inputs), size=min(rows, len(probe.inputs)), replace=False))
    if len(chosen) < FEWEST_ROWS:
        return (_missing("overall", f"Fewer than {FEWEST_ROWS} rows could be asked: too few to tell.", len(chosen)),)
    return tuple(_Probing(cohort, probe, requirements, rng, chosen).findings())


class _Probing:
    """One run: the rows, what was said to them as they are, and the findings one by one."""

    def __init__(
        self, cohort: Cohort, probe: Probe, requirements: Requirements, rng: np.random.Generator, chosen: Ints
    ) -> None:
        assert probe.contract is not None
        self.requirements, self.rng, self.contract, self.rules = requirements, rng, probe.contract, probe.rules
        self.frame = probe.inputs.iloc[chosen].reset_index(drop=True)
        self.model = Model(probe, cohort.cut)
        same = len(probe.inputs) == cohort.n and cohort.clusters is not None
        self.clusters: Ints | None = cohort.clusters[chosen] if same and cohort.clusters is not None else None

    def findings(self) -> list[Finding]:
        """All of them; a model that breaks on its own inputs has only that."""
        try:
            before = self.model.ask(self.frame)
        except Broken as broken:
            return [self._fail("overall", f"{broken}, with inputs as they are.")]
        if int(before.told.sum()) < FEWEST_ROWS:
            reason = (
                f"For only {int(before.told.sum())} of {len(self.frame)} rows does a clinician see an answer at all."
            )
            return [_missing("overall", reason, len(self.frame))]
        every = list(disturbances(self.contract, self.frame, self.clusters))
        arrived = [(each, each.made(self.frame, self.rng)) for each in every for _ in range(each.draws)]
        frames = [self.frame.assign(**columns) for _, columns in arrived]
        heard: dict[str, list[tuple[Bools, Answers | Broken]]] = {}
        for (each, columns), after in zip(arrived, self.model.ask_all(frames), strict=True):
            changed = changed_rows(self.frame, columns) & before.told
            heard.setdefault(f"{each.family} {each.group}", []).append((changed, after))
        found = [self._disturbed(each, before, heard[f"{each.family} {each.group}"]) for each in every]
        found += self._worst_case(before)
        found += [
            _missing(
                f"input={f.name}", f"{f.label or f.name} declares no unit: no slip can be tried.", check="unit-slip"
            )
            for f in without_unit(self.contract)
        ]
        return [self._overall(found), *found]

    def _overall(self, found: list[Finding]) -> Finding:
        bad = sum(one.verdict is Verdict.FAIL for one in found)
        counts = [f.label or f.name for f in counted(self.contract)]
        said = f"{len(found)} disturbances of {len(self.frame)} rows; {bad} beyond what is allowed."
        if counts:
            said += f" Counts have no other unit: {', '.join(counts[:6])}{' ...' if len(counts) > 6 else ''}."
        return Finding(check=NAME, verdict=Verdict.PASS, n=len(self.frame), reason=said)

    def _disturbed(self, each: Disturbance, before: Answers, heard: list[tuple[Bools, Answers | Broken]]) -> Finding:
        name, n = f"{NAME}.{each.family}", len(self.frame)
        broken = next((after for _, after in heard if isinstance(after, Broken)), None)
        if broken is not None:
            return Finding(check=name, group=each.group, verdict=Verdict.FAIL, n=n, reason=f"{broken} {each.words}.")
        asked = self._asked(each, before, [(changed, after) for changed, after in heard if isinstance(after, Answers)])
        if len(asked.flips) < self.requirements.min_group:
            return _missing(each.group, f"Too few of these rows change {each.words}.", check=each.family)
        rate = self._rate(asked)
        most = None if each.bound is None else getattr(self.requirements, each.bound)
        count = "are answered all the same" if each.family == "absurd-value" else "get another decision unnoticed"
        words = (
            f"{each.words[:1].upper()}{each.words[1:]}: {rate[0]:.1%} {count}, {asked.refused:.0%} are refused, "
            f"{asked.strange:.0%} flagged as strange; answered risks move by {asked.moved:.3f}."
        )
        return _held(name, each.group, rate, len(asked.flips), most, words)

    def _rate(self, asked: Asked) -> tuple[float, float, float]:
        """The share of rows, Wilson's interval; where it is averaged over draws, Student's."""
        if np.isin(asked.flips, (0.0, 1.0)).all():
            return rate_interval(asked.flips, asked.clusters, self.requirements.confidence)
        rate, low, high = mean_interval(asked.flips, asked.clusters, self.requirements.confidence)
        return rate, max(0.0, low), min(1.0, high)

    def _asked(self, each: Disturbance, before: Answers, heard: list[tuple[Bools, Answers]]) -> Asked:
        """What all draws together did to the rows that any of them changed."""
        total, touched = np.zeros(len(self.frame)), np.zeros(len(self.frame), dtype=bool)
        shares, moved = np.zeros(2), [0.0]
        for changed, after in heard:
            touched |= changed
            total += changed & (after.told if each.family == "absurd-value" else self.model.flipped(before, after))
            if changed.any():
                shares += np.array([after.refused[changed].mean(), after.strange[changed].mean()]) / len(heard)
            both = after.told & changed
            moved += [float(np.abs(after.risk[both] - before.risk[both]).mean())] if both.any() else []
        clusters = None if self.clusters is None else self.clusters[touched]
        mean = float(np.mean(moved[1:])) if len(moved) > 1 else 0.0
        return Asked(total[touched] / len(heard), float(shares[0]), float(shares[1]), mean, clusters)

    def _worst_case(self, before: Answers) -> list[Finding]:
        name, confidence = f"{NAME}.adversarial", self.requirements.confidence
        try:
            found = attack(self.model, self.contract, self.frame, before, moves=MOVES, rules=self.rules)
        except Broken as broken:
            return [self._fail("moves=any", f"{broken} within what measurements vary by themselves.", name)]
        told = before.told
        clusters = None if self.clusters is None else self.clusters[told]
        findings = []
        for most in range(1, MOVES + 1):
            rate = rate_interval(found.turned(most)[told].astype(np.float64), clusters, confidence)
            bound = self.requirements.max_adversarial_flips if most == MOVES else None
            words = (
                f"Moving at most {most} number{'s' if most > 1 else ''} by two SDs of their own variation, chosen for "
                f"the worst, turns {rate[0]:.1%} of the decisions."
            )
            findings.append(_held(name, f"moves={most}", rate, int(told.sum()), bound, words))
        return findings

    def _fail(self, group: str, reason: str, name: str = NAME) -> Finding:
        return Finding(check=name, group=group, verdict=Verdict.FAIL, n=len(self.frame), reason=reason)


def changed_rows(before: pd.DataFrame, columns: dict[str, Any]) -> Bools:
    """(n,) rows in which any of these columns differs from what it was; two absent values are the same."""
    import pandas as pd

    changed = np.zeros(len(before), dtype=bool)
    for name, values in columns.items():
        old, new = before[name], pd.Series(values, index=before.index)
        gone = old.isna().to_numpy() & new.isna().to_numpy()
        if old.dtype.kind in "iuf" and new.dtype.kind in "iuf":
            changed |= (old.to_numpy(dtype=np.float64) != new.to_numpy(dtype=np.float64)) & ~gone
        else:
            changed |= np.asarray(old.to_numpy(dtype=object) != new.to_numpy(dtype=object), dtype=bool) & ~gone
    return changed


def _held(name: str, group: str, rate: tuple[float, float, float], n: int, most: float | None, words: str) -> Finding:
    estimate, low, high = rate
    if most is None:
        verdict = Verdict.PASS
    elif most == 0:  # nothing may be answered: one row is too many, and no interval reaches nought
        verdict = Verdict.FAIL if estimate > 0 else Verdict.PASS
    else:
        verdict = Verdict.FAIL if low > most else Verdict.PASS if high <= most else Verdict.MISSING
    if most is not None and verdict is not Verdict.PASS:
        words += f" At most {most:.0%} is allowed." if verdict is Verdict.FAIL else f" Too few rows to tell {most:.0%}."
    return Finding(check=name, group=group, verdict=verdict, estimate=estimate, low=low, high=high, n=n, reason=words)


def _missing(group: str, reason: str, n: int | None = None, *, check: str = "") -> Finding:
    name = f"{NAME}.{check}" if check else NAME
    return Finding(check=name, group=group, verdict=Verdict.MISSING, n=n, reason=reason)
