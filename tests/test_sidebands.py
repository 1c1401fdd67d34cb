"""p-values that are even, a wrong sideband that is caught, constraints three ways, bad input."""

import numpy as np
import pytest
from scipy import stats

from darkpairs import likelihood, microboone, nuisance, tables
from darkpairs.batches import Template
from darkpairs.sidebands import agreement, disjoint, join, pvalues, teach


def case(seed=0, sizes=(4, 6, 5), scale=60.0, sources=5, error=0.12):
    """Three regions that shifts move together, with simulated events on the diagonal."""
    dice = np.random.default_rng(seed)
    mean = dice.uniform(0.5, 1.5, sum(sizes)) * scale
    shifts = mean * error * dice.normal(0.6, 0.5, (sources, 1)) * dice.normal(1, 0.3, (
        sources, len(mean)))
    covariance = shifts.T @ shifts + np.diag(0.1 * mean)
    names, cuts = ("signal", "pions", "dirt"), np.cumsum((0, *sizes))
    parts = {name: mean[a:b] for name, a, b in zip(names, cuts[:-1], cuts[1:], strict=True)}
    return join(parts, covariance), shifts


def counts(joint, seed=1, toys=1):
    return likelihood.fluctuate(joint.mean, joint.covariance, toys=toys, seed=seed)


def split(joint, row, *names):
    return {name: row[joint.places[name]] for name in names}


def test_regions_lie_side_by_side():
    joint, _ = case()
    assert joint.places == {"signal": slice(0, 4), "pions": slice(4, 10), "dirt": slice(10, 15)}
    assert joint.part("dirt", "signal").tolist() == [*range(10, 15), *range(4)]


def test_pvalues_are_those_of_goodness():
    joint, _ = case()
    rows = counts(joint, toys=6)
    given = joint.mean, joint.covariance
    found = [likelihood.goodness(row, *given, statistic="pearson") for row in rows]
    assert np.allclose(pvalues(rows, *given), [one.p for one in found], rtol=1e-9, atol=0)
    toys = pvalues(rows, *given, toys=300, seed=4)
    slow = [likelihood.goodness(row, *given, statistic="pearson", toys=300, seed=4).p
            for row in rows]
    assert np.allclose(toys, (1 + 300 * np.array(slow)) / 301, rtol=1e-12, atol=0)
    alone = likelihood.goodness(rows[0], joint.mean, statistic="pearson")
    assert np.isclose(pvalues(rows[0], joint.mean)[0], alone.p, rtol=1e-9, atol=0)


@pytest.mark.parametrize("toys", [0, 2000])
def test_pretended_sidebands_have_even_pvalues(toys):
    """KS > 0.01 over 500 pretended experiments, from χ² and from toys of other dice."""
    joint, _ = case(seed=2)
    bins = joint.part("pions", "dirt")
    mean, covariance = joint.mean[bins], joint.covariance[np.ix_(bins, bins)]
    rows = likelihood.fluctuate(mean, covariance, toys=500, seed=11, name="data")
    p = pvalues(rows, mean, covariance, toys=toys, seed=12)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert 0.02 < (p < 0.05).mean() < 0.08


def test_few_counts_need_toys():
    """With a tenth of a count per bin χ² has no right to its name; toys have."""
    mean = np.full(8, 0.1)
    rows = likelihood.fluctuate(mean, toys=800, seed=3, name="data")
    formula, toys = pvalues(rows, mean), pvalues(rows, mean, toys=4000, seed=5)
    assert (formula < 0.01).mean() > 0.03
    assert (toys < 0.01).mean() < 0.02


def test_a_wrong_sideband_is_caught():
    """A spectrum that falls twice as steeply as any source allows: p < 0.01, and only there."""
    joint, _ = case(seed=3, error=0.05, scale=200.0)
    wrong = joint.mean.copy()
    wrong[joint.places["pions"]] *= np.linspace(1.5, 0.5, 6)
    found = agreement(joint, split(joint, np.round(wrong), "pions", "dirt"), toys=2000, seed=1)
    assert found["pions"].p < 0.01
    assert found["all"].p < 0.01
    assert found["dirt"].p > 0.5
    caught = pvalues(np.random.default_rng(1).poisson(wrong, (200, 15))[:, 4:10],
                     joint.mean[4:10], joint.covariance[4:10, 4:10])
    assert (caught < 0.01).mean() > 0.95


def test_agreement_region_by_region():
    joint, _ = case()
    (row,) = counts(joint)
    found = agreement(joint, split(joint, row, "pions", "dirt"))
    assert list(found) == ["pions", "dirt", "all"]
    assert [one.bins for one in found.values()] == [6, 5, 11]
    place = joint.places["dirt"]
    wanted = likelihood.goodness(row[place], joint.mean[place], joint.covariance[place, place],
                                 statistic="pearson")
    assert np.isclose(found["dirt"].chi2, wanted.chi2, rtol=1e-12)
    assert np.isclose(found["dirt"].p, wanted.p, rtol=1e-12, atol=0)
    assert found["dirt"].error == 0
    assert agreement(joint, split(joint, row, "dirt"), toys=99)["dirt"].error > 0


@pytest.mark.parametrize("seed", range(4))
def test_constraint_is_the_block_formula(seed):
    joint, _ = case(seed)
    (row,) = counts(joint, seed)
    found = teach(joint, split(joint, row, "pions", "dirt"))
    y, x, v = slice(0, 4), slice(4, 15), joint.covariance
    inverse = np.linalg.inv(v[x, x] + np.diag(joint.mean[x]))
    assert np.allclose(found.mean, joint.mean[y] + v[y, x] @ inverse @ (row[x] - joint.mean[x]),
                       rtol=1e-10, atol=0)
    assert np.allclose(found.covariance, v[y, y] - v[y, x] @ inverse @ v[x, y], rtol=1e-10, atol=0)
    gains = np.sqrt(np.diag(v[y, y]) / np.diag(found.covariance))
    assert np.allclose(found.gains, gains, rtol=1e-12)
    assert np.isclose(found.gain, np.sqrt(v[y, y].sum() / found.covariance.sum()), rtol=1e-12)
    assert (found.before == joint.mean[y]).all()


@pytest.mark.parametrize("seed", range(4))
def test_constraint_is_a_joint_fit_of_pulls(seed):
    """Pulls of all sources fitted to the sidebands, and what they then do to the signal region."""
    joint, shifts = case(seed)
    (row,) = counts(joint, seed)
    found = teach(joint, split(joint, row, "pions", "dirt"))
    x, own = slice(4, 15), 0.1 * joint.mean[:4]  # simulated events of the signal region: unpulled
    weight = 1 / (joint.mean[x] + 0.1 * joint.mean[x])
    curvature = np.eye(len(shifts)) + (shifts[:, x] * weight) @ shifts[:, x].T
    pulls = np.linalg.solve(curvature, shifts[:, x] @ (weight * (row[x] - joint.mean[x])))
    t = shifts[:, :4]
    assert np.allclose(found.mean, joint.mean[:4] + pulls @ t, rtol=1e-10, atol=0)
    after = t.T @ np.linalg.solve(curvature, t) + np.diag(own)
    assert np.allclose(found.covariance, after, rtol=1e-10, atol=0)


@pytest.mark.parametrize("seed", range(4))
def test_chi2_of_all_is_that_of_the_sidebands_and_of_the_rest_given_them(seed):
    joint, _ = case(seed)
    (row,) = counts(joint, seed)
    found = teach(joint, split(joint, row, "dirt", "pions"))
    whole = likelihood.chi2(row, joint.mean, joint.covariance, statistic="pearson")
    x = joint.part("pions", "dirt")
    side = likelihood.chi2(row[x], joint.mean[x], joint.covariance[np.ix_(x, x)],
                           statistic="pearson")
    gap = row[:4] - found.mean
    rest = gap @ np.linalg.solve(found.covariance + np.diag(joint.mean[:4]), gap)
    assert np.isclose(whole, side + rest, rtol=1e-10, atol=0)


def test_constraint_and_poisson_fit_agree_where_counts_are_large():
    joint, shifts = case(5, scale=1e6, error=1e-3)
    (row,) = counts(joint, 5)
    joint = joint._replace(covariance=shifts.T @ shifts)
    found = teach(joint, split(joint, row, "pions", "dirt"))
    side = slice(4, 15)
    template = Template(np.arange(12), np.zeros(11), joint.mean[None, side], shifts=shifts[:, side])
    pulls = nuisance.fit(template, row[side], mu=0).pulls
    moved, wanted = pulls @ shifts[:, :4], found.mean - found.before
    assert np.allclose(moved, wanted, rtol=0.02, atol=0.01 * np.sqrt(joint.mean[:4]).max())


def test_sidebands_that_say_nothing_teach_nothing():
    joint, _ = case()
    apart = joint.covariance.copy()
    apart[:4, 4:] = apart[4:, :4] = 0
    (row,) = counts(joint)
    found = teach(joint._replace(covariance=apart), split(joint, row, "pions", "dirt"))
    assert np.allclose(found.mean, found.before, rtol=1e-14)
    assert np.isclose(found.gain, 1, rtol=1e-13)
    nothing = join({"signal": [5.0], "side": [5.0]}, np.zeros((2, 2)))
    assert teach(nothing, {"side": [7.0]}).gain == 1


def test_more_sidebands_never_widen():
    for seed in range(10):
        joint, _ = case(seed)
        (row,) = counts(joint, seed)
        one = teach(joint, split(joint, row, "pions"))
        two = teach(joint, split(joint, row, "pions", "dirt"))
        assert 1 <= one.gain <= two.gain
        assert np.linalg.eigvalsh(one.covariance - two.covariance)[0] > -1e-9


def test_the_truth_lies_within_the_narrower_error():
    joint, _ = case(7, scale=2000.0)
    pulls = []
    for row in counts(joint, 8, toys=800):
        found = teach(joint, split(joint, row, "pions", "dirt"))
        gap = row[:4] - found.mean
        pulls.append(gap.sum() / np.sqrt(found.covariance.sum() + found.mean.sum()))
    assert abs(np.std(pulls) - 1) < 0.09
    assert abs(np.mean(pulls)) < 0.12


def test_published_constraint():
    """28 published bins with neutral pions: what `microboone` makes of them, and their p-value."""
    scores, sides = (tables.read(f"microboone_{name}.csv") for name in ("score", "sidebands"))
    fractional = tables.read("microboone_fractional_covariance.csv").matrix()
    mean = np.concatenate([scores["background"], sides["background"]])
    joint = join({"signal": scores["background"], "pions": sides["background"]},
                 fractional * np.outer(mean, mean))
    found = teach(joint, {"pions": sides["data"]})
    wanted = microboone.constrained()
    assert np.allclose(found.mean, wanted.mean, rtol=1e-10, atol=0)
    assert np.allclose(found.covariance, wanted.covariance, rtol=1e-8, atol=1e-9)
    assert found.gain > 1.05
    assert agreement(joint, {"pions": sides["data"]})["pions"].p > 0.01


def test_regions_that_share_events_are_refused_with_their_number():
    masks = {"signal": np.arange(10) < 4, "near": np.arange(10) > 2, "far": np.arange(10) > 8}
    with pytest.raises(ValueError, match="'signal' and 'near' share 1 of 10 events"):
        disjoint(masks, signal="signal")
    masks["near"] = np.arange(10) > 3
    disjoint(masks, signal="signal")
    with pytest.raises(ValueError, match="'near' and 'far' share 1 of 10 events; wanted none"):
        disjoint(masks)


JOINT = join({"signal": [5.0], "side": [5.0, 6.0]}, np.eye(3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: join({"a": [1.0]}, np.eye(2)), r"regions with \[1\] bins; wanted \(1, 1\)"),
    (lambda: join({}, np.eye(0)), r"regions with \[\] bins"),
    (lambda: teach(JOINT, {"side": [1.0]}), "in region 'side'; wanted 2"),
    (lambda: teach(JOINT, {"other": [1.0]}), r"\['other'\]; wanted some of signal, side"),
    (lambda: teach(JOINT, {}), "wanted some of signal, side"),
    (lambda: teach(JOINT, {"signal": [1.0]}), "'signal' among the sidebands"),
    (lambda: teach(JOINT, {"side": [1.0, np.nan]}), "one finite number"),
    (lambda: agreement(JOINT, {"side": [1.0, -1.0]}), "counts must be numbers ≥ 0"),
    (lambda: pvalues([[1.0], [-1.0]], [1.0]), "numbers below 0"),
    (lambda: pvalues([1.0], [0.0]), "a prediction > 0"),
    (lambda: pvalues([1.0, 1.0], [1.0, 1.0], [[1, 9], [9, 1]]), "smallest eigenvalue is -7"),
    (lambda: pvalues([1.0], [1.0], toys=-1), "toys > 0"),
    (lambda: disjoint({"a": [True], "b": [True, False]}), "all for the same events"),
    (lambda: disjoint({"a": [1, 0]}), "wanted masks of bool"),
    (lambda: disjoint({"a": [True]}, signal="s"), "no region 's'; there are a"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_is_written_into():
    joint, _ = case()
    before, (row,) = joint.covariance.copy(), counts(joint)
    teach(joint, split(joint, row, "pions"))
    agreement(joint, split(joint, row, "pions"), toys=10)
    assert (joint.covariance == before).all()
