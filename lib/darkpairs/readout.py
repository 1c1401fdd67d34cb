"""From charge at the wires to the counts of the digitiser: induced signals, noise, 12 bits.

In: `Arrivals`. Out: `Waveforms`. Chapter: readout.

Only blocks around charge are made: runs of ticks on groups of neighbouring wires, with room on all
sides for what the charge induces there. Elsewhere there would be noise alone.

Laws: all charge lies in a block; the samples are response times charge (slow twin); noise of its
wire; a block begins and ends quiet; names of particles change no sample.
"""

from functools import lru_cache
from math import erf, floor, sqrt

import numpy as np

from darkpairs import convolve, noise, response, wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE
from darkpairs.rng import check_seed, stream
from darkpairs.traces import Waveforms

GROUP = 32  # wires that share their blocks
CELL = 32  # ticks: blocks begin and end at multiples of it
BEFORE, AFTER = 48.0, 64.0  # ticks kept around charge; a response lasts about −10 to +40
_REACH = 4.0  # widths of a cloud that are followed; beyond are 6e-5 of it
_PAGE = 8  # events whose blocks are transformed together


def waveforms(arrivals, detector=MICROBOONE, *, seed, noisy=True):
    """Return what the digitiser writes.

    Parameters
    ----------
    arrivals : Arrivals
        Charge at the wires. What comes before the first or after the last tick is not read.
    detector : Detector
        Wires and electronics.
    seed : int
        For the noise, ≥ 0. Noise of an event depends on the seed, the event's number and the wire.
    noisy : bool
        Without noise if False; for lessons and tests.

    Returns
    -------
    Waveforms
    """
    check_seed(seed)
    setup = _setup(detector, noisy)
    pages = [_page(arrivals, first, min(first + _PAGE, len(arrivals)), detector, setup, seed)
             for first in range(0, len(arrivals), _PAGE)]
    return _bind(arrivals, pages)


def _setup(detector, noisy):
    """Return what all pages need: counts, wires, dead ones, their noise, pedestals, the pool."""
    counts = np.array(wires.counts(detector))
    quiet = [~mask for mask in wires.dead(detector)]
    rms = [noise.rms(detector, wires.lengths(detector, plane)) * noisy for plane in range(3)]
    first = np.concatenate([[0], np.cumsum(counts)])
    pedestal = np.array([detector.pedestal_induction] * 2 + [detector.pedestal_collection])
    return counts, first, np.concatenate(quiet), np.concatenate(rms), pedestal, noise.pool(detector)


def _page(arrivals, first, last, detector, setup, seed):
    """Make the blocks of a few events: columns event, plane, wire, tick, wires, ticks; samples."""
    counts, begin, alive, rms, pedestal, pool = setup
    _, neighbours, shortest = response.table(detector).adc.shape
    halo = neighbours // 2
    offsets = arrivals.offsets[first:last + 1]
    cloud = (arrivals.wire, arrivals.tick, arrivals.sigma_wire, arrivals.sigma_tick)
    groups = np.concatenate([[0], np.cumsum(-(-counts // GROUP))])
    grid = np.zeros((last - first, groups[-1], -(-int(detector.ticks) // CELL)), dtype=np.int32)
    blocks = np.zeros((_find(*cloud, offsets, counts, groups, halo, grid), 6), dtype=np.int32)
    _outline(*cloud, offsets, counts, groups, halo, grid, blocks, int(detector.ticks))
    _, plane, _, tick, width, ticks = blocks.T
    edge = (tick == 0) | (tick + ticks == int(detector.ticks))
    length = convolve.length(np.maximum(ticks + np.where(edge, 2 * CELL, 0), shortest))
    plan = convolve.plan(width, length, halo)
    canvas = np.zeros(plan.sizes[0], dtype=np.float32)
    _splat(*cloud, arrivals.charge, offsets, counts, groups, halo, grid, blocks, plan.source,
           length, canvas)
    wave, = convolve.run(plan, canvas, plane, width, halo, [lambda n: _kernel(detector, n)])
    start = np.concatenate([[0], np.cumsum(width.astype(np.int64) * ticks)])
    adc = np.empty(start[-1], dtype=np.int16)
    _digitise(wave, plan.goal, length, blocks, start, begin, alive, rms, pedestal, pool,
              np.uint64(seed), np.uint64(stream("readout", "noise")),
              arrivals.event[first:last], 2.0**detector.bits - 1, int(detector.ticks), adc)
    return blocks[:, 0] + first, blocks[:, 1:], start, adc


@lru_cache(maxsize=256)
def _kernel(detector, n):
    """Return the response as a filter for rows of n ticks."""
    return response.spectrum(detector, n).astype(np.complex64)


def _bind(arrivals, pages):
    """Bind pages into one batch."""
    blank = (np.zeros(0, np.int64), np.zeros((0, 5), np.int32), np.zeros(1, np.int64),
             np.zeros(0, np.int16))
    pages = pages or [blank]
    event, blocks, _, adc = (list(parts) for parts in zip(*pages, strict=True))
    event, blocks, adc = np.concatenate(event), np.concatenate(blocks), np.concatenate(adc)
    plane, wire, tick, width, ticks = blocks.T
    return Waveforms(
        event=arrivals.event, kind=arrivals.kind, weight=arrivals.weight,
        offsets=np.searchsorted(event, np.arange(len(arrivals) + 1)),
        plane=plane, wire=wire, tick=tick, wires=width, ticks=ticks,
        start=np.concatenate([[0], np.cumsum(width.astype(np.int64) * ticks)]), adc=adc,
        owner=arrivals)


@njit
def _cells(tick, sigma, cells):
    """First and last cell of ticks that a cloud needs; the first is beyond the last if none."""
    low = floor((tick - _REACH * sigma - BEFORE) / CELL)
    high = floor((tick + _REACH * sigma + AFTER) / CELL)
    if floor(tick) < 0 or floor(tick) >= cells * CELL:
        return 1, 0
    return max(low, 0), min(high, cells - 1)


@njit
def _range(wire, sigma, extra, count):
    """First and last wire that a cloud reaches, with some more on both sides."""
    low = floor(wire - _REACH * sigma) - extra
    high = floor(wire + _REACH * sigma) + extra
    return max(low, 0), min(high, count - 1)


@apart
def _find(wire, tick, sigma_wire, sigma_tick, offsets, counts, groups, halo, grid):
    """Number the blocks: runs of marked cells in each group of wires. Return how many."""
    blocks = 0
    for event in range(len(offsets) - 1):
        page = grid[event]
        for k in range(offsets[event], offsets[event + 1]):
            early, late = _cells(tick[k], sigma_tick[k], page.shape[1])
            for plane in range(3):
                low, high = _range(wire[k, plane], sigma_wire[k], halo, counts[plane])
                for group in range(low // GROUP, high // GROUP + 1):
                    page[groups[plane] + group, early:late + 1] = 1
        for group in range(page.shape[0]):
            inside = False
            for cell in range(page.shape[1]):
                if page[group, cell]:
                    blocks += not inside
                    page[group, cell] = blocks
                inside = page[group, cell] > 0
    return blocks


@apart
def _outline(wire, tick, sigma_wire, sigma_tick, offsets, counts, groups, halo, grid, blocks,
             ticks):
    """Write event, plane, first wire and tick, wires and ticks of each block."""
    for event in range(len(offsets) - 1):
        page = grid[event]
        for plane in range(3):
            for group in range(groups[plane], groups[plane + 1]):
                for cell in range(page.shape[1]):
                    if page[group, cell]:
                        block = blocks[page[group, cell] - 1]
                        if block[5] == 0:
                            block[0], block[1], block[2] = event, plane, counts[plane]
                            block[3], block[4] = cell * CELL, 0
                        block[5] = min((cell + 1) * CELL, ticks) - block[3]
        for k in range(offsets[event], offsets[event + 1]):
            early, late = _cells(tick[k], sigma_tick[k], page.shape[1])
            for plane in range(3):
                low, high = _range(wire[k, plane], sigma_wire[k], halo, counts[plane])
                for group in range(low // GROUP, high // GROUP + 1):
                    if early <= late:
                        block = blocks[page[groups[plane] + group, early] - 1]
                        block[2] = min(block[2], max(low, group * GROUP))
                        block[4] = max(block[4], min(high, group * GROUP + GROUP - 1) + 1)
    for block in blocks:
        block[4] -= block[2]  # the end becomes a number


@njit
def _shares(middle, sigma, first, shares):
    """Shares of a Gaussian cloud in cells of width 1 from `first` on; they sum to 1."""
    scale, total = 1 / (sqrt(2.0) * max(sigma, 1e-3)), 0.0
    below = erf((first - middle) * scale)
    for i in range(len(shares)):
        above = erf((first + i + 1 - middle) * scale)
        shares[i] = above - below
        total += shares[i]
        below = above
    for i in range(len(shares)):
        shares[i] /= total


@njit
def _room(sigma):
    """Room for the shares of the widest cloud."""
    widest = 0.0
    for width in sigma:
        widest = max(widest, width)
    return np.empty(floor(2 * _REACH * widest) + 3)


@apart
def _splat(wire, tick, sigma_wire, sigma_tick, charge, offsets, counts, groups, halo, grid, blocks,
           source, length, canvas):
    """Add each cloud to the rows of its blocks, and of those beside them that feel it."""
    in_time, across = _room(sigma_tick), _room(sigma_wire)
    for event in range(len(offsets) - 1):
        page = grid[event]
        for k in range(offsets[event], offsets[event + 1]):
            early, late = _cells(tick[k], sigma_tick[k], page.shape[1])
            if early > late:
                continue
            t0 = floor(tick[k] - _REACH * sigma_tick[k])
            t1 = floor(tick[k] + _REACH * sigma_tick[k])
            times = in_time[:t1 - t0 + 1]
            _shares(tick[k], sigma_tick[k], t0, times)
            for plane in range(3):
                w0 = floor(wire[k, plane] - _REACH * sigma_wire[k])
                w1 = floor(wire[k, plane] + _REACH * sigma_wire[k])
                shares = across[:w1 - w0 + 1]
                _shares(wire[k, plane], sigma_wire[k], w0, shares)
                low, high = _range(wire[k, plane], sigma_wire[k], halo, counts[plane])
                for group in range(low // GROUP, high // GROUP + 1):
                    b = page[groups[plane] + group, early] - 1
                    top = blocks[b, 2] - halo
                    for w in range(max(w0, top, 0),
                                   min(w1, top + blocks[b, 4] + 2 * halo - 1,
                                       counts[plane] - 1) + 1):
                        row = source[b] + (w - top) * length[b] - blocks[b, 3]
                        q = charge[k] * shares[w - w0]
                        for t in range(max(t0, blocks[b, 3]),
                                       min(t1, blocks[b, 3] + blocks[b, 5] - 1) + 1):
                            canvas[row + t] += q * times[t - t0]


@apart
def _digitise(wave, goal, length, blocks, start, begin, alive, rms, pedestal, pool, seed, stream,
              events, top, ends, adc):
    """Add pedestal and noise, round, and keep within the bits; dead wires stay at the pedestal."""
    last = len(pool) - ends
    for b in range(len(blocks)):
        event, plane, wire, tick, width, ticks = blocks[b]
        for w in range(width):
            channel = begin[plane] + wire + w
            live = 1.0 if alive[channel] else 0.0
            at = noise._offset(seed, stream, np.uint64(events[event]), plane, wire + w) % last
            row, goes = goal[b] + w * length[b], start[b] + w * ticks
            for t in range(ticks):
                value = wave[row + t] + rms[channel] * pool[at + tick + t]
                value = floor(pedestal[plane] + live * value + 0.5)
                adc[goes + t] = np.int16(min(max(value, 0.0), top))
