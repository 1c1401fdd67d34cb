"""A few numbers for the shape of an object: how long, how wide, how much of it is one thin line.

In: points of one object, its start and its way. Out: its far end and shape. Chapters: projective,
tomographic, two-eyes.

A track is one line, which may bend a little. So its axis is cut into slices; in each, the mean of
the points lies on the line, and nearly all charge is close to it, in every slice up to the end. A
shower has branches, gaps and crumbs: charge is off the line.

Laws: shapes turn and move with the points; a line is all core, whatever its charge.
"""

from math import sqrt

import numpy as np

from darkpairs._jit import apart
from darkpairs.starts import _along, _dot, _line, _minus

_SLICE = 3.0  # cm, of the axis
_FAR = 1e4  # cm, beyond all walls
NEAR = 1.0  # cm from the line; our choice


def shape(position, charge, start, direction, *, near=NEAR):
    """Return the shape of one object.

    Parameters
    ----------
    position : ndarray (k, 3)
        Points [cm].
    charge : ndarray (k,)
        Their charge, ≥ 0 [electrons].
    start, direction : sequence (3,)
        Where it starts [cm], and a unit vector.
    near : float
        What is close to the line [cm].

    Returns
    -------
    end : tuple (3,)
        The point farthest from the start [cm].
    length, width : float
        Extent along the direction, and charge-weighted distance from the axis (rms) [cm].
    core, full : float
        Share of the charge near a bending line, and of the slices of the line that hold some.
    """
    position = np.ascontiguousarray(position, dtype=np.float64)
    if position.shape != (len(charge), 3):
        raise ValueError(f"positions of shape {position.shape}; wanted ({len(charge)}, 3)")
    return _shape(position, np.ascontiguousarray(charge, dtype=np.float64),
                  tuple(map(float, start)), tuple(map(float, direction)), float(near))


@apart
def _shape(place, charge, start, way, near):
    """Far end, length and width, and how much like a line: two shares.

    The line bends from one slice to the next along the longest axis. The shares are those of the
    charge within `near` of it, and of the slices that hold some.
    """
    q, _, axis = _line(place, charge, start, way, -_FAR, _FAR, _FAR)
    low, high = np.inf, -np.inf
    far, end, spread, length = -1.0, start, 0.0, 0.0
    for k in range(len(charge)):
        a = (place[k, 0] - start[0], place[k, 1] - start[1], place[k, 2] - start[2])
        t, r = _dot(a, way), _dot(a, a)
        spread += charge[k] * max(r - t * t, 0.0)
        length = max(length, t)
        if r > far:
            far, end = r, (place[k, 0], place[k, 1], place[k, 2])
        t = _dot(a, axis)
        low, high = min(low, t), max(high, t)
    if not q > 0:
        return end, 0.0, 0.0, 0.0, 0.0
    slices = int((high - low) / _SLICE) + 1
    core, full = _core(place, charge, _along(start, low, axis), axis, slices, near)
    return end, length, sqrt(spread / q), core / q, full / slices


@apart
def _core(place, charge, origin, axis, slices, near):
    """Charge near a line that bends from slice to slice, and how many slices hold some."""
    middle = np.zeros((slices, 4))
    for turn in range(3):
        sums = np.zeros((slices, 4))
        for k in range(len(charge)):
            a = (place[k, 0] - origin[0], place[k, 1] - origin[1], place[k, 2] - origin[2])
            j = min(max(int(_dot(a, axis) / _SLICE), 0), slices - 1)
            if turn > 0:
                b = _minus((place[k, 0], place[k, 1], place[k, 2]),
                           (middle[j, 0], middle[j, 1], middle[j, 2]))
                t = _dot(b, axis)
                if _dot(b, b) - t * t > (near if turn == 2 else 2 * near) ** 2:
                    continue
            w = charge[k]
            sums[j, 0] += w * place[k, 0]
            sums[j, 1] += w * place[k, 1]
            sums[j, 2] += w * place[k, 2]
            sums[j, 3] += w
        for j in range(slices):
            if sums[j, 3] > 0:
                for i in range(3):
                    middle[j, i] = sums[j, i] / sums[j, 3]
                middle[j, 3] = sums[j, 3]
            else:
                middle[j, 3] = 0.0
    return middle[:, 3].sum(), max(np.sum(middle[:, 3] > 0), 1)
