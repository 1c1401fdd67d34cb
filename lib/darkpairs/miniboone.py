"""MiniBooNE's low-energy excess: the published counts, their background and its constraint.

In: the 2020 data release. Out: background and excess, with covariance. Chapter: anomaly.

The release (arXiv:2006.16883) gives 11 bins of ν_e candidates and 8 of ν_μ, and one fractional
covariance for (ν_e signal, ν_e background, ν_μ). Both samples come from the same beam and the same
nuclei, so the ν_μ counts say how far off the ν_e background is.

Laws: 2870 events between 200 and 1250 MeV; conditioning never enlarges an error; the excess is the
data minus the background, whatever the constraint.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from darkpairs import likelihood, tables
from darkpairs.batches import Release

POT = 18.75e20  # protons on target in neutrino mode, arXiv:2006.16883
CONSTRAINTS = ("numu", "none")


class Excess(NamedTuple):
    """Data over background in a range of energies, with the two errors of the expectation."""

    data: float  #: events seen
    background: float  #: events expected
    systematic: float  #: error of the background [events], from its covariance
    statistic: float  #: Poisson scatter of that many events

    @property
    def events(self):
        """Data minus background [events]."""
        return self.data - self.background

    @property
    def error(self):
        """Both errors in quadrature [events]."""
        return float(np.hypot(self.systematic, self.statistic))

    @property
    def significance(self):
        """Excess over its error."""
        return self.events / self.error


@cache
def release():
    """Return the 2020 data release in neutrino mode, a `Release`."""
    nue = tables.read("miniboone_nue.csv")
    numu = tables.read("miniboone_numu.csv")
    return Release(
        edges=np.append(nue["low"], nue["high"][-1]),
        data=nue["data"],
        background=nue["background"],
        numu_edges=np.append(numu["low"], numu["high"][-1]),
        numu_data=numu["data"],
        numu_prediction=numu["prediction"],
        fractional=tables.read("miniboone_fractional_covariance.csv").matrix(),
    )


def published():
    """Return the collaboration's own totals from 200 to 1250 MeV, a dict of numbers [events]."""
    table = tables.read("miniboone_published_totals.csv")
    return {name: float(table[name][0]) for name in table.columns}


def covariance(release, *, signal=None):
    """Return the systematic covariance of (ν_e, ν_μ) in events².

    Parameters
    ----------
    release : Release
        The published numbers.
    signal : array-like (n,), optional
        Signal events per bin on top of the background; their errors then join those of the
        background of the same bin.

    Returns
    -------
    ndarray (n + m, n + m)
        First the n bins of ν_e, then the m bins of ν_μ.
    """
    n = len(release.background)
    signal = np.zeros(n) if signal is None else np.asarray(signal, dtype=np.float64)
    if signal.shape != (n,) or not (signal >= 0).all():
        raise ValueError(f"signal {signal.tolist()}; wanted {n} numbers ≥ 0")
    parts = np.concatenate([signal, release.background, release.numu_prediction])  # (2n + m,)
    full = release.fractional * np.outer(parts, parts)
    rows = np.concatenate([full[:n] + full[n:2 * n], full[2 * n:]])  # signal joins background
    return np.concatenate([rows[:, :n] + rows[:, n:2 * n], rows[:, 2 * n:]], axis=1)


def background(release, *, constraint="numu"):
    """Return the ν_e background and its systematic covariance.

    Parameters
    ----------
    release : Release
        The published numbers.
    constraint : str
        ``"none"``: as predicted. ``"numu"``: conditioned on the ν_μ counts, whose Poisson
        variance is their own number.

    Returns
    -------
    likelihood.Constrained
        Mean ndarray (n,) and covariance ndarray (n, n).
    """
    if constraint not in CONSTRAINTS:
        raise ValueError(f"unknown constraint {constraint!r}; wanted one of "
                         f"{', '.join(CONSTRAINTS)}")
    n = len(release.background)
    joint = covariance(release)
    if constraint == "none":
        return likelihood.Constrained(release.background, joint[:n, :n])
    known = np.arange(n, len(joint))
    joint[known, known] += likelihood.variance(
        release.numu_data, release.numu_prediction, statistic="neyman")
    mean = np.concatenate([release.background, release.numu_prediction])
    return likelihood.constrain(mean, joint, release.numu_data, known=known)


def excess(release, *, constraint="numu", low=200.0, high=1250.0):
    """Return the excess of data over background between two bin edges [MeV], an `Excess`."""
    chosen = _bins(release, low, high)
    mean, errors = background(release, constraint=constraint)
    expected = float(mean[chosen].sum())
    return Excess(
        data=float(release.data[chosen].sum()),
        background=expected,
        systematic=float(np.sqrt(errors[np.ix_(chosen, chosen)].sum())),
        statistic=float(np.sqrt(expected)),
    )


def _bins(release, low, high):
    """Return the indices of the bins between two edges; a cut through a bin is refused."""
    edges = release.edges.tolist()
    if low not in edges or high not in edges or not low < high:
        raise ValueError(f"range {low}–{high} MeV; wanted two of the bin edges {edges}, rising")
    return np.arange(edges.index(low), edges.index(high))
