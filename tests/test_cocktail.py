"""The cocktail: shares, chunks, dice, its density as a plain sum, that it adds up to one."""

import numpy as np
import pytest

from darkpairs import batches, cocktail, decay, density, kinematics, planes, signal
from darkpairs.cocktail import PARTS, Part

FEW = (Part(140.0, 3.0, 30.0, 3.0), Part(300.0, 0.5, 60.0, 1.0), Part(210.0, 1.0, 800.0, 2.0),
       Part(600.0, 3.0, 1250.0, 1.0))
ARRAYS = list(batches.Truth.SHAPES)


@pytest.fixture(scope="module")
def few():
    return cocktail.generate(2100, seed=3, parts=FEW)


def heavy(truth):
    return kinematics.mass(truth.p4[truth.offsets[:-1] + 1])


def test_shares_are_exact_after_each_turn(few):
    masses = heavy(few).reshape(300, 7)
    for part in FEW:
        assert (np.isclose(masses, part.m5, rtol=1e-6).sum(axis=1) == part.events).all()
    assert np.bincount(cocktail.turn()).tolist() == [part.events for part in PARTS]


def test_parts_are_spread_evenly_over_a_turn():
    table = cocktail.turn()
    for k, part in enumerate(PARTS):
        steps = np.arange(1, len(table) + 1) * part.events / len(table)
        assert np.abs(np.cumsum(table == k) - steps).max() < 2.0  # never two events behind


def test_an_event_does_not_hang_on_its_chunk(few):
    parts = [cocktail.generate(n, seed=3, first=first, parts=FEW)
             for first, n in ((0, 1), (1, 4), (5, 295), (300, 1800))]
    joined = batches.concatenate(parts)
    for name in set(ARRAYS) - {"weight"}:
        assert np.array_equal(getattr(few, name), getattr(joined, name)), name
    assert np.array_equal(few.event, np.arange(2100))
    assert np.array_equal(few.weight, np.full(2100, 1 / 2100))
    other = cocktail.generate(2100, seed=4, parts=FEW)
    assert not np.isclose(other.e_nu, few.e_nu).any()


def test_events_are_those_of_the_generator(few):
    mine = batches.select(few, np.isclose(heavy(few), 140.0))
    wanted = signal.generate(FEW[0].model, 900, seed=3)
    for name in set(ARRAYS) - {"weight", "event"}:
        assert np.array_equal(getattr(mine, name), getattr(wanted, name)), name


def test_no_two_parts_throw_the_same_dice(few):
    twins = cocktail.generate(100, seed=3, parts=(FEW[0], FEW[0]))
    assert not np.isclose(twins.e_nu[::2], twins.e_nu[1::2]).any()


def test_density_is_the_sum_over_parts_by_their_share(few):
    some = batches.select(few, slice(0, 40))
    found = cocktail.density(some, parts=FEW)
    seen = density.pairs(some)
    for i in range(40):
        slow = 0.0
        for part in FEW:
            rate = signal.expected_events(part.model, pot=1.0)
            slow += part.events / 7 * float(density.of(part.model, seen[i:i + 1])[0]) / rate
        assert np.isclose(found[i], slow, rtol=1e-12, atol=0)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_density_adds_up_to_one(few, k):
    """A part, taken by itself, has the rate that it should have in the mix."""
    point = FEW[k].model
    ratio = density.of(point, density.pairs(few)) / cocktail.density(few, parts=FEW)
    error = ratio.std() / np.sqrt(len(ratio)) / ratio.mean()
    assert abs(ratio.mean() / signal.expected_events(point, pot=1.0) - 1) < 3 * error + 0.003
    share = FEW[k].events / 7
    assert ratio.max() * share < 1.0001 * signal.expected_events(point, pot=1.0)


def test_the_cocktail_has_a_part_wherever_the_slices_have_a_real_zprime():
    """The note's fourteen slices; its own cocktail had four points, with two kinds of Z′."""
    models = [part.model for part in PARTS]
    real = {point.m_zprime for point in models if decay.is_real(point)}
    for delta, m_zprime in planes.SLICES:
        axis = planes.broad(delta, m_zprime).models
        assert m_zprime in real or not any(map(decay.is_real, axis))
        virtual = [point.m_heavy - point.m_light for point in axis if not decay.is_real(point)]
        assert max(point.m_heavy - point.m_light for point in models
                   if not decay.is_real(point)) >= max(virtual)
    assert {(part.delta, part.m_zprime) for part in PARTS} <= set(planes.SLICES)


def test_other_experiments_and_regimes():
    options = dict(experiment="miniboone", regime="both")
    truth = cocktail.generate(70, seed=1, parts=FEW, **options)
    assert len(np.unique(truth.pdg[truth.offsets[:-1]])) == 2  # carbon, and protons
    assert (cocktail.density(truth, parts=FEW, **options) > 0).all()


@pytest.mark.parametrize(("arguments", "message"), [
    (dict(n=0), "wanted whole numbers, n > 0"),
    (dict(n=1.5), "wanted whole numbers, n > 0"),
    (dict(n=1, first=-1), "first ≥ 0"),
    (dict(n=1, seed=-1), "seed -1; wanted"),
    (dict(n=1, parts=()), "at least one"),
    (dict(n=1, parts=(Part(140.0, 3.0, 30.0, 0.5),)), "wanted whole numbers > 0"),
])
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cocktail.generate(**{"seed": 1, **arguments})
