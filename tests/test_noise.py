"""The size, the colour and the dice of the noise."""

from math import isclose, pi, sqrt

import numpy as np
import pytest
from scipy import stats

from darkpairs import detector, noise, response, rng, wires

CHAMBER = detector.MICROBOONE
STREAM = np.uint64(rng.stream("test", "noise"))


@pytest.fixture(scope="module")
def pool():
    return noise.pool(CHAMBER)


def test_longer_wires_are_louder_as_published():
    electrons = noise.rms(CHAMBER, [50.0, 230.0, 470.0]) * response.electrons_per_count(CHAMBER)
    assert np.allclose(electrons, [232, 287, 370], atol=2)  # the law in electrons
    assert electrons[2] < 400  # JINST 12 P08003: below 400 electrons at 4.7 m
    assert (np.diff(noise.rms(CHAMBER, wires.lengths(CHAMBER, 0)[:600])) > 0).all()


@pytest.mark.parametrize("length", [0.0, 1.0, 233.0, 466.0])
def test_size_against_the_slow_twin(length):
    slow = sqrt(0.90**2 + (0.79 + 0.22 * length / 100) ** 2)
    assert isclose(float(noise.rms(CHAMBER, length)), slow, rel_tol=1e-12)


def slow_law(f):
    """Power of the noise at a frequency [MHz], but for a factor."""
    omega = 2 * pi * f
    shaper = abs((1 + 1j * omega * 2.2 / 5) ** -6) ** 2
    return (omega * 2.2 / 5 + (omega * 2.2 / 5) ** 2) * shaper


@pytest.mark.parametrize("n", [64, 255, 4096])
def test_spectrum_against_the_slow_twin(n):
    found = noise.spectrum(CHAMBER, n)
    slow = [slow_law(min(k, n - k) / (n * 0.5)) for k in range(n)]  # all waves of the circle
    factor = n * n / sum(slow)
    assert np.allclose(found, [factor * power for power in slow[:n // 2 + 1]], rtol=1e-10)


def test_spectrum_is_band_limited_as_published():
    """JINST 12 P08003: most near 120 kHz, next to nothing above 500 kHz."""
    f = np.fft.rfftfreq(8192, CHAMBER.tick)
    found = noise.spectrum(CHAMBER, 8192)
    assert found[0] == 0
    assert 0.10 < f[found.argmax()] < 0.14
    assert found[f > 0.5].sum() < 0.01 * found.sum()
    with pytest.raises(ValueError, match="n = 1; wanted at least 2 ticks"):
        noise.spectrum(CHAMBER, 1)


def test_pool_is_one_million_samples_of_size_one(pool):
    assert pool.shape == (2**20,)
    assert pool.dtype == np.float32
    assert isclose(np.mean(pool.astype(float) ** 2), 1, abs_tol=1e-5)
    assert abs(pool.mean(dtype=float)) < 1e-6
    assert noise.pool(CHAMBER._replace(gain=7.0, lifetime=1.0)) is pool
    noise._pool.cache_clear()
    again = noise.pool(CHAMBER)
    assert again is not pool
    assert again.tobytes() == pool.tobytes()


def test_pool_has_the_spectrum(pool):
    found = abs(np.fft.rfft(pool.astype(float))) ** 2 / noise.spectrum(CHAMBER, 2**20).clip(1e-300)
    bands = found[1:1 + 2**18].reshape(512, 512)  # exponentials of mean 1
    assert stats.chisquare(bands.mean(axis=1) * 512, np.full(512, bands.sum() / 512)).pvalue > 0.01
    assert isclose(bands.mean(), 1, abs_tol=0.01)
    assert stats.kstest(found[1:2**18:13], "expon").pvalue > 0.01


def test_runs_of_the_pool_have_the_spectrum_of_their_length(pool):
    runs = pool.reshape(1024, 1024).astype(float)
    found = (abs(np.fft.rfft(runs)) ** 2).mean(axis=0)
    law = noise.spectrum(CHAMBER, 1024)
    seen = slice(20, 256)  # 40 to 500 kHz; below, a short run sees the edges of its window
    assert np.allclose(found[seen], law[seen], rtol=0.2)
    assert isclose(found[seen].sum(), law[seen].sum(), rel_tol=0.01)


def test_pool_is_gaussian(pool):
    apart = pool[::64].astype(float)  # 32 µs: related no more
    assert stats.kstest(apart, "norm").pvalue > 0.01
    assert abs(np.corrcoef(apart[1:], apart[:-1])[0, 1]) < 4 / sqrt(len(apart))
    assert abs(stats.kurtosis(apart)) < 0.15


def test_pool_is_the_same_everywhere(pool):
    parts = pool.astype(float).reshape(32, -1)
    assert np.allclose(parts.var(axis=1), 1, atol=0.04)
    shapes = [(parts[:, 3:] * parts[:, :-3]).mean(axis=1), (parts[:, 8:] * parts[:, :-8]).mean(1)]
    assert all(np.ptp(shape) < 0.08 for shape in shapes)
    seam = np.concatenate([pool[-3:], pool[:3]])  # the end fits to the beginning
    assert abs(np.diff(seam)).max() < 5 * np.diff(pool[:10_000]).std()


def offsets(seed=1, stream=STREAM, event=3, plane=0, count=40_000):
    return np.array([noise._offset(np.uint64(seed), stream, np.uint64(event), plane, wire)
                     for wire in range(count)])


def test_places_are_even_and_unrelated():
    found = offsets()
    assert found.min() >= 0
    assert found.max() < 2**20
    assert stats.chisquare(np.histogram(found, 256, (0, 2**20))[0]).pvalue > 0.01
    for change in (dict(seed=2), dict(stream=STREAM + np.uint64(1)), dict(event=4), dict(plane=1)):
        other = offsets(**change, count=5000)
        assert (other != found[:5000]).mean() > 0.999
        assert abs(np.corrcoef(other, found[:5000])[0, 1]) < 4 / sqrt(5000)
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 4 / sqrt(len(found))


def test_place_of_a_wire_against_the_slow_twin():
    mask = 2**64 - 1

    def mix(z):
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return z ^ z >> 31

    gamma = 0x9E3779B97F4A7C15
    for seed, event, plane, wire in ((0, 0, 0, 0), (5, 77, 2, 3455), (2**40, 2**33, 1, 2399)):
        state = mix(mix((seed + gamma) & mask) ^ int(STREAM))
        state = mix((state + event * gamma) & mask)
        slow = mix(state ^ mix(plane * 2**32 + wire + 1)) % 2**20
        assert noise._offset(np.uint64(seed), STREAM, np.uint64(event), plane, wire) == slow


def test_no_wire_is_shorter_than_nothing():
    with pytest.raises(ValueError, match="wires of -5 cm and more; wanted lengths ≥ 0"):
        noise.rms(CHAMBER, [-5.0, 3.0])
