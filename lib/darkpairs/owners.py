"""Whose charge is it? True particles behind regions of charge, as fractions.

In: regions (event, plane, wire, ticks) and the `Arrivals` that made them. Out: particles and their
shares. Chapter: readout. Nothing that looks for particles reads any of this.

Laws: the fractions of a region sum to one; two lone particles own what they left; a region of noise
is nobody's.
"""

from math import floor

import numpy as np

from darkpairs._jit import apart, njit
from darkpairs.gauss import _below

NOBODY = -1
_REACH = 3.0  # widths of a cloud that count; what lies beyond is 0.3 % of it
_LEAST = 1.0  # electrons below which a cloud has no share


def owners(arrivals, regions, first, last, begin):
    """Return who owns regions of charge.

    Parameters
    ----------
    arrivals : Arrivals
        True charge.
    regions : ndarray (r, 5) of int
        Event (counted from `first`), plane, wire, first tick, number of ticks.
    first, last : int
        The events looked at are ``first:last``.
    begin : ndarray (4,) of int
        Where the wires of each plane begin, and where the last ends.

    Returns
    -------
    start : ndarray (r+1,) of int64
        Where the owners of each region begin.
    names : ndarray (o,) of int32
        Particles, or `NOBODY`.
    shares : ndarray (o,)
        Fractions.
    """
    rows = slice(int(arrivals.offsets[first]), int(arrivals.offsets[last]))
    event = np.repeat(np.arange(last - first), np.diff(arrivals.offsets[first:last + 1]))
    cloud = (arrivals.wire[rows], arrivals.sigma_wire[rows])
    bounds = np.zeros((last - first) * begin[-1] + 1, dtype=np.int64)
    channel = regions[:, 0] * begin[-1] + begin[regions[:, 1]] + regions[:, 2]
    asked = np.zeros(len(bounds) - 1, dtype=np.bool_)
    asked[channel] = True
    entries = np.empty(_count(event, *cloud, begin, asked, bounds), dtype=np.int64)
    across = np.empty(len(entries))
    _fill(event, *cloud, begin, asked, bounds, entries, across)
    most = np.maximum(bounds[channel + 1] - bounds[channel], 1).sum()  # as many as there could be
    names, shares = np.empty(most, np.int32), np.empty(most)
    start = np.zeros(len(regions) + 1, dtype=np.int64)
    _who(arrivals.tick[rows], arrivals.sigma_tick[rows], arrivals.charge[rows],
         arrivals.particle[rows], regions, channel, bounds, entries, across, start, names, shares)
    return start, names[:start[-1]], shares[:start[-1]]


@njit
def _span(wire, sigma, count):
    """First and last wire that a cloud shares in."""
    return max(floor(wire - _REACH * sigma), 0), min(floor(wire + _REACH * sigma), count - 1)


@apart
def _count(event, wire, sigma, begin, asked, bounds):
    """Count the clouds of each wire asked for; bounds[c + 1] becomes where those of c begin."""
    total = 0
    for k in range(len(event)):
        for plane in range(3):
            low, high = _span(wire[k, plane], sigma[k], begin[plane + 1] - begin[plane])
            for w in range(low, high + 1):
                channel = event[k] * begin[3] + begin[plane] + w
                if not asked[channel]:
                    continue
                if channel + 2 < len(bounds):
                    bounds[channel + 2] += 1
                total += 1
    for c in range(2, len(bounds)):
        bounds[c] += bounds[c - 1]
    return total


@apart
def _fill(event, wire, sigma, begin, asked, bounds, entries, across):
    """Sort the clouds by channel, with the parts of them that lie there.

    Afterwards those of channel c are from bounds[c] on.
    """
    for k in range(len(event)):
        for plane in range(3):
            low, high = _span(wire[k, plane], sigma[k], begin[plane + 1] - begin[plane])
            for w in range(low, high + 1):
                channel = event[k] * begin[3] + begin[plane] + w
                if not asked[channel]:
                    continue
                at = bounds[channel + 1]
                entries[at], across[at] = k, _part(w, w + 1.0, wire[k, plane], sigma[k])
                bounds[channel + 1] = at + 1


@njit
def _part(low, high, middle, sigma):
    """Part of a Gaussian between two points."""
    if middle - 4 * sigma >= low and middle + 4 * sigma <= high:
        return 1.0
    if middle + 4 * sigma <= low or middle - 4 * sigma >= high:
        return 0.0
    scale = 1 / max(sigma, 1e-3)
    return _below((high - middle) * scale) - _below((low - middle) * scale)


@apart
def _who(tick, sigma_tick, charge, particle, regions, channel, bounds, entries, across, start,
         names, shares):
    """Sum the charge of each particle in each region; a region without charge is nobody's."""
    end = 0
    for r in range(len(regions)):
        t0, ticks = regions[r, 3], regions[r, 4]
        first, total = end, 0.0
        for entry in range(bounds[channel[r]], bounds[channel[r] + 1]):
            k = entries[entry]
            q = charge[k] * _part(t0, t0 + ticks, tick[k], sigma_tick[k])
            if q < _LEAST:
                continue
            q *= across[entry]
            if q < _LEAST:
                continue
            at = first
            while at < end and names[at] != particle[k]:
                at += 1
            if at == end:
                names[at], shares[at] = particle[k], 0.0
                end += 1
            shares[at] += q
            total += q
        for at in range(first, end):
            shares[at] /= total
        if end == first:
            names[end], shares[end] = NOBODY, 1.0
            end += 1
        start[r + 1] = end
