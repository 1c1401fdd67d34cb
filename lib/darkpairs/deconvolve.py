"""From the digitiser's counts back to charge: divide by the response, find regions, sum.

In: `Waveforms`. Out: `Charge`. Chapter: readout.

Counts are charge times response, so charge is counts over response, where the response is not
small. A filter decides where that is: noise is not to be blown up. Induced signals of U and V have
no net area: their lowest frequencies are noise alone. A *tight* filter drops them and finds where
charge is; the charge there comes from the *loose* one, above a straight line between the ends.

Laws: charge in is charge out; the filter leaves a steady charge alone; the noise that is left is
the one foreseen; owners' fractions sum to one; no owner changes what is found.
"""

from functools import lru_cache
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import convolve, noise, response, wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE
from darkpairs.owners import owners
from darkpairs.traces import Charge

_PAGE = 8  # events that are transformed together
_ANGLES = 64  # waves across the wires, from which a filter's neighbours are made


class Filters(NamedTuple):
    """How charge is won back from counts."""

    time: Given[float, "MHz", "Gaussian in frequency, as Wire-Cell's for MicroBooNE"] = 0.111
    across_induction: Given[float, "1/wire", "Gaussian across wires, U and V; our choice"] = 0.42
    across_collection: Given[float, "1/wire", "the same for Y: hardly any"] = 5.0
    ridge: Given[float, "", "added to |R|² in parts of its largest; our choice"] = 1e-4
    tight: Given[float, "MHz", "frequencies well below go, U and V; our choice"] = 0.012
    reach: Given[float, "wires", "neighbours a filter takes in; our choice"] = 9.0
    threshold: Given[float, "σ", "of the noise left by the tight filter; our choice"] = 4.0
    go_on: Given[float, "σ", "of the noise left by the loose one; our choice"] = 3.0
    pad: Given[float, "ticks", "added on both sides of what is above; our choice"] = 6.0
    join: Given[float, "ticks", "gaps up to this are closed; our choice"] = 10.0
    base: Given[float, "ticks", "beyond each end, for the straight line; our choice"] = 10.0


FILTERS = Filters()


def charge(waveforms, detector=MICROBOONE, *, filters=FILTERS):
    """Return the charge that waveforms tell of.

    Parameters
    ----------
    waveforms : Waveforms
        Blocks of counts.
    detector : Detector
        The chamber that is believed to have made them.
    filters : Filters
        How to look.

    Returns
    -------
    Charge
    """
    pages = [_page(waveforms, first, min(first + _PAGE, len(waveforms)), detector, filters)
             for first in range(0, len(waveforms), _PAGE)]
    return _bind(waveforms, pages)


def images(waveforms, detector=MICROBOONE, *, filters=FILTERS, tight=False):
    """Return the filtered blocks, for a look: a list of ndarray (wires, ticks) [electrons]."""
    everything = slice(0, len(waveforms.plane))
    table, plan, length = _plan(waveforms, everything, 0, detector, filters)
    kernel = _kernels(detector, filters)[int(tight)]
    rows, = _filter(waveforms, everything, table, plan, length, detector, filters, [kernel])
    return [rows[plan.goal[b]:plan.goal[b] + table[b, 4] * length[b]].reshape(
        table[b, 4], length[b])[:, :table[b, 5]] for b in range(len(table))]


@lru_cache(maxsize=256)
def inverse(detector, filters, n, tight=False):
    """Return the filter for rows of n ticks, ndarray (3, 2 reach + 1, n//2 + 1) of complex64.

    For a wave of wave number k across the wires and frequency f, it is
    W(k) T(f) R* / (|R|² + λ), R being the response; Wiener's form, with a constant λ.
    """
    forward = response.spectrum(detector, n).astype(np.complex128)
    halo, reach = forward.shape[1] // 2, int(filters.reach)
    k = np.fft.fftfreq(_ANGLES)
    waves = np.exp(-2j * np.pi * np.outer(k, np.arange(-halo, halo + 1)))
    r = np.einsum("kd,pdf->pkf", waves, forward)
    f = np.fft.rfftfreq(n, detector.tick)  # MHz
    power = np.abs(r) ** 2
    ridge = filters.ridge * power.max(axis=(1, 2), keepdims=True)
    width = np.array([filters.across_induction] * 2 + [filters.across_collection])
    shape = np.exp(-0.5 * (k / width[:, None]) ** 2)[:, :, None] * np.exp(
        -0.5 * (f / filters.time) ** 2)
    g = shape * r.conj() / (power + ridge)
    if tight:
        g[:2] *= 1 - np.exp(-((f / filters.tight) ** 2))
    g[:, :, f > 4 * filters.time] = 0
    back = np.exp(2j * np.pi * np.outer(np.arange(-reach, reach + 1), k)) / _ANGLES
    kernel = np.einsum("dk,pkf->pdf", back, g).astype(np.complex64)
    kernel.flags.writeable = False
    return kernel


@lru_cache(maxsize=512)
def remaining_noise(detector, filters, n, tight=False):
    """Return the noise of one tick after the filter, for a wire of 1 ADC, ndarray (3,) [e⁻]."""
    power = (np.abs(inverse(detector, filters, n, tight)) ** 2).sum(axis=1)  # wires are unrelated
    twice = np.full(n // 2 + 1, 2.0)  # waves of negative frequency
    twice[[0, -1]] = 1.0
    return np.sqrt((power * twice * noise.spectrum(detector, n)).sum(axis=1)) / n


def _kernels(detector, filters):
    """Return the loose and the tight filter as functions of the length."""
    return [lambda n, tight=tight: inverse(detector, filters, n, tight) for tight in (False, True)]


def _plan(waveforms, blocks, first, detector, filters):
    """Return columns event, plane, wire, tick, wires, ticks of blocks; their plan and lengths."""
    event = np.searchsorted(waveforms.offsets, np.arange(blocks.start, blocks.stop), "right") - 1
    table = np.column_stack([event - first] + [getattr(waveforms, name)[blocks] for name in (
        "plane", "wire", "tick", "wires", "ticks")]).astype(np.int64)
    length = convolve.length(np.maximum(table[:, 5], response.table(detector).adc.shape[2]))
    return table, convolve.plan(table[:, 4], length, int(filters.reach)), length


def _filter(waveforms, blocks, table, plan, length, detector, filters, kernels):
    """Run blocks through filters."""
    pedestal = np.array([detector.pedestal_induction] * 2 + [detector.pedestal_collection])
    canvas = np.zeros(plan.sizes[0], dtype=np.float32)
    _gather(table, waveforms.start[blocks], waveforms.adc, pedestal, int(filters.reach),
            plan.source, length, canvas)
    return convolve.run(plan, canvas, table[:, 1], table[:, 4], int(filters.reach), kernels)


def _page(waveforms, first, last, detector, filters):
    """Find the regions of a few events; return them with their samples and owners."""
    blocks = slice(int(waveforms.offsets[first]), int(waveforms.offsets[last]))
    table, plan, length = _plan(waveforms, blocks, first, detector, filters)
    loose, tight = _filter(waveforms, blocks, table, plan, length, detector, filters,
                           _kernels(detector, filters))
    rms = [noise.rms(detector, wires.lengths(detector, p)) for p in range(3)]
    dead = wires.dead(detector)
    alive = np.concatenate([np.where(dead[p], np.inf, rms[p]) for p in range(3)])
    begin = np.concatenate([[0], np.cumsum(wires.counts(detector))])
    left = np.array([[remaining_noise(detector, filters, n, sort) for n in length.tolist()]
                     for sort in (False, True)]).reshape(2, -1, 3)
    look = np.array(filters)[-5:]
    search = (table, plan.goal, length, loose, tight, left, begin, alive, look)
    regions = np.zeros((2 * table[:, 4].sum(), 6), dtype=np.int64)
    found = _regions(*search, regions)
    if found > len(regions):  # come again with room for all
        regions = np.zeros((found, 6), dtype=np.int64)
        _regions(*search, regions)
    regions = regions[:found]
    regions = regions[np.lexsort(regions.T[[3, 2, 1, 0]])]
    start = np.concatenate([[0], np.cumsum(regions[:, 4])])
    electrons = np.empty(start[-1], dtype=np.float32)
    _sum(table, plan.goal, length, loose, regions, start, int(filters.base), electrons)
    error = left[0][regions[:, 5], regions[:, 1]] * alive[begin[regions[:, 1]] + regions[:, 2]]
    return (regions[:, :5] + [first, 0, 0, 0, 0], start, electrons, error,
            *owners(waveforms.owner, regions, first, last, begin))


def _bind(waveforms, pages):
    """Bind pages into one batch."""
    blank = (np.zeros((0, 5), np.int64), np.zeros(1, np.int64), np.zeros(0, np.float32),
             np.zeros(0), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))
    columns = list(zip(*(pages or [blank]), strict=True))
    regions, electrons, error, owner, fraction = (
        np.concatenate(columns[i]) for i in (0, 2, 3, 5, 6))
    owners = np.concatenate([np.diff(part) for part in columns[4]])
    event, plane, wire, tick, ticks = regions.T
    return Charge(
        event=waveforms.event, kind=waveforms.kind, weight=waveforms.weight,
        offsets=np.searchsorted(event, np.arange(len(waveforms) + 1)),
        plane=plane, wire=wire, tick=tick, ticks=ticks, noise=error,
        start=np.concatenate([[0], np.cumsum(ticks)]), electrons=electrons,
        owner_start=np.concatenate([[0], np.cumsum(owners)]), owner=owner, fraction=fraction)


@apart
def _gather(table, start, adc, pedestal, reach, source, length, canvas):
    """Lay out each block with its neighbours' samples on both sides, where there are any."""
    for b in range(len(table)):
        event, plane, wire, tick, width, ticks = table[b]
        for c in range(len(table)):
            if table[c, 0] != event or table[c, 1] != plane:
                continue
            low, high = max(wire - reach, table[c, 2]), min(wire + width + reach,
                                                            table[c, 2] + table[c, 4])
            t0, t1 = max(tick, table[c, 3]), min(tick + ticks, table[c, 3] + table[c, 5])
            for w in range(low, high):
                goes = source[b] + (w - wire + reach) * length[b] - tick
                comes = start[c] + (w - table[c, 2]) * table[c, 5] - table[c, 3]
                for t in range(t0, t1):
                    canvas[goes + t] = adc[comes + t] - pedestal[plane]


@apart
def _regions(table, goal, length, loose, tight, left, begin, alive, look, regions):
    """Find runs of ticks above threshold; pad and join them. Return how many there are.

    A run holds a tick where the tight image is high; it goes on as far as one of the two is.
    """
    pad, join, found = int(look[2]), int(look[3]), 0
    for b in range(len(table)):
        event, plane, wire, tick, width, ticks = table[b]
        for w in range(wire, wire + width):
            row = goal[b] + (w - wire) * length[b]
            sure = look[0] * left[1, b, plane] * alive[begin[plane] + w]
            if not _exceeds(tight[row:row + ticks], sure):
                continue
            likely = look[1] * left[0, b, plane] * alive[begin[plane] + w]
            zero, slope = _line(loose[row:row + ticks], int(look[4]))
            seed, low, end = False, -1, -1
            for t in range(ticks + 1):
                high = t < ticks and tight[row + t] > sure
                if high or (t < ticks and loose[row + t] - zero - slope * t > likely):
                    low = t if low < 0 else low
                    seed = seed or high
                    continue
                if seed:
                    found += end < 0 or low - pad > end + join
                    if found <= len(regions):
                        region = regions[found - 1]
                        if region[4] == 0:
                            region[0], region[1], region[2], region[5] = event, plane, w, b
                            region[3] = tick + max(low - pad, 0)
                        region[4] = tick + min(t + pad, ticks) - region[3]
                    end = min(t + pad, ticks)
                seed, low = False, -1
    return found


@njit
def _exceeds(row, level):
    """Tell whether any sample is higher."""
    return (row > level).any()


@njit
def _line(row, base):
    """Value at the start and slope of a straight line through both ends of a row."""
    first, last = 0.0, 0.0
    for t in range(base):
        first += row[t] / base
        last += row[len(row) - 1 - t] / base
    slope = (last - first) / (len(row) - base)
    return first - slope * (base - 1) / 2, slope


@apart
def _sum(table, goal, length, loose, regions, start, base, electrons):
    """Take the charge of each region above a straight line through what lies beyond its ends."""
    for r in range(len(regions)):
        b = regions[r, 5]
        row = goal[b] + (regions[r, 2] - table[b, 2]) * length[b]
        first = regions[r, 3] - table[b, 3]
        last = first + regions[r, 4]
        before, after = 0.0, 0.0
        for t in range(max(first - base, 0), first):
            before += loose[row + t] / (first - max(first - base, 0))
        for t in range(last, min(last + base, table[b, 5])):
            after += loose[row + t] / (min(last + base, table[b, 5]) - last)
        for t in range(first, last):
            part = (t - first + 0.5) / (last - first)
            electrons[start[r] + t - first] = loose[row + t] - before - part * (after - before)
