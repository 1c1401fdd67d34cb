"""Three planes of wires: where they are, how long they are, and which are dead."""

from math import cos, isclose, pi, sin, tan

import numpy as np
import pytest

from darkpairs import detector, tables, wires

HERE = detector.MICROBOONE
ACROSS = 233 * sin(pi / 3) / 0.3  # height of the frame across the slanted wires, in wires
ALONG = 1036.8 / 2 / 0.3
CORNERS = [((128, 116.5, 0), (0, ACROSS, 0)), ((128, -116.5, 0), (ACROSS, 0, 0)),
           ((128, 116.5, 1036.8), (ALONG, ALONG + ACROSS, 3456)),
           ((128, -116.5, 1036.8), (ALONG + ACROSS, ALONG, 3456)),
           ((5, 0, 300), (500 + ACROSS / 2, 500 + ACROSS / 2, 1000))]


def points(k, seed=1):
    low, high = detector.walls(HERE)
    return np.random.default_rng(seed).uniform(low, high, size=(k, 3))


def test_counts_are_the_published_ones():
    assert wires.counts(HERE) == (2400, 2400, 3456)  # JINST 12 P02017
    assert wires.PLANES == ("U", "V", "Y")


@pytest.mark.parametrize(("point", "place"), CORNERS, ids=str)
def test_places_by_hand(point, place):
    assert np.allclose(wires.places(HERE, point), place)


def test_kernel_and_verb_agree():
    slopes, where = wires.projection(HERE), points(200)
    kernel = [[wires._place(slopes, plane, y, z) for plane in range(3)] for _, y, z in where]
    assert np.allclose(wires.places(HERE, where), kernel, rtol=1e-14)


def test_two_planes_tell_the_third():
    u, v, w = wires.places(HERE, points(1000)).T
    assert np.allclose(u + v - ACROSS, w)


def test_a_step_across_the_wires_is_one_wire_and_along_them_none():
    slopes = wires.projection(HERE)
    for plane, angle in enumerate((pi / 3, -pi / 3, 0.0)):
        a, b, _ = slopes[plane]
        assert isclose(0.3 * (b * cos(angle) - a * sin(angle)), 1)
        assert isclose(b * sin(angle) + a * cos(angle), 0, abs_tol=1e-12)


def test_nearly_every_point_has_a_wire_on_each_plane():
    where = wires.places(HERE, points(200_000))
    counts = np.array(wires.counts(HERE))
    assert (where >= 0).all()
    assert (where[:, 2] < counts[2]).all()
    # The slanted planes are 2400.6 pitches wide, and no wire stands in the last 0.6: a corner
    # of 4 mm² in each
    assert (where[:, :2] < counts[:2] + 0.61).all()
    assert (where[:, :2] >= counts[:2]).mean() < 1e-5


def slow_length(plane, wire):
    """Cut a line with the frame, edge by edge."""
    angle = (pi / 3, -pi / 3, 0.0)[plane]
    a, b, c = wires.projection(HERE)[plane]
    start = np.array([a, b]) * (wire + 0.5 - c) / (a * a + b * b)  # a point (y, z) of the wire
    way = np.array([cos(angle), sin(angle)])
    low, high = -np.inf, np.inf
    for at, step, near, far in zip(start, way, (-116.5, 0.0), (116.5, 1036.8), strict=True):
        if abs(step) > 1e-12:
            cuts = sorted(((near - at) / step, (far - at) / step))
            low, high = max(low, cuts[0]), min(high, cuts[1])
    return high - low


@pytest.mark.parametrize("plane", range(3))
def test_lengths_agree_with_the_slow_twin(plane):
    fast = wires.lengths(HERE, plane)
    assert len(fast) == wires.counts(HERE)[plane]
    for wire in (0, 1, 300, 671, 672, 673, 1200, 1727, 1728, 1729, 2398, 2399):
        assert isclose(fast[wire], slow_length(plane, wire), rel_tol=1e-9), wire


def test_the_longest_wires():
    longest = [wires.lengths(HERE, plane).max() for plane in range(3)]
    assert np.allclose(longest, [466, 466, 233])  # 4.7 m and 2.3 m in JINST 12 P08003


@pytest.mark.parametrize("plane", range(3))
def test_wires_cover_their_plane_once(plane):
    area = wires.lengths(HERE, plane).sum() * HERE.pitch
    assert isclose(area, HERE.height * HERE.length, rel_tol=1e-6)


def test_a_frame_whose_slanted_wires_all_end_at_its_sides():
    tall = HERE._replace(length=100.0)  # no wire runs from the bottom to the top
    assert isclose(wires.lengths(tall, 0).max(), 100.0 / tan(pi / 3) / cos(pi / 3), rel_tol=5e-3)
    assert isclose(wires.lengths(tall, 0).sum() * 0.3, 233.0 * 100.0, rel_tol=1e-3)


def test_a_tenth_of_the_wires_is_dead():
    masks = wires.dead(HERE)
    assert [len(mask) for mask in masks] == [2400, 2400, 3456]
    silent = [int(mask.sum()) for mask in masks]
    assert sum(silent) == 834
    assert isclose(sum(silent) / 8256, 0.10, abs_tol=0.003)  # JINST 12 P08003: about 10 %
    assert not any(mask.any() for mask in wires.dead(HERE._replace(dead=0.0)))


def test_dead_wires_lie_where_they_are_known_to_lie():
    u, v, y = wires.dead(HERE)
    z = np.flatnonzero(y)
    short = z[(z > 2300) & (z < 2500)]
    assert (short[0], short[-1], len(short)) == (2336, 2463, 126)
    assert np.allclose(np.array([short[0], short[-1] + 1]) * 0.3, [700.8, 739.2])  # cm
    assert u[296:672].sum() == 288  # shorted
    assert u[864:912].all()  # the motherboard without wires
    assert v[1536:1584].all()


def test_the_table_of_dead_wires_has_no_doubles():
    table = tables.read("dead_channels.csv")
    plane, first, last = table.matrix().astype(int).T
    assert (first <= last).all()
    assert (np.diff(plane) >= 0).all()
    assert (first[1:] > last[:-1])[np.diff(plane) == 0].all()
    groups = last - first + 1
    ours = (groups == 16) & (first % 16 == 0)
    assert ours.sum() >= 19  # ASICs serve 16 channels each
    assert "toy" in table.about["title"]


@pytest.mark.parametrize("plane", [-1, 3])
def test_there_are_three_planes(plane):
    with pytest.raises(ValueError, match=f"plane {plane}; wanted 0, 1 or 2"):
        wires.lengths(HERE, plane)


@pytest.mark.parametrize("planes", [(0, 1), (1, 2), (2, 0)])
def test_wires_cross_where_a_point_is_on_both(planes):
    position = np.random.default_rng(5).uniform(*detector.walls(HERE), (100, 3))
    place = wires.places(HERE, position)[:, planes]
    assert wires.crossing(HERE, planes, place) == pytest.approx(position[:, 1:], abs=1e-9)


@pytest.mark.parametrize("planes", [(0, 0), (0, 3), (0, 1, 2)])
def test_wires_of_one_plane_cross_nowhere(planes):
    with pytest.raises(ValueError, match=r"planes \(0, .*two different ones"):
        wires.crossing(HERE, planes, np.zeros((4, 2)))


def test_ticks_tell_how_far_charge_has_come():
    whole = HERE.drift / HERE.velocity / HERE.tick  # 2.33 ms, 4663 ticks
    assert whole == pytest.approx(4663, abs=10)
    ticks = HERE.trigger + np.array([0.0, whole])
    assert wires.depth(HERE, ticks) == pytest.approx([0.0, HERE.drift])
