"""Blocks of wires and ticks through a filter that reaches over neighbouring wires.

In: blocks of numbers, with their neighbours. Out: the same blocks, filtered. Chapter: readout.

Along the ticks a filter is a product of Fourier coefficients; across the wires it is a short sum:
out_w(f) = Σ_d K_d(f) in_{w−d}(f). Blocks of equal length go through one transform together.
Each such group has a multiple of 16 rows, so that no row's arithmetic depends on its neighbours.

Laws: the slow double sum over wires and ticks; a filter of one 1 changes nothing; a block does not
depend on the blocks beside it.
"""

from typing import NamedTuple

import numpy as np
from scipy import fft

from darkpairs._jit import apart

_VECTOR = 16  # rows that a processor may take at once, at most


class Plan(NamedTuple):
    """Where each block lies in the canvas that comes in and in the one that goes out.

    What comes in may have other wires than what goes out: neighbours more, or empty ones less.
    """

    source: np.ndarray  # (b,) first sample of each block, coming in
    goal: np.ndarray  # (b,) first sample of each block, going out
    length: np.ndarray  # (b,) samples of each of its rows
    shape: np.ndarray  # (b, 3) rows in, wire of the first one counted from the block's, rows out
    sizes: tuple  # samples in all, in and out
    groups: tuple  # of (length, blocks, first and last sample in, first and last sample out)


def length(ticks):
    """Return lengths ≥ `ticks` (array of int) that a Fourier transform is fast for."""
    sizes = np.unique(ticks)
    fast = np.array([8 * fft.next_fast_len(-(-int(size) // 8), real=True) for size in sizes],
                    dtype=np.int64)
    return fast[np.searchsorted(sizes, ticks)]


def plan(wires, first, sources, length):
    """Return how blocks lie in a canvas.

    Parameters
    ----------
    wires : ndarray (b,) of int
        Rows of each block that go out.
    first, sources : ndarray (b,) of int
        Where the rows that come in begin, counted in wires from the block's own first one, and
        how many they are.
    length : ndarray (b,) of int
        Length of the rows, from `length`.
    """
    source, goal = np.zeros(len(wires), dtype=np.int64), np.zeros(len(wires), dtype=np.int64)
    groups, begin_in, begin_out = [], 0, 0
    for n in np.unique(length):
        blocks = np.flatnonzero(length == n)
        first_in = np.concatenate([[0], np.cumsum(sources[blocks])])
        first_out = np.concatenate([[0], np.cumsum(wires[blocks])])
        source[blocks] = begin_in + n * first_in[:-1]
        goal[blocks] = begin_out + n * first_out[:-1]
        end_in, end_out = (begin + n * (-(-rows // _VECTOR) * _VECTOR) for begin, rows in
                           ((begin_in, first_in[-1]), (begin_out, first_out[-1])))
        groups.append((int(n), blocks, begin_in, end_in, begin_out, end_out))
        begin_in, begin_out = end_in, end_out
    shape = np.column_stack([sources, first, wires]).astype(np.int64)
    return Plan(source, goal, length, shape, (begin_in, begin_out), tuple(groups))


def run(plan, canvas, plane, kernel, *, also=None, where=None):
    """Return the filtered blocks.

    Parameters
    ----------
    plan : Plan
        From `plan`.
    canvas : ndarray of float32
        What comes in.
    plane : ndarray (b,) of int
        Plane of each block.
    kernel : callable
        Takes a length n and returns ndarray (3, 2 reach + 1, n//2 + 1) of complex64.
    also : callable, optional
        Takes n and returns ndarray (n//2 + 1) of float32: a second filter along the ticks, after
        the first one.
    where : ndarray (b,) of bool, optional
        Blocks that want the second filter.

    Returns
    -------
    first : ndarray of float32
        The canvas that goes out.
    second : ndarray of float32
        The same after the second filter; None without one.
    """
    first, second = np.empty(plan.sizes[1], np.float32), None
    if also is not None:
        second = np.empty_like(first)
    for n, blocks, begin_in, end_in, begin, end in plan.groups:
        spectra = fft.rfft(canvas[begin_in:end_in].reshape(-1, n), axis=1)
        mixed = np.zeros(((end - begin) // n, n // 2 + 1), dtype=np.complex64)
        _mix(spectra, kernel(n), plane[blocks], plan.shape[blocks], mixed)
        rows = first[begin:end].reshape(-1, n)
        rows[:] = fft.irfft(mixed, n, axis=1)
        if also is not None:
            chosen = np.flatnonzero(np.repeat(where[blocks], plan.shape[blocks, 2]))
            again = np.zeros((-(-len(chosen) // _VECTOR) * _VECTOR, n // 2 + 1), np.complex64)
            again[:len(chosen)] = mixed[chosen] * also(n)
            second[begin:end] = first[begin:end]
            second[begin:end].reshape(-1, n)[chosen] = fft.irfft(again, n, axis=1)[:len(chosen)]
    return first, second


@apart
def _mix(spectra, kernel, plane, shape, mixed):
    """Sum over neighbours; high frequencies of which the kernel wants nothing stay 0."""
    row_in, row_out = 0, 0
    reach = kernel.shape[1] // 2
    for block in range(len(plane)):
        use = kernel[plane[block]]
        bins = kernel.shape[2]
        while bins > 0 and use[reach, bins - 1] == 0:
            bins -= 1
        sources, first, wires = shape[block]
        for wire in range(wires):
            out = mixed[row_out + wire]
            for source in range(max(wire - first - reach, 0),
                                min(wire - first + reach + 1, sources)):
                k, comes = use[wire - first - source + reach], spectra[row_in + source]
                for f in range(bins):
                    out[f] += k[f] * comes[f]
        row_in += sources
        row_out += wires
