"""Who is near whom: points in space sorted into cells, so that only neighbours are compared.

In: event, position and charge of points. Out: charge near each point, connected clusters. Chapter:
tomographic.

Cells are as large as the distance that counts. In an order by x, y and z of the cell, a cell and
its neighbours along z follow each other, and so do those of the four other rows that lie ahead;
five fingers that only move forward find all pairs.

Laws: near is near for both; clusters are those of a comparison of all with all, in whatever order
the points come.
"""

import numpy as np

from darkpairs._jit import apart, njit

_BITS = 14  # of a cell's number along one axis
_MIDDLE = 1 << (_BITS - 1)  # cells may have negative numbers


def _sorted(event, where, size):
    """Return an order by event and cell, and the name of each point's cell in this order."""
    cell = np.floor(where / size).astype(np.int64) + _MIDDLE
    if len(cell) and not (cell.min() > 0 and cell.max() < 2 * _MIDDLE - 1):
        raise ValueError(f"points up to {abs(where).max():g} cm and a distance of {size:g} cm; "
                         f"wanted fewer than {_MIDDLE} cells on both sides of zero")
    key = ((event << _BITS | cell[:, 0]) << _BITS | cell[:, 1]) << _BITS | cell[:, 2]
    order = np.argsort(key, kind="stable")
    return order, key[order]


def crowd(event, where, electrons, distance):
    """Return the charge within a distance of each point, its own included, ndarray (k,).

    Parameters
    ----------
    event : ndarray (k,) of int
        Points of different events are never near.
    where : ndarray (k, 3)
        Positions [cm].
    electrons : ndarray (k,)
        Charges.
    distance : float
        How far is near [cm], > 0.
    """
    order, key = _sorted(event, where, distance)
    near = np.empty(len(order))
    near[order] = _crowd(key, where[order], electrons[order], distance)
    return near


def connected(event, where, electrons, distance):
    """Return the number of the cluster of each point, ndarray (k,) of int32.

    Points closer than `distance` are in one cluster. Clusters are counted within an event, from 0,
    by falling charge.
    """
    order, key = _sorted(event, where, distance)
    root = np.empty(len(order), dtype=np.int64)
    root[order] = order[_connect(key, where[order], distance)]
    return numbered(event, root, electrons)


def numbered(event, name, electrons):
    """Return names of clusters as numbers within an event, by falling charge, ndarray of int32."""
    names, which = np.unique(name, return_inverse=True)
    total = np.bincount(which, electrons, len(names))
    first = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first, which, np.arange(len(which)))
    of = event[first] if len(names) else np.zeros(0, np.int64)
    order = np.lexsort((first, -total, of))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names)) - np.searchsorted(of[order], of[order])
    return rank[which].astype(np.int32)


@njit
def _ahead(row):
    """How the key changes from a cell to the middle of the r-th row ahead."""
    return ((0, 1, (1 << _BITS) - 1, 1 << _BITS, (1 << _BITS) + 1)[row]) << _BITS


@njit
def _square(one, other):
    return (one[0] - other[0])**2 + (one[1] - other[1])**2 + (one[2] - other[2])**2


@apart
def _crowd(key, where, electrons, distance):
    """Sum the charge of all that is near."""
    near = electrons.copy()
    fingers = np.zeros(5, dtype=np.int64)
    for i in range(len(key)):
        for row in range(5):
            middle = key[i] + _ahead(row)
            j = fingers[row]
            while j < len(key) and key[j] < middle - 1:
                j += 1
            fingers[row] = j
            j = i + 1 if row == 0 else j
            while j < len(key) and key[j] <= middle + 1:
                if _square(where[i], where[j]) <= distance**2:
                    near[i] += electrons[j]
                    near[j] += electrons[i]
                j += 1
    return near


@apart
def _connect(key, where, distance):
    """Join all that is near; return the first of each point's cluster."""
    root = np.arange(len(key))
    fingers = np.zeros(5, dtype=np.int64)
    for i in range(len(key)):
        for row in range(5):
            middle = key[i] + _ahead(row)
            j = fingers[row]
            while j < len(key) and key[j] < middle - 1:
                j += 1
            fingers[row] = j
            j = i + 1 if row == 0 else j
            while j < len(key) and key[j] <= middle + 1:
                if _square(where[i], where[j]) <= distance**2:
                    a, b = _root(root, i), _root(root, j)
                    root[max(a, b)] = min(a, b)
                j += 1
    for i in range(len(key)):
        root[i] = _root(root, i)
    return root


@njit
def _root(root, i):
    """Follow names to the first of a cluster, and shorten the way."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i
