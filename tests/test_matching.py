"""Matching: votes of hits, and the rules one by one."""

import numpy as np
import pytest

from darkpairs import clusters, detector, matching, wires
from darkpairs.triples import NOTHING, RULES
from madehits import LIVE, line, made


def found(events, rules=RULES, paper=LIVE, **more):
    """Return hits, their clusters, and what `match` says."""
    hits = made(events, paper=paper, **more)
    cluster, _ = clusters.find(hits, paper)
    return hits, cluster, *matching.match(hits, cluster, paper, rules=rules)


def scattered():
    """Sixty points at random places around the first track."""
    return np.random.default_rng(1).uniform([90, -30, 400], [110, -10, 420], (60, 3))


@pytest.fixture(scope="module")
def crossing():
    """Two tracks of which Y sees only one, and a third apart, with scattered points."""
    tracks = [line((0.3, 0.5, 0.8)), line((0.3, -0.5, 0.8), start=(100, -25, 400)),
              line((0.2, 0.1, 0.9), start=(150, 0, 400)), scattered()]
    return found([np.concatenate(tracks)])


@pytest.mark.parametrize("rounds", [1.0, 3.0])
def test_votes_sum_to_the_charge_that_has_a_triple(crossing, rounds):
    hits, cluster, _, triple, misfit, _ = crossing
    n = cluster.max() + 1
    trio, members = matching._trios(cluster, triple, n)
    votes, _ = matching._vote(hits.charge, triple, misfit, trio, members, n,
                              RULES._replace(rounds=rounds))
    for p in range(3):
        assert votes[:, p].sum() == pytest.approx(hits.charge[np.unique(triple[:, p])].sum())
    assert len({*map(tuple, members.tolist())}) == len(members)
    assert (members[trio] == cluster[triple]).all()


def test_votes_of_one_round_by_hand():
    """Two triples share a hit of U: their misfits 0 and 1 part its charge 2 to 1."""
    votes, weight = matching._vote(
        np.array([6.0, 5.0, 4.0, 3.0, 2.0]), np.array([[0, 1, 3], [0, 2, 4]]), np.array([0.0, 1.0]),
        np.array([0, 1]), np.array([[0, 1, 3], [0, 2, 4]]), 5, RULES._replace(rounds=1.0))
    assert votes == pytest.approx(np.array([[4.0, 5, 3], [2, 4, 2]]))
    assert weight == pytest.approx([1.0, 0.5])


def test_names_of_clusters_do_not_matter(crossing):
    hits, cluster, label, triple, _, _ = crossing
    names = np.random.default_rng(2).permutation(cluster.max() + 1)
    again, other, _, _ = matching.match(hits, names[cluster], LIVE)
    assert np.array_equal(triple, other)
    assert len({*zip(label.tolist(), again.tolist(), strict=True)}) == len({*label.tolist()})


def kept(members, votes, n=6):
    """Return the rule by which each trio is kept."""
    return matching._rules(np.array(members), np.array(votes, dtype=float), n, RULES)[:, 0].tolist()


def test_the_first_rule_takes_who_has_most_in_all_views():
    assert kept([[0, 2, 4], [1, 3, 5]], [[9, 9, 9], [8, 8, 8]]) == [1, 1]


def test_the_second_rule_lets_two_views_decide():
    """Y has one cluster, U and V have two each; mixtures of them have few votes."""
    members = [[0, 2, 4], [1, 3, 4], [0, 3, 4], [1, 2, 4]]
    votes = [[9, 9, 9], [8, 8, 8], [1, 1, 1], [1, 1, 1]]
    assert kept(members, votes) == [1, 2, 0, 0]
    owner = matching._join(np.array(members), matching._rules(
        np.array(members), np.array(votes, dtype=float), 6, RULES), 6)
    assert owner.tolist() == [0, 1, NOTHING, NOTHING]


def test_without_a_third_wire_charges_have_to_agree():
    assert kept([[0, 6, 4]], [[9, 0, 8]]) == [2]
    assert kept([[0, 6, 4]], [[9, 0, 4]]) == [0]


def test_the_third_rule_adds_what_is_broken_in_one_view():
    """U has two pieces of what V and Y see as one; a lone piece that knows nobody is not kept."""
    members = np.array([[0, 2, 4], [1, 2, 4], [5, 2, 3]])
    votes = np.array([[9.0, 9, 9], [2, 2, 2], [1, 0.1, 1]])
    rules = matching._rules(members, votes, 6, RULES)
    assert rules[:2, 0].tolist() == [1, 3]
    assert matching._join(members[:2], rules[:2], 6).tolist() == [0, 0]
    alone = np.array([[0, 2, 4], [1, 3, 4], [5, 2, 3]])
    rules = matching._rules(alone, np.array([[9.0, 9, 9], [8, 8, 8], [1, 0.1, 1]]), 6, RULES)
    assert rules[2, 0] == 3
    assert matching._join(alone, rules, 6).tolist() == [0, 1, NOTHING]


def test_the_fourth_rule_keeps_what_is_alike_in_all_views():
    """Three clusters of a tangle: a trio that leads in none of them, yet has a third of one."""
    members = [[0, 2, 4], [0, 3, 5], [1, 2, 5], [0, 2, 5]]
    votes = [[9, 9, 9], [8, 8, 8], [7, 7, 7], [6, 6, 6]]
    assert kept(members, votes)[3] == 4
    votes[3] = [6, 6, 2]
    assert kept(members, votes)[3] == 0


def test_a_trio_of_the_fourth_rule_is_no_bridge():
    members = np.array([[0, 2, 4], [1, 3, 4], [0, 3, 4]])
    rules = np.array([[1, 0], [2, 0], [4, 4]])
    owner = matching._join(members, rules, 5).tolist()
    assert owner[0] != owner[1]


def test_two_tracks_that_one_view_sees_as_one(crossing):
    """Tracks up and down lie on each other in Y; U and V tell them apart."""
    hits, _, label, _, _, _ = crossing
    first, second = line((0.3, 0.5, 0.8)), line((0.3, -0.5, 0.8), start=(100, -25, 400))
    ends = [wires.places(LIVE, track[-20:]) for track in (first, second)]
    tick = LIVE.trigger + first[-20:, 0] / (LIVE.velocity * LIVE.tick)
    whose = []
    for place in ends:
        for p in range(3):
            mine = (hits.plane == p) & (hits.tick > tick.min()) & (hits.tick < tick.max())
            near = mine & (abs(np.subtract.outer(hits.wire + 0.5, place[:, p])).min(axis=1) < 2)
            whose.append({*label[near].tolist()})
    assert whose[0] == whose[1] != whose[3] == whose[4]
    assert len(whose[0]) == len(whose[3]) == 1
    assert whose[2] == whose[5]


def test_a_track_that_one_view_lost_in_part_stays_one():
    """Dead wires of U break a steep track into pieces; V and Y hold it together."""
    points = line((0.5, 0.1, 0.8), start=(60, 100, 265), length=50.0)
    hits, cluster, label, _, _, _ = found([points], paper=detector.MICROBOONE)
    assert len({*cluster[hits.plane == 0].tolist()}) > 2
    assert np.bincount(label[label >= 0]).max() > 0.95 * len(label)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_plane_that_is_dead(plane):
    _, _, label, triple, _, _ = found([line((0.3, 0.4, 0.8))], without=(plane,))
    assert (triple[:, plane] == NOTHING).all()
    assert (label == 0).mean() > 0.95


@pytest.mark.parametrize("events", [[], [[]], [[(100, 0, 500)]], [[], [(100, 0, 500)], []]])
def test_few_hits(events):
    _, _, label, triple, _, start = found(events)
    points = sum(len(np.reshape(event, (-1, 3))) for event in events)
    assert (label == 0).all()
    assert len(triple) == points == start[-1]


def test_rules_without_sense_are_refused():
    with pytest.raises(ValueError, match=r"time = -1\.0; wanted a finite number > 0"):
        found([line((0, 0, 1))], rules=RULES._replace(time=-1.0))
