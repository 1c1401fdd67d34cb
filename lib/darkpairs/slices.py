"""Which part of a crowded event is the beam's: clusters that no muon from the sky has left.

In: `Points` with clusters, `Hits`, and where the light was. Out: the same without the rest; and
beforehand, which wires and ticks are worth reading.
Chapter: background.

Muons come at any time. A cluster that is seen outside of the chamber came early or late, since its
place along the drift was told with the beam's time. One that is long and reaches the top, the
bottom or an end came from outside; crumbs beside such a cluster belong to it. Of what is left, the
light says which part of the chamber counts.

Laws: with nothing around, and the light near, all stays; what is kept does not depend on order or
company; hits and points of a cluster go together; a slow loop keeps the same; the view holds every
place where a cluster that stays can be, and all that lies on its wires.
"""

from math import sqrt, tan
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked, walls
from darkpairs.seen import NONE, Hits, Points


class Rules(NamedTuple):
    """What is thrown away. All numbers are our choice."""

    late: Given[float, "cm", "a point this far outside along the drift; ours"] = 2.0
    top: Given[float, "cm", "a long cluster ends this near to the top; ours"] = 10.0
    side: Given[float, "cm", "the same, to the bottom or an end; ours"] = 3.0
    long: Given[float, "cm", "what is long, corner to corner; ours"] = 40.0
    longest: Given[float, "cm", "longer clusters go in any case; ours"] = 200.0
    crumb: Given[float, "cm", "what is not longer is a crumb; ours"] = 40.0
    near: Given[float, "cm", "a crumb whose middle is this near to a thrown one goes; ours"] = 25.0
    reach: Given[float, "cm", "in y and z, from the light to the middle of a cluster; ours"] = 60.0
    beyond: Given[float, "cm", "read on both sides of the drift, for what is late; ours"] = 10.0


RULES = Rules()


def find(points, hits, light, detector=MICROBOONE, *, rules=RULES):
    """Return the points and hits of clusters that may be the beam's.

    Parameters
    ----------
    points : Points
        Clusters, of any reconstruction.
    hits : Hits
        The hits they came from.
    light : ndarray (n, 2)
        Where the light was, as from `flash.look`; where it is NaN nothing is kept.
    detector : Detector
        The chamber.
    rules : Rules
        What is thrown away; all ≥ 0, or it is refused with a ValueError.

    Returns
    -------
    points, hits : Points, Hits
    """
    detector = checked(detector)
    light = _checked(light, len(points), rules)
    begin = clusters(points)
    kept = np.zeros(begin[-1], dtype=bool)
    low, high = walls(detector)
    _all(points.offsets, np.ascontiguousarray(points.position), points.object, begin, light, low,
         high, rules, kept)
    return cut(points, hits, kept)


def view(light, detector=MICROBOONE, *, rules=RULES):
    """Return which wires and ticks can hold what `find` keeps.

    A cluster that stays is not longer than ``rules.longest``, with its middle within
    ``rules.reach`` of the light: it ends within ``reach + longest / 2``. Wires of U and V that pass
    there run on along the beam; what else lies on them is read, too, or its charge would be taken
    for the cluster's. Ticks are those of the drift, and ``rules.beyond`` more: that shows who came
    at another time.

    Parameters
    ----------
    light, detector, rules
        As in `find`.

    Returns
    -------
    ndarray (n, 4, 2) of int64
        The first one and the one after the last, of the wires of U, V and Y and of the ticks. They
        are 0 and 0 where there was no light.
    """
    detector = checked(detector)
    light = _checked(light, len(light), rules)
    low, high = walls(detector)
    far = rules.reach + rules.longest / 2 + detector.height * tan(detector.angle)
    y, z = (np.clip(light[:, [a - 1]] + [-far, far], low[a], high[a]) for a in (1, 2))
    corners = np.stack(np.broadcast_arrays(0.0, y[:, :, None], z[:, None, :]), axis=-1)
    places = wires.places(detector, corners.reshape(len(light), 4, 3))
    depth = np.array([low[0] - rules.beyond, high[0] + rules.beyond])
    ticks = detector.trigger + depth / (detector.tick * detector.velocity)
    ends = np.empty((len(light), 4, 2))
    ends[:, :3, 0], ends[:, :3, 1] = places.min(axis=1), places.max(axis=1)
    ends[:, 3] = ticks
    ends[np.isnan(light).any(axis=1)] = 0.0
    most = np.array([*wires.counts(detector), detector.ticks])[:, None]
    return np.clip(np.stack([np.floor(ends[..., 0]), np.ceil(ends[..., 1])], axis=-1), 0,
                   most).astype(np.int64)


def _checked(light, n, rules):
    """Return light as an array, or refuse it or the rules."""
    light = np.ascontiguousarray(light, dtype=np.float64)
    if light.shape != (n, 2):
        raise ValueError(f"light of shape {light.shape} for {n} events; wanted y and z of each")
    if not all(value >= 0 for value in rules):  # refuses NaN too
        raise ValueError(f"{rules}; wanted numbers ≥ 0")
    return light


def clusters(points):
    """Return where the clusters of each event begin, if all are counted in one row, (n+1,)."""
    most = np.zeros(len(points), dtype=np.int64)
    for label, offsets in ((points.object, points.offsets),
                           (points.hit_object, points.hit_offsets)):
        some = np.flatnonzero(np.diff(offsets))  # events with rows at all
        if len(some):
            most[some] = np.maximum(most[some], np.maximum.reduceat(label, offsets[some]) + 1)
    return np.concatenate([[0], np.cumsum(most)])


def cut(points, hits, kept):
    """Return the points and hits of some clusters, counted anew; those of none go, too.

    Parameters
    ----------
    points, hits : Points, Hits
        As in `find`.
    kept : ndarray (c,) of bool
        For each cluster, in the order of `clusters`.
    """
    begin = clusters(points)
    if not np.array_equal(points.hit_offsets, hits.offsets) or len(kept) != begin[-1]:
        raise ValueError(f"{len(kept)} clusters to keep or not, of {begin[-1]}, and hits of "
                         f"{len(hits)} events; wanted the hits that the points came from")
    before = np.concatenate([[0], np.cumsum(kept)])
    number = before[:-1] - np.repeat(before[begin[:-1]], np.diff(begin))
    mine, label, offsets = _some(points.object, points.offsets, begin, kept, number)
    his, hit_label, hit_offsets = _some(points.hit_object, points.hit_offsets, begin, kept, number)
    rides = dict(event=points.event, kind=points.kind, weight=points.weight)
    counts = np.diff(hits.owner_start)
    owned = np.repeat(his, counts)
    own = {name: getattr(hits, name)[his] for name, shape in Hits.SHAPES.items() if shape == "h"}
    return (Points(**rides, offsets=offsets, position=points.position[mine],
                   charge=points.charge[mine], object=label, hit_offsets=hit_offsets,
                   hit_object=hit_label),
            Hits(**rides, **own, offsets=hit_offsets, owner=hits.owner[owned],
                 owner_start=np.concatenate([[0], np.cumsum(counts[his])]),
                 fraction=hits.fraction[owned]))


def _some(label, offsets, begin, kept, number):
    """Return which rows stay, their new labels, and where those of each event begin."""
    event = np.repeat(np.arange(len(begin) - 1), np.diff(offsets))
    place = begin[event] + label
    stays = label != NONE
    stays[stays] = kept[place[stays]]
    counts = np.bincount(event[stays], minlength=len(begin) - 1)
    return stays, number[place[stays]], np.concatenate([[0], np.cumsum(counts)])


@apart
def _all(offsets, position, label, begin, light, low, high, rules, kept):
    """Go through the events."""
    for i in range(len(offsets) - 1):
        rows = slice(offsets[i], offsets[i + 1])
        _event(position[rows], label[rows], light[i], low, high, rules, kept[begin[i]:begin[i + 1]])


@apart
def _event(position, label, light, low, high, rules, kept):
    """Decide about the clusters of one event."""
    count = len(kept)
    ends, middle, size = np.zeros((count, 6)), np.zeros((count, 3)), np.zeros(count)
    ends[:, :3], ends[:, 3:] = np.inf, -np.inf
    for k in range(len(label)):
        c = label[k]
        if c >= 0:
            size[c] += 1
            for a in range(3):
                middle[c, a] += position[k, a]
                ends[c, a] = min(ends[c, a], position[k, a])
                ends[c, 3 + a] = max(ends[c, 3 + a], position[k, a])
    thrown = np.zeros(count, np.bool_)
    for c in range(count):
        if size[c] > 0:
            for a in range(3):
                middle[c, a] /= size[c]
            thrown[c] = _foreign(ends[c], low, high, rules)
    for c in range(count):
        kept[c] = (size[c] > 0 and not thrown[c]
                   and abs(middle[c, 1] - light[0]) <= rules.reach
                   and abs(middle[c, 2] - light[1]) <= rules.reach
                   and not (_length(ends[c]) <= rules.crumb
                            and _beside(middle[c], position, label, thrown, rules.near)))


@njit
def _length(ends):
    """From corner to corner of the box around a cluster."""
    return sqrt((ends[3] - ends[0]) ** 2 + (ends[4] - ends[1]) ** 2 + (ends[5] - ends[2]) ** 2)


@njit
def _foreign(ends, low, high, rules):
    """Tell whether a cluster came at another time, or from outside."""
    length = _length(ends)
    late = ends[0] < low[0] - rules.late or ends[3] > high[0] + rules.late
    edge = (ends[4] > high[1] - rules.top or ends[1] < low[1] + rules.side
            or ends[2] < low[2] + rules.side or ends[5] > high[2] - rules.side)
    return late or length > rules.longest or (length > rules.long and edge)


@njit
def _beside(place, position, label, thrown, near):
    """Tell whether a place is near to a point of a cluster that was thrown away."""
    for k in range(len(label)):
        if label[k] >= 0 and thrown[label[k]]:
            x, y, z = (position[k, 0] - place[0], position[k, 1] - place[1],
                       position[k, 2] - place[2])
            if x * x + y * y + z * z < near * near:
                return True
    return False
