"""Whose charge lies in a region: two lone particles, a shared wire, nobody at all."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from darkpairs import owners, traces

BEGIN = np.array([0, 100, 200, 300])


def arrivals(clouds, events=1):
    """Arrivals of one event (or several alike) from rows of charge, tick, wire, particle."""
    charge, tick, wire, particle = np.array(clouds, dtype=float).T
    k = len(charge)
    place = np.column_stack([wire, wire, wire])
    return traces.Arrivals(
        event=np.arange(events), kind=np.zeros(events), weight=np.ones(events),
        offsets=np.arange(events + 1) * k, charge=np.tile(charge, events),
        tick=np.tile(tick, events), wire=np.tile(place, (events, 1)),
        sigma_tick=np.full(k * events, 2.0), sigma_wire=np.full(k * events, 0.4),
        particle=np.tile(particle.astype(int), events))


def find(clouds, regions, **more):
    batch = arrivals(clouds, **more)
    start, names, shares = owners.owners(batch, np.array(regions), 0, len(batch), BEGIN)
    return [dict(zip(names[a:b].tolist(), shares[a:b].tolist(), strict=True))
            for a, b in pairwise(start)]


def test_lone_particles_own_what_they_left():
    clouds = [(5e4, 300.0, 10.5, 0), (2e4, 300.0, 60.5, 3), (2e4, 500.0, 10.5, 7)]
    found = find(clouds, [[0, 0, 10, 280, 40], [0, 1, 60, 280, 40], [0, 2, 10, 480, 40]])
    assert found == [{0: 1.0}, {3: 1.0}, {7: 1.0}]


def test_noise_is_nobodys():
    assert find([(5e4, 300.0, 10.5, 0)], [[0, 0, 50, 280, 40], [0, 0, 10, 800, 40]]) == [
        {owners.NOBODY: 1.0}] * 2


def test_shares_go_with_charge_and_overlap():
    clouds = [(3e4, 300.0, 10.5, 0), (1e4, 302.0, 10.5, 1), (4e4, 300.0, 11.2, 2)]
    found, = find(clouds, [[0, 0, 10, 280, 22]])
    q = [3e4 * norm.cdf(1) * (norm.cdf(1.25) - norm.cdf(-1.25)),
         1e4 * norm.cdf(0) * (norm.cdf(1.25) - norm.cdf(-1.25)),
         4e4 * norm.cdf(1) * (norm.cdf(-0.5) - norm.cdf(-3))]
    for name, mine in enumerate(q):
        assert found[name] == pytest.approx(mine / sum(q), rel=2e-4)


def test_fractions_sum_to_one_in_a_crowd():
    dice = np.random.default_rng(1)
    clouds = np.column_stack([dice.uniform(10, 1e4, 300), dice.uniform(100, 400, 300),
                              dice.uniform(0, 99, 300), dice.integers(0, 5, 300)])
    regions = [[0, plane, wire, tick, 60] for plane in range(3) for wire in range(0, 100, 3)
               for tick in (100, 180, 360)]
    found = find(clouds, regions)
    assert len(found) == len(regions)
    assert any(len(one) > 2 for one in found)
    assert all(sum(one.values()) == pytest.approx(1.0, abs=1e-12) for one in found)


def test_events_do_not_mix():
    events = [arrivals([(5e4, 300.0, 10.5, name)]) for name in (4, 5, 6)]
    start, names, _ = owners.owners(traces.concatenate(events),
                                    np.array([[1, 0, 10, 280, 40], [2, 0, 11, 280, 40]]), 0, 3,
                                    BEGIN)
    assert names.tolist() == [5, 6]
    assert start.tolist() == [0, 1, 2]


def test_no_regions_no_owners():
    assert find([(5e4, 300.0, 10.5, 0)], np.zeros((0, 5), int)) == []
