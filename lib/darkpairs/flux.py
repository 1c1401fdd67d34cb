"""The Booster Neutrino Beam at the two experiments.

In: the name of an experiment. Out: a `Flux`, and numbers of neutrinos. Chapter: beam.

The beam fires 8 GeV protons at beryllium; mesons from the target decay in flight. The published
histograms hold neutrinos per cm², per proton on target (POT) and per 50 MeV, in neutrino mode.

Laws: the integral is the sum over bins; parts of a range add up to the whole; a density is never
negative and is zero beyond the last bin.
"""

from functools import cache

import numpy as np

from darkpairs import detector, tables
from darkpairs.batches import Flux

FLAVOURS = ("numu", "numubar", "nue", "nuebar")


@cache
def bnb(experiment):
    """Return the beam at an experiment, neutrino mode.

    Parameters
    ----------
    experiment : str
        ``"microboone"`` or ``"miniboone"``.

    Returns
    -------
    Flux
        Per flavour, per cm², POT and MeV; the source of each is in the header of its table.
    """
    detector.paper(experiment)
    table = tables.read(f"bnb_flux_{experiment}.csv")
    edges = np.append(table["low"], table["high"][-1])
    return Flux(edges, *(table[flavour] / np.diff(edges) for flavour in FLAVOURS))


def density(flux, energy, *, flavour="numu"):
    """Return the flux at given energies: the height of the bin that holds each.

    Parameters
    ----------
    flux : Flux
        The beam.
    energy : array-like
        Neutrino energies [MeV], not negative.
    flavour : str
        One of ``FLAVOURS``.

    Returns
    -------
    ndarray
        [1/cm²/POT/MeV], of the shape of `energy`; zero beyond the last bin.
    """
    energy = np.asarray(energy, dtype=np.float64)
    if not (energy >= 0).all():
        raise ValueError(f"neutrino energies must be numbers ≥ 0 MeV; got {energy.min()}")
    heights = np.append(_flavour(flux, flavour), 0.0)
    place = np.searchsorted(flux.edges, energy, side="right") - 1
    return np.where(place < 0, 0.0, heights[np.clip(place, 0, len(heights) - 1)])


def integral(flux, *, flavour="numu", low=0.0, high=np.inf):
    """Return neutrinos per cm² and POT between two energies [MeV]."""
    if not 0 <= low < high:
        raise ValueError(f"energies from {low} to {high} MeV; wanted 0 ≤ low < high")
    return _moments(flux, flavour, low, high)[0]


def mean_energy(flux, *, flavour="numu", low=0.0, high=np.inf):
    """Return the mean energy [MeV] of the neutrinos between two energies."""
    total, weighted = _moments(flux, flavour, low, high)
    if total == 0:
        raise ValueError(f"no {flavour} between {low} and {high} MeV, so no mean energy")
    return weighted / total


def fluence(flux, pot, *, flavour="numu"):
    """Return neutrinos per cm² after `pot` protons on target."""
    if not pot > 0:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    return pot * integral(flux, flavour=flavour)


def _flavour(flux, flavour):
    if flavour not in FLAVOURS:
        raise ValueError(f"unknown flavour {flavour!r}; wanted one of {', '.join(FLAVOURS)}")
    return getattr(flux, flavour)


def _moments(flux, flavour, low, high):
    """Return ∫φ dE and ∫E φ dE over a range; bins cut by its ends count in part."""
    left = np.clip(flux.edges[:-1], low, high)
    right = np.clip(flux.edges[1:], low, high)
    inside = _flavour(flux, flavour) * (right - left)
    return float(inside.sum()), float((inside * (left + right) / 2).sum())
