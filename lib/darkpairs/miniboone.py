"""MiniBooNE's low-energy excess: what was seen, what was expected, and which pairs would fill it.

In: the 2020 data release, and models. Out: background and excess with covariance; the spectrum that
a model predicts, and a fit of a plane of models. Chapters: anomaly and miniboone.

The release (arXiv:2006.16883) gives 11 bins of ν_e candidates and 8 of ν_μ, and one fractional
covariance for (ν_e signal, ν_e background, ν_μ). Both samples come from the same beam and the same
nuclei, so the ν_μ counts say how far off the ν_e background is. The covariance holds the
statistical errors of background and ν_μ already: all public fits add that of the signal alone (for
example arXiv:2308.02543), and no bin has less variance than its number of events.

Laws: 2870 events between 200 and 1250 MeV; conditioning never enlarges an error; the excess is the
data minus the background, whatever the constraint; χ² of both samples together is that of ν_μ plus
the one of ν_e after the constraint.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from darkpairs import (
    decay,
    invisible,
    kinematics,
    likelihood,
    model,
    onering,
    planes,
    signal,
    tables,
    upstream,
)
from darkpairs.batches import Release, only

POT = 18.75e20  # protons on target in neutrino mode, arXiv:2006.16883
CONSTRAINTS = ("numu", "none")
VARIABLES = ("e_nu", "visible")
LEVELS = (2.30, 6.18, 11.83)  # Δχ² of 1, 2, 3σ regions with two parameters, arXiv:2308.02543
EVENTS = 100_000  # thrown per model: some percent per bin, below the errors of the data
PROMPT = 10.0  # cm: what flies farther does not decay on the spot


class Excess(NamedTuple):
    """Data over background in a range of energies, with the two errors of the expectation."""

    data: float  #: events seen
    background: float  #: events expected
    systematic: float  #: error of the background itself [events]
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


class Fit(NamedTuple):
    """A plane of models against the excess."""

    plane: planes.Plane
    predicted: np.ndarray  #: ndarray (a, n), events per bin and mass at coupling `planes.UNIT`
    chi2: np.ndarray  #: ndarray (a, b)
    null: float  #: χ² without any signal

    @property
    def delta(self):
        """χ² above the smallest of the plane, ndarray (a, b)."""
        return self.chi2 - self.chi2.min()

    @property
    def best(self):
        """Place (i, j) of the smallest χ²."""
        i, j = np.unravel_index(self.chi2.argmin(), self.chi2.shape)
        return int(i), int(j)

    @property
    def spectrum(self):
        """Events per bin at the best point, ndarray (n,)."""
        i, j = self.best
        return self.predicted[i] * self.plane.squares[j] / planes.UNIT


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
    """Return the covariance of (ν_e, ν_μ) in events², without the scatter of the signal.

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
    """Return the ν_e background and its covariance, with its scatter.

    Parameters
    ----------
    release : Release
        The published numbers.
    constraint : str
        ``"none"``: as predicted. ``"numu"``: conditioned on the ν_μ counts.

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
    mean = np.concatenate([release.background, release.numu_prediction])
    return likelihood.constrain(mean, joint, release.numu_data, known=known)


def binning(variable):
    """Return edges, data and background of a variable, three arrays.

    Parameters
    ----------
    variable : str
        ``"e_nu"``: E_ν^QE as released. ``"visible"``: the energy of the electron, as read off the
        published figure.
    """
    if variable not in VARIABLES:
        raise ValueError(f"unknown variable {variable!r}; wanted one of {', '.join(VARIABLES)}")
    if variable == "e_nu":
        return release().edges, release().data, release().background
    table = tables.read("miniboone_visible.csv")
    return np.append(table["low"], table["high"][-1]), table["data"], table["background"]


def predict(point, *, variable="e_nu", sight=onering.SIGHT, cascade=False, earth=False,
            events=EVENTS, seed=1, **options):
    """Return the ν_e candidates per bin that a model makes at 18.75×10²⁰ POT, ndarray (n,).

    Carbon and hydrogen, coherent and on single protons, in the whole tank.

    Parameters
    ----------
    point : DarkModel
        The model point.
    variable : str
        See `binning`.
    sight : onering.Sight
        Resolution and criterion for one ring.
    cascade : bool
        Let ν₄ of a 3+2 model decay on the spot to a second pair, see `second_pair`.
    earth : bool
        Add ν_h made in the earth before the tank, see room `upstream`.
    events, seed : int
        How many events are thrown, and their dice.
    **options
        As in `signal.generate`.
    """
    edges = binning(variable)[0]
    options = {"regime": "both", **options}
    total = np.zeros(len(edges) - 1)
    for room in (signal, upstream) if earth else (signal,):
        truth = room.generate(point, events, seed=seed, experiment="miniboone", **options)
        pair = second_pair(point, truth, seed=seed) if cascade else None
        rings = onering.look(truth, sight, seed=seed, second=pair)
        weights = rings.chance * truth.weight * POT
        total += np.histogram(getattr(rings, variable), edges, weights=weights)[0]
    return total


def second_pair(point, truth, *, seed):
    """Return the pair of ν₄ → ν e⁺e⁻, four-momenta [MeV] of e⁻ and e⁺, ndarray (n, 2, 4).

    ν₄ of a 3+2 model decays through its mixing with the massless neutrino, evenly in all
    directions; where it would fly farther than 10 cm on average, the question is refused. The pair
    of event i depends on (seed, its number) alone.
    """
    if not model.is_three_plus_two(point):
        raise ValueError("a second pair needs a 3+2 model: in 3+1 nothing heavy is left over")
    late = daughter(point)
    p4 = truth.p4[only(truth, signal.NU_4)]
    momentum = np.sqrt((p4[:, 1:] ** 2).sum(axis=1))
    flight = decay.ctau(late) * momentum.mean() / late.m_heavy
    if not flight < PROMPT:
        raise ValueError(f"ν₄ flies {flight:.3g} cm on average; a second pair in the same place "
                         f"needs less than {PROMPT:g} cm")
    first, last = int(truth.event.min()), int(truth.event.max())
    rest = decay.throw(late, last - first + 1, seed=seed, first=first)[truth.event - first, :2]
    return kinematics.boost(rest, p4[:, None])


def daughter(point):
    """Return ν₄ of a 3+2 model as a 3+1 model of its own: the same Z′, and only ν₄ left to decay.

    Its mixing is U_D4 times the dark content of the massless neutrino (`invisible.contents`).
    """
    _, light, known = invisible.contents(point)
    return model.three_plus_one(m4=point.m_light, m_zprime=point.m_zprime,
                                alpha_d=point.g_d**2 / (4 * np.pi), epsilon=point.epsilon,
                                umu4=light * known, majorana=point.majorana)


def fit(plane, *, variable="e_nu", progress=iter, **options):
    """Return χ² of all points of a plane, a `Fit`.

    For E_ν^QE, χ² is that of the 11 bins of ν_e after the constraint by ν_μ, with the covariance of
    the release, in which the signal has the errors of a ν_e signal, and the scatter of the signal.
    For the visible energy no covariance is public: the background of all bins then moves together,
    by its constrained error.

    Parameters
    ----------
    plane : planes.Plane
        Masses and couplings.
    variable, **options
        As in `predict`.
    progress : callable
        Wraps the loop over the masses, such as ``tqdm``.
    """
    predicted = planes.predict(plane, lambda point: predict(point, variable=variable, **options),
                               progress=progress)
    grid = planes.scale(plane, predicted)
    values = chi2(grid.reshape(-1, grid.shape[2]), variable=variable)
    none = chi2(np.zeros((1, grid.shape[2])), variable=variable)[0]
    return Fit(plane, predicted, values.reshape(grid.shape[:2]), float(none))


def chi2(signals, *, variable="e_nu"):
    """Return χ² of signals on top of the background, ndarray (k,), for events per bin (k, n)."""
    signals = np.asarray(signals, dtype=np.float64)
    n = len(binning(variable)[1])
    if signals.ndim != 2 or signals.shape[1] != n or not (signals >= 0).all():
        raise ValueError(f"signals of shape {signals.shape}; wanted (k, {n}), and no number < 0")
    rule = _conditional if variable == "e_nu" else _together
    parts = np.array_split(signals, max(len(signals) // 2000, 1))  # so that memory stays flat
    return np.concatenate([_quadratic(*rule(part)) for part in parts])


def excess(release, *, constraint="numu", low=200.0, high=1250.0):
    """Return the excess of data over background between two bin edges [MeV], an `Excess`."""
    chosen = _bins(release, low, high)
    mean, errors = background(release, constraint=constraint)
    expected, both = float(mean[chosen].sum()), float(errors[np.ix_(chosen, chosen)].sum())
    return Excess(
        data=float(release.data[chosen].sum()),
        background=expected,
        systematic=float(np.sqrt(both - expected)),
        statistic=float(np.sqrt(expected)),
    )


def _bins(release, low, high):
    """Return the indices of the bins between two edges; a cut through a bin is refused."""
    edges = release.edges.tolist()
    if low not in edges or high not in edges or not low < high:
        raise ValueError(f"range {low}–{high} MeV; wanted two of the bin edges {edges}, rising")
    return np.arange(edges.index(low), edges.index(high))


def _conditional(s):
    """Return residuals (k, n) and covariances (k, n, n) of ν_e for signals, given ν_μ."""
    seen, n = release(), s.shape[1]
    f, b, m = seen.fractional, seen.background, seen.numu_prediction
    both = s[:, :, None] * f[:n, n:2 * n] * b  # signal with background
    joint = s[:, :, None] * f[:n, :n] * s[:, None] + both + both.transpose(0, 2, 1) \
        + b[:, None] * f[n:2 * n, n:2 * n] * b + s[:, :, None] * np.eye(n)
    cross = s[:, :, None] * f[:n, 2 * n:] * m + b[:, None] * f[n:2 * n, 2 * n:] * m  # with ν_μ
    gain = cross @ np.linalg.inv(m[:, None] * f[2 * n:, 2 * n:] * m)
    gap = seen.data - b - s - gain @ (seen.numu_data - m)
    return gap, joint - gain @ cross.transpose(0, 2, 1)


def _together(s):
    """Return residuals and covariances when the background of all bins moves together."""
    _, data, b = binning("visible")
    known = excess(release())
    error = known.systematic / known.background * b
    total = (b + s)[:, :, None] * np.eye(s.shape[1]) + error[:, None] * error
    return data - b - s, total


def _quadratic(gap, covariance):
    return (gap * np.linalg.solve(covariance, gap[..., None])[..., 0]).sum(axis=-1)
