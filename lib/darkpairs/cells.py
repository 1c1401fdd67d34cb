"""Exact throws from a law without an inverse: cells with a ceiling and a floor.

In: a law on a grid of cells. Out: what a kernel needs to throw from the law. Chapter: signal.

A cell is chosen with a probability proportional to its ceiling times its size, a point is thrown
evenly inside it, and kept with the probability law/ceiling. Most points fall below the *floor* of
their cell, and are kept without asking for the law at all. The result is exact: coarser cells only
cost time. The choice of the cell takes one look in a table (Walker's alias method, as built by
Vose, IEEE Trans. Softw. Eng. 17, 972, 1991).

Laws: a cell comes as often as its weight says; no value of the law lies above the ceiling or below
the floor.
"""

import numpy as np

from darkpairs._jit import njit

MARGIN = 0.3  # of the spread of the samples in a cell; a parabola between three needs 1/8
WILD = 3.0  # a law that changes this much in a cell may have a zero: no floor, and a high ceiling


def table(weights, *columns):
    """Return the table from which a kernel chooses cells.

    Parameters
    ----------
    weights : array-like (n,)
        Not negative, not all zero.
    *columns : ndarray (n,)
        What the kernel wants to know about a cell.

    Returns
    -------
    ndarray (n, 2 + columns)
        The chance that a place is kept, the cell that it gives way to, and the columns.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"weights of shape {weights.shape}; wanted (n,), finite and not negative")
    if not weights.any():
        raise ValueError("all weights are zero, so there is nothing to choose")
    return np.column_stack([*_alias(weights / weights.max()), *columns])


def bounds(samples):
    """Return ceiling and floor of a law in cells.

    Parameters
    ----------
    samples : ndarray (n, k)
        The law at k points of each cell, its corners and middles.

    Returns
    -------
    tuple of ndarray (n,)
        Ceiling, and floor as a fraction of the ceiling. Both lie off the samples by ``MARGIN``
        times their spread; where the law is ``WILD``, by the whole spread.
    """
    high, low = samples.max(axis=1), samples.min(axis=1)
    margin = np.where(high > WILD * low, 1.0, MARGIN)
    pad = margin * (high - low) + 1e-9 * high
    ceiling = high + pad
    floor = np.divide(np.maximum(low - pad, 0), ceiling, out=np.zeros_like(low), where=ceiling > 0)
    return ceiling, floor


@njit
def _alias(weights):
    """Pair each cell that is lighter than the mean with one that is heavier."""
    n = len(weights)
    chance, other = weights * (n / weights.sum()), np.arange(n)
    light, heavy = np.empty(n, np.int64), np.empty(n, np.int64)
    lights = heavies = 0
    for i in range(n):
        if chance[i] < 1:
            light[lights] = i
            lights += 1
        else:
            heavy[heavies] = i
            heavies += 1
    left = chance.copy()
    while lights > 0 and heavies > 0:
        small, big = light[lights - 1], heavy[heavies - 1]
        chance[small], other[small] = left[small], big
        left[big] -= 1 - left[small]
        lights -= 1
        if left[big] < 1:
            light[lights] = big
            lights += 1
            heavies -= 1
    for place in range(lights):
        chance[light[place]] = 1.0
    for place in range(heavies):
        chance[heavy[place]] = 1.0
    return chance, other


@njit
def _pick(u, table):
    """Choose a cell with one uniform number: its whole part names a place, the rest decides."""
    u *= len(table)
    place = int(u)
    return place if u - place < table[place, 0] else int(table[place, 1])
