"""The dice: reference sequence, slices, uniformity and independence."""

import numpy as np
import pytest
from scipy import stats

from darkpairs import rng

MASK = 2**64 - 1


def slow_mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def slow_uniforms(seed, stream, event, draws):
    """The same dice with Python's whole numbers, which never overflow."""
    gamma = 0x9E3779B97F4A7C15
    state = slow_mix((slow_mix(slow_mix((seed + gamma) & MASK) ^ stream) + event * gamma) & MASK)
    values = []
    for _ in range(draws):
        state = (state + gamma) & MASK
        values.append((slow_mix(state) >> 11) * 2.0**-53)
    return values


def test_reference_sequence_of_splitmix64():
    # First outputs for the state 1234567, as published with the generator's reference code
    state = 1234567
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for value in expected:
        state, uniform = rng._next(np.uint64(state))
        assert uniform == (value >> 11) * 2.0**-53


@pytest.mark.parametrize("event", [0, 1, 4711, 2**40])
def test_dice_agree_with_the_slow_twin(event):
    number = rng.stream("signal", "decay")
    fast = rng.uniforms(2026, number, 1, 6, first=event)[0]
    assert fast.tolist() == slow_uniforms(2026, number, event, 6)


def test_a_chunk_is_a_slice_of_the_whole():
    number = rng.stream("sample")
    whole = rng.uniforms(7, number, 1000, 5)
    parts = [rng.uniforms(7, number, 137, 5, first=first) for first in (863, 500, 0)]
    assert (parts[0] == whole[863:]).all()
    assert (parts[1] == whole[500:637]).all()
    assert (parts[2] == whole[:137]).all()
    assert (rng.uniforms(7, number, 1000, 3) == whole[:, :3]).all()


def test_uniform_in_each_draw_and_along_the_events():
    values = rng.uniforms(1, rng.stream("a"), 100_000, 4)
    assert values.min() >= 0
    assert values.max() < 1
    pvalues = [stats.kstest(values[:, k], "uniform").pvalue for k in range(4)]
    pvalues += [stats.kstest(values[i::100].ravel(), "uniform").pvalue for i in range(6)]
    assert min(pvalues) > 0.01 / len(pvalues)


@pytest.mark.parametrize("other", [
    lambda v: (v[:-1, 0], v[1:, 0]),  # from event to event
    lambda v: (v[:, 0], v[:, 1]),  # from draw to draw
    lambda v: (v[:, 0], rng.uniforms(2, rng.stream("a"), len(v), 1)[:, 0]),  # from seed to seed
    lambda v: (v[:, 0], rng.uniforms(1, rng.stream("b"), len(v), 1)[:, 0]),  # stream to stream
])
def test_unrelated(other):
    first, second = other(rng.uniforms(1, rng.stream("a"), 200_000, 2))
    grid, _, _ = np.histogram2d(first, second, bins=32, range=[[0, 1], [0, 1]])
    assert stats.chisquare(grid.ravel()).pvalue > 0.001


def test_streams_are_the_same_everywhere_and_differ_by_name():
    assert rng.stream("signal", "decay") == rng.stream("signal", "decay")
    names = {rng.stream(a, b) for a in ("x", "y", "xy") for b in ("", "x", "y")}
    assert len(names) == 9


@pytest.mark.parametrize(("call", "message"), [
    (lambda: rng.uniforms(-1, 0, 1, 1), "seed -1; wanted a whole number"),
    (lambda: rng.uniforms(2**63, 0, 1, 1), "wanted a whole number from 0"),
    (lambda: rng.uniforms(1, 0, 0, 1), "n = 0, draws = 1, first = 0; wanted n, draws > 0"),
    (lambda: rng.uniforms(1, 0, 1, 1, first=-1), "first ≥ 0"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_lives_agree_with_numpy_to_the_last_digits():
    dice = np.random.default_rng(4)
    u = np.concatenate([dice.random(20_000), 10.0 ** -dice.uniform(0, 18, 20_000),
                        1 - 2.0 ** -dice.uniform(1, 53, 20_000), [1 - 2.0**-53]])
    ours = np.array([rng._life(each) for each in u])
    assert np.allclose(ours, -np.log1p(-u), rtol=1e-15, atol=0)
    assert rng._life(0.0) == 0


def test_who_dies_agrees_with_numpy_to_the_last_digits():
    dice = np.random.default_rng(5)
    x = np.concatenate([dice.uniform(0, 40, 20_000), 10.0 ** -dice.uniform(0, 18, 20_000), [40.0]])
    ours = np.array([rng._died(each) for each in x])
    assert np.allclose(ours, -np.expm1(-x), rtol=5e-16, atol=0)
    assert rng._died(0.0) == 0
    assert rng._died(40.0) == 1


@pytest.mark.parametrize("mean", [0.001, 0.3, 4.0, 9.99, 10.0, 37.0, 2000.0])
def test_counts_follow_poisson(mean):
    start = [rng._start(np.uint64(3), np.uint64(5), np.uint64(i)) for i in range(20_000)]
    counts = np.array([rng._poisson(np.uint64(state), mean)[1] for state in start])
    low, high = stats.poisson.ppf([0.005, 0.995], mean).astype(int)
    values = np.arange(low, high + 1)
    seen = [(counts < low).sum(), *((counts == k).sum() for k in values), (counts > high).sum()]
    law = [stats.poisson.cdf(low - 1, mean), *stats.poisson.pmf(values, mean),
           stats.poisson.sf(high, mean)]
    seen, law = np.array(seen), np.array(law) * len(counts)
    some = law > 5
    square = ((seen - law)[some] ** 2 / law[some]).sum()
    assert stats.chi2.sf(square, max(some.sum() - 1, 1)) > 0.005


def test_normal_numbers_are_normal():
    start = [rng._start(np.uint64(8), np.uint64(1), np.uint64(i)) for i in range(20_000)]
    assert stats.kstest([rng._normal(np.uint64(state))[1] for state in start], "norm").pvalue > 0.01
