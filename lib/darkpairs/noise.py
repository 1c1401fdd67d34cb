"""What a wire says when nothing has happened: noise of the right size and colour.

In: a `Detector`, the length of a wire. Out: the size of its noise, a spectrum, a pool of samples.
Chapter: readout.

The longer a wire, the larger its capacitance and the louder it is. What the first transistor adds
is shaped by the same electronics as the signal. A million samples are made once, as one sum of
waves with random sizes and phases; each wire of an event reads a run of them from a place of its
own, scaled to its size, round the end to the beginning.

Laws: the size follows the length of the wire; the pool is Gaussian, stationary, of mean 0 and
variance 1, and has the spectrum; places are even.
"""

from functools import lru_cache
from math import pi, sqrt

import numpy as np

from darkpairs import rng
from darkpairs._jit import njit
from darkpairs.detector import Detector
from darkpairs.rng import _mix, _normal, _start

SAMPLES = 2**20  # of the pool; 0.52 s of a wire
_LAST = np.uint64(SAMPLES - 1)
_PLANE, _ONE = np.uint64(2**32), np.uint64(1)


def rms(detector, length):
    """Return the size of the noise, its root mean square [ADC].

    √(x² + (y + z length)²), JINST 12 P08003 (arXiv 1705.07341), Eq. 3.6.

    Parameters
    ----------
    detector : Detector
        The chamber.
    length : ndarray (...)
        Lengths of wires [cm], as from `wires.lengths`.

    Returns
    -------
    ndarray (...)
    """
    metres = np.asarray(length, dtype=np.float64) / 100
    if not (metres >= 0).all():  # refuses NaN too
        raise ValueError(f"wires of {metres.min() * 100:g} cm and more; wanted lengths ≥ 0")
    return np.hypot(detector.noise_flat, detector.noise_start + detector.noise_slope * metres)


def spectrum(detector, n):
    """Return the mean power of the noise at n ticks, for a root mean square of 1.

    White and flicker noise of the first transistor, of the same power where ωτ = 1, both seen
    through the shaper: (x + x²)/(1 + x²)ⁿ⁺¹ with x = ωτ and τ = t_p/n (Radeka, Annu. Rev. Nucl.
    Part. Sci. 38 (1988) 217). That they are equal there is our choice: the peak is at 120 kHz.

    Parameters
    ----------
    detector : Detector
        The chamber.
    n : int
        Number of ticks, at least 2.

    Returns
    -------
    ndarray (n // 2 + 1)
        Mean of ``abs(numpy.fft.rfft(samples))**2``. Over all n waves, those of negative
        frequency included, its sum is n².
    """
    if n < 2:
        raise ValueError(f"n = {n}; wanted at least 2 ticks")
    omega = 2 * pi * np.fft.rfftfreq(n, detector.tick)  # 1/µs
    x = omega * detector.shaping / detector.order
    power = x * (1 + x) / (1 + x * x) ** (detector.order + 1)
    twice = np.full(len(power), 2.0)  # waves of negative frequency
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    return power * (n * n / (twice @ power))


def pool(detector):
    """Return 2²⁰ samples of noise with a root mean square of 1, ndarray (2²⁰,) of float32.

    They are the same in every call and for every seed; the end fits to the beginning.
    """
    return _pool(Detector(tick=detector.tick, shaping=detector.shaping, order=detector.order))


@lru_cache(maxsize=2)
def _pool(detector):
    """Make the pool from one Fourier transform."""
    waves = _waves(np.sqrt(spectrum(detector, SAMPLES)), np.uint64(rng.stream("noise", "pool")))
    samples = np.fft.irfft(waves, SAMPLES)
    samples = (samples / np.sqrt(np.mean(samples**2))).astype(np.float32)
    samples.flags.writeable = False
    return samples


@njit
def _waves(sizes, stream):
    """Random waves of these mean sizes; the first and the last are real."""
    waves = np.empty(len(sizes), np.complex128)
    for k in range(len(sizes)):
        state = _start(np.uint64(0), stream, np.uint64(k))
        state, real = _normal(state)
        state, imaginary = _normal(state)
        if k == 0 or k == len(sizes) - 1:
            waves[k] = sizes[k] * real
        else:
            waves[k] = sizes[k] * sqrt(0.5) * complex(real, imaginary)
    return waves


@njit
def _offset(seed, stream, event, plane, wire):
    """Return where in the pool the noise of a wire begins; seed, stream, event as for `rng`."""
    state = _start(seed, stream, event)
    channel = np.uint64(plane) * _PLANE + np.uint64(wire) + _ONE
    return np.int64(_mix(state ^ _mix(channel)) & _LAST)
