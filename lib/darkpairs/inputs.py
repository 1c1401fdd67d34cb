"""What a model of the selection may look at, and which fold an event is in.

In: `Reco`. Out: columns as a matrix, who passes the preselection, numbers of folds. Chapter:
selection.

*Columns.* A model sees `Reco.FEATURES` without places. Where in the chamber a shower starts says
how far the walls are; two columns, ``wall`` and ``border``, say that in plain words. What else it
says is no physics of pairs: which wires are dead, and where one sample happens to hold more events
than another. The direction across the drift is left out for the same reason, and the one along the
beam because ``angle`` says the same. The vertical one stays: cosmic rays come from above.
``unclustered`` is left out, too. Charge that belongs to no object is the event's own in a sample
without muons, and mostly the muons' under them: models that have learnt from the one look for
something else in the other.

*Folds.* An event's fold is a throw of the dice of `rng` that hangs on its kind and its number in
its sample, not on the seed: an event and its twin in a changed detector share a fold. A model is
never asked about events of a fold that it has learnt from.

Laws: no truth, weight, kind or number among the columns; the order of events does not matter; folds
are of one size within chance, alike for all kinds, and an event keeps its fold.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import njit
from darkpairs.batches import KINDS
from darkpairs.record import TOPOLOGIES, Reco
from darkpairs.rng import _next, _start, stream

FOLDS = 5  # the note does not say; our choice
PLACES = ("start_x", "start_y", "start_z", "vertex_x", "vertex_y", "vertex_z", "direction_x",
          "direction_z")
SWEPT = ("unclustered",)  # of the event in one sample, of the muons in another
COLUMNS = tuple(name for name in Reco.FEATURES if name not in PLACES + SWEPT)
# NaN in these says that there is no second object or vertex, or too little near the start to tell
MAY_LACK = frozenset((
    "energy_second", "asymmetry", "opening", "dedx_leading", "dedx_second", "gap", "prong_angle",
    "prong_leading", "prong_second", "prong_gain", "prong_score", "second_length", "second_width",
    "pion_mass", *(name for name in PLACES if name.startswith("vertex"))))


class Door(NamedTuple):
    """Which events the models are asked about. All numbers are our choice."""

    energy: Given[float, "MeV", "of the leading object, at least; ours"] = 30.0
    border: Given[float, "cm", "from its start to the nearest wall, at least; ours"] = 0.0
    protons: Given[float, "", "at most so many near the start; ours"] = np.inf


DOOR = Door()


def preselect(reco, *, algorithm, topologies=TOPOLOGIES[:3], door=DOOR):
    """Tell which rows pass the preselection, ndarray (n,) of bool.

    Parameters
    ----------
    reco : Reco
        Rows of any algorithm.
    algorithm : str
        Whose rows are wanted; the others do not pass.
    topologies : sequence of str
        Which of `record.TOPOLOGIES` pass.
    door : Door
        What else is asked.
    """
    if not topologies or not {*topologies} <= {*TOPOLOGIES}:
        raise ValueError(f"topologies {topologies!r}; wanted some of {', '.join(TOPOLOGIES)}")
    for name, value in door._asdict().items():
        if not value >= 0:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number ≥ 0")
    places = [TOPOLOGIES.index(name) for name in topologies]
    with np.errstate(invalid="ignore"):  # an event in which nothing was found passes nothing
        return (reco.of(algorithm) & np.isin(reco.topology, places)
                & (reco.energy_leading >= door.energy) & (reco.border >= door.border)
                & (reco.protons <= door.protons))


def matrix(reco, rows, columns=COLUMNS):
    """Return the columns of some rows side by side, ndarray (m, c).

    Parameters
    ----------
    reco : Reco
        What a reconstruction says.
    rows : ndarray (n,) of bool, or ndarray (m,) of int
        Which rows.
    columns : sequence of str
        Which columns; of `Reco.FEATURES`.

    Raises
    ------
    ValueError
        For a column that is no feature, infinite numbers, or NaN where it has no meaning.
    """
    strange = [name for name in columns if name not in Reco.FEATURES]
    if strange or not len(columns):
        raise ValueError(f"columns {strange} are no features; wanted some of "
                         f"{', '.join(Reco.FEATURES)}")
    values = np.column_stack([np.asarray(getattr(reco, name)[rows], dtype=np.float64)
                              for name in columns])
    for name, column in zip(columns, values.T, strict=True):
        bad = np.isinf(column) if name in MAY_LACK else ~np.isfinite(column)
        if bad.any():
            raise ValueError(f"column {name!r} holds NaN or infinity in {int(bad.sum())} of "
                             f"{len(column)} rows; wanted finite numbers"
                             + (", or NaN for what is not there" if name in MAY_LACK else ""))
    return values


def folds(reco, n=FOLDS):
    """Return the fold of each row, ndarray (n,) of int8 from 0 to n − 1.

    Parameters
    ----------
    reco : Reco
        Its ``kind`` and ``event`` alone are used.
    n : int
        How many folds, 2 to 100.
    """
    if not 2 <= n <= 100 or n % 1:
        raise ValueError(f"{n} folds; wanted a whole number from 2 to 100")
    if len(reco) and not 0 <= reco.kind.min() <= reco.kind.max() < len(KINDS):
        raise ValueError(f"kinds from {reco.kind.min()} to {reco.kind.max()}; wanted 0 to "
                         f"{len(KINDS) - 1}")
    streams = np.array([stream(name, "fold") for name in KINDS], dtype=np.uint64)
    return _folds(streams, reco.kind, reco.event, int(n))


@njit
def _folds(streams, kind, event, n):
    """Throw a die of n sides for each row."""
    result = np.empty(len(event), dtype=np.int8)
    for i in range(len(event)):
        _, u = _next(_start(np.uint64(0), streams[kind[i]], np.uint64(event[i])))
        result[i] = int(u * n)
    return result
