"""Clusters in one view: which hits lie so close that one particle may have left them.

In: `Hits`. Out: a cluster for each hit, and the tree of nearest hits that holds it together.
Chapter: projective.

In a view a hit has a place across the wires and a time: a short line along the drift. Two hits are
neighbours if the gap between their lines is small; dead wires in between do not count. Hits that
hang together through neighbours are a cluster. The nearest neighbours are joined first, and only
those of different parts, so what holds a cluster together is a tree.

Laws: clusters are those of all pairs within reach; the tree has one edge less than hits; clusters
never leave their plane; the order of events does not matter.
"""

from math import inf, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked

_STEPS = 4  # classes of length, in which neighbours are joined


class Nearness(NamedTuple):
    """How close hits of one cluster are."""

    reach: Given[float, "cm", "largest gap; our choice, as Pandora's 0.9"] = 0.9
    drift: Given[float, "", "a gap along the drift counts as so many across; ours"] = 1.5


NEARNESS = Nearness()


def find(hits, detector=MICROBOONE, *, nearness=NEARNESS):
    """Return clusters of hits, and their trees.

    Parameters
    ----------
    hits : Hits
        Pulses on wires; refused with a ValueError if a number is NaN or infinite, or if a wire is
        not one of the chamber.
    detector : Detector
        The chamber.
    nearness : Nearness
        How close is close.

    Returns
    -------
    cluster : ndarray (h,) of int64
        Counted within the event, those of U first, then V, then Y.
    tree : ndarray (h, 2) of int64
        Edges, each of two hits, counted in the batch. Those of an event stand from the row of its
        first hit on; the rows that are left hold −1.
    """
    detector = checked(detector)
    sensible(nearness)
    _check(hits, detector)
    cluster = np.empty(len(hits.plane), dtype=np.int64)
    tree = np.full((len(hits.plane), 2), -1, dtype=np.int64)
    half = np.sqrt(3.0) * hits.width  # a flat pulse of this width ends there
    _clusters(hits.offsets, hits.plane, living(hits, detector), hits.tick, half,
              np.array([nearness.reach / detector.pitch + 1e-9,
                        nearness.drift * detector.velocity * detector.tick / detector.pitch]),
              cluster, tree)
    return cluster, tree


def sensible(paper):
    """Refuse a paper of which a field is not a finite number > 0."""
    for name, value in paper._asdict().items():
        if not 0 < value < inf:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a finite number > 0")


def _check(hits, detector):
    """Refuse hits that are no numbers, or on wires that the chamber does not have."""
    for name in ("tick", "width", "charge"):
        if not np.isfinite(getattr(hits, name)).all():
            raise ValueError(f"hits with a {name} that is NaN or infinite; wanted finite numbers")
    if not (hits.width >= 0).all():
        raise ValueError(f"a hit with a width of {hits.width.min()} ticks; wanted numbers ≥ 0")
    if not ((hits.plane >= 0) & (hits.plane <= 2) & (hits.wire >= 0)
            & (hits.wire < np.array(wires.counts(detector))[hits.plane % 3])).all():
        raise ValueError(f"hits on wires up to {hits.wire.max()}; wanted planes 0 to 2 with "
                         f"{wires.counts(detector)} wires: another chamber made these")


def living(hits, detector):
    """Return the number of living wires before the wire of each hit, ndarray (h,) of int64."""
    before = [np.concatenate([[0], np.cumsum(~mask)[:-1]]) for mask in wires.dead(detector)]
    begin = np.concatenate([[0], np.cumsum([len(part) for part in before])])
    return np.concatenate(before).astype(np.int64)[begin[hits.plane] + hits.wire]


@apart
def _clusters(offsets, plane, place, tick, half, near, cluster, tree):
    """Cluster the hits of each event."""
    edges = np.empty((1024, 3), dtype=np.int64)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        count = _neighbours(first, last, plane, place, tick, half, near, edges)
        if count > len(edges):
            edges = np.empty((2 * count, 3), dtype=np.int64)
            count = _neighbours(first, last, plane, place, tick, half, near, edges)
        _grow(first, last, edges, count, cluster, tree)


@apart
def _neighbours(first, last, plane, place, tick, half, near, edges):
    """List pairs of hits within reach, with the class of their distance; return how many."""
    count, widest = 0, 0.0
    for h in range(first, last):
        widest = max(widest, half[h])
    begin = first
    while begin < last:  # one wire after the other
        end = _same(begin, last, plane, place)
        other = begin
        while (other < last and plane[other] == plane[begin]
               and place[other] - place[begin] <= near[0]):
            beyond = _same(other, last, plane, place)
            across, low = place[other] - place[begin], other
            along = sqrt(near[0] ** 2 - across**2) / near[1]
            for h in range(begin, end):
                while low < beyond and tick[low] + 2 * widest + along < tick[h]:
                    low += 1
                k = max(low, h + 1)
                while k < beyond and tick[k] - widest - along <= tick[h] + half[h]:
                    gap = max(abs(tick[k] - tick[h]) - half[k] - half[h], 0.0)
                    if gap <= along:
                        if count < len(edges):
                            edges[count, 0], edges[count, 1] = h, k
                            part = sqrt(across**2 + (gap * near[1]) ** 2) / near[0]
                            edges[count, 2] = min(int(part * _STEPS), _STEPS - 1)
                        count += 1
                    k += 1
            other = beyond
        begin = end
    return count


@njit
def _same(begin, last, plane, place):
    """Return where the hits of a wire end."""
    end = begin + 1
    while end < last and plane[end] == plane[begin] and place[end] == place[begin]:
        end += 1
    return end


@apart
def _grow(first, last, edges, count, cluster, tree):
    """Join neighbours, the nearest first, and number what hangs together."""
    root = np.arange(last - first)
    row = first
    for step in range(_STEPS):
        for e in range(count):
            if edges[e, 2] == step:
                one, other = _root(root, edges[e, 0] - first), _root(root, edges[e, 1] - first)
                if one != other:
                    root[max(one, other)] = min(one, other)
                    tree[row, 0], tree[row, 1] = edges[e, 0], edges[e, 1]
                    row += 1
    found = 0
    for h in range(last - first):
        top = _root(root, h)
        if top == h:
            cluster[first + h] = found
            found += 1
        else:
            cluster[first + h] = cluster[first + top]


@njit
def _root(root, h):
    """Return the first hit of the part that a hit belongs to."""
    while root[h] != h:
        root[h] = root[root[h]]
        h = root[h]
    return h
