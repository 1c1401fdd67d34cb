"""Triples: hits of three views that may be one charge.

In: `Hits`. Out: all (u, v, y) that came at one time and whose wires meet in one point. Chapter:
projective.

Three wires meet in one point where u + v = w. Hits are sorted by time and by wire: for each hit of
Y those of U at its time are looked up, and for both the wire of V on which a third hit has to be.
Where this wire is dead, two hits have to do.

Laws: triples are those of a comparison of all with all; a triple without a third hit has a dead
wire there.
"""

from math import ceil, cos, floor
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.clusters import sensible
from darkpairs.detector import MICROBOONE, checked

NOTHING = -1  # in place of a hit, where the wire is dead; or of an object, where there is none
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
    beyond: Given[float, "wires", "without a hit beyond it, where a line ends; our choice"] = 4.0
    beside: Given[float, "cm", "of drift, in which such a hit would lie; our choice"] = 1.0
    tips: Given[float, "", "times as much counts a pair of ends without a third; ours"] = 1e4
    alike: Given[float, "", "votes in two views, the fewer in parts of the more; ours"] = 0.5
    part: Given[float, "", "of the votes of a cluster, to be kept for this alone; ours"] = 0.2
    rounds: Given[float, "", "times that votes are counted, whole; our choice"] = 3.0


RULES = Rules()


def geometry(detector):
    """Return (κ, K) with u + v = κ w + K for places in wires; κ is 1 for wires at 60°."""
    return 2 * cos(detector.angle), wires.projection(detector)[:2, 2].sum()


def find(hits, detector=MICROBOONE, *, rules=RULES):
    """Return all triples of hits that fit together.

    Parameters
    ----------
    hits : Hits
        Of some events.
    detector : Detector
        The chamber.
    rules : Rules
        How to match; refused unless all are finite numbers > 0.

    Returns
    -------
    triple : ndarray (t, 3) of int64
        Hits in U, V and Y, counted within the event; `NOTHING` where the third wire is dead.
    misfit : ndarray (t,)
        How badly each triple fits, as a χ².
    start : ndarray (n+1,) of int64
        Where the triples of each event begin.
    """
    detector = checked(detector)
    sensible(rules)
    begin = np.concatenate([[0], np.cumsum(wires.counts(detector))])
    return _find(hits.offsets, hits.plane, hits.wire, hits.tick, rules, geometry(detector),
                 np.concatenate(wires.dead(detector)), begin)


@apart
def _find(offsets, plane, wire, tick, rules, line, mask, begin):
    """Find the triples of each event; where there is no room for them, make some and come again."""
    triple, misfit = np.empty((16 * len(plane), 3), np.int64), np.empty(16 * len(plane))
    start = np.zeros(len(offsets), dtype=np.int64)
    for i in range(len(offsets) - 1):
        part, here = slice(offsets[i], offsets[i + 1]), start[i]
        while True:
            count = _triples(plane[part], wire[part], tick[part], rules, line, mask, begin,
                             triple[here:], misfit[here:])
            if here + count <= len(triple):
                break
            triple, misfit = _longer(triple, misfit, 2 * (here + count), here)
        start[i + 1] = here + count
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
            w = round(place)
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
    near = max(ceil(v - rules.meet) - first, 0)
    far = min(floor(v + rules.meet) - first, len(rows) - 2)
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
