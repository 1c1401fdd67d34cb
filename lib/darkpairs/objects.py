"""From clusters of points to showers and tracks: what belongs together, where it starts.

In: `Points` with clusters, and the `Hits` they came from. Out: the same points with the labels of
objects, and `Objects`. Chapters: projective, tomographic, two-eyes.

Both reconstructions give clusters of points, but no beginning and no end; what they give is treated
alike from here on. Each cluster's start is sought, the clusters of one shower are joined, a few
numbers of its shape tell a shower from a track, and hits that nobody owns go to their neighbours.

Laws: no charge is counted twice; charge of hits with a label sums up to that of the objects; an
event does not depend on its companions.
"""

from math import sqrt

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart
from darkpairs.detector import MICROBOONE, checked
from darkpairs.families import RULES, _choose, _gather, _late, _vector
from darkpairs.seen import NONE, Objects, Points
from darkpairs.shapes import _shape
from darkpairs.starts import LOOK, _dot, _find, _mean, _minus, _refine, _unit
from darkpairs.strays import _adopt


def find(points, hits, detector=MICROBOONE, *, rules=RULES, look=LOOK):
    """Return points with the labels of objects, and the objects.

    Parameters
    ----------
    points : Points
        Clusters of points, of any reconstruction.
    hits : Hits
        The hits they came from.
    detector : Detector
        The chamber.
    rules : families.Rules
        Which pieces belong together; finite numbers.
    look : starts.Look
        How starts are looked for; finite numbers.

    Returns
    -------
    points : Points
        The same places and charges, with objects counted from 0 by falling charge.
    objects : Objects
    """
    detector = _checked(points, hits, detector, rules, look)
    clusters = _counted(points)
    room = int(clusters[-1])
    label, hit_label = points.object.copy(), points.hit_object.copy()
    table = np.zeros((room, 14))
    dead = wires.dead(detector)[2].astype(np.int64)
    count = np.zeros(len(points) + 1, dtype=np.int64)
    places, charge = np.ascontiguousarray(points.position), np.maximum(points.charge, 0)
    of_hits = map(np.ascontiguousarray, (hits.plane, hits.wire, hits.charge, wires.depth(
        detector, hits.tick)))
    _all(points.offsets, places, charge, label, hits.offsets, *of_hits, hit_label, dead,
         detector.pitch, clusters, rules, look, table, count)
    table = table[:count[-1]]
    rides = dict(event=points.event, kind=points.kind, weight=points.weight)
    return (Points(**rides, offsets=points.offsets, position=points.position,
                   charge=points.charge, object=label, hit_offsets=points.hit_offsets,
                   hit_object=hit_label),
            Objects(**rides, offsets=count, shower=table[:, 0], start=table[:, 1:4],
                    end=table[:, 4:7], direction=table[:, 7:10], charge=table[:, 10],
                    length=table[:, 11], width=table[:, 12], points=table[:, 13]))


def _checked(points, hits, detector, rules, look):
    """Return a chamber; refuse points and hits of different events, and rules without sense."""
    for name, value in (rules._asdict() | look._asdict()).items():
        if not np.isfinite(value):
            raise ValueError(f"{name} = {value}; wanted a finite number")
    same = np.array_equal(points.hit_offsets, hits.offsets)
    if not same or not np.array_equal(points.event, hits.event):
        raise ValueError(f"points of {len(points)} events with {points.hit_offsets[-1]} hits, and "
                         f"{len(hits)} events with {hits.offsets[-1]} hits; wanted the hits that "
                         "the points came from")
    finite = np.isfinite(points.position).all() and np.isfinite(points.charge).all()
    if not (finite and np.isfinite(hits.charge).all()):
        raise ValueError("points or hits with a place or charge that is NaN or infinite; wanted "
                         "finite ones")
    return checked(detector)


def _counted(points):
    """Return where the clusters of each event begin, if all had as many as their largest label."""
    most = np.zeros(len(points), dtype=np.int64)
    for label, offsets in ((points.object, points.offsets),
                           (points.hit_object, points.hit_offsets)):
        if len(label) and label.min() < NONE:
            raise ValueError(f"object {label.min()}; wanted numbers from 0 on, or {NONE}")
        full = np.diff(offsets) > 0
        if full.any():
            top = np.maximum.reduceat(label, offsets[:-1][full])
            most[full] = np.maximum(most[full], top + 1)
    size = np.diff(points.offsets) + np.diff(points.hit_offsets)
    if (most > size).any():
        i = np.argmax(most > size)
        raise ValueError(f"object {most[i] - 1} in event {i} with {size[i]} points and hits; "
                         "wanted objects counted within the event from 0")
    return np.concatenate([[0], np.cumsum(most)])


@apart
def _all(offsets, position, charge, label, hit_offsets, plane, wire, hit_charge, depth, hit_label,
         dead, pitch, clusters, rules, look, table, count):
    """Go through the events."""
    for i in range(len(offsets) - 1):
        a, b = offsets[i], offsets[i + 1]
        c, d = hit_offsets[i], hit_offsets[i + 1]
        count[i + 1] = count[i] + _event(
            position[a:b], charge[a:b], label[a:b], plane[c:d], wire[c:d], hit_charge[c:d],
            depth[c:d], hit_label[c:d], dead, pitch, clusters[i + 1] - clusters[i], rules, look,
            table[count[i]:])


@apart
def _event(position, charge, label, plane, wire, hit_charge, depth, hit_label, dead, pitch,
           clusters, rules, look, table):
    """Find the objects of one event; return how many they are."""
    begin, order = _sorted(label, clusters)
    place, q = position[order], charge[order]
    lumps = np.zeros((clusters, 4))
    for c in range(clusters):
        lumps[c, 3], mean = _mean(place[begin[c]:begin[c + 1]], q[begin[c]:begin[c + 1]])
        lumps[c, 0], lumps[c, 1], lumps[c, 2] = mean
    seeds = np.argsort(-lumps[:, 3])
    seeds = seeds[:np.sum(lumps[:, 3] >= rules.seed)]
    ends = np.zeros((len(seeds), 19))
    small = lumps[lumps[:, 3] < rules.seed]
    for s in range(len(seeds)):
        rows = slice(begin[seeds[s]], begin[seeds[s] + 1])
        start, way, other, back, doubt, one, two = _find(place[rows], q[rows], small, look)
        ends[s, 0:3], ends[s, 3:6], ends[s, 6:9], ends[s, 9:12] = start, way, other, back
        ends[s, 12], ends[s, 13:16], ends[s, 16:19] = doubt, one, two
    weight = lumps[seeds, 3]
    chosen = _choose(ends, weight, lumps[seeds], rules)
    owner = _gather(lumps, begin, place, seeds, ends, chosen, rules)
    for labels in (label, hit_label):
        for k in range(len(labels)):
            labels[k] = owner[labels[k]] if labels[k] >= 0 else -1
    begin, order = _sorted(label, len(seeds))
    for h in range(len(hit_label)):
        s = hit_label[h]
        if s >= 0 and begin[s + 1] == begin[s]:  # no points, no object
            hit_label[h] = -1
    _adopt(plane, wire, depth, hit_label, pitch, rules.stray)
    sums = _sums(plane, wire, hit_charge, hit_label, dead, len(seeds), rules)
    return _write(position[order], charge[order], label, hit_label, begin, sums, ends, rules, look,
                  table)


@apart
def _sorted(label, clusters):
    """Return where the points of each cluster begin, and the points in this order."""
    begin = np.zeros(clusters + 2, dtype=np.int64)
    for k in range(len(label)):
        if label[k] >= 0:
            begin[label[k] + 2] += 1
    for c in range(2, clusters + 2):
        begin[c] += begin[c - 1]
    order = np.empty(begin[clusters + 1], dtype=np.int64)
    for k in range(len(label)):
        if label[k] >= 0:
            order[begin[label[k] + 1]] = k
            begin[label[k] + 1] += 1
    return begin[:clusters + 1], order


@apart
def _write(place, q, label, hit_label, begin, sums, ends, rules, look, table):
    """Write labels and objects, by falling charge; return how many there are.

    Points come object by object, those of the s-th from ``begin[s]`` on.
    """
    for s in range(len(sums)):
        if begin[s + 1] == begin[s]:
            sums[s] = -1.0
    rank, count = np.argsort(-sums), np.sum(sums >= 0)
    new = np.full(len(sums), -1)
    for r in range(count):
        new[rank[r]] = r
    for labels in (label, hit_label):
        for k in range(len(labels)):
            labels[k] = new[labels[k]] if labels[k] >= 0 else -1
    for r in range(count):
        s = rank[r]
        rows = slice(begin[s], begin[s + 1])
        table[r, 10], table[r, 13] = sums[s], begin[s + 1] - begin[s]
        _measure(place[rows], q[rows], ends[s], rules, look, table[r])
    return count


@apart
def _measure(place, charge, end, rules, look, row):
    """Write shape, start, far end and direction of an object."""
    start, way = _vector(end, 0), _vector(end, 3)
    far, length, width, core, full = _shape(place, charge, start, way, rules.line)
    row[0] = 1.0 if core * full < rules.track else 0.0
    if row[0] == 0 and end[12] < rules.doubt and _tip(place, charge, start, rules) > (
            rules.stop * _tip(place, charge, far, rules)):
        start, way = _refine(place, charge, _vector(end, 6), _vector(end, 9), look)
    way = _lead(place, charge, start, way, rules, look)
    start = _behind(place, charge, start, way, rules, look)
    far, length, width, core, full = _shape(place, charge, start, way, rules.line)
    row[1:4], row[4:7], row[7:10] = start, far, way
    row[11], row[12] = length, width


@apart
def _behind(place, charge, start, way, rules, look):
    """Start of an object of which a part lies behind, on its line: dead wires cut it off."""
    q, first, found = 0.0, -look.core, start
    for k in range(len(charge)):
        a = _minus(_vector(place[k], 0), start)
        if _dot(a, way) < -look.core and _late((-a[0], -a[1], -a[2]), way, rules):
            q += charge[k]
            if _dot(a, way) < first:
                first, found = _dot(a, way), _vector(place[k], 0)
    return found if q >= rules.crumb else start


@apart
def _tip(place, charge, at, rules):
    """Charge near an end of a track; a particle that stops leaves more there."""
    q = 0.0
    for k in range(len(charge)):
        a = _minus(_vector(place[k], 0), at)
        if _dot(a, a) < rules.tip * rules.tip:
            q += charge[k]
    return q


@apart
def _lead(place, charge, start, way, rules, look):
    """Direction from the start to the charge in the cone before it, up to some centimetres."""
    x, y, z = 0.0, 0.0, 0.0
    for k in range(len(charge)):
        a = _minus(_vector(place[k], 0), start)
        far = sqrt(_dot(a, a))
        if look.core < far < rules.lead and _dot(a, way) > look.ahead * far:
            x += charge[k] * a[0] / far
            y += charge[k] * a[1] / far
            z += charge[k] * a[2] / far
    return _unit((x, y, z)) if x * x + y * y + z * z > 0 else way


@apart
def _sums(plane, wire, charge, label, dead, objects, rules):
    """Charge of objects from hits on Y; dead wires between two living ones get their mean.

    Without any hit on Y it is the larger of what U and V have.
    """
    sums = np.zeros((objects, 3))
    last, before, missing = np.full(objects, -2), np.zeros(objects), np.zeros(objects)
    for h in range(len(label)):
        s = label[h]
        if s < 0:
            continue
        if plane[h] == 2 and wire[h] != last[s]:
            missing[s] = 0.0
            while last[s] >= 0 and missing[s] < wire[h] - last[s] - 1:
                if not dead[last[s] + 1 + int(missing[s])]:
                    break
                missing[s] += 1
            if missing[s] < wire[h] - last[s] - 1:
                missing[s] = 0.0
            sums[s, 2] += 0.5 * missing[s] * before[s]
            last[s], before[s] = wire[h], 0.0
        before[s] += charge[h]
        sums[s, plane[h]] += charge[h] * (1 + 0.5 * missing[s] * (plane[h] == 2))
    for s in range(objects):
        if last[s] < 0:
            sums[s, 2] = rules.induction * max(sums[s, 0], sums[s, 1])
    return sums[:, 2]
