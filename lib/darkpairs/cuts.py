"""Where to cut on several scores at once, so that a signal would stand out most.

In: scores, weights. Out: cuts, and who passes them. Chapter: selection.

How far a signal stands out is the significance of the Asimov set: s events over b expected ones, b
known within σ. All cuts of a grid are tried at once: events are counted in cells between levels of
each score, and cells are summed from the last one down. The levels are shares of the signal, so
that each step costs alike.

For each fold the cuts are those best for *the other folds*: no event has a say in its own fate.
Scores of other folds come from models that have seen this one; that is all that leaks.

Laws: no cut of the grid does better, as a slow loop finds; with few signal events the significance
is s/√(b + σ²); what happens in a fold does not change its cuts.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np


class Aim(NamedTuple):
    """What the cuts are chosen for. All numbers are our choice."""

    error: Given[float, "", "relative error of the background, beside that of MC; ours"] = 0.2
    deepest: Given[float, "", "share of the signal that one cut may cost; ours"] = 0.5
    levels: Given[float, "", "levels from none to there, for each score; ours"] = 11.0
    least: Given[float, "", "effective events of background, so that we know it; ours"] = 25.0


AIM = Aim()


def asimov(signal, background, error=0.0):
    """Return the median significance with which a signal would be seen, ndarray (...).

    Cowan, "Discovery sensitivity for a counting experiment with background uncertainty" (2012,
    https://www.pp.rhul.ac.uk/~cowan/stat/medsig/medsigNote.pdf), Eqs. 7 and 20.

    Parameters
    ----------
    signal, background : array-like (...)
        Expected events, ≥ 0 and > 0.
    error : array-like (...)
        Standard deviation of the background [events], ≥ 0.
    """
    s, b, error = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64)
                                        for x in (signal, background, error)))
    if not ((s >= 0) & (b > 0) & (error >= 0) & np.isfinite(s + b + error)).all():
        raise ValueError("wanted signal ≥ 0, background > 0 and error ≥ 0, all finite; the "
                         f"smallest are {s.min():g}, {b.min():g} and {error.min():g}")
    t = error**2 / b  # τ⁻¹ of the paper; with x = s/b all is a function of s, x and t
    x = s / b
    first = (1 + x) * (np.log1p(x) - np.log1p(t * x / (1 + t)))
    safe = np.where(t > 0, t, 1.0)
    second = np.where(t > 1e-9, np.log1p(t * x / (1 + t)) / safe, x / (1 + t))
    return np.sqrt(2 * np.maximum(b * (first - second), 0.0))


def optimise(scores, fold, signal, weight, *, aim=AIM):
    """Return the cuts that suit the other folds best, ndarray (folds, k).

    Parameters
    ----------
    scores : ndarray (n, k)
        Scores, large for signal; a row with NaN never passes.
    fold : ndarray (n,) of int
        In which fold each row is, from 0 on.
    signal : ndarray (n,) of bool
        Which rows are signal.
    weight : ndarray (n,)
        Expected events that each row stands for, ≥ 0.
    aim : Aim
        What is wanted.
    """
    scores, fold, signal, weight = _checked(scores, fold, signal, weight, aim)
    there = ~np.isnan(scores).any(axis=1)
    return np.array([_best(*(column[there & (fold != k)] for column in (scores, signal, weight)),
                           aim) for k in range(fold.max() + 1)])


def passes(scores, fold, cuts):
    """Tell which rows have all scores at or above the cuts of their fold, ndarray (n,) of bool.

    Parameters
    ----------
    scores, fold
        As in `optimise`.
    cuts : ndarray (folds, k)
        From `optimise`, or by choice.
    """
    cuts = np.asarray(cuts, dtype=np.float64)
    if cuts.ndim != 2 or cuts.shape[1] != scores.shape[1] or len(fold) != len(scores) or (
            len(fold) and not 0 <= fold.min() <= fold.max() < len(cuts)):
        raise ValueError(f"cuts of shape {cuts.shape} for scores of shape {scores.shape} and "
                         f"{len(fold)} folds; wanted one cut for each fold and score")
    with np.errstate(invalid="ignore"):  # NaN passes nothing
        return (scores >= cuts[fold]).all(axis=1)


def _checked(scores, fold, signal, weight, aim):
    """Return the arrays, or refuse them in words."""
    scores, weight = (np.asarray(x, dtype=np.float64) for x in (scores, weight))
    fold, signal = np.asarray(fold), np.asarray(signal)
    n = len(scores)
    if scores.ndim != 2 or fold.shape != (n,) or signal.shape != (n,) or weight.shape != (n,):
        raise ValueError(f"scores {scores.shape}, folds {fold.shape}, signal {signal.shape} and "
                         f"weights {weight.shape}; wanted (n, k) and three times (n,)")
    if signal.dtype != bool or not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("wanted a mask of bool for the signal, and finite weights ≥ 0")
    if not (aim.error >= 0 and 0 <= aim.deepest < 1 and aim.levels >= 1 and aim.least >= 0):
        raise ValueError(f"{aim}; wanted error, least ≥ 0, 0 ≤ deepest < 1 and levels ≥ 1")
    if aim.levels ** scores.shape[1] > 1e6:
        raise ValueError(f"{aim.levels:g} levels of {scores.shape[1]} scores are more than a "
                         "million cells; wanted fewer levels")
    return scores, fold, signal, weight


def _best(scores, signal, weight, aim):
    """Return the best cuts of the grid, ndarray (k,)."""
    if not weight[signal].sum() > 0:
        raise ValueError(f"{int(signal.sum())} signal rows with a weight of 0 in all; wanted some "
                         "signal in each fold")
    shares = np.linspace(0, aim.deepest, int(aim.levels))
    levels = np.array([quantiles(column[signal], weight[signal], shares) for column in scores.T])
    levels[:, 0] = -np.inf  # the first level is no cut
    cell = np.array([np.searchsorted(row, column, side="right") - 1
                     for row, column in zip(levels, scores.T, strict=True)])
    shape = len(levels) * (len(shares),)
    cell = np.ravel_multi_index(cell, shape)
    s, b, square = (_above(cell, x, shape) for x in (
        weight * signal, weight * ~signal, weight**2 * ~signal))
    worth = np.divide(b**2, square, out=np.zeros(shape), where=square > 0)
    known = (worth >= aim.least) & (b > 0)
    if not known.any():
        raise ValueError(f"at most {worth.max():.1f} effective events of background in the other "
                         f"folds; wanted {aim.least:g}: more events, or a smaller Aim.least")
    reach = np.where(known, asimov(s, np.where(known, b, 1.0),
                                   np.sqrt(square + (aim.error * b) ** 2)), -1.0)
    place = np.unravel_index(np.argmax(reach), shape)
    return levels[np.arange(len(levels)), place]


def _above(cell, weight, shape):
    """Return the sum of weights in all cells from each one on, ndarray of a shape."""
    total = np.bincount(cell, weights=weight, minlength=np.prod(shape)).reshape(shape)
    for axis in range(len(shape)):
        total = np.flip(np.cumsum(np.flip(total, axis), axis), axis)
    return total


def quantiles(values, weight, shares):
    """Return the values below which these shares of the weight lie, ndarray like `shares`.

    Parameters
    ----------
    values, weight : ndarray (n,)
        At least one, with a sum of weights > 0.
    shares : array-like
        0 … 1.
    """
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weight[order])
    place = np.searchsorted(upto, np.asarray(shares) * upto[-1], side="right")
    return values[order][np.minimum(place, len(order) - 1)]
