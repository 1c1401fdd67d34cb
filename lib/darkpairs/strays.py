"""Hits that nobody owns: each goes to the object whose hits are nearest in its own view.

In: hits with and without an object. Out: the same, with fewer that have none. Chapter: two-eyes.

A hit gets no object where the views do not agree on one: two of three wires may be dead there, or a
pulse too small for the others. Its charge is real. Energy is summed in one view alone, and in one
view it is clear enough whose such a hit is: that of the nearest hit that has an object. Those far
from all others stay nobody's.

Laws: the nearest is that of a search through all; who has an object keeps it; nothing far off is
taken; the order of events does not matter.
"""

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked


def adopt(hits, label, detector=MICROBOONE, *, reach):
    """Return the object of each hit, of more hits than before.

    Parameters
    ----------
    hits : Hits
        Of some events.
    label : ndarray (h,) of int
        Object of each hit; below 0 if none.
    detector : Detector
        The chamber.
    reach : float
        How far the nearest hit of an object may be [cm]; refused unless it is finite and ≥ 0.

    Returns
    -------
    ndarray (h,) of int32
    """
    detector = checked(detector)
    if not 0 <= reach < np.inf:  # refuses NaN too
        raise ValueError(f"reach = {reach}; wanted a finite number ≥ 0")
    found = np.array(label, dtype=np.int32)
    if found.shape != hits.wire.shape:
        raise ValueError(f"{found.shape} labels of {len(hits.wire)} hits; wanted one each")
    _each(hits.offsets, hits.plane, hits.wire, wires.depth(detector, hits.tick), found,
          detector.pitch, float(reach))
    return found


@apart
def _each(offsets, plane, wire, depth, label, pitch, reach):
    """Go through the events."""
    for i in range(len(offsets) - 1):
        here = slice(offsets[i], offsets[i + 1])
        _adopt(plane[here], wire[here], depth[here], label[here], pitch, reach)


@apart
def _adopt(plane, wire, depth, label, pitch, reach):
    """Give hits without a label that of the nearest hit of their plane, if it is within reach.

    Hits are sorted by plane, wire and depth. Those with a label are listed wire by wire; from its
    own wire on, a stray asks the wires on both sides, until these are farther than what it has.
    """
    known, rows, names = _listed(plane, wire, label)
    found = label.copy()
    for h in range(len(label)):
        if label[h] >= 0:
            continue
        best, whose = reach * reach, -1
        up = np.searchsorted(names, _name(plane[h], wire[h]))
        down = up - 1
        while True:
            far = _across(names, up, plane[h], wire[h], pitch)
            near = _across(names, down, plane[h], wire[h], pitch)
            if min(far, near) ** 2 >= best:
                break
            row = up if far <= near else down
            best, whose = _nearer(known[rows[row]:rows[row + 1]], depth, h, min(far, near) ** 2,
                                  best, whose)
            if far <= near:
                up += 1
            else:
                down -= 1
        if whose >= 0:
            found[h] = label[whose]
    for h in range(len(label)):
        label[h] = found[h]


@njit
def _name(plane, wire):
    """One number for each wire, rising as hits are sorted."""
    return np.int64(plane) << 32 | np.int64(wire)


@njit
def _across(names, row, plane, wire, pitch):
    """Distance of a wire in the list from a given one; infinite in another plane."""
    if row < 0 or row >= len(names) or names[row] >> 32 != plane:
        return np.inf
    return abs(names[row] - _name(plane, wire)) * pitch


@apart
def _listed(plane, wire, label):
    """List the hits that have a label, where those of each wire begin, and the wires' names."""
    known = np.flatnonzero(label >= 0)
    rows, names = np.empty(len(known) + 1, dtype=np.int64), np.empty(len(known), dtype=np.int64)
    count = 0
    for k in range(len(known)):
        name = _name(plane[known[k]], wire[known[k]])
        if count == 0 or names[count - 1] != name:
            rows[count], names[count] = k, name
            count += 1
    rows[count] = len(known)
    return known, rows[:count + 1], names[:count]


@apart
def _nearer(row, depth, h, across, best, whose):
    """Ask the hits of one wire next to this depth; return the squared distance and who it is."""
    low, high = 0, len(row)
    while low < high:
        middle = (low + high) // 2
        if depth[row[middle]] < depth[h]:
            low = middle + 1
        else:
            high = middle
    for k in range(max(low - 1, 0), min(low + 1, len(row))):
        square = across + (depth[row[k]] - depth[h]) ** 2
        if square < best:
            best, whose = square, row[k]
    return best, whose
