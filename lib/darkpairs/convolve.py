"""Blocks of wires and ticks through a filter that reaches over neighbouring wires.

In: blocks of numbers, with their neighbours. Out: the same blocks, filtered. Chapter: readout.

Along the ticks a filter is a product of Fourier coefficients; across the wires it is a short sum:
out_w(f) = Σ_d K_d(f) in_{w−d}(f). Blocks of equal length go through one transform together; those
that are wanted twice, the second time through one more filter, come back in the same transform.
Each such group has a multiple of 16 rows, so that no row's arithmetic depends on its neighbours.

Laws: the slow double sum over wires and ticks; a filter of one 1 changes nothing; a block does not
depend on the blocks beside it.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import fft

from darkpairs._jit import apart

_NONE = np.zeros(0, dtype=np.float32)
_VECTOR = 16  # rows that a processor may take at once, at most


class Plan(NamedTuple):
    """Where each block lies in the canvas that comes in and in the one that goes out.

    What comes in may have other wires than what goes out: neighbours more, or empty ones less.
    """

    source: np.ndarray  # (b,) first sample of each block, coming in
    goal: np.ndarray  # (b,) first sample of each block, going out
    again: np.ndarray  # (b,) the same after the second filter; `goal` where there is none
    twice: np.ndarray  # (b,) where there is one
    length: np.ndarray  # (b,) samples of each of its rows
    shape: np.ndarray  # (b, 3) rows in, wire of the first one counted from the block's, rows out
    sizes: tuple  # samples in all, in and out
    groups: tuple  # of (length, blocks, first and last sample in, first and last sample out)


def length(ticks):
    """Return lengths ≥ `ticks` (array of int) that a Fourier transform is fast for."""
    sizes = np.unique(ticks)
    fast = np.array([_fast(int(size)) for size in sizes.tolist()], dtype=np.int64)
    return fast[np.searchsorted(sizes, ticks)]


@lru_cache(maxsize=4096)
def _fast(size):
    return 8 * fft.next_fast_len(-(-size // 8), real=True)


def plan(wires, first, sources, length, twice=None):
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
    twice : ndarray (b,) of bool, optional
        Blocks that also go out after a second filter.
    """
    twice = np.zeros(len(wires), dtype=np.bool_) if twice is None else twice
    order = np.argsort(length, kind="stable")
    sizes, begin = np.unique(length[order], return_index=True)
    end = np.append(begin[1:], len(order))[:len(sizes)]
    size, group = length[order], np.repeat(np.arange(len(sizes)), end - begin)
    (before, rows_in), (once, rows_out), (more, rows_again) = (
        _count(rows[order], begin, end, group) for rows in (sources, wires, wires * twice))
    to_in, to_out = (np.concatenate([[0], np.cumsum(sizes * -(-rows // _VECTOR) * _VECTOR)])
                     for rows in (rows_in, rows_out + rows_again))
    source, goal, again = np.empty((3, len(order)), dtype=np.int64)
    source[order] = to_in[group] + size * before
    goal[order] = to_out[group] + size * once
    again[order] = to_out[group] + size * (rows_out[group] + more)
    shape = np.column_stack([sources, first, wires]).astype(np.int64)
    parts = [order[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
    groups = zip(sizes.tolist(), parts, *(
        place.tolist() for place in (to_in[:-1], to_in[1:], to_out[:-1], to_out[1:])), strict=True)
    return Plan(source, goal, np.where(twice, again, goal), twice, length, shape,
                (int(to_in[-1]), int(to_out[-1])), tuple(groups))


def _count(rows, begin, end, group):
    """Return the rows before each block within its group, and the rows of each group."""
    sums = np.concatenate([[0], np.cumsum(rows)])
    return sums[:-1] - sums[begin][group], sums[end] - sums[begin]


def run(plan, canvas, plane, kernel, second=None):
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
    second : callable, optional
        Takes n and returns ndarray (n//2 + 1) of float32: the second filter, along the ticks.

    Returns
    -------
    ndarray of float32
        The canvas that goes out.
    """
    out = np.empty(plan.sizes[1], np.float32)
    for n, blocks, begin_in, end_in, begin, end in plan.groups:
        spectra = fft.rfft(canvas[begin_in:end_in].reshape(-1, n), axis=1)
        mixed = np.zeros(((end - begin) // n, n // 2 + 1), dtype=np.complex64)
        _mix(spectra, kernel(n), blocks, plane, plan.shape, plan.twice,
             _NONE if second is None else second(n), mixed)
        out[begin:end] = fft.irfft(mixed, n, axis=1).ravel()
    return out


@apart
def _mix(spectra, kernel, blocks, plane, shape, twice, second, mixed):
    """Sum over neighbours; high frequencies of which the kernel wants nothing stay 0."""
    row_in, row_out, row_again = 0, 0, 0
    for block in blocks:
        row_again += shape[block, 2]
    reach = kernel.shape[1] // 2
    for block in blocks:
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
            if twice[block]:
                more = mixed[row_again]
                for f in range(bins):
                    more[f] = second[f] * out[f]
                row_again += 1
        row_in += sources
        row_out += wires
