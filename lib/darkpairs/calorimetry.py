"""Energy from charge: of whole showers and tracks, and per length where they begin.

In: `Points`, `Objects`, `Hits`. Out: energies and dE/dx of objects. Chapter: two-eyes.

The collection plane gives the charge: points in space need two or three planes and lose some of it.
What electrons lost on their way is undone by how far they came. For dead collection wires stands in
what lies on both sides of them, or the points of the other two planes if these have more; and an
object that reaches dead collection wires has at least the charge that U or V have of it, since
these are blind at other places.

Recombination depends on dE/dx, and two particles that overlap cannot be told apart by their summed
charge: undone for the sum, two particles of minimum ionisation look like one of 6 MeV/cm. So
showers get one constant share of escaping electrons, and a line that was fitted to simulated
electrons. Tracks get the inverse of the modified box, piece by piece.

Laws: the box undone is the box; a shower's energy is linear in its charge; a straight track has its
dE/dx whatever its direction; the lifetime is undone; charge that another plane has is not lost.
"""

from functools import lru_cache
from math import exp, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked

_Y = 2  # the collection plane


class Scale(NamedTuple):
    """From charge to energy. The line is ours: fitted to simulated electrons, see its test."""

    escape: Given[float, "", "constant share for showers; modified box at 2.1 MeV/cm"] = 0.634
    slope: Given[float, "", "fitted to simulated electrons of 100 to 900 MeV; ours"] = 1.0
    offset: Given[float, "MeV", "same; no charge is lost but in parts"] = 0.0
    induction: Given[float, "", "found charge on U and V over that on Y; measured"] = 0.96
    begin: Given[float, "cm", "the length over which dE/dx is taken, as usual"] = 3.0
    piece: Given[float, "cm", "two wires; the length of one piece of it; ours"] = 0.6
    aside: Given[float, "cm", "farther from the axis, charge is not at the start; ours"] = 1.5
    steep: Given[float, "", "least part of a direction that a plane must see, squared; ours"] = 0.25
    along: Given[float, "cm", "the length of one piece of a track; ours"] = 1.0
    side: Given[float, "wires", "beside dead ones, to tell what these would have; ours"] = 8.0
    broad: Given[float, "wires", "a gap that wide is left to points alone; ours"] = 20.0
    most: Given[float, "MeV/cm", "of a piece; a proton has 31 over its last cm, PSTAR"] = 31.0


# The lines of both, fitted without dead wires: `test_measures` fits them anew. They came out alike
SCALES = {"projective": Scale(slope=1.078), "tomographic": Scale(slope=1.078)}


def loss(dqdx, detector=MICROBOONE):
    """Return dE/dx of charge per length, the modified box undone.

    dE/dx = (exp(β W q / (ρ E)) − α) ρE/β (ArgoNeuT, JINST 8 P08005, Eq. 2.5), not less than the
    value that `drift.recombination` gives below ``detector.sparse``.

    Parameters
    ----------
    dqdx : array-like
        Charge per length [electrons/cm], ≥ 0.
    detector : Detector
        The chamber; with ``birks``, Birks' law is undone.

    Returns
    -------
    ndarray
        Of the shape of `dqdx` [MeV/cm]; infinite where Birks' law never has so much charge.
    """
    detector = checked(detector)
    dqdx = np.asarray(dqdx, dtype=np.float64)
    if not (dqdx >= 0).all():  # refuses NaN too
        raise ValueError("charge per length of less than nothing, or NaN; wanted numbers ≥ 0")
    return np.array([_loss(q, detector) for q in dqdx.ravel()]).reshape(dqdx.shape)


def energies(points, objects, hits, detector=MICROBOONE, *, scale):
    """Return the energy of each object.

    Parameters
    ----------
    points, objects, hits : Points, Objects, Hits
        Of the same events.
    detector : Detector
        The chamber: its lifetime, its dead wires.
    scale : Scale
        From charge to energy.

    Returns
    -------
    energy, charge : ndarray (o,)
        Energy [MeV], and the charge on the collection plane that it was taken from [electrons], as
        it set out.
    """
    detector = checked(detector)
    found = np.zeros(len(objects.charge))
    first, last = _silence(detector)[:2]
    _charges(objects.offsets, points.offsets, points.position, points.charge, points.object,
             points.hit_offsets, points.hit_object, hits.plane, hits.wire, hits.charge,
             wires.depth(detector, hits.tick), first, last, detector, scale, found)
    energy = scale.slope * found * (detector.w_ion / scale.escape) + scale.offset * (found > 0)
    _tracks(objects.offsets, points.offsets, points.position, points.charge, points.object,
            objects.shower, objects.start, objects.direction, objects.length, found, detector,
            scale, energy)
    return np.maximum(energy, 0.0), found


def beginnings(points, objects, hits, detector=MICROBOONE, *, scale):
    """Return dE/dx over the first 3 cm of each object: the median of its pieces.

    The charge of an object's hits is laid along its direction, seen in the collection plane or, if
    the object runs along its wires or they are dead, in another one.

    Parameters
    ----------
    points, objects, hits, detector, scale
        As in `energies`.

    Returns
    -------
    ndarray (o,)
        [MeV/cm]; NaN where no plane sees the start.
    """
    detector = checked(detector)
    answer = np.full(len(objects.charge), np.nan)
    silent, begin = _silence(detector)[2:]
    room = np.zeros((2, int(np.ceil(scale.begin / scale.piece - 1e-9))))
    _starts(objects.offsets, points.hit_offsets, points.hit_object, hits.plane, hits.wire,
            hits.charge, hits.width, wires.depth(detector, hits.tick), objects.shower,
            objects.start, objects.direction, silent, begin, wires.projection(detector), detector,
            scale, room, answer)
    return answer


@lru_cache(maxsize=8)
def _silence(detector):
    """Return what is dead.

    The first and the last wire of each row of dead collection wires, rising; for the wires of all
    planes whether they are dead, and where those of each plane begin.
    """
    dead = wires.dead(detector)
    steps = np.diff(np.concatenate([[0], dead[_Y].astype(int), [0]]))
    begin = np.concatenate([[0], np.cumsum(wires.counts(detector))])
    return (np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1, np.concatenate(dead),
            begin)


@njit
def _loss(dqdx, detector):
    """dE/dx of charge per length; formula in `loss`."""
    freed, field = dqdx * detector.w_ion, detector.density * detector.field
    least = detector.sparse
    if detector.birks != 0.0:
        below = 1 - freed * detector.birks_k / (detector.birks_a * field)
        dedx = freed / detector.birks_a / below if below > 0 else np.inf
        share = detector.birks_a / (1 + detector.birks_k * least / field)
    else:
        dense = detector.box_beta / field
        dedx = (np.exp(freed * dense) - detector.box_alpha) / dense
        share = np.log(detector.box_alpha + dense * least) / (dense * least)
    return dedx if freed > least * share else freed / share


@njit
def _undo(x, detector):
    """What electrons from this depth have to be multiplied with to be as many as set out."""
    way = min(max(x, 0.0), detector.drift)
    return exp(way / (detector.velocity * detector.lifetime))


@apart
def _charges(objects, points, position, charge, label, hit_offsets, hit_label, plane, wire,
             hit_charge, depth, first, last, detector, scale, found):
    """Sum the charge of objects on living collection wires, and what stands in for dead ones."""
    side = int(scale.side)
    for i in range(len(objects) - 1):
        # by object and gap: charge of the wires below, of those above, of points within
        share = np.zeros((objects[i + 1] - objects[i], len(first), 3))
        other = np.zeros((len(share), 2))  # on U and V
        for h in range(hit_offsets[i], hit_offsets[i + 1]):
            if hit_label[h] < 0:
                continue
            q = hit_charge[h] * _undo(depth[h], detector)
            if plane[h] != 2:
                other[hit_label[h], plane[h]] += q / scale.induction
                continue
            found[objects[i] + hit_label[h]] += q
            gap = np.searchsorted(first, wire[h])
            if gap < len(first) and first[gap] - wire[h] <= side:
                share[hit_label[h], gap, 0] += q
            if gap > 0 and wire[h] - last[gap - 1] <= side:
                share[hit_label[h], gap - 1, 1] += q
        for k in range(points[i], points[i + 1]):
            at = int(np.floor(position[k, 2] / detector.pitch))
            gap = np.searchsorted(first, at, side="right") - 1
            if label[k] >= 0 and gap >= 0 and at <= last[gap]:
                share[label[k], gap, 2] += charge[k] * _undo(position[k, 0], detector)
        for o in range(len(share)):
            total, touched = found[objects[i] + o], False
            for gap in range(len(first)):
                total += _stand_in(share[o, gap], gap, first, last, side, scale.broad)
                touched |= last[gap] > first[gap] and share[o, gap].max() > 0
            found[objects[i] + o] = max(total, other[o].max()) if touched else total


@njit
def _stand_in(share, gap, first, last, side, broad):
    """Charge for the wires of one gap: as much per wire as beside it, or that of the points."""
    below = side if gap == 0 else min(side, first[gap] - last[gap - 1] - 1)
    above = side if gap == len(first) - 1 else min(side, first[gap + 1] - last[gap] - 1)
    between, wide = 0.0, last[gap] - first[gap] + 1
    if share[0] > 0 and share[1] > 0 and wide < broad:
        between = wide * 0.5 * (share[0] / below + share[1] / above)
    return max(between, share[2])


@apart
def _tracks(objects, points, position, charge, label, shower, start, direction, length, found,
            detector, scale, energy):
    """Replace the energy of tracks: their charge is cut into pieces as their points are."""
    for i in range(len(objects) - 1):
        for o in range(objects[i], objects[i + 1]):
            if shower[o] != 0 or not length[o] > 0:
                continue
            pieces = max(1, int(length[o] / scale.along + 0.5))
            parts, total = np.zeros(pieces), 0.0
            for k in range(points[i], points[i + 1]):
                if label[k] == o - objects[i]:
                    s = 0.0
                    for axis in range(3):
                        s += (position[k, axis] - start[o, axis]) * direction[o, axis]
                    parts[min(max(int(s / length[o] * pieces), 0), pieces - 1)] += charge[k]
                    total += charge[k]
            dx = length[o] / pieces
            energy[o] = 0.0
            for p in range(pieces):
                part = parts[p] / total if total > 0 else 1.0 / pieces
                energy[o] += dx * min(_loss(part * found[o] / dx, detector), scale.most)


@apart
def _starts(objects, hit_offsets, hit_label, plane, wire, charge, width, depth, shower, start,
            direction, silent, begin, slopes, detector, scale, room, answer):
    """Find dE/dx at the start of all objects, in the first plane that sees it."""
    for i in range(len(objects) - 1):
        for o in range(objects[i], objects[i + 1]):
            for choice in range(3):
                p = 2 - choice
                seen = _lay(hit_offsets[i], hit_offsets[i + 1], hit_label, o - objects[i], plane,
                            wire, charge, width, depth, start[o], direction[o], p, silent, begin,
                            slopes, detector, scale, room)
                if not seen:
                    continue
                gain = (1.0 if p == 2 else 1 / scale.induction) * _undo(start[o, 0], detector)
                answer[o] = _median_loss(room, gain, shower[o] != 0, detector, scale)
                break


@apart
def _lay(low, high, hit_label, mine, plane, wire, charge, width, depth, start, direction, p, silent,
         begin, slopes, detector, scale, room):
    """Lay the charge of one object's hits in one plane along its direction, in pieces.

    ``room[0]`` becomes the charge per piece, ``room[1]`` tells where wires live. Returns whether
    this plane sees the direction and enough of the start.
    """
    across = slopes[p, 0] * direction[1] + slopes[p, 1] * direction[2]  # wires per cm
    place = slopes[p, 0] * start[1] + slopes[p, 1] * start[2] + slopes[p, 2]
    dx, dw = direction[0], across * detector.pitch
    square = dx * dx + dw * dw
    room[:] = 0.0
    if not square >= scale.steep:
        return False
    pieces, alive = room.shape[1], 0
    for k in range(pieces):
        w = int(np.floor(place + across * (k + 0.5) * scale.piece))
        inside = 0 <= w < begin[p + 1] - begin[p]
        if inside and not silent[begin[p] + w]:
            room[1, k] = 1.0
            alive += 1
    if 2 * alive <= pieces:
        return False
    for h in range(low, high):
        if plane[h] != p or hit_label[h] != mine:
            continue
        a = depth[h] - start[0]
        b = (wire[h] + 0.5 - place) * detector.pitch
        if abs(a * dw - b * dx) > scale.aside * sqrt(square):
            continue
        reach = sqrt(12.0) * width[h] * detector.velocity * detector.tick  # as of an even pulse
        half = 0.5 * (detector.pitch * abs(dw) + reach * abs(dx)) / square + 1e-6
        s = (a * dx + b * dw) / square
        for k in range(max(0, int(np.floor((s - half) / scale.piece))),
                       min(pieces, int(np.floor((s + half) / scale.piece)) + 1)):
            inside = min(s + half, (k + 1) * scale.piece) - max(s - half, k * scale.piece)
            room[0, k] += charge[h] * max(inside, 0.0) / (2 * half)
    return True


@apart
def _median_loss(room, gain, shower, detector, scale):
    """Median dE/dx of the pieces on living wires."""
    values, n = np.empty(room.shape[1]), 0
    for k in range(room.shape[1]):
        if room[1, k] > 0:
            dqdx = gain * room[0, k] / scale.piece
            values[n] = dqdx * detector.w_ion / scale.escape if shower else min(
                _loss(dqdx, detector), scale.most)
            n += 1
    values = np.sort(values[:n])
    return 0.5 * (values[(n - 1) // 2] + values[n // 2])
