"""Whether the 95 % intervals of other outcomes hold the truth in 95 % of samples, as a reader of the report sees them.

Draws samples of 200, 2,000 and 20,000 rows from populations that are known, examines each as `examine` does, and counts
how often low to high of a finding holds its truth, which `coverage_truths` works out. Findings that are withheld for
want of patients are counted apart ("told"). Goes on where it stopped: every sample is a line of
bench/out/coverage_limits.jsonl; what was counted rests in bench/coverage_outcomes.json.

    nice python bench/coverage_outcomes.py [--samples 500] [--seed 1] [--only NAME,NAME] [--sizes 200,2000] [--first 0] [--page]

`--page` counts again and writes docs/statistics-outcomes.md from what there is.
"""

# ruff: noqa: E501 (sentences of the page)
from __future__ import annotations

import argparse
import json
import sys
import time
from math import sqrt
from pathlib import Path

import numpy as np

from bedrail.checks.outcomes.asking import examine_outcome
from bedrail.checks.outcomes.catalogue import known_type
from bedrail.checks.outcomes.requirements import MulticlassRequirements, RegressionRequirements, SurvivalRequirements
from bedrail.checks.outcomes.values import MulticlassCohort, OutcomeCohort, RegressionCohort, SurvivalCohort

HERE = Path(__file__).resolve().parent
OUT, PAGE = HERE / "out" / "coverage_limits.jsonl", HERE.parent / "docs" / "statistics-outcomes.md"
COUNTS = HERE / "coverage_outcomes.json"
SIZES = {200: 1.0, 2_000: 0.5, 20_000: 0.2}
HORIZONS = (4.0, 8.0, 12.0)
ROWS = 3


def shared(rng: np.random.Generator, n: int, clustered: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """(n,) standard normal leanings and, clustered, three rows of each patient that share most of theirs."""
    if not clustered:
        return rng.normal(size=n), None
    patient = np.repeat(np.arange(-(-n // ROWS)), ROWS)[:n]
    return np.sqrt(0.7) * rng.normal(size=patient[-1] + 1)[patient] + np.sqrt(0.3) * rng.normal(size=n), patient


def multiclass(rng: np.random.Generator, n: int, rare: float, clustered: bool = False) -> OutcomeCohort:
    """Three ordered classes, the rarest with share `rare`; the score is a little too extreme."""
    x, patient = shared(rng, n, clustered)
    logits = np.column_stack((np.zeros(n), -0.4 + 0.8 * x, np.log(rare / 0.55) - 0.6 + 1.6 * x))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outcome = (rng.random(n)[:, None] > np.cumsum(truth, axis=1)).sum(axis=1).clip(0, 2)
    said = np.exp(1.15 * logits)
    score = said / said.sum(axis=1, keepdims=True)
    return MulticlassCohort(outcome=outcome, score=score, classes=("a", "b", "c"), ordinal=True, subject=patient)


def regression(rng: np.random.Generator, n: int, tail: float, clustered: bool = False) -> OutcomeCohort:
    """Skewed stays with gamma noise of shape `tail` around the mean; intervals promise 90 % and hold about that."""
    from scipy.stats import gamma

    x, patient = shared(rng, n, clustered)
    mean = np.exp(1.2 + 0.6 * x)
    score = mean * np.exp(0.1 * rng.normal(size=n))
    bounds = np.column_stack([score * gamma.ppf(q, tail) / tail for q in (0.05, 0.95)])
    outcome = mean * rng.gamma(tail, size=n) / tail
    return RegressionCohort(outcome=outcome, score=score, interval=bounds, subject=patient)


def survival(
    rng: np.random.Generator, n: int, rate: float, competing: bool, censored: bool = True, clustered: bool = False
) -> OutcomeCohort:
    """Weibull times of hazards that are not proportional; risks by horizons follow them, a little too extreme."""
    x, patient = shared(rng, n, clustered)
    shape = np.where(rng.random(n) < 0.5, 0.8, 1.4)
    scale = 8.0 / (-np.log1p(-rate)) ** (1 / shape) * np.exp(-0.9 * x / shape) * 1.35
    first = scale * rng.weibull(shape)
    other = rng.exponential(20.0 * np.exp(-0.3 * x)) if competing else np.full(n, np.inf)
    until = np.minimum(rng.exponential(25.0, n), rng.uniform(6, 26, n)) if censored else np.full(n, 1e9)
    if clustered:
        until = until[np.arange(n) // ROWS * ROWS]
    time_ = np.minimum(np.minimum(first, other), until)
    event = np.where(time_ == first, 1, np.where(time_ == other, 2, 0))
    risks = np.column_stack([1 - np.exp(-(((t / scale) ** shape) ** 1.1)) for t in HORIZONS])
    said = "told" if competing else "none"
    return SurvivalCohort(
        time=time_,
        event=event,
        risks=risks,
        horizons=HORIZONS,
        score=x,
        competing=said,
        threshold=min(0.4, 1.5 * rate),
        subject=patient,
    )


SCENES = {
    "multiclass, rarest class 20 %": lambda rng, n, truth=False: multiclass(rng, n, 0.2),
    "multiclass, rarest class 2 %": lambda rng, n, truth=False: multiclass(rng, n, 0.02),
    "multiclass, 3 rows a patient": lambda rng, n, truth=False: multiclass(rng, n, 0.2, True),
    "regression, mild tail": lambda rng, n, truth=False: regression(rng, n, 4.0),
    "regression, heavy tail": lambda rng, n, truth=False: regression(rng, n, 0.8),
    "regression, 3 rows a patient": lambda rng, n, truth=False: regression(rng, n, 4.0, True),
    "survival, 20 % by the middle horizon": lambda rng, n, truth=False: survival(rng, n, 0.2, False, not truth),
    "survival, 2 % by the middle horizon": lambda rng, n, truth=False: survival(rng, n, 0.02, False, not truth),
    "survival, 20 %, competing events": lambda rng, n, truth=False: survival(rng, n, 0.2, True, not truth),
    "survival, 2 %, competing events": lambda rng, n, truth=False: survival(rng, n, 0.02, True, not truth),
    "survival, competing, 3 rows a patient": lambda rng, n, truth=False: survival(rng, n, 0.2, True, not truth, True),
    "multiclass, 2 %, 3 rows a patient": lambda rng, n, truth=False: multiclass(rng, n, 0.02, True),
    "survival, 2 %, competing, 3 rows a patient": lambda rng, n, truth=False: survival(
        rng, n, 0.02, True, not truth, True
    ),
}
LEFT_OUT = (
    "expected-error",
    "top-label-error",
    "by-level",
    "by-outcome",
    "follow-up",
    "harrell",
    "mean-width",
    "ignore-them",
)
"""Not intervals of one number: calibration errors (bounds of the excess over chance), levels whose edges move;
follow-up and Harrell's C depend on the censoring by design."""

FEW = 0.05
"""A cell in which fewer of the samples were told says nothing: those that happen to have enough cases are not typical."""

REASONS = {
    "brier-skill": "held more often than promised (wide) with a handful of events: the limits are the further of those "
    "by the error seen and by the error that the risks imply (Spiegelhalter 1986). The error seen alone held 88 % to "
    "93 % of 600 samples, since those of high risk are mostly not among twenty events.",
    "rmse": "a heavy tail: a few long stays carry the mean square, and no interval sees a tail that was not drawn "
    "(Bahadur and Savage 1956). Of 2,000 other samples of 200 it held 92.3 %; plain limits 85 %, logarithms with "
    "Student's t 87 %, bootstrap-t 88 %.",
    "bias": "a heavy tail in few rows, as for the RMSE.",
    "sensitivity [outcome=c]": "the class of 2 % is hardly ever said, so that its sensitivity is all but 0 (0.014 %): "
    "a discrete rate next to its bound has no interval of exactly 95 %, and the limits lie further out.",
}
"""Why a measure is further from 95 % than chance explains; the first that is part of its name."""


def told(cohort: OutcomeCohort) -> dict[str, tuple[float, float, float] | None]:
    """Estimate, low and high of each finding that is a number with an interval; None where withheld."""
    numbers = {
        MulticlassCohort: MulticlassRequirements(draws=300),
        RegressionCohort: RegressionRequirements(draws=300),
        SurvivalCohort: SurvivalRequirements(draws=300),
    }[type(cohort)]
    found: dict[str, tuple[float, float, float] | None] = {}
    asked = [name for name in known_type(cohort).questions if not name.endswith(("follow-up", "subgroups"))]
    for one in examine_outcome(cohort, numbers, checks=asked):
        for f in one.findings:
            name = f.check + (f" [{f.group}]" if f.group != "overall" else "")
            if any(part in name for part in LEFT_OUT) or "prediction=" in name:
                continue
            whole = f.estimate is not None and f.low is not None and f.high is not None
            if "uno-c" in name and f"up to {HORIZONS[-1]:g}" not in f.reason and f.verdict != "missing":
                whole = False  # of another horizon, since this one cannot be examined
            found[name] = (f.estimate, f.low, f.high) if whole else None  # type: ignore[assignment]
    return found


def truths() -> dict[str, dict[str, float]]:
    """By scene, what quadrature says (`coverage_truths`, which calls no estimator of Bedrail)."""
    import coverage_truths as known

    classes = {rare: known.multiclass(rare) for rare in (0.02, 0.2)}
    numbers = {tail: known.regression(tail) for tail in (0.8, 4.0)}
    times = {at: known.survival(*at) for at in ((0.02, False), (0.02, True), (0.2, False), (0.2, True))}
    found = {}
    for scene in SCENES:
        rate = 0.02 if " 2 %" in scene else 0.2
        kinds = {
            "multiclass": lambda rate=rate: classes[rate],
            "regression": lambda scene=scene: numbers[0.8 if "heavy" in scene else 4.0],
            "survival": lambda rate=rate, scene=scene: times[rate, "competing" in scene],
        }
        found[scene] = kinds[scene.split(",")[0]]()
    return found


def read() -> list[dict]:
    """Lines that are whole; a line cut by an interruption is done again."""
    lines = OUT.read_text().splitlines() if OUT.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def run(samples: int, seed: int, only: list[str], sizes: list[int], first: int = 0) -> None:
    """Every scene and size, samples interleaved over scenes so that an early stop leaves all alike."""
    done = {(line["scene"], line["n"], line["sample"]) for line in read()}
    OUT.parent.mkdir(exist_ok=True)
    names = [name for name in SCENES if not only or any(part in name for part in only)]
    began = time.process_time()
    with OUT.open("a") as out:
        for sample in range(first, samples):
            for n in sizes:
                if sample >= samples * SIZES.get(n, 1.0):
                    continue
                for at, name in enumerate(SCENES):
                    if name not in names or (name, n, sample) in done:
                        continue
                    found = told(SCENES[name](np.random.default_rng([seed, at, n, sample + 1]), n))
                    limits = {key: one and [float(f"{v:.7g}") for v in one] for key, one in found.items()}
                    out.write(json.dumps({"scene": name, "n": n, "sample": sample, "limits": limits}) + "\n")
                    out.flush()
            if sample % 20 == 19:
                print(f"{sample + 1} of {samples}, {time.process_time() - began:.0f} CPU s", flush=True)


def table() -> dict[str, dict[str, dict[str, list[int]]]]:
    """By scene, measure and n: [samples, told, held, truth below the interval, truth above it]."""
    known = truths()
    found: dict = {}
    for line in read():
        for key, one in line["limits"].items():
            cell = found.setdefault(line["scene"], {}).setdefault(key, {}).setdefault(str(line["n"]), [0] * 5)
            cell[0] += 1
            if one is None:
                continue
            truth = known[line["scene"]][key]
            below, above = truth < one[1] - 1e-12, truth > one[2] + 1e-12
            for k, yes in enumerate((True, not below and not above, below, above), start=1):
                cell[k] += int(yes)
    return found


def wilson(held: int, told: int) -> tuple[float, float]:
    """The 95 % interval of a simulated share (Wilson 1927)."""
    z, p = 1.959964, held / told
    middle, half = p + z * z / (2 * told), z * sqrt(p * (1 - p) / told + z * z / (4 * told * told))
    return (middle - half) / (1 + z * z / told), (middle + half) / (1 + z * z / told)


def cell_text(cell: list[int] | None) -> tuple[str, str]:
    """What a cell says, and `short` or `wide` where the interval of its share excludes 93 to 97 %."""
    if cell is None:
        return "not run", ""
    samples, told, held = cell[:3]
    if told <= FEW * samples:
        return f"too few cases ({told} of {samples})", ""
    low, high = wilson(held, told)
    word = "short" if high < 0.93 else "wide" if low > 0.97 else ""
    text = f"{held / told:.1%} ({100 * low:.1f}–{100 * high:.1f})"
    seldom = "" if told == samples else f", {told / samples:.0%} told"
    return (f"**{word}** " if word else "") + text + seldom, word


def page() -> str:
    """docs/statistics-outcomes.md from the counts."""
    counts = json.loads(COUNTS.read_text())
    rows: list[str] = []
    outside, shares = [], []
    for scene in [name for name in SCENES if name in counts]:
        each = counts[scene]
        most = {n: max((c[str(n)][0] for c in each.values() if str(n) in c), default=0) for n in SIZES}
        rows += [f"## {scene[0].upper()}{scene[1:]}", ""]
        rows += ["Samples: " + ", ".join(f"{most[n]:,} of {n:,} rows" for n in SIZES) + ".", ""]
        rows += ["| measure | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |", "|---|" + "---|" * len(SIZES)]
        for key, by_size in each.items():
            texts = []
            for n in SIZES:
                cell = by_size.get(str(n))
                text, word = cell_text(cell)
                texts.append(text)
                if word:
                    outside.append((key, f"{scene}, n = {n:,}: {text}"))
                if cell and cell[1] > FEW * cell[0]:
                    shares.append(cell[2] / cell[1])
            rows.append(f"| `{key}` | " + " | ".join(texts) + " |")
        rows.append("")
    return "\n".join([*heading(outside, shares), *rows]).rstrip() + "\n"


def heading(outside: list[tuple[str, str]], shares: list[float]) -> list[str]:
    """How to read the tables, and every cell that is off with its reason."""
    far = sum(abs(share - 0.95) > 0.02 + 1e-9 for share in shares)
    lines = [
        "# Coverage of intervals: classes, numbers and times", "",
        "How often a 95 % interval of the report holds the truth, by simulation: samples of 200, 2,000 and 20,000 rows",
        "from populations that are known, each examined as `bedrail examine` does, with one row a patient or three. Made by",
        "`bench/coverage_outcomes.py`, which says what the populations are; do not edit. The truths are worked out by quadrature",
        "(`bench/coverage_truths.py`), which calls no estimator of Bedrail; numbers have no outcome rate, so a mild and a heavy",
        "tail take the place of 2 % and 20 %. Outcomes of two classes: [statistics.md](statistics.md).", "",
        "A cell is the share of intervals that held the truth, with the 95 % interval that the number of samples leaves",
        "(Wilson). **short**, **wide**: even that lies outside of 93 % to 97 %. *Told*: the finding was told in so many of the",
        "samples and missing in the others, which had too few cases. *Too few cases*: in 5 % of the samples or fewer, and the",
        "report says missing: under 10 events, or 10 rows of a class, no interval is given.", "",
        "## Where it is not within two points of 95 %", "",
        f"{len(shares):,} cells have a figure; {far} of them are more than two points from 95 %, of which {len(outside)} by more",
        "than the simulation's own noise. Those, with the reason:", "",
    ]  # fmt: skip
    by_reason: dict[str, list[str]] = {}
    for key, text in outside:
        reason = next((why for part, why in REASONS.items() if part in key), "not explained.")
        by_reason.setdefault(reason, []).append(f"  - `{key}`, {text}")
    for reason, cells in by_reason.items():
        lines += [f"- {reason[0].upper()}{reason[1:]}", *cells]
    return [*lines, "" if outside else "None.", *WHAT_ELSE.splitlines(), ""]


WHAT_ELSE = """
The others lie within the noise of some 300 samples (a standard error of 1.3 points) or 140 (1.8, times at n = 20,000), among
so many cells; `--samples 5000` goes on from here and narrows it.

Not simulated: multiclass calibration errors (bounds of the excess over chance, no interval of a truth), figures by level of
prediction or outcome (their edges move), follow-up and Harrell's C (they depend on the censoring by design). Figures of groups are
the same estimators on fewer rows; differences between groups have no cell here.

Suspected of being a little short, within the noise here: RMSE and bias of numbers with a heavy tail in 200 rows. A few long
stays carry the mean square, and no interval sees a tail that was not drawn (Bahadur and Savage 1956): of 2,000 other samples
the RMSE's held 92.3 % (plain limits 85 %, logarithms with Student's t 87 %, bootstrap-t 88 %).
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--first", type=int, default=0, help="the first sample, so that several may run side by side")
    parser.add_argument("--sizes", default="200,2000,20000")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    if not given.page:
        run(
            given.samples,
            given.seed,
            [x for x in given.only.split(",") if x],
            [int(x) for x in given.sizes.split(",")],
            given.first,
        )
    if given.page:
        if OUT.exists():
            COUNTS.write_text(
                json.dumps(table(), indent=0).replace(",\n", ", ").replace("[\n", "[").replace("\n]", "]")
            )
        PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
