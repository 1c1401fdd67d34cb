"""Three flat pictures first, space afterwards: points from clusters that match in three views.

In: `Hits`. Out: `Points`. Chapter: projective.

The idea is Pandora's (EPJ C 78, 82): find patterns in each view, where the eye finds them too, and
ask then which of them are the same thing. What is here is a toy of it: the many algorithms of
Pandora are replaced by clusters of near hits (`clusters`), one vote for each hit and three rules
(`matching`).

Laws: a point lies where the wires of its hits meet; charge of points is that of their hits; no
owner changes what is found.
"""

from math import inf, nan, sqrt

import numpy as np

from darkpairs import clusters, matching, prongs, wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked
from darkpairs.seen import Points
from darkpairs.triples import RULES


def points(hits, detector=MICROBOONE, *, rules=RULES):
    """Return points in space from hits in three views.

    Parameters
    ----------
    hits : Hits
        Pulses on wires.
    detector : Detector
        The chamber.
    rules : Rules
        How views are matched.

    Returns
    -------
    Points
        Each from a hit of Y and its best partners; objects as `matching` finds them.
    """
    detector = checked(detector)
    cluster, tree = clusters.find(hits, detector)
    cluster = prongs.split(hits, cluster, detector)
    label, triple, misfit, start = matching.match(hits, cluster, detector, rules=rules)
    count = len(hits.plane)
    position, charge, owner = np.empty((count, 3)), np.empty(count), np.empty(count, np.int64)
    offsets = _points(hits.offsets, hits.plane, hits.wire, wires.depth(detector, hits.tick),
                      hits.charge, label, tree, triple, misfit, start,
                      wires.projection(detector), rules, position, charge, owner)
    end = offsets[-1]
    return Points(event=hits.event, kind=hits.kind, weight=hits.weight, offsets=offsets,
                  position=position[:end], charge=charge[:end], object=owner[:end],
                  hit_offsets=hits.offsets, hit_object=label)


@apart
def _points(offsets, plane, wire, depth, charge, label, tree, triple, misfit, start, slopes, rules,
            position, q, owner):
    """Make the points of each event; return where those of each begin."""
    begin = np.zeros(len(offsets), dtype=np.int64)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        here, rows = slice(first, last), slice(start[i], start[i + 1])
        order, parent = _walk(first, last, plane, label, tree)
        meets = _meets(triple[rows], wire[here], label[here], slopes)
        chosen = np.full(last - first, -1, dtype=np.int64)
        guess = np.empty((last - first, 2))
        weight = _weights(plane[here], wire[here], depth[here], label[here], triple[rows],
                          misfit[rows], rules)
        for p in (2, 0, 1):
            _choose(p, plane[here], wire[here], depth[here], triple[rows], misfit[rows], meets,
                    weight, order, parent, slopes, rules, chosen, guess)
        begin[i + 1] = begin[i] + _lay(plane[here], wire[here], depth[here], charge[here],
                                       label[here], triple[rows], meets, chosen, guess, slopes,
                                       rules, position[begin[i]:], q[begin[i]:],
                                       owner[begin[i]:])
    return begin


@apart
def _walk(first, last, plane, label, tree):
    """Return an order in which each hit comes after its parent in the tree, and the parents."""
    n = last - first
    degree = np.zeros(n + 2, dtype=np.int64)
    edges = 0
    while edges < n and tree[first + edges, 0] >= 0:
        a, b = tree[first + edges]
        if label[a] == label[b]:
            degree[a - first + 2] += 1
            degree[b - first + 2] += 1
        edges += 1
    for h in range(n):
        degree[h + 2] += degree[h + 1]
    next_ = np.empty(degree[n + 1], dtype=np.int64)
    for e in range(edges):
        a, b = tree[first + e]
        if label[a] == label[b]:
            next_[degree[a - first + 1]] = b - first
            degree[a - first + 1] += 1
            next_[degree[b - first + 1]] = a - first
            degree[b - first + 1] += 1
    order, parent = np.empty(n, dtype=np.int64), np.full(n, -2, dtype=np.int64)
    done = 0
    for root in range(n):
        if parent[root] != -2:
            continue
        parent[root], order[done] = -1, root
        at, done = done, done + 1
        while at < done:
            h = order[at]
            for e in range(degree[h], degree[h + 1]):
                if parent[next_[e]] == -2:
                    parent[next_[e]], order[done] = h, next_[e]
                    done += 1
            at += 1
    return order, parent


@apart
def _meets(triple, wire, label, slopes):
    """Return where the wires of each triple meet, y and z; NaN if its hits have no one object.

    Of three wires, the sum of u and v counts half as much as Y, as its error is √2 times larger.
    """
    meets = np.empty((len(triple), 2))
    for t in range(len(triple)):
        a, b, c = triple[t]
        meets[t, 0], meets[t, 1] = nan, nan
        if not _agreed(a, b, c, label):
            continue
        u, v, w = wire[a] + 0.5 - slopes[0, 2], wire[b] + 0.5 - slopes[1, 2], wire[c] + 0.5
        z = w / slopes[2, 1]
        if c < 0:
            z = (u + v) / (2 * slopes[0, 1])
        elif a >= 0 and b >= 0:
            z = (2 * z + (u + v) / (2 * slopes[0, 1])) / 3
        if b < 0:
            v = slopes[0, 1] * 2 * z - u
        elif a < 0:
            u = slopes[0, 1] * 2 * z - v
        meets[t, 0], meets[t, 1] = (v - u) / (slopes[1, 0] - slopes[0, 0]), z
    return meets


@njit
def _agreed(a, b, c, label):
    """Tell whether two hits of a triple, or both that there are, have the same object."""
    first = label[a] if a >= 0 else -1
    second = label[b] if b >= 0 else -1
    third = label[c] if c >= 0 else -1
    if a < 0 or b < 0 or c < 0:
        return max(first, second, third) >= 0 and first + second + third == (
            2 * max(first, second, third) - 1)
    return third >= 0 and (first == third or second == third)


@apart
def _choose(p, plane, wire, depth, triple, misfit, meets, weight, order, parent, slopes, rules,
            chosen, guess):
    """Choose the triple of each hit of a plane that fits best to those of its neighbours.

    Where a hit is along its wire, its triples say with some spread; so do those of its neighbours,
    and it is not far from them: a filter goes along the tree to its root and back (Kalman).
    """
    n = len(plane)
    scale = 1 / sqrt(slopes[p, 0] ** 2 + slopes[p, 1] ** 2)
    ay, az = slopes[p, 1] * scale, -slopes[p, 0] * scale  # along the wire
    own = np.zeros((n, 3))  # sum of weights, mean, and variance of the triples of a hit
    for t in range(len(triple)):
        if meets[t, 0] == meets[t, 0] and triple[t, p] >= 0:
            h = triple[t, p]
            s = ay * meets[t, 0] + az * meets[t, 1]
            own[h, 0] += weight[t]
            own[h, 1] += weight[t] * s
            own[h, 2] += weight[t] * s * s
    up, sure, lever = np.zeros((n, 2)), np.zeros(n), np.zeros(n)
    for h in range(n):
        if own[h, 0] > 0:
            mean = own[h, 1] / own[h, 0]
            spread = max(own[h, 2] / own[h, 0] - mean**2, 0.0) + rules.blur**2
            sure[h], lever[h] = 1 / spread, mean / spread
    for k in range(n - 1, -1, -1):
        h = order[k]
        if plane[h] == p and parent[h] >= 0:
            step = _step(h, parent[h], wire, depth, scale, rules)
            up[h, 0], up[h, 1] = _pass(sure[h], lever[h], step)
            sure[parent[h]] += up[h, 0]
            lever[parent[h]] += up[h, 1]
    for k in range(n):
        h = order[k]
        if plane[h] == p and parent[h] >= 0:
            step = _step(h, parent[h], wire, depth, scale, rules)
            more, lift = _pass(sure[parent[h]] - up[h, 0], lever[parent[h]] - up[h, 1], step)
            sure[h] += more
            lever[h] += lift
    best = np.full(n, inf)
    for h in range(n):
        if plane[h] == p:
            guess[h, 0], guess[h, 1] = lever[h] / sure[h], 1 / sure[h]  # NaN and ∞: nobody knows
    for t in range(len(triple)):
        if meets[t, 0] == meets[t, 0] and triple[t, p] >= 0:
            h = triple[t, p]
            s = ay * meets[t, 0] + az * meets[t, 1]
            cost = misfit[t] + (s - guess[h, 0]) ** 2 / (guess[h, 1] + rules.blur**2)
            if cost < best[h]:
                best[h], chosen[h] = cost, t


@apart
def _weights(plane, wire, depth, label, triple, misfit, rules):
    """How much each triple says of the place of its hits; two hits that are ends say more.

    Of lines that come all at one time, two views do not tell which place is which, but their ends.
    """
    weight = np.empty(len(triple))
    tip = np.zeros(len(plane), dtype=np.int8)  # 0 where nobody has asked yet
    for t in range(len(triple)):
        weight[t] = 1 / (1 + misfit[t])
        if triple[t, 0] < 0 or triple[t, 1] < 0 or triple[t, 2] < 0:
            ends = 0
            for p in range(3):
                h = triple[t, p]
                if h >= 0 and tip[h] == 0:
                    tip[h] = 1 + _tip(h, plane, wire, depth, label, rules)
                ends += h >= 0 and tip[h] == 2
            weight[t] *= rules.tips if ends == 2 else 1.0
    return weight


@njit
def _tip(h, plane, wire, depth, label, rules):
    """Tell whether a hit is the end of a line: none of its object lies beyond, on one side."""
    for way in (-1, 1):
        k = h + way
        while (0 <= k < len(plane) and plane[k] == plane[h]
               and abs(wire[k] - wire[h]) <= rules.beyond):
            if (wire[k] != wire[h] and label[k] == label[h]
                    and abs(depth[k] - depth[h]) < rules.beside):
                break
            k += way
        else:
            return True
    return False


@njit
def _step(h, other, wire, depth, scale, rules):
    """How much the place along the wire may change from one hit to the next, squared."""
    across = (wire[h] - wire[other]) * scale
    return rules.bend**2 * (across**2 + (depth[h] - depth[other]) ** 2)


@njit
def _pass(sure, lever, step):
    """What a neighbour learns: the same mean, less sure."""
    if sure <= 0:
        return 0.0, 0.0
    less = 1 / (1 + sure * step)
    return sure * less, lever * less


@apart
def _lay(plane, wire, depth, charge, label, triple, meets, chosen, guess, slopes, rules, position,
         q, owner):
    """Lay points out: those of hits of Y, then those of hits of V and U that have none yet.

    Points of one hit of Y share its charge as their other hits say.
    """
    n, count = len(plane), 0
    used, total = np.zeros(n, dtype=np.bool_), np.zeros(n)
    mine = np.empty(n, dtype=np.int64)  # whose charge a point has: its hit of Y, or of U
    for h in range(n - 1, -1, -1):  # Y first
        if label[h] < 0 or used[h]:
            continue
        t, place = chosen[h], position[count]
        if t >= 0:
            place[0], place[1], place[2] = depth[h], meets[t, 0], meets[t, 1]
            q[count], mine[count] = 1.0, max(triple[t, 2], triple[t, 0])
            for p in range(3):
                if triple[t, p] >= 0:
                    used[triple[t, p]] = True
                    q[count] += max(charge[triple[t, p]], 0.0) if p < 2 else 0.0
        elif plane[h] == 2 and guess[h, 1] < rules.sure**2:
            place[0], place[1], place[2] = depth[h], guess[h, 0], (wire[h] + 0.5) / slopes[2, 1]
            q[count], mine[count] = 1.0, h
        else:
            continue
        owner[count] = label[h]
        total[mine[count]] += q[count]
        count += 1
    for k in range(count):
        q[k] *= max(charge[mine[k]], 0.0) / max(total[mine[k]], 1e-9)  # all may be below zero
    return count
