"""Muons from the sky: the published flux, zenith angles, shadows, charges, rates."""

from math import log10, pi

import numpy as np
import pytest
from scipy.stats import binomtest, kstest

from darkpairs import batches, cosmic, detector, gun
from darkpairs.constants import MUON_MASS
from darkpairs.cosmic import SKY
from darkpairs.kinematics import mass


@pytest.fixture(scope="module")
def truth():
    return cosmic.generate(20000, seed=2)


def slow(p, cosine):
    """Reyna's formula as printed: I(p, θ) = cos³θ I_V(p cosθ)."""
    zeta = p * cosine
    x = log10(zeta)
    return cosine**3 * 0.00253 * zeta ** -(0.2455 + 1.288 * x - 0.2555 * x**2 + 0.0209 * x**3)


def test_the_formula_is_reynas():
    for p, cosine in ((1.0, 1.0), (10.0, 0.7), (0.5, 0.9), (50.0, 0.3)):
        assert cosmic.intensity(p, cosine) == pytest.approx(slow(p, cosine), rel=1e-12)
    assert cosmic.intensity(1.0, 0.0) == 0


def test_vertical_flux_and_rate_through_a_plane():
    # PDG 2024, cosmic rays: 70 /(m² s sr) above 1 GeV from above; some 1 /(cm² min) through a
    # horizontal plane, electrons and slow muons included
    p = np.geomspace(1, 99, 2000)
    vertical = np.trapezoid(cosmic.intensity(p, 1.0), p) * 1e4
    assert vertical == pytest.approx(70, rel=0.15)
    p, c = np.geomspace(0.2, 99, 400)[:, None], (np.arange(400) + 0.5) / 400
    law = cosmic.intensity(p, c)
    through = np.trapezoid((law * c).mean(axis=1), p[:, 0]) * 2 * pi * 60
    assert 0.7 < through < 1.3
    assert cosmic._sampler()[1] == pytest.approx(
        np.trapezoid(law.mean(axis=1), p[:, 0]) * 2 * pi, rel=2e-3)


def test_zenith_angles_fall_as_cosine_squared():
    p = np.geomspace(0.2, 99, 2000)[:, None]
    sums = np.trapezoid(cosmic.intensity(p, np.array([0.5, 0.7, 0.9, 1.0])), p[:, 0], axis=0)
    assert sums / sums[-1] == pytest.approx(np.array([0.25, 0.49, 0.81, 1.0]), rel=0.2)


def test_a_plane_box_is_hit_as_its_shadow_says():
    # Muons from one direction hit a box with the area of its shadow over that of the disc
    active = detector.walls(detector.MICROBOONE)
    a, b, c = active[1] - active[0]
    grid = np.geomspace(0.2, 99, 300)
    total = shadow = 0.0
    for cosine in (np.arange(60) + 0.5) / 60:
        flux = np.trapezoid(cosmic.intensity(grid, cosine), grid)
        sine = np.sqrt(1 - cosine**2)
        for turn in (np.arange(40) + 0.5) / 40 * 2 * pi:
            seen = (a * c * cosine + b * c * sine * abs(np.cos(turn))
                    + a * b * sine * abs(np.sin(turn)))
            total, shadow = total + flux, shadow + flux * seen
    disc = pi * cosmic._radius() ** 2
    assert cosmic.hit() == pytest.approx(shadow / total / disc, rel=0.02)


def test_muons_start_on_the_border_and_go_in(truth):
    box = np.array(cosmic._box())
    off = np.minimum(np.abs(truth.vertex - box[1:4]), np.abs(truth.vertex - box[4:])).min(axis=1)
    assert off.max() < 1e-6
    assert ((truth.vertex >= box[1:4]) & (truth.vertex <= box[4:])).all()
    way = truth.p4[:, 1:] / np.linalg.norm(truth.p4[:, 1:], axis=1, keepdims=True)
    assert (way[:, 1] <= 0).all()
    steps = np.linspace(0, 1400, 1401)[:, None, None]
    points = truth.vertex[:200] + steps * way[:200]
    inside = detector.inside(detector.MICROBOONE, points).any(axis=0)
    assert inside.mean() > 0.98  # others cut an edge by less than a step


def test_momenta_charges_and_times(truth):
    assert np.abs(mass(truth.p4) - MUON_MASS).max() < 0.1
    share = SKY.ratio / (1 + SKY.ratio)
    assert binomtest(int((truth.pdg == -13).sum()), len(truth), share).pvalue > 0.01
    assert kstest(truth.time / SKY.gate, "uniform").pvalue > 0.01
    assert set(truth.parent) == {-1}
    mean = np.linalg.norm(truth.p4[:, 1:], axis=1).mean()
    assert 3500 < mean < 7000  # PDG 2024: some 4 GeV at the ground, more at large angles


def test_momenta_follow_the_flux(truth):
    size = np.linalg.norm(truth.p4[:, 1:], axis=1) / 1e3
    steep = -truth.p4[:, 2] / 1e3 / size > 0.95  # the shadow hardly changes there
    grid, c = np.geomspace(0.2, 99, 800)[:, None], np.linspace(0.95, 1, 41)
    law = cosmic.intensity(grid, c).mean(axis=1)
    rise = np.concatenate([[0], np.cumsum((law[1:] + law[:-1]) / 2 * np.diff(grid[:, 0]))])
    assert kstest(size[steep], lambda x: np.interp(x, grid[:, 0], rise / rise[-1])).pvalue > 0.01


def test_rates():
    # MicroBooNE sees some 5.5 kHz of muons in its active volume (from memory, e.g. arXiv
    # 2012.07928)
    assert cosmic.rate() == pytest.approx(5500, rel=0.15)
    one = cosmic.expected_events(pot=6.87e20)
    assert one == pytest.approx(cosmic.rate() * 1.6e-6 * 6.87e20 / 4e12 * SKY.passed)
    assert cosmic.expected_events(pot=6.87e20, sky=SKY._replace(passed=0.03)) == pytest.approx(
        2 * one)
    with pytest.raises(ValueError, match="protons on target must be > 0; got 0"):
        cosmic.expected_events(pot=0)


@pytest.fixture(scope="module")
def covered():
    own = gun.shoot([22, 2212], [200.0, 60.0], n=400, first=10)
    return own, cosmic.overlay(own, seed=5)


def test_an_overlay_keeps_what_is_there(covered):
    own, both = covered
    rows = (both.offsets[:-1, None] + np.arange(2)).ravel()
    for name in ("pdg", "p4", "start", "time", "parent"):
        assert np.array_equal(getattr(both, name)[rows], getattr(own, name)), name
        rest = np.delete(getattr(both, name), rows, axis=0)
        assert len(rest) == len(both.pdg) - len(own.pdg)
    for name in ("event", "kind", "weight", "vertex", "e_nu"):
        assert np.array_equal(getattr(both, name), getattr(own, name)), name
    assert set(np.delete(both.pdg, rows)) == {13, -13}
    assert set(np.delete(both.parent, rows)) == {-1}


def test_as_many_muons_as_rate_and_window_say(covered):
    _, both = covered
    begin, length = cosmic.window()
    # 400 µs before the beam and 2335 µs of drift, and 2800 µs after
    assert begin == pytest.approx(-400 - 256.35 / 0.1098)
    assert begin + length == pytest.approx(2800)
    mean = cosmic.rate() * length * 1e-6
    counts = np.diff(both.offsets) - 2
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / 400)
    assert counts.var() == pytest.approx(mean, rel=0.3)
    times = both.time[np.abs(both.pdg) == 13]
    assert kstest((times - begin) / length, "uniform").pvalue > 0.01
    # MicroBooNE sees 20 to 30 muons in each readout (from memory)
    assert 20 < mean < 40


def test_what_lies_over_an_event_depends_on_its_number_alone(covered):
    own, both = covered
    some = cosmic.overlay(batches.select(own, [7, 3]), seed=5)
    for place, event in enumerate((7, 3)):
        one, two = batches.select(some, [place]), batches.select(both, [event])
        assert np.array_equal(one.p4, two.p4)
        assert np.array_equal(one.time, two.time)
    empty = cosmic.overlay(batches.select(own, []), seed=5)
    assert len(empty) == 0
    with pytest.raises(ValueError, match="seed -1; wanted a whole number"):
        cosmic.overlay(own, seed=-1)
