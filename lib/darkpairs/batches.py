"""The batch types: frozen bundles of plain arrays that travel between the rooms.

In: arrays. Out: the same arrays, checked once, read-only from then on.

A room never writes into what it was given, so a cell of a chapter can be run twice. The first axis
is the row; the shape and the unit stand beside each field.
"""

from dataclasses import dataclass
from typing import ClassVar

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


@dataclass(frozen=True, eq=False)
class Template:
    """What a model predicts after the selection, bin by bin, and how sure one is of it.

    Attributes
    ----------
    edges : ndarray (n+1,)
        Bin edges of the observable, in its own unit.
    signal : ndarray (n,)
        Events of the signal at strength μ = 1, ≥ 0.
    background : ndarray (k, n)
        Events of each kind of background, ≥ 0; their sum is > 0 in each bin.
    shifts : ndarray (s, n), optional
        Change of the summed background [events] when one source of error rises by +1σ.
    covariance : ndarray (n, n), optional
        Systematic covariance of the summed background [events²], in place of ``shifts``. That it
        is positive is checked where it is used (`likelihood.eigenmodes`).
    """

    edges: np.ndarray
    signal: np.ndarray
    background: np.ndarray
    shifts: np.ndarray | None = None
    covariance: np.ndarray | None = None

    def __post_init__(self):
        if self.shifts is not None and self.covariance is not None:
            raise ValueError("Template got shifts and a covariance; wanted one of them, or none")
        errors = {name: shape for name, shape in (("shifts", "s,n"), ("covariance", "n,n"))
                  if getattr(self, name) is not None}
        freeze(self, edges="n+1", signal="n", background="k,n", **errors)
        check_edges(self.edges, "Template.edges")
        for name in ("signal", "background"):
            if (getattr(self, name) < 0).any():
                raise ValueError(f"Template.{name} falls to {getattr(self, name).min():g} events; "
                                 "wanted numbers ≥ 0")
        if not (self.total > 0).all():
            raise ValueError(f"bins {np.flatnonzero(self.total <= 0).tolist()} have no background; "
                             "wanted a sum > 0 in each bin (join bins, or add what is missing)")

    @property
    def total(self):
        """Summed background, ndarray (n,) [events]."""
        return self.background.sum(axis=0)


# What an event can be; `Truth.kind` counts in this list
KINDS = ("signal", "gun", "pi0", "pi0-coherent", "dirt", "delta-gamma", "nue", "numu", "numu-pi0",
         "cosmic")


@dataclass(frozen=True, eq=False)
class Truth:
    """What really happened: one row per event, and in flat arrays one row per particle.

    Signal and background are the same type. The particles of event i are the rows
    ``offsets[i]:offsets[i + 1]``, a particle after the one it came from. The arrays are taken as
    they are, without a copy and whatever their values, and seen read-only from here.

    Attributes
    ----------
    event : ndarray (n,) of int64
        Number of the event in its sample.
    kind : ndarray (n,) of int16
        What it is, counted in ``KINDS``.
    weight : ndarray (n,)
        Expected events per POT that this row stands for.
    vertex : ndarray (n, 3)
        Where the neutrino interacted [cm], in the frame of the detector.
    e_nu : ndarray (n,)
        Energy of the neutrino that came in along z [MeV].
    offsets : ndarray (n+1,) of int64
        Where the particles of each event begin.
    pdg : ndarray (m,) of int32
        What each particle is.
    p4 : ndarray (m, 4)
        Four-momenta (E, px, py, pz) [MeV].
    start : ndarray (m, 3)
        Where each particle was made [cm].
    time : ndarray (m,)
        When it was made, after the interaction [µs].
    parent : ndarray (m,) of int16
        From which particle of the same event it came; −1 if from the interaction itself.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    vertex: np.ndarray
    e_nu: np.ndarray
    offsets: np.ndarray
    pdg: np.ndarray
    p4: np.ndarray
    start: np.ndarray
    time: np.ndarray
    parent: np.ndarray

    SHAPES: ClassVar = dict(event="n", kind="n", weight="n", vertex="n,3", e_nu="n",
                            offsets="n+1", pdg="m", p4="m,4", start="m,3", time="m", parent="m")
    TYPES: ClassVar = dict(event=np.int64, kind=np.int16, offsets=np.int64, pdg=np.int32,
                           parent=np.int16)

    def __post_init__(self):
        sizes = {}
        for name, shape in self.SHAPES.items():
            given = np.asarray(getattr(self, name))
            array = given.astype(self.TYPES.get(name, np.float64), copy=False).view()
            if given.dtype != array.dtype and not np.array_equal(given, array, equal_nan=True):
                raise ValueError(f"Truth.{name} does not fit into {array.dtype}; wanted whole "
                                 "numbers in its range")
            _check_shape(f"Truth.{name}", array.shape, shape.split(","), sizes)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.pdg) or (
                np.diff(self.offsets) < 0).any():
            raise ValueError(f"Truth.offsets must rise from 0 to the {len(self.pdg)} particles")

    def __len__(self):
        return len(self.event)


def only(truth, pdg):
    """Return the row of the one particle of a sort in each event, ndarray (n,) of int.

    Raises
    ------
    ValueError
        If an event has none, or more than one.
    """
    rows = np.flatnonzero(truth.pdg == pdg)
    first, last = truth.offsets[:-1], truth.offsets[1:]
    if len(rows) != len(truth) or ((rows < first) | (rows >= last)).any():
        raise ValueError(f"wanted one particle with PDG code {pdg} in each of {len(truth)} events; "
                         f"found {len(rows)}")
    return rows


def select(truth, events):
    """Return some events of a batch.

    Parameters
    ----------
    truth : Truth
        The batch.
    events : array-like
        Their places 0 … n−1 in any order, a slice of them, or a mask (n,) of bool.
    """
    events = np.arange(len(truth))[events].ravel()
    counts = np.diff(truth.offsets)[events]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rows = np.arange(offsets[-1]) + np.repeat(truth.offsets[:-1][events] - offsets[:-1], counts)
    return Truth(**{name: offsets if name == "offsets" else
                    getattr(truth, name)[rows if shape[0] == "m" else events]
                    for name, shape in Truth.SHAPES.items()})


def concatenate(batches):
    """Return one `Truth` with the events of several, in their order."""
    batches = list(batches)
    if not batches:
        raise ValueError("nothing to concatenate; wanted at least one Truth")
    starts = np.cumsum([0] + [len(batch.pdg) for batch in batches])
    offsets = [batch.offsets[:-1] + start for batch, start in zip(batches, starts, strict=False)]
    return Truth(**{name: np.concatenate([*offsets, starts[-1:]]) if name == "offsets" else
                    np.concatenate([getattr(batch, name) for batch in batches])
                    for name in Truth.SHAPES})
