"""The batch types: frozen bundles of plain arrays that travel between the rooms.

In: arrays. Out: the same arrays, checked once, read-only from then on.

A room never writes into what it was given, so a cell of a chapter can be run twice. The first axis
is the row; the shape and the unit stand beside each field.
"""

from dataclasses import dataclass

import numpy as np


def freeze(batch, **shapes):
    """Turn the named fields of a new batch into read-only float64 arrays of the wanted shapes.

    Parameters
    ----------
    batch : dataclass instance
        A frozen dataclass that is being born.
    **shapes : str
        For each field its shape in words, such as ``"n"``, ``"n+1"`` or ``"m,4"``. A letter
        stands for one length, the same for all fields.

    Raises
    ------
    ValueError
        If an entry is NaN or infinite, or if lengths do not fit; the message names the field.
    """
    sizes = {}
    for name, shape in shapes.items():
        array = np.array(getattr(batch, name), dtype=np.float64)
        where = f"{type(batch).__name__}.{name}"
        if not np.isfinite(array).all():
            raise ValueError(f"{where} holds NaN or infinity; wanted finite numbers")
        _check_shape(where, array.shape, shape.split(","), sizes)
        array.flags.writeable = False
        object.__setattr__(batch, name, array)


def _check_shape(where, given, wanted, sizes):
    """Compare one shape with the wanted one; letters met for the first time are learnt."""
    fits = len(given) == len(wanted)
    for length, word in zip(given, wanted, strict=False):
        letter, _, extra = word.partition("+")
        size = int(letter) if letter.isdigit() else sizes.setdefault(
            letter, length - int(extra or 0))
        fits = fits and length == size + int(extra or 0)
    if not fits:
        known = ", ".join(f"{letter} = {size}" for letter, size in sizes.items())
        raise ValueError(
            f"{where} has shape {given}; wanted ({', '.join(wanted)})"
            + (f" with {known}" if known else ""))


def check_edges(edges, where):
    """Refuse bin edges that do not rise."""
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"{where} must rise from edge to edge, with at least one bin")


@dataclass(frozen=True, eq=False)
class Flux:
    """A neutrino flux, as a histogram in energy for each flavour.

    Attributes
    ----------
    edges : ndarray (n+1,)
        Bin edges of the neutrino energy [MeV].
    numu, numubar, nue, nuebar : ndarray (n,)
        Neutrinos per area, protons on target and energy [1/cm²/POT/MeV].
    """

    edges: np.ndarray
    numu: np.ndarray
    numubar: np.ndarray
    nue: np.ndarray
    nuebar: np.ndarray

    def __post_init__(self):
        freeze(self, edges="n+1", numu="n", numubar="n", nue="n", nuebar="n")
        check_edges(self.edges, "Flux.edges")


@dataclass(frozen=True, eq=False)
class Release:
    """What MiniBooNE published in 2020 for neutrino mode: counts, predictions and their errors.

    Attributes
    ----------
    edges : ndarray (n+1,)
        Bin edges of the reconstructed energy E_ν^QE of the ν_e sample [MeV].
    data, background : ndarray (n,)
        Events seen, and events expected before any constraint.
    numu_edges : ndarray (m+1,)
        Bin edges of E_ν^QE of the ν_μ sample [MeV].
    numu_data, numu_prediction : ndarray (m,)
        Events of the ν_μ sample, seen and expected.
    fractional : ndarray (k, k)
        Fractional covariance of (ν_e signal, ν_e background, ν_μ), k = 2n + m.
    """

    edges: np.ndarray
    data: np.ndarray
    background: np.ndarray
    numu_edges: np.ndarray
    numu_data: np.ndarray
    numu_prediction: np.ndarray
    fractional: np.ndarray

    def __post_init__(self):
        freeze(self, edges="n+1", data="n", background="n", numu_edges="m+1", numu_data="m",
               numu_prediction="m", fractional="k,k")
        check_edges(self.edges, "Release.edges")
        check_edges(self.numu_edges, "Release.numu_edges")
        if len(self.fractional) != 2 * len(self.data) + len(self.numu_data):
            raise ValueError(
                f"Release.fractional is {len(self.fractional)} wide; wanted "
                f"{2 * len(self.data) + len(self.numu_data)} = signal + background + ν_μ bins")
