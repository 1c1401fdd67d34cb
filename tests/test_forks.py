"""Prongs: two lines from one start are split, one line never is."""

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
