"""Coverage, critical values, injected signals and look-elsewhere, against laws and tables."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from darkpairs import coverage, nuisance, sensitivity
from darkpairs.batches import Template

CASES = tomllib.loads((Path(__file__).parent / "reference" / "sensitivity.toml").read_text())
PLACES = np.linspace(0.2, 0.8, 9)
X = (np.arange(10) + 0.5) / 10
PEAKS = np.exp(-0.5 * ((X - PLACES[:, None]) / 0.15) ** 2)  # (places, bins)
GRID = np.linspace(0, 300, 9)[:, None, None] * PEAKS  # (strengths, places, bins)
MANY = Template(np.linspace(0, 1, 11), GRID[4, 4], [np.full(10, 2000.0)],
                shifts=[np.full(10, 40.0), 30.0 * X])
FEW = Template(np.linspace(0, 1, 11), 0.02 * GRID[4, 4], [np.full(10, 1.0)],
               shifts=[np.full(10, 0.2)])


@pytest.mark.parametrize("statistic", sensitivity.STATISTICS)
def test_wilks_covers_where_counts_are_large(statistic):
    found = coverage.covered(GRID, MANY, (4, 4), statistic=statistic, toys=1500, seed=2)
    assert abs(found.fraction - 0.95) < 0.02  # the grid's best is at or above the true best
    assert found.error < 0.01
    edge = coverage.critical(GRID, MANY, (4, 4), statistic=statistic, toys=1500, seed=2)
    assert edge.low <= edge.value <= edge.high
    assert abs(edge.value - 5.99) < 0.9


def test_sparse_bins_break_pearson_and_not_poisson():
    grid = 0.02 * GRID
    poisson, pearson = (coverage.covered(grid, FEW, (4, 4), statistic=statistic, toys=1500,
                                         seed=3).fraction for statistic in ("poisson", "pearson"))
    assert poisson > 0.93
    assert pearson < poisson - 0.02


def sparse(bins, mean):
    """Return a falling spectrum with few counts per bin, and a plane of peaks."""
    x = (np.arange(bins) + 0.5) / bins
    background = x * np.exp(-6 * x) + 0.002
    background *= mean / background.mean()
    peaks = np.exp(-0.5 * ((x - np.linspace(0.1, 0.7, 13)[:, None]) / 0.08) ** 2)
    events = np.linspace(0, 4, 13) * np.sqrt(bins * mean)
    grid = events[:, None, None] * peaks / peaks.sum(axis=1)[:, None]
    shifts = background * [np.full(bins, 0.1), 0.1 * (1 - 2 * x), 0.05 * np.cos(7 * x)]
    return Template(np.linspace(0, 1, bins + 1), grid[6, 6], [background], shifts=shifts), grid


@pytest.mark.parametrize(("bins", "mean", "place"), [
    (60, 2.0, (6, 3)), (60, 2.0, (6, 6)), (60, 2.0, (9, 9)), (60, 10.0, (6, 6)), (15, 8.0, (6, 6)),
    (15, 8.0, (4, 9))])
def test_contours_of_the_profile_cover_between_93_and_97_percent(bins, mean, place):
    template, grid = sparse(bins, mean)
    found = coverage.covered(grid, template, place, toys=2000, seed=4)
    assert 0.93 < found.fraction < 0.97


@pytest.mark.parametrize(("bins", "mean"), [(60, 2.0), (15, 8.0), (60, 40.0)])
def test_injected_signal_is_found_within_five_percent(bins, mean):
    template, _ = sparse(bins, mean)
    found = coverage.inject(template, 1.0, toys=4000, seed=8)
    assert abs(found.bias) < 0.05
    assert abs(found.pulls.mean()) < 0.15
    assert abs(found.pulls.std() - 1) < 0.1


def test_deltas_are_those_of_the_contour():
    # Slow twin: each toy through `sensitivity.contour`
    deltas = coverage.deltas(GRID, MANY, (4, 4), toys=6, seed=7)
    counts = coverage._toys(MANY, GRID[4, 4], 6, 7)
    slow = [sensitivity.contour(GRID, MANY, row).delta[4, 4] for row in counts]
    assert np.allclose(deltas, slow, atol=1e-9)
    without = coverage.deltas(GRID, MANY, (), toys=6, seed=7)
    assert (without >= 0).all()


def test_classic_interval_of_feldman_and_cousins():
    template = Template([0, 1], [1.0], [[3.0]])
    strengths = np.arange(0, 12, 0.05)
    upper = CASES["feldman_cousins"]["upper"]
    for mu, kept in ((upper - 0.15, True), (upper + 0.15, False)):
        place = int(np.argmin(np.abs(strengths - mu)))
        edge = coverage.critical(strengths[:, None], template, place, level=0.9, toys=15_000,
                                 seed=1)
        delta = sensitivity.delta_chi2(template, [0.0], strengths[place])
        assert (delta <= edge.value * (1 + 1e-9)) == kept


@pytest.mark.parametrize("mu", [0.0, 1.0, 2.5])
def test_injected_signal_comes_out_unbiased(mu):
    found = coverage.inject(MANY, mu, toys=1500, seed=5)
    assert found.fitted.shape == found.errors.shape == (1500,)
    assert abs(found.bias) < 4 * found.fitted.std() / np.sqrt(1500)
    assert stats.kstest(found.pulls, "norm").pvalue > 0.005


def test_a_failed_fit_is_told_and_left_out(monkeypatch):
    real, calls = nuisance.fit, iter(range(1000))

    def sometimes(*arguments, **options):
        if next(calls) == 17:
            raise ArithmeticError("no minimum found")
        return real(*arguments, **options)

    monkeypatch.setattr(coverage, "fit", sometimes)
    with pytest.warns(RuntimeWarning, match="1 of 200 toys did not converge"):
        found = coverage.inject(MANY, 1.0, toys=200, seed=5)
    assert np.isnan(found.fitted).nonzero()[0].tolist() == [17]
    assert np.isfinite(found.bias)
    assert len(found.pulls) == 199


def test_looking_elsewhere_costs():
    slices = GRID.transpose(1, 0, 2)
    data = (MANY.total + 0.8 * GRID[4, 6]).round()
    found = coverage.look_elsewhere(slices, MANY, data, toys=800, seed=6)
    assert found.slice in (5, 6, 7)
    assert found.delta > 4
    assert found.local < found.everywhere <= len(slices) * found.local + 0.02
    alone = coverage.look_elsewhere([slices[6]], MANY, data, toys=800, seed=6)
    assert alone.local == alone.everywhere


def test_global_p_values_are_uniform():
    slices = GRID.transpose(1, 0, 2)[::4]
    rows = coverage._toys(MANY, 0.0, 60, 99)
    values = [coverage.look_elsewhere(slices, MANY, row, toys=200, seed=k).everywhere
              for k, row in enumerate(rows)]
    assert stats.kstest(values, "uniform").pvalue > 0.005


@pytest.mark.parametrize(("call", "message"), [
    (lambda: coverage.deltas(GRID, MANY, (4, 4), toys=0, seed=1), "toys = 0"),
    (lambda: coverage.deltas(GRID, MANY, (9, 4), toys=1, seed=1),
     r"place \(9, 4\); wanted one in a grid of shape \(9, 9\)"),
    (lambda: coverage.deltas(GRID, MANY, (4, 4), statistic="yates", toys=1, seed=1), "unknown sta"),
    (lambda: coverage.critical(GRID, MANY, (4, 4), level=1.5, toys=1, seed=1), "level = 1.5"),
    (lambda: coverage.inject(MANY, -1.0, toys=1, seed=1), "mu = -1.0"),
    (lambda: coverage.look_elsewhere([PEAKS[:, :3]], MANY, MANY.total, toys=1, seed=1),
     "signal grid of shape"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
