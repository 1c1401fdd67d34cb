"""How much charge is in each tile? What strips hold, shared out among the tiles that cross them.

In: strips with charge and error, and which of them cross in each tile. Out: the charge of tiles.
Chapter: tomographic.

Each strip says: my charge is the sum of my tiles'. There are more tiles than strips, so many
answers fit. No charge is negative, and of the answers that fit one with few tiles is wanted; so
what is made smallest, with all b ≥ 0, is

    ½ Σ_i ((q_i − Σ_j A_ij b_j) / σ_i)² + Σ_j p_j b_j,    A_ij = 1 where tile j is on strip i, or 0.

The penalty p, in the absolute value of b (an L1 norm), makes most b exactly zero. It is solved one
tile after the other, over and over: as a function of one b alone this is a parabola.

Laws: where b is zero the slope does not point down, where it is not the slope is zero; without a
penalty it is the least-squares answer without negative charge; groups that share no strip do not
know of each other.
"""

import numpy as np

from darkpairs._jit import apart, njit


def shares(charge, error, crossing, penalty, *, start=None, close=1e-6, sweeps=1000):
    """Return the charge of tiles.

    Parameters
    ----------
    charge, error : ndarray (s,)
        Of the strips [electrons]; an infinite error is a strip that is not asked.
    crossing : ndarray (t, 3) of int
        The strips of each tile; −1 for none.
    penalty : ndarray (t,)
        Of each tile [1/electrons], ≥ 0.
    start : ndarray (t,)
        Charge to begin with, ≥ 0; nothing by default.
    close : float
        It ends when no tile has moved more than this part of its strips' charge in a sweep.
    sweeps : int
        Or when it has gone through all tiles so many times.

    Returns
    -------
    ndarray (t,)
    """
    charge, error, penalty = (np.ascontiguousarray(x, dtype=np.float64)
                              for x in (charge, error, penalty))
    crossing = np.ascontiguousarray(crossing, dtype=np.int64).reshape(-1, 3)
    if not (error > 0).all():
        raise ValueError("errors of strips; wanted numbers > 0")
    if not (penalty >= 0).all() or len(penalty) != len(crossing):
        raise ValueError(f"{len(penalty)} penalties of {len(crossing)} tiles; wanted one ≥ 0 each")
    if len(crossing) and not -1 <= crossing.min() <= crossing.max() < len(charge):
        raise ValueError(f"tiles on strips {crossing.min()} to {crossing.max()}; wanted −1 to "
                         f"{len(charge) - 1}")
    found = np.zeros(len(crossing)) if start is None else np.array(start, dtype=np.float64)
    if found.shape != (len(crossing),) or not (found >= 0).all():
        raise ValueError("charge to begin with; wanted one number ≥ 0 for each tile")
    _solve(charge, 1 / error**2, crossing, penalty, close, sweeps, found)
    return found


def groups(crossing, strips):
    """Return a number for each tile, the same for tiles that share strips, ndarray (t,)."""
    return _groups(np.ascontiguousarray(crossing, dtype=np.int64), strips)


@apart
def _groups(crossing, strips):
    """Find tiles that hang together through strips; a group is named after its first tile."""
    root = np.arange(strips)
    for j in range(len(crossing)):
        first = -1
        for p in range(3):
            i = crossing[j, p]
            if i < 0:
                continue
            while root[i] != i:
                root[i] = root[root[i]]
                i = root[i]
            first = i if first < 0 else first
            root[max(first, i)] = min(first, i)
            first = min(first, i)
    name = np.full(strips + 1, -1, dtype=np.int64)
    group = np.empty(len(crossing), dtype=np.int64)
    for j in range(len(crossing)):
        i = max(crossing[j, 0], crossing[j, 1], crossing[j, 2])
        while i >= 0 and root[i] != i:
            i = root[i]
        name[i] = j if name[i] < 0 or i < 0 else name[i]
        group[j] = name[i]
    return group


@apart
def _solve(charge, weight, crossing, penalty, close, sweeps, found):
    """Go through the tiles, each time setting one to its best value, until all stand still.

    A group that stands still is left alone.
    """
    group = _groups(crossing, len(charge))
    rest = charge.copy()
    for j in range(len(crossing)):
        for p in range(3):
            if crossing[j, p] >= 0:
                rest[crossing[j, p]] -= found[j]
    bend = np.zeros(len(crossing))
    for j in range(len(crossing)):
        for p in range(3):
            bend[j] += weight[crossing[j, p]] if crossing[j, p] >= 0 else 0.0
    bounds = np.zeros(len(group) + 2, dtype=np.int64)
    order = np.empty(len(group), dtype=np.int64)
    for name in group:
        bounds[name + 2] += 1
    for name in range(2, len(bounds)):
        bounds[name] += bounds[name - 1]
    for j in range(len(group)):
        order[bounds[group[j] + 1]] = j
        bounds[group[j] + 1] += 1
    for name in range(len(group)):
        first, last = bounds[name], bounds[name + 1]
        if first == last:
            continue
        _settle(charge, weight, crossing, penalty, bend, close, sweeps, order[first:last], rest,
                found)


@apart
def _settle(charge, weight, crossing, penalty, bend, close, sweeps, tiles, rest, found):
    """Solve for the tiles of one group."""
    for _ in range(sweeps):
        if _sweep(charge, weight, crossing, penalty, bend, close, tiles, rest, found):
            break


@njit
def _sweep(charge, weight, crossing, penalty, bend, close, tiles, rest, found):
    """Set each tile to its best value once; tell whether none has moved."""
    still = True
    for j in tiles:
        slope, most = -penalty[j], 0.0
        for p in range(3):
            i = crossing[j, p]
            if i >= 0:
                slope += weight[i] * rest[i]
                most = max(most, charge[i])
        if bend[j] == 0.0 or (slope <= 0.0 and found[j] == 0.0):
            continue
        step = max(slope / bend[j], -found[j])
        found[j] += step
        for p in range(3):
            if crossing[j, p] >= 0:
                rest[crossing[j, p]] -= step
        still = still and abs(step) <= close * most
    return still
