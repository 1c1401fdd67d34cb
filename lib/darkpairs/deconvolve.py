"""From the digitiser's counts back to charge: divide by the response, find regions, sum.

In: `Waveforms`. Out: `Charge`. Chapter: readout.

Counts are charge times response, so charge is counts over response, where the response is not
small. A filter decides where that is: noise is not to be blown up. Induced signals of U and V have
no net area: their lowest frequencies are noise alone. A *tight* filter drops them and finds where
charge is; the charge there comes from the *loose* one, above a straight line between the ends.
What they let pass is so slow that every second tick tells it: rows are thinned before.

Laws: charge in is charge out; the filter leaves a steady charge alone; the noise that is left is
the one foreseen; owners' fractions sum to one; no owner changes what is found.
"""

from functools import lru_cache
from math import inf
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import convolve, noise, response, runs, wires
from darkpairs._jit import apart, njit, within
from darkpairs.detector import MICROBOONE, checked
from darkpairs.owners import owners
from darkpairs.traces import Charge

_PAGE = 4  # events that are transformed together
_ROUNDED = 0.3  # ADC, about 1/√12: what rounding does to the counts of a wire without noise
_ANGLES = 64  # waves across the wires, from which a filter's neighbours are made


class Filters(NamedTuple):
    """How charge is won back from counts."""

    time: Given[float, "MHz", "Gaussian in frequency, as Wire-Cell's for MicroBooNE"] = 0.111
    across_induction: Given[float, "1/wire", "Gaussian across wires, U and V; our choice"] = 0.42
    across_collection: Given[float, "1/wire", "the same for Y: hardly any"] = 5.0
    ridge: Given[float, "", "added to |R|² in parts of its largest; our choice"] = 1e-4
    tight: Given[float, "MHz", "frequencies well below go, U and V; our choice"] = 0.012
    reach: Given[float, "wires", "neighbours a filter takes in; our choice"] = 5.0
    shortest: Given[float, "ticks", "of a row of U or V: their inverse is long; ours"] = 128.0
    threshold: Given[float, "σ", "of the noise left by the tight filter; our choice"] = 4.0
    go_on: Given[float, "σ", "of the noise left by the loose one; our choice"] = 3.0
    pad: Given[float, "ticks", "added on both sides of what is above; our choice"] = 6.0
    join: Given[float, "ticks", "gaps up to this are closed; our choice"] = 10.0
    base: Given[float, "ticks", "beyond each end, for the straight line; our choice"] = 10.0


FILTERS = Filters()
_COUNTED = ("reach", "shortest", "pad", "join", "base")


def charge(waveforms, detector=MICROBOONE, *, filters=FILTERS):
    """Return the charge that waveforms tell of.

    Parameters
    ----------
    waveforms : Waveforms
        Blocks of counts.
    detector : Detector
        The chamber that is believed to have made them; refused with a ValueError if it has fewer
        wires or ticks than they.
    filters : Filters
        How to look; all > 0, but numbers of wires and ticks whole and ≥ 0, or it is refused.

    Returns
    -------
    Charge
    """
    detector = _checked(waveforms, detector, filters)
    pages = [_page(waveforms, first, min(first + _PAGE, len(waveforms)), detector, filters)
             for first in range(0, len(waveforms), _PAGE)]
    return _bind(waveforms, pages)


def _checked(waveforms, detector, filters):
    """Return a chamber that makes sense and could have made these waveforms, for such filters."""
    detector = checked(detector)
    for name, value in filters._asdict().items():
        if name in _COUNTED and not (0 <= value < inf and value % 1 == 0):
            raise ValueError(f"{name} = {value}; wanted a whole number ≥ 0")
        if name not in _COUNTED and not 0 < value < inf:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number > 0")
    if 2 * filters.reach >= _ANGLES:
        raise ValueError(f"reach = {filters.reach}; wanted less than {_ANGLES // 2} wires: "
                         "neighbours are made from as many waves")
    counts = np.array(wires.counts(detector))
    wire, tick = waveforms.wire + waveforms.wires, waveforms.tick + waveforms.ticks
    beyond = (wire > counts[waveforms.plane]) | (tick > detector.ticks)
    if beyond.any():
        b = np.argmax(beyond)
        raise ValueError(f"a block of plane {waveforms.plane[b]} up to wire {wire[b]} and tick "
                         f"{tick[b]}; wanted blocks within {counts.tolist()} wires and "
                         f"{detector.ticks:g} ticks: another chamber made these")
    return detector


def images(waveforms, detector=MICROBOONE, *, filters=FILTERS, tight=False):
    """Return the filtered blocks, for a look: a list of ndarray (wires, ticks) [electrons]."""
    detector = _checked(waveforms, detector, filters)
    table, plan, rows = _filtered(waveforms, 0, len(waveforms), detector, filters)
    step, begin = _step(detector, filters), plan.again if tight else plan.goal
    return [runs.ticks(rows[first:first + width * n].reshape(width, n), step)[:, :ticks]
            for first, n, width, ticks in zip(begin, plan.length, table[:, 4], table[:, 5],
                                              strict=True)]


@lru_cache(maxsize=256)
def inverse(detector, filters, n):
    """Return the loose filter for rows of n ticks, ndarray (3, 2 reach + 1, n//2 + 1) of complex64.

    For waves of wave number k across the wires and of frequency f, with the response R(k, f), it
    makes ``Σ_k |G R − W(k) T(f)|² + λ Σ_d |G_d|²`` smallest, with G(k) = Σ_d G_d exp(−2πikd) over
    the few neighbours: Wiener's inverse, with a constant λ, that knows how far it may reach.
    """
    forward = response.sampled(detector, n)
    halo, reach = forward.shape[1] // 2, int(filters.reach)
    k = np.fft.fftfreq(_ANGLES)
    r = np.einsum("kd,pdf->fpk", _waves(k, halo), forward)
    f = np.fft.rfftfreq(n, detector.tick)  # MHz
    width = np.array([filters.across_induction] * 2 + [filters.across_collection])
    wanted = np.exp(-0.5 * (k / width[:, None]) ** 2) * np.exp(
        -0.5 * (f / filters.time) ** 2)[:, None, None]
    waves = _waves(k, reach)
    system = np.einsum("kd,fpk,ke->fpde", waves.conj(), np.abs(r) ** 2, waves) / _ANGLES
    ridge = filters.ridge * (np.abs(r) ** 2).max(axis=(0, 2))
    system += ridge[:, None, None] * np.eye(2 * reach + 1)
    goal = np.einsum("kd,fpk->fpd", waves.conj(), r.conj() * wanted) / _ANGLES
    kernel = np.linalg.solve(system, goal[..., None])[..., 0]
    kernel[f > 4 * filters.time] = 0
    kernel = np.ascontiguousarray(kernel.transpose(1, 2, 0), dtype=np.complex64)
    kernel.flags.writeable = False
    return kernel


def _waves(k, reach):
    """Return exp(−2πikd) for neighbours d from −reach to reach, ndarray (len(k), 2 reach + 1)."""
    return np.exp(-2j * np.pi * np.outer(k, np.arange(-reach, reach + 1)))


@lru_cache(maxsize=256)
def tightening(detector, filters, n):
    """Return what makes the tight filter of the loose one, ndarray (n//2 + 1) of float32."""
    f = np.fft.rfftfreq(n, detector.tick)
    return (1 - np.exp(-((f / filters.tight) ** 2))).astype(np.float32)


def _step(detector, filters):
    """Return 2 if every second tick tells all that the loose filter lets pass, else 1."""
    return 2 if 4 * filters.time <= 1 / (4 * detector.tick) else 1


@lru_cache(maxsize=256)
def _thinned(detector, filters, n):
    """Return `inverse` for rows of n samples, made by `_thin` of `_step` ticks each.

    Four ticks with weights 1, 3, 3, 1 are cos³ πf of a wave of f per tick, in their middle.
    """
    step = _step(detector, filters)
    f = np.arange(n // 2 + 1) / (step * n)  # 1/tick
    thin = np.exp(1j * np.pi * f) * np.cos(np.pi * f) ** 3 if step == 2 else 1.0
    return (inverse(detector, filters, step * n)[..., :n // 2 + 1] / thin).astype(np.complex64)


@lru_cache(maxsize=512)
def remaining_noise(detector, filters, n, tight=False):
    """Return the noise of one tick after the filter, for a wire of 1 ADC, ndarray (3,) [e⁻]."""
    power = (np.abs(inverse(detector, filters, n)) ** 2).sum(axis=1)  # wires are unrelated
    if tight:
        power[:2] *= tightening(detector, filters, n) ** 2
    twice = np.full(n // 2 + 1, 2.0)  # waves of negative frequency
    twice[[0, -1]] = 1.0
    return np.sqrt((power * twice * noise.spectrum(detector, n)).sum(axis=1)) / n


@lru_cache(maxsize=8)
def _rows(detector):
    """Return where the wires of each plane begin, and the noise of all [ADC]; dead ones have ∞."""
    dead = wires.dead(detector)
    rms = [np.maximum(noise.rms(detector, wires.lengths(detector, p)), _ROUNDED)
           for p in range(3)]
    alive = [np.where(dead[p], np.inf, rms[p]) for p in range(3)]
    return np.concatenate([[0], np.cumsum(wires.counts(detector))]), np.concatenate(alive)


def _filtered(waveforms, first, last, detector, filters):
    """Return columns event, plane … ticks of blocks, their plan, and the filtered canvas."""
    blocks = slice(int(waveforms.offsets[first]), int(waveforms.offsets[last]))
    event = np.repeat(np.arange(last - first), np.diff(waveforms.offsets[first:last + 1]))
    table = np.column_stack([event] + [getattr(waveforms, name)[blocks] for name in (
        "plane", "wire", "tick", "wires", "ticks")]).astype(np.int64)
    sources = _sources(table, int(filters.reach))
    induction = table[:, 1] < 2
    length = convolve.length(np.where(induction, np.maximum(table[:, 5], int(filters.shortest)),
                                      table[:, 5]))
    step = _step(detector, filters)
    plan = convolve.plan(table[:, 4], sources[:, 0] - table[:, 2], sources[:, 1], length // step,
                         induction)
    pedestal = np.array([detector.pedestal_induction] * 2 + [detector.pedestal_collection],
                        dtype=np.float32)
    canvas = np.zeros(plan.sizes[0], dtype=np.float32)
    sheet = np.empty((sources[:, 1] * length).max(initial=0), dtype=np.float32)
    _gather(table, sources, waveforms.start[blocks], waveforms.adc, pedestal, plan.source, length,
            step, sheet, canvas)
    _bridge(table, sources, plan.source, plan.length, *_rows(detector), canvas)
    return table, plan, convolve.run(
        plan, canvas, table[:, 1], lambda n: _thinned(detector, filters, n),
        lambda n: tightening(detector, filters, step * n)[:n // 2 + 1])


def _page(waveforms, first, last, detector, filters):
    """Find the regions of a few events; return them with their samples and owners."""
    table, plan, rows = _filtered(waveforms, first, last, detector, filters)
    begin, alive = _rows(detector)
    step = _step(detector, filters)
    sizes, which = np.unique(plan.length, return_inverse=True)
    left = np.array([[remaining_noise(detector, filters, step * n, sort) for n in sizes.tolist()]
                     for sort in (False, True)]).reshape(2, -1, 3)[:, which, table[:, 1]]
    wire = np.concatenate([[0], np.cumsum(table[:, 4])])
    wire = np.arange(wire[-1]) + np.repeat(begin[table[:, 1]] + table[:, 2] - wire[:-1],
                                           table[:, 4])
    levels = np.repeat(left, table[:, 4], axis=1) * alive[wire]
    levels *= [[filters.go_on], [filters.threshold]]
    regions = runs.find(table, (plan.goal, plan.again), plan.length, step, rows, tuple(levels),
                        (int(filters.pad), int(filters.join), int(filters.base)))
    start, electrons = runs.take(table, plan.goal, plan.length, step, rows, regions,
                                 int(filters.base))
    error = left[0, regions[:, 5]] * alive[begin[regions[:, 1]] + regions[:, 2]]
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
def _sources(table, reach):
    """Return the first wire, and how many, that a block and its neighbours have samples of."""
    sources, same = np.empty((len(table), 2), dtype=np.int64), 0
    for b in range(len(table)):
        low, high = table[b, 2], table[b, 2] + table[b, 4]
        same = b if _apart(table[b], table[same]) else same
        for c in range(same, len(table)):
            if _apart(table[b], table[c]):
                break
            if _meet(table[b], table[c], reach):
                low = min(low, max(table[c, 2], table[b, 2] - reach))
                high = max(high, min(table[c, 2] + table[c, 4],
                                     table[b, 2] + table[b, 4] + reach))
        sources[b, 0], sources[b, 1] = low, high - low
    return sources


@njit
def _apart(one, other):
    """Tell whether blocks are of two events or two planes; blocks come sorted by both."""
    return one[0] != other[0] or one[1] != other[1]


@within
def _meet(one, other, reach):
    """Tell whether two blocks share ticks on wires not farther apart than `reach`."""
    return (other[2] < one[2] + one[4] + reach and one[2] - reach < other[2] + other[4]
            and other[3] < one[3] + one[5] and one[3] < other[3] + other[5])


@apart
def _gather(table, sources, start, adc, pedestal, goal, length, step, sheet, canvas):
    """Lay out each block with its neighbours' samples on both sides, where there are any.

    The sheet is to write on: room for the ticks of any block and its neighbours.
    """
    same = 0
    for b in range(len(table)):
        first, last, n = sources[b, 0], sources[b, 0] + sources[b, 1], length[b]
        for t in range((last - first) * n):
            sheet[t] = 0.0
        same = b if _apart(table[b], table[same]) else same
        for c in range(same, len(table)):
            if _apart(table[b], table[c]):
                break
            if not _meet(table[b], table[c], last - first):
                continue
            a, level = max(table[b, 3], table[c, 3]), pedestal[table[b, 1]]
            ticks = min(table[b, 3] + table[b, 5], table[c, 3] + table[c, 5]) - a
            for w in range(max(first, table[c, 2]), min(last, table[c, 2] + table[c, 4])):
                goes = (w - first) * n + a - table[b, 3]
                comes = start[c] + (w - table[c, 2]) * table[c, 5] + a - table[c, 3]
                row, samples = sheet[goes:goes + ticks], adc[comes:comes + ticks]
                for t in range(ticks):
                    row[t] = np.float32(samples[t]) - level
        for w in range(last - first):
            row = goal[b] + w * (n // step)
            _thin(sheet[w * n:(w + 1) * n], step, canvas[row:row + n // step])


@within
def _thin(row, step, thin):
    """Take a row as it is, or its mean around the middle of every second tick and the next one."""
    if step == 1:
        for t in range(len(row)):
            thin[t] = row[t]
        return
    inner, outer, n = np.float32(0.375), np.float32(0.125), len(row)
    for i in range(1, n // 2 - 1):
        thin[i] = (inner * (row[2 * i] + row[2 * i + 1])
                   + outer * (row[2 * i - 1] + row[2 * i + 2]))
    thin[0] = inner * (row[0] + row[1]) + outer * (row[n - 1] + row[2])
    thin[n // 2 - 1] = inner * (row[n - 2] + row[n - 1]) + outer * (row[n - 3] + row[0])


@apart
def _bridge(table, sources, goal, length, begin, alive, canvas):
    """Give dead wires what lies between their living neighbours: silence would look like charge.

    A wire without neighbours on one side gets what the nearest one on the other side has.
    """
    for b in range(len(table)):
        first, count, n = sources[b, 0], sources[b, 1], length[b]
        live = alive[begin[table[b, 1]] + first:begin[table[b, 1]] + first + count] < np.inf
        rows = canvas[goal[b]:goal[b] + count * n]
        for w in range(count):
            low, high = w, w
            while low >= 0 and not live[low]:
                low -= 1
            while high < count and not live[high]:
                high += 1
            if live[w] or (low < 0 and high == count):
                continue
            low, high = (high, high) if low < 0 else (low, low if high == count else high)
            part = np.float32((w - low) / (high - low) if high > low else 0.0)
            for t in range(n):
                rows[w * n + t] = (1 - part) * rows[low * n + t] + part * rows[high * n + t]
