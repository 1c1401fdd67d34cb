"""How sure a prediction is: what each source of error does to each bin, and to bins together.

In: weighted events, or histograms of other worlds. Out: covariances by source, a `Template`.
Chapter: systematics.

A source tells what it does in one of four ways. *Universes*: the same events with other weights,
many times. *A shift*: one other simulation at +1σ, and another at −1σ if there is one. *A matrix*
that somebody else has made. And *simulated events*: how many stand behind a bin. Each becomes a
covariance; sources know nothing of each other, so covariances add.

A change of the detector moves few events from bin to bin. Simulated twice with the same dice, event
by event, all others cancel in the difference, and with them their statistical noise (`paired`).

Laws: a covariance is symmetric and no eigenvalue is below zero; shifts of a source give its
covariance back; doubled exposure doubles errors and leaves fractions; a universe that is as ours
adds nothing; paired differences have the error of the events that moved, and of no others; the
square of a shrunk shift is on average that of the true one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from darkpairs import tables
from darkpairs.batches import Template, check_edges
from darkpairs.likelihood import eigenmodes

STATISTICS = "simulated events"  # name of the source that `statistics` makes, if none is given


class Source(NamedTuple):
    """One source of error of a prediction of n bins."""

    name: str
    covariance: np.ndarray  #: ndarray (n, n), events²
    shifts: np.ndarray  #: ndarray (k, n), +1σ each [events]; shiftsᵀ shifts is the covariance
    universes: int = 0  #: how many it is from; 0 if not from universes


class Difference(NamedTuple):
    """What a change does to a spectrum, from the same events with and without it."""

    shift: np.ndarray  #: ndarray (n,), changed minus unchanged [events]
    error: np.ndarray  #: ndarray (n,), its statistical error [events]


@dataclass(frozen=True, eq=False)
class Budget:
    """All sources of error of one prediction.

    Attributes
    ----------
    nominal : ndarray (n,)
        The prediction [events].
    sources : tuple of Source
        Each with its own name, independent of the others.
    """

    nominal: np.ndarray
    sources: tuple

    @property
    def names(self):
        """The names of the sources, a tuple of str."""
        return tuple(source.name for source in self.sources)

    @property
    def covariance(self):
        """The sum over sources, ndarray (n, n) [events²]."""
        return sum(source.covariance for source in self.sources)

    @property
    def fractional(self):
        """The covariance over the product of the two predictions, ndarray (n, n)."""
        return self.covariance / np.outer(*[_positive(self.nominal)] * 2)

    @property
    def correlation(self):
        """The covariance over the product of the two errors, ndarray (n, n); 0 without error."""
        error = np.sqrt(np.diag(self.covariance))
        safe = np.where(error > 0, error, 1.0)
        return self.covariance / np.outer(safe, safe)

    @property
    def sizes(self):
        """Relative errors bin by bin, a dict of ndarray (n,) by source with ``"all"`` the last."""
        parts = {source.name: source.covariance for source in self.sources}
        return {name: np.sqrt(np.diag(part)) / _positive(self.nominal)
                for name, part in (parts | {"all": self.covariance}).items()}


def histograms(values, edges, weight, factors=None):
    """Return weighted events per bin, in our world or in many.

    Parameters
    ----------
    values : array-like (events,)
        What is histogrammed; outside the edges, or NaN, it counts nowhere.
    edges : array-like (n+1,)
        Rising; a bin holds its lower edge, the last one its upper, too.
    weight : array-like (events,)
        Events that each row stands for, at the exposure wanted.
    factors : array-like (universes, events), optional
        What each row counts in other universes, as from `weights.universes`.

    Returns
    -------
    ndarray (n,), or (universes, n) with factors
    """
    place, weight = _binned(values, edges, weight)
    inside, n = place >= 0, len(edges) - 1
    place, weight = place[inside], weight[inside]
    if factors is None:
        return np.bincount(place, weight, minlength=n)
    factors = np.asarray(factors, dtype=np.float64)
    if factors.ndim != 2 or factors.shape[1] != len(inside):
        raise ValueError(f"factors of shape {factors.shape} for {len(inside)} events; wanted "
                         f"(universes, {len(inside)})")
    rows = [np.bincount(place, row[inside] * weight, minlength=n) for row in factors]
    return np.array(rows).reshape(len(rows), n)


def places(values, edges):
    """Return the bin of each value, ndarray (n,) of int; −1 outside of the edges and for NaN."""
    return _binned(values, edges, np.ones(np.shape(values)))[0]


def squares(values, edges, weight):
    """Return Σ w² per bin, ndarray (n,): the variance that comes from few simulated events."""
    return histograms(values, edges, np.square(np.asarray(weight, dtype=np.float64)))


def paired(values, changed, edges, weight, changed_weight=None):
    """Return what a change does to a spectrum of events simulated twice, a `Difference`.

    Parameters
    ----------
    values, changed : array-like (events,)
        What is histogrammed without and with the change, of the same events in the same order;
        NaN where an event is not selected.
    edges : array-like (n+1,)
        As for `histograms`.
    weight, changed_weight : array-like (events,)
        Events that each row stands for; the second is as the first if not given.
    """
    before, weight = _binned(values, edges, weight)
    after, later = _binned(changed, edges, weight if changed_weight is None else changed_weight)
    if before.shape != after.shape:
        raise ValueError(f"{len(before)} events without and {len(after)} with the change; wanted "
                         "the same ones, simulated twice")
    n, stay = len(edges) - 1, before == after
    square = np.zeros(n)
    moves = ((before, weight, ~stay), (after, later, ~stay), (before, later - weight, stay))
    for place, move, mask in moves:
        mask = mask & (place >= 0)
        square += np.bincount(place[mask], move[mask] ** 2, minlength=n)
    shift = histograms(changed, edges, later) - histograms(values, edges, weight)
    return Difference(shift, np.sqrt(square))


def carry(difference, before, nominal, groups=None):
    """Carry the relative change of a small sample over to a prediction, a `Difference`.

    A detector is simulated anew for few events, and of these few are selected: bin by bin, their
    change is mostly noise. Bins of one group share the change of their sum.

    Parameters
    ----------
    difference : Difference
        Of the small sample, n bins.
    before : array-like (n,)
        The small sample without the change [events]; its sum over each group is > 0.
    nominal : array-like (n,)
        The prediction.
    groups : array-like (n,) of int, optional
        Which bins belong together; each for itself if not given.
    """
    nominal, before = _line("the prediction", nominal), _line("the small sample", before)
    groups = np.arange(len(nominal)) if groups is None else np.asarray(groups)
    if not nominal.shape == before.shape == groups.shape == difference.shift.shape:
        raise ValueError(f"{len(difference.shift)} differences of {len(before)} bins in "
                         f"{groups.shape} groups for {len(nominal)} bins; wanted one for each bin")
    together = groups[:, None] == groups  # (n, n)
    total = together @ before
    if not (total > 0).all():
        raise ValueError(f"bins {np.flatnonzero(~(total > 0)).tolist()} have no events in the "
                         "small sample; wanted some in each group (join bins)")
    scale = nominal / total
    return Difference(scale * (together @ difference.shift),
                      scale * np.sqrt(together @ difference.error**2))


def shrink(difference):
    """Return a shift without what its own statistical error adds to its square, a `Difference`.

    A measured shift d is the true one, δ, and an error ε. Its square is on average δ² + ε²: taken
    as it is, it would count the few simulated events as an error of the detector. So d² − ε² is
    what is kept, with the sign of d. Where d is smaller than its error nothing is kept: it is not
    known to be there, and ε tells how large it may be.
    """
    square = np.maximum(difference.shift**2 - difference.error**2, 0.0)
    return difference._replace(shift=np.copysign(np.sqrt(square), difference.shift))


def universes(name, nominal, rows):
    """Return a source from a prediction in many universes.

    V_ij is the mean of (N_i − n_i)(N_j − n_j) over universes N around our n: a mean that differs
    from ours is an error, too. U universes give at most U independent directions, and each error
    within 1/√(2U) of itself.

    Parameters
    ----------
    name : str
        What it is.
    nominal : array-like (n,)
        Our prediction [events].
    rows : array-like (universes, n)
        That of each universe. Fewer than two are refused.
    """
    nominal = _line("the prediction", nominal)
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] != len(nominal):
        raise ValueError(f"source {name!r} has universes of shape {rows.shape}; wanted at least 2 "
                         f"with {len(nominal)} bins each")
    away = (_finite(f"universes of source {name!r}", rows) - nominal) / np.sqrt(len(rows))
    covariance = away.T @ away
    covariance = (covariance + covariance.T) / 2
    return Source(str(name), covariance, eigenmodes(covariance), len(rows))


def shift(name, nominal, up, down=None, *, sigmas=1.0):
    """Return a source from a prediction with one thing changed.

    Parameters
    ----------
    name : str
        What it is.
    nominal, up : array-like (n,)
        Our prediction, and that with the change [events].
    down : array-like (n,), optional
        That with the opposite change. The shift is then half the difference of the two; what both
        have in common is no shift of first order and left out.
    sigmas : float
        How many standard deviations the change is, > 0.
    """
    nominal, up = _line("the prediction", nominal), _line(f"source {name!r}", up)
    if not 0 < sigmas < np.inf:
        raise ValueError(f"source {name!r} is changed by {sigmas} standard deviations; wanted > 0")
    other = nominal if down is None else _line(f"source {name!r}", down)
    if not nominal.shape == up.shape == other.shape:
        raise ValueError(f"source {name!r} has {len(up)} and {len(other)} bins; wanted "
                         f"{len(nominal)}")
    row = (up - other) / (sigmas if down is None else 2 * sigmas)
    return Source(str(name), np.outer(row, row), row[None])


def statistics(variance, *, name=STATISTICS):
    """Return the source that the number of simulated events is, from Σ w² (n,) [events²]."""
    variance = _line(f"source {name!r}", variance)
    if (variance < 0).any():
        raise ValueError(f"source {name!r} has a variance of {variance.min():g}; wanted Σ w² ≥ 0")
    return Source(str(name), np.diag(variance), np.diag(np.sqrt(variance))[variance > 0])


def matrix(name, covariance):
    """Return a source from a covariance (n, n) [events²]; one with eigenvalues < 0 is refused."""
    covariance = np.array(covariance, dtype=np.float64)
    try:
        return Source(str(name), (covariance + covariance.T) / 2, eigenmodes(covariance))
    except ValueError as error:
        raise ValueError(f"source {name!r}: {error}") from None


def gather(nominal, sources):
    """Return all sources of error of a prediction, a `Budget`.

    Parameters
    ----------
    nominal : array-like (n,)
        The prediction [events].
    sources : sequence of Source
        At least one. Two of one name, or other bins, are refused.
    """
    nominal, sources = _line("the prediction", nominal), tuple(sources)
    names = [source.name for source in sources]
    if not sources or len(set(names)) != len(names) or "all" in names:
        raise ValueError(f"sources {names}; wanted one at least, each with a name of its own that "
                         "is not 'all'")
    for source in sources:
        if source.covariance.shape != 2 * nominal.shape:
            raise ValueError(f"source {source.name!r} has a covariance of shape "
                             f"{source.covariance.shape}; wanted {2 * nominal.shape}")
    return Budget(nominal, sources)


def template(edges, signal, background, budget, *, by="covariance"):
    """Return the `Template` of a prediction with its errors.

    Parameters
    ----------
    edges : array-like (n+1,)
        Of the bins.
    signal : array-like (n,)
        Events of the signal at strength 1.
    background : array-like (kinds, n)
        Events of each kind; their sum is what the budget is about, and refused if it is not.
    budget : Budget
        The errors.
    by : str
        ``"covariance"``: their sum. ``"shifts"``: row by row, in the order of `labels`.
    """
    total = np.sum(np.atleast_2d(background), axis=0)
    if not np.allclose(total, budget.nominal, rtol=1e-9, atol=0):
        raise ValueError(f"background {total.tolist()}; wanted that of the budget, "
                         f"{budget.nominal.tolist()}")
    if by not in ("covariance", "shifts"):
        raise ValueError(f"by = {by!r}; wanted 'covariance' or 'shifts'")
    rows = np.vstack([source.shifts for source in budget.sources])
    errors = {"covariance": budget.covariance} if by == "covariance" else {"shifts": rows}
    return Template(edges, signal, np.atleast_2d(background), **errors)


def labels(budget):
    """Return the name of the source of each row of shifts, a tuple of str."""
    return tuple(source.name for source in budget.sources for _ in source.shifts)


def published():
    """Return the relative errors of the four bins of the published score, ndarray (4,).

    Bins from 0.772 to 1 in the score against neutral pions; from the covariance read off the
    figure of arXiv:2502.10900.
    """
    found = tables.read("microboone_fractional_covariance.csv").matrix()
    return np.sqrt(np.diag(found))[:len(tables.read("microboone_score.csv")["low"])]


def _binned(values, edges, weight):
    """Return the bin of each event, −1 where it is in none, and its weight."""
    values, edges = np.asarray(values, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    weight = np.asarray(weight, dtype=np.float64)
    check_edges(edges, "edges")
    if values.ndim != 1 or values.shape != weight.shape:
        raise ValueError(f"{values.shape} values with {weight.shape} weights; wanted one for each "
                         "event")
    place = np.searchsorted(edges, values, side="right") - 1
    place = np.where(values == edges[-1], len(edges) - 2, place)
    return np.where((place < len(edges) - 1) & ~np.isnan(values), place, -1), \
        _finite("weights", weight)


def _line(what, values):
    values = np.array(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{what} has shape {values.shape}; wanted one number for each bin")
    return _finite(what, values)


def _finite(what, values):
    if not np.isfinite(values).all():
        raise ValueError(f"{what}: {int((~np.isfinite(values)).sum())} numbers are NaN or "
                         "infinite; wanted finite ones")
    return values


def _positive(nominal):
    if not (nominal > 0).all():
        raise ValueError(f"bins {np.flatnonzero(~(nominal > 0)).tolist()} have no prediction; "
                         "wanted > 0 in each for relative errors (join bins)")
    return nominal
