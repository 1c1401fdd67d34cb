"""Is a model good, has it learnt by heart, and what does it look at?

In: scores, or a `Trained` and `Reco`. Out: curves, areas, what each column is worth. Chapter:
selection.

Laws: the area is the chance that a signal scores above a background, as counting pairs finds; it is
½ for dice, 1 for a perfect score, and the same for any score of the same order; a column that no
model looks at is worth nothing.
"""

from typing import NamedTuple

import numpy as np

from darkpairs.batches import KINDS
from darkpairs.counting import effective
from darkpairs.inputs import folds, matrix
from darkpairs.rng import stream, uniforms
from darkpairs.selection import _share


class Area(NamedTuple):
    """Area under a ROC curve."""

    area: float
    error: float  #: standard deviation, of as many pairs as the weights are worth


def roc(score, signal, weight=None):
    """Return the shares of signal and of background that pass each possible cut.

    Parameters
    ----------
    score : array-like (n,)
        Large for signal; rows with NaN never pass, and count in the totals.
    signal : array-like (n,) of bool
        Which rows are signal; there must be some of both.
    weight : array-like (n,), optional
        What each counts, ≥ 0; 1 if not given.

    Returns
    -------
    passing, mistaken : ndarray (m,)
        Of the signal and of the background, from (0, 0) on with falling cuts.
    """
    score, signal, weight = _rows(score, signal, weight)
    there = np.flatnonzero(~np.isnan(score))
    order = there[np.argsort(-score[there], kind="stable")]
    last = np.append(np.diff(score[order]) != 0, True)[: len(order)]  # equal scores pass together
    curves = []
    for side in (signal, ~signal):
        upto = np.cumsum((weight * side)[order])[last] / weight[side].sum()
        curves.append(np.append(0.0, upto))
    return tuple(curves)


def area(score, signal, weight=None):
    """Return the area under the ROC curve of the rows that have a score, an `Area`.

    The error is that of Hanley and McNeil, Radiology 143 (1982) 29, with effective numbers.
    """
    score, signal, weight = _rows(score, signal, weight)
    there = ~np.isnan(score)
    passing, mistaken = roc(score[there], signal[there], weight[there])
    a = float(np.trapezoid(passing, mistaken))
    n, m = (effective(weight[there & side]) for side in (signal, ~signal))
    better, worse = a / (2 - a), 2 * a * a / (1 + a)  # two of one side against one of the other
    square = (a * (1 - a) + (n - 1) * (better - a * a) + (m - 1) * (worse - a * a)) / (n * m)
    return Area(a, float(np.sqrt(max(square, 0.0))))


def overtraining(trained, reco, weight, scores):
    """Return areas under the curves on events that the models have learnt from, and on others.

    Parameters
    ----------
    trained : Trained
        Models.
    reco, weight
        As they were trained on.
    scores : ndarray (n, k)
        Of `selection.score`.

    Returns
    -------
    dict
        From the name of a model to two `Area`: seen, and unseen. Only the second is a measure of
        how good it is; the difference says how much was learnt by heart.
    """
    weight, result = np.asarray(weight, dtype=np.float64), {}
    for place, name in enumerate(trained.recipe.names):
        rows, signal, fold, values = _material(trained, reco, weight, scores, place)

        def learnt(k, rows=rows, signal=signal, fold=fold, values=values, place=place):
            known = fold != k
            guess = trained.models[k][place].predict_proba(values[known])[:, 1]
            return area(guess, signal[known], weight[rows][known])
        seen = _share(learnt, range(len(trained.models)))
        result[name] = (Area(*np.mean(seen, axis=0).tolist()),
                        area(scores[rows, place], signal, weight[rows]))
    return result


def importance(trained, reco, weight, scores, *, seed=1):
    """Return how much area each model loses when one column is shuffled, dict of ndarray (c,).

    Shuffled among the unseen events of one fold, so that it keeps its distribution and loses its
    meaning. Columns that say the same stand in for each other: each of them is worth little then.

    Parameters
    ----------
    trained, reco, weight, scores
        As in `overtraining`.
    seed : int
        For the shuffles.

    Returns
    -------
    dict
        From the name of a model to losses, in the order of ``trained.recipe.columns``.
    """
    weight, result = np.asarray(weight, dtype=np.float64), {}
    for place, name in enumerate(trained.recipe.names):
        rows, signal, fold, values = _material(trained, reco, weight, scores, place)
        whole = area(scores[rows, place], signal, weight[rows]).area

        def lost(c, rows=rows, signal=signal, fold=fold, values=values, place=place):
            guess = np.empty(len(rows))
            dice = uniforms(seed, stream("shuffle", trained.recipe.columns[c]), len(rows), 1)[:, 0]
            for k in np.unique(fold):
                mine = np.flatnonzero(fold == k)
                mixed = values[mine]
                mixed[:, c] = mixed[np.argsort(dice[mine]), c]
                guess[mine] = trained.models[k][place].predict_proba(mixed)[:, 1]
            return area(guess, signal, weight[rows]).area
        left = _share(lost, range(len(trained.recipe.columns)))
        result[name] = whole - np.array(left)
    return result


def _material(trained, reco, weight, scores, place):
    """Return rows that a model is about, which are signal, their folds and columns."""
    recipe = trained.recipe
    kinds = [KINDS.index(kind) for kind in (*recipe.signal, *recipe.against[place][1])]
    rows = np.flatnonzero(~np.isnan(scores[:, place]) & np.isin(reco.kind, kinds) & (weight > 0))
    signal = np.isin(reco.kind[rows], kinds[: len(recipe.signal)])
    return rows, signal, folds(reco)[rows], matrix(reco, rows, recipe.columns)


def _rows(score, signal, weight):
    score, signal = np.asarray(score, dtype=np.float64), np.asarray(signal)
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    if signal.shape != score.shape or weight.shape != score.shape or signal.dtype != bool:
        raise ValueError(f"scores {score.shape}, signal {signal.shape} of {signal.dtype} and "
                         f"weights {weight.shape}; wanted one each, and a mask of bool")
    if not (np.isfinite(weight) & (weight >= 0)).all() or not (
            weight[signal].sum() > 0 and weight[~signal].sum() > 0):
        raise ValueError("weights of one side sum to nothing, or are no numbers ≥ 0; wanted some "
                         "of signal and of background")
    return score, signal, weight
