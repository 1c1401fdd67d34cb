"""What all particles share: deposits and their sums, ways into the argon, deflections, losses."""

from math import cos, isclose, log, pi, sin

import numpy as np
import pytest
from scipy import stats

from darkpairs import detector, rng, stepping
from darkpairs._jit import apart

WORLD = stepping.world(detector.MICROBOONE)


def unit(*way):
    return np.array(way) / np.linalg.norm(way)


@apart
def losses(n, seed, mean, xi, low, high):
    state, out = rng._start(np.uint64(seed), np.uint64(1), np.uint64(0)), np.empty(n)
    for k in range(n):
        state, out[k] = stepping._straggle(state, mean, xi, low, high)
    return out


@apart
def ways(n, seed, ux, uy, uz, width):
    state, out = rng._start(np.uint64(seed), np.uint64(2), np.uint64(0)), np.empty((n, 3))
    for k in range(n):
        state, (out[k, 0], out[k, 1], out[k, 2]) = stepping._scatter(state, ux, uy, uz, width)
    return out


def test_world_is_the_active_volume_and_its_jacket():
    assert WORLD.tolist() == [0, -116.5, 0, 256.35, 116.5, 1036.8,
                              -50, -166.5, -50, 306.35, 166.5, 1086.8]


def test_deposits_are_rows_inside_and_sums_everywhere():
    out, tally, n = np.zeros((2, 7)), np.zeros(3), 0
    n = stepping._deposit(out, n, tally, WORLD, 1.0, 2.0, 3.0, 0.5, 0.3, 0.01, 4.0)
    n = stepping._deposit(out, n, tally, WORLD, -1.0, 2.0, 3.0, 0.25, 0.3, 0.01, 4.0)  # jacket
    assert n == 1
    assert out[0].tolist() == [1.0, 2.0, 3.0, 0.5, 0.3, 0.01, 4.0]
    for _ in range(3):  # beyond the room rows are counted and their energy is too
        n = stepping._deposit(out, n, tally, WORLD, 1.0, 2.0, 3.0, 1.0, 0.3, 0.01, 4.0)
    assert n == 4
    assert tally.tolist() == [3.5, 0.25, 0.0]


@pytest.mark.parametrize("axis", range(3))
def test_inside_is_asked_of_all_six_walls(axis):
    middle = np.array([128.0, 0.0, 500.0])
    for wall, sign in ((WORLD[6 + axis], -1), (WORLD[9 + axis], 1)):
        at = middle.copy()
        at[axis] = wall
        assert stepping._within(WORLD, *at)
        at[axis] += sign * 1e-9
        assert not stepping._within(WORLD, *at)
    for wall, sign in ((WORLD[axis], -1), (WORLD[3 + axis], 1)):
        at = middle.copy()
        at[axis] = wall + sign * 1e-9
        tally = np.zeros(3)
        assert stepping._deposit(np.zeros((1, 7)), 0, tally, WORLD, *at, 1.0, 0.3, 0.0, 0.0) == 0
        assert tally[1] == 1.0


def test_ways_into_the_argon():
    assert stepping._entry(WORLD, 128.0, 0.0, 500.0, 0.0, 0.0, 1.0) == 0.0
    assert isclose(stepping._entry(WORLD, 128.0, 0.0, -150.0, 0.0, 0.0, 1.0), 100.0)
    assert stepping._entry(WORLD, 128.0, 0.0, -150.0, 0.0, 0.0, -1.0) == -1.0  # flies away
    assert stepping._entry(WORLD, 400.0, 0.0, -150.0, 0.0, 0.0, 1.0) == -1.0  # flies past


def test_ways_into_the_argon_end_on_its_walls():
    dice = np.random.default_rng(1)
    hit = 0
    for _ in range(500):
        at, way = dice.uniform(-600, 1400, 3), unit(*dice.normal(size=3))
        length = stepping._entry(WORLD, *at, *way)
        ahead = at + np.linspace(0, 4000, 40_001)[:, None] * way
        inside = ((ahead >= WORLD[6:9]) & (ahead <= WORLD[9:])).all(axis=1)
        if length < 0:
            assert not inside.any()
            continue
        hit += 1
        assert length - 1e-9 <= 0.1 * (inside.argmax() if inside.any() else 40_000)
        assert stepping._within(WORLD, *(at + (length + 1e-6) * way))
    assert hit > 20


@pytest.mark.parametrize("way", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.3, -0.5, 0.2), (0, 1e-9, 1)])
@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.3, 2.0, pi])
def test_a_turn_makes_its_angle_and_keeps_the_length(way, angle):
    old, azimuths = unit(*way), np.linspace(0, 2 * pi, 7)
    new = np.array([stepping._turn(*old, cos(angle), sin(angle), cos(phi), sin(phi))
                    for phi in azimuths])
    assert np.allclose(np.linalg.norm(new, axis=1), 1, atol=1e-12)
    across = np.linalg.norm(np.cross(new, old), axis=1)
    assert np.allclose(np.arctan2(across, new @ old), angle, atol=1e-8)
    assert np.allclose(new[:-1].mean(axis=0), cos(angle) * old, atol=1e-8)  # all around evenly


@pytest.mark.parametrize("width", [1e-4, 0.05])
def test_deflections_are_gaussian_in_each_plane(width):
    old = unit(0.3, -0.5, 0.7)
    side = unit(*np.cross(old, (1.0, 0.0, 0.0)))
    new = ways(20_000, 3, *old, width)
    for axis in (side, np.cross(old, side)):
        assert stats.kstest(new @ axis / width, "norm").pvalue > 0.01
    assert abs(np.corrcoef(new @ side, new @ np.cross(old, side))[0, 1]) < 0.03


def test_wide_deflections_go_all_around():
    new = ways(20_000, 4, *unit(0.3, -0.5, 0.7), 30.0)
    assert np.allclose(np.linalg.norm(new, axis=1), 1)
    for axis in range(3):
        assert stats.kstest((new[:, axis] + 1) / 2, "uniform").pvalue > 0.01
    assert ways(1, 4, 0.0, 0.0, 1.0, 0.0)[0].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("width", [0.3, 1.0, 3.0])
def test_mean_cosine_of_a_deflection(width):
    mean = 1 / np.tanh(width**-2) - width**2  # Fisher 1953: coth κ − 1/κ
    assert abs(ways(50_000, 5, 0.0, 0.0, 1.0, width)[:, 2].mean() - mean) < 0.01


MEAN, XI, LOW, HIGH = 0.616, 0.02872, 0.015, 1.0  # an electron of 1 GeV over 3 mm, in MeV


def test_mean_and_variance_of_losses_are_those_of_the_law():
    many = losses(400_000, 5, MEAN, XI, LOW, HIGH)
    variance = XI * LOW + XI * (HIGH - LOW)  # ∫ T² ξ/T² dT above, and the Gaussian below
    assert abs(many.mean() - MEAN) < 4 * np.sqrt(variance / len(many))
    assert isclose(many.var(), variance, rel_tol=0.03)


def test_single_collisions_follow_their_spectrum():
    # With no mean loss of small ones and a tiny ξ, a loss is one collision or none
    xi, low = 1e-3, 0.1
    many = losses(400_000, 6, 10.0 + xi * log(HIGH / low), xi, low, HIGH) - 10.0
    single = many[many > 0.11]
    inside = (single > 0.15) & (single < 0.9)
    share = (1 / 0.15 - 1 / single[inside]) / (1 / 0.15 - 1 / 0.9)  # of ∫ dT/T²
    assert stats.kstest(share, "uniform").pvalue > 0.01
    expected = len(many) * xi * (1 / 0.15 - 1 / 0.9)
    assert abs(inside.sum() - expected) < 4 * np.sqrt(expected) + 0.01 * expected


def test_losses_have_the_shape_of_landau():
    # Landau's law has no upper limit, and its own most probable value; shifts do not matter here
    many = losses(200_000, 7, MEAN, XI, 0.004, 50.0)
    law = stats.landau(scale=XI * pi / 2)
    low, middle, high = np.quantile(many, [0.1, 0.5, 0.9])
    wanted = (law.ppf(0.9) - law.ppf(0.5)) / (law.ppf(0.5) - law.ppf(0.1))
    assert isclose((high - middle) / (middle - low), wanted, rel_tol=0.05)
    assert isclose(middle - low, law.ppf(0.5) - law.ppf(0.1), rel_tol=0.03)


def test_most_probable_loss_is_that_of_bichsel():
    """1.73 MeV/cm: PDG 2024, Eq. 34.13, for 3 mm of liquid argon and βγ ≫ 100."""
    plasma = 22.85e-6  # MeV, ħω_p of liquid argon, PDG 2024, "Atomic and nuclear properties"
    wanted = XI * (log(2 * 0.511 * XI / plasma**2) + 0.2)
    assert isclose(wanted / 0.3, 1.73, rel_tol=0.003)
    many = losses(400_000, 8, MEAN, XI, LOW, HIGH)
    counts, edges = np.histogram(many, bins=np.arange(0.3, 0.9, 0.01))
    top = counts.argmax()
    fit = np.polyfit((edges[top - 3:top + 4] + 0.005), counts[top - 3:top + 4], 2)
    assert isclose(-fit[1] / 2 / fit[0], wanted, rel_tol=0.02)


def test_losses_without_single_collisions():
    many = losses(100_000, 9, 0.5, 0.01, 0.03, 0.02)
    assert stats.kstest((many - 0.5) / np.sqrt(0.01 * 0.02), "norm").pvalue > 0.01
    assert (losses(1000, 10, 1e-9, 0.01, 0.03, 0.02) >= 0).all()
