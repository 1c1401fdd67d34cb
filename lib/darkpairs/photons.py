"""What became of the two photons of a π⁰: who was seen, and why the other one was not.

In: `Truth`, `Deposits`, `Reco`. Out: energy left by each particle, and one of FATES for each row.
Chapter: background.

A π⁰ is told by two photons; with one alone it looks like a narrow pair. The second one may have had
too little energy, may have left the chamber before it gave its energy away, or may lie in the first
one's shower. This room asks what really happened, to judge a reconstruction that is already done.

Laws: energy left by the particles of an event sums to its deposits; each row has one fate; whoever
has an object of its own is not lost; a slow loop finds the same.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs.background import LOSS
from darkpairs.fermi import PHOTON

FATES = BOTH, SOFT, LEAVES, MERGED, NEITHER = ("both seen", "too soft", "leaves", "merged",
                                               "none seen")


class Rules(NamedTuple):
    """Why a photon is lost: the first of these that holds."""

    soft: Given[float, "MeV", "our choice: it had less energy"] = LOSS.soft
    share: Given[float, "", "our choice: it left less than this share of it inside"] = 0.5


RULES = Rules()


def left(truth, deposits):
    """Return the energy that each particle has left in the active volume, ndarray (m,) [MeV].

    Parameters
    ----------
    truth : Truth
        Events.
    deposits : Deposits
        Of the same events, as from `transport.deposits`.
    """
    if not np.array_equal(truth.event, deposits.event):
        raise ValueError(f"{len(truth)} events and deposits of {len(deposits)} events; wanted "
                         "deposits of the same events")
    mine = np.repeat(truth.offsets[:-1], np.diff(deposits.offsets)) + deposits.particle
    return np.bincount(mine, deposits.energy, len(truth.pdg))


def fates(truth, reco, energy, *, rules=RULES):
    """Return what became of the photons of each π⁰, as places in ``FATES``.

    Parameters
    ----------
    truth : Truth
        Events with one π⁰ and its two photons each, with numbers that rise.
    reco : Reco
        Rows of such events; the same columns of a table of pandas will do.
    energy : ndarray (m,)
        What each particle has left, from `left`.
    rules : Rules
        Why a photon is lost.

    Returns
    -------
    ndarray (n,) of int8
        A photon is seen if one of the two leading objects is mostly its own. If one is, and the
        other is not, it was too soft, or it leaves, or it is merged: its energy is there, but in
        other objects.
    """
    photons = _photons(truth)
    own = photons - truth.offsets[:-1, None]
    event = np.searchsorted(truth.event, np.asarray(reco.event))
    if (event >= len(truth)).any() or not np.array_equal(truth.event[event], reco.event):
        raise ValueError("rows of events that are not in the truth; wanted rows of its events")
    objects = np.stack([reco.truth_particle, reco.truth_second_particle], axis=1)
    seen = (own[event][:, :, None] == objects[:, None, :]).any(axis=2)
    missed = photons[event, np.argmin(seen, axis=1)]  # the first that is not seen
    size = truth.p4[missed, 0]
    reason = np.where(energy[missed] < rules.share * size, FATES.index(LEAVES),
                      FATES.index(MERGED))
    reason = np.where(size < rules.soft, FATES.index(SOFT), reason)
    count = seen.sum(axis=1)
    return np.select([count == 2, count == 0], [FATES.index(BOTH), FATES.index(NEITHER)],
                     reason).astype(np.int8)


def _photons(truth):
    """Return the rows of the two photons of each event, ndarray (n, 2)."""
    if not (np.diff(truth.event) > 0).all():
        raise ValueError("event numbers that do not rise; wanted each event once, in order")
    rows = np.flatnonzero(truth.pdg == PHOTON)
    counts = np.bincount(np.searchsorted(truth.offsets, rows, side="right") - 1,
                         minlength=len(truth))
    if (counts != 2).any():
        i = int(np.argmax(counts != 2))
        raise ValueError(f"event {truth.event[i]} has {counts[i]} photons; wanted one π⁰ and its "
                         "two photons")
    return rows.reshape(-1, 2)
