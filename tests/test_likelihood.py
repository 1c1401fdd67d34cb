"""χ² and the conditional constraint against a worked case, a slow twin, dice and bad input."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from darkpairs import likelihood

CASE = tomllib.loads((Path(__file__).parent / "reference" / "constraint.toml").read_text())
PREDICTION = np.array(CASE["prediction"])
OBSERVED = np.array(CASE["observed"])
COVARIANCE = np.array(CASE["fractional_covariance"]) * np.outer(PREDICTION, PREDICTION)
SIGNAL, SIDE = np.arange(5), np.arange(5, 9)


def with_side_statistics(statistic):
    joint = COVARIANCE.copy()
    joint[SIDE, SIDE] += likelihood.variance(OBSERVED[SIDE], PREDICTION[SIDE], statistic=statistic)
    return joint


@pytest.mark.parametrize("statistic", likelihood.STATISTICS)
def test_chi2_of_the_worked_case(statistic):
    full = likelihood.chi2(OBSERVED, PREDICTION, COVARIANCE, statistic=statistic)
    alone = likelihood.chi2(OBSERVED, PREDICTION, statistic=statistic)
    assert np.isclose(full, CASE["chi2_with_covariance"][statistic], rtol=1e-10, atol=0)
    assert np.isclose(alone, CASE["chi2_statistical"][statistic], rtol=1e-10, atol=0)


def test_poisson_chi2_of_the_worked_case():
    ours = likelihood.poisson(OBSERVED, PREDICTION)
    assert np.isclose(ours, CASE["chi2_statistical"]["poisson"], rtol=1e-10, atol=0)
    ratio = stats.poisson.logpmf(OBSERVED, OBSERVED) - stats.poisson.logpmf(OBSERVED, PREDICTION)
    assert np.isclose(ours, 2 * ratio.sum(), rtol=1e-10)


def test_simulated_events_may_move_their_bins():
    # Slow twin: the price of every factor on a fine grid
    data, prediction = np.array([0.0, 3.0, 12.0, 40.0]), np.array([2.0, 5.0, 9.0, 55.0])
    relative = np.array([0.4, 0.3, 0.2, 0.1])
    factors = np.linspace(0.01, 3, 300_000)[:, None]
    rates = factors * prediction
    price = 2 * (rates - data + special.xlogy(data, data) - special.xlogy(data, rates)) + (
        (factors - 1) / relative) ** 2
    slow = price.min(axis=0)
    assert np.isclose(likelihood.poisson(data, prediction, relative=relative), slow.sum(),
                      rtol=1e-8)
    assert np.allclose(likelihood.scaling(data, prediction, relative),
                       factors[price.argmin(axis=0), 0], atol=1e-4)


def test_scaling_at_its_ends():
    assert likelihood.scaling([4.0], [2.0], [0.0]) == 1.0
    assert np.isclose(likelihood.scaling([4.0], [2.0], [1e6])[0], 2.0, rtol=1e-6)  # the data win
    assert likelihood.scaling([0.0], [30.0], [1.0])[0] == 0.0
    assert np.isclose(likelihood.poisson([0.0], [30.0], relative=[1.0]), 1.0)
    same = likelihood.poisson(OBSERVED, PREDICTION, relative=np.zeros(9))
    assert same == likelihood.poisson(OBSERVED, PREDICTION)


def test_eigenmodes_give_their_covariance_back():
    modes = likelihood.eigenmodes(COVARIANCE)
    assert np.allclose(modes.T @ modes, COVARIANCE, rtol=1e-10, atol=1e-10 * COVARIANCE.max())
    gram = modes @ modes.T
    assert np.allclose(gram, np.diag(np.diag(gram)), atol=1e-9 * gram.max())
    one = np.outer([1.0, -2.0, 3.0], [1.0, -2.0, 3.0])  # of one source: one mode, not three
    assert np.allclose(np.abs(likelihood.eigenmodes(one)), [[1, 2, 3]])
    assert likelihood.eigenmodes(np.zeros((2, 2))).shape == (0, 2)


def test_goodness_of_the_worked_case():
    case = CASE["goodness"]
    formula = likelihood.goodness(OBSERVED, PREDICTION, COVARIANCE)
    assert formula.chi2 == likelihood.chi2(OBSERVED, PREDICTION, COVARIANCE, statistic="pearson")
    assert formula.bins == 9
    assert np.isclose(formula.p, case["p"], rtol=1e-10)
    toys = likelihood.goodness(OBSERVED, PREDICTION, COVARIANCE, toys=10_000, seed=1)
    assert abs(toys.p - case["p_toys"]) < 4 * np.hypot(toys.error, case["p_toys_error"])


def test_goodness_with_poisson_and_large_counts():
    mean = np.full(6, 900.0)
    data = mean + 30 * np.array([1.0, -1.2, 0.3, 1.5, -0.4, 0.8])
    formula = likelihood.goodness(data, mean, statistic="poisson")
    toys = likelihood.goodness(data, mean, statistic="poisson", toys=5000, seed=4)
    assert formula.chi2 == likelihood.poisson(data, mean)
    assert abs(toys.p - formula.p) < 4 * toys.error


def test_pretended_experiments_have_mean_and_covariance():
    counts = likelihood.fluctuate(PREDICTION, COVARIANCE, toys=40_000, seed=2)
    total = COVARIANCE + np.diag(PREDICTION)
    error = np.sqrt(np.diag(total) / len(counts))
    assert (np.abs(counts.mean(axis=0) - PREDICTION) < 4.5 * error).all()
    width = np.sqrt(np.outer(np.diag(total), np.diag(total)) / len(counts))
    assert (np.abs(np.cov(counts.T) - total) < 7 * width).all()
    values = [likelihood.chi2(row, PREDICTION, COVARIANCE, statistic="pearson")
              for row in counts[:8000]]
    assert abs(np.mean(values) - CASE["goodness"]["mean_chi2_of_toys"]) < 4 * np.std(values) / 89


def test_toy_i_depends_on_the_seed_and_i_alone():
    many = likelihood.fluctuate(PREDICTION, COVARIANCE, toys=50, seed=9)
    assert (likelihood.fluctuate(PREDICTION, COVARIANCE, toys=7, seed=9) == many[:7]).all()
    assert (likelihood.fluctuate(PREDICTION, COVARIANCE, toys=50, seed=10) != many).any()


@pytest.mark.parametrize("statistic", likelihood.STATISTICS)
def test_compiled_chi2_is_the_verb(statistic):
    place = likelihood.STATISTICS.index(statistic)
    value = likelihood._gauss_chi2(OBSERVED, PREDICTION, COVARIANCE, place, np.empty((9, 10)))
    assert np.isclose(value, CASE["chi2_with_covariance"][statistic], rtol=1e-10, atol=0)
    value = likelihood._gauss_chi2(OBSERVED, PREDICTION, -10 * COVARIANCE, place, np.empty((9, 10)))
    assert np.isnan(value)


@pytest.mark.parametrize("statistic", ["pearson", "cnp"])
def test_constraint_of_the_worked_case(statistic):
    expected = CASE[f"constraint_{statistic}"]
    joint = with_side_statistics(statistic)
    mean, covariance = likelihood.constrain(PREDICTION, joint, OBSERVED[SIDE], known=SIDE)
    assert np.allclose(mean, expected["mean"], rtol=1e-10, atol=0)
    assert np.allclose(covariance, expected["covariance"], rtol=1e-10, atol=0)
    chi2 = likelihood.chi2(OBSERVED[SIGNAL], mean, covariance, statistic=statistic)
    assert np.isclose(chi2, expected["chi2"], rtol=1e-10, atol=0)


@pytest.mark.parametrize("seed", range(5))
def test_joint_chi2_is_side_plus_conditional(seed):
    dice = np.random.default_rng(seed)
    root = dice.normal(size=(9, 9))
    joint = root @ root.T + 9 * np.eye(9)
    mean, seen = dice.normal(size=(2, 9)) * 10
    known = dice.permutation(9)[:4]
    rest = np.setdiff1d(np.arange(9), known)
    after = likelihood.constrain(mean, joint, seen[known], known=known)

    def square(gap, covariance):
        return gap @ np.linalg.inv(covariance) @ gap

    whole = square(seen - mean, joint)
    side = square((seen - mean)[known], joint[np.ix_(known, known)])
    assert np.isclose(whole, side + square(seen[rest] - after.mean, after.covariance), rtol=1e-10)


def test_constraint_agrees_with_the_precision_matrix():
    # Slow twin: the conditional covariance is the inverse of the block of the inverse.
    joint = with_side_statistics("pearson")
    precision = np.linalg.inv(joint)
    block = np.linalg.inv(precision[:5, :5])
    mean = PREDICTION[:5] - block @ precision[:5, 5:] @ (OBSERVED[5:] - PREDICTION[5:])
    fast = likelihood.constrain(PREDICTION, joint, OBSERVED[5:], known=SIDE)
    assert np.allclose(fast.covariance, block, rtol=1e-9)
    assert np.allclose(fast.mean, mean, rtol=1e-10)


def test_constraint_never_enlarges_and_keeps_what_is_unrelated():
    joint = with_side_statistics("pearson")
    after = likelihood.constrain(PREDICTION, joint, OBSERVED[SIDE], known=SIDE)
    gain = joint[:5, :5] - after.covariance
    assert np.linalg.eigvalsh(gain)[0] > -1e-9
    blocks = joint.copy()
    blocks[:5, 5:] = blocks[5:, :5] = 0
    untouched = likelihood.constrain(PREDICTION, blocks, OBSERVED[SIDE], known=SIDE)
    assert (untouched.mean == PREDICTION[:5]).all()
    assert np.allclose(untouched.covariance, joint[:5, :5], rtol=1e-14)


def test_constraint_against_the_dice():
    joint = with_side_statistics("pearson")
    draws = np.random.default_rng(11).multivariate_normal(PREDICTION, joint, size=20_000)
    pulls = []
    for draw in draws[:4000]:
        after = likelihood.constrain(PREDICTION, joint, draw[SIDE], known=SIDE)
        pulls.append((draw[2] - after.mean[2]) / np.sqrt(after.covariance[2, 2]))
    assert stats.kstest(pulls, "norm").pvalue > 0.01


def test_pearson_follows_its_law_when_counts_are_large():
    mean = np.full(12, 4000.0)
    draws = np.random.default_rng(8).poisson(mean, size=(3000, 12))
    values = [likelihood.chi2(draw, mean, statistic="pearson") for draw in draws]
    assert stats.kstest(values, stats.chi2(12).cdf).pvalue > 0.01


def test_cnp_is_a_third_neyman_and_two_thirds_pearson():
    data, mean = np.array([3.0, 12.0, 7.0]), np.array([5.0, 10.0, 7.5])
    parts = {name: likelihood.chi2(data, mean, statistic=name) for name in likelihood.STATISTICS}
    assert np.isclose(parts["cnp"], (parts["neyman"] + 2 * parts["pearson"]) / 3, rtol=1e-14)


def test_empty_bins():
    for mean in (0.1, 1.0, 3.0):  # CNP: 2 μ, the Poisson value (Ji et al., below Eq. 16)
        assert np.isclose(likelihood.chi2([0.0], [mean], statistic="cnp"), 2 * mean, rtol=1e-14)
    assert likelihood.chi2([0.0], [3.0], statistic="neyman") == 9.0


@pytest.mark.parametrize(("call", "message"), [
    (lambda: likelihood.chi2([-1.0], [1.0]), r"counts must be numbers ≥ 0; got \[-1.0\]"),
    (lambda: likelihood.chi2([np.nan], [1.0]), "counts must be numbers ≥ 0"),
    (lambda: likelihood.chi2([1.0], [0.0]), r"needs a prediction > 0; got \[0.0\]"),
    (lambda: likelihood.chi2([1.0, 2.0], [1.0]), r"data of shape \(2,\) and prediction of shape"),
    (lambda: likelihood.chi2([1.0], [1.0], np.eye(2)), r"covariance of shape \(2, 2\); wanted"),
    (lambda: likelihood.chi2([1.0], [1.0], statistic="yates"), "unknown statistic 'yates'"),
    (lambda: likelihood.chi2([1.0, 1.0], [1.0, 1.0], [[0, 3], [3, 0]]),
     "not positive definite: its smallest eigenvalue is -2"),
    (lambda: likelihood.chi2([1.0, 1.0], [1.0, 1.0], [[0, 3], [2, 0]]), "not symmetric"),
    (lambda: likelihood.poisson([-1.0], [1.0]), "counts must be numbers ≥ 0"),
    (lambda: likelihood.poisson([1.0], [1.0], relative=[-0.1]), "relative errors .* for each of 1"),
    (lambda: likelihood.poisson([1.0], [1.0], relative=[0.1, 0.1]), "relative errors"),
    (lambda: likelihood.eigenmodes([[0, 3], [3, 0]]), "its smallest eigenvalue is -3"),
    (lambda: likelihood.fluctuate([1.0], toys=0, seed=1), "toys = 0, seed = 1"),
    (lambda: likelihood.fluctuate([1.0], toys=1, seed=-1), "toys = 1, seed = -1"),
    (lambda: likelihood.fluctuate([1.0], np.eye(2), toys=1, seed=1), "covariance for 2 bins"),
    (lambda: likelihood.fluctuate(np.full(40, 0.01), np.eye(40), toys=1, seed=1),
     "make a bin negative"),
    (lambda: likelihood.constrain([1, 1], np.eye(2), [1.0, 2.0], known=[1]), "one finite number"),
    (lambda: likelihood.constrain([1, 1], np.eye(2), [np.nan], known=[1]), "one finite number"),
    (lambda: likelihood.constrain([1, 1], np.eye(2), [1.0], known=[2]), r"known bins \[2\]"),
    (lambda: likelihood.constrain([1, 1], np.eye(2), [1, 1], known=[0, 0]), r"different ones"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_is_written_into():
    joint, data = with_side_statistics("cnp"), OBSERVED.copy()
    before = joint.copy()
    likelihood.constrain(PREDICTION, joint, data[SIDE], known=SIDE)
    likelihood.chi2(data, PREDICTION, joint)
    assert (joint == before).all()
    assert (data == OBSERVED).all()
