"""Photons from outside: rays by steps, attenuation, places, rates, bad input."""

import numpy as np
import pytest
from scipy.stats import kstest

from darkpairs import background, batches, detector, dirt, interact
from darkpairs.dirt import SURROUNDINGS
from darkpairs.rng import stream, uniforms


@pytest.fixture(scope="module")
def truth():
    return dirt.generate(1500, seed=3)


def in_box(box, point):
    return ((point >= box[1:4]) & (point <= box[4:])).all(axis=-1)


def crosses(box, point, direction):
    """Walk along a ray and see whether it comes into a box; how far that is."""
    steps = np.arange(0, 3000, 0.25)[:, None]
    inside = in_box(np.array(box), point + steps * direction)
    return (True, steps[np.argmax(inside), 0]) if inside.any() else (False, np.inf)


def test_rays_as_walked():
    box = (0.0, 0.0, -50.0, 0.0, 100.0, 50.0, 200.0)
    u = uniforms(1, stream("test", "rays"), 60, 6)
    for row in u:
        point = (row[:3] - 0.5) * 600
        direction = row[3:] - 0.5
        direction /= np.linalg.norm(direction)
        ahead = dirt._ahead(tuple(point), (1.0, *direction), box)
        hits, far = crosses(box, point, direction)
        if hits or ahead < np.inf:
            assert ahead == pytest.approx(far, abs=0.3) or not hits
    assert dirt._ahead((5.0, 0.0, 5.0), (1.0, 0.0, 1.0, 0.0), box) == 0
    assert dirt._ahead((-5.0, 0.0, 5.0), (1.0, 0.0, 1.0, 0.0), box) == np.inf
    assert dirt._ahead((-5.0, 0.0, 5.0), (1.0, -1.0, 0.0, 0.0), box) == np.inf


def test_each_event_has_a_photon_that_aims_inside(truth):
    active = dirt.zones(SURROUNDINGS).active
    assert set(truth.pdg) == {22, 111}
    for i in range(len(truth)):
        rows = range(truth.offsets[i], truth.offsets[i + 1])
        photons = [r for r in rows if truth.pdg[r] == 22]
        aims = [dirt._ahead(tuple(truth.vertex[i]), tuple(truth.p4[r]), active) < np.inf
                for r in photons]
        assert any(aims)
        for r in photons:
            assert truth.pdg[truth.offsets[i] + truth.parent[r]] == 111
    parents = set((np.repeat(truth.offsets[:-1], np.diff(truth.offsets))
                   + truth.parent)[truth.pdg == 22])
    assert parents == set(np.flatnonzero(truth.pdg == 111))  # no π⁰ is left without a photon


def test_vertices_are_outside_and_within_argon_or_wall(truth):
    places = {name: np.array(box) for name, box in
              zip(("active", "argon", "hall", "wall"), dirt.zones(SURROUNDINGS)[:4], strict=True)}
    assert not detector.inside(detector.MICROBOONE, truth.vertex).any()
    argon = in_box(places["argon"], truth.vertex)
    wall = in_box(places["wall"], truth.vertex) & ~in_box(places["hall"], truth.vertex)
    assert (argon | wall).all()
    assert 0.3 < argon.mean() < 0.95
    assert (np.diff(truth.offsets)[argon] % 3 == 0).all()  # in argon both photons stay


def test_photons_are_attenuated_as_in_a_wall():
    places = dirt.zones(SURROUNDINGS)
    # 7/9 of a conversion per radiation length: 26.57 g/cm² over 2.3 g/cm³ and 7/9 is 14.85 cm
    assert places.free == pytest.approx(14.853, abs=1e-3)
    y = places.hall[5]
    for deep in (10.0, 25.0):
        point = (128.0, y + deep, 500.0)
        through = [dirt._through(u, point, (100.0, 0.0, -100.0, 0.0), False, places)
                   for u in uniforms(2, stream("test", "wall"), 4000, 1)[:, 0]]
        best = dirt._best(point, False, places)
        assert best == pytest.approx(np.exp(-deep / 14.853 - 0.63 * 7 / 9), rel=1e-4)
        slant = [dirt._through(u, point, (100.0, 30.0, -90.0, 20.0), False, places)
                 for u in (0.9 * best, 1.1 * best)]
        assert not slant[1]
        wanted = np.exp(-deep / 14.853 - 0.63 * 7 / 9)
        assert np.mean(through) == pytest.approx(wanted, abs=3 * np.sqrt(wanted / 4000))
    assert dirt._through(0.99, point, (100.0, 0.0, -100.0, 0.0), True, places)
    assert dirt._best(point, True, places) == 1


def test_an_event_has_two_photons_and_no_more():
    # The dice of two photons are thrown before the event is
    truth = background.generate("numu-pi0", 3000, seed=9)
    event = np.repeat(np.arange(3000), np.diff(truth.offsets))
    assert (np.bincount(event[truth.pdg == 22], minlength=3000) == 2).all()


def test_the_chance_is_that_of_a_slow_count():
    # Again from events inside, put outside one by one
    truth = background.generate("pi0", 400, seed=6)
    other = background.generate("numu-pi0", 400, seed=6)
    rates = [interact.source(background.BEAM[kind]).rate for kind in ("pi0", "numu-pi0")]
    places, found = dirt.zones(SURROUNDINGS), []
    active, hall, wall, argon = (np.array(getattr(places, name))
                                 for name in ("active", "hall", "wall", "argon"))
    dice = uniforms(4, stream("test", "chance"), 800, 40 * 6).reshape(800, 40, 6)
    for i in range(800):
        some, k = (truth, i) if i < 400 else (other, i - 400)
        rows = slice(some.offsets[k], some.offsets[k + 1])
        p4, pdg = some.p4[rows], some.pdg[rows]
        for u in dice[i]:
            inner = u[0] < places.share
            box, hole = (argon, active) if inner else (wall, hall)
            point = box[1:4] + u[1:4] * (box[4:] - box[1:4])
            if in_box(hole, point):
                continue
            aims = [dirt._ahead(tuple(point), tuple(p), places.active) < np.inf for p in p4]
            muon = any(a for a, c in zip(aims, pdg, strict=True) if abs(c) == 13)
            survive = [inner or u[4 + j] < np.exp(
                -dirt._ahead(tuple(point), tuple(p4[r]), places.hall) / places.free - places.vessel)
                for j, r in enumerate(np.flatnonzero(pdg == 22))]
            comes = any(s and aims[r] for s, r in
                        zip(survive, np.flatnonzero(pdg == 22), strict=True))
            found.append((i < 400, inner, comes and not muon))
    first, inner, comes = np.array(found).T
    slow = sum(rate / sum(rates) * part * comes[(first == which) & (inner == where)].mean()
               for which, rate in ((1, rates[0]), (0, rates[1]))
               for where, part in ((1, places.share), (0, 1 - places.share)))
    assert dirt.chance() == pytest.approx(slow, abs=4 * np.sqrt(slow / len(found)) + 0.02 * slow)


def test_depths_in_the_wall_fall_with_the_free_path():
    deep = SURROUNDINGS._replace(argon=1e-6, thick=60.0)
    truth = dirt.generate(400, seed=5, around=deep)
    hall = np.array(dirt.zones(deep).hall)
    depth = np.maximum(hall[1:4] - truth.vertex, truth.vertex - hall[4:]).max(axis=1)
    assert (depth > 0).all()
    assert 5 < np.mean(depth) < 15
    assert kstest(depth, lambda x: -np.expm1(-x / 10) / -np.expm1(-6.0)).statistic < 0.12


def test_rates_and_masses():
    nuclei = dirt.nuclei(SURROUNDINGS)
    # 84.3 t of argon are as many nuclei as 84.3/85.7 of the active volume's
    active = detector.targets(detector.MICROBOONE)["Ar40"]
    assert nuclei[0] / active == pytest.approx(84.3 / 85.7, rel=2e-3)
    events = dirt.expected_events(pot=6.87e20)
    assert dirt.expected_events(pot=2 * 6.87e20) == pytest.approx(2 * events)
    bare = dirt.expected_events(pot=6.87e20, around=SURROUNDINGS._replace(scale=1e-9))
    assert 0.4 * events < bare < 0.95 * events
    # MicroBooNE selects 36 dirt events in single photons with some percent of efficiency for those
    # that enter, arXiv 2110.00409 (from memory): thousands must be there, not hundreds
    assert 3000 < events < 30000
    assert batches.KINDS[dirt.generate(1, seed=1).kind[0]] == "dirt"


def test_refusals():
    with pytest.raises(ValueError, match="wanted numbers > 0"):
        dirt.generate(1, seed=1, around=SURROUNDINGS._replace(hall=0.0))
    with pytest.raises(ValueError, match=r"Surroundings with .'hall': -1\.0.; wanted finite"):
        dirt.generate(1, seed=1, around=SURROUNDINGS._replace(hall=-1.0))
    with pytest.raises(ValueError, match="protons on target must be > 0; got -1"):
        dirt.expected_events(pot=-1)
