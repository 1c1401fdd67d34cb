"""Starts: they turn with the event, agree with plain Python, and are near the truth."""

import numpy as np
import pytest

from darkpairs import starts
from darkpairs.starts import LOOK


def shower(n=400, seed=0):
    """A cone of points that gets wider and fainter, from the origin along (1, 2, 2)/3."""
    dice = np.random.default_rng(seed)
    way = np.array([1.0, 2.0, 2.0]) / 3
    t = np.sort(dice.gamma(2.0, 9.0, n))
    off = dice.normal(0, 0.1 + 0.08 * t[:, None], (n, 3))
    return t[:, None] * way + off - (off @ way)[:, None] * way, dice.gamma(4.0, 1e3, n), way


def turned(angle):
    """A rotation around an odd axis."""
    k = np.array([[0, -0.6, 0.48], [0.6, 0, -0.64], [-0.48, 0.64, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def test_the_slow_twin():
    place, charge, _ = shower(60)
    lumps = np.array([[3.0, 8.0, 9.0, 5e4], [-4.0, -9.0, -7.0, 2e4]])
    at, way, score = place[7], np.zeros(3), 0.0
    for k in range(60):
        far = np.linalg.norm(place[k] - at)
        if 0 < far < LOOK.near:
            way += charge[k] * (place[k] - at) / far
    way /= np.linalg.norm(way)
    for where, q, reach in ([(*pair, np.inf) for pair in zip(place, charge, strict=True)]
                            + [(lump[:3], lump[3], LOOK.around) for lump in lumps]):
        far = np.linalg.norm(where - at)
        if LOOK.core < far < reach:
            cosine = (where - at) @ way / far
            score += q * max(-1, 1 - 2 * (1 - cosine) / (1 - LOOK.ahead))
    found, direction = starts._forward(place, charge, lumps, tuple(at), LOOK)
    assert found == pytest.approx(score, rel=1e-10)
    assert direction == pytest.approx(way, abs=1e-12)


def test_the_axis_is_the_one_of_numpy():
    place, charge, way = shower()
    q, mean, axis = starts._line(place, charge, (1.0, 1.0, 1.0), tuple(way), -1e3, 1e3, 1e3)
    expected = np.average(place, axis=0, weights=charge)
    vectors = np.linalg.eigh(np.cov(place.T, aweights=charge))[1]
    assert q == pytest.approx(charge.sum())
    assert mean == pytest.approx(expected)
    assert abs(np.dot(vectors[:, -1], axis)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.5, 3.0])
def test_a_start_turns_and_moves_with_its_points(angle):
    place, charge, _ = shower()
    start, way = starts.find(place, charge)
    spin, shift = turned(angle), np.array([50.0, -20.0, 700.0])
    other, away = starts.find(place @ spin.T + shift, charge)
    assert np.linalg.norm(other - (spin @ start + shift)) < 0.6  # other points are outermost
    assert np.dot(away, spin @ way) > 0.99


def test_charge_behind_an_end_never_makes_it_better():
    place, charge, way = shower()
    at, behind = tuple(place[0]), np.array([[*(-9 * way), 3e5]])
    before, ahead = (starts._forward(place, charge, lumps, at, LOOK)[0]
                     for lumps in (np.zeros((0, 4)), behind))
    assert ahead == pytest.approx(before - 3e5)


def test_starts_of_cones():
    """Forty showers of the same law: nine in ten starts are within 1.5 cm of the first charge."""
    cones = [shower(120, seed) for seed in range(40)]
    far = [np.linalg.norm(starts.find(place, charge)[0] - place[0]) for place, charge, _ in cones]
    assert np.median(far) < 0.8
    assert np.percentile(far, 90) < 1.5


def test_a_line_is_followed_back_to_its_first_charge():
    place = np.column_stack([np.zeros(60), np.zeros(60), np.arange(60) * 0.2])
    far = np.array([[0.0, 0.0, -3.0]])  # behind a pause
    start, way = starts._refine(np.concatenate([far, place]), np.full(61, 1e4), (0.3, 0.2, 1.0),
                                (0.0, 0.1, 0.995), LOOK)
    assert start == pytest.approx((0, 0, 0), abs=0.05)
    assert way == pytest.approx((0, 0, 1), abs=1e-6)


def fork(opening, seed=0, gap=0.0):
    """Two legs of 30 cm from the origin, points each 0.3 cm; the second has gaps if asked for."""
    dice = np.random.default_rng(seed)
    t = np.arange(0.2, 30, 0.3)
    ways = [np.array([np.cos(a), np.sin(a), 0.0]) for a in (-opening / 2, opening / 2)]
    legs = [t[:, None] * way + dice.normal(0, 0.05, (len(t), 3)) for way in ways]
    legs[1] = legs[1][(t % 5 > gap)]
    place = np.concatenate(legs)
    return place, dice.gamma(4.0, 1e3, len(place)), ways


@pytest.mark.parametrize("opening", [0.8, 1.2, 1.6, 2.0])
def test_a_wide_fork_starts_where_its_legs_meet(opening):
    for seed in range(10):
        place, charge, ways = fork(opening, seed)
        start, way = starts.find(place, charge)
        assert np.linalg.norm(start) < 1.0
        assert np.dot(way, ways[0] + ways[1]) > 0.9 * np.linalg.norm(ways[0] + ways[1])


def test_legs_agree_with_their_ways_and_turn_with_them():
    place, charge, ways = fork(1.2)
    spin = turned(0.9)
    for turn in (np.eye(3), spin):
        found, one, two = starts._legs(place @ turn.T, charge, (0.0, 0.0, 0.0), LOOK)
        cosines = np.abs([[np.dot(leg, turn @ way) for way in ways] for leg in (one, two)])
        assert found
        assert sorted(cosines.argmax(1)) == [0, 1]
        assert cosines.max(1).min() > 0.98


@pytest.mark.parametrize(("opening", "gap"), [(0.3, 0.0), (2.9, 0.0), (1.2, 4.0)])
def test_a_narrow_pair_a_bend_and_a_ragged_leg_are_no_fork(opening, gap):
    place, charge, _ = fork(opening, gap=gap)
    assert not starts._legs(place, charge, (0.0, 0.0, 0.0), LOOK)[0]


def test_a_track_with_a_short_leg_at_its_end_is_no_fork():
    """A muon and the electron it leaves: seen from either end, nearly all lies ahead."""
    t = np.arange(0.1, 60, 0.3)
    track = np.column_stack([t, 0 * t, 0 * t])
    s = np.arange(0.1, 20, 0.3)
    short = np.array([60.0, 0, 0]) + s[:, None] * np.array([-0.3, 0.954, 0.0])
    start, _ = starts.find(np.concatenate([track, short]), np.full(len(t) + len(s), 1e4))
    assert np.linalg.norm(start) < 0.5


def test_the_slow_twin_of_a_fork():
    place, charge, ways = fork(1.2)
    lumps = np.array([[3.0, 8.0, 9.0, 5e4], [-4.0, -9.0, -7.0, 2e4], [50.0, 0.0, 0.0, 9e4]])
    at, score = place[3], 0.0
    for where, q, reach in ([(*pair, np.inf) for pair in zip(place, charge, strict=True)]
                            + [(lump[:3], lump[3], LOOK.around) for lump in lumps]):
        far = np.linalg.norm(where - at)
        if LOOK.core < far < reach:
            cosine = max((where - at) @ way / far for way in ways)
            score += q * max(-1, 1 - 2 * (1 - cosine) / (1 - LOOK.ahead))
    found = starts._forked(place, charge, lumps, tuple(at), tuple(ways[0]), tuple(ways[1]), LOOK)
    assert found == pytest.approx(score, rel=1e-10)


def test_one_point_is_its_own_start():
    start, way = starts.find([[1.0, 2.0, 3.0]], [5e3])
    assert start == pytest.approx([1, 2, 3])
    assert np.linalg.norm(way) == pytest.approx(1)


@pytest.mark.parametrize(("place", "charge", "words"), [
    (np.zeros((2, 3)), [1.0, -1.0], "charges below zero"),
    (np.zeros((2, 3)), [0.0, 0.0], "wanted some charge"),
    (np.zeros((3, 3)), [1.0, 1.0], r"shape \(3, 3\); wanted \(2, 3\)"),
    (np.full((1, 3), np.nan), [1.0], "finite")])
def test_points_without_sense_are_refused(place, charge, words):
    with pytest.raises(ValueError, match=words):
        starts.find(place, charge)
