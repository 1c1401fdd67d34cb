"""Parts of the data with a purpose: signal region, sidebands, and plain cuts one after the other.

In: `Reco`, scores and cuts. Out: masks, and what passes cut after cut. Chapters: selection,
focused, sidebands.

A sideband holds events that pass all cuts but one: it is rich in what that one throws out, poor in
signal, and shares no event with the signal region. Cuts that suit a search leave hardly any events
to such a sideband; so for a *far* one they are loosened first, by a power of their odds.

Laws: a sideband and the signal region share nothing, nor do two far sidebands; a loosened cut lets
all pass that the cut lets pass; each step of a flow passes no more than the one before; the last
step is the product of all masks.
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


class Loose(NamedTuple):
    """Where the far sidebands begin. All numbers are our choice, made on simulation."""

    power: Given[float, "", "of the odds of each cut; 0 is a score of ½, 1 the cut itself"] = 0.3
    wall: Given[float, "cm", "from a start back to a wall, at most, for dirt"] = 25.0


LOOSE = Loose()
RICH = {"pi0": "pi0", "dirt": "other"}  # far sidebands, and the model whose cut they fail


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


def far(search, reco, name, *, loose=LOOSE):
    """Tell which rows are in a far sideband of the broad search, ndarray (n,) of bool.

    Both kinds of the note's Fig. 6. All cuts are loosened. Rich in neutral pions is what passes
    them all but the one against pions. Rich in dirt is what passes those against muons from the sky
    and electron neutrinos, fails that against others, and points back to a wall nearby.

    Parameters
    ----------
    search : selection.Search
        Of `selection.broad`, with all models of ``selection.BROAD``.
    reco : Reco
        Its rows.
    name : str
        One of ``RICH``.
    loose : Loose
        How far cuts are loosened.
    """
    if name not in RICH or not 0 <= loose.power <= 1:
        raise ValueError(f"far sideband {name!r} with cuts to the power {loose.power}; wanted one "
                         f"of {', '.join(RICH)}, and 0 ≤ power ≤ 1")
    limits = loosened(search.cuts, loose.power)[search.fold]
    asked = ["cosmic", "nue", *(model for model in RICH.values() if name == "pi0")]
    with np.errstate(invalid="ignore"):  # NaN passes nothing, and fails nothing
        column = search.trained.recipe.names.index
        fails = {each: search.of(each) < limits[:, column(each)] for each in RICH.values()}
        mask = fails[RICH[name]] & ~search.chosen
        for each in asked:
            if each != RICH[name]:
                mask = mask & (search.of(each) >= limits[:, column(each)])
        return mask & (reco.wall <= loose.wall) if name == "dirt" else mask


def loosened(cuts, power):
    """Return cuts whose odds are those of others to a power, ndarray like `cuts`.

    A cut at a score of ½ or less, or none at all, becomes ½.
    """
    cuts = np.clip(np.asarray(cuts, dtype=np.float64), 0.5, 1.0)
    return 1 / (1 + ((1 - cuts) / cuts) ** power)


def events(reco, mask):
    """Tell which rows are of events with any row in a mask, ndarray (n,) of bool.

    An event has a row of each algorithm; kind and number say which belong together.
    """
    numbers = reco.kind.astype(np.int64) << 48 | reco.event
    return np.isin(numbers, numbers[_mask(mask, len(reco))])


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
