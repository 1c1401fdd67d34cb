"""A cluster that opens into two prongs from one start is two particles: find it and split it.

In: points in space with charge and cluster. Out: clusters anew. Chapter: tomographic.

A place at the edge of a cluster is its start if most of the charge lies in a cone ahead of it, near
charge counting most. From there, a prong is a narrow cone that holds charge in each centimetre of
the way. The first is the fullest; is there a second one, and next to nothing between them? Not too
near, where all are one; not too far, where the shower of one photon opens as well.

Laws: two lines of points with an angle between them are split, each whole; one line never is;
turning or shifting all points changes nothing that matters; no charge changes hands elsewhere.
"""

import numpy as np

from darkpairs import neighbours
from darkpairs._jit import apart, njit

_WAYS = 60  # directions in which a cluster's edge is looked for


def split(event, where, electrons, label, rules):
    """Return clusters of which those with two prongs are split.

    Parameters
    ----------
    event : ndarray (k,) of int
        Sorted.
    where : ndarray (k, 3)
        Positions of points [cm].
    electrons : ndarray (k,)
        Their charges.
    label : ndarray (k,) of int
        Clusters, counted within each event from 0.
    rules : tomographic.Rules
        From `heavy` to `valley`.

    Returns
    -------
    ndarray (k,) of int32
        Counted within each event from 0, by falling charge.
    """
    if len(event) == 0:
        return np.zeros(0, dtype=np.int32)
    offsets = np.searchsorted(event, np.arange(event[-1] + 2))
    names = np.asarray(label, dtype=np.int64).copy()
    _split(offsets, where, electrons, names, _directions(), _look(rules))
    unique = event * (2 * len(event)) + names
    return neighbours.numbered(event, unique, electrons)


def _look(rules):
    return np.array([rules.heavy, rules.around, np.cos(rules.ahead), rules.inner, rules.outer,
                     rules.narrow, rules.thick, np.cos(rules.opening), rules.steps, rules.part,
                     rules.valley])


def _directions():
    """Return directions all around, evenly on a spiral, ndarray (60, 3)."""
    turn = np.arange(_WAYS) + 0.5
    z, phi = 1 - 2 * turn / _WAYS, np.pi * (1 + 5**0.5) * turn
    return np.column_stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z])


def start(where, electrons, members, rules):
    """Return which point is the start of a cluster.

    Parameters
    ----------
    where, electrons
        All points of an event, as in `split`.
    members : ndarray (m,) of int
        The points of the cluster, at least one.
    rules : tomographic.Rules
        Of them, `around` and `ahead`.
    """
    members = np.ascontiguousarray(members, dtype=np.int64)
    return int(_start(np.ascontiguousarray(where, dtype=np.float64),
                      np.ascontiguousarray(electrons, dtype=np.float64), members, _directions(),
                      _look(rules)))


@apart
def _split(offsets, where, electrons, names, ways, look):
    """Look at each heavy cluster of each event; the second prong gets a name of its own."""
    for event in range(len(offsets) - 1):
        rows = slice(offsets[event], offsets[event + 1])
        place, charge, name = where[rows], electrons[rows], names[rows]
        if len(name) == 0:
            continue
        number = name.max() + 1
        total = np.zeros(number)
        for k in range(len(name)):
            total[name[k]] += charge[k]
        fresh = number
        for c in range(number):
            if total[c] < look[0]:
                continue
            members = np.flatnonzero(name == c)
            first = _start(place, charge, members, ways, look)
            fresh += _part(place, charge, members, place[first].copy(), look, name, fresh)


@apart
def _start(where, electrons, members, ways, look):
    """Of a cluster's outermost points, find the one with most charge in a cone ahead of it.

    Charge counts as 1/(distance + 1.5 cm), and twice against it if it is not in the cone.
    """
    best, found = -np.inf, members[0]
    tried = np.zeros(len(members), dtype=np.bool_)
    for way in ways:
        edge, farthest = 0, -np.inf
        for m in range(len(members)):
            far = _dot(where[members[m]], way)
            if far > farthest:
                edge, farthest = m, far
        if not tried[edge]:
            tried[edge] = True
            score = _score(where, electrons, members[edge], look)
            if score > best:
                best, found = score, members[edge]
    return found


@njit
def _dot(one, other):
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


@njit
def _score(where, electrons, origin, look):
    """Weighted charge ahead of a point, less twice what is not ahead."""
    x, y, z = 0.0, 0.0, 0.0
    near = np.zeros((len(where), 4))  # unit vector and weight
    for k in range(len(where)):
        dx = where[k, 0] - where[origin, 0]
        dy = where[k, 1] - where[origin, 1]
        dz = where[k, 2] - where[origin, 2]
        r = np.sqrt(dx * dx + dy * dy + dz * dz)
        if 0.3 < r < look[1]:
            weight = electrons[k] / (r + 1.5)
            near[k, 0], near[k, 1], near[k, 2], near[k, 3] = dx / r, dy / r, dz / r, weight
            x, y, z = x + weight * dx / r, y + weight * dy / r, z + weight * dz / r
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    score = 0.0
    for k in range(len(where)):
        ahead = near[k, 0] * x + near[k, 1] * y + near[k, 2] * z > look[2] * length
        score += near[k, 3] if ahead else -2 * near[k, 3]
    return score


@njit
def _part(where, electrons, members, origin, look, name, fresh):
    """Give the second prong of a cluster, if it has one, a new name; tell whether it has."""
    shell = np.empty((len(where), 6))  # unit vector, cosine of a prong's width here, charge, step
    n = 0
    for k in range(len(where)):
        dx = where[k, 0] - origin[0]
        dy = where[k, 1] - origin[1]
        dz = where[k, 2] - origin[2]
        r = np.sqrt(dx * dx + dy * dy + dz * dz)
        if look[3] < r < look[4]:
            shell[n, 0], shell[n, 1], shell[n, 2] = dx / r, dy / r, dz / r
            shell[n, 3] = np.cos(max(look[5], look[6] / r))
            shell[n, 4], shell[n, 5] = electrons[k], np.floor(r - look[3])
            n += 1
    one, two = _axes(shell[:n], look)
    if two < 0:
        return False
    mine, whole = 0.0, 0.0
    second = np.zeros(len(members), dtype=np.bool_)
    for m in range(len(members)):
        k = members[m]
        away = where[k] - origin
        r = np.sqrt(_dot(away, away))
        second[m] = r > look[3] and _dot(away, shell[two]) > _dot(away, shell[one])
        mine += electrons[k] if second[m] else 0.0
        whole += electrons[k]
    if mine < look[9] * whole or mine > (1 - look[9]) * whole:
        return False  # this cluster is one of the prongs already
    for m in range(len(members)):
        if second[m]:
            name[members[m]] = fresh
    return True


@apart
def _axes(shell, look):
    """Find the directions of two prongs, as rows of the shell; the second is −1 if there is none.

    The first prong fills the most steps of the way, and holds most charge among those that do. The
    second is at an angle, and fills the most of what is nearer to it than to the first.
    """
    one, two, best = -1, -1, -1.0
    for i in range(len(shell)):
        steps, charge = _fill(shell, i, i, False)
        if steps * 1e9 + charge > best:
            best, one = steps * 1e9 + charge, i
    most, least = look[8] - 0.5, look[9]
    for i in range(len(shell)):
        cosine = _dot(shell[one], shell[i])
        if cosine > look[7]:
            continue
        steps, charge = _fill(shell, i, one, True)
        if steps < most:
            continue
        rest, other = _fill(shell, one, i, True)
        steps, part = min(steps, rest), charge / (charge + other)
        if steps < most or (steps == most and part <= least) or part < look[9]:
            continue
        most, least = steps, part
        two = i if _between(shell, one, i, cosine) < look[10] else -1
    return one, two


@njit
def _fill(shell, axis, other, nearer):
    """Steps of the way with charge in the cone about an axis, and how much; nearer than another."""
    seen, charge = 0, 0.0
    for k in range(len(shell)):
        cosine = _dot(shell[axis], shell[k])
        if cosine > shell[k, 3] and not (nearer and _dot(shell[other], shell[k]) >= cosine):
            seen |= 1 << int(shell[k, 5])
            charge += shell[k, 4]
    steps = 0
    while seen:
        steps += seen & 1
        seen >>= 1
    return steps, charge


@njit
def _between(shell, one, two, cosine):
    """Charge in the middle between two axes, in parts of that of the lesser prong."""
    x, y, z = (shell[one, 0] + shell[two, 0], shell[one, 1] + shell[two, 1],
               shell[one, 2] + shell[two, 2])
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    quarter = np.sqrt((1 + np.sqrt((1 + cosine) / 2)) / 2)  # cosine of a quarter of the angle
    middle, first, second = 0.0, 0.0, 0.0
    for k in range(len(shell)):
        if shell[k, 5] < 2:
            continue
        a, b = _dot(shell[one], shell[k]), _dot(shell[two], shell[k])
        if shell[k, 0] * x + shell[k, 1] * y + shell[k, 2] * z > quarter * length:
            middle += shell[k, 4]
        if a > shell[k, 3] and a >= b:
            first += shell[k, 4]
        elif b > shell[k, 3] and b > a:
            second += shell[k, 4]
    return middle / max(min(first, second), 1.0)
