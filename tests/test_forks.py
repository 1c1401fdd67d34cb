"""Forks: two lines from one start are split, one line never is."""

import numpy as np
import pytest

from darkpairs import forks
from darkpairs.tomographic import RULES


def line(direction, length=30.0, charge=3e6, seed=0):
    direction = np.asarray(direction) / np.linalg.norm(direction)
    along = np.arange(0.2, length, 0.4)
    where = along[:, None] * direction + np.random.default_rng(seed).normal(0, 0.1, (len(along), 3))
    return where, np.full(len(along), charge / len(along))


def fork(opening):
    one = line((0, 0, 1))
    two = line((np.sin(opening), 0, np.cos(opening)), seed=1)
    where, charge = np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]])
    return where, charge, np.repeat([0, 1], len(one[0]))


def found(where, charge):
    none = np.zeros(len(charge), dtype=np.int64)
    return forks.split(none, where, charge, none, RULES)


@pytest.mark.parametrize("opening", [20, 40, 60])
def test_two_lines_from_one_start_are_split_and_each_stays_whole(opening):
    where, charge, leg = fork(np.radians(opening))
    label = found(where, charge)
    assert label.max() == 1
    far = np.linalg.norm(where, axis=1) > 3
    assert min((label == leg)[far].mean(), (label != leg)[far].mean()) < 0.02


@pytest.mark.parametrize("opening", [0, 2, 5])
def test_one_line_is_not_split(opening):
    where, charge, _ = fork(np.radians(opening))
    assert found(where, charge).max() == 0


def test_a_place_and_a_turn_change_nothing():
    where, charge, _ = fork(0.6)
    c, s = np.cos(0.7), np.sin(0.7)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    one, other = found(where, charge), found(where @ turn.T + (9, 99, 999), charge)
    assert min((one == other).mean(), (one != other).mean()) < 0.03


def test_the_start_is_where_the_lines_begin():
    where, charge, leg = fork(0.5)
    for members in (np.arange(len(leg)), np.flatnonzero(leg == 0)):
        k = forks.start(where, charge, members, RULES)
        assert np.linalg.norm(where[k]) < 1.0


def test_a_bridge_between_the_prongs_is_one_shower():
    """Charge all over the angle between two lines: a fan, not a fork."""
    where, charge, _ = fork(np.radians(24))
    between = [line((np.sin(a), 0, np.cos(a)), seed=2 + k) for k, a in enumerate(
        np.radians([4, 8, 12, 16, 20]))]
    fan = np.concatenate([where, *(each[0] for each in between)])
    assert found(fan, np.concatenate([charge, *(each[1] for each in between)])).max() == 0


def test_a_gap_is_no_prong():
    """A photon that became a pair 8 cm away leaves the way there empty."""
    where, charge, leg = fork(np.radians(30))
    late = (leg == 0) | (np.linalg.norm(where, axis=1) > 8)
    assert found(where[late], charge[late]).max() == 0


def test_little_charge_is_left_alone():
    where, charge, _ = fork(np.radians(30))
    assert found(where, charge * 0.15).max() == 0
    assert found(where, charge * 0.25).max() == 1


def test_the_axes_agree_with_the_slow_twin():
    """The fullest cone, then the fullest at an angle of what is nearer to it."""
    look = forks._look(RULES)
    for opening in (15, 25, 45):
        where, _, _ = fork(np.radians(opening))
        far = np.linalg.norm(where, axis=1)
        here = (far > RULES.inner) & (far < RULES.outer)
        way, r = where[here] / far[here, None], far[here]
        width = np.maximum(RULES.narrow, RULES.thick / r)
        angle = np.arccos(np.clip(way @ way.T, -1, 1))
        inside = angle < width

        def steps(mask, r=r):
            return len(set(np.floor(r[mask] - RULES.inner)))

        shell = np.column_stack([way, np.cos(width), np.ones(len(r)), np.floor(r - RULES.inner)])
        one, two = forks._axes(shell, look)
        fill = [steps(mask) for mask in inside]
        assert fill[one] == max(fill)
        assert inside[one].sum() == max(m.sum() for m, n in zip(inside, fill, strict=True)
                                        if n == max(fill))
        assert angle[one, two] > RULES.opening
        nearer = inside[two] & (angle[two] < angle[one])
        assert steps(nearer) >= RULES.steps


def test_events_and_other_clusters_keep_their_own():
    where, charge, leg = fork(np.radians(30))
    n = len(charge)
    event, label = np.repeat([0, 2], n), np.zeros(2 * n, dtype=int)
    label[n:] = leg  # two clusters already
    new = forks.split(event, np.concatenate([where, where]), np.tile(charge, 2), label, RULES)
    assert new[:n].max() == 1
    assert new[n:].max() == 1
    assert min((new[n:] == leg).mean(), (new[n:] != leg).mean()) == 0
    assert forks.split(event[:0], where[:0], charge[:0], label[:0], RULES).shape == (0,)
