"""Two photons of one pion: which way each of them flew, and the angle between them.

In: `Points`, `Objects`. Out: the cosine of the angle between two of them. Chapter: two-eyes.

What a shower's energy is, its charge tells to a few percent; the mass of two photons is as good as
the angle between them. The first centimetres of a shower waver, its far pieces stray. So its way is
the median of the ways from its start to its charge: a piece far off pulls no more than one nearby.
And two photons of one pion fly away from one place. Where the lines of two showers meet nearer to
the end of one than to its start, that one was taken the wrong way round.

Laws: a few points far off do not turn the way; a shower that was turned round gives the angle of
one that was not; where tracks tell of a vertex, photons fly from there.
"""

from math import sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart, njit


class Ways(NamedTuple):
    """How the ways of two photons are found."""

    apart: Given[float, "cm", "photons fly from a vertex this far or farther; ours"] = 3.0
    near: Given[float, "cm", "points as near to the start count less; our choice"] = 0.5
    least: Given[float, "", "smallest distance of two ways that counts, as chord; ours"] = 0.05
    rounds: Given[float, "", "of Weiszfeld's way to the median (Tôhoku 43, 355); ours"] = 3.0
    turn: Given[float, "", "part of a shower's length, where lines meet, to turn it; ours"] = 0.5
    beside: Given[float, "cm", "from its line, a point may be the start of one; our choice"] = 5.0
    along: Given[float, "", "square of a sine: lines this parallel meet nowhere; ours"] = 0.02


WAYS = Ways()


def cosine(position, charge, label, start, length, *, vertex=None, ways=WAYS):
    """Return the cosine of the angle between two photons.

    Parameters
    ----------
    position : ndarray (k, 3)
        Points [cm].
    charge, label : ndarray (k,)
        Their charge, and 0 or 1 for those of the two showers.
    start : ndarray (2, 3)
        Where the showers start [cm].
    length : array-like (2,)
        How long they are [cm].
    vertex : array-like (3,), optional
        Where a track tells that both came from [cm].
    ways : Ways
        How to find the ways; refused with a ValueError if a field is NaN or negative.

    Returns
    -------
    float
    """
    for name, value in ways._asdict().items():
        if not value >= 0:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number ≥ 0")
    begin, size = np.array(start, dtype=np.float64), np.array(length, dtype=np.float64)
    if begin.shape != (2, 3) or size.shape != (2,):
        raise ValueError(f"starts {begin.shape} and lengths {size.shape}; wanted (2, 3) and (2,)")
    found = vertex is not None
    return _between(np.array(position, dtype=np.float64), np.array(charge, dtype=np.float64),
                    np.array(label, dtype=np.int32), np.arange(2), begin, size,
                    np.array(vertex if found else begin[0], dtype=np.float64), found, ways)


@apart
def _between(position, charge, label, names, start, length, vertex, found, ways):
    """Cosine of the angle of two photons: from the vertex to their starts, or of their ways.

    Points have labels; the two names among them are showers, with these starts and lengths.
    """
    if found and min(_far(start[0], vertex), _far(start[1], vertex)) > ways.apart:
        return _cosine(start[0] - vertex, start[1] - vertex)
    way = np.zeros((2, 3))
    for s in range(2):
        way[s] = _way(position, charge, label, names[s], start[s], ways)
    reach = _meet(start, way, ways)
    for s in range(2):
        if reach[s] > ways.turn * length[s]:
            begin = _last(position, label, names[s], start[s], way[s], ways)
            way[s] = _way(position, charge, label, names[s], begin, ways)
    return _cosine(way[0], way[1])


@njit
def _far(one, other):
    """Distance of two points."""
    return sqrt((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2)


@njit
def _cosine(one, other):
    """Cosine of the angle between two vectors; 0 for one of no length."""
    size = sqrt(np.sum(one * one) * np.sum(other * other))
    return min(1.0, max(-1.0, np.sum(one * other) / size)) if size > 0 else 0.0


@apart
def _way(position, charge, label, mine, start, ways):
    """Return the median of the ways from a start to the charge of a shower, weighed by it.

    Weiszfeld: the mean, again and again, of ways that count the less, the farther they are.
    """
    rows, count, way = np.empty((len(label), 4)), 0, np.zeros(3)
    for k in range(len(label)):
        if label[k] == mine and charge[k] > 0:
            far = max(_far(position[k], start), ways.near)
            for axis in range(3):
                rows[count, axis] = (position[k, axis] - start[axis]) / far
            rows[count, 3] = charge[k]
            count += 1
    for r in range(int(ways.rounds) + 1):
        x, y, z = 0.0, 0.0, 0.0
        for k in range(count):
            a, b, c, weight = rows[k]
            if r > 0:
                square = (a - way[0]) ** 2 + (b - way[1]) ** 2 + (c - way[2]) ** 2
                weight /= max(sqrt(square), ways.least)
            x, y, z = x + weight * a, y + weight * b, z + weight * c
        size = sqrt(x * x + y * y + z * z)
        if not size > 0:
            break
        way[0], way[1], way[2] = x / size, y / size, z / size
    return way


@njit
def _meet(start, way, ways):
    """How far along each of two lines the other one passes; −∞ for parallel lines."""
    cosine, one, other = 0.0, 0.0, 0.0
    for axis in range(3):
        gap = start[1, axis] - start[0, axis]
        cosine += way[0, axis] * way[1, axis]
        one += way[0, axis] * gap
        other += way[1, axis] * gap
    square = 1 - cosine * cosine
    if square < ways.along:
        return -np.inf, -np.inf
    return (one - cosine * other) / square, (cosine * one - other) / square


@apart
def _last(position, label, mine, start, way, ways):
    """Return the point of a shower farthest along its line, of those near the line."""
    most, last = 0.0, start
    for k in range(len(label)):
        if label[k] == mine:
            along, square = 0.0, 0.0
            for axis in range(3):
                gap = position[k, axis] - start[axis]
                along += gap * way[axis]
                square += gap * gap
            if along > most and square - along * along < ways.beside**2:
                most, last = along, position[k]
    return last
