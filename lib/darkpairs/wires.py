"""Three planes of wires: which wire a point belongs to, how long a wire is, which ones are dead.

In: a `Detector`. Out: places across the wires, lengths, a map of dead channels. Chapter: drift.

Wires of U, V and Y stand at +60°, −60° and 0° to the vertical. With y up and z along the beam, the
place of a point across the wires is z cos θ − y sin θ; at 60° the places in U and V sum to z, the
place in Y. Wire j of a plane takes the charge from j to j + 1, counted in pitches from its corner.

Laws: u + v = w; all wires of a plane cover it once, with lengths that sum to its area.
"""

from math import cos, sin, tan

import numpy as np

from darkpairs import tables
from darkpairs._jit import njit

PLANES = ("U", "V", "Y")


def counts(detector):
    """Return the number of wires in U, V and Y: 2400, 2400 and 3456 in MicroBooNE."""
    across = _span(detector)
    return tuple(int(round(reach / detector.pitch, 6)) for reach in (across, across,
                                                                     detector.length))


def places(detector, position):
    """Return the places of points across the wires.

    Parameters
    ----------
    detector : Detector
        The chamber.
    position : ndarray (..., 3)
        Points x, y, z [cm].

    Returns
    -------
    ndarray (..., 3)
        In U, V and Y, counted in wires.
    """
    position = np.asarray(position, dtype=np.float64)
    slopes = projection(detector)
    return position[..., 1:2] * slopes[:, 0] + position[..., 2:3] * slopes[:, 1] + slopes[:, 2]


def projection(detector):
    """Return (a, b, c) of each plane with place = a y + b z + c, ndarray (3, 3)."""
    along, across = cos(detector.angle), sin(detector.angle)
    corner = detector.height / 2 * across
    return np.array([[-across, along, corner], [across, along, corner],
                     [0.0, 1.0, 0.0]]) / detector.pitch


def depth(detector, tick):
    """Return how far from the wires charge set out [cm] that came at given ticks.

    Parameters
    ----------
    detector : Detector
        The chamber.
    tick : array-like
        Ticks of the readout; the interaction is believed to have been at ``detector.trigger``.

    Returns
    -------
    ndarray
        x, of the shape of `tick`; charge from another time comes out beyond the walls.
    """
    ticks = np.asarray(tick, dtype=np.float64) - detector.trigger
    return ticks * (detector.tick * detector.velocity)


def crossing(detector, planes, place):
    """Return where wires of two planes cross.

    Parameters
    ----------
    detector : Detector
        The chamber.
    planes : sequence (2,) of int
        Two different planes.
    place : ndarray (..., 2)
        Places across their wires, counted in wires; the middle of wire j is j + 1/2.

    Returns
    -------
    ndarray (..., 2)
        y and z [cm]; a place outside of the chamber if they cross nowhere inside.
    """
    if len(planes) != 2 or planes[0] == planes[1] or not {*planes} <= {0, 1, 2}:
        raise ValueError(f"planes {tuple(planes)}; wanted two different ones of 0, 1 and 2")
    slopes = projection(detector)[list(planes)]
    offsets = np.asarray(place, dtype=np.float64) - slopes[:, 2]
    return offsets @ np.linalg.inv(slopes[:, :2]).T


def lengths(detector, plane):
    """Return the length of each wire of a plane [cm], ndarray (wires,).

    A slanted wire runs from the bottom to the top, or ends at an upright side of the frame.
    """
    if plane not in (0, 1, 2):
        raise ValueError(f"plane {plane}; wanted 0, 1 or 2 for U, V or Y")
    count = counts(detector)[plane]
    if plane == 2:
        return np.full(count, detector.height)
    place = (np.arange(count) + 0.5) * detector.pitch  # u from the corner where its wires begin
    rise = place / sin(detector.angle)  # height at which the wire meets the upright side z = 0
    fall = (_span(detector) - place) / sin(detector.angle)
    height = np.minimum(np.minimum(rise, fall), detector.height)
    height = np.minimum(height, detector.length / tan(detector.angle))
    return height / cos(detector.angle)


def dead(detector):
    """Return which wires do not answer, a tuple of three ndarrays (wires,) of bool.

    About a tenth of MicroBooNE's channels (JINST 12 P08003); `dead_channels.csv` says what is
    known of their places and what is our choice.
    """
    masks = [np.zeros(count, dtype=bool) for count in counts(detector)]
    if detector.dead:
        table = tables.read("dead_channels.csv").matrix().astype(int)
        for plane, first, last in table:
            masks[plane][first:last + 1] = True
    return tuple(masks)


def _span(detector):
    """How far the slanted wires reach across their direction [cm]."""
    return detector.length * cos(detector.angle) + detector.height * sin(detector.angle)


@njit
def _place(slopes, plane, y, z):
    """Place of a point across the wires of a plane, in wires."""
    return slopes[plane, 0] * y + slopes[plane, 1] * z + slopes[plane, 2]
