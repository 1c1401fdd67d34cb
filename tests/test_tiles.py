"""Tiles: slices of time, strips of wires, places where they cross."""

from itertools import product

import numpy as np
import pytest

import smallcharge
from darkpairs import tiles, wires
from darkpairs.detector import MICROBOONE
from darkpairs.tomographic import RULES

LIVE = MICROBOONE._replace(dead=0.0)
SLICES = 1600
EVEN = RULES._replace(induction=1.0)


def found(charge, detector=LIVE, rules=EVEN):
    strips = tiles.strips(charge, 0, len(charge), detector, rules)
    return strips, tiles.tiles(strips, detector, rules, SLICES)


@pytest.fixture(scope="module")
def slanted():
    where, rows = smallcharge.track(LIVE, (100, 10, 300), (0.3, 0.5, 0.8), 12.0)
    charge = smallcharge.charge([[], rows, rows[:40]])
    return where, charge, *found(charge)


def test_the_area_between_two_slants_agrees_with_counting():
    rng = np.random.default_rng(1)
    u, v = rng.uniform(0, 2, 200_000), rng.uniform(0, 3, 200_000)
    for low, high in ((-1, 6), (0.5, 1.5), (2, 2.7), (4.9, 7), (-2, -1), (1, 4.5)):
        part = ((u + v > low) & (u + v < high)).mean()
        assert tiles._area.py_func(low, high, 2.0, 3.0) == pytest.approx(6 * part, abs=0.03)


def test_strips_hold_the_charge_of_their_regions(slanted):
    _, charge, strips, _ = slanted
    region = np.repeat(np.arange(len(charge.plane)), charge.ticks)
    event = np.repeat(np.arange(3), np.diff(charge.offsets))
    for i, p in product(range(3), range(3)):
        samples = charge.electrons[(charge.plane[region] == p) & (event[region] == i)]
        mine = strips.charge[(strips.event == i) & (strips.plane == p)]
        assert mine.sum() == pytest.approx(samples.sum(dtype=float), rel=1e-5, abs=1e-9)


def test_strips_agree_with_the_slow_twin(slanted):
    """Sums by block and slice, where no slice is a tail."""
    _, charge, _, _ = slanted
    every = EVEN._replace(fired=0.0, faint=0.0)
    strips = tiles.strips(charge, 1, 2, LIVE, every)
    wanted = {}
    for r in range(*charge.offsets[1:3]):
        for t in range(charge.ticks[r]):
            key = (charge.plane[r], charge.wire[r] // 3, (charge.tick[r] + t) // 4)
            q = float(charge.electrons[charge.start[r] + t])
            total, moment = wanted.get(key, (0.0, 0.0))
            wanted[key] = total + q, moment + q * (charge.wire[r] + 0.5)
    keys = list(zip(strips.plane, strips.block, strips.slice, strict=True))
    assert keys == sorted(wanted)
    assert np.allclose(strips.charge, [wanted[key][0] for key in keys])
    assert np.allclose(strips.place, [wanted[key][1] / wanted[key][0] for key in keys])


def test_tails_go_to_the_nearest_slice():
    row = np.array([50.0, 10.0, 4000.0, 900.0, 200.0, 30.0, 20.0, 5000.0, 7.0])
    kept = row.copy()
    tiles._sharpen.py_func(kept, 10.0, np.array([3.0, 0.2]))
    assert kept.tolist() == [0, 0, 4060, 1130, 0, 0, 0, 5027, 0]


def test_a_pulse_keeps_its_time_and_its_error():
    pulse = 500 * np.exp(-0.5 * ((np.arange(40) - 19.5) / 3)**2)
    strips = tiles.strips(smallcharge.charge([[(2, 300, 1000, pulse)]], noise=50.0), 0, 1, LIVE,
                          EVEN)
    top = np.argmax(strips.charge)
    assert strips.time[top] == pytest.approx(1020, abs=0.3)
    assert strips.error[top] == pytest.approx(np.hypot(50 * 4, 0.05 * strips.charge[top]))
    assert (strips.low[top], strips.high[top], strips.place[top]) == (300, 301, 300.5)


def test_tiles_agree_with_the_slow_twin(slanted):
    """All triples of strips in a slice whose wires have a place in common."""
    _, _, strips, cross = slanted
    shift = tiles.frame(LIVE, 3)[2]
    wanted = set()
    for i, now in set(zip(strips.event.tolist(), strips.slice.tolist(), strict=True)):
        here = np.flatnonzero((strips.event == i) & (strips.slice == now))
        for u, v, y in product(*(here[strips.plane[here] == p] for p in range(3))):
            base = strips.low[u] + strips.low[v] - shift
            area = tiles._area.py_func(
                strips.low[y] - base, strips.high[y] - base, strips.high[u] - strips.low[u],
                strips.high[v] - strips.low[v])
            if area > RULES.corner and np.ptp(strips.time[[u, v, y]]) < RULES.apart:
                wanted.add((u, v, y))
    assert set(map(tuple, cross.strip.tolist())) == wanted
    assert len(cross.strip) == len(wanted) > 30


def test_tiles_cover_where_charge_was(slanted):
    where, _, strips, cross = slanted
    tick = LIVE.trigger + where[:, 0] / (LIVE.tick * LIVE.velocity)
    place = wires.places(LIVE, where)
    low, high = strips.low[cross.strip], strips.high[cross.strip]
    covered = []
    for t, p in zip(tick, place, strict=True):
        mine = (cross.event == 1) & (abs(cross.slice * 4 + 2 - t) < 4)
        inside = ((low <= p) & (p < high)).all(axis=1)
        covered.append((mine & inside).any())
    assert np.mean(covered) > 0.96  # the rest: corners of tiles, cut at `RULES.corner`


def test_links_lead_to_the_same_place_a_slice_later(slanted):
    _, _, _, cross = slanted
    keys = {(i, s, *b): k for k, (i, s, b) in enumerate(zip(
        cross.event.tolist(), cross.slice.tolist(), cross.block.tolist(), strict=True))}
    for k, (i, s, *b) in enumerate(keys):
        assert cross.after[k] == keys.get((i, s + 1, *b), -1)
        assert cross.before[k] == keys.get((i, s - 1, *b), -1)
    assert (cross.after >= 0).sum() > 10


def test_two_planes_do_where_the_third_is_dead():
    dead = wires.dead(MICROBOONE)
    gone = np.flatnonzero(dead[2])
    run = next(w for w in gone if dead[2][w:w + 12].all())
    heights = [(100, y, run * 0.3 + 0.1) for y in np.arange(-100, 100, 7.0)]
    start = next(p for p in heights if not any(
        dead[k][int(w) - 5:int(w) + 9].any() for k, w in enumerate(
            wires.places(MICROBOONE, p)[:2])))
    for detector, blind in ((LIVE, False), (MICROBOONE, True)):
        _, rows = smallcharge.track(detector, start, (0.4, 0.1, 1), 3.0)
        charge = smallcharge.charge([rows])
        _, cross = found(charge, detector)
        assert (cross.strip[:, 2] < 0).any() == blind
        if blind:
            low = 3 * cross.block[cross.strip[:, 2] < 0, 2]
            assert all(dead[2][w:w + 3].any() for w in low)


def test_blocks_of_the_chamber():
    """2400, 2400 and 3456 wires (JINST 12 P02017); u + v = w holds for all places."""
    begin, dead, shift, _ = tiles.frame(MICROBOONE, 3)
    assert np.diff(begin).tolist() == [800, 800, 1152]
    for plane, mask in enumerate(wires.dead(MICROBOONE)):
        assert dead[begin[plane]:begin[plane + 1], 2].sum() == mask.sum()
    u, v, w = wires.places(MICROBOONE, (100.0, 33.0, 444.0))
    assert u + v - w == pytest.approx(shift)


def test_tiles_of_an_isochronous_track_grow_as_its_length():
    """A track 4° off the plane of the wires: blocks and times keep the crossings apart."""
    numbers = []
    for length in (20.0, 40.0, 80.0):
        way = (np.sin(np.radians(4)), 0.5, 0.8)
        _, rows = smallcharge.track(LIVE, (100, 0, 300), way, length)
        numbers.append(len(found(smallcharge.charge([rows]))[1].slice))
    assert numbers[1] < 2.6 * numbers[0]
    assert numbers[2] < 2.3 * numbers[1]


def test_nothing_is_nothing():
    strips, cross = found(smallcharge.charge([[], []]))
    assert len(strips.charge) == len(cross.slice) == 0
    lone, cross = found(smallcharge.charge([[(2, 5, 900, np.full(9, 900.0))]]))
    assert len(lone.charge) > 0
    assert len(cross.slice) == 0
