"""How much a number of counted events says, whether they all count one or carry weights.

In: weights, or how many of how many. Out: effective numbers, and an interval for a share. Chapter:
selection.

Laws: events of one weight count as many as they are; an interval holds what was seen, and the true
share at least as often as it promises; few and none are answered, too.
"""

import numpy as np
from scipy import special

ONE_SIGMA = 0.6827  # the part of a Gaussian within one standard deviation


def effective(weight):
    """Return the effective number of events, (Σw)²/Σw²: as many of one weight err as much.

    Parameters
    ----------
    weight : array-like (n,)
        Weights of events.
    """
    weight = np.asarray(weight, dtype=np.float64)
    square = (weight**2).sum()
    return float(weight.sum() ** 2 / square) if square > 0 else 0.0


def interval(seen, total, *, level=ONE_SIGMA):
    """Return low and high ends for a share of which `seen` of `total` events were found.

    The interval of Clopper and Pearson, Biometrika 26 (1934) 404: shares for which neither so few
    nor so many are rarer than (1 − level)/2. Numbers need not be whole: with weights, put effective
    ones.

    Parameters
    ----------
    seen, total : array-like (...)
        0 ≤ seen ≤ total.
    level : float
        How often, at least, the true share is to lie inside; 0 < level < 1.

    Returns
    -------
    low, high : ndarray (...)
        0 and 1 where the total is 0.
    """
    seen, total = (np.asarray(number, dtype=np.float64) for number in (seen, total))
    if not ((seen >= 0) & (seen <= total) & np.isfinite(total)).all():
        raise ValueError(f"{seen.tolist()} seen of {total.tolist()}; wanted 0 ≤ seen ≤ total")
    if not 0 < level < 1:
        raise ValueError(f"level = {level}; wanted 0 < level < 1")
    tail = (1 - level) / 2
    low = special.betaincinv(np.where(seen > 0, seen, 1.0), total - seen + 1, tail)
    missed = np.where(seen < total, total - seen, 1.0)
    high = special.betaincinv(seen + 1, missed, 1 - tail)
    return np.where(seen > 0, low, 0.0), np.where(seen < total, high, 1.0)
