"""Cuts on several scores: the significance, the best cut of a grid, folds without a say."""

from itertools import combinations, pairwise, product
from math import log, sqrt

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from darkpairs import cuts
from darkpairs.rng import uniforms

SMALL = cuts.Aim(levels=4.0, least=3.0, deepest=0.6, fine=6.0, bins=2.0, whole=4.0)
ONE = SMALL._replace(bins=1.0)


def sample(n=600, k=2):
    """Scores, folds, signal and weights; signal scores higher."""
    u = uniforms(3, 4, n, k + 3)
    signal = u[:, k] < 0.4
    scores = np.where(signal[:, None], np.sqrt(u[:, :k]), u[:, :k] ** 2)
    return scores, np.floor(5 * u[:, k + 1]).astype(int), signal, 0.1 + u[:, k + 2]


def slow_asimov(s, b, error):
    if error == 0:
        return sqrt(2 * ((s + b) * log(1 + s / b) - s))
    v = error**2
    return sqrt(2 * ((s + b) * log((s + b) * (b + v) / (b * b + (s + b) * v))
                     - b * b / v * log(1 + v * s / (b * (b + v)))))


def test_significance_as_the_formula_stands():
    for s, b, error in product((0.5, 5, 50), (0.5, 10, 200), (0, 0.3, 4)):
        assert cuts.asimov(s, b, error) == pytest.approx(slow_asimov(s, b, error), rel=1e-7)


def test_significance_from_a_profile_likelihood():
    # on-off problem with b = n/τ: the ratio of likelihoods, maximised by machine
    s, b, error = 20.0, 40.0, 8.0
    tau = b / error**2

    def minus(rate):
        return -((s + b) * log(rate) - rate + b * tau * log(tau * rate) - tau * rate)
    free = -((s + b) * log(s + b) - (s + b) + b * tau * log(tau * b) - tau * b)
    bound = minimize_scalar(minus, bounds=(b / 2, 2 * (s + b)), method="bounded",
                            options={"xatol": 1e-9}).fun
    assert cuts.asimov(s, b, error) == pytest.approx(sqrt(2 * (bound - free)), rel=1e-6)


def test_limits_of_the_significance():
    s = 1e-3
    assert cuts.asimov(s, 10.0, 3.0) == pytest.approx(s / sqrt(10 + 9), rel=1e-4)
    assert cuts.asimov(0.0, 10.0, 3.0) == 0
    assert cuts.asimov(5.0, 10.0, 1e-6) == pytest.approx(float(cuts.asimov(5.0, 10.0)), rel=1e-9)
    assert cuts.asimov(5.0, 10.0, 0.0) == pytest.approx(slow_asimov(5.0, 10.0, 0), rel=1e-14)


@pytest.mark.parametrize(("on", "off", "tau", "published"), [
    (4, 5.0, 5.0, 1.95), (6, 18.78, 14.44, 2.81)])
def test_significances_of_a_published_table(on, off, tau, published):
    # Cousins, Linnemann and Tucker, NIM A 595 (2008) 480, Table 1, Z_PL (from memory)
    b, error = off / tau, sqrt(off) / tau
    assert cuts.asimov(on - b, b, error) == pytest.approx(published, abs=0.01)


def slow_gain(s, b, square, aim):
    """Squared significance of one bin; None if it rests on too few."""
    if b <= 0 or b**2 < aim.least * square:
        return None
    return float(cuts.asimov(s, b, sqrt(square + (aim.error * b) ** 2))) ** 2


def slow_bins(score, signal, weight, starts, aim):
    """The best bins among all that begin at some scores, (sum of gains, edges)."""
    best = (-1.0, None)
    for n in range(int(aim.bins)):
        for inner in combinations(starts[1:], n):
            places = np.digitize(score, inner)
            sums = [[(weight**power)[(places == k) & (signal == side)].sum()
                     for side, power in ((True, 1), (False, 1), (False, 2))] for k in range(n + 1)]
            gains = [slow_gain(*one, aim) for one in sums]
            if None not in gains and sum(gains) > best[0] + 1e-12:
                best = (sum(gains), [score.min(), *inner, 1.0])
    return best


@pytest.mark.parametrize("aim", [SMALL, ONE, SMALL._replace(whole=40.0, least=8.0)])
def test_no_cut_of_the_grid_does_better(aim):
    scores, fold, signal, weight = sample()
    best = cuts.optimise(scores, fold, signal, weight, fitted=1, aim=aim)
    part = aim._replace(least=0.8 * aim.least, whole=0.8 * aim.whole)
    for k in range(5):
        mine = fold != k
        coarse, fine = (
            [-np.inf, *cuts.quantiles(scores[mine & signal, j], weight[mine & signal], shares[1:])]
            for j, shares in enumerate((np.linspace(0, aim.deepest, 4), np.arange(6) / 6)))
        reaches = {}
        for one, place in product(coarse, range(4)):  # 3/6 of the signal is within the deepest
            left = mine & (scores[:, 0] >= one) & (scores[:, 1] >= fine[place])
            rest = weight[left & ~signal]
            if rest.sum() ** 2 >= part.whole * (rest**2).sum() > 0:
                found = slow_bins(scores[left, 1], signal[left], weight[left], fine[place:], part)
                reaches[one, fine[place]] = found[0]
        assert reaches[tuple(best[k])] == pytest.approx(max(reaches.values()), rel=1e-12)
        assert best[k].max() > -np.inf


@pytest.mark.parametrize("bins", [1.0, 2.0, 3.0])
def test_no_other_bins_do_better(bins):
    scores, _, signal, weight = sample()
    aim = SMALL._replace(bins=bins, fine=9.0, least=40.0)
    found = cuts.edges(scores[:, 0], signal, weight, aim=aim)
    starts = [-np.inf, *cuts.quantiles(scores[signal, 0], weight[signal], np.arange(1, 9) / 9)]
    _, wanted = slow_bins(scores[:, 0], signal, weight, starts, aim)
    assert list(found) == wanted
    assert 2 <= len(found) <= bins + 1
    for low, high in pairwise(found):
        rest = weight[~signal & (scores[:, 0] >= low) & (scores[:, 0] < high)]
        assert rest.sum() ** 2 >= aim.least * (rest**2).sum() > 0


def test_what_happens_in_a_fold_does_not_change_its_cuts():
    scores, fold, signal, weight = sample()
    best = cuts.optimise(scores, fold, signal, weight, aim=SMALL)
    other = np.where((fold == 2)[:, None], 1 - scores, scores)
    changed = cuts.optimise(other, fold, signal, np.where(fold == 2, 7.0, weight), aim=SMALL)
    assert np.array_equal(changed[2], best[2])
    assert not np.array_equal(changed, best)


def test_few_effective_events_are_not_trusted():
    scores, fold, signal, weight = sample()
    for whole in (3.0, 60.0):
        aim = SMALL._replace(whole=whole, levels=6.0, deepest=0.9)
        best = cuts.optimise(scores, fold, signal, weight, aim=aim)
        for k in range(5):
            rest = weight[(fold != k) & ~signal & (scores >= best[k]).all(axis=1)]
            assert rest.sum() ** 2 / (rest**2).sum() >= 0.8 * whole
    for change in (dict(whole=1000.0), dict(least=1000.0)):
        with pytest.raises(ValueError, match=r"at most 2\d\d\.\d effective events.*wanted "):
            cuts.optimise(scores, fold, signal, weight, aim=SMALL._replace(**change))
    with pytest.raises(ValueError, match="no bin of the fitted score is worth 1000 effective"):
        cuts.edges(scores[:, 0], signal, weight, aim=SMALL._replace(least=1000.0))


def test_weighted_quantiles_agree_with_repeated_rows():
    values = uniforms(1, 1, 50, 1)[:, 0]
    times = np.arange(50) % 3 + 1
    repeated = np.sort(np.repeat(values, times))
    shares = np.array([0.0, 0.1, 0.5, 0.77])
    wanted = repeated[np.floor(shares * len(repeated) + 1e-9).astype(int)]
    assert np.array_equal(cuts.quantiles(values, times * 1.0, shares), wanted)


def test_who_passes():
    scores = np.array([[0.5, 0.5], [0.5, 0.4], [0.2, 0.9], [np.nan, 0.9]])
    limits = np.array([[0.5, 0.5], [0.1, 0.1]])
    assert list(cuts.passes(scores, np.array([0, 0, 1, 1]), limits)) == [True, False, True, False]


def test_one_heavy_row_has_no_say_in_the_bins():
    scores, _, signal, weight = sample()
    bins = cuts.edges(scores[:, 0], signal, weight, aim=SMALL)
    place = np.flatnonzero(~signal & (scores[:, 0] > bins[-2]))[0]
    for much, same in ((weight[~signal].sum(), True), (5.0, False)):
        heavier = np.where(np.arange(600) == place, much, weight)
        gone = np.where(np.arange(600) == place, 0.0, weight)
        found = cuts.edges(scores[:, 0], signal, heavier, aim=SMALL)
        assert np.array_equal(found, cuts.edges(scores[:, 0], signal, gone, aim=SMALL)) == same


@pytest.mark.parametrize(("change", "words"), [
    (dict(weight=np.full(600, -1.0)), "finite weights ≥ 0"),
    (dict(signal=np.ones(600)), "a mask of bool"),
    (dict(signal=np.zeros(600, bool)), "0 signal rows with a weight of 0"),
    (dict(fold=np.zeros(5, int)), r"folds \(5,\)"),
    (dict(aim=cuts.Aim(deepest=1.0)), "deepest < 1"),
    (dict(aim=cuts.Aim(bins=0.0)), "bins ≥ 1"),
    (dict(fitted=2), "fitted score 2 of 2; wanted its place"),
    (dict(aim=cuts.Aim(levels=30000.0)), "more than a million cells")])
def test_bad_input(change, words):
    given = dict(zip(("scores", "fold", "signal", "weight"), sample(), strict=True)) | change
    with pytest.raises(ValueError, match=words):
        cuts.optimise(**given)


def test_bad_input_of_the_rest():
    with pytest.raises(ValueError, match="background > 0"):
        cuts.asimov(1.0, 0.0)
    with pytest.raises(ValueError, match="2 scores; wanted some, all from 0 to 1"):
        cuts.edges([0.2, 1.3], np.array([True, False]), np.ones(2))
    with pytest.raises(ValueError, match=r"cuts of shape \(2, 3\).*one cut for each fold and sco"):
        cuts.passes(np.zeros((4, 2)), np.zeros(4, int), np.zeros((2, 3)))
