"""From regions of charge to hits: where one pulse ends and the next begins.

In: `Charge`. Out: `Hits`. Chapter: hits.

Two pulses on one wire have a valley between them: where charge falls from a peak and rises again,
each time by more than noise would, the region is cut at the lowest tick. A track along the drift
leaves one wide pulse without any valley: it is cut into short pieces of equal length, each with a
time of its own.

A hit's charge is the sum of all its ticks. Noise goes below zero, and a negative weight would throw
the mean out of the hit; so mean and width count only the ticks that stand out of the noise.

Laws: the hits of a region sum to its charge; they cover its ticks once; a pulse alone is one hit;
the error of a hit is the one foreseen; no owner changes what is found.
"""

from functools import lru_cache
from math import inf
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import deconvolve, noise
from darkpairs._jit import apart, njit
from darkpairs.deconvolve import FILTERS
from darkpairs.detector import MICROBOONE, checked
from darkpairs.seen import Hits

_ROW = 2048  # ticks of the row in which the error of a sum is worked out


class Looks(NamedTuple):
    """How pulses are told apart."""

    valley: Given[float, "σ", "of a tick: a valley is as deep, on both sides; our choice"] = 4.0
    dip: Given[float, "", "and as deep in parts of the peak before it; our choice"] = 0.05
    floor: Given[float, "σ", "of a tick: less does not count in mean and width; ours"] = 2.0
    widest: Given[float, "ticks", "a pulse's width, or it is cut: a point has up to 4"] = 4.5
    tail: Given[float, "ticks", "what the filter adds at both ends of a long one; ours"] = 4.0
    piece: Given[float, "ticks", "of a long one, between the tails, at most; our choice"] = 8.0


LOOKS = Looks()


def find(charge, detector=MICROBOONE, *, looks=LOOKS, filters=FILTERS):
    """Return the pulses in regions of charge.

    Parameters
    ----------
    charge : Charge
        Regions of charge; refused with a ValueError if any of it is NaN or infinite.
    detector : Detector
        The chamber.
    looks : Looks
        How to tell pulses apart; all > 0, the dip less than 1, or it is refused.
    filters : Filters
        Those that `charge` came from: they say how noise hangs together from tick to tick.

    Returns
    -------
    Hits
        Sorted as the regions are; each region is at least one hit, even if its sum is negative.
    """
    detector = checked(detector)
    _check(charge, looks)
    first = np.empty(len(charge.electrons) + 1, dtype=np.int64)
    region = np.empty(len(charge.electrons), dtype=np.int64)
    count = _cut(charge.start, charge.electrons, charge.noise, np.array(looks), first, region)
    first, region = first[:count + 1], region[:count]
    tick, width, total = (np.empty(count) for _ in range(3))
    _measure(first, region, charge.electrons, charge.noise, looks.floor, tick, width, total)
    ticks, begin = np.diff(first), charge.tick[region] + first[:-1] - charge.start[region]
    return Hits(
        event=charge.event, kind=charge.kind, weight=charge.weight,
        offsets=np.searchsorted(region, charge.offsets), plane=charge.plane[region],
        wire=charge.wire[region], first=begin, ticks=ticks, tick=begin + tick, width=width,
        charge=total, noise=charge.noise[region] * _errors(
            detector, filters, charge.plane[region], ticks), **_owners(charge, region))


def _check(charge, looks):
    """Refuse charge that is no number, and looks that make no sense."""
    if not np.isfinite(charge.electrons).all() or not (charge.noise > 0).all():
        raise ValueError("charge that is NaN or infinite, or without noise; wanted finite numbers "
                         "and noise > 0")
    for name, value in looks._asdict().items():
        if not 0 < value < (1 if name == "dip" else inf):  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number > 0, and dip < 1")


def _owners(charge, region):
    """Return the owners of regions as columns of their hits."""
    count = np.diff(charge.owner_start)[region]
    start = np.concatenate([[0], np.cumsum(count)])
    entry = np.repeat(charge.owner_start[region] - start[:-1], count) + np.arange(start[-1])
    return dict(owner_start=start, owner=charge.owner[entry], fraction=charge.fraction[entry])


def _errors(detector, filters, plane, ticks):
    """Return the error of sums of ticks, in errors of one tick."""
    lengths, which = np.unique(ticks, return_inverse=True)
    table = np.array([_error(detector, filters, n) for n in lengths.tolist()]).reshape(-1, 3)
    return table[which, plane]


@lru_cache(maxsize=4096)
def _error(detector, filters, ticks):
    """Return the error of a sum of ticks above a straight line, per plane, ndarray (3,)."""
    power = (np.abs(deconvolve.inverse(detector, filters, _ROW)) ** 2).sum(axis=1)
    power = power * noise.spectrum(detector, _ROW)  # (3, f)
    n = min(ticks, _ROW // 2)  # noise far apart is unrelated: longer sums grow with the root
    return spread_of_sum(power, n, int(filters.base)) * np.sqrt(ticks / n)


def spread_of_sum(power, n, base):
    """Return the error of a sum of ticks of noise, in errors of one tick.

    Noise that went through a filter hangs together from tick to tick: with the power P(f), a sum
    with weights w has the variance ``Σ_f P |w(f)|²``, as one tick has Σ_f P.

    Parameters
    ----------
    power : ndarray (..., f)
        Of the noise, at the waves of an even number of ticks, which is more than n + 2 base.
    n : int
        Ticks that are summed.
    base : int
        Ticks before and behind, whose straight line is taken off.

    Returns
    -------
    ndarray (...)
    """
    twice = np.full(power.shape[-1], 2.0)  # waves of negative frequency
    twice[[0, -1]] = 1.0
    weight = np.zeros(2 * power.shape[-1] - 2)
    weight[base:base + n] = 1.0
    weight[:base] = weight[base + n:2 * base + n] = -n / max(2 * base, 1)
    waves = np.abs(np.fft.rfft(weight)) ** 2
    return np.sqrt((power * twice * waves).sum(axis=-1) / (power * twice).sum(axis=-1))


@apart
def _cut(start, electrons, noise, looks, first, region):
    """Cut regions at valleys, and what is wide at equal times; return the number of hits."""
    count, dip = 0, 1 - looks[1]
    for r in range(len(start) - 1):
        depth, begin = looks[0] * noise[r], start[r]
        falling, low, high, least, at = True, 0.0, 0.0, depth, -1  # before it is nothing
        for t in range(begin, start[r + 1]):
            q = float(electrons[t])
            if falling:
                if q < low:
                    low, least, at = q, max(q, 0.0) + depth, t if at >= 0 else -1
                elif q > least and q * dip > low:  # a peak; before the first there is no valley
                    if at >= 0:
                        count = _pieces(begin, at, r, electrons, noise, looks, first, region, count)
                        begin = at
                    falling, high, least = False, q, min(q - depth, q * dip)
            elif q > high:
                high, least = q, min(q - depth, q * dip)
            elif q < least:  # what has to be undercut now, as above what had to be exceeded
                falling, low, least, at = True, q, max(q, 0.0) + depth, t
        count = _pieces(begin, start[r + 1], r, electrons, noise, looks, first, region, count)
    first[count] = start[-1]
    return count


@njit
def _pieces(begin, end, r, electrons, noise, looks, first, region, count):
    """Note the hits from `begin` to `end`: one, or more of equal length if it is a wide one."""
    least = looks[2] * noise[r]
    _, width, _ = _moments(electrons[begin:end], least)
    low, high = begin, end
    while low < high and electrons[low] <= least:
        low += 1
    while low < high and electrons[high - 1] <= least:
        high -= 1
    low, long = low + looks[4], high - low - 2 * looks[4]
    parts = max(int(np.ceil(long / looks[5])), 1) if width > looks[3] else 1
    for k in range(parts):
        first[count + k] = int(low + long * k / parts) if k else begin
        region[count + k] = r
    return count + parts


@njit
def _moments(electrons, least):
    """Mean time from the first tick on and width of what is above `least`; the sum of all."""
    total, weight, mean, square, n = 0.0, 0.0, 0.0, 0.0, len(electrons)
    for t in range(n):
        q = float(electrons[t])
        total += q
        q = q if q > least else 0.0
        weight += q
        mean += q * (t + 0.5)
        square += q * (t + 0.5) ** 2
    if not weight > 0:  # nothing to tell where: as if it were even
        return 0.5 * n, n / np.sqrt(12.0), total
    mean /= weight
    return mean, np.sqrt(max(square / weight - mean * mean, 0.0) + 1 / 12), total


@apart
def _measure(first, region, electrons, noise, floor, tick, width, total):
    """Fill in mean time, width and charge of each hit."""
    for h in range(len(region)):
        tick[h], width[h], total[h] = _moments(electrons[first[h]:first[h + 1]],
                                               floor * noise[region[h]])
