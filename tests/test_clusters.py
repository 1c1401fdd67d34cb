"""Clusters in one view: all that hangs together, and nothing else."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from darkpairs import clusters, detector
from darkpairs.clusters import NEARNESS
from madehits import LIVE, line, made, only


@pytest.fixture(scope="module")
def scattered():
    """Three events of 150 points at random places, all near one another."""
    dice = np.random.default_rng(1)
    return made([dice.uniform([90, 0, 400], [100, 10, 410], (150, 3)) for _ in range(3)])


def neighbours(hits, i, reach=0.9, drift=1.5):
    """Tell which hits of event i are neighbours, from the definition: the slow twin."""
    rows = hits.rows(i)
    plane, wire, tick, width = (getattr(hits, name)[rows] for name in (
        "plane", "wire", "tick", "width"))
    across = 0.3 * abs(np.subtract.outer(wire, wire))
    ends = np.sqrt(3) * np.add.outer(width, width)
    gap = np.maximum(abs(np.subtract.outer(tick, tick)) - ends, 0) * drift * 0.1098 * 0.5
    return (np.equal.outer(plane, plane)) & (np.hypot(across, gap) <= reach)


def alike(one, other):
    """Tell whether two ways to name clusters mean the same clusters."""
    return len({*zip(one.tolist(), other.tolist(), strict=True)}) == len({*one.tolist()}) == len(
        {*other.tolist()})


def test_the_slow_twin(scattered):
    """A graph of all pairs, and its components as scipy finds them."""
    found, _ = clusters.find(scattered, LIVE)
    for i in range(3):
        count, wanted = connected_components(coo_matrix(neighbours(scattered, i)))
        mine = found[scattered.rows(i)]
        assert count > 10
        assert sorted({*mine.tolist()}) == list(range(count))
        assert alike(mine, wanted)


def test_a_tree_has_one_edge_less_than_hits(scattered):
    found, tree = clusters.find(scattered, LIVE)
    for i in range(3):
        rows = scattered.rows(i)
        edges = tree[rows][tree[rows, 0] >= 0]
        n, count = rows.stop - rows.start, found[rows].max() + 1
        assert len(edges) == n - count
        near = neighbours(scattered, i)
        assert near[edges[:, 0] - rows.start, edges[:, 1] - rows.start].all()
        joined = coo_matrix((np.ones(len(edges)), (edges - rows.start).T), shape=(n, n))
        assert connected_components(joined)[0] == count


def test_the_nearest_are_joined_first():
    """Two wires that each have a hit at two times: the tree follows the times."""
    hits = made([[(100, 0, 400.15), (100.0, 0, 400.45), (101.3, 0, 400.15), (101.3, 0, 400.45)]],
                without=(0, 1))
    _, tree = clusters.find(hits, LIVE, nearness=NEARNESS._replace(reach=3.0))
    assert sorted(map(tuple, tree[:2].tolist()))[0] == (0, 2)
    assert (1, 3) in map(tuple, tree[:2].tolist())


def test_a_cluster_has_one_plane(scattered):
    found, _ = clusters.find(scattered, LIVE)
    for i in range(3):
        rows = scattered.rows(i)
        pairs = {*zip(found[rows].tolist(), scattered.plane[rows].tolist(), strict=True)}
        assert len(pairs) == found[rows].max() + 1


@pytest.mark.parametrize(("empty", "parts"), [(2, 1), (3, 2)])
def test_a_gap_parts_a_line(empty, parts):
    """Pandora joins hits up to 0.9 cm apart: two empty wires are bridged, three are not."""
    wire = np.array([w for w in range(1300, 1340) if not 1320 <= w < 1320 + empty])
    points = np.column_stack([np.full(len(wire), 100.0), 0 * wire, 0.3 * (wire + 0.5)])
    found, _ = clusters.find(made([points], without=(0, 1)), LIVE)
    assert found.max() + 1 == parts


def test_dead_wires_are_no_gap():
    """On U, wires 298 to 410 are mostly dead in MicroBooNE; a line across them stays one."""
    points = line((0, 0, 1), start=(100, 110, 180), length=60.0)
    hits = made([points], paper=detector.MICROBOONE, without=(1, 2))
    assert np.diff(hits.wire).max() > 20
    assert clusters.find(hits, detector.MICROBOONE)[0].max() == 0
    assert clusters.find(hits, LIVE)[0].max() > 0


def test_time_may_run_backwards(scattered):
    flipped = made([[(200, 0, 0) + p * (-1, 1, 1) for p in line((0.5, 0.1, 0.8))[::7]]])
    normal = made([line((0.5, 0.1, 0.8))[::7]])
    counts = [clusters.find(hits, LIVE)[0].max() for hits in (normal, flipped)]
    assert counts[0] == counts[1] > 3


def test_an_event_does_not_depend_on_its_companions(scattered):
    together, _ = clusters.find(scattered, LIVE)
    for i in range(3):
        alone, _ = clusters.find(only(scattered, i), LIVE)
        assert np.array_equal(alone, together[scattered.rows(i)])


def test_scattered_hits_find_each_other_by_chance():
    """Hits thrown evenly: how many have no neighbour follows Poisson's law."""
    dice = np.random.default_rng(2)
    hits = made([dice.uniform([20, -1, 300], [220, 1, 700], (2000, 3))], without=(0, 1))
    sizes = np.bincount(clusters.find(hits, LIVE)[0])
    reach, half = 0.9, np.sqrt(3) * 3.3 * 0.0549  # cm; a hit's line, half its length
    steps = 0.3 * np.arange(-3, 4)
    area = 0.3 * (2 * (np.sqrt(reach**2 - steps**2) / 1.5 + 2 * half)).sum()
    lone = np.exp(-2000 * area / (200 * 400))
    assert (sizes == 1).sum() / 2000 == pytest.approx(lone, abs=4 * np.sqrt(lone / 2000))


@pytest.mark.parametrize("points", [[], [[]], [[(100, 0, 500)]]], ids=["no events", "empty", "one"])
def test_few_hits(points):
    found, tree = clusters.find(made(points), LIVE)
    assert sorted(found.tolist()) == list(range(len(found)))
    assert (tree == -1).all()


def test_nonsense_is_refused(scattered):
    with pytest.raises(ValueError, match=r"reach = 0\.0; wanted a finite number > 0"):
        clusters.find(scattered, LIVE, nearness=NEARNESS._replace(reach=0.0))
    with pytest.raises(ValueError, match="another chamber made these"):
        clusters.find(scattered, LIVE._replace(length=100.0))
    for name in ("tick", "width", "charge"):
        columns = {key: getattr(scattered, key) for key in scattered.SHAPES}
        columns[name] = np.full(len(scattered.plane), np.nan)
        with pytest.raises(ValueError, match=f"a {name} that is NaN"):
            clusters.find(type(scattered)(**columns), LIVE)
