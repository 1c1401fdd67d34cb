"""Who is it really: a slow twin, shares that sum to one, who is alone."""

from dataclasses import replace

import numpy as np
import pytest

from darkpairs import origins
from drawn import draw, line

START = (100.0, 5.0, 300.0)


def slow(points, objects, hits):
    """The same answer, with dictionaries."""
    answer = []
    for i in range(len(objects)):
        table, total = {}, {}
        for h in range(hits.offsets[i], hits.offsets[i + 1]):
            for a in range(hits.owner_start[h], hits.owner_start[h + 1]):
                q, who = hits.charge[h] * hits.fraction[a], int(hits.owner[a])
                here = (int(points.hit_object[h]), who)
                table[here] = table.get(here, 0.0) + q
                total[who] = total.get(who, 0.0) + q
        for o in range(objects.offsets[i + 1] - objects.offsets[i]):
            mine = {who: q for (place, who), q in table.items() if place == o}
            named = {who: q for who, q in mine.items() if who >= 0 and q > 0}
            who = max(named, key=lambda name: (named[name], -name)) if named else -1
            answer.append((who, named[who] / total[who] if named else np.nan,
                           (named[who] if named else 0.0) / sum(mine.values()) if mine else np.nan))
    return np.array(answer).reshape(-1, 3).T


@pytest.fixture(scope="module")
def mixed():
    """Two events of four lines whose hits have several owners each, and one without any."""
    some = [line(START, (k, 1, 3), 10.0, label=k % 3 - 1, owner=k) for k in range(4)]
    points, objects, hits = draw(some, [], some[::-1])
    dice = np.random.default_rng(1)
    counts = dice.integers(1, 4, len(hits.charge))
    start = np.concatenate([[0], np.cumsum(counts)])
    share = dice.random(start[-1])
    share /= np.repeat(np.add.reduceat(share, start[:-1]), counts)
    hits = replace(hits, owner_start=start, owner=dice.integers(-1, 5, start[-1]), fraction=share)
    return points, objects, hits


def test_the_match_is_that_of_a_slow_loop(mixed):
    fast, wanted = origins.match(*mixed), slow(*mixed)
    assert len(fast[0]) == 4
    assert np.array_equal(fast[0], wanted[0])
    for a, b in zip(fast[1:], wanted[1:], strict=True):
        assert a == pytest.approx(b, rel=1e-12, nan_ok=True)


def test_who_is_alone_is_complete_and_pure():
    event = [line(START, (0, 0, 1), owner=3), line(START, (0, 1, 1), owner=1, label=1)]
    particle, completeness, purity = origins.match(*draw(event))
    assert list(particle) == [3, 1]
    assert completeness == pytest.approx([1, 1])
    assert purity == pytest.approx([1, 1])


def test_halves_of_one_particle_share_it():
    half = line((100.0, 5.0, 310.0), (0, 0, 1), 10.0, label=1)
    particle, completeness, purity = origins.match(*draw([line(START, (0, 0, 1), 10.0), half]))
    assert list(particle) == [0, 0]
    assert completeness.sum() == pytest.approx(1)
    assert completeness == pytest.approx([0.5, 0.5], abs=0.02)
    assert list(purity) == [1, 1]


def test_nobody_and_nothing():
    points, objects, hits = draw([line(START, (0, 0, 1), owner=-1)], [])
    particle, completeness, purity = origins.match(points, objects, hits)
    assert list(particle) == [-1]
    assert np.isnan(completeness[0])
    assert purity[0] == 0
    bare = replace(points, hit_object=np.full(len(hits.charge), -1))
    assert np.isnan(origins.match(bare, objects, hits)[2][0])
