"""Is a model excluded, up to which strength, and where in the plane of two parameters?

In: a `Template` and counts. Out: CLs, limits, Δχ² and contours. Chapter: limits.

Two criteria stand side by side. CLs tests one strength of one signal; Δχ² compares the points of a
plane with the best of them. Both profile the errors (room `nuisance`).

Laws: q̃ is zero where the data ask for more signal than is tested, and Δχ² at the best point; CLs of
no signal is 1 and falls with the strength; toys agree with the formulas where counts are large; a
signal scaled by a and a strength divided by a are the same.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from darkpairs import qmu
from darkpairs._jit import njit, spread
from darkpairs.likelihood import STATISTICS as GAUSSIAN
from darkpairs.likelihood import _gauss_chi2, eigenmodes
from darkpairs.nuisance import (
    _best,
    _pulled_chi2,
    _workspace,
    converged,
    fit,
    kept,
    observed,
    signals_like,
    stack,
    strength,
)

STATISTICS = ("poisson", *GAUSSIAN)
METHODS = ("asymptotic", "toys")
SIGMAS = np.arange(-2.0, 3.0)  # where the expected band is quoted: −2 to +2 σ
_EQUAL = 1e-9  # two values of q̃ this close are the same outcome; counts are whole numbers


class Band(NamedTuple):
    """A number as observed, and what background alone would give."""

    observed: float
    expected: np.ndarray  #: ndarray (5,), at −2, −1, 0, 1, 2 σ of the background's fluctuation


class Contour(NamedTuple):
    """A plane of models against the data."""

    delta: np.ndarray  #: ndarray (a, b), χ² above the smallest
    excluded: np.ndarray  #: ndarray (a, b) of bool, delta > threshold
    threshold: float  #: Δχ² of the wanted level
    best: tuple  #: place (i, j) of the smallest χ², or () if it is smaller without signal


def cls(template, data, mu, *, method="asymptotic", toys=0, seed=0):
    """Return CLs = p(signal + background) / p(background) at a strength, a `Band`.

    The test statistic is q̃_μ of Cowan, Cranmer, Gross and Vitells, EPJC 71 (2011) 1554,
    arXiv:1007.1727, Eq. 16. The pulls are profiled; what is expected belongs to the background
    with the pulls that suit the data (as in pyhf).

    Parameters
    ----------
    template : Template
        Signal, background and its errors.
    data : array-like (n,)
        Counts, ≥ 0.
    mu : float
        Strength ≥ 0, in units of the template's signal.
    method : str
        ``"asymptotic"``: formulas for large counts. ``"toys"``: pretended experiments.
    toys, seed : int
        How many toys of each of the two hypotheses, and their dice.

    Raises
    ------
    ValueError
        For counts, strengths, shapes or methods that make no sense, in words.
    ArithmeticError
        If a fit to the data does not converge, or more than one toy in a hundred.
    """
    counts, mu = observed(template, data), strength(mu)
    _known("method", method, METHODS)
    if method == "toys":
        return from_toys(*qmu.throw(template, counts, mu, toys=toys, seed=seed))
    q, asimov = qmu.pairs(template, counts, mu * template.signal[None])
    return asymptotic(q[0], asimov[0])


def exclusion(signal_grid, template, data):
    """Return the asymptotic CLs of many signals at strength 1, a `Band`.

    Parameters
    ----------
    signal_grid : array-like (..., n)
        Signal events per bin, ≥ 0, in place of the template's own.
    template, data
        As for `cls`.

    Returns
    -------
    Band
        Observed ndarray (...), expected ndarray (5, ...).
    """
    signals, shape = signals_like(signal_grid, template)
    band = asymptotic(*qmu.pairs(template, observed(template, data), signals))
    return Band(band.observed.reshape(shape), band.expected.reshape(5, *shape))


def asymptotic(q, asimov):
    """Return CLs from q̃ of the data and of the Asimov set, a `Band`.

    Large counts: q̃ as in arXiv:1007.1727, Eq. 62, with μ̂ Gaussian around 0 or the tested strength.
    Arrays (...) give observed (...) and expected (5, ...).
    """
    root, sigma = np.sqrt(q), np.sqrt(asimov)
    beyond = root > sigma
    safe = np.where(sigma > 0, sigma, 1.0)
    # how far q̃ lies above its median under background alone, in σ
    above = np.where(beyond, (q - asimov) / (2 * safe), root - sigma)
    seen = np.exp(special.log_ndtr(-(above + sigma)) - special.log_ndtr(-above))
    n = -SIGMAS.reshape(-1, *(1,) * np.ndim(q))
    return Band(seen[()], np.exp(special.log_ndtr(-(n + sigma)) - special.log_ndtr(-n)))


def from_toys(q, with_signal, without):
    """Return CLs from q̃ of the data and of toys with and without signal, a `Band`.

    Toys that are NaN are counted in a warning and left out; more than one in a hundred are refused.
    """
    with_signal, without = (np.sort(kept(toys)) for toys in (with_signal, without))

    def ratio(value):
        limit = value - _EQUAL * (1 + value)
        above = [1 - np.searchsorted(toys, limit) / len(toys) for toys in (with_signal, without)]
        return above[0] / np.maximum(above[1], 1 / len(without))

    expected = np.quantile(ratio(without), special.ndtr(SIGMAS))
    return Band(float(ratio(q)), expected)


def upper_limit(template, data, *, level=0.95, method="asymptotic", toys=0, seed=0):
    """Return the strength above which CLs < 1 − level, a `Band`.

    Parameters
    ----------
    template, data, method, toys, seed
        As for `cls`. With toys, CLs is thrown at 16 strengths with the same dice, and its logarithm
        is interpolated.
    level : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If there is no limit, since the signal is zero in every bin; and as in `cls`.
    """
    counts, alpha = observed(template, data), 1 - _level(level)
    _known("method", method, METHODS)
    if not template.signal.any():
        raise ValueError("the signal is zero in every bin: every strength is allowed and the limit "
                         "is unbounded; wanted a signal > 0 somewhere")

    def gaps(mu):
        return _flat(asymptotic(*qmu.pairs(template, counts, mu * template.signal[None]))) - alpha

    high = 3 * (1 + np.sqrt(template.total.sum())) / template.signal.sum()
    while (gaps(high) > 0).any():
        high *= 2
        if not high < 1e300:
            raise ValueError("CLs does not fall below the level at any strength: the limit is "
                             "unbounded")
    limits = np.array([optimize.brentq(lambda mu, k=k: gaps(mu)[k], 0.0, high, xtol=1e-10 * high,
                                       rtol=1e-12) for k in range(6)])
    if method == "toys":
        limits = _crossings(template, counts, limits, alpha, toys, seed)
    return Band(float(limits[0]), limits[1:])


def discovery(template, data):
    """Return p-value and significance of the background alone: q₀ of arXiv:1007.1727, Eq. 12."""
    free = fit(template, data)
    q = max(fit(template, data, mu=0.0).chi2 - free.chi2, 0.0) if free.mu > 0 else 0.0
    return float(special.ndtr(-np.sqrt(q))), float(np.sqrt(q))


def threshold(*, dof=2, level=0.95):
    """Return the Δχ² that a number of parameters exceeds with chance 1 − level (Wilks 1938)."""
    if dof < 1:
        raise ValueError(f"dof = {dof}; wanted a whole number ≥ 1")
    return float(special.chdtri(dof, 1 - _level(level)))


def delta_chi2(template, data, mu, *, statistic="poisson"):
    """Return χ² at a strength minus the smallest χ² of all strengths ≥ 0, a float.

    ``"poisson"`` profiles the pulls; the others are `likelihood.chi2` with the systematic
    covariance held fixed.
    """
    counts, mu = observed(template, data), strength(mu)
    value = scan(mu * template.signal[None], template, counts, statistic=statistic)[0]
    return float(max(value - _smallest(template, counts, statistic)[1], 0.0))


def crossing(template, data, *, statistic="poisson", dof=2, level=0.95):
    """Return the strength above the best one at which Δχ² reaches its threshold, a float."""
    counts, limit = observed(template, data), threshold(dof=dof, level=level)
    if not template.signal.any():
        raise ValueError("the signal is zero in every bin: the limit is unbounded; wanted a signal "
                         "> 0 somewhere")
    low, smallest = _smallest(template, counts, statistic)

    def gap(mu):
        return scan(mu * template.signal[None], template, counts, statistic=statistic)[0] \
            - smallest - limit

    high = 2 * low + 1 / template.signal.sum()
    while gap(high) < 0:
        high *= 2
    return float(optimize.brentq(gap, low, high, xtol=1e-12 * high, rtol=1e-14))


def contour(signal_grid, template, data, *, statistic="poisson", dof=2, level=0.95):
    """Return Δχ² over a plane of models, a `Contour`.

    Parameters
    ----------
    signal_grid : array-like (a, b, n)
        Signal events per bin at each point, ≥ 0, in place of the template's own.
    template, data, statistic
        As for `delta_chi2`.
    dof, level
        As for `threshold`. Δχ² counts from the smallest χ² of the plane and of no signal.
    """
    signals, shape = signals_like(signal_grid, template)
    if len(shape) != 2:
        raise ValueError(f"signal grid of shape {(*shape, signals.shape[1])}; wanted (a, b, bins)")
    none = np.zeros((1, signals.shape[1]))
    values = scan(np.vstack([signals, none]), template, data, statistic=statistic)
    delta = (values[:-1] - values.min()).reshape(shape)
    limit = threshold(dof=dof, level=level)
    best = () if values[-1] <= values[:-1].min() else np.unravel_index(delta.argmin(), shape)
    return Contour(delta, delta > limit, limit, tuple(int(k) for k in best))


def scan(signals, template, data, *, statistic="poisson"):
    """Return χ² of each signal at strength 1, ndarray (points,), for signals (points, n)."""
    signals, _ = signals_like(signals, template)
    counts, base = observed(template, data), template.total
    _known("statistic", statistic, STATISTICS)
    values = np.empty(len(signals))
    if statistic == "poisson":
        modes = stack(template)
        start = np.array([1.0, *fit(template, counts, mu=0.0).pulls])
        spread(_scan, len(signals), signals, counts, base, modes, start, 0, values)
    else:
        spread(_scan_gauss, len(signals), signals, counts, base, *systematics(template),
               GAUSSIAN.index(statistic), values)
    return converged(values)


def systematics(template):
    """Return shifts (k, n) and a covariance (n, n), one of them empty: what χ² is quicker with."""
    n = len(template.signal)
    if template.covariance is not None:
        eigenmodes(template.covariance)  # refuses what is no covariance
        return np.zeros((0, n)), template.covariance
    shifts = np.zeros((0, n)) if template.shifts is None else template.shifts
    if 2 * len(shifts) < n:
        return shifts, np.zeros((0, 0))
    return np.zeros((0, n)), shifts.T @ shifts


def _smallest(template, counts, statistic):
    """Return the strength ≥ 0 of the smallest χ², and that χ²."""
    zero = np.zeros((1, len(counts)))
    if not template.signal.any():
        return 0.0, scan(zero, template, counts, statistic=statistic)[0]
    if statistic == "poisson":
        free = fit(template, counts)
        best = free if free.mu > 0 else fit(template, counts, mu=0.0)
        return best.mu, best.chi2

    def values(mus):  # not convex in μ: look around first
        signals = np.atleast_1d(mus)[:, None] * template.signal
        return scan(signals, template, counts, statistic=statistic)

    high = 1 / template.signal.sum()
    while np.diff(values([0, high, 2 * high])).min() < 0:
        high *= 2
    grid = np.linspace(0, 2 * high, 201)
    k = values(grid).argmin()
    best = optimize.minimize_scalar(lambda mu: values(mu)[0], method="bounded", bounds=(
        grid[max(k - 1, 0)], grid[min(k + 1, 200)]), options={"xatol": 1e-10 * high})
    return min(((best.x, best.fun), (0.0, values(0.0)[0])), key=lambda pair: pair[1])


def _crossings(template, counts, limits, alpha, toys, seed):
    """Return the strengths at which CLs by toys falls to alpha, looked for around the limits."""
    grid = np.linspace(0.6 * limits.min(), 1.4 * limits.max(), 16)
    values = np.array([_flat(cls(template, counts, mu, method="toys", toys=toys, seed=seed))
                       for mu in grid])  # (16, 6)
    if (values[0] < alpha).any() or (values[-1] > alpha).any():
        raise ValueError(f"CLs by toys does not cross {alpha:g} between strengths {grid[0]:g} and "
                         f"{grid[-1]:g}; wanted more toys, or the asymptotic method")
    logs = np.log(np.maximum(values, 0.1 / toys))
    return np.array([np.interp(-np.log(alpha), -np.minimum.accumulate(row), grid)
                     for row in logs.T])


def _flat(band):
    return np.append(np.ravel(band.observed), band.expected)


def _known(name, word, words):
    if word not in words:
        raise ValueError(f"unknown {name} {word!r}; wanted one of {', '.join(words)}")


def _level(level):
    if not 0 < level < 1:
        raise ValueError(f"level = {level}; wanted a number between 0 and 1")
    return level


@njit
def _scan(first, last, signals, counts, base, modes, start, warm, out):
    """Fill the profiled χ² of some signals; warm fits start where the one before has ended.

    They are faster, but how a number is rounded then depends on which signal came first.
    """
    modes, x, work = modes.copy(), start.copy(), _workspace(modes)
    nothing = np.zeros(len(start) - 1)
    for i in range(first, last):
        modes[0] = signals[i]
        if not (warm and i > first and out[i - 1] >= 0):
            x[:] = start
        out[i] = _best(counts, base, modes, nothing, 1, x, work)


@njit
def _scan_gauss(first, last, signals, counts, base, shifts, covariance, statistic, out):
    """Fill the χ² with the `systematics` of some signals."""
    n, k = len(base), len(shifts)
    root, rates, weights = np.empty((n, n + 1)), np.empty(n), np.empty(n)
    pulls, curvature = np.empty(k), np.empty((k, k))
    for i in range(first, last):
        for j in range(n):
            rates[j] = base[j] + signals[i, j]
        if len(covariance):
            out[i] = _gauss_chi2(counts, rates, covariance, statistic, root)
        else:
            out[i] = _pulled_chi2(counts, rates, shifts, statistic, pulls, curvature, weights)
