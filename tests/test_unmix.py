"""Unmix: charge shared out among tiles, against other solvers and the conditions of a minimum."""

import numpy as np
import pytest

from darkpairs import unmix


def problem(seed, strips=14, tiles=40):
    rng = np.random.default_rng(seed)
    crossing = np.column_stack([rng.integers(0, strips, tiles) + strips * p for p in range(3)])
    truth = rng.exponential(5e3, tiles) * (rng.random(tiles) < 0.3)
    matrix = np.zeros((3 * strips, tiles))
    for p in range(3):
        matrix[crossing[:, p], np.arange(tiles)] += 1
    error = rng.uniform(200, 600, 3 * strips)
    return matrix @ truth + rng.normal(0, error), error, crossing, matrix


def chi2(matrix, charge, error, found):
    return (((matrix @ found - charge) / error)**2).sum()


@pytest.mark.parametrize("seed", range(4))
def test_without_a_penalty_it_is_non_negative_least_squares(seed):
    nnls = pytest.importorskip("scipy.optimize").nnls
    charge, error, crossing, matrix = problem(seed)
    found = unmix.shares(charge, error, crossing, np.zeros(40), close=1e-12, sweeps=100_000)
    wanted, norm = nnls(matrix / error[:, None], charge / error)
    assert chi2(matrix, charge, error, found) == pytest.approx(norm**2, rel=1e-6)
    assert np.allclose(matrix @ found, matrix @ wanted, rtol=1e-4, atol=1)


@pytest.mark.parametrize("seed", range(4))
def test_the_slopes_at_the_answer_are_those_of_a_minimum(seed):
    charge, error, crossing, matrix = problem(seed)
    penalty = np.random.default_rng(seed).uniform(0, 0.02, 40)
    found = unmix.shares(charge, error, crossing, penalty, close=1e-12, sweeps=100_000)
    slope = matrix.T @ ((matrix @ found - charge) / error**2) + penalty
    assert (found >= 0).all()
    assert (found == 0).any()
    assert np.allclose(slope[found > 0], 0, atol=1e-8)
    assert (slope[found == 0] >= -1e-8).all()
