"""Tiles: slices of time, strips of wires, places where they cross."""

import numpy as np
import pytest

from darkpairs import tiles


def test_the_area_between_two_slants_agrees_with_counting():
    rng = np.random.default_rng(1)
    u, v = rng.uniform(0, 2, 200_000), rng.uniform(0, 3, 200_000)
    for low, high in ((-1, 6), (0.5, 1.5), (2, 2.7), (4.9, 7), (-2, -1), (1, 4.5)):
        part = ((u + v > low) & (u + v < high)).mean()
        assert tiles._area.py_func(low, high, 2.0, 3.0) == pytest.approx(6 * part, abs=0.03)
