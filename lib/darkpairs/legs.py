"""Two lines from one start: how wide they open, and how much charge calls for them.

In: `Points` and a start. Out: an angle, charges and a gain. Chapter: two-eyes.

Beyond 1.5 cm the legs of a pair stand apart if they open, and before 14 cm, one radiation length,
an electron has hardly radiated. The points between are shared among two rays from the start: each
goes to the nearer ray, each ray through the middle of its points, until nothing changes. A distance
counts in parts of how far points lie from a straight line by themselves: wires are 3 mm wide, and
electrons scatter. What is beyond a reach counts as that far and pulls no ray. The fit begins with
pairs of rays all around, and with the one ray that fits best and a second one through a far point;
the best end counts. One ray by itself tells how much the second one was called for.

Laws: two straight legs give their angle; turned and shifted space turns and shifts the rays; more
charge everywhere changes no angle; a single line gains nothing by a second ray.
"""

from math import acos, cos, pi, sin, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart, njit


class Look(NamedTuple):
    """Which points are looked at, and how rays are fitted to them. All numbers are our choice."""

    near: Given[float, "cm", "from the start; below, legs overlap; ours"] = 1.5
    far: Given[float, "cm", "one radiation length of argon; ours"] = 14.0
    cone: Given[float, "rad", "half-angle about the direction; ours"] = 1.05
    spread: Given[float, "cm", "how far points lie from a line at its start; ours"] = 0.2
    widen: Given[float, "", "and how much farther with each cm, by scattering; ours"] = 0.05
    reach: Given[float, "", "farther than so many spreads, points pull no ray; ours"] = 2.5
    narrow: Given[float, "rad", "half-angle of the pairs of rays to begin with; ours"] = 0.15
    turns: Given[float, "", "their number; ours"] = 6.0
    wider: Given[float, "rad", "a far point is 0, 1 or 2 times this off the one ray; ours"] = 0.2
    tries: Given[float, "", "about so many points are tried; ours"] = 24.0
    rounds: Given[float, "", "of sharing, at most; ours"] = 15.0
    least: Given[float, "", "points that are needed; ours"] = 4.0


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
        Charge nearer to each of them, within reach [electrons].
    gain : ndarray (n,)
        How much nearer two rays come than one: the mean square of distances that they save, in
        units of the squared spread.
    """
    for name, value in look._asdict().items():
        if not value > 0:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number > 0")
    n = len(points)
    if np.shape(start) != (n, 3) or np.shape(direction) != (n, 3):
        raise ValueError(f"starts {np.shape(start)} and directions {np.shape(direction)} of {n} "
                         f"events; wanted ({n}, 3)")
    answer = np.full((n, 4), np.nan)
    most = int(np.diff(points.offsets).max(initial=0))
    _all(points.offsets, points.position, points.charge, np.ascontiguousarray(start),
         np.ascontiguousarray(direction), look, np.empty((most, 5)), answer)
    return tuple(answer.T)


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
    """Collect what lies near the start, as slopes to the mean direction, weight, charge.

    The weight turns a squared distance of slopes into one in units of the squared spread.
    """
    n, m0, m1, m2 = 0, 0.0, 0.0, 0.0
    for k in range(low, high):
        x, y, z = (position[k, 0] - start[0], position[k, 1] - start[1], position[k, 2] - start[2])
        r = sqrt(x * x + y * y + z * z)
        ahead = x * direction[0] + y * direction[1] + z * direction[2]
        if look.near < r < look.far and ahead > cos(look.cone) * r:
            q = max(charge[k], 0.0)
            near[n, 0], near[n, 1], near[n, 2], near[n, 3] = x, y, z, q
            m0, m1, m2 = m0 + q * x / r, m1 + q * y / r, m2 + q * z / r
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
        near[k, 2] = (ahead / (look.spread + look.widen * ahead)) ** 2
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
    """Begin in several ways, share until nothing changes, keep the best end."""
    rays, first = np.zeros(6), np.zeros(2)
    rays[2] = np.inf  # a second ray to which nothing is near
    alone, best, turns = _settle(near, n, look, rays), np.inf, int(look.turns)
    first[0], first[1] = rays[0], rays[1]
    for way in range(turns + 3):
        if way < turns:
            phi = pi * way / turns
            rays[0], rays[1] = look.narrow * cos(phi), look.narrow * sin(phi)
            rays[2], rays[3] = -rays[0], -rays[1]
        elif not _try(near, n, look, first, look.wider * (way - turns), rays):
            continue
        cost = _settle(near, n, look, rays)
        if cost < best:
            best = cost
            dot = 1 + rays[0] * rays[2] + rays[1] * rays[3]
            size = (1 + rays[0] ** 2 + rays[1] ** 2) * (1 + rays[2] ** 2 + rays[3] ** 2)
            answer[0] = acos(min(1.0, dot / sqrt(size)))
            answer[1], answer[2] = max(rays[4], rays[5]), min(rays[4], rays[5])
    total = 0.0
    for k in range(n):
        total += near[k, 3]
    answer[3] = max(alone - best, 0.0) / total


@apart
def _try(near, n, look, first, off, rays):
    """Take one ray, and the point that makes the best second one; tell if there is any."""
    least = np.inf
    for j in range(0, n, max(1, int(n / look.tries))):
        if (near[j, 0] - first[0]) ** 2 + (near[j, 1] - first[1]) ** 2 < off * off:
            continue
        cost = 0.0
        for k in range(n):
            d1 = (near[k, 0] - first[0]) ** 2 + (near[k, 1] - first[1]) ** 2
            d2 = (near[k, 0] - near[j, 0]) ** 2 + (near[k, 1] - near[j, 1]) ** 2
            cost += near[k, 3] * min(min(d1, d2) * near[k, 2], look.reach * look.reach)
        if cost < least:
            least = cost
            rays[0], rays[1], rays[2], rays[3] = first[0], first[1], near[j, 0], near[j, 1]
    return least < np.inf


@apart
def _settle(near, n, look, rays):
    """Share until nothing gets better; return the cost."""
    cost = np.inf
    for _ in range(int(look.rounds)):
        now = _share(near, n, look.reach * look.reach, rays)
        if not now < cost:
            break
        cost = now
    return cost


@njit
def _share(near, n, reach, rays):
    """Share the points among two rays, and move these to the middles; return the cost before."""
    cost, q1, q2 = 0.0, 0.0, 0.0
    w1, a1, b1, w2, a2, b2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        a, b, sharp, charge = near[k, 0], near[k, 1], near[k, 2], near[k, 3]
        d1 = ((a - rays[0]) ** 2 + (b - rays[1]) ** 2) * sharp
        d2 = ((a - rays[2]) ** 2 + (b - rays[3]) ** 2) * sharp
        if min(d1, d2) > reach:
            cost += charge * reach
            continue
        weight = charge * sharp
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
