"""Weights: dedicated samples, rates, own models, chunks, warnings; universes and their dice."""

import warnings
from math import exp

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from darkpairs import (
    batches,
    cocktail,
    counting,
    gun,
    kinematics,
    model,
    rng,
    signal,
    uncertain,
    weights,
)
from darkpairs.cocktail import Part
from darkpairs.model import BENCHMARKS, broad

# Around two points with a real Z′ and two with a virtual one, both splittings
FEW = (Part(120.0, 3.0, 30.0, 2.0), Part(160.0, 3.0, 30.0, 2.0), Part(230.0, 0.5, 30.0, 2.0),
       Part(300.0, 0.5, 30.0, 2.0), Part(190.0, 3.0, 500.0, 2.0), Part(260.0, 3.0, 1250.0, 2.0),
       Part(420.0, 0.5, 500.0, 2.0), Part(600.0, 0.5, 1250.0, 2.0))
POINTS = {
    "light-3": broad(m5=140.0, delta=3.0, m_zprime=30.0, vmu5=1e-4),
    "light-half": broad(m5=265.0, delta=0.5, m_zprime=30.0, vmu5=1e-4),
    "heavy-3": broad(m5=210.0, delta=3.0, m_zprime=800.0, vmu5=1e-2),
    "heavy-half": broad(m5=480.0, delta=0.5, m_zprime=800.0, vmu5=1e-2),
}


@pytest.fixture(scope="module")
def mixed():
    truth = cocktail.generate(16000, seed=5, parts=FEW)
    return truth, weights.density(truth, source=FEW)


def observables(truth):
    """Energy, opening angle, asymmetry, angle to the beam and place along it."""
    minus, plus = (truth.p4[batches.only(truth, pdg)] for pdg in (11, -11))
    pair = minus + plus
    beam = np.array([1.0, 0.0, 0.0, 1.0])
    return dict(energy=pair[:, 0], opening=kinematics.opening_angle(minus, plus),
                asymmetry=np.abs(minus[:, 0] - plus[:, 0]) / pair[:, 0],
                angle=kinematics.opening_angle(pair, beam),
                place=truth.start[batches.only(truth, 11), 2])


def agreement(values, weight, wanted):
    """p-value that weighted values follow the law of the wanted ones, in ten bins, shape alone."""
    edges = np.quantile(wanted, np.linspace(0, 1, 11))
    edges[0], edges[-1] = -np.inf, np.inf
    share = np.histogram(values, edges, weights=weight)[0] / weight.sum()
    place = np.searchsorted(edges, values, side="right") - 1
    error2 = np.array([(weight**2 * ((place == k) - share[k]) ** 2).sum() for k in range(10)])
    error2 = error2 / weight.sum() ** 2 + 0.09 / len(wanted)
    return chi2.sf(((share - 0.1) ** 2 / error2).sum(), 9)


@pytest.mark.parametrize("name", POINTS)
def test_weighted_pairs_are_those_of_a_dedicated_sample(mixed, name):
    truth, made = mixed
    weight = weights.signal(truth, POINTS[name], source=FEW, made=made)
    own = signal.generate(POINTS[name], 20000, seed=6)
    seen, wanted = observables(truth), observables(own)
    chances = {key: agreement(seen[key], weight, wanted[key]) for key in seen}
    assert min(chances.values()) > 0.002, chances
    error = np.sqrt((weight**2).sum()) / weight.sum()
    assert error < 0.045
    assert abs(weight.sum() / own.weight.sum() - 1) < 3 * error


@pytest.mark.parametrize("name", ["light-3", "heavy-half"])
def test_two_observables_together(mixed, name):
    """Opening angle of soft and of hard pairs: a weight in each by itself would miss it."""
    truth, made = mixed
    weight = weights.signal(truth, POINTS[name], source=FEW, made=made)
    own = signal.generate(POINTS[name], 20000, seed=7)
    seen, wanted = observables(truth), observables(own)
    half = np.median(wanted["energy"])
    for side in (1, -1):
        mine, theirs = (side * each["energy"] > side * half for each in (seen, wanted))
        for key in ("opening", "angle"):
            assert agreement(seen[key][mine], weight[mine], wanted[key][theirs]) > 0.002


@pytest.mark.parametrize("name", ["light-140", "note", "example"])
def test_a_sample_weighted_to_its_own_model_is_what_it_was(name):
    point = BENCHMARKS[name]
    truth = signal.generate(point, 600, seed=2)
    assert np.array_equal(weights.signal(truth, point, source=point), truth.weight)
    apart = signal.generate(point, 600, seed=2, inside=False)
    stronger = model.replace(point, epsilon=2 * point.epsilon)
    four = weights.signal(apart, stronger, source=point, inside=False)
    assert np.allclose(four / apart.weight, 4, rtol=1e-9)


def test_each_event_is_weighted_by_itself(mixed):
    truth, made = mixed
    point = POINTS["light-3"]
    whole = weights.signal(truth, point, source=FEW, made=made)
    assert np.array_equal(weights.density(batches.select(truth, slice(40, 90)), source=FEW),
                          made[40:90])
    for part in (slice(0, 1), slice(1, 8000), np.arange(15999, 9000, -3)):
        some = batches.select(truth, part)
        assert np.array_equal(weights.signal(some, point, source=FEW, made=made[part], enough=0),
                              whole[part])


def test_rates_of_the_whole_cocktail():
    """Of benchmarks, from 1,200 events: the sum is the rate within its error."""
    truth = cocktail.generate(1200, seed=8)
    made = weights.density(truth)
    for name, point in BENCHMARKS.items():
        if not name.startswith("star-0.5"):
            weight = weights.signal(truth, point, made=made, enough=0)
            wanted = signal.expected_events(point, pot=1.0)
            effective = counting.effective(weight)
            assert abs(weight.sum() / wanted - 1) < 3.5 / np.sqrt(effective), name
            assert effective > 15, name  # 500 of 24,000 are 25 of 1,200


def test_few_effective_events_are_told(mixed):
    truth, made = mixed
    far = broad(m5=600.0, delta=0.5, m_zprime=30.0, vmu5=1e-4)
    with pytest.warns(weights.TooFew, match="effective events of 16000 stand for ν_h of 600 MeV"
                      ) as told:
        weight = weights.signal(truth, far, source=FEW, made=made)
    assert told[0].message.effective == counting.effective(weight) < 500
    assert told[0].message.model == far
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights.signal(truth, far, source=FEW, made=made, enough=0)
        weights.signal(truth, POINTS["light-3"], source=FEW, made=made)


def test_wrong_sources_and_targets_are_refused(mixed):
    truth, made = mixed
    few = batches.select(truth, slice(0, 32))
    with pytest.raises(ValueError, match="a ν_h that the source does not make, such as"):
        weights.signal(few, POINTS["light-3"])  # the whole cocktail did not make it
    with pytest.raises(ValueError, match=r"Z′ of 60 MeV; it has 16 pairs .* those of 30 MeV"):
        weights.signal(few, broad(m5=200.0, delta=3.0, m_zprime=60.0, vmu5=1e-4), source=FEW)
    with pytest.raises(ValueError, match="are no signal; wanted signal events alone"):
        weights.signal(gun.pair((100.0, 100.0), 0.1), POINTS["light-3"])
    with pytest.raises(ValueError, match="16000 events; wanted those of the source"):
        weights.signal(truth, POINTS["light-3"], source=FEW, made=made[1:])


@pytest.fixture(scope="module")
def few():
    return signal.generate(BENCHMARKS["note"], 60, seed=1, regime="both")


def test_universes_are_positive_with_mean_one(few):
    found = weights.universes(few, 4000, seed=3)
    assert found.shape == (4000, 60)
    assert (found > 0).all()
    error = found.std(axis=0) / np.sqrt(4000)
    assert (np.abs(found.mean(axis=0) - 1) < 4 * error).all()


def test_universes_have_the_errors_and_correlations_of_the_papers(few):
    logs = np.log(weights.universes(few, 6000, seed=4))
    _, moved = uncertain.modes(few)
    wanted = moved.T @ moved
    error = np.sqrt((np.outer(wanted.diagonal(), wanted.diagonal()) + wanted**2) / 6000)
    assert (np.abs(np.cov(logs.T) - wanted) < 5 * error).all()
    pull = (logs[:, 0] + 0.5 * (moved[:, 0] ** 2).sum()) / np.sqrt((moved[:, 0] ** 2).sum())
    assert kstest(pull, "norm").pvalue > 0.01


def test_a_universe_hangs_on_its_seed_and_number_alone(few):
    many = weights.universes(few, 50, seed=5)
    assert np.array_equal(weights.universes(few, 7, seed=5), many[:7])
    some = np.array([3, 50, 4])
    assert np.array_equal(weights.universes(batches.select(few, some), 50, seed=5), many[:, some])
    assert not np.isclose(weights.universes(few, 50, seed=6), many).any()
    joined = batches.concatenate([few, gun.shoot(22, 100.0)])
    with_gun = weights.universes(joined, 50, seed=5)
    assert np.array_equal(with_gun[:, :60], many)
    assert (with_gun[:, 60] == 1).all()  # nobody doubts a gun


def test_universes_are_a_plain_product(few):
    names, moved = uncertain.modes(few)
    found = weights.universes(few, 3, seed=9)
    for k in range(3):
        for i in (0, 17, 59):
            slow = 1.0
            for name, size in zip(names, moved[:, i].tolist(), strict=True):
                state = rng._start(np.uint64(9), np.uint64(rng.stream("universe", name)),
                                   np.uint64(k))
                slow *= exp(size * rng._normal(np.uint64(state))[1] - size * size / 2)
            assert np.isclose(found[k, i], slow, rtol=1e-12)


@pytest.mark.parametrize(("n", "seed", "message"), [
    (0, 1, "n = 0 universes"), (1.5, 1, "n = 1.5 universes"), (2, -1, "seed -1"),
])
def test_universes_refuse_bad_input(few, n, seed, message):
    with pytest.raises(ValueError, match=message):
        weights.universes(few, n, seed=seed)


def test_sources_alone_multiply_to_all(few):
    names = list(uncertain.sizes(few))
    alone = [weights.universes(few, 9, seed=5, only=[name]) for name in names]
    assert np.allclose(np.prod(alone, axis=0), weights.universes(few, 9, seed=5), rtol=1e-12)
    assert (weights.universes(few, 9, seed=5, only=["dirt"]) == 1).all()  # no dirt among these
    rest = weights.universes(few, 9, seed=5, only=names[1:])
    assert np.allclose(alone[0] * rest, weights.universes(few, 9, seed=5), rtol=1e-12)
    for wrong in ([], ["dust"], "dirt"):
        with pytest.raises(ValueError, match=r"wanted some of .*dirt, .*pion_plus"):
            weights.universes(few, 9, seed=5, only=wrong)


def test_flux_sources_are_those_of_the_beam():
    hadrons = {name for pair in uncertain.HADRONS.values() for name in pair}
    assert {*uncertain.FLUX} == hadrons | {"pot", "line"}
