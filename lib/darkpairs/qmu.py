"""q̃_μ: how much worse a strength of the signal suits the counts than the best one below it.

In: a `Template` and counts. Out: q̃ of data, Asimov set and toys. Chapter: limits.

q̃_μ = χ²(μ) − χ²(μ̂) with the pulls profiled on both sides, 0 ≤ μ̂, and 0 where μ̂ > μ (Cowan, Cranmer,
Gross and Vitells, EPJC 71 (2011) 1554, arXiv:1007.1727, Eq. 16).

Laws: q̃ is zero where the data ask for more signal than is tested, and never negative; a toy depends
on its seed and its number alone.
"""

import numpy as np

from darkpairs._jit import njit, spread
from darkpairs.nuisance import (
    _best,
    _workspace,
    converged,
    fit,
    observed,
    signals_like,
    stack,
    strength,
)
from darkpairs.rng import _normal, _poisson, _start, stream


def pairs(template, data, signals):
    """Return q̃ of the data and of the Asimov set, for many signals at strength 1.

    The Asimov set is the background with the pulls that suit the data; their centres move along.

    Parameters
    ----------
    template : Template
        Background and its errors.
    data : array-like (n,)
        Counts.
    signals : array-like (points, n)
        Signal events per bin, ≥ 0, in place of the template's own.

    Returns
    -------
    ndarray (2, points)

    Raises
    ------
    ValueError
        For counts or signals that make no sense.
    ArithmeticError
        If a fit does not converge.
    """
    counts, (signals, _) = observed(template, data), signals_like(signals, template)
    null = fit(template, counts, mu=0.0)
    out = np.empty((2, len(signals)))
    samples = np.array([counts, null.prediction])
    centres = np.array([np.zeros_like(null.pulls), null.pulls])
    starts = np.array([[1.0, *null.pulls], [0.0, *null.pulls]])
    spread(_pairs, len(signals), signals, samples, template.total, stack(template), centres, starts,
           out)
    return converged(out)


def throw(template, data, mu, *, toys, seed):
    """Return q̃ of the data (a float) and of toys with and without signal, two ndarray (toys,).

    In a toy the rates are those of the fit to the data at μ or at 0; the counts follow Poisson
    and the centres of the pulls follow Gauss. Toy i depends on (seed, i) alone. A toy whose fit
    does not converge is NaN.
    """
    counts, mu = observed(template, data), strength(mu)
    if toys <= 0 or not 0 <= seed < 2**63:
        raise ValueError(f"toys = {toys}, seed = {seed}; wanted whole numbers, toys > 0 and seed "
                         "from 0 to 2⁶³ − 1")
    modes = stack(template)
    modes[0] *= mu
    ends = [fit(template, counts, mu=mu), fit(template, counts, mu=0.0)]
    starts = np.array([[1.0, *ends[0].pulls], [0.0, *ends[1].pulls]])
    base, nothing = template.total, np.zeros(len(modes) - 1)
    q = _q(counts, base, modes, nothing, starts, np.empty_like(starts), _workspace(modes))
    out = np.empty((2, toys))
    for name, end, row in zip(("signal", "background"), ends, out, strict=True):
        spread(_throw, toys, np.uint64(seed), np.uint64(stream("toys", name)), end.prediction,
               end.pulls, base, modes, starts, row)
    return float(q), out[0], out[1]


@njit
def _q(counts, base, modes, centre, starts, ends, work):
    """Return q̃ of strength 1, or NaN; ends (2, k) is scratch.

    χ² is convex in the strength: its slopes at 1 and at 0 tell whether the best one lies between.
    """
    highest = above = 0.0
    for stage in range(3):  # strength 1, then 0, then free
        end = min(stage, 1)
        if stage < 2:
            ends[end] = starts[end]
        chi2 = _best(counts, base, modes, centre, 1 if stage < 2 else 0, ends[end], work)
        if np.isnan(chi2):
            return np.nan
        slope = 0.0
        for i in range(len(counts)):
            slope += modes[0, i] * (1 - counts[i] / work[0][i])
        if stage == 0:
            if slope <= 0:  # μ̂ ≥ μ
                return 0.0
            highest, above = chi2, slope
        if stage == 2 or (stage == 1 and slope >= 0):
            break
        if stage == 1:  # 0 < μ̂ < μ: start where the slope would vanish if it were straight
            part = above / (above - slope)
            ends[1] = (1 - part) * ends[0] + part * ends[1]
    return max(highest - chi2, 0.0)


@njit
def _throw(first, last, seed, stream, rates, pulls, base, modes, starts, out):
    """Fill q̃ of some toys."""
    ends, work = np.empty_like(starts), _workspace(modes)
    counts, centre = np.empty_like(rates), np.empty_like(pulls)
    for i in range(first, last):
        state = _start(seed, stream, np.uint64(i))
        for k in range(len(rates)):
            state, counts[k] = _poisson(state, rates[k])
        for k in range(len(pulls)):
            state, pull = _normal(state)
            centre[k] = pulls[k] + pull
        out[i] = _q(counts, base, modes, centre, starts, ends, work)


@njit
def _pairs(first, last, signals, samples, base, modes, centres, starts, out):
    """Fill q̃ of two samples, the data and the Asimov set, for some signals."""
    modes, ends, work = modes.copy(), np.empty_like(starts), _workspace(modes)
    for i in range(first, last):
        modes[0] = signals[i]
        for k in range(2):
            out[k, i] = _q(samples[k], base, modes, centres[k], starts, ends, work)
