"""Where does a cluster of points begin, and which way does it go?

In: points of one cluster, with charge, and what lies around it. Out: its start, its way from there,
and its other end. Chapters: projective, tomographic, two-eyes.

A shower is narrow where it begins and wide where it ends; its charge lies before its start, and
none behind. So each outermost point of a cluster is tried: the charge in a cone before it, minus
the charge outside of the cone. The narrow end of a principal axis alone would be wrong for one
event in five. Then a line through the first centimetres says where the first charge is.

A pair that opens wide is a fork: seen from where its legs meet, much of its charge is beside the
mean way. So where two dense legs leave a point, what lies before either counts as before the start.

Laws: a start moves and turns with its points; more charge behind an end never makes it better;
a wide fork starts where its legs meet.
"""

from math import sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart, njit

# Twenty-six ways to look for outermost points: to the faces, edges and corners of a cube.
_WAYS = np.array([(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)
                  if (a, b, c) != (0, 0, 0)], dtype=np.float64)
_BIN = 0.3  # cm, of the way along a line on which the first charge is looked for
_TRIES = 24  # of points that a leg may go through
_TURNS = 40  # of the power method; an axis of length 2:1 is known to 1e-6 after ten


class Look(NamedTuple):
    """How a start is looked for."""

    near: Given[float, "cm", "charge up to here says which way a cluster goes; about X0"] = 14.0
    around: Given[float, "cm", "small clusters up to here count, too; our choice"] = 40.0
    ahead: Given[float, "", "cosine of the cone's half-angle; our choice"] = 0.6
    core: Given[float, "cm", "so near there is no before and behind; our choice"] = 1.0
    lead: Given[float, "cm", "of the line through the first centimetres; our choice"] = 5.0
    thin: Given[float, "cm", "from the line, for charge to count; our choice"] = 0.8
    back: Given[float, "cm", "as far the line is followed back; our choice"] = 4.0
    pause: Given[float, "cm", "without charge that ends a line; our choice"] = 1.2
    leg: Given[float, "cm", "two legs of a fork are looked at up to here; our choice"] = 7.0
    slice: Given[float, "cm", "of a leg; each holds charge; our choice"] = 3.0
    fork: Given[float, "", "cosine: legs of a fork open more; 26°; our choice"] = 0.9
    clear: Given[float, "", "of its charge: a fork has to be so much better; ours"] = 0.05
    flat: Given[float, "", "cosine: and less, or it is a bend; 127°; our choice"] = -0.6


LOOK = Look()


def find(position, charge, *, look=LOOK):
    """Return where one cluster of points starts, and its direction there.

    Parameters
    ----------
    position : ndarray (k, 3)
        Points [cm], at least one; finite.
    charge : ndarray (k,)
        Their charge [electrons], ≥ 0 and not all zero.
    look : Look
        How to look.

    Returns
    -------
    start, direction : ndarray (3,)
        Where [cm], and a unit vector.
    """
    position = np.ascontiguousarray(position, dtype=np.float64)
    charge = np.ascontiguousarray(charge, dtype=np.float64)
    if position.shape != (len(charge), 3) or not np.isfinite(position).all():
        raise ValueError(f"positions of shape {position.shape}; wanted ({len(charge)}, 3), finite")
    if not (charge >= 0).all() or not 0 < charge.sum() < np.inf:  # refuses NaN too
        raise ValueError("charges below zero, without end or all zero; wanted some charge")
    start, way, *_ = _find(position, charge, np.zeros((0, 4)), look)
    return np.array(start), np.array(way)


@njit
def _dot(a, b):
    """Scalar product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit
def _minus(a, b):
    """Difference of two vectors."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit
def _along(a, t, b):
    """Point a + t b."""
    return a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]


@njit
def _unit(a):
    """Vector of length one; along z if it has no length."""
    size = sqrt(_dot(a, a))
    return (a[0] / size, a[1] / size, a[2] / size) if size > 0 else (0.0, 0.0, 1.0)


@apart
def _mean(place, charge):
    """Charge, and its mean place."""
    q, x, y, z = 0.0, 0.0, 0.0, 0.0
    for k in range(len(charge)):
        q += charge[k]
        x += charge[k] * place[k, 0]
        y += charge[k] * place[k, 1]
        z += charge[k] * place[k, 2]
    scale = 1 / q if q > 0 else 0.0
    return q, (x * scale, y * scale, z * scale)


@apart
def _line(place, charge, origin, way, first, last, off):
    """Mean place and longest axis of the charge near a line, between two places along it.

    Returns the charge, too; nothing near the line gives zero and the line itself.
    """
    q, mx, my, mz = 0.0, 0.0, 0.0, 0.0
    xx, xy, xz, yy, yz, zz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(len(charge)):
        x, y, z = place[k, 0] - origin[0], place[k, 1] - origin[1], place[k, 2] - origin[2]
        t = x * way[0] + y * way[1] + z * way[2]
        if not first <= t <= last or x * x + y * y + z * z - t * t > off * off:
            continue
        w = charge[k]
        q += w
        mx += w * x
        my += w * y
        mz += w * z
        xx += w * x * x
        xy += w * x * y
        xz += w * x * z
        yy += w * y * y
        yz += w * y * z
        zz += w * z * z
    if not q > 0:
        return 0.0, origin, way
    mx, my, mz = mx / q, my / q, mz / q
    xx, xy, xz = xx / q - mx * mx, xy / q - mx * my, xz / q - mx * mz
    yy, yz, zz = yy / q - my * my, yz / q - my * mz, zz / q - mz * mz
    axis = way
    for _ in range(_TURNS):
        axis = _unit((xx * axis[0] + xy * axis[1] + xz * axis[2] + 1e-12 * way[0],
                      xy * axis[0] + yy * axis[1] + yz * axis[2] + 1e-12 * way[1],
                      xz * axis[0] + yz * axis[1] + zz * axis[2] + 1e-12 * way[2]))
    sign = 1.0 if _dot(axis, way) >= 0 else -1.0
    return q, (origin[0] + mx, origin[1] + my, origin[2] + mz), (
        sign * axis[0], sign * axis[1], sign * axis[2])


@apart
def _outermost(place, chosen):
    """Choose the outermost points of a cluster, each once; return how many they are."""
    best = np.full(len(_WAYS), -np.inf)
    which = np.zeros(len(_WAYS), dtype=np.int64)
    for k in range(len(place)):
        x, y, z = place[k, 0], place[k, 1], place[k, 2]
        for j in range(len(_WAYS)):
            t = x * _WAYS[j, 0] + y * _WAYS[j, 1] + z * _WAYS[j, 2]
            if t > best[j]:
                best[j], which[j] = t, k
    count = 0
    for j in range(len(_WAYS)):
        fresh = True
        for i in range(count):
            fresh = fresh and chosen[i] != which[j]
        if fresh:
            chosen[count] = which[j]
            count += 1
    return count


@apart
def _forward(place, charge, lumps, at, look):
    """Score of a start, and its way: charge in the cone before it, minus charge outside.

    `lumps` (l, 4) are small clusters around, place and charge of each.
    """
    x, y, z = 0.0, 0.0, 0.0
    near = look.near * look.near
    for k in range(len(charge)):
        a, b, c = place[k, 0] - at[0], place[k, 1] - at[1], place[k, 2] - at[2]
        far = a * a + b * b + c * c
        if 0 < far < near:
            w = charge[k] / sqrt(far)
            x += w * a
            y += w * b
            z += w * c
    way = _unit((x, y, z))
    score, core = 0.0, look.core * look.core
    for k in range(len(charge)):
        a, b, c = place[k, 0] - at[0], place[k, 1] - at[1], place[k, 2] - at[2]
        far = a * a + b * b + c * c
        if far > core:
            score += charge[k] * _worth((a * way[0] + b * way[1] + c * way[2]) / sqrt(far), look)
    for k in range(len(lumps)):
        a, b, c = lumps[k, 0] - at[0], lumps[k, 1] - at[1], lumps[k, 2] - at[2]
        far = a * a + b * b + c * c
        if core < far < look.around * look.around:
            score += lumps[k, 3] * _worth(
                (a * way[0] + b * way[1] + c * way[2]) / sqrt(far), look)
    return score, way


@njit
def _worth(cosine, look):
    """What charge under an angle to the way counts: 1 before the start, −1 outside of the cone."""
    return max(-1.0, 1 - 2 * (1 - cosine) / (1 - look.ahead))


@apart
def _legs(place, charge, at, look):
    """Find two legs that leave a point under a wide angle, each dense from its beginning.

    A leg is a thin line through a point farther out, with charge in each of its slices: a start is
    dense, the tail of a shower is ragged. Returns whether there are two, and their ways.
    """
    near = np.empty((len(charge), 3))
    count, ends = 0, 0
    for k in range(len(charge)):
        a = _minus((place[k, 0], place[k, 1], place[k, 2]), at)
        if charge[k] > 0 and look.core**2 < _dot(a, a) < look.leg**2:
            near[count, 0], near[count, 1], near[count, 2] = a
            count += 1
            ends += _dot(a, a) > 0.25 * look.leg**2
    step, bins = ends // _TRIES + 1, max(int((look.leg - look.core) / look.slice), 1)
    found, most = np.zeros((_TRIES + 1, 3)), np.zeros(_TRIES + 1, dtype=np.int64)
    tried, legs = 0, 0
    for k in range(count):
        a = (near[k, 0], near[k, 1], near[k, 2])
        if _dot(a, a) > 0.25 * look.leg**2:
            if tried % step == 0:
                way = _unit(a)
                many, full = _filled(near[:count], way, bins, look)
                if full == bins:
                    found[legs, 0], found[legs, 1], found[legs, 2] = way
                    most[legs] = many
                    legs += 1
            tried += 1
    one = np.argmax(most)
    first = (found[one, 0], found[one, 1], found[one, 2])
    other, best = -1, 0
    for j in range(legs):
        cosine = _dot(first, (found[j, 0], found[j, 1], found[j, 2]))
        if look.flat < cosine < look.fork and most[j] > best:
            other, best = j, most[j]
    return other >= 0, first, (found[other, 0], found[other, 1], found[other, 2])


@apart
def _filled(near, way, bins, look):
    """Points in a thin line from the origin, and how many of its slices hold some."""
    held = np.zeros(bins, dtype=np.bool_)
    many = 0
    for k in range(len(near)):
        a = (near[k, 0], near[k, 1], near[k, 2])
        t = _dot(a, way)
        if t > look.core and _dot(a, a) - t * t < look.thin * look.thin:
            held[min(int((t - look.core) / look.slice), bins - 1)] = True
            many += 1
    return many, np.sum(held)


@apart
def _forked(place, charge, lumps, at, one, two, look):
    """Score of a start from which two legs go: charge in the cone about either, minus the rest."""
    score = 0.0
    for k in range(len(charge) + len(lumps)):
        far = k >= len(charge)
        row, q = (lumps[k - len(charge)], lumps[k - len(charge), 3]) if far else (
            place[k], charge[k])
        a = _minus((row[0], row[1], row[2]), at)
        r = sqrt(_dot(a, a))
        if look.core < r and (not far or r < look.around):
            score += q * _worth(max(_dot(a, one), _dot(a, two)) / r, look)
    return score


@apart
def _first(place, charge, at, way, look):
    """Where on a line the first charge is: back from `at` as long as there is no pause."""
    bins = int((look.back + look.lead) / _BIN) + 1
    sums = np.zeros(bins)
    edge = np.full(bins, np.inf)
    for k in range(len(charge)):
        a, b, c = place[k, 0] - at[0], place[k, 1] - at[1], place[k, 2] - at[2]
        t = a * way[0] + b * way[1] + c * way[2]
        j = int((t + look.back) / _BIN) if t > -look.back else -1
        if 0 <= j < bins and a * a + b * b + c * c - t * t < look.thin * look.thin:
            sums[j] += charge[k]
            edge[j] = min(edge[j], t)
    j = last = int((look.back + look.core) / _BIN)
    while j >= 0 and (last - j) * _BIN <= look.pause:
        if sums[j] > 0:
            last = j
        j -= 1
    while last < bins - 1 and not sums[last] > 0:
        last += 1
    return edge[last] if sums[last] > 0 else 0.0


@apart
def _refine(place, charge, at, way, look):
    """Lay a line through the first centimetres and follow it back; return the start and the way."""
    off = 2 * look.thin
    for _ in range(3):
        q, mean, axis = _line(place, charge, at, way, -look.core, look.lead, off)
        if not q > 0 or _dot(axis, way) < look.ahead:
            break
        back = _dot(_minus(mean, at), axis)
        at, way = _along(mean, -back, axis), axis
        at = _along(at, _first(place, charge, at, way, look), way)
        off = look.thin
    return at, way


@apart
def _fork(place, charge, lumps, chosen, score, look):
    """Find the best of the points from which two legs go, −1 if there is none; mend its score."""
    best = -1
    for j in range(len(chosen)):
        k = chosen[j]
        at = (place[k, 0], place[k, 1], place[k, 2])
        fork, one, two = _legs(place, charge, at, look)
        if fork:
            now = _forked(place, charge, lumps, at, one, two, look) - look.clear * charge.sum()
            if now > score[j]:
                score[j] = now
                if best < 0 or now > score[best]:
                    best = j
    return best


@apart
def _find(place, charge, lumps, look):
    """Start, way and other end of a cluster, by how much the start is better, and its legs' ways.

    Both legs go the same way if it is no fork. The other end is the best point farther than half
    the cluster's extent from the start.
    """
    chosen = np.empty(len(_WAYS), dtype=np.int64)
    count = _outermost(place, chosen)
    score, ways = np.empty(count), np.empty((count, 3))
    for j in range(count):
        k = chosen[j]
        score[j], way = _forward(place, charge, lumps, (place[k, 0], place[k, 1], place[k, 2]),
                                 look)
        ways[j, 0], ways[j, 1], ways[j, 2] = way
    fork = _fork(place, charge, lumps, chosen[:count], score, look)
    best = np.argmax(score)
    at, extent = place[chosen[best]], 0.0
    for j in range(count):
        a = _minus(place[chosen[j]], at)
        extent = max(extent, _dot(a, a))
    other, second = best, -np.inf
    for j in range(count):
        a = _minus(place[chosen[j]], at)
        if 4 * _dot(a, a) > extent and score[j] > second:
            other, second = j, score[j]
    k, far = chosen[best], chosen[other]
    start, way = (place[k, 0], place[k, 1], place[k, 2]), (
        ways[best, 0], ways[best, 1], ways[best, 2])
    if fork == best:
        _, one, two = _legs(place, charge, start, look)
    else:
        start, way = _refine(place, charge, start, way, look)
        one = two = way
    total = charge.sum()
    sure = not total > 0 or other == best
    doubt = np.inf if sure else (score[best] - second) / total
    return start, way, (place[far, 0], place[far, 1], place[far, 2]), (
        ways[other, 0], ways[other, 1], ways[other, 2]), doubt, one, two
