"""From charge at the wires to the counts of the digitiser: induced signals, noise, 12 bits.

In: `Arrivals`. Out: `Waveforms`. Chapter: readout.

Only blocks around charge are made: runs of ticks on groups of neighbouring wires, with room on all
sides for what the charge induces there; elsewhere is noise alone. A view leaves more of them out.

Laws: all charge lies in a block; the samples are response times charge (slow twin); noise of its
wire; a block begins and ends quiet; names of particles change no sample; a view leaves blocks out
and changes none.
"""

from functools import lru_cache
from math import floor
from typing import NamedTuple

import numpy as np

from darkpairs import convolve, noise, response, wires
from darkpairs._jit import apart, njit, within
from darkpairs.detector import MICROBOONE, checked
from darkpairs.gauss import _shares
from darkpairs.rng import check_seed, stream
from darkpairs.traces import Waveforms, check_clouds, check_view

GROUP = 16  # wires that share their blocks
CELL = 8  # ticks: blocks begin and end at multiples of it
BEFORE, AFTER = 20.0, 28.0  # ticks kept around charge; a response lasts about −10 to +30
LEAST = 2500.0  # electrons in a cell that are worth a block; about 3500 stand out of the noise
_FAINT = 5e-3  # of a response's peak that may be lost before a block
_REACH = 4.0  # widths of a cloud that are followed; beyond are 6e-5 of it
_PAGE = 4  # events whose blocks are transformed together


def waveforms(arrivals, detector=MICROBOONE, *, seed, noisy=True, view=None):
    """Return what the digitiser writes.

    Parameters
    ----------
    arrivals : Arrivals
        Charge at the wires; what no cloud can have is refused, see `traces.check_clouds`. What
        comes before the first or after the last tick is not read.
    detector : Detector
        Wires and electronics.
    seed : int
        For the noise, ≥ 0. Noise of an event depends on the seed, the event's number and the wire.
    noisy : bool
        Without noise if False; for lessons and tests.
    view : ndarray (n, 4, 2) of int, optional
        Where to look, as from `slices.view`: blocks without a sample there are not made; the
        others are whole, and what they are without it.

    Returns
    -------
    Waveforms
    """
    check_seed(seed)
    check_clouds(arrivals)
    detector = checked(detector)
    view = None if view is None else check_view(view, len(arrivals))
    setup = _setup(detector, noisy)
    pages = [_page(arrivals, first, min(first + _PAGE, len(arrivals)), detector, setup, seed, view)
             for first in range(0, len(arrivals), _PAGE)]
    return _bind(arrivals, pages)


def _setup(detector, noisy):
    """Return what all pages need: counts of wires, which live, their noise, pedestals, a pool."""
    counts = np.array(wires.counts(detector))
    quiet = [~mask for mask in wires.dead(detector)]
    rms = [noise.rms(detector, wires.lengths(detector, plane)) * noisy for plane in range(3)]
    first = np.concatenate([[0], np.cumsum(counts)])
    pedestal = np.array([detector.pedestal_induction] * 2 + [detector.pedestal_collection])
    return counts, first, np.concatenate(quiet), np.concatenate(rms), pedestal, noise.pool(detector)


def true_charge(arrivals, detector=MICROBOONE):
    """Return the charge that arrives, to look at: for each block of `waveforms` the electrons.

    A list of ndarray (wires, ticks).
    """
    check_clouds(arrivals)
    images, detector = [], checked(detector)
    for first in range(0, len(arrivals), _PAGE):
        blocks, plan, canvas = _lay_out(arrivals, first, min(first + _PAGE, len(arrivals)),
                                        detector)
        for (*_, wire, _, width, ticks, source, sources), n, begin in zip(
                blocks, plan.length, plan.source, strict=True):
            rows = canvas[begin:begin + sources * n].reshape(sources, n)
            image = np.zeros((width, ticks), dtype=np.float32)
            a, b = max(wire, source), min(wire + width, source + sources)
            if a < b:  # else the block feels its neighbours only
                image[a - wire:b - wire] = rows[a - source:b - source, :ticks]
            images.append(image)
    return images


def _page(arrivals, first, last, detector, setup, seed, view):
    """Make the blocks of a few events; return their event, plane … ticks, and their samples."""
    blocks, plan, canvas = _lay_out(arrivals, first, last, detector, view)
    _, begin, alive, rms, pedestal, pool = setup
    wave = convolve.run(plan, canvas, blocks[:, 1], lambda n: _kernel(detector, n))
    start = np.concatenate([[0], np.cumsum(blocks[:, 4] * blocks[:, 5])])
    adc = np.empty(start[-1], dtype=np.int16)
    _digitise(wave, plan.goal, plan.length, blocks, start, begin, alive, rms, pedestal, pool,
              np.uint64(seed), np.uint64(stream("readout", "noise")),
              arrivals.event[first:last], np.float32(2.0**detector.bits - 1),
              int(detector.ticks), adc)
    return blocks[:, 0] + first, blocks[:, 1:6], adc


def _lay_out(arrivals, first, last, detector, view=None):
    """Return the blocks of a few events, their plan, and the charge in them."""
    counts = np.array(wires.counts(detector))
    neighbours = response.table(detector).adc.shape[1]
    rows = slice(int(arrivals.offsets[first]), int(arrivals.offsets[last]))
    clouds = Clouds(arrivals.wire[rows], arrivals.tick[rows], arrivals.sigma_wire[rows],
                    arrivals.sigma_tick[rows], arrivals.charge[rows],
                    arrivals.offsets[first:last + 1] - arrivals.offsets[first])
    groups = np.concatenate([[0], np.cumsum(-(-counts // GROUP))])
    grid = np.zeros((last - first, groups[-1], -(-int(detector.ticks) // CELL)), dtype=np.int32)
    blocks = np.zeros((_find(clouds, counts, groups, neighbours // 2, grid), 8), dtype=np.int64)
    _outline(clouds, counts, groups, neighbours // 2, grid, blocks, int(detector.ticks))
    blocks = blocks if view is None else _seen(blocks, view[first:last], grid)
    _, plane, wire, tick, width, ticks, source, sources = blocks.T
    edge = (tick == 0) | (tick + ticks == int(detector.ticks))
    spare = _early(detector)[plane] + np.where(edge, AFTER, 0)  # nothing may come round the end
    length = convolve.length(ticks + spare)
    plan = convolve.plan(width, source - wire, sources, length)
    canvas = np.zeros(plan.sizes[0], dtype=np.float32)
    _splat(clouds, counts, groups, neighbours // 2, grid, blocks, plan.source, length, canvas)
    return blocks, plan, canvas


def _seen(blocks, view, grid):
    """Return the blocks that have a sample in the view; their numbers in the grid follow."""
    event, plane, wire, tick, width, ticks = blocks[:, :6].T
    (a, b), (early, late) = view[event, plane].T, view[event, 3].T
    mine = (wire < b) & (wire + width > a) & (tick < late) & (tick + ticks > early)
    number = np.concatenate([[0], np.cumsum(mine) * mine]).astype(grid.dtype)
    np.take(number, grid, out=grid)
    return blocks[mine]


@lru_cache(maxsize=8)
def _early(detector):
    """Return by how many ticks each plane's signal begins before a block, ndarray (3,)."""
    table = response.table(detector)
    high = abs(table.adc).max(axis=1)
    first = (high > _FAINT * high.max(axis=1, keepdims=True)).argmax(axis=1) + table.start
    return np.maximum(-first - int(BEFORE), 0)


@lru_cache(maxsize=256)
def _kernel(detector, n):
    """Return the response as a filter for rows of n ticks; what is longer comes round, faint."""
    return response.sampled(detector, n).astype(np.complex64)


def _bind(arrivals, pages):
    """Bind pages into one batch."""
    blank = (np.zeros(0, np.int64), np.zeros((0, 5), np.int64), np.zeros(0, np.int16))
    pages = pages or [blank]
    event, blocks, adc = (list(parts) for parts in zip(*pages, strict=True))
    event, blocks, adc = np.concatenate(event), np.concatenate(blocks), np.concatenate(adc)
    plane, wire, tick, width, ticks = blocks.T
    return Waveforms(
        event=arrivals.event, kind=arrivals.kind, weight=arrivals.weight,
        offsets=np.searchsorted(event, np.arange(len(arrivals) + 1)),
        plane=plane, wire=wire, tick=tick, wires=width, ticks=ticks,
        start=np.concatenate([[0], np.cumsum(width * ticks)]), adc=adc,
        owner=arrivals)


class Clouds(NamedTuple):
    """The arrivals of a few events, as the kernels want them."""

    wire: np.ndarray
    tick: np.ndarray
    sigma_wire: np.ndarray
    sigma_tick: np.ndarray
    charge: np.ndarray
    offsets: np.ndarray


@njit
def _read(tick, cells):
    """Tell whether a tick is read."""
    return 0 <= tick < cells * CELL


@njit
def _home(groups, plane, wire):
    """Group of the wire at a place; the outermost one for what lies beyond all wires."""
    last = groups[plane + 1] - groups[plane] - 1
    return groups[plane] + min(max(floor(wire) // GROUP, 0), last)


@njit
def _cells(tick, sigma, cells):
    """First and last cell of ticks that a cloud needs."""
    low = floor((tick - _REACH * sigma - BEFORE) / CELL)
    high = floor((tick + _REACH * sigma + AFTER) / CELL)
    return max(low, 0), min(high, cells - 1)


@njit
def _range(wire, sigma, extra, count):
    """First and last wire that a cloud reaches, with some more on both sides."""
    low = floor(wire - _REACH * sigma) - extra
    high = floor(wire + _REACH * sigma) + extra
    return max(low, 0), min(high, count - 1)


@apart
def _find(clouds, counts, groups, halo, grid):
    """Number the blocks: runs of marked cells in each group of wires. Return how many.

    A cell of the grid ends up with the number of its block, from 1; with 0 if it has none.
    """
    blocks, cells = 0, grid.shape[2]
    loud = np.zeros(grid.shape[1:], dtype=np.float32)
    for event in range(len(grid)):
        page, first, last = grid[event], clouds.offsets[event], clouds.offsets[event + 1]
        _sum_up(clouds, first, last, groups, loud, 1.0)
        for k in range(first, last):
            if not _read(clouds.tick[k], cells):
                continue
            early, late = _cells(clouds.tick[k], clouds.sigma_tick[k], cells)
            for plane in range(3):
                home = _home(groups, plane, clouds.wire[k, plane])
                if loud[home, floor(clouds.tick[k]) // CELL] < LEAST:
                    continue
                low, high = _range(clouds.wire[k, plane], clouds.sigma_wire[k], halo,
                                   counts[plane])
                for group in range(low // GROUP, high // GROUP + 1):
                    page[groups[plane] + group, early:late + 1] = 1
        _sum_up(clouds, first, last, groups, loud, 0.0)
        blocks = _number(page, blocks, _bounds(clouds, first, last, counts, groups, halo, cells))
    return blocks


@within
def _sum_up(clouds, first, last, groups, loud, factor):
    """Add the charge of clouds to their cells, or wipe these cells if the factor is 0."""
    for k in range(first, last):
        if _read(clouds.tick[k], loud.shape[1]):
            for plane in range(3):
                home = _home(groups, plane, clouds.wire[k, plane])
                cell = floor(clouds.tick[k]) // CELL
                loud[home, cell] = factor * (loud[home, cell] + clouds.charge[k])


@apart
def _bounds(clouds, first, last, counts, groups, halo, cells):
    """First and last group of each plane that an event may touch, its first and last cell."""
    low, high = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.int64)
    low[3], high[3] = cells, -1
    for plane in range(3):
        low[plane], high[plane] = groups[plane + 1], groups[plane] - 1
    for k in range(first, last):
        if _read(clouds.tick[k], cells):
            for plane in range(3):
                near, far = _range(clouds.wire[k, plane], clouds.sigma_wire[k], halo, counts[plane])
                low[plane] = min(low[plane], groups[plane] + near // GROUP)
                high[plane] = max(high[plane], groups[plane] + far // GROUP)
            early, late = _cells(clouds.tick[k], clouds.sigma_tick[k], cells)
            low[3], high[3] = min(low[3], early), max(high[3], late)
    return low, high


@within
def _number(page, blocks, bounds):
    """Number the runs of marked cells of one event, from `blocks` on."""
    low, high = bounds
    for plane in range(3):
        for group in range(low[plane], high[plane] + 1):
            inside = False
            for cell in range(low[3], high[3] + 1):
                if page[group, cell]:
                    blocks += not inside
                    page[group, cell] = blocks
                inside = page[group, cell] > 0
    return blocks


@apart
def _outline(clouds, counts, groups, halo, grid, blocks, ticks):
    """Write event, plane, wire, tick, wires, ticks of each block; first and number of sources."""
    for event in range(len(grid)):
        page = grid[event]
        low, high = _bounds(clouds, clouds.offsets[event], clouds.offsets[event + 1], counts,
                            groups, halo, page.shape[1])
        for plane in range(3):
            for group in range(low[plane], high[plane] + 1):
                for cell in range(low[3], high[3] + 1):
                    if page[group, cell]:
                        block = blocks[page[group, cell] - 1]
                        if block[5] == 0:
                            block[0], block[1], block[3] = event, plane, cell * CELL
                            block[2] = block[6] = counts[plane]
                        block[5] = min((cell + 1) * CELL, ticks) - block[3]
        for k in range(clouds.offsets[event], clouds.offsets[event + 1]):
            if not _read(clouds.tick[k], page.shape[1]):
                continue
            cell = floor(clouds.tick[k]) // CELL
            for plane in range(3):
                near, far = _range(clouds.wire[k, plane], clouds.sigma_wire[k], 0, counts[plane])
                for group in range(max(near - halo, 0) // GROUP,
                                   min(far + halo, counts[plane] - 1) // GROUP + 1):
                    number = page[groups[plane] + group, cell]
                    if number:
                        _widen(blocks[number - 1], near, far, group * GROUP, halo, counts[plane])
    for block in blocks:  # ends become numbers
        block[4] -= block[2]
        block[7] -= block[6]


@within
def _widen(block, low, high, first, halo, count):
    """Make a block of the group of wires from `first` on hold what these wires induce in it."""
    last = min(first + GROUP, count) - 1
    block[2] = min(block[2], max(low - halo, first))
    block[4] = max(block[4], min(high + halo, last) + 1)
    block[6] = min(block[6], max(low, first - halo))
    block[7] = max(block[7], min(high, last + halo) + 1)


@within
def _room(sigma):
    """Room for the shares of the widest cloud."""
    widest = 0.0
    for width in sigma:
        widest = max(widest, width)
    return np.empty(floor(2 * _REACH * widest) + 3, dtype=np.float32)


@apart
def _splat(clouds, counts, groups, halo, grid, blocks, source, length, canvas):
    """Add each cloud to the rows of its blocks, and of those beside them that feel it."""
    in_time, across = _room(clouds.sigma_tick), _room(clouds.sigma_wire)
    for event in range(len(grid)):
        page = grid[event]
        for k in range(clouds.offsets[event], clouds.offsets[event + 1]):
            if not _read(clouds.tick[k], page.shape[1]):
                continue
            tick, sigma = clouds.tick[k], clouds.sigma_tick[k]
            cell, t0, known = floor(tick) // CELL, floor(tick - _REACH * sigma), False
            times = in_time[:floor(tick + _REACH * sigma) - t0 + 1]
            for plane in range(3):
                place, broad = clouds.wire[k, plane], clouds.sigma_wire[k]
                low, high = _range(place, broad, halo, counts[plane])
                low, high = groups[plane] + low // GROUP, groups[plane] + high // GROUP + 1
                if not page[low:high, cell].any():  # most, if few blocks are looked at
                    continue
                if not known:
                    _shares(tick, sigma, t0, times)
                    known = True
                w0 = floor(place - _REACH * broad)
                shares = across[:floor(place + _REACH * broad) - w0 + 1]
                _shares(place, broad, w0, shares)
                for group in range(low, high):
                    b = page[group, cell] - 1
                    if b >= 0:
                        _add(blocks[b], source[b], length[b], np.float32(clouds.charge[k]), w0,
                             shares, t0, times, canvas)


@within
def _add(block, source, length, charge, w0, shares, t0, times, canvas):
    """Add a cloud to one block, as far as it lies there."""
    a, b = max(t0, block[3]), min(t0 + len(times), block[3] + block[5])
    for w in range(max(w0, block[6]), min(w0 + len(shares), block[6] + block[7])):
        row = source + (w - block[6]) * length - block[3]
        q = charge * shares[w - w0]
        out, part = canvas[row + a:row + b], times[a - t0:b - t0]
        for t in range(b - a):
            out[t] += q * part[t]


@apart
def _digitise(wave, goal, length, blocks, start, begin, alive, rms, pedestal, pool, seed, stream,
              events, top, ends, adc):
    """Add pedestal and noise, round, and keep within the bits; dead wires stay at the pedestal."""
    last = len(pool) - ends
    for b in range(len(blocks)):
        event, plane, wire, tick, width, ticks = blocks[b, :6]
        level = np.float32(pedestal[plane] + 0.5)
        for w in range(width):
            channel = begin[plane] + wire + w
            goes = start[b] + w * ticks
            if not alive[channel]:
                adc[goes:goes + ticks] = np.int16(pedestal[plane])
                continue
            at = noise._offset(seed, stream, np.uint64(events[event]), plane, wire + w) % last
            row, hiss = wave[goal[b] + w * length[b]:], pool[at + tick:]
            size, out = np.float32(rms[channel]), adc[goes:goes + ticks]
            for t in range(ticks):
                value = np.floor(level + row[t] + size * hiss[t])
                out[t] = np.int16(min(max(value, np.float32(0.0)), top))
