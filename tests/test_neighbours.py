"""Neighbours: pairs near each other, and connected components, against all with all."""

import numpy as np
import pytest

from darkpairs import neighbours


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(3)
    event = np.repeat(np.arange(4), 120)
    return event, rng.uniform(-9, 9, (480, 3)), rng.uniform(1, 5, 480)


def slow(event, where, distance):
    near = np.linalg.norm(where[:, None] - where[None], axis=2) <= distance
    return near & (event[:, None] == event[None])


@pytest.mark.parametrize("distance", [0.5, 1.5, 4.0])
def test_the_crowd_is_that_of_all_with_all(cloud, distance):
    event, where, electrons = cloud
    wanted = slow(event, where, distance) @ electrons
    assert np.allclose(neighbours.crowd(event, where, electrons, distance), wanted)


@pytest.mark.parametrize("distance", [0.5, 1.5, 2.5])
def test_clusters_are_connected_components(cloud, distance):
    csgraph = pytest.importorskip("scipy.sparse.csgraph")
    event, where, electrons = cloud
    _, wanted = csgraph.connected_components(slow(event, where, distance))
    found = neighbours.connected(event, where, electrons, distance)
    same = event[:, None] == event[None]
    assert np.array_equal((found[:, None] == found[None]) & same, wanted[:, None] == wanted[None])


def test_clusters_are_numbered_by_falling_charge(cloud):
    event, where, electrons = cloud
    found = neighbours.connected(event, where, electrons, 1.5)
    for i in range(4):
        total = np.bincount(found[event == i], electrons[event == i])
        assert (np.diff(total) <= 0).all()
        assert (total > 0).all()
