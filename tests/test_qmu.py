"""q̃ against slow minimisation, its zero, its law at large counts, and its dice."""

import numba
import numpy as np
import pytest
from scipy import stats

import slowlikelihood as slow
from darkpairs import nuisance, qmu
from test_nuisance import random_case


@pytest.mark.parametrize("seed", range(5))
def test_pairs_against_slow_minimisation(seed):
    template, data = random_case(seed)
    q, asimov = qmu.pairs(template, data, 1.5 * template.signal[None])
    top = slow.profile(1.5, template, data, template.shifts)[0]
    mu, bottom = slow.best(template, data, template.shifts, high=1.5)
    assert mu < 1.49
    assert np.isclose(q[0], top - bottom, atol=1e-9)
    pulls = slow.profile(0.0, template, data, template.shifts)[1]
    sample = template.total + pulls @ template.shifts
    assert np.isclose(asimov[0], slow.profile(1.5, template, sample, template.shifts, pulls)[0],
                      atol=1e-8)


def test_zero_where_the_data_want_more():
    template, data = random_case(2)
    free = nuisance.fit(template, data + 10)
    strengths = free.mu * np.array([0.0, 0.5, 0.999, 1.001, 1.5])
    q = qmu.pairs(template, data + 10, strengths[:, None] * template.signal)[0]
    assert (q[:3] == 0).all()
    assert (np.diff(q[2:]) > 0).all()
    few = nuisance.fit(template, 0.2 * template.total, mu=0.0).chi2  # here μ̂ = 0
    q = qmu.pairs(template, 0.2 * template.total, template.signal[None])[0]
    assert np.isclose(q[0], nuisance.fit(template, 0.2 * template.total, mu=1.0).chi2 - few)


def test_toys_at_the_tested_strength_follow_half_a_chi2():
    # f(q̃|μ) is half a delta at 0 and, below the Asimov value, half a χ² (arXiv:1007.1727, Sec. 3.7)
    template, _ = random_case(4, size=0.03, events=4000)
    data = template.total.round()
    strength = 5 * nuisance.fit(template, data).error
    _, toys, _ = qmu.throw(template, data, strength, toys=20_000, seed=8)
    assert abs((toys == 0).mean() - 0.5) < 0.015
    assert stats.kstest(toys[toys > 0], stats.chi2(1).cdf).pvalue > 0.005


def test_toy_i_depends_on_the_seed_and_i_alone():
    template, data = random_case(1)
    threads = numba.get_num_threads()
    many = qmu.throw(template, data, 1.0, toys=101, seed=4)
    try:
        numba.set_num_threads(1)
        few = qmu.throw(template, data, 1.0, toys=40, seed=4)
    finally:
        numba.set_num_threads(threads)
    assert (few[1] == many[1][:40]).all()
    assert (few[2] == many[2][:40]).all()
    assert (qmu.throw(template, data, 1.0, toys=40, seed=5)[1] != few[1]).any()
    assert np.isclose(many[0], qmu.pairs(template, data, template.signal[None])[0, 0], rtol=1e-9)


@pytest.mark.parametrize(("call", "message"), [
    (lambda template, data: qmu.throw(template, data, 1.0, toys=0, seed=1), "toys = 0"),
    (lambda template, data: qmu.throw(template, data, 1.0, toys=5, seed=-1), "seed = -1"),
    (lambda template, data: qmu.throw(template, data, -1.0, toys=5, seed=1), "mu = -1.0"),
    (lambda template, data: qmu.pairs(template, data, [[1.0]]), "signal grid of shape"),
    (lambda template, data: qmu.pairs(template, data[1:], template.signal[None]), "data of shape"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(*random_case(0))
