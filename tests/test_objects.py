"""From clusters to showers and tracks: nothing is counted twice, pairs stay pairs, starts are near."""

import numpy as np
import pytest

import perfecteye
from darkpairs import gun, objects


@pytest.fixture(scope="module")
def pairs():
    truth = gun.pair((250.0, 200.0), 0.5, direction=(0.3, 0.2, 0.9), n=12)
    deposits, hits, points = perfecteye.look(truth, seed=1)
    return truth, deposits, hits, points, *objects.find(points, hits)


def test_starts_of_pairs_are_found(pairs):
    truth, _, _, _, _, found = pairs
    first = found.offsets[:-1]
    far = np.linalg.norm(found.start[first] - truth.vertex, axis=1)
    assert np.median(far) < 0.5
    assert (far < 1.5).sum() >= 11
