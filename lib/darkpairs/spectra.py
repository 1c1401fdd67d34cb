"""What passes a selection: efficiencies, purity, who it is, and spectra kind by kind.

In: masks, weights, any quantity of each event. Out: `Efficiency`, `Spectrum`, `Template`. Chapters:
selection, focused.

This room is given arrays and does not ask what they are. So it may be given what really happened,
which no selection may.

*Errors.* A sum of weights has the variance Σw². A share of weighted events is that of effective
ones: with w selected of W, the share is Σw/ΣW and lies where it would with (ΣW)²/ΣW² events that
count one. That is exact where weights do not depend on being selected.

Laws: bins add up to what was put in; a spectrum is the sum of its kinds; efficiencies of all bins
average to that of the whole; parts by topology add up to all; intervals hold the truth as often
as they promise.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from darkpairs.batches import KINDS, Template, check_edges
from darkpairs.counting import ONE_SIGMA, effective, interval

POT = 6.87e20  # protons on target of the broad search, the note §2


class Efficiency(NamedTuple):
    """Shares of events in bins of some quantity."""

    edges: np.ndarray  #: ndarray (n+1,)
    value: np.ndarray  #: ndarray (n,), NaN in an empty bin
    low: np.ndarray  #: ndarray (n,), ends of the interval; 0 and 1 in an empty bin
    high: np.ndarray
    effective: np.ndarray  #: ndarray (n,), events before the selection that the weights are worth


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A histogram for each kind.

    Attributes
    ----------
    edges : ndarray (n+1,)
        Of the bins.
    kinds : tuple of str
        Which kinds, in the order of `batches.KINDS`.
    events : ndarray (kinds, n)
        Expected events.
    variance : ndarray (kinds, n)
        Σw² [events²], of the statistics of the simulation.
    """

    edges: np.ndarray
    kinds: tuple
    events: np.ndarray
    variance: np.ndarray

    def of(self, *kinds):
        """Return the events of some kinds together and their standard error, two ndarray (n,)."""
        rows = [self.kinds.index(kind) for kind in kinds if kind in self.kinds]
        unknown = {*kinds} - {*KINDS}
        if unknown:
            raise ValueError(f"kinds {sorted(unknown)}; wanted some of {', '.join(KINDS)}")
        return self.events[rows].sum(axis=0), np.sqrt(self.variance[rows].sum(axis=0))

    def background(self):
        """Return kinds that are no signal, a tuple of str."""
        return tuple(kind for kind in self.kinds if kind != "signal")

    def effective(self):
        """Return the effective number of background events in each bin, ndarray (n,)."""
        events, error = self.of(*self.background())
        return np.divide(events, error, out=np.zeros(len(events)), where=error > 0) ** 2

    def template(self, **errors):
        """Return it as a `Template`; a bin without background is refused there.

        Parameters
        ----------
        **errors
            ``shifts`` or ``covariance``, as in `Template`.
        """
        rows = [self.kinds.index(kind) for kind in self.background()]
        return Template(self.edges, self.of("signal")[0], self.events[rows], **errors)


def spectrum(values, edges, kind, weight, *, where=None):
    """Return a histogram for each kind that there is, a `Spectrum`.

    Parameters
    ----------
    values : array-like (n,)
        Of each row; NaN falls into no bin.
    edges : array-like (m+1,)
        Bins are [low, high), the last one with its upper end.
    kind, weight : array-like (n,)
        Of each row: place in `batches.KINDS`, and expected events ≥ 0.
    where : ndarray (n,) of bool, optional
        Which rows; all if not given.
    """
    values, weight = (np.asarray(x, dtype=np.float64) for x in (values, weight))
    kind, where = np.asarray(kind), _where(where, len(values))
    edges = _edges(edges)
    _weighed(weight, values)
    if kind.shape != values.shape or (len(kind) and not 0 <= kind.min() <= kind.max() < len(KINDS)):
        raise ValueError(f"kinds of shape {kind.shape} for {len(values)} rows; wanted one of "
                         f"0 … {len(KINDS) - 1} for each")
    there = [k for k in range(len(KINDS)) if (kind == k).any()]
    sums = np.array([[np.histogram(values[mine], edges, weights=weight[mine] ** power)[0]
                      for mine in (where & (kind == k) for k in there)] for power in (1, 2)])
    sums = sums.reshape(2, len(there), len(edges) - 1)
    return Spectrum(edges, tuple(KINDS[k] for k in there), *sums)


def efficiency(selected, values, edges, weight=None, *, level=ONE_SIGMA):
    """Return which share of events is selected, bin by bin, an `Efficiency`.

    Parameters
    ----------
    selected : ndarray (n,) of bool
        Who passes, of all events that there were.
    values : array-like (n,)
        Any quantity; NaN falls into no bin.
    edges : array-like (m+1,)
        As in `spectrum`.
    weight : array-like (n,), optional
        What each event counts, ≥ 0; 1 if not given.
    level : float
        Of the intervals; see `counting.interval`.
    """
    values = np.asarray(values, dtype=np.float64)
    weight = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    selected, edges = _where(selected, len(values)), _edges(edges)
    _weighed(weight, values)
    whole, square, passed = (np.histogram(values, edges, weights=w)[0]
                             for w in (weight, weight**2, weight * selected))
    count = np.divide(whole**2, square, out=np.zeros(len(whole)), where=square > 0)
    share = np.divide(passed, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    share = np.minimum(share, 1.0)  # rounding
    low, high = interval(np.nan_to_num(share) * count, count, level=level)
    return Efficiency(edges, share, low, high, count)


def share(selected, weight=None, *, level=ONE_SIGMA):
    """Return the efficiency of a whole sample and its interval, three floats.

    Parameters
    ----------
    selected, weight, level
        As in `efficiency`.
    """
    one = efficiency(selected, np.zeros(len(selected)), [0.0, 1.0], weight, level=level)
    return float(one.value[0]), float(one.low[0]), float(one.high[0])


def composition(chosen, kind, weight):
    """Return who is selected, a dict from kinds to (events, standard error, rows).

    Parameters
    ----------
    chosen : ndarray (n,) of bool
        Who passes.
    kind, weight : array-like (n,)
        As in `spectrum`.
    """
    one = spectrum(np.zeros(len(chosen)), [0.0, 1.0], kind, weight, where=chosen)
    kind, chosen = np.asarray(kind), _where(chosen, len(kind))
    return {name: (float(events[0]), float(np.sqrt(square[0])),
                   int((chosen & (kind == KINDS.index(name))).sum()))
            for name, events, square in zip(one.kinds, one.events, one.variance, strict=True)}


def purity(chosen, kind, weight, *, signal="signal"):
    """Return the share of signal among what is selected, S/(S + B); NaN if nothing is.

    Parameters
    ----------
    chosen, kind, weight
        As in `composition`.
    signal : str
        Which kind is looked for.
    """
    who = composition(chosen, kind, weight)
    total = sum(events for events, _, _ in who.values())
    return who.get(signal, (0.0,))[0] / total if total > 0 else float("nan")


def background(chosen, kind, weight, *, signal="signal"):
    """Return expected background, its error from simulation, and effective events, three floats.

    Parameters
    ----------
    chosen, kind, weight, signal
        As in `purity`.
    """
    mine = _where(chosen, len(np.asarray(kind))) & (np.asarray(kind) != KINDS.index(signal))
    some = np.asarray(weight, dtype=np.float64)[mine]
    return float(some.sum()), float(np.sqrt((some**2).sum())), effective(some)


def _edges(edges):
    edges = np.asarray(edges, dtype=np.float64)
    check_edges(edges, "edges")
    return edges


def _weighed(weight, values):
    if values.ndim != 1 or weight.shape != values.shape or not (
            np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError(f"weights of shape {weight.shape} for values of shape {values.shape}; "
                         "wanted one finite number ≥ 0 for each")


def _where(mask, n):
    mask = np.ones(n, dtype=bool) if mask is None else np.asarray(mask)
    if mask.shape != (n,) or mask.dtype != bool:
        raise ValueError(f"a mask of shape {mask.shape} and type {mask.dtype} for {n} rows; wanted "
                         "one bool for each")
    return mask
