"""The prediction that suits the counts best, when the sources of error may pull it.

In: a `Template` and counts. Out: pulls, prediction and Poisson χ². Chapter: limits.

Each source k of error has a pull ν_k, a Gaussian number of width 1 around its centre. The rates are
λ = μ s + b + Σ ν_k t_k, straight in μ and ν, so χ² = 2 Σ (λ − n + n ln n/λ) + Σ (ν − centre)² is
convex: it has one minimum, and Newton's method with steps that keep every rate positive finds it.
Where nothing was seen, the minimum may lie at rate 0; there a falling barrier −ε ln λ leads to it.

Laws: at the minimum all slopes vanish; no pulls, no change; a number comes out only when converged.
"""

import warnings
from math import log1p, sqrt
from typing import NamedTuple

import numpy as np

from darkpairs._jit import njit
from darkpairs.likelihood import _poisson_chi2, _variance, eigenmodes

_STEPS = 60  # of Newton; 3 to 8 is what it takes
_CLOSE = 1e-13  # squared length of a step [χ²] after which the next would be rounding
_BARRIER = 1e-10  # a barrier below this is the last; each empty bin shifts χ² by twice that


class Fit(NamedTuple):
    """The best prediction for some counts."""

    mu: float  #: strength of the signal
    pulls: np.ndarray  #: ndarray (k,), where each source of error went [σ]
    prediction: np.ndarray  #: ndarray (n,), rates at the minimum [events]
    chi2: float  #: Poisson χ² with the price of the pulls
    error: float  #: of μ, from the curvature; 0 where μ was held


def fit(template, data, *, mu=None, centre=None):
    """Return the best `Fit` of a template to counts.

    Parameters
    ----------
    template : Template
        Signal, background and its errors; a covariance is taken as its eigenmodes.
    data : array-like (n,)
        Counts, ≥ 0; they need not be whole.
    mu : float, optional
        Strength of the signal, ≥ 0, held fixed. None: free, also below zero as long as every
        rate stays positive.
    centre : array-like (k,), optional
        Where the pulls want to be; 0 if not given.

    Raises
    ------
    ValueError
        For counts that are negative or NaN, shapes that do not match, or a free strength of a
        signal that is zero in every bin.
    ArithmeticError
        If the minimum was not reached. No number is returned then.
    """
    modes = stack(template)
    counts = observed(template, data)
    centre = _pulls(centre, len(modes) - 1)
    if mu is None and not modes[0].any():
        raise ValueError("the signal is zero in every bin; wanted one to fit, or a fixed mu")
    x = np.zeros(len(modes))
    x[0] = 0.0 if mu is None else strength(mu)
    work = _workspace(modes)
    chi2 = _best(counts, template.total, modes, centre, int(mu is not None), x, work)
    if not np.isfinite(chi2):
        raise ArithmeticError(f"no minimum found in {_STEPS} steps for counts {counts.tolist()}")
    error = _error(counts, modes, work) if mu is None else 0.0
    return Fit(float(x[0]), x[1:], work[0], float(chi2), error)


def stack(template):
    """Return the signal and below it the +1σ shifts of a template, ndarray (1 + k, n)."""
    shifts = np.zeros((0, len(template.signal)))
    if template.shifts is not None:
        shifts = template.shifts
    if template.covariance is not None:
        shifts = eigenmodes(template.covariance)
    return np.ascontiguousarray(np.vstack([template.signal, shifts]))


def observed(template, data):
    """Return counts as ndarray (n,), or refuse them in words."""
    counts = np.array(data, dtype=np.float64)
    if counts.shape != template.signal.shape:
        raise ValueError(f"data of shape {counts.shape} for {len(template.signal)} bins; wanted "
                         "one count per bin")
    if not ((counts >= 0) & np.isfinite(counts)).all():
        raise ValueError(f"counts must be numbers ≥ 0; got {counts.tolist()}")
    return counts


def strength(mu):
    """Return a strength of the signal as a float ≥ 0, or refuse it in words."""
    if not (np.isfinite(mu) and mu >= 0):
        raise ValueError(f"mu = {mu}; wanted a number ≥ 0")
    return float(mu)


def signals_like(grid, template):
    """Return signals (points, n) for the bins of a template, and the shape of their grid."""
    grid = np.ascontiguousarray(grid, dtype=np.float64)
    n = len(template.signal)
    if grid.ndim < 2 or grid.shape[-1] != n or grid.size == 0:
        raise ValueError(f"signal grid of shape {grid.shape}; wanted (..., {n}), one row per model")
    if not ((grid >= 0) & np.isfinite(grid)).all():
        raise ValueError("the signal grid holds NaN or numbers below 0; wanted events ≥ 0")
    return grid.reshape(-1, n), grid.shape[:-1]


def converged(values):
    """Return the values of fits, or refuse them if one is NaN."""
    lost = int(np.isnan(values).sum())
    if lost:
        raise ArithmeticError(f"{lost} of {values.size} points have no minimum, or no positive "
                              "definite covariance")
    return values


def kept(toys):
    """Return the values of toys without those that are NaN; their number is told in a warning.

    More than one in a hundred are refused: the rest would no longer be a fair sample.
    """
    lost = int(np.isnan(toys).sum())
    if lost > len(toys) / 100:
        raise ArithmeticError(f"{lost} of {len(toys)} toys did not converge; wanted at most 1%")
    if lost:
        warnings.warn(f"{lost} of {len(toys)} toys did not converge and are left out",
                      RuntimeWarning, stacklevel=3)
    return toys[~np.isnan(toys)]


def _pulls(centre, k):
    centre = np.zeros(k) if centre is None else np.array(centre, dtype=np.float64)
    if centre.shape != (k,) or not np.isfinite(centre).all():
        raise ValueError(f"centres {centre.tolist()}; wanted {k} finite numbers, one per source")
    return centre


def _error(counts, modes, work):
    """Return the error of μ from the inverse of the curvature at the minimum."""
    curvature = (modes * (counts / work[0] ** 2)) @ modes.T
    curvature[1:, 1:] += np.eye(len(modes) - 1)
    return float(np.sqrt(np.linalg.inv(curvature)[0, 0])) if counts @ modes[0] > 0 else np.inf


@njit
def _workspace(modes):
    """Scratch of a fit: rates, their change, padded counts (n,); slopes (k,), curvature (k, k)."""
    k, n = modes.shape
    return np.empty(n), np.empty(n), np.empty(n), np.empty(k), np.empty((k, k))


@njit
def _best(counts, base, modes, centre, first, x, work):
    """Return the smallest χ² over x[first:], with x and the rates work[0] left there, or NaN.

    Modes are the signal and the shifts; x the strength and the pulls, at which all rates must be
    positive to begin with. first = 1 holds the strength.
    """
    padded, barrier = work[2], 0.0
    while True:
        for i in range(len(counts)):
            padded[i] = counts[i] if counts[i] > 0 else barrier
        done = _newton(padded, base, modes, centre, first, x, work)
        if not done and barrier > 0:
            return np.nan
        if done and barrier < _BARRIER:  # 0, or the last
            return _poisson_chi2(counts, work[0]) + _price(x, centre)
        if not done:  # a rate runs to zero: begin again, where all are positive
            x[1:] = 0.0
            x[0] = x[0] if first == 1 else 0.0
        barrier = 0.1 * barrier if barrier > 0 else 1.0


@njit
def _price(x, centre):
    """Return Σ (ν − centre)²."""
    price = 0.0
    for j in range(1, len(x)):
        price += (x[j] - centre[j - 1]) ** 2
    return price


@njit
def _newton(counts, base, modes, centre, first, x, work):
    """Go to the minimum over x[first:]; False if a rate runs to zero or the steps run out."""
    rates, change, _, slope, curvature = work
    for _ in range(_STEPS):
        _predict(base, modes, x, rates)
        if not rates.min() > 0:  # by rounding, where a rate is nearly zero
            return False
        _derivatives(counts, modes, centre, first, x, rates, slope, curvature)
        square = _solve(curvature, slope, first)  # the slopes become the step
        if not square >= 0:
            return False
        length = _stride(counts, modes, centre, first, x, rates, slope, change, square)
        if length == 0:
            return False
        for j in range(first, len(x)):
            x[j] -= length * slope[j]
        if square < _CLOSE and length == 1:
            _predict(base, modes, x, rates)
            return True
    return False


@njit
def _predict(base, modes, x, rates):
    for i in range(len(base)):
        rates[i] = base[i]
    for j in range(len(x)):
        for i in range(len(base)):
            rates[i] += x[j] * modes[j, i]


@njit
def _derivatives(counts, modes, centre, first, x, rates, slope, curvature):
    """Fill half the gradient of χ² and half its matrix of second derivatives (lower half)."""
    for j in range(first, len(x)):
        slope[j] = x[j] - centre[j - 1] if j > 0 else 0.0
        for k in range(first, j + 1):
            curvature[j, k] = 1.0 if j == k and j > 0 else 0.0
    for i in range(len(counts)):
        pull, weight = 1 - counts[i] / rates[i], counts[i] / rates[i] ** 2
        for j in range(first, len(x)):
            slope[j] += modes[j, i] * pull
            part = modes[j, i] * weight
            for k in range(first, j + 1):
                curvature[j, k] += part * modes[k, i]


@njit
def _solve(matrix, vector, first):
    """Solve in place by Cholesky's root; return vectorᵀ matrix⁻¹ vector, −1 if not positive."""
    size, square = len(vector), 0.0
    for i in range(first, size):
        for j in range(first, i + 1):
            value = matrix[i, j]
            for k in range(first, j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = value / matrix[j, j] if i > j else value
        if not matrix[i, i] > 0:
            return -1.0
        matrix[i, i] = sqrt(matrix[i, i])
        for k in range(first, i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i]
        square += vector[i] ** 2
    for i in range(size - 1, first - 1, -1):
        for k in range(i + 1, size):
            vector[i] -= matrix[k, i] * vector[k]
        vector[i] /= matrix[i, i]
    return square


@njit
def _pulled_chi2(counts, rates, shifts, statistic, pulls, curvature, weights):
    """The smallest Σ (d − p − Σ ν_k t_k)²/V_stat + Σ ν² over ν; NaN if there is none.

    It is `likelihood._gauss_chi2` with V = tᵀt (Woodbury), at the price of k² n instead of n³.
    The last three are scratch (k,), (k, k), (n,); the best ν stay in pulls.
    """
    for j in range(len(pulls)):
        pulls[j] = 0.0
        for k in range(j + 1):
            curvature[j, k] = 1.0 if j == k else 0.0
    for i in range(len(counts)):
        weights[i] = 1 / _variance(counts[i], rates[i], statistic)
        for j in range(len(pulls)):
            part = weights[i] * shifts[j, i]
            pulls[j] += part * (counts[i] - rates[i])
            for k in range(j + 1):
                curvature[j, k] += part * shifts[k, i]
    if not _solve(curvature, pulls, 0) >= 0:
        return np.nan
    total = 0.0
    for i in range(len(counts)):
        gap = counts[i] - rates[i]
        for j in range(len(pulls)):
            gap -= pulls[j] * shifts[j, i]
        total += weights[i] * gap * gap
    for pull in pulls:
        total += pull * pull
    return total


@njit
def _stride(counts, modes, centre, first, x, rates, step, change, square):
    """Return the part of a step that keeps all rates positive and lowers χ² enough, or 0."""
    length = 1.0
    for i in range(len(rates)):
        change[i] = 0.0
    for j in range(first, len(step)):
        for i in range(len(rates)):
            change[i] -= step[j] * modes[j, i]
    for i in range(len(rates)):
        if length * change[i] <= -0.95 * rates[i]:
            length = -0.9 * rates[i] / change[i]
    if square < _CLOSE and length == 1:
        return length
    while length > 1e-6:  # less means that a rate runs into zero
        # Armijo, Pacific J. Math. 16 (1966) 1
        if _gain(counts, centre, first, x, rates, step, change, length) > 1e-4 * length * square:
            return length
        length /= 2
    return 0.0


@njit
def _gain(counts, centre, first, x, rates, step, change, length):
    """Return by how much half of χ² falls along part of a step, free of cancellation."""
    gain = 0.0
    for i in range(len(rates)):
        move = length * change[i]
        gain -= move
        if counts[i] > 0:
            gain += counts[i] * log1p(move / rates[i])
    for j in range(max(first, 1), len(step)):
        move = length * step[j]
        gain += move * (x[j] - centre[j - 1]) - 0.5 * move * move
    return gain
