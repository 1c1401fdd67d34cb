"""Who is it really? The true particle behind each object, and how much of it was found.

In: `Objects`, labels of hits, `Hits`. Out: particle, completeness, purity. Chapter: two-eyes. After
`owners`, this is the only room of the reconstruction that looks at what really happened.

Laws: shares of a particle over all objects and none sum to one; who is alone is complete and pure;
a slow loop finds the same.
"""

import numpy as np

from darkpairs._jit import apart


def match(points, objects, hits):
    """Return which particle each object is, and how well.

    Parameters
    ----------
    points, objects, hits : Points, Objects, Hits
        Of the same events.

    Returns
    -------
    particle : ndarray (o,) of int32
        Who has the most charge in the object, the lower number of two alike; −1 for nobody.
    completeness : ndarray (o,)
        The object's share of the found charge of that particle, all planes together; NaN for
        nobody.
    purity : ndarray (o,)
        That particle's share of the object's charge; NaN for an object without hits.
    """
    n = len(objects.charge)
    particle = np.full(n, -1, dtype=np.int32)
    answer = np.full((2, n), np.nan)
    _all(objects.offsets, points.hit_offsets, points.hit_object, hits.charge, hits.owner_start,
         hits.owner, hits.fraction, particle, answer)
    return particle, answer[0], answer[1]


@apart
def _all(objects, offsets, label, charge, owner_start, owner, fraction, particle, answer):
    """Sum what each particle has in each object of an event, then look for the most."""
    for i in range(len(objects) - 1):
        count, names = objects[i + 1] - objects[i], 0
        low, high = offsets[i], offsets[i + 1]
        for a in range(owner_start[low], owner_start[high]):
            names = max(names, owner[a] + 1)
        shares = np.zeros((count + 1, names + 1))  # the last row is of no object, the last column
        for h in range(low, high):  # is nobody's
            for a in range(owner_start[h], owner_start[h + 1]):
                shares[label[h] if label[h] >= 0 else count,
                       owner[a] if owner[a] >= 0 else names] += charge[h] * fraction[a]
        for o in range(count):
            who = -1
            for name in range(names):
                if shares[o, name] > (shares[o, who] if who >= 0 else 0.0):
                    who = name
            if who >= 0:
                particle[objects[i] + o] = who
                answer[0, objects[i] + o] = shares[o, who] / shares[:, who].sum()
            total = shares[o].sum()
            if total > 0:
                answer[1, objects[i] + o] = shares[o, who] / total if who >= 0 else 0.0
