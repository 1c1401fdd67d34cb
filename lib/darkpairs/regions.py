"""Parts of the data with a purpose: signal region, sidebands, and plain cuts one after the other.

In: `Reco`, scores and cuts. Out: masks, and what passes cut after cut. Chapters: selection,
focused.

A sideband holds events that pass all cuts but one: it is rich in what that one throws out, poor in
signal, and shares no event with the signal region.

Laws: a sideband and the signal region share nothing; each step of a flow passes no more than the
one before; the last step is the product of all masks.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs.batches import KINDS
from darkpairs.cuts import passes
from darkpairs.record import TOPOLOGIES

FOCUSED_SIDEBAND = (0.6, 0.7)  # the note, §3 and Fig. 9: scores in this range, without protons


class Plain(NamedTuple):
    """Cuts that a student would make, for comparison. All numbers are our choice."""

    border: Given[float, "cm", "from the start to the nearest wall, at least; ours"] = 5.0
    wall: Given[float, "cm", "from the start backwards to a wall, at least; ours"] = 25.0
    track: Given[float, "cm", "longest track, at most; ours"] = 20.0
    angle: Given[float, "rad", "to the beam, at most; ours"] = 0.5
    energy: Given[float, "MeV", "of all showers, at least; ours"] = 100.0


PLAIN = Plain()


def topology(reco, name):
    """Tell which rows are of a topology, ndarray (n,) of bool.

    Parameters
    ----------
    reco : Reco
        Rows.
    name : str
        One of `record.TOPOLOGIES`.
    """
    if name not in TOPOLOGIES:
        raise ValueError(f"unknown topology {name!r}; wanted one of {', '.join(TOPOLOGIES)}")
    return reco.topology == TOPOLOGIES.index(name)


def plain(reco, algorithm, *, rules=PLAIN):
    """Return a selection without any model, a dict from words to masks ndarray (n,) of bool.

    Parameters
    ----------
    reco : Reco
        Rows; those of other algorithms pass nothing.
    algorithm : str
        Whose rows are wanted.
    rules : Plain
        Where to cut.
    """
    other, mine = TOPOLOGIES.index("other"), reco.of(algorithm)
    with np.errstate(invalid="ignore"):  # NaN passes nothing
        steps = {"1s0t, 1s1t or 2s0t": reco.topology != other,
                 "away from the walls": reco.border >= rules.border,
                 "not from outside": reco.wall >= rules.wall,
                 "no long track": reco.longest_track <= rules.track,
                 "no proton": reco.protons == 0,
                 "energy": reco.energy_showers >= rules.energy,
                 "forward": reco.angle <= rules.angle}
    return {words: mine & mask for words, mask in steps.items()}


def flow(steps, kind, weight, *, where=None):
    """Return what is left after cut upon cut, a dict from words to ndarray (kinds,).

    Parameters
    ----------
    steps : dict of str to ndarray (n,) of bool
        Masks, in their order.
    kind, weight : ndarray (n,)
        Of each row; the place in `batches.KINDS`, and events.
    where : ndarray (n,) of bool, optional
        Which rows there are to begin with, such as those of one algorithm; all if not given.

    Returns
    -------
    dict
        Events of each of `batches.KINDS`; first ``"all"``, then one entry for each step.
    """
    kind, weight = np.asarray(kind), np.asarray(weight, dtype=np.float64)
    left = np.ones(len(kind), dtype=bool) if where is None else _mask(where, len(kind))
    result = {}
    for words, mask in {"all": left, **steps}.items():
        left = left & _mask(mask, len(kind))
        result[words] = np.bincount(kind[left], weights=weight[left], minlength=len(KINDS))
    return result


def sideband(search, name):
    """Tell which rows pass all cuts but that against one class, ndarray (n,) of bool.

    With ``"pi0"`` it is rich in neutral pions, with ``"other"`` in events from the dirt: the two
    of the note's Fig. 6.

    Parameters
    ----------
    search : selection.Search
        Scores, folds and cuts.
    name : str
        One of its models.
    """
    against = search.of(name)
    without = np.where(np.isin(search.trained.recipe.names, [name]), -np.inf, search.cuts)
    mask = passes(search.scores, search.fold, without) & ~search.chosen
    return mask & ~np.isnan(against)


def between(score, low, high):
    """Tell which rows have a score above `low` and up to `high`, ndarray (n,) of bool."""
    if not low < high:
        raise ValueError(f"scores from {low} to {high}; wanted low < high")
    with np.errstate(invalid="ignore"):
        return (score > low) & (score <= high)


def near(search, reco, *, limits=FOCUSED_SIDEBAND):
    """Tell which rows are in the near sideband of the focused search, ndarray (n,) of bool.

    Parameters
    ----------
    search : selection.Search
        Of `selection.focused`, with one score.
    reco : Reco
        Its rows.
    limits : (float, float)
        Between which scores.
    """
    if search.scores.shape != (len(reco), 1):
        raise ValueError(f"scores of shape {search.scores.shape} for {len(reco)} rows; wanted one "
                         "score for each row")
    return between(search.scores[:, 0], *limits) & (reco.protons == 0)


def _mask(mask, n):
    mask = np.asarray(mask)
    if mask.shape != (n,) or mask.dtype != bool:
        raise ValueError(f"a mask of shape {mask.shape} and type {mask.dtype} for {n} rows; wanted "
                         "one bool for each")
    return mask
