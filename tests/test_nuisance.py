"""The profile against slow minimisation, at edges where counts are zero, and on bad input."""

import numpy as np
import pytest

import slowlikelihood as slow
from darkpairs import likelihood, nuisance
from darkpairs.batches import Template


def random_case(seed, bins=5, sources=3, size=0.15, events=20):
    dice = np.random.default_rng(seed)
    background = dice.uniform(0.2, 2, bins) * events
    shifts = dice.normal(size=(sources, bins)) * size * background
    template = Template(np.arange(bins + 1), dice.uniform(0.1, 1, bins) * events, [background],
                        shifts=shifts)
    return template, dice.poisson(background).astype(float)


@pytest.mark.parametrize("size", [1e-3, 0.15, 30.0])  # of the systematic errors
@pytest.mark.parametrize("statistic", likelihood.STATISTICS)
def test_pulled_chi2_is_that_of_the_covariance(statistic, size):
    for seed in range(5):
        template, data = random_case(seed, bins=60, sources=6, size=size, events=3)
        rates, shifts = template.total + template.signal, template.shifts
        pulls, scratch = np.empty(6), (np.empty((6, 6)), np.empty(60))
        value = nuisance._pulled_chi2(data, rates, shifts, likelihood.STATISTICS.index(statistic),
                                      pulls, *scratch)
        dense = likelihood.chi2(data, rates, shifts.T @ shifts, statistic=statistic)
        assert np.isclose(value, dense, rtol=1e-10)
        own = likelihood.variance(data, rates, statistic=statistic)
        priced = ((data - rates - pulls @ shifts) ** 2 / own).sum() + pulls @ pulls
        assert np.isclose(priced, value, rtol=1e-12)


def test_no_shifts_leave_the_sum_over_bins():
    template, data = random_case(3)
    value = nuisance._pulled_chi2(data, template.total, template.shifts[:0], 1, np.empty(0),
                                  np.empty((0, 0)), np.empty(5))
    assert np.isclose(value, likelihood.chi2(data, template.total, statistic="pearson"), rtol=1e-13)


@pytest.mark.parametrize("mu", [0.0, 0.3, 4.0])
@pytest.mark.parametrize("seed", range(4))
def test_profile_against_slow_minimisation(seed, mu):
    template, data = random_case(seed)
    centre = np.random.default_rng(seed).normal(size=3)
    found = nuisance.fit(template, data, mu=mu, centre=centre)
    value, pulls = slow.profile(mu, template, data, template.shifts, centre)
    assert abs(found.chi2 - value) < 1e-10
    assert np.allclose(found.pulls, pulls, atol=1e-7)
    assert found.mu == mu
    assert np.allclose(found.prediction, mu * template.signal + template.total
                       + pulls @ template.shifts, rtol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_free_strength_against_slow_minimisation(seed):
    template, data = random_case(seed)
    data = data + 5
    mu, value = slow.best(template, data, template.shifts, high=3.0)
    found = nuisance.fit(template, data)
    assert abs(found.chi2 - value) < 1e-9
    assert np.isclose(found.mu, mu, atol=1e-5)
    one_sigma = [nuisance.fit(template, data, mu=found.mu + step).chi2 - found.chi2
                 for step in (0.01 * found.error, 0.02 * found.error)]
    assert np.allclose(one_sigma, [1e-4, 4e-4], rtol=0.02)  # χ² rises by 1 within one error


@pytest.mark.parametrize("seed", range(20))
def test_slopes_vanish_and_steps_away_cost(seed):
    template, data = random_case(seed, bins=8, size=0.4, events=3)
    found = nuisance.fit(template, data, mu=0.5)
    assert (found.prediction >= 0).all()
    if found.prediction.min() > 1e-6:
        slopes = template.shifts @ (1 - data / found.prediction) + found.pulls
        assert np.abs(slopes).max() < 1e-6
    dice = np.random.default_rng(seed)
    for _ in range(20):
        away = slow.chi2(found.pulls + 0.1 * dice.normal(size=3), 0.5, template, data,
                         template.shifts, 0.0)
        assert away > found.chi2 - 1e-9


def test_without_sources_it_is_poissons_chi2():
    template = Template([0, 1, 2], [1, 1], [[4.0, 6.0]])
    found = nuisance.fit(template, [3.0, 0.0], mu=1.0)
    assert found.pulls.shape == (0,)
    assert np.isclose(found.chi2, 2 * (2 + 3 * np.log(3 / 5)) + 2 * 7, rtol=1e-14)


def test_data_as_predicted_pull_nothing():
    template, _ = random_case(1)
    found = nuisance.fit(template, template.total, mu=0.0)
    assert np.allclose(found.pulls, 0, atol=1e-14)
    assert abs(found.chi2) < 1e-12


def test_an_empty_bin_may_be_pulled_to_zero():
    # 2 (1 + 1.2 ν) + ν² would like ν = −1.2, but the rate ends at ν = −1/1.2
    template = Template([0, 1], [1.0], [[1.0]], shifts=[[1.2]])
    found = nuisance.fit(template, [0.0], mu=0.0)
    assert np.isclose(found.chi2, 1 / 1.2**2, atol=1e-9)
    assert 0 <= found.prediction[0] < 1e-9
    free = nuisance.fit(template, [0.0])
    assert np.isclose(free.mu, -1.0, atol=1e-6)
    assert free.error == np.inf


def test_large_counts_and_far_data_converge():
    template = Template([0, 1, 2], [1.0, 5.0], [[1e6, 2e4]], shifts=[[1e4, 300.0], [5e3, -100.0]])
    for factor in (1e-3, 0.3, 1.0, 30.0, 1e4):
        found = nuisance.fit(template, factor * template.total, mu=0.0)
        value = slow.chi2(found.pulls, 0.0, template, factor * template.total, template.shifts, 0)
        slopes = slow.slopes(found.pulls, 0.0, template, factor * template.total, template.shifts,
                             0)
        assert np.isclose(found.chi2, value, rtol=1e-12)
        assert np.abs(slopes).max() < 1e-7 * (1 + abs(found.pulls).max())


def test_no_number_without_a_minimum():
    modes, work = np.array([[1.0]]), nuisance._workspace(np.array([[1.0]]))
    value = nuisance._best(np.array([np.inf]), np.ones(1), modes, np.zeros(0), 0, np.zeros(1), work)
    assert np.isnan(value)
    with pytest.raises(ArithmeticError, match="1 of 2 points have no minimum"):
        nuisance.converged(np.array([1.0, np.nan]))
    # The second bin pulls by 1e4σ; the empty one, at the price of its rate, holds it back
    wild = Template([0, 1, 2], [1.0, 1.0], [[1.0, 1.0]], shifts=[[3.0, -1e4]])
    with pytest.raises(ArithmeticError, match="no minimum found in 60 steps"):
        nuisance.fit(wild, [0.0, 1e9], mu=0.0)


TEMPLATE = Template([0, 1], [1.0], [[2.0]], shifts=[[0.5]])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nuisance.fit(TEMPLATE, [-1.0]), "counts must be numbers ≥ 0"),
    (lambda: nuisance.fit(TEMPLATE, [np.nan]), "counts must be numbers ≥ 0"),
    (lambda: nuisance.fit(TEMPLATE, [1.0, 1.0]), r"data of shape \(2,\) for 1 bins"),
    (lambda: nuisance.fit(TEMPLATE, [1.0], mu=-1.0), "mu = -1.0; wanted a number ≥ 0"),
    (lambda: nuisance.fit(TEMPLATE, [1.0], mu=np.nan), "mu = nan"),
    (lambda: nuisance.fit(TEMPLATE, [1.0], centre=[1, 2]), "wanted 1 finite numbers"),
    (lambda: nuisance.fit(Template([0, 1], [0.0], [[2.0]]), [1.0]), "signal is zero in every bin"),
    (lambda: nuisance.signals_like([1.0], TEMPLATE), r"signal grid of shape \(1,\)"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_lost_toy_is_told_and_many_are_refused():
    toys = np.append(np.ones(100), np.nan)
    with pytest.warns(RuntimeWarning, match="1 of 101 toys did not converge"):
        assert (nuisance.kept(toys) == np.ones(100)).all()
    with pytest.raises(ArithmeticError, match="2 of 102"):
        nuisance.kept(np.append(toys, np.nan))


def test_nothing_is_written_into():
    template, data = random_case(3)
    before, centre = data.copy(), np.ones(3)
    nuisance.fit(template, data, mu=1.0, centre=centre)
    assert (data == before).all()
    assert (centre == 1).all()
