"""Covariances against slow sums and the papers they are from; paired differences; bad input."""

import numpy as np
import pytest

from darkpairs import batches, likelihood, nuisance, systematics, uncertain, weights
from darkpairs.systematics import gather, histograms, matrix, paired, shift, statistics, universes

EDGES = np.array([0.0, 1.0, 2.0, 4.0])


def dice(seed):
    return np.random.default_rng(seed)


def events(seed, n=300):
    """Values from below the first edge to above the last, some of them NaN, and weights."""
    values = dice(seed).uniform(-0.5, 4.5, n)
    values[::17] = np.nan
    return values, dice(seed + 1).uniform(0.1, 0.3, n)


def slow_histogram(values, edges, weight):
    bins = [0.0] * (len(edges) - 1)
    for value, w in zip(values, weight, strict=True):
        for k in range(len(bins)):
            last = k == len(bins) - 1 and value == edges[-1]
            if edges[k] <= value < edges[k + 1] or last:
                bins[k] += w
    return np.array(bins)


def test_histograms_against_the_slow_twin():
    values, weight = events(1)
    values[:4] = 0.0, 1.0, 2.0, 4.0
    assert np.allclose(histograms(values, EDGES, weight), slow_histogram(values, EDGES, weight),
                       rtol=1e-13)
    factors = dice(3).uniform(0.5, 2, (5, len(values)))
    found = histograms(values, EDGES, weight, factors)
    for row, factor in zip(found, factors, strict=True):
        assert np.allclose(row, slow_histogram(values, EDGES, weight * factor), rtol=1e-13)
    assert np.allclose(systematics.squares(values, EDGES, weight),
                       slow_histogram(values, EDGES, weight**2), rtol=1e-13)


def test_universes_against_the_slow_twin():
    nominal, rows = np.array([10.0, 20.0, 5.0]), dice(4).normal(12, 3, (40, 3))
    source = universes("flux", nominal, rows)
    for i in range(3):
        for j in range(3):
            slow = sum((row[i] - nominal[i]) * (row[j] - nominal[j]) for row in rows) / 40
            assert np.isclose(source.covariance[i, j], slow, rtol=1e-12)
    assert np.allclose(source.shifts.T @ source.shifts, source.covariance, rtol=1e-10)
    assert source.universes == 40


def test_few_universes_give_few_directions():
    nominal = np.full(12, 50.0)
    source = universes("flux", nominal, dice(5).normal(50, 5, (4, 12)))
    assert len(source.shifts) == 4
    assert np.linalg.eigvalsh(source.covariance)[0] > -1e-12 * np.trace(source.covariance)


def test_a_universe_like_ours_adds_nothing_and_a_mean_elsewhere_does():
    nominal = np.array([10.0, 20.0])
    none = universes("none", nominal, np.tile(nominal, (6, 1)))
    assert not none.covariance.any()
    assert none.shifts.shape == (0, 2)
    biased = universes("biased", nominal, np.tile([11.0, 18.0], (6, 1)))
    assert np.allclose(biased.covariance, [[1, -2], [-2, 4]], rtol=1e-12)


def test_universes_find_the_covariance_they_are_thrown_from():
    truth = np.array([[9.0, 4.0, 0.0], [4.0, 4.0, -1.0], [0.0, -1.0, 1.0]])
    rows = dice(6).multivariate_normal(np.full(3, 100.0), truth, 4000)
    found = universes("known", np.full(3, 100.0), rows).covariance
    error = np.sqrt((truth**2 + np.outer(np.diag(truth), np.diag(truth))) / 4000)  # Wishart
    assert (np.abs(found - truth) < 4 * error).all()


def test_sizes_are_within_what_the_number_of_universes_allows():
    """Each error within 1/√(2U) of itself: the scatter of many sets of 50."""
    nominal = np.array([100.0])
    sizes = [np.sqrt(universes("one", nominal, dice(k).normal(100, 10, (50, 1))).covariance.item())
             for k in range(400)]
    assert abs(np.std(sizes) / 10 * np.sqrt(2 * 50) - 1) < 4 / np.sqrt(2 * 400)


def test_shifts_up_and_down():
    nominal = np.array([10.0, 20.0])
    one = shift("lifetime", nominal, [12.0, 19.0])
    assert np.allclose(one.shifts, [[2.0, -1.0]])
    assert np.allclose(one.covariance, [[4, -2], [-2, 1]])
    both = shift("lifetime", nominal, [12.0, 19.0], [9.0, 22.0])
    assert np.allclose(both.shifts, [[1.5, -1.5]])
    assert np.allclose(shift("gain", nominal, [13.0, 20.0], sigmas=3).shifts, [[1.0, 0.0]])
    assert np.allclose(shift("gain", nominal, [13.0, 20.0], [7.0, 20.0], sigmas=3).shifts,
                       [[1.0, 0.0]])


def test_simulated_events_stand_on_the_diagonal():
    source = statistics([4.0, 0.0, 9.0])
    assert np.allclose(source.covariance, np.diag([4.0, 0.0, 9.0]))
    assert np.allclose(source.shifts, [[2, 0, 0], [0, 0, 3]])


def test_the_sum_of_squares_is_the_variance_of_weighted_counts():
    """Poisson many times how often each row comes up."""
    values, weight = events(7, 60)
    counts = dice(8).poisson(1.0, (4000, 60))
    rows = histograms(values, EDGES, weight, counts)
    ratio = rows.var(axis=0) / systematics.squares(values, EDGES, weight)
    assert (np.abs(ratio - 1) < 4 * np.sqrt(2 / 4000)).all()


def test_paired_differences_against_the_slow_twin():
    values, weight = events(9)
    changed = np.where(np.arange(len(values)) % 5, values, values + 0.7)
    changed[3], later = np.nan, weight * dice(10).uniform(0.9, 1.1, len(values))
    found = paired(values, changed, EDGES, weight, later)
    square = np.zeros(3)
    for value, other, w, v in zip(values, changed, weight, later, strict=True):
        square += (slow_histogram([other], EDGES, [v])
                   - slow_histogram([value], EDGES, [w])) ** 2
    assert np.allclose(found.error, np.sqrt(square), rtol=1e-12)
    slow = slow_histogram(changed, EDGES, later) - slow_histogram(values, EDGES, weight)
    assert np.allclose(found.shift, slow, rtol=1e-9)


def test_events_that_stay_cancel_in_pairs():
    values, weight = events(11)
    nothing = paired(values, values, EDGES, weight)
    assert not nothing.shift.any()
    assert not nothing.error.any()
    moved = paired(values, values + 0.02, EDGES, weight)
    apart = np.sqrt(2 * systematics.squares(values, EDGES, weight))  # two samples of their own
    assert (moved.error < 0.4 * apart).all()


def test_paired_errors_are_the_scatter_of_many_samples():
    shifts, errors = [], []
    for k in range(1500):
        values = dice(k).uniform(0, 4, dice(k + 9999).poisson(200))
        found = paired(values, values * 1.05, EDGES, np.ones(len(values)))
        shifts.append(found.shift)
        errors.append(found.error)
    wanted = 50 * np.diff(EDGES) * (1 / 1.05 - 1)  # even in value: counts are widths
    scatter = np.std(shifts, axis=0)
    assert (np.abs(np.mean(shifts, axis=0) - wanted) < 4 * scatter / np.sqrt(1500)).all()
    ratio = scatter**2 / np.mean(np.square(errors), axis=0)
    assert (np.abs(ratio - 1) < 4 * np.sqrt(2.5 / 1500)).all()  # counts of a few: kurtosis, too


def test_changes_are_carried_over_group_by_group():
    small = systematics.Difference(np.array([1.0, -3.0, 2.0]), np.array([3.0, 4.0, 1.0]))
    before, nominal = np.array([10.0, 30.0, 10.0]), np.array([400.0, 100.0, 50.0])
    each = systematics.carry(small, before, nominal)
    assert np.allclose(each.shift, [40, -10, 10], rtol=1e-13)
    assert np.allclose(each.error, [120, 40 / 3, 5], rtol=1e-13)
    pairs = systematics.carry(small, before, nominal, [0, 0, 1])
    assert np.allclose(pairs.shift, [400 * -2 / 40, 100 * -2 / 40, 10], rtol=1e-13)
    assert np.allclose(pairs.error, [400 * 5 / 40, 100 * 5 / 40, 5], rtol=1e-13)
    same = systematics.carry(small, before, before, [0, 0, 0])
    assert abs(same.shift.sum() - small.shift.sum()) < 1e-14  # a sum stays what it was


def test_places_are_those_of_the_histogram():
    values, weight = events(14)
    place = systematics.places(values, EDGES)
    assert (place[np.isnan(values)] == -1).all()
    assert np.allclose(np.bincount(place[place >= 0], weight[place >= 0], minlength=3),
                       histograms(values, EDGES, weight), rtol=1e-13)


def test_a_shrunk_shift_has_the_square_of_the_true_one():
    """Over many small samples; where nothing is there, 2φ(1) = 0.48 of the noise is left."""
    true, error = np.array([3.0, -5.0, 0.0]), np.array([1.0, 1.0, 2.0])
    measured = true + error * dice(15).normal(size=(20000, 3))
    found = np.array([systematics.shrink(systematics.Difference(row, error)).shift
                      for row in measured])
    mean, scatter = (found**2).mean(axis=0), (found**2).std(axis=0) / np.sqrt(20000)
    left = np.array([0.0, 0.0, 4 * 2 * np.exp(-0.5) / np.sqrt(2 * np.pi)])
    assert (np.abs(mean - true**2 - left) < 4 * scatter + [0.01, 0, 0]).all()  # 3σ: cut at 0
    assert (np.sign(found) == np.where(np.abs(measured) > error, np.sign(measured), 0)).all()


@pytest.fixture(scope="module")
def budget():
    nominal = np.array([10.0, 20.0, 5.0])
    rows = nominal * dice(12).normal(1, 0.1, (30, 3))
    return gather(nominal, [universes("flux", nominal, rows),
                            shift("gain", nominal, nominal * [1.05, 0.97, 1.0]),
                            statistics([1.0, 2.0, 0.5])])


def test_covariances_add(budget):
    parts = [source.covariance for source in budget.sources]
    assert np.allclose(budget.covariance, parts[0] + parts[1] + parts[2], rtol=1e-14)
    assert list(budget.sizes) == ["flux", "gain", systematics.STATISTICS, "all"]
    squares = sum(budget.sizes[name] ** 2 for name in budget.names)
    assert np.allclose(budget.sizes["all"] ** 2, squares, rtol=1e-13)
    assert np.allclose(budget.sizes["gain"], [0.05, 0.03, 0], rtol=1e-12)
    assert np.allclose(np.diag(budget.fractional), budget.sizes["all"] ** 2, rtol=1e-13)


def test_correlations(budget):
    found = budget.correlation
    assert np.allclose(np.diag(found), 1, rtol=1e-14)
    assert (np.abs(found) <= 1 + 1e-12).all()
    only = gather(budget.nominal, budget.sources[1:2])
    assert np.allclose(only.correlation, [[1, -1, 0], [-1, 1, 0], [0, 0, 0]], atol=1e-14)


def test_exposure_leaves_fractions():
    nominal, rows = np.array([10.0, 20.0]), dice(13).normal(15, 3, (9, 2))
    once = gather(nominal, [universes("flux", nominal, rows)])
    twice = gather(2 * nominal, [universes("flux", 2 * nominal, 2 * rows)])
    assert np.allclose(twice.fractional, once.fractional, rtol=1e-13)
    assert np.allclose(twice.covariance, 4 * once.covariance, rtol=1e-13)


@pytest.mark.parametrize("by", ["covariance", "shifts"])
def test_template_carries_the_errors(budget, by):
    background = np.array([[4.0, 15.0, 1.0], [6.0, 5.0, 4.0]])
    found = systematics.template(EDGES, np.ones(3), background, budget, by=by)
    modes = nuisance.stack(found)[1:]
    assert np.allclose(modes.T @ modes, budget.covariance, rtol=1e-9)
    assert (found.shifts is None) == (by == "covariance")
    if by == "shifts":
        assert systematics.labels(budget) == ("flux",) * 3 + ("gain",) + (
            systematics.STATISTICS,) * 3
        assert np.allclose(found.shifts[3], [0.5, -0.6, 0])  # a shift keeps its sign and its name
    value = likelihood.chi2([12, 18, 6], found.total, budget.covariance, statistic="pearson")
    assert 0 < value < 10


def test_published_sizes():
    """36, 16, 19 and 14 %, arXiv:2502.10900."""
    assert (np.round(100 * systematics.published()) == [36, 16, 19, 14]).all()


def sample(kind, n):
    """Events that differ in energy alone."""
    return batches.Truth(
        event=np.arange(n), kind=np.full(n, batches.KINDS.index(kind)), weight=np.ones(n),
        vertex=np.zeros((n, 3)), e_nu=np.linspace(400, 2000, n), offsets=np.arange(n + 1),
        pdg=np.full(n, 14), p4=np.zeros((n, 4)), start=np.zeros((n, 3)), time=np.zeros(n),
        parent=np.full(n, -1))


def test_sources_of_weights_add_up():
    """Source by source, and all at once: the same covariance, and the sizes of the papers."""
    truth = batches.concatenate([sample("pi0", 40), sample("dirt", 20)])
    values = np.concatenate([truth.e_nu[:40], np.full(20, 500.0)])
    edges, count, papers = [0.0, 1000.0, 2500.0], 2500, {}
    nominal = histograms(values, edges, truth.weight)
    for name in uncertain.sizes(truth):
        factors = weights.universes(truth, count, seed=3, only=[name])
        papers[name] = universes(name, nominal, histograms(values, edges, truth.weight, factors))
    found = gather(nominal, papers.values())
    together = histograms(values, edges, truth.weight, weights.universes(truth, count, seed=3))
    ratio = np.sqrt(np.diag(universes("all", nominal, together).covariance)) / nominal
    assert np.allclose(found.sizes["all"], ratio, rtol=0.1)  # e^z: products, too, and 2500 dice
    dirt = np.array([20 / nominal[0], 0.0])  # share in each bin
    for name, share, size in (("dirt", dirt, 0.5), ("resonances, neutral current", 1 - dirt, 0.25),
                              ("pot", np.ones(2), 0.02)):
        wanted = share * np.sqrt(np.expm1(size**2))  # scatter of exp(σz − ½σ²)
        assert np.allclose(found.sizes[name], wanted, rtol=0.08), name


NOMINAL = np.array([10.0, 20.0])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: universes("flux", NOMINAL, np.empty((0, 2))), "'flux' has universes of shape"),
    (lambda: universes("flux", NOMINAL, [NOMINAL]), "wanted at least 2 with 2 bins"),
    (lambda: universes("flux", NOMINAL, np.ones((5, 3))), "wanted at least 2 with 2 bins"),
    (lambda: universes("flux", NOMINAL, [[1, 2], [np.nan, 2]]), "1 numbers are NaN"),
    (lambda: universes("flux", [[1.0]], np.ones((5, 1))), "one number for each bin"),
    (lambda: shift("gain", NOMINAL, [1.0]), "has 1 and 2 bins; wanted 2"),
    (lambda: shift("gain", NOMINAL, NOMINAL, sigmas=0), "0 standard deviations; wanted > 0"),
    (lambda: shift("gain", NOMINAL, [np.inf, 1]), "'gain': 1 numbers are NaN or infinite"),
    (lambda: statistics([1.0, -1.0]), "variance of -1; wanted Σ w² ≥ 0"),
    (lambda: matrix("given", [[1.0, 2.0], [2.0, 1.0]]), "'given': .*smallest eigenvalue is -1;"),
    (lambda: matrix("given", [[1.0, 2.0], [0.0, 1.0]]), "'given': .*not symmetric"),
    (lambda: gather(NOMINAL, []), r"sources \[\]; wanted one at least"),
    (lambda: gather(NOMINAL, 2 * [shift("a", NOMINAL, NOMINAL)]), "a name of its own"),
    (lambda: gather([1.0], [shift("a", NOMINAL, NOMINAL)]), r"wanted \(1, 1\)"),
    (lambda: gather([0.0, 1.0], [statistics([1, 1])]).sizes, r"bins \[0\] have no prediction"),
    (lambda: systematics.template([0, 1, 2], NOMINAL, [[1.0, 1.0]],
                                  gather(NOMINAL, [statistics([1, 1])])), "wanted that of the bud"),
    (lambda: systematics.template([0, 1, 2], NOMINAL, [NOMINAL],
                                  gather(NOMINAL, [statistics([1, 1])]), by="x"), "by = 'x'"),
    (lambda: histograms([1.0, 2.0], EDGES, [1.0]), "wanted one for each event"),
    (lambda: histograms([1.0], [2.0, 1.0], [1.0]), "edges must rise"),
    (lambda: histograms([1.0], EDGES, [np.nan]), "weights: 1 numbers are NaN"),
    (lambda: histograms([1.0], EDGES, [1.0], [[1.0, 1.0]]), r"wanted \(universes, 1\)"),
    (lambda: systematics.carry(systematics.Difference(NOMINAL, NOMINAL), [0.0, 1.0], NOMINAL),
     r"bins \[0\] have no events in the small sample"),
    (lambda: systematics.carry(systematics.Difference(NOMINAL, NOMINAL), [1.0], NOMINAL),
     "wanted one for each bin"),
    (lambda: paired([1.0], [1.0, 2.0], EDGES, [1.0], [1.0, 1.0]), "1 events without and 2 with"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_is_written_into():
    nominal, rows = NOMINAL.copy(), dice(1).normal(15, 3, (4, 2))
    before = rows.copy()
    source = universes("flux", nominal, rows)
    gather(nominal, [source]).covariance[:] = 0
    assert (rows == before).all()
    assert (nominal == NOMINAL).all()
    assert source.covariance.any()
