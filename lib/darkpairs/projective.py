"""Three flat pictures first, space afterwards: points from clusters that match in three views.

In: `Hits`. Out: `Points`. Chapter: projective.

The idea is Pandora's (EPJ C 78, 82): find patterns in each view, where the eye finds them too, and
ask then which of them are the same thing. What is here is a toy of it: the many algorithms of
Pandora are replaced by clusters of near hits (`clusters`), one vote for each hit and three rules
(`matching`).

Laws: a point lies where the wires of its hits meet; charge of points is that of their hits; no
owner changes what is found.
"""

import numpy as np

from darkpairs import clusters, matching, prongs, wires
from darkpairs.detector import MICROBOONE, checked
from darkpairs.matching import RULES
from darkpairs.seen import Points


def points(hits, detector=MICROBOONE, *, rules=RULES):
    """Return points in space from hits in three views.

    Parameters
    ----------
    hits : Hits
        Pulses on wires.
    detector : Detector
        The chamber.
    rules : Rules
        How views are matched.

    Returns
    -------
    Points
        Each from a hit of Y and its best partners; objects as `matching` finds them.
    """
    detector = checked(detector)
    cluster, _ = clusters.find(hits, detector)
    cluster = prongs.split(hits, cluster, detector)
    label, triple, misfit, start = matching.match(hits, cluster, detector, rules=rules)
    event = np.repeat(np.arange(len(hits)), np.diff(start))
    global_ = triple + hits.offsets[event][:, None]
    good = (label[global_] == label[global_[:, 2]][:, None]).all(axis=1) & (
        label[global_[:, 2]] >= 0)
    global_, event, misfit = global_[good], event[good], misfit[good]
    order = np.lexsort([misfit, global_[:, 2]])
    _, one = np.unique(global_[order, 2], return_index=True)
    pick = order[one]
    u, v, y = (hits.wire[global_[pick]] + 0.5).T
    slopes = wires.projection(detector)
    across = slopes[1, 0] - slopes[0, 0]
    height = (v - u) / across
    along = (2 * y / slopes[2, 1] + (u + v - slopes[0, 2] - slopes[1, 2]) / (2 * slopes[0, 1])) / 3
    mine = global_[pick, 2]
    position = np.column_stack([wires.depth(detector, hits.tick[mine]), height, along])
    return Points(event=hits.event, kind=hits.kind, weight=hits.weight,
                  offsets=np.searchsorted(event[pick], np.arange(len(hits) + 1)),
                  position=position, charge=hits.charge[mine], object=label[mine],
                  hit_offsets=hits.offsets, hit_object=label)
