"""Triples: wires that meet in one point at one time, no more and no fewer."""

from math import pi

import numpy as np
import pytest

from darkpairs import detector, triples, wires
from darkpairs.triples import NOTHING, RULES
from madehits import LIVE, START, line, made, only


def test_u_and_v_sum_to_w():
    kappa, offset = triples.geometry(LIVE)
    place = wires.places(LIVE, np.random.default_rng(1).uniform(-100, 100, (50, 3)))
    assert kappa == pytest.approx(1.0, abs=1e-12)  # wires at 60°, JINST 12 P02017
    assert place[:, 0] + place[:, 1] == pytest.approx(place[:, 2] + offset)
    kappa, offset = triples.geometry(LIVE._replace(angle=pi / 5))
    place = wires.places(LIVE._replace(angle=pi / 5), np.ones((1, 3)))[0]
    assert place[0] + place[1] == pytest.approx(kappa * place[2] + offset)


@pytest.fixture(scope="module")
def crossing():
    """Two tracks that cross in Y, and scattered points."""
    dice = np.random.default_rng(1)
    return made([np.concatenate([line((0.3, 0.5, 0.8)), line((0.3, -0.5, 0.8)), dice.uniform(
        [90, -30, 400], [110, -10, 420], (60, 3))])])


def test_the_slow_twin(crossing):
    """All combinations of three hits, asked one by one."""
    hits = crossing
    triple, misfit, _ = triples.find(hits, LIVE)
    kappa, offset = triples.geometry(LIVE)
    u, v, y = (np.flatnonzero(hits.plane == p) for p in range(3))
    wanted = {}
    for a in u:
        for c in y[abs(hits.tick[y] - hits.tick[a]) <= RULES.time]:
            place = kappa * (hits.wire[c] + 0.5) + offset - (hits.wire[a] + 0.5)
            miss = hits.wire[v] + 0.5 - place
            near = v[(abs(miss) <= RULES.meet) & (abs(hits.tick[v] - hits.tick[a]) <= RULES.time)
                     & (abs(hits.tick[v] - hits.tick[c]) <= RULES.time)]
            for b in near:
                t = hits.tick[[a, b, c]]
                far = (hits.wire[b] + 0.5 - place) / RULES.aim
                wanted[a, b, c] = far**2 + 3 * t.var() / RULES.sigma**2
    assert len(wanted) > 200
    assert {*map(tuple, triple.tolist())} == {*wanted}
    assert misfit == pytest.approx([wanted[tuple(row)] for row in triple.tolist()])


def test_chance_triples_are_as_many_as_expected():
    """Unrelated points: three times lie within a by chance with 3r² − 2r³, r = a/T (textbook)."""
    dice = np.random.default_rng(3)
    n, low, high = 150, [100, -10, 480], [120, 10, 520]
    hits = made([dice.uniform(low, high, (n, 3)) for _ in range(12)])
    start = triples.find(hits, LIVE)[2]
    wire = [np.floor(wires.places(LIVE, dice.uniform(low, high, (500_000, 3)))) for _ in range(3)]
    offset = triples.geometry(LIVE)[1]

    def meet(i, j, k):
        miss = wire[i][:, 0] + wire[j][:, 1] - wire[k][:, 2] + 0.5 - offset
        return (abs(miss) <= RULES.meet).mean()
    r = RULES.time / (20 / LIVE.velocity / LIVE.tick)
    two = sum(meet(*who) for who in ((0, 0, 1), (0, 1, 0), (1, 0, 0))) * (2 * r - r * r)
    three = meet(0, 1, 2) * (3 * r**2 - 2 * r**3)
    expected = n * meet(0, 0, 0) + n * (n - 1) * two + n * (n - 1) * (n - 2) * three
    assert expected > 1.2 * n
    assert start[-1] / 12 == pytest.approx(expected, rel=0.1)  # some hits lie on one another


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_two_hits_do_where_the_third_wire_is_dead(plane):
    """The slow twin of pairs: hits without a triple, and all partners on wires that say so."""
    points = line((0.4, 0.1, 0.9), start=(60, 20, 714), length=60.0)
    hits = made([points], paper=detector.MICROBOONE)
    triple, _, _ = triples.find(hits, detector.MICROBOONE)
    dead, offset = wires.dead(detector.MICROBOONE), triples.geometry(LIVE)[1]
    lone = triple[triple[:, plane] == NOTHING]
    full = np.unique(triple[(triple >= 0).all(axis=1)])
    u, v, y = (hits.wire[lone[:, p]] + 0.5 for p in range(3))
    place = (offset + y - v, offset + y - u, u + v - offset)[plane]
    assert dead[plane][np.round(place - 0.5).astype(int)].all()
    others = np.delete(lone, plane, axis=1)
    assert not np.isin(others, full).all(axis=1).any()
    assert (abs(np.diff(hits.tick[others])) <= RULES.time).all()
    if plane == 2:
        assert len(lone) > 50


def test_an_event_does_not_depend_on_its_companions(crossing):
    events = [line((0.3, 0.5, 0.8)), [], line((0, 0.2, 1)), [START]]
    hits = made(events)
    triple, misfit, start = triples.find(hits, LIVE)
    for i in range(4):
        alone, fit, _ = triples.find(only(hits, i), LIVE)
        assert np.array_equal(alone, triple[start[i]:start[i + 1]])
        assert np.array_equal(fit, misfit[start[i]:start[i + 1]])


def test_there_is_room_for_all():
    """A line at one time, along the beam, has more triples than the first guess has room for."""
    hits = made([line((0, 0.05, 1), length=150.0)])
    triple, _, _ = triples.find(hits, LIVE, rules=RULES._replace(meet=12.0))
    assert len(triple) > 16 * len(hits.plane)
    assert len({*map(tuple, triple.tolist())}) == len(triple)


def test_rules_without_sense_are_refused():
    with pytest.raises(ValueError, match=r"meet = inf; wanted a finite number > 0"):
        triples.find(made([[START]]), LIVE, rules=RULES._replace(meet=np.inf))
