"""Prongs: two lines from one start are told from one line."""

import numpy as np
import pytest

from darkpairs import clusters, prongs
from darkpairs.prongs import FORKS
from madehits import LIVE, START, line, made, only


def pair(degrees, *, length=20.0, turn=0.0, seed=None):
    """Two lines that open in the plane of drift and beam; with a seed, scattered by 1 mm."""
    half = np.radians(degrees) / 2
    ways = [(np.sin(turn + side * half), 0.0, np.cos(turn + side * half)) for side in (-1, 1)]
    points = np.concatenate([line(way, length=length) for way in ways])
    return points if seed is None else points + np.random.default_rng(seed).normal(
        0, 0.1, points.shape)


def cut(events, **forks):
    """Return hits, their clusters before the cut, and after it."""
    hits = made(events)
    before, _ = clusters.find(hits, LIVE)
    return hits, before, prongs.split(hits, before, LIVE, forks=FORKS._replace(**forks))


@pytest.mark.parametrize("degrees", [20, 30, 50])
def test_two_lines_are_cut_in_all_views(degrees):
    hits, before, after = cut([pair(degrees)])
    assert before.max() + 1 == 3
    assert after.max() + 1 == 6
    z, x = (hits.wire + 0.5) * 0.3, (hits.tick - 800) * 0.0549 - START[0]
    for plane in range(3):
        mine = (hits.plane == plane) & (abs(x) > 1.0)
        names = after[mine]
        assert len(np.unique(z[mine])) > 10
        assert len({*names[x[mine] > 0]}) == len({*names[x[mine] < 0]}) == 1  # each to its own
        assert len({*names}) == 2


@pytest.mark.parametrize("way", [(0.3, 0.1, 0.9), (0, 0, 1), (1, 0.2, 0.3), (0.1, 1, 0)])
def test_one_line_is_not_cut(way):
    _, before, after = cut([line(way, length=40.0)])
    assert np.array_equal(before, after)


def test_mirrors_change_nothing():
    """Time and beam reversed: the same cut, up to which of both parts gets the new number."""
    points = pair(35, turn=0.3)
    parts = []
    for mirror in ((1, 1, 1), (-1, 1, 1), (1, -1, -1)):
        hits, _, after = cut([START + (points - START) * mirror])
        parts.append([sorted(np.bincount(after[hits.plane == p])[[p, 3 + p]].tolist())
                      for p in range(3)])
    assert np.abs(np.subtract(parts, parts[0])).max() <= 4  # hits at the start may change sides


def test_how_often_lines_are_cut_grows_with_their_angle():
    """Scattered lines; of 3° none is cut, from 20° on nearly all."""
    share = [np.mean([cut([pair(angle, seed=i, turn=0.02 * i)])[2].max() > 3 for i in range(20)])
             for angle in (3, 10, 20, 40)]
    assert share[0] <= 0.05
    assert share[2] >= 0.9
    assert share[3] >= 0.9
    assert share[1] <= share[2] + 0.2


def test_a_cut_needs_a_second_view():
    hits = made([pair(40)], without=(0, 1))
    before, _ = clusters.find(hits, LIVE)
    assert np.array_equal(prongs.split(hits, before, LIVE), before)


def test_a_short_spike_is_no_line():
    spike = np.concatenate([line((0.2, 0, 1), length=30.0), line((1, 0, 1), length=3.0)])
    _, before, after = cut([spike])
    assert np.array_equal(before, after)


def test_lines_that_begin_late_are_no_prongs():
    """A photon's second shower: seen from the start, a line with a gap before."""
    late = line((0.5, 0, 1), length=14.0)[40:]
    joined = np.concatenate([line((0, 0, 1), length=20.0), late, late[0] + np.outer(
        np.linspace(0, 1, 30), [-late[0][0] + START[0], 0, 0])])
    _, before, after = cut([joined], full=0.8)
    assert np.array_equal(before, after)


@pytest.mark.parametrize("gap", [0, 1, None])
def test_both_lines_have_hits_from_the_start_on(gap):
    """Around a start, a line in two directions; one of them may begin only after 5 cm."""
    r, ways = np.arange(0.15, 13.9, 0.3), (-0.3, 0.4)
    around = np.concatenate([
        np.column_stack([r * np.cos(way), r * np.sin(way), r**0])[17 if k == gap else 0:]
        for k, way in enumerate(ways)])
    quality, one, two = prongs._fork(around, FORKS)
    if gap is None:
        assert quality > 0.99
        assert (one, two) == pytest.approx(ways, abs=1e-6)
    else:
        assert quality == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_parting_is_otsus(seed):
    """Brute force: all partings of a histogram, variances from the definition."""
    dice = np.random.default_rng(seed)
    angles, weights = np.sort(dice.uniform(-1.5, 1.5, 40)), dice.uniform(0.5, 2.0, 40)
    bins = np.zeros((prongs._BINS, 3))
    place = ((angles / np.pi + 0.5) * prongs._BINS).astype(int)
    for power in range(3):
        np.add.at(bins[:, power], place, weights * angles**power)
    quality, one, two, share = prongs._otsu(bins)
    best = 0.0
    for k in np.flatnonzero(np.diff(place)) + 1:
        low, high = slice(0, k), slice(k, None)
        inside = sum(weights[part].sum() * np.cov(angles[part], aweights=weights[part], ddof=0)
                     for part in (low, high))
        total = weights.sum() * np.cov(angles, aweights=weights, ddof=0)
        if 1 - inside / total > best:
            best = 1 - inside / total
            means = [np.average(angles[part], weights=weights[part]) for part in (low, high)]
            least = min(weights[low].sum(), weights[high].sum()) / weights.sum()
    assert quality == pytest.approx(best)
    assert (one, two) == pytest.approx(means)
    assert share == pytest.approx(least)


def test_known_partings():
    """Two lines apart keep nothing inside; an even spread keeps a quarter, as Otsu's does."""
    bins = np.zeros((90, 3))
    bins[20], bins[70] = (1, -0.8, 0.64), (1, 0.8, 0.64)
    assert prongs._otsu(bins) == pytest.approx((1.0, -0.8, 0.8, 0.5))
    x = np.linspace(-1, 1, 90)
    assert prongs._otsu(np.column_stack([x**0, x, x**2]))[0] == pytest.approx(0.75, abs=0.01)


def test_an_event_does_not_depend_on_its_companions():
    events = [pair(30), line((0, 0, 1)), pair(50, turn=0.4)]
    hits, before, after = cut(events)
    for i in range(3):
        alone, rows = only(hits, i), hits.rows(i)
        assert np.array_equal(prongs.split(alone, before[rows], LIVE), after[rows])


def test_few_hits_and_no_input_changed():
    for events in ([], [[]], [[START]]):
        _, before, after = cut(events)
        assert np.array_equal(before, after)
    _, before, after = cut([pair(40)])
    assert before.max() < after.max()


def test_forks_without_sense_are_refused():
    with pytest.raises(ValueError, match="far = nan; wanted a finite number > 0"):
        cut([pair(30)], far=np.nan)
