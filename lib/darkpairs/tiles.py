"""Where in space can charge be at all? Slices of time, strips of wires, and tiles where they meet.

In: `Charge`. Out: `Strips` and `Tiles`, flat arrays of a few events. Chapter: tomographic.

The idea is Wire-Cell's: everything that comes within a few ticks lies in one thin slice of the
chamber. In it, wires of U that hold charge cover some stripes of the plane, those of V and Y
others; charge can only be where stripes of all three cross. This is a toy of it: wires are taken
in blocks of a few at fixed places, so the same place has the same name in all slices.

A strip is what the wires of one block hold in one slice; a tile is where three strips cross, or
two of them and wires that are dead.

Laws: strips hold the charge of their regions; tiles cover every place where charge was, once;
their number grows as the charge does, not faster.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from darkpairs import wires
from darkpairs._jit import apart, njit


class Strips(NamedTuple):
    """What blocks of wires hold in slices; sorted by event, plane, block and slice."""

    event: np.ndarray  # (s,)
    plane: np.ndarray
    block: np.ndarray
    slice: np.ndarray
    open: np.ndarray  # 1 if some wires of the block are dead: the charge is a lower bound
    low: np.ndarray  # (s,) where it begins and ends, in wires
    high: np.ndarray
    charge: np.ndarray  # electrons
    error: np.ndarray
    place: np.ndarray  # mean place of the charge, in wires
    time: np.ndarray  # mean tick of the charge here and in the next two slices on both sides


class Tiles(NamedTuple):
    """Where strips of the planes cross; sorted by event and slice."""

    event: np.ndarray  # (t,)
    slice: np.ndarray
    strip: np.ndarray  # (t, 3), −1 where all wires are dead
    block: np.ndarray  # (t, 3)
    after: np.ndarray  # (t,) the same place one slice later, −1 if there is none
    before: np.ndarray  # and one slice earlier


@lru_cache(maxsize=8)
def frame(detector, width):
    """Return what is fixed for tiles of a chamber, in blocks of `width` wires.

    Returns
    -------
    begin : ndarray (4,) of int64
        Where the blocks of each plane begin.
    dead : ndarray (blocks, 3) of int64
        First dead wire, last plus one, and how many there are, for each block.
    shift, reach : float
        ``place u + place v − place w``, and largest ``|place v − place u|``, in wires.
    """
    count = np.array([-(-n // width) for n in wires.counts(detector)])
    begin = np.concatenate([[0], np.cumsum(count)])
    dead = np.zeros((begin[-1], 3), dtype=np.int64)
    for plane, mask in enumerate(wires.dead(detector)):
        gone = np.flatnonzero(mask)
        block = begin[plane] + gone // width
        np.add.at(dead[:, 2], block, 1)
        dead[block[::-1], 0] = gone[::-1]
        dead[block, 1] = gone + 1
    slopes = wires.projection(detector)
    shift = slopes[0, 2] + slopes[1, 2] - slopes[2, 2]
    return begin, dead, shift, (slopes[1, 0] - slopes[0, 0]) * detector.height / 2


def strips(charge, first, last, detector, rules):
    """Return the strips of events first … last − 1 of a `Charge`."""
    rows = slice(int(charge.offsets[first]), int(charge.offsets[last]))
    step, width = int(rules.ticks), int(rules.wires)
    most = int((charge.ticks[rows] // step + 2).sum())
    whole, parts = np.zeros((5, most), np.int64), np.zeros((6, most))
    begin, dead, _, _ = frame(detector, width)
    number = _strips(charge.offsets[first:last + 1], charge.plane, charge.wire, charge.tick,
                     charge.ticks, charge.noise, charge.start, charge.electrons, begin, dead,
                     step, width, np.array([rules.fired, rules.faint, rules.spread,
                                            rules.induction]), whole, parts)
    return Strips(*whole[:, :number], *parts[:, :number])


@apart
def _strips(offsets, plane, wire, tick, ticks, noise, start, electrons, begin, dead, step, width,
            look, whole, parts):
    """Add up the samples of each block and slice. Return how many strips there are."""
    most = 0
    for r in range(offsets[0], offsets[-1]):
        most = max(most, (tick[r] + ticks[r]) // step + 1)
    row = np.zeros(most + 4)
    sums = np.zeros((most, 3))
    ends = np.zeros((most, 2), dtype=np.int64)
    found = 0
    for event in range(len(offsets) - 1):
        r = offsets[event]
        while r < offsets[event + 1]:
            p, block, first, last = plane[r], wire[r] // width, most, 0
            while r < offsets[event + 1] and plane[r] == p and wire[r] // width == block:
                low, high = tick[r] // step, (tick[r] + ticks[r] - 1) // step + 1
                _row(tick[r], ticks[r], electrons[start[r]:start[r + 1]], step, low, row)
                _sharpen(row[:high - low], noise[r] * step, look)
                for s in range(low, high):
                    q = row[s - low]
                    if q > 0:
                        if ends[s, 1] == 0:
                            ends[s, 0] = wire[r]
                        ends[s, 1] = wire[r] + 1
                        sums[s, 0] += q
                        sums[s, 1] += (noise[r] * step)**2
                        sums[s, 2] += q * (wire[r] + 0.5)
                first, last = min(first, low), max(last, high)
                r += 1
            found = _flush(event, p, block, first, last, dead[begin[p] + block], step, look,
                           sums, ends, whole, parts, found)
    return found


@njit
def _row(tick, ticks, electrons, step, low, row):
    """Sum the samples of one region in slices."""
    row[:(tick + ticks - 1) // step + 1 - low] = 0.0
    for t in range(ticks):
        row[(tick + t) // step - low] += electrons[t]


@njit
def _sharpen(row, sigma, look):
    """Keep slices where there is a pulse; its tails go to the nearest of them."""
    n, last = len(row), -1
    top = np.zeros(n)
    for s in range(n):
        for t in range(max(s - 2, 0), min(s + 3, n)):
            top[s] = max(top[s], row[t])
    for s in range(n):
        if row[s] > max(look[0] * sigma, look[1] * top[s]):
            for t in range(last + 1, s):  # nearest: the first half goes back, the rest ahead
                goes = last if last >= 0 and t - last <= s - t else s
                row[goes] += row[t]
                row[t] = 0.0
            last = s
    for t in range(last + 1, n):
        if last >= 0:
            row[last] += row[t]
        row[t] = 0.0


@njit
def _flush(event, plane, block, first, last, dead, step, look, sums, ends, whole, parts, found):
    """Write down the strips of one block and clear the sums."""
    scale = look[3] if plane < 2 else 1.0
    for s in range(first, last):
        if ends[s, 1] > 0:
            whole[0, found], whole[1, found], whole[2, found] = event, plane, block
            whole[3, found], whole[4, found] = s, dead[2] > 0
            low, high, q = ends[s, 0], ends[s, 1], scale * sums[s, 0]
            if dead[2] > 0:
                low, high = min(low, dead[0]), max(high, dead[1])
            parts[0, found], parts[1, found], parts[2, found] = low, high, q
            parts[3, found] = np.sqrt(scale**2 * sums[s, 1] + (look[2] * q)**2)
            parts[4, found] = scale * sums[s, 2] / q
            total, moment = 0.0, 0.0
            for t in range(max(s - 2, first), min(s + 3, last)):
                total += max(sums[t, 0], 0.0)
                moment += max(sums[t, 0], 0.0) * (t + 0.5) * step
            parts[5, found] = moment / total
            found += 1
    for s in range(first, last):
        sums[s] = 0.0
        ends[s] = 0
    return found


def tiles(strips, detector, rules, slices):
    """Return where strips cross.

    Parameters
    ----------
    strips : Strips
        Of a few events.
    detector, rules
        The chamber, and how to look.
    slices : int
        Number of slices of an event, at least the last one that holds a strip.
    """
    events = int(strips.event[-1]) + 1 if len(strips.event) else 0
    bounds = np.zeros(events * slices + 2, dtype=np.int64)
    order = np.empty(len(strips.event), dtype=np.int64)
    _sort(strips.event * slices + strips.slice, bounds, order)
    fixed = frame(detector, int(rules.wires))
    most = 4 * len(order) + 64
    while True:
        rows = np.empty((8, most), dtype=np.int64)
        number = _tiles(strips, bounds, order, slices, *fixed, int(rules.wires), rules.corner,
                        rules.apart, rows)
        if number <= most:
            break
        most = number  # come again with room for all
    rows = rows[:, :number]
    after, before = np.full(number, -1), np.full(number, -1)
    _link(rows[0], rows[1], np.ascontiguousarray(rows[2:].T), after, before)
    return Tiles(rows[0], rows[1], np.ascontiguousarray(rows[2:5].T),
                 np.ascontiguousarray(rows[5:8].T), after, before)


@apart
def _sort(key, bounds, order):
    """Sort rows by a small whole number, keeping their order: those of k from bounds[k] on."""
    for k in key:
        bounds[k + 2] += 1
    for k in range(2, len(bounds)):
        bounds[k] += bounds[k - 1]
    for i in range(len(key)):
        order[bounds[key[i] + 1]] = i
        bounds[key[i] + 1] += 1


@njit
def _area(low, high, a, b):
    """Part of a rectangle a × b, wires of two planes, with low < u + v < high from its corner."""
    area = 0.0
    for sign, t in ((1.0, high), (-1.0, low)):
        for turn, edge in ((1.0, 0.0), (-1.0, a), (-1.0, b), (1.0, a + b)):
            area += sign * turn * max(t - edge, 0.0)**2 / 2
    return area


@njit
def _write(rows, found, event, slice_, strips, blocks):
    """Write down a tile if there is room."""
    if found < rows.shape[1]:
        rows[0, found], rows[1, found] = event, slice_
        for p in range(3):
            rows[2 + p, found], rows[5 + p, found] = strips[p], blocks[p]
    return found + 1


@apart
def _tiles(strips, bounds, order, slices, begin, dead, shift, reach, width, corner, late, rows):
    """Find the tiles of all slices. Return how many there are, room for them or not."""
    at = np.full(begin[3], -1, dtype=np.int64)  # the strip on a block, in this slice
    some = dead[:, 2].sum() > 0
    low, high, found = strips.low, strips.high, 0
    for k in range(len(bounds) - 2):
        here = order[bounds[k]:bounds[k + 1]]
        v0, y0 = 0, 0
        for i in here:
            at[begin[strips.plane[i]] + strips.block[i]] = i
            v0 += strips.plane[i] < 1
            y0 += strips.plane[i] < 2
        event, now = k // slices, k % slices
        for u in here[:v0]:
            for v in here[v0:y0]:
                if (abs(strips.time[u] - strips.time[v]) < late and low[v] - high[u] < reach
                        and low[u] - high[v] < reach):
                    found = _third(event, now, strips, u, v, begin, dead, at, shift, width,
                                   corner, late, rows, found)
        if some:
            for p in range(2):
                for one in here[:v0] if p == 0 else here[v0:y0]:
                    for y in here[y0:]:
                        if abs(strips.time[one] - strips.time[y]) < late:
                            found = _gap(event, now, strips, one, y, 1 - p, begin, dead, at,
                                         shift, reach, width, corner, rows, found)
        for i in here:
            at[begin[strips.plane[i]] + strips.block[i]] = -1
    return found


@njit
def _third(event, now, strips, u, v, begin, dead, at, shift, width, corner, late, rows, found):
    """Find tiles of a strip of U and one of V: on each strip of Y they meet, or where Y is dead."""
    a, b = strips.high[u] - strips.low[u], strips.high[v] - strips.low[v]
    base = strips.low[u] + strips.low[v] - shift
    first, last = max(int(base) // width, 0), int(base + a + b) // width
    for block in range(first, min(last + 1, begin[3] - begin[2])):
        y = at[begin[2] + block]
        if y >= 0:
            low, high = strips.low[y], strips.high[y]
            if (abs(strips.time[y] - strips.time[u]) > late
                    or abs(strips.time[y] - strips.time[v]) > late):
                continue
        elif dead[begin[2] + block, 2] > 0:
            low, high = float(dead[begin[2] + block, 0]), float(dead[begin[2] + block, 1])
        else:
            continue
        if _area(low - base, high - base, a, b) > corner:
            found = _write(rows, found, event, now, (u, v, y),
                           (strips.block[u], strips.block[v], block))
    return found


@njit
def _gap(event, now, strips, one, y, other, begin, dead, at, shift, reach, width, corner, rows,
         found):
    """Find tiles of a strip of U or V and one of Y, where the other plane is dead."""
    a, b = strips.high[one] - strips.low[one], strips.high[y] - strips.low[y]
    low, high = strips.low[y] - strips.high[one] + shift, strips.high[y] - strips.low[one] + shift
    if high < 0 or low - strips.high[one] > reach or strips.low[one] - high > reach:
        return found
    last = min(int(high) // width + 1, begin[other + 1] - begin[other])
    for block in range(max(int(low), 0) // width, last):
        where = begin[other] + block
        if dead[where, 2] == 0 or at[where] >= 0:
            continue
        edge, end = float(dead[where, 0]), float(dead[where, 1])
        if _area(edge - low, end - low, a, b) > corner:  # v = w + shift − u
            pair = (one, -1, y) if other == 1 else (-1, one, y)
            mine = strips.block[one]
            blocks = (mine, block, strips.block[y]) if other == 1 else (
                block, mine, strips.block[y])
            found = _write(rows, found, event, now, pair, blocks)
    return found


@apart
def _link(event, now, names, after, before):
    """Join tiles of the same place in slices that follow each other; both lists are sorted."""
    i, j, n = 0, 0, len(event)
    while i < n and j < n:
        order = (event[j] - event[i]) * 1_000_000 + now[j] - now[i] - 1
        if order == 0:
            order = _compare(names[i], names[j])
        if order == 0:
            after[i], before[j] = j, i
        i += order >= 0
        j += order <= 0


@njit
def _compare(one, other):
    """Tell which of two tiles comes first in its slice: −1 if the other does."""
    kind = (one[0] < 0) * 2 + (one[1] < 0)
    kinds = (other[0] < 0) * 2 + (other[1] < 0)
    if kind != kinds:
        return kinds - kind
    for p in (3, 4, 5) if kind == 0 else (3, 5, 4) if kind == 1 else (4, 5, 3):
        if one[p] != other[p]:
            return other[p] - one[p]
    return 0
