"""Unmix: charge shared out among tiles, against other solvers and the conditions of a minimum."""

import numpy as np
import pytest

from darkpairs import unmix

TILES = 40


def problem(seed, strips=14):
    rng = np.random.default_rng(seed)
    crossing = np.column_stack([rng.integers(0, strips, TILES) + strips * p for p in range(3)])
    truth = rng.exponential(5e3, TILES) * (rng.random(TILES) < 0.3)
    matrix = np.zeros((3 * strips, TILES))
    for p in range(3):
        matrix[crossing[:, p], np.arange(TILES)] = 1
    error = rng.uniform(200, 600, 3 * strips)
    charge = np.maximum(matrix @ truth + rng.normal(0, error), 0)
    return charge, error, crossing, matrix


def solve(charge, error, crossing, penalty, **options):
    return unmix.shares(charge, error, crossing, penalty, **dict(close=1e-13, sweeps=200_000)
                        | options)


def slow(charge, error, crossing, penalty, sweeps):
    """One sweep after the other, in words."""
    found = [0.0] * len(crossing)
    for _ in range(sweeps):
        for j, mine in enumerate(crossing):
            weight = [1 / error[i]**2 for i in mine]
            rest = [charge[i] - sum(found[k] for k in range(len(found)) if i in crossing[k])
                    for i in mine]
            slope = sum(w * r for w, r in zip(weight, rest, strict=True)) - penalty[j]
            found[j] = max(found[j] + slope / sum(weight), 0)
    return found


@pytest.mark.parametrize("sweeps", [1, 2, 7])
def test_sweeps_agree_with_the_slow_twin(sweeps):
    charge, error, crossing, _ = problem(5)
    penalty = np.full(TILES, 0.01)
    found = unmix.shares(charge, error, crossing, penalty, close=0.0, sweeps=sweeps)
    wanted = slow(charge, error, crossing.tolist(), penalty, sweeps)
    assert np.allclose(found, wanted, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_without_a_penalty_it_is_non_negative_least_squares(seed):
    optimize = pytest.importorskip("scipy.optimize")
    charge, error, crossing, matrix = problem(seed)
    found = solve(charge, error, crossing, np.zeros(TILES))
    wanted, norm = optimize.nnls(matrix / error[:, None], charge / error)
    chi2 = (((matrix @ found - charge) / error)**2).sum()
    assert chi2 == pytest.approx(norm**2, rel=1e-6)
    assert np.allclose(matrix @ found, matrix @ wanted, rtol=1e-4, atol=1)


@pytest.mark.parametrize("seed", range(3))
def test_with_equal_errors_and_penalties_it_is_the_lasso(seed):
    linear = pytest.importorskip("sklearn.linear_model")
    charge, _, crossing, matrix = problem(seed)
    strength = 200.0
    found = solve(charge, np.ones(len(charge)), crossing, np.full(TILES, strength))
    lasso = linear.Lasso(alpha=strength / len(charge), positive=True, fit_intercept=False,
                         tol=1e-12, max_iter=1_000_000).fit(matrix, charge)

    def goal(b):
        return 0.5 * ((charge - matrix @ b)**2).sum() + strength * b.sum()

    assert goal(found) == pytest.approx(goal(lasso.coef_), rel=1e-8)
    assert np.allclose(matrix @ found, matrix @ lasso.coef_, rtol=1e-4, atol=1)


@pytest.mark.parametrize("seed", range(4))
def test_the_slopes_at_the_answer_are_those_of_a_minimum(seed):
    charge, error, crossing, matrix = problem(seed)
    penalty = np.random.default_rng(seed).uniform(0, 0.02, TILES)
    found = solve(charge, error, crossing, penalty)
    slope = matrix.T @ ((matrix @ found - charge) / error**2) + penalty
    assert (found >= 0).all()
    assert 0 < (found == 0).sum() < TILES
    assert np.allclose(slope[found > 0], 0, atol=1e-7)
    assert (slope[found == 0] >= -1e-7).all()


def test_groups_do_not_know_of_each_other():
    one, other = problem(1), problem(2)
    n = len(one[0])
    both = unmix.shares(np.append(one[0], other[0]), np.append(one[1], other[1]),
                        np.concatenate([one[2], other[2] + n]), np.full(2 * TILES, 0.01))
    alone = [unmix.shares(*part[:3], np.full(TILES, 0.01)) for part in (one, other)]
    assert np.array_equal(both, np.concatenate(alone))
    crossing = np.concatenate([one[2], other[2] + n])
    group = unmix.groups(crossing, 2 * n)
    assert not set(group[:TILES]) & set(group[TILES:])
    lone = unmix.groups(np.array([[0, 3, 6], [1, 4, 7], [2, 3, -1]]), 8)
    assert lone.tolist() == [0, 1, 0]


def test_truth_comes_back_from_sparse_strips():
    """Two tiles that share one strip; a published way, arXiv:1803.04850, asks for no more."""
    found = solve([9.0, 5.0, 4.0, 5.0, 4.0], np.ones(5), [[0, 1, 3], [0, 2, 4]], np.zeros(2))
    assert found == pytest.approx([5.0, 4.0])


def test_a_strip_that_is_not_asked_says_nothing():
    crossing = [[0, 1, 2]]
    assert solve([5.0, 5.0, 90.0], [1.0, 1.0, np.inf], crossing, [0.0]) == pytest.approx([5.0])
    assert solve([5.0, 5.0, 5.0], np.full(3, np.inf), crossing, [0.0]).tolist() == [0.0]
    assert solve([], [], np.zeros((0, 3)), []).shape == (0,)


@pytest.mark.parametrize(("change", "words"), [
    (dict(error=[1.0, 0.0, 1.0]), "errors of strips"), (dict(penalty=[-1.0]), "wanted one ≥ 0"),
    (dict(penalty=[0.0, 0.0]), "2 penalties of 1 tiles"), (dict(crossing=[[0, 1, 3]]), "−1 to 2"),
    (dict(start=[-1.0]), "to begin with")])
def test_what_makes_no_sense_is_refused(change, words):
    given = dict(charge=[1.0, 1.0, 1.0], error=[1.0, 1.0, 1.0], crossing=[[0, 1, 2]],
                 penalty=[0.0]) | change
    with pytest.raises(ValueError, match=words):
        unmix.shares(given.pop("charge"), given.pop("error"), given.pop("crossing"),
                     given.pop("penalty"), **given)
