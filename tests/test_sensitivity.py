"""CLs, limits and contours against pyhf, against slow minimisation, toys and what must hold."""

import tomllib
from pathlib import Path

import numpy as np
import pyhf
import pytest
from scipy import optimize, stats

import slowlikelihood as slow
from darkpairs import likelihood, sensitivity
from darkpairs.batches import Template

CASES = tomllib.loads((Path(__file__).parent / "reference" / "sensitivity.toml").read_text())
COUNTING = CASES["counting"]
ONE = Template([0, 1], [1.0], [[COUNTING["background"]]], shifts=[[COUNTING["error"]]])


def random_case(seed, bins=4, sources=2):
    dice = np.random.default_rng(seed)
    background = dice.uniform(5, 60, bins)
    shifts = dice.normal(size=(sources, bins)) * 0.1 * background
    template = Template(np.arange(bins + 1), dice.uniform(0, 8, bins), [background], shifts=shifts)
    data = dice.poisson(background + dice.uniform(0, 1) * template.signal)
    return template, data.astype(float)


def pyhf_model(template):
    background = template.total
    modifiers = [{"name": f"source{k}", "type": "histosys",
                  "data": {"hi_data": (background + shift).tolist(),
                           "lo_data": (background - shift).tolist()}}
                 for k, shift in enumerate(template.shifts)]
    return pyhf.Model({"channels": [{"name": "one", "samples": [
        {"name": "signal", "data": template.signal.tolist(),
         "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "background", "data": background.tolist(), "modifiers": modifiers}]}]},
        poi_name="mu", validate=False)  # its validator calls what jsonschema deprecates


def test_counting_experiment_against_pyhf():
    for k, mu in enumerate(COUNTING["mu"]):
        observed, expected = sensitivity.cls(ONE, [COUNTING["data"]], mu)
        assert abs(observed - COUNTING["pyhf_observed"][k]) < 1e-5
        assert abs(observed - COUNTING["own_observed"][k]) < 1e-10
        assert np.allclose(expected, COUNTING["own_expected"][k], rtol=1e-8, atol=1e-12)


def test_limits_of_the_counting_experiment():
    observed, expected = sensitivity.upper_limit(ONE, [COUNTING["data"]])
    assert np.isclose(observed, COUNTING["limit_observed"], rtol=1e-6)
    assert np.allclose(expected, COUNTING["limit_expected"], rtol=1e-6)
    without = sensitivity.upper_limit(ONE, [COUNTING["background"]]).expected
    assert np.allclose(without, COUNTING["limit_expected_without_excess"], rtol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_random_cases_against_pyhf_and_slow_minimisation(seed):
    template, data = random_case(seed)
    model = pyhf_model(template)
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    full = [*data, *model.config.auxdata]
    for mu in (0.6, 2.0):
        ours = sensitivity.cls(template, data, mu)
        theirs = pyhf.infer.hypotest(mu, full, model, test_stat="qtilde", return_expected_set=True,
                                     par_bounds=[(0, 50) if name == "mu" else (-8, 8)
                                                 for name in model.config.par_names])
        assert abs(ours.observed - theirs[0]) < 1e-5
        assert np.abs(ours.expected - np.array(theirs[1])).max() < 1e-5
        observed, expected = slow.cls(template, data, mu, template.shifts)
        assert abs(ours.observed - observed) < 1e-8
        assert np.abs(ours.expected - expected).max() < 1e-8


@pytest.mark.parametrize("seed", [1, 4])
def test_limits_against_pyhf(seed):
    template, data = random_case(seed)
    model = pyhf_model(template)
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    bounds = [(0, 50) if name == "mu" else (-8, 8) for name in model.config.par_names]
    observed, expected = pyhf.infer.intervals.upper_limits.upper_limit(
        [*data, *model.config.auxdata], model, rtol=1e-7, par_bounds=bounds)
    ours = sensitivity.upper_limit(template, data)
    assert np.isclose(ours.observed, observed, rtol=1e-3)
    assert np.allclose(ours.expected, expected, rtol=1e-3)
    assert abs(sensitivity.cls(template, data, ours.observed).observed - 0.05) < 1e-8


def test_discovery_of_the_counting_experiment():
    p, z = sensitivity.discovery(ONE, [COUNTING["data"]])
    assert np.isclose(p, COUNTING["p0"], rtol=1e-7)
    assert np.isclose(z, COUNTING["z0"], rtol=1e-7)
    assert sensitivity.discovery(ONE, [50.0]) == (0.5, 0.0)


def test_readme_example_of_pyhf():
    # There the errors are gamma distributed, here Gaussian: the same within some percent
    case = CASES["two_bins"]
    template = Template([0, 1, 2], case["signal"], [case["background"]],
                        shifts=np.diag(case["errors"]))
    assert np.isclose(sensitivity.cls(template, case["data"], 1.0).observed, case["observed"],
                      rtol=0.05)


def test_toys_of_the_counting_experiment():
    for k in (2, 4, 5):
        toys = sensitivity.cls(ONE, [COUNTING["data"]], COUNTING["mu"][k], method="toys",
                               toys=40_000, seed=5).observed
        assert abs(toys - COUNTING["toys_observed"][k]) < 5 * 3.3 * COUNTING["toys_error"][k]


def test_toys_agree_with_formulas_where_counts_are_large():
    dice = np.random.default_rng(2)
    background = dice.uniform(2000, 4000, 5)
    template = Template(np.arange(6), dice.uniform(50, 90, 5), [background],
                        covariance=np.diag(0.01 * background))
    data = background.round()
    formula = sensitivity.cls(template, data, 1.0)
    toys = sensitivity.cls(template, data, 1.0, method="toys", toys=20_000, seed=3)
    assert abs(toys.observed - formula.observed) < 0.01
    assert np.allclose(toys.expected[:4], formula.expected[:4], atol=0.02)
    limit = sensitivity.upper_limit(template, data, method="toys", toys=8000, seed=3)
    assert np.isclose(limit.observed, sensitivity.upper_limit(template, data).observed, rtol=0.02)


def test_nothing_seen_nothing_expected():
    template = Template([0, 1], [1.0], [[1e-9]])  # CLs = exp(−μ)
    mu = CASES["empty"]["limit"]
    assert abs(sensitivity.cls(template, [0.0], mu, method="toys", toys=60_000,
                               seed=1).observed - 0.05) < 0.004


def test_no_signal_is_never_excluded_and_more_signal_more():
    template, data = random_case(3)
    assert sensitivity.cls(template, data, 0.0).observed == 1.0
    values = [sensitivity.cls(template, data, mu).observed for mu in np.linspace(0, 4, 20)]
    assert (np.diff(values) < 0).all()


def test_data_far_below_what_is_expected():
    template = Template([0, 1, 2], [1.0, 2.0], [[3000.0, 5000.0]])
    band = sensitivity.cls(template, [10.0, 20.0], 100.0)
    assert 0 < band.observed < 1e-6
    assert (np.diff(band.expected) > 0).all()
    assert sensitivity.upper_limit(template, [0.0, 0.0]).observed > 0


def test_strength_times_signal_is_what_counts():
    template, data = random_case(6)
    twice = Template(template.edges, 2 * template.signal, template.background,
                     shifts=template.shifts)
    a, b = (sensitivity.upper_limit(each, data) for each in (template, twice))
    assert np.isclose(a.observed, 2 * b.observed, rtol=1e-8)


def test_covariance_and_its_shifts_give_the_same():
    template, data = random_case(7)
    other = Template(template.edges, template.signal, template.background,
                     covariance=template.shifts.T @ template.shifts)
    assert np.isclose(sensitivity.cls(template, data, 1.0).observed,
                      sensitivity.cls(other, data, 1.0).observed, rtol=1e-8)
    for statistic in sensitivity.STATISTICS:
        a, b = (sensitivity.delta_chi2(each, data, 1.0, statistic=statistic)
                for each in (template, other))
        assert np.isclose(a, b, rtol=1e-7)


@pytest.mark.parametrize("statistic", likelihood.STATISTICS)
@pytest.mark.parametrize("sources", [0, 3, 9, 30])
def test_few_shifts_many_shifts_and_covariance_give_the_same(statistic, sources):
    template, data = random_case(11, bins=12, sources=sources)
    shifts, covariance = sensitivity.systematics(template)
    assert (len(shifts), len(covariance)) == ((sources, 0) if sources < 6 else (0, 12))
    other = Template(template.edges, template.signal, template.background,
                     covariance=template.shifts.T @ template.shifts)
    signals = template.signal * np.array([[0.0], [0.5], [3.0]])
    values = [sensitivity.scan(signals, each, data, statistic=statistic)
              for each in (template, other)]
    assert np.allclose(*values, rtol=1e-10)


def test_grid_of_signals_is_one_signal_at_a_time():
    template, data = random_case(8)
    grid = template.signal * np.array([[0.5, 1.0, 1.5], [2.0, 2.5, 3.0]])[..., None]
    band = sensitivity.exclusion(grid, template, data)
    assert band.observed.shape == (2, 3)
    assert band.expected.shape == (5, 2, 3)
    alone = sensitivity.cls(template, data, 1.5)
    assert np.isclose(band.observed[0, 2], alone.observed, rtol=1e-12)
    assert np.allclose(band.expected[:, 0, 2], alone.expected, rtol=1e-12)


def test_thresholds():
    for level, values in CASES["thresholds"].items():
        ours = [sensitivity.threshold(dof=dof, level=float(level)) for dof in (1, 2, 3)]
        assert np.allclose(ours, values, rtol=1e-10)


def brute_chi2(template, data, mu, statistic):
    if statistic == "poisson":
        return slow.profile(mu, template, data, template.shifts)[0]
    return likelihood.chi2(data, mu * template.signal + template.total,
                           template.shifts.T @ template.shifts, statistic=statistic)


@pytest.mark.parametrize("statistic", sensitivity.STATISTICS)
def test_crossing_against_brute_force(statistic):
    template, data = random_case(9)
    best = min(brute_chi2(template, data, mu, statistic) for mu in np.linspace(0, 3, 61))
    near = optimize.minimize_scalar(lambda mu: brute_chi2(template, data, mu, statistic),
                                    bounds=(0, 3), method="bounded", options=dict(xatol=1e-9))
    best = min(best, near.fun)
    level = best + CASES["thresholds"]["0.95"][1]
    wanted = optimize.brentq(lambda mu: brute_chi2(template, data, mu, statistic) - level, near.x,
                             10)
    ours = sensitivity.crossing(template, data, statistic=statistic)
    assert np.isclose(ours, wanted, rtol=1e-6)
    assert np.isclose(sensitivity.delta_chi2(template, data, ours, statistic=statistic),
                      stats.chi2.isf(0.05, 2), rtol=1e-8)


@pytest.mark.parametrize("statistic", sensitivity.STATISTICS)
def test_the_best_strength_is_never_negative(statistic):
    template, _ = random_case(9)
    few = 0.7 * template.total
    assert sensitivity.delta_chi2(template, few, 0.0, statistic=statistic) == 0.0
    rise = brute_chi2(template, few, 1.0, statistic) - brute_chi2(template, few, 0.0, statistic)
    assert np.isclose(sensitivity.delta_chi2(template, few, 1.0, statistic=statistic), rise,
                      rtol=1e-8)


@pytest.mark.parametrize("statistic", sensitivity.STATISTICS)
def test_contour_against_brute_force(statistic):
    template, data = random_case(5)
    strengths = np.linspace(0, 3, 6)
    shapes = np.array([template.signal, template.signal[::-1]])
    grid = strengths[:, None, None] * shapes
    found = sensitivity.contour(grid, template, data, statistic=statistic)
    wanted = np.array([[brute_chi2(Template(template.edges, shape, template.background,
                                            shifts=template.shifts), data, mu, statistic)
                        for shape in shapes] for mu in strengths])
    assert np.allclose(found.delta, wanted - wanted.min(), atol=1e-8)
    assert (found.excluded == (found.delta > found.threshold)).all()
    assert found.best in ((), tuple(np.argwhere(found.delta == 0)[0]))


def test_best_without_signal_is_said():
    grid = np.array([[[5.0], [9.0]]])
    found = sensitivity.contour(grid, ONE, [40.0])
    assert found.best == ()
    assert found.delta.min() > 0
    assert sensitivity.contour(grid, ONE, [95.0]).best == (0, 1)


def test_lost_toys_are_told_and_left_out():
    good = np.linspace(0, 4, 1000)
    with pytest.warns(RuntimeWarning, match="1 of 1001 toys did not converge and are left out"):
        band = sensitivity.from_toys(1.0, np.append(good, np.nan), good)
    assert band.observed == sensitivity.from_toys(1.0, good, good).observed
    with pytest.raises(ArithmeticError, match="500 of 1500 toys did not converge"):
        sensitivity.from_toys(1.0, np.append(good, np.full(500, np.nan)), good)


BAD = Template([0, 1, 2], [1.0, 1.0], [[1.0, 1.0]], covariance=[[0.0, 3.0], [3.0, 0.0]])
NONE = Template([0, 1], [0.0], [[1.0]])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: sensitivity.cls(ONE, [-1.0], 1.0), r"counts must be numbers ≥ 0; got \[-1.0\]"),
    (lambda: sensitivity.cls(ONE, [np.nan], 1.0), "counts must be numbers ≥ 0"),
    (lambda: sensitivity.cls(ONE, [1.0, 2.0], 1.0), r"data of shape \(2,\) for 1 bins"),
    (lambda: sensitivity.cls(ONE, [1.0], -0.5), "mu = -0.5; wanted a number ≥ 0"),
    (lambda: sensitivity.cls(ONE, [1.0], np.inf), "mu = inf; wanted a number ≥ 0"),
    (lambda: sensitivity.cls(ONE, [1.0], 1.0, method="guess"), "unknown method 'guess'"),
    (lambda: sensitivity.cls(ONE, [1.0], 1.0, method="toys"), "toys = 0, seed = 0; wanted"),
    (lambda: sensitivity.cls(BAD, [1.0, 1.0], 1.0), "its smallest eigenvalue is -3"),
    (lambda: sensitivity.scan([[1.0, 1.0]], BAD, [1.0, 1.0], statistic="cnp"),
     "its smallest eigenvalue is -3"),
    (lambda: sensitivity.upper_limit(NONE, [1.0]), "the limit is unbounded"),
    (lambda: sensitivity.crossing(NONE, [1.0]), "the limit is unbounded"),
    (lambda: sensitivity.upper_limit(ONE, [1.0], level=1.0), "level = 1.0; wanted a number betw"),
    (lambda: sensitivity.threshold(dof=0), "dof = 0"),
    (lambda: sensitivity.delta_chi2(ONE, [1.0], 1.0, statistic="yates"), "unknown statistic"),
    (lambda: sensitivity.contour([[1.0]], ONE, [1.0]), r"shape \(1, 1\); wanted \(a, b, bins\)"),
    (lambda: sensitivity.contour([[[1.0, 2.0]]], ONE, [1.0]), r"wanted \(..., 1\)"),
    (lambda: sensitivity.contour([[[-1.0]]], ONE, [1.0]), "numbers below 0"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_is_written_into():
    template, data = random_case(2)
    before = data.copy()
    grid = template.signal[None, None] * np.ones((2, 2, 1))
    kept = grid.copy()
    sensitivity.contour(grid, template, data)
    sensitivity.upper_limit(template, data)
    assert (data == before).all()
    assert (grid == kept).all()
