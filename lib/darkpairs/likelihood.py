"""How far counts lie from a prediction, and what one sample teaches about another.

In: counts, predictions, covariances. Out: χ² and constrained predictions. Chapter: anomaly.

Laws: χ² of a joint sample = χ² of the sideband + χ² of the rest given the sideband (exactly);
without covariance the sum over bins comes out; CNP is the mean of Neyman (1/3) and Pearson (2/3).
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

STATISTICS = ("neyman", "pearson", "cnp")


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
    if statistic == "neyman":
        return np.where(data > 0, data, 1.0)
    if statistic == "pearson":
        return prediction.copy()
    seen = np.where(data > 0, data, 1.0)
    return np.where(data > 0, 3 / (1 / seen + 2 / prediction), prediction / 2)


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
