"""From objects to one row of numbers: what a selection may look at.

In: `Points`, `Objects`, `Hits`. Out: `Reco`. Chapter: two-eyes.

Both reconstructions come this way. Energies and dE/dx are from `calorimetry`, the two lines near
the start from `legs`; here are counts, angles, what lies around the start, the vertex that a
track tells of, and the mass of two photons. What really happened is asked in `origins` alone.

Laws: nothing but the columns of `Reco.TRUTH` knows the truth; an event without objects is a row; a
turned event has turned angles; two photons of one pion have its mass.
"""

from math import cos, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import calorimetry, legs, origins
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked
from darkpairs.pions import WAYS, _between, _far
from darkpairs.record import TOPOLOGIES, Reco
from darkpairs.seen import ALGORITHMS


class Rules(NamedTuple):
    """What counts as what. All numbers are our choice."""

    shower: Given[float, "MeV", "showers with less do not count for the topology; ours"] = 10.0
    track: Given[float, "cm", "shorter tracks do not count for it; ours"] = 1.0
    vertex: Given[float, "cm", "a track points to a shower that passes it this close; ours"] = 5.0
    ahead: Given[float, "cm", "a vertex may lie this far ahead of the start; ours"] = 1.5
    around: Given[float, "cm", "activity this close is near the start; ours"] = 5.0
    dense: Given[float, "MeV/cm", "tracks with more on average are protons; ours"] = 4.0
    behind: Given[float, "cm", "charge this far back is behind the start; ours"] = 1.0
    depth: Given[float, "cm", "how far back, and ahead, charge is counted; ours"] = 30.0
    cone: Given[float, "rad", "half the angle of the cone ahead; ours"] = 0.26
    back: Given[float, "rad", "half the angle of the cone behind; ours"] = 1.05


RULES = Rules()


def record(points, objects, hits, detector=MICROBOONE, *, algorithm, rules=RULES, scale=None,
           look=legs.LOOK):
    """Return what a reconstruction says of each event.

    Parameters
    ----------
    points, objects, hits : Points, Objects, Hits
        Of the same events, or they are refused with a ValueError.
    detector : Detector
        The chamber.
    algorithm : str
        One of `seen.ALGORITHMS`: whose work it is.
    rules : Rules
        What counts as what; all ≥ 0, or it is refused with a ValueError.
    scale : calorimetry.Scale, optional
        From charge to energy; that of the algorithm if not given.
    look : legs.Look
        How prongs are looked for.

    Returns
    -------
    Reco
        One row per event.
    """
    detector = checked(detector)
    _check(points, objects, hits, algorithm, rules)
    scale = calorimetry.SCALES[algorithm] if scale is None else scale
    energy, charge = calorimetry.energies(points, objects, hits, detector, scale=scale)
    dedx = calorimetry.beginnings(points, objects, hits, detector, scale=scale)
    pick = np.full((len(points), 2), -1, dtype=np.int64)
    _order(objects.offsets, objects.shower, charge, pick)
    columns = dict(event=points.event, kind=points.kind, weight=points.weight,
                   algorithm=np.full(len(points), ALGORITHMS.index(algorithm)))
    columns |= _counts(points, objects, hits, energy, pick[:, 0], rules)
    columns |= _leading(objects, energy, dedx, pick)
    start, direction = _of(objects.start, pick[:, 0]), _of(objects.direction, pick[:, 0])
    lines = legs.fit(points, start, direction, look=look)
    names = ("prong_angle", "prong_leading", "prong_second", "prong_gain")
    columns |= dict(zip(names, lines, strict=True), prong_score=lines[0] * lines[3])
    columns |= _around(points, objects, hits, energy, pick, detector, rules)
    columns |= _truth(points, objects, hits, pick)
    return Reco(**columns)


def _check(points, objects, hits, algorithm, rules):
    """Refuse batches of different events, labels of objects that do not exist, and bad rules."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {algorithm!r}; wanted one of {', '.join(ALGORITHMS)}")
    for name, value in rules._asdict().items():
        if not value >= 0:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number ≥ 0")
    same = (np.array_equal(points.event, objects.event)
            and np.array_equal(points.event, hits.event)
            and np.array_equal(points.hit_offsets, hits.offsets))
    if not same:
        raise ValueError(f"points, objects and hits of {len(points)}, {len(objects)} and "
                         f"{len(hits)} events; wanted the same events with the same hits")
    counts = np.diff(objects.offsets)
    for name, label, offsets in (("points", points.object, points.offsets),
                                 ("hits", points.hit_object, points.hit_offsets)):
        if (label >= np.repeat(counts, np.diff(offsets))).any() or (label < -1).any():
            raise ValueError(f"{name} with labels up to {label.max()}; wanted −1 or the number of "
                             "an object of their event")


def _of(column, rows):
    """Return the rows of objects, NaN where there is none (−1)."""
    column = np.asarray(column, dtype=np.float64)
    found = np.full((len(rows), *column.shape[1:]), np.nan)
    found[rows >= 0] = column[rows[rows >= 0]]
    return found


def _counts(points, objects, hits, energy, first, rules):
    """Return columns that count and sum over all objects of an event."""
    n = len(points)
    event, sums = np.repeat(np.arange(n), np.diff(objects.offsets)), {}

    def total(weights, where):
        return np.bincount(event[where], weights=weights[where], minlength=n)
    shower = objects.shower != 0
    showers = total(np.ones(len(event)), shower & (energy >= rules.shower)).astype(int)
    tracks = total(np.ones(len(event)), ~shower & (objects.length >= rules.track)).astype(int)
    words = [f"{s}s{t}t" for s, t in zip(showers.tolist(), tracks.tolist(), strict=True)]
    sums["topology"] = [TOPOLOGIES.index(word if word in TOPOLOGIES else "other") for word in words]
    sums |= dict(showers=showers, tracks=tracks, energy_showers=total(energy, shower),
                 energy_tracks=total(energy, ~shower), longest_track=np.zeros(n))
    np.maximum.at(sums["longest_track"], event[~shower], objects.length[~shower])
    of_hit = np.repeat(np.arange(n), np.diff(hits.offsets))
    collected = hits.plane == 2
    loose = collected & (points.hit_object < 0)
    own = points.hit_object == (first - objects.offsets[:-1])[of_hit]
    own &= (first >= 0)[of_hit]
    sums |= dict(points=np.diff(points.offsets), hits=np.diff(hits.offsets),
                 points_leading=np.nan_to_num(_of(objects.points, first)),
                 hits_leading=np.bincount(of_hit[own], minlength=n))
    for name, where in (("charge", collected), ("unclustered", loose)):
        sums[name] = np.bincount(of_hit[where], weights=hits.charge[where], minlength=n)
    return sums


def _leading(objects, energy, dedx, pick):
    """Return columns of the two leading objects by themselves."""
    first, second = pick.T
    one, other = _of(energy, first), _of(energy, second)
    direction, start = _of(objects.direction, first), _of(objects.start, first)
    cosine = (direction * _of(objects.direction, second)).sum(axis=1)
    with np.errstate(invalid="ignore"):  # two objects without any energy
        asymmetry = np.abs(one - other) / (one + other)
    columns = dict(energy_leading=one, energy_second=other, asymmetry=asymmetry,
                   angle=np.arccos(np.clip(direction[:, 2], -1, 1)),
                   opening=np.arccos(np.clip(cosine, -1, 1)),
                   dedx_leading=_of(dedx, first), dedx_second=_of(dedx, second),
                   length=_of(objects.length, first), width=_of(objects.width, first),
                   second_length=_of(objects.length, second),
                   second_width=_of(objects.width, second))
    for axis, name in enumerate("xyz"):
        columns |= {f"start_{name}": start[:, axis], f"direction_{name}": direction[:, axis]}
    return columns


_AROUND = ("behind", "cone", "near", "wall", "border", "vertex_x", "vertex_y", "vertex_z", "gap",
           "protons", "proton_energy", "pion_mass")


def _around(points, objects, hits, energy, pick, detector, rules):
    """Return columns about what lies around the start."""
    answer = np.full((len(points), len(_AROUND)), np.nan)
    box = np.array([[0.0, -detector.height / 2, 0.0],
                    [detector.drift, detector.height / 2, detector.length]])
    _surroundings(objects.offsets, points.offsets, points.position, points.charge, points.object,
                  objects.shower, objects.start, objects.end, objects.direction, objects.length,
                  energy, pick, box, rules, WAYS, answer)
    columns = dict(zip(_AROUND, answer.T, strict=True))
    return columns | {name: np.nan_to_num(columns[name]) for name in ("protons", "proton_energy")}


def _truth(points, objects, hits, pick):
    """Return the columns of `Reco.TRUTH`."""
    particle, completeness, purity = origins.match(points, objects, hits)
    columns = {}
    for rows, name in zip(pick.T, ("truth", "truth_second"), strict=True):
        who = _of(particle, rows)
        columns |= {f"{name}_particle": np.where(np.isnan(who), -1, who).astype(np.int32),
                    f"{name}_completeness": _of(completeness, rows),
                    f"{name}_purity": _of(purity, rows)}
    return columns


@apart
def _order(objects, shower, charge, pick):
    """Find the two leading objects of each event: showers before tracks, by falling charge."""
    for i in range(len(objects) - 1):
        for o in range(objects[i], objects[i + 1]):
            if _before(o, pick[i, 0], shower, charge):
                pick[i, 1], pick[i, 0] = pick[i, 0], o
            elif _before(o, pick[i, 1], shower, charge):
                pick[i, 1] = o


@njit
def _before(one, other, shower, charge):
    """Tell whether an object comes before another one (−1: nothing) in the order of leading."""
    if other < 0:
        return True
    if (shower[one] != 0) != (shower[other] != 0):
        return shower[one] != 0
    return charge[one] > charge[other]


@apart
def _surroundings(objects, points, position, charge, label, shower, start, end, direction, length,
                  energy, pick, box, rules, ways, answer):
    """Fill one row for each event that has an object."""
    vertex = np.empty(3)
    for i in range(len(objects) - 1):
        lead, second, row = pick[i, 0], pick[i, 1], answer[i]
        if lead < 0:
            continue
        _charges(objects[i], points[i], points[i + 1], position, charge, label, shower, start[lead],
                 direction[lead], rules, row)
        row[3], row[4] = _walls(start[lead], direction[lead], box)
        found = False
        if shower[lead] != 0:
            found = _vertex(objects[i], objects[i + 1], shower, start, end, length, start[lead],
                            direction[lead], rules, vertex)
        if found:
            row[5], row[6], row[7] = vertex[0], vertex[1], vertex[2]
            row[8] = _far(vertex, start[lead])
        row[9], row[10] = _protons(objects[i], objects[i + 1], lead, shower, start, end, length,
                                   energy, start[lead], vertex, found, rules)
        if second >= 0 and shower[lead] != 0 and shower[second] != 0:
            rows, two = slice(points[i], points[i + 1]), np.array([lead, second])
            cosine = _between(position[rows], charge[rows], label[rows], two - objects[i],
                              start[two], length[two], vertex, found, ways)
            row[11] = sqrt(2 * energy[lead] * energy[second] * (1 - cosine))


@apart
def _charges(first, low, high, position, charge, label, shower, start, direction, rules, row):
    """Charge behind the start, in the cone ahead, and near it but in no shower."""
    row[0], row[1], row[2] = 0.0, 0.0, 0.0
    for k in range(low, high):
        r = _far(position[k], start)
        ahead = 0.0
        for axis in range(3):
            ahead += (position[k, axis] - start[axis]) * direction[axis]
        if r < rules.depth and ahead < -rules.behind and -ahead > r * cos(rules.back):
            row[0] += charge[k]
        if r < rules.depth and ahead > r * cos(rules.cone):
            row[1] += charge[k]
        if r < rules.around and (label[k] < 0 or shower[first + label[k]] == 0):
            row[2] += charge[k]


@apart
def _walls(start, direction, box):
    """Distance backwards to where the box ends, and to its nearest wall; 0 from outside."""
    back, border = np.inf, np.inf
    for axis in range(3):
        border = min(border, start[axis] - box[0, axis], box[1, axis] - start[axis])
        if direction[axis] > 0:
            back = min(back, (start[axis] - box[0, axis]) / direction[axis])
        elif direction[axis] < 0:
            back = min(back, (start[axis] - box[1, axis]) / direction[axis])
    return (back, border) if border > 0 else (0.0, 0.0)


@apart
def _vertex(low, high, shower, start, end, length, begin, direction, rules, vertex):
    """Find the end of a track that the shower passes closest, looking back; tell if there is one.

    Of two ends that it passes alike, as of a track along it, the nearer one counts.
    """
    best = rules.vertex
    for o in range(low, high):
        if shower[o] != 0 or length[o] < rules.track:
            continue
        for point in (start[o], end[o]):
            back, square = 0.0, 0.0
            for axis in range(3):
                way = begin[axis] - point[axis]
                back += way * direction[axis]
                square += way * way
            off = sqrt(max(square - back * back, 0.0))
            if back > -rules.ahead and off < best:
                best = off
                vertex[0], vertex[1], vertex[2] = point[0], point[1], point[2]
    return best < rules.vertex


@apart
def _protons(low, high, lead, shower, start, end, length, energy, begin, vertex, found, rules):
    """Number and energy of dense tracks with an end near the start, or near the vertex."""
    count, total = 0, 0.0
    for o in range(low, high):
        if shower[o] != 0 or o == lead or energy[o] < rules.dense * length[o]:
            continue
        near = min(_far(start[o], begin), _far(end[o], begin))
        if found:
            near = min(near, _far(start[o], vertex), _far(end[o], vertex))
        if near < rules.around:
            count, total = count + 1, total + energy[o]
    return count, total
