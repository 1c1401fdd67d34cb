"""Runs of ticks that stand out of the noise: where they are, and the charge in them.

In: filtered rows, as `deconvolve` makes them. Out: regions, and electrons for each of their ticks.
Chapter: readout.

A filter that lets only slow waves pass leaves nothing between the ticks that could not be told from
every second one. So rows come with a sample every `step` ticks, 1 or 2, and runs are sought there.
What lies between two samples is a sum of their neighbours, and is made in regions alone.

Laws: a slow wave comes back at all ticks; a steady charge stays as it is; the slow twin finds the
same runs; charge is what lies above a straight line.
"""

import numpy as np

from darkpairs._jit import apart, njit, within

# Half-way between two samples: weights of the nearest pair, the next one … They are least squares
# for waves up to 4σ, weighted with a Gaussian of σ = 0.111 per sample, as `deconvolve.FILTERS` has,
# and leave a steady level alone; our choice. Right to 6e-4 of a wave of frequency 0, for any other.
_NEAR, _NEXT, _THIRD, _FAR = 0.612942, -0.148954, 0.043951, -0.007939


def find(table, begins, length, step, rows, levels, look):
    """Return runs of ticks above threshold, padded and joined.

    Parameters
    ----------
    table : ndarray (b, 6) of int
        Event, plane, wire, tick, wires, ticks of blocks.
    begins : tuple of two ndarray (b,) of int
        Where each block's rows begin in its loose and in its tight image.
    length : ndarray (b,) of int
        Samples of each row.
    step : int
        Ticks from one sample to the next, 1 or 2; the first sample is a block's first tick.
    rows : ndarray (s,) of float32
        All images, row after row.
    levels : tuple of two ndarray (r,)
        For each row, block by block and wire by wire: above what a run goes on in the loose image,
        and what it needs in the tight one (∞: nothing counts).
    look : tuple of three int
        Ticks added on both sides, gaps that are closed, ticks for the line through both ends.

    Returns
    -------
    ndarray (r, 6) of int64
        Event, plane, wire, first tick, ticks and block of each, sorted in this order.
    """
    search = (table, *begins, length, step, rows, *levels, *look)
    regions = np.zeros((2 * table[:, 4].sum(), 6), dtype=np.int64)
    found = _find(*search, regions)
    if found > len(regions):  # come again with room for all
        regions = np.zeros((found, 6), dtype=np.int64)
        _find(*search, regions)
    regions = regions[:found]
    return regions[np.lexsort(regions.T[[3, 2, 1, 0]])]


def take(table, begin, length, step, rows, regions, base):
    """Return where each region's ticks begin, and the electrons in them.

    Parameters
    ----------
    table, length, step, rows
        As in `find`.
    begin : ndarray (b,) of int
        Where each block's rows begin in its loose image.
    regions : ndarray (r, 6) of int
        From `find`.
    base : int
        Ticks beyond each end of a region, for the straight line.

    Returns
    -------
    start : ndarray (r+1,) of int64
        Where the ticks of each region begin.
    electrons : ndarray (t,) of float32
        Charge in each tick.
    """
    start = np.concatenate([[0], np.cumsum(regions[:, 4])])
    electrons = np.empty(start[-1], dtype=np.float32)
    _take(table, begin, length, step, rows, regions, start, base, electrons)
    return start, electrons


def ticks(rows, step):
    """Return rows with all their ticks, ndarray (w, step n) of float32, of samples (w, n)."""
    every = np.empty((len(rows), step * rows.shape[1]), dtype=np.float32)
    _ticks(rows, step, every)
    return every


@apart
def _find(table, goal, again, length, step, rows, likely, sure, pad, join, base, regions):
    """Write the runs into regions as far as there is room. Return how many there are.

    A run holds a sample where the tight image is high; it goes on as far as one of the two is.
    """
    found, line = 0, 0
    for b in range(len(table)):
        event, plane, wire, tick, width, ticks = table[b]
        samples = (ticks + step - 1) // step
        for w in range(width):
            row = again[b] + w * length[b]
            tight = rows[row:row + samples]
            line += 1
            if not _exceeds(tight, np.float32(sure[line - 1])):
                continue
            row, level = goal[b] + w * length[b], likely[line - 1]
            loose = rows[row:row + samples]
            zero, slope = _line(loose, base // step)
            seed, low, end = False, -1, -1
            for t in range(samples + 1):
                high = t < samples and tight[t] > sure[line - 1]
                if high or (t < samples and loose[t] - zero - slope * t > level):
                    low = t * step if low < 0 else low
                    seed = seed or high
                    continue
                if seed:
                    found += end < 0 or low - pad > end + join
                    end = min(t * step + pad, ticks)
                    if found <= len(regions):
                        region = regions[found - 1]
                        if region[4] == 0:
                            region[0], region[1], region[2], region[5] = event, plane, wire + w, b
                            region[3] = tick + max(low - pad, 0)
                        region[4] = tick + end - region[3]
                seed, low = False, -1
    return found


@njit
def _exceeds(row, level):
    """Tell whether any sample is higher."""
    above = 0
    for value in row:
        above += value > level
    return above > 0


@njit
def _line(row, base):
    """Value at the start and slope of a straight line through both ends of a row."""
    base = min(base, len(row) // 2)
    first, last = 0.0, 0.0
    for t in range(base):
        first += row[t] / base
        last += row[len(row) - 1 - t] / base
    slope = (last - first) / (len(row) - base)
    return first - slope * (base - 1) / 2, slope


@within
def _at(row, t, step):
    """Value of a row at tick t; the row's end comes before its beginning."""
    i, n = t // step, len(row)
    if step == 1 or t % step == 0:
        return np.float64(row[i])
    if i < 3 or i + 4 >= n:
        return (_NEAR * (row[i] + row[(i + 1) % n]) + _NEXT * (row[(i - 1) % n] + row[(i + 2) % n])
                + _THIRD * (row[(i - 2) % n] + row[(i + 3) % n])
                + _FAR * (row[(i - 3) % n] + row[(i + 4) % n]))
    return (_NEAR * (row[i] + row[i + 1]) + _NEXT * (row[i - 1] + row[i + 2])
            + _THIRD * (row[i - 2] + row[i + 3]) + _FAR * (row[i - 3] + row[i + 4]))


@njit
def _mean(row, first, last):
    """Mean of a row's samples; of none, 0."""
    total = 0.0
    for i in range(first, last):
        total += row[i]
    return total / max(last - first, 1)


@apart
def _take(table, begin, length, step, rows, regions, start, base, electrons):
    """Take the charge of each region above a straight line through what lies beyond its ends."""
    for r in range(len(regions)):
        b, more = regions[r, 5], step - 1
        place = begin[b] + (regions[r, 2] - table[b, 2]) * length[b]
        row = rows[place:place + length[b]]
        first = regions[r, 3] - table[b, 3]
        last = first + regions[r, 4]
        before = _mean(row, (max(first - base, 0) + more) // step, (first + more) // step)
        after = _mean(row, (last + more) // step, (min(last + base, table[b, 5]) + more) // step)
        for t in range(first, last):
            part = (t - first + 0.5) / (last - first)
            electrons[start[r] + t - first] = _at(row, t, step) - before - part * (after - before)


@apart
def _ticks(rows, step, every):
    """Fill rows of all ticks."""
    for w in range(len(rows)):
        for t in range(every.shape[1]):
            every[w, t] = _at(rows[w], t, step)
