"""Prongs: does a cluster of one view open into two lines from a common start?

In: `Hits` and their clusters. Out: clusters, some of them cut in two. Chapter: projective.

Seen from the place where two particles start, their hits lie in two directions. Seen from anywhere
else, and for a shower of one, they do not. So each far end of a cluster is tried as a start: the
directions of all hits around it, up to a radiation length, are parted where the two parts differ
most (Otsu, IEEE Trans. Syst. Man Cybern. 9, 62, 1979). The cluster is cut if both parts are narrow,
lie apart, and each is a line without large gaps.

Laws: one line is not cut; two lines are cut, each hit goes to its own; turning or mirroring a view
changes nothing.
"""

from math import atan2, ceil, cos, inf, pi, sin, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.clusters import sensible
from darkpairs.detector import MICROBOONE, checked

_ENDS = 16  # directions in which ends of a cluster are looked for
_BINS = 90  # of direction, over half a turn
_AHEAD = 0.5  # mean cosine around a start: elsewhere in a cluster charge lies on all sides


class Forks(NamedTuple):
    """When a cluster is believed to be two."""

    near: Given[float, "cm", "nearer hits do not tell, measured on pairs; our choice"] = 2.5
    far: Given[float, "cm", "farther out showers branch: one radiation length"] = 14.0
    least: Given[float, "rad", "between the two lines; our choice"] = 0.15
    most: Given[float, "rad", "between the two lines; our choice"] = 1.8
    apart: Given[float, "", "least part of the variance that is between the lines; ours"] = 0.7
    both: Given[float, "", "and its least mean over two views; our choice"] = 0.85
    same: Given[float, "cm", "starts in two views are at the same drift; our choice"] = 0.6
    share: Given[float, "", "least part of the charge; our choice"] = 0.06
    full: Given[float, "", "least part of a line that has hits; our choice"] = 0.55
    length: Given[float, "cm", "least length of a line; our choice"] = 6.0
    step: Given[float, "cm", "in which gaps are looked for; our choice"] = 0.6
    wide: Given[float, "cm", "hits of a line are as near; our choice"] = 0.6
    twin: Given[float, "cm", "ends nearer than this are one end; our choice"] = 0.7
    hits: Given[float, "", "least number of hits in a cluster; our choice"] = 16.0


FORKS = Forks()


def split(hits, cluster, detector=MICROBOONE, *, forks=FORKS):
    """Return clusters after cutting those that open into two lines.

    Parameters
    ----------
    hits : Hits
        Of some events.
    cluster : ndarray (h,) of int64
        From `clusters.find`.
    detector : Detector
        The chamber.
    forks : Forks
        When to cut.

    Returns
    -------
    ndarray (h,) of int64
        The second line of each cut cluster has a new number.
    """
    detector = checked(detector)
    sensible(forks)
    found = np.array(cluster, dtype=np.int64)
    across = (hits.wire + 0.5) * detector.pitch
    _split(hits.offsets, hits.plane, across, wires.depth(detector, hits.tick),
           np.maximum(hits.charge, 0.0), forks, found)
    return found


@apart
def _split(offsets, plane, across, along, charge, forks, cluster):
    """Cut the clusters of each event."""
    for i in range(len(offsets) - 1):
        start, order = _members(offsets[i], offsets[i + 1], cluster)
        large = 0
        for c in range(len(start) - 1):
            large += start[c + 1] - start[c] >= forks.hits
        found, count = np.empty((_ENDS * large, 8)), 0
        for c in range(len(start) - 1):
            if start[c + 1] - start[c] >= forks.hits:
                count = _tries(c, plane[order[start[c]]], order[start[c]:start[c + 1]], across,
                               along, charge, forks, found, count)
        _choose(found[:count], start, order, across, along, forks, cluster)


@apart
def _members(first, last, cluster):
    """Return where the hits of each cluster begin in a list, and the list."""
    count = 0
    for h in range(first, last):
        count = max(count, cluster[h] + 1)
    start = np.zeros(count + 2, dtype=np.int64)
    for h in range(first, last):
        start[cluster[h] + 2] += 1
    for c in range(count):
        start[c + 2] += start[c + 1]
    order = np.empty(last - first, dtype=np.int64)
    for h in range(first, last):
        order[start[cluster[h] + 1]] = h
        start[cluster[h] + 1] += 1
    return start[:count + 1], order


@apart
def _tries(c, plane, members, across, along, charge, forks, found, count):
    """Try each end of a cluster as a start; list what could be a fork there."""
    ends = _ends(members, across, along)
    around = np.empty((len(members), 3))  # place across and along, and charge, near a start
    for e in range(_ENDS):
        known = False
        for other in range(e):
            dx, dy = across[ends[e]] - across[ends[other]], along[ends[e]] - along[ends[other]]
            known = known or dx * dx + dy * dy < forks.twin**2
        if known:
            continue
        x, y = across[ends[e]], along[ends[e]]
        near = _around(members, across, along, charge, x, y, forks.far, around)
        quality, one, two = _fork(around[:near], forks)
        if quality > 0:
            row = found[count]
            row[0], row[1], row[2], row[3] = c, plane, x, y
            row[4], row[5], row[6], row[7] = quality, one, two, 0.0
            count += 1
    return count


@apart
def _choose(found, start, order, across, along, forks, cluster):
    """Cut each cluster at its best fork, if another view has one at the same time."""
    for f in range(len(found)):
        for other in range(len(found)):
            if (found[other, 1] != found[f, 1]
                    and abs(found[other, 3] - found[f, 3]) < forks.same):
                found[f, 7] = max(found[f, 7], found[other, 4])
    new, f = len(start) - 1, 0
    while f < len(found):
        best, c = f, found[f, 0]
        while f < len(found) and found[f, 0] == c:
            if found[f, 4] + found[f, 7] > found[best, 4] + found[best, 7]:
                best = f
            f += 1
        row = found[best]
        if row[4] + row[7] < 2 * forks.both:
            continue
        for k in range(start[int(c)], start[int(c) + 1]):
            h = order[k]
            phi = atan2(along[h] - row[3], across[h] - row[2])
            if abs(_turn(phi - row[6])) < abs(_turn(phi - row[5])):
                cluster[h] = new
        new += 1


@njit
def _turn(angle):
    """Return an angle between −π and π."""
    return angle - 2 * pi * ceil((angle - pi) / (2 * pi))


@apart
def _ends(members, across, along):
    """Return the hit that lies farthest in each of some directions."""
    ends = np.empty(_ENDS, dtype=np.int64)
    for e in range(_ENDS):
        c, s = cos(2 * pi * e / _ENDS), sin(2 * pi * e / _ENDS)
        far = -inf
        for k in range(len(members)):
            reach = c * across[members[k]] + s * along[members[k]]
            if reach > far:
                far, ends[e] = reach, members[k]
    return ends


@apart
def _around(members, across, along, charge, x, y, far, around):
    """List places relative to a start, and charges, of hits that are near it."""
    count = 0
    for k in range(len(members)):
        h = members[k]
        dx, dy = across[h] - x, along[h] - y
        if dx * dx + dy * dy < far * far:
            around[count, 0], around[count, 1], around[count, 2] = dx, dy, charge[h]
            count += 1
    return count


@apart
def _fork(around, forks):
    """Part the directions of hits around a start; return the quality, 0 if it is no fork."""
    sx, sy, total = 0.0, 0.0, 0.0
    for k in range(len(around)):
        r = sqrt(around[k, 0] ** 2 + around[k, 1] ** 2)
        if r > 0:
            sx += around[k, 2] * around[k, 0] / r
            sy += around[k, 2] * around[k, 1] / r
            total += around[k, 2]
    if sx * sx + sy * sy <= (_AHEAD * total) ** 2:
        return 0.0, 0.0, 0.0
    middle = atan2(sy, sx)
    bins = np.zeros((_BINS, 3))
    for k in range(len(around)):
        r = sqrt(around[k, 0] ** 2 + around[k, 1] ** 2)
        if r >= forks.near:
            phi = _turn(atan2(around[k, 1], around[k, 0]) - middle)
            if abs(phi) < 0.5 * pi:
                b = int((phi / pi + 0.5) * _BINS)
                weight = around[k, 2] * r
                bins[b, 0] += weight
                bins[b, 1] += weight * phi
                bins[b, 2] += weight * phi * phi
    quality, one, two, share = _otsu(bins)
    if (quality < forks.apart or share < forks.share
            or not forks.least <= two - one <= forks.most
            or _full(around, middle + one, forks) < forks.full
            or _full(around, middle + two, forks) < forks.full):
        return 0.0, 0.0, 0.0
    return quality, middle + one, middle + two


@apart
def _otsu(bins):
    """Part a histogram where most of its variance is between the parts.

    Return this share of the variance, both means, and the part of the smaller one.
    """
    total, mean, square = 0.0, 0.0, 0.0
    for b in range(len(bins)):
        total += bins[b, 0]
        mean += bins[b, 1]
        square += bins[b, 2]
    best, one, two, share, low, lever = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for b in range(len(bins) - 1):
        low += bins[b, 0]
        lever += bins[b, 1]
        high = total - low
        if low > 1e-9 * total and high > 1e-9 * total:
            a, c = lever / low, (mean - lever) / high
            between = low * high * (a - c) ** 2
            if between > best:
                best, one, two, share = between, a, c, min(low, high) / total
    return best / max(total * square - mean**2, 1e-300), one, two, share


@apart
def _full(around, way, forks):
    """Return which part of the first centimetres of a line has hits."""
    steps = ceil(forks.length / forks.step)
    seen, c, s = np.zeros(steps), cos(way), sin(way)
    for k in range(len(around)):
        ahead = c * around[k, 0] + s * around[k, 1]
        aside = c * around[k, 1] - s * around[k, 0]
        if 0 <= ahead < forks.length and abs(aside) < forks.wide:
            seen[int(ahead / forks.step)] = 1.0
    return seen.mean()
