"""Slots: many events side by side, so that the processor can take eight of them at a time.

In: how many events. Out: a scratch array of named rows, and dice for each slot. Chapter: signal.

A kernel that makes one event after the other waits: each number needs the one before. So we make a
block of events together, in short *passes*. A pass is a loop over the slots that does one step for
all of them, say the flight; what it finds it leaves in the rows of one flat array: what ROW says of
slot j stands in `w[ROW + j]`. There is no branch in such a loop, and no slot looks at another. So
the compiler makes code from it that does eight slots at once. (It must know that the rows do not
overlap; so it is told that there are not more than BLOCK slots, by `range(min(n, BLOCK))`. And it
cannot do so where a number is looked up in a table at a place that was thrown; such loops stay
apart from those that calculate.)

Nobody repeats a step alone. A throw that is lost, anywhere, only clears the flag `KEPT` of its
slot, and goes on with the others. At the end those that are kept are written, and their slots take
the next events; in the other slots the *whole* event is thrown again, from where its dice stand.
The law is the same: what is kept is what a loop over single events would keep.

Laws: rows do not overlap; event i has its own dice in any slot.
"""

import numpy as np

from darkpairs._jit import njit
from darkpairs.rng import _start

BLOCK = 120  # slots: the rows fit into the nearest cache

# Where the rows begin; np.int64, as numba compiles a function anew for each plain int it is given.
# Rows of one number:
(KEPT,     # 1, or 0 if the throw is lost
 PROCESS,  # by which ν_h is made
 SINGLE,   # 1 if that is on a single proton
 TARGET,   # mass of the target [MeV]
 SCALE,    # a² of the process [MeV²], see `rates`
 ENERGY,   # of the neutrino [MeV]
 X,        # from 0 at the smallest Q² to 1 at the largest
 HEIGHT,   # of the throw: between 0 and the ceiling of its cell
 REACH,    # chance to decay on the longest way inside
 SQUARE,   # squared mass of the pair [MeV²]
 ) = (np.int64(BLOCK * k) for k in range(10))
# Rows of three: Q² and its limits [MeV²]; the spin of ν_h in its rest frame.
Q2, SPIN = (np.int64(BLOCK * k) for k in (10, 13))
# Rows of four: places (time [µs], x, y, z [cm]) where ν_h begins, where it ends, where the Z′ ends;
BEGIN, MIDDLE, END = (np.int64(BLOCK * k) for k in (16, 20, 24))
# and four-momenta (E, px, py, pz) [MeV] of ν_h, Z′, e⁻, e⁺ and ν_h'.
P_HEAVY, P_PAIR, P_MINUS, P_PLUS, P_LIGHT = (np.int64(BLOCK * k) for k in (28, 32, 36, 40, 44))
ROWS = 48


@njit
def _open(n, first, run):
    """Return the scratch array, the numbers of the first n events and their dice.

    `run` is (seed, stream, number of event 0), all uint64.
    """
    dice, number = np.empty(n, np.uint64), np.empty(n, np.int64)
    for j in range(n):
        _take(j, first + j, dice, number, run)
    return np.empty(ROWS * BLOCK), dice, number


@njit
def _take(j, i, dice, number, run):
    """Give event i to slot j."""
    number[j] = i
    dice[j] = _start(run[0], run[1], run[2] + np.uint64(i))


@njit
def _three(w, row, j):
    """What three rows say of slot j."""
    return w[row + j], w[row + BLOCK + j], w[row + 2 * BLOCK + j]


@njit
def _four(w, row, j):
    """What four rows say of slot j."""
    return w[row + j], w[row + BLOCK + j], w[row + 2 * BLOCK + j], w[row + 3 * BLOCK + j]


@njit
def _put_three(w, row, j, x, y, z):
    """Write into three rows of slot j."""
    w[row + j] = x
    w[row + BLOCK + j] = y
    w[row + 2 * BLOCK + j] = z


@njit
def _put_four(w, row, j, e, x, y, z):
    """Write into four rows of slot j."""
    w[row + j] = e
    _put_three(w, row + BLOCK, j, x, y, z)
