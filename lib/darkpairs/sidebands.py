"""What samples beside the signal region say of it: do they agree, and what do they teach?

In: predictions of several regions with their covariance, and counts. Out: p-values; the signal
region as the others leave it. Chapter: sidebands.

All regions lie side by side in one long row of bins, with one covariance. What moves a sideband
moves the signal region with it, as far as the two are correlated; so a measured sideband corrects
the prediction and narrows its error (`likelihood.constrain`). Whether the prediction may be trusted
so far is asked first: the counts of each sideband, and of all together, get a p-value.

Laws: χ² of all = χ² of the sidebands + χ² of the rest given the sidebands, exactly; a constraint
never widens an error; pretended counts have even p-values; regions that share events are refused.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.linalg import cho_factor, cho_solve

from darkpairs.likelihood import Goodness, chi2, constrain, fluctuate


class Joint(NamedTuple):
    """Regions side by side, with N bins in all."""

    places: dict  #: of slice, by the name of the region
    mean: np.ndarray  #: ndarray (N,), prediction [events]
    covariance: np.ndarray  #: ndarray (N, N), systematic and of simulated events [events²]

    def part(self, *names):
        """Return the bins of some regions in the order asked for, ndarray of int."""
        return np.concatenate([np.arange(len(self.mean))[self.places[name]]
                               for name in _known(self, names)])


class Taught(NamedTuple):
    """The signal region after the sidebands have been measured, with n bins."""

    mean: np.ndarray  #: ndarray (n,), prediction [events]
    covariance: np.ndarray  #: ndarray (n, n), without the counting error of these bins [events²]
    before: np.ndarray  #: ndarray (n,), prediction before [events]
    gain: float  #: error of the sum before, over that after; ≥ 1
    gains: np.ndarray  #: ndarray (n,), the same for each bin


def disjoint(regions, *, signal=None):
    """Refuse regions that share events.

    Parameters
    ----------
    regions : dict of str to array-like (events,) of bool
        Which events each region holds.
    signal : str, optional
        Look only for what is shared with this region. None: no two may share any; needed where
        their counts are used together, as in `teach`.

    Raises
    ------
    ValueError
        With the two regions and the number of events that they share.
    """
    masks = {name: np.asarray(mask) for name, mask in regions.items()}
    wrong = [name for name, mask in masks.items() if mask.dtype != bool or mask.ndim != 1]
    if wrong or len({mask.shape for mask in masks.values()}) != 1:
        raise ValueError(f"regions of shapes {[mask.shape for mask in masks.values()]} and types "
                         f"{[str(mask.dtype) for mask in masks.values()]}; wanted masks of bool, "
                         "all for the same events")
    if signal is not None and signal not in masks:
        raise ValueError(f"no region {signal!r}; there are {', '.join(masks)}")
    for a, b in combinations(masks, 2):
        shared = int((masks[a] & masks[b]).sum())
        if shared and signal in (None, a, b):
            raise ValueError(f"regions {a!r} and {b!r} share {shared} of {len(masks[a])} events; "
                             "wanted none")


def join(predictions, covariance):
    """Put regions side by side, a `Joint`.

    Parameters
    ----------
    predictions : dict of str to array-like (n,)
        Expected events in the bins of each region, > 0; their order is that of the covariance.
    covariance : array-like (N, N)
        Of all bins, such as `systematics.Budget.covariance` of a budget for all regions together.
    """
    parts = {name: np.atleast_1d(np.asarray(part, dtype=np.float64))
             for name, part in predictions.items()}
    ends = np.cumsum([0, *(len(part) for part in parts.values())])
    covariance = np.array(covariance, dtype=np.float64)
    if covariance.shape != (ends[-1], ends[-1]) or not ends[-1]:
        raise ValueError(f"covariance of shape {covariance.shape} for regions with "
                         f"{np.diff(ends).tolist()} bins; wanted ({ends[-1]}, {ends[-1]})")
    places = {name: slice(int(a), int(b))
              for name, a, b in zip(parts, ends[:-1], ends[1:], strict=True)}
    return Joint(places, np.concatenate(list(parts.values())), covariance)


def agreement(joint, data, *, toys=0, seed=0):
    """Return how well each measured region agrees, and all of them: dict of `Goodness`.

    Parameters
    ----------
    joint : Joint
        Predictions.
    data : dict of str to array-like (n,)
        Counts of the regions that were measured.
    toys, seed : int
        As in `pvalues`.

    Returns
    -------
    dict
        By region, and ``"all"`` with their correlations.
    """
    data = _counts(joint, data)
    asked = {name: (name,) for name in data} | {"all": tuple(data)}
    found = {}
    for name, regions in asked.items():
        bins = joint.part(*regions)
        counts = np.concatenate([data[region] for region in regions])
        mean, covariance = joint.mean[bins], joint.covariance[np.ix_(bins, bins)]
        p = float(pvalues(counts[None], mean, covariance, toys=toys, seed=seed)[0])
        found[name] = Goodness(chi2(counts, mean, covariance, statistic="pearson"), len(bins), p,
                               float(np.sqrt(p * (1 - p) / toys)) if toys else 0.0)
    return found


def pvalues(counts, prediction, covariance=None, *, toys=0, seed=0):
    """Return the chance of a worse agreement than each of many rows of counts, ndarray (m,).

    χ² is Pearson's, with the covariance added: as `likelihood.goodness`, but many rows ask the same
    toys, and one factorised matrix serves all.

    Parameters
    ----------
    counts : array-like (m, n)
        Rows of counts.
    prediction, covariance : array-like (n,), (n, n)
        What is expected.
    toys : int
        0: p from the χ² distribution. Else from so many pretended experiments, as
        `likelihood.fluctuate` makes them; no p is then below 1/(toys + 1), for the counts
        themselves are one experiment more.
    seed : int
        For the toys.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    prediction = np.asarray(prediction, dtype=np.float64)
    chi2(counts[0], prediction, covariance, statistic="pearson")  # refuses what makes no sense
    if not ((counts >= 0) & np.isfinite(counts)).all():
        raise ValueError("counts hold NaN or numbers below 0; wanted numbers ≥ 0")
    total = np.diag(prediction) + (0.0 if covariance is None else np.asarray(covariance))
    root = cho_factor(total, lower=True)
    values = _distance(counts, prediction, root)
    if not toys:
        return special.chdtrc(len(prediction), values)
    pretended = _distance(fluctuate(prediction, covariance, toys=toys, seed=seed), prediction, root)
    worse = toys - np.searchsorted(np.sort(pretended), values * (1 - 1e-12))
    return (1 + worse) / (1 + toys)


def teach(joint, data, *, signal="signal"):
    """Let measured sidebands correct the prediction of the signal region, a `Taught`.

    The counting error of the sidebands, Pearson's, goes into the matrix that is conditioned on.

    Parameters
    ----------
    joint : Joint
        Predictions of all regions.
    data : dict of str to array-like (n,)
        Counts of the sidebands; not of the signal region.
    signal : str
        Name of the signal region.
    """
    data = _counts(joint, data)
    (signal,) = _known(joint, [signal])
    if signal in data:
        raise ValueError(f"counts of {signal!r} among the sidebands; wanted those beside it")
    wanted, known = joint.part(signal), joint.part(*data)
    bins = np.concatenate([wanted, known])
    total = joint.covariance[np.ix_(bins, bins)]
    side = np.arange(len(wanted), len(bins))
    total[side, side] += joint.mean[known]
    after = constrain(joint.mean[bins], total, np.concatenate(list(data.values())), known=side)
    before = joint.covariance[np.ix_(wanted, wanted)]
    gains = [np.sqrt(np.divide(a, b, out=np.ones_like(a), where=a > 0)) for a, b in (
        (np.diag(before), np.diag(after.covariance)),
        (before.sum(keepdims=True), after.covariance.sum(keepdims=True)))]
    return Taught(*after, joint.mean[wanted], float(gains[1].item()), gains[0])


def _distance(counts, prediction, root):
    """Return χ² of each row of counts, ndarray (m,)."""
    gap = counts - prediction
    return np.einsum("mn,nm->m", gap, cho_solve(root, gap.T))


def _known(joint, names):
    """Return names of regions, or refuse those that are none."""
    strange = [name for name in names if name not in joint.places]
    if strange or not len(names):
        raise ValueError(f"regions {strange}; wanted some of {', '.join(joint.places)}")
    return names


def _counts(joint, data):
    """Return counts by region as arrays, one for each bin of it."""
    _known(joint, list(data))
    data = {name: np.atleast_1d(np.asarray(row, dtype=np.float64)) for name, row in data.items()}
    for name, row in data.items():
        place = joint.places[name]
        if row.shape != (place.stop - place.start,):
            raise ValueError(f"counts of shape {row.shape} in region {name!r}; wanted "
                             f"{place.stop - place.start}")
    return data
