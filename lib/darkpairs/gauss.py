"""How much of a Gaussian lies where: from a table, since this is asked a million times.

In: a place, in widths from the middle. Out: the part below it. Chapter: readout.

Laws: Gauss's integral; 0 far below, 1 far above, never falling.
"""

from math import erf, sqrt

import numpy as np

from darkpairs._jit import apart, njit

_FAR = 5.5  # widths that the table spans on both sides; 2e-8 of a Gaussian lies beyond each
_TABLE = np.array([0.5 * (1 + erf(x * sqrt(0.5))) for x in np.linspace(-_FAR, _FAR, 4097)])


def below(x):
    """Return the part of a Gaussian below x.

    Parameters
    ----------
    x : array-like (...)
        In widths σ from the middle; NaN is refused.

    Returns
    -------
    ndarray (...)
        Right to 2.5e-7.
    """
    x = np.asarray(x, dtype=np.float64)
    if np.isnan(x).any():
        raise ValueError("x has NaN; wanted numbers")
    found = np.empty(x.size)
    _all(np.ascontiguousarray(x).ravel(), found)
    return found.reshape(x.shape)


@apart
def _all(x, found):
    for i in range(len(x)):
        found[i] = _below(x[i])


@njit
def _below(x):
    """Part of a Gaussian below x, from the table."""
    at = (x + _FAR) * (len(_TABLE) - 1) / (2 * _FAR)
    if at <= 0.0 or at >= len(_TABLE) - 1.0:
        return 0.0 if x < 0 else 1.0
    i = int(at)
    return _TABLE[i] + (at - i) * (_TABLE[i + 1] - _TABLE[i])


@njit
def _shares(middle, sigma, first, shares):
    """Shares of a Gaussian cloud in cells of width 1 from `first` on; they sum to 1."""
    scale = 1 / max(sigma, 1e-3)
    below = 0.0  # the first cell takes all that lies below, the last all above
    for i in range(len(shares)):
        above = _below((first + i + 1 - middle) * scale) if i < len(shares) - 1 else 1.0
        shares[i] = above - below
        below = above
