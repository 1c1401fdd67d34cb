"""How far counts lie from a prediction, and what one sample teaches about another.

In: counts, predictions, covariances. Out: χ² and constrained predictions. Chapter: anomaly.

Laws: χ² of a joint sample = χ² of the sideband + χ² of the rest given the sideband (exactly);
without covariance the sum over bins comes out; CNP is the mean of Neyman (1/3) and Pearson (2/3);
Poisson's χ² is twice the logarithm of a ratio of chances; eigenmodes give their covariance back.
"""

from math import log, sqrt
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.linalg import cho_factor, cho_solve

from darkpairs._jit import njit, spread
from darkpairs.rng import _normal, _poisson, _start, stream

STATISTICS = ("neyman", "pearson", "cnp")
_TINY = 1e-12  # eigenvalues below this part of the largest are rounding
_TRIES = 1000  # draws of the systematics before a toy is given up


class Constrained(NamedTuple):
    """A prediction after conditioning on what was measured."""

    mean: np.ndarray  #: ndarray (n,), events
    covariance: np.ndarray  #: ndarray (n, n), events²


def variance(data, prediction, *, statistic):
    """Return the statistical variance that a χ² gives to each bin, ndarray (n,).

    Parameters
    ----------
    data, prediction : array-like (n,)
        Counts seen and expected, ≥ 0 and > 0.
    statistic : str
        ``"neyman"``: the count itself, 1 where it is zero. ``"pearson"``: the prediction.
        ``"cnp"``: 3/(1/data + 2/prediction), and prediction/2 where nothing was seen
        (Ji et al., NIM A 961, 163677, arXiv:1903.07185, Eq. 16).
    """
    data, prediction = _counts(data, prediction)
    if statistic not in STATISTICS:
        raise ValueError(f"unknown statistic {statistic!r}; wanted one of {', '.join(STATISTICS)}")
    pairs, place = zip(data, prediction, strict=True), STATISTICS.index(statistic)
    return np.array([_variance.py_func(count, rate, place) for count, rate in pairs])


def chi2(data, prediction, covariance=None, *, statistic="cnp"):
    """Return χ² = (d − p)ᵀ (V_stat + V)⁻¹ (d − p).

    Parameters
    ----------
    data, prediction : array-like (n,)
        Counts seen and expected.
    covariance : array-like (n, n), optional
        Systematic covariance V [events²]; none means statistical errors alone.
    statistic : str
        How V_stat is made; see `variance`.

    Raises
    ------
    ValueError
        For negative or NaN counts, a prediction that is not positive, shapes that do not match,
        or a total covariance that is not positive definite (its smallest eigenvalue is named).
    """
    total = np.diag(variance(data, prediction, statistic=statistic))
    if covariance is not None:
        total = total + _square(covariance, len(total))
    gap = np.asarray(data, dtype=np.float64) - np.asarray(prediction, dtype=np.float64)
    return float(gap @ cho_solve(_factor(total), gap))


def poisson(data, prediction, *, relative=None):
    """Return Poisson's χ², twice the log-likelihood ratio to a prediction equal to the data.

    2 Σ (λ − n + n ln n/λ), Baker and Cousins, NIM 221 (1984) 437.

    Parameters
    ----------
    data, prediction : array-like (n,)
        Counts seen, ≥ 0, and expected, > 0.
    relative : array-like (n,), optional
        Relative statistical error of the prediction, from the simulated events behind it, ≥ 0.
        Each bin may then move by a factor β at the price of ((β − 1)/relative)², and β is chosen
        best: Barlow and Beeston, CPC 77 (1993) 219, in the form of Conway, arXiv:1103.0354.
    """
    data, prediction = _counts(data, prediction)
    if relative is None:
        return float(_poisson_chi2(data, prediction))
    beta = scaling(data, prediction, relative)
    safe = np.where(np.asarray(relative) > 0, relative, 1.0)
    rates = np.maximum(beta * prediction, 1e-300)  # β may reach 0 where nothing was seen
    return float(_poisson_chi2(data, rates) + (((beta - 1) / safe) ** 2).sum())


def scaling(data, prediction, relative):
    """Return the factors β that suit the data best when the prediction has its own dice.

    The root ≥ 0 of β² + (λδ² − 1) β − nδ² = 0 (Conway, arXiv:1103.0354), ndarray (n,). With
    δ = 0 it is 1.
    """
    data, prediction = _counts(data, prediction)
    square = np.asarray(relative, dtype=np.float64) ** 2
    if square.shape != data.shape or not (np.isfinite(square) & (np.asarray(relative) >= 0)).all():
        raise ValueError(f"relative errors {np.asarray(relative).tolist()}; wanted one number ≥ 0 "
                         f"for each of {len(data)} bins")
    half = (1 - prediction * square) / 2
    root = np.sqrt(half * half + data * square)
    # with half < 0 the same root in the form that does not cancel
    return np.where(half >= 0, half + root, data * square / np.maximum(root - half, 1e-300))


def eigenmodes(covariance):
    """Return shifts (k, n) of one standard deviation each, with shiftsᵀ shifts = covariance.

    The rows are eigenvectors times the root of their eigenvalue, the largest first; those that
    vanish within rounding are left out.

    Raises
    ------
    ValueError
        If the matrix is not symmetric, or not positive definite: an eigenvalue below zero by more
        than rounding is named.
    """
    covariance = _square(covariance, len(np.asarray(covariance)))
    values, vectors = np.linalg.eigh(covariance)
    if values[0] < -_TINY * max(values[-1], 1e-300) * len(values):
        raise ValueError("the covariance is not positive definite: its smallest eigenvalue is "
                         f"{values[0]:.3g}; wanted ≥ 0")
    kept = np.flatnonzero(values > _TINY * values[-1])[::-1]
    return np.sqrt(values[kept])[:, None] * vectors[:, kept].T


class Goodness(NamedTuple):
    """How well a prediction without free numbers describes what was seen."""

    chi2: float  #: its χ²
    bins: int  #: degrees of freedom
    p: float  #: chance of a larger χ²
    error: float  #: of p, from the number of toys; 0 for the formula


def goodness(data, prediction, covariance=None, *, statistic="pearson", toys=0, seed=0):
    """Return χ², the number of bins and the chance of a worse agreement, a `Goodness`.

    Parameters
    ----------
    data, prediction, covariance
        As for `chi2`.
    statistic : str
        As for `chi2`, or ``"poisson"`` where there is no covariance.
    toys : int
        0: p from the χ² distribution with n degrees of freedom. Else p is the part of so many
        pretended experiments with a χ² at least as large: systematics after the covariance, then
        counts after Poisson (`fluctuate`).
    seed : int
        For the toys.
    """
    def distance(counts):
        if statistic == "poisson" and covariance is None:
            return poisson(counts, prediction)
        return chi2(counts, prediction, covariance, statistic=statistic)

    value, bins = distance(data), len(prediction)
    if not toys:
        return Goodness(value, bins, float(special.chdtrc(bins, value)), 0.0)
    counts = fluctuate(prediction, covariance, toys=toys, seed=seed)
    worse = np.mean([distance(row) >= value * (1 - 1e-12) for row in counts])
    return Goodness(value, bins, float(worse), float(np.sqrt(worse * (1 - worse) / toys)))


def fluctuate(prediction, covariance=None, *, toys, seed, name="fluctuate"):
    """Return the counts of pretended experiments, ndarray (toys, n).

    The prediction is moved along the eigenmodes of its covariance; a draw that makes a bin
    negative is thrown again, so the Gaussian is cut there. Then each bin gets Poisson's dice.
    Toy i depends on (seed, name, i) alone.
    """
    _, prediction = _counts(prediction, prediction)
    if toys <= 0 or not 0 <= seed < 2**63:
        raise ValueError(f"toys = {toys}, seed = {seed}; wanted whole numbers, toys > 0 and seed "
                         "from 0 to 2⁶³ − 1")
    modes = np.zeros((0, len(prediction))) if covariance is None else eigenmodes(covariance)
    if modes.shape[1] != len(prediction):
        raise ValueError(f"covariance for {modes.shape[1]} bins; wanted {len(prediction)}")
    counts = np.empty((toys, len(prediction)))
    done = spread(_fluctuate, toys, np.uint64(seed), np.uint64(stream("toys", name)),
                  prediction, modes, counts)
    if not all(done):
        raise ValueError(f"the systematics make a bin negative in {_TRIES} draws on end; wanted a "
                         "covariance that leaves the prediction > 0")
    return counts


def constrain(mean, covariance, observed, *, known):
    """Condition a Gaussian prediction on bins that were measured.

    With Y the wanted and X the known bins: mean_Y + V_YX V_XX⁻¹ (x − mean_X) and
    V_YY − V_YX V_XX⁻¹ V_XY (M. L. Eaton, Multivariate Statistics, 1983, Prop. 3.13).

    Parameters
    ----------
    mean : array-like (n,)
        Prediction of all bins.
    covariance : array-like (n, n)
        Its covariance. The statistical variance of the known bins belongs in; that of the wanted
        bins is left out here and added at the constrained mean.
    observed : array-like (m,)
        What was seen in the known bins.
    known : array-like (m,) of int
        Which bins were measured; the others keep their order in the result.
    """
    mean = np.asarray(mean, dtype=np.float64)
    covariance = _square(covariance, len(mean))
    known = np.asarray(known, dtype=np.int64)
    observed = np.asarray(observed, dtype=np.float64)
    if observed.shape != known.shape or not np.isfinite(observed).all():
        raise ValueError(f"observed counts of shape {observed.shape} for {known.shape} known "
                         "bins; wanted one finite number for each")
    if len(set(known.tolist())) != len(known) or not ((known >= 0) & (known < len(mean))).all():
        raise ValueError(f"known bins {known.tolist()}; wanted different ones of 0…{len(mean) - 1}")
    wanted = np.setdiff1d(np.arange(len(mean)), known)
    cross = covariance[np.ix_(wanted, known)]  # (Y, X)
    gain = cho_solve(_factor(covariance[np.ix_(known, known)]), cross.T).T  # V_YX V_XX⁻¹
    after = covariance[np.ix_(wanted, wanted)] - gain @ cross.T
    return Constrained(mean[wanted] + gain @ (observed - mean[known]), (after + after.T) / 2)


@njit
def _poisson_chi2(counts, rates):
    total = 0.0
    for n, rate in zip(counts, rates):  # noqa: B905 (numba knows no strict=)
        total += rate - n
        if n > 0:
            total += n * log(n / rate)
    return 2 * total


@njit
def _gauss_chi2(counts, rates, covariance, statistic, root):
    """(d − p)ᵀ (V_stat + V)⁻¹ (d − p) by Cholesky's root; NaN if there is none.

    The statistic is its place in STATISTICS; root (n, n + 1) is scratch.
    """
    n, total = len(counts), 0.0
    for i in range(n):
        for j in range(i + 1):
            value = covariance[i, j]
            if i == j:
                value += _variance(counts[i], rates[i], statistic)
            for k in range(j):
                value -= root[i, k] * root[j, k]
            if i > j:
                root[i, j] = value / root[j, j]
        if not value > 0:
            return np.nan
        root[i, i] = sqrt(value)
        gap = counts[i] - rates[i]
        for k in range(i):
            gap -= root[i, k] * root[k, n]
        root[i, n] = gap / root[i, i]
        total += root[i, n] ** 2
    return total


@njit
def _variance(count, rate, statistic):
    """`variance` of one bin."""
    if statistic == 0:
        return count if count > 0 else 1.0
    if statistic == 1:
        return rate
    return 3 / (1 / count + 2 / rate) if count > 0 else rate / 2


@njit
def _fluctuate(first, last, seed, stream, prediction, modes, counts):
    """Fill the rows of some toys; False if one of them stays negative."""
    rates = np.empty_like(prediction)
    for i in range(first, last):
        state = _start(seed, stream, np.uint64(i))
        for _ in range(_TRIES):
            rates[:] = prediction
            for mode in modes:
                state, pull = _normal(state)
                rates += pull * mode
            if rates.min() > 0:
                break
        if not rates.min() > 0:
            return False
        for k in range(len(rates)):
            state, counts[i, k] = _poisson(state, rates[k])
    return True


def _counts(data, prediction):
    data = np.asarray(data, dtype=np.float64)
    prediction = np.asarray(prediction, dtype=np.float64)
    if data.shape != prediction.shape or data.ndim != 1:
        raise ValueError(f"data of shape {data.shape} and prediction of shape {prediction.shape}; "
                         "wanted one number per bin in both")
    if not ((data >= 0) & np.isfinite(data)).all():
        raise ValueError(f"counts must be numbers ≥ 0; got {data.tolist()}")
    if not ((prediction > 0) & np.isfinite(prediction)).all():
        raise ValueError(f"every bin needs a prediction > 0; got {prediction.tolist()}")
    return data, prediction


def _square(covariance, n):
    covariance = np.asarray(covariance, dtype=np.float64)
    if covariance.shape != (n, n):
        raise ValueError(f"covariance of shape {covariance.shape}; wanted ({n}, {n})")
    if not np.allclose(covariance, covariance.T, rtol=1e-8, atol=1e-8 * np.abs(covariance).max()):
        raise ValueError("the covariance is not symmetric (or holds NaN)")
    return covariance


def _factor(matrix):
    """Factorise a covariance, or name its smallest eigenvalue."""
    try:
        return cho_factor(matrix, lower=True)
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(matrix)[0]
        raise ValueError("the covariance is not positive definite: its smallest eigenvalue is "
                         f"{smallest:.3g}; wanted > 0") from None
