"""Two lines from one start: how wide they open, and how much charge goes along each.

In: `Points` and a start. Out: an angle and two charges. Chapter: two-eyes.

Beyond 2.5 cm two legs of a pair stand apart if they open, and before 14 cm, one radiation length, a
single electron has hardly radiated. The points between are shared among two rays from the start:
each goes to the nearer ray, each ray through the middle of its points, until nothing changes. Far
points show a direction better than near ones, so distances from the rays are counted in
centimetres, not in angles; those beyond a reach count as that far and pull no ray. Of several
beginnings the best end counts.

Laws: two straight legs give their angle; turned and shifted space turns and shifts the rays; more
charge everywhere changes no angle.
"""

from math import acos, cos, pi, sin, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart, njit


class Look(NamedTuple):
    """Which points are looked at, and how rays are fitted to them."""

    near: Given[float, "cm", "from the start; our choice"] = 2.5
    far: Given[float, "cm", "one radiation length of argon; our choice"] = 14.0
    cone: Given[float, "rad", "about the direction; our choice"] = 1.05
    reach: Given[float, "cm", "points farther from both rays pull none; our choice"] = 1.0
    turns: Given[float, "", "azimuths from which the fit begins; our choice"] = 6.0
    narrow: Given[float, "rad", "half the angle at which it begins; our choice"] = 0.15
    wide: Given[float, "rad", "the same, another time; our choice"] = 0.4
    rounds: Given[float, "", "of sharing, at most; our choice"] = 12.0
    least: Given[float, "", "points that are needed; our choice"] = 4.0


LOOK = Look()


def fit(points, start, direction, *, look=LOOK):
    """Return the two rays of each event.

    Parameters
    ----------
    points : Points
        Of n events; all points count, whatever object they belong to.
    start, direction : ndarray (n, 3)
        Where the rays begin [cm], and about where they go; NaN where there is nothing.
    look : Look
        Which points, and how; all > 0, or it is refused with a ValueError.

    Returns
    -------
    angle : ndarray (n,)
        Between the two rays [rad]; NaN where there are too few points.
    leading, second : ndarray (n,)
        Charge nearer to each of them [electrons].
    """
    for name, value in look._asdict().items():
        if not value > 0:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number > 0")
    n = len(points)
    if np.shape(start) != (n, 3) or np.shape(direction) != (n, 3):
        raise ValueError(f"starts {np.shape(start)} and directions {np.shape(direction)} of {n} "
                         f"events; wanted ({n}, 3)")
    answer = np.full((n, 3), np.nan)
    most = int(np.diff(points.offsets).max(initial=0))
    _all(points.offsets, points.position, points.charge, np.ascontiguousarray(start),
         np.ascontiguousarray(direction), look, np.empty((most, 4)), answer)
    return answer[:, 0], answer[:, 1], answer[:, 2]


@apart
def _all(offsets, position, charge, start, direction, look, near, answer):
    """Fit the rays of all events."""
    for i in range(len(offsets) - 1):
        if not np.isfinite(start[i, 0]):
            continue
        n = _gather(offsets[i], offsets[i + 1], position, charge, start[i], direction[i], look,
                    near)
        if n >= look.least:
            _two(near, n, look, answer[i])


@apart
def _gather(low, high, position, charge, start, direction, look, near):
    """Collect what lies near the start, as slopes to the mean direction, depth² and charge."""
    n, m0, m1, m2 = 0, 0.0, 0.0, 0.0
    for k in range(low, high):
        x, y, z = (position[k, 0] - start[0], position[k, 1] - start[1], position[k, 2] - start[2])
        r = sqrt(x * x + y * y + z * z)
        ahead = x * direction[0] + y * direction[1] + z * direction[2]
        if look.near < r < look.far and ahead > cos(look.cone) * r:
            near[n, 0], near[n, 1], near[n, 2], near[n, 3] = x, y, z, charge[k]
            m0, m1, m2 = m0 + charge[k] * x / r, m1 + charge[k] * y / r, m2 + charge[k] * z / r
            n += 1
    size = sqrt(m0 * m0 + m1 * m1 + m2 * m2)
    if not size > 0:
        return 0
    m0, m1, m2 = m0 / size, m1 / size, m2 / size
    a0, a1, a2, b0, b1, b2 = _beside(m0, m1, m2)
    for k in range(n):
        x, y, z = near[k, 0], near[k, 1], near[k, 2]
        ahead = max(x * m0 + y * m1 + z * m2, 0.1 * look.near)  # beyond 84° all is the same
        near[k, 0] = (x * a0 + y * a1 + z * a2) / ahead
        near[k, 1] = (x * b0 + y * b1 + z * b2) / ahead
        near[k, 2] = ahead * ahead
    return n


@njit
def _beside(x, y, z):
    """Two unit vectors that stand upright on a third and on each other."""
    if abs(z) < 0.9:
        size = sqrt(x * x + y * y)
        a0, a1, a2 = -y / size, x / size, 0.0
    else:
        size = sqrt(y * y + z * z)
        a0, a1, a2 = 0.0, -z / size, y / size
    return a0, a1, a2, y * a2 - z * a1, z * a0 - x * a2, x * a1 - y * a0


@apart
def _two(near, n, look, answer):
    """Begin at several places, share until nothing changes, keep the best."""
    best, rays = np.inf, np.empty(6)
    for turn in range(int(look.turns)):
        for half in (look.narrow, look.wide):
            phi = pi * turn / look.turns
            rays[0], rays[1] = half * cos(phi), half * sin(phi)
            rays[2], rays[3] = -rays[0], -rays[1]
            cost = np.inf
            for _ in range(int(look.rounds)):
                now = _share(near, n, look.reach * look.reach, rays)
                if not now < cost:
                    break
                cost = now
            if cost < best:
                best = cost
                dot = 1 + rays[0] * rays[2] + rays[1] * rays[3]
                size = (1 + rays[0] ** 2 + rays[1] ** 2) * (1 + rays[2] ** 2 + rays[3] ** 2)
                answer[0] = acos(min(1.0, dot / sqrt(size)))
                answer[1], answer[2] = max(rays[4], rays[5]), min(rays[4], rays[5])


@njit
def _share(near, n, reach, rays):
    """Share the points among two rays, and move these to the middles; return the cost before."""
    cost, q1, q2 = 0.0, 0.0, 0.0
    w1, a1, b1, w2, a2, b2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        a, b, square, charge = near[k, 0], near[k, 1], near[k, 2], near[k, 3]
        d1 = ((a - rays[0]) ** 2 + (b - rays[1]) ** 2) * square
        d2 = ((a - rays[2]) ** 2 + (b - rays[3]) ** 2) * square
        if min(d1, d2) > reach:
            cost += charge * reach
            continue
        weight = charge * square
        if d1 <= d2:
            cost += charge * d1
            q1, w1, a1, b1 = q1 + charge, w1 + weight, a1 + weight * a, b1 + weight * b
        else:
            cost += charge * d2
            q2, w2, a2, b2 = q2 + charge, w2 + weight, a2 + weight * a, b2 + weight * b
    if w1 > 0:
        rays[0], rays[1] = a1 / w1, b1 / w1
    if w2 > 0:
        rays[2], rays[3] = a2 / w2, b2 / w2
    rays[4], rays[5] = q1, q2
    return cost
