"""The angle of two photons: far pieces do not turn it, nor does a shower taken the wrong way."""

import numpy as np
import pytest
from scipy.optimize import minimize

from darkpairs import pions
from darkpairs.pions import WAYS

VERTEX = np.array([120.0, 10.0, 300.0])


def unit(vector):
    return np.asarray(vector, dtype=float) / np.linalg.norm(vector)


def cone(way, *, gap=15.0, n=300, length=40.0, wide=0.1, seed=0):
    """Points of a drawn shower: along its way, the farther the wider; their start is the first."""
    dice = np.random.default_rng(seed)
    s = np.concatenate([[0.0], np.sort(dice.uniform(0, length, n - 1))])
    return VERTEX + (gap + s)[:, None] * unit(way) + (wide * s)[:, None] * dice.normal(0, 1, (n, 3))


def two(first, second, **more):
    """Points, charges, labels, starts and lengths of two showers."""
    one, other = cone(first, seed=1, **more), cone(second, seed=2, **more)
    label = np.repeat([0, 1], [len(one), len(other)])
    return [np.concatenate([one, other]), np.ones(len(label)), label,
            np.array([one[0], other[0]]), np.array([40.0, 40.0])]


def opened(angle):
    """Two ways that open by an angle [rad]."""
    return (np.sin(angle / 2), 0.3, np.cos(angle / 2)), (-np.sin(angle / 2), 0.3,
                                                         np.cos(angle / 2))


ANGLES = [0.5, 0.8, 1.5, 2.5]


@pytest.mark.parametrize("angle", ANGLES)
def test_two_cones_have_their_angle(angle):
    ways = opened(angle)
    wanted = np.arccos(unit(ways[0]) @ unit(ways[1]))
    assert np.arccos(pions.cosine(*two(*ways))) == pytest.approx(wanted, abs=0.03)


def slow(points, charge, start, ways, rounds):
    """The median of ways, with arrays; without rounds their mean."""
    a = points - start
    a /= np.maximum(np.linalg.norm(a, axis=1), ways.near)[:, None]
    way = unit(charge @ a)
    for _ in range(rounds):
        far = np.maximum(np.linalg.norm(a - way, axis=1), ways.least)
        way = unit((charge / far) @ a)
    return way


def test_the_ways_are_those_of_a_slow_loop():
    some = two(*opened(0.8), wide=0.3)
    some[1] = np.random.default_rng(5).gamma(2.0, 1.0, len(some[1]))
    some[1][::7] = -1.0  # charge below zero does not count
    ways = [slow(some[0][some[2] == s], np.maximum(some[1][some[2] == s], 0), some[3][s], WAYS,
                 int(WAYS.rounds)) for s in range(2)]
    assert pions.cosine(*some) == pytest.approx(ways[0] @ ways[1], rel=1e-12)


def test_the_median_has_the_least_sum_of_distances():
    points, charge, label, start, _ = two((0, 0, 1), (1, 0, 1), wide=0.3)
    far = WAYS._replace(rounds=300.0, least=1e-9)
    a = points[label == 0] - start[0]
    a /= np.maximum(np.linalg.norm(a, axis=1), WAYS.near)[:, None]

    def total(angles):
        way = unit([*angles, 1.0])
        return np.linalg.norm(a - way, axis=1).sum()
    best = unit([*minimize(total, [0.0, 0.0], method="Nelder-Mead", options=dict(
        xatol=1e-9, fatol=1e-9)).x, 1.0])
    found = slow(points[label == 0], charge[label == 0], start[0], far, 300)
    assert found @ best > 1 - 1e-5  # the median of unit vectors lies a little inside of the sphere


def test_a_few_points_far_off_do_not_turn_the_way():
    # A tenth of the charge at right angles turns a mean by atan(0.1/0.9) = 6.3°
    some = two(*opened(0.8), wide=0.02)
    label, start = some[2], some[3]
    aside = np.flatnonzero(label == 1)[5::10]
    some[0][aside] = start[1] - np.linspace(5, 40, len(aside))[:, None] * np.array([1.0, 0, 0])
    clean = np.arccos(pions.cosine(*two(*opened(0.8), wide=0.02)))
    mean = slow(some[0][label == 1], np.ones(300), start[1], WAYS, 0)
    way = slow(some[0][label == 1], np.ones(300), start[1], WAYS, int(WAYS.rounds))
    true = unit(opened(0.8)[1])
    assert np.degrees(np.arccos(mean @ true)) > 3.5
    assert np.degrees(np.arccos(way @ true)) < 1.0
    assert np.arccos(pions.cosine(*some)) == pytest.approx(clean, abs=0.02)


def test_the_scatter_of_the_way_falls_as_one_over_the_root():
    def scatter(n):
        _, charge, label, start, length = two(*opened(0.8), n=n, wide=0.2)
        found = []
        for seed in range(60):
            one, other = (cone(way, n=n, wide=0.2, seed=seed + 1000 * k)
                          for k, way in enumerate(opened(0.8)))
            found.append(np.arccos(pions.cosine(np.concatenate([one, other]), charge, label, start,
                                                length)))
        return np.std(found)
    assert scatter(100) / scatter(1600) == pytest.approx(4, rel=0.4)


@pytest.mark.parametrize("angle", ANGLES[:3])
@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_a_shower_that_was_turned_round_has_the_same_angle(angle, which):
    some = two(*opened(angle), wide=0.05)
    right = np.arccos(pions.cosine(*some))
    for s in which:
        some[3][s] = some[0][some[2] == s][-1]  # its far end is taken for its start
    assert np.arccos(pions.cosine(*some)) == pytest.approx(right, abs=0.06)
    never = np.arccos(pions.cosine(*some, ways=WAYS._replace(turn=1e9)))
    assert len(which) == 2 or abs(never - right) > 0.1


def test_lines_that_part_or_run_along_are_left_alone():
    apart = two((0.3, 0, 1), (-0.3, 0, 1))
    pair = two((0.01, 0, 1), (-0.01, 0, 1), wide=0.01, gap=0.0)  # from one place, nearly parallel
    for some in (apart, pair):
        kept = pions.cosine(*some, ways=WAYS._replace(turn=1e9))
        assert pions.cosine(*some) == kept > 0.8


def test_photons_fly_from_a_vertex():
    ways = opened(0.8)
    some = two((0, 0.4, 1), (0, -0.4, 1))  # what the charge says does not count
    some[3] = np.array([VERTEX + 20 * unit(way) for way in ways])
    assert pions.cosine(*some, vertex=VERTEX) == pytest.approx(unit(ways[0]) @ unit(ways[1]))
    near = np.array([VERTEX + 2 * unit(ways[0]), VERTEX + 20 * unit(ways[1])])
    some[3] = near  # too near to tell
    assert pions.cosine(*some, vertex=VERTEX) == pions.cosine(*some)


def test_nothing_and_one_point():
    nothing = (np.zeros((0, 3)), [], [], np.zeros((2, 3)), (0, 0))
    assert pions.cosine(*nothing) == 0
    one = ([VERTEX, VERTEX + 3], [1.0, 1.0], [0, 1], [VERTEX, VERTEX], (0.0, 0.0))
    assert pions.cosine(*one) == 0  # a point at the start has no way


def test_bad_input_is_refused():
    some = two(*opened(0.8))
    with pytest.raises(ValueError, match="least = nan; wanted a number ≥ 0"):
        pions.cosine(*some, ways=WAYS._replace(least=np.nan))
    with pytest.raises(ValueError, match=r"wanted \(2, 3\) and \(2,\)"):
        pions.cosine(*some[:3], some[3][:1], some[4])
