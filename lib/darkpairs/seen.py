"""The batch types of reconstruction: hits on wires, points in space, objects with a start.

In: arrays. Out: the same arrays, checked once, read-only from then on. Chapters: hits, projective,
tomographic.

As in `traces`: rows are flat, those of event i are ``offsets[i]:offsets[i + 1]``, and ``event``,
``kind`` and ``weight`` ride along. Both reconstructions take the same `Hits` and give the same two
types, so whatever comes after them need not ask which of the two it was.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from darkpairs.traces import _RIDES, _WHOLE, Rows

ALGORITHMS = ("projective", "tomographic")
NONE = -1  # the object of a hit or of a point that belongs to no object


@dataclass(frozen=True, eq=False)
class Hits(Rows):
    """Pulses of charge, each on one wire.

    Attributes
    ----------
    event, kind, weight, offsets
        As in `Charge`; the rows are hits, sorted by plane, wire and tick.
    plane, wire, first, ticks : ndarray (h,) of int32
        Plane (0 U, 1 V, 2 Y), wire, first tick and number of ticks of each hit.
    tick, width : ndarray (h,)
        Mean and standard deviation of the time of its charge [ticks].
    charge, noise : ndarray (h,)
        Charge and its expected error [electrons].
    owner_start : ndarray (h+1,) of int64
        Where the owners of each hit begin.
    owner : ndarray (o,) of int32
        Particles whose charge it is, counted within the event; −1 where it is nobody's.
    fraction : ndarray (o,)
        Their shares, with a sum of one for each hit. As owners, never used to find anything.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    plane: np.ndarray
    wire: np.ndarray
    first: np.ndarray
    ticks: np.ndarray
    tick: np.ndarray
    width: np.ndarray
    charge: np.ndarray
    noise: np.ndarray
    owner_start: np.ndarray
    owner: np.ndarray
    fraction: np.ndarray

    SHAPES: ClassVar = dict(event="n", kind="n", weight="n", offsets="n+1", plane="h", wire="h",
                            first="h", ticks="h", tick="h", width="h", charge="h", noise="h",
                            owner_start="h+1", owner="o", fraction="o")
    TYPES: ClassVar = _WHOLE | dict(plane=np.int32, wire=np.int32, first=np.int32, ticks=np.int32,
                                    owner_start=np.int64, owner=np.int32)
    COUNTS: ClassVar = dict(offsets="h", owner_start="o")


@dataclass(frozen=True, eq=False)
class Points(Rows):
    """Places in space where charge is believed to have been, and which hits belong together.

    Attributes
    ----------
    event, kind, weight, offsets
        As in `Hits`; the rows are points.
    position : ndarray (k, 3)
        Where [cm].
    charge : ndarray (k,)
        How much, as the wires have it [electrons].
    object : ndarray (k,) of int32
        The object each point belongs to, counted within the event from 0; −1 if to none.
    hit_offsets : ndarray (n+1,) of int64
        Where the hits of each event begin, as in `Hits`.
    hit_object : ndarray (h,) of int32
        The object each hit belongs to; −1 if to none.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    position: np.ndarray
    charge: np.ndarray
    object: np.ndarray
    hit_offsets: np.ndarray
    hit_object: np.ndarray

    SHAPES: ClassVar = dict(**_RIDES, position="k,3", charge="k", object="k", hit_offsets="n+1",
                            hit_object="h")
    TYPES: ClassVar = _WHOLE | dict(object=np.int32, hit_offsets=np.int64, hit_object=np.int32)
    COUNTS: ClassVar = dict(offsets="k", hit_offsets="h")


@dataclass(frozen=True, eq=False)
class Objects(Rows):
    """Showers and tracks, each with a start.

    Attributes
    ----------
    event, kind, weight, offsets
        As in `Hits`; the rows are objects, those of an event by falling charge.
    shower : ndarray (o,) of int8
        1 for a shower, 0 for a track.
    start, end, direction : ndarray (o, 3)
        Where it starts and where its far end is [cm]; a unit vector from the start on.
    charge : ndarray (o,)
        Of its hits on the collection plane, or what takes their place [electrons].
    length, width : ndarray (o,)
        Extent along its direction, and charge-weighted distance from its axis (rms) [cm].
    points : ndarray (o,) of int32
        Number of points.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    shower: np.ndarray
    start: np.ndarray
    end: np.ndarray
    direction: np.ndarray
    charge: np.ndarray
    length: np.ndarray
    width: np.ndarray
    points: np.ndarray

    SHAPES: ClassVar = dict(**_RIDES, shower="o", start="o,3", end="o,3", direction="o,3",
                            charge="o", length="o", width="o", points="o")
    TYPES: ClassVar = _WHOLE | dict(shower=np.int8, points=np.int32)
    COUNTS: ClassVar = dict(offsets="o")
