"""Where to cut on several scores at once, so that a signal would stand out most in a fit.

In: scores, weights. Out: cuts, who passes them, and bins for the fit. Chapter: selection.

One of the scores is the *fitted* one: what passes is counted in a few bins of it. How far a signal
stands out is the significance of the Asimov set, s events over b expected ones, b known within σ,
bin by bin, added in quadrature. All cuts of a grid are tried at once: events are counted in cells
between levels of each score, and cells are summed from the last one down. For each set of cuts the
best bins are found, too, from the last one down. The levels are shares of the signal, so that each
step costs alike.

For each fold the cuts are those best for *the other folds*: no event has a say in its own fate.
Scores of other folds come from models that have seen this one; that is all that leaks. The bins of
the fit are the same for all events, and chosen on all of them.

Laws: no cut of the grid does better, nor do other bins, as slow loops find; with few signal events
the significance is s/√(b + σ²); what happens in a fold does not change its cuts; no bin rests on
fewer effective events than wanted, nor do all together.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np


class Aim(NamedTuple):
    """What the cuts are chosen for. All numbers are our choice."""

    error: Given[float, "", "relative error of each bin, beside that of MC; ours"] = 0.2
    deepest: Given[float, "", "share of the signal that one cut may cost; ours"] = 0.5
    levels: Given[float, "", "levels from none to there, for each score; ours"] = 11.0
    fine: Given[float, "", "levels from no signal lost to all, for the fitted score; ours"] = 40.0
    bins: Given[float, "", "of the fitted score, at most; the published search has 4"] = 4.0
    least: Given[float, "", "effective events of background in each bin; ours"] = 25.0
    # 500 are wanted; what is chosen on other folds comes out a little lower on one's own
    whole: Given[float, "", "effective events of background in all bins; ours"] = 600.0
    heavy: Given[float, "", "share of the background that one row may be for bins; ours"] = 0.1


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


def optimise(scores, fold, signal, weight, *, fitted=0, aim=AIM):
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
    fitted : int
        Which score is fitted, in bins.
    aim : Aim
        What is wanted.
    """
    scores, fold, signal, weight = _checked(scores, fold, signal, weight, fitted, aim)
    there, folds = ~np.isnan(scores).any(axis=1), fold.max() + 1
    part = (folds - 1) / folds if folds > 1 else 1.0  # of all events, outside of a fold
    aim = aim._replace(least=aim.least * part, whole=aim.whole * part)
    return np.array([_best(*(column[there & (fold != k)] for column in (scores, signal, weight)),
                           fitted, aim) for k in range(folds)])


def edges(score, signal, weight, *, aim=AIM):
    """Return the bins of the fitted score in which a signal stands out most, ndarray (m+1,).

    At most ``aim.bins``; they begin with the lowest score and end at 1. A row of background that
    stands for more than ``aim.heavy`` of all has no say: nobody knows its bin.

    Parameters
    ----------
    score : ndarray (n,)
        The fitted score of what is selected, 0 … 1.
    signal, weight : ndarray (n,)
        As in `optimise`.
    aim : Aim
        What is wanted; that all bins together are worth ``aim.whole`` is for `optimise` to see to.
    """
    column = np.asarray(score, dtype=np.float64)[:, None]
    column, _, signal, weight = _checked(column, np.zeros(len(column), int), signal, weight, 0, aim)
    if not len(column) or not ((column >= 0) & (column <= 1)).all():
        raise ValueError(f"{len(column)} scores; wanted some, all from 0 to 1")
    heavy = ~signal & (weight > aim.heavy * weight[~signal].sum())
    levels, counts = _counted(column, signal, np.where(heavy, 0.0, weight), 0, aim)
    gain = _gains(*(_upto(x) for x in counts), aim)
    reach, way = _ways(gain, int(aim.bins))
    m = int(np.argmax(reach[:, 0]))
    if not reach[m, 0] >= 0:
        raise ValueError(f"no bin of the fitted score is worth {aim.least:g} effective events of "
                         "background; wanted more events, or a smaller Aim.least")
    place, found = 0, [float(column.min())]
    for step in range(m, 0, -1):
        place = int(way[step, place])
        found.append(float(levels[0][place]))
    return np.array([*found, 1.0])


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


def _checked(scores, fold, signal, weight, fitted, aim):
    """Return the arrays, or refuse them in words."""
    scores, weight = (np.asarray(x, dtype=np.float64) for x in (scores, weight))
    fold, signal = np.asarray(fold), np.asarray(signal)
    n = len(scores)
    if scores.ndim != 2 or fold.shape != (n,) or signal.shape != (n,) or weight.shape != (n,):
        raise ValueError(f"scores {scores.shape}, folds {fold.shape}, signal {signal.shape} and "
                         f"weights {weight.shape}; wanted (n, k) and three times (n,)")
    if signal.dtype != bool or not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("wanted a mask of bool for the signal, and finite weights ≥ 0")
    if not (aim.error >= 0 and 0 <= aim.deepest < 1 and aim.levels >= 1 and aim.fine >= 1
            and aim.bins >= 1 and min(aim.least, aim.whole) >= 0):
        raise ValueError(f"{aim}; wanted error, least, whole ≥ 0, 0 ≤ deepest < 1 and levels, "
                         "fine, bins ≥ 1")
    if not 0 <= fitted < scores.shape[1] or fitted % 1:
        raise ValueError(f"fitted score {fitted} of {scores.shape[1]}; wanted its place")
    if aim.levels ** (scores.shape[1] - 1) * aim.fine > 1e6:
        raise ValueError(f"{aim.levels:g} levels of {scores.shape[1] - 1} scores and {aim.fine:g} "
                         "of the fitted one are more than a million cells; wanted fewer levels")
    return scores, fold, signal, weight


def _best(scores, signal, weight, fitted, aim):
    """Return the best cuts of the grid, ndarray (k,)."""
    if not weight[signal].sum() > 0:
        raise ValueError(f"{int(signal.sum())} signal rows with a weight of 0 in all; wanted some "
                         "signal in each fold")
    levels, counts = _counted(scores, signal, weight, fitted, aim)
    sums = [_upto(x) for x in counts]  # from each level of the fitted score on
    reach = _ways(_gains(*sums, aim), int(aim.bins))[0].max(axis=0)  # (..., fine)
    worth = _worth(*sums[1:])[..., :-1]
    shallow = np.arange(len(levels[fitted])) <= aim.deepest * len(levels[fitted])
    reach = np.where((worth >= aim.whole) & shallow, reach, -1.0)
    if not reach.max() >= 0:
        raise ValueError(f"at most {worth.max():.1f} effective events of background in the other "
                         f"folds; wanted {aim.whole:g} in all and {aim.least:g} in a bin: more "
                         "events, or a smaller Aim")
    place = np.unravel_index(np.argmax(reach), reach.shape)
    others = [row for k, row in enumerate(levels) if k != fitted]
    found = [row[i] for row, i in zip(others, place, strict=False)]
    return np.insert(found, fitted, levels[fitted][place[-1]])


def _counted(scores, signal, weight, fitted, aim):
    """Return the levels of each score, and what passes all but the fitted one, in its fine cells.

    The three arrays, of signal, background and its squared weights, have the fitted score as their
    last axis; the others are cuts.
    """
    coarse = np.linspace(0, aim.deepest, int(aim.levels))
    fine = np.arange(int(aim.fine)) / int(aim.fine)
    levels = [quantiles(column[signal], weight[signal], fine if k == fitted else coarse)
              for k, column in enumerate(scores.T)]
    for row in levels:
        row[0] = -np.inf  # the first level is no cut
    order = [k for k in range(len(levels)) if k != fitted] + [fitted]
    shape = tuple(len(levels[k]) for k in order)
    cell = np.ravel_multi_index([np.searchsorted(levels[k], scores[:, k], side="right") - 1
                                 for k in order], shape)
    sums = [np.bincount(cell, weights=x, minlength=np.prod(shape)).reshape(shape) for x in (
        weight * signal, weight * ~signal, weight**2 * ~signal)]
    return levels, [_above(x) for x in sums]


def _above(total):
    """Return the sum from each cell on, along all axes but the last one."""
    for axis in range(total.ndim - 1):
        total = np.flip(np.cumsum(np.flip(total, axis), axis), axis)
    return total


def _upto(cells):
    """Return the sum from each cell of the last axis on, and a nothing behind the last."""
    upto = np.flip(np.cumsum(np.flip(cells, -1), -1), -1)
    return np.concatenate([upto, np.zeros((*cells.shape[:-1], 1))], axis=-1)


def _worth(background, square):
    """Return effective events."""
    return np.divide(background**2, square, out=np.zeros(background.shape), where=square > 0)


def _gains(signal, background, square, aim):
    """Return the squared significance of a bin from each level to each, −inf if it is unknown.

    ndarray (..., fine, fine + 1); the three arrays are sums from each level on.
    """
    s, b, square = (np.maximum(x[..., :-1, None] - x[..., None, :], 0.0)
                    for x in (signal, background, square))
    known = (_worth(b, square) >= aim.least) & (b > 1e-9 * background[..., :1, None])
    error = np.sqrt(square + (aim.error * b) ** 2)
    gain = np.full(known.shape, -np.inf)
    gain[known] = asimov(s[known], b[known], error[known]) ** 2
    return gain


def _ways(gain, bins):
    """Return the best sum of gains from each level on with 1, 2, … bins, and where each splits.

    Two ndarray (bins, ..., fine): for m + 1 bins from a level on, the sum, and the level at which
    the first of them ends.
    """
    reach, way = [gain[..., -1]], [np.full(gain.shape[:-1], gain.shape[-1] - 1)]
    for _ in range(bins - 1):
        both = gain[..., :-1] + reach[-1][..., None, :]
        way.append(both.argmax(axis=-1))
        reach.append(both.max(axis=-1))
    return np.array(reach), np.array(way)


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
