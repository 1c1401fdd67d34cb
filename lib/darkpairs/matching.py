"""Which clusters of three views are the same thing: u + v = w, at the same time, all along.

In: `Hits` and their clusters. Out: triples of hits that fit together, and an object for each hit.
Chapter: projective.

Three hits, one from each view, may be one charge if they came at the same time and their wires meet
in one point. By chance many do. So each hit has one vote, which it shares among its triples; the
votes of all hits decide which three clusters are the same thing; and then each hit favours the
triples of such clusters. Rules, in a fixed order, make objects of what they agree on.

Laws: votes sum to the charge that has a triple; a triple's wires meet in one point; the names of
clusters do not matter.
"""

from math import cos, inf
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.clusters import _root, sensible
from darkpairs.detector import MICROBOONE, checked

NOTHING = -1
_BIN = 4.0  # ticks: hits are looked up by time in bins of this


class Rules(NamedTuple):
    """How hits and clusters of three views are matched."""

    time: Given[float, "ticks", "hits of one charge differ by less; our choice"] = 4.0
    sigma: Given[float, "ticks", "typical difference; our choice"] = 1.5
    meet: Given[float, "wires", "wires that meet in a point miss it by less; our choice"] = 1.1
    aim: Given[float, "wires", "typical miss: three wires, each 1/√12; our choice"] = 0.6
    lone: Given[float, "", "added to the misfit of two hits without a third; our choice"] = 4.0
    blur: Given[float, "cm", "of a point along a wire; our choice"] = 0.3
    bend: Given[float, "", "change along a wire per distance in the view; our choice"] = 1.5
    sure: Given[float, "cm", "error of a place that is only guessed; our choice"] = 1.5
    alike: Given[float, "", "votes in two views, the fewer in parts of the more; ours"] = 0.5
    part: Given[float, "", "of the votes of a cluster, to be kept for this alone; ours"] = 0.2
    rounds: Given[float, "", "times that votes are counted, whole; our choice"] = 3.0


RULES = Rules()


def geometry(detector):
    """Return (κ, K) with u + v = κ w + K for places in wires; κ is 1 for wires at 60°."""
    return 2 * cos(detector.angle), wires.projection(detector)[:2, 2].sum()


def match(hits, cluster, detector=MICROBOONE, *, rules=RULES):
    """Return which object each hit is of, and triples of hits that fit together.

    Parameters
    ----------
    hits : Hits
        Of some events.
    cluster : ndarray (h,) of int64
        Their clusters, from `clusters.find` or `prongs.split`.
    detector : Detector
        The chamber.
    rules : Rules
        How to match; refused unless all are finite numbers > 0.

    Returns
    -------
    label : ndarray (h,) of int64
        Object of each hit, counted within the event; `NOTHING` if none.
    triple : ndarray (t, 3) of int64
        Hits in U, V and Y, counted within the event; `NOTHING` where the third wire is dead.
    misfit : ndarray (t,)
        How badly each triple fits, as a χ².
    start : ndarray (n+1,) of int64
        Where the triples of each event begin.
    """
    detector = checked(detector)
    sensible(rules)
    masks = wires.dead(detector)
    begin = np.concatenate([[0], np.cumsum(wires.counts(detector))])
    label = np.empty(len(hits.plane), dtype=np.int64)
    triple, misfit, start = _match(
        hits.offsets, hits.plane, hits.wire, hits.tick, hits.charge,
        np.asarray(cluster, dtype=np.int64), rules, geometry(detector), np.concatenate(masks),
        begin, label)
    return label, triple, misfit, start


@apart
def _match(offsets, plane, wire, tick, charge, cluster, rules, line, mask, begin, label):
    """Match the hits of each event."""
    triple, misfit = np.empty((16 * len(plane), 3), np.int64), np.empty(16 * len(plane))
    start = np.zeros(len(offsets), dtype=np.int64)
    for i in range(len(offsets) - 1):
        part = slice(offsets[i], offsets[i + 1])
        here = start[i]
        while True:
            count = _triples(plane[part], wire[part], tick[part], rules, line, mask, begin,
                             triple[here:], misfit[here:])
            if here + count <= len(triple):
                break
            triple, misfit = _longer(triple, misfit, 2 * (here + count), here)
        start[i + 1] = here + count
        _agree(plane[part], charge[part], cluster[part], triple[here:here + count],
               misfit[here:here + count], rules, label[part])
    return triple[:start[-1]], misfit[:start[-1]], start


@njit
def _longer(triple, misfit, size, keep):
    """Return copies with more room."""
    more, rest = np.empty((size, 3), dtype=np.int64), np.empty(size)
    for t in range(keep):
        rest[t] = misfit[t]
        for p in range(3):
            more[t, p] = triple[t, p]
    return more, rest


@apart
def _bins(tick, first, last, low, bins):
    """Sort hits by time, roughly: those of bin b are order[start[b]:start[b + 1]]."""
    start = np.zeros(bins + 2, dtype=np.int64)
    order = np.empty(last - first, dtype=np.int64)
    for h in range(first, last):
        start[int((tick[h] - low) / _BIN) + 2] += 1
    for b in range(bins):
        start[b + 2] += start[b + 1]
    for h in range(first, last):
        b = int((tick[h] - low) / _BIN) + 1
        order[start[b]] = h
        start[b] += 1
    return start, order


@apart
def _rows(wire, first, last):
    """Return the first wire of a plane's hits, and where those of each wire begin."""
    if first == last:
        return 0, np.zeros(1, dtype=np.int64)
    low, high = wire[first], wire[last - 1]
    start = np.full(high - low + 2, first, dtype=np.int64)
    for h in range(first, last):
        start[wire[h] - low + 1] = h + 1
    for w in range(high - low + 1):
        start[w + 1] = max(start[w + 1], start[w])
    return low, start


@apart
def _triples(plane, wire, tick, rules, line, mask, begin, triple, misfit):
    """List triples of hits that fit, with their misfit; return how many there are.

    A row holds the hits in U, V and Y. Hits that have no triple may do with two, if the wire that
    would be the third is dead, or its whole plane; its place then holds `NOTHING`.
    """
    if len(plane) == 0:
        return 0
    ends, low, high = np.zeros(4, dtype=np.int64), tick[0], tick[0]
    for h in range(len(plane)):
        low, high = min(low, tick[h]), max(high, tick[h])
        for p in range(plane[h], 3):
            ends[p + 1] += 1
    bins = int((high - low) / _BIN) + 1
    starts, order = _bins(tick, ends[0], ends[1], low, bins)
    first, rows = _rows(wire, ends[1], ends[2])
    reach, count = int(rules.time / _BIN) + 1, 0
    alone = np.ones(len(plane), dtype=np.bool_)
    for y in range(ends[2], ends[3]):
        b = int((tick[y] - low) / _BIN)
        for o in range(starts[max(b - reach, 0)], starts[min(b + reach + 1, bins)]):
            u = order[o]
            if abs(tick[u] - tick[y]) <= rules.time:
                v = line[0] * (wire[y] + 0.5) + line[1] - wire[u] - 1.0  # the wire that meets both
                count = _thirds(u, v, y, first, rows, tick, rules, alone, triple, misfit, count)
    for p in range(3):
        starts, order = _bins(tick, ends[p], ends[p + 1], low, bins)
        for third in range(3):
            if third != p and (ends[third] == ends[third + 1]
                               or mask[begin[third]:begin[third + 1]].any()):
                count = _pairs(p, third, ends, starts, order, wire, tick, low, bins, rules, line,
                               mask[begin[third]:begin[third + 1]], alone, triple, misfit, count)
    return count


@apart
def _pairs(p, third, ends, starts, order, wire, tick, low, bins, rules, line, mask, alone, triple,
           misfit, count):
    """Add pairs of a hit that is alone with one of plane p, if the third wire is dead."""
    q = 3 - p - third
    reach = int(rules.time / _BIN) + 1
    for h in range(ends[q], ends[q + 1]):
        if not alone[h]:
            continue
        b = int((tick[h] - low) / _BIN)
        for o in range(starts[max(b - reach, 0)], starts[min(b + reach + 1, bins)]):
            k = order[o]
            if abs(tick[k] - tick[h]) > rules.time or (alone[k] and p < q):
                continue
            if third == 2:
                place = (wire[h] + wire[k] + 1.0 - line[1]) / line[0] - 0.5
            else:
                u, y = (h, k) if p == 2 else (k, h)
                place = line[0] * (wire[y] + 0.5) + line[1] - wire[u] - 1.0
            w = int(round(place))
            if 0 <= w < len(mask) and (mask[w] or ends[third] == ends[third + 1]):
                if count < len(triple):
                    triple[count, third] = NOTHING
                    triple[count, p], triple[count, q] = k, h
                    misfit[count] = rules.lone + 1.5 * ((tick[k] - tick[h]) / rules.sigma)**2
                count += 1
    return count


@njit
def _thirds(u, v, y, first, rows, tick, rules, alone, triple, misfit, count):
    """Add the hits of V that fit to one of U and one of Y."""
    near = max(int(np.ceil(v - rules.meet)) - first, 0)
    far = min(int(np.floor(v + rules.meet)) - first, len(rows) - 2)
    for w in range(near, far + 1):
        for h in range(rows[w], rows[w + 1]):
            uv, vy, yu = tick[u] - tick[h], tick[h] - tick[y], tick[y] - tick[u]
            if abs(vy) <= rules.time and abs(uv) <= rules.time:
                if count < len(triple):
                    triple[count, 0], triple[count, 1], triple[count, 2] = u, h, y
                    misfit[count] = ((w + first - v) / rules.aim) ** 2 + (
                        uv * uv + vy * vy + yu * yu) / (3 * rules.sigma**2)
                alone[u] = alone[h] = alone[y] = False
                count += 1
    return count


@apart
def _agree(plane, charge, cluster, triple, misfit, rules, label):
    """Let hits vote for triples of clusters, make objects of them, and label the hits."""
    n = _number(cluster)
    trio, members = _trios(cluster, triple, n)
    votes, weight = _vote(charge, triple, misfit, trio, members, n, rules)
    kept = _rules(members, votes, n, rules)
    owner = _join(members, kept, n)
    _label(cluster, triple, trio, weight, members, votes, owner, n, label)


@njit
def _number(cluster):
    """Return how many clusters there are."""
    highest = np.int64(-1)
    for h in range(len(cluster)):
        highest = max(highest, cluster[h])
    return highest + 1


@njit
def _slot(key, keys):
    """Return the place of a key in a table of keys, or the empty place where it belongs."""
    place = (key * 0x9E3779B97F4A7C1) >> 24 & (len(keys) - 1)
    while keys[place] != key and keys[place] != -1:
        place = (place + 1) & (len(keys) - 1)
    return place


@apart
def _table(entries):
    """Return an empty table of keys with room for so many."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.full(size, -1, dtype=np.int64)


@apart
def _trios(cluster, triple, n):
    """Return for each triple of hits the number of its trio of clusters, and all trios."""
    keys = _table(len(triple))
    value, trio = np.empty(len(keys), dtype=np.int64), np.empty(len(triple), dtype=np.int64)
    members, count = np.empty((len(triple), 3), dtype=np.int64), 0
    for t in range(len(triple)):
        for p in range(3):
            h = triple[t, p]
            members[count, p] = cluster[h] if h >= 0 else n
        key = (members[count, 0] * (n + 1) + members[count, 1]) * (n + 1) + members[count, 2]
        place = _slot(key, keys)
        if keys[place] == -1:
            keys[place], value[place] = key, count
            count += 1
        trio[t] = value[place]
    return trio, members[:count]


@apart
def _vote(charge, triple, misfit, trio, members, n, rules):
    """Count the votes: each hit shares its charge among its triples; return also the shares.

    In later rounds a triple counts as much as its trio has in the view where it has least.
    """
    count = len(members)
    strength, votes = np.ones(count), np.zeros((count, 3))
    weight, norm = np.empty(len(triple)), np.empty(len(charge))
    for _ in range(max(int(rules.rounds), 1)):
        norm[:], votes[:] = 0.0, 0.0
        for t in range(len(triple)):
            weight[t] = strength[trio[t]] / (1 + misfit[t])
            for p in range(3):
                if triple[t, p] >= 0:
                    norm[triple[t, p]] += weight[t]
        for t in range(len(triple)):
            for p in range(3):
                h = triple[t, p]
                if h >= 0 and norm[h] > 0:
                    votes[trio[t], p] += max(charge[h], 0.0) * weight[t] / norm[h]
        for c in range(count):
            strength[c] = inf
            for p in range(3):
                if members[c, p] < n:
                    strength[c] = min(strength[c], votes[c, p])
    return votes, weight


@apart
def _rules(members, votes, n, rules):
    """Tell which trios are kept, by the number of the rule that says so; 0 for none.

    1. It has most votes of all its clusters. 2. It has most votes of two: the third is shared, two
    views decide. Without a hit in the third, both have to have the same charge. 3. It has most
    votes of one, and the others belong together already (`_join` looks). 4. It has a good part of
    one, and as many votes in each view.
    """
    best, total = np.full(n + 1, -1, dtype=np.int64), np.zeros(n + 1)
    for t in range(len(members)):
        for p in range(3):
            c = members[t, p]
            total[c] += votes[t, p]
            if best[c] < 0 or votes[t, p] > votes[best[c], p]:
                best[c] = t
    kept = np.zeros((len(members), 2), dtype=np.int64)  # the rule, and the one for want of it
    for t in range(len(members)):
        most, part, low, high = 0, 0.0, inf, 0.0
        for p in range(3):
            c = members[t, p]
            if c < n:
                most += best[c] == t
                part = max(part, votes[t, p] / max(total[c], 1.0))
                low, high = min(low, votes[t, p]), max(high, votes[t, p])
        alike, full = low >= rules.alike * high, max(members[t, 0], members[t, 1], members[t, 2]) < n
        kept[t, 1] = 4 if alike and full and part >= rules.part else 0
        kept[t, 0] = 4 - most if most > 0 and (alike or full) else kept[t, 1]
    return kept


@apart
def _join(members, kept, n):
    """Make one object of trios that share two clusters; return the object of each, or −1."""
    root = np.arange(len(members))
    keys = _table(3 * len(members))
    value = np.empty(len(keys), dtype=np.int64)
    for rule in (1, 2, 3, 4):
        for t in range(len(members)):
            if rule == 3 and kept[t, 0] == 3 and _known(members[t], n, keys) == 0:
                kept[t, 0] = kept[t, 1]
            if kept[t, 0] != rule:
                continue
            joined = False
            for p in range(3):
                key = _two(members[t], p, n)
                if key < 0:
                    continue
                place = _slot(key, keys)
                if keys[place] == -1:
                    keys[place], value[place] = key, t
                elif not (joined and rule == 4):  # it makes no bridge between objects
                    a, b = _root(root, t), _root(root, value[place])
                    root[max(a, b)] = min(a, b)
                    joined = True
    owner, found = np.full(len(members), NOTHING, dtype=np.int64), 0
    for t in range(len(members)):
        if kept[t, 0]:
            top = _root(root, t)
            if owner[top] == NOTHING:
                owner[top] = found
                found += 1
            owner[t] = owner[top]
    return owner


@njit
def _two(member, p, n):
    """Return a number for the two clusters of a trio that are not in view p, −1 if one is none."""
    one, other = member[(p + 1) % 3], member[(p + 2) % 3]
    return -1 if max(one, other) == n else (one * (n + 1) + other) * 3 + p


@njit
def _known(member, n, keys):
    """Count the pairs of clusters of a trio that belong together already."""
    count = 0
    for p in range(3):
        key = _two(member, p, n)
        count += key >= 0 and keys[_slot(key, keys)] == key
    return count


@apart
def _label(cluster, triple, trio, weight, members, votes, owner, n, label):
    """Give each hit the object of its best triple; without one, that of its cluster's best trio."""
    best = np.zeros(len(cluster))
    for h in range(len(label)):
        label[h] = NOTHING
    for t in range(len(triple)):
        who = owner[trio[t]]
        if who != NOTHING:
            for p in range(3):
                h = triple[t, p]
                if h >= 0 and weight[t] > best[h]:
                    best[h], label[h] = weight[t], who
    most, whose = np.zeros(n + 1), np.full(n + 1, NOTHING, dtype=np.int64)
    for t in range(len(members)):
        for p in range(3):
            c = members[t, p]
            if owner[t] != NOTHING and votes[t, p] > most[c]:
                most[c], whose[c] = votes[t, p], owner[t]
    for h in range(len(label)):
        if label[h] == NOTHING:
            label[h] = whose[cluster[h]]
