"""Strays: a slow search finds the same, nobody loses an object, nothing far off is taken."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

import madehits
from darkpairs import objects, seen, strays, wires
from darkpairs.detector import MICROBOONE

LIVE = madehits.LIVE


def thrown(n=400, seed=1, events=2, size=(60.0, 40.0)):
    """Hits at random places of a small part of each plane, a third of them with an object."""
    dice = np.random.default_rng(seed)
    rows = np.array([(i, plane, 500 + int(z / LIVE.pitch), LIVE.trigger + x / (
        LIVE.velocity * LIVE.tick)) for i in range(events) for plane in range(3)
        for z, x in dice.random((n // 3, 2)) * size])
    rows = rows[np.lexsort(rows.T[::-1])]
    h = len(rows)
    hits = seen.Hits(
        event=np.arange(events), kind=np.zeros(events), weight=np.ones(events),
        offsets=np.searchsorted(rows[:, 0], np.arange(events + 1)), plane=rows[:, 1],
        wire=rows[:, 2], first=np.floor(rows[:, 3]), ticks=np.ones(h), tick=rows[:, 3],
        width=np.ones(h), charge=np.ones(h), noise=np.ones(h), owner_start=np.arange(h + 1),
        owner=np.zeros(h), fraction=np.ones(h))
    return hits, np.where(dice.random(h) < 0.3, dice.integers(0, 4, h), -1)


def slow(hits, label, reach):
    """Each stray asks every hit of its event and plane that has an object."""
    answer, x = label.copy(), wires.depth(LIVE, hits.tick)
    for i in range(len(hits)):
        for h in range(hits.offsets[i], hits.offsets[i + 1]):
            near = reach
            for k in range(hits.offsets[i], hits.offsets[i + 1]) if label[h] < 0 else ():
                far = np.hypot((hits.wire[h] - hits.wire[k]) * LIVE.pitch, x[h] - x[k])
                if label[k] >= 0 and hits.plane[k] == hits.plane[h] and far < near:
                    near, answer[h] = far, label[k]
    return answer


@pytest.mark.parametrize("reach", [0.0, 0.5, 2.0, 5.0, 1e3])
def test_the_nearest_is_that_of_a_search_through_all(reach):
    hits, label = thrown()
    found = strays.adopt(hits, label, LIVE, reach=reach)
    assert np.array_equal(found, slow(hits, label, reach))
    assert (found[label >= 0] == label[label >= 0]).all()  # who has an object keeps it


def test_a_tree_of_places_says_the_same():
    hits, label = thrown(3000, events=1)
    place = np.column_stack([hits.plane * 1e6, hits.wire * LIVE.pitch,
                             wires.depth(LIVE, hits.tick)])
    far, who = cKDTree(place[label >= 0]).query(place)
    wanted = np.where((label < 0) & (far < 0.7), label[label >= 0][who], label)
    assert np.array_equal(strays.adopt(hits, label, LIVE, reach=0.7), wanted)


def test_as_many_are_near_as_chance_has_it():
    # of places thrown with a density ρ none lies within R with the chance exp(−πR²ρ), Poisson;
    # wires are 3 mm wide, so R is large against that
    reach, size, shares = 3.0, (150.0, 100.0), []
    for seed in range(20):
        hits, label = thrown(1800, seed=seed, events=1, size=size)
        x, z = wires.depth(LIVE, hits.tick), (hits.wire - 500) * LIVE.pitch
        inner = (np.abs(x - 50) < 50 - reach) & (np.abs(z - 75) < 75 - reach) & (label < 0)
        found = strays.adopt(hits, label, LIVE, reach=reach)
        shares.append((found[inner] >= 0).mean())
    density = 0.3 * 600 / (size[0] * size[1])
    wanted = 1 - np.exp(-np.pi * reach**2 * density)
    assert np.mean(shares) == pytest.approx(wanted, abs=4 * np.std(shares) / np.sqrt(20))


def test_events_and_planes_stay_apart():
    hits, label = thrown()
    alone = [strays.adopt(madehits.only(hits, i), label[hits.rows(i)], LIVE, reach=4.0)
             for i in range(2)]
    assert np.array_equal(np.concatenate(alone), strays.adopt(hits, label, LIVE, reach=4.0))
    first = np.where((hits.plane == 0) & (hits.wire < 600), 0, -1)  # one plane only has objects
    assert (strays.adopt(hits, first, LIVE, reach=1e12)[hits.plane > 0] == -1).all()


def test_nothing_and_nobody():
    hits, label = thrown(events=1)
    assert (strays.adopt(hits, np.full(len(label), -1), LIVE, reach=9.0) == -1).all()
    empty = madehits.made([[]])
    assert len(strays.adopt(empty, np.zeros(0, dtype=int), LIVE, reach=9.0)) == 0
    one = madehits.made([[madehits.START]])
    assert list(strays.adopt(one, [0, -1, -1], LIVE, reach=9.0)) == [0, -1, -1]


def test_a_crowd_takes_its_time():
    hits, label = thrown(100_000, events=1, size=(300.0, 200.0))
    found = strays.adopt(hits, label, LIVE, reach=14.0)  # as in `families.RULES`
    assert (found >= 0).all()
    few = np.where(np.arange(len(label)) % 9999 == 0, 0, -1)
    assert (strays.adopt(hits, few, LIVE, reach=14.0) >= 0).any()


def test_bad_input_is_refused():
    hits, label = thrown(events=1)
    for wrong in (np.nan, -1.0, np.inf):
        with pytest.raises(ValueError, match="wanted a finite number ≥ 0"):
            strays.adopt(hits, label, reach=wrong)
    with pytest.raises(ValueError, match="wanted one each"):
        strays.adopt(hits, label[1:], reach=1.0)
    with pytest.raises(ValueError, match="a chamber with"):
        strays.adopt(hits, label, MICROBOONE._replace(pitch=-1.0), reach=1.0)


def test_objects_take_in_what_nobody_owns():
    points = madehits.line((0.2, 0.3, 1))
    hits = madehits.made([points])
    label = np.where((hits.plane == 2) & (hits.wire % 2 == 0), -1, 0)  # half of Y is lost
    found = seen.Points(
        event=hits.event, kind=hits.kind, weight=hits.weight, offsets=[0, len(points)],
        position=points, charge=np.full(len(points), 1e4), object=np.zeros(len(points)),
        hit_offsets=hits.offsets, hit_object=label)
    labelled, thing = objects.find(found, hits, LIVE)
    assert (labelled.hit_object == 0).all()
    assert thing.charge == pytest.approx([hits.charge[hits.plane == 2].sum()])
