"""Blocks of wires and ticks through a filter that reaches over neighbouring wires.

In: blocks of numbers, each with a few wires more on both sides. Out: the same blocks, filtered.
Chapter: readout.

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

    Rows of a block are ``wires + 2 halo`` in the one and ``wires`` in the other, of ``length``
    samples each.
    """

    source: np.ndarray  # (b,) first sample of each block, coming in
    goal: np.ndarray  # (b,) first sample of each block, going out
    sizes: tuple  # samples in all, in and out
    groups: tuple  # of (length, blocks, first and last sample in, first and last sample out)


def length(ticks):
    """Return lengths ≥ `ticks` (array of int) that a Fourier transform is fast for."""
    sizes = np.unique(ticks)
    fast = np.array([32 * fft.next_fast_len(-(-int(size) // 32), real=True) for size in sizes],
                    dtype=np.int64)
    return fast[np.searchsorted(sizes, ticks)]


def plan(wires, length, halo):
    """Return how blocks of these numbers of wires and these lengths lie in a canvas."""
    source, goal = np.zeros(len(wires), dtype=np.int64), np.zeros(len(wires), dtype=np.int64)
    groups, begin_in, begin_out = [], 0, 0
    for n in np.unique(length):
        blocks = np.flatnonzero(length == n)
        first_in = np.concatenate([[0], np.cumsum(wires[blocks] + 2 * halo)])
        first_out = np.concatenate([[0], np.cumsum(wires[blocks])])
        source[blocks] = begin_in + n * first_in[:-1]
        goal[blocks] = begin_out + n * first_out[:-1]
        end_in, end_out = (begin + n * -(-rows // _VECTOR) * _VECTOR for begin, rows in
                           ((begin_in, first_in[-1]), (begin_out, first_out[-1])))
        groups.append((int(n), blocks, begin_in, end_in, begin_out, end_out))
        begin_in, begin_out = end_in, end_out
    return Plan(source, goal, (begin_in, begin_out), tuple(groups))


def run(plan, canvas, plane, wires, halo, kernels):
    """Return the filtered blocks.

    Parameters
    ----------
    plan : Plan
        From `plan`.
    canvas : ndarray of float32
        What comes in.
    plane, wires : ndarray (b,)
        Plane of each block, and its number of wires without the halo.
    halo : int
        How many neighbours on each side the filter needs.
    kernels : sequence of callables
        Each takes a length n and returns ndarray (3, 2 halo + 1, n//2 + 1) of complex64.

    Returns
    -------
    list of ndarray of float32
        One canvas for each kernel.
    """
    results = [np.empty(plan.sizes[1], dtype=np.float32) for _ in kernels]
    for n, blocks, first_in, last_in, first_out, last_out in plan.groups:
        spectra = fft.rfft(canvas[first_in:last_in].reshape(-1, n), axis=1)
        for result, kernel in zip(results, kernels, strict=True):
            mixed = np.zeros(((last_out - first_out) // n, n // 2 + 1), dtype=np.complex64)
            _mix(spectra, kernel(n), plane[blocks], wires[blocks], halo, mixed)
            result[first_out:last_out] = fft.irfft(mixed, n, axis=1).ravel()
    return results


@apart
def _mix(spectra, kernel, plane, wires, halo, mixed):
    """Sum over neighbours; high frequencies of which the kernel wants nothing stay 0."""
    row_in, row_out = 0, 0
    bins = kernel.shape[2]
    for block in range(len(plane)):
        use = kernel[plane[block]]
        while bins > 0 and use[halo, bins - 1] == 0:
            bins -= 1
        for wire in range(wires[block]):
            out = mixed[row_out + wire]
            for d in range(-halo, halo + 1):
                k, source = use[d + halo], spectra[row_in + wire + halo - d]
                for f in range(bins):
                    out[f] += k[f] * source[f]
        bins = kernel.shape[2]
        row_in += wires[block] + 2 * halo
        row_out += wires[block]
