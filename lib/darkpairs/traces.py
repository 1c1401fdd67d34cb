"""The batch types of the chamber: what particles leave in argon, and what the wires tell of it.

In: arrays. Out: the same arrays, checked once, read-only from then on. Chapters: drift, readout.

Every batch holds some events; ``event``, ``kind`` and ``weight`` ride along from `Truth`. Rows are
flat, those of event i are ``offsets[i]:offsets[i + 1]``. ``particle`` counts within the event, like
``Truth.parent``: the final particle to whose cascade or track the row belongs.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from darkpairs.batches import _check_shape

_RIDES = dict(event="n", kind="n", weight="n", offsets="n+1")
_WHOLE = dict(event=np.int64, kind=np.int16, offsets=np.int64, particle=np.int32)


class Rows:
    """Events as flat rows: checked at birth, read-only, taken without a copy."""

    SHAPES: ClassVar = {}
    TYPES: ClassVar = {}

    def __post_init__(self):
        sizes, batch = {}, type(self).__name__
        for name, shape in self.SHAPES.items():
            array = np.asarray(getattr(self, name), self.TYPES.get(name, np.float64)).view()
            _check_shape(f"{batch}.{name}", array.shape, shape.split(","), sizes)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        for name, shape in self.SHAPES.items():
            if shape.endswith("+1"):
                _check_offsets(f"{batch}.{name}", getattr(self, name), sizes[self.COUNTS[name]])

    def __len__(self):
        return len(self.event)

    def rows(self, i):
        """Return the rows of event i as a slice."""
        return slice(self.offsets[i], self.offsets[i + 1])


def _check_offsets(where, offsets, end):
    """Refuse offsets that do not lead from 0 to the last row."""
    if offsets[0] != 0 or offsets[-1] != end or (np.diff(offsets) < 0).any():
        raise ValueError(f"{where} must rise from 0 to {end}; it goes from {offsets[0]} to "
                         f"{offsets[-1]}")


@dataclass(frozen=True, eq=False)
class Deposits(Rows):
    """Energy left in the active volume, piece by piece.

    Attributes
    ----------
    event, kind, weight : ndarray (n,)
        As in `Truth`.
    offsets : ndarray (n+1,) of int64
        Where the deposits of each event begin.
    escaped : ndarray (n,)
        Energy [MeV] that left the active volume, or was left outside of it.
    unseen : ndarray (n,)
        Energy [MeV] that no charge tells of: neutrinos, nuclei, what a capture or a decay takes.
    position : ndarray (k, 3)
        Middle of each piece [cm].
    energy, dx : ndarray (k,)
        Energy left [MeV] and the length of the piece [cm].
    time : ndarray (k,)
        After the interaction [µs].
    particle : ndarray (k,) of int32
        The final particle it is from, counted within the event.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    escaped: np.ndarray
    unseen: np.ndarray
    position: np.ndarray
    energy: np.ndarray
    dx: np.ndarray
    time: np.ndarray
    particle: np.ndarray

    SHAPES: ClassVar = dict(**_RIDES, escaped="n", unseen="n", position="k,3", energy="k",
                            dx="k", time="k", particle="k")
    TYPES: ClassVar = _WHOLE
    COUNTS: ClassVar = dict(offsets="k")


@dataclass(frozen=True, eq=False)
class Arrivals(Rows):
    """Charge at the wires, one cloud for each deposit.

    Attributes
    ----------
    event, kind, weight, offsets, particle
        As in `Deposits`.
    charge : ndarray (k,)
        Electrons that arrive.
    tick : ndarray (k,)
        When the middle of the cloud passes the first plane, in ticks of the readout.
    wire : ndarray (k, 3)
        Its place across the wires of U, V and Y, in wires: wire number j is from j to j + 1.
    sigma_tick, sigma_wire : ndarray (k,)
        Widths of the Gaussian cloud, in ticks and in wires.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    charge: np.ndarray
    tick: np.ndarray
    wire: np.ndarray
    sigma_tick: np.ndarray
    sigma_wire: np.ndarray
    particle: np.ndarray

    SHAPES: ClassVar = dict(**_RIDES, charge="k", tick="k", wire="k,3", sigma_tick="k",
                            sigma_wire="k", particle="k")
    TYPES: ClassVar = _WHOLE
    COUNTS: ClassVar = dict(offsets="k")


@dataclass(frozen=True, eq=False)
class Waveforms(Rows):
    """Samples of the digitiser, in blocks of (wire, tick) around charge.

    Attributes
    ----------
    event, kind, weight, offsets
        As in `Deposits`; the rows are blocks.
    plane, wire, tick, wires, ticks : ndarray (b,) of int32
        Plane of each block (0 U, 1 V, 2 Y), its first wire and tick, and how many of both.
    start : ndarray (b+1,) of int64
        Where the samples of each block begin; wire by wire, ticks in a row.
    adc : ndarray (s,) of int16
        Counts of the digitiser, pedestal included.
    owner : Arrivals
        The charge that made them, for whoever asks who it was; never used to find anything.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    plane: np.ndarray
    wire: np.ndarray
    tick: np.ndarray
    wires: np.ndarray
    ticks: np.ndarray
    start: np.ndarray
    adc: np.ndarray
    owner: Arrivals

    SHAPES: ClassVar = dict(event="n", kind="n", weight="n", offsets="n+1", plane="b", wire="b",
                            tick="b", wires="b", ticks="b", start="b+1", adc="s")
    TYPES: ClassVar = _WHOLE | dict(plane=np.int32, wire=np.int32, tick=np.int32, wires=np.int32,
                                    ticks=np.int32, start=np.int64, adc=np.int16)
    COUNTS: ClassVar = dict(offsets="b", start="s")

    def block(self, b):
        """Return the samples of block b, ndarray (wires, ticks) of int16."""
        return self.adc[self.start[b]:self.start[b + 1]].reshape(self.wires[b], self.ticks[b])


@dataclass(frozen=True, eq=False)
class Charge(Rows):
    """Charge found on the wires: regions, each some ticks of one wire.

    Attributes
    ----------
    event, kind, weight, offsets
        As in `Deposits`; the rows are regions, sorted by plane, wire and tick.
    plane, wire, tick, ticks : ndarray (r,) of int32
        Plane, wire, first tick and number of ticks of each region.
    noise : ndarray (r,)
        Expected error of the charge of one tick [electrons].
    start : ndarray (r+1,) of int64
        Where the samples of each region begin.
    electrons : ndarray (s,) of float32
        Charge in each tick.
    owner_start : ndarray (r+1,) of int64
        Where the owners of each region begin.
    owner : ndarray (o,) of int32
        Particles whose charge is in the region, counted within the event; −1 where nobody's is.
    fraction : ndarray (o,)
        Their shares of the true charge, with a sum of one in each region.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    plane: np.ndarray
    wire: np.ndarray
    tick: np.ndarray
    ticks: np.ndarray
    noise: np.ndarray
    start: np.ndarray
    electrons: np.ndarray
    owner_start: np.ndarray
    owner: np.ndarray
    fraction: np.ndarray

    SHAPES: ClassVar = dict(event="n", kind="n", weight="n", offsets="n+1", plane="r", wire="r",
                            tick="r", ticks="r", noise="r", start="r+1", electrons="s",
                            owner_start="r+1", owner="o", fraction="o")
    TYPES: ClassVar = _WHOLE | dict(plane=np.int32, wire=np.int32, tick=np.int32, ticks=np.int32,
                                    start=np.int64, electrons=np.float32, owner_start=np.int64,
                                    owner=np.int32)
    COUNTS: ClassVar = dict(offsets="r", start="s", owner_start="o")


def check_clouds(arrivals):
    """Refuse clouds with NaN or infinity, or with less than no charge or width."""
    for name in ("charge", "tick", "wire", "sigma_tick", "sigma_wire"):
        column = getattr(arrivals, name)
        low = -np.inf if name in ("tick", "wire") else 0.0
        if not (np.isfinite(column) & (column >= low)).all():
            raise ValueError(f"arrivals whose {name} is NaN, infinite or less than nothing; wanted "
                             "finite numbers, and charge and widths ≥ 0")


def check_view(view, n):
    """Return a view as an array, or refuse it."""
    view = np.asarray(view)
    if view.shape != (n, 4, 2) or view.dtype.kind not in "iu":
        raise ValueError(f"a view of shape {view.shape} and type {view.dtype} for {n} events; "
                         f"wanted whole numbers of shape ({n}, 4, 2)")
    return view


def concatenate(batches):
    """Return one batch with the events of several of the same type, in their order."""
    batches = list(batches)
    if not batches:
        raise ValueError("nothing to concatenate; wanted at least one batch")
    joined = {}
    for name, shape in batches[0].SHAPES.items():
        parts = [getattr(batch, name) for batch in batches]
        if shape.endswith("+1"):
            steps = np.concatenate([np.diff(part) for part in parts])
            joined[name] = np.concatenate([[0], np.cumsum(steps)])
        else:
            joined[name] = np.concatenate(parts)
    if isinstance(batches[0], Waveforms):
        joined["owner"] = concatenate([batch.owner for batch in batches])
    return type(batches[0])(**joined)
