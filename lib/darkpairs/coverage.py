"""Do the limits keep what they promise? Pretended experiments say so.

In: a `Template` and signals. Out: critical values, coverage, bias. Chapter: coverage.

Each pretended experiment draws the systematics after their covariance, then the counts after
Poisson (`likelihood.fluctuate`), and is treated as the data are.

Laws: with large counts the critical values are those of χ² (Wilks); an injected signal comes out
unbiased; the smallest of many p-values is not itself a p-value.
"""

from typing import NamedTuple

import numpy as np

from darkpairs._jit import njit, spread
from darkpairs.likelihood import STATISTICS as GAUSSIAN
from darkpairs.likelihood import fluctuate
from darkpairs.nuisance import converged, fit, kept, observed, signals_like, stack, strength
from darkpairs.sensitivity import STATISTICS, _scan, _scan_gauss, systematics, threshold


class Critical(NamedTuple):
    """Δχ² that a true model exceeds with a given chance (Feldman and Cousins)."""

    value: float
    low: float  #: one standard deviation of the number of toys lower
    high: float  #: and higher


class Covered(NamedTuple):
    """How often the true model is kept."""

    fraction: float
    error: float  #: from the number of toys


class Injected(NamedTuple):
    """What a fit makes of a signal that was put in."""

    mu: float  #: strength that was put in
    fitted: np.ndarray  #: ndarray (toys,), strength that came out; NaN where the fit failed
    errors: np.ndarray  #: ndarray (toys,), its error in each fit

    @property
    def bias(self):
        """Mean of what came out minus what went in."""
        return float(np.nanmean(self.fitted) - self.mu)

    @property
    def pulls(self):
        """Distance from the truth in units of the fit's error, ndarray (good toys,)."""
        pulls = (self.fitted - self.mu) / self.errors
        return pulls[np.isfinite(pulls)]


class Elsewhere(NamedTuple):
    """The largest rise above the background alone, and how surprising it is."""

    slice: int  #: where it is
    delta: float  #: χ² without signal minus the smallest χ² with
    local: float  #: p-value in this slice alone
    everywhere: float  #: p-value of a rise as surprising in any slice


def deltas(signal_grid, template, place, *, statistic="poisson", toys, seed):
    """Return χ²(truth) − smallest χ² of a grid, for toys of one point of it, ndarray (toys,).

    Parameters
    ----------
    signal_grid : array-like (..., n)
        Signal events per bin of each model, ≥ 0.
    template : Template
        Background and its errors.
    place : int or tuple of int
        Which model of the grid is true; () for no signal at all.
    statistic : str
        As in `sensitivity.delta_chi2`. No signal is always among the models.
    toys, seed : int
        How many pretended experiments, and their dice; toy i depends on (seed, i) alone.
    """
    signals, shape = signals_like(signal_grid, template)
    point = _point(place, shape)
    table = np.vstack([signals, np.zeros(signals.shape[1])])
    counts = _toys(template, table[point], toys, seed)
    values = _smallest(table, [0, len(table)], point, template, counts, statistic)
    return values[:, 0] - values[:, 1]


def critical(signal_grid, template, place, *, level=0.95, statistic="poisson", toys, seed):
    """Return the Δχ² that keeps the true model in a part ``level`` of all experiments.

    G. J. Feldman and R. D. Cousins, Phys. Rev. D 57 (1998) 3873, on a grid, with the systematics
    drawn in each toy. Arguments as in `deltas`. Returns a `Critical`.
    """
    threshold(level=level)  # refuses a level that is none
    values = kept(deltas(signal_grid, template, place, statistic=statistic, toys=toys, seed=seed))
    width = np.sqrt(level * (1 - level) / len(values))
    parts = np.clip([level, level - width, level + width], 0, 1)
    cuts = np.quantile(values, parts, method="higher")  # counts are whole: rather keep too often
    return Critical(*(float(value) for value in cuts))


def covered(signal_grid, template, place, *, dof=2, level=0.95, statistic="poisson", toys, seed):
    """Return how often Δχ² of the true model stays below Wilks' threshold, a `Covered`.

    Arguments as in `deltas` and `sensitivity.threshold`.
    """
    values = kept(deltas(signal_grid, template, place, statistic=statistic, toys=toys, seed=seed))
    part = float(np.mean(values <= threshold(dof=dof, level=level)))
    return Covered(part, float(np.sqrt(part * (1 - part) / len(values))))


def inject(template, mu, *, toys, seed):
    """Put a signal of a strength in, and fit it again in pretended experiments, an `Injected`.

    The fitted strength may be negative, else its mean would be biased. A fit that fails is NaN and
    counted in a warning.
    """
    counts = _toys(template, strength(mu) * template.signal, toys, seed)
    fitted = np.full((2, toys), np.nan)
    for i, row in enumerate(counts):
        try:
            found = fit(template, row)
            fitted[:, i] = found.mu, found.error
        except ArithmeticError:
            continue  # stays NaN, and is counted below
    kept(fitted[0])
    return Injected(float(mu), *fitted)


def look_elsewhere(slices, template, data, *, statistic="poisson", toys, seed):
    """Return the largest preference for a signal among slices of models, an `Elsewhere`.

    Each slice k has a rise Δ_k = χ²(no signal) − its smallest χ², and a local p-value, the part of
    the background toys and the data with a rise at least as large. The global one is the part whose
    smallest local p-value is at least as small as that of the data. Since the data are counted in,
    no p-value is below 1/(toys + 1).

    Parameters
    ----------
    slices : sequence of array-like (..., n)
        Signals per bin of each slice, ≥ 0.
    template, data, statistic, toys, seed
        As in `sensitivity.delta_chi2` and `deltas`.
    """
    tables = [signals_like(each, template)[0] for each in slices]
    table = np.vstack([*tables, np.zeros(len(template.signal))])
    cuts = np.cumsum([0, *(len(each) for each in tables)])
    counts = np.vstack([observed(template, data), _toys(template, 0.0, toys, seed)])
    values = _smallest(table, cuts, len(table) - 1, template, counts, statistic)
    converged(values[0])
    good = np.isfinite(values).all(axis=1)
    kept(np.where(good, 0.0, np.nan))
    rises = np.maximum(values[good, :1] - values[good, 1:], 0.0)  # (1 + toys, slices)
    local = np.array([_surprise(-column) for column in rises.T]).T
    k = int(local[0].argmin())
    everywhere = _surprise(local.min(axis=1))[0]
    return Elsewhere(k, float(rises[0, k]), float(local[0, k]), float(everywhere))


def _point(place, shape):
    """Return the row of a model in the flat grid; () is the row after the last: no signal."""
    if place == ():
        return int(np.prod(shape))
    spot = tuple(int(k) for k in np.atleast_1d(place))
    if len(spot) != len(shape) or not all(0 <= k < n for k, n in zip(spot, shape, strict=True)):
        raise ValueError(f"place {spot}; wanted one in a grid of shape {shape}, or ()")
    return int(np.ravel_multi_index(spot, shape))


def _surprise(values):
    """Return for each value the part of all values, itself among them, that is not larger."""
    ordered = np.sort(values)
    return np.searchsorted(ordered, values + 1e-9 * (1 + abs(values)), side="right") / len(values)


def _toys(template, signal, toys, seed):
    """Return the counts of pretended experiments, ndarray (toys, n)."""
    modes = stack(template)[1:]
    errors = modes.T @ modes if len(modes) else None
    return fluctuate(template.total + signal, errors, toys=toys, seed=seed, name="coverage")


def _smallest(table, cuts, point, template, counts, statistic):
    """Return χ² of one model and the smallest of each slice, ndarray (toys, 1 + slices)."""
    if statistic not in STATISTICS:
        raise ValueError(f"unknown statistic {statistic!r}; wanted one of {', '.join(STATISTICS)}")
    cuts = np.asarray(cuts)
    out = np.empty((len(counts), len(cuts)))
    ends = table, cuts, point, out
    if statistic == "poisson":
        spread(_toys_poisson, len(counts), counts, template.total, stack(template),
               *ends)
    else:
        spread(_toys_gauss, len(counts), counts, template.total, *systematics(template),
               GAUSSIAN.index(statistic), *ends)
    return out


@njit
def _toys_poisson(first, last, counts, base, modes, table, cuts, point, out):
    """Fill χ² of one model and the smallest of each slice, by profiled Poisson fits."""
    values, start = np.empty(len(table)), np.zeros(len(modes))
    start[0] = 1.0
    for i in range(first, last):
        _scan(0, len(table), table, counts[i], base, modes, start, 1, values)
        _least(values, cuts, point, out[i])


@njit
def _toys_gauss(first, last, counts, base, shifts, covariance, statistic, table, cuts, point, out):
    """Fill the same by χ² with `sensitivity.systematics`."""
    values = np.empty(len(table))
    for i in range(first, last):
        _scan_gauss(0, len(table), table, counts[i], base, shifts, covariance, statistic, values)
        _least(values, cuts, point, out[i])


@njit
def _least(values, cuts, point, row):
    row[0] = values[point]
    for k in range(len(cuts) - 1):
        row[k + 1] = values[cuts[k]:cuts[k + 1]].min()
