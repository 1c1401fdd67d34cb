"""Projective points: where wires meet."""

import numpy as np
import pytest

from darkpairs import chain, detector, gun, hits, projective, wires

LIVE = detector.MICROBOONE._replace(dead=0.0)


@pytest.fixture(scope="module")
def seen():
    truth = gun.shoot(13, 300.0, direction=(0.3, 0.4, 0.8), n=2)
    return hits.find(chain.charge(truth, detector=LIVE, seed=1), LIVE)


def test_points_lie_where_wires_meet(seen):
    found = projective.points(seen, LIVE)
    place = wires.places(LIVE, found.position)
    assert len(place) > 500
    assert np.isfinite(place).all()
