"""Counting once gives every distance: checked against scipy and against the numpy version of the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from bedrail.core.errors import Invalid
from bedrail.monitoring import histogram
from bedrail.monitoring.histogram import Grid, distances

N = 40_000
NAMES = ("normal", "skewed", "left-skewed", "count", "heavy", "code", "far", "waiting", "constant", "bathtub")


def table(seed: int, shift: float, kind: type = np.float64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    columns = [
        rng.normal(shift, 1, N),
        rng.lognormal(shift, 2, N),
        -rng.lognormal(shift, 2, N),
        rng.poisson(3 + shift, N),
        rng.standard_cauchy(N) + shift,
        rng.integers(0, 5, N),
        1e4 + rng.normal(shift, 1, N),
        rng.exponential(1 + shift, N),
        np.zeros(N),
        rng.beta(0.3, 0.3 + shift, N),
    ]
    return np.ascontiguousarray(np.stack(columns, axis=1).astype(kind))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.slow
def test_ks_is_within_a_thousandth_of_the_exact_one(kind: type) -> None:
    """KS from 1,024 bins errs by at most 0.001 on normal, skewed, heavy-tailed, tied and constant data."""
    a, b = table(1, 0.0, kind), table(2, 0.1, kind)
    grid = Grid.fit(a, NAMES)
    got = distances(grid.count(a), grid.count(b)).ks
    exact = [ks_2samp(a[:, j], b[:, j], method="asymp").statistic for j in range(len(NAMES))]
    assert np.abs(got - exact).max() <= 1e-3


@pytest.mark.slow
def test_wasserstein_agrees_with_scipy_inside_the_reference_range() -> None:
    """W1 errs by under 2 % or a thousandth of the spread when present values stay within the reference's range."""
    a, b = table(1, 0.0), table(2, 0.1)
    b = np.clip(b, a.min(axis=0), a.max(axis=0))
    grid = Grid.fit(a, NAMES)
    got = distances(grid.count(a), grid.count(b)).w1
    for j, name in enumerate(NAMES):
        exact = wasserstein_distance(a[:, j], b[:, j])
        assert got[j] == pytest.approx(exact, rel=0.02, abs=1e-3 * max(a[:, j].std(), 1e-9)), name


def test_jensen_shannon_and_psi_follow_their_definitions_on_codes() -> None:
    """For coded data JS equals scipy's, and PSI equals the textbook sum over levels."""
    rng = np.random.default_rng(3)
    a, b = rng.choice(4, (9000, 1), p=[0.4, 0.3, 0.2, 0.1]), rng.choice(4, (7000, 1), p=[0.3, 0.3, 0.2, 0.2])
    grid = Grid.fit(a.astype(float), ("code",))
    got = distances(grid.count(a.astype(float)), grid.count(b.astype(float)))
    p, q = (np.bincount(x[:, 0], minlength=4) for x in (a, b))
    assert got.js[0] == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    p, q = (p + 0.5) / (p + 0.5).sum(), (q + 0.5) / (q + 0.5).sum()
    assert got.psi[0] == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_compiled_and_numpy_counts_are_identical(kind: type) -> None:
    """The kernel and its fallback put every value, NaN and infinities included, into the same bin."""
    if histogram._histogram is None:
        pytest.skip("no compiled kernel here; the numpy version serves")
    a, b = table(1, 0.0, kind), table(2, 1.5, kind)
    b[::7, 0], b[::11, 3], b[5, 4], b[6, 4] = np.nan, np.nan, np.inf, -np.inf
    grid = Grid.fit(a, NAMES)
    compiled = grid.count(b).table
    plain = np.zeros_like(compiled)
    grid._count_numpy(b, plain)
    assert (compiled == plain).all()
    assert (compiled.sum(axis=1) == N).all()


def test_counts_without_the_kernel_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no kernel was built, `count` still answers, with the same table."""
    a = table(1, 0.0)
    grid = Grid.fit(a, NAMES)
    before = grid.count(a).table
    monkeypatch.setattr(histogram, "_histogram", None)
    assert (grid.count(a).table == before).all()


def test_counts_of_parts_add_up_to_the_whole() -> None:
    """Merging is addition, and the order of parts does not matter."""
    a = table(1, 0.0)
    grid = Grid.fit(a, NAMES)
    parts = [grid.count(part) for part in np.array_split(a, 7)]
    assert (sum(parts[1:], parts[0]).table == grid.count(a).table).all()


def test_missing_values_are_counted_apart() -> None:
    """The missing share is exact and does not move the other distances."""
    a = table(1, 0.0)
    b = a.copy()
    b[::4, 0] = np.nan
    grid = Grid.fit(a, NAMES)
    got = distances(grid.count(a), grid.count(b))
    assert got.missing_change[0] == pytest.approx(0.25)
    assert got.missing_change[1:].max() == 0
    assert got.ks[0] < 0.01


def test_a_column_without_any_value_gives_no_number() -> None:
    """Nothing counted means no distance, not a distance of zero."""
    a = table(1, 0.0)[:1000]
    b = a.copy()
    b[:, 2] = np.nan
    grid = Grid.fit(a, NAMES)
    got = distances(grid.count(a), grid.count(b))
    assert np.isnan([got.ks[2], got.w1[2], got.psi[2], got.js[2]]).all()
    assert np.isfinite(np.delete(got.ks, 2)).all()


def test_values_beyond_the_reference_are_never_mixed_with_values_inside() -> None:
    """A feature given in hours instead of days has KS 1 against days when the two ranges do not meet."""
    a = np.random.default_rng(0).integers(1, 15, (5000, 1)).astype(float)
    grid = Grid.fit(a, ("days",))
    assert distances(grid.count(a), grid.count(a * 24)).ks[0] == pytest.approx(1.0)
    assert distances(grid.count(a), grid.count(-a)).ks[0] == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), np.zeros(3), np.zeros((2, 2, 2))])
def test_a_matrix_of_the_wrong_shape_is_invalid(bad: np.ndarray) -> None:
    """The error names what was expected."""
    grid = Grid.fit(np.arange(30.0).reshape(10, 3), ("a", "b", "c"))
    with pytest.raises(Invalid, match="3 columns"):
        grid.count(bad)


def test_counts_of_different_grids_do_not_meet() -> None:
    """Neither added nor compared: the bins would not mean the same."""
    x = np.random.default_rng(0).normal(size=(100, 1))
    one, two = Grid.fit(x, ("a",)), Grid.fit(x * 2, ("a",))
    with pytest.raises(Invalid):
        one.count(x) + two.count(x)
    with pytest.raises(Invalid):
        distances(one.count(x), two.count(x))
