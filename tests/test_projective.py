"""Projective points: where wires meet, as hits of one object say, and what no truth may change."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from darkpairs import (
    batches,
    chain,
    detector,
    drift,
    gun,
    hits,
    projective,
    seen,
    transport,
    wires,
)
from darkpairs.clusters import find
from darkpairs.triples import RULES
from madehits import LIVE, START, line, made, only

WAYS = [(0, 0, 1), (0.3, 0.1, 0.9), (0, 0.5, 0.8), (0.9, 0.2, 0.3), (0.1, -0.9, 0.3)]


def distance(positions, others):
    """Return the distance of each position from the nearest other one [cm]."""
    return cKDTree(others).query(positions)[0]


@pytest.mark.parametrize("way", WAYS)
def test_points_of_a_line_lie_on_it(way):
    """The first and the third are at one time all along, so time tells nothing of the order."""
    points = line(way, length=30.0)
    found = projective.points(made([points]), LIVE)
    assert (found.object == 0).mean() > 0.98
    assert (distance(found.position, points) < 0.7).mean() > 0.97
    assert (distance(points, found.position) < 0.7).mean() > 0.97


def test_an_upright_line_at_one_time_is_blurred():
    """On ten wires of Y, any order of its charge fits nearly as well: it stays within 1.6 cm."""
    points = line((0, 1, 0.1), length=30.0)
    found = projective.points(made([points]), LIVE)
    assert distance(found.position, points).max() < 1.6
    assert (distance(points, found.position) < 1.0).mean() > 0.85


def test_one_hit_in_each_view_is_one_point():
    """Its place is known to a wire: 3 mm, and as much along the wires of Y."""
    found = projective.points(made([[START]]), LIVE)
    assert len(found.charge) == 1
    assert abs(found.position[0] - START).max() < 0.3
    assert found.charge[0] == 1e4
    place = wires.places(LIVE, found.position)[0]
    assert abs(place - np.floor(wires.places(LIVE, START)) - 0.5).max() < 0.5


def test_charge_of_points_is_that_of_their_hits():
    """All hits of Y that have a label have points, which share their charge among them."""
    some = made([np.concatenate([line((0.3, 0.3, 0.8)), line((0.1, -0.2, 0.8))])])
    found = projective.points(some, LIVE)
    y = (some.plane == 2) & (found.hit_object >= 0)
    assert found.charge.sum() == pytest.approx(some.charge[y].sum(), rel=0.02)
    assert found.charge.min() >= 0


def test_the_filter_is_the_least_squares():
    """What goes along the tree and back solves Σ (s−m)²/σ² + Σ (s_i−s_k)²/τ² = min, exactly."""
    dice = np.random.default_rng(1)
    n = 40
    parent = np.array([-1] + [dice.integers(0, i) for i in range(1, n)])
    wire, depth = dice.integers(0, 30, n), dice.uniform(0, 9, n)
    plane = np.full(n, 2)
    slopes = wires.projection(LIVE)
    triple = np.column_stack([np.zeros((60, 2), dtype=int), dice.integers(0, n, 60)])
    misfit, meets = dice.uniform(0, 3, 60), dice.normal(0, 5, (60, 2))
    chosen, guess = np.full(n, -1), np.empty((n, 2))
    projective._choose(2, plane, wire, depth, triple, misfit, meets, 1 / (1 + misfit),
                       np.arange(n), parent, slopes, RULES, chosen, guess)
    system, right = np.zeros((n, n)), np.zeros(n)
    for h in range(n):
        mine = triple[:, 2] == h
        if mine.any():
            weight, s = 1 / (1 + misfit[mine]), meets[mine, 0]
            mean = np.average(s, weights=weight)
            spread = np.average((s - mean) ** 2, weights=weight) + RULES.blur**2
            system[h, h] += 1 / spread
            right[h] += mean / spread
        if parent[h] >= 0:
            k = parent[h]
            stiff = 1 / (RULES.bend**2 * ((0.3 * (wire[h] - wire[k])) ** 2
                                          + (depth[h] - depth[k]) ** 2))
            for a, b, sign in ((h, h, 1), (k, k, 1), (h, k, -1), (k, h, -1)):
                system[a, b] += sign * stiff
    covariance = np.linalg.inv(system)
    assert guess[:, 0] == pytest.approx(covariance @ right)
    assert guess[:, 1] == pytest.approx(covariance.diagonal())
    for h in np.unique(triple[:, 2]):
        rows = np.flatnonzero(triple[:, 2] == h)
        cost = misfit[rows] + (meets[rows, 0] - guess[h, 0]) ** 2 / (guess[h, 1] + RULES.blur**2)
        assert chosen[h] == rows[cost.argmin()]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_two_wires_meet_in_a_point_too(missing):
    place = wires.places(LIVE, np.array([START]))[0]
    wire, label = np.floor(place).astype(int), np.zeros(3, dtype=int)
    triple = np.arange(3)
    triple[missing] = -1
    y, z = projective._meets(triple[None], wire, label, wires.projection(LIVE))[0]
    others = [p for p in range(3) if p != missing]
    assert (y, z) == pytest.approx(wires.crossing(LIVE, others, wire[others] + 0.5))


@pytest.mark.parametrize(("missing", "up"), [(0, 0.5), (1, -0.5), (2, 0.0)])
def test_where_two_views_have_to_do_ends_belong_together(missing, up):
    """At first all comes at one time, so nothing but the end tells which place is which."""
    first = line((0, up, 0.8), length=6.0)
    points = np.concatenate([first, line((0.8, 0.6 * up, 0.5), start=first[-1])])
    far = [distance(first[:1], projective.points(
        made([points], without=(missing,)), LIVE, rules=RULES._replace(tips=tips)).position)[0]
        for tips in (1.0, RULES.tips)]
    assert far[1] < 0.5 < far[0]


def test_ends_and_weights_agree_with_plain_loops():
    dice = np.random.default_rng(2)
    n = 80
    plane = np.sort(dice.integers(0, 3, n))
    wire = np.concatenate([np.sort(dice.integers(0, 60, (plane == p).sum())) for p in range(3)])
    depth, label = dice.uniform(0, 3, n), dice.integers(0, 2, n)
    end = np.array([not all(any(
        plane[k] == plane[h] and label[k] == label[h] and 0 < way * (wire[k] - wire[h])
        <= RULES.beyond and abs(depth[k] - depth[h]) < RULES.beside for k in range(n))
        for way in (-1, 1)) for h in range(n)])
    triple = np.column_stack([dice.choice(np.flatnonzero(plane == p), 200) for p in range(3)])
    triple[dice.permutation(200)[:150], dice.integers(0, 3, 150)] = -1
    misfit = dice.uniform(0, 5, 200)
    wanted = [(RULES.tips if min(t) < 0 and end[t[t >= 0]].all() else 1.0) / (1 + m)
              for t, m in zip(triple, misfit, strict=True)]
    found = projective._weights(plane, wire, depth, label, triple, misfit, RULES)
    assert 0.1 < end.mean() < 0.9
    assert found == pytest.approx(np.array(wanted))


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_plane_that_is_dead(plane):
    points = line((0.4, 0.3, 0.8), length=30.0)
    found = projective.points(made([points], without=(plane,)), LIVE)
    assert (distance(points, found.position) < 0.6).mean() > 0.95
    assert (distance(found.position, points) < 0.6).mean() > 0.9


def test_dead_wires_of_y_have_points_from_u_and_v():
    points = line((0.4, 0.1, 0.9), start=(60, 20, 714), length=60.0)
    some = made([points], paper=detector.MICROBOONE)
    found = projective.points(some, detector.MICROBOONE)
    gone = wires.dead(detector.MICROBOONE)[2][np.floor(points[:, 2] / 0.3).astype(int)]
    assert gone.sum() > 50
    assert (distance(points[gone], found.position) < 0.6).mean() > 0.9


def test_a_busy_event_is_not_cut_short():
    """10⁵ hits of 340 tracks that cross in every view: most are found again."""
    dice = np.random.default_rng(1)
    tracks = [line(dice.normal(size=3), start=dice.uniform([40, -60, 100], [210, 60, 900]),
                   length=45.0, step=0.3) for _ in range(340)]
    points = np.concatenate(tracks)
    points = points[detector.inside(LIVE, points)]
    some = made([points])
    assert len(some.plane) > 80_000
    found = projective.points(some, LIVE)
    assert (distance(points, found.position) < 1.0).mean() > 0.85
    assert (distance(found.position, points) < 1.0).mean() > 0.6


@pytest.mark.parametrize("events", [[], [[]], [[], [START], []]])
def test_few_hits(events):
    found = projective.points(made(events), LIVE)
    assert len(found) == len(events)
    assert len(found.charge) == sum(map(len, events))


def test_huge_and_negative_charges():
    some = made([line((0.3, 0.2, 0.8))], charge=1e9)
    assert np.isfinite(projective.points(some, LIVE).position).all()
    columns = {name: getattr(some, name) for name in some.SHAPES} | dict(charge=-some.charge)
    found = projective.points(seen.Hits(**columns), LIVE)
    assert np.isfinite(found.position).all()
    assert (found.charge == 0).all()


@pytest.fixture(scope="module")
def pairs():
    """Sixteen pairs of 400 MeV and 15° in several directions: what was left, and the hits."""
    dice = np.random.default_rng(1)
    truth = batches.concatenate([gun.pair(
        (150, 250), np.radians(15), direction=(*dice.uniform(-0.8, 0.8, 2), 1), first=i,
        azimuth=dice.uniform(0, 6)) for i in range(16)])
    return transport.deposits(truth, LIVE, seed=1), hits.find(
        chain.charge(truth, detector=LIVE, seed=1), LIVE)


def test_points_of_pairs_are_complete_and_no_ghosts(pairs):
    left, some = pairs
    true = drift.arrivals(left, LIVE).charge
    found = projective.points(some, LIVE)
    complete, ghosts = [], []
    for i in range(16):
        rows, mine, charge = found.rows(i), left.rows(i), found.charge[found.rows(i)]
        q, truth = true[mine], left.position[mine]
        complete.append(q[distance(truth, found.position[rows]) < 1].sum() / q.sum())
        ghosts.append(charge[distance(found.position[rows], truth[q > 300]) > 1].sum()
                      / charge.sum())
    assert np.mean(complete) > 0.92
    assert np.mean(ghosts) < 0.04


def test_no_owner_and_no_companion_changes_anything(pairs):
    _, some = pairs
    columns = {name: getattr(some, name) for name in some.SHAPES}
    columns |= dict(owner=some.owner[::-1] * 0 + 7, kind=some.kind * 0, weight=some.weight + 1)
    first, second = (projective.points(one, LIVE) for one in (some, seen.Hits(**columns)))
    for name in ("position", "charge", "object", "hit_object"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    for i in (0, 7):
        alone = projective.points(only(some, i), LIVE)
        assert np.array_equal(alone.position, first.position[first.rows(i)])
        assert np.array_equal(alone.hit_object, first.hit_object[some.rows(i)])


def test_wide_pairs_leave_as_two_and_photons_as_one():
    """Opening 40°, 200 MeV each; n = 16 and 16: binomial errors of 0.1."""
    def parts(truth):
        found = projective.points(hits.find(chain.charge(truth, detector=LIVE, seed=1), LIVE), LIVE)
        count = []
        for i in range(len(found)):
            rows = found.rows(i)
            shares = np.bincount(found.object[rows] + 1, found.charge[rows])[1:]
            near = [found.position[rows][found.object[rows] == k] - gun.MIDDLE
                    for k in np.flatnonzero(shares > 0.15 * shares.sum())]
            count.append(sum(np.linalg.norm(part, axis=1).min() < 6.0 for part in near))
        return np.array(count)
    wide = gun.pair((200, 200), np.radians(40), direction=(0.2, 0.3, 0.9), azimuth=0.7, n=16)
    assert (parts(wide) == 2).mean() > 0.5
    assert (parts(gun.shoot(11, 400.0, direction=(0.2, 0.3, 0.9), n=16)) > 1).mean() < 0.2


def test_nonsense_is_refused():
    some = made([line((0, 0, 1))])
    with pytest.raises(ValueError, match=r"blur = 0\.0; wanted a finite number > 0"):
        projective.points(some, LIVE, rules=RULES._replace(blur=0.0))
    with pytest.raises(ValueError, match="another chamber made these"):
        projective.points(some, LIVE._replace(length=60.0))
    assert len(find(some, LIVE)[0]) == len(some.plane)
