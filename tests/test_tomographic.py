"""Tomographic: points in space from three planes, clusters of them, labels of hits."""

import dataclasses

import numpy as np
import pytest

import smallcharge
from darkpairs import deconvolve, drift, gun, hits, readout, tomographic, transport, wires
from darkpairs.detector import MICROBOONE

LIVE = MICROBOONE._replace(dead=0.0)
RULES = tomographic.RULES


def away(points, where):
    """Distance of each point to the nearest of some places."""
    return np.linalg.norm(np.asarray(points)[:, None] - np.asarray(where)[None], axis=2).min(axis=1)


def see(truth, detector=LIVE):
    deposits = transport.deposits(truth, detector, seed=1)
    arrivals = drift.arrivals(deposits, detector)
    charge = deconvolve.charge(readout.waveforms(arrivals, detector, seed=1), detector)
    pulses = hits.find(charge, detector)
    return deposits, arrivals, charge, pulses, tomographic.points(charge, pulses, detector)


def lines(*rows, detector=LIVE, rules=RULES):
    """Points and hits of events made of straight tracks."""
    charge = smallcharge.charge(rows)
    pulses = hits.find(charge, detector)
    return pulses, tomographic.points(charge, pulses, detector, rules=rules)


@pytest.fixture(scope="module")
def shower():
    return see(gun.shoot(11, 300.0, direction=(0.7, 0.1, 0.7), n=12))


@pytest.fixture(scope="module")
def beam():
    return see(gun.pair((150.0, 150.0), np.radians(20), azimuth=0.7, n=20))


def quality(deposits, arrivals, points):
    good = ghost = 0.0
    for i in range(len(points)):
        mine, q = points.position[points.rows(i)], points.charge[points.rows(i)]
        true, real = deposits.position[deposits.rows(i)], arrivals.charge[arrivals.rows(i)]
        good += real[away(true, mine) < 1].sum()
        ghost += q[away(mine, true[real > 50]) > 1].sum()
    return good / arrivals.charge.sum(), ghost / points.charge.sum()


def test_points_are_complete_and_ghosts_are_few(shower, beam):
    """At least 0.90 of the charge and at most 0.05 ghosts; errors of a dozen events: 0.01."""
    for batch, most in ((shower, 0.02), (beam, 0.05)):
        complete, ghosts = quality(batch[0], batch[1], batch[4])
        assert complete > 0.90
        assert ghosts < most


@pytest.mark.parametrize(("way", "near", "part"), [
    ((0, 0, 1), 2.0, 0.9), ((0, 1, 1), 2.0, 0.9), ((1, 0, 0), 0.5, 0.95), ((1, 0.2, 1), 0.5, 0.8),
    ((0.2, -1, 0.5), 0.7, 0.95)])
def test_a_straight_track_comes_back(way, near, part):
    """Its places, worst if all comes at once; its charge, worst at 45°; one cluster."""
    where, rows = smallcharge.track(LIVE, (120, 5, 400), way, 15.0)
    pulses, points = lines(rows)
    assert np.quantile(away(points.position, where), 0.95) < near
    assert np.quantile(away(where, points.position), 0.98) < 1.0
    total = points.charge[points.object == 0].sum()
    assert part < total / pulses.charge[pulses.plane == 2].sum() < 1.05
    assert (points.hit_object >= 0).all()


def test_a_point_is_where_its_wires_cross():
    """One pulse on three wires: the law u + v = w, by hand."""
    u, v = 1200, 900
    w = int(u + v + 1 - 233 * np.sin(np.pi / 3) / 0.3)  # 672.6 pitches between the corners
    pulse = 800 * np.exp(-0.5 * ((np.arange(30) - 14.5) / 3)**2)
    _, points = lines([(p, wire, 1000, pulse) for p, wire in ((0, u), (1, v), (2, w))])
    assert len(points.charge) == 1
    x, y, z = points.position[0]
    assert x == pytest.approx((1015 - 800) * 0.5 * 0.1098, abs=0.05)
    assert y == pytest.approx((v - u) * 0.3 / (2 * np.sin(np.pi / 3)), abs=0.2)
    assert z == pytest.approx((w + 0.5) * 0.3, abs=0.2)
    assert points.charge[0] == pytest.approx(pulse.sum(), rel=0.04)


def test_where_planes_disagree_on_a_place_all_give_way_alike():
    place = np.array([10.2, 20.4, 29.0])
    found = np.empty((1, 2))
    tomographic._places(place, np.array([[0, 1, 2]]), 1.0, found)
    u, v = found[0]
    w = u + v - 1.0
    assert (u, v, w) == pytest.approx((10.0, 20.2, 29.2))


def test_a_tile_pays_for_being_alone_for_disagreement_and_for_a_dead_plane():
    """10 electrons × Σ 1/σ², ×3 for each missing neighbour, ×2 at 0.4 ticks, ×6 where blind."""
    look = np.array([RULES.penalty, RULES.lonely, RULES.match, RULES.blind])
    time, error = np.array([5.0, 5.0, 5.0, 5.4]), np.array([100.0, 200.0, 400.0, 400.0])
    strip = np.array([[0, 1, 2], [0, 1, 3], [0, 1, -1], [0, 1, 2]])
    found = np.empty(4)
    tomographic._weigh.py_func(time, error, strip, np.array([3, 0, 0, -1]), np.zeros(4, int), look,
                               found)
    two = 10 * (1 / 100**2 + 1 / 200**2)
    three = two + 10 / 400**2
    assert found == pytest.approx([three, 2 * three, 6 * two, 3 * three])


def test_ghosts_are_small_on_all_their_strips():
    strip = np.array([[0, 2, 4], [1, 3, 5], [0, 3, 6], [0, 3, 4], [1, 2, -1]])
    electrons = np.array([9e3, 8e3, 1e3, 1e3, 200.0])
    good = np.zeros(5, dtype=bool)
    tomographic._keep.py_func(strip, electrons, 300.0, 0.75, np.zeros(7), good)
    assert good.tolist() == [True, True, True, False, False]  # the third is all that strip 6 has


def test_two_tracks_are_two_clusters_and_keep_their_hits():
    _, one = smallcharge.track(LIVE, (100, 0, 300), (0.3, 0.3, 0.8), 14.0)
    _, two = smallcharge.track(LIVE, (140, 30, 330), (0.4, 0.1, 0.8), 10.0)
    pulses, points = lines(one + two)
    assert points.object.max() == 1
    mine = np.array([min(abs(h - r[2]) for r in one if r[:2] == (p, w)) < 60 if any(
        r[:2] == (p, w) for r in one) else False for p, w, h in zip(
        pulses.plane, pulses.wire, pulses.first, strict=True)])
    assert np.array_equal(points.hit_object == 0, mine)


def test_labels_agree_with_the_slow_twin(beam):
    """A hit gets the cluster with most charge on the strips that it shares ticks with."""
    _, _, charge, pulses, points = beam
    strips, found, electrons = tomographic.solved(charge, 3, 4, LIVE)
    where = tomographic.positions(strips, found, LIVE)
    rows, start = points.rows(3), pulses.offsets[3]
    near = np.linalg.norm(where[:, None] - points.position[rows][None], axis=2)
    label = points.object[rows][near.argmin(axis=1)]
    checked = 0
    for h in range(start, pulses.offsets[4]):
        sums = np.zeros(label.max() + 1)
        for j, mine in enumerate(found.strip):
            i = mine[pulses.plane[h]]
            low, high = pulses.first[h] // 4, (pulses.first[h] + pulses.ticks[h] - 1) // 4
            if strips.block[i] == pulses.wire[h] // 3 and low <= strips.slice[i] <= high:
                sums[label[j]] += electrons[j]
        if sums.max() > 1.2 * np.sort(sums)[-2] > 0 or np.count_nonzero(sums) == 1:
            assert points.hit_object[h] == sums.argmax()
            checked += 1
    assert checked > 200


def test_hits_of_a_shower_have_labels(shower, beam):
    for batch in (shower, beam):
        pulses, points = batch[3:]
        mine = pulses.plane == 2
        labelled = pulses.charge[mine & (points.hit_object >= 0)].sum()
        assert labelled > 0.95 * pulses.charge[mine].sum()


def test_a_hit_without_charge_in_space_follows_the_nearest():
    _, rows = smallcharge.track(LIVE, (100, 0, 300), (0.3, 0.3, 0.8), 14.0)
    last = max(row for row in rows if row[0] == 2)
    for more, label in ((3, 0), (40, -1)):  # wires: 0.9 and 12 cm
        lone = (2, last[1] + more, last[2], last[3])
        pulses, points = lines([*rows, lone])
        assert points.hit_object[pulses.wire == lone[1]][-1] == label


def test_most_pairs_of_20_degrees_leave_as_two(beam):
    """At least 0.6; the error of 20 events is 0.1."""
    points, two = beam[4], 0
    for i in range(20):
        rows = points.rows(i)
        label, where = points.object[rows], points.position[rows]
        near = np.linalg.norm(where[:, None] - where[None], axis=2) < RULES.gap
        two += (near & (label[:, None] != label[None])).any()
    assert two >= 12


def test_an_event_does_not_depend_on_its_companions(beam):
    _, _, charge, pulses, points = beam
    for i in (0, 9):
        rows = slice(*charge.offsets[i:i + 2])
        event = [(charge.plane[r], charge.wire[r], charge.tick[r],
                  charge.electrons[charge.start[r]:charge.start[r + 1]])
                 for r in range(rows.start, rows.stop)]
        alone = dataclasses.replace(smallcharge.charge([event]), noise=charge.noise[rows])
        again = tomographic.points(alone, hits.find(alone, LIVE), LIVE)
        mine = points.rows(i)
        for name in ("position", "charge", "object"):
            assert np.array_equal(getattr(again, name), getattr(points, name)[mine])
        assert np.array_equal(again.hit_object,
                              points.hit_object[pulses.offsets[i]:pulses.offsets[i + 1]])


def test_no_truth_is_used(beam):
    _, _, charge, pulses, points = beam
    rng = np.random.default_rng(1)
    other = dataclasses.replace(charge, owner=rng.integers(0, 9, len(charge.owner)),
                                fraction=rng.random(len(charge.owner)), kind=charge.kind + 1,
                                weight=charge.weight + 3)
    again = tomographic.points(other, pulses, LIVE)
    for name in ("position", "charge", "object", "hit_object"):
        assert np.array_equal(getattr(again, name), getattr(points, name))


def test_a_dead_wire_is_bridged_by_two_planes():
    dead = wires.dead(MICROBOONE)
    run = next(w for w in np.flatnonzero(dead[2]) if dead[2][w:w + 12].all())
    heights = np.arange(-100, 100, 7.0)
    start = next(p for p in ((100, y, run * 0.3 - 3) for y in heights) if not any(
        dead[k][int(w) - 9:int(w) + 20].any() for k, w in enumerate(
            wires.places(MICROBOONE, p)[:2])))
    where, rows = smallcharge.track(MICROBOONE, start, (0.4, 0.1, 1), 12.0)
    _, points = lines(rows, detector=MICROBOONE)
    _, blind = lines(rows, detector=LIVE)  # which takes silence for truth
    assert np.quantile(away(where, points.position), 0.98) < 1.2
    assert np.quantile(away(where, blind.position), 0.98) > 1.5


def test_empty_events_lone_hits_and_a_dead_plane_give_no_points():
    _, rows = smallcharge.track(LIVE, (100, 0, 300), (0.3, 0.3, 0.8), 6.0)
    two = [row for row in rows if row[0] != 1]
    pulses, points = lines([], rows[:1], two, rows)
    assert np.diff(points.offsets).tolist()[:3] == [0, 0, 0]
    assert len(points.charge) > 0
    assert (points.hit_object[:pulses.offsets[3]] == -1).all()
    assert len(lines()[1]) == 0


def test_saturated_charge_is_taken_as_it_is():
    _, rows = smallcharge.track(LIVE, (100, 0, 300), (0.3, 0.3, 0.8), 6.0, electrons=3e6)
    flat = [(p, w, t, np.minimum(q, 5e5)) for p, w, t, q in rows]
    _, points = lines(flat)
    assert np.isfinite(points.charge).all()
    assert points.charge.sum() > 1e6


@pytest.mark.parametrize(("change", "words"), [
    (dict(wires=2.5), "wanted a whole number"), (dict(ticks=0.0), "wanted a whole number"),
    (dict(gap=np.nan), "wanted a number"), (dict(penalty=-1.0), "wanted a number")])
def test_rules_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        lines([], rules=RULES._replace(**change))


def test_other_events_are_refused():
    one, two = smallcharge.charge([[]]), smallcharge.charge([[], []])
    with pytest.raises(ValueError, match="same events"):
        tomographic.points(one, hits.find(two, LIVE), LIVE)
