"""Shapes: a line is a line wherever it lies, and showers are none."""

import numpy as np
import pytest

from darkpairs import shapes


def line(n=200, bend=0.0, seed=0):
    """Points along z from the origin, which may bend towards x."""
    dice = np.random.default_rng(seed)
    z = np.sort(dice.uniform(0, 60, n))
    place = np.column_stack([bend * z**2, np.zeros(n), z]) + dice.normal(0, 0.1, (n, 3))
    return place, dice.gamma(4.0, 1e3, n)


def test_a_line_is_all_core_whatever_its_charge():
    place, charge = line(bend=1e-3)
    for q in (charge, 10 * charge, np.ones(200)):
        *_, core, full = shapes.shape(place, q, (0, 0, 0), (0, 0, 1))
        assert core == pytest.approx(1, abs=1e-12)
        assert full == 1


def test_the_slow_twin():
    place, charge = line()
    start, way = np.array([0.1, -0.2, 0.0]), np.array([0.6, 0.0, 0.8])
    end, length, width, _, _ = shapes.shape(place, charge, start, way)
    far, t, spread, total = 0.0, 0.0, 0.0, 0.0
    for k in range(len(charge)):
        a = place[k] - start
        if a @ a > far:
            far, last = a @ a, place[k]
        t = max(t, a @ way)
        spread += charge[k] * (a @ a - (a @ way) ** 2)
        total += charge[k]
    assert end == pytest.approx(last)
    assert length == pytest.approx(t)
    assert width == pytest.approx(np.sqrt(spread / total))


def test_the_core_by_plain_sums():
    """Half of the charge 3 cm beside a line, in its second half: that half is off the line."""
    z = np.arange(0.0, 60.0, 0.5)
    place = np.column_stack([np.zeros_like(z), np.zeros_like(z), z])
    crumbs = place[z > 30] + [3.0, 0.0, 0.0]
    charge = np.concatenate([np.full(120, 1e4), np.full(len(crumbs), 2e3)])
    *_, core, full = shapes.shape(np.concatenate([place, crumbs]), charge, (0, 0, 0), (0, 0, 1))
    assert core == pytest.approx(1.2e6 / charge.sum())
    assert full == 1


def test_pauses_are_counted():
    z = np.concatenate([np.arange(0, 30, 0.5), np.arange(60, 90.5, 0.5)])
    place = np.column_stack([0 * z, 0 * z, z])
    *_, core, full = shapes.shape(place, np.ones(len(z)), (0, 0, 0), (0, 0, 1))
    assert core == pytest.approx(1, abs=1e-12)
    assert full == pytest.approx(2 / 3, abs=0.05)


def test_shapes_turn_and_move_with_the_points():
    place, charge = line(bend=5e-3)
    spin = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    here = shapes.shape(place, charge, (0, 0, 0), (0, 0, 1))
    there = shapes.shape(place @ spin.T + 7, charge, (7, 7, 7), spin @ [0, 0, 1])
    assert there[1:] == pytest.approx(here[1:], rel=1e-9)
    assert there[0] == pytest.approx(spin @ here[0] + 7)


def test_no_points_have_no_shape():
    assert shapes.shape(np.zeros((0, 3)), np.zeros(0), (1, 2, 3), (0, 0, 1)) == (
        (1, 2, 3), 0, 0, 0, 0)
    with pytest.raises(ValueError, match=r"shape \(2, 3\); wanted \(1, 3\)"):
        shapes.shape(np.zeros((2, 3)), np.ones(1), (0, 0, 0), (0, 0, 1))
