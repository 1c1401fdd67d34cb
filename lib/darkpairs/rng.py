"""Dice that remember nothing: the numbers of event i follow from (seed, stream, i) alone.

In: a seed, a stream, an event number. Out: uniform numbers, and lives. Chapter: none yet.

Threads, chunks and order then cannot matter: whoever makes event 4711 throws the same dice for it.
Each event starts at a hash of (seed, stream, i) and steps from there by SplitMix64 (Steele, Lea and
Flood, OOPSLA 2014, https://doi.org/10.1145/2660193.2660195, Fig. 16).

Laws: the reference sequence of SplitMix64; a chunk is a slice of the whole; uniform, and unrelated
from event to event, stream to stream and seed to seed; a life is an exponential one; whole numbers
follow Poisson's law, the others Gauss's.
"""

import hashlib
from math import cos, exp, floor, lgamma, log, pi, sqrt

import numpy as np

from darkpairs._jit import njit

_GAMMA = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ over the golden ratio, odd
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(bits) for bits in (30, 27, 31, 11))
_ROOT, _S52 = np.float64(0.5**0.5).view(np.int64), np.int64(52)  # 1/√2 as bits; where e begins
_LN2 = log(2)
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # 33 bits: k times it is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # the rest of log 2


def stream(sample, stage=""):
    """Return the number of a stream, from the names of a sample and of a stage of its making.

    Parameters
    ----------
    sample, stage : str
        Any words, such as ``"signal"`` and ``"decay"``.

    Returns
    -------
    int
        64 bits, the same on every machine.
    """
    words = f"{sample}\0{stage}".encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little")


def check_seed(seed):
    """Refuse what is not a whole number from 0 to 2⁶³ − 1."""
    if not 0 <= seed < 2**63 or seed % 1:
        raise ValueError(f"seed {seed}; wanted a whole number from 0 to 2⁶³ − 1")


def uniforms(seed, stream, n, draws, *, first=0):
    """Return uniform numbers in [0, 1) for a run of events.

    Parameters
    ----------
    seed : int
        From 0 to 2⁶³ − 1.
    stream : int
        From `stream`.
    n, draws : int
        How many events, and how many numbers for each; both > 0.
    first : int
        Number of the first event, ≥ 0.

    Returns
    -------
    ndarray (n, draws)
    """
    check_seed(seed)
    if n <= 0 or draws <= 0 or first < 0:
        raise ValueError(f"n = {n}, draws = {draws}, first = {first}; wanted n, draws > 0 and "
                         "first ≥ 0")
    return _uniforms(np.uint64(seed), np.uint64(stream), np.uint64(first), n, draws)


@njit
def _mix(z):
    """Scramble 64 bits so that every input bit touches every output bit."""
    z = (z ^ (z >> _S30)) * _A
    z = (z ^ (z >> _S27)) * _B
    return z ^ (z >> _S31)


@njit
def _start(seed, stream, event):
    """State at which the dice of one event begin; all three are uint64."""
    return _mix(_mix(_mix(seed + _GAMMA) ^ stream) + event * _GAMMA)


@njit
def _next(state):
    """Step the state and return it with a uniform number in [0, 1) of 53 bits."""
    state = state + _GAMMA
    return state, (_mix(state) >> _S11) * 2.0**-53


@njit
def _life(u):
    """−log(1 − u) without a branch: a random life, in units of the mean life.

    1 − u is 2^e times m, and log m = 2 artanh((m − 1)/(m + 1)) is a short series. What 1 − u has
    lost by rounding comes back with the last factor (Kahan's log1p, see Goldberg, ACM Comput. Surv.
    23, 5, theorem 4).
    """
    left = 1 - u
    bits = np.float64(left).view(np.int64)
    e = (bits - _ROOT) >> _S52
    m = np.int64(bits - (e << _S52)).view(np.float64)  # from 1/√2 to √2
    f = (m - 1) / (m + 1)
    g = f * f
    series = 1 + g * (1 / 3 + g * (1 / 5 + g * (1 / 7 + g * (1 / 9 + g * (1 / 11 + g * (
        1 / 13 + g * (1 / 15 + g * (1 / 17 + g * (1 / 19)))))))))
    return -(e * _LN2 + 2 * f * series) * u / (1 - left) if left < 1.0 else u


@njit
def _died(x):
    """1 − e^(−x) for 0 ≤ x ≤ 40 without a branch: who dies within x mean lives; undoes `_life`.

    x is k log 2 and a rest below ½ log 2, and what the rest does is a short series.
    """
    k = np.floor(x / _LN2 + 0.5)
    rest = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = 0.0
    for n in range(14, 0, -1):
        series = rest / n * (1 - series)
    half_k = np.int64((np.int64(1023) - np.int64(k)) << _S52).view(np.float64)  # 2^(−k)
    return 1 - half_k + half_k * series


@njit
def _normal(state):
    """Step the state and return it with a number of mean 0 and variance 1 (Box and Muller 1958)."""
    state, u = _next(state)
    state, v = _next(state)
    return state, sqrt(-2 * log(1 - u)) * cos(2 * pi * v)


@njit
def _poisson(state, mean):
    """Step the state and return it with a count of this mean, as a float."""
    if mean >= 10:
        return _poisson_large(state, mean)
    state, u = _next(state)  # count up through the cumulative distribution
    count, chance = 0.0, exp(-mean)
    while u >= chance and chance > 0:
        u -= chance
        count += 1.0
        chance *= mean / count
    return state, count


@njit
def _poisson_large(state, mean):
    """Return a Poisson count of a mean ≥ 10: PTRS of Hörmann, Insur. Math. Econ. 12 (1993) 39."""
    b = 0.931 + 2.53 * sqrt(mean)
    a = -0.059 + 0.02483 * b
    alpha, inner = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    while True:
        state, u = _next(state)
        state, v = _next(state)
        u -= 0.5
        near = 0.5 - abs(u)
        if near <= 0:
            continue
        count = floor((2 * a / near + b) * u + mean + 0.43)
        if near >= 0.07 and v <= inner:
            return state, count
        if count < 0 or v <= 0 or (near < 0.013 and v > near):
            continue
        if log(v * alpha / (a / (near * near) + b)) <= (
                count * log(mean) - mean - lgamma(count + 1)):
            return state, count


@njit
def _uniforms(seed, stream, first, n, draws):
    values = np.empty((n, draws))
    for i in range(n):
        state = _start(seed, stream, first + np.uint64(i))
        for k in range(draws):
            state, values[i, k] = _next(state)
    return values
