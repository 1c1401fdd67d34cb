"""Tomographic: points in space from three planes, clusters of them, labels of hits."""

import numpy as np
import pytest

from darkpairs import deconvolve, drift, gun, hits, readout, tomographic, transport
from darkpairs.detector import MICROBOONE

LIVE = MICROBOONE._replace(dead=0.0)


@pytest.fixture(scope="module")
def muon():
    truth = gun.shoot(13, 200.0, direction=(0.3, 0.5, 0.8), n=2)
    deposits = transport.deposits(truth, LIVE, seed=1)
    arrivals = drift.arrivals(deposits, LIVE)
    charge = deconvolve.charge(readout.waveforms(arrivals, LIVE, seed=1), LIVE)
    found = hits.find(charge, LIVE)
    return deposits, found, tomographic.points(charge, found, LIVE)


def test_a_muon_is_a_line_of_points(muon):
    deposits, _, points = muon
    for i in range(2):
        rows = points.rows(i)
        big = points.object[rows] == 0
        away = points.position[rows][big][:, None] - deposits.position[deposits.rows(i)][None]
        assert np.quantile(np.linalg.norm(away, axis=2).min(axis=1), 0.95) < 0.5
        assert points.charge[rows][big].sum() > 0.95 * points.charge[rows].sum()
