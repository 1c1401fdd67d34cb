"""Which part of an event is the beam's: rules, counts, light, a slow loop, bad input."""

from dataclasses import replace
from math import dist

import numpy as np
import pytest

from darkpairs import chain, cosmic, detector, gun, slices, wires
from darkpairs.seen import Hits, Points
from darkpairs.slices import RULES

LOW, HIGH = detector.walls(detector.MICROBOONE)
LIGHT = np.array([[0.0, 500.0]])


def line(start, end, n=30):
    """Points on a straight line."""
    return np.linspace(start, end, n)


def made(*events):
    """Points and hits of events, each a list of clusters of places; each point has a hit."""
    counts = [sum(map(len, event)) for event in events]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    place = np.concatenate([np.empty((0, 3)), *(c for event in events for c in event)])
    label = np.concatenate([np.empty(0, int), *(np.full(len(c), k) for event in events
                                                for k, c in enumerate(event))]).astype(int)
    n, k = len(events), len(place)
    rides = dict(event=np.arange(n), kind=np.zeros(n), weight=np.ones(n))
    points = Points(**rides, offsets=offsets, position=place, charge=np.ones(k), object=label,
                    hit_offsets=offsets, hit_object=label)
    whole = dict.fromkeys(("plane", "first"), np.zeros(k)) | dict(
        wire=np.arange(k), ticks=np.ones(k), tick=np.arange(k), width=np.ones(k),
        charge=np.arange(k) + 1.0, noise=np.ones(k))
    return points, Hits(**rides, **whole, offsets=offsets, owner_start=2 * np.arange(k + 1),
                        owner=np.tile([0, 1], k), fraction=np.tile([0.3, 0.7], k))


SHOWER = line((100, 0, 490), (110, 5, 520))
CASES = {
    "ours": (line((100, 5, 480), (90, 0, 500)), True),
    "late": (line((240, 5, 480), (260, 0, 500)), False),
    "early": (line((-4, 5, 480), (20, 0, 500)), False),
    "from the top": (line((100, 110, 480), (90, 10, 480)), False),
    "short at the top": (line((100, 112, 480), (90, 90, 480)), None),
    "too long": (line((100, 10, 390), (90, 0, 600)), False),
    "far in z": (line((100, 0, 562), (90, 0, 582)), False),
    "far in y": (line((100, 62, 480), (90, 70, 500)), False),
    "long inside": (line((100, -40, 480), (90, 0, 500)), True),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_thrown_away(name):
    cluster, stays = CASES[name]
    light = LIGHT
    if stays is None:  # short, and the light is there: it stays
        light, stays = np.array([[100.0, 480.0]]), True
    points, hits = made([cluster])
    kept, _ = slices.find(points, hits, light)
    assert (len(kept.charge) > 0) == stays


def test_crumbs_beside_a_thrown_one_go():
    muon = line((100, HIGH[1], 480), (100, -100, 480), 400)
    near = line((100, 0, 490), (100, 0, 500))  # its middle is 15 cm away
    far = line((100, 0, 506), (100, 0, 514))  # 30 cm
    large = line((100, -22, 490), (100, 22, 500))
    points, hits = made([muon, near, far, large])
    kept, _ = slices.find(points, hits, LIGHT)
    assert np.array_equal(kept.position, np.concatenate([far, large]))
    assert np.array_equal(np.unique(kept.object), [0, 1])
    alone, _ = slices.find(*made([near, far, large]), LIGHT)
    assert len(alone.charge) == 90


def test_hits_and_points_go_together():
    muon = line((100, HIGH[1], 480), (100, -100, 480), 400)
    points, hits = made([SHOWER], [muon, SHOWER], [muon], [])
    kept, found = slices.find(points, hits, np.tile(LIGHT, (4, 1)))
    assert kept.offsets.tolist() == found.offsets.tolist() == [0, 30, 60, 60, 60]
    assert np.array_equal(kept.hit_offsets, found.offsets)
    assert kept.object.tolist() == kept.hit_object.tolist() == [0] * 60
    assert np.array_equal(found.charge[30:], hits.charge[430:460])
    assert np.array_equal(found.owner_start, 2 * np.arange(61))
    assert found.fraction.reshape(-1, 2).sum(axis=1) == pytest.approx(1)
    assert len(hits.charge) == 860  # the input is what it was


def slow(points, light, rules=RULES):
    """Clusters of the first event that stay, in plain Python."""
    stays, parts = [], {}
    for place, label in zip(points.position.tolist(), points.object.tolist(), strict=True):
        parts.setdefault(label, []).append(np.array(place))
    parts.pop(-1, None)
    foreign = {}
    for label, places in parts.items():
        low, high = np.min(places, axis=0), np.max(places, axis=0)
        size = np.linalg.norm(high - low)
        at_edge = (high[1] > HIGH[1] - rules.top or low[1] < LOW[1] + rules.side
                   or low[2] < LOW[2] + rules.side or high[2] > HIGH[2] - rules.side)
        foreign[label] = (low[0] < LOW[0] - rules.late or high[0] > HIGH[0] + rules.late
                          or size > rules.longest or (size > rules.long and at_edge), size)
    gone = [p.tolist() for label in parts if foreign[label][0] for p in parts[label]]
    for label, places in parts.items():
        middle = np.mean(places, axis=0)
        if not foreign[label][0] and (np.abs(middle[1:] - light) <= rules.reach).all():
            crumb = foreign[label][1] <= rules.crumb
            if not crumb or min(dist(p, middle) for p in gone) >= rules.near:
                stays.append(label)
    return sorted(stays)


@pytest.fixture(scope="module")
def crowded():
    truth = cosmic.overlay(gun.shoot(22, 300.0, n=3), seed=4)
    return [chain.display(truth, i, seed=2, overlaid=True) for i in range(3)], truth


@pytest.mark.parametrize("way", ["projective", "tomographic"])
def test_a_slow_loop_keeps_the_same(crowded, way):
    for stages in crowded[0]:
        whole = chain.recognise(stages["charge"])["hits"]
        assert np.array_equal(whole.charge, stages["hits"].charge)
        points = (chain.projective.points(whole) if way == "projective"
                  else chain.tomographic.points(stages["charge"], whole))
        kept, _ = slices.find(points, whole, stages["light"])
        wanted = slow(points, stages["light"][0])
        mine = np.isin(points.object, wanted)
        assert len(kept.charge) == mine.sum() > 0
        assert np.array_equal(kept.position, points.position[mine])
        assert 0.001 < mine.mean() < 0.2  # most of what is seen is muons


def test_a_photon_is_found_under_muons(crowded):
    near = 0
    for stages in crowded[0]:
        reco, kept = stages["reco"], stages["kept"]["tomographic"]
        assert (reco.hits[reco.of("tomographic")] == len(kept.charge)).all()
        own = np.zeros(len(kept.charge))
        np.add.at(own, np.repeat(np.arange(len(own)), np.diff(kept.owner_start)),
                  kept.fraction * (kept.owner == 0))
        near += (own * kept.charge).sum() > 0.5 * kept.charge.sum()
    assert near >= 2
    truth = crowded[1]
    many = chain.reconstruct(truth, seed=2, overlaid=True)
    assert np.array_equal(many.hits[2:4], crowded[0][1]["reco"].hits)


def test_with_nothing_around_all_stays():
    truth = gun.shoot(22, 300.0, n=4)
    plain = chain.reconstruct(truth, seed=2)
    wide = RULES._replace(reach=1e4)
    for i in range(4):
        stages = chain.display(truth, i, seed=2)
        points, hits = stages["points"]["projective"], stages["hits"]
        kept, found = slices.find(points, hits, [[0.0, 500.0]], rules=wide)
        mine = points.object >= 0
        assert np.array_equal(kept.position, points.position[mine])
        assert found.charge.sum() == hits.charge[points.hit_object >= 0].sum()
    assert (plain.showers[plain.of("projective")] > 0).all()


def test_without_light_nothing_is_kept():
    points, hits = made([SHOWER], [SHOWER])
    kept, found = slices.find(points, hits, [[np.nan, np.nan], LIGHT[0]])
    assert kept.offsets.tolist() == found.offsets.tolist() == [0, 0, 30]


@pytest.mark.parametrize("light", [(0.0, 500.0), (100.0, 20.0), (-110.0, 1030.0)])
def test_the_view_holds_every_place_of_a_cluster_that_may_stay_and_what_is_on_its_wires(light):
    ends, paper = slices.view([light])[0], detector.MICROBOONE
    far = RULES.reach + RULES.longest / 2
    dice = np.random.default_rng(5)
    place = dice.uniform(LOW, HIGH, (20000, 3))
    place = place[(np.abs(place[:, 1:] - light) <= far).all(axis=1)]
    assert len(place) > 1000
    near, dice = place, np.random.default_rng(6)
    for slope in (-np.sqrt(3), np.sqrt(3)):  # somewhere on the same wire of U or V
        y = dice.uniform(LOW[1], HIGH[1], len(near))
        there = np.column_stack([near[:, 0], y, near[:, 2] + slope * (y - near[:, 1])])
        place = np.concatenate([place, there[(there[:, 2] >= 0) & (there[:, 2] < HIGH[2])]])
    assert len(place) > 1.5 * len(near)
    seen = np.column_stack([wires.places(paper, place), paper.trigger + place[:, 0] / (
        paper.tick * paper.velocity)])
    assert ((seen >= ends[:, 0]) & (seen < ends[:, 1])).all()
    most = [*wires.counts(paper), paper.ticks]
    assert (ends[:, 0] >= 0).all()
    assert (ends[:, 1] <= most).all()


def test_the_view_shows_who_came_at_another_time_and_not_all_that_is_read():
    ends, paper = slices.view(LIGHT)[0, 3], detector.MICROBOONE
    early, late = wires.depth(paper, ends) - [LOW[0], HIGH[0]]
    assert -RULES.beyond - 0.06 < early <= -RULES.beyond < -RULES.late
    assert RULES.late < RULES.beyond <= late < RULES.beyond + 0.06  # a tick is 0.055 cm
    assert np.diff(ends) < 0.85 * paper.ticks


def test_without_light_nothing_is_read():
    ends = slices.view([[np.nan, np.nan], LIGHT[0]])
    assert (ends[0] == 0).all()
    assert (np.diff(ends[1]) > 0).all()
    with pytest.raises(ValueError, match=r"light of shape \(2,\) for 2 events; wanted y and z"):
        slices.view(LIGHT[0])


def test_what_the_view_holds_is_found_as_if_all_were_read():
    """A muon beside a shower, both in view, and one far away and late that is not read."""
    near = [gun.shoot(22, 300.0, start=(120, 0, 480)), gun.shoot(
        13, 300.0, direction=(0.1, -1, 0.2), start=(90, 40, 530))]
    away = gun.shoot(13, 600.0, direction=(0, -1, 0.2), start=(200, 100, 60))
    whole = [joined(*near), joined(*near, replace(away, time=np.array([900.0])))]
    for truth in whole:
        seen = chain.display(truth, 0, seed=2, overlaid=True)
        every = chain.display(truth, 0, seed=2)
        less = len(seen["waveforms"].adc) < len(every["waveforms"].adc)
        assert less == (truth is whole[1])
        again = chain.recognise(every["charge"], light=seen["light"])
        for way, kept in seen["kept"].items():
            assert len(kept.charge) > 50
            assert np.array_equal(kept.charge, again["kept"][way].charge)
        for name in seen["reco"].FEATURES:
            assert np.array_equal(getattr(seen["reco"], name), getattr(again["reco"], name),
                                  equal_nan=getattr(seen["reco"], name).dtype.kind == "f"), name


def joined(*events):
    """One event with the particles of several."""
    rows = {name: np.concatenate([getattr(one, name) for one in events])
            for name in ("pdg", "p4", "start", "time", "parent")}
    return replace(events[0], **rows, offsets=np.array([0, len(rows["pdg"])]))


def test_refusals():
    points, hits = made([SHOWER])
    with pytest.raises(ValueError, match=r"light of shape \(2,\) for 1 events; wanted y and z"):
        slices.find(points, hits, LIGHT[0])
    with pytest.raises(ValueError, match="wanted numbers ≥ 0"):
        slices.find(points, hits, LIGHT, rules=RULES._replace(near=-1.0))
    with pytest.raises(ValueError, match="2 clusters to keep or not, of 1"):
        slices.cut(points, hits, [True, False])
    with pytest.raises(ValueError, match="wanted the hits that the points came from"):
        slices.cut(points, made([SHOWER[:20]])[1], [True])
